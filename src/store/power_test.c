/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Acknowledged means durable, by cutting the power. Fibers write versions of blocks; a ledger
 * outside of the world notes for each block the last version issued and the last that must
 * survive. The power is cut at a random time, unflushed sectors are lost by the plan, and a
 * second world reads what is there: nothing older than promised, nothing never written.
 */
#include "base/check.h"
#include "base/endian.h"
#include "store/range.h"
#include "store/store.h"
#include "volume/expect.h"

#define BLOCKS   512u
#define BLOCK    512u
#define WRITERS  8
#define MAX_NBLK 24u

struct ledger {
    enum volume_sync sync;
    enum sim_cut how;
    uint64_t seed;
    uint32_t issued[BLOCKS], done[BLOCKS],
        floor[BLOCKS]; /* versions; done: returned, floor: promised durable */
    unsigned promised; /* blocks whose floor is not 0, in the end */
};

struct scene {
    struct ledger *l;
    struct volume *v;
    struct run *run;
    struct range_lock lock;
};

static struct volume *open_volume(const struct ledger *l, struct attr_store *attrs)
{
    const struct store_params p = {
        .name = "p", .block_size = BLOCK, .sync = l->sync, .attrs = attrs};
    struct volume *v = NULL;
    check(store_file_open(&p, "/vol", &v, NULL) == 0 && v);
    return v;
}

/* ---- before the cut
 * ---------------------------------------------------------------------------------- */

/* Every 8 bytes of a block name it and its version. */
static void stamp(uint8_t *bytes, uint32_t block, uint32_t version)
{
    const be32 words[2] = {be32_make(block), be32_make(version)};
    for (size_t at = 0; at < BLOCK; at += sizeof(words))
        memcpy(bytes + at, words, sizeof(words));
}

static void write_versions(struct scene *s, uint32_t block, uint32_t n)
{
    struct ledger *l = s->l;
    struct sgl data;
    sgl_init(&data);
    check(sgl_alloc(&data, (uint64_t)n * BLOCK) == 0);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t bytes[BLOCK];
        stamp(bytes, block + i, ++l->issued[block + i]);
        sgl_copy_in(&data, (uint64_t)i * BLOCK, bytes, BLOCK);
    }
    bool fua = sim_random_below(s->run, 4) == 0;
    check(volume_write(s->v, (uint64_t)block * BLOCK, &data, fua ? VOL_FUA : 0) == 0);
    for (uint32_t i = block; i < block + n; i++) {
        l->done[i] = l->issued[i];
        if (fua || l->sync == VOL_SYNC_ALWAYS)
            l->floor[i] = l->issued[i];
    }
    sgl_clear(&data);
}

static void writer(void *arg)
{
    struct scene *s = arg;
    for (;;) {
        struct range_hold hold;
        uint32_t n = 1 + (uint32_t)sim_random_below(s->run, MAX_NBLK);
        uint32_t block = (uint32_t)sim_random_below(s->run, BLOCKS - n);
        range_take(&s->lock, &hold, block, n);
        write_versions(s, block, n);
        range_drop(&s->lock, &hold);
    }
}

/* What had returned before the flush was asked for is promised when it returns. */
static void flusher(void *arg)
{
    struct scene *s = arg;
    uint32_t before[BLOCKS / 2];
    for (uint32_t half = 0;; half = BLOCKS / 2 - half) {
        fiber_sleep_until(run_now() + sim_random_below(s->run, 10 * NS_PER_MS), NULL);
        memcpy(before, s->l->done + half, sizeof(before));
        check(volume_flush(s->v) == 0);
        for (uint32_t i = 0; i < BLOCKS / 2; i++)
            s->l->floor[half + i] = MAX(s->l->floor[half + i], before[i]);
    }
}

static void life(void *arg)
{
    struct scene *s = arg;
    s->run = reactor_run(reactor_self());
    ranges_init(&s->lock);
    check(store_file_create("/vol", BLOCKS * BLOCK, true, NULL) == 0);
    s->v = open_volume(s->l, attr_mem_new());
    for (int i = 0; i < WRITERS; i++)
        check(fiber_start(writer, s, "writer"));
    if (s->l->sync == VOL_SYNC_STANDARD)
        check(fiber_start(flusher, s, "flusher"));
    fiber_sleep_until(run_now() + 20 * NS_PER_MS + sim_random_below(s->run, 200 * NS_PER_MS),
                      NULL);
    sim_power_cut(s->run, s->l->how);
}

/* ---- after it
 * ---------------------------------------------------------------------------------------- */

static void check_block(struct expect *e, struct ledger *l, const struct sgl *s, uint32_t block)
{
    uint8_t bytes[BLOCK], want[BLOCK] = {0};
    sgl_copy_out(s, (uint64_t)block * BLOCK, bytes, BLOCK);
    uint32_t version = load_be32(bytes + 4);
    EXPECT(e, version >= l->floor[block]);
    EXPECT(e, version <= l->issued[block]);
    if (version != 0)
        stamp(want, block, version);
    EXPECT_EQ(e, memcmp(bytes, want, BLOCK), 0);
    l->promised += l->floor[block] != 0;
}

static void afterlife(struct expect *e)
{
    struct ledger *l = e->arg;
    struct attr_store *attrs = attr_mem_new();
    struct volume *v = open_volume(l, attrs);
    struct sgl s;
    sgl_init(&s);
    EXPECT_EQ(e, volume_read(v, 0, BLOCKS * BLOCK, &s), 0);
    for (uint32_t b = 0; b < BLOCKS; b++)
        check_block(e, l, &s, b);
    sgl_clear(&s);
    volume_close(v);
    attr_mem_free(attrs);
}

static struct run *world(struct sim_disks *disks, uint64_t seed)
{
    struct run *run = NULL;
    struct sim_config cfg = sim_config_default(seed);
    cfg.dio_align = seed % 2 ? 512 : 4096;
    assert_int_equal(run_sim_new(&cfg, &run, NULL), 0);
    sim_attach_disks(run, disks);
    return run;
}

static void cut_and_look(enum volume_sync sync)
{
    static const enum sim_cut how[] = {SIM_CUT_NONE, SIM_CUT_ALL_BUT_FIRST, SIM_CUT_SUBSET};
    unsigned promised = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct ledger *l = calloc(1, sizeof(*l));
        struct sim_disks *disks = sim_disks_new();
        *l = (struct ledger){.sync = sync, .how = how[seed % 3], .seed = seed};
        struct scene scene = {.l = l};
        struct run *run = world(disks, seed);
        run_loop(run, life, &scene);
        assert_true(sim_was_cut(run));
        run_free(run);
        expect_in(world(disks, seed + 1000), afterlife, l);
        promised += l->promised;
        sim_disks_free(disks);
        free(l);
    }
    assert_true(promised > 1000);
}

static void test_always_every_acknowledged_write_survives(void **state)
{
    (void)state;
    cut_and_look(VOL_SYNC_ALWAYS);
}

static void test_standard_what_was_flushed_or_forced_survives(void **state)
{
    (void)state;
    cut_and_look(VOL_SYNC_STANDARD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always_every_acknowledged_write_survives),
        cmocka_unit_test(test_standard_what_was_flushed_or_forced_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
