/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A story is what one seed tells: a pool of a random layout, used in several simulated worlds in a row on the same disks, most
 * of them ended by a power cut. What must hold across the worlds lives here, outside of them.
 */
#ifndef TESTS_POOLSIM_STORY_H
#define TESTS_POOLSIM_STORY_H

#include "model.h"

#include "base/step.h"
#include "pool/pool_admin.h"
#include "run/sim/sim.h"
#include "run/sim/sim_rand.h"

#define DISKS_MAX 12u
#define DISK_SIZE (66 * MIB)
#define SLOTS     4u
#define ROT_FIRST (5 * MIB) /* behind the labels */
#define MIB       (1ull << 20)
#define POOL      "tank"

/* What happened, for the report. */
/* clang-format off */
#define STORY_COUNTS(X)                                                                        \
    X(ops) X(worlds) X(cuts) X(cuts_keep_none) X(cuts_keep_all) X(cuts_keep_but_first)         \
    X(cuts_keep_some) X(cuts_in_import) X(cuts_in_create) X(closes) X(exports) X(imports)      \
    X(replays) X(reads) X(writes) X(fua) X(zeroes) X(discards) X(flushes) X(syncs) X(attrs)    \
    X(resizes) X(shrinks) X(creates) X(destroys) X(renames) X(acked) X(durable) X(in_flight_cut)\
    X(kept_unacked) X(atomic_judged) X(blocks_judged) X(sectors_checked) X(torn_writes) X(sectors_lost)         \
    X(sectors_kept) X(disk_errors) X(rots) X(trees) X(older_checked) X(unplugged) X(resilvers)\
    X(stalls) X(scrubs) X(cuts_at_ack) X(proofs) X(no_space) X(suspensions) X(clears)          \
    X(attached) X(replaced) X(replaced_in_place) X(detached) X(added) X(spares_in) X(returned) \
    X(swapped) X(lost_in_resilver) X(refused)
/* clang-format on */
struct story_counts {
#define X(name) uint64_t name;
    STORY_COUNTS(X)
#undef X
    uint64_t cuts_in[STEP_COUNT]; /* power cuts while the engine was at it */
};

/* What befalls the disks of a story. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_ROT,   /* some rot and fail, always the same ones */
    TROUBLE_GOING, /* any of them goes away and comes back; the next one when it is whole again */
    TROUBLE_LOST, /* more of a group go away than it can spare, and come back: all wait for them */
    TROUBLE_CHANGING /* the operator changes the tree of disks, and some fail and vanish meanwhile */
};

/* A volume that may be there; pending: what a verb in flight would make of it. */
struct slot {
    char name[16], pending_name[16];                 /* "": it is not there, or will not be */
    char old_name[16];                               /* before it was renamed */
    uint64_t size, pending_size, attr, pending_attr; /* attr 0: not set */
    uint32_t block_size;
    struct model *m;
    struct volume *v; /* in this world; NULL: closed */
    unsigned users;   /* fibers that work on it */
    bool taken;       /* by a verb that wants it alone */
    bool
        shrunk; /* a cut left it smaller: it is to grow soon, lest nobody sees what comes back */
};

struct story {
    uint64_t seed;
    bool verbose;
    const char
        *dump; /* a folder that the disks are copied to after each world; NULL: nowhere */
    struct sim_rand rand;
    struct story_counts n;
    uint64_t trace_hash;

    /* Fixed for the story. */
    struct sim_disks *disks;
    enum pool_layout layout;
    unsigned ngroups, group_disks, spare; /* disks of a group, and how many it can spare */
    unsigned ndisks; /* all of them: behind those of the groups come others that may join */
    unsigned ashift;
    enum trouble trouble;
    const char *rotten; /* one of paths, of TROUBLE_CHANGING; NULL: none is */
    bool tight;         /* there is little room */
    bool first_fit;     /* what is freed is used again as soon as may be */
    bool quick;         /* a log's groups overlap */
    bool turns;         /* each block goes to the next group */
    bool yields;        /* loops let others run at every step */
    bool gangs; /* some blocks are made of parts though there is room for them in one piece */
    char paths[DISKS_MAX][16];

    bool there; /* the pool was created */
    struct slot slot[SLOTS];
    uint64_t names; /* given so far */

    /* Of the present world. */
    struct run *run;
    unsigned world;
    struct pool *pool;
    int64_t ops_left;
    bool up; /* imported */
    /* A cut in the middle of a step: which one, after how many that began; then the time has come. */
    enum step aim;
    unsigned aim_after;
    uint64_t aim_within_ns; /* how long such a step lasts, about */
    bool aimed_at;
    unsigned
        cut_at_ack; /* or right at an acknowledgement: of the how many-th large durable write; 0: not */
    struct waitq aim_q;
    bool ends_by_cut, closing;
    bool patient; /* something slow is waited for: workers take their time */
    struct waitgroup workers, troubles;
};

/* Ends the process: prints seed, world and what is wrong. */
NO_RETURN void story_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);
uint64_t draw(struct story *st, uint64_t n); /* 0 .. n-1 */
/* One of n, as often as its weight says. */
unsigned draw_weighted(struct story *st, unsigned (*weight)(unsigned k), unsigned n);
bool one_in(struct story *st, uint64_t n);

/* ops.c: does one thing, drawn; opens a volume and compares all of it with the model. Park. */
void op_draw(struct story *st);
/* Counts what its model saw and empties it. */
void slot_forget(struct story *st, struct slot *s);
void slot_verify(struct story *st, struct slot *s);

/* audit.c: verifies the trees of the three newest uberblocks, of a pool that is not imported. Parks. */
void audit_trees(struct story *st);

/* dump.c: outside of worlds. */
void story_dump(const struct story *st);

/* world.c: the power goes now; the caller stops. */
void story_cut(struct story *st);

/* trouble.c: fibers that make it, until st->closing. */
void trouble_start(struct story *st);
/* As far as the pool knows, every disk has all that it ought to. */
bool disks_whole(const struct story *st);
/* All disks are there: waits until the pool has seen that. */
void disks_await(struct story *st);
/* A pool that is whole has nothing to repair. Parks. */
void disks_prove(struct story *st);

/* change.c: a fiber, the operator who changes the tree of disks. */
void changing(void *arg);

/* world.c: parks nothing, for worlds are made here. */
struct story *story_new(uint64_t seed, bool verbose);
void story_play(struct story *st);

#endif
