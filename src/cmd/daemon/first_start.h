/* SPDX-License-Identifier: BSD-2-Clause */
/* `make run`: something to connect to on an empty state, and the commands that connect, on
 * stdout. */
#ifndef CMD_DAEMON_FIRST_START_H
#define CMD_DAEMON_FIRST_START_H

#include "config/config.h"
#include "control/pools.h"

struct first_start {
    const char *disks_dir; /* of the demo pool's files */
    struct pools *pools;
    const char *listen; /* address and port of the first portal */
    bool any_address;   /* the address may be 0.0.0.0 or :: */
    uint16_t port;
    const char *control; /* path of the control socket, for the commands that are printed */
};
/* On an empty configuration: makes a pool that mirrors two sparse files, a thin volume of 1 GiB in it, a portal, a target, an initiator
 * and its grant, and prints all that connects, with the minted secrets, once. On any other:
 * prints the same without secrets. Parks. */
int first_start(struct config_store *store, const struct first_start *p, struct err *reterr);

#endif
