/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes wrong in a world: one fiber draws troubles while the initiators work, and ends
 * the world in the middle of it. */
#include "story.h"

#include <errno.h>
#include <stdio.h>

static void volume_path(struct story *st, char *ret_path, size_t cap)
{
    snprintf(ret_path, cap, "/srv/vol%u", (unsigned)draw(st, LUNS));
}

static void cut_all(struct story *st)
{
    sim_cut_all(st->run);
}

static void flaky_net(struct story *st)
{
    sim_cut_connections(st->run, (unsigned)(30 + draw(st, 300)));
    nap(st, 200 * NS_PER_MS);
    sim_cut_connections(st->run, 0);
}

static void stall_net(struct story *st)
{
    uint64_t ms = one_in(st, 8) ? 60000 : 1 + draw(st, 3000);
    sim_stall_net(st->run, run_deadline_ms(ms));
    st->net_calm_from = run_deadline_ms(ms + 1000);
    st->n.net_stalls++;
}

/* Two of these in a row are less than what the target waits for a task that it aborts. */
static void stall_disk(struct story *st)
{
    char path[32];
    volume_path(st, path, sizeof(path));
    sim_stall_disk(st->run, path, run_deadline_ms(1 + draw(st, 1200)));
    st->n.disk_stalls++;
}

static void fail_disk(struct story *st)
{
    char path[32];
    volume_path(st, path, sizeof(path));
    st->disk_faults = true;
    sim_fail_reads(st->run, path, (unsigned)(2 + draw(st, 20)), EIO);
    int err = one_in(st, 3) ? ENOSPC : EIO;
    sim_fail_writes(st->run, path, (unsigned)(2 + draw(st, 20)), err);
    nap(st, 60 * NS_PER_MS);
    sim_fail_reads(st->run, path, 0, 0);
    sim_fail_writes(st->run, path, 0, 0);
}

static void fail_names(struct story *st)
{
    st->name_faults = true;
    sim_fail_names(st->run, (unsigned)(2 + draw(st, 8)), EIO);
    if (one_in(st, 2))
        target_remap(st);
    nap(st, 100 * NS_PER_MS);
    sim_fail_names(st->run, 0, 0);
}

/* After a failed flush a volume writes nothing durable any more until it is opened anew:
 * soon over, then. */
static void fail_flush(struct story *st)
{
    char path[32];
    volume_path(st, path, sizeof(path));
    st->disk_faults = true;
    sim_fail_flush(st->run, path, 1, EIO);
    nap(st, 20 * NS_PER_MS);
    sim_fail_flush(st->run, path, 0, 0);
    st->n.flush_failures++;
    st->hurry = true;
}

/* Long enough for keepalives. */
static void quiet(struct story *st)
{
    st->quiet_until = run_deadline_ms(1000 + draw(st, 20000));
    fiber_sleep_until(st->quiet_until, NULL);
}

static const struct {
    unsigned weight;
    void (*fn)(struct story *st);
} rows[] = {
    {4, cut_all       },
    {4, flaky_net     },
    {1, stall_net     },
    {3, stall_disk    },
    {1, target_kick   },
    {1, quiet         },
    {1, target_grow   },
    {2, target_remap  },
    {2, fail_names    },
    {4, stranger_visit},
    {3, fail_disk     },
    {1, fail_flush    },
};
#define KIND_TO_DISKS 23 /* the weight of the troubles that harm no disk: the last world's */

static void trouble(struct story *st, bool last)
{
    uint64_t lot =
        draw(st, last ? KIND_TO_DISKS : KIND_TO_DISKS + 4); /* the last world keeps its disks */
    unsigned at = 0;
    while (lot >= rows[at].weight)
        lot -= rows[at++].weight;
    rows[at].fn(st);
}

static void end_world(struct story *st)
{
    static const enum sim_cut how[] = {SIM_CUT_NONE, SIM_CUT_ALL_BUT_FIRST, SIM_CUT_SUBSET,
                                       SIM_CUT_SUBSET, SIM_CUT_ALL};
    enum sim_cut h = how[draw(st, ARRAY_LEN(how))];
    st->n.power_cuts += h != SIM_CUT_ALL;
    st->n.kills += h == SIM_CUT_ALL;
    sim_power_cut(st->run, h);
}

void chaos_run(void *arg)
{
    struct story *st = arg;
    bool last = st->last;
    uint64_t stop_at = last ? 0 : draw(st, st->ops_left / 2);
    while (!st->closing &&
           (last || (st->ops_left > stop_at && !(st->hurry && one_in(st, 4))))) {
        nap(st, 40 * NS_PER_MS);
        if (one_in(st, 5) && !st->closing)
            trouble(st, last);
    }
    if (!last)
        end_world(st);
    waitgroup_done(&st->others);
}
