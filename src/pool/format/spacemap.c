/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A space map is a log of words: what was allocated, what was freed. Its two top bits say what
 * a word is: 0x an entry, 10 a debug word (or padding, when its txg is 0), 11 the first of two
 * words of a long entry. Who reads it believes nothing: a run that leaves the map's address
 * space or an entry without its second word is damage. Whether entries contradict each other is
 * for the caller to see, who knows the set. We write one-word entries only, so that the feature
 * spacemap_v2 stays inactive.
 */
#include "pool/format/spacemap.h"

#include <errno.h>
#include <inttypes.h>

#define SM_KIND_SHIFT 62
#define SM_KIND_DEBUG 2u
#define SM_KIND_LONG  3u

/* debug word */
#define SM_DEBUG_TYPE_SHIFT 60
#define SM_DEBUG_PASS_SHIFT 50
#define SM_DEBUG_TXG_MASK   ((1ull << 50) - 1)

/* one word: offset 47 bits, type, run - 1 */
#define SM_OFF_SHIFT  16
#define SM_OFF_MAX    ((1ull << 47) - 1) /* units */
#define SM_TYPE_SHIFT 15
#define SM_RUN_MASK   0x7fffu
#define SM_RUN_MAX    0x8000u /* units */

/* two words: run - 1 and, for logs, a vdev; type and offset */
#define SM_LONG_RUN_SHIFT 24
#define SM_LONG_RUN_MASK  ((1ull << 36) - 1)
#define SM_LONG_OFF_MASK  ((1ull << 63) - 1)

/* Puts an entry given in units into bytes. */
static int entry_set(const struct sm_cursor *c, unsigned type, uint64_t off, uint64_t run,
                     struct sm_entry *ret, struct err *reterr)
{
    uint64_t units = c->size >> c->shift;
    if (off >= units || run > units - off)
        return err_set(reterr, E(-EBADMSG),
                       "space map: a run of %" PRIu64 " units at %" PRIu64
                       " leaves its %" PRIu64 " units",
                       run, off, units);
    *ret = (struct sm_entry){
        .type = type ? SM_FREE : SM_ALLOC,
        .off = off << c->shift,
        .run = run << c->shift,
        .txg = c->txg,
    };
    return 0;
}

/* 1: *ret is an entry, 0: the word was none or is its first half. */
static int word_read(struct sm_cursor *c, uint64_t w, struct sm_entry *ret, struct err *reterr)
{
    unsigned type, kind = (unsigned)(w >> SM_KIND_SHIFT);
    uint64_t off, run;
    if (c->first != 0) {
        type = (unsigned)(w >> 63);
        off = w & SM_LONG_OFF_MASK;
        run = (c->first >> SM_LONG_RUN_SHIFT & SM_LONG_RUN_MASK) + 1;
        c->first = 0;
    } else if (kind == SM_KIND_LONG) {
        c->first = w;
        return 0;
    } else if (kind == SM_KIND_DEBUG) {
        uint64_t txg = w & SM_DEBUG_TXG_MASK;
        c->txg = txg ? txg : c->txg;
        return 0;
    } else {
        type = w >> SM_TYPE_SHIFT & 1;
        off = w >> SM_OFF_SHIFT;
        run = (w & SM_RUN_MASK) + 1;
    }
    int rc = entry_set(c, type, off, run, ret, reterr);
    return rc ? rc : 1;
}

int sm_decode(struct sm_cursor *c, const void *words, size_t len, sm_entry_fn fn, void *arg,
              struct err *reterr)
{
    const le64 *w = words;
    if (len % sizeof(*w))
        return err_set(reterr, E(-EBADMSG), "space map: %zu bytes are not whole words", len);
    for (size_t i = 0; i < len / sizeof(*w); i++) {
        struct sm_entry e;
        int rc = word_read(c, le64_get(w[i]), &e, reterr);
        if (rc > 0)
            rc = fn(arg, &e);
        if (rc)
            return rc;
    }
    return 0;
}

int sm_decode_end(const struct sm_cursor *c)
{
    return c->first ? E(-EBADMSG) : 0;
}

static void put_word(struct sm_encoder *e, uint64_t w)
{
    if (e->n < e->cap)
        e->words[e->n] = le64_make(w);
    e->n++;
}

void sm_encode_debug(struct sm_encoder *e, enum sm_type type, uint64_t txg)
{
    put_word(e, (uint64_t)SM_KIND_DEBUG << SM_KIND_SHIFT |
                    (uint64_t)type << SM_DEBUG_TYPE_SHIFT | 1ull << SM_DEBUG_PASS_SHIFT |
                    (txg & SM_DEBUG_TXG_MASK));
}

void sm_encode(struct sm_encoder *e, enum sm_type type, uint64_t off, uint64_t len)
{
    uint64_t unit = off >> e->shift, left = len >> e->shift;
    while (left > 0) {
        uint64_t run = MIN(left, (uint64_t)SM_RUN_MAX);
        put_word(e, (unit & SM_OFF_MAX) << SM_OFF_SHIFT | (uint64_t)type << SM_TYPE_SHIFT |
                        (run - 1));
        unit += run;
        left -= run;
    }
}

size_t sm_entry_words(uint64_t len, unsigned shift)
{
    return (size_t)(((len >> shift) + SM_RUN_MAX - 1) / SM_RUN_MAX);
}
