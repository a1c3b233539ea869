/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Setting properties. What a value must be is in the table of props.c; whether there is room for it, and who has to know, is
 * here. Each setting is a task of the sync fiber; open volumes follow when it is on disk.
 */
#include "pool/set.h"
#include "pool/look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ----------------------------------------------------------------------------------------------- */

static int word_parse(struct setting *s, struct err *reterr)
{
    const struct word *w = word_of_text(s->prop->words, s->value);
    if (!w)
        return err_set(reterr, E(-EINVAL), "%s: %s is none of its values", s->name, s->value);
    if (strcmp(s->name, "checksum") == 0 && w->value == ZCHECK_OFF)
        return err_set(reterr, E(-EINVAL),
                       "checksum off: damage would go unnoticed; choose fletcher4 or sha256");
    if (w->read_only)
        return err_set(reterr, E(-EOPNOTSUPP),
                       "%s %s: such blocks are read but not written; choose another value",
                       s->name, s->value);
    s->number = w->value;
    return 0;
}

static int bytes_parse(struct setting *s, struct err *reterr)
{
    char *end;
    bool automatic = s->prop->books == BOOK_REFRESERVATION && strcmp(s->value, "auto") == 0;
    bool none = s->prop->books != BOOK_VOLSIZE && strcmp(s->value, "none") == 0;
    s->number = automatic ? SETTING_AUTO : 0;
    if (automatic || none)
        return 0;
    errno = 0;
    s->number = strtoull(s->value, &end, 10);
    if (*end || *s->value < '0' || *s->value > '9' || errno || s->number > INT64_MAX)
        return err_set(reterr, E(-EINVAL), "%s: %s is no number of bytes", s->name, s->value);
    return 0;
}

/* The user property that means something to us. */
static int threshold_parse(const struct setting *s, struct err *reterr)
{
    char *end;
    if (strcmp(s->name, POOL_THRESHOLD) != 0)
        return 0;
    if (!s->value || strcmp(s->value, "off") == 0)
        return 0;
    uint64_t v = strtoull(s->value, &end, 10);
    return *end || *s->value < '0' || *s->value > '9' || v == 0 || v > 100
               ? err_set(reterr, E(-EINVAL), "%s: %.32s is no percentage, nor off", s->name,
                         s->value)
               : 0;
}

static int user_parse(const struct setting *s, struct err *reterr)
{
    if (!strchr(s->name, ':'))
        return err_set(reterr, E(-EINVAL), "there is no property %s", s->name);
    for (const char *c = s->name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("-_.:", *c)))
            return err_set(
                reterr, E(-EINVAL),
                "property %.64s: only lower-case letters, digits, - _ . : are allowed",
                s->name);
    if (strlen(s->name) > ZAP_NAME_MAX)
        return err_set(reterr, E(-ENAMETOOLONG), "property %.64s...: longer than %u characters",
                       s->name, ZAP_NAME_MAX);
    if (s->value && strlen(s->value) >= ZAP_VALUE_MAX)
        return err_set(reterr, E(-E2BIG), "property %.64s: its value is longer than %u bytes",
                       s->name, ZAP_VALUE_MAX - 1);
    return threshold_parse(s, reterr);
}

int setting_parse(const char *name, const char *value, struct setting *ret, struct err *reterr)
{
    *ret = (struct setting){.name = name, .value = value, .prop = prop_find(name)};
    const struct property *prop = ret->prop;
    if (!prop)
        return user_parse(ret, reterr);
    if (prop->from == FROM_BOOKS)
        return err_set(reterr, E(-EINVAL), "%s can't be set: it says what is", name);
    if (!value && prop->books == BOOK_VOLSIZE)
        return err_set(reterr, E(-EINVAL), "volsize can't be inherited");
    if (!value)
        return 0;
    return prop->kind == PROP_WORD ? word_parse(ret, reterr) : bytes_parse(ret, reterr);
}

int setting_fits(const struct setting *s, enum pool_dataset_type type, struct err *reterr)
{
    if (type == POOL_SNAPSHOT)
        return err_set(reterr, E(-EROFS), "a snapshot can't be changed");
    if (s->prop && !(s->prop->types & type))
        return err_set(reterr, E(-EINVAL), "%s: a %s has no such property", s->name,
                       type == POOL_VOLUME ? "volume" : "folder");
    if (s->number == SETTING_AUTO && type != POOL_VOLUME)
        return err_set(reterr, E(-EINVAL), "refreservation auto: for volumes only");
    return 0;
}

/* ---- room (OpenZFS dsl_dir_set_quota_check() and its like) ------------------------------------------------ */

static int quota_check(const struct setting *s, const struct pool *p, const struct dsl_dir *dd,
                       struct err *reterr)
{
    const struct dsl_dir_phys *d = dsl_dir_phys(dd);
    uint64_t least = MAX(le64_get(d->used), le64_get(d->reserved));
    (void)p;
    if (s->number && s->number < least)
        return err_set(reterr, E(-ENOSPC),
                       "quota: %" PRIu64 " bytes are in use or reserved already", least);
    return 0;
}

static int refquota_check(const struct setting *s, const struct pool *p,
                          const struct dsl_dir *dd, struct err *reterr)
{
    uint64_t least = le64_get(dsl_dataset_phys(dd->head)->referenced), reserve = 0;
    (void)p;
    dsl_prop_u64(dd, "refreservation", &reserve, NULL);
    least = MAX(least, reserve);
    if (s->number && s->number < least)
        return err_set(reterr, E(-ENOSPC),
                       "refquota: %" PRIu64 " bytes are in use or reserved already", least);
    return 0;
}

/* What grows from MAX(used, before) to MAX(used, after) has to fit. */
static int growth_check(const struct setting *s, uint64_t used, uint64_t before, uint64_t avail,
                        uint64_t quota, struct err *reterr)
{
    uint64_t from = MAX(used, before), to = MAX(used, s->number);
    if (to <= from)
        return 0;
    if (quota && s->number > quota)
        return err_set(reterr, E(-ENOSPC), "%s %" PRIu64 ": the quota is %" PRIu64 " bytes",
                       s->name, s->number, quota);
    if (to - from > avail)
        return err_set(reterr, E(-ENOSPC),
                       "%s %" PRIu64 ": needs %" PRIu64 " bytes more, %" PRIu64
                       " are available",
                       s->name, s->number, to - from, avail);
    return 0;
}

static int reservation_check(const struct setting *s, const struct pool *p,
                             const struct dsl_dir *dd, struct err *reterr)
{
    const struct dsl_dir_phys *d = dsl_dir_phys(dd);
    uint64_t capacity = pool_capacity(p), used = le64_get(d->used);
    uint64_t avail = dd->parent        ? dsl_dir_available(dd->parent, capacity)
                     : capacity > used ? capacity - used
                                       : 0;
    return growth_check(s, used, le64_get(d->reserved), avail, le64_get(d->quota), reterr);
}

static int refreservation_check(const struct setting *s, const struct pool *p,
                                const struct dsl_dir *dd, struct err *reterr)
{
    uint64_t before = 0, quota = 0;
    dsl_prop_u64(dd, "refreservation", &before, NULL);
    dsl_prop_u64(dd, "refquota", &quota, NULL);
    return growth_check(s, le64_get(dsl_dataset_phys(dd->head)->unique), before,
                        dsl_dir_available(dd, pool_capacity(p)), quota, reterr);
}

/* Limits are more than a property. */
static const struct limit {
    enum books books;
    int (*check)(const struct setting *s, const struct pool *p, const struct dsl_dir *dd,
                 struct err *reterr);
    int (*apply)(struct dsl_dir *dd, uint64_t v);
} limits[] = {
    {BOOK_QUOTA,          quota_check,          dsl_set_quota         },
    {BOOK_REFQUOTA,       refquota_check,       dsl_set_refquota      },
    {BOOK_RESERVATION,    reservation_check,    dsl_set_reservation   },
    {BOOK_REFRESERVATION, refreservation_check, dsl_set_refreservation},
};

static const struct limit *limit_of(const struct setting *s)
{
    for (unsigned i = 0; s->prop && i < ARRAY_LEN(limits); i++)
        if (s->prop->from == FROM_LIMITS && s->prop->books == limits[i].books)
            return &limits[i];
    return NULL;
}

int setting_check(const struct setting *s, const struct pool *p, const struct dsl_dir *dd,
                  struct err *reterr)
{
    const struct limit *limit = limit_of(s);
    bool lz4 = s->prop && s->number == ZCOMP_LZ4 && strcmp(s->name, "compression") == 0;
    if (lz4 && !p->dsl.lz4)
        return err_set(reterr, E(-EOPNOTSUPP),
                       "compression lz4: pool %s has the feature lz4_compress disabled",
                       p->name);
    return limit ? limit->check(s, p, dd, reterr) : 0;
}

int setting_apply(const struct setting *s, struct dsl_dir *dd)
{
    const struct limit *limit = limit_of(s);
    if (limit)
        return limit->apply(dd, s->number);
    if (s->value)
        return s->prop ? dsl_prop_set_u64(dd, s->name, s->number)
                       : dsl_prop_set_str(dd, s->name, s->value);
    int r = dsl_prop_remove(dd, s->name);
    return r == -ENOENT ? 0 : r;
}

/* ---- the operator's verb ---------------------------------------------------------------------------------------- */

struct set_task {
    struct pool *p;
    const char *dataset;
    struct setting s;
};

static int set_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct set_task *t = arg;
    struct dsl_dir *dd = dsl_find(&t->p->dsl, t->dataset);
    (void)txg;
    if (!look_is_there(dd))
        return err_set(reterr, E(-ENOENT), "pool %s has no dataset %s", t->p->name, t->dataset);
    int r = setting_check(&t->s, t->p, dd, reterr);
    return r ? r : setting_apply(&t->s, dd);
}

int pool_set(struct pool *p, const char *dataset, const char *property, const char *value,
             struct err *reterr)
{
    struct set_task t = {.p = p, .dataset = dataset};
    struct look l;
    int r = setting_parse(property, value, &t.s, reterr);
    if (r == 0)
        r = look_begin(p, dataset, &l, reterr);
    if (r)
        return r;
    r = setting_fits(&t.s, l.type, reterr);
    if (r == 0 && t.s.number == SETTING_AUTO)
        t.s.number = pool_full_reservation(p, l.volsize, l.volblocksize, 1);
    bool resize = t.s.prop && t.s.prop->books == BOOK_VOLSIZE;
    look_end(&l);
    if (r == 0)
        r = resize ? pool_volume_resize(p, dataset, t.s.number, reterr)
                   : txg_run(p, set_task, &t, reterr);
    if (r == 0 && t.s.prop && t.s.prop->from == FROM_STORE)
        r = volumes_follow(p);
    return r;
}
