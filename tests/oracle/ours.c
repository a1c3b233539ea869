/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ours: the pool engine, driven by the same verbs as orc. `ours DIR POOL VERB ARG... [/ VERB ARG...]...` does them one
 * after the other in one process on the pool POOL whose disks are the files in DIR. What is wrong ends the program with a
 * message and status 1.
 */
#include "base/util.h"
#include "orc/load.h"
#include "pool/pool_admin.h"
#include "run/fiber.h"
#include "run/file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_STEP   (1u << 20)
#define VOLUMES_MAX 16
#define LOG_FIRST   4
#define KEPT_MAX    64u

struct ours {
    char *dir, *name;
    int ac;
    char **av;
    struct run *run;
    struct pool *pool;
    int status;
    char *kept[KEPT_MAX];
    unsigned nkept;
};

__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "ours: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    exit(1);
}

static void ok(int r, const struct err *err, const char *what)
{
    if (r)
        die("%s: %s", what, err && err->code ? err->msg : strerror(-r));
}

static uint64_t size_of(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    switch (*end) {
    case 'K':
        return n << 10;
    case 'M':
        return n << 20;
    case 'G':
        return n << 30;
    default:
        return n;
    }
}

static const char *option(int ac, char **av, const char *key)
{
    size_t len = strlen(key);
    for (int i = 0; i < ac; i++)
        if (strncmp(av[i], key, len) == 0 && av[i][len] == '=')
            return av[i] + len + 1;
    return NULL;
}

static bool word(int ac, char **av, const char *want)
{
    for (int i = 0; i < ac; i++)
        if (strcmp(av[i], want) == 0)
            return true;
    return false;
}

/* A file of the folder, by its name; a whole path stays. Kept until the end. */
static const char *disk_path(struct ours *o, const char *name)
{
    char **path = &o->kept[o->nkept];
    if (strchr(name, '/'))
        return name;
    if (o->nkept == KEPT_MAX)
        die("too many disks are named");
    if (asprintf(path, "%s/%s", o->dir, name) < 0)
        die("no memory");
    o->nkept++;
    return *path;
}

/* The files of the folder, sorted, as whole paths. */
static char **disks(const struct ours *o)
{
    char **names;
    ok(file_list(o->dir, &names), NULL, o->dir);
    for (char **n = names; *n; n++) {
        char *path;
        if (asprintf(&path, "%s/%s", o->dir, *n) < 0)
            die("no memory");
        free(*n);
        *n = path;
    }
    return names;
}

/* ---- pools -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum pool_layout layout;
} layouts[] = {
    {"single", LAYOUT_SINGLE},
    {"mirror", LAYOUT_MIRROR},
    {"raidz1", LAYOUT_RAIDZ1},
    {"raidz2", LAYOUT_RAIDZ2},
    {"raidz3", LAYOUT_RAIDZ3},
};

/* LAYOUT[:DISKS] over the disks that follow. */
static struct pool_group group_of(char *word, const char *const *paths)
{
    char *colon = strchr(word, ':');
    unsigned n = colon ? (unsigned)atoi(colon + 1) : 1;
    if (colon)
        *colon = 0;
    size_t i = 0;
    while (i < ARRAY_LEN(layouts) && strcmp(layouts[i].name, word) != 0)
        i++;
    if (i == ARRAY_LEN(layouts))
        die("no such layout: %s", word);
    return (struct pool_group){layouts[i].layout, n, paths};
}

/* LAYOUT[:DISKS][+LAYOUT[:DISKS]]... over the files of the folder, in order; those that begin with s are the spares. */
static void do_create(struct ours *o, int ac, char **av)
{
    struct pool_group groups[16];
    unsigned ngroups = 0, at = 0, spares = 0, nspares = 0;
    char **paths = disks(o);
    struct err err = {0};
    for (char *word = strtok(av[0], "+"); word; word = strtok(NULL, "+")) {
        if (ngroups == ARRAY_LEN(groups))
            die("too many groups");
        groups[ngroups] = group_of(word, (const char *const *)&paths[at]);
        at += groups[ngroups++].n;
    }
    while (paths[spares] && strrchr(paths[spares], '/')[1] != 's')
        spares++;
    while (paths[spares + nspares])
        nspares++;
    const char *ashift = option(ac, av, "ashift");
    struct pool_create_want want = {
        .name = o->name,
        .groups = groups,
        .ngroups = ngroups,
        .ashift = ashift ? (unsigned)atoi(ashift) : 0,
        .spares = (const char *const *)&paths[spares],
        .nspares = nspares,
    };
    ok(pool_create(&want, &o->pool, &err), &err, "create");
    names_free(paths);
}

static void do_import(struct ours *o, int ac, char **av)
{
    char **paths = disks(o);
    struct err err = {0};
    struct pool_import_report report;
    struct pool_import_want want = {
        .paths = (const char *const *)paths,
        .name = o->name,
        .read_only = word(ac, av, "readonly"),
        .destroyed = word(ac, av, "destroyed"),
        .rewind = word(ac, av, "rewind"),
        .dry_run = word(ac, av, "dryrun"),
        .force = true,
        .report = &report,
        .opts.free_step = (unsigned)atoi(option(ac, av, "step") ? option(ac, av, "step") : "0"),
    };
    ok(pool_import(&want, &o->pool, &err), &err, "import");
    if (report.read_only_why[0])
        printf("read-only: %s\n", report.read_only_why);
    names_free(paths);
}

static void do_pooldestroy(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac, (void)av;
    ok(pool_destroy(o->pool, true, &err), &err, "destroy");
    o->pool = NULL;
}

static void do_found(struct ours *o, int ac, char **av)
{
    const char *const paths[] = {o->dir, NULL};
    struct pool_found *f;
    struct err err = {0};
    unsigned n;
    (void)ac, (void)av;
    ok(pool_scan_devices(paths, 0, &f, &n, &err), &err, "found");
    for (unsigned i = 0; i < n; i++) {
        printf("pool %s %s %s %s %s\n", f[i].name, f[i].state, f[i].health,
               f[i].can_import ? "importable" : "not importable", f[i].reason);
        for (unsigned k = 0; k < f[i].ndisks; k++)
            printf("%*s%s %s %s\n", (int)f[i].disks[k].depth * 2, "", f[i].disks[k].name,
                   f[i].disks[k].state, f[i].disks[k].note);
    }
    pool_found_free(f, n);
}

static void do_note(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac;
    ok(pool_history_log(o->pool, av[0], &err), &err, "note");
}

static int tell_entry(void *arg, const struct pool_history_entry *e)
{
    (void)arg;
    printf("history %" PRIu64 " ", e->time);
    if (e->internal)
        printf("[%s] ", e->what);
    printf("%s\n", e->text);
    return 0;
}

static void do_history(struct ours *o, int ac, char **av)
{
    (void)ac, (void)av;
    ok(pool_history(o->pool, tell_entry, NULL), NULL, "history");
}

static void do_poolset(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    char *value = strchr(av[0], '=');
    (void)ac;
    if (!value)
        die("no property: %s", av[0]);
    *value++ = 0;
    ok(pool_prop_set(o->pool, av[0], value, &err), &err, "poolset");
}

static void do_poolget(struct ours *o, int ac, char **av)
{
    const char *name, *source;
    char value[256];
    (void)ac, (void)av;
    for (unsigned i = 0; (name = pool_prop_name(i)); i++) {
        ok(pool_prop_get(o->pool, name, value, sizeof(value), &source, NULL), NULL, name);
        printf("poolprop %s %s %s\n", name, value, source);
    }
}

static void do_export(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac, (void)av;
    ok(pool_export(o->pool, &err), &err, "export");
    o->pool = NULL;
}

static void do_sync(struct ours *o, int ac, char **av)
{
    (void)ac, (void)av;
    ok(pool_sync(o->pool), NULL, "sync");
}

static void do_crash(struct ours *o, int ac, char **av)
{
    (void)o, (void)ac, (void)av;
    fflush(stdout);
    _exit(0);
}

static void do_space(struct ours *o, int ac, char **av)
{
    struct pool_space s;
    (void)ac, (void)av;
    pool_space(o->pool, &s);
    printf("size %" PRIu64 " allocated %" PRIu64 " available %" PRIu64 "\n", s.size,
           s.allocated, s.available);
}

/* ---- repair -------------------------------------------------------------------------------------------------- */

static void do_wait(struct ours *o, int ac, char **av)
{
    struct pool_scan_status s;
    (void)ac, (void)av;
    pool_scan_wait(o->pool);
    pool_scan_status(o->pool, &s);
    printf("%s: %" PRIu64 " errors, %" PRIu64 " repaired\n", s.resilver ? "resilver" : "scrub",
           s.errors, s.repaired);
}

/* Once it has seen something. */
static void pause_scrub(struct ours *o)
{
    struct err err = {0};
    struct pool_scan_status s;
    do {
        fiber_yield();
        pool_scan_status(o->pool, &s);
    } while (s.state == POOL_SCAN_RUNNING && s.examined == 0);
    ok(pool_scrub(o->pool, POOL_SCRUB_PAUSE, &err), &err, "pause");
    pool_scan_wait(o->pool);
    pool_scan_status(o->pool, &s);
    printf("paused after %" PRIu64 " of %" PRIu64 "\n", s.examined, s.to_examine);
}

/* What a resilver has to do goes first. */
static void do_scrub(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    pool_scan_wait(o->pool);
    ok(pool_scrub(o->pool, POOL_SCRUB_START, &err), &err, "scrub");
    if (ac > 0 && strcmp(av[0], "pause") == 0)
        pause_scrub(o);
    else if (ac == 0 || strcmp(av[0], "nowait") != 0)
        do_wait(o, ac, av);
}

static int error_print(void *arg, const struct pool_error *e)
{
    (void)arg;
    printf("damaged: %s object %" PRIu64 " offset %" PRIu64 " length %" PRIu64 "\n", e->dataset,
           e->object, e->offset, e->len);
    return 0;
}

static void do_errors(struct ours *o, int ac, char **av)
{
    (void)ac, (void)av;
    ok(pool_errors(o->pool, error_print, NULL), NULL, "errors");
    printf("errors: %" PRIu64 "\n", pool_error_count(o->pool));
}

static void do_offline(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac;
    ok(pool_offline(o->pool, disk_path(o, av[0]), &err), &err, "offline");
}

static void do_online(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac;
    ok(pool_online(o->pool, disk_path(o, av[0]), &err), &err, "online");
}

/* ---- disks ---------------------------------------------------------------------------------------------------- */

/* A group of the files that are named, or `spare`s. */
static void do_add(struct ours *o, int ac, char **av)
{
    const char *paths[32];
    struct err err = {0};
    unsigned n = 0;
    for (int i = 1; i < ac && n < ARRAY_LEN(paths); i++)
        paths[n++] = disk_path(o, av[i]);
    if (strcmp(av[0], "spare") == 0) {
        ok(pool_add(o->pool, NULL, 0, paths, n, false, &err), &err, "add spares");
        return;
    }
    const struct pool_group group = group_of(av[0], paths);
    if (group.n != n)
        die("add: %u disks", group.n);
    ok(pool_add(o->pool, &group, 1, NULL, 0, false, &err), &err, "add");
}

static void do_attach(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac;
    ok(pool_attach(o->pool, disk_path(o, av[0]), disk_path(o, av[1]), false, &err), &err,
       "attach");
}

static void do_replace(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    ok(pool_replace(o->pool, disk_path(o, av[0]), ac > 1 ? disk_path(o, av[1]) : NULL, false,
                    &err),
       &err, "replace");
}

static void do_detach(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac;
    ok(pool_detach(o->pool, disk_path(o, av[0]), &err), &err, "detach");
}

static void do_unspare(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac;
    ok(pool_remove_spare(o->pool, disk_path(o, av[0]), &err), &err, "unspare");
}

static void do_clear(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    ok(pool_clear(o->pool, ac > 0 ? disk_path(o, av[0]) : NULL, false, &err), &err, "clear");
}

/* Until that many spares are in use, for a minute at most. */
static void do_spares(struct ours *o, int ac, char **av)
{
    const unsigned wanted = (unsigned)atoi(av[0]);
    (void)ac;
    for (unsigned tries = 0; tries < 600; tries++) {
        struct pool_spare_info s;
        unsigned n = 0;
        for (unsigned i = 0; pool_spare(o->pool, i, &s); i++)
            n += s.in_use;
        if (n == wanted)
            return;
        fiber_sleep_until(run_deadline_ms(100), NULL);
    }
    die("not %u spares are in use", wanted);
}

/* ---- volumes ------------------------------------------------------------------------------------------------ */

/* PROP=VALUE... as an array; the strings are cut in place. reserve=1 stands for refreservation=auto. */
static struct pool_prop *props_of(int ac, char **av)
{
    struct pool_prop *props = calloc((size_t)ac + 1, sizeof(*props));
    if (!props)
        die("no memory");
    for (int i = 0; i < ac; i++) {
        char *value = strchr(av[i], '=');
        if (!value)
            die("no property: %s", av[i]);
        *value++ = 0;
        bool reserve = strcmp(av[i], "reserve") == 0;
        props[i] =
            (struct pool_prop){reserve ? "refreservation" : av[i], reserve ? "auto" : value};
    }
    return props;
}

static void do_volume(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    struct pool_volume_want want = {
        .name = av[0],
        .size = size_of(av[1]),
        .block_size = (uint32_t)size_of(av[2]),
        .make_parents = true,
        .props = props_of(ac - 3, av + 3),
        .nprops = (unsigned)ac - 3,
    };
    ok(pool_volume_create(o->pool, &want, &err), &err, "volume");
    free((void *)(uintptr_t)want.props);
}

static void do_folder(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    struct pool_prop *props = props_of(ac - 1, av + 1);
    struct pool_folder_want want = {
        .name = av[0], .make_parents = true, .props = props, .nprops = (unsigned)ac - 1};
    ok(pool_folder_create(o->pool, &want, &err), &err, "folder");
    free(props);
}

struct telling {
    const char *pool, *name;
};

static int tell_prop(void *arg, const char *property, const char *value, const char *source)
{
    struct telling *t = arg;
    printf("prop %s%s%s %s %s %s\n", t->pool, *t->name && *t->name != '@' ? "/" : "", t->name,
           property, value, source);
    return 0;
}

static void do_props(struct ours *o, int ac, char **av)
{
    struct pool_dataset *list;
    struct err err = {0};
    unsigned n;
    (void)ac, (void)av;
    ok(pool_list(o->pool, "", UINT_MAX, POOL_FOLDER | POOL_VOLUME | POOL_SNAPSHOT, &list, &n,
                 &err),
       &err, "list");
    for (unsigned i = 0; i < n; i++) {
        struct telling t = {o->name, list[i].name};
        ok(pool_get_all(o->pool, list[i].name, tell_prop, &t, &err), &err, "get");
    }
    free(list);
}

static void do_destroy(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac;
    ok(pool_volume_destroy(o->pool, av[0], &err), &err, "destroy");
}

/* ---- crashes in the middle of what takes many txgs -------------------------------------------------------------- */

struct slow {
    struct ours *o;
    const char *name;
    uint64_t size; /* 0: destroy */
};

static void slow_run(void *arg)
{
    struct slow *s = arg;
    struct err err = {0};
    int r = s->size ? pool_volume_resize(s->o->pool, s->name, s->size, &err)
                    : pool_volume_destroy(s->o->pool, s->name, &err);
    die("%s: ended before the crash: %d", s->name, r);
}

static bool slow_has_begun(const struct slow *s)
{
    char size[32];
    if (s->size == 0)
        return pool_freeing(s->o->pool) > 0;
    ok(pool_get(s->o->pool, s->name, "volsize", size, sizeof(size), NULL, NULL), NULL, "get");
    return strtoull(size, NULL, 10) == s->size;
}

/* When it has begun, and a txg or two were written, everything ends. */
static void slow_crash(struct slow *s)
{
    if (!fiber_start(slow_run, s, "slow"))
        die("no memory");
    while (!slow_has_begun(s))
        ok(pool_sync(s->o->pool), NULL, "sync");
    for (unsigned i = 0; i < 2; i++)
        ok(pool_sync(s->o->pool), NULL, "sync");
    do_crash(s->o, 0, NULL);
}

static void do_freecrash(struct ours *o, int ac, char **av)
{
    struct slow s = {o, av[0], 0};
    (void)ac;
    slow_crash(&s);
}

static void do_shrinkcrash(struct ours *o, int ac, char **av)
{
    struct slow s = {o, av[0], size_of(av[1])};
    (void)ac;
    slow_crash(&s);
}

static void do_waitfreed(struct ours *o, int ac, char **av)
{
    (void)ac, (void)av;
    while (pool_freeing(o->pool) > 0)
        ok(pool_sync(o->pool), NULL, "sync");
}

static void do_rename(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    (void)ac;
    ok(pool_rename(o->pool, av[0], av[1], &err), &err, "rename");
}

/* "." is the root; PROP= inherits. */
static void do_set(struct ours *o, int ac, char **av)
{
    struct err err = {0};
    struct pool_prop *props = props_of(ac - 1, av + 1);
    const char *name = strcmp(av[0], ".") == 0 ? "" : av[0];
    for (int i = 0; i < ac - 1; i++)
        ok(pool_set(o->pool, name, props[i].name, *props[i].value ? props[i].value : NULL,
                    &err),
           &err, "set");
    free(props);
}

static struct volume *volume_get(struct ours *o, const char *name)
{
    struct err err = {0};
    struct volume *v;
    ok(pool_volume_open(o->pool, name, &v, &err), &err, "open");
    return v;
}

/* Random work; fua: each write durable on return, so that it goes through the log. */
static void work(struct ours *o, struct volume *v, uint64_t seed, uint64_t steps,
                 unsigned flags)
{
    struct load l = load_make(seed, v->geo.size, v->geo.unmap_granularity);
    uint8_t *data = malloc(LOAD_MAX);
    if (!data)
        die("no memory");
    for (; steps > 0; steps--) {
        struct step s = load_next(&l, data);
        struct sgl sgl;
        switch (s.kind) {
        case STEP_SYNC:
            if (!(flags & VOL_FUA))
                ok(pool_sync(o->pool), NULL, "sync");
            break;
        case STEP_DISCARD:
            ok(v->ops->write_zeroes(v, s.off, s.len, true, flags), NULL, "discard");
            break;
        case STEP_WRITE:
            sgl_init(&sgl);
            ok(sgl_alloc(&sgl, s.len), NULL, "memory");
            sgl_copy_in(&sgl, 0, data, s.len);
            ok(v->ops->write(v, s.off, &sgl, flags), NULL, "write");
            sgl_clear(&sgl);
            break;
        }
    }
    free(data);
}

static void do_write(struct ours *o, int ac, char **av)
{
    struct volume *v = volume_get(o, av[0]);
    (void)ac;
    work(o, v, strtoull(av[1], NULL, 0), strtoull(av[2], NULL, 0), 0);
    volume_close(v);
}

/* "HASH  NAME": the SHA-256 of all that the volume holds. */
static void print_hash(struct volume *v, const char *name)
{
    uint8_t *bytes = malloc(HASH_STEP);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sum[EVP_MAX_MD_SIZE];
    if (!bytes || !ctx)
        die("no memory");
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    for (uint64_t off = 0; off < v->geo.size; off += HASH_STEP) {
        uint64_t n = MIN(HASH_STEP, v->geo.size - off);
        struct sgl sgl;
        sgl_init(&sgl);
        ok(v->ops->read(v, off, n, &sgl), NULL, "read");
        sgl_copy_out(&sgl, 0, bytes, n);
        EVP_DigestUpdate(ctx, bytes, n);
        sgl_clear(&sgl);
    }
    EVP_DigestFinal_ex(ctx, sum, NULL);
    EVP_MD_CTX_free(ctx);
    free(bytes);
    for (unsigned k = 0; k < 32; k++)
        printf("%02x", sum[k]);
    printf("  %s\n", name);
}

/*
 * All of it in the intent log, then a crash. A few steps on each volume come first: a log's beginning may end a txg. The
 * volumes stay open: closing one might empty its log.
 */
static void do_log(struct ours *o, int ac, char **av)
{
    const uint64_t seed = strtoull(av[0], NULL, 0), steps = strtoull(av[1], NULL, 0);
    struct volume *v[VOLUMES_MAX];
    const unsigned n = (unsigned)ac - 2;
    if (n > VOLUMES_MAX)
        die("too many volumes");
    for (unsigned i = 0; i < n; i++) {
        v[i] = volume_get(o, av[i + 2]);
        work(o, v[i], seed + n + i, LOG_FIRST, VOL_FUA);
    }
    for (unsigned i = 0; i < n; i++) {
        work(o, v[i], seed + i, steps, VOL_FUA);
        print_hash(v[i], av[i + 2]);
    }
    do_crash(o, 0, NULL);
}

static void do_hash(struct ours *o, int ac, char **av)
{
    for (int i = 0; i < ac; i++) {
        struct volume *v = volume_get(o, av[i]);
        print_hash(v, av[i]);
        volume_close(v);
    }
}

/* ---- the program ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*fn)(struct ours *o, int ac, char **av);
    int min_args;
    const char *usage;
} verbs[] = {
    {"create",      do_create,      1, "LAYOUT[:DISKS][+...] [ashift=N]"                      },
    {"import",      do_import,      0, "[readonly] [destroyed] [rewind] [dryrun] [step=N]"    },
    {"pooldestroy", do_pooldestroy, 0, "(the whole pool)"                                     },
    {"found",       do_found,       0, "(what a search of the folder tells)"                  },
    {"note",        do_note,        1, "COMMAND (into the history)"                           },
    {"history",     do_history,     0, ""                                                     },
    {"poolset",     do_poolset,     1, "PROP=VALUE"                                           },
    {"poolget",     do_poolget,     0, "(all of the pool's own)"                              },
    {"export",      do_export,      0, ""                                                     },
    {"sync",        do_sync,        0, ""                                                     },
    {"crash",       do_crash,       0, "(ends here, without another write)"                   },
    {"space",       do_space,       0, ""                                                     },
    {"scrub",       do_scrub,       0, "[nowait|pause]"                                       },
    {"wait",        do_wait,        0, "(until no scrub or resilver is running)"              },
    {"errors",      do_errors,      0, "(what is damaged)"                                    },
    {"offline",     do_offline,     1, "DISK"                                                 },
    {"online",      do_online,      1, "DISK"                                                 },
    {"add",         do_add,         2, "LAYOUT[:DISKS]|spare DISK..."                         },
    {"attach",      do_attach,      2, "DISK NEW"                                             },
    {"replace",     do_replace,     1, "DISK [NEW]"                                           },
    {"detach",      do_detach,      1, "DISK"                                                 },
    {"unspare",     do_unspare,     1, "DISK"                                                 },
    {"spares",      do_spares,      1, "N (until so many are in use)"                         },
    {"clear",       do_clear,       0, "[DISK]"                                               },
    {"volume",      do_volume,      3, "NAME SIZE BLOCK [PROP=VALUE...] [reserve=1]"          },
    {"folder",      do_folder,      1, "NAME [PROP=VALUE...]"                                 },
    {"props",       do_props,       0, "(of all datasets, as zfs get -p would show them)"     },
    {"destroy",     do_destroy,     1, "NAME"                                                 },
    {"rename",      do_rename,      2, "NAME NEW"                                             },
    {"set",         do_set,         2, "NAME PROP=VALUE... (PROP= inherits)"                  },
    {"write",       do_write,       3, "VOL SEED STEPS"                                       },
    {"log",         do_log,         3, "SEED STEPS VOL... (crashes with all of it in the log)"},
    {"hash",        do_hash,        1, "VOL..."                                               },
    {"freecrash",   do_freecrash,   1, "NAME (crashes in the middle of destroying it)"        },
    {"shrinkcrash", do_shrinkcrash, 2, "NAME SIZE (crashes in the middle)"                    },
    {"waitfreed",   do_waitfreed,   0, "(until interrupted destroys are through)"             },
};

static void verbs_do(void *arg)
{
    struct ours *o = arg;
    for (int i = 0; i < o->ac;) {
        int n = 0;
        while (i + n < o->ac && strcmp(o->av[i + n], "/") != 0)
            n++;
        size_t k = 0;
        while (k < ARRAY_LEN(verbs) && n > 0 && strcmp(verbs[k].name, o->av[i]) != 0)
            k++;
        if (n == 0 || k == ARRAY_LEN(verbs) || n - 1 < verbs[k].min_args)
            die("no such verb, or too few arguments: %s", n ? o->av[i] : "");
        verbs[k].fn(o, n - 1, o->av + i + 1);
        i += n + 1;
    }
    if (o->pool)
        pool_close(o->pool);
    while (o->nkept > 0)
        free(o->kept[--o->nkept]);
    run_stop(o->run);
}

int main(int argc, char **argv)
{
    struct run_config cfg = {.reactors = 1, .buf_budget = 1u << 30};
    struct err err = {0};
    if (argc < 4) {
        fprintf(stderr, "usage: ours DIR POOL VERB ARG... [/ VERB ARG...]...\n");
        for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
            fprintf(stderr, "  %s %s\n", verbs[i].name, verbs[i].usage);
        return 1;
    }
    struct ours o = {.dir = argv[1], .name = argv[2], .ac = argc - 3, .av = argv + 3};
    if (run_real_new(&cfg, &o.run, &err))
        die("%s", err.msg);
    run_loop(o.run, verbs_do, &o);
    run_free(o.run);
    return 0;
}
