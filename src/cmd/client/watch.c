/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A picture that is drawn anew every few seconds: the head of status, the volumes by how busy
 * they are, the sessions. Rates and percentiles are of the time between two pictures: counters
 * and histograms are asked for twice and subtracted.
 */
#include "base/text.h"
#include "cmd/client/client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CELL     32
#define BUCKETS  128 /* more than there are */
#define TOP_ROWS 5   /* of the screen, that are no table rows */

struct answers {
    json_t *status, *stats, *sessions;
};
static void answers_free(struct answers *a)
{
    json_decref(a->status);
    json_decref(a->stats);
    json_decref(a->sessions);
    *a = (struct answers){.status = NULL};
}

static int ask(struct link *l, struct answers *a, struct err *reterr)
{
    json_t *histograms = json_pack("{s:b}", "histograms", 1);
    int status = link_call(l, "status", NULL, &a->status, reterr);
    if (status == EXIT_DONE)
        status = link_call(l, "stats", histograms, &a->stats, reterr);
    if (status == EXIT_DONE)
        status = link_call(l, "session.list", NULL, &a->sessions, reterr);
    json_decref(histograms);
    return status;
}

/* ---- differences ------------------------------------------------------------------------- */

static uint64_t number(const json_t *obj, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(obj, key));
}

/* What came since; a volume that was opened anew counts from zero. */
static double rate(const json_t *now, const json_t *was, const char *key, double seconds)
{
    uint64_t a = number(now, key), b = number(was, key);
    return (double)(a >= b ? a - b : a) / seconds;
}

static const json_t *find(const json_t *list, const char *key, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_object_get(json_array_get(list, i), key), value))
            return json_array_get(list, i);
    return NULL;
}

/* Bound in nanoseconds of a quantile of the operations between two answers; 0: there were
 * none. */
static uint64_t quantile(const json_t *bounds, const json_t *now, const json_t *was, double q)
{
    uint64_t n[BUCKETS], total = 0, seen = 0;
    const json_t *h = json_object_get(now, "histogram"),
                 *h0 = json_object_get(was, "histogram");
    size_t all = MIN(json_array_size(h), (size_t)BUCKETS);
    for (size_t i = 0; i < all; i++) {
        uint64_t a = (uint64_t)json_integer_value(json_array_get(h, i));
        uint64_t b = (uint64_t)json_integer_value(json_array_get(h0, i));
        total += n[i] = a >= b ? a - b : a;
    }
    for (size_t i = 0; i < all; i++) {
        seen += n[i];
        if (total > 0 && (double)seen >= q * (double)total)
            return (uint64_t)json_integer_value(json_array_get(bounds, i));
    }
    return 0;
}

/* ---- cells ------------------------------------------------------------------------------- */

/* A table being built: rows of ncols cells of CELL bytes; text[] points at them. */
struct grid {
    size_t ncols, nrows, cap;
    char (*cell)[CELL];
};

static char *grid_cell(struct grid *g, size_t col)
{
    return g->cell[(g->nrows - 1) * g->ncols + col];
}

static bool grid_row(struct grid *g)
{
    if (g->nrows == g->cap)
        return false;
    g->nrows++;
    return true;
}

static void put_rate(struct grid *g, size_t col, double v)
{
    snprintf(grid_cell(g, col), CELL, "%.0f", v);
}
static void put_bytes(struct grid *g, size_t col, double v)
{
    text_from_size((uint64_t)v, grid_cell(g, col), CELL);
}
static void put_text(struct grid *g, size_t col, const json_t *v)
{
    static const struct cli_member text = {.type = M_TEXT};
    show_value(&text, v, grid_cell(g, col), CELL);
}
static void put_ns(struct grid *g, size_t col, uint64_t ns)
{
    static const struct cli_member time = {.type = M_NS};
    json_t *v = ns > 0 ? json_integer((json_int_t)ns) : NULL;
    show_value(&time, v, grid_cell(g, col), CELL);
    json_decref(v);
}

static bool grid_new(struct grid *g, const char *const *headings, size_t ncols, size_t rows)
{
    *g = (struct grid){.ncols = ncols, .cap = rows + 1};
    g->cell = calloc(g->cap * ncols, CELL);
    if (!g->cell)
        return false;
    grid_row(g);
    for (size_t i = 0; i < ncols; i++)
        snprintf(grid_cell(g, i), CELL, "%s", headings[i]);
    return true;
}

static void grid_print(struct grid *g, size_t ntexts)
{
    const char **text = calloc(g->nrows * g->ncols, sizeof(*text));
    bool right[16];
    for (size_t i = 0; text && i < g->nrows * g->ncols; i++)
        text[i] = g->cell[i];
    for (size_t i = 0; i < g->ncols; i++)
        right[i] = i >= ntexts;
    if (text)
        table_print(text, g->nrows, g->ncols, right);
    free(text);
    free(g->cell);
}

/* ---- volumes ----------------------------------------------------------------------------- */

static void put_op(struct grid *g, size_t col, const char *op, const json_t *now,
                   const json_t *was, const json_t *bounds, double seconds)
{
    const json_t *a = json_object_get(now, op), *b = json_object_get(was, op);
    put_rate(g, col, rate(a, b, "ops", seconds));
    put_bytes(g, col + 1, rate(a, b, "bytes", seconds));
    put_ns(g, col + 2, quantile(bounds, a, b, 0.5));
    put_ns(g, col + 3, quantile(bounds, a, b, 0.99));
    put_ns(g, col + 4, quantile(bounds, a, b, 0.999));
}

struct busy {
    const json_t *now, *was;
    double rate;
};
static int busiest_first(const void *a, const void *b)
{
    double x = ((const struct busy *)a)->rate, y = ((const struct busy *)b)->rate;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void show_volumes(const struct answers *now, const struct answers *was, double seconds,
                         size_t rows)
{
    static const char *const headings[] = {"VOLUME", "READS/s", "B/s",      "p50",
                                           "p99",    "p99.9",   "WRITES/s", "B/s",
                                           "p50",    "p99",     "p99.9",    "QUEUE"};
    const json_t *all = json_object_get(now->stats, "volumes"),
                 *before = json_object_get(was->stats, "volumes"),
                 *bounds = json_object_get(now->stats, "bounds");
    size_t n = json_array_size(all);
    struct busy *v = calloc(n + 1, sizeof(*v));
    struct grid g;
    if (!v || !grid_new(&g, headings, ARRAY_LEN(headings), rows)) {
        free(v);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        v[i].now = json_array_get(all, i);
        v[i].was = find(before, "name", json_object_get(v[i].now, "name"));
        v[i].rate = rate(v[i].now, v[i].was, "commands", seconds);
    }
    qsort(v, n, sizeof(*v), busiest_first);
    for (size_t i = 0; i < n && grid_row(&g); i++) {
        put_text(&g, 0, json_object_get(v[i].now, "name"));
        put_op(&g, 1, "read", v[i].now, v[i].was, bounds, seconds);
        put_op(&g, 6, "write", v[i].now, v[i].was, bounds, seconds);
        put_rate(&g, 11, (double)number(v[i].now, "in_flight"));
    }
    grid_print(&g, 1);
    free(v);
}

/* ---- sessions ---------------------------------------------------------------------------- */

static void show_sessions(const struct answers *now, const struct answers *was, double seconds,
                          size_t rows)
{
    static const char *const headings[] = {"SESSION", "PEER",      "COMMANDS/s",
                                           "READ/s",  "WRITTEN/s", "TASKS"};
    struct grid g;
    if (!grid_new(&g, headings, ARRAY_LEN(headings), rows))
        return;
    for (size_t i = 0; i < json_array_size(now->sessions) && grid_row(&g); i++) {
        const json_t *s = json_array_get(now->sessions, i);
        const json_t *s0 = find(was->sessions, "id", json_object_get(s, "id"));
        put_text(&g, 0, json_object_get(s, "initiator"));
        put_text(&g, 1, json_object_get(s, "peer"));
        put_rate(&g, 2, rate(s, s0, "commands", seconds));
        put_bytes(&g, 3, rate(s, s0, "bytes_out", seconds));
        put_bytes(&g, 4, rate(s, s0, "bytes_in", seconds));
        put_rate(&g, 5, (double)number(s, "tasks"));
    }
    grid_print(&g, 2);
}

/* ---- the picture ------------------------------------------------------------------------- */

/* Rows for one of the two tables. */
static size_t rows_each(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row == 0)
        return 1000;
    return w.ws_row > 2 * TOP_ROWS ? (size_t)(w.ws_row - TOP_ROWS - 4) / 2 : TOP_ROWS;
}

static void draw(const struct cli_type *t, const struct answers *now, const struct answers *was,
                 bool tty)
{
    double seconds = (double)(number(now->stats, "time") - number(was->stats, "time")) / 1e9;
    size_t rows = rows_each();
    if (tty)
        fputs("\x1b[H\x1b[2J", stdout);
    show_status(t, now->status);
    putchar('\n');
    if (seconds > 0) {
        show_volumes(now, was, seconds, rows);
        putchar('\n');
        show_sessions(now, was, seconds, rows);
    }
    if (!tty)
        putchar('\n');
    fflush(stdout);
}

int watch(struct link *l, const struct cli_type *t, unsigned interval, struct err *reterr)
{
    struct answers was = {.status = NULL}, now = {.status = NULL};
    bool tty = isatty(STDOUT_FILENO);
    int status = ask(l, &was, reterr);
    while (status == EXIT_DONE) {
        sleep(interval);
        status = ask(l, &now, reterr);
        if (status != EXIT_DONE)
            break;
        draw(t, &now, &was, tty);
        answers_free(&was);
        was = now;
        now = (struct answers){.status = NULL};
    }
    answers_free(&was);
    answers_free(&now);
    return status;
}
