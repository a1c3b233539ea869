/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast one core computes what every block needs: checksums, lz4, parity. Prints GB (10^9 bytes
 * of block) a second for blocks of 128 KiB, which stay in the second-level cache; each row is the
 * best of several short runs, since other work on the machine can only make it worse.
 */
#include "pool/format/checksum.h"
#include "pool/format/compress.h"
#include "pool/format/fletcher4_int.h"
#include "pool/format/raidz.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEN        (128u << 10)
#define ALIGN      64u
#define RUNS       5u
#define RUN_SECS   0.05
#define CHILDREN   6u
#define PARITY_MAX 3u

static struct bench {
    uint8_t *src, *dst, *packed; /* packed: src by lz4 */
    size_t packed_len;
    struct compress_state *st;
    enum fletcher4_way way;
    struct raidz_map map;
    uint8_t *col[CHILDREN];
    uint64_t sink; /* so that no result is unused */
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double run_once(void (*fn)(struct bench *b))
{
    double start = now(), end;
    size_t n = 0;
    do {
        for (unsigned i = 0; i < 8; i++, n++)
            fn(&bench);
        end = now();
    } while (end - start < RUN_SECS);
    return (double)n * LEN / (end - start) / 1e9;
}

static void measure(const char *what, const char *how, void (*fn)(struct bench *b))
{
    double best = 0;
    for (unsigned i = 0; i < RUNS; i++) {
        double speed = run_once(fn);
        best = MAX(best, speed);
    }
    printf("%-20s %-10s %7.2f GB/s\n", what, how, best);
}

static void do_fletcher4(struct bench *b)
{
    b->sink += fletcher4_run(b->way, NULL, b->src, LEN).w[3];
}
static void do_fletcher4_copy(struct bench *b)
{
    b->sink += fletcher4_run(b->way, b->dst, b->src, LEN).w[3];
}
static void do_copy(struct bench *b)
{
    memcpy(b->dst, b->src, LEN);
    b->sink += b->dst[b->sink % LEN];
}
static void do_fletcher2(struct bench *b)
{
    b->sink += cksum_fletcher2(b->src, LEN).w[3];
}
static void do_sha256(struct bench *b)
{
    b->sink += cksum_sha256(b->src, LEN).w[3];
}
static void do_sha512_256(struct bench *b)
{
    b->sink += cksum_sha512_256(b->src, LEN).w[3];
}
static void do_lz4(struct bench *b)
{
    b->sink += compress_lz4(b->st, b->src, LEN, b->dst, LEN);
}
static void do_unlz4(struct bench *b)
{
    check(decompress_block(b->st, ZCOMP_LZ4, b->packed, b->packed_len, b->dst, LEN) == 0);
}
static void do_is_zero(struct bench *b)
{
    b->sink += block_is_zero(b->packed, LEN);
}
static void do_parity(struct bench *b)
{
    raidz_parity(&b->map, b->col);
}

static void measure_fletcher4(void)
{
    for (bench.way = 0; bench.way < FLETCHER4_WAYS; bench.way++) {
        if (!fletcher4_can(bench.way))
            continue;
        measure("fletcher4", fletcher4_name(bench.way), do_fletcher4);
        measure("fletcher4 + copy", fletcher4_name(bench.way), do_fletcher4_copy);
    }
}

/* Six children, the rest of which are data. */
static void measure_parity(unsigned nparity)
{
    char how[16];
    snprintf(how, sizeof(how), "%u + %u", CHILDREN - nparity, nparity);
    raidz_map_make(&bench.map, 0, LEN, 12, CHILDREN, nparity);
    check_cmp(bench.map.ncols, ==, CHILDREN);
    measure("raidz parity", how, do_parity);
}

/* About as compressible as a database's pages. */
static void fill(uint8_t *p, size_t len)
{
    uint32_t x = 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = i % 64 < 36 ? (uint8_t)('a' + i % 11) : (uint8_t)(x >> 24);
    }
}

static uint8_t *alloc(void)
{
    uint8_t *p = aligned_alloc(ALIGN, LEN);
    check(p != NULL);
    memset(p, 0, LEN);
    return p;
}

int main(void)
{
    bench = (struct bench){.src = alloc(), .dst = alloc(), .packed = alloc()};
    bench.st = compress_state_new();
    check(bench.st != NULL);
    for (unsigned i = 0; i < CHILDREN; i++)
        bench.col[i] = alloc();
    measure("zero test", "", do_is_zero);
    fill(bench.src, LEN);
    bench.packed_len = compress_lz4(bench.st, bench.src, LEN, bench.packed, LEN);
    check(bench.packed_len > 0);
    measure("copy alone", "", do_copy);
    measure_fletcher4();
    measure("fletcher2", "", do_fletcher2);
    measure("sha256", "", do_sha256);
    measure("sha512/256", "", do_sha512_256);
    printf("(lz4 to %zu %%)\n", bench.packed_len * 100 / LEN);
    measure("lz4", "", do_lz4);
    measure("lz4 decompression", "", do_unlz4);
    for (unsigned nparity = 1; nparity <= PARITY_MAX; nparity++)
        measure_parity(nparity);
    for (unsigned i = 0; i < CHILDREN; i++)
        free(bench.col[i]);
    compress_state_free(bench.st);
    free(bench.packed);
    free(bench.dst);
    free(bench.src);
    return bench.sink == 1; /* of no importance */
}
