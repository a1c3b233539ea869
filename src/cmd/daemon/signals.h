/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals as calls on reactor 0. */
#ifndef CMD_DAEMON_SIGNALS_H
#define CMD_DAEMON_SIGNALS_H

#include "base/err.h"
#include "run/run.h"

/* Blocks SIGINT, SIGTERM and SIGHUP for this thread and those it starts; ignores SIGPIPE.
 * Before the first thread. */
void signals_block(void);
struct signals;
/*
 * From then on SIGINT and SIGTERM start fn(arg) as a fiber on reactor 0 (SIGHUP does nothing:
 * nothing is read from files at run time); another one two seconds later or more ends the process
 * at once with status 130.
 */
int signals_start(struct run *run, void (*fn)(void *arg), void *arg,
                  struct signals **ret_signals, struct err *reterr);
/* To be called while the world is still there, when its loop has ended. NULL is fine. */
void signals_stop(struct signals *s);

#endif
