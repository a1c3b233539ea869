/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The soft thresholds of thin volumes (SBC-4 4.7.3.8): the volume's own, a part of the room that is to
 * be left, and its store's. When there is less, every initiator is told by UA 38/07, once; each is
 * armed again when there is more. Writes only look at the clock; at most once a second a fiber of
 * the LU's own asks the volume, and a stuck volume holds up no command. On the LU's home.
 */
#include "scsi/scsi_int.h"

#include "base/log.h"

#include <inttypes.h>

#define LOOK_EVERY NS_PER_SEC
#define UNIT_BYTES (1u << 20)

unsigned threshold_exponent(const struct scsi_lu *lu)
{
    return (unsigned)__builtin_ctz(UNIT_BYTES / lu_block(lu));
}

static uint64_t own_limit(const struct scsi_lu *lu, const struct volume_space *s)
{
    return (s->used + s->available) / 100 * lu->params.threshold_pct;
}

int threshold_units(struct scsi_lu *lu, uint32_t *ret_units)
{
    struct volume_space s;
    int rc = volume_space(lu->vol, &s);
    if (rc < 0)
        return rc;
    *ret_units = (uint32_t)MIN(MAX(own_limit(lu, &s), s.warn_below) / UNIT_BYTES, UINT32_MAX);
    return 0;
}

/* The store speaks for itself when its own is crossed. */
static void tell(const struct scsi_lu *lu, const struct volume_space *s, uint64_t limit)
{
    const struct log_kv kv[] = {KV("volume", "%s", lu->vol->name),
                                KV("available", "%" PRIu64, s->available),
                                KV("limit", "%" PRIu64, limit)};
    if (lu->low)
        log_warn("volume.filling", kv[0], kv[1], kv[2]);
    else
        log_info("volume.relaxed", kv[0], kv[1], kv[2]);
}

static void judge(struct scsi_lu *lu, const struct volume_space *s)
{
    uint64_t limit = own_limit(lu, s);
    bool low = s->available < limit, store_low = s->available < s->warn_below;
    bool news = (low && !lu->low) || (store_low && !lu->store_low), own_news = low != lu->low;
    lu->low = low;
    lu->store_low = store_low;
    if (news)
        ua_raise_all(lu, UA_THIN_THRESHOLD, NULL);
    if (own_news)
        tell(lu, s, limit);
}

static void look(void *arg)
{
    struct scsi_lu *lu = arg;
    struct volume_space s;
    if (volume_space(lu->vol, &s) == 0) {
        judge(lu, &s);
        if (lu->params.threshold_pct == 0 && s.warn_below == 0)
            lu->threshold_next = UINT64_MAX; /* until somebody sets one */
    }
    waitgroup_done(&lu->background);
}

void threshold_check_now(struct scsi_lu *lu)
{
    if (!lu_unmaps(lu))
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
    lu->low = false;
    ua_raise_all(lu, UA_MODE_CHANGED, NULL); /* page 1C/02 */
    threshold_check_now(lu);
}
