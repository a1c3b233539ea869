/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process may do, settled before the first thread starts. */
#ifndef CMD_DAEMON_PRIVILEGES_H
#define CMD_DAEMON_PRIVILEGES_H

#include "base/err.h"

/* Limits as high as allowed, no core dumps, no debuggers (unless dumpable). */
void privileges_limits(bool dumpable);
/* Makes a folder when it is missing (0700), its parents too. */
int privileges_folder(const char *path, struct err *reterr);
/* As root: gives the folders (made when missing, 0700; its parents too) to the user and becomes
 * that user for good, with its groups. */
int privileges_drop(const char *user, const char *const *folders, size_t n, struct err *reterr);

#endif
