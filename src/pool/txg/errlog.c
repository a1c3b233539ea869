/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The persistent error log (OpenZFS spa_errlog.c): two ZAPs in the MOS whose keys say where a damaged block is. What is found
 * while a scrub runs goes to the second one; when the scrub has seen everything the second one takes the place of the first,
 * so that what was repaired or overwritten disappears.
 *
 * All entries are in memory, and so bounded: who has more damaged blocks than that has other worries. New ones are stored with the
 * next txg.
 *
 * Unlike OpenZFS we drop nothing when a scrub was cancelled, or a resilver ended, which saw but a part: what an unfinished scrub
 * has found joins the first log when the next one begins.
 */
#include "pool/txg/errlog.h"
#include "base/log.h"
#include "pool/txg/txg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRLOG_MAX (16u << 10) /* entries of each of the two */
#define KEY_MAX    (4 * 17u)

static const char *const key_last = "errlog_last", *const key_scrub = "errlog_scrub";

/* ---- sets ------------------------------------------------------------------------------------------ */

static int compare(const struct bookmark *a, const struct bookmark *b)
{
    const uint64_t x[] = {a->objset, a->object, a->level, a->blkid};
    const uint64_t y[] = {b->objset, b->object, b->level, b->blkid};
    for (unsigned i = 0; i < ARRAY_LEN(x); i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

/* Where it is or would be. */
static unsigned place_of(const struct errset *s, const struct bookmark *at)
{
    unsigned lo = 0, hi = s->n;
    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        if (compare(&s->v[mid].at, at) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool has(const struct errset *s, const struct bookmark *at)
{
    unsigned i = place_of(s, at);
    return i < s->n && compare(&s->v[i].at, at) == 0;
}

/* 1: it is there already. -ENOSPC, -ENOMEM. */
static int insert(struct errset *s, const struct bookmark *at, bool stored)
{
    unsigned i = place_of(s, at);
    if (i < s->n && compare(&s->v[i].at, at) == 0)
        return 1;
    if (s->n == ERRLOG_MAX)
        return -ENOSPC;
    if (s->n == s->cap) {
        unsigned cap = MAX(2 * s->cap, 16u);
        struct errset_entry *v = realloc(s->v, cap * sizeof(*v));
        if (!v)
            return E(-ENOMEM);
        s->v = v;
        s->cap = cap;
    }
    memmove(&s->v[i + 1], &s->v[i], (s->n - i) * sizeof(*s->v));
    s->v[i] = (struct errset_entry){.at = *at, .stored = stored};
    s->n++;
    return 0;
}

static void clear(struct errset *s)
{
    free(s->v);
    *s = (struct errset){0};
}

void errlog_free(struct pool *p)
{
    clear(&p->errlog.last);
    clear(&p->errlog.scrub);
}

/* ---- adding and listing ---------------------------------------------------------------------------- */

void errlog_add(struct pool *p, const struct bookmark *at)
{
    struct errlog *l = &p->errlog;
    int r = insert(l->scrubbing ? &l->scrub : &l->last, at, false);
    l->news += r == 0;
    l->dropped += r < 0;
    if (r == 0 && p->txgs.running)
        txg_changed(p);
}

uint64_t errlog_count(const struct pool *p)
{
    const struct errlog *l = &p->errlog;
    uint64_t n = l->last.n;
    for (unsigned i = 0; i < l->scrub.n; i++)
        n += !has(&l->last, &l->scrub.v[i].at);
    return n;
}

int errlog_copy(const struct pool *p, struct bookmark **ret, unsigned *ret_n)
{
    const struct errlog *l = &p->errlog;
    struct bookmark *v = calloc(MAX(l->last.n + l->scrub.n, 1u), sizeof(*v));
    unsigned n = 0;
    if (!v)
        return E(-ENOMEM);
    for (unsigned i = 0; i < l->last.n; i++)
        v[n++] = l->last.v[i].at;
    for (unsigned i = 0; i < l->scrub.n; i++)
        if (!has(&l->last, &l->scrub.v[i].at))
            v[n++] = l->scrub.v[i].at;
    *ret = v;
    *ret_n = n;
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------------- */

static bool parse_key(const char *key, struct bookmark *ret)
{
    uint64_t v[4];
    for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
        char *end;
        v[i] = strtoull(key, &end, 16);
        if (end == key || *end != (i + 1 < ARRAY_LEN(v) ? ':' : 0))
            return false;
        key = end + 1;
    }
    *ret = (struct bookmark){v[0], v[1], v[2], v[3]};
    return true;
}

/* Keys that we don't understand stay where they are until the log goes. */
static int entry_seen(void *arg, const char *name, const struct zap_value *v)
{
    struct bookmark at;
    (void)v;
    int r = parse_key(name, &at) ? insert(arg, &at, true) : 0;
    return r == -ENOMEM ? r : 0;
}

static int set_load(struct pool *p, const char *key, struct errset *s)
{
    int r = zap_get_u64(p->mos, DMU_OBJECT_DIRECTORY, key, &s->object);
    if (r == 0 && s->object)
        r = zap_iterate(p->mos, s->object, entry_seen, s);
    if (r == 0 || r == -ENOENT || r == -ENOMEM)
        return r == -ENOENT ? 0 : r;
    s->broken = true;
    log_warn("pool.errors_unreadable", KV("pool", "%s", p->name), KV("log", "%s", key),
             KV("error", "%s", strerror(-r)));
    return 0;
}

int errlog_load(struct pool *p)
{
    int r = set_load(p, key_last, &p->errlog.last);
    return r ? r : set_load(p, key_scrub, &p->errlog.scrub);
}

/* ---- writing --------------------------------------------------------------------------------------- */

static int set_store(struct pool *p, struct errset *s)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < s->n && !s->broken; i++) {
        const struct bookmark at = s->v[i].at;
        char key[KEY_MAX];
        if (s->v[i].stored)
            continue;
        s->v[i].stored = true; /* others may be inserted while this one is written */
        if (s->object == 0) {
            r = zap_create(p->mos, DMU_ERROR_LOG, 0, 0, &s->object);
            p->errlog.moved = true;
        }
        snprintf(key, sizeof(key), "%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64, at.objset,
                 at.object, at.level, at.blkid);
        if (r == 0)
            r = zap_set_str(p->mos, s->object, key, "");
    }
    return r;
}

/* Its ZAP goes too. */
static int set_drop(struct pool *p, struct errset *s)
{
    int r = s->object ? object_destroy(p->mos, s->object) : 0;
    clear(s);
    p->errlog.moved = true;
    return r;
}

void errlog_scrub_goes_on(struct pool *p)
{
    p->errlog.scrubbing = true;
}

int errlog_scrub_begins(struct pool *p)
{
    struct errlog *l = &p->errlog;
    l->scrubbing = true;
    if (l->scrub.broken || (l->scrub.n == 0 && l->scrub.object == 0))
        return 0;
    for (unsigned i = 0; i < l->scrub.n; i++)
        if (insert(&l->last, &l->scrub.v[i].at, false) == -ENOMEM)
            return E(-ENOMEM);
    return set_drop(p, &l->scrub);
}

int errlog_scrub_ends(struct pool *p, bool all)
{
    struct errlog *l = &p->errlog;
    l->scrubbing = false;
    if (!all || l->last.broken || l->scrub.broken)
        return 0;
    int r = set_drop(p, &l->last);
    l->last = l->scrub;
    l->scrub = (struct errset){0};
    l->dropped = 0;
    return r;
}

static void say(struct pool *p)
{
    struct errlog *l = &p->errlog;
    if (l->news)
        log_error("pool.damage", KV("pool", "%s", p->name),
                  KV("blocks", "%" PRIu64, errlog_count(p)),
                  KV("not_listed", "%" PRIu64, l->dropped));
    l->news = 0;
}

int errlog_sync(struct pool *p)
{
    struct errlog *l = &p->errlog;
    if (l->news == 0 && !l->moved)
        return 0;
    say(p);
    int r = set_store(p, &l->last);
    if (r == 0)
        r = set_store(p, &l->scrub);
    if (r || !l->moved)
        return r;
    l->moved = false;
    r = zap_set_u64(p->mos, DMU_OBJECT_DIRECTORY, key_last, l->last.object);
    return r ? r : zap_set_u64(p->mos, DMU_OBJECT_DIRECTORY, key_scrub, l->scrub.object);
}
