/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits of who may come: hosts, initiators, grants and their secrets. A pair's secrets follow
 * its grant: the commit mints those of new pairs and drops those of pairs that are gone
 * (edit_complete.c). Nothing here parks.
 */
#include "config/edit_int.h"
#include "config/names.h"
#include "config/schema.h"
#include "config/secrets.h"
#include "run/run.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- hosts and initiators ---------------------------------------------------------------- */

int edit_host_add(struct config_edit *e, const char *name, struct err *reterr)
{
    json_t *j;
    int rc = name_check("host", name, reterr);
    return rc < 0 ? rc : edit_insert(e, "hosts", "host", name, &j, reterr);
}

/* A target that is granted to who, or NULL. */
static const char *granted_target(const struct config_edit *e, const char *who)
{
    const char *name;
    const json_t *t;
    field_each(json_object_get(e->doc, "targets"), name, t)
    {
        if (edit_list_find(json_object_get(t, "grants"), who) >= 0)
            return name;
    }
    return NULL;
}

int edit_host_remove(struct config_edit *e, const char *name, struct err *reterr)
{
    const char *initiator, *target = granted_target(e, name);
    const json_t *i;
    if (!edit_find(e, "hosts", name))
        return edit_missing("host", "host", name, reterr);
    field_each(json_object_get(e->doc, "initiators"), initiator, i)
    {
        const char *host = json_string_value(json_object_get(i, "host"));
        if (host && strcmp(host, name) == 0)
            return err_set(reterr, -EBUSY,
                           "initiator %.120s belongs to host \"%s\": move it (zsan initiator "
                           "set --host) or remove it "
                           "first",
                           initiator, name);
    }
    if (target)
        return err_set(reterr, -EBUSY,
                       "target %.120s is granted to host \"%s\": zsan grant remove it first",
                       target, name);
    json_object_del(edit_section(e, "hosts"), name);
    return 0;
}

static int put_initiator(struct config_edit *e, json_t *j, const struct cfg_initiator *i,
                         const char *host, struct err *reterr)
{
    char as_it_is[CFG_NAME_LEN] = "";
    const char *old = json_string_value(json_object_get(j, "host"));
    if (!host && old)
        text_copy(as_it_is, sizeof(as_it_is), old);
    if (host && host[0] && !edit_find(e, "hosts", host))
        return edit_missing("host", "host", host, reterr);
    return schema_initiator_write(j, i, host ? host : as_it_is) == 0 ? 0
                                                                     : edit_no_memory(reterr);
}

int edit_initiator_add(struct config_edit *e, const struct cfg_initiator *i, const char *host,
                       struct err *reterr)
{
    char name[CFG_NAME_LEN];
    json_t *j;
    int rc = cfg_iscsi_name_normalise(i->name, name, reterr);
    if (rc == 0)
        rc = edit_insert(e, "initiators", "initiator", name, &j, reterr);
    return rc < 0 ? rc : put_initiator(e, j, i, host ? host : "", reterr);
}

int edit_initiator_put(struct config_edit *e, const struct cfg_initiator *i, const char *host,
                       struct err *reterr)
{
    json_t *j = edit_find(e, "initiators", i->name);
    return j ? put_initiator(e, j, i, host, reterr)
             : edit_missing("initiator", "initiator", i->name, reterr);
}

int edit_initiator_remove(struct config_edit *e, const char *name, struct err *reterr)
{
    const char *target;
    if (!edit_find(e, "initiators", name))
        return edit_missing("initiator", "initiator", name, reterr);
    while ((target = granted_target(e, name)))
        edit_grant_remove(e, name, target, reterr);
    json_object_del(edit_section(e, "initiators"), name);
    return 0;
}

/* ---- grants ------------------------------------------------------------------------------ */

int edit_grant_add(struct config_edit *e, const char *who, const char *target,
                   struct err *reterr)
{
    json_t *t = edit_find(e, "targets", target);
    if (!t)
        return edit_missing("target", "target", target, reterr);
    if (!edit_find(e, "hosts", who) && !edit_find(e, "initiators", who))
        return err_set(reterr, -ENOENT,
                       "there is no host or initiator \"%.120s\": zsan initiator add it first",
                       who);
    json_t *grants = edit_nested(t, "grants", JSON_ARRAY);
    if (edit_list_find(grants, who) >= 0)
        return err_set(reterr, -EEXIST, "target %.120s is granted to \"%.60s\" already", target,
                       who);
    return json_array_append_new(grants, json_string(who)) == 0 ? 0 : edit_no_memory(reterr);
}

/* The target, with the place of its grant to who. */
static int grant_find(struct config_edit *e, const char *who, const char *target,
                      json_t **ret_target, size_t *ret_at, struct err *reterr)
{
    json_t *t = edit_find(e, "targets", target);
    if (!t)
        return edit_missing("target", "target", target, reterr);
    int at = edit_list_find(json_object_get(t, "grants"), who);
    if (at < 0)
        return err_set(
            reterr, -ENOENT,
            "target %.120s is not granted to \"%.60s\" (zsan grant list shows the grants)",
            target, who);
    *ret_target = t;
    *ret_at = (size_t)at;
    return 0;
}

int edit_grant_sources(struct config_edit *e, const char *who, const char *target,
                       const struct cfg_sources *sources, struct err *reterr)
{
    json_t *t;
    size_t at;
    int rc = grant_find(e, who, target, &t, &at, reterr);
    if (rc < 0)
        return rc;
    json_t *all = edit_nested(t, "grant_sources", JSON_OBJECT);
    if (!all || schema_sources_write(all, who, sources) < 0)
        return edit_no_memory(reterr);
    if (json_object_size(all) == 0)
        json_object_del(t, "grant_sources");
    return 0;
}

int edit_grant_remove(struct config_edit *e, const char *who, const char *target,
                      struct err *reterr)
{
    static const struct cfg_sources none;
    json_t *t;
    size_t at;
    int rc = edit_grant_sources(e, who, target, &none, reterr);
    if (rc == 0)
        rc = grant_find(e, who, target, &t, &at, reterr);
    if (rc == 0)
        json_array_remove(json_object_get(t, "grants"), at);
    return rc;
}

/* ---- secrets ----------------------------------------------------------------------------- */

/* The document grants target to the initiator, by its own name or its host's. */
static bool granted(const struct config_edit *e, const char *initiator, const char *target)
{
    const json_t *grants = json_object_get(edit_find(e, "targets", target), "grants");
    const char *host =
        json_string_value(json_object_get(edit_find(e, "initiators", initiator), "host"));
    return edit_list_find(grants, initiator) >= 0 ||
           (host && edit_list_find(grants, host) >= 0);
}

/* RADIUS knows what the initiator proves itself with, and we do not. */
static bool verified_elsewhere(const struct config_edit *e, const char *initiator)
{
    const char *verify =
        json_string_value(json_object_get(edit_find(e, "initiators", initiator), "verify"));
    return verify && strcmp(verify, cfg_verify_name(CFG_VERIFY_RADIUS)) == 0;
}

/* The pair's object, made when there is none. */
static int pair_get(struct config_edit *e, const char *initiator, const char *target,
                    json_t **ret_pair, struct err *reterr)
{
    if (!edit_find(e, "initiators", initiator))
        return edit_missing("initiator", "initiator", initiator, reterr);
    if (target && !granted(e, initiator, target))
        return err_set(reterr, -ENOENT,
                       "target %.100s is not granted to initiator %.80s (zsan grant list)",
                       target, initiator);
    json_t *pair = secrets_pair(e->secrets, target, initiator);
    if (!pair) {
        pair = json_object();
        if (secrets_put_pair(e->secrets, target, initiator, pair) < 0)
            return edit_no_memory(reterr);
    }
    *ret_pair = pair;
    return 0;
}

/* Puts a new secret into one direction; the one before it stays good. */
static int replace_secret(json_t *pair, const char *direction, const char *secret,
                          struct err *reterr)
{
    struct credential_text cred;
    int rc = credential_read(json_object_get(pair, direction), "stored secrets", &cred, reterr);
    if (rc == 0) {
        if (cred.secret[0])
            memcpy(cred.previous, cred.secret, sizeof(cred.previous));
        text_copy(cred.secret, sizeof(cred.secret), secret);
        cred.minted = run_wall() / NS_PER_SEC;
        rc = json_object_set_new(pair, direction, credential_write(&cred)) == 0
                 ? 0
                 : edit_no_memory(reterr);
    }
    wipe(&cred, sizeof(cred));
    return rc;
}

static int set_checked(struct config_edit *e, json_t *pair, const char *direction,
                       const char *secret, struct err *reterr)
{
    if (!secret)
        return 0;
    int rc = secret_check(secret, direction, reterr);
    e->weak_secret = e->weak_secret || cfg_secret_weak(secret, strlen(secret));
    return rc < 0 ? rc : replace_secret(pair, direction, secret, reterr);
}

int edit_secret_set(struct config_edit *e, const char *initiator, const char *target,
                    const char *secret, const char *reverse, struct err *reterr)
{
    json_t *pair;
    int rc = pair_get(e, initiator, target, &pair, reterr);
    if (rc == 0 && secret && verified_elsewhere(e, initiator))
        rc = err_set(reterr, -EINVAL,
                     "initiator %.120s is verified by RADIUS: its own secret is changed there; "
                     "only the target's (reverse) is kept here",
                     initiator);
    if (rc == 0)
        rc = set_checked(e, pair, "forward", secret, reterr);
    return rc < 0 ? rc : set_checked(e, pair, "reverse", reverse, reterr);
}

/* What goes over the wire as a text value and into the files of initiators. */
static int chap_name_check(const char *name, struct err *reterr)
{
    bool good = strlen(name) < CFG_NAME_LEN;
    for (const char *c = name; good && *c; c++)
        good = *c > ' ' && *c <= '~' && !strchr("\"'\\,", *c);
    return good ? 0
                : err_set(reterr, -EINVAL,
                          "\"%.60s\": a CHAP name is printable ASCII without spaces, quotes, "
                          "commas and backslashes",
                          name);
}

static int put_chap_name(json_t *pair, const char *direction, const char *name,
                         struct err *reterr)
{
    json_t *side = json_object_get(pair, direction);
    int rc = name ? chap_name_check(name, reterr) : 0;
    if (rc < 0 || !name)
        return rc;
    if (!side)
        return err_set(reterr, -EINVAL,
                       "%s: there is no secret of that side, so it has no CHAP name but its "
                       "iSCSI name",
                       direction);
    if (name[0])
        return json_object_set_new(side, "name", json_string(name)) == 0
                   ? 0
                   : edit_no_memory(reterr);
    json_object_del(side, "name");
    return 0;
}

int edit_chap_names(struct config_edit *e, const char *initiator, const char *target,
                    const char *name, const char *reverse, struct err *reterr)
{
    json_t *pair;
    int rc = pair_get(e, initiator, target, &pair, reterr);
    if (rc == 0)
        rc = put_chap_name(pair, "forward", name, reterr);
    return rc < 0 ? rc : put_chap_name(pair, "reverse", reverse, reterr);
}

int edit_secret_rotate(struct config_edit *e, const char *initiator, const char *target,
                       struct err *reterr)
{
    json_t *pair;
    char forward[SECRET_MINTED_LEN + 1], reverse[SECRET_MINTED_LEN + 1];
    int rc = pair_get(e, initiator, target, &pair, reterr);
    if (rc < 0)
        return rc;
    bool ours = !verified_elsewhere(e, initiator);
    forward[0] = '\0';
    if (ours)
        secret_mint(forward);
    secret_mint(reverse);
    rc = ours ? replace_secret(pair, "forward", forward, reterr) : 0;
    if (rc == 0)
        rc = replace_secret(pair, "reverse", reverse, reterr);
    if (rc == 0)
        rc = edit_note_minted(e, initiator, target, forward, reverse, reterr);
    wipe(forward, sizeof(forward));
    wipe(reverse, sizeof(reverse));
    return rc;
}

int edit_secret_finish(struct config_edit *e, const char *initiator, const char *target,
                       struct err *reterr)
{
    json_t *pair;
    int rc = pair_get(e, initiator, target, &pair, reterr);
    if (rc < 0)
        return rc;
    json_object_del(json_object_get(pair, "forward"), "previous");
    json_object_del(json_object_get(pair, "reverse"), "previous");
    return 0;
}

int edit_radius_secret(struct config_edit *e, const char *address, uint16_t port,
                       const char *secret, struct err *reterr)
{
    char key[RADIUS_KEY_LEN];
    struct credential_text cred = {.minted = run_wall() / NS_PER_SEC};
    int rc = secret_check(secret, "RADIUS secret", reterr);
    if (rc < 0)
        return rc;
    e->weak_secret = e->weak_secret || cfg_secret_weak(secret, strlen(secret));
    secrets_radius_key(address, port, key);
    text_copy(cred.secret, sizeof(cred.secret), secret);
    rc = secrets_put_radius(e->secrets, key, credential_write(&cred));
    wipe(&cred, sizeof(cred));
    return rc < 0 ? edit_no_memory(reterr) : 0;
}
