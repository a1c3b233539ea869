/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a commit fills in before the document is checked: volumes get an id, target ports a
 * relative port id that was never used before, initiators and pairs that need secrets get
 * minted ones. Objects that came without such things but bear the name of an existing object
 * keep that one's, so that a hand-written document need not carry them. Parks.
 */
#include "base/text.h"
#include "config/edit_int.h"
#include "config/schema.h"
#include "config/secrets.h"
#include "run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- identities -------------------------------------------------------------------------- */

static int complete_volumes(struct config_edit *e)
{
    const char *name;
    json_t *v;
    json_object_foreach(json_object_get(e->doc, "volumes"), name, v)
    {
        json_t *old = json_object_get(json_object_get(e->store->doc, "volumes"), name);
        if (!json_is_object(v) || json_object_get(v, "id"))
            continue;
        char id[UUID_STR_LEN + 1];
        uint8_t random[16];
        run_random(random, sizeof(random));
        struct uuid u = uuid_v4(random);
        uuid_format(&u, id);
        json_t *kept = json_object_get(old, "id");
        if (json_object_set_new(v, "id", kept ? json_incref(kept) : json_string(id)) != 0)
            return -ENOMEM;
    }
    return 0;
}

static bool listed(const json_t *numbers, json_int_t n)
{
    for (size_t i = 0; i < json_array_size(numbers); i++)
        if (json_integer_value(json_array_get(numbers, i)) == n)
            return true;
    return false;
}

/* What was given up before and isn't in use again, oldest first. What is no number is for the check to refuse. */
static int add_still_past(json_t *past, const json_t *before, const json_t *luns)
{
    for (size_t i = 0; i < json_array_size(before); i++) {
        json_t *v = json_array_get(before, i);
        char key[24];
        snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(v));
        bool over = json_is_integer(v) &&
                    (json_object_get(luns, key) || listed(past, json_integer_value(v)));
        if (!over && json_array_append(past, v) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* What is given up now, by an edit or by a document that has it no more. */
static int add_given_up(json_t *past, json_t *old_luns, const json_t *luns)
{
    for (void *l = json_object_iter(old_luns); l; l = json_object_iter_next(old_luns, l)) {
        const char *key = json_object_iter_key(l);
        if (!json_object_get(luns, key) &&
            json_array_append_new(past, json_integer(strtol(key, NULL, 10))) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int complete_past_luns(json_t *target, const json_t *old)
{
    const json_t *luns = json_object_get(target, "luns"),
                 *before = json_object_get(target, "past_luns");
    json_t *past = json_array();
    if (!past || add_still_past(past, json_object_get(old, "past_luns"), luns) < 0 ||
        add_still_past(past, before, luns) < 0 ||
        add_given_up(past, json_object_get(old, "luns"), luns) < 0) {
        json_decref(past);
        return -ENOMEM;
    }
    if (json_array_size(past) == 0) {
        json_decref(past);
        json_object_del(target, "past_luns");
        return 0;
    }
    return json_object_set_new(target, "past_luns", past) == 0 ? 0 : -ENOMEM;
}

/* Gives the target's ports ids where they lack one, counting *next up. */
static int complete_ports(json_t *target, const json_t *old, json_int_t *next)
{
    const json_t *tags = json_object_get(target, "portal_groups");
    if (!json_object_get(target, "rel_ports") && json_object_get(old, "rel_ports") &&
        json_object_set(target, "rel_ports", json_object_get(old, "rel_ports")) != 0)
        return -ENOMEM;
    json_t *ports = edit_nested(target, "rel_ports", JSON_OBJECT);
    for (size_t i = 0; i < json_array_size(tags); i++) {
        char key[24];
        snprintf(key, sizeof(key), "%lld",
                 (long long)json_integer_value(json_array_get(tags, i)));
        if (!json_object_get(ports, key) &&
            json_object_set_new(ports, key, json_integer((*next)++)) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* One above every id that either document knows of. */
static json_int_t first_free_port(const struct config_edit *e)
{
    json_int_t next =
        MAX(1, MAX(json_integer_value(json_object_get(e->doc, "next_rel_port")),
                   json_integer_value(json_object_get(e->store->doc, "next_rel_port"))));
    const char *name, *tag;
    json_t *t, *id;
    json_object_foreach(json_object_get(e->doc, "targets"), name, t)
    {
        json_object_foreach(json_object_get(t, "rel_ports"), tag, id) next =
            MAX(next, json_integer_value(id) + 1);
    }
    return next;
}

static int complete_targets(struct config_edit *e)
{
    const char *name;
    json_t *t;
    json_int_t next = first_free_port(e);
    json_object_foreach(json_object_get(e->doc, "targets"), name, t)
    {
        const json_t *old = json_object_get(json_object_get(e->store->doc, "targets"), name);
        if (json_is_object(t) &&
            (complete_ports(t, old, &next) < 0 || complete_past_luns(t, old) < 0))
            return -ENOMEM;
    }
    return json_object_set_new(e->doc, "next_rel_port", json_integer(next)) == 0 ? 0 : -ENOMEM;
}

/* Servers know this machine by a name that nobody else has and that stays. */
static int complete_isns(struct config_edit *e)
{
    json_t *isns = json_object_get(e->doc, "isns");
    json_t *kept = json_object_get(json_object_get(e->store->doc, "isns"), "entity");
    const char *own = json_string_value(json_object_get(isns, "entity"));
    char id[UUID_STR_LEN + 1];
    uint8_t random[16];
    if (!json_is_object(isns) || (own && own[0]))
        return 0;
    run_random(random, sizeof(random));
    struct uuid u = uuid_v4(random);
    uuid_format(&u, id);
    json_t *entity = kept ? json_incref(kept) : json_sprintf("zsan-%s", id);
    return json_object_set_new(isns, "entity", entity) == 0 ? 0 : -ENOMEM;
}

/* ---- secrets ----------------------------------------------------------------------------- */

/* CHAP_N of one side: its own, or the name it has without one. */
static const char *chap_name(const struct config_edit *e, const char *initiator,
                             const char *target, const char *direction, const char *otherwise)
{
    const json_t *pair = secrets_pair(e->secrets, target, initiator);
    const char *own =
        json_string_value(json_object_get(json_object_get(pair, direction), "name"));
    return own ? own : otherwise;
}

int edit_note_minted(struct config_edit *e, const char *initiator, const char *target,
                     const char *forward, const char *reverse, struct err *reterr)
{
    /* Not realloc(): it would leave secrets behind. */
    struct minted *grown = calloc(e->nminted + 1, sizeof(*grown));
    if (!grown)
        return edit_no_memory(reterr);
    if (e->minted) {
        memcpy(grown, e->minted, e->nminted * sizeof(*grown));
        wipe(e->minted, e->nminted * sizeof(*grown));
    }
    free(e->minted);
    e->minted = grown;
    struct minted *m = &grown[e->nminted++];
    text_copy(m->initiator, sizeof(m->initiator), initiator);
    text_copy(m->name, sizeof(m->name), chap_name(e, initiator, target, "forward", initiator));
    text_copy(m->target, sizeof(m->target), target ? target : "");
    text_copy(
        m->reverse_name, sizeof(m->reverse_name),
        chap_name(e, initiator, target, "reverse", target ? target : DISCOVERY_CHAP_NAME));
    text_copy(m->secret, sizeof(m->secret), forward);
    text_copy(m->reverse_secret, sizeof(m->reverse_secret), reverse);
    return 0;
}

static int mint_direction(json_t *pair, const char *direction,
                          char ret_secret[CFG_SECRET_MAX + 1])
{
    struct credential_text cred = {.minted = run_wall() / NS_PER_SEC};
    if (json_object_get(pair, direction))
        return 0;
    secret_mint(cred.secret);
    memcpy(ret_secret, cred.secret, SECRET_MINTED_LEN + 1);
    int rc = json_object_set_new(pair, direction, credential_write(&cred));
    wipe(&cred, sizeof(cred));
    return rc == 0 ? 0 : -ENOMEM;
}

/* Mints what the pair lacks for the initiator's kind of authentication. */
static int mint_pair(struct config_edit *e, const struct cfg_initiator *i, const char *target,
                     struct err *reterr)
{
    char forward[CFG_SECRET_MAX + 1] = "", reverse[CFG_SECRET_MAX + 1] = "";
    if (i->auth == CFG_AUTH_NONE)
        return 0;
    json_t *pair = secrets_pair(e->secrets, target, i->name);
    if (!pair) {
        pair = json_object();
        if (secrets_put_pair(e->secrets, target, i->name, pair) < 0)
            return edit_no_memory(reterr);
    }
    bool ours = i->verify == CFG_VERIFY_LOCAL;
    if (!ours)
        json_object_del(pair, "forward"); /* RADIUS's is the only one that counts */
    int rc = ours ? mint_direction(pair, "forward", forward) : 0;
    if (rc == 0 && i->auth == CFG_AUTH_MUTUAL)
        rc = mint_direction(pair, "reverse", reverse);
    if (rc < 0)
        rc = edit_no_memory(reterr);
    else if (forward[0] || reverse[0])
        rc = edit_note_minted(e, i->name, target, forward, reverse, reterr);
    wipe(forward, sizeof(forward));
    wipe(reverse, sizeof(reverse));
    return rc;
}

/* Drops what belongs to no initiator and to no granted pair of c. */
static void prune_secrets(struct config_edit *e, const struct config *c)
{
    const char *target, *initiator;
    json_t *pairs, *pair;
    void *tmp, *tmp2;
    json_object_foreach_safe(json_object_get(e->secrets, "discovery"), tmp, initiator, pair)
    {
        if (!config_initiator(c, initiator))
            secrets_put_pair(e->secrets, NULL, initiator, NULL);
        fiber_maybe_yield();
    }
    json_object_foreach_safe(json_object_get(e->secrets, "grants"), tmp, target, pairs)
    {
        json_object_foreach_safe(pairs, tmp2, initiator, pair)
        {
            if (!config_grant(c, initiator, target))
                json_object_del(pairs, initiator);
            fiber_maybe_yield();
        }
        if (json_object_size(pairs) == 0)
            json_object_del(json_object_get(e->secrets, "grants"), target);
    }
}

static void prune_radius(struct config_edit *e, const struct config *c)
{
    const char *key;
    json_t *credential;
    void *tmp;
    json_object_foreach_safe(json_object_get(e->secrets, "radius"), tmp, key, credential)
    {
        bool used = false;
        for (unsigned i = 0; i < c->radius.nservers && !used; i++) {
            char its[RADIUS_KEY_LEN];
            secrets_radius_key(c->radius.servers[i].address, c->radius.servers[i].port, its);
            used = strcmp(key, its) == 0;
        }
        if (!used)
            secrets_put_radius(e->secrets, key, NULL);
    }
}

static int complete_secrets(struct config_edit *e, const struct config *c, struct err *reterr)
{
    int rc = 0;
    prune_secrets(e, c);
    prune_radius(e, c);
    for (unsigned i = 0; rc == 0 && i < c->ninitiators; i++) {
        rc = mint_pair(e, &c->initiators[i], NULL, reterr);
        fiber_maybe_yield();
    }
    for (unsigned i = 0; rc == 0 && i < c->ngrants; i++) {
        rc = mint_pair(e, c->grants[i].initiator, c->grants[i].target->name, reterr);
        fiber_maybe_yield();
    }
    return rc;
}

/* ---- what may not change -------------------------------------------------------------------- */

static const struct cfg_volume *same_volume(const struct config *c, const struct uuid *id)
{
    for (unsigned i = 0; i < c->nvolumes; i++)
        if (memcmp(&c->volumes[i].id, id, sizeof(*id)) == 0)
            return &c->volumes[i];
    return NULL;
}

/* Hosts address blocks by number: with another block size every number means other bytes. */
static int check_kept(const struct config *before, const struct config *c, struct err *reterr)
{
    for (unsigned i = 0; i < before->nvolumes; i++) {
        const struct cfg_volume *old = &before->volumes[i], *v = same_volume(c, &old->id);
        if (v && v->block_size != old->block_size)
            return err_set(
                reterr, -EINVAL,
                "volume \"%s\": its block size is %u for good: make another volume for %u",
                v->name, old->block_size, v->block_size);
        fiber_maybe_yield();
    }
    return 0;
}

int edit_complete(struct config_edit *e, bool mint, const struct config **ret_config,
                  struct err *reterr)
{
    const struct config *c;
    if (complete_volumes(e) < 0 || complete_targets(e) < 0 || complete_isns(e) < 0)
        return edit_no_memory(reterr);
    int rc = store_parse(e->store, e->doc, e->secrets, &c, reterr);
    if (rc < 0)
        return rc;
    rc = check_kept(e->base, c, reterr);
    if (rc == 0 && !mint) {
        *ret_config = c;
        return 0;
    }
    if (rc == 0)
        rc = complete_secrets(e, c, reterr);
    config_put(c);
    return rc < 0 ? rc : store_parse(e->store, e->doc, e->secrets, ret_config, reterr);
}
