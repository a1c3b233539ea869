/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools as they are at one moment, for the methods that show them. */
#ifndef CONTROL_POOL_LOOK_H
#define CONTROL_POOL_LOOK_H

#include "control/control.h"
#include "control/pool_text.h"
#include "control/pools.h"

/* Looks at the pool of that name (NULL: at each); v NULL: it is not online, and h says why. -ENOENT:
 * there is none of that name. Parks. */
typedef void pool_look_fn(void *arg, const struct held_info *h, const struct pool_view *v);
int pools_each(struct pools *ps, const char *name, pool_look_fn *fn, void *arg,
               struct err *reterr);

#endif
