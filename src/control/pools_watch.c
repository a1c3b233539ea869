/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at the pools from time to time: tells when the health of one has changed, and keeps the list
 * of disks for the next start, which a replacement or a spare changes long after the operator's command.
 */
#include "control/pools_int.h"

#include "base/log.h"
#include "base/text.h"

#include <string.h>

#define LOOK_MS 2000

static void look(struct held_pool *h)
{
    char was[sizeof(h->health)];
    text_copy(was, sizeof(was), h->health);
    held_note(h);
    if (strcmp(was, h->health) == 0)
        return;
    if (strcmp(h->health, "ONLINE") == 0) {
        if (was[0])
            log_info("pool.healthy", KV("pool", "%s", h->name));
    } else {
        log_warn("pool.degraded", KV("pool", "%s", h->name), KV("state", "%s", h->health));
    }
}

/* The next one that is open; the list may have changed meanwhile. */
static struct held_pool *next(struct pools *ps, uint64_t round)
{
    struct held_pool *h;
    list_for_each (h, &ps->list, node)
        if (h->state == HELD_ONLINE && h->looked != round)
            return h;
    return NULL;
}

void pools_watch(void *arg)
{
    struct pools *ps = arg;
    struct held_pool *h;
    for (uint64_t round = 1; fiber_sleep_until(run_deadline_ms(LOOK_MS), &ps->stop) == 0;
         round++)
        while ((h = next(ps, round)) && !ps->stopping) {
            h->looked = round;
            h->users++;
            look(h);
            if (--h->users == 0)
                waitq_wake_all(&h->idle);
        }
    ps->ntrying--;
    waitq_wake_all(&ps->tried);
}
