/* SPDX-License-Identifier: BSD-2-Clause */
/* All counters, for programs and for zsan status --watch. They count from the opening of a
 * volume; whoever wants rates asks twice. Parks. */
#include "base/cleanup.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>

static json_t *histogram_json(struct jb *b, const uint64_t lat[VOL_LAT_BUCKETS])
{
    json_t *list = jb_list(b);
    for (unsigned i = 0; i < VOL_LAT_BUCKETS; i++)
        jb_push(b, list, json_integer((json_int_t)lat[i]));
    return list;
}

static json_t *op_json(struct jb *b, const struct volume_op_stats *s, bool histograms)
{
    json_t *j = jb_object(b);
    jb_uint(b, j, "ops", s->ops);
    jb_uint(b, j, "bytes", s->bytes);
    jb_uint(b, j, "errors", s->errors);
    jb_uint(b, j, "busy", s->ns);
    jb_uint(b, j, "p50", volume_lat_quantile(s->lat, 0.5));
    jb_uint(b, j, "p99", volume_lat_quantile(s->lat, 0.99));
    jb_uint(b, j, "p999", volume_lat_quantile(s->lat, 0.999));
    if (histograms)
        jb_put(b, j, "histogram", histogram_json(b, s->lat));
    return j;
}

static json_t *volume_stats_json(struct jb *b, const struct net_volume_info *i, bool histograms)
{
    static const char *const names[VOL_NOPS] = {[VOL_OP_READ] = "read",
                                                [VOL_OP_WRITE] = "write",
                                                [VOL_OP_ZERO] = "zero",
                                                [VOL_OP_DISCARD] = "discard",
                                                [VOL_OP_FLUSH] = "flush"};
    json_t *j = jb_object(b);
    jb_text(b, j, "name", i->name);
    jb_uint(b, j, "in_flight", i->stats.in_flight);
    for (unsigned op = 0; op < VOL_NOPS; op++)
        jb_put(b, j, names[op], op_json(b, &i->stats.op[op], histograms));
    jb_uint(b, j, "commands", i->commands);
    jb_uint(b, j, "reservation_conflicts", i->reservation_conflicts);
    jb_uint(b, j, "compare_and_write", i->caw);
    jb_uint(b, j, "miscompares", i->caw_miscompares);
    jb_uint(b, j, "compare_and_write_max", i->caw_ns_max);
    fiber_maybe_yield();
    return j;
}

static json_t *reactor_json(struct jb *b, const struct reactor_stats *s)
{
    json_t *j = jb_object(b);
    jb_uint(b, j, "turns", s->turns);
    jb_uint(b, j, "sleeps", s->sleeps);
    jb_uint(b, j, "spins", s->spins);
    jb_uint(b, j, "spin_hits", s->spin_hits);
    jb_uint(b, j, "fibers", s->fibers_live);
    jb_uint(b, j, "fibers_peak", s->fibers_peak);
    jb_uint(b, j, "fibers_started", s->fibers_started);
    jb_uint(b, j, "slow_slices", s->slow_slices);
    jb_uint(b, j, "messages", s->messages);
    jb_uint(b, j, "file_ops", s->file_ops);
    jb_uint(b, j, "receives", s->sock_recv);
    jb_uint(b, j, "sends", s->sock_send);
    jb_uint(b, j, "cpu", s->cpu_ns);
    return j;
}

/* The bound of a bucket is what the quantile of a histogram says that has nothing else. */
static json_t *bounds_json(struct jb *b)
{
    json_t *list = jb_list(b);
    for (unsigned i = 0; i < VOL_LAT_BUCKETS; i++) {
        uint64_t lat[VOL_LAT_BUCKETS] = {0};
        lat[i] = 1;
        jb_push(b, list, json_integer((json_int_t)volume_lat_quantile(lat, 1.0)));
    }
    return list;
}

int rpc_stats(struct control *c, const struct args_stats *a, json_t **ret_result,
              struct err *reterr)
{
    CLEANUP(freep) struct net_volume_info *v = NULL;
    CLEANUP(freep) struct net_totals *t = calloc(1, sizeof(*t));
    unsigned n;
    struct jb b = {false};
    if (!t || net_volumes(c->env.net, &v, &n) < 0)
        return -ENOMEM;
    net_totals(c->env.net, t);
    json_t *j = jb_object(&b), *volumes = jb_list(&b), *reactors = jb_list(&b);
    for (unsigned i = 0; i < n; i++)
        if (volume_is_served(&v[i]))
            jb_push(&b, volumes, volume_stats_json(&b, &v[i], a->histograms));
    for (unsigned i = 0; i < t->nreactors; i++)
        jb_push(&b, reactors, reactor_json(&b, &t->reactor[i]));
    jb_uint(&b, j, "time", run_now());
    jb_put(&b, j, "totals", totals_json(&b, t));
    jb_put(&b, j, "volumes", volumes);
    jb_put(&b, j, "reactors", reactors);
    if (a->histograms)
        jb_put(&b, j, "bounds", bounds_json(&b));
    return jb_done(&b, j, ret_result, reterr);
}
