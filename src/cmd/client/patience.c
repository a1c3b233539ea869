/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Something to look at while an answer is long in coming: how far an import is, or how much a destroy has yet to give back, which a
 * second connection asks for, or else the seconds. On a terminal only, and not for what is answered at once. Ctrl-C ends the waiting: the
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

struct look {
    json_int_t freeing;  /* bytes, of all pools */
    const json_t *comes; /* a pool that is being imported; NULL: none */
};

static json_int_t number(const json_t *obj, const char *key)
{
    return json_integer_value(json_object_get(obj, key));
}

/* *ret_look is good as long as the answer that it returns. */
static json_t *look(struct link *l, struct look *ret_look)
{
    json_t *answer = NULL;
    const json_t *pool;
    struct err e;
    size_t i;
    *ret_look = (struct look){.freeing = 0};
    if (link_call(l, "pool.status", NULL, &answer, &e) != EXIT_DONE)
        return NULL;
    json_array_foreach(json_object_get(answer, "pools"), i, pool)
    {
        ret_look->freeing += number(pool, "freeing");
        if (json_object_get(pool, "import"))
            ret_look->comes = pool;
    }
    return answer;
}

static void show_freeing(struct patience *p, unsigned seconds, json_int_t left)
{
    if (left > p->most) {
        p->most = left;
        p->most_at = seconds;
    }
    json_int_t done = p->most - left, took = seconds - p->most_at;
    progress_draw(stderr, (unsigned)(done * 100 / p->most),
                  done > 0 ? (uint64_t)(took * left / done) : 0);
    fprintf(stderr, "(giving back what was destroyed)");
}

/* The bar is that of the step. */
static void show_coming(const json_t *pool)
{
    const char *text = json_string_value(json_object_get(pool, "import"));
    json_int_t done = number(pool, "import_done"), of = number(pool, "import_of");
    fprintf(stderr, "\r\x1b[K");
    if (of > 0 && done <= of)
        progress_draw(stderr, (unsigned)(done * 100 / of), 0);
    tell(stderr, "(%s)", text ? text : "");
}

static void show(struct patience *p, unsigned seconds, const struct look *now)
{
    if (now->comes)
        show_coming(now->comes);
    else if (now->freeing > 0)
        show_freeing(p, seconds, now->freeing);
    else
        fprintf(stderr, "\r\x1b[Kwaiting for zsand, %u s", seconds);
    fflush(stderr);
}

static void still_waiting(unsigned seconds)
{
    struct err e;
    struct look now;
    if (seconds < AFTER_S)
        return;
    if (!patience.second && link_open(patience.socket, &patience.second, &e) < 0)
        return;
    json_t *answer = look(patience.second, &now);
    show(&patience, seconds, &now);
    json_decref(answer);
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
