/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots that OpenZFS made, to look at. Their names stand in a ZAP of the head, their records are datasets like heads
 * but for what the accounting fields mean: `unique` is what destroying the snapshot would free.
 *
 * Called from any fiber of the home reactor; who isn't the sync fiber has a reader's ticket, and holds the directory.
 */
#include "pool/dsl/dsl_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int dsl_dataset_read(const struct dsl *dsl, uint64_t id, struct dsl_dataset_phys *ret)
{
    struct object *obj;
    int r = object_hold(dsl->mos, id, &obj);
    if (r)
        return r;
    if (object_type(obj) != DMU_DSL_DATASET || object_bonus_len(obj) < sizeof(*ret))
        r = E(-EBADMSG);
    else
        memcpy(ret, object_bonus(obj), sizeof(*ret));
    object_release(obj);
    return r;
}

struct gather {
    struct dsl_snapshot *list;
    unsigned n;
};

static int snapshot_gather(void *arg, const char *name, const struct zap_value *v)
{
    struct gather *g = arg;
    if (v->int_size != 8 || v->n != 1 || strlen(name) > DSL_NAME_MAX)
        return E(-EBADMSG);
    struct dsl_snapshot *list = realloc(g->list, (g->n + 1) * sizeof(*list));
    if (!list)
        return E(-ENOMEM);
    g->list = list;
    struct dsl_snapshot *s = &list[g->n++];
    memset(s, 0, sizeof(*s));
    memcpy(&s->id, v->bytes, sizeof(s->id));
    strncpy(s->name, name, DSL_NAME_MAX);
    return 0;
}

static int by_txg(const void *a, const void *b)
{
    const struct dsl_snapshot *x = a, *y = b;
    return (x->txg > y->txg) - (x->txg < y->txg);
}

int dsl_snapshots(const struct dsl_dir *dd, struct dsl_snapshot **ret, unsigned *ret_n)
{
    struct gather g = {0};
    uint64_t names = le64_get(dsl_dataset_phys(dd->head)->snapnames_zap);
    int r = names ? zap_iterate(dd->dsl->mos, names, snapshot_gather, &g) : 0;
    for (unsigned i = 0; r == 0 && i < g.n; i++) {
        struct dsl_dataset_phys phys;
        r = dsl_dataset_read(dd->dsl, g.list[i].id, &phys);
        g.list[i].txg = r ? 0 : le64_get(phys.creation_txg);
    }
    if (r) {
        free(g.list);
        return r;
    }
    if (g.n > 1)
        qsort(g.list, g.n, sizeof(*g.list), by_txg);
    *ret = g.list;
    *ret_n = g.n;
    return 0;
}

int dsl_snapshot_find(const struct dsl_dir *dd, const char *name, uint64_t *ret_id)
{
    uint64_t names = le64_get(dsl_dataset_phys(dd->head)->snapnames_zap);
    return names ? zap_get_u64(dd->dsl->mos, names, name, ret_id) : E(-ENOENT);
}

struct wanted {
    uint64_t id;
    char *name;
};

static int name_match(void *arg, const char *name, const struct zap_value *v)
{
    struct wanted *w = arg;
    uint64_t id;
    if (v->int_size != 8 || v->n != 1 || strlen(name) > DSL_NAME_MAX)
        return 0;
    memcpy(&id, v->bytes, sizeof(id));
    if (id != w->id)
        return 0;
    strncpy(w->name, name, DSL_NAME_MAX + 1);
    return 1;
}

int dsl_snapshot_name(const struct dsl *dsl, uint64_t id, char ret_head[DSL_NAME_MAX + 1],
                      char ret_snap[DSL_NAME_MAX + 1])
{
    struct dsl_dataset_phys phys;
    int r = dsl_dataset_read(dsl, id, &phys);
    struct dsl_dir *dd = NULL;
    while (r == 0 && (dd = dsl_next(dsl, dd)) && dd->id != le64_get(phys.dir))
        ;
    if (r || !dd)
        return r ? r : E(-ENOENT);
    struct wanted w = {id, ret_snap};
    dsl_dir_name(dd, ret_head);
    r = zap_iterate(dsl->mos, le64_get(dsl_dataset_phys(dd->head)->snapnames_zap), name_match,
                    &w);
    return r == 1 ? 0 : r ? r : E(-ENOENT);
}

/* Everything on a dataset's deadlist was born before its previous snapshot: what came since is the growth plus that. */
int dsl_dataset_written(const struct dsl *dsl, const struct dsl_dataset_phys *ds,
                        uint64_t *ret_bytes)
{
    struct dsl_dataset_phys prev;
    struct object *obj;
    int r = dsl_dataset_read(dsl, le64_get(ds->prev_snap), &prev);
    if (r == 0)
        r = object_hold(dsl->mos, le64_get(ds->deadlist), &obj);
    if (r)
        return r;
    /* The bytes come first in a deadlist's record and second in a bpobj's, which old snapshots have instead. */
    const le64 *bonus = object_bonus(obj);
    unsigned at = object_type(obj) == DMU_BPOBJ ? 1 : 0;
    uint64_t dead =
        object_bonus_len(obj) >= (at + 1) * sizeof(*bonus) ? le64_get(bonus[at]) : 0;
    object_release(obj);
    *ret_bytes = le64_get(ds->referenced) - le64_get(prev.referenced) + dead;
    return 0;
}
