/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event hook: a program of the operator's, run as COMMAND LEVEL EVENT for each event of
 * level warn or error, with the fields in its environment as ZSAN_KEY=VALUE. One at a time, at
 * most 10 s each, from a thread of its own; when more than 64 wait, the newest are dropped (the
 * log has them all).
 */
#ifndef CMD_DAEMON_HOOK_H
#define CMD_DAEMON_HOOK_H

#include "base/err.h"
#include "base/log.h"

struct hook;

/* command is borrowed: the path of a program, not a shell line. */
int hook_start(const char *command, struct hook **ret_hook, struct err *reterr);
/* Any thread; never waits. */
void hook_event(struct hook *h, enum log_level level, const char *event,
                const struct log_kv *kv, size_t nkv);
/* Ends the running program and the thread; drops what waits. NULL is fine. */
void hook_stop(struct hook *h);

#endif
