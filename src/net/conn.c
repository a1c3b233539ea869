/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection pump. One fiber reads: it borrows a ring, takes one large piece from the
 * socket, and steps the protocol machine through every PDU in it; commands start fibers of
 * their own. Output is gathered by a turn hook, so that all responses of a turn leave in one
 * system call. A connection whose peer does not read parks one fiber until the socket takes
 * more; memory stays bounded by the admission of its tasks.
 *
 * Its end: conn_shut() stops input; what is queued is sent within LINGER_MS; then the nexus is
 * freed, which waits until no task touches data any more; the peer has time to read what was sent;
 * then reactor 0 forgets the connection. Everything here runs on the connection's home unless marked [0].
 */
#include "net/net_int.h"

#include "base/check.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_LEN     (512u << 10)
#define LOGIN_LEN    (16u << 10) /* until it is known who sends */
#define REST_LEN     IOBUF_MIN
#define LINGER_MS    2000
#define FINISH_MS    1000 /* see finish() */
#define FINISH_BYTES (1u << 20)
#define FINISH_CONNS 32 /* a reactor */
#define TX_IOV       64
#define TX_BATCH     (1u << 20)
#define TX_BATCHES   4  /* in a turn */
#define RX_EVENTS    64 /* between two looks at the clock */

static_assert(RING_LEN >= ISCSI_MAX_PDU && RING_LEN <= IOBUF_MAX, "a PDU must fit whole");
static_assert(LOGIN_LEN >= ISCSI_MAX_LOGIN_PDU, "one of a login too");

static void tx_hook(struct turn_hook *h);
static void tick(struct timer *t);

struct conn *conn_new(struct net *net, struct served_portal *portal, struct sock *sock)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->iscsi = malloc(iscsi_conn_size());
    if (!c->iscsi) {
        free(c);
        return NULL;
    }
    c->net = net;
    c->portal = portal;
    c->sock = sock;
    c->home = reactor_self();
    c->id = ++net->last_session_id;
    list_init(&c->node);
    list_init(&c->waiting);
    list_init(&c->tasks);
    list_init(&c->free_tasks);
    list_init(&c->tx_hook.node);
    c->tx_hook.fn = tx_hook;
    timer_init(&c->tick, tick);
    cancel_init(&c->stop_rx);
    cancel_init(&c->stop_tx);
    waitq_init(&c->tx_done);
    waitq_init(&c->tx_progress);
    fmutex_init(&c->mapping);
    waitq_init(&c->idle);
    return c;
}

/* ---- fibers of a connection -------------------------------------------------------------- */

bool conn_fiber(struct conn *c, void (*fn)(void *), void *arg, const char *name)
{
    if (!fiber_start(fn, arg, name))
        return false;
    c->fibers++;
    return true;
}

void conn_fiber_done(struct conn *c)
{
    if (--c->fibers == 0)
        waitq_wake_all(&c->idle);
}

/* ---- output ------------------------------------------------------------------------------ */

void conn_kick(struct conn *c)
{
    if (!c->tx_waiting && !c->dropped)
        reactor_at_turn_end(&c->tx_hook);
}

void conn_drop(struct conn *c, const char *why)
{
    if (!c->why)
        c->why = why;
    c->closing = c->dropped = true;
    cancel_fire(&c->stop_rx);
    cancel_fire(&c->stop_tx);
    waitq_wake_all(&c->tx_done);
    waitq_wake_all(&c->tx_progress);
}

void conn_shut(struct conn *c, const char *why)
{
    if (c->closing)
        return;
    c->why = why;
    c->closing = true;
    cancel_fire(&c->stop_rx);
    conn_kick(c);
}

static void tx_wait(void *arg)
{
    struct conn *c = arg;
    int r = sock_wait_writable(c->sock, NO_DEADLINE, &c->stop_tx);
    c->tx_waiting = false;
    if (r == 0)
        conn_kick(c);
    conn_fiber_done(c);
}

enum tx_end { TX_ALL, TX_MORE, TX_FULL, TX_BROKEN };

/* Sends a turn's worth: who reads as fast as we send shares the loop with the others. */
static enum tx_end tx_some(struct conn *c)
{
    struct iovec iov[TX_IOV];
    for (unsigned batch = 0; batch < TX_BATCHES; batch++) {
        int n = iscsi_tx_fill(c->iscsi, iov, TX_IOV, TX_BATCH);
        if (n == 0)
            return TX_ALL;
        ssize_t sent = sock_try_send(c->sock, iov, n);
        if (sent < 0)
            return sent == -EAGAIN ? TX_FULL : TX_BROKEN;
        iscsi_tx_sent(c->iscsi, (size_t)sent);
        waitq_wake_all(&c->tx_progress);
    }
    return iscsi_tx_pending(c->iscsi) ? TX_MORE : TX_ALL;
}

static void tx_hook(struct turn_hook *h)
{
    struct conn *c = container_of(h, struct conn, tx_hook);
    if (c->dropped)
        return;
    switch (tx_some(c)) {
    case TX_ALL:
        if (c->closing) {
            c->all_sent = iscsi_conn_stats(c->iscsi)->bytes_out > 0;
            conn_drop(c, "closed");
        }
        break;
    case TX_MORE:
        conn_kick(c);
        break;
    case TX_FULL:
        c->tx_waiting = conn_fiber(c, tx_wait, c, "conn-tx");
        if (!c->tx_waiting) /* no fiber to be had now: tick() tries again */
            timer_arm(&c->tick, run_deadline_ms(1));
        break;
    case TX_BROKEN:
        conn_drop(c, "send failed");
        break;
    }
}

/* ---- time -------------------------------------------------------------------------------- */

/* The timer may fire early, for the deadline moves on with every PDU: looking then is cheaper
 * than re-arming always. */
static void arm_tick(struct conn *c)
{
    uint64_t at = iscsi_deadline(c->iscsi);
    if (at != NO_DEADLINE && (!timer_armed(&c->tick) || c->tick.deadline > at))
        timer_arm(&c->tick, at);
}

static void tick(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, tick);
    struct iscsi_event ev;
    conn_kick(c);
    while (!c->closing && iscsi_tick(c->iscsi, run_now(), &ev)) {
        if (ev.type == ISCSI_EV_LOGIN_FAILED)
            login_failed(c, &ev);
        else
            conn_shut(c, ev.why);
    }
    if (!c->closing)
        arm_tick(c);
}

/* ---- input ------------------------------------------------------------------------------- */

static void ring_return(struct conn *c)
{
    iobuf_put(c->ring);
    c->ring = NULL;
}

/* Steps the machine through all that is in the ring and moves the rest to its front. It is
 * called without bytes as well: an event may be due after an answer. */
static void ring_parse(struct conn *c)
{
    static const uint8_t nothing[1];
    const uint8_t *p = c->ring ? c->ring->p : nothing;
    size_t at = 0;
    for (unsigned n = 1; !c->closing && !c->first_map; n++) {
        struct iscsi_event ev;
        size_t used = 0;
        bool got = iscsi_rx(c->iscsi, p + at, c->ring_len - at, run_now(), &used, &ev);
        at += used;
        if (got)
            conn_event(c, &ev);
        else if (used == 0)
            break;
        if (n % RX_EVENTS == 0)
            fiber_maybe_yield();
    }
    c->ring_len -= at;
    if (at != 0 && c->ring_len != 0)
        memmove(c->ring->p, p + at, c->ring_len);
}

/* What is in the ring moves to one of this size. */
static int ring_resize(struct conn *c, uint32_t cap)
{
    if (c->ring && c->ring->cap == cap)
        return 0;
    struct iobuf *b = iobuf_get(cap);
    if (!b)
        return -ENOMEM;
    if (c->ring_len != 0)
        memcpy(b->p, c->ring->p, c->ring_len);
    iobuf_put(c->ring);
    c->ring = b;
    return 0;
}

/* Waits for input and appends what came. Idle without a ring, and with a small one when but the
 * beginning of a PDU is there: what somebody has sent us takes about as much memory as it is
 * long. */
static int ring_fill(struct conn *c)
{
    int r = 0;
    if (c->ring_len == 0)
        ring_return(c);
    else if (c->ring_len <= REST_LEN)
        r = ring_resize(c, REST_LEN);
    if (r == 0 && c->ring_len <= REST_LEN)
        r = sock_wait_readable(c->sock, NO_DEADLINE, &c->stop_rx);
    if (r == 0)
        r = ring_resize(c, c->logged_in ? RING_LEN : LOGIN_LEN);
    if (r < 0)
        return r;
    ssize_t n = sock_recv(c->sock, c->ring->p + c->ring_len, c->ring->cap - c->ring_len,
                          NO_DEADLINE, &c->stop_rx);
    if (n <= 0)
        return n == 0 ? -ECONNRESET : (int)n;
    c->ring_len += (size_t)n;
    return 0;
}

static void conn_end(struct conn *c);
static void conn_move(struct conn *c);

/* A login leaves a map to be mapped, here or on the reactor it sends the connection to; until
 * that is done no further PDU is looked at. */
static void reader(void *arg)
{
    struct conn *c = arg;
    while (!c->closing) {
        if (c->first_map && session_start(c) < 0)
            conn_shut(c, "out of memory");
        ring_parse(c);
        conn_kick(c);
        arm_tick(c);
        if (c->closing)
            break;
        if (c->move_to) {
            conn_move(c);
            return;
        }
        if (c->first_map)
            continue;
        int r = iscsi_rx_blocked(c->iscsi)
                    ? waitq_wait(&c->tx_progress, NO_DEADLINE, &c->stop_rx)
                    : ring_fill(c);
        if (r < 0 && r != -ECANCELED)
            conn_drop(c, r == -ECONNRESET ? "peer closed" : "receive failed");
    }
    conn_end(c);
}

void conn_start(struct conn *c)
{
    if (!fiber_start(reader, c, "conn")) {
        conn_drop(c, "no fiber");
        conn_end(c);
    }
}

/* ---- moving to the home of its LUs ------------------------------------------------------- */

static void moved(struct msg *m)
{
    conn_start(container_of(m, struct conn, msg));
}

/* The hook sends; it is waited for. */
static void tx_drain(struct conn *c)
{
    uint64_t until = run_deadline_ms(LINGER_MS);
    conn_kick(c);
    while (!c->dropped && iscsi_tx_pending(c->iscsi))
        if (waitq_wait(&c->tx_progress, until, NULL) == -ETIMEDOUT)
            conn_drop(c, "send failed");
}

/* [0] The login's answer is sent here first: afterwards nothing of this reactor may touch the
 * connection. */
static void conn_move(struct conn *c)
{
    struct reactor *to = c->move_to;
    tx_drain(c);
    while (c->fibers != 0)
        waitq_wait(&c->idle, NO_DEADLINE, NULL);
    c->move_to = NULL;
    if (c->dropped || c->closing) {
        conn_end(c);
        return;
    }
    list_remove(&c->tx_hook.node);
    timer_cancel(&c->tick);
    c->home = to;
    sock_move(c->sock, to);
    c->msg.fn = moved;
    reactor_post(to, &c->msg);
}

/* ---- the end ----------------------------------------------------------------------------- */

/* [0] Frees a connection that has ended on its home, once nobody calls there any more. */
static void forget(struct conn *c)
{
    struct net *net = c->net;
    const struct iscsi_stats *st = iscsi_conn_stats(c->iscsi);
    if (!c->gone || c->pins != 0)
        return;
    net->totals.rejects += st->rejects;
    net->totals.digest_errors += st->digest_errors;
    crowd_leave(net, c);
    list_remove(&c->node);
    net->nconns--;
    portal_put(c->portal);
    free(c->iscsi);
    free(c);
    waitq_wake_all(&net->conn_gone);
}

static void gone(struct msg *m) /* [0] */
{
    struct conn *c = container_of(m, struct conn, msg);
    c->gone = true;
    forget(c);
}

static void linger(struct conn *c)
{
    conn_kick(c);
    uint64_t until = run_deadline_ms(LINGER_MS);
    while (!c->dropped)
        if (waitq_wait(&c->tx_done, until, NULL) == -ETIMEDOUT)
            conn_drop(c, "closed");
}

/* A socket that is closed while its peer sends resets the connection, and the peer may lose what
 * it has not read yet. So the peer is given time to read and close first, but neither much time nor
 * many bytes, and few peers at once: those beyond do without. */
static void finish(struct conn *c)
{
    unsigned *n = &c->net->finishing[reactor_index(reactor_self())];
    struct iobuf *buf = *n < FINISH_CONNS ? iobuf_get(LOGIN_LEN) : NULL;
    uint64_t until = run_deadline_ms(FINISH_MS), left = FINISH_BYTES;
    if (!buf)
        return;
    ++*n;
    while (left > 0) {
        ssize_t got = sock_recv(c->sock, buf->p, MIN(buf->cap, left), until, NULL);
        if (got <= 0)
            break;
        left -= (uint64_t)got;
    }
    --*n;
    iobuf_put(buf);
}

static void log_end(const struct conn *c)
{
    const struct iscsi_params *p = iscsi_conn_params(c->iscsi);
    log_info("session.end", KV("id", "%llu", (unsigned long long)c->id),
             KV("initiator", "%s", p->initiator), KV("target", "%s", p->target),
             KV("peer", "%s", sock_peer(c->sock)->text), KV("why", "%s", c->why ? c->why : ""));
}

static void conn_end(struct conn *c)
{
    linger(c);
    if (c->all_sent)
        sock_finish(c->sock);
    else
        sock_shutdown(c->sock);
    task_cancel_all(c);
    session_end(c);
    while (c->fibers != 0)
        waitq_wait(&c->idle, NO_DEADLINE, NULL);
    ring_return(c);
    if (c->all_sent)
        finish(c);
    if (c->logged_in)
        log_end(c);
    timer_cancel(&c->tick);
    list_remove(&c->tx_hook.node);
    iscsi_conn_fini(c->iscsi);
    task_pool_free(c);
    sock_close(c->sock);
    c->sock = NULL;
    free(c->first_map);
    free(c->map);
    c->first_map = c->map = NULL;
    c->ended = true;
    c->msg.fn = gone;
    reactor_post(run_reactor(c->net->run, 0), &c->msg);
}

/* ---- calls from reactor 0 ---------------------------------------------------------------- */

struct conn_call {
    struct conn *c;
    void (*fn)(struct conn *c, void *arg);
    void *arg;
};

static void call(void *arg)
{
    struct conn_call *call = arg;
    if (!call->c->ended)
        call->fn(call->c, call->arg);
}

void conn_call(struct conn *c, void (*fn)(struct conn *c, void *arg), void *arg)
{
    struct conn_call k = {c, fn, arg};
    c->pins++;
    call_on(c->home, call, &k);
    c->pins--;
    forget(c);
}

struct conn *conn_next(struct net *net, struct conn *c)
{
    struct list *n = c ? c->node.next : net->conns.next;
    while (n != &net->conns && list_entry(n, struct conn, node)->gone)
        n = n->next;
    struct conn *next = n != &net->conns ? list_entry(n, struct conn, node) : NULL;
    if (next)
        next->pins++;
    if (c) {
        c->pins--;
        forget(c);
    }
    return next;
}
