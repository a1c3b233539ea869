/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transactions as a whole: open, replace, compare, commit, end. The edits themselves work on
 * the JSON document (edit_objects.c, edit_access.c), so there is one form in which a
 * configuration is changed, stored, exported and applied, and one place that checks it
 * (config_json.c). Home: reactor 0; a transaction holds the store's mutex from begin to end.
 */
#include "base/log.h"
#include "config/config_diff.h"
#include "config/secrets.h"
#include "config/store_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct copy_job {
    const json_t *doc;
    json_t *copy;
};

static void copy_now(void *arg)
{
    struct copy_job *job = arg;
    job->copy = json_deep_copy(job->doc);
}

/* Of a large one off the loop. The caller holds it. NULL: no memory. Parks. */
static json_t *copy_of(const json_t *doc)
{
    struct copy_job job = {.doc = doc};
    run_offload(copy_now, &job);
    return job.copy;
}

int config_edit_begin(struct config_store *s, struct config_edit **ret_edit, struct err *reterr)
{
    struct config_edit *e = calloc(1, sizeof(*e));
    if (!e)
        return err_set(reterr, -ENOMEM, "out of memory");
    fmutex_lock(&s->writers);
    e->store = s;
    e->doc = copy_of(s->doc);
    e->secrets = copy_of(s->secrets);
    e->base = config_current(s);
    if (!e->doc || !e->secrets) {
        config_edit_end(e);
        return err_set(reterr, -ENOMEM, "out of memory");
    }
    *ret_edit = e;
    return 0;
}

int config_edit_commit(struct config_edit *e, struct err *reterr)
{
    struct config_store *s = e->store;
    const struct config *c;
    int rc = edit_complete(e, true, &c, reterr);
    if (rc < 0)
        return rc;
    json_t *doc = json_incref(s->doc), *secrets = json_incref(s->secrets);
    rc = store_commit(s, e->doc, e->secrets, c, reterr);
    if (rc == 0) {
        log_info("config.commit", KV("generation", "%llu", (unsigned long long)s->number));
        changes_log(e, doc, secrets, c);
        if (s->subscriber)
            e->warning.code = s->subscriber(s->subscriber_arg, c, &e->warning);
        if (e->weak_secret && e->warning.code == 0)
            err_set(&e->warning, -EKEYREJECTED,
                    "the secret is easily guessed: few different letters, runs or repetitions "
                    "(zsan grant rotate and zsan initiator rotate mint better ones)");
    }
    json_decref(doc);
    json_decref(secrets);
    config_put(c);
    return rc;
}

const struct err *config_edit_warning(const struct config_edit *e)
{
    return &e->warning;
}

const struct config *config_edit_base(const struct config_edit *e)
{
    return e->base;
}

const struct minted *config_edit_minted(const struct config_edit *e, unsigned *ret_n)
{
    *ret_n = e->nminted;
    return e->minted;
}

void config_edit_end(struct config_edit *e)
{
    if (!e)
        return;
    fmutex_unlock(&e->store->writers);
    json_decref(e->doc);
    json_decref(e->secrets);
    config_put(e->base);
    if (e->minted)
        wipe(e->minted, e->nminted * sizeof(*e->minted));
    free(e->minted);
    free(e);
}

int edit_replace(struct config_edit *e, const json_t *doc, struct err *reterr)
{
    if (!json_is_object(doc))
        return err_set(reterr, -EINVAL,
                       "a configuration is a JSON object, as zsan config export prints it");
    json_t *copy = copy_of(doc);
    if (!copy)
        return err_set(reterr, -ENOMEM, "out of memory");
    json_t *secrets = json_object_get(copy, "secrets");
    if (secrets) {
        json_decref(e->secrets);
        e->secrets = json_incref(secrets);
        json_object_del(copy, "secrets");
    }
    json_decref(e->doc);
    e->doc = copy;
    return 0;
}

int edit_plan(struct config_edit *e, json_t **ret_changes, struct err *reterr)
{
    const struct config *c;
    int rc = edit_complete(e, false, &c, reterr);
    if (rc < 0)
        return rc;
    config_put(c);
    json_t *changes = config_diff(e->store->doc, e->doc);
    if (!changes)
        return err_set(reterr, -ENOMEM, "out of memory");
    *ret_changes = changes;
    return 0;
}

json_t *config_export(struct config_store *s, bool with_secrets)
{
    json_t *was = json_incref(s->doc), *secrets = json_incref(s->secrets);
    json_t *doc = copy_of(was);
    if (doc && with_secrets && json_object_set_new(doc, "secrets", copy_of(secrets)) != 0) {
        json_decref(doc);
        doc = NULL;
    }
    json_decref(was);
    json_decref(secrets);
    return doc;
}
