/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/sim/sim_disks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NSECT 64u

static uint8_t at(const struct sim_inode *in, uint64_t off)
{
    uint8_t b;
    sim_pages_read(&in->cur, off, &b, 1);
    return b;
}

static void fill(struct sim_inode *in, uint64_t sector, uint64_t n, uint8_t byte)
{
    static uint8_t bytes[NSECT * SIM_SECTOR];
    memset(bytes, byte, n * SIM_SECTOR);
    sim_inode_write(in, sector * SIM_SECTOR, bytes, n * SIM_SECTOR);
}

static struct sim_settled cut(struct sim_inode *in, enum sim_cut how, uint64_t seed)
{
    struct sim_rand r;
    struct sim_settled sum = {0};
    sim_rand_seed(&r, seed, 0);
    sim_inode_cut(in, how, &r, &sum);
    return sum;
}

static struct sim_inode *flushed_ones(void)
{
    struct sim_inode *in = sim_inode_new(1);
    fill(in, 0, NSECT, 1);
    sim_inode_flushed(in, in->seq);
    return in;
}

static void test_cut_none_loses_what_was_not_flushed(void **state)
{
    (void)state;
    struct sim_inode *in = flushed_ones();
    fill(in, 4, 2, 2);
    assert_int_equal(at(in, 4 * SIM_SECTOR), 2);
    struct sim_settled sum = cut(in, SIM_CUT_NONE, 1);
    assert_int_equal(at(in, 4 * SIM_SECTOR), 1);
    assert_int_equal(sum.lost, 2);
    assert_int_equal(sum.kept + sum.torn, 0);
    sim_inode_free(in);
}

static void test_cut_all_keeps_everything(void **state)
{
    (void)state;
    struct sim_inode *in = flushed_ones();
    fill(in, 4, 2, 2);
    fill(in, NSECT, 1, 3); /* beyond the old end */
    struct sim_settled sum = cut(in, SIM_CUT_ALL, 1);
    assert_int_equal(at(in, 5 * SIM_SECTOR), 2);
    assert_int_equal(in->size, (NSECT + 1) * SIM_SECTOR);
    assert_int_equal(sum.kept, 3);
    sim_inode_free(in);
}

static void test_cut_all_but_first_loses_the_oldest_sector(void **state)
{
    (void)state;
    struct sim_inode *in = flushed_ones();
    fill(in, 8, 2, 2);
    fill(in, 4, 1, 3);
    struct sim_settled sum = cut(in, SIM_CUT_ALL_BUT_FIRST, 1);
    assert_int_equal(at(in, 8 * SIM_SECTOR), 1);
    assert_int_equal(at(in, 9 * SIM_SECTOR), 2);
    assert_int_equal(at(in, 4 * SIM_SECTOR), 3);
    assert_int_equal(sum.lost, 1);
    assert_int_equal(sum.torn, 1);
    sim_inode_free(in);
}

static void test_cut_subset_tears_at_sectors_and_nowhere_else(void **state)
{
    (void)state;
    unsigned torn = 0, whole = 0, gone = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct sim_inode *in = flushed_ones();
        fill(in, 0, 16, 2);
        struct sim_settled sum = cut(in, SIM_CUT_SUBSET, seed);
        for (unsigned s = 0; s < 16; s++) {
            uint8_t first = at(in, s * SIM_SECTOR);
            assert_true(first == 1 || first == 2);
            for (unsigned i = 1; i < SIM_SECTOR; i++)
                assert_int_equal(at(in, s * SIM_SECTOR + i), first);
        }
        assert_int_equal(sum.kept + sum.lost, 16);
        torn += sum.torn == 1;
        whole += sum.kept == 16;
        gone += sum.lost == 16;
        sim_inode_free(in);
    }
    assert_true(torn > 5 && whole > 5 && gone > 5);
}

static void test_cut_may_keep_any_version_of_a_sector(void **state)
{
    (void)state;
    bool seen[4] = {false};
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct sim_inode *in = flushed_ones();
        fill(in, 0, 1, 2);
        fill(in, 0, 1, 3);
        cut(in, SIM_CUT_SUBSET, seed);
        seen[at(in, 0)] = true;
        sim_inode_free(in);
    }
    assert_true(seen[1] && seen[2] && seen[3]);
}

static void test_flush_covers_what_came_before_it_only(void **state)
{
    (void)state;
    struct sim_inode *in = flushed_ones();
    fill(in, 0, 1, 2);
    uint64_t asked = in->seq;
    fill(in, 0, 1, 3);
    fill(in, 1, 1, 3);
    sim_inode_flushed(in, asked);
    cut(in, SIM_CUT_NONE, 1);
    assert_int_equal(at(in, 0), 2);
    assert_int_equal(at(in, SIM_SECTOR), 1);
    sim_inode_free(in);
}

static void test_failed_flush_loses_for_good(void **state)
{
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim_rand r;
        sim_rand_seed(&r, seed, 0);
        struct sim_inode *in = flushed_ones();
        fill(in, 0, 1, 2);
        sim_inode_flush_failed(in, in->seq, &r);
        assert_int_equal(at(in, 0), 2); /* it still reads so */
        sim_inode_flushed(in, in->seq); /* and a flush that succeeds does not help */
        cut(in, SIM_CUT_ALL, seed);
        lost += at(in, 0) == 1;
        sim_inode_free(in);
    }
    assert_true(lost > 3 && lost < 17);
}

static void test_bytes_within_a_sector_keep_their_neighbours(void **state)
{
    (void)state;
    struct sim_inode *in = flushed_ones();
    sim_inode_write(in, 600, "x", 1);
    sim_inode_flushed(in, in->seq);
    cut(in, SIM_CUT_NONE, 1);
    assert_int_equal(at(in, 599), 1);
    assert_int_equal(at(in, 600), 'x');
    assert_int_equal(at(in, 601), 1);
    sim_inode_free(in);
}

static void test_holes_are_given_back_and_read_as_zeros(void **state)
{
    (void)state;
    struct sim_inode *in = flushed_ones();
    uint64_t before = in->cur.used;
    sim_inode_zero(in, 100, 3 * SIM_PAGE, true);
    assert_int_equal(in->cur.used, before - 2);
    assert_int_equal(at(in, 99), 1);
    assert_int_equal(at(in, 100), 0);
    assert_int_equal(at(in, 100 + 3 * SIM_PAGE - 1), 0);
    assert_int_equal(at(in, 100 + 3 * SIM_PAGE), 1);
    assert_int_equal(sim_inode_needs(in, SIM_PAGE + 5, 2 * SIM_PAGE), 2 * SIM_PAGE);
    sim_inode_zero(in, SIM_PAGE, SIM_PAGE, false);
    assert_int_equal(in->cur.used, before - 1);
    cut(in, SIM_CUT_NONE, 1);
    assert_int_equal(at(in, 2 * SIM_PAGE), 1);
    sim_inode_free(in);
}

static void test_shrinking_and_growing_reads_zeros(void **state)
{
    (void)state;
    struct sim_inode *in = flushed_ones();
    sim_inode_resize(in, 700);
    sim_inode_resize(in, 5000);
    assert_int_equal(at(in, 699), 1);
    assert_int_equal(at(in, 700), 0);
    assert_int_equal(at(in, 4999), 0);
    sim_inode_flushed(in, in->seq);
    cut(in, SIM_CUT_NONE, 1);
    assert_int_equal(in->size, 5000);
    assert_int_equal(at(in, 699), 1);
    assert_int_equal(at(in, 700), 0);
    sim_inode_free(in);
}

static void test_rot_reaches_what_is_durable(void **state)
{
    (void)state;
    struct sim_rand r;
    sim_rand_seed(&r, 1, 0);
    struct sim_inode *in = flushed_ones();
    sim_inode_rot(in, 0, 2 * SIM_SECTOR, &r);
    cut(in, SIM_CUT_NONE, 1);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 3 * SIM_SECTOR; i++)
        wrong += at(in, i) != 1;
    assert_int_equal(wrong, 2);
    sim_inode_free(in);
}

/* ---- names ------------------------------------------------------------------------------- */

static void disks_cut(struct sim_disks *d, enum sim_cut how, uint64_t seed)
{
    struct sim_rand r;
    struct sim_settled sum = {0};
    sim_rand_seed(&r, seed, 0);
    sim_disks_cut(d, how, &r, &sum);
}

static void test_new_name_needs_a_synced_directory(void **state)
{
    (void)state;
    struct sim_disks *d = sim_disks_new();
    sim_names_create(d, "/a", false, 0600);
    sim_names_create(d, "/b", false, 0600);
    disks_cut(d, SIM_CUT_NONE, 1);
    assert_null(sim_names_find(d, "/a"));
    sim_names_create(d, "/a", false, 0600);
    sim_names_sync(d, "/");
    disks_cut(d, SIM_CUT_NONE, 1);
    assert_non_null(sim_names_find(d, "/a"));
    sim_disks_free(d);
}

static void test_flushing_a_file_saves_the_way_to_it(void **state)
{
    (void)state;
    struct sim_disks *d = sim_disks_new();
    sim_names_create(d, "/d", true, 0700);
    struct sim_inode *in = sim_names_create(d, "/d/f", false, 0600);
    sim_names_sync_inode(d, in);
    disks_cut(d, SIM_CUT_NONE, 1);
    assert_ptr_equal(sim_names_find(d, "/d/f"), in);
    sim_disks_free(d);
}

static void test_a_file_without_its_directory_is_gone(void **state)
{
    (void)state;
    struct sim_disks *d = sim_disks_new();
    for (uint64_t seed = 0; seed < 20; seed++) {
        if (!sim_names_find(d, "/d"))
            sim_names_create(d, "/d", true, 0700);
        if (!sim_names_find(d, "/d/f"))
            sim_names_create(d, "/d/f", false, 0600);
        disks_cut(d, SIM_CUT_SUBSET, seed);
        assert_true(!sim_names_find(d, "/d/f") || sim_names_is_dir(d, "/d"));
    }
    sim_disks_free(d);
}

static void test_rename_is_all_or_nothing(void **state)
{
    (void)state;
    unsigned moved = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim_disks *d = sim_disks_new();
        struct sim_inode *old = sim_names_create(d, "/f", false, 0600);
        struct sim_inode *new = sim_names_create(d, "/f.tmp", false, 0600);
        sim_names_sync(d, "/");
        sim_names_rename(d, "/f.tmp", "/f");
        assert_ptr_equal(sim_names_find(d, "/f"), new);
        assert_null(sim_names_find(d, "/f.tmp"));
        disks_cut(d, SIM_CUT_SUBSET, seed);
        if (sim_names_find(d, "/f") == new) {
            moved++;
            assert_null(sim_names_find(d, "/f.tmp"));
        } else {
            assert_ptr_equal(sim_names_find(d, "/f"), old);
            assert_ptr_equal(sim_names_find(d, "/f.tmp"), new);
        }
        sim_disks_free(d);
    }
    assert_true(moved > 0 && moved < 20);
}

static void test_removed_name_may_come_back(void **state)
{
    (void)state;
    struct sim_disks *d = sim_disks_new();
    struct sim_inode *in = sim_names_create(d, "/f", false, 0600);
    fill(in, 0, 1, 7);
    sim_inode_flushed(in, in->seq);
    sim_names_sync(d, "/");
    sim_names_remove(d, "/f");
    assert_null(sim_names_find(d, "/f"));
    disks_cut(d, SIM_CUT_NONE, 1);
    in = sim_names_find(d, "/f");
    assert_non_null(in);
    assert_int_equal(at(in, 0), 7);
    sim_names_remove(d, "/f");
    sim_names_sync(d, "/");
    disks_cut(d, SIM_CUT_NONE, 1);
    assert_null(sim_names_find(d, "/f"));
    sim_disks_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_none_loses_what_was_not_flushed),
        cmocka_unit_test(test_cut_all_keeps_everything),
        cmocka_unit_test(test_cut_all_but_first_loses_the_oldest_sector),
        cmocka_unit_test(test_cut_subset_tears_at_sectors_and_nowhere_else),
        cmocka_unit_test(test_cut_may_keep_any_version_of_a_sector),
        cmocka_unit_test(test_flush_covers_what_came_before_it_only),
        cmocka_unit_test(test_failed_flush_loses_for_good),
        cmocka_unit_test(test_bytes_within_a_sector_keep_their_neighbours),
        cmocka_unit_test(test_holes_are_given_back_and_read_as_zeros),
        cmocka_unit_test(test_shrinking_and_growing_reads_zeros),
        cmocka_unit_test(test_rot_reaches_what_is_durable),
        cmocka_unit_test(test_new_name_needs_a_synced_directory),
        cmocka_unit_test(test_flushing_a_file_saves_the_way_to_it),
        cmocka_unit_test(test_a_file_without_its_directory_is_gone),
        cmocka_unit_test(test_rename_is_all_or_nothing),
        cmocka_unit_test(test_removed_name_may_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
