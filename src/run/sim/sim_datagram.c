/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams of the simulated world. A socket's peer is a host outside of it, a function of the test's. On the wire they are
 * signals of a connection whose far end nobody holds, but each has a delay of its own, so they overtake one another.
 */
#include "run/sim/sim_net.h"

#include "base/check.h"
#include "run/sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RX_MAX 65536u /* bytes that wait to be read; what comes then is lost */

struct sim_host {
    struct list node; /* sim_world.hosts */
    struct sock_addr addr;
    sim_host_fn fn;
    void *arg;
};

static struct sim_host *host_find(struct sim_world *w, const struct sock_addr *a)
{
    struct sim_host *h;
    list_for_each (h, &w->hosts, node)
        if (strcmp(h->addr.text, a->text) == 0)
            return h;
    return NULL;
}

void sim_datagram_host(struct run *run, const struct sock_addr *addr, sim_host_fn fn, void *arg)
{
    struct sim_world *w = sim_world_of(run);
    struct sim_host *h = host_find(w, addr);
    if (!h) {
        h = calloc(1, sizeof(*h));
        check(h);
        h->addr = *addr;
        list_push(&w->hosts, &h->node);
    }
    h->fn = fn;
    h->arg = arg;
}

void sim_hosts_drop(struct sim_world *w)
{
    struct list *n;
    while ((n = list_pop(&w->hosts)))
        free(list_entry(n, struct sim_host, node));
}

int sim_datagrams(struct run *run, const struct sock_addr *addr, struct sock **ret_sock,
                  struct err *reterr)
{
    struct sim_world *w = sim_world_of(run);
    if (sock_addr_port(addr) == 0)
        return err_set(reterr, E(-EINVAL), "%s takes no datagrams", addr->text);
    struct sim_conn *c = sim_conn_new(w);
    struct sim_sock *s = &c->end[0];
    sim_name_ends(w, c, addr);
    s->datagrams = s->established = true;
    s->closed = false;
    s->base.home = s->peer->base.home = reactor_self();
    *ret_sock = &s->base;
    return 0;
}

size_t sim_datagram_take(struct sim_sock *s, void *ret_bytes, size_t cap)
{
    size_t len, head = sizeof(len);
    memcpy(&len, s->rx + s->rx_at, head);
    memcpy(ret_bytes, s->rx + s->rx_at + head, MIN(len, cap));
    s->rx_at += head + len;
    s->rx_len -= head + len;
    return MIN(len, cap);
}

static void host_takes(struct sim_sock *at, const uint8_t *bytes, size_t len)
{
    const struct sim_host *h = host_find(at->conn->w, &at->base.local);
    if (h && h->fn)
        h->fn(h->arg, at->peer, bytes, len);
    else
        sim_signal(at->peer, SIM_SIG_REFUSED);
}

void sim_datagram_arrives(struct sim_sock *s, const uint8_t *bytes, size_t len)
{
    if (!s->datagrams) {
        host_takes(s, bytes, len);
    } else if (!s->closed && s->rx_len + sizeof(len) + len <= RX_MAX) {
        sim_rx_append(s, (const uint8_t *)&len, sizeof(len));
        sim_rx_append(s, bytes, len);
        waitq_wake_one(&s->readers);
    }
}

void sim_datagram_answer(struct sim_sock *from, const uint8_t *bytes, size_t len,
                         uint64_t late_ns)
{
    sim_datagram_send(from, bytes, len, late_ns);
}
