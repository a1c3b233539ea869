/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which devices carry labels of a pool (OpenZFS zutil_import.c). Only reading; nothing is held open. A folder's files are
 * looked at, not its folders. One device is met under many names (/dev/sdb, /dev/disk/by-id/...): the first one counts.
 */
#include "pool/import_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *member_text(const struct member *m, const char *key)
{
    const char *text = "?";
    nv_get_str(m->label.config, key, &text);
    return text;
}

uint64_t member_number(const struct member *m, const char *key)
{
    uint64_t n = 0;
    nv_get_u64(m->label.config, key, &n);
    return n;
}

/* ---- one device ------------------------------------------------------------------------------------- */

static void member_clear(struct member *m)
{
    free(m->path);
    nv_free(m->label.config);
}

static bool is_known(const struct members *m, const struct file_info *info)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].dev == info->dev && m->v[i].ino == info->ino)
            return true;
    return false;
}

static int member_keep(struct members *m, const char *path, const struct file_info *info,
                       struct label_info *label)
{
    if (m->n == m->cap) {
        unsigned cap = MAX(16u, m->cap * 2);
        struct member *v = reallocarray(m->v, cap, sizeof(*v));
        if (!v)
            return E(-ENOMEM);
        m->v = v;
        m->cap = cap;
    }
    struct member *new = &m->v[m->n];
    *new = (struct member){.path = strdup(path),
                           .is_blockdev = info->is_blockdev,
                           .dev = info->dev,
                           .ino = info->ino,
                           .label = *label};
    if (!new->path)
        return E(-ENOMEM);
    new->pool = member_number(new, "pool_guid");
    new->guid = member_number(new, "guid");
    *label = (struct label_info){0};
    m->n++;
    return 0;
}

static int member_look(struct members *m, const char *path)
{
    struct file_opts opts = {.mode = FILE_RDONLY};
    struct label_info label = {0};
    struct file *f;
    if (file_open(path, &opts, &f, NULL))
        return 0;
    m->looked_at++;
    int r = is_known(m, file_info(f)) ? -ENODATA : label_read(f, m->max_txg, &label, NULL);
    if (r == 0)
        r = member_keep(m, path, file_info(f), &label);
    nv_free(label.config);
    file_close(f);
    return r == -ENOMEM ? r : 0;
}

static unsigned count(const char *const *names)
{
    unsigned n = 0;
    while (names[n])
        n++;
    return n;
}

static int folder_look(struct members *m, const char *dir, char **names)
{
    int r = 0;
    progress_more(m->progress,
                  count((const char *const *)names) - 1ull); /* it counted as one */
    for (unsigned i = 0; r == 0 && names[i]; i++) {
        char *path;
        if (asprintf(&path, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", names[i]) <
            0)
            return E(-ENOMEM);
        r = member_look(m, path);
        progress_done(m->progress, 1);
        free(path);
    }
    return r;
}

/* ---- partitions -------------------------------------------------------------------------------------- */

bool member_is_partition(const char *part, const char *disk)
{
    size_t len = strlen(disk);
    if (len == 0 || strncmp(part, disk, len) != 0)
        return false;
    const char *rest = part + len;
    bool ends_in_digit = disk[len - 1] >= '0' && disk[len - 1] <= '9';
    if (strncmp(rest, "-part", 5) == 0)
        rest += 5;
    else if (ends_in_digit && *rest == 'p')
        rest++;
    else if (ends_in_digit)
        return false;
    return *rest && rest[strspn(rest, "0123456789")] == 0;
}

/* The labels of a disk that has a partition with labels are from before it was partitioned. */
static void drop_whole_disks(struct members *m)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < m->n; i++) {
        bool has_part = false;
        for (unsigned k = 0; k < m->n; k++)
            has_part |= k != i && m->v[i].is_blockdev && m->v[k].is_blockdev && m->v[i].path &&
                        m->v[k].path && member_is_partition(m->v[k].path, m->v[i].path);
        if (has_part) {
            member_clear(&m->v[i]);
            m->v[i] = (struct member){0};
        }
    }
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].path)
            m->v[kept++] = m->v[i];
    m->n = kept;
}

static int paths_make(struct members *m)
{
    m->paths = calloc(m->n + 1u, sizeof(*m->paths));
    for (unsigned i = 0; m->paths && i < m->n; i++)
        m->paths[i] = m->v[i].path;
    return m->paths ? 0 : E(-ENOMEM);
}

int members_scan(const char *const *paths, uint64_t max_txg, struct progress *progress,
                 struct members *ret, struct err *reterr)
{
    int r = 0;
    *ret = (struct members){.max_txg = max_txg ? max_txg : UINT64_MAX, .progress = progress};
    progress_begin(progress, POOL_IMPORT_LABELS, count(paths), run_now());
    for (unsigned i = 0; r == 0 && paths[i]; i++) {
        char **names;
        if (paths[i][0] && file_list(paths[i], &names) == 0) {
            r = folder_look(ret, paths[i], names);
            names_free(names);
        } else {
            r = member_look(ret, paths[i]);
            progress_done(progress, 1);
        }
    }
    if (r == 0) {
        drop_whole_disks(ret);
        r = paths_make(ret);
    }
    if (r) {
        members_free(ret);
        return err_set(reterr, r, "no memory to look for pools");
    }
    return 0;
}

void members_free(struct members *m)
{
    for (unsigned i = 0; i < m->n; i++)
        member_clear(&m->v[i]);
    free(m->v);
    free(m->paths);
    *m = (struct members){0};
}

/* ---- the members of one pool -------------------------------------------------------------------------- */

static bool is_held(const struct member *m)
{
    struct file_opts opts = {.mode = FILE_RDONLY, .exclusive = true};
    struct file *f;
    if (!m->is_blockdev || file_open(m->path, &opts, &f, NULL))
        return m->is_blockdev;
    file_close(f);
    return false;
}

static void found_drop(struct found *f, unsigned i)
{
    memmove(&f->v[i], &f->v[i + 1], (--f->n - i) * sizeof(struct member *));
}

static bool twins_find(const struct found *f, unsigned *ret_i, unsigned *ret_k)
{
    for (unsigned i = 0; i < f->n; i++)
        for (unsigned k = i + 1; k < f->n; k++)
            if (f->v[i]->guid == f->v[k]->guid) {
                *ret_i = i;
                *ret_k = k;
                return true;
            }
    return false;
}

/* Of two devices with one guid, one may be a path to the other (multipath) and is held by it; else one is a copy, and nobody
 * can know which. */
static int twins_settle(struct found *f, struct err *reterr)
{
    unsigned i, k;
    while (twins_find(f, &i, &k)) {
        bool held = is_held(f->v[i]);
        if (held == is_held(f->v[k]))
            return err_set(reterr, E(-EEXIST),
                           "pool %s: %s and %s are the same disk of it (guid %" PRIu64
                           "), one is a copy: take one away or wipe it",
                           member_text(f->v[i], "name"), f->v[i]->path, f->v[k]->path,
                           f->v[i]->guid);
        found_drop(f, held ? i : k);
    }
    return 0;
}

/* What counts is the label that was there when the pool's newest uberblock was written: half of them may be from a txg that a
 * power cut ended, in which the disk got another guid. */
static int label_as_of(struct member *m, uint64_t txg, struct err *reterr)
{
    struct file_opts opts = {.mode = FILE_RDONLY};
    struct label_info label;
    struct file *f;
    int r = file_open(m->path, &opts, &f, NULL);
    if (r == 0) {
        r = label_read(f, txg, &label, NULL);
        file_close(f);
    }
    if (r)
        return err_set(reterr, E(-EBADMSG),
                       "pool %s: no label of %s fits its newest uberblock, of txg %" PRIu64
                       ": take that disk away, if the others are enough, and replace it",
                       member_text(m, "name"), m->path, txg);
    nv_free(m->label.config);
    m->label.config = label.config;
    m->guid = member_number(m, "guid");
    return 0;
}

static int no_uberblock(const struct found *f, uint64_t pool, struct err *reterr)
{
    if (f->n == 0)
        return err_set(
            reterr, E(-EBADMSG),
            "pool %" PRIu64
            ": its disks carry labels of two pools each: wipe those that neither needs",
            pool);
    return err_set(
        reterr, E(-EBADMSG),
        "pool %s: no valid uberblock on %s%s: look for more of its disks elsewhere, or "
        "restore it from a copy",
        member_text(f->v[0], "name"), f->v[0]->path,
        f->n > 1 ? ", nor on its other disks" : "");
}

int found_gather(const struct members *m, uint64_t pool, struct found *ret, struct err *reterr)
{
    struct found f = {.v = calloc(MAX(m->n, 1u), sizeof(struct member *))};
    if (!f.v)
        return err_set(reterr, E(-ENOMEM), "no memory to look for pools");
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].pool == pool && !m->v[i].label.other_pool)
            f.v[f.n++] = &m->v[i];
    for (unsigned i = 0; i < f.n; i++)
        if (f.v[i]->label.has_ub &&
            (!f.best || uberblock_better(&f.v[i]->label.ub, &f.best->label.ub)))
            f.best = f.v[i];
    int r = f.best ? 0 : no_uberblock(&f, pool, reterr);
    for (unsigned i = 0; r == 0 && i < f.n; i++)
        if (member_number(f.v[i], "txg") > f.best->label.ub.txg)
            r = label_as_of(f.v[i], f.best->label.ub.txg, reterr);
    if (r == 0)
        r = twins_settle(&f, reterr);
    if (r)
        free(f.v);
    else
        *ret = f;
    return r;
}

void found_free(struct found *f)
{
    free(f->v);
    *f = (struct found){0};
}
