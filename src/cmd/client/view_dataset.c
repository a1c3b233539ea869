/* SPDX-License-Identifier: BSD-2-Clause */
/* Datasets and properties as zfs shows them. */
#include "cmd/client/grid.h"
#include "cmd/client/tool.h"
#include "cmd/grammar/columns.h"
#include "cmd/grammar/values.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 1024

/* ---- list -------------------------------------------------------------------------------- */

static const char *property_of(const json_t *dataset, const char *name)
{
    const struct gr_column *c = gr_dataset_column(name);
    if (strcmp(name, "name") == 0)
        return gr_text(dataset, "name");
    /* zsan mounts nothing; OpenZFS shows volumes so. */
    if (strcmp(name, "mountpoint") == 0)
        return strcmp(gr_text(dataset, "type"), "folder") == 0 ? "none" : "-";
    const json_t *p =
        gr_find(json_object_get(dataset, "properties"), "property", c ? c->name : name);
    return p ? gr_text(p, "value") : "-";
}

static bool type_wanted(const char *types, const char *type)
{
    static const struct {
        const char *type, *names[3];
    } all[] = {
        {"folder",   {"filesystem", "fs", "folder"}  },
        {"volume",   {"volume", "vol", "volume"}     },
        {"snapshot", {"snapshot", "snap", "snapshot"}},
    };
    json_t *wanted = gr_list(types), *w;
    bool yes = false;
    size_t i;
    json_array_foreach(wanted, i, w)
    {
        yes |= strcmp(json_string_value(w), "all") == 0;
        for (size_t k = 0; k < ARRAY_LEN(all); k++)
            for (size_t n = 0; n < ARRAY_LEN(all[k].names); n++)
                yes |= strcmp(all[k].type, type) == 0 &&
                       strcmp(all[k].names[n], json_string_value(w)) == 0;
    }
    json_decref(wanted);
    return yes;
}

struct row {
    const json_t *dataset;
    const char *by; /* property to sort by */
    int sign;
};

static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    const char *p = property_of(x->dataset, x->by), *q = property_of(y->dataset, x->by);
    uint64_t n = 0, m = 0;
    bool numbers = text_to_u64(p, &n) && text_to_u64(q, &m);
    int order = numbers ? (n > m) - (n < m) : strcmp(p, q);
    return x->sign *
           (order ? order : strcmp(gr_text(x->dataset, "name"), gr_text(y->dataset, "name")));
}

/* Those of the wanted types, sorted; *ret_n of them. NULL: no memory. */
static struct row *rows_of(const struct seen *s, size_t *ret_n)
{
    const char *types = gr_value(s->line, "t"), *up = gr_value(s->line, "s"),
               *down = gr_value(s->line, "S");
    const json_t *list, *dataset;
    size_t i, k, n = 0, room = 1;
    json_array_foreach((json_t *)(uintptr_t)s->results, i, list) room += json_array_size(list);
    struct row *rows = calloc(room, sizeof(*rows));
    json_array_foreach((json_t *)(uintptr_t)s->results, i, list)
    {
        json_array_foreach((json_t *)(uintptr_t)list, k, dataset)
        {
            if (rows && (!types || type_wanted(types, gr_text(dataset, "type"))))
                rows[n++] = (struct row){dataset, up ? up : down, up ? 1 : -1};
        }
    }
    if (rows && (up || down))
        qsort(rows, n, sizeof(*rows), compare);
    *ret_n = n;
    return rows;
}

void view_dataset_list(const struct seen *s)
{
    struct grid g = {.n = 0};
    json_t *columns = gr_columns(s->line, GR_DATASET_COLUMNS), *name;
    char text[VALUE_MAX];
    size_t n = 0, k;
    struct row *rows = rows_of(s, &n);
    json_array_foreach(columns, k, name)
        heading_put(&g, gr_dataset_column(json_string_value(name)), json_string_value(name));
    for (size_t i = 0; rows && i < n; i++)
        json_array_foreach(columns, k, name)
        {
            const struct gr_column *c = gr_dataset_column(json_string_value(name));
            gr_value_text(c ? c->kind : GR_WORD,
                          property_of(rows[i].dataset, json_string_value(name)),
                          gr_has(s->line, "p"), text, sizeof(text));
            grid_put(&g, text);
        }
    if (n == 0 && !gr_has(s->line, "H"))
        tell(stdout, "no datasets available\n");
    grid_end(&g, n == 0 || gr_has(s->line, "H"));
    free(rows);
    json_decref(columns);
}

/* ---- get --------------------------------------------------------------------------------- */

/* "inherited from tank" is inherited; "-" is none. */
static bool source_wanted(const struct gr_line *l, const char *source)
{
    json_t *wanted, *w;
    bool yes = false;
    size_t i;
    if (!gr_value(l, "s"))
        return true;
    wanted = gr_list(gr_value(l, "s"));
    json_array_foreach(wanted, i, w)
    {
        const char *word = json_string_value(w);
        yes |= strncmp(source, word, strlen(word)) == 0 ||
               (strcmp(word, "none") == 0 && strcmp(source, "-") == 0);
    }
    json_decref(wanted);
    return yes;
}

static void property_row(struct grid *g, const struct gr_line *l, const json_t *columns,
                         const json_t *p)
{
    const struct gr_column *c = gr_dataset_column(gr_text(p, "property"));
    char text[VALUE_MAX];
    json_t *name;
    size_t k;
    json_array_foreach((json_t *)(uintptr_t)columns, k, name)
    {
        const char *column = json_string_value(name);
        bool value = strcmp(column, "value") == 0;
        const char *raw = gr_text(p, strcmp(column, "name") == 0 ? "dataset" : column);
        gr_value_text(value && c ? c->kind : GR_WORD, raw, gr_has(l, "p"), text, sizeof(text));
        grid_put(g, text);
    }
}

void view_properties(const struct seen *s)
{
    struct grid g = {.n = 0};
    json_t *columns = gr_columns(s->line, GR_PROPERTY_COLUMNS), *name;
    const json_t *list, *p;
    size_t i, k;
    json_array_foreach(columns, k, name) heading_put(&g, NULL, json_string_value(name));
    json_array_foreach((json_t *)(uintptr_t)s->results, i, list)
    {
        json_array_foreach((json_t *)(uintptr_t)list, k, p)
        {
            if (source_wanted(s->line, gr_text(p, "source")))
                property_row(&g, s->line, columns, p);
        }
    }
    grid_end(&g, gr_has(s->line, "H"));
    json_decref(columns);
}
