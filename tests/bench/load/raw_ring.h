/* SPDX-License-Identifier: BSD-2-Clause */
/* A receive buffer in which every PDU is contiguous wherever it lies. */
#ifndef BENCH_RAW_RING_H
#define BENCH_RAW_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct raw_ring {
    uint8_t *base; /* cap bytes, mapped twice in a row */
    size_t cap;
    size_t head; /* of what was received and not consumed, < cap */
    size_t len;
};

/* cap is rounded up to whole pages. 0 or a negative errno. */
int raw_ring_open(struct raw_ring *r, size_t cap);
void raw_ring_close(struct raw_ring *r);
/* One recv() of all the room there is. Bytes received, 0 at the peer's end, or a negative errno. */
ssize_t raw_ring_recv(struct raw_ring *r, int fd);

/* The unconsumed bytes, r->len of them, contiguous. */
static inline const uint8_t *raw_ring_data(const struct raw_ring *r)
{
    return r->base + r->head;
}
/* An emptied ring starts over at its base, so that light traffic stays within a few cache lines. */
static inline void raw_ring_consume(struct raw_ring *r, size_t n)
{
    r->len -= n;
    r->head = r->len == 0 ? 0 : (r->head + n) % r->cap;
}

#endif
