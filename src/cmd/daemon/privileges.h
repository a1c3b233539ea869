/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process may do, settled before the first thread starts. */
#ifndef CMD_DAEMON_PRIVILEGES_H
#define CMD_DAEMON_PRIVILEGES_H

#include "base/err.h"

/* Limits as high as allowed, no core dumps, no debuggers (unless dumpable). */
void privileges_limits(bool dumpable);
/* Keeps all memory, now and later, out of swap: secrets lie in many places of it. The process must be the user that it
 * will be. False: the limit of locked memory (RLIMIT_MEMLOCK) is finite, or a sanitizer's shadow would be locked too. */
bool privileges_lock_memory(void);
/* Makes a folder when it is missing (0700), its parents too. */
int privileges_folder(const char *path, struct err *reterr);
/* As root: gives the folders (made when missing, 0700; its parents too) to the user and becomes
 * that user for good, with its groups. */
int privileges_drop(const char *user, const char *const *folders, size_t n, struct err *reterr);

#endif
