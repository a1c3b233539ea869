/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a txg stores of a metaslab: entries, total, histogram, now and then the whole map anew.
 *
 * The map of txg T says that a range is free when it is in one of these disjoint sets: free,
 * defer[], freed[T], and alloc[] of the txgs after T (log blocks: allocated ahead of the txg
 * that is being synced). They are counted and written set by set; two that touch count as two
 * smaller runs rather than one. So the histogram never promises more than a replay of the map
 * finds: each run counted is a part of a real one of its own or larger size class. (OpenZFS
 * likewise counts young free ranges apart from older ones beside them.) For a metaslab that
 * isn't loaded, what was stored holds still, as nothing was allocated from it, plus this txg's
 * frees.
 */
#include "pool/space/space_int.h"

#define HISTOGRAM  32u
#define SETS_MAX   (1 + TXG_SLOTS + 1 + TXG_SLOTS) /* free, defer, freed, alloc of later txgs */
#define RUN_SHIFT  15u /* units in the longest one-word entry: log2 */
#define YIELD_MASK 0xffu

/* The walks below are long; every so many steps others may run. */
static bool yielded(unsigned step)
{
    if ((step & YIELD_MASK) != 0)
        return false;
    if (fiber_self())
        fiber_maybe_yield();
    return true;
}

/* No more than these take n runs of together so many bytes. */
static size_t words_at_most(const struct metaslab *ms, size_t n, uint64_t bytes)
{
    return n + (size_t)(bytes >> (RUN_SHIFT + ms->top->ashift));
}

/* ---- the entries of one txg -------------------------------------------------------------- */

static size_t set_words(const struct metaslab *ms, const struct ranges *r)
{
    return slot_empty(r) ? 0 : 1 + words_at_most(ms, ranges_count(r), ranges_bytes(r));
}

static void encode_set(const struct metaslab *ms, const struct ranges *r, enum sm_type type,
                       uint64_t txg, struct sm_encoder *enc)
{
    uint64_t off, len, pos = 0;
    if (slot_empty(r))
        return;
    sm_encode_debug(enc, type, txg);
    for (unsigned step = 1; ranges_next(r, pos, &off, &len); step++, pos = off + len) {
        sm_encode(enc, type, off - ms->start, len);
        yielded(step);
    }
}

size_t metaslab_record_words(const struct metaslab *ms, uint64_t txg)
{
    return set_words(ms, ms->alloc[slot_of(txg)]) + set_words(ms, ms->freed[slot_of(txg)]);
}

void metaslab_record(struct metaslab *ms, uint64_t txg, struct sm_encoder *enc)
{
    check_cmp(enc->shift, ==, ms->top->ashift);
    encode_set(ms, ms->alloc[slot_of(txg)], SM_ALLOC, txg, enc);
    encode_set(ms, ms->freed[slot_of(txg)], SM_FREE, txg, enc);
}

/* ---- the numbers beside them ------------------------------------------------------------- */

int64_t metaslab_allocated(const struct metaslab *ms, uint64_t txg)
{
    const struct ranges *alloc = ms->alloc[slot_of(txg)], *freed = ms->freed[slot_of(txg)];
    return ms->allocated + (int64_t)(alloc ? ranges_bytes(alloc) : 0) -
           (int64_t)(freed ? ranges_bytes(freed) : 0);
}

static void count_set(const struct metaslab *ms, const struct ranges *r,
                      uint64_t ret[HISTOGRAM])
{
    for (unsigned log2 = ms->top->ashift; r && log2 < 64; log2++)
        ret[MIN(log2 - ms->top->ashift, HISTOGRAM - 1)] += ranges_count_log2(r, log2);
}

void metaslab_histogram(const struct metaslab *ms, uint64_t txg, uint64_t ret[32])
{
    for (unsigned i = 0; i < HISTOGRAM; i++)
        ret[i] = ms->free ? 0 : ms->histogram[i];
    count_set(ms, ms->freed[slot_of(txg)], ret);
    if (!ms->free)
        return;
    count_set(ms, ms->free, ret);
    for (unsigned i = 0; i < TXG_SLOTS; i++) {
        count_set(ms, ms->defer[i], ret);
        if (i != slot_of(txg))
            count_set(ms, ms->alloc[i], ret);
    }
}

/* ---- the map anew ------------------------------------------------------------------------ */

/* Whether an import of txg's uberblock has to hold back what is in this place of defer. */
static bool held_back(const struct metaslab *ms, unsigned slot, uint64_t txg)
{
    return ms->defer[slot] && ms->defer_txg[slot] + TXG_HOLD_BACK > txg;
}

/* The sets of which a rewritten map says nothing: free, and not held back. */
static unsigned silent_sets(const struct metaslab *ms, uint64_t txg,
                            const struct ranges *ret[SETS_MAX])
{
    unsigned n = 0;
    ret[n++] = ms->free;
    for (unsigned i = 0; i < TXG_SLOTS; i++) {
        if (ms->defer[i] && !held_back(ms, i, txg))
            ret[n++] = ms->defer[i];
        if (ms->alloc[i] && i != slot_of(txg))
            ret[n++] = ms->alloc[i];
    }
    return n;
}

/* Writes as allocated what is in none of the silent sets. Others may run meanwhile and
 * allocate for later txgs, which moves ranges from set to set but leaves their union alone:
 * the places in the sets are looked up anew after that. */
static void encode_allocated(const struct metaslab *ms, uint64_t txg, struct sm_encoder *enc)
{
    const struct ranges *set[SETS_MAX];
    uint64_t off[SETS_MAX], len[SETS_MAX];
    uint64_t pos = ms->start, end = ms->start + ms->size;
    unsigned n = 0, first = 0;
    for (unsigned step = 0; pos < end; step++) {
        bool anew = yielded(step);
        if (anew)
            n = silent_sets(ms, txg, set);
        for (unsigned i = 0; i < n; i++)
            if ((anew || i == first) && !ranges_next(set[i], pos, &off[i], &len[i]))
                off[i] = end;
        first = 0;
        for (unsigned i = 1; i < n; i++)
            if (off[i] < off[first])
                first = i;
        if (off[first] > pos)
            sm_encode(enc, SM_ALLOC, pos - ms->start, off[first] - pos);
        pos = off[first] < end ? off[first] + len[first] : end;
    }
}

static size_t runs_at_most(const struct metaslab *ms)
{
    size_t n = 1 + ranges_count(ms->free);
    for (unsigned i = 0; i < TXG_SLOTS; i++) {
        n += ms->defer[i] ? ranges_count(ms->defer[i]) : 0;
        n += ms->alloc[i] ? ranges_count(ms->alloc[i]) : 0;
    }
    return n;
}

bool metaslab_worth_rewrite(const struct metaslab *ms, uint32_t block_size)
{
    if (!ms->free || ms->length <= block_size)
        return false;
    size_t best = words_at_most(ms, runs_at_most(ms), ms->size - ranges_bytes(ms->free));
    return ms->length > 2 * best * sizeof(le64);
}

size_t metaslab_rewrite_words(const struct metaslab *ms, uint64_t txg)
{
    size_t n = 1 + words_at_most(ms, runs_at_most(ms), ms->size);
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        n += held_back(ms, i, txg) ? set_words(ms, ms->defer[i]) : 0;
    return n + set_words(ms, ms->freed[slot_of(txg)]);
}

void metaslab_rewrite(struct metaslab *ms, uint64_t txg, struct sm_encoder *enc)
{
    check_cmp(enc->shift, ==, ms->top->ashift);
    check(ms->free != NULL);
    sm_encode_debug(enc, SM_ALLOC, txg);
    encode_allocated(ms, txg, enc);
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        if (held_back(ms, i, txg))
            encode_set(ms, ms->defer[i], SM_FREE, MIN(ms->defer_txg[i], txg), enc);
    encode_set(ms, ms->freed[slot_of(txg)], SM_FREE, txg, enc);
}
