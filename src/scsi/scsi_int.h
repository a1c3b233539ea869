/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside scsi/: the op table's row, what a handler gets, and the state of a LU and of an I_T_L
 * nexus. All of it belongs to the LU's home reactor.
 */
#ifndef SCSI_SCSI_INT_H
#define SCSI_SCSI_INT_H

#include "base/buf.h"
#include "base/endian.h"
#include "scsi/scsi.h"

/* Claim rules of hosts match these: they never change. */
#define SCSI_VENDOR   "ZSAN"
#define SCSI_PRODUCT  "VOLUME"
#define SCSI_REVISION "0001"

/* ---- unit attentions: one bit per condition and nexus, the lowest bit is reported first -- */

enum scsi_ua {
    UA_POWER_ON,                 /* 29/00 */
    UA_BUS_RESET,                /* 29/02 target reset by a TMF */
    UA_LU_RESET,                 /* 29/03 */
    UA_NEXUS_LOSS,               /* 29/07 */
    UA_MODE_CHANGED,             /* 2A/01 */
    UA_RES_PREEMPTED,            /* 2A/03 */
    UA_RES_RELEASED,             /* 2A/04 */
    UA_REG_PREEMPTED,            /* 2A/05 */
    UA_CAPACITY_CHANGED,         /* 2A/09 */
    UA_INQUIRY_CHANGED,          /* 3F/03 */
    UA_LUNS_CHANGED,             /* 3F/0E */
    UA_ALUA_CHANGED,             /* 2A/06 */
    UA_COMMANDS_CLEARED,         /* 2F/00 */
    UA_THIN_THRESHOLD,           /* 38/07 */
    UA_IDENTIFYING_INFO_CHANGED, /* 3F/05 device identifier changed */
    UA_COUNT,
};

/* ---- ordering: which class must wait for which older one (ordering.c has the matrix) ----- */

enum scsi_order {
    ORDER_FREE, /* INQUIRY, REPORT LUNS, TEST UNIT READY, REQUEST SENSE: never waits */
    ORDER_READ,
    ORDER_WRITE,
    ORDER_SYNC, /* SYNCHRONIZE CACHE and flush-like */
    ORDER_MODE, /* MODE SELECT, reservations, SET TARGET PORT GROUPS: alone */
    ORDER_COUNT,
};

/* ---- the op table ------------------------------------------------------------------------ */

/* executes with a unit attention pending and keeps it (INQUIRY, REPORT LUNS) */
#define OP_UA_KEEP (1u << 0)
#define OP_UA_OWN  (1u << 1) /* REQUEST SENSE: reports it itself */
#define OP_WRITES  (1u << 2) /* refused on a write protected LU (07/27/00) */
/* works while the volume is not available yet or the LU is stopped */
#define OP_NO_MEDIUM (1u << 3)
#define OP_DATA_OUT  (1u << 4) /* takes data-out */
#define OP_DATA_IN   (1u << 5)
#define OP_DPOFUA    (1u << 6) /* CDB byte 1: DPO and FUA as in READ(10) */
/* answered for LUNs without a LU as well (INQUIRY, REPORT LUNS, REQUEST SENSE) */
#define OP_NO_LU (1u << 7)
/* allowed while another nexus holds RESERVE(6)/(10) (SPC-2 table 10); all others conflict */
#define OP_RESERVE_ANY (1u << 8)

/* Who may execute it under reservations of others (SPC-4 table 66 ff.), and under
 * RESERVE(6)/(10). */
enum scsi_pr_class {
    PR_ANY,     /* always allowed */
    PR_READ,    /* allowed under write exclusive types */
    PR_WRITE,   /* conflicts under all types */
    PR_START,   /* START STOP UNIT: as PR_ANY with START=1, else as PR_WRITE */
    PR_SPECIAL, /* the handler decides (PERSISTENT RESERVE OUT, RESERVE, RELEASE) */
};

/* What a nexus may send whose host has no access to the LU (guard.c). */
enum scsi_guard_class {
    GUARD_MEDIUM, /* denied: it touches the medium, or what other hosts rely on */
    GUARD_ANY,    /* who and what the LU is; what concerns the nexus alone */
};

/* How many bytes the CDB asks to move: blocks or bytes at a place in the CDB. */
enum scsi_xfer {
    XFER_NONE,
    XFER_BLOCKS_6,
    XFER_BLOCKS_10,
    XFER_BLOCKS_12,
    XFER_BLOCKS_16,      /* transfer length in logical blocks */
    XFER_BYTES_4,        /* one byte at 4 */
    XFER_BYTES_3_16,     /* two bytes at 3 */
    XFER_BYTES_5_32,     /* four bytes at 5 */
    XFER_BYTES_6_32,     /* four bytes at 6 */
    XFER_BYTES_7_16,     /* two bytes at 7 */
    XFER_BYTES_10_32,    /* four bytes at 10 */
    XFER_8_BYTES,        /* READ CAPACITY(10) */
    XFER_ONE_BLOCK,      /* WRITE SAME(10) */
    XFER_ONE_BLOCK_NDOB, /* WRITE SAME(16): none with NDOB */
    XFER_CAW,            /* two times byte 13, in blocks */
    XFER_VERIFY_10,
    XFER_VERIFY_12,
    XFER_VERIFY_16,     /* by BYTCHK: none, all blocks, one block */
    XFER_BLOCKS_ATOMIC, /* WRITE ATOMIC(16): two bytes at 12, in blocks */
};

struct scsi_op {
    const char *name;
    /* Sets status and sense by task_*() helpers, fills data_in. Runs in the task's fiber on the
     * LU's home, after all common checks. Parks. */
    void (*execute)(struct scsi_lu *lu, struct scsi_task *t);
    uint8_t opcode;
    uint8_t service_action; /* with has_sa */
    bool has_sa;
    uint8_t cdb_len;
    /* bits of the CDB that are looked at, from byte 1 on; without the service action */
    uint8_t usage[16];
    uint16_t flags;
    enum scsi_order order;
    enum scsi_pr_class pr;
    enum scsi_guard_class guard;
    enum scsi_xfer xfer;
    uint16_t timeout_s; /* recommended timeout, REPORT SUPPORTED OPCODES */
    /* Clears usage bits that this LU does not honour (UNMAP); NULL: all as in the table. */
    void (*usage_hook)(const struct scsi_lu *lu, uint8_t usage[16]);
    /* Whether this LU has the command at all (20/00 when not); NULL: every LU has. */
    bool (*present)(const struct scsi_lu *lu);
};
#define OPCODE_REPORT_LUNS 0xa0 /* answered by the nexus, not by a LU */
#define SCSI_SA_MASK       0x1f /* of byte 1: the service action */
/* The row for a CDB, or NULL; *ret_opcode_known tells unknown opcode (20/00) from unknown
 * service action (24/00). */
const struct scsi_op *scsi_op_find(const uint8_t *cdb, bool *ret_opcode_known);
/* All rows in ascending order of opcode and service action. */
const struct scsi_op *scsi_ops(size_t *ret_n);
/* The row's usage map for this LU (NULL: any), opcode and service action included: as REPORT
 * SUPPORTED OPCODES shows it. */
void scsi_op_usage(const struct scsi_op *op, const struct scsi_lu *lu, uint8_t ret_usage[16]);
/* Bytes that the CDB asks to move, with blocks of the given size. */
uint64_t scsi_op_xfer(const struct scsi_op *op, const uint8_t *cdb, uint32_t block_size);

/* ---- I_T_L nexus and LU ------------------------------------------------------------------ */

struct scsi_itl {
    struct list on_lu;
    struct scsi_lu
        *lu; /* NULL: mapped, but its volume is not there yet; then never on a LU's home */
    struct scsi_nexus *nexus; /* touched on its home only, save params, which never change */
    const struct scsi_nexus_params *who; /* lives as long as the ITL */
    uint16_t lun;
    uint32_t ua;              /* bit mask of 1 << enum scsi_ua */
    unsigned ntasks;          /* in the LU */
    bool leaving;             /* unmapped: it is off the LU when its last task is */
    bool answers;             /* its nexus stays: tasks that leaving aborts end TASK ABORTED */
    bool farewell;            /* leaving because its initiator logged out */
    bool barred;              /* the lease was taken from its host under it */
    bool heir;                /* its host held the lease when it got another one */
    const char *host;         /* guard.c; lives as long as the nexus */
    uint64_t guard_version;   /* its access was found good at that version */
    const struct pr_reg *reg; /* its registration as of reg_version, pr.c */
    uint64_t reg_version;
    /* On the nexus's home. */
    struct list on_nexus; /* the map's, or those that leave */
    /* tasks of this nexus on their way to the LU, in it, or on their way back */
    unsigned executing;
    bool unmapped; /* freed with the last of them */
    bool disowned; /* by scsi_nexus_unmap(): the end of the nexus need not wait for it */
    bool late;     /* scsi_nexus_settle() waited for it in vain */
};

struct scsi_pr;    /* pr.c */
struct guard;      /* guard.c */
struct scsi_modes; /* mode.c: current and saved values */

/* What the control mode page says at present, for those who must not walk mode pages per
 * command. mode.c keeps it. */
struct scsi_control {
    bool d_sense; /* sense data in descriptor format */
    bool swp;     /* software write protect */
    bool tas;     /* tasks aborted by others end TASK ABORTED */
    uint8_t tst;  /* 0: one task set for all nexuses, 1: one for each */
    /* 0: none, 1: all, 3: those of the same nexus are aborted by a CHECK CONDITION */
    uint8_t qerr;
};

/* For LOG SENSE page 19h. */
struct scsi_perf {
    uint64_t reads, writes; /* commands that moved blocks */
    uint64_t blocks_read, blocks_written;
    uint64_t read_ns, write_ns;   /* from arrival to status, added up */
    uint64_t idle_since, idle_ns; /* without any task */
};

struct scsi_alua_group {
    uint16_t id;
    enum scsi_alua_state state, wanted;
    uint8_t status; /* RTPG_STATUS_..., SPC-4 table 277 */
};

#define IDENT_TYPES 2 /* identifying information: of the logical unit (0), text (1) */
struct scsi_ident {
    uint8_t *bytes; /* NULL: none */
    size_t len;
};

struct range_lock;
struct range_span {
    uint64_t lba, end;
    struct range_lock *owner;
};
struct range_set {
    struct range_span *held; /* in no order, side by side in memory: every write walks them */
    unsigned nheld, cap;
    unsigned nwaiting;
    struct list waiting; /* of struct range_lock, in the order they came */
};

/* fs_look.c */
struct fs_watch {
    struct timer timer;
    bool looking;
    uint64_t looked; /* run_now() of the end of the last look; 0: none */
    uint32_t kinds;  /* found then: mask of 1 << enum fs_kind */
    const char *
        unfit; /* what was told: the name of one that does not go with the policy; NULL, "": none */
};

struct scsi_lu {
    struct volume *vol;
    struct reactor *home;
    struct scsi_lu_params params;
    struct list itls;  /* of struct scsi_itl */
    struct list tasks; /* of struct scsi_task, oldest first */
    unsigned ntasks;
    unsigned nstrict;  /* of them, those that somebody may have to wait for (ordering.c) */
    unsigned nblocked; /* of them, those that wait in ordering_wait() */
    struct range_set ranges; /* held and awaited range locks, range.c */
    struct scsi_pr *pr;
    struct guard *guard;
    struct fs_watch fs;
    struct scsi_modes *modes;
    struct scsi_control control;
    struct scsi_itl *reserved_by;   /* RESERVE(6)/(10), SPC-2 */
    struct list copies;             /* of struct copy_record, copy.c */
    struct scsi_target_port *ports; /* all, ascending by rel_port_id */
    unsigned nports;
    struct scsi_alua_group *groups; /* alua.c: state per group, ascending by id */
    unsigned ngroups;
    uint32_t pr_generation;
    bool stopped;        /* START STOP UNIT */
    bool low, store_low; /* as told: less room than the threshold of the volume, of its store */
    uint64_t threshold_next; /* run_now() of the next look at the room that is left */
    struct scsi_ident ident[IDENT_TYPES];
    struct fmutex meta;   /* held across durable changes of reservations, modes, identity */
    struct waitq drained; /* a task has ended, or a nexus has left */
    struct waitgroup background; /* fibers of the LU's own */
    struct scsi_perf perf;
    struct scsi_lu_stats stats;
};

/* Blocks can be given back: LBPME in READ CAPACITY(16), LBPU and LBPWS in VPD B2, the command
 * UNMAP and WRITE SAME's UNMAP bit all say the same. */
static inline bool lu_unmaps(const struct scsi_lu *lu)
{
    return lu->vol->geo.thin && lu->vol->geo.unmap_granularity != 0;
}
bool guard_write_protects(const struct scsi_lu *lu); /* guard.c: SCSI_READ_SHARED */
static inline bool lu_write_protected(const struct scsi_lu *lu)
{
    return lu->params.read_only || lu->vol->geo.read_only || lu->control.swp ||
           guard_write_protects(lu);
}
static inline uint32_t lu_block(const struct scsi_lu *lu)
{
    return lu->vol->geo.block_size;
}
static inline uint64_t lu_blocks(const struct scsi_lu *lu)
{
    return lu->vol->geo.size / lu->vol->geo.block_size;
}

/* ---- sense (sense.c) --------------------------------------------------------------------- */

#define SK_NO_SENSE        0x0
#define SK_RECOVERED       0x1
#define SK_NOT_READY       0x2
#define SK_MEDIUM_ERROR    0x3
#define SK_HARDWARE_ERROR  0x4
#define SK_ILLEGAL_REQUEST 0x5
#define SK_UNIT_ATTENTION  0x6
#define SK_DATA_PROTECT    0x7
#define SK_COPY_ABORTED    0xa
#define SK_ABORTED_COMMAND 0xb
#define SK_MISCOMPARE      0xe

#define ASC_BECOMING_READY          0x0401
#define ASC_START_REQUIRED          0x0402
#define ASC_STANDBY                 0x040b
#define ASC_UNRECOVERED_READ_ERROR  0x1100
#define ASC_PARAMETER_LIST_LENGTH   0x1a00
#define ASC_MISCOMPARE              0x1d00
#define ASC_INVALID_OPCODE          0x2000
#define ASC_ACCESS_DENIED           0x2002 /* NO ACCESS RIGHTS */
#define ASC_LBA_OUT_OF_RANGE        0x2100
#define ASC_INVALID_FIELD_IN_CDB    0x2400
#define ASC_LUN_NOT_SUPPORTED       0x2500
#define ASC_INVALID_FIELD_IN_PARAM  0x2600
#define ASC_WRITE_PROTECTED         0x2700
#define ASC_SPACE_ALLOCATION_FAILED 0x2707
#define ASC_SAVING_NOT_SUPPORTED    0x3900
#define ASC_LOGICAL_UNIT_FAILURE    0x3e01
#define ASC_INTERNAL_TARGET_FAILURE 0x4400
#define ASC_INVALID_MESSAGE         0x4900

/* What a copy source or destination answered, inside the sense data of the copy. */
struct sense_forwarded {
    bool destination;
    uint16_t segment; /* of the parameter list */
    uint8_t status, len;
    uint8_t sense[SCSI_SENSE_MAX / 2];
};
struct sense {
    uint8_t key, asc, ascq;
    bool has_info;
    uint64_t info; /* LBA, or offset of a miscompare */
    enum { SKS_NONE, SKS_CDB, SKS_DATA, SKS_PROGRESS, SKS_SEGMENT } sks;
    uint16_t sks_field;                      /* byte of the CDB or parameter list; progress */
    int8_t sks_bit;                          /* most significant bit in error, -1: none */
    const struct sense_forwarded *forwarded; /* NULL: nothing */
};
/* Encodes in the LU's format (fixed or descriptor, D_SENSE), SPC-4 4.5. Returns bytes stored. */
size_t sense_encode(const struct sense *s, bool descriptor, uint8_t *ret_bytes, size_t cap);

/* End the task; each is the last word of a handler. */
void task_good(struct scsi_task *t);
void task_status(struct scsi_task *t, uint8_t status);
void task_sense(struct scsi_task *t, const struct sense *s);
void task_check(struct scsi_task *t, uint8_t key,
                uint16_t asc_ascq); /* CHECK CONDITION, e.g. 0x2100 */
void task_bad_cdb(struct scsi_task *t, uint8_t byte,
                  int8_t bit); /* 05/24/00 with the field pointer */
void task_bad_param(struct scsi_task *t, uint16_t byte,
                    int8_t bit); /* 05/26/00 with the field pointer */
void task_errno(struct scsi_task *t, int err,
                uint64_t lba); /* a volume's error, see volume.h */
/* Sends the writer's bytes (cut at the CDB's allocation length alloc) as data-in and ends GOOD.
 * -ENOMEM becomes BUSY. */
void task_reply(struct scsi_task *t, const struct wbuf *w, size_t alloc);
/* A writer on fresh data-in of the task, for replies too long for the stack: at most max bytes
 * and alloc, whichever is less. task_reply() with it ends the task without copying. False: the
 * task has ended already (BUSY). */
bool task_wbuf(struct scsi_task *t, size_t alloc, size_t max, struct wbuf *ret_w);
/* The point of no return before a volume operation that changes something: from here an abort
 * waits for the task instead of stopping it. False: it was aborted before; the handler gives
 * everything back and returns (status is ignored). */
bool task_commit(struct scsi_task *t);
/* Pulls a parameter list of len bytes into flat memory. False: the task has ended already
 * (cancelled, or too short: 05/1A/00). Parks. */
bool task_param_list(struct scsi_task *t, void *ret_bytes, size_t len);

/* ---- rooms in scsi/ that others call ----------------------------------------------------- */

void ua_raise(struct scsi_itl *itl, enum scsi_ua ua);
void ua_raise_all(struct scsi_lu *lu, enum scsi_ua ua, const struct scsi_itl *except);
bool ua_take(struct scsi_itl *itl,
             struct sense *ret_sense); /* the first by priority, and clears it */

/* Range lock (range.c): whoever changes blocks takes it, COMPARE AND WRITE too: nobody
 * overlaps. Parks; -ECANCELED, -ENOMEM. */
struct range_lock {
    struct list node; /* of range_set.waiting */
    uint64_t lba, end;
    unsigned slot; /* in range_set.held, when held */
    bool held;
    struct waitq q;
};
int range_lock(struct scsi_lu *lu, struct range_lock *l, uint64_t lba, uint64_t nblk,
               struct cancel *c);
void range_unlock(struct scsi_lu *lu, struct range_lock *l);
/* Nothing is held or awaited. */
bool lu_ranges_idle(const struct scsi_lu *lu);
void range_init(struct scsi_lu *lu);
void lu_ranges_fini(struct scsi_lu *lu);

/* Puts the task on the LU's list and waits until it may begin. -ECANCELED: aborted meanwhile.
 * Parks. ordering_leave() takes it off in any case and lets others go. */
void ordering_enter(struct scsi_lu *lu, struct scsi_task *t, enum scsi_order order);
int ordering_wait(struct scsi_lu *lu, struct scsi_task *t);
void ordering_leave(struct scsi_lu *lu, struct scsi_task *t);

/* Whether that is its NAA designator. */
bool lu_has_naa(const struct scsi_lu *lu, const uint8_t *naa, uint8_t len);
/* Executes a task on the LU's home: all checks, the handler, the outcome. Parks. */
void lu_execute(struct scsi_lu *lu, struct scsi_task *t);
/* A task of our own on a nexus, with a row that isn't in the op table; all else is as for
 * scsi_nexus_execute(). On the nexus's home; parks. */
void nexus_execute_as(struct scsi_nexus *n, struct scsi_task *t, const struct scsi_op *op);
/* The CDB against the row's usage map (lu NULL: as the table has it). False: ended with the
 * field pointer. */
bool cdb_check(const struct scsi_lu *lu, struct scsi_task *t);

int pr_load(struct scsi_lu *lu); /* parks */
void pr_free(struct scsi_lu *lu);
/* Persistent reservations and RESERVE(6)/(10). */
bool pr_conflicts(const struct scsi_lu *lu, struct scsi_itl *itl, const struct scsi_op *op,
                  const uint8_t *cdb);
/* The results of copies go with the nexus that asked. */
void copy_forget(struct scsi_lu *lu, const struct scsi_itl *itl);
int modes_load(struct scsi_lu *lu); /* parks */
void modes_free(struct scsi_lu *lu);
void modes_reset(struct scsi_lu *lu); /* a LU reset: the saved values again. Parks */
int ident_load(struct scsi_lu *lu);   /* parks */
void ident_free(struct scsi_lu *lu);

/* Target port groups of the ports; keeps the states of groups that stay. -ENOMEM. */
int alua_set_ports(struct scsi_lu *lu);
enum scsi_alua_state alua_state(const struct scsi_lu *lu, uint16_t group);

/* After a task that may have taken room: looks at the soft threshold once in a while, in a
 * fiber of its own. */
void threshold_touch(struct scsi_lu *lu);
void threshold_check_now(struct scsi_lu *lu);
/* Room is counted in units of this many blocks, as a power of two (VPD B2 THRESHOLD EXPONENT):
 * 1 MiB. */
unsigned threshold_exponent(const struct scsi_lu *lu);
/* Of what the volume has and could get, the part in threshold units that must stay available.
 * Parks. */
int threshold_units(struct scsi_lu *lu, uint32_t *ret_units);

/* Aborts the tasks of the LU that match (itl NULL: all; except: not this one) and waits for
 * them, at most 5 s: then they are fenced, whatever they still do is not answered. by: who
 * asked for it; tasks of other nexuses end TASK ABORTED, or with TAS=0 in UA COMMANDS CLEARED;
 * NULL: a reset or loss, nobody is told. Parks. Used by TMFs, PREEMPT AND ABORT. */
void lu_abort_tasks(struct scsi_lu *lu, const struct scsi_itl *itl,
                    const struct scsi_task *except, const struct scsi_itl *by);
/* The nexus maps the LU no more: ends its tasks and forgets it with the last of them. Does not
 * park. */
void lu_leave(struct scsi_lu *lu, struct scsi_itl *itl);
/* The last step of it, when the last task is over. */
void lu_left(struct scsi_lu *lu, struct scsi_itl *itl);
/* Only marks and wakes them: QERR. */
void lu_abort_mark(struct scsi_lu *lu, const struct scsi_itl *itl,
                   const struct scsi_task *except, const struct scsi_itl *by);
/* Only marks and wakes them; all of them end TASK ABORTED. */
void lu_abort_answering(struct scsi_lu *lu, struct scsi_itl *itl);
/* Until what is marked has ended, as in lu_abort_tasks(). Parks. */
void lu_abort_wait(struct scsi_lu *lu);
/* One task of the nexus; false: there is none with the tag. Parks. */
bool lu_abort_tag(struct scsi_lu *lu, const struct scsi_itl *itl, uint64_t tag);
/* Whether the nexus has a task (with the tag, if not NULL) in the LU. */
bool lu_has_task(const struct scsi_lu *lu, const struct scsi_itl *itl, const uint64_t *tag);
void lu_reset(struct scsi_lu *lu, enum scsi_ua ua); /* parks */

/* The LUN number's ITL, NULL: not mapped. On the nexus's home. */
struct scsi_itl *nexus_itl(const struct scsi_nexus *n, uint16_t lun);
const struct scsi_nexus_params *nexus_params(const struct scsi_nexus *n);
/* The next mapped number from lun on; false: none. */
bool nexus_next_lun(const struct scsi_nexus *n, uint32_t from, uint16_t *ret_lun);
/* The initiator knows the inventory now: takes UA REPORTED LUNS DATA HAS CHANGED off all its
 * LUs. Parks. */
void nexus_inventory_told(struct scsi_nexus *n);
/* Keeps the ITL's memory while somebody is on the LU's home with it; the last release may free
 * it. On the nexus's home. */
void nexus_itl_hold(struct scsi_itl *itl);
void nexus_itl_release(struct scsi_itl *itl);
/* lun field to ITL; false: not a form that is ours, or not mapped. */
bool nexus_find(const struct scsi_nexus *n, const uint8_t lun[8], struct scsi_itl **ret_itl);

#endif
