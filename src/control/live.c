/* SPDX-License-Identifier: BSD-2-Clause */
/* What the front is doing now, taken once for a whole answer, so that its parts agree and a
 * list costs one round of questions. Parks. */
#include "base/text.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct net_volume_info *)a)->name,
                  ((const struct net_volume_info *)b)->name);
}

int live_take(struct control *c, struct live *ret_live, struct err *reterr)
{
    struct live l = {.store = c->env.store};
    if (net_sessions(c->env.net, &l.sessions, &l.nsessions) < 0 ||
        net_volumes(c->env.net, &l.volumes, &l.nvolumes) < 0) {
        free(l.sessions);
        return err_set(reterr, -ENOMEM, "out of memory");
    }
    qsort(l.volumes, l.nvolumes, sizeof(*l.volumes), by_name);
    *ret_live = l;
    return 0;
}

void live_drop(struct live *l)
{
    free(l->sessions);
    free(l->volumes);
}

int live_list(struct control *c, const struct config *cfg, unsigned n, row_json_fn *row,
              json_t **ret_result, struct err *reterr)
{
    struct jb b = {false};
    LIVE(l);
    if (live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    json_t *list = jb_list(&b);
    for (unsigned i = 0; i < n; i++) {
        json_t *j = row(&b, cfg, i, &l);
        if (j)
            jb_push(&b, list, j);
    }
    return jb_done(&b, list, ret_result, reterr);
}

static int compare_name(const void *key, const void *row)
{
    return strcmp(key, ((const struct net_volume_info *)row)->name);
}

const struct net_volume_info *live_volume(const struct live *l, const char *name)
{
    return l->nvolumes > 0
               ? bsearch(name, l->volumes, l->nvolumes, sizeof(*l->volumes), compare_name)
               : NULL;
}

unsigned live_sessions(const struct live *l, const char *host, const char *initiator,
                       const char *target)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->nsessions; i++) {
        const struct net_session_info *s = &l->sessions[i];
        n += (!host || strcmp(s->host, host) == 0) &&
             (!initiator || strcmp(s->initiator, initiator) == 0) &&
             (!target || strcmp(s->target, target) == 0);
    }
    return n;
}

void use_json(struct jb *b, json_t *j, const char *prefix, const struct cfg_use *use)
{
    char key[48];
    snprintf(key, sizeof(key), "%slast_use", prefix);
    jb_uint(b, j, key, use->when);
    snprintf(key, sizeof(key), "%slast_algorithm", prefix);
    jb_text(b, j, key, cfg_chap_name(use->alg));
    snprintf(key, sizeof(key), "%slast_address", prefix);
    jb_text(b, j, key, use->address);
}
