/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objsets in memory: the objset block, the meta-dnode (object 0: its data are the dnodes of all
 * others), the objects that are held or dirty. An object stays in memory while somebody holds
 * it or it has changed in a txg that is not committed yet.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the objects in memory --------------------------------------------------------------- */

struct object *object_find(const struct objset *os, uint64_t id)
{
    struct object *obj = os->chain[id % OBJECT_CHAINS];
    while (obj && obj->id != id)
        obj = obj->next;
    return obj;
}

void object_forget(struct object *obj)
{
    struct object **at = &obj->os->chain[obj->id % OBJECT_CHAINS];
    check(obj->holds == 0 && !obj->map);
    while (*at != obj)
        at = &(*at)->next;
    *at = obj->next;
    list_remove(&obj->node);
    free(obj);
}

/* ---- opening ----------------------------------------------------------------------------- */

static void format_empty(struct objset *os, enum objset_type type)
{
    struct dnode_phys *meta = &os->phys.meta;
    meta->type = DMU_DNODE;
    meta->indirect_shift = INDIRECT_SHIFT;
    meta->nlevels = 1;
    meta->nblkptr = BP_DVAS;
    meta->flags = DNODE_USED_BYTES;
    meta->dblk_sectors = le16_make(DNODE_BLOCK >> SECTOR_SHIFT);
    os->phys.type = le64_make(type);
}

static int refuse(int rc, struct err *reterr, const char *what)
{
    return err_set(reterr, rc, "objset: %s", what);
}

static int check_phys(struct objset_phys *phys, enum objset_type type, struct err *reterr)
{
    struct err why;
    uint64_t have = le64_get(phys->type);
    int rc = dnode_check(&phys->meta, &why);
    if (rc != 0)
        return refuse(rc, reterr, why.msg);
    if (phys->meta.type != DMU_DNODE || dn_sane(&phys->meta) != 0)
        return refuse(E(-EBADMSG), reterr, "the meta-dnode makes no sense");
    if (dn_block_size(&phys->meta) != DNODE_BLOCK)
        return refuse(E(-EOPNOTSUPP), reterr, "dnode blocks of an unusual size");
    if (have == OBJSET_NONE || (type != OBJSET_NONE && have != type))
        return refuse(E(-EBADMSG), reterr, "it is of another type");
    return 0;
}

static int load(struct objset *os, enum objset_type type, struct err *reterr)
{
    struct iobuf *buf;
    uint32_t len = bp_lsize(&os->bp);
    if (bp_type(&os->bp) != DMU_OBJSET || bp_level(&os->bp) != 0 ||
        (len != 1024 && len != 2048 && len != sizeof(os->phys)))
        return refuse(E(-EBADMSG), reterr, "the pointer to it makes no sense");
    int rc = block_read(os->blocks, &os->bp, BLOCK_NORMAL, &buf);
    if (rc != 0)
        return refuse(rc, reterr, "its block cannot be read");
    memcpy(&os->phys, buf->p, len);
    iobuf_put(buf);
    return check_phys(&os->phys, type, reterr);
}

int objset_open(struct blocks *b, const struct bp *bp, enum objset_type type,
                const struct objset_ops *ops, void *owner, struct objset **ret_os,
                struct err *reterr)
{
    struct objset *os = calloc(1, sizeof(*os));
    if (!os)
        return refuse(-ENOMEM, reterr, "no memory");
    os->blocks = b;
    os->ops = ops;
    os->owner = owner;
    os->bp = *bp;
    os->hint = 1;
    os->policy = (struct objset_policy){.data_compress = ZCOMP_OFF,
                                        .data_checksum = ZCHECK_FLETCHER4,
                                        .data_copies = 1,
                                        .meta_compress = ZCOMP_OFF,
                                        .meta_checksum = ZCHECK_FLETCHER4,
                                        .meta_copies = 1};
    list_init(&os->dirty);
    run_random(&os->random, sizeof(os->random));
    os->random |= 1;
    int rc = 0;
    if (bp_is_hole(bp))
        format_empty(os, type);
    else
        rc = load(os, type, reterr);
    if (rc != 0) {
        free(os);
        return rc;
    }
    os->is_dirty = bp_is_hole(bp);
    os->meta = (struct object){.os = os, .holds = 1, .dn = os->phys.meta};
    os->meta.committed = os->meta.dn;
    list_init(&os->meta.node);
    *ret_os = os;
    return 0;
}

/* Records first, then the objects that nobody holds. */
static void drop_dirty(struct objset *os, bool yield)
{
    struct object *obj;
    dirty_clear(&os->meta, yield);
    while ((obj = list_first(&os->dirty, struct object, node))) {
        dirty_clear(obj, yield);
        list_remove(&obj->node);
        if (obj->holds == 0)
            object_forget(obj);
    }
}

void objset_close(struct objset *os)
{
    if (!os)
        return;
    drop_dirty(os, false);
    for (unsigned i = 0; i < OBJECT_CHAINS; i++)
        check(!os->chain[i]);
    free(os);
}

/* ---- a txg ------------------------------------------------------------------------------- */

void objset_begin(struct objset *os, uint64_t txg)
{
    check(!os->written);
    os->txg = txg;
}

/* Readers switch to the new trees all at once; only then may others run while memory is given
 * back. */
void objset_committed(struct objset *os)
{
    struct object *obj;
    list_for_each (obj, &os->dirty, node)
        obj->committed = obj->dn;
    os->meta.committed = os->meta.dn;
    drop_dirty(os, true);
    os->is_dirty = os->placed = os->written = false;
}

/* ---- small answers ----------------------------------------------------------------------- */

void *objset_owner(struct objset *os)
{
    return os->owner;
}

enum objset_type objset_type(const struct objset *os)
{
    return (enum objset_type)le64_get(os->phys.type);
}

struct blocks *objset_blocks(struct objset *os)
{
    return os->blocks;
}

void objset_set_policy(struct objset *os, const struct objset_policy *p)
{
    os->policy = *p;
}

struct zil_header *objset_zil(struct objset *os)
{
    return &os->phys.zil;
}

void objset_dirty(struct objset *os)
{
    check(!os->written);
    os->is_dirty = true;
}

bool objset_is_dirty(const struct objset *os)
{
    return os->is_dirty;
}

uint64_t objset_dirty_bytes(const struct objset *os)
{
    return os->dirty_bytes;
}
