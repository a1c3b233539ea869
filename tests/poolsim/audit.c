/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold of the trees that the three newest uberblocks name, whenever the power went: each can be imported read-only,
 * without a byte written; every block that it leads to can be read; no two of them overlap; its space maps call allocated
 * just these and the log's; the counters of objects, datasets and directories are those of what is there; each volume shows
 * a state that it once had.
 *
 * Older trees share most blocks with the newest one, so a block is read once for all three. The volumes' bytes are
 * carried from tree to tree: a block that was read before stays where it was.
 */
#include "story.h"

#include "base/check.h"
#include "pool/pool_int.h"
#include "pool/zil/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TREES 3u

/* ---- places that were looked at -------------------------------------------------------------------------------------- */

struct places {
    uint64_t *v; /* 0: empty */
    size_t n, cap;
};

static uint64_t place_key(const struct bp *bp)
{
    struct dva d = bp_dva(bp, 0);
    uint64_t x = d.off * 0x9e3779b97f4a7c15ull ^ (bp_birth(bp) << 8 | d.vdev);
    x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9ull;
    return (x ^ x >> 29) | 1;
}

static bool places_put(struct places *p, uint64_t key)
{
    size_t i = key % p->cap;
    for (; p->v[i]; i = (i + 1) % p->cap)
        if (p->v[i] == key)
            return false;
    p->v[i] = key;
    p->n++;
    return true;
}

/* True: it is new. */
static bool places_add(struct places *p, uint64_t key)
{
    if (2 * p->n >= p->cap) {
        struct places more = {.cap = p->cap ? 2 * p->cap + 1 : 4093};
        more.v = calloc(more.cap, sizeof(*more.v));
        check(more.v);
        for (size_t i = 0; i < p->cap; i++)
            if (p->v[i])
                places_put(&more, p->v[i]);
        free(p->v);
        *p = more;
    }
    return places_put(p, key);
}

/* ---- the audit ------------------------------------------------------------------------------------------------------- */

/* A volume's bytes in the tree at hand. */
struct image {
    struct list node;
    uint64_t guid; /* of its dataset */
    uint64_t size;
    uint32_t block_size;
    struct slot *slot;
    uint8_t *bytes;
    bool *here; /* blocks that are no holes */
};

/* Records as the MOS has them. */
struct head {
    struct list node;
    uint64_t id;
    struct dsl_dataset_phys phys;
    struct bp_sums sums;
};
struct folder {
    struct list node;
    uint64_t id;
    struct dsl_dir_phys phys;
};

struct audit {
    struct story *st;
    struct places read;
    struct list images;

    /* The tree at hand. */
    struct pool *p;
    uint64_t txg;
    struct ranges **taken, **allocated; /* per top-level vdev */
    struct list heads, folders;

    /* The objset at hand. */
    uint64_t objset; /* its dataset; 0: the MOS */
    struct image *image;
    struct bp_sums sums;
    uint64_t object, object_used, object_want; /* of the object; 0: none */
};

#define FAIL(a, fmt, ...)                                                                      \
    story_fail("the tree of txg %" PRIu64 ", objset %" PRIu64 ": " fmt, (a)->txg, (a)->objset, \
               __VA_ARGS__)

static struct bp_sums plus(struct bp_sums x, struct bp_sums y)
{
    return (struct bp_sums){x.used + y.used, x.comp + y.comp, x.uncomp + y.uncomp};
}

#define GANG_HEADER 512u
#define GANG_PARTS  3u

static bool gang_ok(void *arg, const uint8_t *data)
{
    return cksum_sealed(data, GANG_HEADER, arg);
}

static void take(struct audit *a, const struct bp *bp, const char *what);

/* A gang's parts; asize: what its headers occupy is left of it. */
static void take_parts(struct audit *a, const struct bp *bp, const char *what,
                       uint64_t asize[BP_DVAS])
{
    struct dva first = bp_dva(bp, 0);
    struct cksum verifier = {
        {first.vdev, first.off, bp_birth(bp), 0}
    };
    struct iobuf *buf = iobuf_get(1u << ASHIFT_MAX);
    int r = -EBADMSG;
    for (unsigned i = 0; buf && r != 0 && i < bp_ndvas(bp); i++) {
        struct dva d = bp_dva(bp, i);
        const struct vdev_read how = {.off = d.off,
                                      .birth = bp_birth(bp),
                                      .psize = GANG_HEADER,
                                      .ok = gang_ok,
                                      .arg = &verifier};
        r = vdev_read(a->p->root->child[d.vdev], &how, buf->p);
    }
    if (r != 0)
        FAIL(a, "the gang of %s at vdev %u, %" PRIx64 " has no header (%s)", what, first.vdev,
             first.off, strerror(-r));
    for (unsigned c = 0; c < GANG_PARTS; c++) {
        const struct bp *part = (const struct bp *)buf->p + c;
        for (unsigned i = 0; i < bp_ndvas(part); i++)
            asize[i] -= bp_dva(part, i).asize;
        take(a, part, what);
    }
    iobuf_put(buf);
}

/* Space that a pointer leads to is nobody else's. */
static void take(struct audit *a, const struct bp *bp, const char *what)
{
    uint64_t asize[BP_DVAS];
    for (unsigned i = 0; i < BP_DVAS; i++)
        asize[i] = bp_dva(bp, i).asize;
    if (bp_dva(bp, 0).gang)
        take_parts(a, bp, what, asize);
    for (unsigned i = 0; i < bp_ndvas(bp); i++) {
        struct dva d = bp_dva(bp, i);
        if (d.gang)
            d.asize = vdev_asize(a->p->root->child[d.vdev], GANG_HEADER);
        int r = asize[i] != d.asize ? -ERANGE : ranges_add(a->taken[d.vdev], d.off, d.asize);
        if (r)
            FAIL(a, "%s at vdev %u, %" PRIx64 "+%" PRIx64 " lies on another block (%s)", what,
                 d.vdev, d.off, d.asize, strerror(-r));
    }
}

/* ---- one objset ------------------------------------------------------------------------------------------------------ */

static void object_end(const struct audit *a)
{
    if (a->object && a->object_used != a->object_want)
        FAIL(a, "object %" PRIu64 " has %" PRIu64 " bytes, its dnode says %" PRIu64, a->object,
             a->object_used, a->object_want);
}

static const void *bonus_of(const struct dnode_phys *dn)
{
    return dn->tail + dn->nblkptr * BP_SIZE;
}

static int on_dnode(void *arg, const struct dnode_phys *dn, uint64_t object)
{
    struct audit *a = arg;
    object_end(a);
    a->object = object;
    a->object_used = 0;
    a->object_want = le64_get(dn->used) << (dn->flags & DNODE_USED_BYTES ? 0 : SECTOR_SHIFT);
    if (a->objset == 0 && dn->bonus_type == DMU_DSL_DATASET) {
        struct head *h = calloc(1, sizeof(*h));
        check(h);
        h->id = object;
        memcpy(&h->phys, bonus_of(dn), sizeof(h->phys));
        list_push(&a->heads, &h->node);
    }
    if (a->objset == 0 && dn->bonus_type == DMU_DSL_DIR) {
        struct folder *f = calloc(1, sizeof(*f));
        check(f);
        f->id = object;
        memcpy(&f->phys, bonus_of(dn), sizeof(f->phys));
        list_push(&a->folders, &f->node);
    }
    return 0;
}

static void image_put(struct image *m, uint64_t blkid, const uint8_t *bytes)
{
    if ((blkid + 1) * m->block_size > m->size)
        return; /* the model knows of no such size: pool_take() will tell */
    if (bytes)
        memcpy(m->bytes + blkid * m->block_size, bytes, m->block_size);
    m->here[blkid] = true;
}

static int on_block(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                    uint64_t blkid)
{
    struct audit *a = arg;
    struct iobuf *buf = NULL;
    struct bp_sums s = block_sums(&a->p->blocks, bp);
    if (bp_birth(bp) > a->txg)
        FAIL(a, "object %" PRIu64 " has a block born in txg %" PRIu64, object, bp_birth(bp));
    a->sums = plus(a->sums, s);
    if (object == a->object)
        a->object_used += s.used;
    take(a, bp, level == TRAVERSE_ROOT ? "an objset" : "a block");
    bool content = a->image && object == ZIL_OBJECT && level == 0;
    if (places_add(&a->read, place_key(bp))) {
        int r = block_read(&a->p->blocks, bp, BLOCK_STREAM, &buf);
        if (r)
            FAIL(a, "object %" PRIu64 ", level %u, block %" PRIu64 " cannot be read: %s",
                 object, level, blkid, strerror(-r));
    }
    if (content)
        image_put(a->image, blkid, buf ? buf->p : NULL);
    iobuf_put(buf);
    return 0;
}

static struct bp_sums walk(struct audit *a, uint64_t objset, const struct bp *bp)
{
    const struct traverse t = {
        .hint = BLOCK_STREAM, .visit = on_block, .dnode = on_dnode, .arg = a};
    a->objset = objset;
    a->sums = (struct bp_sums){0};
    a->object = 0;
    int r = objset_traverse(&a->p->blocks, bp, &t);
    if (r)
        FAIL(a, "cannot be walked, by object %" PRIu64 ": %s", a->object, strerror(-r));
    object_end(a);
    return a->sums;
}

/* ---- a log ----------------------------------------------------------------------------------------------------------- */

struct seal {
    const struct bp *bp;
    struct bp *next;
    uint32_t *used;
};

static bool seal_ok(void *arg, const uint8_t *data)
{
    struct seal *s = arg;
    return zil_block_parse((uint8_t *)(uintptr_t)data, s->bp, s->next, s->used);
}

static bool log_read(struct audit *a, const struct bp *bp, struct iobuf *buf,
                     struct bp *ret_next, uint32_t *ret_used)
{
    struct dva d = bp_dva(bp, 0);
    struct seal seal = {bp, ret_next, ret_used};
    const struct vdev_read r = {.off = d.off,
                                .birth = bp_birth(bp),
                                .psize = bp_lsize(bp),
                                .ok = seal_ok,
                                .arg = &seal};
    return vdev_read(a->p->root->child[d.vdev], &r, buf->p) == 0;
}

/* Blocks of a claimed log are allocated up to the last claimed one; of another one those that were allocated by then. */
static bool log_goes_on(const struct audit *a, const struct zil_header *h, const struct bp *bp)
{
    uint64_t claimed = le64_get(h->claim_txg);
    if (bp_is_hole(bp) || zil_bp_check(bp, NULL) || block_check(&a->p->blocks, bp))
        return false;
    return claimed ? zil_bp_seq(bp) <= le64_get(h->claim_blk_seq) : bp_birth(bp) <= a->txg;
}

/* What the records of a claimed log point to is allocated too, until it is replayed. */
static void take_records(struct audit *a, const struct zil_header *h, const uint8_t *block,
                         uint32_t used)
{
    struct zil_record rec;
    uint32_t pos = ZIL_BLOCK_HEADER;
    uint64_t claimed = le64_get(h->claim_txg);
    while (claimed && zil_record_next(block, used, &pos, &rec) > 0)
        if (rec.type == ZIL_WRITE && !rec.data && bp_birth(&rec.bp) >= claimed &&
            rec.seq <= le64_get(h->claim_lr_seq))
            take(a, &rec.bp, "a logged block");
}

static void take_log(struct audit *a, const struct bp *objset)
{
    struct iobuf *buf;
    int r = block_read(&a->p->blocks, objset, BLOCK_STREAM, &buf);
    if (r)
        FAIL(a, "its objset cannot be read: %s", strerror(-r));
    const struct zil_header h = ((const struct objset_phys *)(const void *)buf->p)->zil;
    iobuf_put(buf);
    struct bp bp = h.log, next;
    uint32_t used;
    buf = iobuf_get(BLOCK_MAX);
    check(buf);
    while (log_goes_on(a, &h, &bp)) {
        take(a, &bp, "a log block");
        if (!log_read(a, &bp, buf, &next, &used))
            break;
        take_records(a, &h, buf->p, used);
        bp = next;
    }
    iobuf_put(buf);
}

/* ---- volumes --------------------------------------------------------------------------------------------------------- */

static struct slot *slot_of(const struct audit *a, uint64_t dataset)
{
    char name[DSL_NAME_MAX + 1];
    for (struct dsl_dir *dd = NULL; (dd = dsl_next(&a->p->dsl, dd));) {
        if (!dd->head || dd->head->id != dataset)
            continue;
        dsl_dir_name(dd, name);
        for (unsigned i = 0; i < SLOTS; i++) {
            struct slot *s = &a->st->slot[i];
            if (s->m && (strcmp(s->name, name) == 0 || strcmp(s->pending_name, name) == 0 ||
                         strcmp(s->old_name, name) == 0))
                return s;
        }
    }
    return NULL;
}

/* NULL: none that a model knows. */
static struct image *image_of(struct audit *a, const struct head *h)
{
    struct image *m;
    uint64_t guid = le64_get(h->phys.guid);
    list_for_each (m, &a->images, node)
        if (m->guid == guid)
            return m;
    struct slot *s = slot_of(a, h->id);
    if (!s || (le64_get(h->phys.flags) & DS_FLAG_INCONSISTENT))
        return NULL;
    m = calloc(1, sizeof(*m));
    check(m);
    m->guid = guid;
    m->slot = s;
    m->block_size = s->block_size;
    m->size = MAX(s->size, s->pending_size);
    m->bytes = calloc(1, m->size);
    m->here = calloc(m->size / m->block_size, sizeof(*m->here));
    check(m->bytes && m->here);
    list_push(&a->images, &m->node);
    return m;
}

static void image_check(struct audit *a, struct image *m)
{
    for (uint64_t i = 0; i < m->size / m->block_size; i++)
        if (!m->here[i])
            memset(m->bytes + i * m->block_size, 0, m->block_size);
    const char *why = model_check_older(m->slot->m, m->size / SECTOR, m->bytes);
    if (why)
        FAIL(a, "volume %s: %s", m->slot->name, why);
}

static void head_check(struct audit *a, struct head *h)
{
    a->image = image_of(a, h);
    if (a->image)
        memset(a->image->here, 0, a->image->size / a->image->block_size);
    h->sums = walk(a, h->id, &h->phys.bp);
    if (bp_ndvas(&h->phys.bp))
        take_log(a, &h->phys.bp);
    if (a->image)
        image_check(a, a->image);
    a->image = NULL;
    if (h->sums.used != le64_get(h->phys.referenced) ||
        h->sums.comp != le64_get(h->phys.compressed) ||
        h->sums.uncomp != le64_get(h->phys.uncompressed))
        FAIL(a,
             "has %" PRIu64 ", %" PRIu64 ", %" PRIu64 " bytes, its record says %" PRIu64
             ", %" PRIu64 ", %" PRIu64,
             h->sums.used, h->sums.comp, h->sums.uncomp, le64_get(h->phys.referenced),
             le64_get(h->phys.compressed), le64_get(h->phys.uncompressed));
}

/* ---- directories ----------------------------------------------------------------------------------------------------- */

/* What a directory's own head has; the pools of these stories have no snapshots but $ORIGIN's, which is empty. */
static struct bp_sums own_sums(const struct audit *a, const struct folder *f,
                               struct bp_sums mos)
{
    const struct head *h;
    if (a->p->dsl.mos_dir && f->id == a->p->dsl.mos_dir->id)
        return mos;
    list_for_each (h, &a->heads, node)
        if (h->id == le64_get(f->phys.head_dataset))
            return h->sums;
    return (struct bp_sums){0};
}

static void folder_check(const struct audit *a, const struct folder *f, struct bp_sums mos)
{
    const struct folder *c;
    struct bp_sums own = own_sums(a, f, mos), all = own;
    uint64_t said = 0, children = 0;
    list_for_each (c, &a->folders, node)
        if (le64_get(c->phys.parent) == f->id) {
            children += le64_get(c->phys.used);
            all.comp += le64_get(c->phys.compressed);
            all.uncomp += le64_get(c->phys.uncompressed);
        }
    for (unsigned i = 0; i < DD_USED_NUM; i++)
        said += le64_get(f->phys.used_breakdown[i]);
    if (le64_get(f->phys.used_breakdown[DD_HEAD]) != own.used ||
        le64_get(f->phys.used_breakdown[DD_CHILD]) != children ||
        le64_get(f->phys.used) != said || le64_get(f->phys.compressed) != all.comp ||
        le64_get(f->phys.uncompressed) != all.uncomp)
        story_fail("the tree of txg %" PRIu64 ": directory %" PRIu64 " has %" PRIu64
                   " bytes and %" PRIu64 " below, its record says %" PRIu64 ", %" PRIu64
                   " and %" PRIu64 " in all",
                   a->txg, f->id, own.used, children, le64_get(f->phys.used_breakdown[DD_HEAD]),
                   le64_get(f->phys.used_breakdown[DD_CHILD]), le64_get(f->phys.used));
}

/* ---- space maps ------------------------------------------------------------------------------------------------------ */

struct map_walk {
    const struct metaslab *ms;
    struct ranges *set;
};

static int map_entry(void *arg, const struct sm_entry *e)
{
    struct map_walk *w = arg;
    uint64_t off = w->ms->start + e->off;
    return e->type == SM_ALLOC ? ranges_add(w->set, off, e->run)
                               : ranges_remove(w->set, off, e->run);
}

static void map_read(struct audit *a, struct metaslab *ms, struct ranges *set)
{
    struct map_walk w = {ms, set};
    uint64_t before = ranges_bytes(set);
    int r = maps_load(a->p, ms, map_entry, &w);
    if (r)
        FAIL(a, "metaslab %u of vdev %u contradicts itself: %s", ms->index, ms->top->id,
             strerror(-r));
    if (ranges_bytes(set) - before != (uint64_t)ms->allocated)
        FAIL(a, "metaslab %u of vdev %u has %" PRIu64 " bytes, its record says %" PRIi64,
             ms->index, ms->top->id, ranges_bytes(set) - before, ms->allocated);
}

static void all_in(const struct audit *a, unsigned top, const struct ranges *part,
                   const struct ranges *whole, const char *what)
{
    uint64_t off, len;
    for (uint64_t at = 0; ranges_next(part, at, &off, &len); at = off + len)
        if (!ranges_has(whole, off, len))
            story_fail("the tree of txg %" PRIu64 ": vdev %u, %" PRIx64 "+%" PRIx64 ": %s",
                       a->txg, top, off, len, what);
}

static void maps_check(struct audit *a)
{
    for (unsigned i = 0; i < a->p->root->nchildren; i++) {
        const struct vdev *top = a->p->root->child[i];
        for (unsigned k = 0; k < space_nmetaslabs(a->p->space, top); k++)
            map_read(a, space_metaslab(a->p->space, top, k), a->allocated[i]);
        all_in(a, i, a->taken[i], a->allocated[i], "in use, but free by its space map");
        /* What was behind the end of a log that the loss of disks broke stays allocated when the power fails
         * before the txg that renews it. */
        if (a->st->trouble != TROUBLE_LOST)
            all_in(a, i, a->allocated[i], a->taken[i], "allocated, but nothing leads there");
    }
}

/* ---- a tree ---------------------------------------------------------------------------------------------------------- */

static void tree_begin(struct audit *a)
{
    unsigned n = a->p->root->nchildren;
    a->txg = a->p->ub.txg;
    list_init(&a->heads);
    list_init(&a->folders);
    a->taken = calloc(n, sizeof(*a->taken));
    a->allocated = calloc(n, sizeof(*a->allocated));
    check(a->taken && a->allocated);
    for (unsigned i = 0; i < n; i++) {
        a->taken[i] = ranges_new();
        a->allocated[i] = ranges_new();
        check(a->taken[i] && a->allocated[i]);
    }
}

static void tree_end(struct audit *a)
{
    struct head *h, *hn;
    struct folder *f, *fn;
    list_for_each_safe (h, hn, &a->heads, node)
        free(h);
    list_for_each_safe (f, fn, &a->folders, node)
        free(f);
    for (unsigned i = 0; i < a->p->root->nchildren; i++) {
        ranges_free(a->taken[i]);
        ranges_free(a->allocated[i]);
    }
    free(a->taken);
    free(a->allocated);
}

static void tree_check(struct audit *a)
{
    struct head *h;
    const struct folder *f;
    tree_begin(a);
    struct bp_sums mos = walk(a, 0, &a->p->ub.rootbp);
    list_for_each (h, &a->heads, node)
        head_check(a, h);
    a->objset = 0;
    maps_check(a);
    list_for_each (f, &a->folders, node)
        folder_check(a, f, mos);
    tree_end(a);
    a->st->n.trees++;
}

/* The newest tree that is not younger than max_txg (0: any): its txg. */
static uint64_t audit_tree(struct audit *a, uint64_t max_txg)
{
    const char *paths[DISKS_MAX + 1] = {NULL};
    struct err err = {0};
    for (unsigned i = 0; i < a->st->ndisks; i++)
        paths[i] = a->st->paths[i];
    struct pool_import_want want = {.paths = paths,
                                    .name = POOL,
                                    .read_only = true,
                                    .max_txg = max_txg,
                                    .opts = {.cache_bytes = 4 * MIB}};
    if (pool_import(&want, &a->p, &err))
        story_fail("the tree of txg %" PRIu64 " cannot be imported: %s", max_txg, err.msg);
    uint64_t txg = a->p->ub.txg;
    if (max_txg && txg != max_txg)
        story_fail("the tree of txg %" PRIu64 " is not to be found, only %" PRIu64, max_txg,
                   txg);
    tree_check(a);
    pool_close(a->p);
    return txg;
}

void audit_trees(struct story *st)
{
    struct audit a = {.st = st};
    struct sim_stats before, after;
    list_init(&a.images);
    sim_stats(st->run, &before);
    uint64_t newest = audit_tree(&a, 0);
    for (uint64_t i = 1; i < TREES && newest >= TXG_INITIAL + i; i++)
        audit_tree(&a, newest - i);
    sim_stats(st->run, &after);
    if (before.writes != after.writes)
        story_fail("%" PRIu64 " writes by imports that only read",
                   after.writes - before.writes);
    struct image *m, *next;
    list_for_each_safe (m, next, &a.images, node) {
        free(m->bytes);
        free(m->here);
        free(m);
    }
    free(a.read.v);
}
