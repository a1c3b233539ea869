/* SPDX-License-Identifier: BSD-2-Clause */
/* The engines behind the volumes of the configuration: the one place that knows them all. */
#ifndef CMD_DAEMON_OPEN_VOLUME_H
#define CMD_DAEMON_OPEN_VOLUME_H

#include "config/config.h"

/* Fits net_env: arg is the struct config_store. Parks. */
int open_volume(void *arg, const struct cfg_volume *v, struct volume **ret_volume,
                struct err *reterr);

#endif
