/* SPDX-License-Identifier: BSD-2-Clause */
/* Datasets as the operator sees them, in the simulated world: listing, properties and where they come from, sizes. */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "volume/expect.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define MIB FIXTURE_MIB
#define ALL (POOL_FOLDER | POOL_VOLUME | POOL_SNAPSHOT)

#define EXPECT_GET(e, p, dataset, property, want)                                              \
    EXPECT_EQ(e, strcmp(fixture_get(p, dataset, property), want), 0)

/* ---- listing ------------------------------------------------------------------------------- */

/* The names, each with its depth, and a V for volumes. */
static bool lists(struct pool *p, const char *below, unsigned depth, unsigned types,
                  const char *want)
{
    char text[512] = "";
    struct pool_dataset *list;
    unsigned n;
    if (pool_list(p, below, depth, types, &list, &n, NULL) != 0)
        return false;
    for (unsigned i = 0; i < n; i++) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof(text) - at, "%s:%u%s ", list[i].name, list[i].depth,
                 list[i].type == POOL_VOLUME ? "V" : "");
    }
    free(list);
    return strcmp(text, want) == 0;
}

static void list_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_folder(p, "b"), 0);
    EXPECT_EQ(e, fixture_folder(p, "b"), -EEXIST);
    EXPECT_EQ(e, fixture_folder(p, "x/y"), -ENOENT);
    EXPECT_EQ(e, fixture_folder(p, "b/"), -EINVAL);
    EXPECT_EQ(e, fixture_volume(p, "b/z", MIB, false), 0);
    EXPECT_EQ(e, fixture_folder(p, "b/z/no"), -EINVAL);
    EXPECT_EQ(e, fixture_volume(p, "b/a/deep", MIB, false), 0);
    EXPECT_EQ(e, fixture_volume(p, "b-", MIB, false), 0);
    EXPECT_EQ(e, fixture_volume(p, "a", MIB, false), 0);
    EXPECT(e, lists(p, "", UINT_MAX, ALL, ":0 a:1V b:1 b/a:2 b/a/deep:3V b/z:2V b-:1V "));
    EXPECT(e, lists(p, "", 1, ALL, ":0 a:1V b:1 b-:1V "));
    EXPECT(e, lists(p, "b", UINT_MAX, POOL_VOLUME, "b/a/deep:2V b/z:1V "));
    EXPECT(e, lists(p, "b/z", 0, ALL, "b/z:0V "));
    EXPECT(e, !lists(p, "c", 0, ALL, ""));
    EXPECT(e, !lists(p, "b@none", 0, ALL, ""));
    EXPECT_EQ(e, pool_rename(p, "b/a", "a", NULL), -EEXIST);
    EXPECT_EQ(e, pool_rename(p, "b/a", "c", NULL), 0);
    EXPECT(e, lists(p, "c", UINT_MAX, ALL, "c:0 c/deep:1V "));
    EXPECT_EQ(e, pool_export(p, NULL), 0);
    p = fixture_import(false);
    EXPECT(e, lists(p, "", UINT_MAX, ALL, ":0 a:1V b:1 b/z:2V b-:1V c:1 c/deep:2V "));
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* ---- properties ---------------------------------------------------------------------------- */

static void sources_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "f/v", MIB, false), 0);
    EXPECT_GET(e, p, "f/v", "type", "volume -");
    EXPECT_GET(e, p, "f", "type", "filesystem -");
    EXPECT_GET(e, p, "f/v", "volsize", "1048576 local");
    EXPECT_GET(e, p, "f/v", "volblocksize", "8192 -");
    EXPECT_GET(e, p, "f", "volsize", "- -");
    EXPECT_GET(e, p, "f/v", "quota", "- -");
    EXPECT_GET(e, p, "f", "quota", "0 default");
    EXPECT_GET(e, p, "f/v", "copies", "1 default");
    EXPECT_GET(e, p, "f/v", "origin", "- -");
    EXPECT_GET(e, p, "f/v", "a:b", "- -");
    EXPECT_EQ(e, pool_set(p, "", "compression", "lz4", NULL), 0);
    EXPECT_GET(e, p, "f/v", "compression", "lz4 inherited from tank");
    EXPECT_EQ(e, pool_set(p, "f", "compression", "off", NULL), 0);
    EXPECT_EQ(e, pool_set(p, "f", "a:b", "some text", NULL), 0);
    EXPECT_GET(e, p, "f", "compression", "off local");
    EXPECT_GET(e, p, "f/v", "compression", "off inherited from tank/f");
    EXPECT_GET(e, p, "f/v", "a:b", "some text inherited from tank/f");
    EXPECT_EQ(e, pool_set(p, "f/v", "a:b", "other", NULL), 0);
    EXPECT_GET(e, p, "f/v", "a:b", "other local");
    EXPECT_EQ(e, pool_set(p, "f", "compression", NULL, NULL), 0);
    EXPECT_EQ(e, pool_set(p, "f/v", "a:b", NULL, NULL), 0);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
    p = fixture_import(false);
    EXPECT_GET(e, p, "f/v", "compression", "lz4 inherited from tank");
    EXPECT_GET(e, p, "f/v", "a:b", "some text inherited from tank/f");
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* What a stream leaves. */
static int receive_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct pool *p = arg;
    const struct dsl_dir_phys *d = dsl_dir_phys(dsl_find(&p->dsl, "f"));
    (void)txg, (void)reterr;
    int r = zap_set_u64(p->mos, le64_get(d->props_zap), "copies$recvd", 2);
    return r ? r : zap_set_str(p->mos, le64_get(d->props_zap), "a:b$recvd", "came");
}

static void received_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "f/v", MIB, false), 0);
    EXPECT_EQ(e, txg_run(p, receive_task, p, NULL), 0);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
    p = fixture_import(false);
    EXPECT_GET(e, p, "f", "copies", "2 received");
    EXPECT_GET(e, p, "f/v", "copies", "2 inherited from tank/f");
    EXPECT_GET(e, p, "f/v", "a:b", "came inherited from tank/f");
    EXPECT_EQ(e, pool_set(p, "f", "copies", "3", NULL), 0);
    EXPECT_GET(e, p, "f", "copies", "3 local");
    EXPECT_EQ(e, pool_set(p, "f", "copies", NULL, NULL), 0);
    EXPECT_GET(e, p, "f", "copies", "1 default");
    EXPECT_EQ(e, pool_set(p, "f", "a:b", NULL, NULL), 0);
    EXPECT_GET(e, p, "f", "a:b", "- -");
    EXPECT_EQ(e, pool_set(p, "f", "copies", "2", NULL), 0);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
    p = fixture_import(false);
    EXPECT_GET(e, p, "f/v", "copies", "2 inherited from tank/f");
    EXPECT_GET(e, p, "f/v", "a:b", "- -");
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

struct seen {
    unsigned natives, users, inherited;
};

static int see(void *arg, const char *property, const char *value, const char *source)
{
    struct seen *s = arg;
    (void)value;
    s->natives += !strchr(property, ':');
    s->users += strchr(property, ':') != NULL;
    s->inherited += strncmp(source, "inherited", 9) == 0;
    return strcmp(property, "stop:here") == 0 ? 7 : 0;
}

static void all_body(struct expect *e)
{
    struct pool *p = fixture_make();
    struct seen s = {0};
    EXPECT_EQ(e, fixture_volume(p, "f/v", MIB, false), 0);
    EXPECT_EQ(e, pool_set(p, "", "x:1", "1", NULL), 0);
    EXPECT_EQ(e, pool_set(p, "f", "x:1", "2", NULL), 0);
    EXPECT_EQ(e, pool_set(p, "f/v", "x:2", "3", NULL), 0);
    EXPECT_EQ(e, pool_get_all(p, "f/v", see, &s, NULL), 0);
    EXPECT_EQ(e, s.users, 2);
    EXPECT_EQ(e, s.natives,
              26); /* of 31: no origin, quota, refquota, userrefs, defer_destroy */
    EXPECT_EQ(e, s.inherited, 3); /* x:1, and what new pools set on their root */
    EXPECT_EQ(e, pool_set(p, "f/v", "stop:here", "3", NULL), 0);
    EXPECT_EQ(e, pool_get_all(p, "f/v", see, &s, NULL), 7);
    EXPECT_EQ(e, pool_get_all(p, "g", see, &s, NULL), -ENOENT);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void refused_body(struct expect *e)
{
    static const struct {
        const char *dataset, *property, *value;
        int want;
    } rows[] = {
        {"f/v",  "used",           "1",         -EINVAL    },
        {"f/v",  "nonsense",       "1",         -EINVAL    },
        {"f/v",  "checksum",       "off",       -EINVAL    },
        {"f/v",  "checksum",       "sha512",    -EOPNOTSUPP},
        {"f/v",  "compression",    "gzip",      -EOPNOTSUPP},
        {"f/v",  "compression",    "fast",      -EINVAL    },
        {"f/v",  "quota",          "1000000",   -EINVAL    },
        {"f",    "refreservation", "auto",      -EINVAL    },
        {"f",    "volsize",        "8192",      -EINVAL    },
        {"f/v",  "volsize",        "8193",      -EINVAL    },
        {"f/v",  "volsize",        "0",         -EINVAL    },
        {"f/v",  "volsize",        NULL,        -EINVAL    },
        {"f/v",  "reservation",    "-1",        -EINVAL    },
        {"f/v",  "reservation",    "1x",        -EINVAL    },
        {"f/v",  "reservation",    "500000000", -ENOSPC    },
        {"f/v",  "refreservation", "500000000", -ENOSPC    },
        {"f",    "quota",          "5",         -ENOSPC    },
        {"f",    "refquota",       "5",         -ENOSPC    },
        {"f/v",  "Upper:case",     "1",         -EINVAL    },
        {"none", "a:b",            "1",         -ENOENT    },
        {"f@s",  "a:b",            "1",         -ENOENT    },
    };
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "f/v", MIB, false), 0);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        int r = pool_set(p, rows[i].dataset, rows[i].property, rows[i].value, &err);
        EXPECT_EQ(e, r, rows[i].want);
        EXPECT(e, err.code == r && err.msg[0]);
    }
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void limits_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "f/v", MIB, false), 0);
    uint64_t before = fixture_number(p, "", "available");
    EXPECT_EQ(e, pool_set(p, "f", "reservation", "10000000", NULL), 0);
    uint64_t used = fixture_number(p, "f", "used");
    EXPECT_EQ(e, fixture_number(p, "", "available"), before - (10000000 - used));
    EXPECT_EQ(e, fixture_number(p, "f", "available"), before);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "9000000", NULL), -ENOSPC);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "12000000", NULL), 0);
    EXPECT_EQ(e, fixture_number(p, "f/v", "available"), 12000000 - used);
    EXPECT_EQ(e, pool_set(p, "f", "reservation", "12000001", NULL), -ENOSPC);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "none", NULL), 0);
    EXPECT_EQ(e, pool_set(p, "f", "reservation", NULL, NULL), 0);
    EXPECT_EQ(e, fixture_number(p, "", "available"), before);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void move_body(struct expect *e)
{
    struct pool *p = fixture_make();
    struct err err = {0};
    EXPECT_EQ(e, fixture_volume(p, "f/v", 16 * MIB, true), 0);
    EXPECT_EQ(e, fixture_folder(p, "small"), 0);
    EXPECT_EQ(e, pool_set(p, "small", "quota", "8000000", NULL), 0);
    EXPECT_EQ(e, pool_rename(p, "f/v", "small/v", &err), -ENOSPC);
    EXPECT_EQ(e, pool_set(p, "small", "quota", "32000000", NULL), 0);
    uint64_t used = fixture_number(p, "f/v", "used"),
             avail = fixture_number(p, "", "available");
    EXPECT_EQ(e, pool_rename(p, "f/v", "small/v", NULL), 0);
    EXPECT_EQ(e, fixture_number(p, "small", "usedbychildren"), used);
    EXPECT_EQ(e, fixture_number(p, "f", "usedbychildren"), 0);
    EXPECT_EQ(e, fixture_number(p, "", "available"), avail);
    /* Within its own parent the reservation moves along, though nothing else is left. */
    EXPECT_EQ(e, pool_set(p, "small", "reservation", "30000000", NULL), 0);
    EXPECT_EQ(e, fixture_folder(p, "small/deep"), 0);
    EXPECT_EQ(e, pool_rename(p, "small/v", "small/deep/v", NULL), 0);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* ---- destroying ---------------------------------------------------------------------------- */

static void destroy_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "f/g/v", 4 * MIB, true), 0);
    EXPECT_EQ(e, fixture_volume(p, "f/w", MIB, false), 0);
    EXPECT_EQ(e, fixture_volume(p, "g", MIB, false), 0);
    uint64_t before = fixture_number(p, "", "available");
    EXPECT_EQ(e, pool_dataset_destroy(p, "f", false, NULL), -EBUSY);
    EXPECT_EQ(e, pool_dataset_destroy(p, "", true, NULL), -EINVAL);
    EXPECT_EQ(e, pool_dataset_destroy(p, "h", true, NULL), -ENOENT);
    struct volume *v = fixture_open(p, "f/g/v");
    EXPECT_EQ(e, fixture_write(v, 0, MIB, 1), 0);
    EXPECT_EQ(e, pool_dataset_destroy(p, "f", true, NULL), -EBUSY);
    volume_close(v);
    EXPECT(e, lists(p, "f", UINT_MAX, ALL, "f:0 f/g:1 f/g/v:2V f/w:1V "));
    EXPECT_EQ(e, pool_dataset_destroy(p, "f", true, NULL), 0);
    EXPECT(e, lists(p, "", UINT_MAX, ALL, ":0 g:1V "));
    EXPECT(e, fixture_number(p, "", "available") > before + 4 * MIB);
    EXPECT_EQ(e, pool_freeing(p), 0);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

struct errand {
    struct pool *p;
    const char *name;
    uint64_t size;
    int result;
    struct waitgroup done;
};

static void destroy_fiber(void *arg)
{
    struct errand *d = arg;
    d->result = pool_volume_destroy(d->p, d->name, NULL);
    waitgroup_done(&d->done);
}

static void errand_start(struct errand *d, void (*fn)(void *arg))
{
    waitgroup_init(&d->done);
    waitgroup_add(&d->done, 1);
    check(fiber_start(fn, d, "errand") != NULL);
}

/* The pool closes in the middle of a destroy, again and again, until it is through. */
static void interrupted_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "v", 8 * MIB, false), 0);
    uint64_t before = fixture_number(p, "", "used");
    struct volume *v = fixture_open(p, "v");
    EXPECT_EQ(e, fixture_write(v, 0, 8 * MIB, 1), 0);
    volume_close(v);
    struct errand d = {.p = p, .name = "v"};
    errand_start(&d, destroy_fiber);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    uint64_t freeing = pool_freeing(p);
    pool_close(p);
    waitgroup_wait(&d.done);
    EXPECT_EQ(e, d.result, -ENODEV);
    unsigned imports = 0;
    for (; freeing > 0; imports++) {
        p = fixture_import(false);
        EXPECT(e, pool_freeing(p) <= freeing);
        EXPECT(e, lists(p, "", UINT_MAX, ALL, ":0 "));
        EXPECT_EQ(e, pool_sync(p), 0);
        freeing = pool_freeing(p);
        pool_close(p);
    }
    EXPECT(e, imports > 2);
    p = fixture_import(false);
    EXPECT_EQ(e, fixture_volume(p, "v", MIB, false), 0);
    EXPECT(e, fixture_number(p, "", "used") < before + MIB / 4);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void told(void *arg, unsigned what)
{
    unsigned *sum = arg;
    *sum |= what;
}

static void resize_body(struct expect *e)
{
    struct pool *p = fixture_make();
    unsigned what = 0;
    EXPECT_EQ(e, fixture_volume(p, "v", 8 * MIB + 1, true), 0);
    EXPECT_GET(e, p, "v", "volsize", "8396800 local");
    EXPECT_EQ(e, pool_set(p, "v", "volsize", "8388608", NULL), 0);
    uint64_t reserve = fixture_number(p, "v", "refreservation");
    EXPECT_EQ(e, reserve, pool_full_reservation(p, 8 * MIB, FIXTURE_BLOCK, 1));
    struct volume *v = fixture_open(p, "v");
    v->notify = told;
    v->notify_arg = &what;
    EXPECT_EQ(e, fixture_write(v, 0, 8 * MIB, 1), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT(e, fixture_holds(v, 0, 8 * MIB, 1)); /* what was read is remembered */
    EXPECT_EQ(e, pool_set(p, "v", "volsize", "2097152", NULL), 0);
    EXPECT_EQ(e, v->geo.size, 2 * MIB);
    EXPECT_EQ(e, what, VOL_CHANGED_SIZE);
    EXPECT(e, fixture_number(p, "v", "refreservation") < reserve / 2);
    EXPECT(e, fixture_number(p, "v", "referenced") < 3 * MIB);
    EXPECT(e, fixture_holds(v, 0, 2 * MIB, 1));
    EXPECT_EQ(e, volume_resize(v, 4 * MIB), 0);
    EXPECT_EQ(e, v->geo.size, 4 * MIB);
    EXPECT(e, fixture_holds(v, 2 * MIB, 2 * MIB, 0));
    EXPECT_EQ(e, pool_set(p, "v", "volsize", "400000000000", NULL), -ENOSPC);
    EXPECT_EQ(e, v->geo.size, 4 * MIB);
    v->notify = NULL;
    volume_close(v);
    EXPECT_EQ(e, pool_set(p, "v", "refreservation", "none", NULL), 0);
    EXPECT_EQ(e, pool_set(p, "v", "volsize", "400000000000", NULL), 0);
    EXPECT_GET(e, p, "v", "refreservation", "0 default");
    EXPECT_EQ(e, pool_set(p, "v", "volsize", "16384", NULL), 0);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void shrink_fiber(void *arg)
{
    struct errand *d = arg;
    d->result = pool_volume_resize(d->p, d->name, d->size, NULL);
    waitgroup_done(&d->done);
}

/* The pool closes when the new size is on disk, and what lies beyond is not gone. */
static struct pool *shrink_interrupted(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "v", 8 * MIB, false), 0);
    struct volume *v = fixture_open(p, "v");
    EXPECT_EQ(e, fixture_write(v, 0, 8 * MIB, 1), 0);
    volume_close(v);
    struct errand d = {.p = p, .name = "v", .size = MIB};
    errand_start(&d, shrink_fiber);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    pool_close(p);
    waitgroup_wait(&d.done);
    EXPECT_EQ(e, d.result, -ENODEV);
    p = fixture_import(false);
    EXPECT_GET(e, p, "v", "volsize", "1048576 local");
    EXPECT(e, fixture_number(p, "v", "referenced") > 4 * MIB);
    return p;
}

static void shrink_opened_body(struct expect *e)
{
    struct pool *p = shrink_interrupted(e);
    struct volume *v = fixture_open(p, "v");
    EXPECT(e, fixture_number(p, "v", "referenced") < 2 * MIB);
    EXPECT(e, fixture_holds(v, 0, MIB, 1));
    volume_close(v);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void shrink_grown_body(struct expect *e)
{
    struct pool *p = shrink_interrupted(e);
    EXPECT_EQ(e, pool_volume_resize(p, "v", 8 * MIB, NULL), 0);
    struct volume *v = fixture_open(p, "v");
    EXPECT(e, fixture_holds(v, 0, MIB, 1));
    EXPECT(e, fixture_holds(v, MIB, 7 * MIB, 0));
    volume_close(v);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* ---- what open volumes follow ------------------------------------------------------------------- */

static void follow_body(struct expect *e)
{
    struct pool *p = fixture_make();
    unsigned what = 0;
    EXPECT_EQ(e, fixture_volume(p, "f/v", MIB, false), 0);
    struct volume *v = fixture_open(p, "f/v"), *top;
    EXPECT_EQ(e, filter_stats_new(v, &top), 0);
    top->notify = told;
    top->notify_arg = &what;
    EXPECT_EQ(e, v->sync, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, pool_set(p, "f", "sync", "standard", NULL), 0);
    EXPECT_EQ(e, top->sync, VOL_SYNC_STANDARD);
    EXPECT(e, top->write_cache);
    EXPECT_EQ(e, what, VOL_CHANGED_POLICY);
    EXPECT_EQ(e, fixture_write(top, 0, MIB, 1), 0);
    EXPECT_EQ(e, pool_set(p, "f/v", "sync", "always", NULL), 0);
    EXPECT_EQ(e, top->sync, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, p->dirty_bytes, 0); /* what was acknowledged is durable now */
    EXPECT_EQ(e, pool_set(p, "", "readonly", "on", NULL), 0);
    EXPECT_EQ(e, fixture_write(top, 0, 8192, 2), -EROFS);
    EXPECT_EQ(e, pool_set(p, "f", "readonly", "off", NULL), 0);
    EXPECT_EQ(e, fixture_write(top, 0, 8192, 2), 0);
    top->notify = NULL;
    volume_close(top);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

#define TEST(name, body)                                                                       \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        expect_in(expect_sim(1), body, NULL);                                                  \
    }
TEST(datasets_are_listed_in_order, list_body)
TEST(properties_have_sources, sources_body)
TEST(received_values_hold, received_body)
TEST(all_properties_are_told, all_body)
TEST(bad_values_are_refused, refused_body)
TEST(reservations_and_quotas_limit, limits_body)
TEST(what_moves_must_fit, move_body)
TEST(trees_are_destroyed, destroy_body)
TEST(an_interrupted_destroy_goes_on, interrupted_body)
TEST(volumes_shrink_and_grow, resize_body)
TEST(an_interrupted_shrink_ends_at_open, shrink_opened_body)
TEST(an_interrupted_shrink_shows_nothing_old, shrink_grown_body)
TEST(open_volumes_follow, follow_body)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datasets_are_listed_in_order),
        cmocka_unit_test(test_properties_have_sources),
        cmocka_unit_test(test_received_values_hold),
        cmocka_unit_test(test_all_properties_are_told),
        cmocka_unit_test(test_bad_values_are_refused),
        cmocka_unit_test(test_reservations_and_quotas_limit),
        cmocka_unit_test(test_what_moves_must_fit),
        cmocka_unit_test(test_trees_are_destroyed),
        cmocka_unit_test(test_an_interrupted_destroy_goes_on),
        cmocka_unit_test(test_volumes_shrink_and_grow),
        cmocka_unit_test(test_an_interrupted_shrink_ends_at_open),
        cmocka_unit_test(test_an_interrupted_shrink_shows_nothing_old),
        cmocka_unit_test(test_open_volumes_follow),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_datasets", tests, NULL, NULL);
}
