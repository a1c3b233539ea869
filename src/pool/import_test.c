/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding and importing pools in the simulated world: what is refused, with which words, and that not a byte of what is
 * refused was written.
 */
#include "pool/format/zil.h"
#include "pool/import_fixture.h"
#include "pool/pool_fixture.h"

#include <errno.h>
#include <stdio.h>

/* ---- coming back ----------------------------------------------------------------------------------------- */

static void names_body(struct expect *e)
{
    struct tank t;
    struct pool *p;
    struct err err = {0};
    tank_make(&t, e, LAYOUT_MIRROR, 2);
    uint64_t guid = t.p->guid;
    tank_export(&t);
    const char *const folder[] = {"/", NULL}, *const disk[] = {"/d1", NULL},
                      *const nowhere[] = {"/x", NULL};
    EXPECT_EQ(e, tank_import(&t, .paths = folder), 0);
    tank_export(&t);
    EXPECT_EQ(e, tank_import(&t, .paths = folder, .guid = guid, .new_name = "lake"), 0);
    EXPECT(e, strcmp(pool_name(t.p), "lake") == 0);
    tank_export(&t);
    EXPECT_EQ(e, tank_import(&t, .paths = folder, .name = "tank"), -ENOENT);
    EXPECT(e, said(&t, "no pool tank on the 2 devices"));
    EXPECT_EQ(e, tank_import(&t, .paths = nowhere, .name = "lake"), -ENOENT);
    EXPECT_EQ(e, tank_import(&t, .paths = disk, .name = "lake", .new_name = "mirror"), -EINVAL);
    check(file_rename("/d0", "/away") == 0);
    EXPECT_EQ(e, tank_import(&t, .paths = disk, .name = "lake"), 0);
    EXPECT(e, t.p->root->state == VDEV_DEGRADED);
    pool_close(t.p);
    check(file_rename("/away", "/d0") == 0);
    const struct pool_import_want closed = {.paths = folder, .opts = {.hostid = 7}};
    EXPECT_EQ(e, pool_import(&closed, &p, &err), 0); /* no host was named in its labels */
    pool_close(p);
}

static void dry_run_body(struct expect *e)
{
    struct tank t;
    struct pool_import_report r;
    tank_make(&t, e, LAYOUT_MIRROR, 2);
    tank_export(&t);
    uint64_t was = disks_sum(2);
    EXPECT_EQ(e, tank_import(&t, .dry_run = true, .report = &r), 0);
    EXPECT(e, !t.p && r.txg == r.newest_txg && strcmp(r.health, "ONLINE") == 0 && !r.read_only);
    const char *const one[] = {"/d0", NULL};
    check(file_rename("/d1", "/away") == 0);
    EXPECT_EQ(e, tank_import(&t, .paths = one, .dry_run = true, .report = &r), 0);
    EXPECT(e, strcmp(r.health, "DEGRADED") == 0);
    check(file_rename("/away", "/d1") == 0);
    EXPECT_EQ(e, tank_import(&t, .read_only = true, .report = &r), 0);
    EXPECT(e, r.read_only && !r.read_only_why[0] && pool_read_only(t.p, NULL));
    EXPECT_EQ(e, pool_prop_set(t.p, "comment", "x", NULL), -EROFS);
    tank_export(&t);
    EXPECT_EQ(e, disks_sum(2), was);
}

static void destroyed_body(struct expect *e)
{
    struct tank t;
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    EXPECT_EQ(e, pool_destroy(t.p, false, &t.err), -EBUSY);
    EXPECT(e, said(&t, "pool tank holds v"));
    EXPECT_EQ(e, pool_destroy(t.p, true, &t.err), 0);
    uint64_t was = disks_sum(1);
    EXPECT_EQ(e, tank_import(&t, .name = "tank"), -ENOENT);
    EXPECT(e, said(&t, "import it with --destroyed"));
    EXPECT_EQ(e, disks_sum(1), was);
    EXPECT_EQ(e, tank_import(&t, .name = "tank", .destroyed = true), 0);
    tank_export(&t);
    EXPECT_EQ(e, tank_import(&t, .name = "tank", .destroyed = true), -EINVAL);
    EXPECT_EQ(e, tank_import(&t, .name = "tank"), 0);
    tank_verify(&t, t.fill);
    tank_export(&t);
}

/* ---- refused ---------------------------------------------------------------------------------------------- */

static void hosts_body(struct expect *e)
{
    struct tank t;
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    t.p->hostid = 5;
    strcpy(t.p->hostname, "barn");
    t.p->config_dirty = true;
    EXPECT_EQ(e, pool_sync(t.p), 0);
    pool_close(t.p);
    uint64_t was = disks_sum(1);
    EXPECT_EQ(e, tank_import(&t, .opts = {.hostid = 6}), -EBUSY);
    EXPECT(e, said(&t, "last used by host barn"));
    EXPECT_EQ(e, disks_sum(1), was);
    EXPECT_EQ(e, tank_import(&t, .opts = {.hostid = 5}), 0);
    pool_close(t.p);
    EXPECT_EQ(e, tank_import(&t, .opts = {.hostid = 6}, .force = true), 0);
    tank_export(&t);
}

/* A host with multihost on goes on writing uberblocks while we watch. */
static void other_host(void *arg)
{
    struct expect *e = arg;
    fiber_sleep_until(run_deadline_ms(3000), NULL);
    uberblocks_patch("/d0", UINT64_MAX, ub_bump);
    EXPECT(e, true);
}

static void multihost_body(struct expect *e)
{
    struct tank t;
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    t.p->hostid = 5;
    t.p->config_dirty = true;
    EXPECT_EQ(e, pool_sync(t.p), 0);
    pool_close(t.p);
    uberblocks_patch("/d0", UINT64_MAX, ub_multihost);
    check(fiber_start(other_host, e, "other"));
    EXPECT_EQ(e, tank_import(&t, .opts = {.hostid = 6}, .force = true), -EBUSY);
    EXPECT(e, said(&t, "which wrote to it just now"));
    EXPECT_EQ(e, tank_import(&t, .opts = {.hostid = 6}, .force = true), 0);
    tank_export(&t);
}

static void in_use_body(struct expect *e)
{
    struct tank t;
    struct file *f;
    const struct file_opts opts = {.mode = FILE_RDWR, .exclusive = true};
    tank_make(&t, e, LAYOUT_MIRROR, 2);
    tank_export(&t);
    uint64_t was = disks_sum(2);
    check(file_open("/d1", &opts, &f, NULL) == 0);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), -EBUSY);
    EXPECT(e, said(&t, "/d1 is in use, by this or another program"));
    file_close(f);
    EXPECT_EQ(e, disks_sum(2), was);
}

static void copies_body(struct expect *e)
{
    struct tank t;
    tank_make(&t, e, LAYOUT_MIRROR, 2);
    tank_export(&t);
    disk_copy("/d1", "/d2");
    uint64_t was = disks_sum(3);
    EXPECT_EQ(e, tank_import(&t, .name = "tank"), -EEXIST);
    EXPECT(e, said(&t, "/d1 and /d2 are the same disk of it"));
    EXPECT_EQ(e, disks_sum(3), was);
}

static void missing_body(struct expect *e)
{
    struct tank t;
    tank_make_groups(&t, e, 2, LAYOUT_RAIDZ1, 2);
    tank_export(&t);
    const char *const half[] = {"/d0", "/d1", NULL}, *const three[] = {"/d0", "/d1", "/d2",
                                                                       NULL};
    uint64_t was = disks_sum(4);
    check(file_rename("/d2", "/away2") == 0 && file_rename("/d3", "/away3") == 0);
    EXPECT_EQ(e, tank_import(&t, .paths = half), -ENXIO);
    EXPECT(e, said(&t, "none of the disks of its top-level vdev 1 was found"));
    check(file_rename("/away2", "/d2") == 0);
    EXPECT_EQ(e, tank_import(&t, .paths = three, .read_only = true), 0);
    tank_verify(&t, t.fill);
    tank_export(&t);
    check(file_rename("/away3", "/d3") == 0);
    EXPECT_EQ(e, disks_sum(4), was);
}

/* ---- labels that lie ---------------------------------------------------------------------------------------- */

static void make_newer(struct nv *label)
{
    check(nv_add_u64(label, "version", 5001) == 0);
}
static void make_older(struct nv *label)
{
    check(nv_add_u64(label, "version", 28) == 0);
}
static void make_unknown(struct nv *label)
{
    struct nv *list = nv_new();
    check(list && nv_add_bool(list, "org.example:later") == 0);
    check(nv_add_nv(label, "features_for_read", list) == 0);
}
static void make_many(struct nv *label)
{
    check(nv_add_u64(label, "vdev_children", 1u << 20) == 0);
}
static void make_three(struct nv *label)
{
    check(nv_add_u64(label, "vdev_children", 3) == 0);
}
static struct nv *tree_of(struct nv *label)
{
    struct nv *tree = NULL;
    check(nv_get_nv(label, "vdev_tree", &tree));
    return tree;
}
static void make_other_array(struct nv *label)
{
    check(nv_add_u64(tree_of(label), "metaslab_array", 9999) == 0);
}
static void make_dragon(struct nv *label)
{
    check(nv_add_str(tree_of(label), "type", "dragon") == 0);
}
static void make_ashift(struct nv *label)
{
    check(nv_add_u64(tree_of(label), "ashift", 63) == 0);
}

static void make_no_guid(struct nv *label)
{
    check(nv_add_u64(tree_of(label), "guid", 0) == 0);
}

static const struct lie {
    void (*make)(struct nv *label);
    int err;
    const char *says;
} lies[] = {
    {make_newer,       -EOPNOTSUPP,
     "pool tank (/d0) has version 5001, newer than 5000, the newest known here: use the "
     "software"                                                                                       },
    {make_older,       -EOPNOTSUPP, "older than 5000"                                                 },
    {make_unknown,     -EOPNOTSUPP,
     "pool tank (/d0): the pool uses the feature org.example:later, with which it cannot be "
     "opened: use"                                                                                    },
    {make_many,        -EBADMSG,    "speaks of 1048576 top-level vdevs"                               },
    {make_three,       -ENXIO,      "none of the disks of its top-level vdev 1 was found"             },
    {make_other_array, -EBADMSG,    "the label of /d0 has metaslab_array 9999"                        },
    {make_dragon,      -EBADMSG,    "its labels, as of /d0: device tree: unknown type dragon (/d0)"   },
    {make_no_guid,     -EBADMSG,    "device tree: file 0 (/d0, guid 0): no guid"                      },
    {make_ashift,      -EBADMSG,    "pool tank: no valid uberblock on /d0: look for more of its disks"},
};

static void lies_body(struct expect *e)
{
    struct tank t;
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    tank_export(&t);
    for (unsigned i = 0; i < ARRAY_LEN(lies); i++) {
        check(file_rename("/d0", "/good") == 0);
        disk_copy("/good", "/d0");
        labels_patch("/d0", 0xf, lies[i].make);
        uint64_t was = disks_sum(1);
        const char *const paths[] = {"/d0", NULL};
        EXPECT_EQ(e, tank_import(&t, .paths = paths), lies[i].err);
        EXPECT(e, said(&t, lies[i].says));
        EXPECT_EQ(e, disks_sum(1), was);
        check(file_unlink("/d0") == 0 && file_rename("/good", "/d0") == 0);
    }
    uberblocks_patch("/d0", UINT64_MAX, ub_guid_sum);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), -EBADMSG);
    EXPECT(e, said(&t, "pool tank: the sum of its disks' guids is not that of the uberblock of "
                       "/d0; import --rewind would go back"));
}

static void make_foreign(struct nv *label)
{
    check(nv_add_u64(label, "pool_guid", 4711) == 0 && nv_add_str(label, "name", "lake") == 0);
}

/* One disk of a mirror has labels of two pools: it is not used, and stays as it is. */
static void two_pools_body(struct expect *e)
{
    struct tank t;
    tank_make(&t, e, LAYOUT_MIRROR, 2);
    tank_export(&t);
    labels_patch("/d1", 0xc, make_foreign);
    uint64_t was = disk_sum("/d1");
    EXPECT_EQ(e, tank_import(&t, .name = "tank"), 0);
    EXPECT(e, t.p->root->state == VDEV_DEGRADED);
    tank_fill(&t, 9);
    tank_export(&t);
    EXPECT_EQ(e, disk_sum("/d1"), was);
    labels_patch("/d0", 0xc, make_foreign);
    EXPECT_EQ(e, tank_import(&t, .name = "tank"), -ENOENT);
    EXPECT(e, said(&t, "carries labels of two pools"));
}

/* ---- features ------------------------------------------------------------------------------------------------ */

struct later {
    struct pool *p;
    bool for_read;
};

static int feature_put(void *arg, uint64_t txg, struct err *reterr)
{
    const struct later *l = arg;
    struct dsl *dsl = &l->p->dsl;
    (void)txg, (void)reterr;
    return zap_set_u64(dsl->mos, l->for_read ? dsl->feat_read : dsl->feat_write,
                       "org.example:later", 1);
}

/* One that we don't know: read-only where that is enough, else refused. */
static void features_body(struct expect *e)
{
    struct tank t;
    const char *why;
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    struct later l = {t.p, false};
    EXPECT_EQ(e, txg_run(t.p, feature_put, &l, NULL), 0);
    tank_export(&t);
    uint64_t was = disks_sum(1);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), 0);
    EXPECT(e, pool_read_only(t.p, &why) && strstr(why, "the feature org.example:later"));
    tank_verify(&t, 1);
    tank_export(&t);
    EXPECT_EQ(e, disks_sum(1), was);
    check(file_unlink("/d0") == 0);
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    l = (struct later){t.p, true};
    EXPECT_EQ(e, txg_run(t.p, feature_put, &l, NULL), 0);
    tank_export(&t);
    was = disks_sum(1);
    EXPECT_EQ(e, tank_import(&t, .read_only = true), -EOPNOTSUPP);
    EXPECT(e, said(&t, "the feature org.example:later, with which it cannot be opened"));
    EXPECT_EQ(e, disks_sum(1), was);
}

static int ddt_put(void *arg, uint64_t txg, struct err *reterr)
{
    struct pool *p = arg;
    uint64_t stats = 0, table[64 * 8] = {0};
    (void)txg, (void)reterr;
    table[3] = 1000;
    table[7] = 2345;
    check(zap_create(p->mos, DMU_POOL_PROPS, DMU_NONE, 0, &stats) == 0);
    check(zap_set_u64s(p->mos, stats, "DDT-sha256-zap-duplicate", table, ARRAY_LEN(table)) ==
          0);
    check(zap_set_u64(p->mos, DMU_OBJECT_DIRECTORY, "DDT-statistics", stats) == 0);
    return 0;
}

static int ddt_put_table(void *arg, uint64_t txg, struct err *reterr)
{
    struct pool *p = arg;
    (void)txg, (void)reterr;
    return zap_set_u64(p->mos, DMU_OBJECT_DIRECTORY, "DDT-sha256-zap-duplicate", 1);
}

/* Its statistics stay when the last shared block is gone, its tables don't. */
static void dedup_body(struct expect *e)
{
    struct tank t;
    const char *why;
    char value[64];
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    EXPECT_EQ(e, txg_run(t.p, ddt_put, t.p, NULL), 0);
    tank_export(&t);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), 0);
    EXPECT(e, !pool_read_only(t.p, NULL));
    EXPECT_EQ(e, pool_prop_get(t.p, "dedupratio", value, sizeof(value), NULL, NULL), 0);
    EXPECT(e, strcmp(value, "1.00") == 0);
    EXPECT_EQ(e, txg_run(t.p, ddt_put_table, t.p, NULL), 0);
    tank_export(&t);
    uint64_t was = disks_sum(1);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), 0);
    EXPECT(e, pool_read_only(t.p, &why) && strstr(why, "it has deduplicated blocks"));
    EXPECT_EQ(e, pool_prop_get(t.p, "dedupratio", value, sizeof(value), NULL, NULL), 0);
    EXPECT(e, strcmp(value, "2.34") == 0);
    tank_verify(&t, 1);
    tank_export(&t);
    EXPECT_EQ(e, disks_sum(1), was);
}

/* ---- a log that nobody can follow ---------------------------------------------------------------------------- */

#define LOGGED 0xaa

/* Writes durably, and keeps the disk as a power cut would leave it then, or after the txg was written. *ret_log: where the
 * log begins. */
static void log_make(struct tank *t, struct bp *ret_log, bool sync)
{
    static uint8_t bytes[4096];
    struct volume *v;
    struct sgl sgl;
    memset(bytes, LOGGED, sizeof(bytes));
    check(pool_volume_open(t->p, "v", &v, NULL) == 0);
    for (unsigned i = 0; i < 3; i++) {
        sgl_init(&sgl);
        check(sgl_alloc(&sgl, sizeof(bytes)) == 0);
        sgl_copy_in(&sgl, 0, bytes, sizeof(bytes));
        EXPECT_EQ(t->e, v->ops->write(v, i * 65536, &sgl, VOL_FUA), 0);
        sgl_clear(&sgl);
    }
    *ret_log = objset_zil(dsl_find(&t->p->dsl, "v")->head->os)->log;
    if (sync)
        EXPECT_EQ(t->e, pool_sync(t->p), 0);
    disk_copy("/d0", "/cut");
    volume_close(v);
    pool_close(t->p);
    check(file_unlink("/d0") == 0 && file_rename("/cut", "/d0") == 0);
}

/* The first record of the log gets a length that cannot be. */
static void log_break(const struct bp *log)
{
    const struct file_opts opts = {.mode = FILE_RDWR};
    static uint8_t block[ZIL_BLOCK_MAX];
    struct file *f;
    struct bp bp = *log, next;
    uint32_t used = ZIL_BLOCK_HEADER;
    check(file_open("/d0", &opts, &f, NULL) == 0);
    for (; used == ZIL_BLOCK_HEADER; bp = next) {
        uint64_t at = LABEL_FRONT + bp_dva(&bp, 0).off;
        le64 len = le64_make(8);
        check(file_pread(f, at, block, bp_lsize(&bp)) == 0);
        check(zil_block_parse(block, &bp, &next, &used));
        if (used == ZIL_BLOCK_HEADER)
            continue;
        memcpy(block + ZIL_BLOCK_HEADER + sizeof(le64), &len, sizeof(len));
        zil_block_seal(block, &bp, &next, used);
        check(file_pwrite(f, at, block, bp_lsize(&bp)) == 0);
    }
    check(file_flush(f) == 0);
    file_close(f);
}

static void log_body(struct expect *e)
{
    struct tank t;
    struct bp log;
    struct volume *v;
    const char *why;
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    log_make(&t, &log, false);
    log_break(&log);
    uint64_t was = disks_sum(1);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), 0);
    EXPECT(e, pool_read_only(t.p, &why) && strstr(why, "its intent log cannot be followed"));
    EXPECT(e, pool_volume_open(t.p, "v", &v, NULL) != 0);
    tank_export(&t);
    EXPECT_EQ(e, disks_sum(1), was);
}

/* ---- older states ------------------------------------------------------------------------------------------- */

/* The newest MOS rots while the pool is closed. */
static void rewind_make(struct tank *t, struct expect *e, unsigned rotten)
{
    tank_make(t, e, LAYOUT_SINGLE, 1);
    tank_fill(t, 2);
    tank_fill(t, 3);
    pool_close(t->p);
    for (unsigned back = 0; back < rotten; back++)
        mos_rot("/d0", back);
}

static void rewind_body(struct expect *e)
{
    struct tank t;
    struct pool_import_report r;
    rewind_make(&t, e, 1);
    uint64_t was = disks_sum(1);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), -EBADMSG);
    EXPECT(e, said(&t, "import --rewind would go back"));
    EXPECT_EQ(e, tank_import(&t, .rewind = true, .dry_run = true, .report = &r), 0);
    EXPECT_EQ(e, r.txg + 1, r.newest_txg);
    EXPECT_EQ(e, disks_sum(1), was);
    EXPECT_EQ(e, tank_import(&t, .rewind = true, .report = &r), 0);
    EXPECT_EQ(e, r.txg + 1, r.newest_txg);
    EXPECT(e, t.p->txgs.synced > r.newest_txg);
    tank_fill(&t, 4);
    tank_export(&t);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), 0);
    tank_verify(&t, 4);
    tank_export(&t);
}

static void rewind_far_body(struct expect *e)
{
    struct tank t;
    struct pool_import_report r;
    rewind_make(&t, e, 3);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), -EBADMSG);
    EXPECT(e, said(&t, "import --rewind-far would go back") || said(&t, "none of its"));
    EXPECT_EQ(e, tank_import(&t, .rewind = true), -EBADMSG);
    EXPECT(e, said(&t, "none of its"));
    if (tank_import(&t, .rewind = true, .rewind_far = true, .report = &r) == 0) {
        EXPECT(e, r.txg + 3 <= r.newest_txg);
        tank_export(&t);
    }
}

/* With rewind asked for, a pool that is whole stays where it is. */
static void rewind_needless_body(struct expect *e)
{
    struct tank t;
    struct pool_import_report r;
    rewind_make(&t, e, 0);
    EXPECT_EQ(e, tank_import(&t, .rewind = true, .report = &r), 0);
    EXPECT_EQ(e, r.txg, r.newest_txg);
    tank_verify(&t, 3);
    tank_export(&t);
}

/* What was written durably after the state that is gone back to is in its log. */
static void rewind_log_body(struct expect *e)
{
    struct tank t;
    struct bp log;
    struct volume *v;
    struct sgl sgl;
    static uint8_t got[4096];
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    log_make(&t, &log, true);
    mos_rot("/d0", 0);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), -EBADMSG);
    EXPECT_EQ(e, tank_import(&t, .rewind = true), 0);
    check(pool_volume_open(t.p, "v", &v, NULL) == 0);
    for (unsigned i = 0; i < 3; i++) {
        sgl_init(&sgl);
        EXPECT_EQ(e, v->ops->read(v, i * 65536, sizeof(got), &sgl), 0);
        sgl_copy_out(&sgl, 0, got, sizeof(got));
        EXPECT_EQ(e, got[i], LOGGED);
        sgl_clear(&sgl);
    }
    volume_close(v);
    tank_export(&t);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), 0);
    tank_export(&t);
}

/* ---- how far it is ------------------------------------------------------------------------------------------ */

#define STEPS (POOL_IMPORT_CLAIM + 1)

struct watch {
    struct pool_progress g;
    uint64_t done[STEPS], of[STEPS]; /* the most that was seen */
    bool over, stop, ended;
};

static void watch(void *arg)
{
    struct watch *w = arg;
    while (!w->stop) {
        uint32_t step = w->g.import.step;
        w->done[step] = MAX(w->done[step], w->g.import.done);
        w->of[step] = MAX(w->of[step], w->g.import.of);
        w->over |= w->g.import.of > 0 && w->g.import.done > w->g.import.of;
        fiber_sleep_until(run_now() + 1000, NULL);
    }
    w->ended = true;
}

static void progress_body(struct expect *e)
{
    struct tank t;
    struct bp log;
    struct volume *v;
    struct watch w = {.over = false};
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    log_make(&t, &log, false);
    fixture_disk("/x1", DISK_SIZE);
    fixture_disk("/x2", DISK_SIZE);
    check(fiber_start(watch, &w, "watch") != NULL);
    EXPECT_EQ(e, tank_import(&t, .name = "tank", .opts = {.progress = &w.g}), 0);
    EXPECT_EQ(e, w.g.import.step, 0);
    EXPECT_EQ(e, w.of[POOL_IMPORT_LABELS], 3);
    EXPECT(e, w.done[POOL_IMPORT_LABELS] >= 1);
    EXPECT_EQ(e, w.of[POOL_IMPORT_TREE], 2); /* the disk, and its group of one */
    EXPECT(e, w.of[POOL_IMPORT_LOGS] >= 2 && w.done[POOL_IMPORT_LOGS] >= 1);
    EXPECT_EQ(e, w.of[POOL_IMPORT_CLAIM], w.of[POOL_IMPORT_LOGS]);
    EXPECT(e, !w.over);
    EXPECT(e, w.g.replay.all == 1 && w.g.replay.nth == 0 && w.g.replay.step == 0);
    check(pool_volume_open(t.p, "v", &v, NULL) == 0);
    volume_close(v);
    EXPECT(e, w.g.replay.nth == 1 && w.g.replay.step == 0);
    EXPECT_EQ(e, w.g.replay.done, 3);
    EXPECT_EQ(e, w.g.replay.of, 3);
    tank_export(&t);
    const char *const nowhere[] = {"/x1", "/x2", NULL};
    EXPECT_EQ(e, tank_import(&t, .paths = nowhere, .opts = {.progress = &w.g}), -ENOENT);
    EXPECT(e, w.g.import.step == 0 && w.g.import.done == 2);
    w.stop = true;
    while (!w.ended)
        fiber_yield();
}

/* ---- searching ------------------------------------------------------------------------------------------------ */

static void search_body(struct expect *e)
{
    struct tank t;
    struct pool_found *f;
    unsigned n;
    const char *const folder[] = {"/", "/d0", NULL};
    tank_make(&t, e, LAYOUT_MIRROR, 2);
    tank_export(&t);
    uint64_t was = disks_sum(2);
    EXPECT_EQ(e, pool_scan_devices(folder, 1, &f, &n, NULL), 0);
    EXPECT_EQ(e, n, 1);
    EXPECT(e, strcmp(f[0].name, "tank") == 0 && strcmp(f[0].state, "EXPORTED") == 0);
    EXPECT(e, f[0].can_import && strcmp(f[0].health, "ONLINE") == 0 && !f[0].reason[0]);
    EXPECT_EQ(e, f[0].ndisks, 4);
    EXPECT(e, strcmp(f[0].disks[1].name, "mirror-0") == 0 && f[0].disks[2].depth == 2);
    pool_found_free(f, n);
    check(file_rename("/d1", "/d9") == 0);
    disk_wipe_labels("/d9");
    EXPECT_EQ(e, pool_scan_devices(folder, 1, &f, &n, NULL), 0);
    EXPECT(e, n == 1 && f[0].can_import && strcmp(f[0].health, "DEGRADED") == 0);
    EXPECT(e, strcmp(f[0].disks[3].state, "UNAVAIL") == 0 && f[0].disks[3].note[0]);
    pool_found_free(f, n);
    labels_patch("/d0", 0xf, make_newer);
    EXPECT_EQ(e, pool_scan_devices(folder, 1, &f, &n, NULL), 0);
    EXPECT(e, n == 1 && !f[0].can_import && strstr(f[0].reason, "version 5001"));
    pool_found_free(f, n);
    EXPECT(e, was != 0);
}

static void partitions_body(struct expect *e)
{
    EXPECT(e, member_is_partition("/dev/sdb1", "/dev/sdb"));
    EXPECT(e, member_is_partition("/dev/nvme0n1p2", "/dev/nvme0n1"));
    EXPECT(e, member_is_partition("/dev/disk/by-id/wwn-1-part9", "/dev/disk/by-id/wwn-1"));
    EXPECT(e, !member_is_partition("/dev/nvme0n12", "/dev/nvme0n1"));
    EXPECT(e, !member_is_partition("/dev/sdb", "/dev/sdb"));
    EXPECT(e, !member_is_partition("/dev/sdba", "/dev/sdb"));
    EXPECT(e, !member_is_partition("/dev/sdc1", "/dev/sdb"));
}

/* ---- properties and history ------------------------------------------------------------------------------------ */

static void props_body(struct expect *e)
{
    struct tank t;
    const char *source;
    char value[64];
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    EXPECT_EQ(e, pool_prop_get(t.p, "failmode", value, sizeof(value), &source, NULL), 0);
    EXPECT(e, strcmp(value, "wait") == 0 && strcmp(source, "default") == 0);
    EXPECT_EQ(e, pool_prop_set(t.p, "failmode", "continue", NULL), 0);
    EXPECT_EQ(e, pool_prop_set(t.p, "failmode", "panic", NULL), -EINVAL);
    EXPECT_EQ(e, pool_prop_set(t.p, "autoreplace", "on", NULL), 0);
    EXPECT_EQ(e, pool_prop_set(t.p, "comment", "the barn's", NULL), 0);
    EXPECT_EQ(e, pool_prop_set(t.p, "comment", "far too long for what OpenZFS takes", NULL),
              -EINVAL);
    EXPECT_EQ(e, pool_prop_set(t.p, "guid", "1", NULL), -EINVAL);
    EXPECT_EQ(e, pool_prop_set(t.p, "colour", "1", NULL), -EINVAL);
    tank_export(&t);
    EXPECT_EQ(e, tank_import(&t, .guid = 0), 0);
    static const char *const want[][2] = {
        {"failmode",    "continue"  },
        {"autoreplace", "on"        },
        {"comment",     "the barn's"},
        {"health",      "ONLINE"    },
        {"version",     "5000"      },
        {"dedupratio",  "1.00"      }
    };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        EXPECT_EQ(e, pool_prop_get(t.p, want[i][0], value, sizeof(value), &source, NULL), 0);
        EXPECT(e, strcmp(value, want[i][1]) == 0);
    }
    EXPECT_EQ(e, pool_prop_get(t.p, "comment", value, 3, &source, NULL), -ENOSPC);
    for (unsigned i = 0; pool_prop_name(i); i++)
        EXPECT_EQ(e, pool_prop_get(t.p, pool_prop_name(i), value, sizeof(value), NULL, NULL),
                  0);
    tank_export(&t);
}

struct heard {
    unsigned n, commands, last;
    bool first_is_create;
};

static int hear(void *arg, const struct pool_history_entry *entry)
{
    struct heard *h = arg;
    if (h->n++ == 0)
        h->first_is_create = entry->internal && strcmp(entry->what, "create") == 0;
    if (!entry->internal) {
        h->commands++;
        h->last = (unsigned)strtoul(entry->text, NULL, 10);
    }
    return 0;
}

/* The ring goes around: the first entry stays, and the newest are there. */
static void history_body(struct expect *e)
{
    struct tank t;
    struct heard h = {0};
    static char text[20000];
    tank_make(&t, e, LAYOUT_SINGLE, 1);
    memset(text, ' ', sizeof(text) - 1);
    for (unsigned i = 1; i <= 20; i++) {
        text[snprintf(text, sizeof(text), "%u", i)] = ' ';
        EXPECT_EQ(e, pool_history_log(t.p, text, NULL), 0);
    }
    tank_export(&t);
    EXPECT_EQ(e, tank_import(&t, .read_only = true), 0);
    EXPECT_EQ(e, pool_history(t.p, hear, &h), 0);
    EXPECT(e, h.first_is_create);
    EXPECT_EQ(e, h.last, 20);
    EXPECT(e, h.commands >= 4 && h.commands < 8);
    tank_export(&t);
}

#define TEST(name, body)                                                                       \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        expect_in(expect_sim(1), body, NULL);                                                  \
    }
TEST(folders_guids_and_new_names, names_body)
TEST(a_dry_run_writes_nothing, dry_run_body)
TEST(a_destroyed_pool_comes_back_when_asked_for, destroyed_body)
TEST(another_hosts_pool_is_refused, hosts_body)
TEST(a_pool_that_another_host_writes_to_is_refused, multihost_body)
TEST(a_disk_that_is_in_use_refuses_the_pool, in_use_body)
TEST(a_copied_disk_is_refused, copies_body)
TEST(a_missing_group_is_named, missing_body)
TEST(lies_are_refused, lies_body)
TEST(a_disk_of_two_pools_is_left_alone, two_pools_body)
TEST(unknown_features_forbid_writing_or_all, features_body)
TEST(deduplicated_blocks_forbid_writing, dedup_body)
TEST(a_log_that_nobody_can_follow_stays, log_body)
TEST(a_damaged_newest_state_can_be_left, rewind_body)
TEST(going_back_far_must_be_asked_for, rewind_far_body)
TEST(going_back_replays_the_log, rewind_log_body)
TEST(how_far_it_is_can_be_seen, progress_body)
TEST(what_is_whole_stays, rewind_needless_body)
TEST(a_search_tells_what_there_is, search_body)
TEST(partitions_are_known_by_name, partitions_body)
TEST(properties_last, props_body)
TEST(history_goes_around, history_body)

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_guids_and_new_names),
        cmocka_unit_test(test_a_dry_run_writes_nothing),
        cmocka_unit_test(test_a_destroyed_pool_comes_back_when_asked_for),
        cmocka_unit_test(test_another_hosts_pool_is_refused),
        cmocka_unit_test(test_a_pool_that_another_host_writes_to_is_refused),
        cmocka_unit_test(test_a_disk_that_is_in_use_refuses_the_pool),
        cmocka_unit_test(test_a_copied_disk_is_refused),
        cmocka_unit_test(test_a_missing_group_is_named),
        cmocka_unit_test(test_lies_are_refused),
        cmocka_unit_test(test_a_disk_of_two_pools_is_left_alone),
        cmocka_unit_test(test_unknown_features_forbid_writing_or_all),
        cmocka_unit_test(test_deduplicated_blocks_forbid_writing),
        cmocka_unit_test(test_a_log_that_nobody_can_follow_stays),
        cmocka_unit_test(test_a_damaged_newest_state_can_be_left),
        cmocka_unit_test(test_going_back_far_must_be_asked_for),
        cmocka_unit_test(test_going_back_replays_the_log),
        cmocka_unit_test(test_how_far_it_is_can_be_seen),
        cmocka_unit_test(test_what_is_whole_stays),
        cmocka_unit_test(test_a_search_tells_what_there_is),
        cmocka_unit_test(test_partitions_are_known_by_name),
        cmocka_unit_test(test_properties_last),
        cmocka_unit_test(test_history_goes_around),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_import", tests, NULL, NULL);
}
