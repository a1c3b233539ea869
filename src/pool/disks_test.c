/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks that come and go in the simulated world, beside a writer: what joined is proven by taking
 * the others away, what left by importing without it. Power cuts are tests/poolsim's.
 */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "run/file.h"
#include "volume/expect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB       (1ull << 20)
#define DISK_SIZE (66 * MIB)
#define BLOCK     8192u
#define BLOCKS    900u

struct bench {
    struct expect *e;
    struct pool *p;
    uint8_t seed[BLOCKS]; /* what each block holds; 0: zeros */
    uint8_t next;
    unsigned writers;
    bool enough;
};

/* ---- the pool ------------------------------------------------------------------------------ */

struct shape {
    enum pool_layout layout;
    unsigned n, nspares;
};

static void make(struct bench *b, struct expect *e, struct shape shape)
{
    static const char *const paths[] = {"/d0", "/d1", "/d2", "/d3"};
    static const char *const spares[] = {"/s0", "/s1"};
    const struct pool_group group = {shape.layout, shape.n, paths};
    const struct pool_create_want want = {.name = "tank",
                                          .groups = &group,
                                          .ngroups = 1,
                                          .spares = spares,
                                          .nspares = shape.nspares,
                                          .opts = {.dirty_bytes = 4 * MIB}};
    const struct pool_volume_want vol = {.name = "v",
                                         .size = (uint64_t)BLOCKS * BLOCK,
                                         .block_size = BLOCK,
                                         .compression = "off"};
    struct err err = {0};
    memset(b, 0, sizeof(*b));
    b->e = e;
    for (unsigned i = 0; i < shape.n; i++)
        fixture_disk(paths[i], DISK_SIZE);
    for (unsigned i = 0; i < shape.nspares; i++)
        fixture_disk(spares[i], DISK_SIZE);
    check(pool_create(&want, &b->p, &err) == 0);
    check(pool_volume_create(b->p, &vol, &err) == 0);
}

/* From the disks that are named. */
static int import(struct bench *b, const char *const *paths, bool read_only)
{
    const struct pool_import_want want = {
        .paths = paths, .name = "tank", .read_only = read_only};
    return pool_import(&want, &b->p, NULL);
}
#define IMPORT(b, read_only, ...)                                                              \
    EXPECT_EQ((b)->e, import(b, (const char *const[]){__VA_ARGS__, NULL}, read_only), 0)

static void export(struct bench *b)
{
    EXPECT_EQ(b->e, pool_export(b->p, NULL), 0);
}

static struct volume *volume(struct bench *b)
{
    struct volume *v;
    check(pool_volume_open(b->p, "v", &v, NULL) == 0);
    return v;
}

static void write_block(struct bench *b, struct volume *v, unsigned block)
{
    uint8_t seed = b->next = b->next == UINT8_MAX ? 1 : b->next + 1;
    EXPECT_EQ(b->e, fixture_write_as(v, (uint64_t)block * BLOCK, BLOCK, seed, VOL_FUA), 0);
    b->seed[block] = seed;
}

static void write_every(struct bench *b, unsigned step)
{
    struct volume *v = volume(b);
    for (unsigned i = 0; i < BLOCKS; i += step)
        write_block(b, v, i);
    volume_close(v);
    EXPECT_EQ(b->e, pool_sync(b->p), 0);
}

static void verify(struct bench *b)
{
    struct volume *v = volume(b);
    unsigned wrong = 0;
    for (unsigned i = 0; i < BLOCKS; i++)
        wrong += !fixture_holds(v, (uint64_t)i * BLOCK, BLOCK, b->seed[i]);
    EXPECT_EQ(b->e, wrong, 0);
    volume_close(v);
}

/* The pool with these disks alone has everything. */
#define VERIFY_WITH(b, ...)                                                                    \
    do {                                                                                       \
        IMPORT(b, true, __VA_ARGS__);                                                          \
        verify(b);                                                                             \
        pool_close((b)->p);                                                                    \
    } while (0)

static void writer(void *arg)
{
    struct bench *b = arg;
    struct volume *v = volume(b);
    for (unsigned i = 0; !b->enough; i = (i + 37) % BLOCKS) {
        write_block(b, v, i);
        fiber_sleep_until(run_deadline_ms(1), NULL);
    }
    volume_close(v);
    b->writers--;
}

static void writer_start(struct bench *b)
{
    b->enough = false;
    b->writers++;
    check(fiber_start(writer, b, "writer"));
}

static void writer_end(struct bench *b)
{
    b->enough = true;
    while (b->writers > 0)
        fiber_yield();
}

static unsigned leaves(const struct bench *b)
{
    unsigned n = 0;
    while (vdev_leaf(b->p->root, n))
        n++;
    return n;
}

/* Nothing is being replaced or lacks anything. */
static void expect_quiet(const struct bench *b, unsigned n)
{
    const struct vdev *leaf;
    EXPECT_EQ(b->e, leaves(b), n);
    for (unsigned i = 0; (leaf = vdev_leaf(b->p->root, i)); i++) {
        EXPECT_EQ(b->e, leaf->dtl.n, 0);
        EXPECT_EQ(b->e, leaf->state, VDEV_HEALTHY);
        EXPECT_EQ(b->e, leaf->resilver_txg, 0);
    }
}

/* What a label of the disk says its pool is; blank: -ENODATA. */
static int label_of(const char *path, uint64_t *ret_state)
{
    struct file_opts opts = {.mode = FILE_RDONLY};
    struct label_info label;
    struct file *f;
    check(file_open(path, &opts, &f, NULL) == 0);
    int r = label_read(f, UINT64_MAX, &label, NULL);
    file_close(f);
    if (r == 0) {
        nv_get_u64(label.config, "state", ret_state);
        nv_free(label.config);
    }
    return r;
}

/* "STATE NOTE" as the pool's status has it, of a disk or a spare. */
static const char *status_of(const struct bench *b, const char *name)
{
    static char text[256];
    struct pool_status s;
    snprintf(text, sizeof(text), "none");
    check(pool_status(b->p, &s) == 0);
    for (unsigned i = 0; i < s.nvdevs; i++)
        if (strcmp(s.vdevs[i].name, name) == 0)
            snprintf(text, sizeof(text), "%s %s", s.vdevs[i].state, s.vdevs[i].note);
    pool_status_free(&s);
    return text;
}

static void expect_status(const struct bench *b, const char *name, const char *want)
{
    const char *has = status_of(b, name);
    if (strncmp(has, want, strlen(want)) != 0)
        print_message("# %s is not \"%s\" but \"%s\"\n", name, want, has);
    EXPECT(b->e, strncmp(has, want, strlen(want)) == 0);
}

/* ---- attach and detach ------------------------------------------------------------------------ */

static void attach_body(struct expect *e)
{
    struct bench b;
    uint64_t state;
    make(&b, e, (struct shape){LAYOUT_SINGLE, 1, 0});
    fixture_disk("/d1", DISK_SIZE);
    fixture_disk("/d2", DISK_SIZE);
    fixture_disk("/small", 65 * MIB);
    write_every(&b, 1);
    EXPECT_EQ(e, pool_attach(b.p, "/d9", "/d1", false, NULL), -ENOENT);
    EXPECT_EQ(e, pool_attach(b.p, "/d0", "/d9", false, NULL), -ENOENT);
    EXPECT_EQ(e, pool_attach(b.p, "/d0", "/small", false, NULL), -ENOSPC);
    EXPECT_EQ(e, pool_attach(b.p, "/d0", "/d0", false, NULL), -EBUSY);
    EXPECT_EQ(e, label_of("/small", &state), -ENODATA);
    EXPECT_EQ(e, pool_detach(b.p, "/d0", NULL), -EINVAL);
    writer_start(&b);
    EXPECT_EQ(e, pool_attach(b.p, "/d0", "/d1", false, NULL), 0);
    EXPECT_EQ(e, pool_attach(b.p, "/d0", "/d2", false, NULL), 0);
    EXPECT_EQ(e, pool_detach(b.p, "/d0", NULL), -EBUSY);
    pool_scan_wait(b.p);
    expect_quiet(&b, 3);
    EXPECT_EQ(e, pool_detach(b.p, "/d0", NULL), 0);
    writer_end(&b);
    EXPECT_EQ(e, label_of("/d0", &state), -ENODATA);
    export(&b);
    VERIFY_WITH(&b, "/d1");
    VERIFY_WITH(&b, "/d2");
    IMPORT(&b, false, "/d1", "/d2");
    EXPECT_EQ(e, pool_detach(b.p, "/d2", NULL), 0);
    expect_quiet(&b, 1);
    EXPECT_EQ(e, b.p->root->child[0]->type, VDEV_FILE);
    write_every(&b, 3);
    export(&b);
    VERIFY_WITH(&b, "/d1");
}

/* ---- replace ------------------------------------------------------------------------------------ */

/* A disk that works, in a pool that is written to. */
static void replace_body(struct expect *e)
{
    const struct shape *s = e->arg;
    struct bench b;
    uint64_t state;
    make(&b, e, *s);
    fixture_disk("/n", DISK_SIZE + MIB);
    write_every(&b, 1);
    EXPECT_EQ(e, pool_replace(b.p, "/d0", NULL, false, NULL), -EBUSY);
    writer_start(&b);
    EXPECT_EQ(e, pool_replace(b.p, "/d0", "/n", false, NULL), 0);
    EXPECT_EQ(e, pool_replace(b.p, "/d0", "/n", true, NULL), -EBUSY);
    pool_scan_wait(b.p);
    writer_end(&b);
    expect_quiet(&b, s->n);
    EXPECT_EQ(e, label_of("/d0", &state), -ENODATA);
    export(&b);
    check(file_rename("/d0", "/gone") == 0);
    if (s->layout == LAYOUT_MIRROR)
        VERIFY_WITH(&b, "/n");
    else if (s->n > 1)
        VERIFY_WITH(&b, "/n", "/d1");
    else
        VERIFY_WITH(&b, "/n");
}

/* One that is gone, by a new one at its path, and an import in the middle. */
static void same_path_body(struct expect *e)
{
    const struct shape *s = e->arg;
    struct bench b;
    make(&b, e, *s);
    write_every(&b, 1);
    export(&b);
    check(file_rename("/d0", "/gone") == 0);
    IMPORT(&b, false, "/d1", "/d2");
    write_every(&b, 4);
    fixture_disk("/d0", DISK_SIZE);
    EXPECT_EQ(e, pool_replace(b.p, "/d0", NULL, false, NULL), 0);
    pool_close(b.p);
    IMPORT(&b, false, "/d0", "/d1", "/d2");
    write_every(&b, 5);
    pool_scan_wait(b.p);
    expect_quiet(&b, s->n);
    EXPECT(e, disk_of(b.p, "/d0"));
    export(&b);
    if (s->layout == LAYOUT_MIRROR)
        VERIFY_WITH(&b, "/d0");
    else
        VERIFY_WITH(&b, "/d0", "/d1");
}

/* A replacement that is called off leaves everything as it was. */
static void called_off_body(struct expect *e)
{
    struct bench b;
    make(&b, e, (struct shape){LAYOUT_RAIDZ1, 3, 0});
    write_every(&b, 1);
    EXPECT_EQ(e, pool_offline(b.p, "/d0", NULL), 0);
    fixture_disk("/n", DISK_SIZE);
    uint64_t sum = vdev_guid_sum(b.p->root);
    EXPECT_EQ(e, pool_replace(b.p, "/d0", "/n", false, NULL), 0);
    EXPECT_EQ(e, pool_detach(b.p, "/n", NULL), 0);
    EXPECT_EQ(e, vdev_guid_sum(b.p->root), sum);
    EXPECT_EQ(e, pool_online(b.p, "/d0", NULL), 0);
    pool_scan_wait(b.p);
    expect_quiet(&b, 3);
    verify(&b);
    export(&b);
    VERIFY_WITH(&b, "/d0", "/d1", "/d2");
}

/* ---- add ----------------------------------------------------------------------------------------- */

static void add_body(struct expect *e)
{
    static const char *const two[] = {"/d2", "/d3"};
    const struct pool_group pair = {LAYOUT_MIRROR, 2, two}, one = {LAYOUT_SINGLE, 1, two};
    struct pool_space before, after;
    struct bench b;
    uint64_t state;
    make(&b, e, (struct shape){LAYOUT_MIRROR, 2, 0});
    EXPECT_EQ(e, pool_add(b.p, &pair, 1, NULL, 0, false, NULL), -ENOENT);
    fixture_disk("/d2", DISK_SIZE);
    fixture_disk("/d3", 60 * MIB);
    EXPECT_EQ(e, pool_add(b.p, &one, 1, NULL, 0, false, NULL), -EINVAL);
    EXPECT_EQ(e, pool_add(b.p, &pair, 1, NULL, 0, false, NULL), -EINVAL);
    EXPECT_EQ(e, label_of("/d2", &state), -ENODATA);
    check(file_unlink("/d3") == 0);
    fixture_disk("/d3", DISK_SIZE);
    pool_space(b.p, &before);
    writer_start(&b);
    EXPECT_EQ(e, pool_add(b.p, &pair, 1, NULL, 0, false, NULL), 0);
    EXPECT_EQ(e, pool_add(b.p, &pair, 1, NULL, 0, false, NULL), -EBUSY);
    pool_space(b.p, &after);
    EXPECT_EQ(e, after.size, 2 * before.size);
    writer_end(&b);
    write_every(&b, 1);
    EXPECT(e, b.p->root->child[1]->child[0]->stats.writes > 0);
    expect_quiet(&b, 4);
    export(&b);
    VERIFY_WITH(&b, "/d0", "/d2");
    IMPORT(&b, false, "/d0", "/d1", "/d2", "/d3");
    write_every(&b, 2);
    export(&b);
    VERIFY_WITH(&b, "/d1", "/d3");
}

/* ---- spares ---------------------------------------------------------------------------------------- */

static bool spare_in_use(const struct bench *b, unsigned i)
{
    struct pool_spare_info s;
    return pool_spare(b->p, i, &s) && s.in_use;
}

static void spare_list_body(struct expect *e)
{
    static const char *const s2[] = {"/s2"};
    struct pool_spare_info s;
    struct bench b;
    uint64_t state;
    make(&b, e, (struct shape){LAYOUT_MIRROR, 2, 2});
    fixture_disk("/s2", DISK_SIZE);
    EXPECT_EQ(e, pool_add(b.p, NULL, 0, s2, 1, false, NULL), 0);
    EXPECT_EQ(e, pool_add(b.p, NULL, 0, s2, 1, true, NULL), -EEXIST);
    EXPECT_EQ(e, pool_attach(b.p, "/d0", "/s2", true, NULL), -EBUSY);
    EXPECT_EQ(e, pool_remove_spare(b.p, "/s0", NULL), 0);
    EXPECT_EQ(e, pool_remove_spare(b.p, "/s0", NULL), -ENOENT);
    export(&b);
    IMPORT(&b, false, "/d0", "/d1");
    EXPECT(e, pool_spare(b.p, 1, &s) && strcmp(s.path, "/s2") == 0 && !s.in_use);
    EXPECT(e, !pool_spare(b.p, 2, &s));
    EXPECT_EQ(e, label_of("/s2", &state), 0);
    EXPECT_EQ(e, state, POOL_STATE_SPARE);
    EXPECT_EQ(e, pool_remove_spare(b.p, "/s1", NULL), 0);
    EXPECT_EQ(e, pool_remove_spare(b.p, "/s2", NULL), 0);
    export(&b);
    IMPORT(&b, false, "/d0", "/d1");
    EXPECT(e, !pool_spare(b.p, 0, &s));
    export(&b);
}

struct looker {
    struct bench *b;
    struct waitgroup done;
};

static void look_at_disks(void *arg)
{
    static const char *const s1[] = {"/s1"};
    struct looker *l = arg;
    EXPECT_EQ(l->b->e, pool_add_check(l->b->p, NULL, 0, s1, 1, false, NULL), 0);
    waitgroup_done(&l->done);
}

/* Whoever only looks is not seen by whoever adds. */
static void looks_beside_an_add_body(struct expect *e)
{
    static const char *const s0[] = {"/s0"}, *const s2[] = {"/s2", "/s2"};
    struct pool_spare_info s;
    struct bench b;
    struct looker l = {.b = &b};
    make(&b, e, (struct shape){LAYOUT_MIRROR, 2, 0});
    fixture_disk("/s0", DISK_SIZE);
    fixture_disk("/s1", DISK_SIZE);
    fixture_disk("/s2", DISK_SIZE);
    waitgroup_init(&l.done);
    waitgroup_add(&l.done, 2);
    check(fiber_start(look_at_disks, &l, "look"));
    EXPECT_EQ(e, pool_add(b.p, NULL, 0, s0, 1, false, NULL), 0);
    check(fiber_start(look_at_disks, &l, "look"));
    fiber_maybe_yield();
    EXPECT_EQ(e, b.p->nspares, 1);
    waitgroup_wait(&l.done);
    EXPECT_EQ(e, pool_add(b.p, NULL, 0, s2, 2, false, NULL), -EINVAL);
    EXPECT(e, pool_spare(b.p, 0, &s) && strcmp(s.path, "/s0") == 0);
    EXPECT(e, !pool_spare(b.p, 1, &s));
    export(&b);
    IMPORT(&b, false, "/d0", "/d1");
    EXPECT(e, pool_spare(b.p, 0, &s) && !pool_spare(b.p, 1, &s));
    export(&b);
}

/* A disk is gone, a spare takes its place by itself; the disk comes back, the spare goes. */
static void spare_returns_body(struct expect *e)
{
    const struct shape *s = e->arg;
    struct bench b;
    uint64_t state;
    make(&b, e, *s);
    write_every(&b, 1);
    export(&b);
    check(file_rename("/d0", "/gone") == 0);
    IMPORT(&b, false, "/d1", "/d2", "/s0");
    writer_start(&b);
    while (!spare_in_use(&b, 0))
        fiber_sleep_until(run_deadline_ms(100), NULL);
    pool_scan_wait(b.p);
    EXPECT_EQ(e, leaves(&b), s->n + 1);
    EXPECT_EQ(e, pool_remove_spare(b.p, "/s0", NULL), -EBUSY);
    writer_end(&b);
    pool_scan_wait(b.p);
    export(&b);
    if (s->layout == LAYOUT_MIRROR)
        VERIFY_WITH(&b, "/s0");
    else
        VERIFY_WITH(&b, "/s0", "/d1");
    check(file_rename("/gone", "/d0") == 0);
    IMPORT(&b, false, "/d0", "/d1", "/d2", "/s0");
    EXPECT(e, spare_in_use(&b, 0));
    pool_scan_wait(b.p);
    EXPECT(e, !spare_in_use(&b, 0));
    expect_quiet(&b, s->n);
    export(&b);
    EXPECT_EQ(e, label_of("/s0", &state), 0);
    EXPECT_EQ(e, state, POOL_STATE_SPARE);
    if (s->layout == LAYOUT_MIRROR)
        VERIFY_WITH(&b, "/d0");
    else
        VERIFY_WITH(&b, "/d0", "/d1");
}

/* The failed disk is replaced under its spare, which then goes; or the disk leaves, and the spare stays for good. */
static void spare_replaced_body(struct expect *e)
{
    struct pool_spare_info info;
    struct bench b;
    make(&b, e, (struct shape){LAYOUT_RAIDZ1, 3, 1});
    write_every(&b, 1);
    fixture_disk("/n", DISK_SIZE);
    EXPECT_EQ(e, pool_replace(b.p, "/d1", "/s0", false, NULL), 0);
    EXPECT_EQ(e, pool_replace(b.p, "/d1", "/n", false, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT(e, disk_of(b.p, "/n") && !spare_in_use(&b, 0));
    expect_quiet(&b, 3);
    EXPECT_EQ(e, pool_offline(b.p, "/n", NULL), 0);
    EXPECT_EQ(e, pool_replace(b.p, "/n", "/s0", false, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT_EQ(e, leaves(&b), 4);
    EXPECT_EQ(e, pool_detach(b.p, "/n", NULL), 0);
    EXPECT(e, !pool_spare(b.p, 0, &info));
    expect_quiet(&b, 3);
    verify(&b);
    export(&b);
    VERIFY_WITH(&b, "/d0", "/s0");
}

static void wait_spare(struct bench *b)
{
    for (unsigned i = 0; i < 600 && !spare_in_use(b, 0); i++)
        fiber_sleep_until(run_deadline_ms(100), NULL);
    EXPECT(b->e, spare_in_use(b, 0));
    pool_scan_wait(b->p);
}

static const char *const everything[] = {"/d0", "/d1", "/d2", "/s0", NULL};

/* The label of a disk that failed is of an old tree. The disks that hold the older state all have younger labels. */
static void stale_label_body(struct expect *e)
{
    struct run *run = reactor_run(reactor_self());
    struct bench b;
    make(&b, e, (struct shape){LAYOUT_RAIDZ1, 3, 1});
    write_every(&b, 1);
    sim_fail_writes(run, "/d0", 1, EIO);
    write_every(&b, 2);
    wait_spare(&b);
    expect_status(&b, "/d0", "FAULTED failed to write");
    write_every(&b, 3);
    sim_unplug(run, "/d2");
    write_every(&b, 5);
    EXPECT_EQ(e, pool_detach(b.p, "/d0", NULL), 0);
    uint64_t newest = b.p->ub.txg;
    export(&b);
    const struct pool_import_want want = {
        .paths = everything, .name = "tank", .read_only = true, .max_txg = newest - 1};
    check(pool_import(&want, &b.p, NULL) == 0);
    verify(&b);
    pool_close(b.p);
}

/* A disk that is alone after a replacement has the labels of the tree as it is; the trees before that need it too. */
static void older_tree_body(struct expect *e)
{
    static const char *const paths[] = {"/d0", "/n", NULL};
    struct bench b;
    make(&b, e, (struct shape){LAYOUT_SINGLE, 1, 0});
    write_every(&b, 1);
    fixture_disk("/n", DISK_SIZE);
    EXPECT_EQ(e, pool_replace(b.p, "/d0", "/n", false, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT(e, !disk_of(b.p, "/d0"));
    uint64_t newest = b.p->ub.txg;
    export(&b);
    const struct pool_import_want want = {
        .paths = paths, .name = "tank", .read_only = true, .max_txg = newest - 1};
    EXPECT_EQ(e, pool_import(&want, &b.p, NULL), 0);
    EXPECT_EQ(e, b.p->ub.txg, newest - 1);
    verify(&b);
    pool_close(b.p);
}

/* ---- errors ------------------------------------------------------------------------------------------- */

static void scrub(struct bench *b)
{
    EXPECT_EQ(b->e, pool_scrub(b->p, POOL_SCRUB_START, NULL), 0);
    pool_scan_wait(b->p);
}

/* It cannot read: used no more, spared, across imports; cleared, it is resilvered and the spare goes. */
static void read_errors_body(struct expect *e)
{
    const struct shape *s = e->arg;
    struct run *run = reactor_run(reactor_self());
    struct bench b;
    make(&b, e, *s);
    write_every(&b, 1);
    sim_fail_reads(run, "/d1", 2, -EIO);
    scrub(&b);
    wait_spare(&b);
    expect_status(&b, "/d1", "FAULTED failed to read");
    sim_fail_reads(run, "/d1", 0, 0);
    write_every(&b, 3);
    export(&b);
    IMPORT(&b, false, "/d0", "/d1", "/d2", "/s0");
    expect_status(&b, "/d1", "FAULTED failed before the pool was imported");
    EXPECT_EQ(e, pool_clear(b.p, "/d1", false, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT(e, !spare_in_use(&b, 0));
    expect_quiet(&b, s->n);
    verify(&b);
    export(&b);
}

/* It gives wrong bytes: used as before, said to be degraded, spared. */
static void rot_body(struct expect *e)
{
    const struct shape *s = e->arg;
    struct bench b;
    make(&b, e, *s);
    write_every(&b, 1);
    sim_rot(reactor_run(reactor_self()), "/d1", 5 * MIB, DISK_SIZE - 7 * MIB);
    scrub(&b);
    wait_spare(&b);
    expect_status(&b, "/d1", "DEGRADED too many errors");
    EXPECT_EQ(e, leaves(&b), s->n + 1);
    export(&b);
    IMPORT(&b, false, "/d0", "/d1", "/d2", "/s0");
    EXPECT_EQ(e, disk_of(b.p, "/d1")->state, VDEV_DEGRADED);
    EXPECT_EQ(e, pool_clear(b.p, NULL, false, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT(e, !spare_in_use(&b, 0));
    expect_quiet(&b, s->n);
    export(&b);
}

/* The last one that holds the data is never given up. */
static void last_body(struct expect *e)
{
    struct run *run = reactor_run(reactor_self());
    struct bench b;
    make(&b, e, (struct shape){LAYOUT_MIRROR, 2, 0});
    write_every(&b, 1);
    EXPECT_EQ(e, pool_offline(b.p, "/d1", NULL), 0);
    sim_fail_reads(run, "/d0", 2, -EIO);
    scrub(&b);
    fiber_sleep_until(run_deadline_ms(15000), NULL);
    sim_fail_reads(run, "/d0", 0, 0);
    EXPECT_EQ(e, disk_of(b.p, "/d0")->state, VDEV_DEGRADED);
    write_every(&b, 2);
    verify(&b);
    export(&b);
}

/* With the property set nobody has to say that a disk was exchanged. */
static void autoreplace_body(struct expect *e)
{
    struct bench b;
    make(&b, e, (struct shape){LAYOUT_MIRROR, 2, 0});
    write_every(&b, 1);
    export(&b);
    check(file_rename("/d0", "/gone") == 0);
    IMPORT(&b, false, "/d1");
    b.p->autoreplace = true;
    fixture_disk("/d0", DISK_SIZE);
    for (unsigned i = 0; i < 100 && leaves(&b) == 2; i++)
        fiber_sleep_until(run_deadline_ms(100), NULL);
    pool_scan_wait(b.p);
    expect_quiet(&b, 2);
    export(&b);
    VERIFY_WITH(&b, "/d0");
}

/* Two pools list the same spare: who is first has it, until it is back. */
static void shared_spare_body(struct expect *e)
{
    static const char *const s0[] = {"/s0"}, *const own[] = {"/x0", "/x1"};
    const struct pool_group group = {LAYOUT_MIRROR, 2, own};
    const struct pool_create_want want = {.name = "other",
                                          .groups = &group,
                                          .ngroups = 1,
                                          .spares = s0,
                                          .nspares = 1,
                                          .opts = {.dirty_bytes = 4 * MIB}};
    struct bench a, b = {.e = e};
    make(&a, e, (struct shape){LAYOUT_MIRROR, 2, 1});
    fixture_disk("/x0", DISK_SIZE);
    fixture_disk("/x1", DISK_SIZE);
    check(pool_create(&want, &b.p, NULL) == 0);
    EXPECT_EQ(e, b.p->spares[0].guid, a.p->spares[0].guid);
    EXPECT_EQ(e, pool_replace(a.p, "/d0", "/s0", false, NULL), 0);
    expect_status(&a, "/s0", "INUSE currently in use");
    spares_look(b.p);
    expect_status(&b, "/s0", "INUSE in use by pool tank");
    EXPECT_EQ(e, pool_replace(b.p, "/x0", "/s0", false, NULL), -EBUSY);
    EXPECT_EQ(e, leaves(&b), 2);
    pool_scan_wait(a.p);
    EXPECT(e, !spare_in_use(&a, 0)); /* nothing was wrong with /d0 */
    EXPECT_EQ(e, pool_offline(b.p, "/x0", NULL), 0);
    EXPECT_EQ(e, pool_replace(b.p, "/x0", "/s0", false, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT_EQ(e, leaves(&b), 3);
    export(&b);
    export(&a);
}

/* ---- what is told of spares ------------------------------------------------------------------------- */

static unsigned told_no_spare, told_missing, told_there;

static void listen(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                   size_t n)
{
    (void)arg, (void)level, (void)kv, (void)n;
    told_no_spare += strcmp(event, "pool.no_spare") == 0;
    told_missing += strcmp(event, "spare.missing") == 0;
    told_there += strcmp(event, "spare.there") == 0;
}

/* A spare that has gone is seen by itself, is told once, however often it is needed, and is used when it is back. */
static void spare_gone_body(struct expect *e)
{
    struct bench b;
    make(&b, e, (struct shape){LAYOUT_MIRROR, 2, 1});
    told_no_spare = told_missing = told_there = 0;
    expect_status(&b, "/s0", "AVAIL");
    check(file_rename("/s0", "/away") == 0);
    fiber_sleep_until(run_deadline_ms(90000), NULL);
    expect_status(&b, "/s0", "UNAVAIL /s0");
    EXPECT_EQ(e, told_missing, 1);
    write_every(&b, 1);
    export(&b);
    IMPORT(&b, false, "/d0", "/d1");
    expect_status(&b, "/s0", "UNAVAIL /s0");
    sim_fail_writes(reactor_run(reactor_self()), "/d0", 1, EIO);
    write_every(&b, 2);
    fiber_sleep_until(run_deadline_ms(300000), NULL);
    expect_status(&b, "/d0", "FAULTED");
    EXPECT_EQ(e, told_no_spare, 1);
    EXPECT_EQ(e, told_missing, 2);
    check(file_rename("/away", "/s0") == 0);
    wait_spare(&b);
    EXPECT_EQ(e, told_no_spare, 1);
    expect_status(&b, "/s0", "INUSE currently in use");
    export(&b);
}

static const struct shape single = {LAYOUT_SINGLE, 1, 0}, mirror = {LAYOUT_MIRROR, 2, 0},
                          raidz1 = {LAYOUT_RAIDZ1, 3, 0}, mirror_s = {LAYOUT_MIRROR, 2, 1},
                          raidz1_s = {LAYOUT_RAIDZ1, 3, 1};

#define TEST(name, body, shape)                                                                \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        expect_in(expect_sim(1), body, (void *)(uintptr_t)(shape));                            \
    }
TEST(attach_and_detach, attach_body, NULL)
TEST(replace_a_single_disk, replace_body, &single)
TEST(an_older_tree_after_a_replacement, older_tree_body, NULL)
TEST(an_older_tree_beside_a_stale_label, stale_label_body, NULL)
TEST(replace_in_a_mirror, replace_body, &mirror)
TEST(replace_in_raidz1, replace_body, &raidz1)
TEST(replace_at_the_same_path_mirror, same_path_body, &mirror)
TEST(replace_at_the_same_path_raidz1, same_path_body, &raidz1)
TEST(a_replacement_is_called_off, called_off_body, NULL)
TEST(add_a_group, add_body, NULL)
TEST(the_list_of_spares, spare_list_body, NULL)
TEST(a_look_beside_an_add, looks_beside_an_add_body, NULL)
TEST(a_spare_comes_and_goes_mirror, spare_returns_body, &mirror_s)
TEST(a_spare_comes_and_goes_raidz1, spare_returns_body, &raidz1_s)
TEST(a_disk_is_replaced_under_its_spare, spare_replaced_body, NULL)
TEST(a_disk_that_cannot_read_mirror, read_errors_body, &mirror_s)
TEST(a_disk_that_cannot_read_raidz1, read_errors_body, &raidz1_s)
TEST(a_disk_that_rots_mirror, rot_body, &mirror_s)
TEST(a_disk_that_rots_raidz1, rot_body, &raidz1_s)
TEST(the_last_disk_is_not_given_up, last_body, NULL)
TEST(autoreplace, autoreplace_body, NULL)
TEST(a_spare_of_two_pools, shared_spare_body, NULL)
TEST(a_spare_that_has_gone, spare_gone_body, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attach_and_detach),
        cmocka_unit_test(test_replace_a_single_disk),
        cmocka_unit_test(test_an_older_tree_after_a_replacement),
        cmocka_unit_test(test_an_older_tree_beside_a_stale_label),
        cmocka_unit_test(test_replace_in_a_mirror),
        cmocka_unit_test(test_replace_in_raidz1),
        cmocka_unit_test(test_replace_at_the_same_path_mirror),
        cmocka_unit_test(test_replace_at_the_same_path_raidz1),
        cmocka_unit_test(test_a_replacement_is_called_off),
        cmocka_unit_test(test_add_a_group),
        cmocka_unit_test(test_the_list_of_spares),
        cmocka_unit_test(test_a_look_beside_an_add),
        cmocka_unit_test(test_a_spare_comes_and_goes_mirror),
        cmocka_unit_test(test_a_spare_comes_and_goes_raidz1),
        cmocka_unit_test(test_a_disk_is_replaced_under_its_spare),
        cmocka_unit_test(test_a_disk_that_cannot_read_mirror),
        cmocka_unit_test(test_a_disk_that_cannot_read_raidz1),
        cmocka_unit_test(test_a_disk_that_rots_mirror),
        cmocka_unit_test(test_a_disk_that_rots_raidz1),
        cmocka_unit_test(test_the_last_disk_is_not_given_up),
        cmocka_unit_test(test_autoreplace),
        cmocka_unit_test(test_a_spare_of_two_pools),
        cmocka_unit_test(test_a_spare_that_has_gone),
    };
    log_set_sink(listen, NULL);
    return cmocka_run_group_tests_name("pool_disks", tests, NULL, NULL);
}
