/* SPDX-License-Identifier: BSD-2-Clause */
/* Group commit: many durable writes share few flushes. */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "run/fiber.h"

struct commit {
    int (*flush)(void *arg); /* parks; 0 or negative errno */
    void *arg;
    uint64_t submitted, finished; /* flushes, counted from 1 */
    bool leading;                 /* a fiber gathers for the next flush, or waits for its end */
    int failed;                   /* negative errno of the first failed flush; sticky */
    struct waitq q;
};

void commit_init(struct commit *c, int (*flush)(void *arg), void *arg);
/* Returns 0 once a flush that was submitted after this call began has succeeded: every write
 * that returned before the call is durable then. After a failed flush nothing counts as
 * durable any more: its error, then and ever after. Parks. */
int commit_wait(struct commit *c);

#endif
