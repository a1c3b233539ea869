/* SPDX-License-Identifier: BSD-2-Clause */
/* The PDUs on their way out: queued one by one, sent many per system call. */
#ifndef BENCH_RAW_TX_H
#define BENCH_RAW_TX_H

#include "raw_pdu.h"

#include "base/util.h"

struct raw_tx_pdu {
    uint8_t header[RAW_HEADER];
    const uint8_t *data; /* borrowed until it is sent */
    uint32_t len;        /* bytes of data, a multiple of 4 */
};

struct raw_tx {
    struct raw_tx_pdu *pdus; /* a ring of cap */
    uint32_t cap, head, count;
    size_t sent; /* bytes of the first PDU that have left */
};

/* 0 or -ENOMEM. */
int raw_tx_open(struct raw_tx *tx, uint32_t cap);
void raw_tx_close(struct raw_tx *tx);
/* Queues a PDU: its header zeroed but for the length of its data. Only if raw_tx_room() > 0. */
void *raw_tx_push(struct raw_tx *tx, const uint8_t *data, uint32_t len);
/* Sends until all is gone (0) or the socket is full (-EAGAIN), or fails with a negative errno. */
int raw_tx_flush(struct raw_tx *tx, int fd);

static inline uint32_t raw_tx_room(const struct raw_tx *tx)
{
    return tx->cap - tx->count;
}

#endif
