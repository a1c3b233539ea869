/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of one reactor's thread: sleep in epoll, note what became ready, take completions
 * and messages, run the turn, hand over the turn's messages and file operations in one go each.
 *
 * Messages: inbox is a stack of messages that any thread pushes to with one compare-and-swap
 * and the owner takes whole. A reactor gathers its own posts per receiver and pushes each bunch
 * at the end of the turn. Sleeping follows Dekker: the sleeper sets asleep and then looks at
 * the inbox, a poster pushes and then looks at asleep, both sequentially consistent, so one of
 * them sees the other; who turns asleep off is the one who writes to the eventfd. That
 * descriptor is edge-triggered and never read.
 *
 * Spinning: a wake-up from epoll costs more than a 4 KiB read. Polling for spin_us before going
 * to sleep pays at low queue depth and wastes the core otherwise, so each miss in a row doubles
 * the number of sleeps without it.
 */
#include "run/real/real_int.h"

#include "base/check.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#define SPIN_MISSES_MAX 7 /* at most 127 sleeps between two attempts */

/* ---- messages ---------------------------------------------------------------------------- */

void real_kick(struct real_reactor *w)
{
    const uint64_t one = 1;
    ssize_t n = write(w->wakefd, &one, sizeof(one));
    (void)n; /* EAGAIN after 2^64 unread kicks: it is awake, then */
}

static void push_chain(struct real_reactor *w, struct list *newest, struct list *oldest)
{
    struct list *head = atomic_load_explicit(&w->inbox, memory_order_relaxed);
    do
        oldest->next = head;
    while (!atomic_compare_exchange_weak(&w->inbox, &head, newest));
    if (atomic_load(&w->asleep) && atomic_exchange(&w->asleep, false))
        real_kick(w);
}

void real_post(struct reactor *r, struct msg *m)
{
    struct reactor *self = reactor_self();
    if (!self) {
        push_chain(real_of(r), &m->node, &m->node);
        return;
    }
    struct real_reactor *w = real_of(self);
    struct outbox *out = &w->out[r->index];
    m->node.next = out->newest;
    if (!out->newest)
        out->oldest = &m->node;
    out->newest = &m->node;
    w->out_dirty |= UINT64_C(1) << r->index;
}

static void send_outboxes(struct real_reactor *w)
{
    while (w->out_dirty) {
        unsigned i = (unsigned)__builtin_ctzll(w->out_dirty);
        struct outbox out = w->out[i];
        w->out[i] = (struct outbox){0};
        w->out_dirty &= w->out_dirty - 1;
        push_chain(real_of(run_reactor(w->r->run, i)), out.newest, out.oldest);
    }
}

static bool has_mail(struct real_reactor *w)
{
    return atomic_load(&w->inbox) != NULL;
}

/* Takes everything, turns it oldest first, and runs the handlers. */
static void take_mail(struct real_reactor *w)
{
    if (!has_mail(w))
        return;
    struct list *newest = atomic_exchange(&w->inbox, NULL), *oldest = NULL;
    while (newest) {
        struct list *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct list *next = oldest->next;
        reactor_deliver(w->r, list_entry(oldest, struct msg, node));
        oldest = next;
    }
}

/* Something to do that epoll does not tell of. */
static bool has_news(struct real_reactor *w)
{
    return has_mail(w) || ring_has_news(&w->ring);
}

/* ---- waiting for events ------------------------------------------------------------------ */

static bool stopping(const struct real_reactor *w)
{
    return atomic_load_explicit(&w->r->run->stopping, memory_order_relaxed);
}

static int poll_now(struct real_reactor *w, struct epoll_event *ev)
{
    return epoll_wait(w->epfd, ev, REAL_EVENTS, 0);
}

static int spin(struct real_reactor *w, struct epoll_event *ev, uint64_t deadline)
{
    struct run *run = w->r->run;
    uint64_t end = run->ops->now(w->r) + run->cfg.spin_us * NS_PER_US;
    w->r->stats.spins++;
    do {
        int n = poll_now(w, ev);
        if (n != 0 || has_news(w) || stopping(w)) {
            w->r->stats.spin_hits++;
            w->spin.misses = 0;
            return MAX(n, 0);
        }
    } while (run->ops->now(w->r) < MIN(end, deadline));
    w->spin.misses = MIN(w->spin.misses + 1, (unsigned)SPIN_MISSES_MAX);
    w->spin.skip = (1u << w->spin.misses) - 1;
    return 0;
}

static bool wants_spin(struct real_reactor *w)
{
    if (w->r->run->cfg.spin_us == 0)
        return false;
    if (w->spin.skip == 0)
        return true;
    w->spin.skip--;
    return false;
}

static int sleep_until(struct real_reactor *w, struct epoll_event *ev, uint64_t deadline)
{
    atomic_store(&w->asleep, true);
    int n = 0;
    if (!has_news(w) && !stopping(w)) {
        uint64_t now = w->r->run->ops->now(w->r);
        uint64_t ns = deadline > now ? deadline - now : 0;
        struct timespec ts = {(time_t)(ns / NS_PER_SEC), (long)(ns % NS_PER_SEC)};
        w->r->stats.sleeps++;
        n = epoll_pwait2(w->epfd, ev, REAL_EVENTS, deadline == NO_DEADLINE ? NULL : &ts, NULL);
        if (n < 0 && errno == ENOSYS) /* before Linux 5.11: whole milliseconds, rounded up */
            n = epoll_wait(w->epfd, ev, REAL_EVENTS,
                           deadline == NO_DEADLINE ? -1
                                                   : (int)MIN(ns / NS_PER_MS + 1, 60000ull));
    }
    atomic_store(&w->asleep, false);
    return n;
}

static int wait_events(struct real_reactor *w, struct epoll_event *ev, bool busy)
{
    if (busy || has_news(w))
        return poll_now(w, ev);
    uint64_t deadline = reactor_next_deadline(w->r);
    if (wants_spin(w)) {
        int n = spin(w, ev, deadline);
        if (n > 0 || w->spin.misses == 0)
            return n;
    }
    return sleep_until(w, ev, deadline);
}

void real_reactor_loop(struct real_reactor *w)
{
    struct epoll_event ev[REAL_EVENTS];
    bool busy = true;
    while (!stopping(w)) {
        int n = wait_events(w, ev, busy);
        san_acquire(&w->epfd);
        reactor_tick(w->r);
        for (int i = 0; i < n; i++) {
            struct poll_source *src = ev[i].data.ptr;
            src->ready(src, ev[i].events);
        }
        ring_poll(&w->ring);
        take_mail(w);
        busy = reactor_turn(w->r);
        send_outboxes(w);
        busy |= ring_flush(&w->ring);
    }
}

/* ---- descriptors ------------------------------------------------------------------------- */

static void woken(struct poll_source *p, uint32_t events)
{
    (void)p, (void)events; /* having left epoll_wait() is all that was wanted */
}

int real_watch(struct reactor *r, int fd, struct poll_source *src)
{
    struct real_reactor *w = real_of(r);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                             .data.ptr = src};
    san_release(&w->epfd); /* what is watched is complete before its first event */
    return epoll_ctl(w->epfd, EPOLL_CTL_ADD, fd, &ev) < 0 ? E(-errno) : 0;
}

void real_unwatch(struct reactor *r, int fd)
{
    epoll_ctl(real_of(r)->epfd, EPOLL_CTL_DEL, fd,
              NULL); /* ENOENT: it could not be watched after a move */
}

int real_reactor_init(struct real_reactor *w, struct reactor *r)
{
    w->r = r;
    r->world = w;
    w->wake.ready = woken;
    w->wakefd = -1;
    w->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (w->epfd < 0)
        return E(-errno);
    w->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wakefd < 0)
        return E(-errno);
    return real_watch(r, w->wakefd, &w->wake);
}

void real_reactor_fini(struct real_reactor *w)
{
    if (!w->r)
        return; /* never initialised */
    ring_fini(&w->ring);
    if (w->wakefd >= 0)
        close(w->wakefd);
    if (w->epfd >= 0)
        close(w->epfd);
}
