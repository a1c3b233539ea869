/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A random load from a seed: writes of whole and partial blocks, random, compressible and zero, half of them in a hot
 * tenth of the volume; discards; now and then a wait until all is on disk. Offsets are whole sectors of 512.
 */
#include "load.h"

#include <string.h>

static uint64_t draw(struct load *l)
{
    l->state ^= l->state >> 12;
    l->state ^= l->state << 25;
    l->state ^= l->state >> 27;
    return l->state * 0x2545f4914f6cdd1dull;
}

static uint64_t below(struct load *l, uint64_t n)
{
    return (draw(l) >> 11) % n;
}

struct load load_make(uint64_t seed, uint64_t size, uint64_t block)
{
    return (struct load){seed * 0x9e3779b97f4a7c15ull + 1, size, block};
}

static void fill(struct load *l, uint8_t *data, uint64_t len)
{
    const uint64_t kind = below(l, 8);
    if (kind == 0) {
        memset(data, 0, len);
        return;
    }
    for (uint64_t i = 0; i < len; i += 8) {
        const uint64_t v = kind < 4 && i % 512 != 0 ? i / 512 : draw(l);
        memcpy(data + i, &v, 8);
    }
}

/* Up to four blocks; half of the time whole ones. */
static void place(struct load *l, uint64_t max, struct step *ret)
{
    const uint64_t unit = below(l, 2) ? l->block : 512;
    const uint64_t region = below(l, 2) && l->size / 10 > max ? l->size / 10 : l->size;
    uint64_t units = max / unit;
    ret->len = unit * (1 + below(l, units > 4 * l->block / unit ? 4 * l->block / unit : units));
    if (ret->len > region)
        ret->len = region;
    ret->off = below(l, (region - ret->len) / unit + 1) * unit;
}

struct step load_next(struct load *l, uint8_t *data)
{
    struct step s = {0};
    const uint64_t pick = below(l, 64);
    if (pick == 0) {
        s.kind = STEP_SYNC;
        return s;
    }
    if (pick < 8) {
        s.kind = STEP_DISCARD;
        place(l, l->size / 8 > l->block ? l->size / 8 : l->block, &s);
        return s;
    }
    s.kind = STEP_WRITE;
    place(l, LOAD_MAX, &s);
    fill(l, data, s.len);
    return s;
}
