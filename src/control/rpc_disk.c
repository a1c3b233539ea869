/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks of a pool that come, go and take each other's place. After a change the list that the next start
 * reads is written anew, and the pool's own history has the command. Parks.
 */
#include "base/cleanup.h"
#include "control/api_gen.h"
#include "control/control_int.h"
#include "control/pool_words.h"
#include "control/pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int changed(struct control *c, const char *pool, json_t **ret_result, struct err *reterr)
{
    pools_note(c->env.pools, pool);
    return jb_done_nothing(ret_result, reterr);
}

/* ---- more of them ------------------------------------------------------------------------ */

struct adding {
    const struct pool_words *words;
    bool force;
    int (*fn)(struct pool *p, const struct pool_group *groups, unsigned ngroups,
              const char *const *spares, unsigned nspares, bool force, struct err *reterr);
};

static int add_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct adding *a = arg;
    const struct pool_words *w = a->words;
    return a->fn(p, w->groups, w->ngroups, (const char *const *)w->spares, w->nspares, a->force,
                 reterr);
}

int rpc_pool_add(struct control *c, const struct args_pool_add *a, json_t **ret_result,
                 struct err *reterr)
{
    struct pool_words words;
    struct adding work = {&words, a->force, pool_add};
    struct err why = {.code = 0};
    int rc = pool_words_parse(&a->vdevs, &words, &why);
    if (rc == 0)
        rc = pools_with(c->env.pools, a->name, add_here, &work, &why);
    pool_words_drop(&words);
    return rc < 0 ? err_set(reterr, rc, "%s", why.msg)
                  : changed(c, a->name, ret_result, reterr);
}

static bool is_taken(struct pools *ps, const char *name)
{
    CLEANUP(freep) struct held_info *all = NULL;
    unsigned n = 0;
    bool found = false;
    if (pools_list(ps, &all, &n) < 0)
        return false;
    for (unsigned i = 0; i < n; i++)
        found |= strcmp(all[i].name, name) == 0;
    return found;
}

static int check_create(struct pools *ps, const struct args_pool_check *a,
                        const struct pool_words *words, struct err *reterr)
{
    const struct pool_create_want want = {.name = a->name,
                                          .groups = words->groups,
                                          .ngroups = words->ngroups,
                                          .spares = (const char *const *)words->spares,
                                          .nspares = words->nspares,
                                          .ashift = (unsigned)a->ashift,
                                          .force = a->force};
    return is_taken(ps, a->name)
               ? err_set(reterr, -EEXIST, "there is a pool \"%.60s\" already", a->name)
               : pool_create_check(&want, reterr);
}

int rpc_pool_check(struct control *c, const struct args_pool_check *a, json_t **ret_result,
                   struct err *reterr)
{
    struct pool_words words;
    struct adding work = {&words, a->force, pool_add_check};
    struct err why = {.code = 0};
    int rc = pool_words_parse(&a->vdevs, &words, &why);
    if (rc == 0)
        rc = a->add ? pools_with(c->env.pools, a->name, add_here, &work, &why)
                    : check_create(c->env.pools, a, &words, &why);
    pool_words_drop(&words);
    return rc < 0 ? err_set(reterr, rc, "%s", why.msg) : jb_done_nothing(ret_result, reterr);
}

/* ---- one for another --------------------------------------------------------------------- */

struct swap {
    const char *disk, *new_disk; /* as the pool knows it; a path, or NULL */
    bool force;
    int (*fn)(struct pool *p, const char *disk, const char *new_disk, bool force,
              struct err *reterr);
};

static int swap_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct swap *s = arg;
    return s->fn(p, s->disk, s->new_disk, s->force, reterr);
}

/* A disk of the pool that is not there any more is known by its path or guid alone. */
static int swap(struct control *c, const char *pool, const struct swap *want,
                json_t **ret_result, struct err *reterr)
{
    struct swap s = *want;
    struct err why = {.code = 0};
    CLEANUP(freep) char *old = disk_resolve(want->disk, NULL);
    CLEANUP(freep) char *new = want->new_disk ? disk_resolve(want->new_disk, &why) : NULL;
    if (want->new_disk && !new)
        return err_set(reterr, why.code ? why.code : -ENOMEM, "%s", why.msg);
    s.disk = old ? old : want->disk;
    s.new_disk = new;
    int rc = pools_with(c->env.pools, pool, swap_here, &s, reterr);
    return rc < 0 ? rc : changed(c, pool, ret_result, reterr);
}

int rpc_pool_attach(struct control *c, const struct args_pool_attach *a, json_t **ret_result,
                    struct err *reterr)
{
    const struct swap s = {a->disk, a->new_disk, a->force, pool_attach};
    return swap(c, a->name, &s, ret_result, reterr);
}

int rpc_pool_replace(struct control *c, const struct args_pool_replace *a, json_t **ret_result,
                     struct err *reterr)
{
    const struct swap s = {a->disk, a->new_disk, a->force, pool_replace};
    return swap(c, a->name, &s, ret_result, reterr);
}

static int detach(struct pool *p, const char *disk, const char *none, bool force,
                  struct err *reterr)
{
    (void)none, (void)force;
    return pool_detach(p, disk, reterr);
}

int rpc_pool_detach(struct control *c, const struct args_pool_detach *a, json_t **ret_result,
                    struct err *reterr)
{
    const struct swap s = {a->disk, NULL, false, detach};
    return swap(c, a->name, &s, ret_result, reterr);
}

static int remove_spare(struct pool *p, const char *disk, const char *none, bool force,
                        struct err *reterr)
{
    (void)none, (void)force;
    return pool_remove_spare(p, disk, reterr);
}

int rpc_pool_remove(struct control *c, const struct args_pool_remove *a, json_t **ret_result,
                    struct err *reterr)
{
    const struct swap s = {a->disk, NULL, false, remove_spare};
    return swap(c, a->name, &s, ret_result, reterr);
}

static int clear(struct pool *p, const char *disk, const char *none, bool force,
                 struct err *reterr)
{
    (void)none;
    return pool_clear(p, disk, force, reterr);
}

static int clear_all(struct pool *p, void *arg, struct err *reterr)
{
    const bool *force = arg;
    return pool_clear(p, NULL, *force, reterr);
}

int rpc_pool_clear(struct control *c, const struct args_pool_clear *a, json_t **ret_result,
                   struct err *reterr)
{
    bool force = a->force;
    const struct swap s = {a->disk, NULL, force, clear};
    if (a->disk)
        return swap(c, a->name, &s, ret_result, reterr);
    int rc = pools_with(c->env.pools, a->name, clear_all, &force, reterr);
    return rc < 0 ? rc : changed(c, a->name, ret_result, reterr);
}
