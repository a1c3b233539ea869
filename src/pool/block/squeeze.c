/* SPDX-License-Identifier: BSD-2-Clause */
/* Compressing some blocks on a helper thread, before they are written: nothing takes a reactor longer than that. */
#include "pool/block/block_int.h"

struct trip {
    struct squeezed *v;
    unsigned n, kind, ashift;
    uint32_t lsize;
};

/* There: touches nothing but bytes. */
static void squeeze_there(void *arg)
{
    struct trip *t = arg;
    struct compress_state *st = compress_state_new();
    for (unsigned i = 0; i < t->n && st; i++) {
        struct squeezed *s = &t->v[i];
        if (!s->buf)
            continue;
        s->zero = block_is_zero(s->from->p, t->lsize);
        if (!s->zero)
            s->psize = compress_block(st, t->kind, s->from->p, t->lsize, s->buf->p, t->ashift);
        s->done = true;
    }
    compress_state_free(st);
}

void block_squeeze(struct blocks *b, const struct block_want *want, struct squeezed *v,
                   unsigned n)
{
    struct trip t = {v, n, want->compress, b->min_ashift, want->lsize};
    for (unsigned i = 0; i < n; i++)
        v[i].buf = v[i].from ? iobuf_get(want->lsize) : NULL;
    run_offload(squeeze_there, &t);
}

void squeezed_free(struct squeezed *s)
{
    iobuf_put(s->from);
    iobuf_put(s->buf);
    *s = (struct squeezed){0};
}
