/* SPDX-License-Identifier: BSD-2-Clause */
/* Which system calls the daemon may make (libseccomp). */
#ifndef CMD_DAEMON_SECCOMP_H
#define CMD_DAEMON_SECCOMP_H

#include "base/err.h"

/* From here on, for this thread and those it starts, for good; sets no_new_privs too. Errors: libseccomp's. */
int seccomp_enter(struct err *reterr);
/* The rings are there: from here on no further one can be made, which would take operations that ours refuse. For
 * this thread and those it starts. */
int seccomp_rings_made(struct err *reterr);

#endif
