/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits of what is served: volumes, portals, targets. An edit refuses what would leave a
 * dangling reference, because it can name the fix better than the check of the whole can.
 * Nothing here parks.
 */
#include "config/edit_int.h"
#include "config/names.h"
#include "config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- volumes ----------------------------------------------------------------------------- */

static int put_volume(json_t *j, const struct cfg_volume *v, struct err *reterr)
{
    static const struct uuid none;
    if (schema_volume_write(j, v) < 0)
        return edit_no_memory(reterr);
    if (memcmp(&v->id, &none, sizeof(none)) == 0)
        json_object_del(j, "id");
    return 0;
}

int edit_volume_add(struct config_edit *e, const struct cfg_volume *v, struct err *reterr)
{
    json_t *j;
    int rc = volume_name_check(v->name, reterr);
    if (rc == 0)
        rc = edit_insert(e, "volumes", "volume", v->name, &j, reterr);
    return rc < 0 ? rc : put_volume(j, v, reterr);
}

int edit_volume_put(struct config_edit *e, const struct cfg_volume *v, struct err *reterr)
{
    json_t *j = edit_find(e, "volumes", v->name);
    return j ? put_volume(j, v, reterr) : edit_missing("volume", "volume", v->name, reterr);
}

/* LUNs that map it map the new name. */
static int luns_follow(json_t *luns, const char *from, const char *to)
{
    for (void *l = json_object_iter(luns); l; l = json_object_iter_next(luns, l)) {
        json_t *v = json_object_iter_value(l);
        if (strcmp(json_string_value(v), from) == 0 && json_string_set(v, to) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int targets_follow(json_t *targets, const char *from, const char *to)
{
    int rc = 0;
    for (void *t = json_object_iter(targets); rc == 0 && t;
         t = json_object_iter_next(targets, t))
        rc = luns_follow(json_object_get(json_object_iter_value(t), "luns"), from, to);
    return rc;
}

int edit_volume_rename(struct config_edit *e, const char *from, const char *to,
                       struct err *reterr)
{
    json_t *j = edit_find(e, "volumes", from);
    int rc = j ? volume_name_check(to, reterr) : edit_missing("volume", "volume", from, reterr);
    if (rc < 0)
        return rc;
    if (edit_find(e, "volumes", to))
        return err_set(reterr, -EEXIST, "there is a volume \"%s\" already", to);
    if (json_object_set(edit_section(e, "volumes"), to, j) != 0 ||
        targets_follow(json_object_get(e->doc, "targets"), from, to) < 0)
        return edit_no_memory(reterr);
    json_object_del(edit_section(e, "volumes"), from);
    return 0;
}

int edit_volume_remove(struct config_edit *e, const char *name, struct err *reterr)
{
    const char *target, *lun;
    const json_t *t, *v;
    if (!edit_find(e, "volumes", name))
        return edit_missing("volume", "volume", name, reterr);
    field_each(json_object_get(e->doc, "targets"), target, t)
    {
        for (void *l = json_object_iter(json_object_get(t, "luns")); l;
             l = json_object_iter_next(json_object_get(t, "luns"), l)) {
            lun = json_object_iter_key(l);
            v = json_object_iter_value(l);
            if (strcmp(json_string_value(v), name) == 0)
                return err_set(
                    reterr, -EBUSY,
                    "volume \"%s\" is LUN %s of target %.100s: zsan lun remove it first", name,
                    lun, target);
        }
    }
    json_object_del(edit_section(e, "volumes"), name);
    return 0;
}

/* ---- portals ----------------------------------------------------------------------------- */

static void tag_key(uint16_t tag, char ret_key[8])
{
    snprintf(ret_key, 8, "%u", tag);
}

/* Place of the portal with that address and port in a group's list, or -1. */
static int portal_find(const json_t *list, const char *address, uint16_t port)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        const char *have = json_string_value(json_object_get(p, "address"));
        if (have && strcmp(have, address) == 0 &&
            json_integer_value(json_object_get(p, "port")) == port)
            return (int)i;
    }
    return -1;
}

int edit_portal_add(struct config_edit *e, uint16_t tag, const struct cfg_portal *p,
                    struct err *reterr)
{
    char key[8];
    tag_key(tag, key);
    json_t *group = edit_nested(edit_section(e, "portal_groups"), key, JSON_OBJECT);
    json_t *list = edit_nested(group, "portals", JSON_ARRAY);
    if (portal_find(list, p->address, p->port) >= 0)
        return err_set(reterr, -EEXIST, "portal %s:%u is in group %u already", p->address,
                       p->port, tag);
    json_t *j = json_object();
    if (!j || schema_portal_write(j, p) < 0) {
        json_decref(j);
        return edit_no_memory(reterr);
    }
    return json_array_append_new(list, j) == 0 ? 0 : edit_no_memory(reterr);
}

static int portal_missing(uint16_t tag, const char *address, uint16_t port, struct err *reterr)
{
    return err_set(reterr, -ENOENT,
                   "there is no portal %s:%u in group %u (zsan portal list shows them)",
                   address, port, tag);
}

/* Its group's portals, and where among them it is. */
static int portal_lookup(struct config_edit *e, uint16_t tag, const char *address,
                         uint16_t port, json_t **ret_list, size_t *ret_at, struct err *reterr)
{
    char key[8];
    tag_key(tag, key);
    *ret_list = json_object_get(edit_find(e, "portal_groups", key), "portals");
    int at = portal_find(*ret_list, address, port);
    *ret_at = at < 0 ? 0 : (size_t)at;
    return at < 0 ? portal_missing(tag, address, port, reterr) : 0;
}

int edit_portal_sources(struct config_edit *e, uint16_t tag, const char *address, uint16_t port,
                        const struct cfg_sources *sources, struct err *reterr)
{
    json_t *list;
    size_t at;
    int rc = portal_lookup(e, tag, address, port, &list, &at, reterr);
    if (rc < 0)
        return rc;
    return schema_sources_write(json_array_get(list, at), "sources", sources) == 0
               ? 0
               : edit_no_memory(reterr);
}

static bool uses_group(const json_t *target, uint16_t tag)
{
    const json_t *tags = json_object_get(target, "portal_groups");
    for (size_t i = 0; i < json_array_size(tags); i++)
        if (json_integer_value(json_array_get(tags, i)) == tag)
            return true;
    return false;
}

static int group_remove(struct config_edit *e, uint16_t tag, struct err *reterr)
{
    char key[8];
    const char *name;
    const json_t *t;
    field_each(json_object_get(e->doc, "targets"), name, t)
    {
        if (uses_group(t, tag))
            return err_set(reterr, -EBUSY,
                           "that is the last portal of group %u, which target %.120s is served "
                           "through: give the "
                           "target other groups first (zsan target set)",
                           tag, name);
    }
    tag_key(tag, key);
    json_object_del(edit_section(e, "portal_groups"), key);
    return 0;
}

int edit_portal_remove(struct config_edit *e, uint16_t tag, const char *address, uint16_t port,
                       struct err *reterr)
{
    json_t *list;
    size_t at;
    int rc = portal_lookup(e, tag, address, port, &list, &at, reterr);
    if (rc < 0)
        return rc;
    if (json_array_size(list) == 1)
        return group_remove(e, tag, reterr);
    json_array_remove(list, at);
    return 0;
}

int edit_group_set(struct config_edit *e, uint16_t tag, uint16_t alua_group,
                   const enum cfg_alua_state *state, struct err *reterr)
{
    char key[8];
    int rc = 0;
    tag_key(tag, key);
    json_t *group = edit_find(e, "portal_groups", key);
    if (!group)
        return edit_missing("portal group", "portal", key, reterr);
    if (alua_group)
        rc = json_object_set_new(group, "alua_group", json_integer(alua_group));
    if (rc == 0 && state)
        rc = json_object_set_new(group, "alua_state", json_string(cfg_alua_name(*state)));
    return rc == 0 ? 0 : edit_no_memory(reterr);
}

/* ---- targets ----------------------------------------------------------------------------- */

static int put_tags(struct config_edit *e, json_t *target, const uint16_t *tags, size_t ntags,
                    struct err *reterr)
{
    json_t *list = json_array();
    const char *key;
    const json_t *group;
    int rc = list ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < ntags; i++)
        rc = json_array_append_new(list, json_integer(tags[i]));
    if (ntags == 0)
        field_each(json_object_get(e->doc, "portal_groups"), key, group)
        {
            if (rc == 0)
                rc = json_array_append_new(list, json_integer(strtol(key, NULL, 10)));
        }
    if (rc != 0) {
        json_decref(list);
        return edit_no_memory(reterr);
    }
    if (json_array_size(list) == 0) {
        json_decref(list);
        return err_set(
            reterr, -EINVAL,
            "there is no portal yet that a target could be served through: zsan portal add");
    }
    return json_object_set_new(target, "portal_groups", list) == 0 ? 0 : edit_no_memory(reterr);
}

int edit_target_add(struct config_edit *e, const struct cfg_target *t, const uint16_t *tags,
                    size_t ntags, struct err *reterr)
{
    char name[CFG_NAME_LEN];
    json_t *j;
    int rc = cfg_iscsi_name_normalise(t->name, name, reterr);
    if (rc == 0)
        rc = edit_insert(e, "targets", "target", name, &j, reterr);
    if (rc == 0 && schema_target_write(j, t) < 0)
        rc = edit_no_memory(reterr);
    return rc < 0 ? rc : put_tags(e, j, tags, ntags, reterr);
}

int edit_target_put(struct config_edit *e, const struct cfg_target *t, const uint16_t *tags,
                    size_t ntags, struct err *reterr)
{
    json_t *j = edit_find(e, "targets", t->name);
    if (!j)
        return edit_missing("target", "target", t->name, reterr);
    if (schema_target_write(j, t) < 0)
        return edit_no_memory(reterr);
    return tags ? put_tags(e, j, tags, ntags, reterr) : 0;
}

int edit_target_remove(struct config_edit *e, const char *name, bool force, struct err *reterr)
{
    const json_t *j = edit_find(e, "targets", name);
    if (!j)
        return edit_missing("target", "target", name, reterr);
    size_t nluns = json_object_size(json_object_get(j, "luns"));
    if (nluns > 0 && !force)
        return err_set(reterr, -EBUSY,
                       "target %.120s maps %zu LUNs: remove them first, or use --force", name,
                       nluns);
    json_object_del(edit_section(e, "targets"), name);
    return 0;
}

int edit_target_name(struct config_edit *e, const char *host, const char *name,
                     char ret_name[CFG_NAME_LEN], struct err *reterr)
{
    if (iqn_make(e->base->iqn_prefix, host, name, ret_name) < 0)
        return err_set(reterr, -EINVAL,
                       "no target name can be made of \"%.60s\": give a whole one (iqn....)",
                       name);
    return 0;
}

int edit_isns_put(struct config_edit *e, const struct cfg_isns *i, struct err *reterr)
{
    json_t *j = edit_section(e, "isns");
    return j && schema_isns_write(j, i) == 0 ? 0 : edit_no_memory(reterr);
}

int edit_radius_put(struct config_edit *e, const struct cfg_radius *r, struct err *reterr)
{
    json_t *j = edit_section(e, "radius");
    return j && schema_radius_write(j, r) == 0 ? 0 : edit_no_memory(reterr);
}

int edit_stated_put(struct config_edit *e, const struct cfg_statements *s, struct err *reterr)
{
    json_t *j = edit_section(e, "stated");
    return j && schema_stated_write(j, s) == 0 ? 0 : edit_no_memory(reterr);
}

int edit_limits_put(struct config_edit *e, const struct cfg_limits *l, struct err *reterr)
{
    json_t *j = edit_section(e, "limits");
    return j && schema_limits_write(j, l) == 0 ? 0 : edit_no_memory(reterr);
}
