/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session owns a part of its LUN, cut into slots of one operation's size. While data is
 * verified a slot carries one operation at a time and its generation counts the writes to it,
 * so what a read must return is exactly known for every slot this run wrote; for others only
 * the stamp's sector number is. Without verification nothing is remembered and slots are free
 * to collide.
 */
#include "work.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

#define BUSY        (UINT32_C(1) << 31)
#define GEN_UNKNOWN 0u
#define PICK_TRIES  16

static uint64_t random_next(struct work *w)
{
    uint64_t a = w->random[0], b = w->random[1];
    w->random[0] = b;
    a ^= a << 23;
    w->random[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return w->random[1] + b;
}

/* Uniform in 0..n-1; the bias of the remainder is under n / 2^64. */
static uint64_t random_below(struct work *w, uint64_t n)
{
    return random_next(w) % n;
}

int work_open(struct work *w, const struct work_config *cfg)
{
    *w = (struct work){.cfg = *cfg};
    w->random[0] = (UINT64_C(0x9e3779b97f4a7c15) ^ cfg->run) + cfg->first;
    w->random[1] = UINT64_C(0xd1b54a32d192ed03);
    for (int i = 0; i < 16; i++)
        random_next(w);
    if (cfg->level == PATTERN_OFF)
        return 0;
    w->state = calloc(cfg->slots, sizeof(w->state[0]));
    return w->state ? 0 : E(-ENOMEM);
}

void work_close(struct work *w)
{
    free(w->state);
    w->state = NULL;
}

static uint64_t pick(struct work *w)
{
    return w->cfg.sequential || w->cfg.once ? w->cursor % w->cfg.slots
                                            : random_below(w, w->cfg.slots);
}

bool work_next(struct work *w, struct work_op *ret_op)
{
    if (w->cfg.once && w->cursor == w->cfg.slots)
        return false;
    uint64_t i = pick(w);
    for (int tries = 1; w->state && (w->state[i] & BUSY); tries++) {
        if (tries == PICK_TRIES)
            return false;
        i = (i + 1) % w->cfg.slots;
    }
    w->cursor++;
    struct work_op op = {.slot = w->cfg.first + i};
    op.write = w->cfg.read_pct < 100 && random_below(w, 100) >= w->cfg.read_pct;
    if (w->state) {
        uint32_t gen = op.write ? (w->state[i] + 1) & ~BUSY : w->state[i];
        w->state[i] |= BUSY;
        op.tag = op.write || gen != GEN_UNKNOWN ? pattern_tag(w->cfg.run, gen) : 0;
    }
    *ret_op = op;
    return true;
}

void work_fill(const struct work *w, const struct work_op *op, void *buf)
{
    if (w->cfg.level != PATTERN_OFF)
        pattern_fill(buf, w->cfg.block, work_offset(w, op) / PATTERN_SECTOR, op->tag,
                     w->cfg.level);
}

void work_check(const struct work *w, const struct work_op *op, uint32_t off, const void *buf,
                uint32_t len, enum pattern_verdict *verdict)
{
    if (w->cfg.level == PATTERN_OFF)
        return;
    enum pattern_verdict v = PATTERN_BAD;
    if (off % PATTERN_SECTOR == 0 && len % PATTERN_SECTOR == 0)
        v = pattern_check(buf, len, (work_offset(w, op) + off) / PATTERN_SECTOR, op->tag,
                          w->cfg.level);
    *verdict = MAX(*verdict, v);
}

void work_end(struct work *w, const struct work_op *op, bool done, enum pattern_verdict verdict)
{
    if (!w->state)
        return;
    uint32_t *state = &w->state[op->slot - w->cfg.first];
    *state &= ~BUSY;
    if (op->write) {
        *state = done ? (uint32_t)op->tag : GEN_UNKNOWN;
    } else if (done) {
        w->checked++;
        w->unwritten += verdict == PATTERN_UNWRITTEN;
        w->failures += verdict == PATTERN_BAD;
    }
}
