/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit attentions: one bit per condition and I_T_L nexus, the lowest bit is reported first
 * (SAM-5 5.14, SPC-4 4.5.9). Raising cannot fail and needs no memory; raising a pending one
 * again changes nothing. On the LU's home; never parks.
 */
#include "scsi/scsi_int.h"

#include "base/check.h"

static const struct ua_row {
    uint16_t asc_ascq;
    bool async; /* worth telling an idle initiator at once */
} rows[UA_COUNT] = {
    [UA_POWER_ON] = {0x2900, false},
    [UA_BUS_RESET] = {0x2902, false},
    [UA_LU_RESET] = {0x2903, false},
    [UA_NEXUS_LOSS] = {0x2907, false},
    [UA_MODE_CHANGED] = {0x2a01, false},
    [UA_RES_PREEMPTED] = {0x2a03, false},
    [UA_RES_RELEASED] = {0x2a04, false},
    [UA_REG_PREEMPTED] = {0x2a05, false},
    [UA_CAPACITY_CHANGED] = {0x2a09, true },
    [UA_INQUIRY_CHANGED] = {0x3f03, true },
    [UA_LUNS_CHANGED] = {0x3f0e, true },
    [UA_ALUA_CHANGED] = {0x2a06, true },
    [UA_COMMANDS_CLEARED] = {0x2f00, false},
    [UA_THIN_THRESHOLD] = {0x3807, true },
    [UA_IDENTIFYING_INFO_CHANGED] = {0x3f05, false},
};

static struct sense sense_of(enum scsi_ua ua)
{
    return (struct sense){
        .key = SK_UNIT_ATTENTION,
        .asc = (uint8_t)(rows[ua].asc_ascq >> 8),
        .ascq = (uint8_t)rows[ua].asc_ascq,
    };
}

static void tell(struct scsi_itl *itl, enum scsi_ua ua)
{
    uint8_t bytes[SCSI_SENSE_MAX], lun[8];
    struct sense s = sense_of(ua);
    size_t len = sense_encode(&s, itl->lu->control.d_sense, bytes, sizeof(bytes));
    scsi_lun_encode(itl->lun, lun);
    itl->who->ops->async(itl->who->arg, lun, bytes, len);
}

void ua_raise(struct scsi_itl *itl, enum scsi_ua ua)
{
    uint32_t bit = 1u << ua;
    if (itl->ua & bit || itl->leaving)
        return;
    itl->ua |= bit;
    itl->lu->stats.unit_attentions++;
    if (rows[ua].async && itl->who->ops && itl->who->ops->async)
        tell(itl, ua);
}

void ua_raise_all(struct scsi_lu *lu, enum scsi_ua ua, const struct scsi_itl *except)
{
    struct scsi_itl *itl;
    list_for_each (itl, &lu->itls, on_lu)
        if (itl != except)
            ua_raise(itl, ua);
}

bool ua_take(struct scsi_itl *itl, struct sense *ret_sense)
{
    if (itl->ua == 0)
        return false;
    enum scsi_ua first = (enum scsi_ua)__builtin_ctz(itl->ua);
    check(first < UA_COUNT);
    itl->ua &= itl->ua - 1;
    *ret_sense = sense_of(first);
    return true;
}
