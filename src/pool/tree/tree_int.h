/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of tree/ share. */
#ifndef POOL_TREE_TREE_INT_H
#define POOL_TREE_TREE_INT_H

#include "pool/tree/tree.h"

#include "base/check.h"

/* ---- dirty records (dirty.c) ------------------------------------------------------------- */

enum dirty_what {
    DIRTY_DATA, /* buf has the content */
    DIRTY_HOLE, /* level 0: the block goes; above: the subtree is gone, what is below is new */
    DIRTY_ADOPTED, /* level 0: the block is on disk already, at *adopted */
};

/* A block that differs from the last committed tree. */
struct dirty {
    struct dirty *kid[2]; /* the treap */
    uint64_t key;         /* dirty_key() */
    uint64_t blkid;
    uint32_t prio;
    uint8_t level;
    uint8_t what;
    bool killed;  /* the block that it replaces was given back when the subtree went */
    bool settled; /* the pointer in its parent says where it goes */
    struct iobuf *buf;
    struct bp *adopted;
    struct squeeze_batch *batch; /* compresses it; NULL: nobody does */
};

struct object {
    struct objset *os;
    uint64_t id;
    struct object *next; /* in its hash chain */
    struct list node;    /* on the objset's list of dirty objects */
    unsigned holds;
    struct dnode_phys dn;        /* as the sync fiber sees it */
    struct dnode_phys committed; /* as readers see it */
    struct dirty *map;
};

#define OBJECT_CHAINS 256u
struct objset {
    struct blocks *blocks;
    const struct objset_ops *ops;
    void *owner;
    struct objset_policy policy;
    uint64_t txg; /* that changes belong to */
    struct bp bp; /* where the objset block is, or will be */
    struct objset_phys phys;
    struct object meta; /* id 0; its dnode replaces phys.meta when that is written */
    struct object *chain[OBJECT_CHAINS];
    struct list dirty; /* objects */
    uint64_t dirty_bytes;
    uint64_t hint;   /* no object below is free */
    uint64_t random; /* state of the treaps' priorities */
    bool is_dirty;
    bool placed;  /* plan: bp is the new place */
    bool written; /* everything is queued: no change until it is committed */
};

/* ---- the shape of an object's tree ------------------------------------------------------- */

static inline uint32_t dn_block_size(const struct dnode_phys *dn)
{
    return (uint32_t)le16_get(dn->dblk_sectors) << SECTOR_SHIFT;
}
static inline unsigned
dn_epbs(const struct dnode_phys *dn) /* log2 of pointers per indirect block */
{
    return dn->indirect_shift - BP_SHIFT;
}
static inline uint64_t dn_max_block(const struct dnode_phys *dn)
{
    return le64_get(dn->maxblkid);
}
/* log2 of the level-0 blocks below one block of the level. */
static inline unsigned span_shift(const struct object *obj, unsigned level)
{
    return dn_epbs(&obj->dn) * level;
}
/* Bytes of a block of the level. */
static inline uint32_t level_size(const struct dnode_phys *dn, unsigned level)
{
    return level > 0 ? 1u << dn->indirect_shift : dn_block_size(dn);
}
static inline struct bp *bps_of(struct iobuf *buf)
{
    return (struct bp *)(void *)buf->p;
}
/* The block size in sectors makes sense, maxblkid is within what the levels can address. */
int dn_sane(struct dnode_phys *dn);
/* Level-0 blocks that the dnode's pointers can reach. */
static inline uint64_t dn_capacity(const struct dnode_phys *dn)
{
    return (uint64_t)dn->nblkptr << (dn_epbs(dn) * (dn->nlevels - 1u));
}

/* ---- dirty.c ----------------------------------------------------------------------------- */

/* Orders blocks of all levels: by the first level-0 block below them, higher levels first. So a
 * subtree is a run. */
static inline uint64_t dirty_key(const struct object *obj, unsigned level, uint64_t blkid)
{
    return blkid << span_shift(obj, level) << 3 | (7u - level);
}
static inline uint64_t dirty_pos(const struct dirty *d) /* the first level-0 block below it */
{
    return d->key >> 3;
}
struct dirty *dirty_find(const struct object *obj, unsigned level, uint64_t blkid);
/* The first record with a key of at least key; NULL: none. */
struct dirty *dirty_from(const struct object *obj, uint64_t key);
/* Records with keys in [from, end), in order, at most so many. Their number. */
unsigned dirty_run(const struct object *obj, uint64_t from, uint64_t end, struct dirty **v,
                   unsigned most);
/* The first one inside the subtree, the subtree's own root left out. */
struct dirty *dirty_below(const struct object *obj, unsigned level, uint64_t blkid);
/* The record, made (as a hole) when there is none; the object is dirty then. NULL: no
 * memory. */
struct dirty *dirty_get(struct object *obj, unsigned level, uint64_t blkid);
/* Gives it content: takes over the reference to buf. */
void dirty_set_data(struct object *obj, struct dirty *d, struct iobuf *buf);
void dirty_set_hole(struct object *obj, struct dirty *d);
/* Forgets the records of a subtree, its root's included. */
void dirty_drop(struct object *obj, unsigned level, uint64_t blkid);
/* Forgets all. May yield, that is park, when told so. */
void dirty_clear(struct object *obj, bool yield);
/* The dnode changes, or something below it. */
void object_dirty(struct object *obj);
/* Makes blkid reachable: more levels. -EFBIG, -ENOMEM. */
int object_grow(struct object *obj, uint64_t blkid);

/* ---- lookup.c ---------------------------------------------------------------------------- */

/* The content of an indirect block, shared. -EBADMSG: bp is no pointer to such a block. */
int tree_read_indirect(struct blocks *b, const struct dnode_phys *dn, unsigned level,
                       const struct bp *bp, struct iobuf **ret_buf);
int tree_read_leaf(struct blocks *b, const struct dnode_phys *dn, const struct bp *bp,
                   struct iobuf **ret_buf);
/* The pointer to a block: in the tree of dn or, with live, in the tree as it is now.
 * *ret_level: where the walk ended; above level: there is a hole there, and the pointer is one
 * too. Parks. */
int tree_lookup(struct blocks *b, const struct dnode_phys *dn, const struct object *live,
                unsigned level, uint64_t blkid, struct bp *ret_bp, unsigned *ret_level);
/* A level-0 block as the sync fiber sees it, shared; NULL: a hole. Parks. */
int live_read(struct object *obj, uint64_t blkid, struct iobuf **ret_buf);
/* The next block from blkid on that is no hole, as the sync fiber sees it; -ENOENT. Parks. */
int live_next(struct object *obj, uint64_t blkid, uint64_t *ret_blkid);

/* ---- ahead.c ----------------------------------------------------------------------------- */

struct ahead {
    struct blocks *b;
    struct waitgroup g;
};
void ahead_begin(struct ahead *a, struct blocks *b);
bool ahead_full(const struct ahead *a);
/* Has the block fetched if it isn't cached. Never parks. */
void ahead_read(struct ahead *a, const struct bp *bp);
void ahead_end(struct ahead *a); /* parks until nothing is under way */

/* ---- objset.c, object.c ------------------------------------------------------------------ */

/* The object if it is in memory. */
struct object *object_find(const struct objset *os, uint64_t id);
/* Takes it out of the objset and frees it: nobody holds it, nothing is dirty. */
void object_forget(struct object *obj);
/* Copies the dnode into its block, which gets dirty. Parks. */
int object_store(struct object *obj);
static inline bool object_is_meta(const struct object *obj)
{
    return obj->id == 0;
}
/* Allocated dnodes in a dnode block of len bytes. */
unsigned dnodes_in(const uint8_t *bytes, size_t len);

/* ---- squeeze.c --------------------------------------------------------------------------- */

/* What compresses the level-0 blocks of one object ahead of its walk. */
struct squeeze {
    struct blocks *b;
    struct block_want want;
    struct list list;
    unsigned batches;
    uint32_t took; /* what became of a block so far, at most; 0: not known */
    uint64_t seen; /* blocks below are compressed, or not dirty */
    struct waitq over;
};
void squeeze_begin(struct squeeze *s, struct blocks *b, const struct block_want *want);
/* Waits, and drops what nobody took. Parks. */
void squeeze_end(struct squeeze *s);
/* The walk is at block `from`. */
void squeeze_ahead(struct squeeze *s, const struct object *obj, uint64_t from);
/* What became of the block, for the caller to free. False: it wasn't compressed ahead. Parks. */
bool squeeze_take(struct dirty *rec, struct squeezed *ret);

/* ---- walk.c ------------------------------------------------------------------------------ */

/* What is to be done with a dirty block once all below it is done. buf: its content (NULL at
 * level 0: none). slot: the pointer to it, to be changed. rec: NULL for an indirect block that
 * is not kept. */
struct walk;
typedef int (*settle_fn)(struct walk *w, unsigned level, struct dirty *rec, struct iobuf *buf,
                         struct bp *slot);
struct walk {
    struct object *obj;
    settle_fn settle;
    struct squeeze *squeeze; /* NULL: nothing is compressed ahead */
    bool keep;               /* indirect blocks on the way become dirty records */
    uint64_t changes;        /* pointers that changed so far */
};
/* Visits everything dirty bottom up, in order of offset. Parks. */
int walk_object(struct walk *w);
/* Replaces the pointer in slot: counts, tells the owner. new: a hole makes a hole by the rules.
 * Parks. */
int walk_replace(struct walk *w, unsigned level, const struct dirty *rec, struct bp *slot,
                 const struct bp *new);
struct block_want want_of(const struct object *obj, unsigned level);
uint64_t fill_of(const struct object *obj, unsigned level, const struct iobuf *buf);
bool all_holes(const struct object *obj, const struct iobuf *buf);
/* The owner learns; the object's `used` follows. Parks. */
int object_kill(struct object *obj, const struct bp *bp);
void object_born(struct object *obj, const struct bp *bp);

/* ---- free.c ------------------------------------------------------------------------------ */

/* Gives back everything below the dnode, at once; nothing stays dirty. */
int object_kill_all(struct object *obj);

#endif
