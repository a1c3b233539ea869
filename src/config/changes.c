/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a commit changed, told to the log: here is the only place through which a configuration
 * comes into force, whether an edit, a document or a rollback made it. Home: reactor 0; parks.
 */
#include "config/config_diff.h"
#include "config/fields.h"
#include "config/store_int.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- proof that is asked of less --------------------------------------------------------- */

/* Enough of them to see what happened; an applied document may have any number. */
#define LOWERED_MAX 64

static void auth_changed(const struct cfg_initiator *i, enum cfg_auth before)
{
    if (i->auth > before)
        log_warn("auth.lowered", KV("initiator", "%s", i->name),
                 KV("from", "%s", cfg_auth_name(before)),
                 KV("to", "%s", cfg_auth_name(i->auth)));
    else
        log_info("auth.raised", KV("initiator", "%s", i->name),
                 KV("from", "%s", cfg_auth_name(before)),
                 KV("to", "%s", cfg_auth_name(i->auth)));
}

static void log_auth(const struct config *from, const struct config *to)
{
    unsigned n = 0;
    for (unsigned k = 0; k < to->ninitiators; k++) {
        const struct cfg_initiator *i = &to->initiators[k];
        const struct cfg_initiator *old = config_initiator(from, i->name);
        enum cfg_auth before = old ? old->auth : CFG_AUTH_MUTUAL;
        fiber_maybe_yield();
        if (i->auth != before && n++ < LOWERED_MAX)
            auth_changed(i, before);
    }
    if (n > LOWERED_MAX)
        log_warn("auth.lowered", KV("initiator", "and %u others", n - LOWERED_MAX));
}

/* ---- objects ----------------------------------------------------------------------------- */

#define ROWS_MAX 200 /* of one commit; the number of the others is told */

struct diff_job {
    const json_t *from, *to;
    json_t *rows;
};
static void diff_now(void *arg)
{
    struct diff_job *j = arg;
    j->rows = config_diff(j->from, j->to);
}

static const char *text_of(const json_t *row, const char *member)
{
    const char *s = json_string_value(json_object_get(row, member));
    return s ? s : "";
}

/* "sources: [null, [...]], ..." as far as there is room. A document holds no secret. */
static void changes_text(const json_t *row, char *ret_text, size_t cap)
{
    const char *member;
    const json_t *pair;
    size_t len = 0;
    ret_text[0] = '\0';
    field_each(json_object_get(row, "changes"), member, pair)
    {
        char *value = json_dumps(pair, JSON_COMPACT | JSON_ENCODE_ANY);
        if (len < cap)
            len += (size_t)snprintf(ret_text + len, cap - len, "%s%s %s", len ? ", " : "",
                                    member, value ? value : "");
        free(value);
    }
}

static void log_objects(const json_t *from, const json_t *to, unsigned long long generation,
                        long long uid)
{
    struct diff_job job = {.from = from, .to = to};
    char what[sizeof(((struct log_kv *)NULL)->value)];
    run_offload(diff_now, &job);
    size_t n = json_array_size(job.rows);
    for (size_t i = 0; i < MIN(n, (size_t)ROWS_MAX); i++) {
        const json_t *row = json_array_get(job.rows, i);
        changes_text(row, what, sizeof(what));
        log_info("config.change", KV("generation", "%llu", generation), KV("uid", "%lld", uid),
                 KV("action", "%s", text_of(row, "action")),
                 KV("kind", "%s", text_of(row, "kind")), KV("name", "%s", text_of(row, "name")),
                 KV("what", "%s", what));
        fiber_maybe_yield();
    }
    if (n > ROWS_MAX)
        log_info("config.change", KV("generation", "%llu", generation), KV("uid", "%lld", uid),
                 KV("action", "and"), KV("what", "%zu more", n - ROWS_MAX));
    json_decref(job.rows);
}

/* ---- secrets: that they changed, never what they are ----------------------------------------- */

/* What happened to one direction of a pair; NULL: nothing. */
static const char *what_happened(const json_t *from, const json_t *to)
{
    const json_t *a = json_object_get(from, "secret"), *b = json_object_get(to, "secret");
    const json_t *p = json_object_get(from, "previous"), *q = json_object_get(to, "previous");
    if (!a && b)
        return "new";
    if (a && !b)
        return "removed";
    if (a && b && !json_equal(a, b))
        return q ? "changed, the one before is still good" : "changed";
    if (p && !q)
        return "the one before is no more good";
    return json_equal(json_object_get(from, "name"), json_object_get(to, "name")) ||
                   (!json_object_get(from, "name") && !json_object_get(to, "name"))
               ? NULL
               : "its CHAP name changed";
}

struct secrets_log {
    unsigned long long generation;
    long long uid;
    unsigned n;
};

static void pair_changed(struct secrets_log *l, const char *initiator, const char *target,
                         const json_t *from, const json_t *to)
{
    static const char *const sides[] = {"forward", "reverse"};
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        const char *what =
            what_happened(json_object_get(from, sides[i]), json_object_get(to, sides[i]));
        if (what && l->n++ < ROWS_MAX)
            log_info("secret.change", KV("generation", "%llu", l->generation),
                     KV("uid", "%lld", l->uid), KV("initiator", "%s", initiator),
                     KV("target", "%s", target), KV("side", "%s", sides[i]),
                     KV("what", "%s", what));
    }
}

/* Pairs of one target, or of discovery, on either side. */
static void pairs_changed(struct secrets_log *l, const char *target, const json_t *from,
                          const json_t *to)
{
    const char *initiator;
    const json_t *pair;
    field_each(from, initiator, pair)
    {
        pair_changed(l, initiator, target, pair, json_object_get(to, initiator));
        fiber_maybe_yield();
    }
    field_each(to, initiator, pair)
    {
        if (!json_object_get(from, initiator))
            pair_changed(l, initiator, target, NULL, pair);
        fiber_maybe_yield();
    }
}

static void radius_changed(struct secrets_log *l, const char *server, const json_t *from,
                           const json_t *to)
{
    const char *what = what_happened(from, to);
    if (what && l->n++ < ROWS_MAX)
        log_info("secret.change", KV("generation", "%llu", l->generation),
                 KV("uid", "%lld", l->uid), KV("server", "%s", server), KV("side", "radius"),
                 KV("what", "%s", what));
}

static void log_radius(struct secrets_log *l, const json_t *from, const json_t *to)
{
    const char *server;
    const json_t *credential;
    field_each(from, server, credential)
        radius_changed(l, server, credential, json_object_get(to, server));
    field_each(to, server, credential)
    {
        if (!json_object_get(from, server))
            radius_changed(l, server, NULL, credential);
    }
}

static void log_secrets(const json_t *from, const json_t *to, struct secrets_log l)
{
    const json_t *was = json_object_get(from, "grants"), *is = json_object_get(to, "grants");
    const char *target;
    const json_t *pairs;
    pairs_changed(&l, "(discovery)", json_object_get(from, "discovery"),
                  json_object_get(to, "discovery"));
    field_each(was, target, pairs)
        pairs_changed(&l, target, pairs, json_object_get(is, target));
    field_each(is, target, pairs)
    {
        if (!json_object_get(was, target))
            pairs_changed(&l, target, NULL, pairs);
    }
    log_radius(&l, json_object_get(from, "radius"), json_object_get(to, "radius"));
    if (l.n > ROWS_MAX)
        log_info("secret.change", KV("generation", "%llu", l.generation),
                 KV("uid", "%lld", l.uid), KV("what", "and %u more", l.n - ROWS_MAX));
}

void changes_log(const struct config_edit *e, const json_t *doc, const json_t *secrets,
                 const struct config *c)
{
    const struct config_store *s = e->store;
    long long uid = s->caller ? s->caller(s->caller_arg) : -1;
    log_objects(doc, e->doc, c->generation, uid);
    log_secrets(secrets, e->secrets, (struct secrets_log){c->generation, uid, 0});
    log_auth(e->base, c);
}
