/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Something to look at while an answer is long in coming: how much a destroy has yet to give back, which a second connection
 * asks for, or else the seconds. On a terminal only, and not for what is answered at once. Ctrl-C ends the waiting: the
 * daemon goes on with a destroy, and takes back what it cannot end.
 */
#include "cmd/client/client.h"

#include <unistd.h>

#define AFTER_S 2 /* before it says anything */

struct patience {
    const char *socket;
    struct link *second; /* NULL: not needed so far */
    json_int_t most;     /* bytes to give back, at the first look */
    unsigned most_at;    /* seconds */
};
static struct patience patience;

static json_int_t freeing(struct link *l)
{
    json_t *answer = NULL;
    const json_t *pool;
    struct err e;
    size_t i;
    json_int_t sum = 0;
    if (link_call(l, "pool.status", NULL, &answer, &e) != EXIT_DONE)
        return 0;
    json_array_foreach(json_object_get(answer, "pools"), i, pool) sum +=
        json_integer_value(json_object_get(pool, "freeing"));
    json_decref(answer);
    return sum;
}

static void show(struct patience *p, unsigned seconds, json_int_t left)
{
    if (left > p->most) {
        p->most = left;
        p->most_at = seconds;
    }
    json_int_t done = p->most - left, took = seconds - p->most_at;
    if (left > 0) {
        progress_draw(stderr, (unsigned)(done * 100 / p->most),
                      done > 0 ? (uint64_t)(took * left / done) : 0);
        fprintf(stderr, "(giving back what was destroyed)");
    } else {
        fprintf(stderr, "\r\x1b[Kwaiting for zsand, %u s", seconds);
    }
    fflush(stderr);
}

static void still_waiting(unsigned seconds)
{
    struct err e;
    if (seconds < AFTER_S)
        return;
    if (!patience.second && link_open(patience.socket, &patience.second, &e) < 0)
        return;
    show(&patience, seconds, freeing(patience.second));
}

void patience_begin(struct link *l, const char *socket)
{
    patience = (struct patience){.socket = socket};
    if (isatty(STDERR_FILENO))
        link_on_wait(l, still_waiting);
}

void patience_end(struct link *l)
{
    link_on_wait(l, NULL);
    if (patience.second)
        fprintf(stderr, "\r\x1b[K");
    link_close(patience.second);
    patience.second = NULL;
}
