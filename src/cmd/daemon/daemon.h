/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's life in its world: start, serve, stop. */
#ifndef CMD_DAEMON_DAEMON_H
#define CMD_DAEMON_DAEMON_H

#include "cmd/daemon/options.h"
#include "config/seal.h"
#include "control/events.h"

struct audit;

struct daemon {
    const struct options *options;
    struct events *events;
    struct audit *audit;
    const struct seal_key *secrets_key; /* NULL: secrets lie open in files of mode 0600 */
    int exit_status;                    /* of the process, when the world has ended */
};

/* Runs a daemon in the world until a signal stops it; the calling thread is reactor 0
 * meanwhile. */
void daemon_run(struct run *run, struct daemon *d);
/* The budget of data buffers that the configuration means: 0 is an eighth of the machine's
 * memory, at least 64 MiB. */
uint64_t daemon_data_memory(uint64_t configured);

#endif
