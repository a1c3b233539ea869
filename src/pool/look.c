/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking at one dataset: the head of a directory, or a snapshot of one. */
#include "pool/look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool look_is_there(const struct dsl_dir *dd)
{
    return dd && dd->head && !dsl_dataset_is_going(dd->head) &&
           !bp_is_hole(&dsl_dataset_phys(dd->head)->bp);
}

/* A snapshot's blocks are nobody's to change. */
static int unchangeable(struct objset *os, const struct bp *bp)
{
    (void)os, (void)bp;
    return E(-EROFS);
}
static void unborn(struct objset *os, const struct bp *bp)
{
    (void)os, (void)bp;
}
static const struct objset_ops snapshot_ops = {.born = unborn, .killed = unchangeable};

static int zvol_read(struct look *l, struct objset *os)
{
    struct object *data;
    int r = zap_get_u64(os, ZVOL_PROPS, "size", &l->volsize);
    if (r == 0)
        r = object_hold(os, ZVOL_DATA, &data);
    if (r)
        return r;
    l->volblocksize = object_block_size(data);
    object_release(data);
    return 0;
}

static int zvol_look(struct look *l)
{
    struct objset *os;
    if (!l->snapshot) {
        int r = dsl_dataset_open(l->dd->head, NULL);
        if (r)
            return r;
        r = zvol_read(l, l->dd->head->os);
        dsl_dataset_close(l->dd->head);
        return r;
    }
    int r = objset_open(&l->p->blocks, &l->ds.bp, OBJSET_NONE, &snapshot_ops, NULL, &os, NULL);
    if (r)
        return r;
    r = zvol_read(l, os);
    objset_close(os);
    return r;
}

static int own_keep(void *arg, const char *name, const struct zap_value *v)
{
    struct nv *own = arg;
    if (v->int_size != 1 || v->n == 0 || v->bytes[v->n - 1] != 0)
        return 0;
    return nv_add_str(own, name, (const char *)v->bytes);
}

static int snapshot_look(struct look *l, const char *name)
{
    int r = dsl_snapshot_find(l->dd, name, &l->id);
    if (r == 0)
        r = dsl_dataset_read(&l->p->dsl, l->id, &l->ds);
    if (r || !le64_get(l->ds.props))
        return r;
    l->own = nv_new();
    return l->own ? zap_iterate(l->p->mos, le64_get(l->ds.props), own_keep, l->own)
                  : E(-ENOMEM);
}

static int origin_look(struct look *l)
{
    char head[DSL_NAME_MAX + 1], snap[DSL_NAME_MAX + 1];
    uint64_t origin = le64_get(l->dir.origin);
    if (l->snapshot || origin == 0 || origin == l->p->dsl.origin_snap)
        return 0;
    int r = dsl_snapshot_name(&l->p->dsl, origin, head, snap);
    if (r)
        return r;
    int len = snprintf(l->origin, sizeof(l->origin), "%s@%s", head, snap);
    return len > 0 && (size_t)len < sizeof(l->origin) ? 0 : E(-ENAMETOOLONG);
}

/* All that may park. */
static int rest_look(struct look *l, const char *snap)
{
    int r = snap ? snapshot_look(l, snap) : 0;
    bool volume = dsl_dataset_type(l->dd->head) == OBJSET_ZVOL;
    l->type = snap ? POOL_SNAPSHOT : volume ? POOL_VOLUME : POOL_FOLDER;
    if (r == 0 && volume)
        r = zvol_look(l);
    if (r == 0)
        r = origin_look(l);
    if (r == 0 && le64_get(l->ds.prev_snap))
        r = dsl_dataset_written(&l->p->dsl, &l->ds, &l->written);
    return r;
}

int look_begin(struct pool *p, const char *name, struct look *ret, struct err *reterr)
{
    char head[DSL_NAME_MAX + 1];
    size_t len = strcspn(name, "@");
    const char *snap = name[len] ? name + len + 1 : NULL;
    *ret = (struct look){.p = p, .snapshot = snap != NULL};
    snprintf(head, sizeof(head), "%.*s", (int)MIN(len, DSL_NAME_MAX), name);
    ret->dd = len <= DSL_NAME_MAX ? dsl_find(&p->dsl, head) : NULL;
    if (!look_is_there(ret->dd))
        return err_set(reterr, E(-ENOENT), "pool %s has no dataset %s", p->name, name);
    dsl_dir_hold(ret->dd);
    ret->dir = *dsl_dir_phys(ret->dd);
    ret->ds = *dsl_dataset_phys(ret->dd->head);
    ret->id = ret->dd->head->id;
    ret->available = dsl_dataset_available(ret->dd->head, pool_capacity(p));
    uint64_t ticket = blocks_reader_enter(&p->blocks);
    int r = rest_look(ret, snap);
    blocks_reader_leave(&p->blocks, ticket);
    if (r) {
        look_end(ret);
        return err_set(reterr, r,
                       r == -ENOENT ? "pool %s has no snapshot %s"
                                    : "pool %s: dataset %s cannot be read",
                       p->name, name);
    }
    return 0;
}

void look_end(struct look *l)
{
    nv_free(l->own);
    dsl_dir_release(l->dd);
}
