/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets, the part that is the same in every world: who may call, what is counted, and sending
 * to the end. */
#include "run/run_int.h"

#include "base/check.h"

#include <errno.h>

static const struct sock_ops *ops_of(const struct sock *s)
{
    check(s->home == reactor_self());
    return s->run->ops->sock;
}

/* ---- listeners --------------------------------------------------------------------------- */

int listener_open(const struct sock_addr *addr, const struct listen_opts *opts,
                  struct listener **ret_listener, struct err *reterr)
{
    check(fiber_self() != NULL);
    struct run *run = reactor_self()->run;
    return run->ops->sock->listen(run, addr, opts, ret_listener, reterr);
}

const struct sock_addr *listener_addr(const struct listener *l)
{
    return &l->addr;
}

int listener_accept(struct listener *l, struct sock **ret_sock, struct cancel *c)
{
    check(fiber_self() != NULL);
    struct sock *s;
    int rc = l->run->ops->sock->accept(l, &s, c);
    if (rc < 0)
        return rc;
    s->home = reactor_self();
    *ret_sock = s;
    return 0;
}

void listener_close(struct listener *l)
{
    if (l)
        l->run->ops->sock->listener_close(l);
}

/* ---- connections ------------------------------------------------------------------------- */

int sock_connect(const struct sock_addr *addr, uint64_t deadline, struct cancel *c,
                 struct sock **ret_sock, struct err *reterr)
{
    check(fiber_self() != NULL);
    struct reactor *r = reactor_self();
    struct sock *s;
    int rc = r->run->ops->sock->connect(r->run, addr, deadline, c, &s, reterr);
    if (rc < 0)
        return rc;
    s->home = r;
    *ret_sock = s;
    return 0;
}

int sock_datagrams(const struct sock_addr *addr, struct sock **ret_sock, struct err *reterr)
{
    check(fiber_self() != NULL);
    struct reactor *r = reactor_self();
    struct sock *s;
    int rc = r->run->ops->sock->datagrams(r->run, addr, &s, reterr);
    if (rc < 0)
        return rc;
    s->home = r;
    *ret_sock = s;
    return 0;
}

const struct sock_addr *sock_local(const struct sock *s)
{
    return &s->local;
}

const struct sock_addr *sock_peer(const struct sock *s)
{
    return &s->peer;
}

unsigned sock_peer_groups(const struct sock *s)
{
    return s->peer_groups;
}

int64_t sock_peer_uid(const struct sock *s)
{
    return s->peer_uid;
}

ssize_t sock_recv(struct sock *s, void *ret_bytes, size_t cap, uint64_t deadline,
                  struct cancel *c)
{
    check(cap > 0 && fiber_self() != NULL);
    s->home->stats.sock_recv++;
    return ops_of(s)->recv(s, ret_bytes, cap, deadline, c);
}

int sock_wait_readable(struct sock *s, uint64_t deadline, struct cancel *c)
{
    check(fiber_self() != NULL);
    return ops_of(s)->wait_readable(s, deadline, c);
}

ssize_t sock_try_send(struct sock *s, const struct iovec *iov, int n)
{
    s->home->stats.sock_send++;
    return ops_of(s)->try_send(s, iov, n);
}

int sock_wait_writable(struct sock *s, uint64_t deadline, struct cancel *c)
{
    check(fiber_self() != NULL);
    return ops_of(s)->wait_writable(s, deadline, c);
}

int sock_send(struct sock *s, const void *bytes, size_t len, uint64_t deadline,
              struct cancel *c)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, len}; /* iovec has no const */
    while (iov.iov_len > 0) {
        ssize_t n = sock_try_send(s, &iov, 1);
        if (n == -EAGAIN) {
            int rc = sock_wait_writable(s, deadline, c);
            if (rc < 0)
                return rc;
            continue;
        }
        if (n < 0)
            return (int)n;
        iov.iov_base = (uint8_t *)iov.iov_base + n;
        iov.iov_len -= (size_t)n;
    }
    return 0;
}

void sock_finish(struct sock *s)
{
    ops_of(s)->finish(s);
}

void sock_shutdown(struct sock *s)
{
    ops_of(s)->shutdown(s);
}

void sock_close(struct sock *s)
{
    if (s)
        ops_of(s)->close(s);
}

void sock_move(struct sock *s, struct reactor *to)
{
    if (to != s->home)
        ops_of(s)->move(s, to);
}
