/* SPDX-License-Identifier: BSD-2-Clause */
/* Labels on disks: halves, torn ones, the best uberblock, and which disks are let into a
 * pool. */
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

struct maker {
    uint64_t txg, pool_guid;
};

static struct nv *make_label(void *arg, struct vdev *leaf)
{
    const struct maker *m = arg;
    struct nv *nv = nv_new();
    check(nv && nv_add_u64(nv, "txg", m->txg) == 0 && nv_add_u64(nv, "state", 0) == 0);
    check(nv_add_u64(nv, "pool_guid", m->pool_guid) == 0);
    check(nv_add_u64(nv, "guid", leaf->guid) == 0);
    check(nv_add_u64(nv, "top_guid", leaf->top->guid) == 0);
    check(nv_add_nv(nv, "vdev_tree", vdev_to_nv(leaf->top, false)) == 0);
    return nv;
}

static int write_half(struct rig *r, unsigned half, uint64_t txg)
{
    struct maker m = {txg, RIG_GUID};
    int rc = label_write(r->top, half, make_label, &m);
    return rc < 0 ? rc : vdev_flush(r->root);
}

static int write_ub(struct rig *r, uint64_t txg)
{
    const struct uberblock ub = {
        .version = ZFS_VERSION, .txg = txg, .guid_sum = txg + 1, .timestamp = 100};
    return uberblock_write(r->root, &ub);
}

/* The config's txg and the uberblock's; 0: none. */
struct seen {
    uint64_t config, ub;
    int rc;
};

static struct seen look(const struct rig *r, unsigned leaf, uint64_t max_txg)
{
    struct label_info info;
    struct seen s = {.rc = label_read(r->leaf[leaf]->file, max_txg, &info, NULL)};
    if (s.rc < 0)
        return s;
    nv_get_u64(info.config, "txg", &s.config);
    s.ub = info.has_ub ? info.ub.txg : 0;
    check(info.ashift == r->top->ashift && (!info.has_ub || info.ub.guid_sum == s.ub + 1));
    nv_free(info.config);
    return s;
}

static void expect_seen(struct expect *e, struct seen s, int rc, uint64_t config, uint64_t ub)
{
    EXPECT_EQ(e, s.rc, rc);
    EXPECT_EQ(e, s.config, config);
    EXPECT_EQ(e, s.ub, ub);
}

static void halves_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    expect_seen(e, look(&r, 0, UINT64_MAX), -ENODATA, 0, 0);
    EXPECT_EQ(e, write_half(&r, 0, 4), 0);
    EXPECT_EQ(e, write_ub(&r, 4), 0);
    EXPECT_EQ(e, write_half(&r, 1, 4), 0);
    expect_seen(e, look(&r, 0, UINT64_MAX), 0, 4, 4);
    EXPECT_EQ(e, write_half(&r, 0, 7),
              0); /* crash before the uberblock: the odd ones still fit */
    expect_seen(e, look(&r, 1, UINT64_MAX), 0, 7, 4);
    expect_seen(e, look(&r, 1, 4), 0, 4, 4);
    expect_seen(e, look(&r, 1, 3), 0, 4, 0); /* all are too young */
    for (uint64_t txg = 7; txg < 300; txg++) /* the ring wraps */
        EXPECT_EQ(e, write_ub(&r, txg), 0);
    expect_seen(e, look(&r, 1, UINT64_MAX), 0, 7, 299);
    expect_seen(e, look(&r, 1, 290), 0, 7, 290); /* to fall back upon */
    EXPECT_EQ(e, vdev_flush(r.root), 0);
    rig_free(&r);
}

static void test_halves_and_rings(void **state)
{
    static const struct rig_want shapes[] = {
        {.type = "mirror", .n = 2,       .ashift = 9 },
        { .type = "raidz",          .n = 3, .nparity = 1, .ashift = 13},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(shapes); i++)
        expect_in(expect_sim(i + 1), halves_body, (void *)(uintptr_t)&shapes[i]);
}

static void torn_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    EXPECT_EQ(e, write_half(&r, 0, 9), 0);
    EXPECT_EQ(e, write_ub(&r, 9), 0);
    EXPECT_EQ(e, write_half(&r, 1, 5), 0);
    uint64_t psize = r.leaf[0]->psize;
    sim_rot(r.run, rig_path(0), LABEL_CONFIG_OFF + 300, 1);
    expect_seen(e, look(&r, 0, UINT64_MAX), 0, 9, 9); /* label 2 is left */
    sim_rot(r.run, rig_path(0), label_off(psize, 2) + LABEL_CONFIG_OFF + 100000, 1);
    expect_seen(e, look(&r, 0, UINT64_MAX), 0, 5, 9); /* and the odd ones, with older configs */
    for (unsigned l = 0; l < 3; l++)
        sim_rot(r.run, rig_path(0), label_off(psize, l) + uberblock_slot_off(12, 9) + 45, 1);
    expect_seen(e, look(&r, 0, UINT64_MAX), 0, 5, 9);
    sim_rot(r.run, rig_path(0), label_off(psize, 3) + uberblock_slot_off(12, 9) + 45, 1);
    expect_seen(e, look(&r, 0, UINT64_MAX), 0, 5, 0);
    EXPECT_EQ(e, write_ub(&r, 10), 0);
    sim_rot(r.run, rig_path(0), label_off(psize, 1) + LABEL_CONFIG_OFF, 1);
    sim_rot(r.run, rig_path(0), label_off(psize, 3) + LABEL_CONFIG_OFF, 1);
    expect_seen(e, look(&r, 0, UINT64_MAX), -ENODATA, 0, 0);
    sim_fail_reads(r.run, rig_path(1), 1, EIO);
    expect_seen(e, look(&r, 1, UINT64_MAX), -EIO, 0, 0);
    rig_free(&r);
}

static void test_torn_labels_are_passed_over(void **state)
{
    (void)state;
    expect_in(expect_sim(3), torn_body, NULL);
}

/* At every moment of a commit the power goes: whatever is found fits together. */
static void commit_life(void *arg)
{
    struct rig r;
    rig_make(&r, &two);
    check(write_half(&r, 0, 10) == 0 && write_ub(&r, 10) == 0 && vdev_flush(r.root) == 0);
    check(write_half(&r, 1, 10) == 0);
    *(bool *)arg = true;
    for (uint64_t txg = 11;; txg++) {
        check(write_half(&r, 0, txg) == 0 && write_ub(&r, txg) == 0);
        check(vdev_flush(r.root) == 0 && write_half(&r, 1, txg) == 0);
    }
}

struct cutter {
    struct run *run;
    bool ready;
};

static void commit_main(void *arg)
{
    struct cutter *c = arg;
    check(fiber_start(commit_life, &c->ready, "commits"));
    while (!c->ready)
        fiber_sleep_until(run_now() + NS_PER_MS, NULL);
    fiber_sleep_until(run_now() + sim_random_below(c->run, 200 * NS_PER_MS), NULL);
    sim_power_cut(c->run, SIM_CUT_SUBSET);
    run_stop(c->run);
}

static void after_cut(struct expect *e)
{
    struct rig r = {.n = 0};
    struct nv *tree = rig_tree(&two);
    check(vdev_parse(tree, &r.root, NULL) == 0);
    nv_free(tree);
    r.top = r.root->child[0];
    EXPECT_EQ(e, vdev_open(r.root, RIG_GUID, false, NULL), 0);
    EXPECT_EQ(e, r.top->state, VDEV_HEALTHY);
    check(vdev_layout(r.top, 12, NULL) == 0);
    for (r.n = 0; (r.leaf[r.n] = vdev_leaf(r.root, r.n)); r.n++) {
        struct seen s = look(&r, r.n, UINT64_MAX);
        EXPECT(e, s.rc == 0 && s.ub >= 10);
        s = look(&r, r.n, s.ub);
        EXPECT(e, s.rc == 0 && s.config >= 10 && s.config <= s.ub);
    }
    vdev_free(r.root);
}

static void test_a_cut_commit_leaves_a_label_that_fits(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct sim_disks *disks = sim_disks_new();
        struct cutter c = {.run = expect_sim(seed)};
        sim_attach_disks(c.run, disks);
        run_loop(c.run, commit_main, &c);
        run_free(c.run);
        struct run *run = expect_sim(seed + 1000);
        sim_attach_disks(run, disks);
        expect_in(run, after_cut, NULL);
        sim_disks_free(disks);
    }
}

/* ---- failing writes ---------------------------------------------------------------------- */

static void enough_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    sim_fail_writes(r.run, rig_path(1), 1, EIO);
    EXPECT_EQ(e, write_half(&r, 0, 5), 0); /* one leaf is enough */
    EXPECT_EQ(e, r.leaf[1]->state, VDEV_FAULTED);
    EXPECT_EQ(e, write_ub(&r, 5), 0);
    expect_seen(e, look(&r, 0, UINT64_MAX), 0, 5, 5);
    sim_fail_writes(r.run, rig_path(0), 1, EIO);
    EXPECT_EQ(e, write_ub(&r, 6), -EIO);
    EXPECT_EQ(e, write_half(&r, 1, 6), -EIO);
    rig_free(&r);
}

static void test_labels_on_enough_leaves_will_do(void **state)
{
    (void)state;
    expect_in(expect_sim(4), enough_body, NULL);
}

static void erase_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    for (unsigned half = 0; half < 2; half++)
        EXPECT_EQ(e, write_half(&r, half, 5), 0);
    EXPECT_EQ(e, write_ub(&r, 5), 0);
    EXPECT_EQ(e, label_erase(r.leaf[0]), 0);
    expect_seen(e, look(&r, 0, UINT64_MAX), -ENODATA, 0, 0);
    EXPECT_EQ(e, write_half(&r, 0, 6), 0); /* no uberblock of the life before comes back */
    expect_seen(e, look(&r, 0, UINT64_MAX), 0, 6, 0);
    expect_seen(e, look(&r, 1, UINT64_MAX), 0, 6, 5);
    rig_free(&r);
}

static void test_an_erased_leaf_remembers_nothing(void **state)
{
    (void)state;
    expect_in(expect_sim(5), erase_body, NULL);
}

static void spare_body(struct expect *e)
{
    struct rig r;
    struct label_info info;
    uint64_t state = 0;
    rig_make(&r, &two);
    struct nv *spare = nv_new();
    struct iobuf *buf = iobuf_get(LABEL_CONFIG_SIZE);
    check(spare && buf && nv_add_u64(spare, "state", POOL_STATE_SPARE) == 0 &&
          nv_add_u64(spare, "guid", 7) == 0);
    check(label_config_seal(spare, 0, buf->p) == 0);
    check(leaf_write_label(r.leaf[0], LABEL_CONFIG_OFF, buf->p, LABEL_CONFIG_SIZE) == 0);
    EXPECT_EQ(e, label_read(r.leaf[0]->file, UINT64_MAX, &info, NULL), 0);
    EXPECT(e, nv_get_u64(info.config, "state", &state) && state == POOL_STATE_SPARE);
    EXPECT(e, !info.has_ub);
    nv_free(info.config);
    check(nv_add_u64(spare, "state", POOL_STATE_ACTIVE) == 0 &&
          nv_add_u64(spare, "txg", 0) == 0);
    check(label_config_seal(spare, 0, buf->p) == 0); /* initialised, nobody's yet */
    check(leaf_write_label(r.leaf[0], LABEL_CONFIG_OFF, buf->p, LABEL_CONFIG_SIZE) == 0);
    expect_seen(e, look(&r, 0, UINT64_MAX), -ENODATA, 0, 0);
    nv_free(spare);
    iobuf_put(buf);
    rig_free(&r);
}

static void test_spares_have_a_label_without_txg(void **state)
{
    (void)state;
    expect_in(expect_sim(6), spare_body, NULL);
}

/* ---- who is let in ----------------------------------------------------------------------- */

static void expect_refused(struct expect *e, struct rig *r, unsigned leaf, uint64_t pool_guid,
                           const char *says)
{
    struct err err = {0};
    vdev_close(r->root);
    EXPECT_EQ(e, vdev_open(r->root, pool_guid, false, &err), 0);
    EXPECT_EQ(e, r->leaf[leaf]->state, VDEV_CANT_OPEN);
    EXPECT(e, strstr(err.msg, says) && strstr(err.msg, rig_path(leaf)));
}

static void resize(const char *path, uint64_t size)
{
    struct file *f;
    check(file_open(path, &(struct file_opts){.mode = FILE_RDWR}, &f, NULL) == 0);
    check(file_resize(f, size) == 0);
    file_close(f);
}

static void refused_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    struct maker m = {5, RIG_GUID};
    for (unsigned half = 0; half < 2; half++)
        EXPECT_EQ(e, label_write(r.top, half, make_label, &m), 0);
    vdev_close(r.root);
    EXPECT_EQ(e, vdev_open(r.root, RIG_GUID, false, NULL), 0);
    EXPECT_EQ(e, r.top->state, VDEV_HEALTHY);
    struct vdev *busy = NULL; /* in use: by us, under another tree */
    struct nv *tree = vdev_to_nv(r.root, false);
    struct err err = {0};
    check(vdev_parse(tree, &busy, NULL) == 0);
    nv_free(tree);
    EXPECT_EQ(e, vdev_open(busy, RIG_GUID, false, &err), 0);
    EXPECT_EQ(e, busy->state, VDEV_CANT_OPEN);
    EXPECT(e, strstr(err.msg, "in use") != NULL);
    vdev_free(busy);
    expect_refused(e, &r, 0, RIG_GUID + 1, "does not belong to this pool");
    EXPECT_EQ(e, vdev_open(r.root, RIG_GUID, false, NULL), 0);
    r.leaf[1]->guid++;
    expect_refused(e, &r, 1, RIG_GUID, "another disk of this pool");
    r.leaf[1]->guid = RIG_TOP; /* took over its dissolved mirror's guid: its label is older */
    vdev_close(r.root);
    EXPECT_EQ(e, vdev_open(r.root, RIG_GUID, false, NULL), 0);
    EXPECT_EQ(e, r.top->state, VDEV_HEALTHY);
    EXPECT_EQ(e, label_erase(r.leaf[1]), 0);
    expect_refused(e, &r, 1, RIG_GUID, "no label");
    EXPECT_EQ(e, r.top->state, VDEV_DEGRADED);
    resize(rig_path(1), 64 * MIB);
    expect_refused(e, &r, 1, RIG_GUID, "too small");
    check(file_unlink(rig_path(1)) == 0);
    expect_refused(e, &r, 1, RIG_GUID, "does not exist");
    rig_free(&r);
}

static void test_foreign_disks_are_refused(void **state)
{
    (void)state;
    expect_in(expect_sim(7), refused_body, NULL);
}

/* Its mirror was dissolved in txg 6, so that it took over that one's guid, and another was to be put above it in txg 7: as of txg 5
 * it is what it was. */
static void names_body(struct expect *e)
{
    struct rig r;
    struct maker m = {5, RIG_GUID};
    rig_make(&r, &two);
    for (; m.txg <= 6; m.txg++) {
        r.leaf[1]->guid = m.txg == 5 ? RIG_LEAF + 1 : RIG_TOP;
        for (unsigned half = 0; half < 2; half++)
            EXPECT_EQ(e, label_write(r.top, half, make_label, &m), 0);
    }
    r.top->guid = RIG_TOP + 1;
    EXPECT_EQ(e, label_write(r.top, 0, make_label, &m), 0);
    r.top->guid = RIG_TOP;
    r.leaf[1]->guid = RIG_LEAF + 1;
    vdev_close(r.root);
    EXPECT_EQ(e, vdev_open(r.root, RIG_GUID, false, NULL), 0);
    EXPECT_EQ(e, r.top->state, VDEV_HEALTHY);
    rig_free(&r);
}

static void test_a_disk_is_known_by_what_it_was(void **state)
{
    (void)state;
    expect_in(expect_sim(9), names_body, NULL);
}

static void read_only_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    EXPECT_EQ(e, rig_write(&r, 0, 4096, 1, 10), 0);
    vdev_close(r.root);
    EXPECT_EQ(e, vdev_open(r.root, 0, true, NULL), 0);
    EXPECT_EQ(e, rig_read(&r, 0, 4096, 1, 10), 0);
    EXPECT_EQ(e, rig_write(&r, 0, 4096, 2, 10), -EIO);
    rig_free(&r);
}

static void test_read_only_is_read_only(void **state)
{
    (void)state;
    expect_in(expect_sim(8), read_only_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves_and_rings),
        cmocka_unit_test(test_torn_labels_are_passed_over),
        cmocka_unit_test(test_a_cut_commit_leaves_a_label_that_fits),
        cmocka_unit_test(test_labels_on_enough_leaves_will_do),
        cmocka_unit_test(test_an_erased_leaf_remembers_nothing),
        cmocka_unit_test(test_spares_have_a_label_without_txg),
        cmocka_unit_test(test_foreign_disks_are_refused),
        cmocka_unit_test(test_a_disk_is_known_by_what_it_was),
        cmocka_unit_test(test_read_only_is_read_only),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
