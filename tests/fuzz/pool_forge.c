/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks are nodes of a tree, parents before children: the objset of the MOS, its dnodes and objects, the objsets of the
 * datasets that its dnodes name, the chains of their intent logs. Data of volumes are left out, for sealed changes of them
 * are nothing but other data. A change works on a node's decompressed content; afterwards every touched node, children
 * first, is compressed, checksummed and written to its place, and its pointer goes into its parent. A block that doesn't
 * fit its place any more moves to the end of the disk, uncompressed, where the pool has nothing.
 *
 * The headers of a gang are nodes too, below the block that they stand for, be it a volume's data. When one of them or the
 * block was changed, the block's bytes go to the parts as they were, then each header, innermost first, gets the checksums of
 * what its pointers name now, and its own; at last the block that of what somebody reads who follows them.
 *
 * A change is eight bytes: what, which object (counted), which of its blocks, where (two), and three of argument.
 */
#include "pool_forge.h"

#include "base/check.h"
#include "pool/block/block_int.h"
#include "pool/format/checksum.h"
#include "pool/format/compress.h"
#include "pool/format/dnode.h"
#include "pool/format/nv.h"
#include "pool/format/zil.h"

#include <stdlib.h>
#include <string.h>

#define NODES_MAX 4096u
#define LOGS_MAX  32u
#define SLOT_BP   40u /* of the root pointer in an uberblock */

/* ---- the disks ------------------------------------------------------------------------------------------ */

static void disk_write(struct forge *f, unsigned d, uint64_t off, const void *bytes,
                       uint32_t len)
{
    if (off > f->disk[d].size || len > f->disk[d].size - off)
        return;
    if (f->nundo == f->undo_room) {
        f->undo_room = f->undo_room * 2 + 64;
        f->undo = realloc(f->undo, f->undo_room * sizeof(*f->undo));
        check(f->undo);
    }
    struct forge_undo *u = &f->undo[f->nundo++];
    *u = (struct forge_undo){d, off, len, malloc(len + 1)};
    check(u->old);
    memcpy(u->old, f->disk[d].bytes + off, len);
    memcpy(f->disk[d].bytes + off, bytes, len);
}

void forge_undo(struct forge *f)
{
    while (f->nundo > 0) {
        struct forge_undo *u = &f->undo[--f->nundo];
        memcpy(f->disk[u->disk].bytes + u->off, u->old, u->len);
        free(u->old);
    }
    for (unsigned i = 0; i < f->nnodes; i++) {
        struct forge_node *n = &f->node[i];
        if (n->touched)
            memcpy(n->content, n->base, n->lsize);
        n->bp = n->base_bp;
        n->touched = false;
    }
    memset(f->ub_word, 0, sizeof(f->ub_word));
    f->tainted = 0;
    f->spare = f->disk[0].size - LABEL_BACK - LABEL_FRONT;
    f->first_disk_only = false;
}

/* ---- taking apart --------------------------------------------------------------------------------------- */

static bool block_decode(const struct bp *bp, const uint8_t *raw, uint8_t *ret)
{
    static struct compress_state *st;
    if (!st)
        check(st = compress_state_new());
    if (bp_compress(bp) != ZCOMP_OFF)
        return decompress_block(st, bp_compress(bp), raw, bp_psize(bp), ret, bp_lsize(bp)) == 0;
    memcpy(ret, raw, bp_lsize(bp));
    return true;
}

/* A place on the first disk, which has everything; NULL: there is no such. */
static uint8_t *place(const struct forge *f, const struct dva *dva, uint32_t len)
{
    const uint64_t room = f->disk[0].size - LABEL_FRONT;
    if (dva->vdev != 0 || dva->off > room || len > room - dva->off)
        return NULL;
    return f->disk[0].bytes + LABEL_FRONT + dva->off;
}

/* psize bytes, of gangs too, as the disk has them now. */
static bool raw_fetch(const struct forge *f, const struct bp *bp, unsigned depth, uint8_t *ret)
{
    const struct dva dva = bp_dva(bp, 0);
    struct gang_header h;
    if (bp_is_hole(bp) || bp_is_embedded(bp) || bp_psize(bp) > BLOCK_MAX_READ)
        return false;
    const uint32_t len = dva.gang ? GANG_HEADER : bp_psize(bp);
    const uint8_t *at = place(f, &dva, len);
    if (!at)
        return false;
    memcpy(dva.gang ? (uint8_t *)&h : ret, at, len);
    if (!dva.gang)
        return true;
    if (depth > GANG_DEPTH_MAX || !gang_header_fits(&h, bp))
        return false;
    for (unsigned c = 0; c < GANG_CHILDREN; ret += bp_psize(&h.child[c++]))
        if (!bp_is_hole(&h.child[c]) && !raw_fetch(f, &h.child[c], depth + 1, ret))
            return false;
    return true;
}

static bool block_fetch(const struct forge *f, const struct bp *bp, uint8_t *ret)
{
    static uint8_t raw[BLOCK_MAX_READ];
    uint8_t payload[112];
    if (bp_is_embedded(bp)) {
        bp_embedded_payload(bp, payload);
        return block_decode(bp, payload, ret);
    }
    return raw_fetch(f, bp, 0, raw) && block_decode(bp, raw, ret);
}

static struct forge_node *node_new(struct forge *f, int parent, uint32_t at,
                                   const struct bp *bp, uint32_t lsize)
{
    if (f->nnodes == NODES_MAX)
        return NULL;
    if (f->nnodes == f->room) {
        f->room = f->room * 2 + 64;
        f->node = realloc(f->node, f->room * sizeof(*f->node));
        check(f->node);
    }
    struct forge_node *n = &f->node[f->nnodes++];
    *n = (struct forge_node){
        .parent = parent, .at = at, .bp = *bp, .base_bp = *bp, .lsize = lsize};
    n->content = malloc(n->lsize);
    n->base = malloc(n->lsize);
    check(n->content && n->base);
    return n;
}

static int node_add(struct forge *f, int parent, uint32_t at, const struct bp *bp)
{
    struct forge_node *n = node_new(f, parent, at, bp, bp_lsize(bp));
    if (n && block_fetch(f, bp, n->content)) {
        memcpy(n->base, n->content, n->lsize);
        return (int)f->nnodes - 1;
    }
    if (n) {
        free(n->content);
        free(n->base);
        f->nnodes--;
    }
    return -1;
}

/* The headers of a block that could be read; where: the block's. */
static void headers_add(struct forge *f, int parent, uint32_t at, const struct bp *bp,
                        struct forge_node where)
{
    const struct dva dva = bp_dva(bp, 0);
    const uint8_t *disk = place(f, &dva, GANG_HEADER);
    struct forge_node *n = disk ? node_new(f, parent, at, bp, GANG_HEADER) : NULL;
    const int i = (int)f->nnodes - 1;
    struct gang_header h;
    if (!n)
        return;
    memcpy(&h, disk, GANG_HEADER);
    memcpy(n->content, &h, GANG_HEADER);
    memcpy(n->base, &h, GANG_HEADER);
    n->header = true;
    n->objset = where.objset;
    n->object = where.object;
    n->blkid = where.blkid;
    n->level = where.level;
    for (unsigned c = 0; c < GANG_CHILDREN; c++)
        if (bp_dva(&h.child[c], 0).gang)
            headers_add(f, i, c * BP_SIZE, &h.child[c], where);
}

static void visit(struct forge *f, int parent, uint32_t at, const struct bp *bp,
                  struct forge_node where);

static void visit_pointers(struct forge *f, int i, uint32_t at, unsigned n,
                           struct forge_node where)
{
    uint64_t first = where.blkid;
    for (unsigned k = 0; k < n; k++) {
        struct bp bp;
        memcpy(&bp, f->node[i].base + at + k * BP_SIZE, BP_SIZE);
        where.blkid = first + k;
        if (!bp_is_hole(&bp))
            visit(f, i, at + k * BP_SIZE, &bp, where);
    }
}

static void visit_log(struct forge *f, int parent, uint32_t at, unsigned objset)
{
    for (unsigned k = 0; parent >= 0 && k < LOGS_MAX; k++) {
        struct bp bp;
        memcpy(&bp, f->node[parent].base + at, BP_SIZE);
        if (bp_is_hole(&bp) || bp_type(&bp) != DMU_INTENT_LOG)
            return;
        parent = node_add(f, parent, at, &bp);
        at = 8;
        if (parent < 0)
            return;
        f->node[parent].objset = objset;
        f->node[parent].log = true;
        f->node[parent].blkid = k;
    }
}

static void visit_dnode(struct forge *f, int i, uint32_t at, struct forge_node where)
{
    struct dnode_phys dn;
    memcpy(&dn, f->node[i].base + at, sizeof(dn));
    if (dn.type == DMU_NONE || dnode_check(&dn, NULL) != 0)
        return;
    where.blkid = 0;
    where.level = 0;
    if (dn.type != DMU_ZVOL || dn.nlevels > 1) /* data that hang on the dnode itself */
        visit_pointers(f, i, at + DNODE_CORE, dn.nblkptr, where);
    if (where.objset != 0 || dn.bonus_type != DMU_DSL_DATASET || f->nobjsets == FORGE_OBJSETS)
        return;
    struct dsl_dataset_phys ds;
    memcpy(&ds, dnode_bonus(&dn), sizeof(ds));
    if (bp_is_hole(&ds.bp))
        return;
    f->dataset[f->nobjsets] = where.object;
    struct forge_node inside = {.objset = f->nobjsets++};
    visit(f, i,
          at + DNODE_CORE + dn.nblkptr * BP_SIZE +
              (uint32_t)offsetof(struct dsl_dataset_phys, bp),
          &ds.bp, inside);
}

static void visit(struct forge *f, int parent, uint32_t at, const struct bp *bp,
                  struct forge_node where)
{
    const bool gang = bp_dva(bp, 0).gang;
    if (bp_type(bp) == DMU_ZVOL && bp_level(bp) == 0 && !gang)
        return;
    int i = node_add(f, parent, at, bp);
    if (i < 0)
        return;
    where.level = bp_level(bp);
    f->node[i].objset = where.objset;
    f->node[i].object = where.object;
    f->node[i].blkid = where.blkid;
    f->node[i].level = where.level;
    if (gang)
        headers_add(f, i, 0, bp, where);
    if (where.level > 0) {
        where.blkid *= f->node[i].lsize / BP_SIZE;
        visit_pointers(f, i, 0, f->node[i].lsize / BP_SIZE, where);
    } else if (bp_type(bp) == DMU_OBJSET) {
        visit_dnode(f, i, 0, where);
        visit_log(f, i, (uint32_t)offsetof(struct objset_phys, zil.log), where.objset);
    } else if (bp_type(bp) == DMU_DNODE) {
        uint64_t first = where.blkid * DNODES_PER_BLOCK;
        for (unsigned k = 0; k < DNODES_PER_BLOCK; k++) {
            where.object = first + k;
            visit_dnode(f, i, k * DNODE_SIZE, where);
        }
    }
}

/* The places of uberblocks in the labels, ashift 9: calls fn for each that is valid. */
static void each_uberblock(struct forge *f,
                           void (*fn)(struct forge *f, unsigned d, uint64_t off,
                                      const struct uberblock *ub))
{
    uint32_t slot = uberblock_slot_size(ASHIFT_MIN);
    for (unsigned d = 0; d < f->ndisks; d++)
        for (unsigned l = 0; l < LABELS; l++)
            for (uint32_t at = 0; at < LABEL_RING_SIZE; at += slot) {
                struct uberblock ub;
                uint64_t off = label_off(label_psize(f->disk[d].size), l) + LABEL_RING_OFF + at;
                if (uberblock_parse(f->disk[d].bytes + off, slot, off, &ub))
                    fn(f, d, off, &ub);
            }
}

static void keep_best(struct forge *f, unsigned d, uint64_t off, const struct uberblock *ub)
{
    (void)d, (void)off;
    if (f->ub.txg == 0 || uberblock_better(ub, &f->ub))
        f->ub = *ub;
}

/* All headers of an objset count as one. */
static bool same_object(const struct forge_node *a, const struct forge_node *b)
{
    return a->objset == b->objset && a->header == b->header &&
           (a->header || (a->object == b->object && a->log == b->log));
}

static void group(struct forge *f)
{
    for (unsigned i = 0; i < f->nnodes; i++) {
        unsigned k = 0;
        while (!same_object(&f->node[k], &f->node[i]))
            k++;
        f->node[i].group = k < i ? f->node[k].group : f->ngroups++;
    }
}

void forge_open(struct forge *f)
{
    each_uberblock(f, keep_best);
    check(f->ub.txg);
    f->nobjsets = 1;
    visit(f, -1, SLOT_BP, &f->ub.rootbp, (struct forge_node){0});
    check(f->nnodes > 1);
    group(f);
    forge_undo(f);
}

/* ---- what depends on a change --------------------------------------------------------------------------- */

static void taint(struct forge *f, const struct forge_node *n, uint32_t off, uint32_t len)
{
    if (n->objset != 0) {
        f->tainted |= f->depend(f->arg, f->dataset[n->objset]);
        return;
    }
    if (n->object != 0) {
        f->tainted |= f->depend(f->arg, n->object);
        return;
    }
    if (n->level > 0 || n->header || bp_type(&n->base_bp) == DMU_OBJSET) {
        f->tainted = UINT32_MAX;
        return;
    }
    for (uint32_t k = off / DNODE_SIZE; k <= (off + len - 1) / DNODE_SIZE; k++)
        f->tainted |= f->depend(f->arg, n->blkid * DNODES_PER_BLOCK + k);
}

static void put(struct forge *f, struct forge_node *n, uint32_t off, const void *bytes,
                uint32_t len)
{
    off %= n->lsize;
    len = MIN(len, n->lsize - off);
    memcpy(n->content + off, bytes, len);
    n->touched = true;
    taint(f, n, off, len);
}

/* ---- the changes ------------------------------------------------------------------------------------------ */

/* Numbers that tend to be trouble; small ones are objects, types, levels. */
static uint64_t special(const uint8_t *c)
{
    static const uint64_t values[] = {
        UINT64_MAX, 1ull << 63, INT64_MAX,  1ull << 32, UINT32_MAX, 1ull << 56,
        1ull << 48, 1ull << 40, 128u << 10, 1u << 20,   64u << 20,  1u << 24,
        1ull << 31, 512,        4096,       1000000,
    };
    if (c[0] < 160)
        return c[0] | (uint64_t)(c[0] & 1 ? 0 : c[1]) << 8;
    return values[c[0] % ARRAY_LEN(values)] + (uint64_t)(int64_t)(int8_t)c[1];
}

static void put_word(struct forge *f, struct forge_node *n, uint32_t off, uint64_t v)
{
    le64 w = le64_make(v);
    put(f, n, off / 8 * 8, &w, 8);
}

static uint64_t get_word(const struct forge_node *n, uint32_t off)
{
    le64 w;
    memcpy(&w, n->content + off % n->lsize / 8 * 8, 8);
    return le64_get(w);
}

/* Where the at-th pointer of a node stands; false: it has none. */
static bool pointer_at(const struct forge_node *n, uint32_t at, uint32_t *ret)
{
    if (n->log) {
        *ret = 8;
    } else if (n->header) {
        *ret = at % GANG_CHILDREN * BP_SIZE;
    } else if (n->level > 0) {
        *ret = at % (n->lsize / BP_SIZE) * BP_SIZE;
    } else if (bp_type(&n->base_bp) == DMU_OBJSET) {
        *ret = at % 2 ? (uint32_t)offsetof(struct objset_phys, zil.log) : DNODE_CORE;
    } else if (bp_type(&n->base_bp) == DMU_DNODE) {
        const uint32_t slot = at % (n->lsize / DNODE_SIZE) * DNODE_SIZE;
        *ret = slot + DNODE_CORE + at / 64 % 3 * BP_SIZE;
        if (n->content[slot + 4] == DMU_DSL_DATASET && at & 32)
            *ret = slot + DNODE_CORE + n->content[slot + 3] % 3 * BP_SIZE +
                   (uint32_t)offsetof(struct dsl_dataset_phys, bp);
    } else {
        *ret = at % MAX(n->lsize / BP_SIZE, 1u) * BP_SIZE; /* what a bpobj lists */
    }
    return *ret + BP_SIZE <= n->lsize;
}

static void do_byte(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    put(f, n, off, c, 1);
}

static void do_bit(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    uint8_t b = n->content[off % n->lsize] ^ (uint8_t)(1u << (c[0] & 7));
    put(f, n, off, &b, 1);
}

static void do_word(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    put_word(f, n, off, special(c));
}

static void do_add(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    put_word(f, n, off,
             get_word(n, off) + (uint64_t)(int64_t)(int8_t)c[0] * (c[1] & 1 ? 1 : 512));
}

/* Another node's pointer in the place of one. */
static void do_pointer(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    uint32_t at;
    if (pointer_at(n, off, &at))
        put(f, n, at, &f->node[(c[0] | c[1] << 8) % (int)f->nnodes].base_bp, BP_SIZE);
}

/* A field of a pointer: shift and bits within one of its words. */
static void do_pointer_field(struct forge *f, struct forge_node *n, uint32_t off,
                             const uint8_t *c)
{
    static const struct {
        uint8_t word, shift, bits;
    } fields[] = {
        {6,  0,  16},
        {6,  16, 16},
        {6,  25, 7 },
        {6,  32, 7 },
        {6,  39, 1 },
        {6,  40, 8 },
        {6,  48, 8 },
        {6,  56, 5 },
        {6,  61, 3 },
        {0,  0,  24},
        {0,  32, 32},
        {1,  0,  63},
        {1,  63, 1 },
        {2,  0,  24},
        {3,  0,  63},
        {9,  0,  64},
        {10, 0,  64},
        {11, 0,  64},
        {12, 0,  64},
        {15, 0,  64},
    };
    uint32_t at;
    if (!pointer_at(n, off, &at))
        return;
    const unsigned k = c[0] % ARRAY_LEN(fields);
    uint64_t mask = fields[k].bits == 64 ? UINT64_MAX : (1ull << fields[k].bits) - 1;
    uint64_t w = get_word(n, at + fields[k].word * 8u);
    w &= ~(mask << fields[k].shift);
    w |= (special(c + 1) & mask) << fields[k].shift;
    put_word(f, n, at + fields[k].word * 8u, w);
}

/* The head of a dnode. */
static void do_dnode(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    const uint32_t slot =
        n->lsize >= DNODE_SIZE ? off % (n->lsize / DNODE_SIZE) * DNODE_SIZE : 0;
    if (c[0] & 1)
        put(f, n, slot + c[0] / 2 % 24, c + 1, 1);
    else
        put_word(f, n, slot + 16 + c[0] / 2 % 2 * 8u, special(c + 1));
}

/* A word of what stands in a dnode's bonus: directories, datasets, counters of maps and lists. */
static void do_bonus(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    const uint32_t slot =
        n->lsize >= DNODE_SIZE ? off % (n->lsize / DNODE_SIZE) * DNODE_SIZE : 0;
    const uint32_t at = slot + DNODE_CORE + n->content[slot + 3] % 4 * BP_SIZE + c[0] % 40 * 8u;
    if (at + 8 <= n->lsize)
        put_word(f, n, at, special(c + 1));
}

/* One dnode, or as much of anything else, over another one. */
static void do_move(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    uint8_t bytes[DNODE_SIZE];
    uint32_t unit = c[2] & 1 ? 64 : DNODE_SIZE, many = n->lsize / unit;
    if (many == 0)
        return;
    memcpy(bytes, n->content + (uint32_t)(c[0] | c[1] << 8) % many * unit, unit);
    put(f, n, off % many * unit, bytes, unit);
}

/* The value of a micro ZAP's entry; the same places are words of other tables. */
static void do_entry(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    put_word(f, n, (off * 64 + (c[2] & 1 ? 64 : 0)) % n->lsize, special(c));
}

/* To the end of the block: one byte over and over. */
static void do_rest(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    static uint8_t bytes[BLOCK_MAX_READ];
    off %= n->lsize;
    memset(bytes, c[0] & 1 ? c[1] : 0, n->lsize - off);
    put(f, n, off, bytes, n->lsize - off);
}

/* Not sealed: what a bad disk does. A log just ends where a block of it is bad: nobody can know that there was more. */
static void do_rot(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    struct dva dva = bp_dva(&n->base_bp, 0);
    const uint32_t len = dva.gang ? GANG_HEADER : bp_psize(&n->base_bp);
    if (bp_ndvas(&n->base_bp) == 0)
        return;
    if (n->log)
        taint(f, n, 0, 1);
    for (unsigned d = 0; d < f->ndisks; d++) {
        uint64_t at = LABEL_FRONT + dva.off + off % len;
        uint8_t b = f->disk[d].bytes[at] ^ (c[1] | 1);
        if (c[0] & 1u << d)
            disk_write(f, d, at, &b, 1);
    }
}

static void do_uberblock(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    (void)n;
    off %= ARRAY_LEN(f->ub_word);
    f->ub_word[off] = c[2] & 1 ? 1ull << (c[0] & 63) : special(c) | 1;
    f->tainted = UINT32_MAX;
}

static void do_first_disk(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    (void)n, (void)off, (void)c;
    f->first_disk_only = true;
}

/* ---- configurations ------------------------------------------------------------------------------------------ */

/* The n-th pair of a list and all lists below it; NULL: there are fewer. */
static const char *nv_pair(struct nv *nv, unsigned *n, struct nv **ret_list)
{
    const char *key;
    for (unsigned i = 0; (key = nv_key(nv, i)); i++) {
        struct nv *below, *const *many;
        unsigned count = 0;
        const char *found = NULL;
        if ((*n)-- == 0) {
            *ret_list = nv;
            return key;
        }
        if (nv_get_nv(nv, key, &below))
            found = nv_pair(below, n, ret_list);
        else if (nv_get_nvs(nv, key, &many, &count))
            for (unsigned k = 0; !found && k < count; k++)
                found = nv_pair(many[k], n, ret_list);
        if (found)
            return found;
    }
    return NULL;
}

static void nv_change(struct nv *nv, uint32_t which, const uint8_t *c)
{
    static const char *const words[] = {
        "mirror", "raidz", "disk", "file",     "replacing", "spare", "hole", "missing", "root",
        "draid",  "",      "/d1",  "indirect", "/d0",       "log",   "/s0",  "/s1"};
    unsigned total = UINT16_MAX, n;
    struct nv *list = NULL;
    uint64_t v;
    const char *text;
    nv_pair(nv, &total, &list);
    total = UINT16_MAX - total;
    n = which % MAX(total, 1u);
    const char *key = nv_pair(nv, &n, &list);
    if (!key)
        return;
    char name[256];
    strncpy(name, key, sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    if (c[2] & 1)
        nv_remove(list, name);
    else if (nv_get_str(list, name, &text))
        nv_add_str(list, name, words[c[0] % ARRAY_LEN(words)]);
    else if (nv_get_u64(list, name, &v))
        nv_add_u64(list, name, c[2] & 2 ? special(c) : v + (uint64_t)(int64_t)(int8_t)c[0]);
    else if (c[2] & 2)
        nv_add_u64(list, name, special(c));
}

/* The configuration in the labels of a disk, in all of them or one. */
static void do_label(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    static uint8_t bytes[LABEL_CONFIG_SIZE];
    const unsigned d = c[2] >> 2 & (FORGE_DISKS - 1), only = c[2] >> 4;
    (void)n;
    for (unsigned l = 0; d < f->ndisks && l < LABELS; l++) {
        const uint64_t at = label_off(label_psize(f->disk[d].size), l);
        struct nv *nv;
        if ((only & 8 && l != (only & 3)) ||
            label_config_parse(f->disk[d].bytes + at + LABEL_CONFIG_OFF, at, &nv, NULL) != 0)
            continue;
        nv_change(nv, off, c);
        if (label_config_seal(nv, at, bytes) == 0)
            disk_write(f, d, at + LABEL_CONFIG_OFF, bytes, LABEL_CONFIG_SIZE);
        nv_free(nv);
    }
}

/* The n-th block of a kind; NULL: there is none. */
static struct forge_node *of_type(struct forge *f, unsigned type, unsigned n)
{
    unsigned many = 0;
    for (unsigned i = 0; i < f->nnodes; i++)
        many += bp_type(&f->node[i].base_bp) == type && !f->node[i].header;
    n %= MAX(many, 1u);
    for (unsigned i = 0; i < f->nnodes; i++)
        if (bp_type(&f->node[i].base_bp) == type && !f->node[i].header && n-- == 0)
            return &f->node[i];
    return NULL;
}

/* Those in the MOS: of the pool, of its spares. */
static void do_config(struct forge *f, struct forge_node *n, uint32_t off, const uint8_t *c)
{
    uint8_t *bytes;
    size_t len;
    struct nv *nv;
    n = of_type(f, DMU_PACKED_NVLIST, (unsigned)(n - f->node));
    if (!n || nv_parse(n->content, n->lsize, &nv, NULL) != 0)
        return;
    nv_change(nv, off, c);
    if (nv_pack(nv, &bytes, &len) == 0) {
        put(f, n, 0, bytes, (uint32_t)MIN(len, n->lsize));
        free(bytes);
    }
    nv_free(nv);
}

static void (*const kinds[])(struct forge *f, struct forge_node *n, uint32_t off,
                             const uint8_t *c) = {
    do_byte,      do_bit,   do_word,   do_add,        do_pointer, do_pointer_field,
    do_dnode,     do_bonus, do_move,   do_entry,      do_rest,    do_rot,
    do_uberblock, do_label, do_config, do_first_disk,
};

/* ---- sealing ------------------------------------------------------------------------------------------------- */

/* A log block carries its own checksum, over what it says is used. */
static void log_seal(struct forge_node *n)
{
    const uint32_t sum_at = ZIL_BLOCK_HEADER - 32;
    uint64_t used = get_word(n, 8 + BP_SIZE);
    struct cksum sum = bp_cksum(&n->bp);
    for (unsigned i = 0; i < 4; i++) {
        le64 w = le64_make(sum.w[i]);
        memcpy(n->content + sum_at + i * 8, &w, 8);
    }
    used = used >= ZIL_BLOCK_HEADER && used <= n->lsize ? used : n->lsize;
    sum = cksum_fletcher4(n->content, MIN(round_up(used, ZIL_BLOCK_MIN), n->lsize));
    for (unsigned i = 0; i < 4; i++) {
        le64 w = le64_make(sum.w[i]);
        memcpy(n->content + sum_at + i * 8, &w, 8);
    }
}

/* Content that doesn't fit: to a place of its own, uncompressed. */
static void move_away(struct forge *f, struct forge_node *n)
{
    const struct bp_props props = {
        .lsize = n->lsize,
        .psize = n->lsize,
        .type = (uint8_t)bp_type(&n->base_bp),
        .level = (uint8_t)bp_level(&n->base_bp),
        .compress = ZCOMP_OFF,
        .checksum = ZCHECK_FLETCHER4,
    };
    f->spare -= round_up(n->lsize, 4096);
    bp_make(&n->bp, &props, bp_birth(&n->base_bp));
    bp_set_fill(&n->bp, bp_fill(&n->base_bp));
    bp_set_dva(&n->bp, 0, &(struct dva){.off = f->spare, .asize = n->lsize});
}

static void copies_write(struct forge *f, const struct bp *bp, const uint8_t *raw, uint32_t len)
{
    for (unsigned i = 0; i < bp_ndvas(bp); i++)
        for (unsigned d = 0; d < (f->first_disk_only ? 1 : f->ndisks); d++)
            if (!f->disk[d].spare)
                disk_write(f, d, LABEL_FRONT + bp_dva(bp, i).off, raw, len);
}

/* The header below a block, or a header's pointer; NULL: it has none. They come right after their block. */
static struct forge_node *header_below(const struct forge *f, const struct forge_node *n,
                                       uint32_t at)
{
    const int parent = (int)(n - f->node);
    for (unsigned i = (unsigned)parent + 1; i < f->nnodes && f->node[i].header; i++)
        if (f->node[i].parent == parent && f->node[i].at == at)
            return &f->node[i];
    return NULL;
}

/* To the parts, as they were. */
static void gang_scatter(struct forge *f, const struct forge_node *header, const uint8_t *raw)
{
    struct gang_header h;
    memcpy(&h, header->base, sizeof(h));
    for (unsigned c = 0; c < GANG_CHILDREN; raw += bp_psize(&h.child[c++])) {
        const struct forge_node *below = header_below(f, header, c * BP_SIZE);
        if (below)
            gang_scatter(f, below, raw);
        else if (!bp_is_hole(&h.child[c]))
            copies_write(f, &h.child[c], raw, bp_psize(&h.child[c]));
    }
}

/* bp: what names the header now; it stays at its place. */
static void headers_seal(struct forge *f, struct forge_node *header, const struct bp *bp)
{
    static uint8_t raw[BLOCK_MAX_READ];
    const struct dva dva = bp_dva(bp, 0);
    const struct cksum verifier = {
        {dva.vdev, dva.off, bp_phys_birth(bp), 0}
    };
    struct gang_header h;
    struct cksum sum;
    memcpy(&h, header->content, sizeof(h));
    for (unsigned c = 0; c < GANG_CHILDREN; c++) {
        struct forge_node *below = header_below(f, header, c * BP_SIZE);
        struct bp *child = &h.child[c];
        if (below)
            headers_seal(f, below, child);
        if (raw_fetch(f, child, 1, raw) &&
            cksum_compute(bp_checksum(child), raw, bp_psize(child), &sum))
            bp_set_cksum(child, &sum);
    }
    cksum_seal(&h, sizeof(h), &verifier);
    memcpy(header->content, &h, sizeof(h));
    header->touched = true; /* so that it is undone */
    copies_write(f, &header->base_bp, header->content, GANG_HEADER);
}

/* Returns the bytes that are to be checksummed: raw, or what the headers lead to by now. */
static const uint8_t *raw_store(struct forge *f, struct forge_node *n, const uint8_t *raw)
{
    static uint8_t read[BLOCK_MAX_READ];
    struct forge_node *header = bp_dva(&n->bp, 0).gang ? header_below(f, n, 0) : NULL;
    if (!header) {
        copies_write(f, &n->bp, raw, bp_psize(&n->bp));
        return raw;
    }
    gang_scatter(f, header, raw);
    headers_seal(f, header, &n->bp);
    return raw_fetch(f, &n->bp, 0, read) ? read : raw;
}

static void node_store(struct forge *f, struct forge_node *n)
{
    static struct compress_state *st;
    static uint8_t packed[BLOCK_MAX_READ];
    const uint8_t *raw = n->content;
    struct cksum sum;
    if (!st)
        check(st = compress_state_new());
    if (n->log)
        log_seal(n);
    size_t len = bp_compress(&n->bp) == ZCOMP_LZ4 && !bp_is_embedded(&n->bp)
                     ? compress_lz4(st, n->content, n->lsize, packed, bp_psize(&n->bp))
                     : 0;
    if (len > 0) {
        memset(packed + len, 0, bp_psize(&n->bp) - len);
        raw = packed;
    } else if (bp_compress(&n->bp) != ZCOMP_OFF || bp_is_embedded(&n->bp)) {
        move_away(f, n);
    }
    raw = raw_store(f, n, raw);
    if (!n->log && cksum_compute(bp_checksum(&n->bp), raw, bp_psize(&n->bp), &sum))
        bp_set_cksum(&n->bp, &sum);
}

static void uberblock_store(struct forge *f, unsigned d, uint64_t off,
                            const struct uberblock *ub)
{
    uint8_t slot[1024];
    check(sizeof(slot) == uberblock_slot_size(ASHIFT_MIN));
    if (ub->txg != f->ub.txg)
        return;
    memcpy(slot, f->disk[d].bytes + off, sizeof(slot));
    memcpy(slot + SLOT_BP, &f->node[0].bp, BP_SIZE);
    for (unsigned i = 0; i < ARRAY_LEN(f->ub_word); i++)
        for (unsigned k = 0; k < 8; k++)
            slot[i * 8 + k] ^= (uint8_t)(f->ub_word[i] >> 8 * k);
    cksum_seal(slot, sizeof(slot), &(struct cksum){{off}});
    disk_write(f, d, off, slot, sizeof(slot));
}

static void seal(struct forge *f)
{
    for (unsigned i = f->nnodes; i-- > 0;) {
        struct forge_node *n = &f->node[i];
        if (!n->touched)
            continue;
        if (n->header) { /* sealed with its block */
            f->node[n->parent].touched = true;
            continue;
        }
        node_store(f, n);
        if (n->parent < 0 || memcmp(&n->bp, &n->base_bp, BP_SIZE) == 0)
            continue;
        struct forge_node *up = &f->node[n->parent];
        memcpy(up->content + n->at, &n->bp, BP_SIZE);
        up->touched = true;
    }
    each_uberblock(f, uberblock_store);
}

/* ---- choosing ------------------------------------------------------------------------------------------------ */

static struct forge_node *choose(struct forge *f, unsigned object, unsigned block)
{
    unsigned blocks = 0;
    object %= f->ngroups;
    for (unsigned i = 0; i < f->nnodes; i++)
        blocks += f->node[i].group == object;
    block %= blocks;
    for (unsigned i = 0;; i++)
        if (f->node[i].group == object && block-- == 0)
            return &f->node[i];
}

void forge_apply(struct forge *f, const uint8_t *input, size_t len)
{
    for (; len >= FORGE_CHANGE; input += FORGE_CHANGE, len -= FORGE_CHANGE) {
        struct forge_node *n = choose(f, input[1], input[2]);
        kinds[input[0] % ARRAY_LEN(kinds)](f, n, (uint32_t)(input[3] | input[4] << 8),
                                           input + 5);
    }
    seal(f);
}
