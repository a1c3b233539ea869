/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a name server asks whether we are still there (ESI) and tells of changes (SCN): a listener at an address of a portal
 * that was registered, with a port of its own that the server is told (RFC 4171 6.3.5). Anybody may ask, for a server may come from
 * another of its addresses; but places for its own are kept, and an answer tells nobody more than was asked.
 */
#include "net/isns_int.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_MAX 4 /* connections from elsewhere */
#define CONNS_MAX  12
#define IDLE_MS    60000 /* a server may keep a connection for its next question */
#define IN_MAX     4096  /* bytes of a question */

struct isns_ear {
    struct isns_server *server;
    struct listener *listener;
    char host[SOCK_ADDR_LEN];
    struct list conns;
    unsigned nconns, nothers;
    bool accepting;
    struct cancel stop; /* of the accept fiber */
    struct waitq gone;
};

struct ear_conn {
    struct list node;
    struct isns_ear *ear;
    struct cancel stop;
    struct isns_stream in;
    bool other; /* not from the server's address */
    uint8_t bytes[sizeof(struct isns_hdr) + IN_MAX];
};

static void heard(struct isns_server *s, const struct isns_pdu *asked, bool scn)
{
    s->heard = run_wall() / NS_PER_SEC;
    s->asked += asked->function == ISNS_ESI;
    if (scn) {
        s->link.scn = true;
        cancel_fire(&s->wake);
    }
}

static void conn_fiber_fn(void *arg)
{
    struct ear_conn *c = arg;
    struct isns_ear *e = c->ear;
    struct isns_pdu p;
    bool scn = false;
    while (isns_stream_next(&c->in, run_deadline_ms(IDLE_MS), &c->stop, &p) == 1 &&
           isns_stream_answer(&c->in, &p, run_deadline_ms(IDLE_MS), &c->stop, &scn) == 0) {
        if (!c->other)
            heard(e->server, &p, scn);
        scn = false;
    }
    sock_close(c->in.sock);
    list_remove(&c->node);
    e->nconns--;
    e->nothers -= c->other;
    waitq_wake_all(&e->gone);
    free(c);
}

static bool from_elsewhere(const struct isns_ear *e, const struct sock *s)
{
    char peer[SOCK_ADDR_LEN], server[SOCK_ADDR_LEN];
    sock_addr_host(sock_peer(s), peer);
    sock_addr_host(&e->server->addr, server);
    return strcmp(peer, server) != 0;
}

static void admit(struct isns_ear *e, struct sock *s)
{
    bool other = from_elsewhere(e, s);
    bool room = e->nconns < CONNS_MAX && (!other || e->nothers < OTHERS_MAX);
    struct ear_conn *c = room ? calloc(1, sizeof(*c)) : NULL;
    if (!c) {
        sock_close(s);
        return;
    }
    c->ear = e;
    c->other = other;
    cancel_init(&c->stop);
    c->in = (struct isns_stream){.sock = s, .in = c->bytes, .cap = sizeof(c->bytes)};
    if (!fiber_start(conn_fiber_fn, c, "isns-asked")) {
        sock_close(s);
        free(c);
        return;
    }
    list_push(&e->conns, &c->node);
    e->nconns++;
    e->nothers += other;
}

static void accept_fiber(void *arg)
{
    struct isns_ear *e = arg;
    struct sock *s;
    int r;
    while ((r = listener_accept(e->listener, &s, &e->stop)) != -ECANCELED) {
        if (r == 0)
            admit(e, s);
        else
            fiber_sleep_until(run_deadline_ms(100), NULL); /* out of descriptors: let some go */
    }
    e->accepting = false;
    waitq_wake_all(&e->gone);
}

int isns_ear_open(struct isns_server *s, const char *host, struct isns_ear **ret_ear,
                  struct err *reterr)
{
    static const struct listen_opts opts = {.backlog = CONNS_MAX};
    struct sock_addr addr;
    struct isns_ear *e = calloc(1, sizeof(*e));
    if (!e || sock_addr_make(host, 0, &addr) < 0) {
        free(e);
        return err_set(reterr, -ENOMEM, "out of memory");
    }
    e->server = s;
    text_copy(e->host, sizeof(e->host), host);
    list_init(&e->conns);
    waitq_init(&e->gone);
    cancel_init(&e->stop);
    int r = listener_open(&addr, &opts, &e->listener, reterr);
    if (r == 0) {
        e->accepting = fiber_start(accept_fiber, e, "isns-ear") != NULL;
        if (!e->accepting) {
            listener_close(e->listener);
            r = err_set(reterr, -ENOMEM, "no fiber to be had");
        }
    }
    if (r < 0)
        free(e);
    else
        *ret_ear = e;
    return r;
}

void isns_ear_close(struct isns_ear *e)
{
    struct ear_conn *c;
    if (!e)
        return;
    cancel_fire(&e->stop);
    while (e->accepting)
        waitq_wait(&e->gone, NO_DEADLINE, NULL);
    listener_close(e->listener);
    list_for_each (c, &e->conns, node)
        cancel_fire(&c->stop);
    while (e->nconns > 0)
        waitq_wait(&e->gone, NO_DEADLINE, NULL);
    free(e);
}

const char *isns_ear_host(const struct isns_ear *e)
{
    return e->host;
}

uint16_t isns_ear_port(const struct isns_ear *e)
{
    return sock_addr_port(listener_addr(e->listener));
}
