/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Initiators whose secrets a RADIUS server knows (RFC 2865): what they answered to our challenge is sent there, and the login
 * waits for the verdict. All on reactor 0, in the fiber of the login, which is the only one that waits; it has a socket of its
 * own meanwhile, so nobody else's answer can come in between, and every request another port and authenticator.
 *
 * Servers are asked in the order of the configuration, each several times; one that did not answer comes behind the others for
 * a while. Each gets but its share of the time that the login has left, so that all are asked before it is over. What fails
 * the checks of wire/radius.c is as if it had not come. Nothing is remembered of an answer but how often there was one.
 */
#include "net/net_int.h"
#include "net/radius_int.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKS_MAX                                                                               \
    256 /* at the same time; no address has more than limits.max_logins_per_address of them */
#define SILENT_MS   60000 /* a server that did not answer is asked last */
#define REQUEST_MAX 1280  /* bytes: all values at their longest */
#define LAST_WORD   4     /* this part of the login's time is kept for telling how it ends */

static const char no_answer[] = "no RADIUS server answers";
static const char too_many[] = "too many logins wait for RADIUS";
static const char cut_short[] = "the login ended before RADIUS answered";

/* ---- how servers are --------------------------------------------------------------------- */

struct radius_server {
    struct list node; /* net->radius */
    struct sock_addr addr;
    uint64_t silent_until; /* run_now() */
    struct net_radius_info info;
};

static struct radius_server *find(struct net *net, const struct sock_addr *a)
{
    struct radius_server *s;
    list_for_each (s, &net->radius, node)
        if (strcmp(s->addr.text, a->text) == 0)
            return s;
    return NULL;
}

/* NULL: no memory, and nothing is known of it. */
static struct radius_server *health(struct net *net, const struct sock_addr *a)
{
    struct radius_server *s = find(net, a);
    if (s || !(s = calloc(1, sizeof(*s))))
        return s;
    s->addr = s->info.addr = *a;
    list_push(&net->radius, &s->node);
    return s;
}

static void set_state(struct radius_server *s, enum net_radius_state state)
{
    s->info.state = state;
    s->info.since = run_wall() / NS_PER_SEC;
}

static void note_answer(struct net *net, const struct sock_addr *a, enum radius_verdict v)
{
    struct radius_server *s = health(net, a);
    if (!s)
        return;
    s->silent_until = 0;
    s->info.heard = run_wall() / NS_PER_SEC;
    s->info.error[0] = '\0';
    s->info.accepted += v == RADIUS_ACCEPTED;
    s->info.rejected += v == RADIUS_REJECTED;
    if (s->info.state == NET_RADIUS_SILENT)
        log_info("radius.answers", KV("server", "%s", a->text));
    if (s->info.state != NET_RADIUS_ANSWERS)
        set_state(s, NET_RADIUS_ANSWERS);
}

static void note_silence(struct net *net, const struct sock_addr *a, const char *why)
{
    struct radius_server *s = health(net, a);
    if (!s)
        return;
    s->silent_until = run_deadline_ms(SILENT_MS);
    s->info.unanswered++;
    if (s->info.state != NET_RADIUS_SILENT || strcmp(s->info.error, why) != 0)
        log_warn("radius.silent", KV("server", "%s", a->text), KV("error", "%s", why));
    text_copy(s->info.error, sizeof(s->info.error), why);
    if (s->info.state != NET_RADIUS_SILENT)
        set_state(s, NET_RADIUS_SILENT);
}

static bool address_of(const struct cfg_radius_server *s, struct sock_addr *ret_addr)
{
    return sock_addr_make(s->address, s->port, ret_addr) == 0;
}

/* ---- one request -------------------------------------------------------------------------- */

/* Too much for a fiber's stack. */
struct bytes {
    uint8_t request[REQUEST_MAX], answer[RADIUS_MAX];
};
struct ask {
    struct net *net;
    const struct radius_ask *what;
    /* Of the server that is asked. */
    const struct cfg_radius_server *server;
    struct sock_addr addr;
    struct radius_key key;
    struct radius_request q;
    uint64_t until;  /* it has no more time than that */
    const char *why; /* it did not answer, or what it said */
    struct bytes *bytes;
};

static bool md5(const struct iovec *parts, int n, uint8_t ret_digest[RADIUS_MD5_LEN])
{
    uint8_t digest[32];
    size_t len = 0;
    bool ok = net_hash(NULL, ISCSI_CHAP_MD5, parts, n, digest, &len) && len == RADIUS_MD5_LEN;
    memcpy(ret_digest, digest, ok ? RADIUS_MD5_LEN : 0);
    return ok;
}

static bool write_request(struct ask *a, struct wbuf *w)
{
    const struct iscsi_chap_response *r = &a->what->response;
    a->key = (struct radius_key){md5, a->server->secret.bytes, a->server->secret.len};
    a->q = (struct radius_request){.user = r->name,
                                   .chap_id = r->id,
                                   .challenge = r->challenge,
                                   .challenge_len = r->challenge_len,
                                   .identifier = "zsan",
                                   .called_station = a->what->target,
                                   .calling_station = a->what->source};
    memcpy(a->q.response, r->response, sizeof(a->q.response));
    run_random(&a->q.id, sizeof(a->q.id));
    run_random(a->q.authenticator, sizeof(a->q.authenticator));
    return radius_request_write(w, &a->q, &a->key);
}

/* What comes until then. 0: *ret_verdict is one. Parks. */
static int listen_for_answer(struct ask *a, struct sock *s, uint64_t until,
                             enum radius_verdict *ret_verdict)
{
    for (;;) {
        ssize_t n = sock_recv(s, a->bytes->answer, RADIUS_MAX, until, a->what->stop);
        if (n < 0)
            return (int)n;
        enum radius_verdict v =
            radius_answer_check(a->bytes->answer, (size_t)n, &a->q, &a->key, &a->why);
        if (v != RADIUS_NO_ANSWER) {
            *ret_verdict = v;
            return 0;
        }
    }
}

/* The same request again and again: a server that is slow answers any of them. 0, or why it did not answer. Parks. */
static int exchange(struct ask *a, struct sock *s, const struct wbuf *request,
                    enum radius_verdict *ret_verdict)
{
    const struct iovec iov = {request->p, request->len};
    int rc = -ETIMEDOUT;
    a->why = NULL;
    for (uint32_t i = 0; rc == -ETIMEDOUT && i < a->server->tries && run_now() < a->until;
         i++) {
        ssize_t sent = sock_try_send(s, &iov, 1);
        if (sent < 0 && sent != -EAGAIN) /* one that is not taken now counts as lost */
            return (int)sent;
        rc = listen_for_answer(a, s, MIN(a->until, run_deadline_ms(a->server->timeout_ms)),
                               ret_verdict);
    }
    return rc;
}

/* Who had less time than one try takes may be there all the same. */
static void note_failure(struct ask *a, uint64_t since, int rc)
{
    char why[200];
    bool late = rc == -ETIMEDOUT;
    if (late && run_now() - since < a->server->timeout_ms * NS_PER_MS)
        return;
    if (late && a->why)
        snprintf(why, sizeof(why), "no answer that counts: %s", a->why);
    else
        text_copy(why, sizeof(why), late ? "no answer" : strerror(-rc));
    note_silence(a->net, &a->addr, why);
}

/* 0: *ret_verdict is its word. -ECANCELED: the login is over. Else it did not answer, and that is noted. Parks. */
static int ask_server(struct ask *a, enum radius_verdict *ret_verdict)
{
    struct wbuf request = wbuf_make(a->bytes->request, REQUEST_MAX);
    struct sock *s = NULL;
    uint64_t since = run_now();
    int rc = sock_datagrams(&a->addr, &s, NULL);
    if (rc == 0) /* without MD5 (FIPS) nobody can be asked */
        rc = write_request(a, &request) ? exchange(a, s, &request, ret_verdict) : -EOPNOTSUPP;
    sock_close(s);
    if (rc == 0)
        note_answer(a->net, &a->addr, *ret_verdict);
    else if (rc != -ECANCELED)
        note_failure(a, since, rc);
    return rc;
}

/* ---- all of them -------------------------------------------------------------------------- */

/* Those that answered first, in the order of the configuration; their number. */
static unsigned in_order(struct net *net, const struct cfg_radius *r,
                         const struct cfg_radius_server *ret_order[CFG_RADIUS_SERVERS])
{
    struct sock_addr a;
    unsigned n = 0;
    for (unsigned silent = 0; silent < 2; silent++)
        for (unsigned i = 0; i < r->nservers; i++) {
            if (!address_of(&r->servers[i], &a))
                continue;
            const struct radius_server *s = find(net, &a);
            if ((s && run_now() < s->silent_until) == (silent != 0))
                ret_order[n++] = &r->servers[i];
        }
    return n;
}

/* When the next of n servers has had its share. */
static uint64_t share(uint64_t until, unsigned n)
{
    uint64_t now = run_now();
    return now < until ? now + (until - now) / n : now;
}

static int ask_all(struct ask *a, const struct cfg_radius *r, enum radius_verdict *ret_verdict)
{
    const struct cfg_radius_server *order[CFG_RADIUS_SERVERS];
    unsigned n = in_order(a->net, r, order);
    uint64_t now = run_now(), until = a->what->until;
    int rc = -ETIMEDOUT;
    until -= now < until ? (until - now) / LAST_WORD : 0;
    for (unsigned i = 0; rc != 0 && rc != -ECANCELED && i < n; i++) {
        a->server = order[i];
        a->until = share(until, n - i);
        rc = address_of(order[i], &a->addr) ? ask_server(a, ret_verdict) : -EINVAL;
    }
    return rc;
}

uint16_t radius_verify(struct net *net, const struct radius_ask *what, const char **ret_why)
{
    struct ask a = {.net = net, .what = what};
    const struct config *cfg = net->cfg;
    enum radius_verdict v = RADIUS_NO_ANSWER;
    *ret_why = too_many;
    if (net->nasks >= ASKS_MAX || !(a.bytes = malloc(sizeof(*a.bytes))))
        return ISCSI_LOGIN_OUT_OF_RESOURCES;
    config_ref(cfg); /* the secrets stay as long as we ask */
    net->nasks++;
    int rc = ask_all(&a, &cfg->radius, &v);
    net->nasks--;
    config_put(cfg);
    free(a.bytes);
    *ret_why = rc == 0 ? a.why : rc == -ECANCELED ? cut_short : no_answer;
    if (rc < 0)
        return ISCSI_LOGIN_UNAVAILABLE;
    return v == RADIUS_ACCEPTED ? ISCSI_LOGIN_OK : ISCSI_LOGIN_AUTH_FAILED;
}

/* ---- for net and for people ---------------------------------------------------------------- */

static bool configured(const struct cfg_radius *r, const struct sock_addr *addr)
{
    struct sock_addr a;
    for (unsigned i = 0; i < r->nservers; i++)
        if (address_of(&r->servers[i], &a) && strcmp(a.text, addr->text) == 0)
            return true;
    return false;
}

void radius_apply(struct net *net, const struct cfg_radius *r)
{
    struct radius_server *s, *tmp;
    list_for_each_safe (s, tmp, &net->radius, node)
        if (!r || !configured(r, &s->addr)) {
            list_remove(&s->node);
            free(s);
        }
}

int net_radius(struct net *net, struct net_radius_info **ret_servers, unsigned *ret_n)
{
    struct net_radius_info *out = calloc(CFG_RADIUS_SERVERS, sizeof(*out));
    unsigned n = 0;
    if (!out)
        return -ENOMEM;
    for (unsigned i = 0; net->cfg && i < net->cfg->radius.nservers; i++) {
        struct sock_addr a;
        if (!address_of(&net->cfg->radius.servers[i], &a))
            continue;
        const struct radius_server *s = find(net, &a);
        if (s)
            out[n] = s->info;
        out[n++].addr = a;
    }
    *ret_servers = out;
    *ret_n = n;
    return 0;
}
