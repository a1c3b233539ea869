/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sectors of a raidz vdev are numbered row by row: sector s lies on child s mod n, at row s
 * / n. A block takes a run of these numbers. Its c-th column is what falls on the c-th child of
 * the run: a contiguous piece there. The first columns hold parity, the others the data, one
 * column after the other. When the sectors don't divide evenly, the first `big` columns (parity
 * among them) are one sector longer.
 *
 * Parity row p of n data columns is the sum over i of g^(n-1-i) D_i with g = 1, 2, 4 in
 * GF(2^8), polynomial 0x11d. Any k lost data columns are the solution of k of these equations
 * (a Vandermonde system: always solvable), so making parity and reconstructing are one and the
 * same operation, combine(): each target is a sum of sources with coefficients. It runs twice:
 * over the rows that all columns have, and over the last row, that only the big ones have;
 * there the short ones count as zero. ISA-L does the arithmetic, by XOR where all coefficients
 * are 1.
 */
#include "pool/format/raidz.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mutant.h"

#include <errno.h>
#include <isa-l.h>
#include <string.h>

#define GROUP 16u /* sources per call of ISA-L: its tables for them fit on a fiber's stack */

/* ---- geometry ---------------------------------------------------------------------------- */

uint64_t raidz_asize(uint64_t psize, unsigned ashift, unsigned nchildren, unsigned nparity)
{
    uint64_t data = nchildren - nparity;
    uint64_t sectors = ((psize - 1) >> ashift) + 1;
    sectors += nparity * ((sectors + data - 1) / data);
    return round_up(sectors, nparity + 1) << ashift;
}

void raidz_map_make(struct raidz_map *ret_map, uint64_t off, uint32_t size, unsigned ashift,
                    unsigned nchildren, unsigned nparity)
{
    check(size > 0 && nparity > 0 && nparity < nchildren);
    uint64_t start = off >> ashift;
    uint32_t sectors = size >> ashift;
    uint32_t rows = sectors / (nchildren - nparity), rest = sectors % (nchildren - nparity);
    uint32_t big = rest ? rest + nparity : 0;
    uint32_t used = sectors + nparity * (rows + (rest > 0));
    *ret_map = (struct raidz_map){
        .ncols = rows ? nchildren : big,
        .nparity = nparity,
        .nchildren = nchildren,
        .ashift = ashift,
        .first = (uint32_t)(start % nchildren),
        .rows = rows,
        .big = big,
        .skipped = (uint32_t)round_up(used, nparity + 1) - used,
        .off = (start / nchildren) << ashift,
        .swap = nparity == 1 && off >> 20 & 1,
    };
}

/* Where the i-th sector of the block's run lies. */
static struct raidz_col place(const struct raidz_map *m, unsigned i)
{
    uint32_t at = m->first + i;
    return (struct raidz_col){.child = at % m->nchildren,
                              .off = m->off + ((uint64_t)(at / m->nchildren) << m->ashift)};
}

struct raidz_col raidz_col(const struct raidz_map *map, unsigned c)
{
    struct raidz_col col = place(map, map->swap && c < 2 ? 1 - c : c);
    col.len = (map->rows + (c < map->big)) << map->ashift;
    if (c >= map->nparity) {
        uint32_t i = c - map->nparity, nbig = map->big ? map->big - map->nparity : 0;
        col.data_off = (i * map->rows + MIN(i, nbig)) << map->ashift;
    }
    return col;
}

struct raidz_col raidz_skip(const struct raidz_map *map, unsigned i)
{
    /* Behind the last used one: whole rows of all columns, then the big ones. */
    struct raidz_col col = place(map, map->rows * map->nchildren + map->big + i);
    col.len = 1u << map->ashift;
    return col;
}

/* ---- arithmetic -------------------------------------------------------------------------- */

/* Up to three targets as sums over all columns with coefficients; 0: not a source. */
struct sum {
    unsigned ntargets;
    uint32_t target[RAIDZ_MAX_PARITY];                       /* columns */
    uint8_t coef[RAIDZ_MAX_PARITY][RAIDZ_MAX_CHILDREN + 1u]; /* by target and column */
};

/* A range of bytes of all columns that have it: the first ncols. */
struct span {
    uint8_t *const *col;
    uint32_t ncols, off, len;
};

static uint8_t gf_power(unsigned log2, unsigned n)
{
    uint8_t v = 1;
    for (n = log2 * n % 255; n > 0; n--)
        v = (uint8_t)(v << 1 ^ (v & 0x80 ? 0x1d : 0));
    return v;
}

/* What column c counts in parity equation p. */
static uint8_t weight(const struct raidz_map *m, unsigned p, unsigned c)
{
    return gf_power(p, m->ncols - 1 - c);
}

static bool is_source(const struct sum *s, unsigned c)
{
    uint8_t any = 0;
    for (unsigned t = 0; t < s->ntargets; t++)
        any |= s->coef[t][c];
    return any != 0;
}

/* The next sources from *c on, at most max; returns how many. */
static unsigned take_sources(const struct sum *s, const struct span *r, unsigned *c,
                             unsigned max, uint32_t *ret_src)
{
    unsigned n = 0;
    for (; *c < r->ncols && n < max; ++*c) {
        if (is_source(s, *c))
            ret_src[n++] = *c;
    }
    return n;
}

/* The targets that have this span. */
static unsigned targets_of(const struct sum *s, const struct span *r, uint8_t *ret_to[])
{
    unsigned n = 0;
    while (n < s->ntargets && s->target[n] < r->ncols) {
        ret_to[n] = r->col[s->target[n]] + r->off;
        n++;
    }
    return n;
}

/* One target, coefficients 1. A further group adds to what is there. */
static void add_xor(const struct span *r, const uint32_t *src, unsigned n, uint8_t *to,
                    bool more)
{
    void *v[GROUP + 2];
    unsigned k = 0;
    for (; k < n; k++)
        v[k] = r->col[src[k]] + r->off;
    if (more)
        v[k++] = to;
    if (k == 1) {
        memcpy(to, v[0], r->len);
        return;
    }
    v[k++] = to;
    xor_gen((int)k, (int)r->len, v);
}

static void add_tables(const struct sum *s, const struct span *r, const uint32_t *src,
                       unsigned n, unsigned ntargets, uint8_t *to[], bool more)
{
    uint8_t coef[RAIDZ_MAX_PARITY * GROUP], tables[32 * RAIDZ_MAX_PARITY * GROUP];
    uint8_t *from[GROUP];
    for (unsigned i = 0; i < n; i++) {
        from[i] = r->col[src[i]] + r->off;
        for (unsigned t = 0; t < ntargets; t++)
            coef[t * n + i] = s->coef[t][src[i]];
    }
    ec_init_tables((int)n, (int)ntargets, coef, tables);
    if (!more)
        ec_encode_data((int)r->len, (int)n, (int)ntargets, tables, from, to);
    for (unsigned i = 0; more && i < n; i++)
        ec_encode_data_update((int)r->len, (int)n, (int)ntargets, (int)i, tables, from[i], to);
}

static bool all_ones(const struct sum *s, const uint32_t *src, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (s->coef[0][src[i]] != 1)
            return false;
    }
    return s->ntargets == 1;
}

/* Targets are ascending, so those which are too short for the span are the last ones. */
static void combine_span(const struct sum *s, const struct span *r)
{
    uint8_t *to[RAIDZ_MAX_PARITY];
    unsigned ntargets = targets_of(s, r, to), c = 0, n;
    uint32_t src[GROUP];
    bool more = false;
    while (ntargets > 0 && (n = take_sources(s, r, &c, GROUP, src)) > 0) {
        if (all_ones(s, src, n))
            add_xor(r, src, n, to[0], more);
        else
            add_tables(s, r, src, n, ntargets, to, more);
        more = true;
    }
}

static void combine(const struct raidz_map *m, uint8_t *const col[], const struct sum *s)
{
    uint32_t short_len = m->rows << m->ashift;
    if (short_len)
        combine_span(s, &(struct span){col, m->ncols, 0, short_len});
    if (m->big)
        combine_span(s, &(struct span){col, m->big, short_len, 1u << m->ashift});
}

/* ---- parity ------------------------------------------------------------------------------ */

/* Makes the sum's next target parity column p. */
static void add_parity_target(struct sum *s, const struct raidz_map *m, unsigned p)
{
    unsigned t = s->ntargets++;
    s->target[t] = p;
    for (unsigned c = m->nparity; c < m->ncols; c++)
        s->coef[t][c] = weight(m, p, c);
}

void raidz_parity(const struct raidz_map *map, uint8_t *const col[])
{
    struct sum s = {0};
    for (unsigned p = 0; p < map->nparity; p++)
        add_parity_target(&s, map, p);
    combine(map, col, &s);
    if (mutant_on(MUTANT_WRONG_PARITY))
        col[0][0] ^= 1;
}

/* ---- reconstruction ---------------------------------------------------------------------- */

/* Which columns are lost, and which parity equations stand in for the data among them. */
struct loss {
    uint32_t data[RAIDZ_MAX_PARITY], eq[RAIDZ_MAX_PARITY];
    unsigned ndata;
    uint32_t parity[RAIDZ_MAX_PARITY];
    unsigned nparity;
};

static bool is_lost(const uint32_t *lost, unsigned n, uint32_t c)
{
    for (unsigned i = 0; i < n; i++) {
        if (lost[i] == c)
            return true;
    }
    return false;
}

static void loss_sort(struct loss *l, const struct raidz_map *m, const uint32_t *lost,
                      unsigned n)
{
    unsigned eq = 0;
    for (unsigned i = 0; i < n; i++) {
        if (lost[i] < m->nparity)
            l->parity[l->nparity++] = lost[i];
        else
            l->data[l->ndata++] = lost[i];
    }
    for (unsigned p = 0; p < m->nparity && eq < l->ndata; p++) {
        if (!is_lost(l->parity, l->nparity, p))
            l->eq[eq++] = p;
    }
    check_cmp(eq, ==, l->ndata);
}

/* What the equations say of each lost column, as the inverse matrix: [lost][equation]. */
static void loss_solve(const struct loss *l, const struct raidz_map *m, uint8_t *ret_inverse)
{
    uint8_t a[RAIDZ_MAX_PARITY * RAIDZ_MAX_PARITY];
    unsigned k = l->ndata;
    for (unsigned e = 0; e < k; e++) {
        for (unsigned i = 0; i < k; i++)
            a[e * k + i] = weight(m, l->eq[e], l->data[i]);
    }
    int singular = gf_invert_matrix(a, ret_inverse, (int)k);
    check(!singular);
}

/* Lost column t from the equations' parity and the data that are there. */
static void add_lost_target(struct sum *s, const struct raidz_map *m, const struct loss *l,
                            const uint8_t *row)
{
    unsigned t = s->ntargets;
    s->target[t] = l->data[t];
    s->ntargets++;
    for (unsigned e = 0; e < l->ndata; e++)
        s->coef[t][l->eq[e]] = row[e];
    for (unsigned c = m->nparity; c < m->ncols; c++) {
        if (is_lost(l->data, l->ndata, c))
            continue;
        for (unsigned e = 0; e < l->ndata; e++)
            s->coef[t][c] ^= gf_mul(row[e], weight(m, l->eq[e], c));
    }
}

int raidz_reconstruct(const struct raidz_map *map, uint8_t *const col[], const uint32_t *lost,
                      unsigned nlost)
{
    if (nlost > map->nparity)
        return E(-EINVAL);
    uint8_t inverse[RAIDZ_MAX_PARITY * RAIDZ_MAX_PARITY];
    struct loss l = {0};
    struct sum data = {0}, parity = {0};
    loss_sort(&l, map, lost, nlost);
    if (l.ndata > 0)
        loss_solve(&l, map, inverse);
    for (unsigned i = 0; i < l.ndata; i++)
        add_lost_target(&data, map, &l, inverse + (size_t)i * l.ndata);
    combine(map, col, &data);
    for (unsigned i = 0; i < l.nparity; i++)
        add_parity_target(&parity, map, l.parity[i]);
    combine(map, col, &parity);
    return 0;
}
