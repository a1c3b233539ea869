/* SPDX-License-Identifier: BSD-2-Clause */
/* One connection in full feature phase: keeps depth commands in flight, many per system call. */
#ifndef BENCH_RAW_CONN_H
#define BENCH_RAW_CONN_H

#include "load.h"
#include "raw_login.h"
#include "raw_ring.h"
#include "raw_tx.h"

struct raw_task;

/* A piece of a write that the target may have now: unsolicited data or the answer to an R2T. */
struct raw_burst {
    struct raw_task *task;
    uint32_t off, end; /* bytes of the write */
    uint32_t ttt, data_sn;
};

struct raw_task {
    struct raw_task *next_free;
    struct work_op op;
    uint64_t start_ns;
    uint8_t *buf; /* what a write carries */
    uint32_t itt;
    enum pattern_verdict verdict;
    uint32_t received; /* bytes of a read */
    bool in_flight;
};

struct raw_conn {
    struct load_thread *t;
    struct raw_session session;
    struct work work;
    struct raw_ring in;
    struct raw_tx out;
    uint8_t *buffers;
    struct raw_task *tasks, *free; /* depth of them; itt is the index */
    struct raw_burst *bursts;      /* a ring of 2 * depth: the order in which data goes out */
    uint32_t burst_head, burst_count;
    uint32_t in_flight;
    bool stopping; /* no new commands */
    bool blocked;  /* the socket took less than all: wait until it is writable */
    bool lost;
};

/* Logs in session number i. 0 or a negative errno; to be closed in both cases. */
int raw_conn_open(struct raw_conn *c, struct load_thread *t, uint32_t i, struct err *reterr);
void raw_conn_close(struct raw_conn *c);

/* Issues what the window and the depth allow, and sends all that is queued. */
void raw_conn_send(struct raw_conn *c);
/* Receives once and handles every whole PDU. */
void raw_conn_receive(struct raw_conn *c);

#endif
