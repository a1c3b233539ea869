/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties as OpenZFS would report them (dsl_dataset_stats(), dsl_prop_get_all(), and what libzfs makes of it): values as
 * plain numbers or words, and where each comes from.
 */
#include "pool/look.h"
#include "pool/props.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values --------------------------------------------------------------------------------------------------- */

static uint64_t ratio(const le64 *uncompressed, const le64 *compressed)
{
    uint64_t c = le64_get(*compressed);
    return c ? le64_get(*uncompressed) * 100 / c : 100;
}

static uint64_t limit(const struct look *l, const char *name)
{
    uint64_t v = 0;
    dsl_prop_u64(l->dd, name, &v, NULL);
    return v;
}

static uint64_t head_or(const struct look *l, uint64_t head, uint64_t snapshot)
{
    return l->snapshot ? snapshot : head;
}

static void books_fill(const struct look *l, uint64_t v[BOOK_COUNT])
{
    const struct dsl_dataset_phys *ds = &l->ds;
    const struct dsl_dir_phys *d = &l->dir;
    const le64 *by = d->used_breakdown;
    memset(v, 0, BOOK_COUNT * sizeof(*v));
    v[BOOK_CREATION] = le64_get(ds->creation_time);
    v[BOOK_CREATETXG] = le64_get(ds->creation_txg);
    v[BOOK_GUID] = le64_get(ds->guid);
    v[BOOK_OBJSETID] = l->id;
    v[BOOK_USED] = head_or(l, le64_get(d->used), le64_get(ds->unique));
    v[BOOK_AVAILABLE] = l->available;
    v[BOOK_REFERENCED] = le64_get(ds->referenced);
    v[BOOK_LOGICALREFERENCED] = le64_get(ds->uncompressed);
    v[BOOK_LOGICALUSED] = le64_get(d->uncompressed);
    v[BOOK_REFCOMPRESSRATIO] = ratio(&ds->uncompressed, &ds->compressed);
    v[BOOK_COMPRESSRATIO] =
        head_or(l, ratio(&d->uncompressed, &d->compressed), v[BOOK_REFCOMPRESSRATIO]);
    v[BOOK_USED_HEAD] = le64_get(by[DD_HEAD]);
    v[BOOK_USED_SNAP] = le64_get(by[DD_SNAP]);
    v[BOOK_USED_CHILD] = le64_get(by[DD_CHILD]) + le64_get(by[DD_CHILD_RSRV]);
    v[BOOK_USED_REFRSRV] = le64_get(by[DD_REFRSRV]);
    v[BOOK_WRITTEN] = l->written;
    v[BOOK_VOLSIZE] = l->volsize;
    v[BOOK_VOLBLOCKSIZE] = l->volblocksize;
    v[BOOK_QUOTA] = le64_get(d->quota);
    v[BOOK_RESERVATION] = le64_get(d->reserved);
    v[BOOK_REFQUOTA] = limit(l, "refquota");
    v[BOOK_REFRESERVATION] = limit(l, "refreservation");
    v[BOOK_USERREFS] = le64_get(ds->userrefs);
    v[BOOK_DEFER_DESTROY] = (le64_get(ds->flags) & DS_FLAG_DEFER_DESTROY) != 0;
}

static bool type_has(const struct look *l, const struct property *prop)
{
    if (prop->books == BOOK_VOLSIZE && l->snapshot)
        return l->volsize > 0;
    return prop->types & l->type;
}

static void number_text(const struct property *prop, uint64_t v, char *ret, size_t cap)
{
    const struct word *w = prop->words ? word_of_value(prop->words, v) : NULL;
    if (w)
        snprintf(ret, cap, "%s", w->text);
    else if (prop->kind == PROP_RATIO)
        snprintf(ret, cap, "%" PRIu64 ".%02" PRIu64, v / 100, v % 100);
    else
        snprintf(ret, cap, "%" PRIu64, v);
}

static void book_text(const struct look *l, const struct property *prop, char *ret, size_t cap)
{
    static const char *const types[] = {
        [POOL_FOLDER] = "filesystem", [POOL_VOLUME] = "volume", [POOL_SNAPSHOT] = "snapshot"};
    uint64_t v[BOOK_COUNT];
    if (prop->kind != PROP_TEXT) {
        books_fill(l, v);
        number_text(prop, v[prop->books], ret, cap);
    } else if (prop->books == BOOK_TYPE) {
        snprintf(ret, cap, "%s", types[l->type]);
    } else {
        snprintf(ret, cap, "%s%s%s", *l->origin ? l->p->name : "-", *l->origin ? "/" : "",
                 l->origin);
    }
}

/* ---- sources ---------------------------------------------------------------------------------------------------- */

static void source_text(const struct look *l, const char *name, const struct dsl_dir *from,
                        char *ret)
{
    char below[DSL_NAME_MAX + 1];
    if (from == l->dd && !l->snapshot) {
        bool received = dsl_prop_is_received(from, name);
        snprintf(ret, POOL_SOURCE_MAX, "%s", received ? "received" : "local");
        return;
    }
    dsl_dir_name(from, below);
    snprintf(ret, POOL_SOURCE_MAX, "inherited from %s%s%s", l->p->name, *below ? "/" : "",
             below);
}

/* A limit is local unless it is the default. volblocksize alone among the books has one. */
static const char *book_source(const struct property *prop, const char *value)
{
    bool initial = strtoull(value, NULL, 10) == prop->initial;
    if (prop->from == FROM_LIMITS)
        return initial ? "default" : "local";
    return initial && prop->initial ? "default" : "-";
}

/* ---- one property --------------------------------------------------------------------------------------------- */

static void native_get(const struct look *l, const struct property *prop, char *value,
                       size_t cap, char *source)
{
    const struct dsl_dir *from = NULL;
    uint64_t v = prop->initial;
    if (!type_has(l, prop)) {
        snprintf(value, cap, "-");
        snprintf(source, POOL_SOURCE_MAX, "-");
    } else if (prop->from == FROM_STORE) {
        if (dsl_prop_u64(l->dd, prop->name, &v, &from))
            source_text(l, prop->name, from, source);
        else
            snprintf(source, POOL_SOURCE_MAX, "default");
        number_text(prop, v, value, cap);
    } else {
        book_text(l, prop, value, cap);
        snprintf(source, POOL_SOURCE_MAX, "%s", book_source(prop, value));
    }
}

/* NULL: not set. */
static const char *user_get(const struct look *l, const char *name, char *source)
{
    const struct dsl_dir *from;
    const char *value;
    if (l->own && nv_get_str(l->own, name, &value)) {
        snprintf(source, POOL_SOURCE_MAX, "local");
        return value;
    }
    if (!dsl_prop_str(l->dd, name, &value, &from))
        return NULL;
    source_text(l, name, from, source);
    return value;
}

static int look_get(const struct look *l, const char *property, char *ret_value, size_t cap,
                    char *source, struct err *reterr)
{
    const struct property *prop = prop_find(property);
    if (prop) {
        native_get(l, prop, ret_value, cap, source);
        return 0;
    }
    if (!strchr(property, ':'))
        return err_set(reterr, E(-EINVAL), "there is no property %s", property);
    const char *value = user_get(l, property, source);
    if (!value)
        snprintf(source, POOL_SOURCE_MAX, "-");
    if ((size_t)snprintf(ret_value, cap, "%s", value ? value : "-") >= cap)
        return err_set(reterr, E(-ENOSPC), "%s: its value is longer than %zu bytes", property,
                       cap);
    return 0;
}

int pool_get(struct pool *p, const char *dataset, const char *property, char *ret_value,
             size_t cap, char *ret_source, struct err *reterr)
{
    char source[POOL_SOURCE_MAX];
    struct look l;
    int r = look_begin(p, dataset, &l, reterr);
    if (r)
        return r;
    r = look_get(&l, property, ret_value, cap, source, reterr);
    if (r == 0 && ret_source)
        memcpy(ret_source, source, sizeof(source));
    look_end(&l);
    return r;
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

static int natives_tell(const struct look *l, pool_prop_fn fn, void *arg)
{
    char value[POOL_NAME_MAX + DSL_NAME_MAX + 2], source[POOL_SOURCE_MAX];
    const struct property *prop;
    int r = 0;
    for (unsigned i = 0; r == 0 && (prop = prop_at(i)); i++) {
        if (!type_has(l, prop))
            continue;
        native_get(l, prop, value, sizeof(value), source);
        if (strcmp(value, "-") != 0)
            r = fn(arg, prop->name, value, source);
    }
    return r;
}

static int own_tell(const struct look *l, pool_prop_fn fn, void *arg)
{
    const char *name, *value;
    int r = 0;
    for (unsigned i = 0; r == 0 && l->own && (name = nv_key(l->own, i)); i++)
        if (strchr(name, ':') && nv_get_str(l->own, name, &value))
            r = fn(arg, name, value, "local");
    return r;
}

static int users_tell(const struct look *l, pool_prop_fn fn, void *arg)
{
    char name[ZAP_NAME_MAX + 1], source[POOL_SOURCE_MAX];
    const struct dsl_dir *from;
    const char *value;
    int r = own_tell(l, fn, arg);
    for (const struct dsl_dir *dd = l->dd; r == 0 && dd; dd = dd->parent)
        for (unsigned pos = 0; r == 0 && dsl_prop_user_next(dd, &pos, name);) {
            bool masked = l->own && nv_has(l->own, name);
            if (masked || !dsl_prop_str(l->dd, name, &value, &from) || from != dd)
                continue;
            source_text(l, name, from, source);
            r = fn(arg, name, value, source);
        }
    return r;
}

int pool_get_all(struct pool *p, const char *dataset, pool_prop_fn fn, void *arg,
                 struct err *reterr)
{
    struct look l;
    int r = look_begin(p, dataset, &l, reterr);
    if (r)
        return r;
    r = natives_tell(&l, fn, arg);
    if (r == 0)
        r = users_tell(&l, fn, arg);
    look_end(&l);
    return r;
}
