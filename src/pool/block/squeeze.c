/* SPDX-License-Identifier: BSD-2-Clause */
/* Compressing some blocks and computing their checksums on a helper thread, before they are written: nothing takes a reactor
 * longer than that, and it needs nothing but the bytes. */
#include "pool/block/block_int.h"

#include "base/check.h"

#include <string.h>

/* What a trip is worth: to be compressed, or summed up by SHA-256; and only to be summed up by fletcher4. */
#define WORTH_BYTES (32u << 10)
#define WORTH_SUM   (256u << 10)

struct trip {
    struct squeezed *v;
    unsigned n, ashift;
    uint32_t took; /* at most, of one block */
    const struct block_want *want;
    struct iobuf *scratch; /* NULL: there is room enough in the blocks' own */
};

/* Into its own buffer, which is rarely larger than what becomes of it: that is how it is written. */
static void compress_one(struct trip *t, struct compress_state *st, struct squeezed *s)
{
    const struct block_want *w = t->want;
    uint8_t *to = t->scratch ? t->scratch->p : s->buf->p;
    s->psize = compress_block(st, w->compress, s->from->p, w->lsize, to, t->ashift);
    t->took = MAX(t->took, s->psize ? s->psize : w->lsize);
    if (t->scratch && s->psize <= s->buf->cap)
        memcpy(s->buf->p, to, s->psize);
}

static void squeeze_one(struct trip *t, struct compress_state *st, struct squeezed *s)
{
    const struct block_want *w = t->want;
    s->zero = w->compress > ZCOMP_OFF && block_is_zero(s->from->p, w->lsize);
    if (!s->zero && st)
        compress_one(t, st, s);
    if (s->buf && s->psize > s->buf->cap)
        return; /* its buffer was expected to do: whoever writes it compresses it once more */
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

uint32_t block_squeeze(struct blocks *b, const struct block_want *want, struct squeezed *v,
                       unsigned n, uint32_t room)
{
    bool compress = want->compress > ZCOMP_OFF;
    struct trip t = {.v = v, .n = n, .ashift = b->min_ashift, .want = want};
    if (compress && room < want->lsize)
        t.scratch = iobuf_get(want->lsize);
    for (unsigned i = 0; compress && i < n; i++)
        v[i].buf = v[i].from ? iobuf_get(t.scratch ? room : want->lsize) : NULL;
    run_offload(squeeze_there, &t);
    iobuf_put(t.scratch);
    return t.took;
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
