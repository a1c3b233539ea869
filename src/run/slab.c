/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of data buffers. A slab is 2 MiB at a multiple of 2 MiB, cut into buffers of one class;
 * their headers, a cache line each, lie elsewhere, in one array behind the slab's own.
 *
 * A buffer comes from the first of these that has one: the class's warm ones (the last freed,
 * of whichever slab: the CPU's cache may have them still); a slab with something free, there
 * again what was freed last, and only then what was never used, so that what nobody needs is
 * never touched; a slab of another class of which nothing is in use; a new slab. The warm ones are
 * as free as others: a slab of which nothing is in use leaves with those that it has among them.
 *
 * What a txg takes and gives back every few seconds is faulted in once. So idle slabs stay until
 * nobody had a use for them for a while, and while there are more than a few, the whole doesn't
 * grow.
 *
 * Huge pages: one page fault in place of 512, and fewer pages for the kernel to pin, which is a
 * tenth of the CPU of large writes to a disk. But they are taken and cleared whole, which takes
 * milliseconds where a hypervisor has to find the memory first. So only a class that has some
 * slabs gets its next ones on huge pages; a small server's cost what was used of them.
 *
 * Fragmentation. One buffer in use holds its slab. What is used for long is what a cache or a
 * txg keeps. Buffers that were taken one after the other lie in one slab, a cache is a queue
 * that they leave in about the order in which they came, and a txg lets go of all of its at
 * once; so slabs become free as a whole, and what a burst took goes back. In any case a class
 * never has more slabs than it needed when most of its buffers were in use, since a new one is
 * mapped only when all are full. The worst case are buffers that stay, one in each slab (blocks
 * of a cache that are used again and again), while the rest of the cache's budget goes to
 * another class: then each class holds what it had at its peak, so a cache that was filled with
 * blocks of two sizes one after the other holds up to twice its budget, until the blocks that
 * stayed leave, or theirs is again the class that is asked for.
 */
#include "run/slab.h"

#include "base/check.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_FROM 4  /* slabs that a class has before its next ones get huge pages */
#define LINE      64 /* bytes, of the CPU's caches */
#define SPARED                                                                                 \
    (SLAB_CLASSES *                                                                            \
     SLAB_LEN) /* idle bytes: one of each class, that they don't take from each other in turns */

static_assert(IOBUF_MIN << (SLAB_CLASSES - 1) == IOBUF_MAX, "one class per power of two");
static_assert(sizeof(struct iobuf) <= LINE, "a header takes one line");

struct slab {
    struct list node; /* in its class's open ones; alone when nothing but warm ones is free */
    struct list all;
    struct list free; /* of struct iobuf: the last freed first; without those that are warm */
    uint8_t *mem;
    uint16_t used;
    uint16_t fresh; /* the first of those that were never used, and have no header yet */
    uint8_t class;
    bool huge;
    uint32_t touched; /* bytes from its beginning, by the class that it was of before */
    alignas(LINE) struct iobuf bufs[];
};

static uint32_t cap_of(const struct slab *s)
{
    return IOBUF_MIN << s->class;
}

static unsigned count_of(const struct slab *s)
{
    return SLAB_LEN / cap_of(s);
}

static struct slab *slab_of(struct iobuf *b)
{
    return container_of(b - b->slot, struct slab, bufs);
}

static struct iobuf *buf_of(struct list *n)
{
    return list_entry(n, struct iobuf, going_home.node);
}

/* What an idle slab takes of the machine's memory. */
static uint64_t taken_by(const struct slab *s)
{
    return s->huge ? SLAB_LEN : MAX(s->touched, (uint64_t)s->fresh * cap_of(s));
}

/* ---- slabs ------------------------------------------------------------------------------- */

/* Twice as much, then all but what is aligned goes back: the lower half, where that is either. So slabs lie side by side, and many
 * are one mapping to the kernel, which counts them. */
static uint8_t *map_new(void)
{
    uint8_t *at =
        mmap(NULL, 2 * SLAB_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    size_t after = (uintptr_t)at % SLAB_LEN, before = SLAB_LEN - after;
    munmap(at, before);
    if (after > 0)
        munmap(at + before + SLAB_LEN, after);
    return at + before;
}

/* What of it is in no class yet, its memory not set. */
static struct slab *header_new(unsigned class)
{
    struct slab *s =
        aligned_alloc(LINE, sizeof(*s) + (SLAB_LEN >> class) / IOBUF_MIN * sizeof(*s->bufs));
    if (!s)
        return NULL;
    *s = (struct slab){.class = (uint8_t) class};
    list_init(&s->free);
    return s;
}

static void join(struct slabs *a, struct slab *s)
{
    struct slab_class *c = &a->class[s->class];
    list_push(&c->open, &s->node);
    list_push(&a->all, &s->all);
    c->nslabs++;
    a->idle_bytes += taken_by(s);
}

/* Nothing of it is in use. */
static void leave(struct slabs *a, struct slab *s)
{
    struct slab_class *c = &a->class[s->class];
    check_cmp(s->used, ==, 0);
    while (list_pop(&s->free))
        ;
    for (unsigned i = 0; i < s->fresh; i++) {
        struct list *n = &s->bufs[i].going_home.node;
        c->warm_bytes -= list_empty(n) ? 0 : cap_of(s);
        list_remove(n);
    }
    a->idle_bytes -= taken_by(s);
    a->idle_low = MIN(a->idle_low, a->idle_bytes);
    c->nslabs--;
    list_remove(&s->node);
    list_remove(&s->all);
}

/* They lie behind those that are in use. */
static struct slab *idle_of(const struct slab_class *c)
{
    struct slab *s = list_empty(&c->open) ? NULL : list_entry(c->open.prev, struct slab, node);
    return s && s->used == 0 ? s : NULL;
}

/* Another class's idle memory under the header s. */
static bool take_over(struct slabs *a, struct slab *s)
{
    struct slab *from = NULL;
    if (a->idle_bytes <= SPARED)
        return false;
    for (unsigned i = 0; i < SLAB_CLASSES && !from; i++)
        from = idle_of(&a->class[i]);
    if (!from)
        return false;
    leave(a, from);
    s->mem = from->mem;
    s->huge = from->huge;
    s->touched = (uint32_t)taken_by(from);
    free(from);
    return true;
}

static bool map_for(struct slabs *a, struct slab *s)
{
    s->mem = map_new();
    if (!s->mem)
        return false;
    s->huge = a->class[s->class].nslabs >= HUGE_FROM;
    /* Refused where the kernel knows no huge pages: good as well. */
    madvise(s->mem, SLAB_LEN, s->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return true;
}

static struct slab *slab_new(struct slabs *a, unsigned class)
{
    struct slab *s = header_new(class);
    if (!s || (!take_over(a, s) && !map_for(a, s))) {
        free(s);
        return NULL;
    }
    join(a, s);
    return s;
}

/* Those of which nothing is in use come last, so that they may stay so. */
static void put_open(struct slab_class *c, struct slab *s)
{
    list_remove(&s->node);
    if (s->used > 0)
        list_push_front(&c->open, &s->node);
    else
        list_push(&c->open, &s->node);
}

static void unmap(struct slabs *a, struct slab *s)
{
    if (munmap(s->mem, SLAB_LEN) < 0)
        return; /* it would be one mapping too many: it stays */
    leave(a, s);
    free(s);
}

void slabs_give_back(struct slabs *a, uint64_t keep)
{
    uint64_t most = a->idle_low - MIN(keep, a->idle_low);
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        struct list *open = &a->class[i].open, *prev;
        for (struct list *n = open->prev; n != open; n = prev) {
            struct slab *s = list_entry(n, struct slab, node);
            prev = n->prev;
            if (s->used > 0 || most == 0)
                break;
            most -= MIN(most, taken_by(s));
            unmap(a, s);
        }
    }
    a->idle_low = a->idle_bytes;
}

void slabs_init(struct slabs *a, struct reactor *home)
{
    *a = (struct slabs){.home = home};
    list_init(&a->all);
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        list_init(&a->class[i].warm);
        list_init(&a->class[i].open);
    }
}

void slabs_fini(struct slabs *a)
{
    struct list *n;
    while ((n = list_pop(&a->all))) {
        struct slab *s = list_entry(n, struct slab, all);
        munmap(s->mem, SLAB_LEN);
        free(s);
    }
    slabs_init(a, NULL);
}

/* ---- buffers ----------------------------------------------------------------------------- */

static void count_use(struct slabs *a, struct slab *s)
{
    if (s->used++ > 0)
        return;
    if (!list_empty(&s->node))
        put_open(&a->class[s->class], s);
    a->idle_bytes -= taken_by(s);
    a->idle_low = MIN(a->idle_low, a->idle_bytes);
}

static struct iobuf *fresh_buf(struct slabs *a, struct slab *s)
{
    uint16_t i = s->fresh++;
    struct iobuf *b = &s->bufs[i];
    uint32_t cap = cap_of(s);
    *b = (struct iobuf){.p = s->mem + (size_t)i * cap, .cap = cap, .slot = i, .home = a->home};
    list_init(&b->going_home.node);
    return b;
}

/* None is warm. */
static struct iobuf *get_cold(struct slabs *a, unsigned class)
{
    struct slab *s = list_first(&a->class[class].open, struct slab, node);
    if (!s && !(s = slab_new(a, class)))
        return NULL;
    count_use(a, s);
    struct list *n = list_pop(&s->free);
    struct iobuf *b = n ? buf_of(n) : fresh_buf(a, s);
    if (list_empty(&s->free) && s->fresh == count_of(s))
        list_remove(&s->node);
    return b;
}

struct iobuf *slab_get(struct slabs *a, unsigned class)
{
    struct slab_class *c = &a->class[class];
    struct list *n = list_pop(&c->warm);
    if (!n)
        return get_cold(a, class);
    struct iobuf *b = buf_of(n);
    c->warm_bytes -= b->cap;
    count_use(a, slab_of(b));
    return b;
}

/* The one that was freed longest ago goes to its slab. */
static void cool(struct slab_class *c)
{
    struct iobuf *b = buf_of(c->warm.prev);
    struct slab *s = slab_of(b);
    c->warm_bytes -= b->cap;
    list_remove(&b->going_home.node);
    list_push_front(&s->free, &b->going_home.node);
    if (list_empty(&s->node))
        put_open(c, s);
}

bool slab_put(struct slabs *a, struct iobuf *b)
{
    struct slab *s = slab_of(b);
    struct slab_class *c = &a->class[s->class];
    list_push_front(&c->warm, &b->going_home.node);
    c->warm_bytes += b->cap;
    s->used--;
    if (c->warm_bytes > SLAB_WARM_MAX)
        cool(c);
    if (s->used > 0)
        return false;
    if (!list_empty(&s->node))
        put_open(c, s);
    a->idle_bytes += taken_by(s);
    return true;
}
