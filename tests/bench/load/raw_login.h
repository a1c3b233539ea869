/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow beginning of a session: connecting, logging in, looking at the LUN. All of it blocks. */
#ifndef BENCH_RAW_LOGIN_H
#define BENCH_RAW_LOGIN_H

#include "base/err.h"

#define RAW_MAX_RECV_SEGMENT (256u << 10) /* what we declare for Data-In */

/* iscsi://host:port/iqn/lun. Without secrets: sessions of this client don't authenticate. */
struct raw_url {
    char host[128];
    char port[8];
    char target[224]; /* RFC 7143 4.2.7.1 */
    uint32_t lun;
};

struct raw_session {
    int fd; /* blocking; -1: none */
    uint32_t lun;
    uint32_t cmd_sn;      /* of the next command */
    uint32_t max_cmd_sn;  /* the window's end */
    uint32_t exp_stat_sn; /* of the next response */
    /* negotiated, in bytes */
    uint32_t max_send_segment, first_burst, max_burst;
    bool immediate_data, initial_r2t;
    /* the LUN */
    uint32_t lba_bytes;
    uint64_t lun_bytes;
};

int raw_url_parse(const char *text, struct raw_url *ret_url, struct err *reterr);

/*
 * Connects, logs in to a normal session, waits until the LUN is ready, reads its capacity.
 * number tells this session's ISID from that of the others. 0 or a negative errno with reterr;
 * closed by the caller with raw_session_close() in both cases.
 */
int raw_session_open(struct raw_session *s, const struct raw_url *url, const char *initiator,
                     uint32_t number, struct err *reterr);
void raw_session_close(struct raw_session *s);
/* Asks for the logout of a session with nothing in flight, and waits a moment for the answer. */
void raw_session_logout(struct raw_session *s);

#endif
