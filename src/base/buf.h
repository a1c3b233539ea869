/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded cursors. rbuf reads what a peer or a disk sent and never passes its end: past it
 * every getter gives zeros and sets bad, so a parser checks once at its end. wbuf writes at
 * most cap bytes but counts all, so returned data is cut at the ALLOCATION LENGTH while length
 * fields describe the whole (SPC-4 4.3.5.6).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/endian.h"
#include "base/util.h"

#include <string.h>

struct rbuf {
    const uint8_t *p, *end;
    bool bad; /* something was read past the end */
};

static inline struct rbuf rbuf_make(const void *p, size_t len)
{
    return (struct rbuf){(const uint8_t *)p, (const uint8_t *)p + len, false};
}
static inline size_t rb_left(const struct rbuf *r)
{
    return (size_t)(r->end - r->p);
}
/* The next n bytes, or NULL (and bad) when fewer are left. Borrowed from the buffer. */
static inline const uint8_t *rb_take(struct rbuf *r, size_t n)
{
    if (r->bad || rb_left(r) < n) {
        r->bad = true;
        r->p = r->end;
        return NULL;
    }
    const uint8_t *at = r->p;
    r->p += n;
    return at;
}
static inline bool rb_bytes(struct rbuf *r, void *ret_bytes, size_t n)
{
    const uint8_t *at = rb_take(r, n);
    if (!at)
        return false;
    memcpy(ret_bytes, at, n);
    return true;
}
static inline uint8_t rb_u8(struct rbuf *r)
{
    const uint8_t *at = rb_take(r, 1);
    return at ? at[0] : 0;
}
static inline uint16_t rb_be16(struct rbuf *r)
{
    const uint8_t *at = rb_take(r, 2);
    return at ? load_be16(at) : 0;
}
static inline uint32_t rb_be32(struct rbuf *r)
{
    const uint8_t *at = rb_take(r, 4);
    return at ? load_be32(at) : 0;
}
static inline uint64_t rb_be64(struct rbuf *r)
{
    const uint8_t *at = rb_take(r, 8);
    return at ? load_be64(at) : 0;
}

struct wbuf {
    uint8_t *p;
    size_t cap; /* bytes that are stored */
    size_t len; /* bytes that were written, stored or not */
};

static inline struct wbuf wbuf_make(void *p, size_t cap)
{
    return (struct wbuf){p, cap, 0};
}
/* Bytes that are really there. */
static inline size_t wb_stored(const struct wbuf *w)
{
    return MIN(w->len, w->cap);
}
static inline bool wb_overflowed(const struct wbuf *w)
{
    return w->len > w->cap;
}
static inline void wb_bytes(struct wbuf *w, const void *src, size_t n)
{
    if (n != 0 && w->len < w->cap)
        memcpy(w->p + w->len, src, MIN(n, w->cap - w->len));
    w->len += n;
}
static inline void wb_fill(struct wbuf *w, uint8_t byte, size_t n)
{
    if (n != 0 && w->len < w->cap)
        memset(w->p + w->len, byte, MIN(n, w->cap - w->len));
    w->len += n;
}
static inline void wb_zero(struct wbuf *w, size_t n)
{
    wb_fill(w, 0, n);
}
static inline void wb_u8(struct wbuf *w, uint8_t v)
{
    wb_bytes(w, &v, 1);
}
static inline void wb_be16(struct wbuf *w, uint16_t v)
{
    be16 b = be16_make(v);
    wb_bytes(w, b.b, sizeof(b.b));
}
static inline void wb_be24(struct wbuf *w, uint32_t v)
{
    be24 b = be24_make(v);
    wb_bytes(w, b.b, sizeof(b.b));
}
static inline void wb_be32(struct wbuf *w, uint32_t v)
{
    be32 b = be32_make(v);
    wb_bytes(w, b.b, sizeof(b.b));
}
static inline void wb_be64(struct wbuf *w, uint64_t v)
{
    be64 b = be64_make(v);
    wb_bytes(w, b.b, sizeof(b.b));
}
/* A string without its NUL. */
static inline void wb_str(struct wbuf *w, const char *s)
{
    wb_bytes(w, s, strlen(s));
}
/* A string in a field of n bytes, cut or filled with spaces at the right (SPC-4 4.4.1). */
static inline void wb_ascii(struct wbuf *w, const char *s, size_t n)
{
    size_t len = strlen(s);
    wb_bytes(w, s, MIN(len, n));
    if (len < n)
        wb_fill(w, ' ', n - len);
}
/* Patches a byte or field written before, where it was stored: for lengths known only
 * afterwards. */
static inline void wb_patch(struct wbuf *w, size_t at, const void *src, size_t n)
{
    if (at < w->cap)
        memcpy(w->p + at, src, MIN(n, w->cap - at));
}
static inline void wb_patch_be16(struct wbuf *w, size_t at, uint16_t v)
{
    be16 b = be16_make(v);
    wb_patch(w, at, b.b, sizeof(b.b));
}
static inline void wb_patch_be32(struct wbuf *w, size_t at, uint32_t v)
{
    be32 b = be32_make(v);
    wb_patch(w, at, b.b, sizeof(b.b));
}

#endif
