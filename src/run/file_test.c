/* SPDX-License-Identifier: BSD-2-Clause */
/* What file.c adds to a world's files, on a file in memory whose operations can be told to
 * fail. */
#include "run/test_world.h"

#include <errno.h>

enum { MEM_LEN = 1 << 20 };

static struct {
    struct file file;
    uint8_t bytes[MEM_LEN];
    unsigned rws, flushes;
    int max_pieces, fail_rw_after, flush_result;
    struct waitq in_flush; /* a flush waits here when slow */
    bool slow_flush;
} mem;

static int mem_open(struct run *run, const char *path, const struct file_opts *opts,
                    struct file **ret_file, struct err *reterr)
{
    (void)run, (void)opts;
    if (path[0] == '\0')
        return err_set(reterr, -ENOENT, "no name");
    mem.file.info.size = MEM_LEN;
    *ret_file = &mem.file;
    return 0;
}

static int mem_rw(struct file *f, bool write, uint64_t off, const struct iovec *iov, int n,
                  uint64_t len)
{
    (void)f;
    mem.max_pieces = MAX(mem.max_pieces, n);
    if (mem.fail_rw_after && (int)++mem.rws >= mem.fail_rw_after)
        return -EIO;
    for (int i = 0; i < n; i++) {
        if (write)
            memcpy(mem.bytes + off, iov[i].iov_base, iov[i].iov_len);
        else
            memcpy(iov[i].iov_base, mem.bytes + off, iov[i].iov_len);
        off += iov[i].iov_len;
        len -= iov[i].iov_len;
    }
    return len == 0 ? 0 : -EINVAL;
}

static int mem_flush(struct file *f)
{
    (void)f;
    mem.flushes++;
    if (mem.slow_flush)
        waitq_wait(&mem.in_flush, NO_DEADLINE, NULL);
    return mem.flush_result;
}

static int mem_discard(struct file *f, uint64_t off, uint64_t len)
{
    (void)f, (void)off, (void)len;
    return 0;
}

static const struct file_ops mem_file_ops = {
    .open = mem_open, .rw = mem_rw, .flush = mem_flush, .discard = mem_discard};

static void run_with_file(void (*fn)(void *arg), void *arg)
{
    const struct run_config cfg = {0};
    struct world_ops ops = test_ops;
    ops.file = &mem_file_ops;
    memset(&mem, 0, sizeof(mem));
    waitq_init(&mem.in_flush);
    test_run_with(&ops, &cfg, fn, arg);
}

struct result {
    int rc[8];
    bool same;
    uint64_t file_ops;
};

static struct file *open_mem(void)
{
    struct file *f = NULL;
    const struct file_opts opts = {.mode = FILE_RDWR};
    return file_open("mem", &opts, &f, NULL) == 0 ? f : NULL;
}

/* ---- poisoning --------------------------------------------------------------------------- */

static void flush_fails_once(void *arg)
{
    struct result *r = arg;
    struct file *f = open_mem();
    r->rc[0] = file_flush(f);
    mem.flush_result = -EIO;
    r->rc[1] = file_flush(f);
    mem.flush_result = 0; /* as the kernel does: it forgets */
    r->rc[2] = file_flush(f);
    r->rc[3] = file_pwrite(f, 0, "x", 1);
    f = open_mem();
    r->rc[4] = file_flush(f);
}

static void test_failed_flush_poisons_until_reopened(void **state)
{
    (void)state;
    struct result r = {0};
    run_with_file(flush_fails_once, &r);
    assert_int_equal(r.rc[0], 0);
    assert_int_equal(r.rc[1], -EIO);
    assert_int_equal(r.rc[2], -EIO);
    assert_int_equal(r.rc[3], 0);
    assert_int_equal(r.rc[4], 0);
    assert_int_equal(mem.flushes, 3);
}

static void flush_in_background(void *arg)
{
    struct result *r = arg;
    r->rc[0] = file_flush(&mem.file);
}

static void two_flushes_overlap(void *arg)
{
    struct result *r = arg;
    struct file *f = open_mem();
    mem.slow_flush = true;
    fiber_start(flush_in_background, r, "flush");
    fiber_yield();
    mem.slow_flush = false;
    mem.flush_result = -ENOSPC;
    r->rc[1] = file_flush(f);
    mem.flush_result = 0;
    waitq_wake_all(&mem.in_flush);
    fiber_yield();
}

static void test_flush_beside_a_failed_one_fails_too(void **state)
{
    (void)state;
    struct result r = {0};
    run_with_file(two_flushes_overlap, &r);
    assert_int_equal(r.rc[0], -ENOSPC);
    assert_int_equal(r.rc[1], -ENOSPC);
}

/* ---- lists ------------------------------------------------------------------------------- */

static void write_many_pieces(void *arg)
{
    struct result *r = arg;
    static uint8_t from[200][100], back[sizeof(from)];
    struct file *f = open_mem();
    struct sgl s;
    sgl_init(&s);
    for (unsigned i = 0; i < 200; i++) {
        memset(from[i], (int)i, sizeof(from[i]));
        sgl_add(&s, NULL, from[i], sizeof(from[i]));
    }
    r->rc[0] = file_write(f, 777, &s, 50, s.len - 50);
    r->rc[1] = file_pread(f, 777, back, sizeof(from) - 50);
    r->same = memcmp(back, (uint8_t *)from + 50, sizeof(from) - 50) == 0;
    r->file_ops = reactor_self()->stats.file_ops;
    mem.rws = 0;
    mem.fail_rw_after = 2;
    r->rc[2] = file_write(f, 777, &s, 0, s.len);
    sgl_clear(&s);
}

static void test_long_lists_go_down_in_parts(void **state)
{
    (void)state;
    struct result r = {0};
    run_with_file(write_many_pieces, &r);
    assert_int_equal(r.rc[0], 0);
    assert_int_equal(r.rc[1], 0);
    assert_true(r.same);
    assert_int_equal(mem.max_pieces, FILE_IOV);
    assert_int_equal(r.file_ops, 4 + 1); /* 200 pieces in four parts, and the read */
    assert_int_equal(r.rc[2], -EIO);
}

static void ask_impossible(void *arg)
{
    struct result *r = arg;
    struct file *f = open_mem();
    uint8_t byte;
    struct err err = {0};
    const struct file_opts opts = {.mode = FILE_RDWR};
    r->rc[0] = file_pread(f, UINT64_MAX, &byte, 1);
    r->rc[1] = file_pwrite(f, INT64_MAX, &byte, 1);
    r->rc[2] = file_discard(f, 0, 4096); /* granularity 0: it has none */
    r->rc[3] = file_zero(f, (uint64_t)INT64_MAX + 1, 0, false);
    r->rc[4] = file_resize(f, UINT64_MAX);
    r->rc[5] = file_open("", &opts, &f, &err);
    r->same = strcmp(err.msg, "no name") == 0;
}

static void test_impossible_ranges_are_refused(void **state)
{
    (void)state;
    struct result r = {0};
    run_with_file(ask_impossible, &r);
    assert_int_equal(r.rc[0], -EINVAL);
    assert_int_equal(r.rc[1], -EINVAL);
    assert_int_equal(r.rc[2], -EOPNOTSUPP);
    assert_int_equal(r.rc[3], -EINVAL);
    assert_int_equal(r.rc[4], -EINVAL);
    assert_int_equal(r.rc[5], -ENOENT);
    assert_true(r.same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_flush_poisons_until_reopened),
        cmocka_unit_test(test_flush_beside_a_failed_one_fails_too),
        cmocka_unit_test(test_long_lists_go_down_in_parts),
        cmocka_unit_test(test_impossible_ranges_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
