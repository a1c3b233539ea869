/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look-ups of names that come from the network: initiators, targets, and grants of one to the
 * other. Hash tables, at most half full, under a random key: what is there and what is not take
 * the same steps, and nobody can choose names that collide. A version without an index (one
 * that is still being read) is searched. Immutable once it is made; any reactor.
 */
#include "config/config_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct table {
    uint32_t *slot; /* number of an entry and 1; 0: empty */
    size_t mask;
};

struct config_index {
    struct siphash_key key;
    struct table initiators, targets, grants;
};

static bool table_make(struct table *t, size_t n)
{
    size_t size = 4;
    while (size < 2 * n)
        size *= 2;
    t->slot = calloc(size, sizeof(*t->slot));
    t->mask = size - 1;
    return t->slot != NULL;
}

static void table_put(struct table *t, uint64_t hash, uint32_t entry)
{
    while (t->slot[hash & t->mask] != 0)
        hash++;
    t->slot[hash & t->mask] = entry + 1;
}

/* ---- keys -------------------------------------------------------------------------------- */

static uint64_t name_hash(const struct siphash_key *key, const char *name)
{
    return siphash(key, name, strlen(name));
}

static uint64_t pair_hash(const struct siphash_key *key, const struct cfg_initiator *i,
                          const struct cfg_target *t)
{
    const void *pair[] = {i, t};
    return siphash(key, pair, sizeof(pair));
}

/* ---- making ------------------------------------------------------------------------------ */

int config_index_make(struct config *c, const struct siphash_key *key)
{
    struct config_index *x = calloc(1, sizeof(*x));
    c->index = x;
    if (!x)
        return -ENOMEM;
    x->key = *key;
    if (!table_make(&x->initiators, c->ninitiators) || !table_make(&x->targets, c->ntargets) ||
        !table_make(&x->grants, c->ngrants))
        return -ENOMEM;
    for (unsigned i = 0; i < c->ninitiators; i++)
        table_put(&x->initiators, name_hash(key, c->initiators[i].name), i);
    for (unsigned i = 0; i < c->ntargets; i++)
        table_put(&x->targets, name_hash(key, c->targets[i].name), i);
    for (unsigned i = 0; i < c->ngrants; i++)
        table_put(&x->grants, pair_hash(key, c->grants[i].initiator, c->grants[i].target), i);
    return 0;
}

void config_index_free(struct config *c)
{
    struct config_index *x = (struct config_index *)(uintptr_t)c->index;
    if (!x)
        return;
    free(x->initiators.slot);
    free(x->targets.slot);
    free(x->grants.slot);
    free(x);
    c->index = NULL;
}

/* ---- looking up -------------------------------------------------------------------------- */

const struct cfg_initiator *config_initiator(const struct config *c, const char *name)
{
    const struct config_index *x = c->index;
    if (!x)
        return config_search(c->initiators, c->ninitiators, sizeof(*c->initiators), name);
    for (uint64_t h = name_hash(&x->key, name);; h++) {
        uint32_t at = x->initiators.slot[h & x->initiators.mask];
        if (at == 0)
            return NULL;
        if (strcmp(c->initiators[at - 1].name, name) == 0)
            return &c->initiators[at - 1];
    }
}

const struct cfg_target *config_target(const struct config *c, const char *name)
{
    const struct config_index *x = c->index;
    if (!x)
        return config_search(c->targets, c->ntargets, sizeof(*c->targets), name);
    for (uint64_t h = name_hash(&x->key, name);; h++) {
        uint32_t at = x->targets.slot[h & x->targets.mask];
        if (at == 0)
            return NULL;
        if (strcmp(c->targets[at - 1].name, name) == 0)
            return &c->targets[at - 1];
    }
}

static const struct cfg_grant *
search_grants(const struct config *c, const struct cfg_initiator *i, const struct cfg_target *t)
{
    for (unsigned k = 0; i && t && k < c->ngrants; k++)
        if (c->grants[k].initiator == i && c->grants[k].target == t)
            return &c->grants[k];
    return NULL;
}

/* Also when there is no such initiator or target: a pair with nobody is in no grant. */
const struct cfg_grant *config_grant(const struct config *c, const char *initiator,
                                     const char *target)
{
    const struct config_index *x = c->index;
    const struct cfg_initiator *i = config_initiator(c, initiator);
    const struct cfg_target *t = config_target(c, target);
    if (!x)
        return search_grants(c, i, t);
    for (uint64_t h = pair_hash(&x->key, i, t);; h++) {
        uint32_t at = x->grants.slot[h & x->grants.mask];
        if (at == 0)
            return NULL;
        if (c->grants[at - 1].initiator == i && c->grants[at - 1].target == t)
            return &c->grants[at - 1];
    }
}
