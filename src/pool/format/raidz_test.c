/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raidz against a slow model of its own: sectors are dealt to the children one by one, row by
 * row, and parity is Horner's rule byte by byte. Then everything that may be lost is lost. And
 * against sums of what OpenZFS's own code computes (tests/golden/raidz.txt).
 */
#include "pool/format/raidz.h"
#include "pool/format/raidz_golden.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct shape {
    unsigned nchildren, nparity, ashift;
    uint32_t size;
    uint64_t off;
};

struct block {
    struct raidz_map map;
    uint8_t *data;
    uint8_t *col[RAIDZ_MAX_CHILDREN], *want[RAIDZ_MAX_CHILDREN];
};

static uint8_t *aligned_bytes(size_t len)
{
    uint8_t *p = aligned_alloc(4096, round_up(len, 4096));
    assert_non_null(p);
    return p;
}

static uint8_t next_random(void)
{
    static uint64_t x = 88172645463325252ull;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint8_t)(x >> 32);
}

/* ---- geometry ---------------------------------------------------------------------------- */

struct golden_col {
    uint32_t child, len;
    uint64_t off;
    uint32_t data_off;
};
struct golden {
    struct shape s;
    uint64_t asize;
    unsigned ncols;
    struct golden_col col[7];
};

/* Worked out by hand from the rule of the format's description. */
/* clang-format off */
static const struct golden golden[] = {
    /* One sector on four disks: parity and a copy. */
    {{4, 1, 12, 4096, 0}, 8192, 2, {{0, 4096, 0, 0}, {1, 4096, 0, 0}}},
    /* The same with bit 20 of the offset set: the two change places. Sector 256 is child 0,
     * row 64. */
    {{4, 1, 12, 4096, 0x100000}, 8192, 2, {{1, 4096, 0x40000, 0}, {0, 4096, 0x40000, 0}}},
    /* Five sectors on four disks: 3 + 2, two parity, one more to a multiple of 2. Starts on
     * child 3. */
    {{4, 1, 12, 20480, 3 * 4096}, 32768, 4,
     {{3, 8192, 0, 0}, {0, 8192, 4096, 0}, {1, 8192, 4096, 8192}, {2, 4096, 4096, 16384}}},
    /* raidz2 of 6, seven sectors: 4 + 3, four parity, 11 to 12; swap is not for raidz2. */
    {{6, 2, 9, 3584, 0x100000 + 512}, 6144, 6,
     {{3, 1024, 341 * 512, 0}, {4, 1024, 341 * 512, 0}, {5, 1024, 341 * 512, 0},
      {0, 1024, 342 * 512, 1024}, {1, 1024, 342 * 512, 2048}, {2, 512, 342 * 512, 3072}}},
    /* raidz3 of 7, two sectors: 2 data, 3 parity, 5 to 8. */
    {{7, 3, 12, 8192, 6 * 4096}, 32768, 5,
     {{6, 4096, 0, 0}, {0, 4096, 4096, 0}, {1, 4096, 4096, 0}, {2, 4096, 4096, 0},
      {3, 4096, 4096, 4096}}},
};
/* clang-format on */

static void test_geometry_matches_golden_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
        const struct golden *g = &golden[i];
        const struct shape *s = &g->s;
        struct raidz_map m;
        raidz_map_make(&m, s->off, s->size, s->ashift, s->nchildren, s->nparity);
        assert_int_equal(raidz_asize(s->size, s->ashift, s->nchildren, s->nparity), g->asize);
        assert_int_equal(m.ncols, g->ncols);
        for (unsigned c = 0; c < m.ncols; c++) {
            struct raidz_col col = raidz_col(&m, c);
            assert_int_equal(col.child, g->col[c].child);
            assert_int_equal(col.len, g->col[c].len);
            assert_int_equal(col.off, g->col[c].off);
            assert_int_equal(col.data_off, g->col[c].data_off);
        }
    }
}

static void test_asize_rounds_up_to_sectors(void **state)
{
    (void)state;
    assert_int_equal(raidz_asize(512, 12, 4, 1), 8192);
    assert_int_equal(raidz_asize(131072, 12, 4, 1), 44 * 4096); /* deflate ratio 372 */
    assert_int_equal(131072 / (raidz_asize(131072, 12, 4, 1) / 512), 372);
    assert_int_equal(131072 / (raidz_asize(131072, 12, 5, 2) / 512), 303);
    assert_int_equal(131072 / (raidz_asize(131072, 12, 7, 3) / 512), 292);
}

/* Deals the run's sectors to columns in the order of their numbers and compares. */
static void check_dealt(const struct shape *s)
{
    struct raidz_map m;
    raidz_map_make(&m, s->off, s->size, s->ashift, s->nchildren, s->nparity);
    uint64_t start = s->off >> s->ashift,
             asize = raidz_asize(s->size, s->ashift, s->nchildren, s->nparity) >> s->ashift;
    uint32_t seen[RAIDZ_MAX_CHILDREN] = {0}, total = 0;
    bool swap = s->nparity == 1 && (s->off & 0x100000);
    for (uint64_t i = 0; i < asize - m.skipped; i++) {
        uint64_t sector = start + i;
        unsigned c = (unsigned)(i % s->nchildren);
        struct raidz_col col = raidz_col(&m, swap && c < 2 ? 1 - c : c);
        assert_int_equal(col.child, sector % s->nchildren);
        assert_int_equal(col.off + ((uint64_t)seen[c]++ << s->ashift),
                         sector / s->nchildren << s->ashift);
    }
    for (unsigned i = 0; i < m.skipped; i++) {
        uint64_t sector = start + asize - m.skipped + i;
        struct raidz_col col = raidz_skip(&m, i);
        assert_int_equal(col.child, sector % s->nchildren);
        assert_int_equal(col.off, sector / s->nchildren << s->ashift);
    }
    for (unsigned c = 0; c < m.ncols; c++) {
        struct raidz_col col = raidz_col(&m, c);
        assert_int_equal(col.len, seen[c] << s->ashift);
        if (c >= s->nparity) {
            assert_int_equal(col.data_off, total);
            total += col.len;
        }
    }
    assert_int_equal(total, s->size);
    assert_true(m.skipped <= s->nparity);
}

static void test_geometry_deals_sectors_row_by_row(void **state)
{
    (void)state;
    for (unsigned n = 2; n <= 20; n++)
        for (unsigned p = 1; p <= 3 && p < n; p++)
            for (uint32_t sectors = 1; sectors <= 256; sectors += sectors < 50 ? 1 : 13)
                for (uint64_t start = 0; start < 23; start += 3)
                    check_dealt(&(struct shape){n, p, 9, sectors << 9, (2040 + start) << 9});
    check_dealt(&(struct shape){255, 3, 12, 128u << 10, 77u << 12});
}

/* ---- parity ------------------------------------------------------------------------------ */

static uint8_t slow_double(uint8_t v)
{
    return (uint8_t)((v << 1) ^ ((v >> 7) * 0x1d));
}

/* (((D0 g + D1) g + D2) ...), g = 2^p, byte `at` of a column; short columns are zero. */
static uint8_t slow_parity(const struct block *b, unsigned p, uint32_t at)
{
    uint8_t v = 0;
    for (unsigned c = b->map.nparity; c < b->map.ncols; c++) {
        for (unsigned i = 0; i < p; i++)
            v = slow_double(v);
        if (at < raidz_col(&b->map, c).len)
            v ^= b->want[c][at];
    }
    return v;
}

static struct block *block_make(const struct shape *s)
{
    struct block *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    raidz_map_make(&b->map, s->off, s->size, s->ashift, s->nchildren, s->nparity);
    b->data = aligned_bytes(s->size);
    for (uint32_t i = 0; i < s->size; i++)
        b->data[i] = next_random();
    for (unsigned c = 0; c < b->map.ncols; c++) {
        struct raidz_col col = raidz_col(&b->map, c);
        b->want[c] = aligned_bytes(col.len);
        b->col[c] = aligned_bytes(col.len);
        memset(b->col[c], 0xee, col.len);
        if (c >= s->nparity)
            memcpy(b->want[c], b->data + col.data_off, col.len);
    }
    for (unsigned c = s->nparity; c < b->map.ncols; c++)
        memcpy(b->col[c], b->want[c], raidz_col(&b->map, c).len);
    for (unsigned p = 0; p < s->nparity; p++)
        for (uint32_t at = 0; at < raidz_col(&b->map, p).len; at++)
            b->want[p][at] = slow_parity(b, p, at);
    return b;
}

static void block_free(struct block *b)
{
    for (unsigned c = 0; c < b->map.ncols; c++) {
        free(b->want[c]);
        free(b->col[c]);
    }
    free(b->data);
    free(b);
}

static void assert_right(const struct block *b)
{
    for (unsigned c = 0; c < b->map.ncols; c++)
        assert_memory_equal(b->col[c], b->want[c], raidz_col(&b->map, c).len);
}

static void lose(struct block *b, const uint32_t *lost, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        memset(b->col[lost[i]], 0x55, raidz_col(&b->map, lost[i]).len);
    assert_int_equal(raidz_reconstruct(&b->map, b->col, lost, n), 0);
    assert_right(b);
}

/* All sets of up to nparity columns. */
static void lose_all_sets(struct block *b)
{
    unsigned n = b->map.ncols, most = b->map.nparity;
    for (uint32_t i = 0; i < n; i++) {
        lose(b, (uint32_t[]){i}, 1);
        for (uint32_t j = i + 1; most >= 2 && j < n; j++) {
            lose(b, (uint32_t[]){i, j}, 2);
            for (uint32_t k = j + 1; most >= 3 && k < n; k++)
                lose(b, (uint32_t[]){i, j, k}, 3);
        }
    }
}

static void check_shape(const struct shape *s, bool all_sets)
{
    struct block *b = block_make(s);
    raidz_parity(&b->map, b->col);
    assert_right(b);
    if (all_sets)
        lose_all_sets(b);
    uint32_t last = b->map.ncols - 1;
    lose(b, &last, 1);
    lose(b, (uint32_t[]){0, 1, last},
         s->nparity >= 3 && last > 1 ? 3
         : s->nparity >= 2           ? 2
                                     : 1);
    block_free(b);
}

static void test_any_lost_columns_come_back(void **state)
{
    static const uint32_t sectors[] = {1, 2, 3, 4, 5, 7, 11, 16, 17, 19, 23, 40};
    (void)state;
    for (unsigned n = 2; n <= 20; n++)
        for (unsigned p = 1; p <= 3 && p < n; p++)
            for (size_t i = 0; i < ARRAY_LEN(sectors); i++)
                check_shape(&(struct shape){n, p, 9, sectors[i] << 9, (n * 7 + i) << 9}, true);
}

static void test_parity_of_all_sizes(void **state)
{
    (void)state;
    for (unsigned n = 2; n <= 20; n += 3)
        for (unsigned p = 1; p <= 3 && p < n; p++)
            for (uint32_t size = 512; size <= 128u << 10; size += size < 8192 ? 512 : 24064)
                check_shape(&(struct shape){n, p, 9, size, (uint64_t)n << 20}, false);
    check_shape(&(struct shape){12, 3, 12, 128u << 10, 5 << 12}, true);
    check_shape(&(struct shape){255, 3, 9, 1000u << 9, 99 << 9}, false);
    check_shape(&(struct shape){6, 2, 13, 128u << 10, 1 << 13}, true);
}

static void test_more_losses_than_parity_are_refused(void **state)
{
    struct block *b = block_make(&(struct shape){5, 2, 12, 32768, 0});
    (void)state;
    raidz_parity(&b->map, b->col);
    assert_int_equal(raidz_reconstruct(&b->map, b->col, (uint32_t[]){0, 1, 2}, 3), -EINVAL);
    assert_right(b);
    block_free(b);
}

/* ---- OpenZFS's own ----------------------------------------------------------------------- */

static void add_case(struct raidz_hash *h, const struct raidz_case *k)
{
    struct raidz_map m;
    uint8_t *data = aligned_bytes(k->size), *col[20];
    raidz_case_fill(k, data);
    raidz_map_make(&m, k->off, k->size, k->ashift, k->nchildren, k->nparity);
    for (unsigned c = 0; c < m.ncols; c++) {
        struct raidz_col where = raidz_col(&m, c);
        col[c] = aligned_bytes(where.len);
        if (c >= k->nparity)
            memcpy(col[c], data + where.data_off, where.len);
    }
    raidz_parity(&m, col);
    for (unsigned c = 0; c < m.ncols; c++) {
        struct raidz_col where = raidz_col(&m, c);
        raidz_hash_number(h, where.child);
        raidz_hash_number(h, where.off);
        raidz_hash_number(h, where.len);
        raidz_hash_bytes(h, col[c], where.len);
        free(col[c]);
    }
    free(data);
}

/* Widths 2 to 20, parities 1 to 3, 512 bytes to 128 KiB. */
static void test_openzfs_computes_the_same(void **state)
{
    struct raidz_hash h = raidz_hash_start();
    struct raidz_case k;
    char want[128], got[128];
    FILE *f = fopen(RAIDZ_GOLDEN, "r");
    (void)state;
    assert_non_null(f);
    assert_non_null(fgets(want, sizeof(want), f)); /* where it came from */
    unsigned i = 0;
    for (; raidz_case_get(i, &k); i++) {
        add_case(&h, &k);
        if (i % RAIDZ_SIZES != RAIDZ_SIZES - 1)
            continue;
        raidz_line(got, sizeof(got), &k, &h);
        assert_non_null(fgets(want, sizeof(want), f));
        assert_string_equal(got, want);
        h = raidz_hash_start();
    }
    assert_true(i > 5000);
    assert_null(fgets(want, sizeof(want), f));
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry_matches_golden_vectors),
        cmocka_unit_test(test_openzfs_computes_the_same),
        cmocka_unit_test(test_asize_rounds_up_to_sectors),
        cmocka_unit_test(test_geometry_deals_sectors_row_by_row),
        cmocka_unit_test(test_any_lost_columns_come_back),
        cmocka_unit_test(test_parity_of_all_sizes),
        cmocka_unit_test(test_more_losses_than_parity_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
