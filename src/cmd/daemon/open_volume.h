/* SPDX-License-Identifier: BSD-2-Clause */
/* The engines behind the volumes of the configuration: the one place that knows them all. */
#ifndef CMD_DAEMON_OPEN_VOLUME_H
#define CMD_DAEMON_OPEN_VOLUME_H

#include "control/pools.h"

struct engines {
    struct config_store *store;
    struct pools *pools;
};
/* All fit net_env; arg is a struct engines. */
int volume_home(void *arg, const struct cfg_volume *v, struct reactor **ret_home,
                struct err *reterr);
bool is_volume(void *arg, struct volume *v, const struct cfg_volume *cfg);
void let_go(void *arg);
void logged_in(void *arg, const char *initiator, const char *target, const struct cfg_use *use);
/* Parks. */
int open_volume(void *arg, const struct cfg_volume *v, struct volume **ret_volume,
                struct err *reterr);

#endif
