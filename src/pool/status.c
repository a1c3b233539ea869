/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a pool is, as a list to be printed: the tree of vdevs in order, each with its depth. What is
 * known here is only what the tree says; the figures of space and of scrubs have calls of their
 * own. Nothing parks, so that a pool that hangs can still be looked at.
 */
#include "pool/pool_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned count(const struct vdev *vd)
{
    unsigned n = vd->type != VDEV_ROOT && vd->type != VDEV_HOLE;
    for (unsigned i = 0; i < vd->nchildren; i++)
        n += count(vd->child[i]);
    return n;
}

static void name_group(const struct vdev *vd, char *ret, size_t cap)
{
    static const char *const names[] = {[VDEV_MIRROR] = "mirror",
                                        [VDEV_REPLACING] = "replacing",
                                        [VDEV_SPARE] = "spare",
                                        [VDEV_MISSING] = "missing"};
    if (vd->type == VDEV_RAIDZ)
        snprintf(ret, cap, "raidz%u-%u", vd->nparity, vd->id);
    else
        snprintf(ret, cap, "%s-%u", names[vd->type], vd->id);
}

/* What an operator should know of a disk beside its state. */
static void note(const struct pool *p, const struct vdev *leaf, char *ret, size_t cap)
{
    struct pool_scan_status scan;
    pool_scan_status(p, &scan);
    ret[0] = 0;
    if (leaf->state == VDEV_CANT_OPEN)
        snprintf(ret, cap, "%.150s",
                 leaf->refused ? leaf->refused->msg
                               : "cannot be opened, or holds no part of this pool");
    else if (leaf->state == VDEV_FAULTED && leaf->failed_to)
        snprintf(ret, cap, "failed to %s", leaf->failed_to);
    else if (leaf->state == VDEV_FAULTED)
        snprintf(ret, cap, "failed before the pool was imported");
    else if (leaf->state == VDEV_DEGRADED && leaf->dtl.n == 0)
        snprintf(ret, cap, "too many errors");
    else if (leaf->state >= VDEV_DEGRADED && leaf->dtl.n > 0)
        snprintf(ret, cap, "%s",
                 scan.resilver && scan.state == POOL_SCAN_RUNNING ? "resilvering"
                                                                  : "awaiting resilver");
    else if (leaf->is_spare)
        snprintf(ret, cap, "a spare in use");
    else if (leaf->open_path && leaf->path && strcmp(leaf->open_path, leaf->path) != 0)
        snprintf(ret, cap, "now at %.140s", leaf->open_path);
}

/* What its disks did. */
static void count_io(const struct vdev *vd, struct pool_vdev_status *v)
{
    v->reads += vd->stats.reads;
    v->writes += vd->stats.writes;
    v->bytes_read += vd->stats.bytes_read;
    v->bytes_written += vd->stats.bytes_written;
    for (unsigned i = 0; i < vd->nchildren; i++)
        count_io(vd->child[i], v);
}

static void add(const struct pool *p, const struct vdev *vd, unsigned depth,
                struct pool_status *s)
{
    if (vd->type != VDEV_ROOT && vd->type != VDEV_HOLE) {
        struct pool_vdev_status *v = &s->vdevs[s->nvdevs++];
        *v = (struct pool_vdev_status){
            .depth = depth,
            .leaf = vdev_is_leaf(vd),
            .state = vdev_state_name(vd->state),
            .guid = vd->guid,
            .read_errors = vd->stats.read_errors,
            .write_errors = vd->stats.write_errors,
            .checksum_errors = vd->stats.checksum_errors,
            .repaired = vd->stats.repaired,
        };
        count_io(vd, v);
        if (v->leaf) {
            snprintf(v->name, sizeof(v->name), "%s", vd->path ? vd->path : "missing");
            note(p, vd, v->note, sizeof(v->note));
        } else {
            name_group(vd, v->name, sizeof(v->name));
        }
    }
    for (unsigned i = 0; i < vd->nchildren; i++)
        add(p, vd->child[i], depth + 1, s);
}

/* Behind the tree, as zpool shows them. */
static void add_spares(const struct pool *p, struct pool_status *s)
{
    struct pool_spare_info i;
    for (unsigned k = 0; pool_spare(p, k, &i); k++) {
        struct pool_vdev_status *v = &s->vdevs[s->nvdevs++];
        *v = (struct pool_vdev_status){
            .depth = 1, .leaf = true, .spare = true, .state = i.state, .guid = i.guid};
        snprintf(v->name, sizeof(v->name), "%s", i.path);
        snprintf(v->note, sizeof(v->note), "%s", i.note);
    }
}

static unsigned count_spares(const struct pool *p)
{
    struct pool_spare_info i;
    unsigned n = 0;
    while (pool_spare(p, n, &i))
        n++;
    return n;
}

int pool_status(const struct pool *p, struct pool_status *ret)
{
    struct pool_trouble trouble;
    struct pool_status s = {
        .guid = p->guid,
        .health = vdev_state_name(p->root->state),
        .read_only = p->read_only,
        .open_volumes = p->open_volumes,
        .vdevs = calloc(count(p->root) + count_spares(p) + 1, sizeof(*s.vdevs)),
    };
    if (!s.vdevs)
        return E(-ENOMEM);
    pool_trouble(p, &trouble);
    if (trouble.kind != POOL_FINE) {
        s.health = trouble.kind == POOL_SUSPENDED ? "SUSPENDED" : "FAILED";
        snprintf(s.suspended, sizeof(s.suspended), "%s", trouble.why);
    }
    add(p, p->root, 0, &s);
    add_spares(p, &s);
    *ret = s;
    return 0;
}

void pool_status_free(struct pool_status *s)
{
    free(s->vdevs);
    s->vdevs = NULL;
    s->nvdevs = 0;
}
