/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pools there are (`zpool import` without a name). What would become of an import is found out by going through one up
 * to where it would write; when that fails, the tree is told as far as labels know it.
 */
#include "pool/import_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tree as rows -------------------------------------------------------------------------------- */

static void name_make(const struct vdev *vd, char *ret, size_t cap)
{
    if (vdev_is_leaf(vd))
        snprintf(ret, cap, "%s", vd->open_path ? vd->open_path : vd->path);
    else if (vd->type == VDEV_RAIDZ)
        snprintf(ret, cap, "raidz%u-%u", vd->nparity, vd->id);
    else
        snprintf(ret, cap, "%s-%u", vdev_kind(vd), vd->id);
}

static int rows_add(struct pool_found *f, const struct vdev *vd, unsigned depth)
{
    if (vd->type == VDEV_HOLE)
        return 0;
    struct pool_found_disk *d = reallocarray(f->disks, f->ndisks + 1, sizeof(*d));
    if (!d)
        return E(-ENOMEM);
    f->disks = d;
    d += f->ndisks++;
    *d = (struct pool_found_disk){
        .depth = depth, .state = vdev_state_name(vd->state), .guid = vd->guid};
    if (depth == 0)
        snprintf(d->name, sizeof(d->name), "%s", f->name);
    else
        name_make(vd, d->name, sizeof(d->name));
    if (vd->type == VDEV_MISSING)
        snprintf(d->note, sizeof(d->note), "none of its disks was found");
    else if (vd->refused)
        snprintf(d->note, sizeof(d->note), "%s", vd->refused->msg);
    else if (vd->offline)
        snprintf(d->note, sizeof(d->note), "taken offline by the operator");
    int r = 0;
    for (unsigned i = 0; r == 0 && i < vd->nchildren; i++)
        r = rows_add(f, vd->child[i], depth + 1);
    return r;
}

static int rows_make(struct pool_found *f, const struct vdev *root)
{
    f->health = vdev_state_name(vdev_usable(root) ? root->state : VDEV_CANT_OPEN);
    return rows_add(f, root, 0);
}

/* By the labels alone. */
static int rows_from_labels(struct pool_found *ret, const struct found *f)
{
    struct vdev *root;
    if (import_tree_from_labels(f, &root, NULL))
        return 0;
    int r = import_leaves_place(root, f);
    if (r == 0)
        r = vdev_open(root, f->best->pool, true, NULL);
    if (r == 0)
        r = rows_make(ret, root);
    vdev_free(root);
    return r;
}

/* ---- one pool ------------------------------------------------------------------------------------------ */

static void label_tell(struct pool_found *ret, const struct member *m)
{
    static const char *const states[] = {[POOL_STATE_ACTIVE] = "ACTIVE",
                                         [POOL_STATE_EXPORTED] = "EXPORTED",
                                         [POOL_STATE_DESTROYED] = "DESTROYED"};
    uint64_t state = member_number(m, "state");
    const char *host = "";
    nv_get_str(m->label.config, "hostname", &host);
    *ret = (struct pool_found){
        .guid = m->pool,
        .state = states[state < ARRAY_LEN(states) ? state : POOL_STATE_ACTIVE],
        .health = vdev_state_name(VDEV_CANT_OPEN),
        .hostid = member_number(m, "hostid"),
    };
    snprintf(ret->name, sizeof(ret->name), "%s", member_text(m, "name"));
    snprintf(ret->hostname, sizeof(ret->hostname), "%s", host);
}

static int found_tell(struct pool_found *ret, const struct members *m, const struct found *f,
                      uint64_t hostid)
{
    struct err label = {0}, load = {0};
    struct pool *p = NULL;
    struct pool_import_want want = {
        .paths = m->paths,
        .destroyed = member_number(f->best, "state") == POOL_STATE_DESTROYED,
        .dry_run = true,
        .opts = {.cache_bytes = 4u << 20, .hostid = hostid},
    };
    int refused = import_label_check(&want, f, &label);
    int r = refused && refused != -EBUSY ? refused : import_pool(&want, f, &p, &load);
    ret->can_import = refused == 0 && r == 0;
    ret->read_only = ret->can_import && p->read_only_why[0];
    snprintf(ret->reason, sizeof(ret->reason), "%s",
             refused ? label.msg
             : r     ? load.msg
                     : p->read_only_why);
    if (r == -ENOMEM)
        return r;
    r = r ? rows_from_labels(ret, f) : rows_make(ret, p->root);
    pool_free(p);
    return r;
}

static int pool_tell(struct pool_found *ret, const struct members *m, const struct member *one,
                     uint64_t hostid)
{
    struct err why = {0};
    struct found f;
    label_tell(ret, one);
    if (one->label.other_pool) {
        err_set(&why, -EBADMSG, "%s carries labels of two pools, %s and %.64s", one->path,
                ret->name, one->label.other_name);
        snprintf(ret->reason, sizeof(ret->reason), "%s", why.msg);
    }
    int r = found_gather(m, one->pool, &f, &why);
    if (r) {
        snprintf(ret->reason, sizeof(ret->reason), "%s", why.msg);
        return r == -ENOMEM ? r : 0;
    }
    label_tell(ret, f.best);
    r = found_tell(ret, m, &f, hostid);
    found_free(&f);
    return r;
}

/* ---- all of them ------------------------------------------------------------------------------------------ */

void pool_found_free(struct pool_found *found, unsigned n)
{
    for (unsigned i = 0; found && i < n; i++)
        free(found[i].disks);
    free(found);
}

static bool is_first_of(const struct members *m, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (m->v[k].pool == m->v[i].pool)
            return false;
    return m->v[i].pool != 0;
}

int pool_scan_devices(const char *const *paths, uint64_t hostid, struct pool_found **ret,
                      unsigned *ret_n, struct err *reterr)
{
    struct members m;
    int r = members_scan(paths, 0, NULL, &m, reterr);
    if (r)
        return r;
    struct pool_found *found = calloc(MAX(m.n, 1u), sizeof(*found));
    unsigned n = 0;
    r = found ? 0 : E(-ENOMEM);
    for (unsigned i = 0; r == 0 && i < m.n; i++)
        if (is_first_of(&m, i))
            r = pool_tell(&found[n++], &m, &m.v[i], hostid);
    members_free(&m);
    if (r) {
        pool_found_free(found, n);
        return err_set(reterr, r, "no memory to look for pools");
    }
    *ret = found;
    *ret_n = n;
    return 0;
}
