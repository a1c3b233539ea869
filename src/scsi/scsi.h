/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SCSI device model: logical units, I_T nexuses, tasks and task management (SAM-5, SPC-4/5,
 * SBC-3/4). A transport (net/) makes a nexus per session, maps LUs into it, and hands it tasks.
 *
 * Homes: a LU lives on its volume's reactor and owns everything about it there: ordering, unit
 * attentions, reservations, the range lock. A nexus lives on its connection's reactor and owns
 * the map from LUN to LU. Calls on a nexus are made on its home and hop to the LU's home by
 * themselves; with both on one reactor nothing hops.
 *
 * Data: SCSI never learns the word R2T. A handler asks for data-out with the transport's
 * pull(); what it wants to send it leaves in task->data_in.
 */
#ifndef SCSI_SCSI_H
#define SCSI_SCSI_H

#include "run/fiber.h"
#include "run/iobuf.h"
#include "volume/volume.h"

#define SCSI_NAME_LEN  224 /* an iSCSI name with its NUL (RFC 7143 4.2.7.1: 223 bytes) */
#define SCSI_SENSE_MAX 96
#define SCSI_MAX_LUN   16383 /* flat space addressing, SAM-5 4.7.4 */

struct scsi_lu;
struct scsi_nexus;
struct scsi_task;

/* ---- ports ------------------------------------------------------------------------------- */

/* Asymmetric access states (SPC-4 5.16.2), by their codes. */
enum scsi_alua_state { ALUA_OPTIMIZED = 0x0, ALUA_NON_OPTIMIZED = 0x1, ALUA_STANDBY = 0x2 };

/* A target port: an iSCSI target seen through one portal group (RFC 7143 4.4.1 "SCSI port"). */
struct scsi_target_port {
    char name[SCSI_NAME_LEN]; /* iSCSI target name */
    uint16_t portal_group;    /* iSCSI TPGT: the port's name is NAME,t,0xTPGT */
    /* relative target port identifier: unique in the device, stable across restarts */
    uint16_t rel_port_id;
    uint16_t alua_group; /* target port group, SPC-4 5.16 */
    /* What the operator wants of the group; its ports agree. Initiators may change the state until he wants another one. */
    enum scsi_alua_state wanted;
};
/* An initiator port: NAME,i,0xISID. */
struct scsi_initiator_port {
    char name[SCSI_NAME_LEN];
    uint8_t isid[6];
};

/* ---- identity ---------------------------------------------------------------------------- */

/* Kept with the volume as attributes, minted at its first use, never reused (design: identity
 * lives with the volume). */
struct scsi_identity {
    uint8_t naa[16];
    uint8_t naa_len; /* 8: NAA 3 (locally assigned), 16: NAA 6 */
    char serial[33]; /* VPD 80, printable */
    char vendor[9], product[17], revision[5];
};
/* Reads the identity from v's attributes, or mints one (NAA 3, or 6 when oui != 0) and stores
 * it durably. Parks. 0 or the attribute store's error. */
int scsi_identity_load(struct volume *v, uint32_t oui, struct scsi_identity *ret_id);

/* ---- logical units ----------------------------------------------------------------------- */

/* Which hosts may use the LU at the same time. */
enum scsi_guard_policy {
    SCSI_EXCLUSIVE,   /* one, that holds the lease */
    SCSI_CLUSTER,     /* several, who know of each other */
    SCSI_READ_SHARED, /* all, and it is write protected */
};
struct scsi_guard {
    enum scsi_guard_policy policy;
    const char *
        hosts; /* SCSI_CLUSTER: their names, with a blank between; NULL, "": any. A copy is taken */
};

struct scsi_lu_params {
    struct volume *volume; /* borrowed: must outlive the LU; its home is the LU's home */
    struct scsi_identity id;
    bool read_only;     /* write protected whatever the volume can */
    uint32_t max_tasks; /* tasks in the LU at once, more get TASK SET FULL; 0: 4096 */
    /* of the machine's boot: registrations without APTPL outlive the daemon within one; zeros:
     * never */
    uint8_t power_epoch[16];
    /* soft threshold: UA 38/07 when less than this part of the space is left; 0: none */
    uint32_t threshold_pct;
    struct scsi_guard guard;
};
/* On the volume's home. Loads reservations (APTPL), the lease and saved mode pages from the volume's
 * attributes. Parks. */
int scsi_lu_new(const struct scsi_lu_params *p, struct scsi_lu **ret_lu, struct err *reterr);
/* Every nexus must have unmapped it. Waits for as long as a task of one is still in it, then for
 * its own work on the volume. Parks. */
void scsi_lu_free(struct scsi_lu *lu);
struct reactor *scsi_lu_home(const struct scsi_lu *lu);
struct volume *scsi_lu_volume(const struct scsi_lu *lu);
const struct scsi_identity *scsi_lu_identity(const struct scsi_lu *lu);

/* The target ports through which the LU can be reached by somebody, for REPORT TARGET PORT
 * GROUPS and VPD 83/88: equal whichever path asks. Whoever has mapped the LU is told of a change
 * (UA INQUIRY DATA HAS CHANGED). A copy is taken. On the LU's home. */
int scsi_lu_set_ports(struct scsi_lu *lu, const struct scsi_target_port *ports, unsigned n);

/* Another soft threshold, see scsi_lu_params. On the LU's home. */
void scsi_lu_set_threshold(struct scsi_lu *lu, uint32_t pct);

/* Another policy. Hosts that lose their access by it have their commands ended. 0: it is in force, and a
 * lease is on the volume or gone from it. On the LU's home; parks. -ENOMEM, the volume's errors. */
int scsi_lu_set_guard(struct scsi_lu *lu, const struct scsi_guard *g);
/* The lease of a host that has had no session for so many milliseconds ends. 0, as it is at first:
 * never, for hosts cannot come. On the LU's home. */
void scsi_lu_set_absence(struct scsi_lu *lu, uint32_t ms);
/* Takes the lease from the host, whose name is left in ret_host. With force also from one that has sessions: their
 * commands end, and what they send from then on is denied until they log in anew or the host gets
 * the lease again. -ENOENT: nobody has it. -EBUSY: not without force. On the LU's home; parks. */
int scsi_lu_release(struct scsi_lu *lu, bool force, char ret_host[SCSI_NAME_LEN]);
struct scsi_lease {
    char host[SCSI_NAME_LEN]; /* "": nobody has it */
    bool away;                /* without a session */
    uint64_t ends_ms;         /* if it stays so; 0: not yet counted */
    char denied
        [SCSI_NAME_LEN]; /* with sessions, and denied access since that host has it: the last */
    unsigned ndenied;    /* how many there are of these */
    const char *
        unfit; /* a file system there that does not go with the policy: "ext4"; "": none seen */
};
/* On the LU's home. */
void scsi_lu_lease(const struct scsi_lu *lu, struct scsi_lease *ret_lease);

struct scsi_lu_stats {
    uint64_t commands, check_conditions, reservation_conflicts, task_set_full, aborted;
    uint64_t caw, caw_miscompares, caw_ns_max, unit_attentions;
    uint32_t tasks;         /* in the LU now */
    uint32_t registrations; /* persistent reservation keys */
    uint8_t pr_type;        /* 0: no reservation */
};
void scsi_lu_stats(const struct scsi_lu *lu, struct scsi_lu_stats *ret_stats);

/* ---- nexuses ----------------------------------------------------------------------------- */

/* What the transport gives a nexus. event() runs on the home of the LU concerned, must not
 * park, and may hop. */
struct scsi_nexus_ops {
    /* A unit attention was established that this nexus may be told of at once (iSCSI:
     * Asynchronous Message, SCSI event, with the sense data). lun as in REPORT LUNS. */
    void (*async)(void *arg, const uint8_t lun[8], const uint8_t *sense, size_t sense_len);
    /* Another nexus of the same initiator that maps the LU with that NAA designator, held: a copy may
     * go from target to target. NULL: there is none. On any reactor; parks. May be NULL. */
    struct scsi_nexus *(*sibling)(void *arg, const uint8_t *naa, uint8_t len);
};
struct scsi_nexus_params {
    struct scsi_initiator_port initiator;
    char host[SCSI_NAME_LEN]; /* that the initiator belongs to; "": one of its own */
    struct scsi_target_port target;
    const struct scsi_nexus_ops *ops; /* may be NULL */
    void *arg;
};
/* On the reactor that becomes its home. -ENOMEM. */
int scsi_nexus_new(const struct scsi_nexus_params *p, struct scsi_nexus **ret_nexus);
/* I_T nexus loss (SAM-5 6.3.4): aborts its tasks, forgets its unit attentions and SPC-2
 * reservations, keeps persistent registrations. Nothing is mapped afterwards; tasks that are inside
 * a volume end when it lets them. Parks, but for no volume. */
void scsi_nexus_close(struct scsi_nexus *n);
/* The initiator takes its leave, of its own will: scsi_nexus_close() is to end the leases of its host
 * where this is its last nexus. On its home. */
void scsi_nexus_farewell(struct scsi_nexus *n);
/* It belongs to another host from now on. A nexus keeps the access that it had. -ENOMEM. On its home; parks. */
int scsi_nexus_set_host(struct scsi_nexus *n, const char *host);
/* Waits until no task of the nexus is left on a LUN that is mapped no more: of those that
 * scsi_nexus_close() took, and with unmapped_too of those that scsi_nexus_unmap() took, whose fate
 * is nobody's business: once, that is, until it was waited for in vain. 0 or -ETIMEDOUT. Parks. */
int scsi_nexus_settle(struct scsi_nexus *n, bool unmapped_too, uint64_t deadline);
/* scsi_nexus_close(), and waits for all of its tasks however long they take. Parks. */
void scsi_nexus_free(struct scsi_nexus *n);
/* On its home: whether it maps the LU of that NAA designator, and where. */
bool scsi_nexus_maps(const struct scsi_nexus *n, const uint8_t *naa, uint8_t len,
                     uint16_t *ret_lun);
/* On its home: its memory stays until scsi_nexus_release(); it may be closed meanwhile. */
void scsi_nexus_hold(struct scsi_nexus *n);
void scsi_nexus_release(struct scsi_nexus *n);
/* No task may be in flight (right after login). */
void scsi_nexus_move(struct scsi_nexus *n, struct reactor *home);
struct reactor *scsi_nexus_home(const struct scsi_nexus *n);

/* Maps a LU at a number; lu NULL: mapped but its volume is not there yet (02/04/01). A new
 * nexus starts each LU with the UA power on / I_T nexus loss. announce: the other LUNs of the
 * nexus get UA REPORTED LUNS DATA HAS CHANGED. Parks. -EEXIST, -EINVAL, -ENOMEM. */
int scsi_nexus_map(struct scsi_nexus *n, uint16_t lun, struct scsi_lu *lu, bool announce);
/* Unmaps; the nexus's tasks on it end with TASK ABORTED, those that are inside the volume when it
 * lets them. After scsi_nexus_close(): its tasks are waited for no more by scsi_nexus_settle().
 * Parks, but for no volume. -ENOENT. */
int scsi_nexus_unmap(struct scsi_nexus *n, uint16_t lun, bool announce);

/* ---- tasks ------------------------------------------------------------------------------- */

enum scsi_attr { SCSI_ATTR_SIMPLE, SCSI_ATTR_ORDERED, SCSI_ATTR_HEAD, SCSI_ATTR_ACA };

struct scsi_task_ops {
    /* Appends references to bytes [off, off + len) of the data-out buffer; off + len <=
     * out_len. Parks until they are here. Called on the LU's home. -ECANCELED: the task was
     * cancelled or the connection is gone. */
    int (*pull)(struct scsi_task *t, uint64_t off, uint64_t len, struct sgl *into);
    /* Makes a pull() of this task, waiting or to come, return -ECANCELED. On the LU's home;
     * must not park. */
    void (*cancel)(struct scsi_task *t);
    /* The task is going to be reported as ended though it is still inside a stuck volume: it
     * will end SCSI_ABORTED some day, and its tag may be used again from now on. May be NULL.
     * On the LU's home, before scsi_nexus_tmf() returns; must not park. */
    void (*fenced)(struct scsi_task *t);
};

enum scsi_outcome {
    SCSI_DONE,    /* send status, sense and data */
    SCSI_ABORTED, /* send nothing (SAM-5: aborted with TAS=0, or by a TMF of its own nexus) */
};

struct scsi_task {
    /* By the transport; memory belongs to it until scsi_nexus_execute() has returned. */
    struct scsi_nexus *nexus;
    const struct scsi_task_ops *ops;
    uint64_t tag; /* unique in the nexus (iSCSI: Initiator Task Tag) */
    uint8_t lun[8];
    uint8_t cdb[16];
    uint8_t cdb_len; /* bytes of cdb that are there; more than 16 in the PDU: 16 */
    enum scsi_attr attr;
    uint64_t out_len; /* bytes the initiator will send, 0: none */
    uint64_t in_max;  /* bytes it will take, 0: none */
    uint64_t arrived; /* run_now() at arrival */

    /* By SCSI. */
    enum scsi_outcome outcome;
    uint8_t status;    /* SAM-5 5.3.1 */
    uint8_t sense_len; /* 0: no sense */
    uint8_t sense[SCSI_SENSE_MAX];
    struct sgl data_in; /* at most in_max bytes are sent; the transport clears it */
    /* bytes the command wanted to move, either way: against out_len or in_max this gives the
     * residual */
    uint64_t data_len;
    bool data_is_out; /* which way data_len counts */

    /* Private to scsi/. */
    struct scsi_itl *itl;
    struct list on_lu; /* of struct scsi_lu.tasks, in order of arrival */
    struct cancel cancel;
    struct waitq blocked;
    const struct scsi_op *op;
    uint16_t order_class;
    bool enabled;   /* past the ordering table */
    bool committed; /* entered a volume write: can no longer be aborted, only waited for */
    bool aborting;
    bool fenced; /* its TMF was answered while it is still inside a stuck volume */
    bool tas;    /* aborted by another nexus with TAS=1: ends TASK ABORTED */
};

/* Executes the task and returns when it has ended. A fiber per task. Parks. */
void scsi_nexus_execute(struct scsi_nexus *n, struct scsi_task *t);

/* An upper bound of the bytes that a command can move either way, whatever LU it goes to: for
 * admission before it starts. 0: it moves none. */
uint64_t scsi_cdb_data_bound(const uint8_t cdb[16]);
/* "READ(10)", for logs and traces; never NULL. */
const char *scsi_cdb_name(const uint8_t cdb[16]);

/* Ends a task without executing it: the transport's own BUSY, TASK SET FULL or CHECK CONDITION
 * (sense key, code, qualifier; fixed format). */
void scsi_task_refuse(struct scsi_task *t, uint8_t status, uint8_t key, uint8_t asc,
                      uint8_t ascq);
#define SCSI_STATUS_GOOD          0x00
#define SCSI_STATUS_CHECK         0x02
#define SCSI_STATUS_CONDITION_MET 0x04
#define SCSI_STATUS_BUSY          0x08
#define SCSI_STATUS_CONFLICT      0x18
#define SCSI_STATUS_TASK_SET_FULL 0x28
#define SCSI_STATUS_TASK_ABORTED  0x40

/* ---- task management (SAM-5 clause 7) ---------------------------------------------------- */

enum scsi_tmf {
    SCSI_TMF_ABORT_TASK,
    SCSI_TMF_ABORT_TASK_SET,
    SCSI_TMF_CLEAR_ACA,
    SCSI_TMF_CLEAR_TASK_SET,
    SCSI_TMF_LU_RESET,
    SCSI_TMF_TARGET_RESET, /* resets every LU that this nexus has mapped, and nothing else */
    SCSI_TMF_QUERY_TASK,
    SCSI_TMF_QUERY_TASK_SET,
    SCSI_TMF_QUERY_ASYNC,
    SCSI_TMF_I_T_NEXUS_RESET,
};
enum scsi_tmf_result {
    SCSI_TMF_COMPLETE,
    SCSI_TMF_SUCCEEDED, /* queries: there is one */
    SCSI_TMF_NO_TASK,
    SCSI_TMF_NO_LUN,
    SCSI_TMF_NOT_SUPPORTED,
    SCSI_TMF_REJECTED,
};
/* Returns when the tasks concerned have ended and touch no data any more (after 5 s they are
 * fenced instead: a task that is inside a stuck volume operation stays there, its answer is
 * dropped). tag: of the task, for ABORT TASK and QUERY TASK. Parks. */
enum scsi_tmf_result scsi_nexus_tmf(struct scsi_nexus *n, enum scsi_tmf tmf,
                                    const uint8_t lun[8], uint64_t tag);

/* LUN field and number (SAM-5 4.7): peripheral device addressing to 255, flat space above.
 * False: a form that is not ours. */
bool scsi_lun_decode(const uint8_t lun[8], uint16_t *ret_number);
void scsi_lun_encode(uint16_t number, uint8_t ret_lun[8]);

#endif
