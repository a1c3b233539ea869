/* SPDX-License-Identifier: BSD-2-Clause */
/* From a configured volume to its engine, on the reactor that becomes its home (net/ puts
 * counters and limits on top). Pools keep the attributes of their volumes themselves; all others keep them in
 * the configuration's store: also a volume in memory keeps its identity over a restart. */
#include "cmd/daemon/open_volume.h"

#include "store/store.h"

int volume_home(void *arg, const struct cfg_volume *v, struct reactor **ret_home,
                struct err *reterr)
{
    const struct engines *e = arg;
    return pools_volume_home(e->pools, v, ret_home, reterr);
}

bool is_volume(void *arg, struct volume *v, const struct cfg_volume *cfg)
{
    (void)arg;
    while (v->lower)
        v = v->lower;
    return cfg->engine == CFG_POOL && pool_volume_is(v, cfg->dataset);
}

void let_go(void *arg)
{
    const struct engines *e = arg;
    pools_let_go(e->pools);
}

int open_volume(void *arg, const struct cfg_volume *v, struct volume **ret_volume,
                struct err *reterr)
{
    const struct engines *e = arg;
    if (v->engine == CFG_POOL)
        return pools_volume_open(e->pools, v, ret_volume, reterr);
    const struct store_params p = {
        .name = v->name,
        .id = v->id,
        .block_size = v->block_size,
        .physical_block = v->physical_block,
        .thick = !v->thin,
        .read_only = v->read_only,
        .sync = v->sync,
        .attrs = config_attrs(e->store),
    };
    if (v->engine == CFG_FILE)
        return store_file_open(&p, v->path, ret_volume, reterr);
    return store_mem_open(&p, v->size, v->engine == CFG_NULL, ret_volume, reterr);
}

void logged_in(void *arg, const char *initiator, const char *target, const struct cfg_use *use)
{
    const struct engines *e = arg;
    config_used(e->store, initiator, target, use);
}
