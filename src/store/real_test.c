/* SPDX-License-Identifier: BSD-2-Clause */
/* File volumes in the real world: the random load on a memory file system (inline I/O) and
 * on the disk under /var/tmp (O_DIRECT through io_uring, and through threads), and on a
 * block device of 4 KiB blocks. */
#include "store/model.h"
#include "store/testing.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SIZE (1u << 20)

struct subject {
    const char *dir;
    enum run_io io;
    uint32_t block;
    bool thick;
    enum volume_sync sync;
    char path[128];
};

static void load_body(struct expect *e)
{
    const struct subject *s = e->arg;
    struct attr_store *attrs = attr_mem_new();
    const struct store_params p = {.name = "r",
                                   .block_size = s->block,
                                   .sync = s->sync,
                                   .thick = s->thick,
                                   .attrs = attrs};
    const struct model_params load = {.seed = 5, .fibers = 8, .ops = 60};
    struct volume *v = NULL;
    struct volume_space space = {0};
    EXPECT_EQ(e, store_file_create(s->path, SIZE, !s->thick, NULL), 0);
    EXPECT_EQ(e, store_file_create(s->path, SIZE, !s->thick, NULL), -EEXIST);
    EXPECT_EQ(e, store_file_open(&p, s->path, &v, NULL), 0);
    check(v);
    EXPECT_EQ(e, v->geo.thin, !s->thick);
    model_run(e, v, &load);
    EXPECT_EQ(e, volume_space(v, &space), 0);
    EXPECT(e, space.used + space.available <= v->geo.size);
    EXPECT(e, space.used >= (s->thick ? v->geo.size : 4096));
    volume_close(v);
    attr_mem_free(attrs);
}

static void in_real(struct subject *s, void (*body)(struct expect *e))
{
    struct run *run = NULL;
    struct err err = {0};
    const struct run_config cfg = {
        .reactors = 1, .io = s->io, .buf_budget = 64u << 20, .max_fibers = 256};
    snprintf(s->path, sizeof(s->path), "%s/zsan-real-test.%d", s->dir, (int)getpid());
    int rc = run_real_new(&cfg, &run, &err);
    if (rc != 0 && s->io == RUN_IO_URING)
        skip(); /* refused here */
    assert_int_equal(rc, 0);
    unlink(s->path);
    expect_in(run, body, s);
    unlink(s->path);
}

static void loads(const char *dir, enum run_io io)
{
    if (access(dir, W_OK) != 0)
        skip();
    in_real(&(struct subject){.dir = dir, .io = io, .block = 512, .sync = VOL_SYNC_STANDARD},
            load_body);
    in_real(&(struct subject){.dir = dir, .io = io, .block = 4096, .thick = true}, load_body);
}

static void test_memory_file_system(void **state)
{
    (void)state;
    loads("/dev/shm", RUN_IO_AUTO);
}

static void test_disk_through_uring(void **state)
{
    (void)state;
    loads("/var/tmp", RUN_IO_URING);
}

static void test_disk_through_threads(void **state)
{
    (void)state;
    loads("/var/tmp", RUN_IO_THREADS);
}

/* Somebody cuts the file under a running volume. */
static void shrunk_body(struct expect *e)
{
    const struct subject *s = e->arg;
    struct attr_store *attrs = attr_mem_new();
    const struct store_params p = {.name = "r", .block_size = 512, .attrs = attrs};
    struct volume *v = NULL;
    struct sgl out;
    sgl_init(&out);
    EXPECT_EQ(e, store_file_create(s->path, SIZE, true, NULL), 0);
    EXPECT_EQ(e, store_file_open(&p, s->path, &v, NULL), 0);
    check(v);
    EXPECT_EQ(e, fill(v, 0, 65536, 'a'), 0);
    EXPECT_EQ(e, truncate(s->path, 65536), 0);
    EXPECT_EQ(e, volume_read(v, 131072, 4096, &out), -EIO);
    EXPECT(e, reads_as(v, 0, 65536, 'a'));
    volume_close(v);
    attr_mem_free(attrs);
}

static void test_shrunk_file(void **state)
{
    (void)state;
    in_real(&(struct subject){.dir = "/dev/shm", .io = RUN_IO_AUTO}, shrunk_body);
    in_real(&(struct subject){.dir = "/var/tmp", .io = RUN_IO_AUTO}, shrunk_body);
}

/* ---- a block device of 4 KiB blocks, where this user may make one
 * ------------------------------ */

static void device_body(struct expect *e)
{
    const struct subject *s = e->arg;
    struct attr_store *attrs = attr_mem_new();
    const struct store_params p = {.name = "r", .block_size = 512, .attrs = attrs};
    const struct model_params load = {.seed = 9, .fibers = 8, .ops = 60, .fixed_size = true};
    struct volume *v = NULL;
    struct volume_space space = {0};
    EXPECT_EQ(e, store_file_open(&p, s->path, &v, NULL), 0);
    check(v);
    EXPECT(e, v->geo.size == SIZE && v->geo.physical_block == 4096 && !v->geo.thin);
    EXPECT_EQ(e, store_file_open(&p, s->path, &v, NULL), -EBUSY);
    model_run(e, v, &load);
    EXPECT_EQ(e, volume_space(v, &space), 0);
    EXPECT(e, space.used == SIZE && space.available == 0);
    EXPECT_EQ(e, volume_resize(v, 2 * SIZE), -ENOSPC);
    EXPECT_EQ(e, volume_resize(v, 0), 0); /* as large as it is */
    volume_close(v);
    attr_mem_free(attrs);
}

/* Puts backing behind a free loop device of 4 KiB blocks; its descriptor (closing it ends the
 * device) and path, or -1. */
static int loop_attach(int backing, char *ret_path, size_t cap)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    if (control >= 0)
        close(control);
    if (n < 0)
        return -1;
    snprintf(ret_path, cap, "/dev/loop%d", n);
    struct loop_config config = {
        .fd = (uint32_t)backing, .block_size = 4096, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
    int fd = open(ret_path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void test_block_device_of_large_blocks(void **state)
{
    (void)state;
    char name[] = "/var/tmp/zsan-loop.XXXXXX";
    struct subject s = {.dir = "/var/tmp", .io = RUN_IO_AUTO};
    struct run *run = NULL;
    const struct run_config cfg = {.reactors = 1, .buf_budget = 64u << 20, .max_fibers = 256};
    int backing = mkstemp(name);
    assert_true(backing >= 0);
    unlink(name);
    assert_int_equal(ftruncate(backing, SIZE), 0);
    int loop = loop_attach(backing, s.path, sizeof(s.path));
    close(backing);
    if (loop < 0)
        skip(); /* no right, or no loop devices here */
    assert_int_equal(run_real_new(&cfg, &run, NULL), 0);
    expect_in(run, device_body, &s);
    close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_file_system),
        cmocka_unit_test(test_disk_through_uring),
        cmocka_unit_test(test_disk_through_threads),
        cmocka_unit_test(test_shrunk_file),
        cmocka_unit_test(test_block_device_of_large_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
