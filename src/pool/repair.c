/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's verbs around repair: scrub and its figures. What resilver has to do, the scan
 * fiber does without being asked.
 */
#include "pool/pool_int.h"
#include "pool/scan/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- scrub ------------------------------------------------------------------------------- */

int pool_scrub(struct pool *p, enum pool_scrub_verb verb, struct err *reterr)
{
    switch (verb) {
    case POOL_SCRUB_START:
        return scan_scrub(p, reterr);
    case POOL_SCRUB_PAUSE:
        return scan_pause(p, reterr);
    case POOL_SCRUB_CANCEL:
        return scan_cancel(p, reterr);
    }
    return E(-EINVAL);
}

/* Seconds, if it goes on as fast as it did. */
static uint64_t seconds_left(const struct scan_record *r)
{
    uint64_t now = run_wall() / NS_PER_SEC;
    if (r->state != SCAN_SCANNING || r->paused || r->examined == 0 ||
        now <= r->start + r->rested || r->examined >= r->to_examine)
        return 0;
    double rate = (double)r->examined / (double)(now - r->start - r->rested);
    return (uint64_t)((double)(r->to_examine - r->examined) / rate) + 1;
}

void pool_scan_status(const struct pool *p, struct pool_scan_status *ret)
{
    static const enum pool_scan_state states[] = {
        [SCAN_NEVER] = POOL_SCAN_NEVER,
        [SCAN_SCANNING] = POOL_SCAN_RUNNING,
        [SCAN_FINISHED] = POOL_SCAN_FINISHED,
        [SCAN_CANCELLED] = POOL_SCAN_CANCELLED,
    };
    struct scan_record r = scan_now(p);
    *ret = (struct pool_scan_status){
        .state = r.paused ? POOL_SCAN_PAUSED : states[r.state],
        .resilver = r.func == SCAN_RESILVER,
        .examined = r.examined,
        .to_examine = r.to_examine,
        .repaired = r.repaired,
        .errors = r.errors,
        .start = r.start,
        .end = r.end,
        .seconds_left = seconds_left(&r),
    };
}

void pool_scan_wait(struct pool *p)
{
    do {
        scan_wait(p);
        care_wait(p);
    } while (!scan_idle(p));
}
