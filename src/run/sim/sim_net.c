/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated network. A connection is two ends and, towards each, a stream: what was sent is
 * cut into segments of random size, each of which arrives after a random delay but never before
 * its predecessor. A sender may have a window's worth of bytes on the way or unread; what the
 * reader takes frees it one delay later.
 *
 * Ends of a connection go by events at their own reactor only, so both sides of a move see a
 * consistent socket: an event asks for the end's home when it happens, not when it was sent.
 */
#include "run/sim/sim_net.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- signals: everything that crosses the wire ------------------------------------------- */

static struct reactor *signal_home(struct sim_event *ev)
{
    return container_of(ev, struct sim_signal, ev)->to->base.home;
}

static void signal_free(struct sim_signal *s)
{
    struct sim_conn *c = s->to->conn;
    free(s->bytes);
    free(s);
    sim_conn_unref(c);
}

static void signal_drop(struct sim_event *ev)
{
    signal_free(container_of(ev, struct sim_signal, ev));
}

static void signal_fire(struct sim_event *ev);

static struct sim_signal *signal_new(struct sim_sock *to, enum sim_signal_kind kind)
{
    struct sim_signal *s = calloc(1, sizeof(*s));
    check(s);
    s->ev = (struct sim_event){.home = signal_home, .fire = signal_fire, .drop = signal_drop};
    s->to = to;
    s->kind = kind;
    to->conn->refs++;
    return s;
}

/* In order behind everything sent to the same end before. */
static void signal_send(struct sim_world *w, struct sim_signal *s)
{
    uint64_t delay = sim_rand_range(&w->io, w->cfg.net_delay_min_ns, w->cfg.net_delay_max_ns);
    uint64_t at = MAX(w->now + delay, w->net_stalled_until);
    s->to->last_arrival = MAX(s->to->last_arrival, at);
    sim_at(w, &s->ev, s->to->last_arrival);
}

void sim_signal(struct sim_sock *to, enum sim_signal_kind kind)
{
    signal_send(sim_world_of(to->base.run), signal_new(to, kind));
}

void sim_datagram_send(struct sim_sock *to, const uint8_t *bytes, size_t len, uint64_t late)
{
    struct sim_world *w = to->conn->w;
    struct sim_signal *s = signal_new(to, SIM_SIG_DATAGRAM);
    s->bytes = malloc(len + 1);
    check(s->bytes);
    memcpy(s->bytes, bytes, len);
    s->len = len;
    late += sim_rand_range(&w->io, w->cfg.net_delay_min_ns, w->cfg.net_delay_max_ns);
    sim_at(w, &s->ev, MAX(w->now + late, w->net_stalled_until));
}

/* ---- connections ------------------------------------------------------------------------- */

static void end_init(struct sim_sock *s, struct sim_conn *c, struct sim_sock *peer)
{
    s->base.run = c->w->run;
    s->base.peer_uid = -1;
    s->conn = c;
    s->peer = peer;
    waitq_init(&s->readers);
    waitq_init(&s->writers);
    list_init(&s->node);
    s->closed = true; /* until somebody holds it */
}

struct sim_conn *sim_conn_new(struct sim_world *w)
{
    struct sim_conn *c = calloc(1, sizeof(*c));
    check(c);
    c->w = w;
    c->refs = 1; /* the list's; dropped when both ends are closed */
    end_init(&c->end[0], c, &c->end[1]);
    end_init(&c->end[1], c, &c->end[0]);
    list_push(&w->conns, &c->node);
    return c;
}

void sim_conn_unref(struct sim_conn *c)
{
    if (--c->refs)
        return;
    list_remove(&c->node);
    for (int i = 0; i < 2; i++) {
        list_remove(&c->end[i].node);
        free(c->end[i].rx);
    }
    free(c);
}

void sim_conn_released(struct sim_conn *c)
{
    if (c->end[0].closed && c->end[1].closed)
        sim_conn_unref(c);
}

/* The end is dead: what it had not read is still there, nothing more comes. */
void sim_sock_fail(struct sim_sock *s, int err)
{
    if (s->err == 0)
        s->err = err;
    waitq_wake_all(&s->readers);
    waitq_wake_all(&s->writers);
}

/* ---- arrival ----------------------------------------------------------------------------- */

void sim_rx_append(struct sim_sock *s, const uint8_t *bytes, size_t len)
{
    if (s->rx_at + s->rx_len + len > s->rx_cap) {
        if (s->rx_len)
            memmove(s->rx, s->rx + s->rx_at, s->rx_len);
        s->rx_at = 0;
        if (s->rx_len + len > s->rx_cap) {
            s->rx_cap = (s->rx_len + len) * 2;
            s->rx = realloc(s->rx, s->rx_cap);
            check(s->rx);
        }
    }
    memcpy(s->rx + s->rx_at + s->rx_len, bytes, len);
    s->rx_len += len;
}

static void data_arrives(struct sim_world *w, struct sim_sock *s, const struct sim_signal *sig)
{
    w->stats.segments++;
    if (s->closed || s->shut) { /* nobody will read this: tell the sender */
        sim_signal(s->peer, SIM_SIG_RESET);
        return;
    }
    sim_rx_append(s, sig->bytes, sig->len);
    waitq_wake_one(&s->readers);
}

static void ack_arrives(struct sim_sock *s, size_t len)
{
    check_cmp(s->outstanding, >=, len);
    s->outstanding -= len;
    waitq_wake_one(&s->writers);
}

/* Kills the connection as a network does: this end learns it now, the other one a little
 * later or, now and then, only when it speaks. */
static void lose(struct sim_world *w, struct sim_sock *s)
{
    static const int errors[] = {-ECONNRESET, -ETIMEDOUT, -EPIPE};
    w->stats.resets++;
    sim_note(w, "reset", 0, 0);
    s->lost = true;
    sim_sock_fail(s, errors[sim_rand_below(&w->io, ARRAY_LEN(errors))]);
    if (sim_rand_one_in(&w->io, 4))
        w->stats.silent_resets++;
    else
        sim_signal(s->peer, SIM_SIG_RESET);
}

static void signal_act(struct sim_world *w, struct sim_signal *sig)
{
    struct sim_sock *s = sig->to;
    switch (sig->kind) {
    case SIM_SIG_SYN:
        sim_listener_syn(s);
        break;
    case SIM_SIG_ESTABLISHED:
        s->established = true;
        waitq_wake_all(&s->writers);
        break;
    case SIM_SIG_DATA:
        data_arrives(w, s, sig);
        break;
    case SIM_SIG_ACK:
        ack_arrives(s, sig->len);
        break;
    case SIM_SIG_FIN:
        s->fin = true;
        waitq_wake_all(&s->readers);
        break;
    case SIM_SIG_RESET:
        sim_sock_fail(s, -ECONNRESET);
        break;
    case SIM_SIG_REFUSED:
        sim_sock_fail(s, -ECONNREFUSED);
        break;
    case SIM_SIG_DATAGRAM:
        sim_datagram_arrives(s, sig->bytes, sig->len);
        break;
    }
}

static void signal_fire(struct sim_event *ev)
{
    struct sim_signal *sig = container_of(ev, struct sim_signal, ev);
    struct sim_sock *s = sig->to;
    struct sim_world *w = s->conn->w;
    sim_note(w, "signal", (uint64_t)sig->kind, sig->len);
    bool carries = sig->kind == SIM_SIG_DATA || sig->kind == SIM_SIG_FIN;
    if (s->lost) { /* this end died silently: whoever still speaks to it learns so */
        if (carries)
            sim_signal(s->peer, SIM_SIG_RESET);
    } else if (s->err == 0) {
        if (carries && sim_rand_one_in(&w->io, w->reset_one_in))
            lose(w, s);
        else
            signal_act(w, sig);
    }
    signal_free(sig);
}

/* ---- sending ----------------------------------------------------------------------------- */

static void segment_send(struct sim_world *w, struct sim_sock *from, const uint8_t *bytes,
                         size_t len)
{
    struct sim_signal *sig = signal_new(from->peer, SIM_SIG_DATA);
    sig->bytes = malloc(len);
    check(sig->bytes);
    memcpy(sig->bytes, bytes, len);
    sig->len = len;
    from->outstanding += len;
    signal_send(w, sig);
}

size_t sim_stream_send(struct sim_sock *from, const uint8_t *bytes, size_t len)
{
    struct sim_world *w = from->conn->w;
    uint64_t max = w->cfg.net_segment_max;
    for (size_t at = 0, piece; at < len; at += piece) {
        uint64_t cut = max ? sim_rand_size(&w->io, max) : len;
        piece = (size_t)MIN(cut, len - at);
        segment_send(w, from, bytes + at, piece);
    }
    return len;
}

void sim_stream_taken(struct sim_sock *reader, size_t len)
{
    struct sim_signal *sig = signal_new(reader->peer, SIM_SIG_ACK);
    sig->len = len;
    signal_send(reader->conn->w, sig);
}

/* ---- faults on order --------------------------------------------------------------------- */

void sim_cut_connections(struct run *run, unsigned one_in)
{
    sim_world_of(run)->reset_one_in = one_in;
}

/* Each end learns it by a signal of its own, at its home. */
void sim_cut_all(struct run *run)
{
    struct sim_world *w = sim_world_of(run);
    struct sim_conn *c;
    list_for_each (c, &w->conns, node) {
        if (c->end[0].closed || c->end[1].closed || c->end[0].err || c->end[1].err)
            continue;
        w->stats.resets++;
        sim_signal(&c->end[0], SIM_SIG_RESET);
        sim_signal(&c->end[1], SIM_SIG_RESET);
    }
    sim_note(w, "cut all", 0, 0);
}

void sim_stall_net(struct run *run, uint64_t until)
{
    sim_world_of(run)->net_stalled_until = until;
}

void sim_net_drop(struct sim_world *w)
{
    sim_listeners_drop(w);
    sim_hosts_drop(w);
    struct sim_conn *c, *tmp;
    list_for_each_safe (c, tmp, &w->conns, node) {
        c->refs = 1;
        sim_conn_unref(c);
    }
}
