/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps: where the pool engine is, so that the simulation can count in which of them its power cuts fall, and aim. Like
 * mutants they exist only in builds with ZSAN_MUTANTS; elsewhere they leave no code behind.
 */
#ifndef BASE_STEP_H
#define BASE_STEP_H

#include "base/util.h"

/* X(name): what is being done. */
/* clang-format off */
#define STEPS(X)                                                                               \
    X(COMMIT_WRITE) /* a txg's blocks */                                                       \
    X(COMMIT_FLUSH)                                                                            \
    X(LABEL_HALF_0) /* labels 0 and 2, before the uberblock */                                 \
    X(UBERBLOCK)    /* written everywhere and flushed */                                       \
    X(LABEL_HALF_1) /* labels 1 and 3 */                                                       \
    X(LOG_WRITE)    /* blocks of the intent log */                                             \
    X(LOG_FLUSH)                                                                               \
    X(LOG_AHEAD) /* a group of a log is flushed, and one before it not yet */                  \
    X(CLAIM)        /* a log after an unclean stop */                                          \
    X(REPLAY)                                                                                  \
    X(RESILVER)                                                                                \
    X(ATTACH)   /* until the txg with the new tree of disks is on disk; so are the others */   \
    X(REPLACE)                                                                                 \
    X(SPARE_IN) /* a hot spare takes over */                                                   \
    X(LEAVE)    /* detached, replaced, or a spare that goes back */                            \
    X(ADD)      /* a new top-level vdev */                                                     \
    X(SHRINK)   /* a volume, until what lies beyond its end is given back */
/* clang-format on */

enum step {
#define X(name) STEP_##name,
    STEPS(X)
#undef X
        STEP_COUNT
};

#ifdef ZSAN_MUTANTS
void step_begin(enum step s);
int step_end(enum step s, int result); /* result */
#else
static inline void step_begin(enum step s)
{
    (void)s;
}
static inline int step_end(enum step s, int result)
{
    (void)s;
    return result;
}
#endif

/* A call that is a step of its own: its result. */
#define IN_STEP(s, call) (step_begin(s), step_end((s), (call)))

/* For the test program: forgets all steps under way; fn (NULL: nobody) is told of each that begins. */
void step_watch(void (*fn)(void *arg, enum step s), void *arg);
/* How many fibers are in it. */
unsigned step_depth(enum step s);
const char *step_name(enum step s);

#endif
