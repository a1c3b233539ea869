/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/testing.h"

#include <errno.h>

#define KIB   1024u
#define CHUNK (64 * KIB)

static void in_sim(void (*body)(struct expect *e))
{
    expect_in(expect_sim(1), body, NULL);
}

static struct volume *open_mem(uint64_t size, bool null)
{
    const struct store_params p = {.name = "m", .block_size = 512, .sync = VOL_SYNC_ALWAYS};
    struct volume *v = NULL;
    return store_mem_open(&p, size, null, &v, NULL) == 0 ? v : NULL;
}

static uint64_t used(struct volume *v)
{
    struct volume_space space = {0};
    return volume_space(v, &space) == 0 ? space.used : UINT64_MAX;
}

static void sparse_body(struct expect *e)
{
    struct volume *v = open_mem(1ull << 40, false);
    EXPECT(e, reads_as(v, (1ull << 40) - CHUNK, CHUNK, 0));
    EXPECT_EQ(e, used(v), 0);
    EXPECT_EQ(e, fill(v, 5 * CHUNK + 512, 512, 'a'), 0);
    EXPECT_EQ(e, fill(v, 9 * CHUNK - 512, 1024, 'b'), 0); /* over an edge */
    EXPECT_EQ(e, used(v), 3 * CHUNK);
    EXPECT(e, reads_as(v, 5 * CHUNK, 512, 0));
    EXPECT(e, reads_as(v, 5 * CHUNK + 512, 512, 'a'));
    EXPECT(e, reads_as(v, 9 * CHUNK - 512, 1024, 'b'));
    uint64_t n = 0;
    enum volume_extent state = VOL_MAPPED;
    EXPECT_EQ(e, volume_extents(v, 0, 1ull << 40, &n, &state), 0);
    EXPECT(e, n == 5 * CHUNK && state == VOL_HOLE);
    EXPECT_EQ(e, volume_extents(v, 5 * CHUNK + 512, 1ull << 30, &n, &state), 0);
    EXPECT(e, n == CHUNK - 512 && state == VOL_MAPPED);
    EXPECT_EQ(e, volume_extents(v, 10 * CHUNK, 1ull << 30, &n, &state), 0);
    EXPECT(e, n == 1ull << 30 && state == VOL_HOLE); /* cut at what was asked for */
    volume_close(v);
}

static void test_memory_is_taken_where_written(void **state)
{
    (void)state;
    in_sim(sparse_body);
}

static void discard_body(struct expect *e)
{
    struct volume *v = open_mem(64 * CHUNK, false);
    EXPECT_EQ(e, fill(v, 0, 4 * CHUNK, 'x'), 0);
    EXPECT_EQ(e, volume_discard(v, CHUNK - 512, 2 * CHUNK, 0), 0);
    EXPECT_EQ(e, used(v), 3 * CHUNK); /* one whole chunk lay inside */
    EXPECT(e, reads_as(v, 0, CHUNK - 512, 'x'));
    EXPECT(e, reads_as(v, CHUNK - 512, 2 * CHUNK, 0));
    EXPECT(e, reads_as(v, 3 * CHUNK - 512, CHUNK, 'x'));
    EXPECT_EQ(e, volume_write_zeroes(v, 0, CHUNK, false, 0), 0);
    EXPECT_EQ(e, used(v), 3 * CHUNK); /* zeros, but still ours */
    EXPECT_EQ(e, volume_write_zeroes(v, 0, CHUNK, true, 0), 0);
    EXPECT_EQ(e, used(v), 2 * CHUNK);
    EXPECT_EQ(e, volume_discard(v, 0, 64 * CHUNK, 0), 0);
    EXPECT_EQ(e, used(v), 0);
    EXPECT(e, reads_as(v, 0, 64 * CHUNK, 0));
    volume_close(v);
}

static void test_discard_gives_whole_chunks_back(void **state)
{
    (void)state;
    in_sim(discard_body);
}

/* What a reader holds stays as it was read, whatever happens to the volume. */
static void snapshot_body(struct expect *e)
{
    struct volume *v = open_mem(8 * CHUNK, false);
    struct sgl before;
    sgl_init(&before);
    EXPECT_EQ(e, fill(v, 0, 8 * CHUNK, 'a'), 0);
    EXPECT_EQ(e, volume_read(v, 4096, 6 * CHUNK, &before), 0);
    EXPECT_EQ(e, fill(v, 8192, 4096, 'b'), 0);
    EXPECT_EQ(e, volume_discard(v, 2 * CHUNK, CHUNK, 0), 0);
    EXPECT_EQ(e, volume_discard(v, 3 * CHUNK + 512, 512, 0), 0);
    EXPECT_EQ(e, volume_write_zeroes(v, 4 * CHUNK, CHUNK, false, 0), 0);
    EXPECT(e, all_are(&before, 'a'));
    EXPECT(e, reads_as(v, 8192, 4096, 'b'));
    EXPECT(e, reads_as(v, 4096, 4096, 'a')); /* the rest of that chunk went along */
    EXPECT(e, reads_as(v, 3 * CHUNK + 512, 512, 0));
    EXPECT(e, reads_as(v, 3 * CHUNK, 512, 'a'));
    EXPECT_EQ(e, used(v), 7 * CHUNK);
    volume_close(v);
    EXPECT(e, all_are(&before, 'a'));
    sgl_clear(&before);
}

static void test_what_was_read_never_changes(void **state)
{
    (void)state;
    in_sim(snapshot_body);
}

/* The chunks written to are the ones read from. */
static void self_copy_body(struct expect *e)
{
    struct volume *v = open_mem(8 * CHUNK, false);
    EXPECT_EQ(e, fill(v, 0, CHUNK, 'a'), 0);
    EXPECT_EQ(e, fill(v, CHUNK, CHUNK, 'b'), 0);
    EXPECT_EQ(e, volume_copy(v, 512, v, 0, 2 * CHUNK), 0);
    EXPECT(e, reads_as(v, 0, CHUNK + 512, 'a'));
    EXPECT(e, reads_as(v, CHUNK + 512, CHUNK, 'b'));
    volume_close(v);
}

static void test_copy_onto_itself(void **state)
{
    (void)state;
    in_sim(self_copy_body);
}

static void hole_copy_body(struct expect *e)
{
    struct volume *from = open_mem(64 * CHUNK, false), *to = open_mem(64 * CHUNK, false);
    EXPECT_EQ(e, fill(from, 40 * CHUNK, 512, 'a'), 0);
    EXPECT_EQ(e, fill(to, 0, 64 * CHUNK, 'x'), 0);
    EXPECT_EQ(e, volume_copy(to, 0, from, 0, 64 * CHUNK), 0);
    EXPECT_EQ(e, used(to), 16 * CHUNK); /* one piece of 1 MiB has data */
    EXPECT(e, reads_as(to, 0, 40 * CHUNK, 0));
    EXPECT(e, reads_as(to, 40 * CHUNK, 512, 'a'));
    EXPECT(e, reads_as(to, 40 * CHUNK + 512, 24 * CHUNK - 512, 0));
    volume_close(from);
    volume_close(to);
}

static void test_copy_keeps_holes(void **state)
{
    (void)state;
    in_sim(hole_copy_body);
}

static void grow_body(struct expect *e)
{
    struct volume *v = open_mem(CHUNK, false);
    EXPECT_EQ(e, fill(v, 0, CHUNK, 'a'), 0);
    EXPECT_EQ(e, volume_resize(v, 1ull << 35), 0);
    EXPECT_EQ(e, v->geo.size, 1ull << 35);
    EXPECT_EQ(e, fill(v, (1ull << 35) - 512, 512, 'z'), 0);
    EXPECT(e, reads_as(v, (1ull << 35) - 512, 512, 'z'));
    EXPECT(e, reads_as(v, 0, CHUNK, 'a'));
    EXPECT_EQ(e, used(v), 2 * CHUNK);
    volume_close(v);
}

static void test_growth_keeps_data(void **state)
{
    (void)state;
    in_sim(grow_body);
}

static void null_body(struct expect *e)
{
    struct volume *v = open_mem(1ull << 40, true);
    struct sgl s;
    sgl_init(&s);
    EXPECT_EQ(e, fill(v, 0, CHUNK, 'a'), 0);
    EXPECT(e, reads_as(v, 0, 1u << 20, 0));
    EXPECT_EQ(e, used(v), 0);
    EXPECT_EQ(e, volume_discard(v, 0, 1ull << 40, 0), 0);
    EXPECT_EQ(e, volume_write_zeroes(v, 0, 1ull << 40, false, 0), 0);
    EXPECT_EQ(e, volume_read(v, 0, 4096, &s), 0);
    EXPECT(e, s.n == 1 && s.v[0].buf == NULL); /* by reference, without a buffer */
    sgl_clear(&s);
    volume_close(v);
}

static void test_null_volume_keeps_nothing(void **state)
{
    (void)state;
    in_sim(null_body);
}

static void attrs_body(struct expect *e)
{
    struct volume *v = open_mem(CHUNK, false);
    char *value = NULL, **names = NULL;
    EXPECT_EQ(e, volume_set_attr(v, "naa", "3abc"), 0);
    EXPECT_EQ(e, volume_get_attr(v, "naa", &value), 0);
    EXPECT(e, value && strcmp(value, "3abc") == 0);
    EXPECT_EQ(e, volume_list_attr(v, "", &names), 0);
    EXPECT(e, names && names[0] && strcmp(names[0], "naa") == 0 && !names[1]);
    free(value);
    free(names[0]);
    free(names);
    volume_close(v);
}

static void test_attributes_live_with_the_volume(void **state)
{
    (void)state;
    in_sim(attrs_body);
}

static void refuse_body(struct expect *e)
{
    struct volume *v = NULL;
    struct err err = {0};
    struct store_params p = {.name = "m", .block_size = 520};
    EXPECT_EQ(e, store_mem_open(&p, CHUNK, false, &v, &err), -EINVAL);
    EXPECT(e, strstr(err.msg, "volume m: block size 520") != NULL);
    p.block_size = 4096;
    EXPECT_EQ(e, store_mem_open(&p, CHUNK + 512, false, &v, &err), -EINVAL);
    EXPECT_EQ(e, store_mem_open(&p, 0, false, &v, &err), -EINVAL);
    p.physical_block = 5000;
    EXPECT_EQ(e, store_mem_open(&p, CHUNK, false, &v, &err), -EINVAL);
    EXPECT(e, v == NULL);
}

static void test_bad_parameters_are_named(void **state)
{
    (void)state;
    in_sim(refuse_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_taken_where_written),
        cmocka_unit_test(test_discard_gives_whole_chunks_back),
        cmocka_unit_test(test_what_was_read_never_changes),
        cmocka_unit_test(test_copy_onto_itself),
        cmocka_unit_test(test_copy_keeps_holes),
        cmocka_unit_test(test_growth_keeps_data),
        cmocka_unit_test(test_null_volume_keeps_nothing),
        cmocka_unit_test(test_attributes_live_with_the_volume),
        cmocka_unit_test(test_bad_parameters_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
