/* SPDX-License-Identifier: BSD-2-Clause */
/* Columns of lists by the properties that they show: their headings, and how values are written for people. */
#ifndef CMD_GRAMMAR_COLUMNS_H
#define CMD_GRAMMAR_COLUMNS_H

#include "cmd/grammar/grammar.h"

enum gr_kind { GR_WORD, GR_BYTES, GR_RATIO, GR_PERCENT, GR_DATE };
struct gr_column {
    const char *name, *brief; /* brief NULL: it has none */
    const char *heading;      /* NULL: the name in capitals */
    const char *key;          /* zpool list: member of a pool, NULL: always "-" */
    enum gr_kind kind;
    bool right;
};
/* By name or brief name; NULL: none. */
const struct gr_column *gr_pool_column(const char *name);
const struct gr_column *gr_dataset_column(const char *name);

/* The columns that -o names, else those of initial ("a,b"). A new list of texts. */
json_t *gr_columns(const struct gr_line *l, const char *initial);
/* -EINVAL: -o names none, or one that known() (NULL: all are) does not know. */
int gr_columns_check(const struct gr_line *l, bool (*known)(const char *name),
                     struct err *reterr);
bool gr_is_pool_column(const char *name);
bool gr_is_property_column(const char *name); /* of zpool get and zfs get */
/* The list behind a verb that names properties. -EINVAL: it is empty. */
int gr_properties(const struct gr_line *l, const char *text, json_t **ret, struct err *reterr);
#define GR_POOL_COLUMNS     "name,size,alloc,free,ckpoint,expandsz,frag,cap,dedup,health,altroot"
#define GR_DATASET_COLUMNS  "name,used,avail,refer,mountpoint"
#define GR_PROPERTY_COLUMNS "name,property,value,source"

/* A value as text for people; exact: as it is (-p). */
void gr_value_text(enum gr_kind kind, const char *value, bool exact, char *ret, size_t cap);

#endif
