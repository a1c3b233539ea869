/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The document to a struct config. Objects are read in the order in which they refer to each
 * other (volumes and portal groups, then hosts and initiators, then targets, then grants
 * expanded to pairs), each array complete before anything points into it. A reference to what
 * is not there is an error that says so. Runs on any thread, never parks.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "config/config_int.h"
#include "config/names.h"
#include "config/schema.h"
#include "config/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_LEN 280 /* `initiator "NAME"` */

static int no_memory(struct err *reterr)
{
    return err_set(reterr, -ENOMEM, "out of memory");
}

/* The section's object, and an array with a zeroed entry for each of its members. */
static int section(const json_t *doc, const char *name, size_t size, const json_t **ret_json,
                   void *ret_array, struct err *reterr)
{
    const json_t *j = NULL;
    int rc = field_object(doc, name, "configuration", &j, reterr);
    if (rc < 0)
        return rc;
    size_t n = json_object_size(j);
    if (n > CONFIG_OBJECT_MAX)
        return err_set(reterr, -EINVAL, "configuration: more than %d %s", CONFIG_OBJECT_MAX,
                       name);
    void *array = calloc(n + 1, size);
    if (!array)
        return no_memory(reterr);
    *(void **)ret_array = array;
    *ret_json = j;
    return 0;
}

static int read_volumes(const json_t *doc, struct config *c, struct err *reterr)
{
    const json_t *all, *j;
    const char *name;
    int rc = section(doc, "volumes", sizeof(*c->volumes), &all, &c->volumes, reterr);
    if (rc < 0)
        return rc;
    field_each(all, name, j)
    {
        char what[WHAT_LEN];
        struct cfg_volume *v = &c->volumes[c->nvolumes++];
        if ((rc = volume_name_check(name, reterr)) < 0)
            return rc;
        snprintf(what, sizeof(what), "volume \"%s\"", name);
        if ((rc = schema_volume_read(j, what, v, reterr)) < 0)
            return rc;
        text_copy(v->name, sizeof(v->name), name);
    }
    return 0;
}

static int read_portals(const json_t *j, const char *what, struct cfg_portal_group *g,
                        struct err *reterr)
{
    const json_t *list = NULL;
    int rc = field_array(j, "portals", what, &list, reterr);
    if (rc < 0)
        return rc;
    size_t n = json_array_size(list);
    g->portals = calloc(n + 1, sizeof(*g->portals));
    if (!g->portals)
        return no_memory(reterr);
    for (size_t i = 0; i < n; i++)
        if ((rc = schema_portal_read(json_array_get(list, i), what, &g->portals[g->nportals++],
                                     reterr)) < 0)
            return rc;
    return 0;
}

/* A key that is a number in its one canonical form. */
static bool key_number(const char *key, uint64_t min, uint64_t max, uint16_t *ret_value)
{
    uint64_t v;
    if (!text_to_u64(key, &v) || v < min || v > max || (key[0] == '0' && key[1] != '\0'))
        return false;
    *ret_value = (uint16_t)v;
    return true;
}

static int read_groups(const json_t *doc, struct config *c, struct err *reterr)
{
    const json_t *all, *j;
    const char *key;
    int rc = section(doc, "portal_groups", sizeof(*c->groups), &all, &c->groups, reterr);
    if (rc < 0)
        return rc;
    field_each(all, key, j)
    {
        char what[WHAT_LEN];
        struct cfg_portal_group *g = &c->groups[c->ngroups++];
        if (!key_number(key, 1, UINT16_MAX, &g->tag))
            return err_set(reterr, -EINVAL,
                           "portal group \"%.40s\": the tag is a number from 1 to 65535", key);
        g->alua_group = g->tag;
        snprintf(what, sizeof(what), "portal group %u", g->tag);
        if ((rc = schema_group_read(j, what, g, reterr)) < 0 ||
            (rc = read_portals(j, what, g, reterr)) < 0)
            return rc;
    }
    return 0;
}

/* Hosts that the document names, and room for one of its own for each initiator. */
static int read_hosts(const json_t *doc, struct config *c, struct err *reterr)
{
    const json_t *all, *j;
    const char *name;
    int rc = section(doc, "hosts", sizeof(*c->hosts), &all, &c->hosts, reterr);
    if (rc < 0)
        return rc;
    size_t room = json_object_size(all) + json_object_size(json_object_get(doc, "initiators"));
    free(c->hosts);
    c->hosts = calloc(room + 1, sizeof(*c->hosts));
    if (!c->hosts)
        return no_memory(reterr);
    field_each(all, name, j)
    {
        char what[WHAT_LEN];
        if ((rc = name_check("host", name, reterr)) < 0)
            return rc;
        snprintf(what, sizeof(what), "host \"%s\"", name);
        if ((rc = fields_read(j, NULL, 0, NULL, what, reterr)) < 0)
            return rc;
        text_copy(c->hosts[c->nhosts++].name, CFG_NAME_LEN, name);
    }
    return 0;
}

/* The host that an initiator's document names, or a new one that bears the initiator's name. */
static int initiator_host(const json_t *j, const char *what, struct config *c,
                          struct cfg_initiator *i, struct err *reterr)
{
    const json_t *h = json_object_get(j, "host");
    const char *name = json_string_value(h);
    if (h && !name)
        return err_set(reterr, -EINVAL, "%s: \"host\" must be the name of a host", what);
    if (h) {
        i->host = config_host(c, name);
        if (!i->host)
            return err_set(
                reterr, -EINVAL,
                "%s: there is no host \"%.63s\": add it (zsan host add) or name another", what,
                name);
        return 0;
    }
    struct cfg_host *own = &c->hosts[c->nhosts++];
    text_copy(own->name, sizeof(own->name), i->name);
    i->host = own;
    return 0;
}

/* Keys are stored normalised, so that two spellings of one name are two equal keys and
 * refused. */
static int canonical_iscsi_name(const char *kind, const char *name, char *ret_name,
                                struct err *reterr)
{
    int rc = cfg_iscsi_name_normalise(name, ret_name, reterr);
    if (rc < 0)
        return err_prefix(reterr, "%s", kind);
    if (strcmp(name, ret_name) != 0)
        return err_set(reterr, -EINVAL, "%s \"%.120s\" must be written in lower case", kind,
                       name);
    return 0;
}

static int read_initiators(const json_t *doc, struct config *c, struct err *reterr)
{
    const json_t *all, *j;
    const char *name;
    int rc = section(doc, "initiators", sizeof(*c->initiators), &all, &c->initiators, reterr);
    if (rc < 0)
        return rc;
    field_each(all, name, j)
    {
        char what[WHAT_LEN];
        struct cfg_initiator *i = &c->initiators[c->ninitiators++];
        snprintf(what, sizeof(what), "initiator \"%.223s\"", name);
        if ((rc = schema_initiator_read(j, what, i, reterr)) < 0 ||
            (rc = canonical_iscsi_name("initiator", name, i->name, reterr)) < 0 ||
            (rc = initiator_host(j, what, c, i, reterr)) < 0)
            return rc;
    }
    return 0;
}

/* Tells each host who belongs to it. */
static int join_hosts(struct config *c, struct err *reterr)
{
    for (unsigned h = 0; h < c->nhosts; h++) {
        struct cfg_host *host = &c->hosts[h];
        unsigned n = 0;
        for (unsigned i = 0; i < c->ninitiators; i++)
            n += c->initiators[i].host == host;
        host->initiators = calloc(n + 1, sizeof(struct cfg_initiator *));
        if (!host->initiators)
            return no_memory(reterr);
        for (unsigned i = 0; i < c->ninitiators; i++)
            if (c->initiators[i].host == host)
                host->initiators[host->ninitiators++] = &c->initiators[i];
    }
    return 0;
}

static int by_lun(const void *a, const void *b)
{
    return ((const struct cfg_lun *)a)->lun - ((const struct cfg_lun *)b)->lun;
}

static int read_luns(const json_t *j, const char *what, const struct config *c,
                     struct cfg_target *t, struct err *reterr)
{
    const json_t *all = NULL, *v;
    const char *key;
    int rc = field_object(j, "luns", what, &all, reterr);
    if (rc < 0)
        return rc;
    t->luns = calloc(json_object_size(all) + 1, sizeof(*t->luns));
    if (!t->luns)
        return no_memory(reterr);
    field_each(all, key, v)
    {
        struct cfg_lun *l = &t->luns[t->nluns++];
        const char *volume = json_string_value(v);
        if (!key_number(key, 0, CFG_MAX_LUN, &l->lun))
            return err_set(reterr, -EINVAL, "%s: LUN \"%.20s\" must be a number from 0 to %d",
                           what, key, CFG_MAX_LUN);
        l->volume = volume ? config_volume(c, volume) : NULL;
        if (!l->volume)
            return err_set(reterr, -EINVAL,
                           "%s, LUN %u: there is no volume \"%.63s\": create it (zsan volume "
                           "create) or map another",
                           what, l->lun, volume ? volume : "?");
    }
    qsort(t->luns, t->nluns, sizeof(*t->luns), by_lun);
    return 0;
}

/* "past_luns": only config_edit wants them. */
static int check_past_luns(const json_t *j, const char *what, struct err *reterr)
{
    const json_t *all = NULL;
    int rc = field_array(j, "past_luns", what, &all, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(all); i++) {
        const json_t *lun = json_array_get(all, i);
        if (!json_is_integer(lun) || json_integer_value(lun) < 0 ||
            json_integer_value(lun) > CFG_MAX_LUN)
            rc = err_set(reterr, -EINVAL, "%s: \"past_luns\" are numbers from 0 to %d", what,
                         CFG_MAX_LUN);
    }
    return rc;
}

/* "rel_ports": {"TAG": ID}; 0 when the pair has none yet (config_edit gives it one). */
static int read_rel_port(const json_t *j, const char *what, uint16_t tag, uint16_t *ret_id,
                         struct err *reterr)
{
    const json_t *all = NULL;
    char key[8];
    int rc = field_object(j, "rel_ports", what, &all, reterr);
    if (rc < 0)
        return rc;
    snprintf(key, sizeof(key), "%u", tag);
    const json_t *id = json_object_get(all, key);
    json_int_t v = json_integer_value(id);
    if (id && (!json_is_integer(id) || v < 1 || v > UINT16_MAX))
        return err_set(reterr, -EINVAL,
                       "%s: \"rel_ports\" gives each tag a number from 1 to 65535", what);
    *ret_id = (uint16_t)v;
    return 0;
}

static int read_target_groups(const json_t *j, const char *what, const struct config *c,
                              struct cfg_target *t, struct err *reterr)
{
    const json_t *list = NULL;
    int rc = field_array(j, "portal_groups", what, &list, reterr);
    if (rc < 0)
        return rc;
    size_t n = json_array_size(list);
    t->groups = calloc(n + 1, sizeof(struct cfg_portal_group *));
    t->rel_port_ids = calloc(n + 1, sizeof(uint16_t));
    if (!t->groups || !t->rel_port_ids)
        return no_memory(reterr);
    for (size_t i = 0; i < n; i++) {
        json_int_t tag = json_integer_value(json_array_get(list, i));
        const struct cfg_portal_group *g =
            tag >= 1 && tag <= UINT16_MAX ? config_group(c, (uint16_t)tag) : NULL;
        if (!g)
            return err_set(reterr, -EINVAL,
                           "%s: there is no portal group %lld: add a portal to it (zsan portal "
                           "add) or name another",
                           what, (long long)tag);
        for (unsigned k = 0; k < t->ngroups; k++)
            if (t->groups[k] == g)
                return err_set(reterr, -EINVAL, "%s: portal group %u is listed twice", what,
                               g->tag);
        if ((rc = read_rel_port(j, what, g->tag, &t->rel_port_ids[t->ngroups], reterr)) < 0)
            return rc;
        t->groups[t->ngroups++] = g;
    }
    if (n == 0)
        return err_set(reterr, -EINVAL,
                       "%s: \"portal_groups\" must list at least one portal group", what);
    return 0;
}

static int read_targets(const json_t *doc, struct config *c, struct err *reterr)
{
    const json_t *all, *j;
    const char *name;
    int rc = section(doc, "targets", sizeof(*c->targets), &all, &c->targets, reterr);
    if (rc < 0)
        return rc;
    field_each(all, name, j)
    {
        char what[WHAT_LEN];
        struct cfg_target *t = &c->targets[c->ntargets++];
        snprintf(what, sizeof(what), "target \"%.223s\"", name);
        if ((rc = schema_target_read(j, what, t, reterr)) < 0 ||
            (rc = canonical_iscsi_name("target", name, t->name, reterr)) < 0 ||
            (rc = read_luns(j, what, c, t, reterr)) < 0 ||
            (rc = check_past_luns(j, what, reterr)) < 0 ||
            (rc = read_target_groups(j, what, c, t, reterr)) < 0)
            return rc;
    }
    return 0;
}

static int add_grant(struct config *c, const struct cfg_initiator *i,
                     const struct cfg_target *t, size_t *room)
{
    if (c->ngrants == *room) {
        size_t more = *room ? *room * 2 : 16;
        struct cfg_grant *grown = realloc(c->grants, more * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        c->grants = grown;
        *room = more;
    }
    struct cfg_grant *g = &c->grants[c->ngrants++];
    memset(g, 0, sizeof(*g));
    g->initiator = i;
    g->target = t;
    c->targets[t - c->targets].ngrants++;
    return 0;
}

/* Granted twice, through its host and by its name: it may come from where either lets it. */
static int widen(struct cfg_grant *g, const struct cfg_sources *s, struct err *reterr)
{
    char what[WHAT_LEN * 2];
    snprintf(what, sizeof(what), "target \"%.100s\", granted to \"%.100s\" twice",
             g->target->name, g->initiator->name);
    if (g->sources.n == 0 || s->n == 0) {
        g->sources.n = 0;
        return 0;
    }
    return cfg_sources_join(&g->sources, s, what, reterr);
}

static struct cfg_grant *find_grant(struct config *c, unsigned first,
                                    const struct cfg_initiator *i)
{
    for (unsigned k = first; k < c->ngrants; k++)
        if (c->grants[k].initiator == i)
            return &c->grants[k];
    return NULL;
}

/* One grant of a target's list, to a host or an initiator, expanded to initiators. */
static int expand_grant(const char *who, const struct cfg_target *t,
                        const struct cfg_sources *sources, struct config *c, size_t *room,
                        struct err *reterr)
{
    unsigned first = c->ngrants;
    while (first > 0 && c->grants[first - 1].target == t)
        first--;
    const struct cfg_host *h = config_host(c, who);
    const struct cfg_initiator *single = h ? NULL : config_initiator(c, who);
    if (!h && !single)
        return err_set(reterr, -EINVAL,
                       "target \"%.120s\" is granted to \"%.60s\", which is neither a host nor "
                       "an initiator: "
                       "add it, or revoke the grant",
                       t->name, who);
    for (unsigned i = 0; i < (h ? h->ninitiators : 1); i++) {
        const struct cfg_initiator *ini = h ? h->initiators[i] : single;
        struct cfg_grant *g = find_grant(c, first, ini);
        int rc = g ? widen(g, sources, reterr) : 0;
        if (rc < 0)
            return rc;
        if (!g && add_grant(c, ini, t, room) < 0)
            return no_memory(reterr);
        if (!g)
            c->grants[c->ngrants - 1].sources = *sources;
    }
    return 0;
}

static bool list_has(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *have = json_string_value(json_array_get(list, i));
        if (have && strcmp(have, text) == 0)
            return true;
    }
    return false;
}

/* "grant_sources": {"WHO": ["192.0.2.0/24"]}, for whom the target is granted to. */
static int check_grant_sources(const json_t *all, const json_t *grants, const char *what,
                               struct err *reterr)
{
    const char *who;
    const json_t *list;
    field_each(all, who, list)
    {
        if (!list_has(grants, who))
            return err_set(reterr, -EINVAL,
                           "%.180s: \"grant_sources\" names \"%.60s\", to whom it is not "
                           "granted: grant it, or take that out",
                           what, who);
    }
    return 0;
}

static int read_grants(const json_t *doc, struct config *c, struct err *reterr)
{
    size_t room = 0;
    for (unsigned i = 0; i < c->ntargets; i++) {
        const struct cfg_target *t = &c->targets[i];
        const json_t *list = NULL, *from = NULL;
        const json_t *j = json_object_get(json_object_get(doc, "targets"), t->name);
        char what[WHAT_LEN];
        snprintf(what, sizeof(what), "target \"%.223s\"", t->name);
        int rc = field_array(j, "grants", what, &list, reterr);
        if (rc == 0)
            rc = field_object(j, "grant_sources", what, &from, reterr);
        if (rc == 0)
            rc = check_grant_sources(from, list, what, reterr);
        if (rc < 0)
            return rc;
        for (size_t k = 0; k < json_array_size(list); k++) {
            const char *who = json_string_value(json_array_get(list, k));
            if (!who)
                return err_set(reterr, -EINVAL,
                               "%s: \"grants\" lists names of hosts and initiators", what);
            struct cfg_sources s = {.n = 0};
            if ((rc = schema_sources_read(from, who, what, &s, reterr)) < 0 ||
                (rc = expand_grant(who, t, &s, c, &room, reterr)) < 0)
                return rc;
        }
    }
    return 0;
}

static int read_root(const json_t *doc, struct config *c, struct err *reterr)
{
    struct cfg_root root;
    int rc = schema_root_read(doc, &root, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(root.format, CONFIG_FORMAT) != 0 || root.version != CONFIG_VERSION)
        return err_set(
            reterr, -EINVAL,
            "configuration: format is \"%s\" version %u, this program reads \"%s\" version %u",
            root.format, root.version, CONFIG_FORMAT, CONFIG_VERSION);
    if ((rc = iqn_prefix_check(root.iqn_prefix, reterr)) < 0)
        return rc;
    uint8_t oui[3] = {0};
    if (root.oui[0] && (strlen(root.oui) != 6 || !hex_decode(root.oui, 6, oui)))
        return err_set(reterr, -EINVAL,
                       "configuration: \"oui\" must be six hex digits, or \"\" for none");
    c->oui = (uint32_t)oui[0] << 16 | (uint32_t)oui[1] << 8 | oui[2];
    text_copy(c->iqn_prefix, sizeof(c->iqn_prefix), root.iqn_prefix);
    const json_t *limits = NULL, *isns = NULL, *radius = NULL, *stated = NULL;
    c->limits = schema_limits_default();
    if ((rc = field_object(doc, "limits", "configuration", &limits, reterr)) < 0 ||
        (rc = field_object(doc, "isns", "configuration", &isns, reterr)) < 0 ||
        (rc = field_object(doc, "radius", "configuration", &radius, reterr)) < 0 ||
        (rc = field_object(doc, "stated", "configuration", &stated, reterr)) < 0)
        return rc;
    if (limits)
        rc = schema_limits_read(limits, &c->limits, reterr);
    if (rc == 0 && stated)
        rc = schema_stated_read(stated, &c->stated, reterr);
    if (rc == 0 && radius)
        rc = schema_radius_read(radius, &c->radius, reterr);
    return rc < 0 || !isns ? rc : schema_isns_read(isns, &c->isns, reterr);
}

static int read_all(const json_t *doc, const json_t *secrets, struct config *c,
                    const struct siphash_key *key, struct err *reterr)
{
    int rc;
    if ((rc = read_root(doc, c, reterr)) < 0 || (rc = read_volumes(doc, c, reterr)) < 0 ||
        (rc = read_groups(doc, c, reterr)) < 0 || (rc = read_hosts(doc, c, reterr)) < 0 ||
        (rc = read_initiators(doc, c, reterr)) < 0 || (rc = join_hosts(c, reterr)) < 0 ||
        (rc = read_targets(doc, c, reterr)) < 0 || (rc = read_grants(doc, c, reterr)) < 0)
        return rc;
    if (config_index_make(c, key) < 0)
        return no_memory(reterr);
    if ((rc = secrets_read(secrets, c, reterr)) < 0)
        return rc;
    return config_check(c, key, reterr);
}

int config_parse(const json_t *doc, const json_t *secrets, const struct siphash_key *key,
                 const struct config **ret_config, struct err *reterr)
{
    struct config_version *v = calloc(1, sizeof(*v));
    if (!v)
        return no_memory(reterr);
    atomic_init(&v->refs, 1);
    int rc = read_all(doc, secrets, &v->c, key, reterr);
    if (rc < 0) {
        config_version_free(v);
        return rc;
    }
    *ret_config = &v->c;
    return 0;
}

json_t *config_empty_doc(void)
{
    struct cfg_root root = schema_root_default();
    json_t *doc = json_object();
    if (doc && schema_root_write(doc, &root) < 0) {
        json_decref(doc);
        return NULL;
    }
    return doc;
}
