/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets and initiators as iscsitadm shows them. */
#include "cmd/client/tool.h"
#include "cmd/grammar/values.h"

#include "base/text.h"

#include <string.h>

static json_int_t number_of(const json_t *obj, const char *key)
{
    return json_integer_value(json_object_get(obj, key));
}

/* What an initiator is called: its label, else its host. */
static const char *local_name(const json_t *initiators, const char *iqn)
{
    const json_t *i = gr_find(initiators, "name", iqn);
    const char *label = gr_text(i, "label"), *host = gr_text(i, "host");
    return *label ? label : *host ? host : iqn;
}

/* ---- targets ----------------------------------------------------------------------------- */

static void show_lun(const json_t *facts, const json_t *lun)
{
    char size[32];
    const json_t *v =
        gr_find(json_object_get(facts, "volume.list"), "name", gr_text(lun, "volume"));
    text_from_size((uint64_t)number_of(v, "size"), size, sizeof(size));
    tell(stdout,
         "        LUN: %lld\n            GUID: %s\n            VID: ZSAN\n            Type: "
         "disk\n"
         "            Size: %s\n            Backing store: %s%s\n            Status: %s\n",
         (long long)number_of(lun, "lun"), *gr_text(v, "naa") ? gr_text(v, "naa") : "-", size,
         *gr_text(v, "dataset") ? "/dev/zvol/rdsk/" : "",
         *gr_text(v, "dataset") ? gr_text(v, "dataset")
         : *gr_text(v, "path")  ? gr_text(v, "path")
                                : gr_text(v, "name"),
         gr_text(v, "state"));
}

static void show_connections(const json_t *facts, const json_t *target)
{
    const json_t *sessions = json_object_get(facts, "session.list"), *one;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)sessions, i, one)
    {
        if (strcmp(gr_text(one, "target"), gr_text(target, "name")) == 0)
            tell(stdout,
                 "        Initiator:\n            iSCSI Name: %s\n            Alias: %s\n",
                 gr_text(one, "initiator"),
                 local_name(json_object_get(facts, "initiator.list"),
                            gr_text(one, "initiator")));
    }
}

static void show_details(const json_t *facts, const json_t *target)
{
    json_t *each;
    size_t i;
    show_connections(facts, target);
    tell(stdout, "    ACL list:\n");
    json_array_foreach(json_object_get(target, "grants"), i, each)
        tell(stdout, "        Initiator: %s\n",
             local_name(json_object_get(facts, "initiator.list"), json_string_value(each)));
    tell(stdout, "    TPGT list:\n");
    json_array_foreach(json_object_get(target, "portal_groups"), i, each)
        tell(stdout, "        TPGT: %lld\n", (long long)json_integer_value(each));
    tell(stdout, "    LUN information:\n");
    json_array_foreach(json_object_get(target, "luns"), i, each) show_lun(facts, each);
}

void view_targets(const struct seen *s)
{
    const json_t *t;
    size_t i;
    json_array_foreach(json_array_get(s->results, 0), i, t)
    {
        const char *name = gr_text(t, "name"), *alias = gr_text(t, "alias");
        bool verbose = gr_has(s->line, "v");
        tell(stdout, "Target: %s\n    iSCSI Name: %s\n", *alias ? alias : name, name);
        if (verbose)
            tell(stdout, "    Alias: %s\n", *alias ? alias : "-");
        tell(stdout, "    Connections: %lld\n", (long long)number_of(t, "sessions"));
        if (verbose)
            show_details(s->facts, t);
    }
}

/* ---- initiators -------------------------------------------------------------------------- */

/* By which it proves itself where it was granted something first. */
static const char *chap_name(const json_t *facts, const json_t *initiator)
{
    const json_t *grant =
        gr_find(json_object_get(facts, "grant.list"), "initiator", gr_text(initiator, "name"));
    const char *name = gr_text(grant, "chap_name");
    if (strcmp(gr_text(initiator, "auth"), "none") == 0)
        return "Not set";
    return *name ? name : gr_text(initiator, "name");
}

/* Who keeps what it proves itself with, and whether the targets prove themselves. */
static const char *secrets_of(const json_t *initiator)
{
    bool mutual = strcmp(gr_text(initiator, "auth"), "mutual") == 0;
    if (strcmp(gr_text(initiator, "auth"), "none") == 0)
        return "Not set";
    if (strcmp(gr_text(initiator, "verify"), "radius") == 0)
        return mutual ? "In RADIUS, of the targets for each target" : "In RADIUS";
    return mutual ? "Set, of both sides, for each target" : "Set, for each target";
}

void view_initiators(const struct seen *s)
{
    const json_t *i;
    size_t k;
    json_t *target;
    json_array_foreach(json_array_get(s->results, 0), k, i)
    {
        size_t n;
        tell(stdout, "Initiator: %s\n    iSCSI Name: %s\n    CHAP Name: %s\n",
             local_name(json_array_get(s->results, 0), gr_text(i, "name")), gr_text(i, "name"),
             chap_name(s->facts, i));
        if (!gr_has(s->line, "v"))
            continue;
        tell(stdout, "    CHAP Secret: %s\n    Host: %s\n    Targets:\n", secrets_of(i),
             gr_text(i, "host"));
        json_array_foreach(json_object_get(i, "targets"), n, target)
            tell(stdout, "        Target: %s\n", json_string_value(target));
    }
}

/* ---- portal groups ----------------------------------------------------------------------- */

void view_tpgts(const struct seen *s)
{
    const json_t *p;
    size_t i;
    json_int_t last = -1;
    json_array_foreach(json_array_get(s->results, 0), i, p)
    {
        json_int_t group = number_of(p, "group");
        if (group != last)
            tell(stdout, "TPGT: %lld\n", (long long)group);
        last = group;
        tell(stdout, "    IP Address: %s port %lld%s\n", gr_text(p, "address"),
             (long long)number_of(p, "port"),
             json_is_true(json_object_get(p, "listening")) ? "" : " (not listening)");
    }
}

/* ---- the whole server -------------------------------------------------------------------- */

void view_admin(const struct seen *s)
{
    const json_t *isns = json_array_get(s->results, 0), *one;
    json_t *servers = json_object_get(isns, "servers"),
           *radius = json_object_get(isns, "radius");
    size_t i;
    tell(stdout,
         "iscsitadm:\n    Base Directory: zsand's state folder\n    RADIUS Access: %s\n",
         json_array_size(radius) ? "Set for each initiator" : "Not set");
    json_array_foreach(radius, i, one)
        tell(stdout, "    RADIUS Server: %s port %lld\n        State: %s%s%s\n",
             gr_text(one, "address"), (long long)number_of(one, "port"), gr_text(one, "state"),
             *gr_text(one, "reason") ? ": " : "", gr_text(one, "reason"));
    tell(stdout, "    iSNS Access: %s\n",
         json_is_true(json_object_get(isns, "enabled")) ? "Enabled" : "Disabled");
    if (json_array_size(servers) == 0)
        tell(stdout, "    iSNS Server: Not set\n");
    json_array_foreach(servers, i, one)
    {
        tell(stdout, "    iSNS Server: %s port %lld\n        State: %s%s%s\n",
             gr_text(one, "address"), (long long)number_of(one, "port"), gr_text(one, "state"),
             *gr_text(one, "reason") ? ": " : "", gr_text(one, "reason"));
    }
}
