/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zload-raw: load from an initiator that batches (raw_conn.c), about a microsecond per command,
 * to see what a server can do when the client isn't the limit. --sessions 64 --depth 128
 * --block 1m --mode write --verify off floods it; --idle only holds sessions.
 */
#include "raw_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS   64
#define DRAIN_NS (20 * UINT64_C(1000000000)) /* a flood may have gigabytes queued */

struct loop {
    struct load_thread *t;
    struct raw_conn *conns;
    uint32_t n;
    int epoll_fd;
};

static void want(const struct loop *l, struct raw_conn *c, int op)
{
    struct epoll_event ev = {.events = EPOLLIN | (c->blocked ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(l->epoll_fd, op, c->session.fd, &ev);
}

static void turn(const struct loop *l, struct raw_conn *c, uint32_t events)
{
    bool was_blocked = c->blocked;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        raw_conn_receive(c);
    raw_conn_send(c);
    if (c->lost)
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, c->session.fd, NULL);
    else if (c->blocked != was_blocked)
        want(l, c, EPOLL_CTL_MOD);
}

static void poll_once(const struct loop *l)
{
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(l->epoll_fd, ev, EVENTS, 100);
    for (int i = 0; i < n; i++)
        turn(l, ev[i].data.ptr, ev[i].events);
}

static uint32_t in_flight(const struct loop *l)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < l->n; i++)
        sum += l->conns[i].lost ? 0 : l->conns[i].in_flight;
    return sum;
}

static void run(const struct loop *l)
{
    bool idle = l->t->opt->depth == 0;
    for (uint32_t i = 0; i < l->n; i++) {
        want(l, &l->conns[i], EPOLL_CTL_ADD);
        turn(l, &l->conns[i], 0);
    }
    while (load_phase(l->t) != LOAD_STOP && (idle || in_flight(l) > 0))
        poll_once(l);
    for (uint32_t i = 0; i < l->n; i++)
        l->conns[i].stopping = true;
    for (uint64_t until = load_now_ns() + DRAIN_NS; in_flight(l) > 0 && load_now_ns() < until;)
        poll_once(l);
    if (in_flight(l) > 0)
        load_error(l->t, "%u commands got no answer", in_flight(l));
}

static int body(struct load_thread *t, struct err *reterr)
{
    const struct options *o = t->opt;
    struct loop l = {.t = t, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    l.n = o->sessions / o->threads + (t->index < o->sessions % o->threads);
    l.conns = calloc(l.n, sizeof(l.conns[0]));
    int rc =
        l.conns && l.epoll_fd >= 0 ? 0 : err_set(reterr, -ENOMEM, "no room for the sessions");
    uint32_t opened = 0;
    while (rc == 0 && opened < l.n) {
        rc = raw_conn_open(&l.conns[opened], t, t->index + opened * o->threads, reterr);
        opened++;
    }
    if (rc == 0 && load_ready(t))
        run(&l);
    for (uint32_t i = 0; i < opened; i++)
        raw_conn_close(&l.conns[i]);
    free(l.conns);
    if (l.epoll_fd >= 0)
        close(l.epoll_fd);
    return rc;
}

int main(int argc, char **argv)
{
    static const struct load_kind kind = {"zload-raw", body};
    return load_main(&kind, argc, argv, true);
}
