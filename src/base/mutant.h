/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutants: faults planted in the server on purpose, to prove that the simulation would notice.
 * They exist only in builds with -Dmutants=true (ZSAN_MUTANTS) and one at a time is switched on
 * at run time; elsewhere mutant_on() is the constant false and leaves no code behind.
 */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H

#include "base/util.h"

/* X(name): what the server does wrong. */
/* clang-format off */
#define MUTANTS(X)                                                                             \
    X(CAW_WITHOUT_LOCK)    /* COMPARE AND WRITE does not take the range lock */                \
    X(PR_BEFORE_DURABLE)   /* reservations are acknowledged before they are saved */           \
    X(LOST_UNIT_ATTENTION) /* a reset does not tell the other nexuses */                       \
    X(ACK_BEFORE_FLUSH)    /* a write-through volume acknowledges before the flush */          \
    X(WRONG_RESIDUAL)      /* an underflow's residual is off by one byte */                   \
    X(LATE_ABORTED_DATA)   /* an abort is answered while the task still writes */              \
    X(HASTY_REINSTATEMENT) /* a login does not wait for the end of the session it replaces */  \
    X(LOST_NEIGHBOUR)      /* two writes into one physical block may undo each other */
/* The same in the pool engine; tests/poolsim plays these. */
#define POOL_MUTANTS(X)                                                                        \
    X(UBERBLOCK_BEFORE_FLUSH) /* the uberblock does not wait for the flush of what it names */ \
    X(REUSE_BEFORE_DURABLE)   /* what a txg frees is used again before its uberblock is written */ \
    X(REUSE_TOO_SOON)         /* or two txgs later instead of three */                         \
    X(ACK_BEFORE_LOG)         /* a durable write is acknowledged before the log has it */      \
    X(ACK_BEFORE_DATA)        /* or before the block that its record points to is there */     \
    X(ACK_OUT_OF_ORDER)       /* or when what it waits behind in the log is not there yet */   \
    X(JOIN_FLUSH)             /* a flush waits for the one under way instead of its own */     \
    X(UNCLAIMED_LOG)          /* the space of a log that is to be replayed is not claimed */   \
    X(LOG_PREFIX)             /* of a log block on raidz only what is used is written */       \
    X(WRONG_PARITY)           /* the first byte of the first parity column is wrong */         \
    X(LOST_DTL_ENTRY)         /* a txg is missing in the log of what a disk lacks */           \
    X(REPAIR_FROM_BAD)        /* the bad copy is written over the good one */                  \
    X(MISCOUNTED_USED)        /* indirect blocks that go are not subtracted from `used` */
/* clang-format on */

/* Quirks: choices that are right but that the program makes seldom; a story may ask for them. */
enum quirk {
    QUIRK_FIRST_FIT, /* space is taken where there is some first, so that what was freed is soon used again */
    QUIRK_QUICK, /* every flush counts as a quick one, and data beside the log are late, so that groups of a log overlap */
    QUIRK_TURNS, /* each block goes to the next top-level vdev */
    QUIRK_YIELDS, /* who may let others run does so */
    QUIRK_GANGS,  /* now and then a block is made a gang though there is a run for it */
    QUIRK_COUNT
};

enum mutant {
    MUTANT_NONE,
#define X(name) MUTANT_##name,
    MUTANTS(X)
#undef X
        MUTANT_COUNT, /* of the server's; the pool's begin with this number */
    MUTANT_BEFORE_POOL = MUTANT_COUNT - 1,
#define X(name) MUTANT_##name,
    POOL_MUTANTS(X)
#undef X
        MUTANT_END
};

#ifdef ZSAN_MUTANTS
bool mutant_on(enum mutant m);
bool quirk_on(enum quirk q);
#else
static inline bool quirk_on(enum quirk q)
{
    (void)q;
    return false;
}
static inline bool mutant_on(enum mutant m)
{
    (void)m;
    return false;
}
#endif

/* For the test program that plays them. Without ZSAN_MUTANTS, setting does nothing and names
 * are not found. */
void mutant_set(enum mutant m);
bool mutant_set_by_name(const char *name);
const char *mutant_name(enum mutant m);
void quirk_set(enum quirk q, bool on);

#endif
