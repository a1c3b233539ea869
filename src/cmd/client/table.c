/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables as zfs prints them: headings, columns two spaces apart, as wide as their widest cell,
 * numbers to the right. */
#include "cmd/client/client.h"
#include "cmd/client/grid.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX 1024

/* Columns that a text takes: bytes that do not continue a UTF-8 character. */
static size_t width(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void pad(size_t n)
{
    while (n-- > 0)
        putchar(' ');
}

static void print_row(const char *const *cell, size_t ncols, const size_t *widths,
                      const bool *right)
{
    for (size_t i = 0; i < ncols; i++) {
        size_t gap = widths[i] - width(cell[i]);
        bool last = i + 1 == ncols;
        if (right[i])
            pad(gap);
        fputs(cell[i], stdout);
        if (!right[i] && !last)
            pad(gap);
        if (!last)
            pad(2);
    }
    putchar('\n');
}

void table_print(const char *const *text, size_t nrows, size_t ncols, const bool *right)
{
    size_t *widths = calloc(ncols, sizeof(*widths));
    if (!widths)
        return;
    for (size_t r = 0; r < nrows; r++)
        for (size_t i = 0; i < ncols; i++)
            widths[i] = MAX(widths[i], width(text[r * ncols + i]));
    for (size_t r = 0; r < nrows; r++)
        print_row(&text[r * ncols], ncols, widths, right);
    free(widths);
}

static bool is_number(const struct cli_member *m)
{
    return (m->type == M_UINT || m->type == M_SIZE || m->type == M_NS) && !m->many;
}

const struct cli_member *find_member(const struct cli_type *t, const char *name, size_t len)
{
    for (size_t i = 0; i < t->nmembers; i++)
        if (strlen(t->members[i].name) == len && memcmp(t->members[i].name, name, len) == 0)
            return &t->members[i];
    return NULL;
}

/* The cell of a list of objects is how many there are. */
static void put_cell(struct grid *g, const struct cli_member *m, const json_t *obj, bool exact)
{
    char buf[CELL_MAX];
    const json_t *v = json_object_get(obj, m->name);
    if (m->many && m->type == M_OBJECT)
        snprintf(buf, sizeof(buf), "%zu", json_array_size(v));
    else if (exact && json_is_integer(v))
        snprintf(buf, sizeof(buf), "%lld", (long long)json_integer_value(v));
    else
        show_value(m, v, buf, sizeof(buf));
    grid_put(g, buf);
}

/* Those that -o names, else those with a heading; how many. */
static size_t columns_of(const struct cli_type *t, const char *names,
                         const struct cli_member *ret[GRID_COLUMNS])
{
    size_t n = 0;
    for (size_t i = 0; !names && i < t->nmembers && n < GRID_COLUMNS; i++)
        if (t->members[i].col)
            ret[n++] = &t->members[i];
    while (names && *names && n < GRID_COLUMNS) {
        size_t len = strcspn(names, ",");
        const struct cli_member *m = find_member(t, names, len);
        if (m)
            ret[n++] = m;
        names += len + (names[len] == ',');
    }
    return n;
}

static void put_heading(struct grid *g, const struct cli_member *m)
{
    char text[64];
    size_t i;
    for (i = 0; m->name[i] && i + 1 < sizeof(text); i++)
        text[i] = (char)toupper((unsigned char)m->name[i]);
    text[i] = '\0';
    grid_put(g, m->col ? m->col : text);
}

void show_table(const struct cli_type *t, const json_t *list, const struct table_form *f)
{
    static const struct table_form people;
    const struct cli_member *column[GRID_COLUMNS];
    const struct table_form *form = f ? f : &people;
    struct grid g = {.ncols = columns_of(t, form->columns, column)};
    for (size_t i = 0; i < g.ncols; i++) {
        g.right[i] = is_number(column[i]) || (column[i]->many && column[i]->type == M_OBJECT);
        put_heading(&g, column[i]);
    }
    for (size_t r = 0; r < json_array_size(list); r++)
        for (size_t i = 0; i < g.ncols; i++)
            put_cell(&g, column[i], json_array_get(list, r), form->exact);
    grid_end(&g, form->bare);
}
