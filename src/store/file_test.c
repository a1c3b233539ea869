/* SPDX-License-Identifier: BSD-2-Clause */
/* File volumes in the simulated world: what they promise about room, errors, sizes, flushes
 * and partial blocks. */
#include "run/file.h"
#include "store/testing.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>

#define KIB  1024u
#define MIB  (1u << 20)
#define PATH "/vol"

static void in_sim(void (*body)(struct expect *e), void *arg, uint32_t dio_align,
                   uint64_t capacity)
{
    struct run *run = NULL;
    struct sim_config cfg = sim_config_default(11);
    cfg.dio_align = dio_align;
    cfg.disk_capacity = capacity;
    assert_int_equal(run_sim_new(&cfg, &run, NULL), 0);
    expect_in(run, body, arg);
}

/* A volume of 512-byte blocks with an attribute store of its own. */
static int try_open(struct attr_store *attrs, bool thick, enum volume_sync sync,
                    struct volume **ret_volume)
{
    const struct store_params p = {
        .name = "f", .block_size = 512, .sync = sync, .attrs = attrs, .thick = thick};
    return store_file_open(&p, PATH, ret_volume, NULL);
}

static struct volume *open_file(struct attr_store *attrs, bool thick, enum volume_sync sync)
{
    struct volume *v = NULL;
    check(try_open(attrs, thick, sync, &v) == 0 && v);
    return v;
}

static struct run *world(void)
{
    return reactor_run(reactor_self());
}

/* ---- medium ------------------------------------------------------------------------------ */

static void medium_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    EXPECT_EQ(e, store_file_create(PATH, MIB, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, v->geo.rotational, e->arg != NULL);
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_medium_is_that_of_the_disk(void **state)
{
    (void)state;
    for (int rotates = 0; rotates < 2; rotates++) {
        struct run *run = NULL;
        struct sim_config cfg = sim_config_default(11);
        cfg.disk_rotates = rotates;
        assert_int_equal(run_sim_new(&cfg, &run, NULL), 0);
        expect_in(run, medium_body, rotates ? &cfg : NULL);
    }
}

/* ---- room
 * ------------------------------------------------------------------------------------------ */

static void thin_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    struct volume_space s = {0};
    EXPECT_EQ(e, store_file_create(PATH, 64 * MIB, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    EXPECT(e, v->geo.thin && v->geo.unmap_granularity == 4096 && v->geo.size == 64 * MIB);
    EXPECT_EQ(e, v->geo.atomic_max, 0);
    EXPECT_EQ(e, volume_space(v, &s), 0);
    EXPECT(e, s.used == 0 &&
                  s.available == 16 * MIB); /* the file system is smaller than the volume */
    EXPECT_EQ(e, fill(v, MIB, 64 * KIB, 'a'), 0);
    EXPECT_EQ(e, volume_space(v, &s), 0);
    EXPECT(e, s.used == 64 * KIB && s.available == 16 * MIB - 64 * KIB);
    uint64_t n = 0;
    enum volume_extent state = VOL_MAPPED;
    EXPECT_EQ(e, volume_extents(v, 0, 8 * MIB, &n, &state), 0);
    EXPECT(e, n == MIB && state == VOL_HOLE);
    EXPECT_EQ(e, volume_extents(v, MIB + 512, 8 * MIB, &n, &state), 0);
    EXPECT(e, n == 64 * KIB - 512 && state == VOL_MAPPED);
    EXPECT_EQ(e, volume_discard(v, MIB, 32 * KIB, 0), 0);
    EXPECT_EQ(e, volume_space(v, &s), 0);
    EXPECT_EQ(e, s.used, 32 * KIB);
    EXPECT(e, reads_as(v, MIB, 32 * KIB, 0));
    EXPECT(e, reads_as(v, MIB + 32 * KIB, 32 * KIB, 'a'));
    EXPECT_EQ(e, volume_write_zeroes(v, MIB, 4096, false, 0),
              0); /* zeros that keep their block */
    EXPECT_EQ(e, volume_space(v, &s), 0);
    EXPECT_EQ(e, s.used, 36 * KIB);
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_thin_file_accounts_for_its_room(void **state)
{
    (void)state;
    in_sim(thin_body, NULL, 512, 16 * MIB);
}

static void full_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    EXPECT_EQ(e, store_file_create(PATH, 64 * MIB, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    int rc = 0;
    uint64_t off = 0;
    for (; rc == 0 && off < 64 * MIB; off += MIB)
        rc = fill(v, off, MIB, 'a');
    EXPECT_EQ(e, rc, -ENOSPC);
    EXPECT_EQ(e, off, 5 * MIB);
    EXPECT_EQ(e, fill(v, 0, MIB, 'b'), 0); /* what has its blocks goes on */
    EXPECT_EQ(e, volume_discard(v, 0, MIB, 0), 0);
    EXPECT_EQ(e, fill(v, 32 * MIB, MIB, 'c'), 0); /* and room that was freed is room */
    EXPECT(e, reads_as(v, 32 * MIB, MIB, 'c'));
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_full_file_system_is_enospc_and_no_more(void **state)
{
    (void)state;
    in_sim(full_body, NULL, 512, 4 * MIB);
}

static void thick_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    struct volume_space s = {0};
    uint64_t n = 0;
    enum volume_extent state = VOL_HOLE;
    EXPECT_EQ(e, store_file_create(PATH, 8 * MIB, false, NULL), 0);
    struct volume *v = open_file(attrs, true, VOL_SYNC_ALWAYS);
    EXPECT(e, !v->geo.thin && v->geo.unmap_granularity == 0);
    EXPECT_EQ(e, volume_discard(v, 0, MIB, 0), -EOPNOTSUPP);
    EXPECT_EQ(e, volume_write_zeroes(v, 0, MIB, true, 0), 0);
    EXPECT_EQ(e, volume_space(v, &s), 0);
    EXPECT(e, s.used == 8 * MIB && s.available == 0); /* nothing was given back */
    EXPECT_EQ(e, volume_extents(v, 0, 8 * MIB, &n, &state), 0);
    EXPECT(e, n == 8 * MIB && state == VOL_MAPPED);
    EXPECT_EQ(e, volume_resize(v, 12 * MIB), 0);
    EXPECT_EQ(e, volume_space(v, &s), 0);
    EXPECT_EQ(e, s.used, 12 * MIB);
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_thick_file_keeps_its_blocks(void **state)
{
    (void)state;
    in_sim(thick_body, NULL, 512, 64 * MIB);
}

/* ---- making and opening
 * ------------------------------------------------------------------------------ */

static void create_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    struct err err = {0};
    char **names = NULL;
    EXPECT_EQ(e, store_file_create(PATH, 64 * MIB, false, &err), -ENOSPC);
    EXPECT(e, strstr(err.msg, "/vol: cannot make a file of 67108864 bytes") != NULL);
    EXPECT_EQ(e, file_list("/", &names), 0);
    EXPECT(e, names && !names[0]); /* no half file is left behind */
    names_free(names);
    EXPECT_EQ(e, store_file_create(PATH, MIB, true, &err), 0);
    EXPECT_EQ(e, store_file_create(PATH, 2 * MIB, true, &err), -EEXIST);
    EXPECT(e, strstr(err.msg, "exists already") != NULL);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, v->geo.size, MIB);
    EXPECT_EQ(e, try_open(attrs, false, VOL_SYNC_ALWAYS, &v), -EBUSY); /* ours alone */
    volume_close(v);
    volume_close(open_file(attrs, false, VOL_SYNC_ALWAYS));
    EXPECT_EQ(e, store_file_create(PATH "2", 0, true, &err), -EINVAL);
    EXPECT_EQ(e, try_open(NULL, false, VOL_SYNC_ALWAYS, &v), -EINVAL);
    attr_mem_free(attrs);
}

static void test_create_is_whole_or_not_at_all(void **state)
{
    (void)state;
    in_sim(create_body, NULL, 512, 16 * MIB);
}

static void missing_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    const struct store_params p = {.name = "f", .block_size = 512, .attrs = attrs};
    struct volume *v = NULL;
    struct err err = {0};
    EXPECT_EQ(e, store_file_open(&p, "/gone", &v, &err), -ENOENT);
    EXPECT(e, strstr(err.msg, "/gone") != NULL);
    const struct file_opts opts = {.mode = FILE_RDWR, .create = true};
    struct file *f = NULL;
    EXPECT_EQ(e, file_open("/empty", &opts, &f, NULL), 0);
    file_close(f);
    EXPECT_EQ(e, store_file_open(&p, "/empty", &v, &err), -EINVAL);
    EXPECT(e, strstr(err.msg, "/empty is empty") != NULL);
    attr_mem_free(attrs);
}

static void test_missing_and_empty_files_are_named(void **state)
{
    (void)state;
    in_sim(missing_body, NULL, 512, 16 * MIB);
}

static void read_only_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    const struct store_params p = {
        .name = "f", .block_size = 4096, .read_only = true, .attrs = attrs};
    struct volume *v = NULL;
    EXPECT_EQ(e, store_file_create(PATH, MIB, true, NULL), 0);
    EXPECT_EQ(e, store_file_open(&p, PATH, &v, NULL), 0);
    EXPECT(e, reads_as(v, 4096, 8192, 0));
    EXPECT_EQ(e, fill(v, 0, 4096, 'a'), -EROFS);
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_read_only_volume(void **state)
{
    (void)state;
    in_sim(read_only_body, NULL, 512, 16 * MIB);
}

/* ---- sizes
 * ------------------------------------------------------------------------------------------ */

static int set_size(uint64_t size)
{
    const struct file_opts opts = {.mode = FILE_RDWR};
    struct file *f = NULL;
    int rc = file_open(PATH, &opts, &f, NULL);
    if (rc == 0)
        rc = file_resize(f, size);
    file_close(f);
    return rc;
}

struct told {
    unsigned shrunk, flush_failed;
};

static void count_events(void *arg, enum log_level level, const char *event,
                         const struct log_kv *kv, size_t nkv)
{
    struct told *t = arg;
    (void)kv;
    (void)nkv;
    t->shrunk += level == LOG_LVL_ERROR && strcmp(event, "store.shrunk") == 0;
    t->flush_failed += level == LOG_LVL_ERROR && strcmp(event, "store.flush_failed") == 0;
}

static void shrunk_read_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    const struct told *told = e->arg;
    EXPECT_EQ(e, store_file_create(PATH, 8 * MIB, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, fill(v, 0, MIB, 'a'), 0);
    EXPECT_EQ(e, set_size(4 * MIB), 0);
    struct sgl out;
    sgl_init(&out);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(e, volume_read(v, 6 * MIB, 4096, &out), -EIO);
    EXPECT_EQ(e, out.len, 0);
    EXPECT_EQ(e, told->shrunk, 1);       /* said once */
    EXPECT(e, reads_as(v, 0, MIB, 'a')); /* the rest still serves */
    volume_close(v);
    attr_mem_free(attrs);
}

static void shrunk_write_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    const struct told *told = e->arg;
    EXPECT_EQ(e, store_file_create(PATH, 8 * MIB, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, fill(v, 0, 4096, 'a'), 0);
    EXPECT_EQ(e, set_size(4 * MIB), 0);
    fiber_sleep_until(run_now() + 2 * NS_PER_SEC, NULL);
    EXPECT_EQ(e, fill(v, 0, 4096, 'b'), -EIO);
    EXPECT_EQ(e, fill(v, 0, 4096, 'b'), -EIO);
    EXPECT_EQ(e, told->shrunk, 1);
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_shrunk_file_is_an_error_said_once(void **state)
{
    (void)state;
    struct told told = {0};
    log_set_sink(count_events, &told);
    in_sim(shrunk_read_body, &told, 512, 64 * MIB);
    told = (struct told){0};
    in_sim(shrunk_write_body, &told, 512, 64 * MIB);
    log_set_sink(NULL, NULL);
}

static void note_size(void *arg, unsigned what)
{
    unsigned *n = arg;
    *n += what == VOL_CHANGED_SIZE;
}

static void grow_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    unsigned told = 0;
    EXPECT_EQ(e, store_file_create(PATH, MIB + 100, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, v->geo.size, MIB); /* whole blocks */
    v->notify = note_size;
    v->notify_arg = &told;
    EXPECT_EQ(e, volume_resize(v, 2 * MIB), 0);
    EXPECT_EQ(e, v->geo.size, 2 * MIB);
    EXPECT_EQ(e, fill(v, 2 * MIB - 512, 512, 'z'), 0);
    EXPECT_EQ(e, set_size(3 * MIB), 0); /* as a device grows by itself */
    EXPECT_EQ(e, volume_resize(v, 0), 0);
    EXPECT_EQ(e, v->geo.size, 3 * MIB);
    EXPECT(e, reads_as(v, 2 * MIB - 512, 512, 'z'));
    EXPECT(e, reads_as(v, 2 * MIB, MIB, 0));
    EXPECT_EQ(e, told, 2);
    volume_close(v);
    v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, v->geo.size, 3 * MIB);
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_file_grows(void **state)
{
    (void)state;
    in_sim(grow_body, NULL, 512, 64 * MIB);
}

/* ---- flushes
 * ------------------------------------------------------------------------------------------ */

static void poison_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    const struct told *told = e->arg;
    EXPECT_EQ(e, store_file_create(PATH, MIB, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_STANDARD);
    EXPECT_EQ(e, fill(v, 0, 4096, 'a'), 0);
    sim_fail_flush(world(), PATH, 1, -ENOSPC);
    EXPECT_EQ(e, volume_flush(v), -EIO); /* never taken for want of room */
    sim_fail_flush(world(), PATH, 0, 0);
    EXPECT_EQ(e, volume_flush(v), -EIO);
    EXPECT_EQ(e, volume_set_sync(v, VOL_SYNC_ALWAYS), -EIO);
    EXPECT_EQ(e, fill(v, 0, 4096, 'b'), -EIO);
    EXPECT_EQ(e, told->flush_failed, 1);
    volume_close(v);
    v = open_file(attrs, false, VOL_SYNC_ALWAYS); /* opened anew: a new start */
    EXPECT_EQ(e, fill(v, 0, 4096, 'c'), 0);
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_failed_flush_fails_all_that_must_be_durable(void **state)
{
    (void)state;
    struct told told = {0};
    log_set_sink(count_events, &told);
    in_sim(poison_body, &told, 512, 64 * MIB);
    log_set_sink(NULL, NULL);
}

struct writer {
    struct volume *v;
    struct waitgroup left;
    unsigned next, ok;
};

static void write_block(void *arg)
{
    struct writer *w = arg;
    unsigned i = w->next++;
    w->ok += fill(w->v, 512ull * i, 512, 'A' + (int)(i % 26)) == 0;
    waitgroup_done(&w->left);
}

/* n blocks of 512 bytes, side by side, at once. */
static unsigned write_blocks(struct volume *v, unsigned n)
{
    struct writer w = {.v = v};
    waitgroup_init(&w.left);
    waitgroup_add(&w.left, n);
    for (unsigned i = 0; i < n; i++)
        fiber_start(write_block, &w, "writer");
    waitgroup_wait(&w.left);
    return w.ok;
}

static void neighbours_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    struct sim_stats before, after;
    const uint32_t *align = e->arg;
    EXPECT_EQ(e, store_file_create(PATH, MIB, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, v->geo.physical_block, 4096);
    sim_stats(world(), &before);
    EXPECT_EQ(e, write_blocks(v, 64), 64);
    sim_stats(world(), &after);
    for (unsigned i = 0; i < 64; i++)
        EXPECT(e, reads_as(v, 512ull * i, 512, 'A' + (int)(i % 26)));
    EXPECT(e, reads_as(v, 512 * 64, 4096, 0));
    EXPECT(e, after.flushes - before.flushes < 64); /* shared */
    EXPECT_EQ(e, after.reads - before.reads, *align == 4096 ? 64 : 0);
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_neighbours_in_one_physical_block_are_never_lost(void **state)
{
    (void)state;
    uint32_t aligns[] = {512, 4096};
    in_sim(neighbours_body, &aligns[0], 512, 64 * MIB);
    in_sim(neighbours_body, &aligns[1], 4096, 64 * MIB);
}

/* ---- memory that O_DIRECT does not take
 * ---------------------------------------------------------------- */

static void odd_address_body(struct expect *e)
{
    struct attr_store *attrs = attr_mem_new();
    uint8_t *bytes = malloc(9000);
    struct sgl odd;
    sgl_init(&odd);
    memset(bytes, 'q', 9000);
    EXPECT_EQ(e, store_file_create(PATH, MIB, true, NULL), 0);
    struct volume *v = open_file(attrs, false, VOL_SYNC_ALWAYS);
    /* three pieces whose borders and addresses fit nothing */
    EXPECT_EQ(e, sgl_add(&odd, NULL, bytes + 1, 1000), 0);
    EXPECT_EQ(e, sgl_add(&odd, NULL, bytes + 1003, 7000), 0);
    EXPECT_EQ(e, sgl_add(&odd, NULL, bytes + 8100, 192), 0);
    EXPECT_EQ(e, volume_write(v, 8192, &odd, 0), 0);
    EXPECT(e, reads_as(v, 8192, 8192, 'q'));
    EXPECT(e, reads_as(v, 4096, 4096, 0));
    EXPECT(e, reads_as(v, 16384, 4096, 0));
    sgl_clear(&odd);
    volume_close(v);
    free(bytes);
    attr_mem_free(attrs);
}

static void test_data_at_odd_addresses(void **state)
{
    (void)state;
    in_sim(odd_address_body, NULL, 512, 64 * MIB);
    in_sim(odd_address_body, NULL, 4096, 64 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_medium_is_that_of_the_disk),
        cmocka_unit_test(test_thin_file_accounts_for_its_room),
        cmocka_unit_test(test_full_file_system_is_enospc_and_no_more),
        cmocka_unit_test(test_thick_file_keeps_its_blocks),
        cmocka_unit_test(test_create_is_whole_or_not_at_all),
        cmocka_unit_test(test_missing_and_empty_files_are_named),
        cmocka_unit_test(test_read_only_volume),
        cmocka_unit_test(test_shrunk_file_is_an_error_said_once),
        cmocka_unit_test(test_file_grows),
        cmocka_unit_test(test_failed_flush_fails_all_that_must_be_durable),
        cmocka_unit_test(test_neighbours_in_one_physical_block_are_never_lost),
        cmocka_unit_test(test_data_at_odd_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
