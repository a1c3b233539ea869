/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flush proves and what a failed one takes back; the order in which a leaf's queue
 * lets I/O through. */
#include "pool/vdev/vdev_fixture.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t nkv)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)nkv;
}

static const struct rig_want two = {.type = "mirror", .n = 2};

static void lazy_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    EXPECT_EQ(e, vdev_flush(r.root), 0);
    EXPECT_EQ(e, r.leaf[0]->stats.flushes, 0); /* nothing was written */
    EXPECT_EQ(e, rig_write(&r, 0, 4096, 1, 10), 0);
    EXPECT_EQ(e, vdev_flush_top(r.top), 0);
    EXPECT_EQ(e, vdev_flush(r.root), 0);
    EXPECT_EQ(e, r.leaf[0]->stats.flushes + r.leaf[1]->stats.flushes, 2);
    rig_free(&r);
}

static void test_only_what_was_written_is_flushed(void **state)
{
    (void)state;
    expect_in(expect_sim(1), lazy_body, NULL);
}

static void failing_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    EXPECT_EQ(e, rig_write(&r, 0, 4096, 1, 10), 0);
    EXPECT_EQ(e, vdev_flush(r.root), 0);
    EXPECT_EQ(e, rig_write(&r, MIB, 4096, 2, 11), 0);
    EXPECT_EQ(e, rig_write(&r, 2 * MIB, 4096, 3, 12), 0);
    sim_fail_flush(r.run, rig_path(0), 1, EIO);
    EXPECT_EQ(e, vdev_flush(r.root), 0); /* the other one is enough */
    EXPECT_EQ(e, r.leaf[0]->state, VDEV_FAULTED);
    EXPECT(e, !txg_set_has(&r.leaf[0]->dtl, 10) && txg_set_has(&r.leaf[0]->dtl, 11) &&
                  txg_set_has(&r.leaf[0]->dtl, 12));
    EXPECT(e, r.leaf[0]->dtl_dirty && vdev_usable(r.root));
    EXPECT_EQ(e, rig_write(&r, 3 * MIB, 4096, 4, 13), 0);
    sim_fail_flush(r.run, rig_path(1), 1, EIO);
    EXPECT_EQ(e, vdev_flush(r.root), -EIO);
    EXPECT(e, !vdev_usable(r.root));
    rig_free(&r);
}

static void test_a_failed_flush_takes_back_what_it_should_have_kept(void **state)
{
    (void)state;
    expect_in(expect_sim(2), failing_body, NULL);
}

/* Leaf 0 came back and lacks txg 11; leaf 1, which alone has it, fails before it is flushed.
 * The states look fine, the data are gone all the same. */
static void lost_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    r.leaf[0]->offline = true;
    vdev_close(r.leaf[0]);
    EXPECT_EQ(e, rig_write(&r, 0, 4096, 1, 11), 0);
    EXPECT_EQ(e, r.root->losses, 0);
    r.leaf[0]->offline = false;
    EXPECT_EQ(e, vdev_open(r.root, 0, false, NULL), 0);
    EXPECT_EQ(e, r.root->losses, 1); /* no log on disk says yet what it lacks */
    r.leaf[0]->dtl_dirty = false;
    sim_fail_writes(r.run, rig_path(1), 1, EIO);
    EXPECT_EQ(e, rig_write(&r, MIB, 4096, 2, 12), 0); /* leaf 0 took that */
    EXPECT_EQ(e, r.top->state, VDEV_DEGRADED);
    EXPECT(e, r.root->losses == 2 && vdev_usable(r.root));
    r.leaf[1]->dtl_dirty = false;
    sim_fail_writes(r.run, rig_path(1), 0, 0);
    EXPECT_EQ(e, vdev_retry(r.root, 0, false, NULL), 0);
    EXPECT_EQ(e, r.leaf[1]->state, VDEV_FAULTED);
    EXPECT_EQ(e, vdev_retry(r.root, 0, true, NULL), 0);
    EXPECT_EQ(e, r.leaf[1]->state, VDEV_HEALTHY);
    EXPECT_EQ(e, rig_write(&r, 0, 4096, 1, 11), 0);
    EXPECT_EQ(e, vdev_flush(r.root), 0);
    EXPECT_EQ(e, r.root->losses, 2);
    rig_free(&r);
}

static void test_data_lost_between_write_and_flush_are_noticed(void **state)
{
    (void)state;
    expect_in(expect_sim(3), lost_body, NULL);
}

/* ---- concurrent flushes ------------------------------------------------------------------ */

struct racer {
    struct rig r;
    struct waitgroup left;
    unsigned n, early;
};

/* What returned from vdev_flush() must be on the disk's platters, whoever else flushes at
 * that time. */
static void race_one(void *arg)
{
    struct racer *x = arg;
    unsigned i = x->n++;
    for (unsigned k = 0; k < 8; k++) {
        fiber_sleep_until(run_now() + sim_random_below(x->r.run, 3 * NS_PER_MS), NULL);
        check(rig_write(&x->r, (i * 8ull + k) * 64 * KIB, 4096, i * 8 + k, 10) == 0);
        uint64_t written[2] = {x->r.leaf[0]->io->unflushed.written,
                               x->r.leaf[1]->io->unflushed.written};
        check(vdev_flush(x->r.root) == 0);
        for (unsigned d = 0; d < 2; d++)
            x->early += x->r.leaf[d]->io->unflushed.flushed < written[d];
    }
    waitgroup_done(&x->left);
}

static void race_body(struct expect *e)
{
    struct racer x = {.n = 0};
    rig_make(&x.r, &two);
    waitgroup_init(&x.left);
    waitgroup_add(&x.left, 6);
    for (unsigned i = 0; i < 6; i++)
        check(fiber_start(race_one, &x, "racer"));
    waitgroup_wait(&x.left);
    EXPECT_EQ(e, x.early, 0);
    rig_free(&x.r);
}

static void test_nobody_joins_a_flush_in_flight(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        expect_in(expect_sim(seed), race_body, NULL);
}

struct overtaken {
    struct rig *r;
    bool done;
    struct waitgroup left;
};

static void flush_slowly(void *arg)
{
    struct overtaken *o = arg;
    check(vdev_flush(o->r->root) == 0);
    o->done = true;
    waitgroup_done(&o->left);
}

/* A write that ends while a flush is under way is not covered by it. */
static void overtaken_body(struct expect *e)
{
    struct rig r;
    unsigned during = 0;
    rig_make(&r, &(struct rig_want){.type = "file", .n = 1});
    const struct unflushed *u = &r.leaf[0]->io->unflushed;
    for (unsigned i = 0; i < 20; i++) {
        struct overtaken o = {.r = &r};
        EXPECT_EQ(e, rig_write(&r, 0, 4096, i, 10), 0);
        uint64_t before = u->written;
        waitgroup_init(&o.left);
        waitgroup_add(&o.left, 1);
        check(fiber_start(flush_slowly, &o, "flush"));
        fiber_yield(); /* it is under way now */
        EXPECT_EQ(e, rig_write(&r, MIB, 4096, i, 11), 0);
        bool overtook = !o.done;
        waitgroup_wait(&o.left);
        EXPECT_EQ(e, u->flushed, before);
        during += overtook;
    }
    EXPECT(e, during > 3);
    rig_free(&r);
}

static void test_a_flush_does_not_cover_what_ends_later(void **state)
{
    (void)state;
    expect_in(expect_sim(4), overtaken_body, NULL);
}

/* The same with the power cut at the end: all that was flushed is there. */
struct ledger {
    struct sim_disks *disks;
    bool promised[48];
};

static void cut_life(void *arg)
{
    struct ledger *l = arg;
    struct rig r;
    rig_make(&r, &(struct rig_want){.type = "raidz", .n = 4, .nparity = 1});
    for (unsigned i = 0; i < 48; i++) {
        check(rig_write(&r, i * 256ull * KIB, 100 * KIB, i, 10) == 0);
        if (i % 5 < 3)
            continue;
        check(vdev_flush_top(r.top) == 0);
        memset(l->promised, 1, i + 1);
        if (sim_random_below(r.run, 8) == 0)
            break;
    }
    sim_power_cut(r.run, SIM_CUT_SUBSET);
    run_stop(r.run);
}

static void cut_after(struct expect *e)
{
    const struct ledger *l = e->arg;
    struct rig r = {.n = 0};
    struct nv *tree = rig_tree(&(struct rig_want){.type = "raidz", .n = 4, .nparity = 1});
    check(vdev_parse(tree, &r.root, NULL) == 0 && vdev_open(r.root, 0, false, NULL) == 0);
    nv_free(tree);
    r.top = r.root->child[0];
    check(vdev_layout(r.top, 12, NULL) == 0);
    for (unsigned i = 0; i < 48; i++) {
        int rc = rig_read(&r, i * 256ull * KIB, 100 * KIB, i, 10);
        EXPECT(e, rc == 0 || !l->promised[i]);
    }
    vdev_free(r.root);
}

static void test_what_was_flushed_survives_the_power_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct ledger l = {.disks = sim_disks_new()};
        struct run *run = expect_sim(seed);
        sim_attach_disks(run, l.disks);
        run_loop(run, cut_life, &l);
        run_free(run);
        run = expect_sim(seed + 1000);
        sim_attach_disks(run, l.disks);
        expect_in(run, cut_after, &l);
        sim_disks_free(l.disks);
    }
}

/* ---- the queue --------------------------------------------------------------------------- */

struct turns {
    struct io_queue q;
    struct waitgroup left;
    unsigned order[64], n;
    unsigned active, peak;
};
struct turn {
    struct turns *t;
    enum io_class class;
};

static void take_turn(void *arg)
{
    struct turn *me = arg;
    struct turns *t = me->t;
    queue_enter(&t->q, me->class);
    t->order[t->n++] = me->class;
    t->active += me->class == IO_SCAN;
    t->peak = MAX(t->peak, t->active);
    fiber_sleep_until(run_now() + NS_PER_MS, NULL);
    t->active -= me->class == IO_SCAN;
    queue_leave(&t->q, me->class);
    waitgroup_done(&t->left);
}

static void start_turns(struct turns *t, struct turn *v, enum io_class class, unsigned n)
{
    waitgroup_add(&t->left, n);
    for (unsigned i = 0; i < n; i++) {
        v[i] = (struct turn){t, class};
        check(fiber_start(take_turn, &v[i], "turn"));
    }
}

static void idle_body(struct expect *e)
{
    struct turns t = {.n = 0};
    struct turn v[30];
    queue_init(&t.q);
    waitgroup_init(&t.left);
    start_turns(&t, v, IO_SCAN, 30);
    waitgroup_wait(&t.left);
    EXPECT_EQ(e, t.peak, 8);
    EXPECT_EQ(e, t.n, 30);
    EXPECT_EQ(e, queue_load(&t.q), 0);
}

static void test_an_idle_leaf_is_scanned_fast(void **state)
{
    (void)state;
    expect_in(expect_sim(1), idle_body, NULL);
}

static void busy_body(struct expect *e)
{
    struct turns t = {.n = 0};
    struct turn log[1], scan[20], txg[20];
    unsigned scans = 0;
    queue_init(&t.q);
    waitgroup_init(&t.left);
    queue_enter(&t.q, IO_READ); /* somebody reads all the time */
    start_turns(&t, scan, IO_SCAN, 20);
    start_turns(&t, txg, IO_TXG, 20);
    fiber_sleep_until(run_now() + 3 * NS_PER_MS, NULL);
    start_turns(&t, log, IO_LOG, 1);
    uint64_t asked = run_now();
    while (log[0].t && t.order[t.n - 1] != IO_LOG)
        fiber_yield();
    EXPECT(e, run_now() - asked < NS_PER_MS); /* waits for nobody */
    EXPECT_EQ(e, t.peak, 1);
    for (unsigned i = 0; i < t.n; i++)
        scans += t.order[i] == IO_SCAN;
    EXPECT(e, scans >= 2 && scans <= 5 && t.n >= 3 * scans);
    queue_leave(&t.q, IO_READ);
    waitgroup_wait(&t.left);
    queue_drain(&t.q);
    EXPECT_EQ(e, t.n, 41);
}

static void test_scan_yields_and_log_does_not_wait(void **state)
{
    (void)state;
    expect_in(expect_sim(1), busy_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_was_written_is_flushed),
        cmocka_unit_test(test_a_failed_flush_takes_back_what_it_should_have_kept),
        cmocka_unit_test(test_data_lost_between_write_and_flush_are_noticed),
        cmocka_unit_test(test_nobody_joins_a_flush_in_flight),
        cmocka_unit_test(test_a_flush_does_not_cover_what_ends_later),
        cmocka_unit_test(test_what_was_flushed_survives_the_power_cut),
        cmocka_unit_test(test_an_idle_leaf_is_scanned_fast),
        cmocka_unit_test(test_scan_yields_and_log_does_not_wait),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
