/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/pool_fixture.h"
#include "base/check.h"
#include "run/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (64u << 10)

static const char *const disks[] = {"/d0", "/d1", "/d2", NULL};
static const struct pool_opts opts = {.dirty_bytes = 4 * FIXTURE_MIB, .free_step = 64};

void fixture_disk(const char *path, uint64_t size)
{
    struct file *f;
    const struct file_opts how = {.mode = FILE_RDWR, .create = true};
    check(file_open(path, &how, &f, NULL) == 0 && file_resize(f, size) == 0);
    check(file_flush(f) == 0);
    file_close(f);
}

struct pool *fixture_make(void)
{
    struct pool *p;
    struct err err = {0};
    for (unsigned i = 0; disks[i]; i++)
        fixture_disk(disks[i], FIXTURE_DISK_SIZE);
    const struct pool_group group = {LAYOUT_RAIDZ1, 3, disks};
    const struct pool_create_want want = {
        .name = "tank", .groups = &group, .ngroups = 1, .opts = opts};
    check(pool_create(&want, &p, &err) == 0);
    return p;
}

struct pool *fixture_import(bool read_only)
{
    struct pool *p;
    const struct pool_import_want want = {
        .paths = disks, .name = "tank", .read_only = read_only, .opts = opts};
    check(pool_import(&want, &p, NULL) == 0);
    return p;
}

int fixture_folder(struct pool *p, const char *name)
{
    const struct pool_folder_want want = {.name = name};
    return pool_folder_create(p, &want, NULL);
}

int fixture_volume(struct pool *p, const char *name, uint64_t size, bool reserve)
{
    const struct pool_volume_want want = {.name = name,
                                          .size = size,
                                          .block_size = FIXTURE_BLOCK,
                                          .reserve = reserve,
                                          .make_parents = true};
    return pool_volume_create(p, &want, NULL);
}

struct volume *fixture_open(struct pool *p, const char *name)
{
    struct volume *v;
    check(pool_volume_open(p, name, &v, NULL) == 0);
    return v;
}

/* A generator that doesn't repeat within a volume. */
static void bytes_of(uint8_t *ret, uint64_t off, uint64_t len, unsigned seed)
{
    for (uint64_t i = 0; i < len; i += 8) {
        uint64_t x = (off + i) * 0x9e3779b97f4a7c15ull + seed * 0xbf58476d1ce4e5b9ull;
        x = (x ^ x >> 29) * 0x94d049bb133111ebull;
        x ^= x >> 32;
        memcpy(ret + i, &x, 8);
    }
    if (seed == 0)
        memset(ret, 0, len);
}

typedef int write_fn(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags);

static int write_pieces(struct volume *v, uint64_t off, uint64_t len, unsigned seed,
                        write_fn *fn, unsigned flags)
{
    uint8_t *bytes = malloc(PIECE);
    int r = 0;
    check(bytes != NULL);
    for (uint64_t n; r == 0 && len > 0; off += n, len -= n) {
        struct sgl sgl;
        n = MIN(len, PIECE);
        bytes_of(bytes, off, n, seed);
        sgl_init(&sgl);
        check(sgl_alloc(&sgl, n) == 0);
        sgl_copy_in(&sgl, 0, bytes, n);
        r = fn(v, off, &sgl, flags);
        sgl_clear(&sgl);
    }
    free(bytes);
    return r;
}

int fixture_write(struct volume *v, uint64_t off, uint64_t len, unsigned seed)
{
    return write_pieces(v, off, len, seed, volume_write, 0);
}

int fixture_write_as(struct volume *v, uint64_t off, uint64_t len, unsigned seed,
                     unsigned flags)
{
    return write_pieces(v, off, len, seed, v->ops->write, flags);
}

bool fixture_holds(struct volume *v, uint64_t off, uint64_t len, unsigned seed)
{
    uint8_t *got = malloc(PIECE), *want = malloc(PIECE);
    bool same = true;
    check(got && want);
    for (uint64_t n; same && len > 0; off += n, len -= n) {
        struct sgl sgl;
        n = MIN(len, PIECE);
        bytes_of(want, off, n, seed);
        sgl_init(&sgl);
        same = volume_read(v, off, n, &sgl) == 0;
        if (same)
            sgl_copy_out(&sgl, 0, got, n);
        same = same && memcmp(got, want, n) == 0;
        sgl_clear(&sgl);
    }
    free(got);
    free(want);
    return same;
}

const char *fixture_get(struct pool *p, const char *dataset, const char *property)
{
    static char text[POOL_VALUE_MAX + POOL_SOURCE_MAX + 1], value[POOL_VALUE_MAX];
    char source[POOL_SOURCE_MAX];
    int r = pool_get(p, dataset, property, value, sizeof(value), source, NULL);
    if (r)
        snprintf(text, sizeof(text), "%d", r);
    else
        snprintf(text, sizeof(text), "%s %s", value, source);
    return text;
}

uint64_t fixture_number(struct pool *p, const char *dataset, const char *property)
{
    return strtoull(fixture_get(p, dataset, property), NULL, 10);
}
