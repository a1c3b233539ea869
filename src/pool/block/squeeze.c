/* SPDX-License-Identifier: BSD-2-Clause */
/* Compressing some blocks and computing their checksums on a helper thread, before they are written: nothing takes a reactor
 * longer than that, and it needs nothing but the bytes. */
#include "pool/block/block_int.h"

#include "base/check.h"

/* What a trip is worth: to be compressed, or summed up by SHA-256; and only to be summed up by fletcher4. */
#define WORTH_BYTES (32u << 10)
#define WORTH_SUM   (256u << 10)

struct trip {
    struct squeezed *v;
    unsigned n, ashift;
    const struct block_want *want;
};

static void squeeze_one(const struct trip *t, struct compress_state *st, struct squeezed *s)
{
    const struct block_want *w = t->want;
    s->zero = w->compress > ZCOMP_OFF && block_is_zero(s->from->p, w->lsize);
    if (!s->zero && st)
        s->psize = compress_block(st, w->compress, s->from->p, w->lsize, s->buf->p, t->ashift);
    if (!s->zero)
        check(cksum_compute(w->checksum, s->psize ? s->buf->p : s->from->p,
                            s->psize ? s->psize : w->lsize, &s->sum));
    s->done = true;
}

/* There: touches nothing but bytes. */
static void squeeze_there(void *arg)
{
    struct trip *t = arg;
    bool compress = t->want->compress > ZCOMP_OFF;
    struct compress_state *st = compress ? compress_state_new() : NULL;
    for (unsigned i = 0; i < t->n; i++) {
        struct squeezed *s = &t->v[i];
        if (s->from && (!compress || (st && s->buf)))
            squeeze_one(t, st, s);
    }
    compress_state_free(st);
}

void block_squeeze(struct blocks *b, const struct block_want *want, struct squeezed *v,
                   unsigned n)
{
    struct trip t = {v, n, b->min_ashift, want};
    for (unsigned i = 0; i < n; i++)
        v[i].buf = v[i].from && want->compress > ZCOMP_OFF ? iobuf_get(want->lsize) : NULL;
    run_offload(squeeze_there, &t);
}

void squeezed_free(struct squeezed *s)
{
    iobuf_put(s->from);
    iobuf_put(s->buf);
    *s = (struct squeezed){0};
}

bool block_squeeze_pays(const struct block_want *want, uint64_t bytes)
{
    bool slow = want->compress > ZCOMP_OFF || want->checksum == ZCHECK_SHA256;
    return bytes >= (slow ? WORTH_BYTES : WORTH_SUM);
}
