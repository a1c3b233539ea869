/* SPDX-License-Identifier: BSD-2-Clause */
/* Both documents are valid (or were filled in), so their sections are objects keyed by name: a
 * difference is a set operation. */
#include "config/config_diff.h"

#include "config/fields.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    const char *section, *kind;
} kinds[] = {
    {"portal_groups", "portal group"},
    {"volumes",       "volume"      },
    {"hosts",         "host"        },
    {"initiators",    "initiator"   },
    {"targets",       "target"      },
};

static bool own_bookkeeping(const char *member)
{
    return strcmp(member, "id") == 0 || strcmp(member, "rel_ports") == 0 ||
           strcmp(member, "next_rel_port") == 0 || strcmp(member, "past_luns") == 0;
}

static int add_row(json_t *rows, const char *action, const char *kind, const char *name,
                   json_t *changes)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:o}", "action", action, "kind", kind, "name",
                            name, "changes", changes ? changes : json_object());
    return row && json_array_append_new(rows, row) == 0 ? 0 : -1;
}

static int add_member(json_t *changes, const char *member, const json_t *from, const json_t *to)
{
    json_t *pair = json_array();
    if (!pair || json_array_append_new(pair, from ? json_deep_copy(from) : json_null()) != 0 ||
        json_array_append_new(pair, to ? json_deep_copy(to) : json_null()) != 0) {
        json_decref(pair);
        return -1;
    }
    return json_object_set_new(changes, member, pair);
}

/* Members that differ; those in skip are compared elsewhere. NULL: no memory. */
static json_t *members(const json_t *from, const json_t *to, bool (*skip)(const char *member))
{
    json_t *changes = json_object();
    const char *key;
    const json_t *v;
    int rc = changes ? 0 : -1;
    field_each(from, key, v)
    {
        if (rc == 0 && !skip(key) && !json_equal(v, json_object_get(to, key)))
            rc = add_member(changes, key, v, json_object_get(to, key));
    }
    field_each(to, key, v)
    {
        if (rc == 0 && !skip(key) && !json_object_get(from, key))
            rc = add_member(changes, key, NULL, v);
    }
    if (rc != 0) {
        json_decref(changes);
        return NULL;
    }
    return changes;
}

static int add_change(json_t *rows, const char *kind, const char *name, json_t *changes)
{
    if (!changes)
        return -1;
    if (json_object_size(changes) > 0)
        return add_row(rows, "change", kind, name, changes);
    json_decref(changes);
    return 0;
}

/* Objects of a section that one side has and the other lacks. */
static int lacking(json_t *rows, const char *action, const char *kind, const json_t *has,
                   const json_t *lacks)
{
    const char *name;
    const json_t *v;
    field_each(has, name, v)
    {
        if (!json_object_get(lacks, name) && add_row(rows, action, kind, name, NULL) < 0)
            return -1;
    }
    return 0;
}

static int changed(json_t *rows, const char *kind, const json_t *from, const json_t *to)
{
    const char *name;
    const json_t *v;
    field_each(to, name, v)
    {
        const json_t *old = json_object_get(from, name);
        if (old && add_change(rows, kind, name, members(old, v, own_bookkeeping)) < 0)
            return -1;
    }
    return 0;
}

static bool section_or_bookkeeping(const char *member)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(member, kinds[i].section) == 0)
            return true;
    return own_bookkeeping(member);
}

json_t *config_diff(const json_t *from, const json_t *to)
{
    json_t *rows = json_array();
    int rc = rows ? 0 : -1;
    for (size_t i = ARRAY_LEN(kinds); rc == 0 && i-- > 0;)
        rc = lacking(rows, "remove", kinds[i].kind, json_object_get(from, kinds[i].section),
                     json_object_get(to, kinds[i].section));
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(kinds); i++) {
        const json_t *old = json_object_get(from, kinds[i].section),
                     *new = json_object_get(to, kinds[i].section);
        rc = lacking(rows, "add", kinds[i].kind, new, old);
        if (rc == 0)
            rc = changed(rows, kinds[i].kind, old, new);
    }
    if (rc == 0)
        rc = add_change(rows, "settings", "configuration",
                        members(from, to, section_or_bookkeeping));
    if (rc < 0) {
        json_decref(rows);
        return NULL;
    }
    return rows;
}
