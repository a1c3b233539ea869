/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of columns. Headings are zpool's and zfs's. */
#include "cmd/grammar/columns.h"

#include "base/text.h"
#include "cmd/grammar/values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct gr_column pool_columns[] = {
    {"name",          NULL,       NULL,       "name",       GR_WORD,    false},
    {"size",          NULL,       NULL,       "size",       GR_BYTES,   true },
    {"allocated",     "alloc",    "ALLOC",    "allocated",  GR_BYTES,   true },
    {"free",          NULL,       NULL,       "free",       GR_BYTES,   true },
    {"available",     "avail",    "AVAIL",    "available",  GR_BYTES,   true },
    {"checkpoint",    "ckpoint",  "CKPOINT",  NULL,         GR_BYTES,   true },
    {"expandsize",    "expandsz", "EXPANDSZ", NULL,         GR_BYTES,   true },
    {"fragmentation", "frag",     "FRAG",     NULL,         GR_PERCENT, true },
    {"capacity",      "cap",      "CAP",      "capacity",   GR_PERCENT, true },
    {"dedupratio",    "dedup",    "DEDUP",    "dedupratio", GR_RATIO,   true },
    {"health",        NULL,       NULL,       "state",      GR_WORD,    false},
    {"altroot",       NULL,       NULL,       NULL,         GR_WORD,    false},
    {"volumes",       NULL,       NULL,       "volumes",    GR_WORD,    true },
    {"guid",          NULL,       NULL,       "guid",       GR_WORD,    true },
    {"readonly",      NULL,       NULL,       "read_only",  GR_WORD,    false},
    {"reason",        NULL,       NULL,       "reason",     GR_WORD,    false},
};
static const struct gr_column dataset_columns[] = {
    {"name",                 NULL,            NULL,            NULL, GR_WORD,    false},
    {"used",                 NULL,            NULL,            NULL, GR_BYTES,   true },
    {"available",            "avail",         "AVAIL",         NULL, GR_BYTES,   true },
    {"referenced",           "refer",         "REFER",         NULL, GR_BYTES,   true },
    {"volsize",              NULL,            NULL,            NULL, GR_BYTES,   true },
    {"volblocksize",         "volblock",      "VOLBLOCK",      NULL, GR_BYTES,   true },
    {"quota",                NULL,            NULL,            NULL, GR_BYTES,   true },
    {"refquota",             NULL,            NULL,            NULL, GR_BYTES,   true },
    {"reservation",          "reserv",        "RESERV",        NULL, GR_BYTES,   true },
    {"refreservation",       "refreserv",     "REFRESERV",     NULL, GR_BYTES,   true },
    {"usedbysnapshots",      "usedsnap",      "USEDSNAP",      NULL, GR_BYTES,   true },
    {"usedbydataset",        "usedds",        "USEDDS",        NULL, GR_BYTES,   true },
    {"usedbychildren",       "usedchild",     "USEDCHILD",     NULL, GR_BYTES,   true },
    {"usedbyrefreservation", "usedrefreserv", "USEDREFRESERV", NULL, GR_BYTES,   true },
    {"written",              NULL,            NULL,            NULL, GR_BYTES,   true },
    {"logicalused",          "lused",         "LUSED",         NULL, GR_BYTES,   true },
    {"logicalreferenced",    "lrefer",        "LREFER",        NULL, GR_BYTES,   true },
    {"compressratio",        "ratio",         "RATIO",         NULL, GR_RATIO,   true },
    {"refcompressratio",     "refratio",      "REFRATIO",      NULL, GR_RATIO,   true },
    {"creation",             NULL,            NULL,            NULL, GR_DATE,    false},
    {"compression",          "compress",      "COMPRESS",      NULL, GR_WORD,    true },
    {"readonly",             "rdonly",        "RDONLY",        NULL, GR_WORD,    true },
 /* of pools, for zpool get */
    {"size",                 NULL,            NULL,            NULL, GR_BYTES,   true },
    {"allocated",            "alloc",         "ALLOC",         NULL, GR_BYTES,   true },
    {"free",                 NULL,            NULL,            NULL, GR_BYTES,   true },
    {"capacity",             "cap",           "CAP",           NULL, GR_PERCENT, true },
    {"dedupratio",           "dedup",         "DEDUP",         NULL, GR_RATIO,   true },
};

static const struct gr_column *find(const struct gr_column *c, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(c[i].name, name) == 0 || (c[i].brief && strcmp(c[i].brief, name) == 0))
            return &c[i];
    return NULL;
}

const struct gr_column *gr_pool_column(const char *name)
{
    return find(pool_columns, ARRAY_LEN(pool_columns), name);
}

const struct gr_column *gr_dataset_column(const char *name)
{
    return find(dataset_columns, ARRAY_LEN(dataset_columns), name);
}

json_t *gr_columns(const struct gr_line *l, const char *initial)
{
    const char *text = gr_value(l, "o");
    return gr_list(text ? text : initial);
}

bool gr_is_pool_column(const char *name)
{
    return gr_pool_column(name) != NULL;
}

bool gr_is_property_column(const char *name)
{
    static const char *const names[] = {"name", "property", "value", "source"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

int gr_columns_check(const struct gr_line *l, bool (*known)(const char *name),
                     struct err *reterr)
{
    json_t *typed = gr_value(l, "o") ? gr_list(gr_value(l, "o")) : NULL, *name;
    size_t i;
    int rc = 0;
    if (typed && json_array_size(typed) == 0)
        rc = err_set(reterr, -EINVAL, "%s %s -o: it names no column", l->tool->name,
                     l->verb->name);
    json_array_foreach(typed, i, name)
    {
        if (rc == 0 && known && !known(json_string_value(name)))
            rc = err_set(reterr, -EINVAL, "%s %s -o: there is no column \"%.60s\"",
                         l->tool->name, l->verb->name, json_string_value(name));
    }
    json_decref(typed);
    return rc;
}

int gr_properties(const struct gr_line *l, const char *text, json_t **ret, struct err *reterr)
{
    *ret = gr_list(text);
    return json_array_size(*ret) > 0
               ? 0
               : err_set(reterr, -EINVAL, "%s %s: \"%.60s\" names no property", l->tool->name,
                         l->verb->name, text);
}

void gr_value_text(enum gr_kind kind, const char *value, bool exact, char *ret, size_t cap)
{
    uint64_t n = 0;
    struct tm tm;
    bool number = text_to_u64(value, &n);
    time_t when = (time_t)n;
    snprintf(ret, cap, "%s", value);
    if (exact)
        return;
    if (kind == GR_BYTES && number)
        text_from_size(n, ret, cap);
    else if (kind == GR_RATIO && value[0] >= '0' && value[0] <= '9')
        snprintf(ret, cap, "%sx", value);
    else if (kind == GR_PERCENT && number)
        snprintf(ret, cap, "%s%%", value);
    else if (kind == GR_DATE && number && localtime_r(&when, &tm) &&
             strftime(ret, cap, "%a %b %e %H:%M %Y", &tm) == 0)
        snprintf(ret, cap, "%s", value);
}
