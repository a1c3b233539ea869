/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The soft threshold of thin volumes (SBC-4 4.7.3.8): when less than a part of the room is
 * left, every initiator is told by UA 38/07, once; it is armed again when there is more than
 * that. Writes only look at the clock; at most once a second a fiber of the LU's own asks the
 * volume, and a stuck volume holds up no command. On the LU's home.
 */
#include "scsi/scsi_int.h"

#define LOOK_EVERY NS_PER_SEC
#define UNIT_BYTES (1u << 20)

unsigned threshold_exponent(const struct scsi_lu *lu)
{
    return (unsigned)__builtin_ctz(UNIT_BYTES / lu_block(lu));
}

static uint64_t limit_of(const struct scsi_lu *lu, const struct volume_space *s)
{
    return (s->used + s->available) / 100 * lu->params.threshold_pct;
}

int threshold_units(struct scsi_lu *lu, uint32_t *ret_units)
{
    struct volume_space s;
    int rc = volume_space(lu->vol, &s);
    if (rc < 0)
        return rc;
    *ret_units = (uint32_t)MIN(limit_of(lu, &s) / UNIT_BYTES, UINT32_MAX);
    return 0;
}

static void look(void *arg)
{
    struct scsi_lu *lu = arg;
    struct volume_space s;
    if (volume_space(lu->vol, &s) == 0) {
        bool below = s.available < limit_of(lu, &s);
        if (below && lu->threshold_armed)
            ua_raise_all(lu, UA_THIN_THRESHOLD, NULL);
        lu->threshold_armed = !below;
    }
    waitgroup_done(&lu->background);
}

void threshold_check_now(struct scsi_lu *lu)
{
    if (lu->params.threshold_pct == 0 || !lu_unmaps(lu))
        return;
    lu->threshold_next = run_now() + LOOK_EVERY;
    waitgroup_add(&lu->background, 1);
    if (!fiber_start(look, lu, "scsi threshold"))
        waitgroup_done(&lu->background); /* out of fibers: the next write tries again */
}

void threshold_touch(struct scsi_lu *lu)
{
    if (run_now() >= lu->threshold_next)
        threshold_check_now(lu);
}

void scsi_lu_set_threshold(struct scsi_lu *lu, uint32_t pct)
{
    if (pct == lu->params.threshold_pct)
        return;
    lu->params.threshold_pct = pct;
    lu->threshold_armed = true;
    ua_raise_all(lu, UA_MODE_CHANGED, NULL); /* page 1C/02 */
    threshold_check_now(lu);
}
