/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring under a mutex: events are rare (the data path does not log), and the log's sink may be
 * called on any thread. */
#include "control/events.h"

#include <pthread.h>
#include <stdlib.h>

struct events {
    pthread_mutex_t lock;
    uint64_t last; /* seq of the newest */
    struct event ring[EVENTS_KEPT];
};

struct events *events_new(void)
{
    struct events *ev = calloc(1, sizeof(*ev));
    if (ev)
        pthread_mutex_init(&ev->lock, NULL);
    return ev;
}

void events_free(struct events *ev)
{
    if (!ev)
        return;
    pthread_mutex_destroy(&ev->lock);
    free(ev);
}

void events_add(struct events *ev, uint64_t time_ns, enum log_level level, const char *event,
                const struct log_kv *kv, size_t nkv)
{
    pthread_mutex_lock(&ev->lock);
    struct event *e = &ev->ring[++ev->last % EVENTS_KEPT];
    e->seq = ev->last;
    e->time_ns = time_ns;
    e->level = level;
    log_format(e->text, sizeof(e->text), event, kv, nkv);
    pthread_mutex_unlock(&ev->lock);
}

size_t events_after(struct events *ev, uint64_t seq, struct event *ret_events, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&ev->lock);
    uint64_t oldest = ev->last >= EVENTS_KEPT ? ev->last - EVENTS_KEPT + 1 : 1;
    for (uint64_t s = seq < oldest ? oldest : seq + 1;
         seq < ev->last && s <= ev->last && n < max; s++)
        ret_events[n++] = ev->ring[s % EVENTS_KEPT];
    pthread_mutex_unlock(&ev->lock);
    return n;
}
