/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools whose records lie while all their checksums are right. Our own engine writes the lie, in a sync task; then the pool
 * is imported, written to, scrubbed and closed. It may be refused, with a word about why; it may not crash or hang. Most
 * of these were found by tests/fuzz/pool_image.c.
 */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "run/file.h"
#include "volume/expect.h"

#include <errno.h>

#define MIB       (1ull << 20)
#define DISK_SIZE (66 * MIB)
#define BLOCK     8192u
#define BLOCKS    64u
#define HUGE      (1ull << 60)

static const char *const disks[] = {"/d0", "/d1", NULL};

/* What is told, in a sync task of the pool; what becomes of the import. */
struct lie {
    int (*tell)(struct pool *p);
    int import;        /* 0: it succeeds */
    bool fails_writes; /* the pool can be imported, and takes no change */
};

static struct pool *import(struct expect *e, int want_r)
{
    struct pool *p = NULL;
    struct err err = {0};
    const struct pool_import_want want = {.paths = disks, .name = "tank"};
    int r = pool_import(&want, &p, &err);
    EXPECT_EQ(e, r, want_r);
    EXPECT_EQ(e, err.code, r);
    EXPECT(e, r == 0 || err.msg[0]);
    return r == 0 ? p : NULL;
}

static int write_blocks(struct pool *p, unsigned step)
{
    struct volume *v = NULL;
    struct sgl sgl;
    int r = pool_volume_open(p, "v", &v, NULL);
    for (unsigned i = 0; r == 0 && i < BLOCKS; i += step) {
        sgl_init(&sgl);
        r = sgl_alloc(&sgl, BLOCK);
        if (r == 0) {
            memset(sgl.v[0].p, (int)(i + 1), BLOCK);
            r = v->ops->write(v, i * BLOCK, &sgl, 0);
        }
        sgl_clear(&sgl);
    }
    int synced = pool_sync(p);
    if (v)
        volume_close(v);
    return r ? r : synced;
}

static struct pool *create(void)
{
    struct pool *p;
    const struct pool_group group = {LAYOUT_MIRROR, 2, disks};
    const struct pool_create_want want = {.name = "tank", .groups = &group, .ngroups = 1};
    const struct pool_volume_want vol = {
        .name = "v", .size = (uint64_t)BLOCKS * BLOCK, .block_size = BLOCK};
    for (unsigned i = 0; disks[i]; i++)
        fixture_disk(disks[i], DISK_SIZE);
    check(pool_create(&want, &p, NULL) == 0 && pool_volume_create(p, &vol, NULL) == 0);
    check(write_blocks(p, 1) == 0);
    return p;
}

static int tell(void *arg, uint64_t txg, struct err *reterr)
{
    const struct lie *lie = ((void **)arg)[1];
    (void)txg, (void)reterr;
    return lie->tell(((void **)arg)[0]);
}

static void lie_body(struct expect *e)
{
    const struct lie *lie = e->arg;
    struct pool *p = create();
    void *arg[] = {p, e->arg};
    EXPECT_EQ(e, txg_run(p, tell, arg, NULL), 0);
    pool_close(p);
    p = import(e, lie->import);
    if (!p)
        return;
    int r = write_blocks(p, 3);
    EXPECT_EQ(e, r != 0, lie->fails_writes);
    if (r)
        EXPECT(e, write_blocks(p, 5) != 0); /* and nothing comes of trying again */
    pool_scrub(p, POOL_SCRUB_START, NULL);
    pool_scan_wait(p);
    pool_export(p, NULL);
}

/* ---- the lies -------------------------------------------------------------------------------------------- */

/* A word of an object's bonus. */
static int set_bonus(struct pool *p, uint64_t id, size_t at, uint64_t v)
{
    struct object *obj;
    le64 word = le64_make(v);
    int r = object_hold(p->mos, id, &obj);
    if (r)
        return r;
    memcpy((uint8_t *)object_bonus_change(obj) + at, &word, sizeof(word));
    object_release(obj);
    return 0;
}
#define SET_BONUS(p, id, type, field, v) set_bonus(p, id, offsetof(struct type, field), v)

static struct dsl_dataset *head(struct pool *p)
{
    return dsl_find(&p->dsl, "v")->head;
}

static int many_to_free(struct pool *p)
{
    return SET_BONUS(p, p->dsl.free_bpobj, bpobj_phys, num_blkptrs, HUGE);
}

/* A list of sub-objects that holds id so many times, as it says. */
static int sub_objects(struct pool *p, uint64_t id, uint64_t n)
{
    const struct object_props props = {.type = DMU_BPOBJ_SUBOBJ, .block_size = 4096};
    struct object *obj;
    uint64_t list;
    le64 entry = le64_make(id);
    int r = object_create(p->mos, 0, &props, &list);
    if (r == 0)
        r = object_hold(p->mos, list, &obj);
    if (r)
        return r;
    r = object_write(obj, 0, &entry, sizeof(entry));
    object_release(obj);
    if (r == 0)
        r = SET_BONUS(p, p->dsl.free_bpobj, bpobj_phys, subobjs, list);
    return r ? r : SET_BONUS(p, p->dsl.free_bpobj, bpobj_phys, num_subobjs, n);
}

static int many_lists(struct pool *p)
{
    uint64_t id;
    int r = bpobj_create(p->mos, 4096, &id);
    return r ? r : sub_objects(p, id, HUGE);
}

static int list_in_itself(struct pool *p)
{
    return sub_objects(p, p->dsl.free_bpobj, 1);
}

/* What is to be destroyed is a dataset that is in use. */
static int list_is_a_dataset(struct pool *p)
{
    return SET_BONUS(p, p->dsl.free_bpobj, bpobj_phys, subobjs, head(p)->id);
}

static int dirty_time_log(struct pool *p, uint64_t length)
{
    struct vdev *leaf = vdev_leaf(p->root, 1);
    int r = map_object_create(p, &leaf->dtl_object);
    p->config_dirty = true;
    return r ? r : SET_BONUS(p, leaf->dtl_object, space_map_phys, length, length);
}

static int long_dirty_time_log(struct pool *p)
{
    return dirty_time_log(p, HUGE);
}

static int ragged_dirty_time_log(struct pool *p)
{
    return dirty_time_log(p, 12);
}

static int dirty_time_log_is_a_dataset(struct pool *p)
{
    vdev_leaf(p->root, 1)->dtl_object = head(p)->id;
    p->config_dirty = true;
    return 0;
}

static int long_space_map(struct pool *p)
{
    struct metaslab *ms = space_metaslab(p->space, p->root->child[0], 0);
    ms->length = HUGE; /* what the txg appends comes behind it */
    return SET_BONUS(p, ms->object, space_map_phys, length, HUGE);
}

static int two_names(struct pool *p)
{
    uint64_t children = le64_get(dsl_dir_phys(p->dsl.root)->child_zap);
    return zap_set_u64(p->mos, children, "w", head(p)->dir->id);
}

static int no_features(struct pool *p)
{
    return zap_set_u64(p->mos, DMU_OBJECT_DIRECTORY, "features_for_write", head(p)->id);
}

/* Its block is of a kind that we don't read: the pointer stands before the bonus, one of three. */
static int encrypted_features(struct pool *p)
{
    struct object *obj;
    int r = object_hold(p->mos, p->dsl.feat_write, &obj);
    if (r)
        return r;
    struct bp *bp = (struct bp *)object_bonus_change(obj) - 3;
    bp_word_set(bp, 6, bp_word(bp, 6) | 1ull << 61);
    object_release(obj);
    return 0;
}

static int no_config(struct pool *p)
{
    return zap_remove(p->mos, DMU_OBJECT_DIRECTORY, "config");
}

/* All blocks belong to a snapshot; where they go is no list of blocks. */
static int deadlist_is_a_dataset(struct pool *p)
{
    struct dsl_dataset *ds = head(p);
    int r = SET_BONUS(p, ds->id, dsl_dataset_phys, prev_snap_txg, UINT64_MAX >> 1);
    if (r == 0)
        r = zap_set_int(p->mos, ds->deadlist.id, 0, p->dsl.root->head->id);
    return r;
}

/* The record of the last scrub names a dataset as its queue. */
static int queue_is_a_dataset(struct pool *p)
{
    uint64_t n[24] = {1, 2, head(p)->id};
    return zap_set_u64s(p->mos, DMU_OBJECT_DIRECTORY, "scan", n, ARRAY_LEN(n));
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

#define TEST(name, r, fails)                                                                   \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        static struct lie lie = {name, r, fails};                                              \
        (void)state;                                                                           \
        expect_in(expect_sim(1), lie_body, &lie);                                              \
    }
TEST(many_to_free, -EBADMSG, false)
TEST(many_lists, -EBADMSG, false)
TEST(list_in_itself, -EBADMSG, false)
TEST(list_is_a_dataset, -EBADMSG, false)
TEST(long_dirty_time_log, -EBADMSG, false)
TEST(ragged_dirty_time_log, -EBADMSG, false)
TEST(dirty_time_log_is_a_dataset, -EBADMSG, false)
TEST(long_space_map, 0, false)
TEST(two_names, -EBADMSG, false)
TEST(no_features, -EBADMSG, false)
TEST(encrypted_features, -EOPNOTSUPP, false)
TEST(no_config, -ENOENT, false)
TEST(deadlist_is_a_dataset, 0, true)
TEST(queue_is_a_dataset, 0, false)

/* Nobody who asks need want to know why. */
static void no_words_body(struct expect *e)
{
    struct pool *p = create();
    const struct pool_import_want want = {.paths = disks, .name = "tank"};
    static struct lie lie = {no_config, -ENOENT, false};
    void *arg[] = {p, &lie};
    EXPECT_EQ(e, txg_run(p, tell, arg, NULL), 0);
    pool_close(p);
    EXPECT_EQ(e, pool_import(&want, &p, NULL), -ENOENT);
}

static void test_no_words(void **state)
{
    (void)state;
    expect_in(expect_sim(1), no_words_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_to_free),
        cmocka_unit_test(test_many_lists),
        cmocka_unit_test(test_list_in_itself),
        cmocka_unit_test(test_list_is_a_dataset),
        cmocka_unit_test(test_long_dirty_time_log),
        cmocka_unit_test(test_ragged_dirty_time_log),
        cmocka_unit_test(test_dirty_time_log_is_a_dataset),
        cmocka_unit_test(test_long_space_map),
        cmocka_unit_test(test_two_names),
        cmocka_unit_test(test_no_features),
        cmocka_unit_test(test_encrypted_features),
        cmocka_unit_test(test_no_config),
        cmocka_unit_test(test_deadlist_is_a_dataset),
        cmocka_unit_test(test_queue_is_a_dataset),
        cmocka_unit_test(test_no_words),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_lies", tests, NULL, NULL);
}
