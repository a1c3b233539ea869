/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules that no single member can break: identities and paths belong to one volume, a port
 * to one portal, a secret to one direction of one pair, sessions without CHAP to loopback. Each
 * message names the objects and what to do. Pure.
 */
#include "base/text.h"
#include "config/config_int.h"
#include "config/names.h"
#include "config/schema.h"
#include "config/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what initiators are told ------------------------------------------------------------ */

/* HOST:PORT, which hosts keep in files of lines and names of files. */
static bool told_address(const char *s)
{
    const char *c = s;
    while (*c > ' ' && *c <= '~' && *c != '/' && *c != '\\')
        c++;
    return *c == '\0' && strrchr(s, ':');
}

/* For people to read, at terminals too: no control characters, those of Latin-1 in UTF-8 included. */
static bool told_text(const char *s)
{
    for (const unsigned char *c = (const unsigned char *)s; *c; c++)
        if (*c < ' ' || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0))
            return false;
    return true;
}

/* ---- volumes ----------------------------------------------------------------------------- */

static int check_blocks(const struct cfg_volume *v, struct err *reterr)
{
    if (v->block_size != 512 && v->block_size != 4096)
        return err_set(reterr, -EINVAL, "volume \"%s\": \"block_size\" is 512 or 4096",
                       v->name);
    if (v->physical_block && (!is_pow2(v->physical_block) || v->physical_block < v->block_size))
        return err_set(
            reterr, -EINVAL,
            "volume \"%s\": \"physical_block\" is a power of two not below block_size, or 0",
            v->name);
    if (v->size % v->block_size != 0)
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": its size must be a multiple of %u bytes", v->name,
                       v->block_size);
    return 0;
}

static int check_volume(const struct cfg_volume *v, struct err *reterr)
{
    static const struct uuid none;
    if (memcmp(&v->id, &none, sizeof(none)) == 0)
        return err_set(reterr, -EINVAL, "volume \"%s\": \"id\" is missing", v->name);
    if (v->engine == CFG_FILE && v->path[0] != '/')
        return err_set(
            reterr, -EINVAL,
            "volume \"%s\": \"path\" must be the absolute path of a file or block device",
            v->name);
    if (v->engine != CFG_POOL && strchr(v->name, '/'))
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": only a volume in a pool may have a / in its name",
                       v->name);
    if (v->engine == CFG_POOL && !strchr(v->dataset, '/'))
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": \"dataset\" must name a volume in a pool: \"tank/vm1\"",
                       v->name);
    if (v->engine != CFG_FILE && v->path[0])
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": only a volume of engine file has a \"path\"", v->name);
    if (v->engine != CFG_POOL && v->dataset[0])
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": only a volume of engine pool has a \"dataset\"",
                       v->name);
    if ((v->engine == CFG_MEM || v->engine == CFG_NULL) && v->size == 0)
        return err_set(reterr, -EINVAL, "volume \"%s\": a volume in memory has a \"size\"",
                       v->name);
    return check_blocks(v, reterr);
}

static const struct cfg_volume *const *sorted_volumes(const struct config *c,
                                                      int (*cmp)(const void *, const void *))
{
    const struct cfg_volume **all = calloc(c->nvolumes + 1, sizeof(*all));
    for (unsigned i = 0; all && i < c->nvolumes; i++)
        all[i] = &c->volumes[i];
    if (all)
        qsort(all, c->nvolumes, sizeof(*all), cmp);
    return all;
}

static int by_id(const void *a, const void *b)
{
    const struct cfg_volume *x = *(const struct cfg_volume *const *)a,
                            *y = *(const struct cfg_volume *const *)b;
    return memcmp(&x->id, &y->id, sizeof(x->id));
}
static int by_path(const void *a, const void *b)
{
    const struct cfg_volume *x = *(const struct cfg_volume *const *)a,
                            *y = *(const struct cfg_volume *const *)b;
    return strcmp(x->path, y->path);
}
static int by_dataset(const void *a, const void *b)
{
    const struct cfg_volume *x = *(const struct cfg_volume *const *)a,
                            *y = *(const struct cfg_volume *const *)b;
    return strcmp(x->dataset, y->dataset);
}

/* What no two volumes may have in common; those that are without it don't count. */
static bool has_path(const struct cfg_volume *v)
{
    return v->path[0] != '\0';
}
static bool has_dataset(const struct cfg_volume *v)
{
    return v->dataset[0] != '\0';
}
static const struct unique {
    const char *what;
    int (*cmp)(const void *a, const void *b);
    bool (*has)(const struct cfg_volume *v); /* NULL: all */
} uniques[] = {
    {"id",      by_id,      NULL       },
    {"path",    by_path,    has_path   },
    {"dataset", by_dataset, has_dataset},
};

/* Looks for two neighbours that are equal. */
static int check_unique(const struct config *c, const struct unique *u, struct err *reterr)
{
    const struct cfg_volume *const *all = sorted_volumes(c, u->cmp);
    int rc = all ? 0 : err_set(reterr, -ENOMEM, "out of memory");
    for (unsigned i = 1; rc == 0 && i < c->nvolumes; i++)
        if (u->cmp(&all[i - 1], &all[i]) == 0 && (!u->has || u->has(all[i])))
            rc = err_set(reterr, -EINVAL,
                         "volumes \"%s\" and \"%s\" have the same %s: give one of them its own",
                         all[i - 1]->name, all[i]->name, u->what);
    free((void *)(uintptr_t)all);
    return rc;
}

/* Hosts that may use a cluster's volume are there. */
static int check_hosts(const struct config *c, const struct cfg_volume *v, struct err *reterr)
{
    const char *list = v->hosts, *name;
    char host[CFG_NAME_LEN];
    size_t len;
    if (v->hosts[0] && v->policy != CFG_CLUSTER)
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": \"hosts\" belong to policy cluster, not %s", v->name,
                       cfg_policy_name(v->policy));
    while ((name = cfg_hosts_next(&list, &len))) {
        snprintf(host, sizeof(host), "%.*s", (int)MIN(len, sizeof(host)), name);
        if (!config_host(c, host))
            return err_set(reterr, -EINVAL,
                           "volume \"%.60s\": its \"hosts\" name \"%.60s\", which is no host: "
                           "zsan host add, or take it out (zsan volume set --hosts)",
                           v->name, host);
    }
    return 0;
}

static int check_volumes(const struct config *c, struct err *reterr)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < c->nvolumes; i++)
        if ((rc = check_volume(&c->volumes[i], reterr)) == 0)
            rc = check_hosts(c, &c->volumes[i], reterr);
    for (unsigned i = 0; rc == 0 && i < ARRAY_LEN(uniques); i++)
        rc = check_unique(c, &uniques[i], reterr);
    return rc;
}

/* ---- portals ----------------------------------------------------------------------------- */

/* True when a listener on one would take what is meant for the other. */
static bool portals_clash(const struct cfg_portal *a, const struct cfg_portal *b)
{
    struct cfg_address x, y;
    cfg_address_parse(a->address, &x);
    cfg_address_parse(b->address, &y);
    if (a->port != b->port || x.bits != y.bits)
        return false;
    if (a->interface[0] && b->interface[0] && strcmp(a->interface, b->interface) != 0)
        return false;
    return memcmp(x.bytes, y.bytes, sizeof(x.bytes)) == 0 || cfg_any_address(a->address) ||
           cfg_any_address(b->address);
}

/* A portal on all addresses is reached from networks that were never meant for storage: it is
 * to be said, or an interface named. */
static int check_any_address(const struct cfg_portal_group *g, const struct cfg_portal *p,
                             struct err *reterr)
{
    bool any = cfg_any_address(p->address);
    if (any && !p->interface[0] && !p->any_address)
        return err_set(reterr, -EINVAL,
                       "portal group %u: %s listens in all networks of this machine: name an "
                       "address or an interface, or say that it is meant (--any-address, "
                       "\"any_address\": true)",
                       g->tag, p->address);
    if (!any && p->any_address)
        return err_set(reterr, -EINVAL,
                       "portal group %u: \"any_address\" is for 0.0.0.0 and ::, not for %s",
                       g->tag, p->address);
    return 0;
}

static int check_portal(const struct cfg_portal_group *g, const struct cfg_portal *p,
                        struct err *reterr)
{
    struct cfg_address a;
    if (!cfg_address_parse(p->address, &a) || strchr(p->address, '%'))
        return err_set(reterr, -EINVAL,
                       "portal group %u: \"%s\" is no numeric IPv4 or IPv6 address", g->tag,
                       p->address);
    if (a.bits == 32 && strchr(p->address, ':'))
        return err_set(reterr, -EINVAL,
                       "portal group %u: \"%s\" is an IPv4 address: write it as one", g->tag,
                       p->address);
    if (p->advertise[0] && !told_address(p->advertise))
        return err_set(reterr, -EINVAL,
                       "portal group %u: \"advertise\" is HOST:PORT, not \"%s\"", g->tag,
                       p->advertise);
    return check_any_address(g, p, reterr);
}

/* Portal groups in one target port group are one to a host. */
static int check_alua(const struct config *c, unsigned i, struct err *reterr)
{
    const struct cfg_portal_group *g = &c->groups[i];
    for (unsigned k = 0; k < i; k++)
        if (c->groups[k].alua_group == g->alua_group &&
            c->groups[k].alua_state != g->alua_state)
            return err_set(reterr, -EINVAL,
                           "portal groups %u and %u are in target port group %u: they can't "
                           "have different states (%s, %s)",
                           c->groups[k].tag, g->tag, g->alua_group,
                           cfg_alua_name(c->groups[k].alua_state),
                           cfg_alua_name(g->alua_state));
    return 0;
}

/* Looks at the portals from number k of group i on. */
static int check_clash(const struct config *c, unsigned i, unsigned k, struct err *reterr)
{
    const struct cfg_portal *p = &c->groups[i].portals[k];
    for (unsigned gi = i; gi < c->ngroups; gi++)
        for (unsigned pi = gi == i ? k + 1 : 0; pi < c->groups[gi].nportals; pi++)
            if (portals_clash(p, &c->groups[gi].portals[pi]))
                return err_set(reterr, -EINVAL,
                               "portal %s:%u of group %u and portal %s:%u of group %u are in "
                               "each other's way: "
                               "change an address or a port",
                               p->address, p->port, c->groups[i].tag,
                               c->groups[gi].portals[pi].address,
                               c->groups[gi].portals[pi].port, c->groups[gi].tag);
    return 0;
}

static int check_groups(const struct config *c, struct err *reterr)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < c->ngroups; i++)
        for (unsigned k = 0; rc == 0 && k < c->groups[i].nportals; k++)
            rc = check_portal(&c->groups[i], &c->groups[i].portals[k], reterr);
    for (unsigned i = 0; rc == 0 && i < c->ngroups; i++)
        for (unsigned k = 0; rc == 0 && k < c->groups[i].nportals; k++)
            rc = check_clash(c, i, k, reterr);
    for (unsigned i = 0; rc == 0 && i < c->ngroups; i++)
        rc = check_alua(c, i, reterr);
    return rc;
}

/* ---- targets ----------------------------------------------------------------------------- */

static int check_luns(const struct cfg_target *t, struct err *reterr)
{
    for (unsigned i = 0; i < t->nluns; i++)
        for (unsigned k = i + 1; k < t->nluns; k++)
            if (t->luns[i].volume == t->luns[k].volume)
                return err_set(reterr, -EINVAL,
                               "target \"%.120s\" maps volume \"%s\" as LUN %u and as LUN %u: "
                               "one volume is one "
                               "LUN of a target",
                               t->name, t->luns[i].volume->name, t->luns[i].lun,
                               t->luns[k].lun);
    return 0;
}

static int check_rel_ports(const struct config *c, struct err *reterr)
{
    const struct cfg_target **owner = calloc(UINT16_MAX + 1, sizeof(*owner));
    int rc = owner ? 0 : err_set(reterr, -ENOMEM, "out of memory");
    for (unsigned i = 0; rc == 0 && i < c->ntargets; i++) {
        const struct cfg_target *t = &c->targets[i];
        for (unsigned k = 0; rc == 0 && k < t->ngroups; k++) {
            uint16_t id = t->rel_port_ids[k];
            if (id == 0)
                rc = err_set(reterr, -EINVAL,
                             "target \"%s\": \"rel_ports\" lacks portal group %u", t->name,
                             t->groups[k]->tag);
            else if (owner[id])
                rc = err_set(
                    reterr, -EINVAL,
                    "targets \"%.80s\" and \"%.80s\" share relative port %u: give one its own",
                    owner[id]->name, t->name, id);
            owner[id] = t;
        }
    }
    free((void *)(uintptr_t)owner);
    return rc;
}

static int check_targets(const struct config *c, struct err *reterr)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < c->ntargets; i++) {
        const struct cfg_target *t = &c->targets[i];
        rc = check_luns(t, reterr);
        if (rc == 0 && !told_text(t->alias))
            rc = err_set(reterr, -EINVAL, "target \"%s\": \"alias\" has a control character",
                         t->name);
        if (rc == 0 && t->redirect[0] && !told_address(t->redirect))
            rc = err_set(reterr, -EINVAL, "target \"%s\": \"redirect\" is ADDRESS:PORT[,TAG]",
                         t->name);
    }
    return rc < 0 ? rc : check_rel_ports(c, reterr);
}

/* ---- name servers ------------------------------------------------------------------------ */

static int check_server(const char *what, const char *address, struct err *reterr)
{
    struct cfg_address a;
    return cfg_address_parse(address, &a) && !strchr(address, '%')
               ? 0
               : err_set(reterr, -EINVAL, "%s: \"%s\" is no numeric IPv4 or IPv6 address", what,
                         address);
}

static int check_isns(const struct cfg_isns *i, struct err *reterr)
{
    for (unsigned k = 0; k < i->nservers; k++) {
        const struct cfg_isns_server *s = &i->servers[k];
        int rc = check_server("isns", s->address, reterr);
        if (rc < 0)
            return rc;
        for (unsigned o = 0; o < k; o++)
            if (s->port == i->servers[o].port && strcmp(s->address, i->servers[o].address) == 0)
                return err_set(reterr, -EINVAL, "isns: server %s:%u is listed twice",
                               s->address, s->port);
    }
    for (const char *p = i->entity; *p; p++)
        if (*p <= ' ' || *p > '~')
            return err_set(reterr, -EINVAL,
                           "isns: \"entity\" is made of printable characters, without blanks");
    if (i->enabled && !i->entity[0])
        return err_set(reterr, -EINVAL, "isns: \"entity\" is missing");
    return 0;
}

/* ---- RADIUS ------------------------------------------------------------------------------ */

static int check_radius(const struct cfg_radius *r, struct err *reterr)
{
    for (unsigned k = 0; k < r->nservers; k++) {
        const struct cfg_radius_server *s = &r->servers[k];
        int rc = check_server("radius", s->address, reterr);
        if (rc < 0)
            return rc;
        for (unsigned o = 0; o < k; o++)
            if (s->port == r->servers[o].port && strcmp(s->address, r->servers[o].address) == 0)
                return err_set(reterr, -EINVAL, "radius: server %s port %u is listed twice",
                               s->address, s->port);
        if (s->secret.len == 0)
            return err_set(reterr, -EINVAL,
                           "radius: server %s port %u has no shared secret: zsan radius add "
                           "takes it, and a document brings it in its \"secrets\"",
                           s->address, s->port);
    }
    return 0;
}

/* RADIUS knows a response by MD5 alone. */
static bool md5_allowed(const struct config *c, const struct cfg_initiator *i)
{
    return config_chap_algs_of(c, i) & 1u << CHAP_ALG_MD5;
}

static int check_verify(const struct config *c, struct err *reterr)
{
    for (unsigned k = 0; k < c->ninitiators; k++) {
        const struct cfg_initiator *i = &c->initiators[k];
        if (i->verify != CFG_VERIFY_RADIUS)
            continue;
        if (c->radius.nservers == 0)
            return err_set(
                reterr, -EINVAL,
                "initiator \"%.120s\" is verified by RADIUS, and there is no server: "
                "zsan radius add, or initiator set --verify local",
                i->name);
        if (i->auth == CFG_AUTH_NONE)
            return err_set(
                reterr, -EINVAL,
                "initiator \"%.120s\" has auth none, so RADIUS has nothing to verify: "
                "give it auth mutual or one-way, or verify local",
                i->name);
        if (!md5_allowed(c, i))
            return err_set(
                reterr, -EINVAL,
                "initiator \"%.120s\" is verified by RADIUS, which can do MD5 alone, "
                "and \"chap\" or \"chap_require\" does not allow md5: verify it locally, or "
                "allow md5",
                i->name);
    }
    return 0;
}

/* ---- who may come in without CHAP -------------------------------------------------------- */

static const struct cfg_portal *portal_abroad(const struct cfg_target *t)
{
    for (unsigned i = 0; i < t->ngroups; i++)
        for (unsigned k = 0; k < t->groups[i]->nportals; k++)
            if (!config_loopback(t->groups[i]->portals[k].address))
                return &t->groups[i]->portals[k];
    return NULL;
}

static int check_open_grants(const struct config *c, struct err *reterr)
{
    for (unsigned i = 0; i < c->ngrants; i++) {
        const struct cfg_grant *g = &c->grants[i];
        const struct cfg_portal *p =
            g->initiator->auth == CFG_AUTH_NONE ? portal_abroad(g->target) : NULL;
        if (p)
            return err_set(reterr, -EINVAL,
                           "initiator \"%.60s\" has auth none but target \"%.60s\" is served "
                           "on %s: only loopback "
                           "portals may go without CHAP",
                           g->initiator->name, g->target->name, p->address);
    }
    return 0;
}

/* ---- short names of initiators ----------------------------------------------------------- */

/* What a label stands for must be clear wherever a host or an initiator is named. */
static int check_label(const struct config *c, unsigned at, struct err *reterr)
{
    const struct cfg_initiator *i = &c->initiators[at];
    int rc = name_check("label", i->label, reterr);
    for (unsigned k = 0; rc == 0 && k < at; k++)
        if (strcmp(c->initiators[k].label, i->label) == 0)
            rc = err_set(reterr, -EINVAL,
                         "label \"%s\" is that of initiator %.120s already: choose another",
                         i->label, c->initiators[k].name);
    for (unsigned k = 0; rc == 0 && k < c->nhosts; k++)
        if (strcmp(c->hosts[k].name, i->label) == 0)
            rc =
                err_set(reterr, -EINVAL,
                        "label \"%s\" is the name of a host already: choose another", i->label);
    return rc;
}

static int check_labels(const struct config *c, struct err *reterr)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < c->ninitiators; i++)
        if (c->initiators[i].label[0])
            rc = check_label(c, i, reterr);
    return rc;
}

/* ---- algorithms of CHAP ------------------------------------------------------------------ */

#define BARRED_CAP 150 /* so that all of the message fits */

/* The first one is there in any case, if cut. */
static bool add_name(char list[BARRED_CAP], const char *name)
{
    size_t len = strlen(list);
    if (len > 0 && len + 2 + strlen(name) >= BARRED_CAP)
        return false;
    text_copy(list + len, BARRED_CAP - len, len > 0 ? ", " : "");
    len = strlen(list);
    text_copy(list + len, BARRED_CAP - len, name);
    return true;
}

/* An initiator whose own list and the least that is required have nothing in common could never log
 * in again. */
static int check_chap_require(const struct config *c, struct err *reterr)
{
    char names[BARRED_CAP] = "", others[24] = "";
    unsigned more = 0;
    for (unsigned i = 0; i < c->ninitiators; i++)
        if (config_chap_algs_of(c, &c->initiators[i]) == 0)
            more += !add_name(names, c->initiators[i].name);
    if (!names[0])
        return 0;
    if (more > 0)
        snprintf(others, sizeof(others), " and %u more", more);
    return err_set(
        reterr, -EINVAL,
        "chap_require %s leaves %s%s no algorithm: zsan initiator set NAME --chap all",
        cfg_chap_name(c->limits.chap_require), names, others);
}

/* ---- secrets ----------------------------------------------------------------------------- */

struct secret_use {
    uint64_t hash;
    const struct cfg_initiator *initiator;
    const struct cfg_target *target; /* NULL: discovery */
    bool reverse;
};

static int by_hash(const void *a, const void *b)
{
    uint64_t x = ((const struct secret_use *)a)->hash, y = ((const struct secret_use *)b)->hash;
    return x < y ? -1 : x > y;
}

static void add_uses(const struct cfg_credential *cred, struct secret_use like,
                     const struct siphash_key *key, struct secret_use *uses, size_t *n)
{
    for (unsigned i = 0; i < ARRAY_LEN(cred->secret); i++)
        if (cred->secret[i].len > 0) {
            like.hash = siphash(key, cred->secret[i].bytes, cred->secret[i].len);
            uses[(*n)++] = like;
        }
}

/* Servers may share one, as those of a cluster do that keep one list of clients; but with nobody
 * else: who knows a server's secret must not learn an initiator's by it. */
static int check_radius_secrets(const struct cfg_radius *r, const struct siphash_key *key,
                                const struct secret_use *uses, size_t n, struct err *reterr)
{
    for (unsigned i = 0; i < r->nservers; i++) {
        const struct cfg_secret *s = &r->servers[i].secret;
        const struct secret_use like = {.hash = siphash(key, s->bytes, s->len)};
        const struct secret_use *use = bsearch(&like, uses, n, sizeof(*uses), by_hash);
        if (use)
            return err_set(
                reterr, -EINVAL,
                "one secret is used twice: by RADIUS server %s and by %.120s: choose "
                "another",
                r->servers[i].address, use->initiator->name);
    }
    return 0;
}

/* Hashes under a random key are compared instead of secrets: the time that takes tells nothing
 * about them. */
static int check_secrets(const struct config *c, const struct siphash_key *key,
                         struct err *reterr)
{
    size_t n = 0;
    struct secret_use *uses =
        calloc(((size_t)c->ngrants + c->ninitiators) * 4 + 1, sizeof(*uses));
    if (!uses)
        return err_set(reterr, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < c->ninitiators; i++) {
        const struct cfg_initiator *ini = &c->initiators[i];
        add_uses(&ini->discovery, (struct secret_use){0, ini, NULL, false}, key, uses, &n);
        add_uses(&ini->discovery_reverse, (struct secret_use){0, ini, NULL, true}, key, uses,
                 &n);
    }
    for (unsigned i = 0; i < c->ngrants; i++) {
        const struct cfg_grant *g = &c->grants[i];
        add_uses(&g->forward, (struct secret_use){0, g->initiator, g->target, false}, key, uses,
                 &n);
        add_uses(&g->reverse, (struct secret_use){0, g->initiator, g->target, true}, key, uses,
                 &n);
    }
    qsort(uses, n, sizeof(*uses), by_hash);
    int rc = check_radius_secrets(&c->radius, key, uses, n, reterr);
    for (size_t i = 1; rc == 0 && i < n; i++)
        if (uses[i - 1].hash == uses[i].hash)
            rc = err_set(reterr, -EINVAL,
                         "one secret is used twice: by %.60s with %.50s%s, and elsewhere "
                         "(%.50s): mint another",
                         uses[i].initiator->name,
                         uses[i].target ? uses[i].target->name : "discovery",
                         uses[i].reverse ? " (reverse)" : "", uses[i - 1].initiator->name);
    free(uses);
    return rc;
}

int config_check(const struct config *c, const struct siphash_key *key, struct err *reterr)
{
    int rc;
    if (c->limits.first_burst > c->limits.max_burst)
        return err_set(reterr, -EINVAL,
                       "limits: \"first_burst\" must not be over \"max_burst\"");
    if ((rc = check_volumes(c, reterr)) < 0 || (rc = check_groups(c, reterr)) < 0 ||
        (rc = check_targets(c, reterr)) < 0 || (rc = check_open_grants(c, reterr)) < 0 ||
        (rc = check_labels(c, reterr)) < 0 || (rc = check_chap_require(c, reterr)) < 0 ||
        (rc = check_isns(&c->isns, reterr)) < 0 ||
        (rc = check_radius(&c->radius, reterr)) < 0 || (rc = check_verify(c, reterr)) < 0)
        return rc;
    return check_secrets(c, key, reterr);
}
