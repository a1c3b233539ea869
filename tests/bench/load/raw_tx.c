/* SPDX-License-Identifier: BSD-2-Clause */
/* Headers live in the ring itself; data is only pointed to. One sendmsg() takes up to BATCH PDUs. */
#include "raw_tx.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BATCH 48 /* PDUs; their vector lies on the stack */

int raw_tx_open(struct raw_tx *tx, uint32_t cap)
{
    *tx = (struct raw_tx){.pdus = calloc(cap, sizeof(tx->pdus[0])), .cap = cap};
    return tx->pdus ? 0 : E(-ENOMEM);
}

void raw_tx_close(struct raw_tx *tx)
{
    free(tx->pdus);
    *tx = (struct raw_tx){0};
}

void *raw_tx_push(struct raw_tx *tx, const uint8_t *data, uint32_t len)
{
    struct raw_tx_pdu *p = &tx->pdus[(tx->head + tx->count++) % tx->cap];
    memset(p->header, 0, sizeof(p->header));
    store_be24(p->header + 5, len);
    p->data = data;
    p->len = len;
    return p->header;
}

/* Describes the first PDUs, from their first unsent byte. Returns the number of vector entries. */
static size_t gather(const struct raw_tx *tx, struct iovec *iov)
{
    size_t n = 0, skip = tx->sent;
    for (uint32_t i = 0; i < MIN(tx->count, BATCH); i++) {
        struct raw_tx_pdu *p = &tx->pdus[(tx->head + i) % tx->cap];
        if (skip < RAW_HEADER)
            iov[n++] = (struct iovec){p->header + skip, RAW_HEADER - skip};
        skip -= MIN(skip, RAW_HEADER);
        if (p->len > skip)
            iov[n++] = (struct iovec){(void *)(uintptr_t)(p->data + skip), p->len - skip};
        skip = 0;
    }
    return n;
}

static void advance(struct raw_tx *tx, size_t bytes)
{
    tx->sent += bytes;
    while (tx->count > 0) {
        size_t whole = RAW_HEADER + tx->pdus[tx->head].len;
        if (tx->sent < whole)
            return;
        tx->sent -= whole;
        tx->head = (tx->head + 1) % tx->cap;
        tx->count--;
    }
}

int raw_tx_flush(struct raw_tx *tx, int fd)
{
    while (tx->count > 0) {
        struct iovec iov[2 * BATCH];
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = gather(tx, iov)};
        ssize_t n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return -errno;
        advance(tx, (size_t)n);
    }
    return 0;
}
