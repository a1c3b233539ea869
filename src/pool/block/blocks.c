/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all block operations share: tables made from the device tree, and the epochs of readers.
 *
 * An epoch is the txg that was committed when a reader began. Space that a txg freed may be
 * written again only when no reader is left that began before that txg was committed: it may
 * still follow the old pointers. Readers are counted in eight slots, by txg modulo 8. When a
 * reader stays so long that its slot comes around again, newer readers are counted with it: the
 * oldest epoch is then taken for older than it is, which delays reuse and harms nothing.
 */
#include "pool/block/block_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS ARRAY_LEN(((struct blocks *)0)->readers)

int blocks_init(struct blocks *b, struct vdev *root, uint64_t cache_bytes)
{
    memset(b, 0, sizeof(*b));
    b->root = root;
    list_init(&b->gangs);
    b->cache = cache_new(cache_bytes);
    b->comp = compress_state_new();
    b->scratch = malloc(BLOCK_MAX);
    if (!b->cache || !b->comp || !b->scratch || blocks_vdevs_changed(b) != 0) {
        blocks_fini(b);
        return -ENOMEM;
    }
    return 0;
}

int blocks_vdevs_changed(struct blocks *b)
{
    unsigned n = b->root->nchildren;
    uint32_t *ratios = calloc(MAX(n, 1u), sizeof(*ratios));
    uint64_t *sizes = calloc(MAX(n, 1u), sizeof(*sizes));
    if (!ratios || !sizes) {
        free(ratios);
        free(sizes);
        return -ENOMEM;
    }
    unsigned min_ashift = ASHIFT_MAX, max_ashift = SECTOR_SHIFT;
    for (unsigned i = 0; i < n; i++) {
        const struct vdev *top = b->root->child[i];
        ratios[i] = top->deflate_ratio;
        sizes[i] = top->type == VDEV_HOLE ? 0 : top->asize;
        if (top->type == VDEV_HOLE)
            continue;
        max_ashift = MAX(max_ashift, top->ashift);
        if (!top->is_log)
            min_ashift = MIN(min_ashift, top->ashift);
    }
    free(b->ratios);
    free(b->sizes);
    b->ratios = ratios;
    b->sizes = sizes;
    b->nvdevs = n;
    b->min_ashift = min_ashift;
    b->max_ashift = max_ashift;
    return 0;
}

void blocks_fini(struct blocks *b)
{
    gangs_forget(b);
    cache_free(b->cache);
    compress_state_free(b->comp);
    free(b->scratch);
    free(b->ratios);
    free(b->sizes);
    memset(b, 0, sizeof(*b));
}

/* ---- readers ----------------------------------------------------------------------------- */

uint64_t blocks_reader_enter(struct blocks *b)
{
    b->readers[b->committed_txg % EPOCHS]++;
    return b->committed_txg;
}

void blocks_reader_leave(struct blocks *b, uint64_t ticket)
{
    check(b->readers[ticket % EPOCHS] > 0);
    b->readers[ticket % EPOCHS]--;
}

uint64_t blocks_oldest_reader(struct blocks *b)
{
    unsigned seen = 0;
    while (b->read_epoch_min < b->committed_txg && seen < EPOCHS &&
           b->readers[b->read_epoch_min % EPOCHS] == 0) {
        b->read_epoch_min++;
        seen++;
    }
    if (seen == EPOCHS)
        b->read_epoch_min = b->committed_txg;
    return b->read_epoch_min;
}

void blocks_committed(struct blocks *b, uint64_t txg)
{
    b->committed_txg = txg;
    while (cache_forget_leaving(b->cache))
        fiber_maybe_yield();
}

int block_check(const struct blocks *b, const struct bp *bp)
{
    int r = bp_check(bp, b->sizes, b->nvdevs, NULL);
    bool shared = r == 0 && !bp_is_hole(bp) && !bp_is_embedded(bp) && bp_is_dedup(bp);
    return shared && !b->read_only ? E(-EOPNOTSUPP) : r;
}

struct bp_sums block_sums(const struct blocks *b, const struct bp *bp)
{
    return bp_sums(bp, b->ratios, b->nvdevs);
}
