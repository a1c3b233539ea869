/* SPDX-License-Identifier: BSD-2-Clause */
/* How the pools that are open share the memory that all may use. */
#include "control/pools_int.h"

#include <stdlib.h>

#define CACHE_LEAST (UINT64_C(16) << 20)
#define DIRTY_LEAST (UINT64_C(16) << 20)

unsigned pools_nopen(const struct pools *ps)
{
    const struct held_pool *h;
    unsigned n = 0;
    list_for_each (h, &ps->list, node)
        n += h->p != NULL;
    return n;
}

struct pool_opts pools_share(const struct pools *ps, unsigned n)
{
    return (struct pool_opts){
        .cache_bytes = ps->cache ? MAX(ps->cache / n, CACHE_LEAST) : 0,
        .dirty_bytes = ps->dirty ? MAX(ps->dirty / n, DIRTY_LEAST) : 0,
    };
}

static int set_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct pool_opts *share = arg;
    (void)reterr;
    pool_set_memory(p, share->cache_bytes, share->dirty_bytes);
    return 0;
}

void pools_share_anew(struct pools *ps)
{
    CLEANUP(freep) struct held_info *all = NULL;
    unsigned n = 0, open = pools_nopen(ps);
    if (ps->cache == 0 || open == 0 || pools_list(ps, &all, &n) < 0)
        return; /* without memory for the list they keep what they have */
    struct pool_opts share = pools_share(ps, open);
    for (unsigned i = 0; i < n; i++)
        pools_with(ps, all[i].name, set_here, &share, NULL); /* one that is going needs none */
}

void pools_set_memory(struct pools *ps, uint64_t cache, uint64_t dirty)
{
    if (cache == ps->cache && dirty == ps->dirty)
        return;
    ps->cache = cache;
    ps->dirty = dirty;
    pools_share_anew(ps);
}
