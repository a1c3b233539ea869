/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: an initiator and an owner in memory, with the machine between them. The initiator
 * builds PDUs and reads what comes back, checking digests and numbers of everything; the owner
 * serves a small disk, or, when manual is set, leaves it to the test.
 */
#ifndef ISCSI_TEST_PEER_H
#define ISCSI_TEST_PEER_H

#include "iscsi/iscsi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PEER_TASKS 160
#define PEER_DISK  (1u << 20 | 8u << 9)
#define PEER_WIRE  (24u << 20)
#define MS         UINT64_C(1000000)

#define INITIATOR "iqn.2026-01.org.example:host1"
#define TARGET    "iqn.2026-01.org.zsan:disk1"

struct owner_task {
    struct iscsi_task t;
    bool used;
    bool started, failed;
    uint32_t data_seen; /* bytes given by events, contiguous */
    uint64_t lba;       /* bytes into the disk */
};

/* A PDU from the target, inside the peer's buffer. */
struct got {
    const uint8_t *bhs, *data;
    uint32_t len;
};
#define GOT(type, g) ((const struct type *)(const void *)(g).bhs)

struct peer {
    struct iscsi_conn *c;
    struct iscsi_env env;
    uint64_t now;

    /* how the wire behaves */
    size_t rx_step; /* bytes by which what the machine sees grows; 0: all at once */
    size_t tx_step; /* bytes that are sent at a time; 0: all */
    int iov_max;
    bool not_reading;
    uint32_t data_in_step; /* contiguous bytes of data-in memory; 0: all */

    uint8_t *to, *from; /* bytes for the target, from the target */
    size_t to_len, from_len, from_pos;

    /* the initiator */
    uint32_t cmd_sn, itt, exp_stat_sn, max_cmd_sn;
    bool stat_sn_known;
    uint16_t cid, tsih;
    bool header_digest, data_digest;

    /* the owner */
    bool manual;
    unsigned task_limit;
    struct owner_task tasks[PEER_TASKS];
    uint8_t *disk;
    struct iscsi_login_answer answer;
    uint16_t refuse;      /* status for the last word, 0: accept */
    const char *redirect; /* the last word sends there */
    uint16_t verdict;     /* on responses that it is asked about */
    bool hold_answers;
    unsigned targets; /* that SendTargets shows */
    uint8_t random;
    unsigned no_hash; /* mask of algorithms that are not to be had */
    bool closed;
    const char *why;
    uint16_t login_status;
    unsigned n_events;
    enum iscsi_ev_type events[4096];
    struct iscsi_event last; /* of any type but NONE and CLOSE */
};

struct peer *peer_new(const struct iscsi_offer *offer); /* NULL: the default */
void peer_free(struct peer *p);
struct iscsi_offer peer_offer(void); /* the default without timers */

/* Sends and lets both sides run until nothing moves. text: keys separated by '\n'. */
void peer_pump(struct peer *p);
void peer_raw(struct peer *p, const void *bytes, size_t len);
void peer_pdu(struct peer *p, const void *bhs, const void *data, uint32_t len);
void peer_tick(struct peer *p, uint64_t ms);

/* The next PDU; fails the test if there is none or it is another one. */
struct got peer_expect(struct peer *p, enum iscsi_opcode opcode);
void peer_expect_nothing(const struct peer *p);
void peer_expect_reject(struct peer *p, enum iscsi_reject_reason reason);
/* The value of a key in a text, NULL if it is not there. */
const char *got_key(const struct got *g, const char *key);

/* flags: T, C, CSG, NSG. */
#define LOGIN_FLAGS(csg, nsg) ((uint8_t)(0x80 | (csg) << 2 | (nsg)))
void peer_login_pdu(struct peer *p, uint8_t flags, const char *text);
uint16_t got_login_status(const struct got *g);
/* A whole login straight into the operational stage, with these keys besides the names. */
void peer_login(struct peer *p, const char *keys);
struct peer *peer_logged_in(const char *keys);

struct cmd {
    uint8_t flags; /* R, W, attributes; F is set unless more */
    bool more;     /* unsolicited Data-Out follows */
    bool immediate;
    uint32_t edtl;
    uint8_t op; /* of a 10-byte CDB */
    uint32_t lba, nblk;
    const void *data;
    uint32_t len;
    uint8_t lun;
    int32_t sn_ahead; /* CmdSN is that far from the next one, which stays */
};
/* Returns its tag. */
uint32_t peer_cmd(struct peer *p, const struct cmd *cmd);
uint32_t peer_read(struct peer *p, uint32_t lba, uint32_t nblk);
/* A write of peer_bytes, which are anything but zeros, to LBA 8. */
struct cmd peer_write_cmd(uint32_t nblk, uint32_t immediate, bool more);
extern uint8_t peer_bytes[1u << 20];
void peer_data_out(struct peer *p, uint32_t itt, uint32_t ttt, uint32_t data_sn, uint32_t off,
                   const void *data, uint32_t len, bool final);
uint32_t peer_tmf(struct peer *p, uint8_t function, uint32_t ref_itt, uint32_t ref_cmd_sn,
                  bool immediate);
/* flags: F, C. ttt: ISCSI_TAG_NONE begins. */
uint32_t peer_text(struct peer *p, uint8_t flags, uint32_t ttt, const char *text);
void peer_logout(struct peer *p, uint8_t reason, uint16_t cid);
void peer_nop(struct peer *p, uint32_t itt, uint32_t ttt, bool immediate, const void *data,
              uint32_t len);

/* Checks status and residual (negative: underflow) of the response that is next. */
void peer_expect_status(struct peer *p, uint32_t itt, uint8_t status, int64_t residual);
/* CHECK CONDITION with this sense, in fixed format. */
void peer_expect_sense(struct peer *p, uint32_t itt, uint8_t key, uint8_t asc, uint8_t ascq);
struct owner_task *peer_task(struct peer *p, uint32_t itt);
bool peer_saw(const struct peer *p, enum iscsi_ev_type type);
unsigned peer_tasks_used(const struct peer *p);

/* The hash of the real world, for env. */
bool test_hash(void *arg, enum iscsi_chap_alg alg, const struct iovec *parts, int n,
               uint8_t ret_digest[32], size_t *ret_len);

#endif
