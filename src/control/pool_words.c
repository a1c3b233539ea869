/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups of disks out of words. A word of redundancy begins a group that takes all disks up to the
 * next such word; disks before the first one stand alone. Names of disks are looked for where udev
 * puts them, by what stays the same when cables are changed first. Parks.
 */
#include "control/pool_words.h"

#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    enum pool_layout layout;
} layouts[] = {
    {"mirror", LAYOUT_MIRROR},
    {"raidz",  LAYOUT_RAIDZ1},
    {"raidz1", LAYOUT_RAIDZ1},
    {"raidz2", LAYOUT_RAIDZ2},
    {"raidz3", LAYOUT_RAIDZ3},
};
/* What OpenZFS knows too and we don't. */
static const char *const unknown[] = {"log", "cache", "special", "dedup"};

/* ---- disks ------------------------------------------------------------------------------- */

char *disk_resolve(const char *name, struct err *reterr)
{
    static const char *const folders[] = {"/dev/disk/by-id", "/dev/disk/by-vdev",
                                          "/dev/disk/by-path", "/dev/disk/by-label", "/dev"};
    char *path = NULL;
    if (name[0] == '/')
        return strdup(name);
    for (unsigned i = 0; i < ARRAY_LEN(folders); i++) {
        if (asprintf(&path, "%s/%s", folders[i], name) < 0)
            return NULL;
        if (file_is_there(path))
            return path;
        free(path);
    }
    err_set(reterr, -ENOENT,
            "there is no disk \"%.80s\" in /dev/disk/by-id or /dev: give its whole path", name);
    return NULL;
}

/* ---- words ------------------------------------------------------------------------------- */

static bool layout_of(const char *word, enum pool_layout *ret_layout)
{
    for (unsigned i = 0; i < ARRAY_LEN(layouts); i++)
        if (strcmp(layouts[i].word, word) == 0) {
            *ret_layout = layouts[i].layout;
            return true;
        }
    return false;
}

/* With a parity behind it, or, of draid, more: "draid2:4d:1s". Anything else is the name of a disk. */
static bool has_parity(const char *word, const char *kind, const char *ends)
{
    size_t len = strlen(kind);
    if (strncmp(word, kind, len) != 0)
        return false;
    word += len + strspn(word + len, "0123456789");
    return *word == 0 || strchr(ends, *word);
}

static int refuse(const char *word, struct err *reterr)
{
    bool is = has_parity(word, "draid", ":") || has_parity(word, "raidz", "");
    for (unsigned i = 0; i < ARRAY_LEN(unknown); i++)
        is |= strcmp(unknown[i], word) == 0;
    return is ? err_set(reterr, -EINVAL,
                        "\"%.40s\": pools have disks in mirror, raidz1, raidz2 and raidz3 "
                        "groups, and spares, nothing else",
                        word)
              : 0;
}

static int add_disk(struct pool_words *w, const char *word, bool alone, struct err *reterr)
{
    char *path = disk_resolve(word, reterr);
    if (!path)
        return reterr->code ? reterr->code : -ENOMEM;
    if (alone)
        w->groups[w->ngroups++] = (struct pool_group){.layout = LAYOUT_SINGLE};
    struct pool_group *g = &w->groups[w->ngroups - 1];
    if (g->n == 0)
        g->paths = (const char *const *)&w->paths[w->npaths];
    w->paths[w->npaths++] = path;
    g->n++;
    return 0;
}

static int add_spare(struct pool_words *w, const char *word, struct err *reterr)
{
    char *path = disk_resolve(word, reterr);
    if (!path)
        return reterr->code ? reterr->code : -ENOMEM;
    w->spares[w->nspares++] = path;
    return 0;
}

int pool_words_parse(const struct api_names *words, struct pool_words *ret, struct err *reterr)
{
    enum pool_layout layout;
    bool alone = true, spare = false;
    int rc = 0;
    *ret = (struct pool_words){.groups = calloc(words->n + 1, sizeof(*ret->groups)),
                               .paths = calloc(words->n + 1, sizeof(*ret->paths)),
                               .spares = calloc(words->n + 1, sizeof(*ret->spares))};
    if (!ret->groups || !ret->paths || !ret->spares)
        return err_set(reterr, -ENOMEM, "out of memory");
    for (unsigned i = 0; rc == 0 && i < words->n; i++) {
        const char *word = words->name[i];
        if (layout_of(word, &layout)) {
            ret->groups[ret->ngroups++] = (struct pool_group){.layout = layout};
            alone = spare = false;
        } else if (strcmp(word, "spare") == 0) {
            spare = true;
        } else if (spare) {
            rc = add_spare(ret, word, reterr);
        } else {
            rc = refuse(word, reterr);
            if (rc == 0)
                rc = add_disk(ret, word, alone, reterr);
        }
    }
    return rc;
}

void pool_words_drop(struct pool_words *w)
{
    names_free(w->paths);
    names_free(w->spares);
    free(w->groups);
    *w = (struct pool_words){.ngroups = 0};
}

/* ---- places ------------------------------------------------------------------------------ */

struct expanding {
    char **paths;
    size_t n;
};

static int push(struct expanding *e, char *path)
{
    char **more = path ? realloc(e->paths, (e->n + 2) * sizeof(*more)) : NULL;
    if (!more) {
        free(path);
        return -ENOMEM;
    }
    e->paths = more;
    more[e->n++] = path;
    more[e->n] = NULL;
    return 0;
}

/* A folder to look in that the process is kept out of holds nothing for it; that has to be said. */
static int may_look(const char *path, struct err *reterr)
{
    char **names = NULL;
    int rc = file_list(path, &names);
    names_free(names);
    return rc == -EACCES ? err_set(reterr, rc,
                                   "%s: %s (zsand looks for disks only in the folders that it "
                                   "was started with: "
                                   "--device-folder; there, give its user access)",
                                   path, strerror(-rc))
                         : 0;
}

char **disks_expand(const struct api_names *words, struct err *reterr)
{
    struct expanding e = {.n = 0};
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < words->n; i++) {
        char *path = disk_resolve(words->name[i], reterr);
        rc = path ? may_look(path, reterr) : -ENOENT;
        if (path)
            rc = push(&e, path) < 0 ? -ENOMEM : rc;
    }
    if (rc == 0 && e.n > 0)
        return e.paths;
    if (!reterr->code)
        err_set(reterr, -ENOMEM, "out of memory");
    names_free(e.paths);
    return NULL;
}
