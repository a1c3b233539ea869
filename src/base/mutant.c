/* SPDX-License-Identifier: BSD-2-Clause */
/* The one mutant that is on. A global, for it stands for a change of the program's text;
 * release builds have none. */
#include "base/mutant.h"

#include <string.h>

#ifdef ZSAN_MUTANTS
static enum mutant active;
static bool quirks[QUIRK_COUNT];

bool mutant_on(enum mutant m)
{
    return m == active;
}

bool quirk_on(enum quirk q)
{
    return quirks[q];
}
#endif

void quirk_set(enum quirk q, bool on)
{
#ifdef ZSAN_MUTANTS
    quirks[q] = on;
#else
    (void)q, (void)on;
#endif
}

void mutant_set(enum mutant m)
{
#ifdef ZSAN_MUTANTS
    active = m;
#else
    (void)m;
#endif
}

const char *mutant_name(enum mutant m)
{
    static const char *const names[] = {"none",
#define X(name) #name,
                                        MUTANTS(X) POOL_MUTANTS(X)
#undef X
    };
    return m < MUTANT_END ? names[m] : "none";
}

bool mutant_set_by_name(const char *name)
{
    for (unsigned m = 0; m < MUTANT_END; m++) {
        if (strcmp(mutant_name((enum mutant)m), name) == 0) {
            mutant_set((enum mutant)m);
            return true;
        }
    }
    return false;
}
