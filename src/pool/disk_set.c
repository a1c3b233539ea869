/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be wrong with the disks of new groups taken together: the same one twice under two names, too many, groups of
 * different width, disks of different kinds or sizes in one group. Looks, and writes nothing. What an operator may mean all
 * the same passes with force, as with zpool.
 */
#include "pool/pool_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SIZES_ALIKE (16ull << 20) /* bytes by which disks of a group may differ */
#define MIRROR_MAX  64u
#define DISKS_MAX   2048u

struct disk_seen {
    const char *path;
    unsigned group; /* spares: UINT_MAX */
    struct file_info info;
};
struct disks_seen {
    struct disk_seen *v;
    unsigned n;
};

static int look_at(struct disks_seen *s, const char *path, unsigned group, struct err *reterr)
{
    const struct file_opts opts = {.mode = FILE_RDONLY};
    struct file *f;
    int r = file_open(path, &opts, &f, reterr);
    if (r)
        return r;
    s->v[s->n++] = (struct disk_seen){path, group, *file_info(f)};
    if (label_psize(file_info(f)->size) < VDEV_MIN_SIZE)
        r = err_set(reterr, E(-EINVAL), "%s: smaller than 64 MiB", path);
    file_close(f);
    return r;
}

static int look_at_all(struct disks_seen *s, const struct groups_want *w, struct err *reterr)
{
    int r = 0;
    for (unsigned g = 0; r == 0 && g < w->ngroups; g++)
        for (unsigned i = 0; r == 0 && i < w->groups[g].n; i++)
            r = look_at(s, w->groups[g].paths[i], g, reterr);
    for (unsigned i = 0; r == 0 && i < w->nspares; i++)
        r = look_at(s, w->spares[i], UINT32_MAX, reterr);
    return r;
}

static int twice_check(const struct disks_seen *s, struct err *reterr)
{
    for (unsigned i = 0; i < s->n; i++)
        for (unsigned k = 0; k < i; k++) {
            const struct disk_seen *a = &s->v[k], *b = &s->v[i];
            if (a->info.dev != b->info.dev || a->info.ino != b->info.ino)
                continue;
            if (strcmp(a->path, b->path) == 0)
                return err_set(reterr, E(-EINVAL), "%s is named twice", a->path);
            return err_set(reterr, E(-EINVAL), "%s and %s are the same disk under two names",
                           a->path, b->path);
        }
    return 0;
}

/* Neighbours in a group; a spare and a single disk have none. */
static int alike_check(const struct disks_seen *s, struct err *reterr)
{
    for (unsigned i = 1; i < s->n; i++) {
        const struct disk_seen *a = &s->v[i - 1], *b = &s->v[i];
        uint64_t lo = MIN(a->info.size, b->info.size), hi = MAX(a->info.size, b->info.size);
        if (a->group != b->group || a->group == UINT32_MAX)
            continue;
        if (a->info.is_blockdev != b->info.is_blockdev)
            return err_set(
                reterr, E(-EINVAL),
                "%s is a file and %s a device, in one group: use --force if that is meant",
                a->info.is_blockdev ? b->path : a->path,
                a->info.is_blockdev ? a->path : b->path);
        if (hi - lo > SIZES_ALIKE)
            return err_set(
                reterr, E(-EINVAL),
                "%s has %" PRIu64 " MiB and %s %" PRIu64
                ", in one group: use --force to take only as much of each as of the smallest",
                a->path, a->info.size >> 20, b->path, b->info.size >> 20);
    }
    return 0;
}

static int widths_check(const struct groups_want *w, unsigned *ret_ndisks, struct err *reterr)
{
    unsigned n = w->nspares;
    for (unsigned g = 0; g < w->ngroups; g++) {
        const struct pool_group *group = &w->groups[g];
        unsigned most = group->layout == LAYOUT_MIRROR ? MIRROR_MAX : RAIDZ_MAX_CHILDREN;
        if (group->n > (group->layout == LAYOUT_SINGLE ? 1 : most))
            return err_set(reterr, E(-EINVAL), "a group of %u disks: at most %u can be in it",
                           group->n, group->layout == LAYOUT_SINGLE ? 1 : most);
        if (!w->force && group->n != w->groups[0].n)
            return err_set(
                reterr, E(-EINVAL),
                "the groups have different numbers of disks (%u and %u): use --force if that "
                "is meant",
                w->groups[0].n, group->n);
        n += group->n;
        if (n > DISKS_MAX)
            return err_set(reterr, E(-EINVAL), "more than %u disks", DISKS_MAX);
    }
    *ret_ndisks = n;
    return 0;
}

int disk_set_check(const struct groups_want *w, struct err *reterr)
{
    unsigned n = 0;
    int r = widths_check(w, &n, reterr);
    if (r)
        return r;
    struct disks_seen s = {.v = calloc(MAX(n, 1u), sizeof(*s.v))};
    if (!s.v)
        return err_set(reterr, E(-ENOMEM), "no memory to look at disks");
    r = look_at_all(&s, w, reterr);
    if (r == 0)
        r = twice_check(&s, reterr);
    if (r == 0 && !w->force)
        r = alike_check(&s, reterr);
    free(s.v);
    return r;
}
