/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target side of one iSCSI session with its one connection (RFC 7143, ErrorRecoveryLevel
 * 0, MaxConnections 1), as a pure state machine: bytes and time in, events and bytes out. No
 * socket, clock, allocation or log in here; random numbers, hashes and task memory come
 * through struct iscsi_env. Not thread-safe: one owner at a time.
 *
 * The owner's loop:
 *     feed received bytes:  while (iscsi_rx(c, p, len, now, &used, &ev)) handle ev, p += used
 *     give time:            iscsi_tick(c, now, &ev) at iscsi_deadline(c)
 *     send:                 n = iscsi_tx_fill(c, iov, ...); writev(); iscsi_tx_sent(c, sent)
 * until ISCSI_EV_CLOSE, after which it sends what iscsi_tx_fill() still gives, closes, and
 * ends the tasks.
 */
#ifndef ISCSI_ISCSI_H
#define ISCSI_ISCSI_H

#include "base/list.h"
#include "base/util.h"
#include "wire/iscsi.h"

#include <sys/uio.h>

#define ISCSI_NAME_MAX 223          /* bytes, RFC 7143 4.2.7.1 */
#define ISCSI_MAX_DATA (256u << 10) /* bytes, the largest data segment that we offer to take */
/* Bytes that iscsi_rx() must be given whole. */
#define ISCSI_MAX_PDU (ISCSI_BHS_LEN + ISCSI_AHS_MAX + 4 + ISCSI_MAX_DATA + 4)
/* The same during the login, whose requests hold at most the 8192 bytes of 13.12. */
#define ISCSI_MAX_LOGIN_PDU (ISCSI_BHS_LEN + ISCSI_AHS_MAX + 8192u)
#define ISCSI_MAX_WINDOW    2048 /* commands; a larger offer counts as this */
#define ISCSI_MAX_R2T       8    /* MaxOutstandingR2T; a larger offer counts as this */

struct iscsi_conn;
struct iscsi_task;

/* ---- what the machine needs from outside ------------------------------------------------- */

enum iscsi_chap_alg {
    ISCSI_CHAP_MD5 = 5,
    ISCSI_CHAP_SHA1 = 6,
    ISCSI_CHAP_SHA256 = 7,
    ISCSI_CHAP_SHA3_256 = 8
};

struct iscsi_env {
    void (*random)(void *arg, void *ret_bytes, size_t len);
    /* Hash of the concatenated parts; *ret_len bytes (at most 32) into ret_digest. False:
     * this algorithm is not to be had (FIPS). */
    bool (*hash)(void *arg, enum iscsi_chap_alg alg, const struct iovec *parts, int n,
                 uint8_t ret_digest[32], size_t *ret_len);
    /* Memory for a task, zeroed by the caller's own rules; NULL: none is free, the command
     * ends TASK SET FULL. */
    struct iscsi_task *(*task_alloc)(void *arg);
    /* The task is over and its last byte was sent (or dropped): memory and buffers are the
     * owner's again. */
    void (*task_free)(void *arg, struct iscsi_task *t);
    /* The address and (in *len: wanted in, contiguous out, > 0) length of data-in bytes of t
     * at off. Valid until task_free. */
    const uint8_t *(*data_in)(void *arg, struct iscsi_task *t, uint64_t off, uint32_t *len);
};

/* What we offer and accept; a connection starts with these and the negotiation lowers them.
 * RFC 7143 section 13. */
struct iscsi_offer {
    uint32_t max_recv_data_segment;  /* bytes we take, <= 256 KiB */
    uint32_t max_burst, first_burst; /* bytes */
    uint16_t max_outstanding_r2t;
    bool initial_r2t, immediate_data;
    bool digests; /* CRC32C may be chosen: it is when the initiator lists it first */
    uint16_t time2wait, time2retain;
    uint16_t window; /* commands the initiator may have outstanding */
    uint32_t login_timeout_ms, nop_interval_ms, nop_timeout_ms; /* nop_interval 0: no NOP-In */
    uint16_t portal_group;                                      /* TargetPortalGroupTag */
    char alias[64]; /* TargetAlias, may be empty; may also be given by iscsi_login_answer */
};
struct iscsi_offer iscsi_offer_default(void);

/* What was agreed. Lengths in bytes. */
struct iscsi_params {
    bool header_digest, data_digest;
    bool initial_r2t, immediate_data;
    uint32_t max_recv_data_segment; /* ours */
    uint32_t max_send_data_segment; /* the initiator's MaxRecvDataSegmentLength */
    uint32_t max_burst, first_burst;
    uint16_t max_outstanding_r2t;
    uint16_t time2wait, time2retain;
    bool discovery;
    char initiator[ISCSI_NAME_MAX + 1], target[ISCSI_NAME_MAX + 1];
    char initiator_alias[256];
    uint8_t isid[6];
    uint16_t tsih;
    uint16_t cid;
    enum iscsi_chap_alg chap_alg; /* 0: none was used */
    bool mutual;
    bool previous; /* by another than the first secret of struct iscsi_login_answer */
};

/* now: nanoseconds, any monotonic origin; every call that takes time uses the same. arg goes
 * to env's functions. */
size_t iscsi_conn_size(void);
void iscsi_conn_init(struct iscsi_conn *c, const struct iscsi_env *env, void *arg,
                     const struct iscsi_offer *offer, uint64_t now);
/* Frees every task that is left through env->task_free. */
void iscsi_conn_fini(struct iscsi_conn *c);
const struct iscsi_params *iscsi_conn_params(const struct iscsi_conn *c);
const char *iscsi_conn_state(const struct iscsi_conn *c); /* for status and logs */

/* ---- tasks ------------------------------------------------------------------------------- */

/* One thing that waits to be sent: a task or a message of the machine's own. */
struct iscsi_tx_node {
    struct list link;
    bool is_msg;
};

/* One R2T: the bytes [off, off + len) of the transfer, asked for under a tag of its own. */
struct iscsi_r2t_open {
    uint32_t ttt, off, len;
    uint32_t got;     /* bytes of it that are here */
    uint32_t data_sn; /* the next DataSN */
};

/* The machine's part of a SCSI command; embedded in the owner's task. Read-only outside
 * iscsi/, but for user. */
struct iscsi_task {
    void *user; /* the owner's */
    uint32_t itt;
    uint32_t cmd_sn;
    uint8_t lun[8];
    uint8_t cdb[16];
    uint16_t cdb_len; /* 16, or more when an extended CDB came (only 16 bytes are kept) */
    uint8_t
        attr; /* RFC 7143 11.3.1.1: 0 untagged, 1 simple, 2 ordered, 3 head of queue, 4 ACA */
    bool read, write, immediate;
    uint32_t edtl;     /* Expected Data Transfer Length, bytes */
    uint32_t received; /* bytes of data-out that are here, contiguous from 0 */
    uint32_t wanted;   /* bytes solicited or allowed unsolicited so far */
    bool refused;      /* its data is taken and thrown away */
    /* private */
    uint8_t state; /* enum task_state */
    uint32_t era;  /* struct iscsi_conn's, when it came */
    bool own;      /* the machine's: the owner never saw it */
    bool overflow, underflow;
    uint8_t status;
    struct list by_itt, held;
    struct iscsi_tx_node tx;
    uint32_t slots;           /* PDUs of it that are made and not sent yet */
    uint32_t unsolicited_end; /* bytes that may come without R2T */
    uint32_t unsolicited_sn;  /* the next DataSN of that sequence */
    bool unsolicited_open;    /* more unsolicited Data-Out is to come (F not seen) */
    uint32_t want;            /* bytes the owner asked for */
    struct iscsi_r2t_open r2t[ISCSI_MAX_R2T];
    uint8_t r2t_first, r2t_count; /* r2t is a ring */
    uint8_t r2t_unsent;           /* the last ones of it, which wait to be sent */
    uint32_t r2t_sn;
    uint32_t data_in_len, data_in_made, data_in_sn;
    uint32_t residual;
    uint32_t bidi_read_len; /* of a bidirectional command, which is refused */
    const uint8_t *failed;  /* sense of a broken data phase, or NULL */
    const uint8_t *sense;
    uint16_t sense_len;
};

/* ---- events ------------------------------------------------------------------------------ */

enum iscsi_ev_type {
    ISCSI_EV_NONE,
    /* login: names are known (iscsi_conn_params); answer with iscsi_login_answer() */
    ISCSI_EV_IDENTIFY,
    /* the initiator has answered our challenge and somebody else knows its secret (struct
     * iscsi_login_answer's elsewhere): see iscsi_login_response(), answer with
     * iscsi_login_verified() */
    ISCSI_EV_VERIFY,
    /* authenticated and negotiated; answer with iscsi_login_accept() or iscsi_login_refuse() */
    ISCSI_EV_LOGGED_IN,
    /* for the log: login_status and why; EV_CLOSE follows */
    ISCSI_EV_LOGIN_FAILED,
    /* task; data (may be empty) is its immediate data, to be stored at offset 0 */
    ISCSI_EV_COMMAND,
    /* task, data at offset: store it. task->received has grown already */
    ISCSI_EV_DATA,
    /* task may be executed now (its CmdSN is due); comes after its COMMAND, at once or later */
    ISCSI_EV_START,
    /* task: its data cannot come whole (wrong DataSN or offset). Abort it as ABORT TASK would,
     * then call iscsi_task_done() with any result: the machine answers with the sense of RFC
     * 7143 11.4.7.2 */
    ISCSI_EV_DATA_FAILED,
    /* tmf: answer with iscsi_tmf_done() */
    ISCSI_EV_TMF,
    /* answer with iscsi_targets_add()... iscsi_targets_done() */
    ISCSI_EV_SEND_TARGETS,
    /* end the session's (connection's) tasks, then iscsi_logout_done() */
    ISCSI_EV_LOGOUT,
    /* drop the connection; why says what happened */
    ISCSI_EV_CLOSE,
};

struct iscsi_tmf {
    uint8_t function; /* enum iscsi_tmf_function; TASK REASSIGN is answered by the machine */
    uint8_t lun[8];   /* of ABORT TASK: the task's own */
    uint32_t itt;     /* of the request, to be handed to iscsi_tmf_done() */
    uint32_t ref_itt;
    struct iscsi_task *task; /* ABORT TASK: to be aborted; NULL: not (any more) the owner's */
    int8_t response;         /* >= 0: known already (there is no task), to be passed on */
};

/* Only what belongs to the type is set. */
struct iscsi_event {
    enum iscsi_ev_type type;
    struct iscsi_task *task;
    const uint8_t *data; /* borrowed from the caller's input, valid until the next iscsi_rx() */
    uint32_t data_len, offset;
    struct iscsi_tmf tmf;
    struct {
        /* One target by name (for "All" in a normal session its own), or "" and all: every
         * target the initiator may see. */
        char target[ISCSI_NAME_MAX + 1];
        bool all;
    } send_targets;
    uint8_t logout_reason; /* RFC 7143 11.14.1 */
    uint16_t login_status; /* class << 8 | detail */
    const char *why;       /* static text, for the log */
};

/* Takes one step. Returns true when ev holds an event (call again with the rest), false when
 * all of [p, p + len) that can be used was used and more bytes are needed. *ret_used: bytes
 * consumed by this call, whichever it returns. A PDU is used only when it is there whole: the
 * owner keeps the rest and feeds it again with more behind it. While an answer is outstanding
 * (IDENTIFY, VERIFY, LOGGED_IN, SEND_TARGETS, LOGOUT) no byte is used and false is returned; the same
 * while so much waits to be sent that a reply could not be queued (a peer that does not
 * read): call again after iscsi_tx_sent(). Call it after every answer too, with whatever is
 * there, even nothing: events may be due that need no more bytes. */
bool iscsi_rx(struct iscsi_conn *c, const uint8_t *p, size_t len, uint64_t now,
              size_t *ret_used, struct iscsi_event *ret_ev);
/* True when the last call left bytes for which it waits for iscsi_tx_sent(), not for more
 * bytes. */
bool iscsi_rx_blocked(const struct iscsi_conn *c);
/* Timers: login timeout, NOP-In keepalive, a peer that stops reading, a logout that was asked
 * for. Gives LOGIN_FAILED and CLOSE when they are due; all else is for iscsi_rx() to give. */
bool iscsi_tick(struct iscsi_conn *c, uint64_t now, struct iscsi_event *ret_ev);
uint64_t iscsi_deadline(const struct iscsi_conn *c); /* UINT64_MAX: none */

/* ---- login ------------------------------------------------------------------------------- */

#define ISCSI_CHAP_SECRETS 2
#define ISCSI_SECRET_MAX   255
struct iscsi_secret {
    uint8_t bytes[ISCSI_SECRET_MAX];
    uint16_t len; /* 12 or more; 0: there is none */
};
struct iscsi_login_answer {
    /* enum iscsi_login_status; 0: go on, else the login ends with it. With params.tsih not 0
     * the initiator wants to join that session: TOO_MANY_CONNECTIONS if it exists, NO_SESSION
     * if not. */
    uint16_t status;
    bool chap_required;   /* else AuthMethod None is accepted */
    bool mutual_required; /* the initiator must ask us to prove ourselves */
    uint16_t algs;        /* accepted, bit mask of 1 << enum iscsi_chap_alg; 0: all four */
    uint16_t algs_ever; /* of anybody, known or not: no challenge is for another; 0: all four */
    bool elsewhere; /* secret[] is none: ISCSI_EV_VERIFY asks whether its response is right */
    char chap_name[ISCSI_NAME_MAX + 33];            /* CHAP_N the initiator must send */
    struct iscsi_secret secret[ISCSI_CHAP_SECRETS]; /* any of them is accepted */
    char reverse_name[ISCSI_NAME_MAX + 33];         /* CHAP_N we send */
    /* By which we answer whoever has proved the secret of the same index ([0] with elsewhere). None: mutual CHAP is
     * refused. Never the same as a secret. */
    struct iscsi_secret reverse_secret[ISCSI_CHAP_SECRETS];
    char target_alias[64];
    uint16_t portal_group;
    /* The initiator is unknown: run the exchange to its end with secrets that match nothing, so
     * that nothing is learned from it, and fail with 0201. */
    bool fake;
};
/* Copies what it needs; the caller wipes its copy. */
void iscsi_login_answer(struct iscsi_conn *c, const struct iscsi_login_answer *a);
/* A response to be judged by who knows the secret. */
struct iscsi_chap_response {
    enum iscsi_chap_alg alg;
    uint8_t id, challenge[32], response[32];
    size_t challenge_len, response_len; /* bytes */
    const char *name;                   /* CHAP_N, valid as long as the connection */
};
/* False: none waits for its verdict. */
bool iscsi_login_response(const struct iscsi_conn *c, struct iscsi_chap_response *ret_response);
/* status OK: the response is right; AUTH_FAILED: it is wrong; else why the login cannot go on. why: static text, for the
 * log. */
void iscsi_login_verified(struct iscsi_conn *c, uint16_t status, const char *why);
/* tsih: of the new session, not 0 (0 for discovery is replaced by the machine's own). */
void iscsi_login_accept(struct iscsi_conn *c, uint16_t tsih, uint64_t now);
void iscsi_login_refuse(struct iscsi_conn *c, uint16_t status);
/* Instead of accepting: the target is at "address:port[,tpgt]" now, for a while or for good (11.13.5). It
 * is told here alone, for before the proof it would tell strangers that there is such a target. */
void iscsi_login_redirect(struct iscsi_conn *c, bool permanent, const char *address);

/* ---- full feature phase ------------------------------------------------------------------ */

/* Asks a write for data-out up to byte upto (<= edtl): sends as many R2Ts as MaxBurstLength and
 * MaxOutstandingR2T allow, the rest by itself as data comes. */
void iscsi_task_want(struct iscsi_conn *c, struct iscsi_task *t, uint32_t upto);
/* The command was refused before it could have a buffer: what data still comes for it is
 * taken and thrown away. */
void iscsi_task_refuse_data(struct iscsi_conn *c, struct iscsi_task *t);

struct iscsi_result {
    uint8_t status;       /* SAM status */
    const uint8_t *sense; /* borrowed until task_free */
    uint16_t sense_len;
    uint32_t data_in_len; /* bytes to send by env->data_in, <= edtl */
    uint64_t transfer; /* bytes the command wanted to move: gives the residual against edtl */
};
/* Queues Data-In and the response. A response for a task whose solicited data is still under
 * way waits for it where the RFC demands. */
void iscsi_task_done(struct iscsi_conn *c, struct iscsi_task *t, const struct iscsi_result *r);
/* The task ends without a response (aborted). env->task_free may be called before this
 * returns. Not for a task that iscsi_task_done() was called for. */
void iscsi_task_drop(struct iscsi_conn *c, struct iscsi_task *t);
/* The initiator is about to be told that the task is over, but the owner cannot let go of it
 * yet: its tag and its place in the window are free, and all that the owner may still call for
 * it is iscsi_task_drop(). */
void iscsi_task_forget(struct iscsi_conn *c, struct iscsi_task *t);
void iscsi_tmf_done(struct iscsi_conn *c, uint32_t itt, uint8_t response); /* RFC 7143 11.6.1 */

/* addr: "192.0.2.1:3260" or "[..]:3260". False: the answer has no room left (it is cut at
 * whole targets and logged by the owner). */
bool iscsi_targets_add(struct iscsi_conn *c, const char *target, const char *const *addrs,
                       const uint16_t *tags, unsigned n);
void iscsi_targets_done(struct iscsi_conn *c);
void iscsi_logout_done(struct iscsi_conn *c, uint8_t response);

/* Asynchronous messages (RFC 7143 11.9). */
void iscsi_async_logout(struct iscsi_conn *c,
                        uint16_t seconds); /* event 1: please log out within */
void iscsi_async_drop(struct iscsi_conn *c, uint16_t time2wait,
                      uint16_t time2retain); /* events 2, 3 */
void iscsi_async_sense(struct iscsi_conn *c, const uint8_t lun[8], const uint8_t *sense,
                       size_t len); /* event 0 */
/* Narrows or restores the command window by not advancing MaxCmdSN. */
void iscsi_set_window(struct iscsi_conn *c, uint16_t window);

/* ---- output ------------------------------------------------------------------------------ */

/* Gives the bytes to send next, as at most max entries and about max_bytes bytes; 0: nothing
 * to send. What is given stays valid and must be sent in this order; a second call before
 * iscsi_tx_sent() gives the same bytes again, and perhaps more behind them. */
int iscsi_tx_fill(struct iscsi_conn *c, struct iovec *iov, int max, size_t max_bytes);
void iscsi_tx_sent(struct iscsi_conn *c, size_t bytes);
bool iscsi_tx_pending(const struct iscsi_conn *c);

/* ---- counters ---------------------------------------------------------------------------- */

struct iscsi_stats {
    uint64_t pdus_in, pdus_out, bytes_in, bytes_out;
    uint64_t commands, r2ts, rejects, digest_errors, nops_in, nops_out,
        dropped; /* dropped: PDUs outside the command window */
};
const struct iscsi_stats *iscsi_conn_stats(const struct iscsi_conn *c);

#endif
