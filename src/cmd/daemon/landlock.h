/* SPDX-License-Identifier: BSD-2-Clause */
/* Which folders the daemon may open files in (Linux Landlock, landlock(7)). */
#ifndef CMD_DAEMON_LANDLOCK_H
#define CMD_DAEMON_LANDLOCK_H

#include "base/err.h"

#include <stdbool.h>

struct landlock_rule {
    const char *path; /* what lies in it or below; NULL: no rule */
    bool write;
    bool optional; /* it may be missing */
};

/* Everything else can neither be read nor written nor listed, by this thread and those it
 * starts, for good. Sets no_new_privs. *ret_on false: the kernel has no Landlock, or it is
 * switched off. Errors: -ENOENT, -ENOTDIR, ... of a path, the kernel's. */
int landlock_enter(const struct landlock_rule *rules, unsigned n, bool *ret_on,
                   struct err *reterr);

#endif
