/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store on disk. Files in its directory (0700):
 *   config.json   the generation in force      config.N.json   the last ten
 *   secrets.json  the newest secrets           secrets.S.json  those of kept generations
 * A commit writes secrets.S.json and secrets.json (when they changed), config.N.json, and
 * config.json last: its rename is the commit point. Each file is written whole (temporary,
 * fsync, rename, fsync of the directory) and carries a checksum. Loading takes config.json when
 * it and its secrets are whole and valid, else the newest numbered generation that is, and says
 * so as an error; a number is never used twice. When files are there but none is good the store
 * does not open: an empty configuration in its place would cut every initiator off. With a key the
 * secrets are sealed (seal.h), also those that were kept before there was one. Home: reactor 0;
 * everything parks.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "config/attrs.h"
#include "config/generation.h"
#include "config/secrets.h"
#include "config/store_int.h"
#include "config/uses.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_PATH_LEN 1200

static void store_path(const struct config_store *s, char ret_path[STORE_PATH_LEN],
                       const char *stem, uint64_t number)
{
    if (number)
        snprintf(ret_path, STORE_PATH_LEN, "%s/%s.%llu.json", s->dir, stem,
                 (unsigned long long)number);
    else
        snprintf(ret_path, STORE_PATH_LEN, "%s/%s.json", s->dir, stem);
}

/* ---- parsing off the loop ---------------------------------------------------------------- */

struct parse_job {
    const json_t *doc, *secrets;
    const struct siphash_key *key;
    const struct config *config;
    struct err *err;
    int rc;
};

static void parse_now(void *arg)
{
    struct parse_job *job = arg;
    job->rc = config_parse(job->doc, job->secrets, job->key, &job->config, job->err);
}

int store_parse(struct config_store *s, const json_t *doc, const json_t *secrets,
                const struct config **ret_config, struct err *reterr)
{
    struct parse_job job = {.doc = doc, .secrets = secrets, .key = &s->key, .err = reterr};
    run_offload(parse_now, &job);
    if (job.rc == 0)
        *ret_config = job.config;
    return job.rc;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* As it is written: secrets may be sealed. */
static int load_written(struct config_store *s, const char *stem, uint64_t number,
                        struct generation *ret_generation, struct err *reterr)
{
    char path[STORE_PATH_LEN];
    char *text;
    size_t len;
    store_path(s, path, stem, number);
    int rc = file_slurp(path, CONFIG_TEXT_MAX, &text, &len);
    if (rc < 0)
        return err_set(reterr, rc, "%s: %s", path, strerror(-rc));
    rc = generation_decode(text, len, ret_generation, reterr);
    wipe(text, len);
    free(text);
    if (rc < 0)
        err_prefix(reterr, "%s", path);
    return rc;
}

static int load_file(struct config_store *s, const char *stem, uint64_t number,
                     struct generation *ret_generation, struct err *reterr)
{
    int rc = load_written(s, stem, number, ret_generation, reterr);
    if (rc < 0)
        return rc;
    json_t *written = ret_generation->document;
    ret_generation->document = NULL;
    rc = unseal(s->sealing ? &s->seal : NULL, ret_generation->number, written,
                &ret_generation->document, reterr);
    json_decref(written);
    return rc;
}

/* The secrets with exactly that number, from either place that has them. */
static int load_secrets(struct config_store *s, uint64_t number,
                        struct generation *ret_generation, struct err *reterr)
{
    struct err e = {.code = 0};
    int rc = load_file(s, "secrets", 0, ret_generation, &e);
    if (rc == 0 && ret_generation->number == number)
        return 0;
    if (rc == 0)
        json_decref(ret_generation->document);
    else if (rc != -ENOENT)
        log_error("config.generation_bad", KV("reason", "%s", e.msg));
    return load_file(s, "secrets", number, ret_generation, reterr);
}

/* One generation with its secrets, put in force when all is good. number 0: config.json. */
static int load_generation(struct config_store *s, uint64_t number, struct err *reterr)
{
    struct generation g = {.document = NULL}, secrets = {.document = NULL};
    const struct config *c = NULL;
    int rc = load_file(s, "config", number, &g, reterr);
    if (rc == 0)
        rc = load_secrets(s, g.secrets, &secrets, reterr);
    if (rc == 0)
        rc = store_parse(s, g.document, secrets.document, &c, reterr);
    if (rc < 0) {
        json_decref(g.document);
        json_decref(secrets.document);
        return rc;
    }
    s->doc = g.document;
    s->secrets = secrets.document;
    s->number = g.number;
    s->secrets_number = g.secrets;
    s->highest = MAX(s->highest, g.number);
    config_set_generation(c, g.number);
    s->current = c;
    return 0;
}

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Numbers of the kept files with that stem, highest first; the caller frees. */
static int list_numbers(struct config_store *s, const char *stem, uint64_t **ret_numbers,
                        size_t *ret_n)
{
    char **names;
    int rc = file_list(s->dir, &names);
    if (rc < 0)
        return rc;
    size_t all = 0, n = 0;
    while (names[all])
        all++;
    uint64_t *numbers = calloc(all + 1, sizeof(*numbers));
    for (size_t i = 0; numbers && i < all; i++)
        n += generation_name_parse(names[i], stem, &numbers[n]);
    names_free(names);
    if (!numbers)
        return -ENOMEM;
    qsort(numbers, n, sizeof(*numbers), descending);
    *ret_numbers = numbers;
    *ret_n = n;
    return 0;
}

/* The newest kept generation that is good. -EIO: there are files, but none is. */
static int fall_back(struct config_store *s, const uint64_t *numbers, size_t n,
                     const struct err *why, struct err *reterr)
{
    for (size_t i = 0; i < n; i++) {
        struct err e = {.code = 0};
        if (load_generation(s, numbers[i], &e) == 0) {
            log_error("config.fallback",
                      KV("generation", "%llu", (unsigned long long)s->number),
                      KV("reason", "%s", why->msg));
            return 0;
        }
        log_error("config.generation_bad", KV("reason", "%s", e.msg));
    }
    return err_set(reterr, -EIO,
                   "no good generation of the configuration: restore the files from a "
                   "backup into %.60s; %.80s",
                   s->dir, why->msg);
}

static int start_empty(struct config_store *s, struct err *reterr)
{
    s->doc = config_empty_doc();
    s->secrets = secrets_empty_doc();
    if (!s->doc || !s->secrets)
        return err_set(reterr, -ENOMEM, "out of memory");
    log_info("config.new", KV("dir", "%s", s->dir));
    return store_parse(s, s->doc, s->secrets, &s->current, reterr);
}

/* Nothing was ever committed here; a first commit may have been cut off in its temporary file. */
static bool is_new(struct config_store *s)
{
    char **names;
    uint64_t number;
    bool found = false;
    if (file_list(s->dir, &names) < 0)
        return false;
    for (size_t i = 0; names[i] && !found; i++)
        found = strcmp(names[i], "config.json") == 0 ||
                generation_name_parse(names[i], "config", &number);
    names_free(names);
    return !found;
}

static int load(struct config_store *s, struct err *reterr)
{
    if (is_new(s))
        return start_empty(s, reterr);
    CLEANUP(freep) uint64_t *numbers = NULL;
    size_t n;
    struct err why = {.code = 0};
    int rc = list_numbers(s, "config", &numbers, &n);
    if (rc < 0)
        return err_set(reterr, rc, "%s: %s", s->dir, strerror(-rc));
    s->highest = n > 0 ? numbers[0] : 0;
    rc = load_generation(s, 0, &why);
    if (rc == 0)
        return 0;
    if (rc == -ENOKEY || rc == -EKEYREJECTED) /* older ones are no better */
        return err_set(reterr, rc, "%s: %s", s->dir, why.msg);
    log_error("config.generation_bad", KV("reason", "%s", why.msg));
    return fall_back(s, numbers, n, &why, reterr);
}

/* ---- encoding, and sealing what was open -------------------------------------------------- */

struct encode_job {
    const struct generation *g;
    const struct seal_key *key; /* NULL: it isn't sealed */
    uint8_t nonce[SEAL_NONCE_LEN];
    char *text;
    size_t len;
    int rc;
};

static void encode_now(void *arg)
{
    struct encode_job *job = arg;
    struct generation g = *job->g;
    json_t *sealed = NULL;
    job->rc = job->key ? seal(job->key, job->nonce, g.number, g.document, &sealed) : 0;
    if (sealed)
        g.document = sealed;
    if (job->rc == 0)
        job->rc = generation_encode(&g, &job->text, &job->len);
    json_decref(sealed);
}

/* malloc'd text for the file; the caller wipes and frees. Parks. */
static int encode(struct config_store *s, const char *stem, const struct generation *g,
                  char **ret_text, size_t *ret_len, struct err *reterr)
{
    struct encode_job job = {.g = g};
    if (s->sealing && strcmp(stem, "secrets") == 0) {
        job.key = &s->seal;
        run_random(job.nonce, sizeof(job.nonce));
    }
    run_offload(encode_now, &job);
    if (job.rc < 0)
        return err_set(reterr, job.rc, "out of memory");
    if (job.len > CONFIG_TEXT_MAX) { /* it could not be read again */
        wipe(job.text, job.len);
        free(job.text);
        return err_set(reterr, -EFBIG,
                       "configuration: %s.json would have %zu bytes, over the limit of %u",
                       stem, job.len, CONFIG_TEXT_MAX);
    }
    *ret_text = job.text;
    *ret_len = job.len;
    return 0;
}

/* Damaged files are left as they are. */
static int seal_file(struct config_store *s, uint64_t number, struct err *reterr)
{
    char path[STORE_PATH_LEN], *text;
    struct generation g = {.document = NULL};
    size_t len;
    if (load_written(s, "secrets", number, &g, NULL) < 0)
        return 0;
    int rc = 0;
    if (!seal_is(g.document) && (rc = encode(s, "secrets", &g, &text, &len, reterr)) == 0) {
        store_path(s, path, "secrets", number);
        rc = file_replace(path, text, len, 0600, reterr);
        wipe(text, len);
        free(text);
        log_info("secrets.sealed", KV("file", "%s", path));
    }
    json_decref(g.document);
    return rc;
}

/* What was written before there was a key. */
static int seal_kept(struct config_store *s, struct err *reterr)
{
    CLEANUP(freep) uint64_t *numbers = NULL;
    size_t n = 0;
    int rc = list_numbers(s, "secrets", &numbers, &n);
    if (rc < 0)
        return err_set(reterr, rc, "%s: %s", s->dir, strerror(-rc));
    rc = seal_file(s, 0, reterr);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = seal_file(s, numbers[i], reterr);
    return rc;
}

int config_generations(struct config_store *s, uint64_t **ret_numbers, size_t *ret_n,
                       struct err *reterr)
{
    int rc = list_numbers(s, "config", ret_numbers, ret_n);
    return rc < 0 ? err_set(reterr, rc, "%s: %s", s->dir, strerror(-rc)) : 0;
}

int config_generation_load(struct config_store *s, uint64_t number, json_t **ret_doc,
                           struct err *reterr)
{
    struct generation g = {.document = NULL}, secrets = {.document = NULL};
    int rc = load_file(s, "config", number, &g, reterr);
    if (rc == 0)
        rc = load_secrets(s, g.secrets, &secrets, reterr);
    if (rc == 0 && json_object_set(g.document, "secrets", secrets.document) != 0)
        rc = err_set(reterr, -ENOMEM, "out of memory");
    json_decref(secrets.document);
    if (rc < 0)
        json_decref(g.document);
    else
        *ret_doc = g.document;
    return rc;
}

/* Two daemons on one state would take turns in losing each other's changes. */
static int take_lock(struct config_store *s, struct err *reterr)
{
    char path[STORE_PATH_LEN];
    struct file_opts opts = {.mode = FILE_RDWR, .exclusive = true};
    snprintf(path, sizeof(path), "%s/lock", s->dir);
    int rc = file_open(path, &opts, &s->lock, reterr);
    if (rc == -ENOENT) {
        opts.create = true;
        rc = file_open(path, &opts, &s->lock, reterr);
    }
    if (rc == -EBUSY)
        return err_set(
            reterr, rc,
            "another zsand uses %s: stop it, or give this one a state of its own (--state)",
            s->dir);
    return rc;
}

int config_store_open(const char *dir, const struct seal_key *key,
                      struct config_store **ret_store, struct err *reterr)
{
    struct config_store *s = calloc(1, sizeof(*s));
    int rc = s && (s->dir = strdup(dir)) ? 0 : err_set(reterr, -ENOMEM, "out of memory");
    if (rc == 0 && strlen(dir) > CFG_PATH_LEN)
        rc = err_set(reterr, -ENAMETOOLONG, "the path of the state directory is too long");
    if (rc == 0 && (rc = file_mkdir(dir, 0700)) < 0)
        err_set(reterr, rc, "%s: %s", dir, strerror(-rc));
    if (rc == 0)
        rc = take_lock(s, reterr);
    if (rc == 0) {
        fmutex_init(&s->writers);
        run_random(&s->key, sizeof(s->key));
        s->sealing = key != NULL;
        s->seal = key ? *key : (struct seal_key){{0}};
        rc = load(s, reterr);
    }
    if (rc == 0 && s->sealing)
        rc = seal_kept(s, reterr);
    if (rc == 0)
        rc = attrs_open(dir, &s->attrs, reterr);
    if (rc == 0 && (rc = uses_open(s, &s->uses)) < 0)
        err_set(reterr, rc, "out of memory");
    if (rc < 0) {
        config_store_close(s);
        return rc;
    }
    *ret_store = s;
    return 0;
}

void config_store_close(struct config_store *s)
{
    if (!s)
        return;
    uses_close(s->uses);
    attrs_close(s->attrs);
    config_put(s->current);
    json_decref(s->doc);
    json_decref(s->secrets);
    file_close(s->lock);
    wipe(&s->key, sizeof(s->key));
    wipe(&s->seal, sizeof(s->seal));
    free(s->dir);
    free(s);
}

const struct config *config_current(struct config_store *s)
{
    config_ref(s->current);
    return s->current;
}

void config_ask_caller(struct config_store *s, int64_t (*fn)(void *arg), void *arg)
{
    s->caller = fn;
    s->caller_arg = arg;
}

void config_subscribe(struct config_store *s,
                      int (*fn)(void *arg, const struct config *c, struct err *reterr),
                      void *arg)
{
    s->subscriber = fn;
    s->subscriber_arg = arg;
}

struct attr_store *config_attrs(struct config_store *s)
{
    return attrs_store(s->attrs);
}

int config_attrs_forget(struct config_store *s, const struct uuid *id)
{
    return attrs_forget(s->attrs, id);
}

void config_used(struct config_store *s, const char *initiator, const char *target,
                 const struct cfg_use *use)
{
    uses_note(s->uses, initiator, target, use);
}

bool config_last_use(const struct config_store *s, const char *initiator, const char *target,
                     const struct cfg_credential *c, struct cfg_use *ret_use)
{
    const struct cfg_use *use = uses_find(s->uses, initiator, target);
    if (!use || use->when == 0 || use->when < c->minted)
        return false;
    *ret_use = *use;
    return true;
}

uint64_t config_previous_use(const struct config_store *s, const char *initiator,
                             const char *target, const struct cfg_credential *c)
{
    uint64_t when = uses_find_previous(s->uses, initiator, target);
    return c->secret[1].len > 0 && when >= c->minted ? when : 0;
}

uint64_t config_uses_since(const struct config_store *s)
{
    return uses_since(s->uses);
}

struct cfg_care config_care(const struct config_store *s)
{
    return uses_care(s->uses);
}

void config_backed_up(struct config_store *s, uint64_t generation)
{
    uses_backed_up(s->uses, generation);
}

void config_audited(struct config_store *s)
{
    uses_audited(s->uses);
}

/* ---- writing ----------------------------------------------------------------------------- */

/* As number (kept) and as the newest. */
static int write_both(struct config_store *s, const char *stem, const struct generation *g,
                      struct err *reterr)
{
    char path[STORE_PATH_LEN];
    char *text;
    size_t len;
    int rc = encode(s, stem, g, &text, &len, reterr);
    if (rc < 0)
        return rc;
    store_path(s, path, stem, g->number);
    rc = file_replace(path, text, len, 0600, reterr);
    if (rc == 0) {
        store_path(s, path, stem, 0);
        rc = file_replace(path, text, len, 0600, reterr);
    }
    wipe(text, len);
    free(text);
    return rc;
}

static void remove_number(struct config_store *s, const char *stem, uint64_t number)
{
    char path[STORE_PATH_LEN];
    store_path(s, path, stem, number);
    int rc = file_unlink(path);
    if (rc < 0 && rc != -ENOENT)
        log_warn("config.prune_failed", KV("file", "%s", path),
                 KV("error", "%s", strerror(-rc)));
}

/* A write may fail after its rename: puts the generation in force back, so that a restart does
 * not see what was refused. */
static void take_back(struct config_store *s, uint64_t number)
{
    struct err e = {.code = 0};
    const struct generation g = {s->number, s->secrets_number, s->doc};
    remove_number(s, "config", number);
    if (s->number == 0)
        remove_number(s, "config", 0);
    else if (write_both(s, "config", &g, &e) < 0)
        log_error("config.take_back_failed",
                  KV("generation", "%llu", (unsigned long long)number),
                  KV("error", "%s", e.msg));
}

/* Removes the kept files with that stem but the newest keep; *ret_oldest is the oldest that
 * stays. */
static void prune_stem(struct config_store *s, const char *stem, size_t keep,
                       uint64_t *ret_oldest)
{
    CLEANUP(freep) uint64_t *numbers = NULL;
    size_t n = 0;
    if (list_numbers(s, stem, &numbers, &n) < 0)
        return;
    for (size_t i = keep; i < n; i++)
        remove_number(s, stem, numbers[i]);
    *ret_oldest = n > 0 ? numbers[MIN(n, keep) - 1] : 0;
}

/* The secrets that the oldest kept configuration belongs to bear the highest number not above
 * its own. */
static void prune(struct config_store *s)
{
    CLEANUP(freep) uint64_t *numbers = NULL;
    size_t n = 0, keep = 0;
    uint64_t oldest = 0;
    prune_stem(s, "config", STORE_KEEP, &oldest);
    if (list_numbers(s, "secrets", &numbers, &n) < 0)
        return;
    while (keep < n && numbers[keep] > oldest)
        keep++;
    prune_stem(s, "secrets", keep + 1, &oldest);
}

int store_commit(struct config_store *s, json_t *doc, json_t *secrets, const struct config *c,
                 struct err *reterr)
{
    uint64_t number = s->highest + 1;
    bool new_secrets = s->secrets_number == 0 || !json_equal(secrets, s->secrets);
    const struct generation gs = {number, 0, secrets};
    const struct generation gc = {number, new_secrets ? number : s->secrets_number, doc};
    s->highest = number;
    int rc = new_secrets ? write_both(s, "secrets", &gs, reterr) : 0;
    if (rc == 0 && (rc = write_both(s, "config", &gc, reterr)) < 0)
        take_back(s, number);
    if (rc < 0)
        return rc;
    json_decref(s->doc);
    json_decref(s->secrets);
    config_put(s->current);
    s->doc = json_incref(doc);
    s->secrets = json_incref(secrets);
    s->number = number;
    s->secrets_number = gc.secrets;
    config_set_generation(c, number);
    config_ref(c);
    s->current = c;
    prune(s);
    return 0;
}
