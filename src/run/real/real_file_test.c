/* SPDX-License-Identifier: BSD-2-Clause */
/* Files in the real world, through both back-ends, on disk (direct and cached) and in
 * memory. */
#include "run/real/real_test.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define KIB 1024u
#define MIB (1024u * KIB)

/* Where a case runs and how it opens. */
struct place {
    const char *base;
    bool direct, memory;
};
static const struct place places[] = {
    {"/var/tmp", true,  false}, /* a disk's file system, where there is one */
    {"/var/tmp", false, false},
    {"/dev/shm", true,  true }, /* memory: never direct */
};

static struct file *open_new(const struct test_path *p, const struct place *at)
{
    const struct file_opts opts = {
        .mode = FILE_RDWR, .create = true, .direct = at->direct, .exclusive = true};
    struct file *f = NULL;
    struct err err = {0};
    if (!expect(file_open(p->s, &opts, &f, &err) == 0))
        fprintf(stderr, "# %s\n", err.msg);
    return f;
}

static uint8_t pattern(uint64_t off)
{
    return (uint8_t)(off * 2654435761u >> 13);
}

static void fill_pattern(struct sgl *s, uint64_t off)
{
    for (unsigned i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->v[i].len; k++)
            s->v[i].p[k] = pattern(off++);
}

static bool is_pattern(const struct sgl *s, uint64_t off)
{
    for (unsigned i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->v[i].len; k++)
            if (s->v[i].p[k] != pattern(off++))
                return false;
    return true;
}

static void for_all_places(void (*fn)(const struct place *at, const struct test_dir *d))
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct test_dir d;
        if (!expect(test_dir_make(&d, places[i].base)))
            continue;
        fn(&places[i], &d);
        expect(rmdir(d.path) == 0);
    }
}

/* ---- transfers --------------------------------------------------------------------------- */

/* Offsets, lengths and pieces of all kinds: whole blocks, sectors, odd ones, more pieces than
 * one call takes. */
static void check_range(struct file *f, uint64_t off, uint64_t len, uint32_t piece)
{
    struct sgl w, r;
    sgl_init(&w);
    sgl_init(&r);
    for (uint64_t left = len; left > 0; left -= MIN(left, piece)) {
        struct iobuf *b = iobuf_get(piece);
        sgl_add(&w, b, b->p, (uint32_t)MIN(left, piece));
    }
    fill_pattern(&w, off);
    expect(file_write(f, off, &w, 0, len) == 0);
    expect(sgl_alloc(&r, len + 100) == 0);
    sgl_zero(&r, 0, len + 100);
    expect(file_read(f, off, &r, 50, len) == 0); /* lands at an odd address */
    struct sgl got;
    sgl_init(&got);
    expect(sgl_slice(&got, &r, 50, len) == 0);
    expect(is_pattern(&got, off));
    sgl_clear(&got);
    sgl_clear(&w);
    sgl_clear(&r);
}

static void transfer_everything(const struct place *at, const struct test_dir *d)
{
    struct test_path p = in_dir(d, "data");
    struct file *f = open_new(&p, at);
    if (!f)
        return;
    static const struct {
        uint64_t off, len;
        uint32_t piece;
    } ranges[] = {
        {0,           4096,          4096   },
        {4096,        64 * KIB,      4096   },
        {512,         512,           4096   },
        {1000,        3333,          1000   },
        {1 * MIB,     3 * MIB,       1 * MIB},
        {5 * MIB,     200 * 4 * KIB, 4096   },
        {9 * MIB + 1, 70001,         5000   },
        {0,           9 * MIB,       1 * MIB},
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        check_range(f, ranges[i].off, ranges[i].len, ranges[i].piece);
    expect(file_flush(f) == 0);
    file_close(f);
    expect(file_unlink(p.s) == 0);
}

static void transfers(void)
{
    for_all_places(transfer_everything);
}

static void test_transfers_of_every_alignment(void **state)
{
    (void)state;
    run_in_both(1, transfers);
}

static void read_past_the_end(const struct place *at, const struct test_dir *d)
{
    struct test_path p = in_dir(d, "short");
    struct file *f = open_new(&p, at);
    if (!f)
        return;
    static uint8_t byte[8192] = {1};
    expect(file_pwrite(f, 0, byte, 6000) == 0);
    expect(file_pread(f, 0, byte, 6000) == 0);
    expect(file_pread(f, 0, byte, 6001) == -ENODATA);
    expect(file_pread(f, 8192, byte, 1) == -ENODATA);
    expect(file_pread(f, UINT64_MAX - 10, byte, 100) == -EINVAL);
    expect(file_pread(f, INT64_MAX, byte, 100) == -EINVAL);
    expect(truncate(p.s, 4096) == 0); /* it shrinks behind our back */
    expect(file_pread(f, 4096, byte, 512) == -ENODATA);
    expect(file_info(f)->size == 0);
    expect(file_refresh(f) == 0 && file_info(f)->size == 4096);
    file_close(f);
    expect(file_unlink(p.s) == 0);
}

static void short_reads(void)
{
    for_all_places(read_past_the_end);
}

static void test_read_past_the_end_is_enodata(void **state)
{
    (void)state;
    run_in_both(1, short_reads);
}

/* ---- many at once ------------------------------------------------------------------------ */

enum { WRITERS = 64, BLOCKS_EACH = 16 };

struct crowd {
    struct file *f;
    struct waitgroup g;
    unsigned next, max_inflight, inflight;
};

static void one_of_the_crowd(void *arg)
{
    struct crowd *c = arg;
    unsigned mine = c->next++;
    for (unsigned i = 0; i < BLOCKS_EACH; i++) {
        uint64_t off = (mine + (uint64_t)i * WRITERS) * 4096;
        struct sgl s;
        sgl_init(&s);
        expect(sgl_alloc(&s, 4096) == 0);
        fill_pattern(&s, off);
        c->max_inflight = MAX(c->max_inflight, ++c->inflight);
        expect(file_write(c->f, off, &s, 0, 4096) == 0);
        sgl_zero(&s, 0, 4096);
        expect(file_read(c->f, off, &s, 0, 4096) == 0);
        c->inflight--;
        expect(is_pattern(&s, off));
        sgl_clear(&s);
        if (i % 8 == 0)
            expect(file_flush(c->f) == 0);
    }
    waitgroup_done(&c->g);
}

static void crowd_on(const struct place *at, const struct test_dir *d)
{
    struct test_path p = in_dir(d, "crowd");
    struct crowd c = {.f = open_new(&p, at)};
    if (!c.f)
        return;
    waitgroup_init(&c.g);
    waitgroup_add(&c.g, WRITERS);
    for (int i = 0; i < WRITERS; i++)
        expect(fiber_start(one_of_the_crowd, &c, "crowd") != NULL);
    waitgroup_wait(&c.g);
    if (file_info(c.f)->direct)
        expect(c.max_inflight > 8); /* they do overlap */
    file_close(c.f);
    expect(file_unlink(p.s) == 0);
}

static void crowds(void)
{
    for_all_places(crowd_on);
}

static void test_many_fibers_share_a_file(void **state)
{
    (void)state;
    run_in_both(1, crowds);
}

/* ---- space ------------------------------------------------------------------------------- */

static bool reads_zero(struct file *f, uint64_t off, size_t len)
{
    uint8_t *got = malloc(len);
    bool zero = got && file_pread(f, off, got, len) == 0;
    for (size_t i = 0; zero && i < len; i++)
        zero = got[i] == 0;
    free(got);
    return zero;
}

static void write_ones(struct file *f, uint64_t off, size_t len)
{
    uint8_t *ones = malloc(len);
    memset(ones, 1, len);
    expect(file_pwrite(f, off, ones, len) == 0);
    free(ones);
}

static void use_space(const struct place *at, const struct test_dir *d)
{
    struct test_path p = in_dir(d, "space");
    struct file *f = open_new(&p, at);
    if (!f)
        return;
    uint64_t len = 0, bytes = 0, before = 0;
    bool data = true;
    expect(file_resize(f, 8 * MIB) == 0 && file_info(f)->size == 8 * MIB);
    expect(file_extent(f, 0, 8 * MIB, &len, &data) == 0 && len == 8 * MIB && !data);
    write_ones(f, 1 * MIB, 2 * MIB);
    expect(file_flush(f) == 0);
    expect(file_extent(f, 0, 8 * MIB, &len, &data) == 0 && len == 1 * MIB && !data);
    expect(file_extent(f, 1 * MIB, 8 * MIB, &len, &data) == 0 && len == 2 * MIB && data);
    expect(file_extent(f, 1 * MIB, 4096, &len, &data) == 0 && len == 4096 && data);
    expect(file_allocated(f, &before) == 0 && before >= 2 * MIB);
    expect(file_discard(f, 1 * MIB, 1 * MIB) == 0 && reads_zero(f, 1 * MIB, 1 * MIB));
    expect(file_allocated(f, &bytes) == 0 && bytes <= before - 1 * MIB);
    expect(file_zero(f, 2 * MIB, 512 * KIB, true) == 0 && reads_zero(f, 2 * MIB, 512 * KIB));
    expect(file_zero(f, 2 * MIB + 512 * KIB + 10, 1000, false) == 0);
    expect(reads_zero(f, 2 * MIB + 512 * KIB + 10, 1000));
    uint8_t edge[2] = {0, 0};
    expect(file_pread(f, 2 * MIB + 512 * KIB + 9, &edge[0], 1) == 0 && edge[0] == 1);
    expect(file_pread(f, 2 * MIB + 512 * KIB + 1010, &edge[1], 1) == 0 && edge[1] == 1);
    expect(file_available(f, &bytes) == 0 && bytes > 0);
    file_close(f);
    expect(file_unlink(p.s) == 0);
}

static void space(void)
{
    for_all_places(use_space);
}

static void test_space_is_given_back_and_reads_zero(void **state)
{
    (void)state;
    run_in_both(1, space);
}

/* ---- opening ----------------------------------------------------------------------------- */

static int try_open(const char *path, struct file_opts opts)
{
    struct file *f = NULL;
    struct err err = {0};
    int rc = file_open(path, &opts, &f, &err);
    if (rc == 0)
        file_close(f);
    else
        expect(err.code == rc && strstr(err.msg, path));
    return rc;
}

/* As the system tells of the disk (or that whose partition it is); where it does not, it may. */
static bool rotates(dev_t dev)
{
    char path[128], line[8] = "1";
    FILE *in = NULL;
    for (int up = 0; up < 2 && !in; up++) {
        snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/rotational", major(dev),
                 minor(dev), up ? "../" : "");
        in = fopen(path, "re");
    }
    bool told = in && fgets(line, sizeof(line), in);
    if (in)
        fclose(in);
    return !told || line[0] != '0';
}

static void open_in_all_ways(const struct place *at, const struct test_dir *d)
{
    struct test_path p = in_dir(d, "lock"), fifo = in_dir(d, "fifo");
    struct file *f = open_new(&p, at);
    if (!f)
        return;
    const struct file_opts rw = {.mode = FILE_RDWR},
                           create = {.mode = FILE_RDWR, .create = true};
    const struct file_opts lock = {.mode = FILE_RDWR, .exclusive = true, .truncate = true};
    write_ones(f, 0, 4096);
    expect(try_open(p.s, lock) == -EBUSY);
    expect(file_refresh(f) == 0 && file_info(f)->size == 4096); /* nobody cut it */
    expect(try_open(p.s, create) == -EEXIST);
    expect(try_open(p.s, rw) == 0);
    struct stat st;
    expect(stat(p.s, &st) == 0 && file_info(f)->ino == st.st_ino &&
           file_info(f)->dev == st.st_dev);
    expect(file_info(f)->rotational == (!at->memory && rotates(st.st_dev)));
    file_close(f);
    expect(try_open(p.s, lock) == 0); /* and the lock went with it */
    expect(stat(p.s, &st) == 0 && st.st_size == 0);
    expect(file_unlink(p.s) == 0);
    expect(try_open(p.s, rw) == -ENOENT);
    expect(try_open(d->path, rw) < 0);
    expect(mkfifo(fifo.s, 0600) == 0 && try_open(fifo.s, rw) == -ENODEV);
    expect(file_unlink(fifo.s) == 0);
}

static void opens(void)
{
    for_all_places(open_in_all_ways);
}

static void test_exclusive_files_are_exclusive(void **state)
{
    (void)state;
    run_in_both(1, opens);
}

/* ---- block devices: a loop device on a file, where this process may make one ------------- */

struct loop_dev {
    int back, fd; /* the file behind it, the device */
    char path[32];
};

static bool loop_make(struct loop_dev *l, const char *file)
{
    *l = (struct loop_dev){.back = -1, .fd = -1};
    int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int n = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);
    if (ctl >= 0)
        close(ctl);
    if (n < 0)
        return false;
    snprintf(l->path, sizeof(l->path), "/dev/loop%d", n);
    l->back = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    l->fd = open(l->path, O_RDWR | O_CLOEXEC);
    return l->back >= 0 && l->fd >= 0 && ftruncate(l->back, 8 * MIB) == 0 &&
           ioctl(l->fd, LOOP_SET_FD, l->back) == 0;
}

static void loop_drop(struct loop_dev *l)
{
    if (l->fd >= 0) {
        ioctl(l->fd, LOOP_CLR_FD);
        close(l->fd);
    }
    if (l->back >= 0)
        close(l->back);
}

static struct loop_dev the_loop;
static struct test_dir loop_dir;

static void loop_resize(const struct loop_dev *l, off_t size)
{
    expect(ftruncate(l->back, size) == 0 && ioctl(l->fd, LOOP_SET_CAPACITY) == 0);
}

static void use_blockdev(void)
{
    const struct file_opts opts = {.mode = FILE_RDWR, .direct = true, .exclusive = true};
    struct file *f = NULL;
    uint64_t n = 0;
    bool data;
    loop_resize(&the_loop, 8 * MIB);
    if (!expect(file_open(the_loop.path, &opts, &f, NULL) == 0))
        return;
    const struct file_info *info = file_info(f);
    expect(info->is_blockdev && info->direct && info->size == 8 * MIB &&
           info->discard_granularity > 0);
    expect(info->logical_block == 512 && info->dio_align >= 512 && info->physical_block >= 512);
    check_range(f, 0, 1 * MIB, 64 * KIB);
    check_range(f, 2 * MIB + 512, 3 * 512, 4096);
    check_range(f, 3 * MIB + 100, 1000, 300); /* no alignment at all */
    expect(file_flush(f) == 0);
    expect(file_zero(f, 64 * KIB, 64 * KIB, false) == 0 && reads_zero(f, 64 * KIB, 64 * KIB));
    expect(file_zero(f, 256 * KIB, 64 * KIB, true) == 0 && reads_zero(f, 256 * KIB, 64 * KIB));
    expect(file_discard(f, 512 * KIB, 128 * KIB) == 0);
    expect(file_extent(f, 0, 4096, &n, &data) == -EOPNOTSUPP);
    expect(file_resize(f, 4 * MIB) == -EOPNOTSUPP && file_available(f, &n) == -EOPNOTSUPP);
    expect(file_allocated(f, &n) == 0 && n == 8 * MIB);
    expect(try_open(the_loop.path, opts) == -EBUSY);
    expect(ftruncate(the_loop.back, 16 * MIB) == 0 &&
           ioctl(the_loop.fd, LOOP_SET_CAPACITY) == 0);
    expect(file_refresh(f) == 0 && file_info(f)->size == 16 * MIB);
    expect(file_pread(f, 16 * MIB, &data, 1) == -ENODATA);
    file_close(f);
}

static int loop_setup(void **state)
{
    (void)state;
    return test_dir_make(&loop_dir, "/var/tmp") ? 0 : -1;
}

static int loop_teardown(void **state)
{
    (void)state;
    loop_drop(&the_loop);
    unlink(in_dir(&loop_dir, "disk").s);
    return rmdir(loop_dir.path);
}

static void test_block_device(void **state)
{
    (void)state;
    if (!loop_make(&the_loop, in_dir(&loop_dir, "disk").s))
        skip();
    run_in_both(1, use_blockdev);
}

/* ---- names ------------------------------------------------------------------------------- */

static void replace_and_slurp(const struct test_path *p)
{
    char *text = NULL;
    size_t len = 0;
    struct stat st;
    struct err err = {0};
    expect(file_replace(p->s, "first", 5, 0640, &err) == 0);
    expect(file_replace(p->s, "second\0!", 8, 0600, &err) == 0);
    expect(stat(p->s, &st) == 0 && (st.st_mode & 0777) == 0600);
    expect(file_slurp(p->s, 7, &text, &len) == -EFBIG);
    if (expect(file_slurp(p->s, 8, &text, &len) == 0)) {
        expect(len == 8 && memcmp(text, "second\0!", 9) == 0);
        free(text);
    }
    expect(file_replace("/nowhere/at/all", "x", 1, 0600, &err) == -ENOENT &&
           strstr(err.msg, "/nowhere"));
    expect(file_slurp("/nowhere/at/all", 10, &text, &len) == -ENOENT);
}

static void names_in(const struct place *at, const struct test_dir *d)
{
    (void)at;
    struct test_path b = in_dir(d, "b"), a = in_dir(d, "a"), sub = in_dir(d, "sub"),
                     deep = in_dir(d, "sub/x/y");
    char **names = NULL;
    replace_and_slurp(&b);
    expect(file_mkdir(deep.s, 0700) == 0 && file_mkdir(deep.s, 0700) == 0);
    expect(file_mkdir(b.s, 0700) == -ENOTDIR);
    expect(file_rename(b.s, a.s) == 0);
    expect(file_replace(b.s, "new", 3, 0600, NULL) == 0);
    expect(file_rename(b.s, a.s) == -EEXIST);
    if (expect(file_list(d->path, &names) == 0)) {
        static const char *const want[] = {"a", "b", "sub"};
        for (size_t i = 0; i < ARRAY_LEN(want); i++)
            expect(names[i] && strcmp(names[i], want[i]) == 0);
        expect(!names[3]);
        names_free(names);
    }
    expect(file_list(a.s, &names) == -ENOTDIR);
    expect(file_unlink(a.s) == 0 && file_unlink(b.s) == 0 && file_unlink(b.s) == -ENOENT);
    expect(rmdir(deep.s) == 0 && rmdir(in_dir(d, "sub/x").s) == 0 && rmdir(sub.s) == 0);
}

static void names(void)
{
    for_all_places(names_in);
}

static void test_names_are_replaced_and_listed(void **state)
{
    (void)state;
    run_in_both(1, names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfers_of_every_alignment),
        cmocka_unit_test(test_read_past_the_end_is_enodata),
        cmocka_unit_test(test_many_fibers_share_a_file),
        cmocka_unit_test(test_space_is_given_back_and_reads_zero),
        cmocka_unit_test(test_exclusive_files_are_exclusive),
        cmocka_unit_test_setup_teardown(test_block_device, loop_setup, loop_teardown),
        cmocka_unit_test(test_names_are_replaced_and_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
