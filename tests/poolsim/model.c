/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each sector's list has all changes that ever showed there or may; from base on those that may show now, the first of which
 * is durable. Number 0 stands for the zeros of a new volume. As claims keep changes of one sector apart in time, the order of
 * numbers is the order of events in every sector.
 */
#include "model.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x706f6f6c73696d31ull /* "poolsim1" */

enum fate { IN_FLIGHT, DONE, UNKNOWN };

struct one_change {
    uint64_t first, n;
    enum change kind;
    bool atomic, durable;
    bool may_tear;         /* it failed: anything may have come of it */
    uint32_t done_at;      /* how many had succeeded when it had, itself included */
    uint32_t begun, ended; /* by the model's clock; ended 0: not known to have */
    enum fate fate;
};

struct sector {
    uint32_t *v, n, cap; /* numbers, ascending */
    uint32_t base;       /* index of the oldest one that may show */
    int claims;          /* readers, or -1: a change */
    bool
        vague; /* of what was settled: zeros, and there is more than one change that they may come from */
};

struct model {
    uint64_t seed, nsectors, block; /* sectors; of a block */
    struct sector *s;
    uint64_t nlists;    /* of s: those that were cut off keep theirs, for older trees */
    uint32_t shrinking; /* the change that cuts sectors off; 0: none */
    struct one_change *changes;
    uint32_t nchanges, cap;
    uint32_t ndone, clock;
    struct model_counts counts;
    char wrong[160];
};

/* ---- lists ----------------------------------------------------------------------------------------------------------- */

static void list_add(struct sector *s, uint32_t number)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->v = realloc(s->v, s->cap * sizeof(*s->v));
        check(s->v);
    }
    s->v[s->n++] = number;
}

/* Nothing older than the newest change up to number may show any more. */
static void list_forget(struct sector *s, uint32_t number)
{
    while (s->base + 1 < s->n && s->v[s->base + 1] <= number)
        s->base++;
}

struct model *model_new(uint64_t seed, uint64_t nsectors, uint64_t block_sectors)
{
    struct model *m = calloc(1, sizeof(*m));
    check(m);
    m->seed = seed;
    m->block = block_sectors;
    m->cap = 64;
    m->changes = calloc(m->cap, sizeof(*m->changes));
    check(m->changes);
    model_grow(m, nsectors);
    m->changes[0] =
        (struct one_change){.n = nsectors, .kind = CHANGE_ZERO, .durable = true, .fate = DONE};
    m->nchanges = 1;
    return m;
}

void model_free(struct model *m)
{
    for (uint64_t i = 0; m && i < m->nlists; i++)
        free(m->s[i].v);
    if (m) {
        free(m->s);
        free(m->changes);
    }
    free(m);
}

uint64_t model_sectors(const struct model *m)
{
    return m->nsectors;
}

void model_grow(struct model *m, uint64_t nsectors)
{
    check_cmp(nsectors, >=, m->nsectors);
    m->nsectors = nsectors;
    if (nsectors <= m->nlists)
        return;
    m->s = realloc(m->s, nsectors * sizeof(*m->s));
    check(m->s);
    for (; m->nlists < nsectors; m->nlists++) {
        m->s[m->nlists] = (struct sector){0};
        list_add(&m->s[m->nlists], 0);
    }
}

/* ---- claims ---------------------------------------------------------------------------------------------------------- */

bool model_claim(struct model *m, uint64_t first, uint64_t n, bool change)
{
    for (uint64_t i = first; i < first + n; i++)
        if (m->s[i].claims < 0 || (change && m->s[i].claims > 0))
            return false;
    for (uint64_t i = first; i < first + n; i++)
        m->s[i].claims = change ? -1 : m->s[i].claims + 1;
    return true;
}

void model_unclaim(struct model *m, uint64_t first, uint64_t n, bool change)
{
    for (uint64_t i = first; i < first + n; i++)
        m->s[i].claims = change ? 0 : m->s[i].claims - 1;
}

/* ---- changes --------------------------------------------------------------------------------------------------------- */

uint32_t model_begin(struct model *m, uint64_t first, uint64_t n, enum change kind, bool atomic)
{
    if (m->nchanges == m->cap) {
        m->cap *= 2;
        m->changes = realloc(m->changes, m->cap * sizeof(*m->changes));
        check(m->changes);
    }
    uint32_t number = m->nchanges++;
    m->changes[number] = (struct one_change){.first = first,
                                             .n = n,
                                             .kind = kind,
                                             .atomic = atomic,
                                             .begun = ++m->clock,
                                             .fate = IN_FLIGHT};
    for (uint64_t i = first; i < first + n; i++)
        list_add(&m->s[i], number);
    return number;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static void sector_fill(const struct model *m, uint32_t number, uint64_t sector, uint8_t *ret)
{
    uint64_t words[SECTOR / 8] = {MAGIC, number, sector, m->seed};
    enum change kind = m->changes[number].kind;
    uint64_t x = mix(m->seed * 0x9e3779b97f4a7c15ull + number) + mix(sector);
    for (unsigned i = 4; kind == CHANGE_TEXT && i < SECTOR / 8; i++)
        words[i] = number;
    for (unsigned i = 4; kind == CHANGE_DATA && i < SECTOR / 8; i++) {
        x += 0x632be59bd9b4e019ull;
        words[i] = x ^ x * 0xd1342543de82ef95ull >> 29;
    }
    if (kind == CHANGE_ZERO)
        memset(words, 0, sizeof(words));
    memcpy(ret, words, sizeof(words));
}

void model_fill(const struct model *m, uint32_t number, uint8_t *ret_bytes)
{
    const struct one_change *c = &m->changes[number];
    for (uint64_t i = 0; i < c->n; i++)
        sector_fill(m, number, c->first + i, ret_bytes + i * SECTOR);
}

static void make_durable(struct model *m, uint32_t number)
{
    struct one_change *c = &m->changes[number];
    if (c->durable)
        return;
    c->durable = true;
    m->counts.durable++;
    for (uint64_t i = c->first; i < c->first + c->n; i++)
        list_forget(&m->s[i], number);
}

void model_done(struct model *m, uint32_t number, bool durable)
{
    m->changes[number].fate = DONE;
    m->changes[number].done_at = ++m->ndone;
    m->changes[number].ended = ++m->clock;
    m->counts.acked++;
    if (durable)
        make_durable(m, number);
}

void model_failed(struct model *m, uint32_t number)
{
    m->changes[number].fate = UNKNOWN;
    m->changes[number].atomic = false; /* that is said of power cuts only */
    m->changes[number].may_tear = true;
}

void model_shrink_begin(struct model *m, uint64_t nsectors)
{
    check(nsectors < m->nsectors && m->shrinking == 0);
    m->shrinking = model_begin(m, nsectors, m->nsectors - nsectors, CHANGE_ZERO, false);
}

void model_shrink_end(struct model *m, bool done)
{
    uint32_t number = m->shrinking;
    if (number == 0)
        return;
    m->shrinking = 0;
    if (done) {
        model_done(m, number, true);
        m->nsectors = m->changes[number].first;
        return;
    }
    m->changes[number].fate = UNKNOWN;
    for (uint64_t i = m->changes[number].first; i < m->nsectors; i++) {
        check_cmp(m->s[i].v[m->s[i].n - 1], ==, number);
        m->s[i].n--;
    }
    m->changes[number].n = 0;
}

uint32_t model_now(const struct model *m)
{
    return m->ndone;
}

void model_flushed(struct model *m, uint32_t now)
{
    for (uint32_t i = 1; i < m->nchanges; i++)
        if (m->changes[i].fate == DONE && m->changes[i].done_at <= now)
            make_durable(m, i);
}

void model_cut(struct model *m)
{
    for (uint32_t i = 0; i < m->nchanges; i++) {
        if (m->changes[i].fate == IN_FLIGHT) {
            m->changes[i].fate = UNKNOWN;
            m->counts.in_flight_cut++;
        }
        if (!m->changes[i].durable)
            m->changes[i].ended =
                0; /* it may be lost though a later one comes back from the log */
    }
    for (uint64_t i = 0; i < m->nlists; i++)
        m->s[i].claims = 0;
}

/* ---- judging --------------------------------------------------------------------------------------------------------- */

/* Most sectors show another change: the first words tell. */
static bool shows(const struct model *m, uint32_t number, uint64_t sector, const uint8_t *bytes)
{
    static const uint8_t zeros[SECTOR];
    uint8_t want[SECTOR];
    uint64_t head[2];
    memcpy(head, bytes, sizeof(head));
    if (m->changes[number].kind == CHANGE_ZERO)
        return head[0] == 0 && memcmp(zeros, bytes, SECTOR) == 0;
    if (head[0] != MAGIC || head[1] != number)
        return false;
    sector_fill(m, number, sector, want);
    return memcmp(want, bytes, SECTOR) == 0;
}

static const char *wrong(struct model *m, uint64_t sector, const uint8_t *bytes,
                         const char *what)
{
    uint64_t words[4];
    const struct sector *s = &m->s[sector];
    memcpy(words, bytes, sizeof(words));
    snprintf(m->wrong, sizeof(m->wrong),
             "sector %lu: %s: has %s %lu of sector %lu, may have %u..%u", (unsigned long)sector,
             what,
             words[0] == MAGIC ? "change"
             : words[0]        ? "garbage"
                               : "zeros",
             (unsigned long)words[1], (unsigned long)words[2], s->v[s->base], s->v[s->n - 1]);
    return m->wrong;
}

/* How many of the newest changes of a sector may show while the world lives: failed ones may or may not. */
static bool may_show(const struct model *m, const struct sector *s, uint64_t sector,
                     const uint8_t *bytes)
{
    for (uint32_t k = s->n; k-- > s->base;) {
        if (shows(m, s->v[k], sector, bytes))
            return true;
        if (m->changes[s->v[k]].fate == DONE)
            return false;
    }
    return false;
}

const char *model_check(struct model *m, uint64_t first, uint64_t n, const uint8_t *bytes)
{
    for (uint64_t i = 0; i < n; i++) {
        m->counts.sectors_checked++;
        if (!may_show(m, &m->s[first + i], first + i, bytes + i * SECTOR))
            return wrong(m, first + i, bytes + i * SECTOR, "not the last change");
    }
    return NULL;
}

/* Whether an older change of the list than the k-th may show zeros. */
static bool older_zeros(const struct model *m, const struct sector *s, uint32_t k)
{
    while (k-- > s->base)
        if (m->changes[s->v[k]].kind == CHANGE_ZERO)
            return true;
    return false;
}

/* The sector's list ends with what shows. */
static const char *sector_settle(struct model *m, uint64_t sector, const uint8_t *bytes)
{
    struct sector *s = &m->s[sector];
    m->counts.sectors_checked++;
    for (uint32_t k = s->n; k-- > s->base;)
        if (shows(m, s->v[k], sector, bytes)) {
            m->counts.kept_unacked += m->changes[s->v[k]].fate == UNKNOWN;
            s->vague = m->changes[s->v[k]].kind == CHANGE_ZERO && older_zeros(m, s, k);
            s->base = k;
            s->n = k + 1;
            return NULL;
        }
    return wrong(m, sector, bytes, "lost or torn");
}

static uint32_t newest(const struct sector *s)
{
    return s->v[s->n - 1];
}

/* What shows in one of these sectors shows, or is overwritten, in all of them. The lists' ends show. */
static const char *whole_check(struct model *m, uint32_t number, uint64_t first, uint64_t n)
{
    uint64_t here = 0, before = UINT64_MAX;
    for (uint64_t i = first; i < first + n; i++) {
        here += newest(&m->s[i]) == number && !m->s[i].vague;
        if (newest(&m->s[i]) < number)
            before = i;
    }
    if (here == 0 || before == UINT64_MAX)
        return NULL;
    snprintf(
        m->wrong, sizeof(m->wrong),
        "change %u is torn in %lu+%lu: shows in %lu sectors, but sector %lu shows %u (of %u)",
        number, (unsigned long)first, (unsigned long)n, (unsigned long)here,
        (unsigned long)before, newest(&m->s[before]), m->nchanges);
    return m->wrong;
}

static const char *blocks_check(struct model *m, uint32_t number)
{
    const struct one_change *c = &m->changes[number];
    const char *why = NULL;
    uint64_t end = c->first + c->n;
    for (uint64_t at = c->first; !why && at < end;) {
        uint64_t n = MIN(m->block - at % m->block, end - at);
        why = whole_check(m, number, at, n);
        m->counts.blocks_judged++;
        at += n;
    }
    return why;
}

static const char *tear_check(struct model *m, uint32_t number)
{
    const struct one_change *c = &m->changes[number];
    if (c->durable || c->may_tear)
        return NULL;
    if (!c->atomic)
        return blocks_check(m, number);
    m->counts.atomic_judged++;
    return whole_check(m, number, c->first, c->n);
}

const char *model_settle(struct model *m, const uint8_t *bytes)
{
    const char *why = NULL;
    for (uint64_t i = 0; !why && i < m->nsectors; i++)
        why = sector_settle(m, i, bytes + i * SECTOR);
    for (uint32_t i = 1; !why && i < m->nchanges; i++)
        why = tear_check(m, i);
    for (uint32_t i = 1; i < m->nchanges; i++) {
        m->changes[i].fate = DONE;
        m->changes[i].durable = true;
        if (!m->changes[i].ended)
            m->changes[i].ended = ++m->clock;
    }
    return why;
}

/* ---- older trees ----------------------------------------------------------------------------------------------------- */

/* What the sectors seen so far say of the moment of a tree: after, and before, by the clock. */
struct moment {
    uint32_t after, before;
    uint64_t after_sector, before_sector;
};

/* The newest and the oldest place in the list that shows; false: none does. */
static bool places(const struct model *m, uint64_t sector, const uint8_t *bytes,
                   uint32_t *ret_newest, uint32_t *ret_oldest)
{
    const struct sector *s = &m->s[sector];
    uint64_t magic, number;
    bool found = false;
    memcpy(&magic, bytes, sizeof(magic));
    memcpy(&number, bytes + sizeof(magic), sizeof(number));
    for (uint32_t k = s->n; k-- > 0;) {
        if ((magic == MAGIC && s->v[k] != number) || !shows(m, s->v[k], sector, bytes))
            continue;
        if (!found)
            *ret_newest = k;
        *ret_oldest = k;
        found = true;
        if (magic == MAGIC)
            break;
    }
    return found;
}

static const char *sector_older(struct model *m, uint64_t sector, const uint8_t *bytes,
                                struct moment *t)
{
    const struct sector *s = &m->s[sector];
    uint32_t last, first;
    m->counts.older_checked++;
    if (!places(m, sector, bytes, &last, &first))
        return wrong(m, sector, bytes, "an older tree shows what never was there");
    uint32_t begun = m->changes[s->v[first]].begun;
    uint32_t ended = last + 1 < s->n ? m->changes[s->v[last + 1]].ended : 0;
    if (begun > t->after) {
        t->after = begun;
        t->after_sector = sector;
    }
    if (ended && ended < t->before) {
        t->before = ended;
        t->before_sector = sector;
    }
    return NULL;
}

const char *model_check_older(struct model *m, uint64_t n, const uint8_t *bytes)
{
    struct moment t = {.before = UINT32_MAX};
    const char *why = NULL;
    for (uint64_t i = 0; !why && i < MIN(n, m->nlists); i++)
        why = sector_older(m, i, bytes + i * SECTOR, &t);
    if (why || t.after <= t.before)
        return why;
    snprintf(m->wrong, sizeof(m->wrong),
             "an older tree is of no one moment: sector %lu lacks a change that had ended "
             "before the "
             "one that sector %lu shows",
             (unsigned long)t.before_sector, (unsigned long)t.after_sector);
    return m->wrong;
}

const struct model_counts *model_counts(const struct model *m)
{
    return &m->counts;
}
