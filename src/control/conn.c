/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection: lines in, lines out, one request at a time. A peer that waits holds no
 * buffer; a line that is begun must end within CONTROL_LINE_MS and RPC_LINE_MAX bytes, after
 * which the connection is closed, for its end can't be found any more. Few may be CONTROL_LARGE at
 * a time, so that memory stays bounded. Parsing and writing of
 * JSON run off the loop. The buffers may hold secrets and are wiped. Home: reactor 0;
 * everything parks.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096 /* bytes, a first buffer */

struct conn {
    struct control *c;
    struct sock *s;
    char *buf; /* NULL while idle */
    size_t len, cap;
    size_t searched;  /* bytes without a newline */
    bool large;       /* counted in c->nlarge */
    bool reader;      /* may only look */
    struct list node; /* c->callers, during a call */
    struct fiber *fiber;
};

/* ---- lines in ---------------------------------------------------------------------------- */

static void buf_drop(struct conn *k)
{
    if (k->buf)
        wipe(k->buf, k->cap);
    free(k->buf);
    k->buf = NULL;
    k->c->nlarge -= k->large;
    k->large = false;
    k->len = k->cap = k->searched = 0;
}

/* Not realloc(), which would leave secrets behind. -EBUSY: others hold the places for so much. */
static int buf_grow(struct conn *k)
{
    size_t cap = k->cap > 0 ? k->cap * 2 : CHUNK;
    bool grows_large = cap > CONTROL_LARGE && !k->large;
    if (grows_large && (k->reader || k->c->nlarge >= CONTROL_LARGE_MAX))
        return -EBUSY; /* what is that large changes something */
    char *buf = malloc(cap);
    if (!buf)
        return -ENOMEM;
    if (k->buf) {
        memcpy(buf, k->buf, k->len);
        wipe(k->buf, k->cap);
    }
    free(k->buf);
    k->buf = buf;
    k->cap = cap;
    k->c->nlarge += grows_large;
    k->large = k->large || grows_large;
    return 0;
}

/* Makes the buffer begin with a whole line of *ret_len bytes and its newline. -EFBIG: there is
 * no end within RPC_LINE_MAX; -EPIPE: the peer left. */
static int line_read(struct conn *k, size_t *ret_len)
{
    if (k->len == 0) {
        buf_drop(k);
        int rc = sock_wait_readable(k->s, run_deadline_ms(CONTROL_IDLE_MS), &k->c->stop);
        if (rc < 0)
            return rc;
    }
    uint64_t deadline = run_deadline_ms(CONTROL_LINE_MS);
    for (;;) {
        char *nl = k->len > k->searched
                       ? memchr(k->buf + k->searched, '\n', k->len - k->searched)
                       : NULL;
        if (nl) {
            *ret_len = (size_t)(nl - k->buf);
            return *ret_len <= RPC_LINE_MAX ? 0 : -EFBIG;
        }
        k->searched = k->len;
        if (k->len > RPC_LINE_MAX)
            return -EFBIG;
        int rc = k->len == k->cap ? buf_grow(k) : 0;
        if (rc < 0)
            return rc;
        ssize_t n = sock_recv(k->s, k->buf + k->len, k->cap - k->len, deadline, &k->c->stop);
        if (n <= 0)
            return n < 0 ? (int)n : -EPIPE;
        k->len += (size_t)n;
    }
}

/* Takes the line away; what came behind it is the next one's beginning. */
static void line_done(struct conn *k, size_t len)
{
    size_t rest = k->len - len - 1;
    memmove(k->buf, k->buf + len + 1, rest);
    wipe(k->buf + rest, k->len - rest);
    k->len = rest;
    k->searched = 0;
}

/* ---- one request ------------------------------------------------------------------------- */

struct parse_job {
    const char *text;
    size_t len;
    struct request *request;
    struct rpc_error *error;
    int rc;
};
static void parse_now(void *arg)
{
    struct parse_job *j = arg;
    j->rc = request_parse(j->text, j->len, j->request, j->error);
}

struct answer_job {
    const json_t *id;
    json_t *result; /* taken over; NULL: the error */
    const struct rpc_error *error;
    char *line;
    size_t len;
};
static void answer_now(void *arg)
{
    struct answer_job *j = arg;
    if (j->result)
        answer_result(j->id, j->result, &j->line, &j->len);
    else
        answer_error(j->id, j->error, &j->line, &j->len);
}

static int answer(struct conn *k, const json_t *id, json_t *result,
                  const struct rpc_error *error)
{
    struct answer_job j = {.id = id, .result = result, .error = error};
    run_offload(answer_now, &j);
    if (!j.line)
        return -ENOMEM;
    /* The plane's stop cuts off who does not take his answer; the others have it by then. */
    int rc = sock_send(k->s, j.line, j.len, run_deadline_ms(CONTROL_SEND_MS), &k->c->stop);
    wipe(j.line, j.len);
    free(j.line);
    return rc;
}

/* One event for each change, whoever asked and however it ended; and for what tells secrets. */
static void audit(const struct conn *k, const struct request *r, const struct rpc_error *e)
{
    char subject[200];
    const char *result = e->code ? e->err.msg : "ok";
    long long uid = sock_peer_uid(k->s);
    params_subject(r->method->params, r->method->nparams, r->args, subject, sizeof(subject));
    if (r->method->audit == AUDIT_CHANGE)
        log_info("control.change", KV("method", "%s", r->method->name),
                 KV("object", "%s", subject), KV("uid", "%lld", uid),
                 KV("result", "%s", result));
    else if (r->method->audit == AUDIT_READ)
        log_info("control.read", KV("method", "%s", r->method->name),
                 KV("object", "%s", subject), KV("uid", "%lld", uid),
                 KV("result", "%s", result));
}

/* What changes something, tells secrets or opens files by name is for those who may act. */
static int may_call(const struct conn *k, const struct method *m, struct err *reterr)
{
    if (!k->reader || m->audit == AUDIT_NONE)
        return 0;
    return err_set(reterr, -EACCES,
                   "%s: this user may look, and change nothing: see zsand's --control-group",
                   m->name);
}

int64_t control_caller(void *arg)
{
    const struct control *c = arg;
    const struct conn *k;
    list_for_each (k, &c->callers, node) {
        if (k->fiber == fiber_self())
            return sock_peer_uid(k->s);
    }
    return -1;
}

/* Runs the method; the result, or NULL and *ret_error. Who is told that something was done can rely on the trail to
 * tell it, too, even if the power fails now. */
static json_t *call(struct conn *k, const struct request *r, struct rpc_error *ret_error)
{
    json_t *result = NULL;
    bool denied = may_call(k, r->method, &ret_error->err) < 0;
    int rc = -EACCES;
    k->fiber = fiber_self();
    list_push(&k->c->callers, &k->node);
    if (!denied)
        rc = r->method->call(k->c, r->args, &result, &ret_error->err);
    list_remove(&k->node);
    if (rc < 0) {
        ret_error->code = RPC_FAILED;
        ret_error->err.code = rc;
        if (!ret_error->err.msg[0])
            err_set(&ret_error->err, rc, "%s: %s", r->method->name, strerror(-rc));
    }
    if (denied)
        log_warn("control.denied", KV("method", "%s", r->method->name),
                 KV("uid", "%lld", (long long)sock_peer_uid(k->s)));
    else
        audit(k, r, ret_error);
    if (!denied && r->method->audit != AUDIT_NONE && k->c->env.audit)
        audit_sync(k->c->env.audit); /* if it fails, the status says so, and an event did */
    if (rc == 0 && r->method->audit == AUDIT_CHANGE)
        remember(k->c, r);
    return rc < 0 ? NULL : result;
}

static int serve_line(struct conn *k, size_t len)
{
    struct request r;
    struct rpc_error e = {.field = ""};
    struct parse_job j = {k->buf, len, &r, &e, 0};
    run_offload(parse_now, &j);
    line_done(k, len);
    json_t *result = j.rc == 0 ? call(k, &r, &e) : NULL;
    int rc = answer(k, r.id, result, &e);
    request_free(&r);
    return rc;
}

/* The rest of the line is not read: the connection ends. */
static void refuse_line(struct conn *k, int why)
{
    struct rpc_error e = {.code = why == -EFBIG ? RPC_INVALID : RPC_FAILED};
    if (why == -EFBIG)
        err_set(&e.err, why, "a request has at most %u bytes", RPC_LINE_MAX);
    else
        err_set(&e.err, why,
                "%d requests of more than %u bytes are being read: repeat it later",
                CONTROL_LARGE_MAX, CONTROL_LARGE);
    answer(k, NULL, NULL, &e);
}

void control_serve(struct control *c, struct sock *s, bool reader)
{
    struct conn k = {.c = c, .s = s, .reader = reader};
    list_init(&k.node);
    size_t len = 0;
    int rc = 0;
    while (rc == 0) {
        rc = line_read(&k, &len);
        if (rc == 0)
            rc = serve_line(&k, len);
        else if (rc == -EFBIG || rc == -EBUSY)
            refuse_line(&k, rc);
    }
    buf_drop(&k);
    sock_close(s);
}

void control_turn_away(struct sock *s, int code, const char *why)
{
    struct rpc_error e = {.code = RPC_FAILED};
    struct iovec iov = {NULL, 0};
    char *line;
    err_set(&e.err, code, "%s", why);
    if (answer_error(NULL, &e, &line, &iov.iov_len) < 0)
        return;
    iov.iov_base = line;
    if (sock_try_send(s, &iov, 1) < 0)
        log_debug("control.turned_away");
    free(line);
}
