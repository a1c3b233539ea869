/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is in which step. Globals, as the one mutant is: they are no part of the program. */
#include "base/step.h"

#include <string.h>

static unsigned depth[STEP_COUNT];

#ifdef ZSAN_MUTANTS
static void (*watcher)(void *arg, enum step s);
static void *watcher_arg;

void step_begin(enum step s)
{
    depth[s]++;
    if (watcher)
        watcher(watcher_arg, s);
}

int step_end(enum step s, int result)
{
    depth[s]--;
    return result;
}
#endif

void step_watch(void (*fn)(void *arg, enum step s), void *arg)
{
    memset(depth, 0, sizeof(depth));
#ifdef ZSAN_MUTANTS
    watcher = fn;
    watcher_arg = arg;
#else
    (void)fn, (void)arg;
#endif
}

unsigned step_depth(enum step s)
{
    return depth[s];
}

const char *step_name(enum step s)
{
    static const char *const names[] = {
#define X(name) #name,
        STEPS(X)
#undef X
    };
    return names[s];
}
