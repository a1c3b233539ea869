/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits operations and bytes a second, of those who ask volume_admit() before they act: the
 * operations themselves pass, so that an initiator's abort reaches the wait. Two leaky buckets, each one number: the time until
 * which what was let through is paid for. An operation may go once both times are at most BURST
 * ahead of now, and then pushes them on by its own cost; one larger than the burst goes too and
 * leaves a debt that the next ones wait for.
 *
 * Fair: a fiber mutex queues arrivals; only its holder waits for time, so a small operation
 * never overtakes a large one. Bounded: nobody waits past VOL_LIMITS_WAIT_MAX_MS after its
 * arrival (and queue order is deadline order), because a host takes a command that is late by
 * seconds for a dead path. Changed limits apply at once: the holder is woken and old debts are
 * forgiven. A cancelled wait costs nothing. Nobody asks for a flush: what it waits for was paid
 * for as writes.
 */
#include "volume/filter.h"

#include <errno.h>
#include <stdlib.h>

#define BURST (NS_PER_SEC / 10)

struct limits_filter {
    struct volume v;
    struct volume_limits limits;
    uint64_t ops_paid_until, bytes_paid_until; /* run_now_precise() units */
    struct fmutex turn;                        /* held by the operation that goes next */
    struct waitq changed; /* the holder waits here for time or new limits */
};

static uint64_t cost_ns(uint64_t amount, uint64_t per_second)
{
    return per_second == 0
               ? 0
               : (uint64_t)((double)amount * (double)NS_PER_SEC / (double)per_second);
}

/* When the next operation may go. */
static uint64_t go_at(const struct limits_filter *f)
{
    uint64_t ops = f->limits.iops ? f->ops_paid_until : 0;
    uint64_t bytes = f->limits.bps ? f->bytes_paid_until : 0;
    uint64_t paid = MAX(ops, bytes);
    return paid > BURST ? paid - BURST : 0;
}

static void pay(struct limits_filter *f, uint64_t now, uint64_t bytes)
{
    f->ops_paid_until = MAX(f->ops_paid_until, now) + cost_ns(1, f->limits.iops);
    f->bytes_paid_until = MAX(f->bytes_paid_until, now) + cost_ns(bytes, f->limits.bps);
}

static int limits_admit(struct volume *v, uint64_t bytes, struct cancel *c)
{
    struct limits_filter *f = container_of(v, struct limits_filter, v);
    if (f->limits.iops == 0 && f->limits.bps == 0)
        return 0;
    uint64_t deadline = run_now_precise() + VOL_LIMITS_WAIT_MAX_MS * NS_PER_MS, now;
    int rc = fmutex_lock_cancel(&f->turn, c);
    if (rc < 0)
        return rc;
    while (rc != -ECANCELED && (now = run_now_precise()) < MIN(go_at(f), deadline))
        rc = waitq_wait(&f->changed, MIN(go_at(f), deadline), c);
    if (rc != -ECANCELED)
        pay(f, now, bytes);
    fmutex_unlock(&f->turn);
    return rc == -ECANCELED ? rc : 0;
}

static const struct volume_ops limits_ops = {
    .engine = "limits",
    .read = filter_read,
    .write = filter_write,
    .write_zeroes = filter_write_zeroes,
    .discard = filter_discard,
    .flush = filter_flush,
    .extents = filter_extents,
    .copy = filter_copy,
    .resize = filter_resize,
    .space = filter_space,
    .get_attr = filter_get_attr,
    .set_attr = filter_set_attr,
    .list_attr = filter_list_attr,
    .admit = limits_admit,
    .close = filter_close,
};

int filter_limits_new(struct volume *lower, const struct volume_limits *limits,
                      struct volume **ret_volume)
{
    struct limits_filter *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    filter_init(&f->v, &limits_ops, lower);
    f->limits = *limits;
    fmutex_init(&f->turn);
    waitq_init(&f->changed);
    *ret_volume = &f->v;
    return 0;
}

void filter_limits_set(struct volume *v, const struct volume_limits *limits)
{
    struct limits_filter *f = container_of(v, struct limits_filter, v);
    f->limits = *limits;
    f->ops_paid_until = f->bytes_paid_until = 0;
    waitq_wake_all(&f->changed);
}
