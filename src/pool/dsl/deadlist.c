/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlists (OpenZFS dsl_deadlist.c): blocks that a dataset no longer has but its previous snapshots do, by the
 * interval of births they fall into. An entry with key k holds the blocks with birth > k and at most the next key.
 * OpenZFS lets empty entries share one object, empty_bpobj, and counts the references as a feature; on the first
 * insertion we give such an entry a bpobj of its own.
 */
#include "pool/dsl/dsl_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEADLIST_BLOCK (16u << 10)
#define EMPTY_BPOBJ    "com.delphix:empty_bpobj"

int deadlist_create(struct dsl *dsl, uint64_t *ret_id, bool with_zero_key)
{
    uint64_t bpobj;
    int r = zap_create(dsl->mos, DMU_DEADLIST, DMU_DEADLIST_HDR, sizeof(struct deadlist_phys),
                       ret_id);
    if (r || !with_zero_key)
        return r;
    r = bpobj_create(dsl->mos, DEADLIST_BLOCK, &bpobj);
    return r ? r : zap_set_int(dsl->mos, *ret_id, 0, bpobj);
}

static int entry_keep(void *arg, const char *name, const struct zap_value *v)
{
    struct dsl_deadlist *dl = arg;
    char *end;
    uint64_t key = strtoull(name, &end, 16);
    if (*end || v->int_size != 8 || v->n != 1)
        return E(-EBADMSG);
    struct dsl_deadlist_entry *e = realloc(dl->e, (dl->n + 1) * sizeof(*e));
    if (!e)
        return E(-ENOMEM);
    dl->e = e;
    unsigned at = dl->n++;
    while (at > 0 && e[at - 1].mintxg > key) {
        e[at] = e[at - 1];
        at--;
    }
    e[at].mintxg = key;
    memcpy(&e[at].bpobj, v->bytes, sizeof(e[at].bpobj));
    return 0;
}

int deadlist_load(struct dsl *dsl, struct dsl_deadlist *dl)
{
    if (dl->loaded)
        return 0;
    dl->n = 0;
    int r = zap_iterate(dsl->mos, dl->id, entry_keep, dl);
    if (r == 0)
        dl->loaded = true;
    return r;
}

static int entry_own(struct dsl *dsl, struct dsl_deadlist *dl, struct dsl_deadlist_entry *e)
{
    uint64_t own;
    int64_t count;
    int r = bpobj_create(dsl->mos, DEADLIST_BLOCK, &own);
    if (r == 0)
        r = zap_set_int(dsl->mos, dl->id, e->mintxg, own);
    if (r == 0)
        r = dsl_feature_add(dsl, EMPTY_BPOBJ, -1);
    if (r == 0)
        r = dsl_feature_get(dsl, EMPTY_BPOBJ, &count);
    if (r)
        return r;
    e->bpobj = own;
    if (count > 0)
        return 0;
    /* The last reference went. */
    r = zap_remove(dsl->mos, DMU_OBJECT_DIRECTORY, "empty_bpobj");
    if (r == 0)
        r = bpobj_destroy(dsl->mos, dsl->empty_bpobj);
    dsl->empty_bpobj = 0;
    return r;
}

int deadlist_add(struct dsl *dsl, struct dsl_deadlist *dl, const struct bp *bp,
                 const struct bp_sums *sums)
{
    int r = deadlist_load(dsl, dl);
    if (r)
        return r;
    unsigned i = dl->n;
    while (i > 0 && dl->e[i - 1].mintxg >= bp_birth(bp))
        i--;
    if (i == 0)
        return E(-EBADMSG); /* no key 0: not one that OpenZFS would make */
    struct dsl_deadlist_entry *e = &dl->e[i - 1];
    if (e->bpobj == dsl->empty_bpobj && dsl->empty_bpobj && (r = entry_own(dsl, dl, e)) != 0)
        return r;
    r = bpobj_add(dsl->mos, e->bpobj, bp, sums);
    struct object *obj;
    if (r || (r = object_hold(dsl->mos, dl->id, &obj)) != 0)
        return r;
    struct deadlist_phys *p = object_bonus_change(obj);
    le64_add(&p->used, (int64_t)sums->used);
    le64_add(&p->comp, (int64_t)sums->comp);
    le64_add(&p->uncomp, (int64_t)sums->uncomp);
    object_release(obj);
    return 0;
}

int deadlist_destroy(struct dsl *dsl, uint64_t id)
{
    struct dsl_deadlist dl = {.id = id};
    int r = deadlist_load(dsl, &dl);
    for (unsigned i = 0; r == 0 && i < dl.n; i++) {
        if (dl.e[i].bpobj != dsl->empty_bpobj || dsl->empty_bpobj == 0)
            r = bpobj_destroy(dsl->mos, dl.e[i].bpobj);
        else
            r = dsl_feature_add(dsl, EMPTY_BPOBJ, -1);
    }
    free(dl.e);
    return r ? r : object_destroy(dsl->mos, id);
}

/* ---- what OpenZFS left to be freed -------------------------------------------------------------- */

struct leftover {
    struct dsl *dsl;
    int64_t used, comp, uncomp;
};

static int leftover_free(void *arg, const struct bp *bp)
{
    struct leftover *l = arg;
    struct bp_sums s = block_sums(l->dsl->b, bp);
    l->used += (int64_t)s.used;
    l->comp += (int64_t)s.comp;
    l->uncomp += (int64_t)s.uncomp;
    return bp_ndvas(bp) ? block_free(l->dsl->b, l->dsl->txg, bp) : 0;
}

int dsl_free_leftovers(struct dsl *dsl)
{
    struct leftover deferred = {.dsl = dsl}, destroyed = {.dsl = dsl};
    int r = bpobj_iterate(dsl->mos, dsl->sync_bplist, leftover_free, &deferred);
    if (r == 0)
        r = bpobj_empty(dsl->mos, dsl->sync_bplist);
    if (r == 0)
        dsl->leftover = 0;
    if (r == 0)
        r = bpobj_iterate(dsl->mos, dsl->free_bpobj, leftover_free, &destroyed);
    if (r == 0)
        r = bpobj_empty(dsl->mos, dsl->free_bpobj);
    if (r || destroyed.used == 0)
        return r;
    int64_t by[DD_USED_NUM] = {[DD_HEAD] = -destroyed.used};
    dsl_dir_charge(dsl->free_dir, by, -destroyed.comp, -destroyed.uncomp);
    return 0;
}
