/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading ahead of a walk. A sync of scattered writes, or a free of a long range, needs one
 * indirect block after the other; on a disk each costs a wait. The walk knows which come next,
 * so some fibers fetch them into the cache while it works; it then finds them there. A block
 * that can't be read is left to the walk, which reports it.
 */
#include "pool/tree/tree_int.h"

#include <stdlib.h>

#define AHEAD_MAX 16u

struct fetch {
    struct ahead *a;
    struct bp bp;
};

static void fetch_main(void *arg)
{
    struct fetch *f = arg;
    struct iobuf *buf;
    if (block_read(f->a->b, &f->bp, BLOCK_PREFETCH, &buf) == 0)
        iobuf_put(buf);
    waitgroup_done(&f->a->g);
    free(f);
}

void ahead_begin(struct ahead *a, struct blocks *b)
{
    a->b = b;
    waitgroup_init(&a->g);
}

bool ahead_full(const struct ahead *a)
{
    return a->g.n >= AHEAD_MAX;
}

void ahead_read(struct ahead *a, const struct bp *bp)
{
    if (bp_is_hole(bp) || bp_is_embedded(bp) || fiber_scarce())
        return;
    struct fetch *f = malloc(sizeof(*f));
    if (!f)
        return;
    f->a = a;
    f->bp = *bp;
    waitgroup_add(&a->g, 1);
    if (!fiber_start(fetch_main, f, "read ahead")) {
        waitgroup_done(&a->g);
        free(f);
    }
}

void ahead_end(struct ahead *a)
{
    waitgroup_wait(&a->g);
}
