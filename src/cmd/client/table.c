/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables as zfs prints them: headings, columns two spaces apart, as wide as their widest cell,
 * numbers to the right. */
#include "cmd/client/client.h"

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

/* The cell of a list of objects is how many there are. */
static char *cell_of(const struct cli_member *m, const json_t *obj)
{
    char buf[CELL_MAX];
    const json_t *v = json_object_get(obj, m->name);
    if (m->many && m->type == M_OBJECT)
        snprintf(buf, sizeof(buf), "%zu", json_array_size(v));
    else
        show_value(m, v, buf, sizeof(buf));
    return strdup(buf);
}

void show_table(const struct cli_type *t, const json_t *list)
{
    size_t nrows = json_array_size(list) + 1, ncols = 0, n = 0;
    for (size_t i = 0; i < t->nmembers; i++)
        ncols += t->members[i].col != NULL;
    char **text = calloc(nrows * ncols + 1, sizeof(*text));
    bool *right = calloc(ncols + 1, sizeof(*right));
    bool whole = text && right;
    for (size_t r = 0; whole && r < nrows; r++)
        for (size_t i = 0; i < t->nmembers; i++) {
            const struct cli_member *m = &t->members[i];
            if (!m->col)
                continue;
            right[n % ncols] = is_number(m) || (m->many && m->type == M_OBJECT);
            text[n] = r == 0 ? strdup(m->col) : cell_of(m, json_array_get(list, r - 1));
            whole &= text[n++] != NULL;
        }
    if (whole)
        table_print((const char *const *)text, nrows, ncols, right);
    for (size_t i = 0; i < n; i++)
        free(text[i]);
    free(text);
    free(right);
}
