/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All attempts are kept: there are few. Values go 0 (a block of zeros), 1, 2, ...; attempt t
 * leads from t.to - 1 to t.to. That an attempt was applied is known when it was acknowledged or
 * its token was read.
 */
#include "counter.h"

#include "model.h"

#include "base/check.h"
#include "base/endian.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x434f554e54455221ull

enum fate { UNDER_WAY, WON, OUT, UNKNOWN };

struct counter_try {
    struct counter_try *next;
    uint64_t to, token;
    uint64_t read_begun, begun, over;
    enum fate fate;
};

struct counter {
    unsigned number;
    uint32_t block_size;
    uint64_t clock, tokens;
    uint64_t floor;       /* highest value that was acknowledged */
    uint64_t floor_since; /* and when; values acknowledged before are lower */
    struct counter_try *tries;
};

struct counter *counter_new(unsigned number, uint32_t block_size)
{
    struct counter *k = calloc(1, sizeof(*k));
    check(k);
    k->number = number;
    k->block_size = block_size;
    k->clock = 1;
    return k;
}

void counter_free(struct counter *k)
{
    while (k->tries) {
        struct counter_try *t = k->tries;
        k->tries = t->next;
        free(t);
    }
    free(k);
}

/* ---- the block --------------------------------------------------------------------------- */

static void fill(const struct counter *k, uint64_t value, uint64_t token, uint8_t *ret_bytes,
                 uint32_t len)
{
    memset(ret_bytes, 0, len);
    for (uint32_t at = 0; value && at < len; at += 32) {
        store_be64(ret_bytes + at, MAGIC);
        store_be64(ret_bytes + at + 8, k->number);
        store_be64(ret_bytes + at + 16, value);
        store_be64(ret_bytes + at + 24, token);
    }
}

/* Value and token, from the first sector: a block of several sectors may have been torn by
 * the power. */
static void block_parse(const struct counter *k, const uint8_t *block, uint64_t *ret_value,
                        uint64_t *ret_token)
{
    uint8_t want[MODEL_SECTOR];
    *ret_value = load_be64(block) == MAGIC ? load_be64(block + 16) : 0;
    *ret_token = load_be64(block + 24);
    fill(k, *ret_value, *ret_token, want, sizeof(want));
    if (memcmp(want, block, sizeof(want)) != 0)
        model_violated("counter %u holds a torn or foreign sector (value %" PRIu64 ")",
                       k->number, *ret_value);
}

/* ---- reading ----------------------------------------------------------------------------- */

uint64_t counter_read_begin(struct counter *k)
{
    return k->clock++;
}

static struct counter_try *try_of(const struct counter *k, uint64_t value, uint64_t token)
{
    struct counter_try *t = k->tries;
    while (t && (t->to != value || t->token != token))
        t = t->next;
    return t;
}

/* Two attempts from one value were both applied. */
static void won_check(const struct counter *k, const struct counter_try *winner)
{
    for (const struct counter_try *t = k->tries; t; t = t->next) {
        if (t != winner && t->to == winner->to && t->fate == WON)
            model_violated("counter %u went from %" PRIu64 " to %" PRIu64 " twice", k->number,
                           t->to - 1, t->to);
    }
}

static void applied(struct counter *k, struct counter_try *t)
{
    t->fate = WON;
    won_check(k, t);
    if (t->to > k->floor) {
        k->floor = t->to;
        k->floor_since = k->clock++;
    }
}

void counter_read_check(struct counter *k, uint64_t begun, const uint8_t *block)
{
    uint64_t value, token;
    block_parse(k, block, &value, &token);
    if (begun > k->floor_since && value < k->floor)
        model_violated("counter %u fell back to %" PRIu64 " from %" PRIu64, k->number, value,
                       k->floor);
    if (value == 0)
        return;
    const struct counter_try *t = try_of(k, value, token);
    if (!t || t->fate == OUT)
        model_violated("counter %u holds %" PRIu64 " of an attempt that did not win", k->number,
                       value);
    won_check(k, t);
}

/* ---- attempts ---------------------------------------------------------------------------- */

struct counter_try *counter_try_begin(struct counter *k, uint64_t read_begun,
                                      const uint8_t *block, uint8_t *ret_next)
{
    struct counter_try *t = calloc(1, sizeof(*t));
    uint64_t value, token;
    check(t);
    block_parse(k, block, &value, &token);
    *t = (struct counter_try){
        .next = k->tries,
        .to = value + 1,
        .token = ++k->tokens,
        .read_begun = read_begun,
        .begun = k->clock++,
        .over = UINT64_MAX,
    };
    k->tries = t;
    fill(k, t->to, t->token, ret_next, k->block_size);
    return t;
}

void counter_won(struct counter *k, struct counter_try *t)
{
    t->over = k->clock++;
    applied(k, t);
}

void counter_lost(struct counter *k, struct counter_try *t)
{
    bool rival = false;
    t->over = k->clock++;
    t->fate = OUT;
    for (const struct counter_try *o = k->tries; o; o = o->next)
        rival |= o != t && o->fate != OUT && o->begun < t->over && o->over > t->read_begun;
    if (!rival)
        model_violated("counter %u: a miscompare from %" PRIu64 " though nobody else was at it",
                       k->number, t->to - 1);
}

void counter_refused(struct counter *k, struct counter_try *t)
{
    t->over = k->clock++;
    t->fate = OUT;
}

void counter_unknown(struct counter *k, struct counter_try *t)
{
    t->over = k->clock++;
    t->fate = UNKNOWN;
}

void counter_power_cut(struct counter *k)
{
    for (struct counter_try *t = k->tries; t; t = t->next) {
        if (t->fate == UNDER_WAY)
            counter_unknown(k, t);
    }
}
