/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets and listeners of the simulated world, as their holders see them. Calls give less than
 * they could now and then (short reads, partial sends, a spurious -EAGAIN), because a kernel
 * may.
 */
#include "run/sim/sim_net.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PORT 49152u /* RFC 6335: dynamic ports */

static struct sim_sock *sim_sock_of(struct sock *s)
{
    return container_of(s, struct sim_sock, base);
}

static struct sim_listener *sim_listener_of(struct listener *l)
{
    return container_of(l, struct sim_listener, base);
}

/* ---- listeners --------------------------------------------------------------------------- */

static bool is_wildcard(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool listens_on(const struct sim_listener *l, const struct sock_addr *a)
{
    char mine[SOCK_ADDR_LEN], theirs[SOCK_ADDR_LEN];
    if (sock_addr_port(&l->base.addr) == 0 || sock_addr_port(a) == 0)
        return strcmp(l->base.addr.text, a->text) == 0;
    if (sock_addr_port(&l->base.addr) != sock_addr_port(a))
        return false;
    sock_addr_host(&l->base.addr, mine);
    sock_addr_host(a, theirs);
    return is_wildcard(mine) || strcmp(mine, theirs) == 0;
}

static struct sim_listener *listener_find(struct sim_world *w, const struct sock_addr *a)
{
    struct sim_listener *l;
    list_for_each (l, &w->listeners, node) {
        if (!l->closed && listens_on(l, a))
            return l;
    }
    return NULL;
}

static bool is_unix(const struct sock_addr *a)
{
    return strncmp(a->text, "unix:", 5) == 0;
}

static uint16_t port_next(struct sim_world *w)
{
    if (w->next_port < FIRST_PORT)
        w->next_port = FIRST_PORT;
    return w->next_port++;
}

static int sim_listen(struct run *run, const struct sock_addr *addr,
                      const struct listen_opts *opts, struct listener **ret_listener,
                      struct err *reterr)
{
    struct sim_world *w = sim_world_of(run);
    struct sock_addr a = *addr;
    (void)opts;
    if (!is_unix(addr) && sock_addr_port(addr) == 0) {
        char host[SOCK_ADDR_LEN];
        sock_addr_host(addr, host);
        if (sock_addr_make(host, port_next(w), &a) < 0)
            return err_set(reterr, E(-EINVAL), "%s is no address", addr->text);
    }
    sim_pass(w, sim_rand_below(&w->io, w->cfg.net_delay_max_ns));
    if (listener_find(w, &a))
        return err_set(reterr, E(-EADDRINUSE), "%s is in use", a.text);
    struct sim_listener *l = calloc(1, sizeof(*l));
    check(l);
    l->base = (struct listener){.run = run, .addr = a};
    l->home = reactor_self();
    list_init(&l->backlog);
    waitq_init(&l->accepters);
    list_push(&w->listeners, &l->node);
    *ret_listener = &l->base;
    return 0;
}

static int sim_accept(struct listener *listener, struct sock **ret_sock, struct cancel *c)
{
    struct sim_listener *l = sim_listener_of(listener);
    int r = 0;
    check(l->home == reactor_self());
    l->accepting++;
    while (r == 0 && !l->closed && list_empty(&l->backlog))
        r = waitq_wait(&l->accepters, NO_DEADLINE, c);
    l->accepting--;
    if (l->closed) {
        if (l->accepting == 0)
            free(l);
        return -ECANCELED;
    }
    if (r < 0)
        return r;
    struct list *first = list_pop(&l->backlog);
    check(first);
    struct sim_sock *s = list_entry(first, struct sim_sock, node);
    s->base.home = reactor_self();
    sim_note(sim_world_of(l->base.run), "accept", 0, 0);
    *ret_sock = &s->base;
    return 0;
}

/* A connection comes: its home is the listener's until it is accepted. */
void sim_listener_syn(struct sim_sock *s)
{
    struct sim_listener *l = listener_find(s->conn->w, &s->base.local);
    if (!l || s->peer->closed) {
        sim_signal(s->peer, SIM_SIG_REFUSED);
        return;
    }
    if (l->home != s->base.home) { /* the address was taken over by another reactor meanwhile */
        s->base.home = l->home;
        sim_signal(s, SIM_SIG_SYN);
        return;
    }
    s->closed = false;
    s->established = true;
    list_push(&l->backlog, &s->node);
    sim_signal(s->peer, SIM_SIG_ESTABLISHED);
    waitq_wake_one(&l->accepters);
}

static void sim_close(struct sock *sock);

static void sim_listener_close(struct listener *listener)
{
    struct sim_listener *l = sim_listener_of(listener);
    struct sim_sock *s;
    while ((s = list_first(&l->backlog, struct sim_sock, node))) {
        list_remove(&s->node);
        sim_close(&s->base);
    }
    list_remove(&l->node);
    l->closed = true;
    if (l->accepting)
        waitq_wake_all(&l->accepters); /* the last of them frees it */
    else
        free(l);
}

void sim_listeners_drop(struct sim_world *w)
{
    struct sim_listener *l, *tmp;
    list_for_each_safe (l, tmp, &w->listeners, node) {
        list_remove(&l->node);
        while (!list_empty(&l->backlog))
            list_remove(l->backlog.next);
        free(l);
    }
}

/* ---- connecting -------------------------------------------------------------------------- */

/* The address we seem to come from: this machine's, when that is where we go. */
static const char *near_host(const struct sock_addr *to)
{
    if (strncmp(to->text, "127.", 4) == 0)
        return "127.0.0.1";
    if (strncmp(to->text, "[::1]", 5) == 0)
        return "::1";
    return to->text[0] == '[' ? "2001:db8::100" : "192.0.2.100";
}

void sim_next_source(struct run *run, const char *host)
{
    struct sim_world *w = sim_world_of(run);
    text_copy(w->next_source, sizeof(w->next_source), host);
}

void sim_name_ends(struct sim_world *w, struct sim_conn *c, const struct sock_addr *addr)
{
    struct sock_addr mine = *addr;
    if (is_unix(addr)) {
        c->end[0].base.peer_uid = c->end[1].base.peer_uid = 0;
    } else {
        const char *host = w->next_source[0] ? w->next_source : near_host(addr);
        check(sock_addr_make(host, port_next(w), &mine) == 0);
        w->next_source[0] = '\0';
    }
    c->end[0].base.local = c->end[1].base.peer = mine;
    c->end[0].base.peer = c->end[1].base.local = *addr;
}

static int sim_connect(struct run *run, const struct sock_addr *addr, uint64_t deadline,
                       struct cancel *c, struct sock **ret_sock, struct err *reterr)
{
    struct sim_world *w = sim_world_of(run);
    struct sim_conn *conn = sim_conn_new(w);
    struct sim_sock *s = &conn->end[0];
    const struct sim_listener *l = listener_find(w, addr);
    sim_name_ends(w, conn, addr);
    s->closed = false;
    s->base.home = reactor_self();
    s->peer->base.home = l ? l->home : reactor_self();
    sim_signal(s->peer, SIM_SIG_SYN);
    int r = 0;
    while (r == 0 && !s->established && s->err == 0)
        r = waitq_wait(&s->writers, deadline, c);
    if (r == 0)
        r = s->err;
    if (r < 0) {
        sim_close(&s->base);
        return err_set(reterr, r, "cannot connect to %s: %s", addr->text, strerror(-r));
    }
    *ret_sock = &s->base;
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool readable(const struct sim_sock *s)
{
    return s->rx_len || s->err || s->fin || s->shut;
}

static int sim_wait_readable(struct sock *sock, uint64_t deadline, struct cancel *c)
{
    struct sim_sock *s = sim_sock_of(sock);
    int r = 0;
    while (r == 0 && !readable(s))
        r = waitq_wait(&s->readers, deadline, c);
    return r;
}

static size_t rx_take(struct sim_sock *s, void *ret_bytes, size_t cap)
{
    struct sim_world *w = s->conn->w;
    size_t n = MIN(cap, s->rx_len);
    if (n > 1 && w->cfg.net_segment_max && sim_rand_one_in(&w->io, 8)) {
        n = 1 + (size_t)sim_rand_below(&w->io, n - 1);
        w->stats.short_reads++;
    }
    memcpy(ret_bytes, s->rx + s->rx_at, n);
    s->rx_at += n;
    s->rx_len -= n;
    return n;
}

static ssize_t sim_recv(struct sock *sock, void *ret_bytes, size_t cap, uint64_t deadline,
                        struct cancel *c)
{
    struct sim_sock *s = sim_sock_of(sock);
    int r = sim_wait_readable(sock, deadline, c);
    if (r < 0)
        return r;
    if (s->shut)
        return 0;
    if (s->rx_len && s->datagrams)
        return (ssize_t)sim_datagram_take(s, ret_bytes, cap);
    if (s->rx_len) {
        size_t n = rx_take(s, ret_bytes, cap);
        sim_stream_taken(s, n);
        return (ssize_t)n;
    }
    r = s->err;
    if (s->datagrams)
        s->err = 0; /* told once */
    return r;
}

/* ---- writing ----------------------------------------------------------------------------- */

static size_t window_left(const struct sim_sock *s)
{
    size_t window = s->conn->w->cfg.net_window;
    return s->outstanding < window ? window - s->outstanding : 0;
}

static ssize_t send_datagram(struct sim_sock *s, const struct iovec *iov, int n)
{
    size_t len = 0, at = 0;
    for (int i = 0; i < n; i++)
        len += iov[i].iov_len;
    if (len > SIM_DATAGRAM_MAX)
        return -EMSGSIZE;
    uint8_t *bytes = malloc(MAX(len, 1u));
    if (!bytes)
        return -ENOMEM;
    for (int i = 0; i < n; at += iov[i++].iov_len)
        memcpy(bytes + at, iov[i].iov_base, iov[i].iov_len);
    sim_datagram_send(s->peer, bytes, len, 0);
    free(bytes);
    return (ssize_t)len;
}

static ssize_t sim_try_send(struct sock *sock, const struct iovec *iov, int n)
{
    struct sim_sock *s = sim_sock_of(sock);
    struct sim_world *w = s->conn->w;
    if (s->err || s->shut || s->finished)
        return s->err ? s->err : -EPIPE;
    if (s->datagrams)
        return send_datagram(s, iov, n);
    size_t room = window_left(s), sent = 0;
    if (w->cfg.net_segment_max && sim_rand_one_in(&w->io, 16))
        room = (size_t)sim_rand_below(&w->io, room + 1);
    for (int i = 0; i < n && sent < room; i++)
        sent += sim_stream_send(s, iov[i].iov_base, MIN(iov[i].iov_len, room - sent));
    return sent ? (ssize_t)sent : -EAGAIN;
}

static int sim_wait_writable(struct sock *sock, uint64_t deadline, struct cancel *c)
{
    struct sim_sock *s = sim_sock_of(sock);
    int r = 0;
    while (r == 0 && s->err == 0 && !s->shut && window_left(s) == 0)
        r = waitq_wait(&s->writers, deadline, c);
    if (r < 0)
        return r;
    return s->err ? s->err : s->shut ? -EPIPE : 0;
}

/* ---- ending ------------------------------------------------------------------------------ */

static void sim_finish(struct sock *sock)
{
    struct sim_sock *s = sim_sock_of(sock);
    if (!s->finished && !s->shut && !s->lost)
        sim_signal(s->peer, SIM_SIG_FIN);
    s->finished = true;
}

static void sim_shutdown(struct sock *sock)
{
    struct sim_sock *s = sim_sock_of(sock);
    if (s->shut)
        return;
    s->shut = true;
    if (s->datagrams)
        s->lost = true; /* nobody is told */
    if (!s->lost && s->rx_len)
        sim_signal(s->peer, SIM_SIG_RESET);
    else if (!s->lost && !s->finished)
        sim_signal(s->peer, SIM_SIG_FIN);
    waitq_wake_all(&s->readers);
    waitq_wake_all(&s->writers);
}

static void sim_close(struct sock *sock)
{
    struct sim_sock *s = sim_sock_of(sock);
    check(waitq_empty(&s->readers) && waitq_empty(&s->writers));
    sim_shutdown(sock);
    s->closed = true;
    sim_conn_released(s->conn);
}

static void sim_move(struct sock *sock, struct reactor *to)
{
    struct sim_sock *s = sim_sock_of(sock);
    check(s->base.home == reactor_self());
    check(waitq_empty(&s->readers) && waitq_empty(&s->writers));
    sim_note(s->conn->w, "move", s->base.home->index, to->index);
    s->base.home = to;
}

const struct sock_ops sim_sock_ops = {
    .listen = sim_listen,
    .accept = sim_accept,
    .listener_close = sim_listener_close,
    .connect = sim_connect,
    .datagrams = sim_datagrams,
    .wait_readable = sim_wait_readable,
    .recv = sim_recv,
    .try_send = sim_try_send,
    .wait_writable = sim_wait_writable,
    .finish = sim_finish,
    .shutdown = sim_shutdown,
    .close = sim_close,
    .move = sim_move,
};
