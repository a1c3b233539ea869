/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools that lose too many disks in the middle of their work, in the simulated world. Writers ask for durability and note
 * what was acknowledged; at some moment the disks go away and forget what they had not flushed. Then everybody waits. When
 * the disks are back all goes on, and after a power cut whatever was acknowledged is there.
 */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "pool/scan/scan.h"
#include "run/file.h"
#include "volume/expect.h"

#include <errno.h>
#include <inttypes.h>

#define MIB       (1ull << 20)
#define DISK_SIZE (66 * MIB)
#define DISKS     3u
#define BLOCK     8192u
#define BLOCKS    64u
#define WRITERS   8u
#define SHARE     (BLOCKS / WRITERS) /* of a writer */
#define SEEDS     12u

struct shape {
    enum pool_layout layout;
    unsigned disks, gone; /* how many go at least */
};
static const struct shape shapes[] = {
    {LAYOUT_SINGLE, 1, 1},
    {LAYOUT_MIRROR, 2, 2},
    {LAYOUT_RAIDZ1, 3, 2},
};
static const char *const disks[DISKS] = {"/d0", "/d1", "/d2"};
static const char *const olds[DISKS] = {"/old0", "/old1", "/old2"};
static const char *const aways[DISKS] = {"/away0", "/away1", "/away2"};

/* Each block is one writer's; it shows what was acknowledged last or what is under way. */
struct ledger {
    const struct shape *shape;
    struct sim_disks *disks;
    uint32_t acked[BLOCKS], pending[BLOCKS];
    unsigned in_commit, between;
};
struct bench {
    struct ledger *l;
    struct expect *e;
    struct run *run;
    struct pool *p;
    struct volume *v;
    unsigned writers, acks, errors;
    bool enough;
};

/* ---- the pool -------------------------------------------------------------------------------------- */

static void make(struct bench *b)
{
    const struct shape *s = b->l->shape;
    struct err err = {0};
    b->run = reactor_run(reactor_self());
    for (unsigned i = 0; i < s->disks; i++)
        fixture_disk(disks[i], DISK_SIZE);
    const struct pool_group group = {s->layout, s->disks, disks};
    const struct pool_create_want want = {
        .name = "tank", .groups = &group, .ngroups = 1, .opts = {.dirty_bytes = 4 * MIB}};
    const struct pool_volume_want vol = {.name = "v",
                                         .size = (uint64_t)BLOCKS * BLOCK,
                                         .block_size = BLOCK,
                                         .compression = "lz4"};
    check(pool_create(&want, &b->p, &err) == 0);
    check(pool_volume_create(b->p, &vol, &err) == 0);
    check(pool_volume_open(b->p, "v", &b->v, &err) == 0);
}

static int import_by(struct bench *b, bool rewind, struct err *reterr)
{
    const char *paths[DISKS + 1] = {NULL};
    for (unsigned i = 0; i < b->l->shape->disks; i++)
        paths[i] = disks[i];
    const struct pool_import_want want = {.paths = paths, .name = "tank", .rewind = rewind};
    return pool_import(&want, &b->p, reterr);
}

static int import(struct bench *b)
{
    int r = import_by(b, false, NULL);
    return r ? r : pool_volume_open(b->p, "v", &b->v, NULL);
}

/* Half of it compresses. */
static void fill(uint8_t bytes[BLOCK], unsigned block, uint32_t version)
{
    memset(bytes, 0, BLOCK);
    for (unsigned i = 0; version && i < BLOCK / 2; i++)
        bytes[i] = (uint8_t)(version * 131u + block * 7u + i * i / 3 + (version >> 8));
}

static int write_blocks(struct bench *b, unsigned first, unsigned n, unsigned flags)
{
    static uint8_t bytes[BLOCK];
    struct ledger *l = b->l;
    struct sgl sgl;
    sgl_init(&sgl);
    check(sgl_alloc(&sgl, n * BLOCK) == 0);
    for (unsigned i = 0; i < n; i++) {
        fill(bytes, first + i, l->pending[first + i] = l->acked[first + i] + 1);
        sgl_copy_in(&sgl, (uint64_t)i * BLOCK, bytes, BLOCK);
    }
    int r = b->v->ops->write(b->v, (uint64_t)first * BLOCK, &sgl, flags);
    for (unsigned i = 0; r == 0 && (flags & VOL_FUA) && i < n; i++)
        l->acked[first + i] = l->pending[first + i];
    b->acks += r == 0 && (flags & VOL_FUA);
    b->errors += r != 0;
    sgl_clear(&sgl);
    return r;
}

static int write_block(struct bench *b, unsigned block, unsigned flags)
{
    return write_blocks(b, block, 1, flags);
}

static int read_block(struct bench *b, unsigned block, uint8_t bytes[BLOCK])
{
    struct sgl sgl;
    sgl_init(&sgl);
    int r = b->v->ops->read(b->v, (uint64_t)block * BLOCK, BLOCK, &sgl);
    if (r == 0)
        sgl_copy_out(&sgl, 0, bytes, BLOCK);
    sgl_clear(&sgl);
    return r;
}

static void verify(struct bench *b)
{
    static uint8_t got[BLOCK], want[2][BLOCK];
    unsigned wrong = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        EXPECT_EQ(b->e, read_block(b, i, got), 0);
        fill(want[0], i, b->l->acked[i]);
        fill(want[1], i, b->l->pending[i]);
        wrong += memcmp(got, want[0], BLOCK) != 0 && memcmp(got, want[1], BLOCK) != 0;
    }
    EXPECT_EQ(b->e, wrong, 0);
}

/* ---- those who work -------------------------------------------------------------------------------- */

static void writer(void *arg)
{
    struct bench *b = arg;
    unsigned first = b->writers++ * SHARE;
    for (unsigned i = 0; !b->enough; i = (i + 1) % SHARE) {
        if (i == 0 && sim_random_below(b->run, 2) == 0)
            write_blocks(b, first, SHARE, VOL_FUA); /* large: past the log */
        else
            write_block(b, first + i, VOL_FUA);
        if (sim_random_below(b->run, 4) == 0)
            fiber_sleep_until(run_now() + sim_random_below(b->run, 2 * NS_PER_MS), NULL);
    }
    b->writers--;
}

static void syncer(void *arg)
{
    struct bench *b = arg;
    b->writers++;
    while (!b->enough) {
        pool_sync(b->p);
        fiber_sleep_until(run_now() + sim_random_below(b->run, 10 * NS_PER_MS), NULL);
    }
    b->writers--;
}

static void work(struct bench *b)
{
    for (unsigned i = 0; i < WRITERS; i++)
        check(fiber_start(writer, b, "writer"));
    check(fiber_start(syncer, b, "syncer"));
}

static void pause_ms(uint64_t ms)
{
    fiber_sleep_until(run_deadline_ms(ms), NULL);
}

static void rest(struct bench *b)
{
    b->enough = true;
    while (b->writers > 0)
        pause_ms(1);
}

/* ---- disks ----------------------------------------------------------------------------------------- */

/* What is not flushed is lost, as in a disk whose power failed. */
static void forget(struct bench *b, const char *path)
{
    struct file *f;
    const struct file_opts opts = {.mode = FILE_RDWR};
    sim_fail_flush(b->run, path, 1, EIO);
    check(file_open(path, &opts, &f, NULL) == 0);
    file_flush(f);
    file_close(f);
}

static void disks_go(struct bench *b, int err)
{
    unsigned first =
        (unsigned)sim_random_below(b->run, b->l->shape->disks - b->l->shape->gone + 1);
    for (unsigned i = first; i < first + b->l->shape->gone; i++) {
        sim_fail_reads(b->run, disks[i], 1, err);
        sim_fail_writes(b->run, disks[i], 1, err);
    }
    for (unsigned i = first; i < first + b->l->shape->gone; i++) {
        forget(b, disks[i]);
        sim_fail_flush(b->run, disks[i], 1, err);
    }
}

static void disks_return(struct bench *b)
{
    for (unsigned i = 0; i < b->l->shape->disks; i++) {
        sim_fail_reads(b->run, disks[i], 0, 0);
        sim_fail_writes(b->run, disks[i], 0, 0);
        sim_fail_flush(b->run, disks[i], 0, 0);
    }
}

static bool suspended_soon(struct bench *b)
{
    for (unsigned i = 0; i < 1000 && !pool_suspended(b->p); i++)
        pause_ms(1);
    return pool_suspended(b->p);
}

static bool resumed_soon(struct bench *b)
{
    for (unsigned i = 0; i < 6000 && pool_suspended(b->p); i++)
        pause_ms(1);
    return !pool_suspended(b->p);
}

/* ---- at any moment --------------------------------------------------------------------------------- */

static void expect_refused(struct bench *b)
{
    struct err err = {0};
    struct pool_trouble t;
    EXPECT_EQ(b->e, pool_set(b->p, "v", "compression", "off", &err), -EAGAIN);
    EXPECT_EQ(b->e, pool_export(b->p, &err), -EAGAIN);
    EXPECT_EQ(b->e, txg_resume(b->p, &err), -ENXIO);
    EXPECT(b->e, strstr(err.msg, "/d") != NULL);
    pool_trouble(b->p, &t);
    EXPECT_EQ(b->e, t.kind, POOL_SUSPENDED);
    EXPECT(b->e, strstr(t.why, "/d") != NULL);
}

static void anywhere_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    bool by_error = sim_random_below(b.run, 2) == 0;
    work(&b);
    fiber_sleep_until(run_now() + sim_random_below(b.run, 60 * NS_PER_MS), NULL);
    b.l->in_commit += b.p->blocks.batch != NULL;
    b.l->between += b.p->blocks.batch == NULL;
    disks_go(&b, by_error ? EIO : ENXIO);
    EXPECT(e, suspended_soon(&b));
    pause_ms(20);
    unsigned acks = b.acks;
    pause_ms(20000);
    EXPECT_EQ(e, b.acks, acks);
    EXPECT_EQ(e, b.errors, 0);
    expect_refused(&b);
    disks_return(&b);
    if (by_error)
        EXPECT_EQ(e, txg_resume(b.p, NULL), 0);
    EXPECT(e, resumed_soon(&b));
    pause_ms(300);
    EXPECT(e, b.acks > acks);
    pause_ms(sim_random_below(b.run, 30));
    sim_power_cut(b.run, SIM_CUT_NONE);
}

static void after_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e, .run = reactor_run(reactor_self())};
    EXPECT_EQ(e, import(&b), 0);
    verify(&b);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static struct run *world(struct ledger *l, uint64_t seed)
{
    struct run *run = expect_sim(seed);
    sim_attach_disks(run, l->disks);
    return run;
}

static void two_worlds(struct ledger *l, uint64_t seed, void (*first)(struct expect *e),
                       void (*then)(struct expect *e))
{
    memset(l->acked, 0, sizeof(l->acked));
    memset(l->pending, 0, sizeof(l->pending));
    l->disks = sim_disks_new();
    expect_in(world(l, seed), first, l);
    expect_in(world(l, seed + 1000), then, l);
    sim_disks_free(l->disks);
}

static void test_disks_go_at_any_moment_and_return(void **state)
{
    (void)state;
    struct ledger l = {0};
    for (unsigned s = 0; s < ARRAY_LEN(shapes); s++) {
        l.shape = &shapes[s];
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            two_worlds(&l, seed * 10 + s, anywhere_body, after_body);
    }
    assert_true(l.in_commit > 3 && l.between > 3);
}

/* ---- who only reads ------------------------------------------------------------------------------------ */

static void written(struct bench *b)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        EXPECT_EQ(b->e, write_block(b, i, VOL_FUA), 0);
    EXPECT_EQ(b->e, pool_sync(b->p), 0);
}

/* Blocks that only the disks have. */
static void settled(struct bench *b)
{
    written(b);
    cache_set_budget(b->p->blocks.cache, 4096);
}

static void reader(void *arg)
{
    verify(arg);
    ((struct bench *)arg)->writers--;
}

static void readers_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    settled(&b);
    disks_go(&b, ENXIO);
    b.writers++;
    check(fiber_start(reader, &b, "reader"));
    EXPECT(e, suspended_soon(&b));
    pause_ms(7000);
    EXPECT_EQ(e, b.writers, 1);
    disks_return(&b);
    pause_ms(7000);
    EXPECT_EQ(e, b.writers, 0);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static void test_readers_wait(void **state)
{
    (void)state;
    for (unsigned s = 0; s < ARRAY_LEN(shapes); s++) {
        struct ledger l = {.shape = &shapes[s]};
        two_worlds(&l, s + 1, readers_body, after_body);
    }
}

/* ---- one disk is enough, but not for all ---------------------------------------------------------------- */

static void disk_goes(struct bench *b, unsigned i)
{
    sim_fail_reads(b->run, disks[i], 1, ENXIO);
    sim_fail_writes(b->run, disks[i], 1, ENXIO);
    sim_fail_flush(b->run, disks[i], 1, ENXIO);
}

/* The second one of a mirror was away, is back, and has not got yet what it missed, when the first one goes. */
static void gap(struct bench *b)
{
    written(b);
    disk_goes(b, 1);
    written(b);
    disks_return(b);
    EXPECT_EQ(b->e, pool_online(b->p, disks[1], NULL), 0);
    disk_goes(b, 0);
}

static void gap_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    struct pool_trouble t;
    struct pool_scan_status s;
    struct err err = {0};
    make(&b);
    gap(&b);
    cache_set_budget(b.p->blocks.cache, 4096);
    b.writers++;
    check(fiber_start(reader, &b, "reader"));
    EXPECT(e, suspended_soon(&b));
    EXPECT(e, vdev_usable(b.p->root));
    pool_trouble(b.p, &t);
    EXPECT(e, strstr(t.why, "/d0") && strstr(t.why, "no other disk") && !strstr(t.why, "/d1"));
    pause_ms(12000);
    EXPECT_EQ(e, b.writers, 1);
    EXPECT_EQ(e, pool_clear(b.p, NULL, false, &err), -ENXIO);
    EXPECT(e, strstr(err.msg, "/d0") && strstr(err.msg, "--force"));
    disks_return(&b);
    EXPECT(e, resumed_soon(&b));
    pool_scan_wait(b.p);
    pause_ms(100);
    EXPECT_EQ(e, b.writers, 0);
    pool_scan_status(b.p, &s);
    EXPECT_EQ(e, s.errors, 0);
    EXPECT_EQ(e, pool_error_count(b.p), 0);
    EXPECT_EQ(e, write_block(&b, 3, VOL_FUA), 0);
    sim_power_cut(b.run, SIM_CUT_NONE);
}

static void test_who_needs_what_only_a_lost_disk_has_waits(void **state)
{
    (void)state;
    struct ledger l = {.shape = &shapes[1]};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        two_worlds(&l, seed, gap_body, after_body);
}

/* What the disk that was away, and is back, lacks is nobody's to read without the other one. */
static void cut_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    gap(&b);
    disks_return(&b);
    sim_power_cut(b.run, SIM_CUT_ALL);
}

static void gap_import_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e, .run = reactor_run(reactor_self())};
    struct err err = {0};
    check(file_rename(disks[0], aways[0]) == 0);
    EXPECT(e, import_by(&b, false, &err) != 0);
    EXPECT(e, strstr(err.msg, "/d0 is missing") != NULL);
    check(file_rename(aways[0], disks[0]) == 0);
    after_body(e);
}

/* The log's last block was allocated in a txg that the disk lacks, as far as its own log knows. */
static void log_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    struct vdev *leaf = vdev_leaf(b.p->root, 1);
    check(txg_set_add(&leaf->dtl, b.p->txgs.open, b.p->txgs.open + 1) == 0);
    leaf->dtl_dirty = true;
    EXPECT_EQ(e, write_block(&b, 3, VOL_FUA), 0);
    EXPECT_EQ(e, pool_sync(b.p), 0);
    sim_power_cut(b.run, SIM_CUT_ALL);
}

static void log_import_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e, .run = reactor_run(reactor_self())};
    struct err err = {0};
    check(file_rename(disks[0], aways[0]) == 0);
    EXPECT_EQ(e, import_by(&b, false, &err), -ENXIO);
    EXPECT(e, strstr(err.msg, "--rewind") != NULL);
    EXPECT_EQ(e, import_by(&b, true, NULL), 0);
    EXPECT(e, !pool_read_only(b.p, NULL));
    EXPECT_EQ(e, pool_volume_open(b.p, "v", &b.v, NULL), 0);
    verify(&b);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static void test_imports_do_without_a_disk_only_when_told(void **state)
{
    (void)state;
    struct ledger l = {.shape = &shapes[1]};
    two_worlds(&l, 1, cut_body, gap_import_body);
    two_worlds(&l, 1, log_body, log_import_body);
}

/* The resilver had met what is not there. The operator goes on without it, and then it comes back. */
static void given_up_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    struct pool_scan_status s;
    make(&b);
    gap(&b);
    EXPECT(e, suspended_soon(&b));
    EXPECT_EQ(e, pool_clear(b.p, NULL, true, NULL), 0);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &s);
    EXPECT(e, s.resilver && s.errors > 0 && pool_error_count(b.p) > 0);
    EXPECT(e, !pool_suspended(b.p));
    EXPECT_EQ(e, write_block(&b, 3, VOL_FUA), 0);
    disks_return(&b);
    EXPECT_EQ(e, pool_online(b.p, disks[0], NULL), 0);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &s);
    EXPECT(e, s.resilver && s.errors == 0);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_START, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT_EQ(e, pool_error_count(b.p), 0);
    cache_set_budget(b.p->blocks.cache, 4096);
    verify(&b);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static void test_the_operator_may_give_a_disk_up(void **state)
{
    (void)state;
    struct ledger l = {.shape = &shapes[1]};
    two_worlds(&l, 1, given_up_body, after_body);
}

/* ---- failmode=continue --------------------------------------------------------------------------------- */

static void continue_body(struct expect *e)
{
    static uint8_t bytes[BLOCK];
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    b.p->suspended.failmode = FAILMODE_CONTINUE;
    settled(&b);
    disks_go(&b, ENXIO);
    int r = 0;
    for (unsigned i = 0; r == 0 && i < BLOCKS; i++) /* raidz has some of them yet */
        r = read_block(&b, i, bytes);
    EXPECT_EQ(e, r, -ENXIO);
    EXPECT(e, pool_suspended(b.p));
    EXPECT_EQ(e, write_block(&b, 3, VOL_FUA), -EIO);
    EXPECT_EQ(e, b.v->ops->discard(b.v, 0, BLOCK, 0), -EIO);
    EXPECT_EQ(e, b.v->ops->write_zeroes(b.v, 0, BLOCK, true, 0), -EIO);
    EXPECT_EQ(e, b.v->ops->set_attr(b.v, "a", "b"), -EIO);
    disks_return(&b);
    pause_ms(7000);
    EXPECT(e, !pool_suspended(b.p));
    EXPECT_EQ(e, write_block(&b, 3, VOL_FUA), 0);
    verify(&b);
    sim_power_cut(b.run, SIM_CUT_NONE);
}

/* What was under way when it happened waits nevertheless. */
static void committing_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    b.p->suspended.failmode = FAILMODE_CONTINUE;
    settled(&b);
    disks_go(&b, ENXIO);
    EXPECT_EQ(e, write_block(&b, 5, 0), 0);
    txg_kick(b.p);
    EXPECT(e, suspended_soon(&b));
    pause_ms(6000);
    disks_return(&b);
    EXPECT_EQ(e, pool_sync(b.p), 0);
    b.l->acked[5] = b.l->pending[5];
    sim_power_cut(b.run, SIM_CUT_NONE);
}

static void test_new_requests_fail_with_failmode_continue(void **state)
{
    (void)state;
    for (unsigned s = 0; s < ARRAY_LEN(shapes); s++) {
        struct ledger l = {.shape = &shapes[s]};
        two_worlds(&l, s + 1, continue_body, after_body);
        two_worlds(&l, s + 1, committing_body, after_body);
    }
}

/* ---- stopping ------------------------------------------------------------------------------------------ */

static void stop_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    work(&b);
    fiber_sleep_until(run_now() + sim_random_below(b.run, 60 * NS_PER_MS), NULL);
    disks_go(&b, ENXIO);
    EXPECT(e, suspended_soon(&b));
    pause_ms(sim_random_below(b.run, 9000));
    pool_let_go(b.p);
    rest(&b);
    EXPECT(e, b.errors > 0);
    volume_close(b.v);
    pool_close(b.p);
}

static void test_a_suspended_pool_can_be_stopped(void **state)
{
    (void)state;
    for (unsigned s = 0; s < ARRAY_LEN(shapes); s++) {
        struct ledger l = {.shape = &shapes[s]};
        for (uint64_t seed = 1; seed <= 4; seed++)
            two_worlds(&l, seed * 10 + s, stop_body, after_body);
    }
}

/* ---- disks that are not what they were ----------------------------------------------------------------- */

static void copy_disk(const char *from, const char *to)
{
    const struct file_opts ro = {.mode = FILE_RDONLY},
                           make = {.mode = FILE_RDWR, .create = true};
    struct iobuf *buf = iobuf_get(MIB);
    struct file *in, *out;
    check(buf && file_open(from, &ro, &in, NULL) == 0 && file_open(to, &make, &out, NULL) == 0);
    check(file_resize(out, DISK_SIZE) == 0);
    for (uint64_t off = 0; off < DISK_SIZE; off += MIB)
        check(file_pread(in, off, buf->p, MIB) == 0 && file_pwrite(out, off, buf->p, MIB) == 0);
    check(file_flush(out) == 0);
    file_close(in);
    file_close(out);
    iobuf_put(buf);
}

static void swap(const char *const out[], const char *const in[], unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        check(file_rename(disks[i], out[i]) == 0 && file_rename(in[i], disks[i]) == 0);
}

static void set_back_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    struct pool_trouble t;
    struct err err = {0};
    make(&b);
    unsigned n = b.l->shape->disks;
    settled(&b);
    for (unsigned i = 0; i < n; i++)
        copy_disk(disks[i], olds[i]);
    settled(&b);
    work(&b);
    pause_ms(30);
    disks_go(&b, ENXIO);
    EXPECT(e, suspended_soon(&b));
    swap(aways, olds, n);
    disks_return(&b);
    pause_ms(12000);
    EXPECT(e, pool_suspended(b.p));
    EXPECT_EQ(e, txg_resume(b.p, &err), -ENXIO);
    pool_trouble(b.p, &t);
    EXPECT(e, strstr(err.msg, "set back") && strstr(t.why, "set back"));
    swap(olds, aways, n);
    EXPECT(e, resumed_soon(&b));
    rest(&b);
    EXPECT_EQ(e, b.errors, 0);
    sim_power_cut(b.run, SIM_CUT_NONE);
}

/* While the pool was exported nobody watched: its uberblock says what it lacks. */
static void lagging_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    struct pool_scan_status s;
    make(&b);
    settled(&b);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
    copy_disk(disks[1], olds[1]);
    check(import(&b) == 0);
    settled(&b);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
    check(file_rename(disks[1], aways[1]) == 0 && file_rename(olds[1], disks[1]) == 0);
    check(import(&b) == 0);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &s);
    EXPECT(e, s.resilver && s.repaired > BLOCKS * BLOCK / 4);
    EXPECT_EQ(e, s.errors, 0);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
    check(file_rename(disks[0], aways[0]) == 0);
    check(import(&b) == 0);
    verify(&b);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static void test_a_disk_with_an_older_uberblock_is_resilvered(void **state)
{
    (void)state;
    struct ledger l = {.shape = &shapes[1], .disks = sim_disks_new()};
    expect_in(world(&l, 1), lagging_body, &l);
    sim_disks_free(l.disks);
}

static void test_a_disk_that_was_set_back_is_refused(void **state)
{
    (void)state;
    for (unsigned s = 0; s < ARRAY_LEN(shapes); s++) {
        struct ledger l = {.shape = &shapes[s]};
        two_worlds(&l, s + 1, set_back_body, after_body);
    }
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disks_go_at_any_moment_and_return),
        cmocka_unit_test(test_readers_wait),
        cmocka_unit_test(test_who_needs_what_only_a_lost_disk_has_waits),
        cmocka_unit_test(test_imports_do_without_a_disk_only_when_told),
        cmocka_unit_test(test_the_operator_may_give_a_disk_up),
        cmocka_unit_test(test_new_requests_fail_with_failmode_continue),
        cmocka_unit_test(test_a_suspended_pool_can_be_stopped),
        cmocka_unit_test(test_a_disk_that_was_set_back_is_refused),
        cmocka_unit_test(test_a_disk_with_an_older_uberblock_is_resilvered),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_suspend", tests, NULL, NULL);
}
