/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of decompressed blocks: S3-FIFO (Yang and others, "FIFO queues are all you need for
 * cache eviction", SOSP 2023). A new block enters a small queue of a tenth of the budget. One
 * that was used again by the time it reaches the end moves to the main queue; the others leave,
 * and only their names stay in a ghost queue for a while: a block that is read again while its
 * name is there goes to the main queue at once. The main queue gives each block as many more
 * rounds as it was used, at most three. So a scan, of any length, passes through the small
 * queue and never pushes out what is used again and again, and a hit costs no more than a
 * counter: nothing is moved, as it would be in an LRU or ARC.
 *
 * A name is where the first copy lies, when it was written, and enough of the pointer
 * (properties, a word of the checksum) that a forged pointer to the same place is another name.
 * Blocks never change, so there is nothing to invalidate.
 *
 * An entry is in one of five states: being read by a fiber (others that want it wait on it), in
 * the small or the main queue or leaving with the txg (it has a buffer), or a ghost. The cache
 * itself never parks but for cache_wait().
 */
#include "pool/block/block_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

enum place { PLACE_READING, PLACE_SMALL, PLACE_MAIN, PLACE_LEAVING, PLACE_GHOST, PLACES };

#define SMALL_SHARE     10u /* the small queue's part of the budget is 1 / this */
#define STEPS_IDLE      8u
#define BYTES_PER_CHAIN 8192u /* of the budget: as many hash chains */
#define CHAINS_MIN      256u

struct name {
    uint64_t w[5];
};

struct cache_entry {
    struct cache_entry *next; /* in its chain */
    struct list node;         /* in its queue */
    struct name name;
    struct iobuf *buf; /* NULL while it is read, and of a ghost */
    uint32_t bytes;    /* of the buffer; what a ghost had */
    uint8_t place, uses;
    bool prefetched;    /* and not used yet */
    struct waitq *done; /* while it is read */
    struct cache_link *link;
    uint8_t *link_uses; /* counted by who holds the link */
};

struct cache {
    struct cache_entry **chains;
    size_t nchains; /* a power of two */
    struct list queue[PLACES];
    uint64_t bytes[PLACES];
    struct cache_stats stats;
};

/* ---- names ------------------------------------------------------------------------------- */

static struct name name_of(const struct bp *bp)
{
    return (struct name){
        {bp_word(bp, 0), bp_word(bp, 1), bp_phys_birth(bp), bp_word(bp, 6), bp_word(bp, 12)}
    };
}

static bool name_equal(const struct name *a, const struct name *b)
{
    uint64_t diff = 0;
    for (unsigned i = 0; i < ARRAY_LEN(a->w); i++)
        diff |= a->w[i] ^ b->w[i];
    return diff == 0;
}

/* Blocks that lie side by side, of about one size, have chains that share a line of the processor's cache: what is written in
 * a row is freed in a row, too. */
static struct cache_entry **chain_of(const struct cache *c, const struct name *n)
{
    unsigned size = 31u - (unsigned)__builtin_clz((unsigned)(n->w[0] & DVA_ASIZE_MASK) | 1);
    uint64_t at = n->w[1] >> size;
    uint64_t h = n->w[0] * 0x9e3779b97f4a7c15ull ^ at >> 3 ^ n->w[2] << 40;
    h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9ull;
    return &c->chains[((h ^ h >> 32) << 3 | (at & 7)) & (c->nchains - 1)];
}

static struct cache_entry *find(const struct cache *c, const struct name *n)
{
    struct cache_entry *e = *chain_of(c, n);
    while (e && !name_equal(&e->name, n))
        e = e->next;
    return e;
}

/* ---- entries and queues ------------------------------------------------------------------ */

static void enqueue(struct cache *c, struct cache_entry *e, enum place place)
{
    e->place = (uint8_t)place;
    c->bytes[place] += e->bytes;
    list_push(&c->queue[place], &e->node);
}

static void dequeue(struct cache *c, struct cache_entry *e)
{
    c->bytes[e->place] -= e->bytes;
    list_remove(&e->node);
}

static struct cache_entry *entry_new(struct cache *c, const struct name *n)
{
    struct cache_entry *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    struct cache_entry **chain = chain_of(c, n);
    e->name = *n;
    e->next = *chain;
    *chain = e;
    list_init(&e->node);
    return e;
}

/* What was counted at the link counts here. */
static void collect_uses(struct cache_entry *e)
{
    if (!e->link)
        return;
    e->uses = (uint8_t)MIN(e->uses + *e->link_uses, CACHE_USES_MAX);
    *e->link_uses = 0;
}

static void cut(struct cache_entry *e)
{
    collect_uses(e);
    if (e->link)
        *e->link = (struct cache_link){0};
    e->link = NULL;
}

static void entry_free(struct cache *c, struct cache_entry *e)
{
    struct cache_entry **at = chain_of(c, &e->name);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    cut(e);
    dequeue(c, e);
    iobuf_unkeep(e->buf);
    free(e);
}

/* ---- eviction ---------------------------------------------------------------------------- */

static bool in_use(const struct cache_entry *e)
{
    return e->buf->refs > 1;
}

static void evict(struct cache *c, struct cache_entry *e)
{
    c->stats.evictions++;
    cut(e);
    dequeue(c, e);
    iobuf_unkeep(e->buf);
    e->buf = NULL;
    e->uses = 0;
    e->prefetched = false;
    enqueue(c, e, PLACE_GHOST);
}

/* Takes the oldest entry of a queue (there is one) a step further; true when its memory was
 * freed. */
static bool step_small(struct cache *c)
{
    struct cache_entry *e = list_entry(c->queue[PLACE_SMALL].next, struct cache_entry, node);
    collect_uses(e);
    if (e->uses == 0 && !in_use(e)) {
        evict(c, e);
        return true;
    }
    dequeue(c, e);
    enqueue(c, e, e->uses > 0 ? PLACE_MAIN : PLACE_SMALL);
    e->uses = 0;
    return false;
}

static bool step_main(struct cache *c)
{
    struct cache_entry *e = list_entry(c->queue[PLACE_MAIN].next, struct cache_entry, node);
    collect_uses(e);
    dequeue(c, e);
    enqueue(c, e, PLACE_MAIN);
    if (e->uses > 0) {
        e->uses--;
        return false;
    }
    if (in_use(e))
        return false;
    evict(c, e);
    entry_free(c, e); /* the main queue leaves no ghosts */
    return true;
}

/* Evicts until the budget holds. What is in use stays: a few steps without effect end it, and the next block that comes goes on
 * from there. */
static void make_room(struct cache *c)
{
    unsigned idle = 0;
    uint64_t room = c->stats.budget - MIN(c->bytes[PLACE_LEAVING], c->stats.budget);
    while (c->bytes[PLACE_SMALL] + c->bytes[PLACE_MAIN] > room && idle < STEPS_IDLE) {
        bool small = !list_empty(&c->queue[PLACE_SMALL]) &&
                     (c->bytes[PLACE_SMALL] > c->stats.budget / SMALL_SHARE ||
                      list_empty(&c->queue[PLACE_MAIN]));
        idle = (small ? step_small(c) : step_main(c)) ? 0 : idle + 1;
    }
    while (c->bytes[PLACE_GHOST] > c->stats.budget)
        entry_free(c, list_entry(c->queue[PLACE_GHOST].next, struct cache_entry, node));
}

static void keep(struct cache *c, struct cache_entry *e, struct iobuf *buf, enum place place)
{
    dequeue(c, e);
    iobuf_ref(buf);
    iobuf_keep(buf);
    e->buf = buf;
    e->bytes = buf->cap;
    e->uses = 0;
    enqueue(c, e, place);
    make_room(c);
}

/* ---- what the readers and the writer call ------------------------------------------------ */

static struct iobuf *use(struct cache *c, struct cache_entry *e, enum block_hint hint)
{
    if (hint != BLOCK_PREFETCH) {
        c->stats.hits++;
        c->stats.prefetch_hits += e->prefetched;
    }
    /* The first use of what was fetched ahead is the one it was fetched for. */
    if (hint == BLOCK_NORMAL && !e->prefetched && e->uses < CACHE_USES_MAX)
        e->uses++;
    e->prefetched &= hint == BLOCK_PREFETCH;
    iobuf_ref(e->buf);
    return e->buf;
}

struct iobuf *cache_find(struct cache *c, const struct bp *bp, enum block_hint hint)
{
    struct name n = name_of(bp);
    struct cache_entry *e = find(c, &n);
    if (e && e->buf)
        return use(c, e, hint);
    c->stats.misses += hint != BLOCK_PREFETCH;
    return NULL;
}

bool cache_wait(struct cache *c, const struct bp *bp)
{
    struct name n = name_of(bp);
    struct cache_entry *e = find(c, &n);
    if (!e || e->place != PLACE_READING)
        return false;
    waitq_wait(e->done, NO_DEADLINE, NULL);
    return true;
}

/* A ghost's name is taken over: its place tells cache_loaded() by a use that it was here
 * before. */
int cache_load(struct cache *c, const struct bp *bp, struct cache_entry **ret_e)
{
    struct name n = name_of(bp);
    struct cache_entry *e = find(c, &n);
    bool ghost = e != NULL;
    check(!e || e->place == PLACE_GHOST);
    struct waitq *done = malloc(sizeof(*done));
    if (done && !e)
        e = entry_new(c, &n);
    if (!done || !e) {
        free(done);
        return -ENOMEM;
    }
    waitq_init(done);
    dequeue(c, e);
    e->bytes = 0;
    e->done = done;
    e->uses = ghost;
    enqueue(c, e, PLACE_READING);
    *ret_e = e;
    return 0;
}

void cache_loaded(struct cache *c, struct cache_entry *e, struct iobuf *buf,
                  enum block_hint hint)
{
    waitq_wake_all(e->done);
    free(e->done);
    e->done = NULL;
    if (!buf || hint == BLOCK_STREAM) {
        entry_free(c, e);
        return;
    }
    e->prefetched = hint == BLOCK_PREFETCH;
    keep(c, e, buf, e->uses > 0 ? PLACE_MAIN : PLACE_SMALL);
}

void cache_insert(struct cache *c, const struct bp *bp, struct iobuf *buf)
{
    struct name n = name_of(bp);
    struct cache_entry *e = find(c, &n);
    if (e && e->place != PLACE_GHOST)
        return;
    if (!e)
        e = entry_new(c, &n);
    if (e)
        keep(c, e, buf, PLACE_SMALL);
}

void cache_forget(struct cache *c, const struct bp *bp)
{
    struct name n = name_of(bp);
    struct cache_entry *e = find(c, &n);
    if (e && e->place != PLACE_READING)
        entry_free(c, e);
}

void cache_leave(struct cache *c, const struct bp *bp)
{
    struct name n = name_of(bp);
    struct cache_entry *e = find(c, &n);
    if (!e || (e->place != PLACE_SMALL && e->place != PLACE_MAIN))
        return;
    dequeue(c, e);
    enqueue(c, e, PLACE_LEAVING);
}

bool cache_forget_leaving(struct cache *c)
{
    struct list *q = &c->queue[PLACE_LEAVING];
    if (list_empty(q))
        return false;
    entry_free(c, list_entry(q->next, struct cache_entry, node));
    return true;
}

/* ---- links ------------------------------------------------------------------------------- */

void cache_link_cut(struct cache_link *l)
{
    if (l->entry)
        cut(l->entry);
}

void cache_link_set(struct cache *c, const struct bp *bp, struct cache_link *l, uint8_t *uses)
{
    struct name n = name_of(bp);
    struct cache_entry *e = find(c, &n);
    cache_link_cut(l);
    if (!e || !e->buf)
        return;
    cut(e);
    *uses = 0;
    e->link = l;
    e->link_uses = uses;
    *l = (struct cache_link){e, e->buf};
}

/* ---- making, budget, numbers ------------------------------------------------------------- */

static size_t chains_for(uint64_t budget)
{
    size_t n = CHAINS_MIN;
    while (n < budget / BYTES_PER_CHAIN && n < SIZE_MAX / 64)
        n *= 2;
    return n;
}

struct cache *cache_new(uint64_t budget)
{
    struct cache *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->nchains = chains_for(budget);
    c->chains = calloc(c->nchains, sizeof(*c->chains));
    for (unsigned i = 0; i < PLACES; i++)
        list_init(&c->queue[i]);
    c->stats.budget = budget;
    if (!c->chains) {
        free(c);
        return NULL;
    }
    return c;
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    check(list_empty(&c->queue[PLACE_READING]));
    for (unsigned i = 0; i < PLACES; i++) {
        struct cache_entry *e, *tmp;
        list_for_each_safe (e, tmp, &c->queue[i], node) {
            iobuf_unkeep(e->buf);
            free(e);
        }
    }
    free(c->chains);
    free(c);
}

void cache_stats(const struct cache *c, struct cache_stats *ret)
{
    *ret = c->stats;
    ret->bytes = c->bytes[PLACE_SMALL] + c->bytes[PLACE_MAIN] + c->bytes[PLACE_LEAVING];
}

/* The chains stay as many as the first budget asked for: longer ones are slower, not wrong. */
void cache_set_budget(struct cache *c, uint64_t bytes)
{
    c->stats.budget = bytes;
    make_room(c);
}
