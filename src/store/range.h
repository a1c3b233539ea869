/* SPDX-License-Identifier: BSD-2-Clause */
/* A lock on ranges of bytes for the fibers of one reactor. */
#ifndef STORE_RANGE_H
#define STORE_RANGE_H

#include "run/fiber.h"

struct range_lock {
    struct list holds; /* of struct range_hold, in order of arrival */
};
struct range_hold { /* on the holder's stack */
    struct list node;
    uint64_t off, end;
    struct waitq granted;
};

void ranges_init(struct range_lock *l);
/* Parks until nothing that came before overlaps [off, off + len). */
void range_take(struct range_lock *l, struct range_hold *h, uint64_t off, uint64_t len);
void range_drop(struct range_lock *l, struct range_hold *h);

#endif
