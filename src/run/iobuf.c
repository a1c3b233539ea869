/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data buffers: who has them, what they count against, and when they go back to where their
 * memory comes from (slab.c). Reference counts are plain integers of the home reactor. A
 * reference dropped elsewhere is counted in puts_abroad, and the first of them sends the
 * buffer's message home, where all that have gathered until then are settled at once.
 *
 * A reactor keeps free memory, so that the pages of a busy server are faulted in once: what was
 * of use in the last seconds, and of the rest a quarter of its share of the budget.
 *
 * Outside any reactor (tests of pure code) a buffer has no home, belongs to its thread, is
 * allocated by itself and freed at once. The last two are true of all buffers under sanitizers,
 * which then see who uses one that is free.
 */
#include "run/fiber_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

#define IDLE_MS 6000 /* longer than a txg waits for more */

static unsigned class_of(size_t len)
{
    unsigned c = 0;
    while ((size_t)IOBUF_MIN << c < len)
        c++;
    return c;
}

static void count_bytes(struct reactor *r, uint64_t add)
{
    /* One writer: no locked instruction needed. */
    uint64_t now = atomic_load_explicit(&r->buf_bytes, memory_order_relaxed);
    atomic_store_explicit(&r->buf_bytes, now + add, memory_order_relaxed);
}

static struct iobuf *single_new(struct reactor *home, uint32_t cap)
{
    struct iobuf *b = malloc(sizeof(*b));
    uint8_t *p = b ? aligned_alloc(IOBUF_MIN, cap) : NULL;
    if (!p) {
        free(b);
        return NULL;
    }
    *b = (struct iobuf){.p = p, .cap = cap, .home = home};
    return b;
}

static void single_free(struct iobuf *b)
{
    free(b->p);
    free(b);
}

static bool is_single(const struct reactor *home)
{
    return RUN_SANITIZED || !home;
}

struct iobuf *iobuf_get(size_t len)
{
    check_cmp(len, <=, (size_t)IOBUF_MAX);
    struct reactor *r = reactor_self();
    unsigned class = class_of(len);
    struct iobuf *b =
        is_single(r) ? single_new(r, IOBUF_MIN << class) : slab_get(&r->slabs, class);
    if (!b)
        return NULL;
    b->refs = 1;
    if (r)
        count_bytes(r, b->cap);
    return b;
}

static uint64_t idle_max(const struct reactor *r)
{
    return admit_budget(r->run) / r->run->nreactors / 4;
}

static void watch_idle(struct reactor *r)
{
    if (r->slabs.idle_bytes > idle_max(r) && !timer_armed(&r->idle))
        timer_arm(&r->idle, run_deadline_ms(IDLE_MS));
}

static void give_back(struct timer *t)
{
    struct reactor *r = container_of(t, struct reactor, idle);
    slabs_give_back(&r->slabs, idle_max(r));
    watch_idle(r);
}

void iobuf_init(struct reactor *r)
{
    slabs_init(&r->slabs, r);
    timer_init(&r->idle, give_back);
}

static void drop_refs(struct iobuf *b, uint32_t n)
{
    check_cmp(b->refs, >=, n);
    b->refs -= n;
    if (b->refs > 0)
        return;
    struct reactor *r = b->home;
    if (b->release) {
        b->release(b);
        return;
    }
    if (r)
        count_bytes(r, -(uint64_t)b->cap);
    if (is_single(r)) {
        single_free(b);
        return;
    }
    if (slab_put(&r->slabs, b))
        watch_idle(r);
}

static void came_home(struct msg *m)
{
    struct iobuf *b = container_of(m, struct iobuf, going_home);
    drop_refs(b, atomic_exchange(&b->puts_abroad, 0));
}

void iobuf_ref(struct iobuf *b)
{
    check(!b->home || b->home == reactor_self());
    b->refs++;
}

void iobuf_put(struct iobuf *b)
{
    if (!b)
        return;
    if (!b->home || b->home == reactor_self()) {
        drop_refs(b, 1);
    } else if (atomic_fetch_add(&b->puts_abroad, 1) == 0) {
        b->going_home.fn = came_home;
        reactor_post(b->home, &b->going_home);
    }
}

void iobuf_keep(struct iobuf *b)
{
    check(!b->home || b->home == reactor_self());
    check_cmp(b->keepers, <, UINT16_MAX);
    if (b->keepers++ == 0 && b->home)
        count_bytes(b->home, -(uint64_t)b->cap);
}

void iobuf_unkeep(struct iobuf *b)
{
    if (!b)
        return;
    check(!b->home || b->home == reactor_self());
    check_cmp(b->keepers, >, 0);
    if (--b->keepers == 0 && b->home)
        count_bytes(b->home, b->cap);
    drop_refs(b, 1);
}

/* ---- admission --------------------------------------------------------------------------- */

static uint64_t buffers_in_use(const struct run *run)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < run->nreactors; i++)
        sum += atomic_load_explicit(&run->reactors[i].buf_bytes, memory_order_relaxed);
    return sum;
}

uint64_t admit_used(const struct run *run)
{
    uint64_t admitted = atomic_load_explicit(&run->admitted, memory_order_relaxed);
    uint64_t buffers = buffers_in_use(run);
    return MAX(admitted, buffers);
}

uint64_t admit_budget(const struct run *run)
{
    return atomic_load_explicit(&run->budget, memory_order_relaxed);
}

void admit_set_budget(struct run *run, uint64_t bytes)
{
    atomic_store_explicit(&run->budget, bytes, memory_order_relaxed);
}

/* May somebody who holds some get len more? Then he holds no more than he leaves free. */
static bool fair(uint64_t budget, uint64_t used, uint64_t len, uint64_t held)
{
    if (used > budget || len > budget - used)
        return false;
    return used == 0 || held + len <= budget - used - len;
}

bool admit_try(struct run *run, uint64_t len, uint64_t held)
{
    uint64_t budget = admit_budget(run), buffers = buffers_in_use(run);
    uint64_t admitted = atomic_load_explicit(&run->admitted, memory_order_relaxed);
    do {
        uint64_t used = MAX(admitted, buffers);
        if (!fair(budget, used, len, held))
            return false;
    } while (!atomic_compare_exchange_weak(&run->admitted, &admitted, admitted + len));
    return true;
}

void admit_return(struct run *run, uint64_t len)
{
    check_cmp(atomic_fetch_sub(&run->admitted, len), >=, len);
}
