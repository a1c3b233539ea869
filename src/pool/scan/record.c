/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of a scan: 24 numbers in the object directory (on-disk name `scan`, OpenZFS
 * dsl_scan_phys_t). They are written when a scan begins, pauses and ends. OpenZFS also keeps
 * where it is, and datasets that it still has to visit in a ZAP (the queue); our scans leave
 * both at the beginning, so that OpenZFS, which would import the pool in between, starts over; ours go on (place.c).
 */
#include "pool/scan/scan_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY          "scan"
#define FLAG_PAUSED    2u
#define DMU_SCAN_QUEUE 38u

/* clang-format off */
enum {
    R_FUNC, R_STATE, R_QUEUE, R_MIN_TXG, R_MAX_TXG, R_CUR_MIN, R_CUR_MAX, R_START, R_END,
    R_TO_EXAMINE, R_EXAMINED, R_TO_PROCESS, R_PROCESSED, R_ERRORS, R_DDT_CLASS_MAX,
    R_DDT_BOOKMARK, R_BOOKMARK = R_DDT_BOOKMARK + 4,
    R_FLAGS = R_BOOKMARK + 4, R_COUNT
};
/* clang-format on */
static_assert(R_COUNT == 24, "dsl_scan_phys_t");

static struct scan_record decode(const uint64_t n[R_COUNT])
{
    return (struct scan_record){
        .func = (enum scan_func)n[R_FUNC],
        .state = (enum scan_state)n[R_STATE],
        .queue = n[R_QUEUE],
        .min_txg = n[R_MIN_TXG],
        .max_txg = n[R_MAX_TXG],
        .start = n[R_START],
        .end = n[R_END],
        .to_examine = n[R_TO_EXAMINE],
        .examined = n[R_EXAMINED],
        .repaired = n[R_PROCESSED],
        .errors = n[R_ERRORS],
        .paused = n[R_FLAGS] & FLAG_PAUSED,
    };
}

static void encode(const struct scan_record *r, uint64_t ret[R_COUNT])
{
    memset(ret, 0, R_COUNT * sizeof(*ret));
    ret[R_FUNC] = r->func;
    ret[R_STATE] = r->state;
    ret[R_QUEUE] = r->queue;
    ret[R_MIN_TXG] = r->min_txg;
    ret[R_MAX_TXG] = r->max_txg;
    ret[R_START] = r->start;
    ret[R_END] = r->end;
    ret[R_TO_EXAMINE] = r->to_examine;
    ret[R_EXAMINED] = r->examined;
    ret[R_PROCESSED] = r->repaired;
    ret[R_ERRORS] = r->errors;
    ret[R_FLAGS] = r->paused ? FLAG_PAUSED : 0;
}

int scan_record_read(struct scan *s, struct err *reterr)
{
    struct zap_value v = {0};
    uint64_t n[R_COUNT];
    int r = zap_get(s->p->mos, DMU_OBJECT_DIRECTORY, ENTRY, &v);
    if (r == -ENOENT)
        return 0;
    if (r == 0 && (v.int_size != 8 || v.n < R_COUNT))
        r = E(-EBADMSG);
    if (r == 0) {
        memcpy(n, v.bytes, sizeof(n));
        r = n[R_FUNC] > SCAN_RESILVER || n[R_STATE] > SCAN_CANCELLED ? E(-EBADMSG) : 0;
    }
    free(v.bytes);
    if (r)
        return err_set(reterr, r, "pool %s: the record of its last scrub cannot be read",
                       s->p->name);
    s->now = decode(n);
    return 0;
}

/* A running scan has a queue, others don't. */
static int queue_fit(struct scan *s)
{
    struct objset *mos = s->p->mos;
    bool scanning = s->now.state == SCAN_SCANNING;
    int r = 0;
    if (s->now.queue && !scanning) {
        r = object_destroy(mos, s->now.queue);
        s->now.queue = 0;
    } else if (!s->now.queue && scanning) {
        r = zap_create(mos, DMU_SCAN_QUEUE, DMU_NONE, 0, &s->now.queue);
    }
    return r;
}

int scan_record_write(struct scan *s)
{
    uint64_t n[R_COUNT];
    int r = queue_fit(s);
    if (r)
        return r;
    encode(&s->now, n);
    r = zap_set_u64s(s->p->mos, DMU_OBJECT_DIRECTORY, ENTRY, n, R_COUNT);
    return r ? r : scan_place_keep(s);
}
