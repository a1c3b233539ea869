/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections. Descriptors are non-blocking and watched edge-triggered for both directions from
 * birth to death, so that no epoll call is made per wait. readable and writable remember the
 * edges: a read shorter than asked for has drained the socket and the next edge will tell when
 * there is more, unless the end was announced, whose edge may have been consumed together with
 * the data's.
 *
 * One read per socket and turn: a second one yields first, so that a peer that never stops
 * sending shares the loop with the others, and what one large read brought is answered in one
 * go.
 */
#include "run/real/real_sock.h"

#include "base/check.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { KEEPALIVE_IDLE_S = 30, KEEPALIVE_INTERVAL_S = 10, KEEPALIVE_COUNT = 3 };

static struct real_sock *real_sock_of(struct sock *s)
{
    return container_of(s, struct real_sock, base);
}

static void sock_ready(struct poll_source *p, uint32_t events)
{
    struct real_sock *s = container_of(p, struct real_sock, src);
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        s->ending = true;
    if (events & EPOLLIN || s->ending) {
        s->readable = true;
        waitq_wake_all(&s->rd);
    }
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        s->writable = true;
        waitq_wake_all(&s->wr);
    }
}

/* ---- life -------------------------------------------------------------------------------- */

int real_sock_adopt(struct run *run, int fd, bool writable, struct real_sock **ret_sock)
{
    struct real_sock *s = calloc(1, sizeof(*s));
    int rc = s ? 0 : E(-ENOMEM);
    if (rc == 0) {
        *s = (struct real_sock){
            .base = {.run = run, .home = reactor_self(), .peer_uid = -1},
            .src.ready = sock_ready,
            .fd = fd,
            .readable = writable,
            .writable = writable
        };
        waitq_init(&s->rd);
        waitq_init(&s->wr);
        rc = real_watch(s->base.home, fd, &s->src);
    }
    if (rc < 0) {
        close(fd);
        free(s);
        return rc;
    }
    *ret_sock = s;
    return 0;
}

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value)); /* an improvement, not a condition */
}

/* Its addresses; the family of the peer's. */
static sa_family_t real_sock_name(struct real_sock *s)
{
    union any_addr a = {0};
    socklen_t len = sizeof(a);
    if (getsockname(s->fd, &a.any, &len) == 0)
        sockaddr_to_text(&a, len, &s->base.local);
    len = sizeof(a);
    if (getpeername(s->fd, &a.any, &len) == 0)
        sockaddr_to_text(&a, len, &s->base.peer);
    return a.any.sa_family;
}

void real_sock_connected(struct real_sock *s)
{
    if (real_sock_name(s) == AF_UNIX) {
        struct ucred cred;
        socklen_t len = sizeof(cred);
        if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
            s->base.peer_uid = cred.uid;
        return;
    }
    set_option(s->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(s->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(s->fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
}

static void real_close(struct sock *sock)
{
    struct real_sock *s = real_sock_of(sock);
    check(waitq_empty(&s->rd) && waitq_empty(&s->wr));
    real_unwatch(sock->home, s->fd);
    close(s->fd);
    free(s);
}

static void real_finish(struct sock *sock)
{
    shutdown(real_sock_of(sock)->fd, SHUT_WR);
}

/* Readers see the end, writers the error, without waiting for the kernel to say so. */
static void real_shutdown(struct sock *sock)
{
    struct real_sock *s = real_sock_of(sock);
    shutdown(s->fd, SHUT_RDWR);
    sock_ready(&s->src, EPOLLHUP);
}

/* Watching it anew gives an edge for whatever is there already. Where the kernel has no memory
 * for that, the connection ends; nothing of it may be touched here once it is watched there. */
static void real_move(struct sock *sock, struct reactor *to)
{
    struct real_sock *s = real_sock_of(sock);
    check(waitq_empty(&s->rd) && waitq_empty(&s->wr));
    real_unwatch(sock->home, s->fd);
    sock->home = to;
    s->readable = s->writable = true;
    s->recv_turn = 0;
    int fd = s->fd;
    if (real_watch(to, fd, &s->src) < 0) {
        s->ending = true;
        shutdown(fd, SHUT_RDWR);
    }
}

/* ---- waiting and transfers --------------------------------------------------------------- */

static int real_wait_readable(struct sock *sock, uint64_t deadline, struct cancel *c)
{
    struct real_sock *s = real_sock_of(sock);
    int rc = 0;
    while (rc == 0 && !s->readable)
        rc = waitq_wait(&s->rd, deadline, c);
    return rc;
}

static int real_wait_writable(struct sock *sock, uint64_t deadline, struct cancel *c)
{
    struct real_sock *s = real_sock_of(sock);
    int rc = 0;
    while (rc == 0 && !s->writable)
        rc = waitq_wait(&s->wr, deadline, c);
    return rc;
}

static void one_read_per_turn(struct real_sock *s)
{
    const struct reactor_stats *stats = &s->base.home->stats;
    if (s->recv_turn == stats->turns)
        fiber_yield();
    s->recv_turn = stats->turns;
}

static ssize_t real_recv(struct sock *sock, void *ret_bytes, size_t cap, uint64_t deadline,
                         struct cancel *c)
{
    struct real_sock *s = real_sock_of(sock);
    for (;;) {
        int rc = real_wait_readable(sock, deadline, c);
        if (rc < 0)
            return rc;
        one_read_per_turn(s);
        ssize_t n = recv(s->fd, ret_bytes, cap, MSG_DONTWAIT);
        if (n >= 0) {
            if ((size_t)n < cap && !s->ending && !s->datagrams)
                s->readable = false;
            return n;
        }
        if (errno == EAGAIN)
            s->readable = false;
        else if (errno != EINTR)
            return E(-errno);
    }
}

static ssize_t real_try_send(struct sock *sock, const struct iovec *iov, int n)
{
    struct real_sock *s = real_sock_of(sock);
    if (!s->writable)
        return -EAGAIN;
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                       .msg_iovlen = (size_t)MIN(n, IOV_MAX)};
    ssize_t rc;
    do
        rc = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return rc;
    if (errno != EAGAIN)
        return E(-errno);
    s->writable = false;
    return -EAGAIN;
}

/* ---- connecting -------------------------------------------------------------------------- */

static int finish_connect(struct real_sock *s, uint64_t deadline, struct cancel *c)
{
    int rc = real_wait_writable(&s->base, deadline, c);
    int error = 0;
    socklen_t len = sizeof(error);
    if (rc == 0 && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    return rc < 0 ? rc : -error;
}

/* The descriptor, connected or on its way. */
static int start_connect(const struct sock_addr *addr, int type)
{
    union any_addr a;
    socklen_t alen;
    int rc = sockaddr_from_text(addr, &a, &alen);
    if (rc < 0)
        return rc;
    int fd = socket(a.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return E(-errno);
    if (connect(fd, &a.any, alen) < 0 && errno != EINPROGRESS) {
        rc = E(-errno);
        close(fd);
        return rc;
    }
    return fd;
}

static int real_connect(struct run *run, const struct sock_addr *addr, uint64_t deadline,
                        struct cancel *c, struct sock **ret_sock, struct err *reterr)
{
    struct real_sock *s = NULL;
    int rc = start_connect(addr, SOCK_STREAM);
    if (rc >= 0)
        rc = real_sock_adopt(run, rc, false, &s);
    if (rc == 0) {
        rc = finish_connect(s, deadline, c);
        if (rc < 0)
            real_close(&s->base);
    }
    if (rc < 0)
        return real_err(reterr, rc, addr->text);
    real_sock_connected(s);
    *ret_sock = &s->base;
    return 0;
}

static int real_datagrams(struct run *run, const struct sock_addr *addr, struct sock **ret_sock,
                          struct err *reterr)
{
    struct real_sock *s = NULL;
    int rc = start_connect(addr, SOCK_DGRAM);
    if (rc >= 0)
        rc = real_sock_adopt(run, rc, true, &s);
    if (rc < 0)
        return real_err(reterr, rc, addr->text);
    s->datagrams = true;
    real_sock_name(s);
    *ret_sock = &s->base;
    return 0;
}

const struct sock_ops real_sock_ops = {
    .listen = real_listen,
    .accept = real_accept,
    .listener_close = real_listener_close,
    .connect = real_connect,
    .datagrams = real_datagrams,
    .recv = real_recv,
    .wait_readable = real_wait_readable,
    .try_send = real_try_send,
    .wait_writable = real_wait_writable,
    .finish = real_finish,
    .shutdown = real_shutdown,
    .close = real_close,
    .move = real_move,
};
