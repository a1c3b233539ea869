/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Published versions: look-ups (those of names from the network: index.c) and references. A struct config never changes after
 * config_parse() has returned it, so any reactor may read one that it holds; the count of
 * references is the only thing in it that moves.
 */
#include "config/config_int.h"
#include "config/schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct config_version *version_of(const struct config *c)
{
    return container_of((uintptr_t)c, struct config_version, c);
}

void config_set_generation(const struct config *c, uint64_t generation)
{
    version_of(c)->c.generation = generation;
}

void config_ref(const struct config *c)
{
    atomic_fetch_add_explicit(&version_of(c)->refs, 1, memory_order_relaxed);
}

void config_put(const struct config *c)
{
    if (!c)
        return;
    struct config_version *v = version_of(c);
    if (atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1)
        config_version_free(v);
}

void config_version_free(struct config_version *v)
{
    struct config *c = &v->c;
    config_index_free(c);
    for (unsigned i = 0; i < c->ntargets; i++) {
        free(c->targets[i].luns);
        free(c->targets[i].groups);
        free(c->targets[i].rel_port_ids);
    }
    for (unsigned i = 0; i < c->ngroups; i++)
        free(c->groups[i].portals);
    for (unsigned i = 0; i < c->nhosts; i++)
        free(c->hosts[i].initiators);
    if (c->grants)
        wipe(c->grants, c->ngrants * sizeof(*c->grants));
    if (c->initiators)
        wipe(c->initiators, c->ninitiators * sizeof(*c->initiators));
    wipe(&c->radius, sizeof(c->radius));
    free(c->volumes);
    free(c->targets);
    free(c->groups);
    free(c->hosts);
    free(c->initiators);
    free(c->grants);
    free(v);
}

const void *config_search(const void *array, unsigned n, size_t size, const char *name)
{
    const char *at = array;
    for (unsigned i = 0; i < n; i++, at += size)
        if (strcmp(at, name) == 0)
            return at;
    return NULL;
}
static_assert(offsetof(struct cfg_volume, name) == 0 &&
                  offsetof(struct cfg_target, name) == 0 &&
                  offsetof(struct cfg_initiator, name) == 0 &&
                  offsetof(struct cfg_host, name) == 0,
              "config_search() takes the name from an entry's first byte");

const struct cfg_volume *config_volume(const struct config *c, const char *name)
{
    return config_search(c->volumes, c->nvolumes, sizeof(*c->volumes), name);
}
const struct cfg_host *config_host(const struct config *c, const char *name)
{
    return config_search(c->hosts, c->nhosts, sizeof(*c->hosts), name);
}

const struct cfg_portal_group *config_group(const struct config *c, uint16_t tag)
{
    for (unsigned i = 0; i < c->ngroups; i++)
        if (c->groups[i].tag == tag)
            return &c->groups[i];
    return NULL;
}

bool config_maps(const struct cfg_target *t, const char *volume)
{
    for (unsigned i = 0; t && i < t->nluns; i++)
        if (strcmp(t->luns[i].volume->name, volume) == 0)
            return true;
    return false;
}

uint16_t config_chap_algs(const struct config *c)
{
    static_assert(CHAP_ALG_MIN + (unsigned)CFG_CHAP_SHA3_256 == CHAP_ALG_MAX,
                  "numbers of the algorithms ascend as they get stronger");
    return (uint16_t)((2u << CHAP_ALG_MAX) - (1u << (CHAP_ALG_MIN + c->limits.chap_require)));
}
uint16_t config_chap_algs_of(const struct config *c, const struct cfg_initiator *i)
{
    uint16_t all = config_chap_algs(c);
    return i->chap_algs ? i->chap_algs & all : all;
}
bool config_chap_weak(const struct config *c, const struct cfg_initiator *i)
{
    return config_chap_algs_of(c, i) & ((1u << (CHAP_ALG_MIN + CFG_CHAP_SHA256)) - 1);
}

bool config_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
           strcmp(address, "[::1]") == 0;
}
