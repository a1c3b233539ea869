/* SPDX-License-Identifier: BSD-2-Clause */
/* A table made cell by cell. */
#ifndef CMD_CLIENT_GRID_H
#define CMD_CLIENT_GRID_H

#include <stdbool.h>
#include <stddef.h>

#define GRID_COLUMNS 32

struct grid {
    char **cell; /* row after row */
    size_t n, ncols;
    bool right[GRID_COLUMNS]; /* numbers */
    bool bad;                 /* memory ran out */
};
/* Appends one cell; what would move the cursor becomes a question mark. */
void grid_put(struct grid *g, const char *text);
/* In columns with headings in the first row; bare: without it, apart by one tab (-H). Frees it. */
void grid_end(struct grid *g, bool bare);

#endif
