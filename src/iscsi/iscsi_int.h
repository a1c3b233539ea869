/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this folder share: the connection and who does what with it. */
#ifndef ISCSI_INT_H
#define ISCSI_INT_H

#include "base/buf.h"
#include "base/check.h"
#include "iscsi/chap.h"
#include "iscsi/framer.h"
#include "iscsi/iscsi.h"
#include "iscsi/keys.h"
#include "iscsi/session.h"
#include "iscsi/text.h"

#define TX_SLOTS       128
#define MSG_POOL       32
#define MSG_INLINE     256 /* bytes of data that a message carries itself */
#define TMF_MAX        16  /* task management functions under way */
#define OWN_TASKS      8   /* commands that the machine refuses by itself, data still to come */
#define ITT_BUCKETS    128
#define LOGIN_DATA_MAX 8192u       /* bytes in a login PDU: the default of 13.12 */
#define LOGIN_PDUS_MAX 64          /* requests that a login may take */
#define TEXT_IN_MAX    (16u << 10) /* bytes of one text, however many PDUs it takes */
#define TEXT_OUT_MAX   (64u << 10) /* bytes of one answer */
#define ECHO_MAX       (64u << 10) /* bytes of ping data that are sent back */
#define NS_PER_MS      UINT64_C(1000000)

enum conn_phase { CONN_LOGIN, CONN_FULL, CONN_CLOSED };

/* What the owner has to answer before more bytes are used. */
enum conn_wait {
    WAIT_NONE,
    WAIT_IDENTIFY,
    WAIT_VERIFY,
    WAIT_ACCEPT,
    WAIT_TARGETS,
    WAIT_LOGOUT
};

/* A PDU of the machine's own. stat_sn and the like are filled in when it is made. */
struct msg {
    struct iscsi_tx_node tx;
    bool busy;
    bool pooled;
    bool numbered; /* advances StatSN */
    bool barrier;  /* goes behind every response that was queued before it */
    bool plain;    /* without digests: a login response */
    struct iscsi_target_bhs bhs;
    const uint8_t *data; /* inl, or memory of the connection that waits for it */
    uint32_t len;        /* bytes */
    uint8_t inl[MSG_INLINE];
};

/* A PDU that was made and is not sent yet. */
struct slot {
    uint8_t head[ISCSI_BHS_LEN + ISCSI_DIGEST_LEN + 4];
    uint8_t tail[4 + ISCSI_DIGEST_LEN]; /* padding, digest */
    uint8_t head_len, tail_len;
    const uint8_t *data; /* NULL: data-in of task at data_off */
    uint32_t data_off, data_len;
    struct iscsi_task *task; /* whose memory it needs, NULL: nobody's */
    struct msg *msg;
};

struct tx {
    struct list urgent; /* R2Ts, messages */
    struct list fifo;   /* responses, and messages that may not pass them */
    unsigned barriers;  /* messages in fifo */
    struct slot slots[TX_SLOTS];
    uint32_t first, count;
    size_t first_sent; /* bytes of the first slot that are gone */
};

enum login_state {
    LOGIN_START,       /* nothing yet */
    LOGIN_IDENTIFYING, /* the owner is asked who may log in how */
    LOGIN_SECURITY,    /* security stage, no method chosen yet */
    LOGIN_CHAP_A,      /* the initiator will list algorithms */
    LOGIN_CHAP_R,      /* our challenge is out */
    LOGIN_VERIFYING,   /* the owner is asked whether the response is right */
    LOGIN_SECURED,     /* security stage, nothing left to prove */
    LOGIN_OPERATIONAL,
    LOGIN_ACCEPTING, /* the owner is asked for the last word */
    LOGIN_DONE,
    LOGIN_FAILED,
};

enum login_event {
    LOGIN_EV_TEXT,    /* a whole text, parsed */
    LOGIN_EV_ANSWER,  /* iscsi_login_answer() */
    LOGIN_EV_VERDICT, /* iscsi_login_verified() */
    LOGIN_EV_ACCEPT,
    LOGIN_EV_REFUSE,
    LOGIN_EV_BAD_PDU,
};

#define LOGIN_AUDIT 16
struct login {
    enum login_state state;
    struct {
        uint8_t state, event;
    } audit[LOGIN_AUDIT]; /* the last ones, for a core dump */
    unsigned audit_next;
    unsigned pdus;
    enum iscsi_stage stage;
    bool transit; /* the request wants to leave the stage */
    enum iscsi_stage next_stage;
    bool greeted;  /* the portal group tag was sent */
    bool declared; /* our MaxRecvDataSegmentLength was sent */
    bool chap_required, mutual_required;
    uint16_t portal_group;
    char target_alias[64];
    uint32_t itt;
    uint32_t cmd_sn;
    uint64_t seen; /* keys */
    struct negotiation neg;
    struct key_set set; /* of the text in text_in */
    struct wbuf out;    /* answers, in text_out */
    struct chap chap;
};

/* A text exchange in the full feature phase, 11.10. */
struct text_exchange {
    bool open; /* its tag is out */
    uint32_t ttt;
    uint32_t itt;
    uint32_t in_len; /* bytes of text_in */
    bool answered;   /* out is what is left to be sent */
    bool final;      /* the request had F */
    struct wbuf out;
    uint32_t out_sent; /* bytes */
};

struct tmf_slot {
    bool busy;
    uint8_t function;
    uint8_t lun[8];
    uint32_t itt, ref_itt;
    uint32_t era; /* it concerns tasks up to this one */
    struct msg msg;
};

struct nop {
    uint32_t ttt; /* of the ping that is out, or ISCSI_TAG_NONE */
    uint64_t sent_at;
    struct msg msg;
    struct msg window; /* tells of an opened window */
};

struct iscsi_conn {
    const struct iscsi_env *env;
    void *arg;
    struct iscsi_offer offer;
    struct iscsi_params params;
    struct iscsi_stats stats;
    enum conn_phase phase;
    enum conn_wait wait;
    uint64_t now; /* ns */

    /* events that wait to be given */
    enum iscsi_ev_type login_due; /* IDENTIFY, LOGGED_IN, LOGIN_FAILED or NONE */
    bool close_due;
    uint16_t login_status;
    const char *why;
    struct iscsi_task *start; /* EV_START is due */

    /* receive */
    struct frame_rules rules;
    size_t rx_tail;         /* bytes that were there and not enough */
    bool rx_blocked;        /* the last iscsi_rx() left bytes: replies could not be queued */
    uint64_t rx_at;         /* ns, when the last bytes came */
    uint64_t login_until;   /* ns */
    uint64_t logout_until;  /* ns, 0: none was asked for */
    uint64_t logout_within; /* ns, from now on; 0: running or not asked for */
    uint64_t tx_mark, tx_mark_at; /* bytes_out, and when it was so */

    /* session */
    struct window win;
    uint32_t stat_sn; /* the next one */
    uint32_t next_ttt;
    struct list by_itt[ITT_BUCKETS];
    struct iscsi_task own[OWN_TASKS];
    bool own_busy[OWN_TASKS];

    struct login login;
    struct text_exchange text;
    struct nop nop;
    struct tmf_slot tmf[TMF_MAX];
    uint32_t
        era; /* one for each task management function that came: tells before from behind */
    uint32_t logout_itt;
    struct msg text_msg, logout_msg, ask_logout_msg, drop_msg;
    struct msg *echo_user; /* whose data lies in echo */
    bool abandon;          /* tasks are not sent any more */
    struct tx tx;
    struct msg pool[MSG_POOL];

    /* Large and touched only when used. */
    char text_in[TEXT_IN_MAX];
    uint8_t text_out[TEXT_OUT_MAX];
    uint8_t echo[ECHO_MAX];
};

/* ---- conn.c ------------------------------------------------------------------------------ */

/* Ends the connection: what is queued is sent, then EV_CLOSE. */
void conn_close(struct iscsi_conn *c, const char *why);
/* The same after the peer broke the protocol: tasks are not sent any more. */
void conn_fail(struct iscsi_conn *c, const char *why);
void conn_enter_full(struct iscsi_conn *c);

/* ---- login.c ----------------------------------------------------------------------------- */

void login_init(struct iscsi_conn *c);
/* Takes any PDU that comes before the full feature phase. Its events are due afterwards. */
void login_rx(struct iscsi_conn *c, const struct pdu *pdu);
/* A PDU that cannot be taken during login at all. */
void login_bad_pdu(struct iscsi_conn *c, const uint8_t *bhs, uint16_t status, const char *why);
/* Too late: no response, just the events. */
void login_expire(struct iscsi_conn *c);
const char *login_state_name(enum login_state s);

/* ---- task.c: commands in their table ----------------------------------------------------- */

enum task_state {
    TASK_ACTIVE,    /* the owner's turn */
    TASK_DONE,      /* has a result, waits for data that the initiator still sends */
    TASK_QUEUED,    /* has a result, waits to be sent */
    TASK_MADE,      /* its response is made; freed when sent */
    TASK_DROPPED,   /* freed when what is made of it is sent */
    TASK_FORGOTTEN, /* the initiator has been told that it is over, the owner is not through */
};

void task_init(struct iscsi_task *t, const struct iscsi_scsi_cmd *h);
void task_insert(struct iscsi_conn *c, struct iscsi_task *t);
struct iscsi_task *task_find(struct iscsi_conn *c, uint32_t itt);
/* The response is made: the tag and the place in the window are free again. */
void task_leave(struct iscsi_conn *c, struct iscsi_task *t);
/* Gives back the memory of a task that has left, once nothing made of it is unsent. */
void task_release(struct iscsi_conn *c, struct iscsi_task *t);
/* Ends a task without a response. */
void task_drop(struct iscsi_conn *c, struct iscsi_task *t);
/* The owner is through with it, or it is the machine's own, but the initiator still sends data
 * for it; and it came not later than in that era. */
bool task_is_waiting(const struct iscsi_task *t, uint32_t era);
/* Drops all of those on one LUN (NULL: all): they can't be aborted by the owner. */
void task_drop_waiting(struct iscsi_conn *c, const uint8_t lun[8], uint32_t era);
struct iscsi_task *task_own(struct iscsi_conn *c);
void task_free_all(struct iscsi_conn *c);

/* ---- command.c, data_out.c, result.c ----------------------------------------------------- */

bool command_rx(struct iscsi_conn *c, const struct pdu *pdu, bool held, struct iscsi_event *ev);
bool data_out_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev);
/* True while the initiator still sends data that nobody wants to wait for less than the RFC
 * does. */
bool data_out_pending(const struct iscsi_task *t);
/* Takes back what was asked for and not sent yet. */
void data_out_cancel(struct iscsi_conn *c, struct iscsi_task *t);
/* Sends as many R2Ts as may be out. */
void data_out_pump(struct iscsi_conn *c, struct iscsi_task *t);
/* Queues the response if nothing is to be waited for. */
void result_queue(struct iscsi_conn *c, struct iscsi_task *t);
/* A result of the machine's own. sense: 18 bytes, or NULL. */
void result_set_own(struct iscsi_task *t, uint8_t status, const uint8_t *sense);

/* RFC 7143 11.4.7.2 and what else the machine says itself: fixed format, 18 bytes. */
#define SENSE_LEN 18
extern const uint8_t sense_unexpected_data[SENSE_LEN];  /* 0B/0C/0C */
extern const uint8_t sense_incorrect_amount[SENSE_LEN]; /* 0B/0C/0D */
extern const uint8_t sense_protocol_crc[SENSE_LEN];     /* 0B/47/05 */
extern const uint8_t sense_no_bidirectional[SENSE_LEN]; /* 05/20/00 */

/* ---- the other requests ------------------------------------------------------------------ */

bool tmf_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev);
bool nop_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev);
bool text_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev);
bool logout_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev);
bool snack_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev);

void nop_init(struct iscsi_conn *c);
/* The keepalive's part of iscsi_tick() and iscsi_deadline(). */
void nop_tick(struct iscsi_conn *c);
uint64_t nop_deadline(const struct iscsi_conn *c);
/* The window opened while the initiator may be waiting for it: tell it. */
void nop_tell_window(struct iscsi_conn *c);

/* Answers with a Reject that carries the header. */
void reject(struct iscsi_conn *c, const uint8_t *bhs, enum iscsi_reject_reason reason);

/* ---- msg.c, tx.c ------------------------------------------------------------------------- */

/* A free message, cleared but for opcode and F; there is one while iscsi_rx() takes PDUs at
 * all. NULL: none. */
struct msg *msg_get(struct iscsi_conn *c, enum iscsi_opcode opcode);
bool msg_available(const struct iscsi_conn *c);
/* Clears a message that has a place of its own. */
void msg_init(struct msg *m, enum iscsi_opcode opcode);
void msg_send(struct iscsi_conn *c, struct msg *m);
void msg_release(struct iscsi_conn *c, struct msg *m);

void tx_init(struct tx *tx);
/* Takes every task off the lists: only messages are still sent. */
void tx_abandon(struct iscsi_conn *c);
/* Puts the number fields of 4.2.2 into a PDU; StatSN advances if numbered. */
void tx_stamp(struct iscsi_conn *c, struct iscsi_target_bhs *h, bool numbered);

#endif
