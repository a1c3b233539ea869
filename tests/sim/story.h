/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A story is what one seed tells: several simulated worlds in a row on the same disks, each
 * with a whole target and some initiators, most of them ended by a power cut. What must hold
 * across the worlds (what volumes may contain, counters, reservations) lives here, outside the
 * worlds.
 *
 * In each world the initiators' fibers, the chaos and all state here run on the last reactor;
 * the target goes wherever it likes. All that is random is drawn from story.rand.
 */
#ifndef TESTS_SIM_STORY_H
#define TESTS_SIM_STORY_H

#include "counter.h"
#include "ini.h"
#include "model.h"

#include "run/sim/sim.h"
#include "run/sim/sim_rand.h"

#define ACTORS_MAX 4
#define DATA_LUNS  2
#define PR_LUN     2 /* reservations play on a volume of their own */
#define LUNS       3
#define NBLOCKS    1024u
#define DATA_FIRST 16u /* blocks below are counters and their neighbours */
#define NCOUNTERS  4u

/* What happened, for the report: name and meaning in one place. */
/* clang-format off */
#define STORY_COUNTS(X)                                                                        \
    X(ops) X(worlds) X(power_cuts) X(kills) X(torn_writes) X(sectors_lost) X(sectors_kept)     \
    X(resets) X(silent_resets) X(logins) X(login_retries) X(logouts) X(drops) X(timeouts)      \
    X(aborts) X(lun_resets) X(task_sets_ended) X(unit_attentions) X(caw_won) X(caw_lost)       \
    X(caw_data) X(caw_wrong) X(unmaps) X(syncs) X(residuals) X(pings) X(lun_lists) X(r2ts)     \
    X(nops) X(asyncs) X(task_set_full) X(pr_ops) X(pr_conflicts) X(disk_errors) X(disk_stalls) \
    X(net_stalls) X(flush_failures) X(save_failures) X(failed_writes) X(failed_reads)          \
    X(unknown_writes) X(kicks) X(grown) X(remaps) X(strangers) X(strangers_refused)            \
    X(sectors_checked)
/* clang-format on */
struct story_counts {
#define X(name) uint64_t name;
    STORY_COUNTS(X)
#undef X
};

struct pr_state;

#define STRANGER   (ACTORS_MAX + 2) /* an initiator that is let into the playground only */
#define INITIATORS (STRANGER + 1)
struct credentials {
    char user[224], secret[256], reverse_user[224], reverse_secret[256];
};

struct story {
    uint64_t seed;
    bool trace; /* print every event of the simulated worlds */
    struct sim_rand rand;
    struct story_counts n;
    uint64_t trace_hash; /* of all worlds that are over */

    /* Fixed for the story. */
    uint32_t block_size, disk_align;
    unsigned nactors, reactors;
    bool chap, write_back; /* write_back: LUN 1 is sync=standard */
    struct sim_disks *disks;
    struct model *model[DATA_LUNS];
    struct counter *counter[NCOUNTERS];
    struct pr_state *pr;
    struct credentials credentials[INITIATORS]; /* as the target's configuration has them */

    /* Of the present world. */
    struct run *run;
    unsigned world;
    uint64_t ops_left;      /* in this world */
    bool closing;           /* the initiators are to go home */
    bool disk_faults;       /* errors have been ordered: commands may fail */
    bool name_faults;       /* and saving the configuration and attributes may */
    bool hurry;             /* a flush failed: little more can come of this world */
    uint64_t quiet_until;   /* nobody sends anything */
    uint64_t net_calm_from; /* after the last stall of the network */
    struct target *target;
    enum { EXTRA_UNKNOWN, EXTRA_THERE, EXTRA_GONE } extra; /* EXTRA_LUN of the second target */
    uint64_t extra_changes;
    bool last;               /* no power cut at its end */
    struct waitgroup actors; /* workers */
    struct waitgroup others; /* chaos, reservations */
    struct actor *actor[ACTORS_MAX];
};

/* Ends the process: prints seed, world, time and what is wrong. */
NO_RETURN void story_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One draw per expression: in which order a compiler evaluates two is its own affair, and a
 * seed shall mean the same to all. */
uint64_t draw(struct story *st, uint64_t n); /* 0 .. n-1 */
bool one_in(struct story *st, uint64_t n);
void nap(struct story *st, uint64_t max_ns); /* parks */

/* ---- actors: an initiator with a session that it keeps up, and some workers -------------- */

struct lost {
    struct list node;
    struct model_write *w; /* one of these: */
    struct counter *counter;
    struct counter_try *attempt;
};

struct actor {
    struct story *st;
    unsigned id;
    struct ini_params p;
    char name[64];
    struct ini *ini;
    uint64_t session; /* counts logins */
    unsigned users;   /* workers inside the session */
    struct waitq idle;
    struct fmutex login;
    bool want_logout;
    struct list lost; /* of struct lost: fate open until the next login */
    struct {
        unsigned in_flight;   /* commands */
        uint64_t started;     /* commands ever */
        uint64_t reset_begun; /* story clock: another one resets the LUN; 0: nobody */
        uint64_t ua_due;      /* and has been told that it is done; 0: the attention came */
    } lun[LUNS];
};

void actor_params(struct story *st, struct actor *a, unsigned id);
void actor_run(void *actor); /* the fiber */
/* A session that is logged in and has seen its first unit attentions; NULL: the story
 * closes. Parks. */
struct ini *actor_enter(struct actor *a);
void actor_leave(struct actor *a);
/* Runs one command to its end, with a time limit, aborting what hangs. Keeps account of unit
 * attentions. Parks. */
void actor_exec(struct actor *a, struct ini *i, struct ini_cmd *c);
/* The same in two steps, for aborting in between. */
void actor_start(struct actor *a, struct ini *i, struct ini_cmd *c);
void actor_finish(struct actor *a, struct ini *i, struct ini_cmd *c);
/* Tells the judge how a write ended. */
void actor_settle(struct actor *a, const struct ini_cmd *c, struct model_write *w);
void actor_settle_caw(struct actor *a, const struct ini_cmd *c, struct counter *k,
                      struct counter_try *t);
/* ini_tmf(), and a target that does not answer fails, unless the network is to blame. Parks. */
int actor_tmf(struct actor *a, struct ini *i, enum iscsi_tmf_function fn, uint64_t lun,
              struct ini_cmd *c, uint8_t *ret_response);
/* Announces and confirms that a LUN reset by `by` concerns everybody else. */
void actors_reset_begin(struct story *st, const struct actor *by, unsigned lun);
void actors_reset_done(struct story *st, const struct actor *by, unsigned lun);

/* ops.c: does one thing, drawn. Parks. */
void op_draw(struct actor *a, struct ini *i);
/* Reads everything and has it judged. Parks. */
void op_verify_all(struct actor *a, struct ini *i);

/* cdb.c */
void cdb_rw(struct story *st, struct ini_cmd *c, bool write, uint64_t lba, uint32_t n,
            bool fua);
void cdb_caw(struct ini_cmd *c, uint64_t lba, uint32_t n);
void cdb_unmap(struct ini_cmd *c);
void cdb_write_same_zero(struct ini_cmd *c, uint64_t lba, uint32_t n);
void cdb_sync(struct ini_cmd *c);

/* chaos.c: the fiber that breaks things and, unless it is the last world, ends it. */
void chaos_run(void *story);

/* stranger.c: somebody who means no good connects. Parks. */
void stranger_visit(struct story *st);

/* reservations.c: one fiber that plays reservations with two sessions of its own. */
struct pr_state *reservations_new(void);
void reservations_free(struct pr_state *p);
void reservations_run(void *story);

/* target.c: the server under test. Parks. */
struct target;
/* Asks a session, drawn, to go, as an operator would. From any reactor. */
void target_kick(struct story *st);
/* Makes the reservations' volume larger while it is served. */
void target_grow(struct story *st);
struct target *target_up(struct story *st);
void target_down(struct target *t);
#define TARGETS 2 /* both map the same volumes at the same LUNs */
const char *story_target_name(unsigned k);
/* The target that an initiator uses. */
const char *story_target_of(unsigned id);
/* Maps a volume once more under the second target, or unmaps it again. */
void target_remap(struct story *st);
#define EXTRA_LUN 9

/* world.c: plays one world to its end. last: no power cut, and everything is verified. */
void world_play(struct story *st, bool last);

struct story *story_new(uint64_t seed, bool trace);
void story_play(struct story *st);

#endif
