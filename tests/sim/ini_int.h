/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the simulation's initiator: the session and the PDUs. */
#ifndef TESTS_SIM_INI_INT_H
#define TESTS_SIM_INI_INT_H

#include "ini.h"

/* A PDU to be sent, digests and padding included. */
struct ini_pdu {
    struct list node;
    size_t len;
    uint8_t bytes[];
};

/* A PDU that came; the data are valid until the next one is read. */
struct ini_in {
    union {
        struct iscsi_bhs bhs;
        struct iscsi_target_bhs target;
        struct iscsi_scsi_rsp rsp;
        struct iscsi_data_in data_in;
        struct iscsi_r2t r2t;
        struct iscsi_tmf_rsp tmf;
        struct iscsi_login_rsp login;
        struct iscsi_logout_rsp logout;
        struct iscsi_nop_in nop;
        struct iscsi_async async;
        struct iscsi_reject reject;
    } h;
    const uint8_t *data;
    uint32_t len;
};

struct ini_tmf_wait {
    struct list node;
    struct waitq q;
    uint32_t itt;
    bool done;
    uint8_t response;
};

struct ini {
    struct ini_params p;
    struct sock *sock;
    int broken; /* negative errno: the connection is over */
    bool full;  /* full feature phase */
    bool header_digest, data_digest, initial_r2t, immediate_data; /* agreed */
    uint32_t max_send, max_burst, first_burst;
    uint16_t max_r2t, tsih;

    uint32_t cmd_sn, itt;
    uint32_t exp_stat_sn, exp_cmd_sn, max_cmd_sn;
    struct waitq window;
    struct list cmds, tmfs; /* of struct ini_cmd, struct ini_tmf_wait */
    struct waitq ping, logged_out;
    uint32_t ping_itt, ping_len;
    bool pinging, ping_ok, logout_ok;

    struct list txq; /* of struct ini_pdu */
    struct waitq tx;
    bool tx_end;
    struct waitgroup fibers;

    uint8_t *rx;
    size_t rx_len, rx_cap, rx_used;
    struct ini_counts n;
};

/* ini_pdu.c: bytes on the wire. */
void ini_queue(struct ini *i, const void *bhs, const void *data, size_t len);
int ini_send_all(struct ini *i); /* what is queued, from the caller's fiber; parks */
/* The next PDU, parsed and checked by its digests. Parks. */
int ini_read(struct ini *i, struct ini_in *ret_in, uint64_t deadline);
void ini_break(struct ini *i, int err);

/* ini_rx.c: the reader of a session in full feature phase. */
void ini_reader(void *arg);

void ini_send_unsolicited(struct ini *i, struct ini_cmd *c, uint32_t off, uint32_t len);

/* ini_login.c */
int ini_negotiate(struct ini *i, uint16_t *ret_status);

/* chap.c: RFC 1994 with IANA's algorithm numbers; *ret_len bytes. False: not ours. */
bool chap_response(unsigned alg, uint8_t id, const char *secret, const uint8_t *challenge,
                   size_t challenge_len, uint8_t ret_digest[32], size_t *ret_len);

#endif
