/* SPDX-License-Identifier: BSD-2-Clause */
/* The key that secrets are sealed with at rest. */
#ifndef CMD_DAEMON_SECRETS_KEY_H
#define CMD_DAEMON_SECRETS_KEY_H

#include "base/err.h"
#include "config/seal.h"

#include <stdbool.h>

/* From the file path (NULL: the service manager's credential "zsan-secrets-key", if there is one, systemd.exec(5)). *ret_there
 * false: no key. -EPERM: others can read the file; -EINVAL: too few bytes. As root, before privileges are dropped. */
int secrets_key_read(const char *path, struct seal_key *ret_key, bool *ret_there,
                     struct err *reterr);

#endif
