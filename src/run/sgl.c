/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scatter lists. A list of up to SGL_INLINE pieces needs no memory of its own; longer ones grow
 * by doubling. Every operation on a byte range walks pieces through one cursor, span_next().
 * Nothing here parks.
 */
#include "run/iobuf.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void sgl_init(struct sgl *s)
{
    *s = (struct sgl){.cap = SGL_INLINE};
    s->v = s->inl;
}

void sgl_clear(struct sgl *s)
{
    while (s->n > 0)
        iobuf_put(s->v[--s->n].buf);
    if (s->v != s->inl)
        free(s->v);
    sgl_init(s);
}

static int reserve(struct sgl *s, unsigned n)
{
    if (n <= s->cap)
        return 0;
    unsigned cap = MAX(n, s->cap * 2);
    struct sg *v = s->v == s->inl ? malloc(cap * sizeof(*v)) : realloc(s->v, cap * sizeof(*v));
    if (!v)
        return E(-ENOMEM);
    if (s->v == s->inl)
        memcpy(v, s->inl, s->n * sizeof(*v));
    s->v = v;
    s->cap = cap;
    return 0;
}

int sgl_add(struct sgl *s, struct iobuf *buf, uint8_t *p, uint32_t len)
{
    int rc = reserve(s, s->n + 1);
    if (rc < 0)
        return rc;
    s->v[s->n++] = (struct sg){buf, p, len};
    s->len += len;
    return 0;
}

/* The buffer to take for a rest of len bytes: one that holds it all when that wastes at most a
 * quarter, else the largest that it fills. */
static uint32_t piece_size(uint64_t len)
{
    uint32_t size = IOBUF_MAX;
    while (size > IOBUF_MIN && size > len)
        size /= 2;
    bool next_fits = size < IOBUF_MAX && len > size && len * 4 >= (uint64_t)size * 2 * 3;
    return next_fits ? size * 2 : size;
}

int sgl_alloc(struct sgl *s, uint64_t len)
{
    uint64_t before = s->len;
    while (len > 0) {
        struct iobuf *b = iobuf_get(piece_size(len));
        uint32_t n = b ? (uint32_t)MIN(len, b->cap) : 0;
        if (!b || sgl_add(s, b, b->p, n) < 0) {
            iobuf_put(b);
            sgl_truncate(s, before);
            return E(-ENOMEM);
        }
        len -= n;
    }
    return 0;
}

/* ---- ranges ------------------------------------------------------------------------------ */

/* A walk over [off, off + left) of a list, one contiguous span at a time. */
struct span {
    const struct sg *v;
    uint64_t off; /* into *v */
    uint64_t left;
    uint8_t *p;
    uint32_t len;
};

static struct span span_make(const struct sgl *s, uint64_t off, uint64_t len)
{
    check(off <= s->len && len <= s->len - off);
    struct span c = {.v = s->v, .off = off, .left = len};
    while (c.left > 0 && c.off >= c.v->len)
        c.off -= c.v++->len;
    return c;
}

/* Sets p and len to the next span of at most max bytes; false at the end. */
static bool span_next(struct span *c, uint64_t max)
{
    while (c->left > 0 && c->off == c->v->len) {
        c->v++;
        c->off = 0;
    }
    uint64_t here = MIN(c->left, max);
    if (here == 0)
        return false;
    here = MIN(here, c->v->len - c->off);
    c->p = c->v->p + c->off;
    c->len = (uint32_t)here;
    c->off += here;
    c->left -= here;
    return true;
}

void sgl_copy_in(struct sgl *s, uint64_t off, const void *src, size_t len)
{
    const uint8_t *from = src;
    struct span c = span_make(s, off, len);
    for (; span_next(&c, UINT64_MAX); from += c.len)
        memcpy(c.p, from, c.len);
}

void sgl_copy_out(const struct sgl *s, uint64_t off, void *dst, size_t len)
{
    uint8_t *to = dst;
    struct span c = span_make(s, off, len);
    for (; span_next(&c, UINT64_MAX); to += c.len)
        memcpy(to, c.p, c.len);
}

void sgl_copy(struct sgl *dst, uint64_t doff, const struct sgl *src, uint64_t soff,
              uint64_t len)
{
    struct span from = span_make(src, soff, len);
    for (; span_next(&from, UINT64_MAX); doff += from.len)
        sgl_copy_in(dst, doff, from.p, from.len);
}

void sgl_zero(struct sgl *s, uint64_t off, uint64_t len)
{
    struct span c = span_make(s, off, len);
    while (span_next(&c, UINT64_MAX))
        memset(c.p, 0, c.len);
}

uint64_t sgl_compare(const struct sgl *a, uint64_t aoff, const struct sgl *b, uint64_t boff,
                     uint64_t len)
{
    struct span ca = span_make(a, aoff, len), cb = span_make(b, boff, len);
    uint64_t done = 0;
    while (span_next(&ca, UINT64_MAX)) {
        for (uint32_t i = 0; i < ca.len; i += cb.len) {
            span_next(&cb, ca.len - i);
            if (memcmp(ca.p + i, cb.p, cb.len) == 0)
                continue;
            uint32_t k = 0;
            while (ca.p[i + k] == cb.p[k])
                k++;
            return done + i + k + 1;
        }
        done += ca.len;
    }
    return 0;
}

int sgl_slice(struct sgl *dst, const struct sgl *src, uint64_t off, uint64_t len)
{
    uint64_t before = dst->len;
    struct span c = span_make(src, off, len);
    while (span_next(&c, UINT64_MAX)) {
        struct iobuf *b = c.v->buf;
        if (sgl_add(dst, b, c.p, c.len) < 0) {
            sgl_truncate(dst, before);
            return E(-ENOMEM);
        }
        if (b)
            iobuf_ref(b);
    }
    return 0;
}

void sgl_truncate(struct sgl *s, uint64_t len)
{
    while (s->n > 0 && s->len > len) {
        struct sg *last = &s->v[s->n - 1];
        uint64_t cut = MIN(s->len - len, last->len);
        last->len -= (uint32_t)cut;
        s->len -= cut;
        if (last->len > 0)
            return;
        iobuf_put(last->buf);
        s->n--;
    }
}

int sgl_iov(const struct sgl *s, uint64_t off, uint64_t len, struct iovec *iov, int max,
            uint64_t *ret_len)
{
    struct span c = span_make(s, off, len);
    int n = 0;
    while (n < max && span_next(&c, UINT64_MAX))
        iov[n++] = (struct iovec){c.p, c.len};
    *ret_len = len - c.left;
    return n;
}
