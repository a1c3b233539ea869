/* SPDX-License-Identifier: BSD-2-Clause */
/* What a pool says of itself is asked on its home, and nothing there waits for a disk. Parks. */
#include "control/pool_look.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int look_here(struct pool *p, void *arg, struct err *reterr)
{
    struct pool_view *v = arg;
    const char *why = NULL;
    text_copy(v->name, sizeof(v->name), pool_name(p));
    pool_scan_status(p, &v->scan);
    pool_space(p, &v->space);
    pool_cache(p, &v->cache);
    v->errors = pool_error_count(p);
    v->freeing = pool_freeing(p);
    if (pool_read_only(p, &why) && why)
        snprintf(v->read_only_why, sizeof(v->read_only_why), "%s", why);
    int rc = pool_status(p, &v->status);
    return rc < 0 ? err_set(reterr, rc, "out of memory") : 0;
}

int pools_each(struct pools *ps, const char *name, pool_look_fn *fn, void *arg,
               struct err *reterr)
{
    CLEANUP(freep) struct held_info *all = NULL;
    unsigned n = 0, found = 0;
    if (pools_list(ps, &all, &n) < 0)
        return err_set(reterr, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < n; i++) {
        struct pool_view v = {.name = ""};
        if (name && strcmp(all[i].name, name) != 0)
            continue;
        found++;
        v.coming = all[i].coming;
        int rc = pools_with(ps, all[i].name, look_here, &v, NULL);
        fn(arg, &all[i], rc == 0 ? &v : NULL);
        pool_status_free(&v.status);
    }
    if (name && found == 0)
        return err_set(reterr, -ENOENT,
                       "there is no pool \"%.60s\" (zsan pool list shows them)", name);
    return 0;
}
