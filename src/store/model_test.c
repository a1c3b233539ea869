/* SPDX-License-Identifier: BSD-2-Clause */
/* Every engine, and a stack of filters, under the random load of model.c. */
#include "store/model.h"
#include "store/store.h"

#include "base/check.h"

#define SIZE  (1u << 20)
#define SEEDS 12

struct subject {
    bool mem, filters;
    uint32_t block, dio_align;
    enum volume_sync sync;
    uint64_t seed;
};

static struct volume *add_filters(struct volume *v)
{
    const struct volume_limits limits = {.iops = 20000, .bps = 1ull << 30};
    const struct volume_fault none = {0};
    struct volume *up = NULL;
    check(filter_fault_new(v, &none, &up) == 0);
    check(filter_delay_new(up, 100 * NS_PER_US, 1u << VOL_OP_WRITE, &v) == 0);
    check(filter_limits_new(v, &limits, &up) == 0);
    check(filter_stats_new(up, &v) == 0);
    return v;
}

static void subject_body(struct expect *e)
{
    const struct subject *s = e->arg;
    struct attr_store *attrs = attr_mem_new();
    const struct store_params p = {
        .name = "m", .block_size = s->block, .sync = s->sync, .attrs = attrs};
    struct volume *v = NULL;
    if (s->mem) {
        EXPECT_EQ(e, store_mem_open(&p, SIZE, false, &v, NULL), 0);
    } else {
        EXPECT_EQ(e, store_file_create("/vol", SIZE, true, NULL), 0);
        EXPECT_EQ(e, store_file_open(&p, "/vol", &v, NULL), 0);
    }
    check(v);
    if (s->filters)
        v = add_filters(v);
    const struct model_params load = {.seed = s->seed, .fibers = 8, .ops = 60};
    model_run(e, v, &load);
    if (s->filters)
        EXPECT_EQ(e, v->stats->in_flight, 0);
    volume_close(v);
    attr_mem_free(attrs);
}

static void run_subject(const struct subject *wanted)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct subject s = *wanted;
        struct run *run = NULL;
        struct sim_config cfg = sim_config_default(seed);
        cfg.dio_align = s.dio_align;
        s.seed = seed;
        assert_int_equal(run_sim_new(&cfg, &run, NULL), 0);
        expect_in(run, subject_body, &s);
    }
}

static void test_mem(void **state)
{
    (void)state;
    run_subject(&(struct subject){.mem = true, .block = 512});
    run_subject(&(struct subject){.mem = true, .block = 4096});
}

static void test_file(void **state)
{
    (void)state;
    run_subject(&(struct subject){.block = 512, .dio_align = 512});
    run_subject(&(struct subject){.block = 4096, .dio_align = 4096, .sync = VOL_SYNC_STANDARD});
}

static void test_file_of_small_blocks_on_a_large_block_disk(void **state)
{
    (void)state;
    run_subject(&(struct subject){.block = 512, .dio_align = 4096, .sync = VOL_SYNC_DISABLED});
    run_subject(&(struct subject){.block = 512, .dio_align = 4096});
}

static void test_through_all_filters(void **state)
{
    (void)state;
    run_subject(&(struct subject){.block = 512, .dio_align = 512, .filters = true});
    run_subject(&(struct subject){.mem = true, .block = 512, .filters = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mem),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_of_small_blocks_on_a_large_block_disk),
        cmocka_unit_test(test_through_all_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
