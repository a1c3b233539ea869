/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations at the LU: which state counts, and who may do what under it (SPC-4
 * 5.13). Every command asks pr_conflicts(), so it must cost nothing without a reservation and
 * little with one: a nexus remembers its registration, dated by the version of the state. On
 * the LU's home; pr_load() parks.
 */
#include "scsi/pr.h"

#include <errno.h>
#include <stdlib.h>

#define START_BIT       0x01 /* START STOP UNIT, byte 4 */
#define POWER_CONDITION 0xf0

int pr_load(struct scsi_lu *lu)
{
    struct pr_state *state;
    lu->pr = calloc(1, sizeof(*lu->pr));
    if (!lu->pr)
        return -ENOMEM;
    int err = pr_store_load(lu, &state);
    if (err == 0)
        pr_install(lu, state);
    else
        pr_free(lu);
    return err;
}

void pr_free(struct scsi_lu *lu)
{
    if (lu->pr)
        pr_state_free(lu->pr->now);
    free(lu->pr);
    lu->pr = NULL;
}

void pr_install(struct scsi_lu *lu, struct pr_state *next)
{
    lu->pr->now = next;
    lu->pr->version++; /* 0 is no state's: a new nexus looks itself up */
    lu->stats.registrations = next->n;
    lu->stats.pr_type = next->type;
}

struct pr_nexus pr_nexus_of(const struct scsi_itl *itl)
{
    const struct scsi_nexus_params *who = itl->who;
    return pr_nexus_make(who->initiator.name, who->initiator.isid, who->target.rel_port_id);
}

const struct pr_reg *pr_find(const struct scsi_lu *lu, struct scsi_itl *itl)
{
    if (itl->reg_version != lu->pr->version) {
        struct pr_nexus who = pr_nexus_of(itl);
        itl->reg = pr_state_find(lu->pr->now, &who);
        itl->reg_version = lu->pr->version;
    }
    return itl->reg;
}

/* SPC-4 table "commands that are allowed in the presence of persistent reservations": nexus
 * without access. */
static bool conflicts(const struct scsi_op *op, const uint8_t *cdb, uint8_t type)
{
    switch (op->pr) {
    case PR_READ:
        return pr_type_excludes_reads(type);
    case PR_WRITE:
        return true;
    case PR_START:
        return !(cdb[4] & START_BIT) || (cdb[4] & POWER_CONDITION);
    case PR_ANY:
    case PR_SPECIAL:
        break;
    }
    return false;
}

bool pr_conflicts(const struct scsi_lu *lu, struct scsi_itl *itl, const struct scsi_op *op,
                  const uint8_t *cdb)
{
    const struct pr_state *now = lu->pr->now;
    if (lu->reserved_by && lu->reserved_by != itl && !(op->flags & OP_RESERVE_ANY))
        return true;
    if (now->type == PR_TYPE_NONE || !conflicts(op, cdb, now->type))
        return false;
    const struct pr_reg *reg = pr_find(lu, itl);
    return !reg || !(pr_type_shared(now->type) || reg->holder);
}
