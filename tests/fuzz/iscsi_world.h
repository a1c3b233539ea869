/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What login and conn_full have in common: an owner with a bounded number of tasks, and a reader of
 * everything the machine sends that checks what must always hold. Hashes are a constant, so that a
 * fuzzer can know the right response.
 */
#ifndef FUZZ_ISCSI_WORLD_H
#define FUZZ_ISCSI_WORLD_H

#include "base/buf.h"
#include "base/check.h"
#include "iscsi/framer.h"
#include "iscsi/iscsi.h"

#define WORLD_TASKS 24
#define WORLD_IN    (40u << 10) /* bytes that may wait to be taken */

struct world_task {
    struct iscsi_task t;
    bool used, started, ended; /* ended: the owner is through with it */
    uint32_t got;              /* bytes of data-out that were given */
};

/* An R2T that was seen on the wire. */
struct world_r2t {
    uint32_t itt, ttt, off, len, data_sn;
};

struct world {
    struct iscsi_conn *c;
    struct iscsi_env env;
    uint64_t now;
    bool closed, logged_in, no_strong_hash;
    struct world_task tasks[WORLD_TASKS];
    unsigned task_limit;

    /* to the machine */
    uint8_t *in;
    size_t in_len, in_cap;

    /* from the machine */
    size_t out_len;
    bool header_digest, data_digest, digests_known;
    bool numbers_known;
    uint32_t stat_sn, max_cmd_sn, exp_cmd_sn;
    struct world_r2t r2t[16];
    unsigned n_r2t;
    uint32_t text_ttt, nop_ttt; /* last seen */
    uint32_t max_segment;       /* bytes that a PDU may have had so far */

    uint8_t out[1u << 19]; /* last: not cleared */
};

/* Called for every event; conn_full and login differ in it. */
void world_event(struct world *w, const struct iscsi_event *ev);

void world_init(struct world *w, const struct iscsi_offer *o);
void world_fini(struct world *w);
void world_feed(struct world *w, const void *bhs, const void *data, uint32_t len);
void world_raw(struct world *w, const uint8_t *p, size_t len);
/* Lets the machine take what is there, showing it step bytes more at a time (0: all). */
void world_rx(struct world *w, size_t step);
void world_tick(struct world *w, uint64_t ns);
/* Takes at most max bytes from the machine and reads the PDUs that are whole. */
void world_tx(struct world *w, size_t max);

#endif
