/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables that are made cell by cell, for people or, tab by tab, for scripts. */
#include "cmd/client/grid.h"

#include "cmd/client/client.h"

#include <stdlib.h>
#include <string.h>

void grid_put(struct grid *g, const char *text)
{
    static const struct cli_member plain = {"", NULL, M_TEXT, false, NULL};
    char clean[1024];
    json_t *j = json_string(text);
    char **more = realloc(g->cell, (g->n + 1) * sizeof(*more));
    show_value(&plain, j ? j : json_null(), clean, sizeof(clean));
    json_decref(j);
    if (more) {
        g->cell = more;
        g->cell[g->n] = strdup(clean);
        g->bad |= g->cell[g->n++] == NULL;
    }
    g->bad |= more == NULL;
}

static void print_bare(const struct grid *g)
{
    for (size_t i = g->ncols; i < g->n; i++)
        printf("%s%c", g->cell[i], (i + 1) % g->ncols == 0 ? '\n' : '\t');
}

void grid_end(struct grid *g, bool bare)
{
    if (!g->bad && bare)
        print_bare(g);
    else if (!g->bad && g->ncols > 0)
        table_print((const char *const *)g->cell, g->n / g->ncols, g->ncols, g->right);
    for (size_t i = 0; i < g->n; i++)
        free(g->cell[i]);
    free(g->cell);
    *g = (struct grid){.ncols = 0};
}
