/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process can still do when it has been broken into: as little as it needs. */
#ifndef CMD_DAEMON_CONFINE_H
#define CMD_DAEMON_CONFINE_H

#include "cmd/daemon/options.h"

struct confinement {
    bool seccomp, landlock;
    bool locked;   /* no memory is swapped out */
    char *folders; /* "/dev /srv/luns", what the operator named; NULL: files anywhere */
};

/* Before threads start, but those that stay outside. Makes the folder of the state. Errors name what to do. */
int confine(const struct options *o, struct confinement *ret, struct err *reterr);
/* For the log. */
void confine_report(const struct confinement *c);

#endif
