/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's networks as the kernel tells of them now, for the checklist. */
#ifndef CMD_DAEMON_INTERFACES_H
#define CMD_DAEMON_INTERFACES_H

#include "control/networks.h"

/* networks_free() it. The kernel's errors. Parks. */
int interfaces_read(struct networks *ret_networks);

#endif
