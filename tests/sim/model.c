/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Versions per sector. Each sector keeps a short list of the versions that may still be read;
 * time is a counter that advances with every beginning and end. Version x is dead for a read
 * that began at t if an applied version y follows x and y was applied by t. y follows x when it
 * began after x was over; a version that was written by COMPARE AND WRITE also follows, with
 * nothing in between, the version it was compared with. A version is applied once it was
 * acknowledged, or once a read has returned it (until the power goes: what was read need not
 * have been durable).
 */
#include "model.h"

#include "base/check.h"
#include "base/endian.h"
#include "base/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX
#define MAGIC 0x7a73616e53494d31ull /* "zsanSIM1" */
#define DEPTH 4                     /* generations of COMPARE AND WRITE that are followed */

enum fate { UNDER_WAY, ACKED, UNKNOWN, REFUSED };

struct model_write {
    struct list node; /* in model.open while under way */
    struct model *m;
    uint64_t version, first, n;
    uint64_t begun, over; /* over NEVER: it may still happen */
    uint64_t acked;       /* NEVER: it was not */
    uint64_t durable;
    enum fate fate;
    bool zero;
    uint64_t refs;               /* sectors that list it, versions that were compared with it */
    struct model_write **parent; /* by COMPARE AND WRITE: what each sector held; else NULL */
};

struct model_read {
    struct list node; /* in model.reads */
    struct model *m;
    uint64_t begun;
};

/* A version in one sector: of a write that was torn, some sectors may be seen and others
 * never be. */
struct held {
    struct model_write *w;
    uint64_t seen; /* NEVER: it was not */
};

struct sector {
    struct held *v;
    uint32_t n, cap;
};

struct model {
    char name[32];
    uint64_t nsectors, clock, versions;
    struct sector *s;
    bool write_back;
    struct list open;          /* of struct model_write */
    struct list reads;         /* of struct model_read */
    struct model_write *birth; /* zeros, since ever */
    struct model_counts counts;
};

/* ---- lists of versions ------------------------------------------------------------------- */

static void version_put(struct model_write *w);

static void forget_parents(struct model_write *w)
{
    for (uint64_t k = 0; w->parent && k < w->n; k++) {
        w->parent[k]->refs--;
        version_put(w->parent[k]);
    }
    free(w->parent);
    w->parent = NULL;
}

static void version_put(struct model_write *w)
{
    if (w->refs || w->fate == UNDER_WAY)
        return;
    forget_parents(w);
    free(w);
}

static void sector_add(struct sector *s, struct model_write *w)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 2;
        s->v = realloc(s->v, s->cap * sizeof(*s->v));
        check(s->v);
    }
    s->v[s->n++] = (struct held){w, NEVER};
    w->refs++;
}

static void sector_drop(struct sector *s, uint32_t k)
{
    struct model_write *w = s->v[k].w;
    s->v[k] = s->v[--s->n];
    w->refs--;
    version_put(w);
}

static const struct model_write *parent_of(const struct model_write *w, uint64_t sector)
{
    return w->parent ? w->parent[sector - w->first] : NULL;
}

/* Of two applied versions, y followed x. A COMPARE AND WRITE leaves no room between what it was
 * compared with and itself: what follows the one follows the other. */
static bool follows(const struct model_write *y, const struct model_write *x, uint64_t sector,
                    unsigned depth)
{
    if (x->over <= y->begun)
        return true;
    if (depth == 0)
        return false;
    const struct model_write *px = parent_of(x, sector), *py = parent_of(y, sector);
    if (py && (py == x || follows(py, x, sector, depth - 1)))
        return true;
    return px && px != y && follows(y, px, sector, depth - 1);
}

static bool is_dead(const struct model *m, uint64_t sector, const struct model_write *x,
                    uint64_t at)
{
    const struct sector *s = &m->s[sector];
    for (uint32_t k = 0; k < s->n; k++) {
        const struct held *y = &s->v[k];
        if (y->w != x && MIN(y->w->acked, y->seen) <= at && follows(y->w, x, sector, DEPTH))
            return true;
    }
    return x->fate == REFUSED;
}

/* Forgets what no read that is under way or to come may return. */
static void sector_prune(struct model *m, uint64_t sector, uint64_t oldest)
{
    struct sector *s = &m->s[sector];
    for (uint32_t k = 0; k < s->n;) {
        const struct model_write *x = s->v[k].w;
        bool dead = x->fate == REFUSED;
        for (uint32_t j = 0; j < s->n && !dead; j++)
            dead =
                j != k && s->v[j].w->durable <= oldest && follows(s->v[j].w, x, sector, DEPTH);
        if (dead)
            sector_drop(s, k);
        else
            k++;
    }
}

/* ---- life -------------------------------------------------------------------------------- */

static struct model_write *version_new(struct model *m, uint64_t first, uint64_t n, bool zero)
{
    struct model_write *w = calloc(1, sizeof(*w));
    check(w);
    *w = (struct model_write){
        .m = m,
        .version = m->versions++,
        .first = first,
        .n = n,
        .begun = m->clock++,
        .over = NEVER,
        .acked = NEVER,
        .durable = NEVER,
        .zero = zero,
    };
    list_init(&w->node);
    return w;
}

struct model *model_new(const char *name, uint64_t nsectors, bool write_back)
{
    struct model *m = calloc(1, sizeof(*m));
    check(m);
    strncpy(m->name, name, sizeof(m->name) - 1);
    m->nsectors = nsectors;
    m->s = calloc(nsectors, sizeof(*m->s));
    check(m->s);
    m->write_back = write_back;
    list_init(&m->open);
    list_init(&m->reads);
    m->birth = version_new(m, 0, nsectors, true);
    m->birth->fate = ACKED;
    m->birth->durable = m->birth->acked = m->birth->over = m->clock++;
    m->birth->refs = 1;
    for (uint64_t k = 0; k < nsectors; k++)
        sector_add(&m->s[k], m->birth);
    return m;
}

void model_free(struct model *m)
{
    for (uint64_t k = 0; k < m->nsectors; k++) {
        while (m->s[k].n)
            sector_drop(&m->s[k], 0);
        free(m->s[k].v);
    }
    struct list *n;
    while ((n = list_pop(&m->open))) {
        struct model_write *w = list_entry(n, struct model_write, node);
        w->fate = UNKNOWN;
        version_put(w);
    }
    while ((n = list_pop(&m->reads)))
        free(list_entry(n, struct model_read, node));
    free(m->birth);
    free(m->s);
    free(m);
}

uint64_t model_sectors(const struct model *m)
{
    return m->nsectors;
}

const struct model_counts *model_counts(const struct model *m)
{
    return &m->counts;
}

/* ---- telling versions apart -------------------------------------------------------------- */

static bool all_zero(const uint8_t *p)
{
    return p[0] == 0 && memcmp(p, p + 1, MODEL_SECTOR - 1) == 0;
}

/* The version that the bytes are of, NULL: none that is known. Zeros may be of several:
 * *ret_sure tells whether only one of them may be read. */
static struct held *version_of(struct model *m, uint64_t sector, const uint8_t *p,
                               uint64_t begun, bool *ret_sure)
{
    const struct sector *s = &m->s[sector];
    bool zero = all_zero(p);
    uint64_t version = load_be64(p + 8);
    struct held *found = NULL;
    unsigned legal = 0;
    for (uint32_t k = 0; k < s->n; k++) {
        const struct model_write *w = s->v[k].w;
        if (w->zero != zero || (!zero && w->version != version))
            continue;
        bool dead = is_dead(m, sector, w, begun);
        legal += !dead;
        if (!found || !dead)
            found = &s->v[k];
    }
    *ret_sure = legal == 1;
    return found;
}

/* ---- writes ------------------------------------------------------------------------------ */

struct model_write *model_write_begin(struct model *m, uint64_t first, uint64_t n, bool zero)
{
    check(first <= m->nsectors && n <= m->nsectors - first);
    struct model_write *w = version_new(m, first, n, zero);
    list_push(&m->open, &w->node);
    for (uint64_t k = first; k < first + n; k++)
        sector_add(&m->s[k], w);
    m->counts.written++;
    return w;
}

/* Three generations are enough: older ones only cost memory. */
static void adopt(struct model_write *w, uint64_t k, struct model_write *parent)
{
    w->parent[k] = parent;
    parent->refs++;
    for (uint64_t j = 0; parent->parent && j < parent->n; j++)
        forget_parents(parent->parent[j]);
}

struct model_write *model_caw_begin(struct model *m, uint64_t first, uint64_t n,
                                    const uint8_t *expected)
{
    struct model_write *found[8];
    bool sure;
    check_cmp(n, <=, ARRAY_LEN(found));
    for (uint64_t k = 0; k < n; k++) {
        struct held *h = version_of(m, first + k, expected + k * MODEL_SECTOR, m->clock, &sure);
        if (!h || !sure || h->w->zero)
            return NULL;
        found[k] = h->w;
    }
    struct model_write *w = model_write_begin(m, first, n, false);
    w->parent = calloc(n, sizeof(struct model_write *));
    check(w->parent);
    for (uint64_t k = 0; k < n; k++)
        adopt(w, k, found[k]);
    return w;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a * 0x9e3779b97f4a7c15ull) ^ (b + 0xbf58476d1ce4e5b9ull);
    h = (h ^ h >> 31) * 0x94d049bb133111ebull;
    return h ^ h >> 29;
}

/* A sector says which version it is of and where it belongs, and the rest follows from that. */
static void sector_bytes(uint64_t version, uint64_t sector, uint8_t *ret_bytes)
{
    store_be64(ret_bytes, MAGIC);
    store_be64(ret_bytes + 8, version);
    store_be64(ret_bytes + 16, sector);
    uint64_t h = mix(version, sector);
    for (unsigned at = MODEL_HEADER; at < MODEL_SECTOR; at += 8)
        store_be64(ret_bytes + at, h += 0x9e3779b97f4a7c15ull);
}

void model_write_fill(const struct model_write *w, uint8_t *ret_bytes)
{
    for (uint64_t k = 0; k < w->n; k++) {
        if (w->zero)
            memset(ret_bytes + k * MODEL_SECTOR, 0, MODEL_SECTOR);
        else
            sector_bytes(w->version, w->first + k, ret_bytes + k * MODEL_SECTOR);
    }
}

static uint64_t oldest_question(const struct model *m)
{
    uint64_t at = m->clock;
    const struct model_read *r;
    list_for_each (r, &m->reads, node)
        at = MIN(at, r->begun);
    return at;
}

static void prune_range(struct model *m, uint64_t first, uint64_t n)
{
    uint64_t oldest = oldest_question(m);
    for (uint64_t k = first; k < first + n; k++)
        sector_prune(m, k, oldest);
}

static void write_end(struct model_write *w, enum fate fate, bool durable)
{
    struct model *m = w->m;
    list_remove(&w->node);
    w->fate = fate;
    w->over = m->clock++;
    if (fate == ACKED)
        w->acked = w->over;
    if (durable)
        w->durable = w->over;
    w->refs++; /* keep it while its sectors are pruned */
    prune_range(m, w->first, w->n);
    w->refs--;
    version_put(w);
}

/* What it was compared with must have been there when it was sent, or come later. */
static void compared_check(const struct model_write *w)
{
    for (uint64_t k = 0; w->parent && k < w->n; k++) {
        if (is_dead(w->m, w->first + k, w->parent[k], w->begun))
            model_violated("%s sector %" PRIu64 ": a compare-and-write found version %" PRIu64
                           ", which was gone",
                           w->m->name, w->first + k, w->parent[k]->version);
    }
}

void model_write_acked(struct model_write *w, bool fua)
{
    compared_check(w);
    w->m->counts.acked++;
    write_end(w, ACKED, fua || !w->m->write_back);
}

void model_write_unknown(struct model_write *w)
{
    w->m->counts.unknown++;
    write_end(w, UNKNOWN, false);
}

void model_write_refused(struct model_write *w)
{
    w->m->counts.refused++;
    write_end(w, REFUSED, false);
}

/* ---- reads ------------------------------------------------------------------------------- */

struct model_read *model_read_begin(struct model *m)
{
    struct model_read *r = calloc(1, sizeof(*r));
    check(r);
    r->m = m;
    r->begun = m->clock++;
    list_push(&m->reads, &r->node);
    return r;
}

static const char *explain(const struct model *m, const struct model_write *w, uint64_t sector,
                           uint64_t begun, const uint8_t *p)
{
    uint8_t want[MODEL_SECTOR];
    if (!w)
        return all_zero(p) ? "zeros, which nobody wrote"
               : load_be64(p) == MAGIC && load_be64(p + 16) == sector
                   ? "a version that was overwritten, refused or never sent"
               : load_be64(p) == MAGIC ? "the bytes of another sector"
                                       : "garbage";
    if (is_dead(m, sector, w, begun))
        return "a version that was over before a newer one was acknowledged";
    if (w->zero)
        return NULL;
    sector_bytes(w->version, sector, want);
    return memcmp(p, want, MODEL_SECTOR) == 0 ? NULL : "a torn sector";
}

/* x was read: what is over, and would have buried x, did not happen here and never will. */
static void rule_out(struct model *m, uint64_t sector, const struct model_write *x,
                     uint64_t begun)
{
    struct sector *s = &m->s[sector];
    for (uint32_t k = 0; k < s->n;) {
        const struct model_write *y = s->v[k].w;
        if (y != x && y->fate == UNKNOWN && y->over <= begun && follows(y, x, sector, DEPTH))
            sector_drop(s, k);
        else
            k++;
    }
}

/* The versions that were known, for whoever has to find out what happened. */
static void print_versions(const struct sector *s, uint64_t begun)
{
    static const char *const fates[] = {"under way", "acknowledged", "unknown", "refused"};
    printf("# read begun at %" PRIu64 "; versions:\n", begun);
    for (uint32_t k = 0; k < s->n; k++) {
        const struct model_write *w = s->v[k].w;
        printf("#   %" PRIu64 "%s of sectors %" PRIu64 "+%" PRIu64 ": %s, begun %" PRIu64
               " over %" PRId64 " acked %" PRId64 " seen %" PRId64 " durable %" PRId64 "\n",
               w->version, w->zero ? " (zeros)" : "", w->first, w->n, fates[w->fate], w->begun,
               (int64_t)w->over, (int64_t)w->acked, (int64_t)s->v[k].seen, (int64_t)w->durable);
    }
}

static void sector_check(struct model *m, uint64_t sector, uint64_t begun, const uint8_t *p)
{
    bool sure;
    struct sector *s = &m->s[sector];
    struct held *h = version_of(m, sector, p, begun, &sure);
    const struct model_write *w = h ? h->w : NULL;
    const char *wrong = explain(m, w, sector, begun, p);
    if (wrong)
        print_versions(s, begun);
    if (wrong)
        model_violated("%s sector %" PRIu64 " holds %s (version %" PRIu64 ")", m->name, sector,
                       wrong, load_be64(p + 8));
    m->counts.sectors_checked++;
    if (!sure)
        return;
    m->counts.unknown_seen += w->fate == UNKNOWN && h->seen == NEVER;
    h->seen = MIN(h->seen, m->clock);
    rule_out(m, sector, w, begun);
}

void model_read_end(struct model_read *r, uint64_t first, uint64_t n, const uint8_t *bytes)
{
    struct model *m = r->m;
    for (uint64_t k = 0; bytes && k < n; k++)
        sector_check(m, first + k, r->begun, bytes + k * MODEL_SECTOR);
    m->clock++;
    list_remove(&r->node);
    free(r);
}

uint64_t model_sync_begin(struct model *m)
{
    return m->clock++;
}

void model_synced(struct model *m, uint64_t begun)
{
    uint64_t now = m->clock++;
    for (uint64_t k = 0; k < m->nsectors; k++) {
        for (uint32_t j = 0; j < m->s[k].n; j++) {
            struct model_write *w = m->s[k].v[j].w;
            if (w->acked <= begun && w->durable == NEVER)
                w->durable = now;
        }
    }
    prune_range(m, 0, m->nsectors);
}

/* ---- power ------------------------------------------------------------------------------- */

static void forget_volatile(struct held *h)
{
    struct model_write *w = h->w;
    h->seen = NEVER;
    if (w->durable == NEVER && w->fate == ACKED) {
        w->fate = UNKNOWN;
        w->acked = NEVER;
    }
}

void model_power_cut(struct model *m)
{
    struct list *r;
    while ((r = list_pop(&m->reads)))
        free(list_entry(r, struct model_read, node));
    while (!list_empty(&m->open))
        model_write_unknown(list_first(&m->open, struct model_write, node));
    for (uint64_t k = 0; k < m->nsectors; k++) {
        for (uint32_t j = 0; j < m->s[k].n; j++)
            forget_volatile(&m->s[k].v[j]);
    }
}
