/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uses of secrets: rows by target and initiator, in the order of these names; and what operators did last. What is written is a copy, made
 * into text by a helper thread, which leaves out the pairs that the configuration in force has no more; they
 * are forgotten when the rest is on the disk. There is one writer, a fiber that lives from the first
 * note that is not written until all are.
 */
#include "config/uses.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "config/generation.h"
#include "config/schema.h"
#include "config/store_int.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MS 60000

struct use {
    char initiator[CFG_NAME_LEN], target[CFG_NAME_LEN]; /* target "": discovery */
    struct cfg_use last;                                /* by the secret in force then */
    uint64_t previous;                                  /* when by the one before */
};
static const struct field use_fields[] = {
    FIELD_STR(struct use, initiator, .required = true),
    FIELD_STR(struct use, target),
    {.name = "when",      .type = F_U64, .off = offsetof(struct use, last.when), .required = true},
    FIELD(struct use, previous, F_U64),
    {.name = "algorithm",
                          .type = F_ENUM,
                          .off = offsetof(struct use,                                     last.alg),
                          .names = schema_chap_names,
                          .required = true},
    {.name = "address",
                          .type = F_STR,
                          .off = offsetof(struct use,                                                  last.address),
                          .cap = sizeof(((struct use *)NULL)->last.address)  },
};

struct uses {
    struct config_store *store;
    char *path;
    uint64_t since, writes;
    struct cfg_care care;
    struct use **rows; /* ascending */
    unsigned n, cap;
    bool dirty, failing;
    bool writing; /* the fiber lives */
    struct cancel stop;
    struct waitq ended;
};

static int order(const char *target, const char *initiator, const struct use *r)
{
    int by_target = strcmp(target, r->target);
    return by_target != 0 ? by_target : strcmp(initiator, r->initiator);
}

/* Where the row is, or belongs. */
static unsigned place(const struct uses *u, const char *initiator, const char *target)
{
    unsigned from = 0, to = u->n;
    while (from < to) {
        unsigned mid = from + (to - from) / 2;
        if (order(target, initiator, u->rows[mid]) > 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static struct use *row_at(const struct uses *u, unsigned at, const char *initiator,
                          const char *target)
{
    return at < u->n && order(target, initiator, u->rows[at]) == 0 ? u->rows[at] : NULL;
}

/* NULL: no memory. */
static struct use *row_add(struct uses *u, unsigned at, const char *initiator,
                           const char *target)
{
    if (u->n == u->cap) {
        struct use **grown = realloc(u->rows, (2 * (size_t)u->cap + 16) * sizeof(struct use *));
        if (!grown)
            return NULL;
        u->rows = grown;
        u->cap = 2 * u->cap + 16;
    }
    struct use *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    text_copy(r->initiator, sizeof(r->initiator), initiator);
    text_copy(r->target, sizeof(r->target), target);
    memmove(&u->rows[at + 1], &u->rows[at], (u->n - at) * sizeof(struct use *));
    u->rows[at] = r;
    u->n++;
    return r;
}

/* Unless somebody has used it since. */
static void row_forget(struct uses *u, const struct use *gone)
{
    unsigned at = place(u, gone->initiator, gone->target);
    struct use *r = row_at(u, at, gone->initiator, gone->target);
    if (!r || r->last.when != gone->last.when || r->previous != gone->previous)
        return;
    memmove(&u->rows[at], &u->rows[at + 1], (u->n - at - 1) * sizeof(struct use *));
    u->n--;
    free(r);
}

/* ---- the file ---------------------------------------------------------------------------- */

static const struct field root_fields[] = {
    FIELD(struct uses, since, F_U64),
    {.name = "backup", .type = F_U64, .off = offsetof(struct uses, care.backup)},
    {.name = "backup_generation",
                                 .type = F_U64,
                                 .off = offsetof(struct uses, care.backup_generation)},
    {.name = "audit",    .type = F_U64,     .off = offsetof(struct uses, care.audit)},
    {.name = "uses",                .type = F_NESTED              },
};

static int read_rows(struct uses *u, const json_t *doc, struct err *reterr)
{
    const json_t *list = NULL;
    int rc = fields_read(doc, root_fields, ARRAY_LEN(root_fields), u, "uses", reterr);
    if (rc == 0)
        rc = field_array(doc, "uses", "uses", &list, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        struct use r = {.last = {0}};
        rc = fields_read(json_array_get(list, i), use_fields, ARRAY_LEN(use_fields), &r,
                         "a use", reterr);
        unsigned at = place(u, r.initiator, r.target);
        struct use *row = rc < 0 ? NULL : row_at(u, at, r.initiator, r.target);
        if (rc == 0 && !row && !(row = row_add(u, at, r.initiator, r.target)))
            rc = err_set(reterr, -ENOMEM, "out of memory");
        if (rc == 0)
            *row = r;
    }
    return rc;
}

static int read_file(struct uses *u, struct err *reterr)
{
    struct generation g = {.document = NULL};
    char *text = NULL;
    size_t len = 0;
    int rc = file_slurp(u->path, CONFIG_TEXT_MAX, &text, &len);
    if (rc < 0)
        return rc == -ENOENT ? 0 : err_set(reterr, rc, "%s", strerror(-rc));
    rc = generation_decode(text, len, &g, reterr);
    free(text);
    if (rc == 0)
        rc = read_rows(u, g.document, reterr);
    u->writes = g.number;
    json_decref(g.document);
    return rc;
}

static void drop_rows(struct uses *u)
{
    for (unsigned i = 0; i < u->n; i++)
        free(u->rows[i]);
    u->n = 0;
}

int uses_open(struct config_store *s, struct uses **ret_uses)
{
    struct uses *u = calloc(1, sizeof(*u));
    struct err e = {.code = 0};
    if (!u || asprintf(&u->path, "%s/uses.json", s->dir) < 0) {
        free(u);
        return -ENOMEM;
    }
    u->store = s;
    cancel_init(&u->stop);
    waitq_init(&u->ended);
    if (read_file(u, &e) < 0) {
        log_warn("uses.bad", KV("file", "%s", u->path), KV("reason", "%s", e.msg));
        drop_rows(u);
        u->since = 0;
        u->care = (struct cfg_care){.backup = 0};
    }
    if (u->since == 0)
        u->since = run_wall() / NS_PER_SEC;
    *ret_uses = u;
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------- */

struct write_job {
    const struct config *cfg;
    uint64_t since, number;
    struct cfg_care care;
    struct use *rows; /* a copy */
    unsigned n;
    char *text;
    size_t len;
    int rc;
};

static bool still_there(const struct config *c, const struct use *r)
{
    return r->target[0] ? config_grant(c, r->initiator, r->target) != NULL
                        : config_initiator(c, r->initiator) != NULL;
}

static void encode_now(void *arg)
{
    struct write_job *job = arg;
    json_t *list = json_array();
    bool ok = list != NULL;
    for (unsigned i = 0; ok && i < job->n; i++) {
        json_t *row = still_there(job->cfg, &job->rows[i]) ? json_object() : NULL;
        if (row)
            ok = fields_write(row, use_fields, ARRAY_LEN(use_fields), &job->rows[i], NULL) ==
                     0 &&
                 json_array_append(list, row) == 0;
        json_decref(row);
    }
    struct generation g = {job->number, 0, NULL};
    if (ok)
        g.document = json_pack("{s:I, s:I, s:I, s:I, s:O}", "since", (json_int_t)job->since,
                               "backup", (json_int_t)job->care.backup, "backup_generation",
                               (json_int_t)job->care.backup_generation, "audit",
                               (json_int_t)job->care.audit, "uses", list);
    job->rc = g.document ? generation_encode(&g, &job->text, &job->len) : -ENOMEM;
    json_decref(g.document);
    json_decref(list);
}

/* Into a copy, so that notes may come while it is written. */
static int encode(struct uses *u, struct write_job *job)
{
    job->rows = calloc(u->n + 1, sizeof(*job->rows));
    if (!job->rows)
        return -ENOMEM;
    for (job->n = 0; job->n < u->n; job->n++)
        job->rows[job->n] = *u->rows[job->n];
    job->cfg = config_current(u->store);
    job->since = u->since;
    job->care = u->care;
    job->number = u->writes + 1;
    run_offload(encode_now, job);
    return job->rc;
}

static void save(struct uses *u)
{
    struct write_job job = {.text = NULL};
    struct err e = {.code = 0};
    u->dirty = false;
    int rc = encode(u, &job);
    if (rc == 0)
        rc = file_replace(u->path, job.text, job.len, 0600, &e);
    for (unsigned i = 0; rc == 0 && i < job.n; i++)
        if (!still_there(job.cfg, &job.rows[i]))
            row_forget(u, &job.rows[i]);
    if (rc < 0 && !u->failing)
        log_warn("uses.write_failed", KV("file", "%s", u->path),
                 KV("error", "%s", e.msg[0] ? e.msg : strerror(-rc)));
    u->writes += rc == 0;
    u->failing = rc < 0;
    u->dirty = u->dirty || rc < 0;
    config_put(job.cfg);
    free(job.rows);
    free(job.text);
}

static void save_later(void *arg)
{
    struct uses *u = arg;
    while (u->dirty && fiber_sleep_until(run_deadline_ms(WRITE_MS), &u->stop) == 0)
        save(u);
    u->writing = false;
    waitq_wake_all(&u->ended);
}

void uses_close(struct uses *u)
{
    if (!u)
        return;
    cancel_fire(&u->stop);
    while (u->writing)
        waitq_wait(&u->ended, NO_DEADLINE, NULL);
    if (u->dirty)
        save(u);
    drop_rows(u);
    free(u->rows);
    free(u->path);
    free(u);
}

/* ---- notes ------------------------------------------------------------------------------- */

static void write_soon(struct uses *u)
{
    u->dirty = true;
    if (!u->writing)
        u->writing = fiber_start(save_later, u, "uses") != NULL;
}

void uses_note(struct uses *u, const char *initiator, const char *target,
               const struct cfg_use *use)
{
    unsigned at = place(u, initiator, target);
    struct use *r = row_at(u, at, initiator, target);
    if (!r)
        r = row_add(u, at, initiator, target);
    if (!r)
        return; /* the login is in the audit trail all the same */
    if (use->previous)
        r->previous = use->when;
    else
        r->last = *use;
    write_soon(u);
}

const struct cfg_use *uses_find(const struct uses *u, const char *initiator, const char *target)
{
    const struct use *r = row_at(u, place(u, initiator, target), initiator, target);
    return r ? &r->last : NULL;
}

uint64_t uses_find_previous(const struct uses *u, const char *initiator, const char *target)
{
    const struct use *r = row_at(u, place(u, initiator, target), initiator, target);
    return r ? r->previous : 0;
}

void uses_backed_up(struct uses *u, uint64_t generation)
{
    u->care.backup = run_wall() / NS_PER_SEC;
    u->care.backup_generation = generation;
    write_soon(u);
}

void uses_audited(struct uses *u)
{
    u->care.audit = run_wall() / NS_PER_SEC;
    write_soon(u);
}

struct cfg_care uses_care(const struct uses *u)
{
    return u->care;
}

uint64_t uses_since(const struct uses *u)
{
    return u->since;
}
