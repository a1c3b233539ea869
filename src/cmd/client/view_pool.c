/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools as zpool shows them. */
#include "cmd/client/grid.h"
#include "cmd/client/tool.h"
#include "cmd/grammar/columns.h"
#include "cmd/grammar/values.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#define VALUE_MAX 1024

/* ---- list -------------------------------------------------------------------------------- */

void heading_put(struct grid *g, const struct gr_column *c, const char *name)
{
    char text[128];
    size_t i;
    const char *from = c && c->heading ? c->heading : c ? c->name : name;
    for (i = 0; from[i] && i + 1 < sizeof(text); i++)
        text[i] = (char)toupper((unsigned char)from[i]);
    text[i] = '\0';
    g->right[g->ncols % GRID_COLUMNS] = c && c->right;
    g->ncols++;
    grid_put(g, text);
}

static void pool_cell(struct grid *g, const struct gr_column *c, const json_t *pool, bool exact)
{
    char raw[64], text[VALUE_MAX];
    const json_t *v = c->key ? json_object_get(pool, c->key) : NULL;
    if (json_is_integer(v))
        snprintf(raw, sizeof(raw), "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        snprintf(raw, sizeof(raw), "%s", json_is_true(v) ? "on" : "off");
    else
        snprintf(raw, sizeof(raw), "-");
    const char *word = json_string_value(v);
    gr_value_text(c->kind, word ? word : raw, exact, text, sizeof(text));
    grid_put(g, text);
}

void view_pool_list(const struct seen *s)
{
    struct grid g = {.n = 0};
    json_t *columns = gr_columns(s->line, GR_POOL_COLUMNS), *pool, *name;
    const json_t *pools = json_array_get(s->results, 0);
    size_t i, k;
    if (json_array_size(pools) == 0 && !gr_has(s->line, "H")) {
        tell(stdout, "no pools available\n");
        json_decref(columns);
        return;
    }
    json_array_foreach(columns, k, name)
        heading_put(&g, gr_pool_column(json_string_value(name)), "");
    json_array_foreach((json_t *)(uintptr_t)pools, i, pool) json_array_foreach(columns, k, name)
        pool_cell(&g, gr_pool_column(json_string_value(name)), pool, gr_has(s->line, "p"));
    grid_end(&g, gr_has(s->line, "H"));
    json_decref(columns);
}

/* ---- status ------------------------------------------------------------------------------ */

static void damage(const json_t *list)
{
    const json_t *d;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, d)
    {
        tell(stdout, "\t%s:<0x%llx> at %lld, %lld bytes\n", gr_text(d, "dataset"),
             (unsigned long long)json_integer_value(json_object_get(d, "object")),
             (long long)json_integer_value(json_object_get(d, "offset")),
             (long long)json_integer_value(json_object_get(d, "length")));
    }
}

void view_pool_status(const struct seen *s)
{
    const json_t *report, *pool;
    size_t i, k, shown = 0;
    json_array_foreach((json_t *)(uintptr_t)s->results, i, report)
    {
        if (json_is_array(report)) {
            damage(report);
            continue;
        }
        json_array_foreach(json_object_get(report, "pools"), k, pool)
        {
            if (gr_has(s->line, "x") && !*gr_text(pool, "problem"))
                continue;
            tell(stdout, "%s", shown++ ? "\n" : "");
            tell(stdout, "%s", gr_text(pool, "text"));
        }
        if (json_array_size(json_object_get(report, "pools")) == 0 && !gr_has(s->line, "x"))
            tell(stdout, "%s", gr_text(report, "text"));
    }
    if (gr_has(s->line, "x") && shown == 0)
        tell(stdout, "all pools are healthy\n");
}

/* ---- iostat ------------------------------------------------------------------------------ */

static json_int_t number_of(const json_t *obj, const char *key)
{
    return json_integer_value(json_object_get(obj, key));
}

static const char *const counters[] = {"reads", "writes", "bytes_read", "bytes_written"};

struct rates {
    double of[ARRAY_LEN(counters)];
};

static void add_rates(struct rates *r, const json_t *now, const json_t *was, double seconds)
{
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        json_int_t d = number_of(now, counters[i]) - number_of(was, counters[i]);
        r->of[i] += (double)MAX(d, 0) / seconds;
    }
}

static void io_row(struct grid *g, const char *name, const json_t *pool, const struct rates *r,
                   bool exact)
{
    char text[64];
    grid_put(g, name);
    for (int i = 0; i < 2; i++) {
        const json_t *v = json_object_get(pool, i ? "free" : "allocated");
        snprintf(text, sizeof(text), "-");
        if (v && exact)
            snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
        else if (v)
            text_from_size((uint64_t)json_integer_value(v), text, sizeof(text));
        grid_put(g, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        if (exact || i < 2 || r->of[i] < 1024) /* zpool iostat has no "B" */
            snprintf(text, sizeof(text), "%.0f", r->of[i]);
        else
            text_from_size((uint64_t)r->of[i], text, sizeof(text));
        grid_put(g, text);
    }
}

/* A disk's name is the last part of its path. */
static void vdev_row(struct grid *g, const json_t *v, const struct rates *r, bool exact)
{
    char name[300];
    const char *path = gr_text(v, "name"), *slash = strrchr(path, '/');
    snprintf(name, sizeof(name), "%*s%s", (int)number_of(v, "depth") * 2, "",
             slash ? slash + 1 : path);
    io_row(g, name, NULL, r, exact);
}

static void io_pool(struct grid *g, const struct seen *s, const json_t *pool, const json_t *was,
                    const json_t *space, double seconds)
{
    const json_t *before = json_object_get(was, "vdevs"), *v;
    struct rates all = {{0}}, one;
    size_t i;
    json_array_foreach(json_object_get(pool, "vdevs"), i, v)
    {
        if (number_of(v, "depth") == 1 && !json_is_true(json_object_get(v, "spare")))
            add_rates(&all, v, gr_find(before, "guid", gr_text(v, "guid")), seconds);
    }
    io_row(g, gr_text(pool, "name"), space, &all, gr_has(s->line, "p"));
    json_array_foreach(json_object_get(pool, "vdevs"), i, v)
    {
        if (!gr_has(s->line, "v") || json_is_true(json_object_get(v, "spare")))
            break;
        one = (struct rates){{0}};
        add_rates(&one, v, gr_find(before, "guid", gr_text(v, "guid")), seconds);
        vdev_row(g, v, &one, gr_has(s->line, "p"));
    }
}

void view_pool_iostat(const struct seen *s)
{
    static const char *const headings[] = {"POOL",      "ALLOC", "FREE", "READ OPS",
                                           "WRITE OPS", "READ",  "WRITE"};
    size_t last = json_array_size(s->results) - 1, i, k;
    const json_t *spaces = json_array_get(s->results, last), *pool;
    struct grid g = {.ncols = ARRAY_LEN(headings)};
    double seconds = 1;
    for (i = 0; i < ARRAY_LEN(headings); i++) {
        g.right[i] = i > 0;
        grid_put(&g, headings[i]);
    }
    for (i = 0; i < last; i++) {
        const json_t *now = json_array_get(s->results, i), *was = json_array_get(s->before, i);
        if (was)
            seconds = (double)(number_of(now, "time") - number_of(was, "time")) / 1e9;
        json_array_foreach(json_object_get(now, "pools"), k, pool)
        {
            const char *name = gr_text(pool, "name");
            io_pool(&g, s, pool, gr_find(json_object_get(was, "pools"), "name", name),
                    gr_find(spaces, "name", name), seconds > 0 ? seconds : 1);
        }
    }
    if (!gr_has(s->line, "H"))
        tell(stdout,
             s->before ? "\na second, over %.1f s:\n" : "since the disks were opened:\n",
             seconds);
    grid_end(&g, gr_has(s->line, "H"));
}

/* ---- import without a name ---------------------------------------------------------------- */

static void found(const json_t *pool)
{
    const json_t *v;
    size_t i;
    tell(stdout, "   pool: %s\n     id: %s\n  state: %s%s\n", gr_text(pool, "name"),
         gr_text(pool, "guid"), gr_text(pool, "health"),
         strcmp(gr_text(pool, "state"), "DESTROYED") == 0 ? " (DESTROYED)" : "");
    if (*gr_text(pool, "reason"))
        tell(stdout, " status: %s\n", gr_text(pool, "reason"));
    tell(stdout, " action: %s\n config:\n\n",
         json_is_true(json_object_get(pool, "can_import"))
             ? "The pool can be imported using its name or numeric identifier."
             : "See status; -f imports a pool that another host used last, -D one that was "
               "destroyed.");
    json_array_foreach(json_object_get(pool, "vdevs"), i, v)
    {
        const char *path = gr_text(v, "name"), *slash = strrchr(path, '/');
        tell(stdout, "\t%*s%-*s %s %s\n", (int)number_of(v, "depth") * 2, "",
             30 - (int)number_of(v, "depth") * 2, slash ? slash + 1 : path, gr_text(v, "state"),
             gr_text(v, "note"));
    }
}

/* Of an import, what it says. */
void view_pool_found(const struct seen *s)
{
    const json_t *answer = json_array_get(s->results, 0), *pool;
    size_t i, shown = 0;
    if (json_is_object(answer)) {
        if (*gr_text(answer, "text"))
            tell(stdout, "%s\n", gr_text(answer, "text"));
        else
            tell(stdout, "pool %s: %s\n", gr_text(answer, "name"), gr_text(answer, "state"));
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)answer, i, pool)
    {
        /* What is open here is no candidate. */
        if (gr_find(json_object_get(s->facts, "pool.list"), "guid", gr_text(pool, "guid")))
            continue;
        tell(stdout, "%s", shown++ ? "\n" : "");
        found(pool);
    }
    if (shown == 0)
        tell(stdout, "no pools available to import\n");
}

/* ---- history, events --------------------------------------------------------------------- */

static void time_text(const json_t *seconds, char *ret, size_t cap)
{
    time_t t = (time_t)json_integer_value(seconds);
    struct tm tm;
    if (!localtime_r(&t, &tm) || strftime(ret, cap, "%Y-%m-%d.%H:%M:%S", &tm) == 0)
        snprintf(ret, cap, "-");
}

static void history_line(const json_t *e, bool with_host)
{
    char when[40];
    time_text(json_object_get(e, "time"), when, sizeof(when));
    if (json_is_true(json_object_get(e, "internal")))
        tell(stdout, "%s [internal %s txg:%lld] %s", when, gr_text(e, "what"),
             (long long)number_of(e, "txg"), gr_text(e, "text"));
    else
        tell(stdout, "%s %s", when, gr_text(e, "text"));
    if (with_host && *gr_text(e, "host"))
        tell(stdout, " [on %s]", gr_text(e, "host"));
    putchar('\n');
}

void view_pool_history(const struct seen *s)
{
    const json_t *of, *e;
    size_t i, k = 0;
    json_array_foreach((json_t *)(uintptr_t)s->results, i, of)
    {
        const char *name =
            s->line->noperands > i
                ? s->line->operands[i]
                : gr_text(json_array_get(json_object_get(s->facts, "pool.list"), i), "name");
        tell(stdout, "%sHistory for '%s':\n", i ? "\n" : "", name);
        json_array_foreach((json_t *)(uintptr_t)of, k, e) history_line(e, gr_has(s->line, "l"));
    }
}

void view_pool_events(const struct seen *s)
{
    struct grid g = {.n = 0};
    const json_t *e;
    size_t i;
    heading_put(&g, NULL, "time");
    heading_put(&g, NULL, "class");
    json_array_foreach(json_array_get(s->results, 0), i, e)
    {
        char when[40], class[600];
        const char *text = gr_text(e, "text");
        int len = gr_has(s->line, "v") ? (int)strlen(text) : (int)strcspn(text, " ");
        time_text(json_object_get(e, "time"), when, sizeof(when));
        snprintf(class, sizeof(class), "%.*s", len, text);
        grid_put(&g, when);
        grid_put(&g, class);
    }
    grid_end(&g, gr_has(s->line, "H"));
}
