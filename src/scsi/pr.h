/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations (SPC-4 5.13) inside scsi/. The state is a value: PERSISTENT RESERVE
 * OUT computes the next state from the present one (pr_state.c, pure), saves it with the volume
 * (pr_store.c), and only then puts it in place.
 */
#ifndef SCSI_PR_H
#define SCSI_PR_H

#include "scsi/ops.h"
#include "wire/scsi_pr.h"

#define PR_REGS_MAX 512u /* registrations of one LU; more: 05/55/04 */

/* An I_T nexus as registrations know it: it may not be logged in, or not yet. */
struct pr_nexus {
    char initiator[SCSI_NAME_LEN];
    uint8_t isid[6];
    uint16_t port; /* relative target port identifier */
};
struct pr_nexus pr_nexus_make(const char *initiator, const uint8_t isid[6], uint16_t port);
bool pr_nexus_equal(const struct pr_nexus *a, const struct pr_nexus *b);

struct pr_reg {
    struct pr_nexus who;
    uint64_t key;
    bool holder;   /* of a reservation that isn't of an all registrants type */
    uint32_t slot; /* of its attribute, 0: not saved in this form */
};

struct pr_state {
    uint32_t generation;
    bool aptpl;   /* survives a power loss */
    uint8_t type; /* enum pr_type */
    unsigned n, cap;
    struct pr_reg *regs; /* in order of registration */
};

static inline bool pr_type_shared(uint8_t type) /* registrants have access, too */
{
    return type >= PR_WRITE_EX_REG;
}
static inline bool pr_type_all(uint8_t type) /* every registrant is a holder */
{
    return type >= PR_WRITE_EX_ALL;
}
static inline bool pr_type_excludes_reads(uint8_t type)
{
    return type == PR_EX_ACCESS || type == PR_EX_ACCESS_REG || type == PR_EX_ACCESS_ALL;
}
bool pr_type_valid(uint8_t type);

/* An empty one; NULL: no memory. */
struct pr_state *pr_state_new(void);
void pr_state_free(struct pr_state *s); /* NULL is fine */
const struct pr_reg *pr_state_find(const struct pr_state *s, const struct pr_nexus *who);
bool pr_state_holds(const struct pr_state *s, const struct pr_reg *reg);
/* Appends a registration. -ENOMEM; -ENOSPC when there are PR_REGS_MAX. */
int pr_state_add(struct pr_state *s, const struct pr_reg *reg);

/* ---- the state machine ------------------------------------------------------------------- */

struct pr_request {
    enum pr_out_sa sa;
    uint8_t type;
    bool aptpl, all_tg_pt, spec_i_pt, unreg;
    uint64_t key, sa_key;
    struct pr_nexus who;   /* that asks */
    const uint16_t *ports; /* of the device: where ALL_TG_PT registers */
    unsigned nports;
    const struct pr_nexus
        *others; /* SPEC_I_PT: also to be registered; REGISTER AND MOVE: the one that gets it */
    unsigned nothers;
};

enum pr_result {
    PR_DONE,
    PR_CONFLICT,     /* RESERVATION CONFLICT */
    PR_BAD_CDB,      /* 05/24/00 */
    PR_BAD_SA_KEY,   /* 05/26/00 at the service action reservation key */
    PR_BAD_OTHER,    /* 05/26/00 at the TransportID */
    PR_BAD_RELEASE,  /* 05/26/04 */
    PR_NO_RESOURCES, /* 05/55/04 */
    PR_NO_MEMORY,
};
/* What the request makes of now. PR_DONE: *ret_next is the new state, the caller's to free; now
 * is untouched. Pure. */
enum pr_result pr_apply(const struct pr_state *now, const struct pr_request *q,
                        struct pr_state **ret_next);
/* The unit attention that a nexus gets when q took the state from old to next; UA_COUNT: none.
 * Pure. */
enum scsi_ua pr_ua_for(const struct pr_state *old, const struct pr_state *next,
                       const struct pr_request *q, const struct pr_nexus *who);
/* Whether q took who's registration away from it: its tasks end with PREEMPT AND ABORT.
 * Pure. */
bool pr_preempted(const struct pr_state *old, const struct pr_state *next,
                  const struct pr_request *q, const struct pr_nexus *who);

/* ---- TransportIDs ------------------------------------------------------------------------ */

struct pr_transport_id {
    char initiator[SCSI_NAME_LEN];
    uint8_t isid[6];
    bool any_port; /* names the device: isid says nothing */
};
/* Takes one off the list. False: not a valid one of iSCSI. */
bool pr_id_parse(struct rbuf *in, struct pr_transport_id *ret_id);
void pr_id_put(struct wbuf *w, const struct pr_nexus *who);

/* ---- at the LU --------------------------------------------------------------------------- */

struct scsi_pr {
    struct pr_state *now;
    uint64_t
        version; /* of now: what nexuses remember about their registration is dated by it */
    bool unsure; /* a save failed half-way: the volume may hold now or what was to come */
};
struct pr_nexus pr_nexus_of(const struct scsi_itl *itl);
/* The nexus's registration, NULL: none. Valid until the state changes. */
const struct pr_reg *pr_find(const struct scsi_lu *lu, struct scsi_itl *itl);
/* Puts next in place; the old state is the caller's. */
void pr_install(struct scsi_lu *lu, struct pr_state *next);

/* Saves next as the LU's state, durable on return; slots of next are filled in. Errors leave
 * what counts unchanged. Parks. */
int pr_store_save(struct scsi_lu *lu, struct pr_state *next);
/* Loads what was saved last; an empty state when nothing was, or when it hasn't survived.
 * -EBADMSG: not readable. Parks. */
int pr_store_load(struct scsi_lu *lu, struct pr_state **ret_state);

#endif
