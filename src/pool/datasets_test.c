/* SPDX-License-Identifier: BSD-2-Clause */
/* Datasets as the operator sees them, in the simulated world: listing, properties and where they come from, sizes. */
#include "base/check.h"
#include "base/log.h"
#include "pool/look.h"
#include "run/file.h"
#include "volume/expect.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define MIB       (1ull << 20)
#define DISK_SIZE (96 * MIB)
#define ALL       (POOL_FOLDER | POOL_VOLUME | POOL_SNAPSHOT)

static const char *const disks[] = {"/d0", "/d1", "/d2", NULL};

/* ---- the pool ---------------------------------------------------------------------------- */

static struct pool *make(void)
{
    struct pool *p;
    struct err err = {0};
    for (unsigned i = 0; disks[i]; i++) {
        struct file *f;
        const struct file_opts opts = {.mode = FILE_RDWR, .create = true};
        check(file_open(disks[i], &opts, &f, NULL) == 0 && file_resize(f, DISK_SIZE) == 0);
        check(file_flush(f) == 0);
        file_close(f);
    }
    const struct pool_group group = {LAYOUT_RAIDZ1, 3, disks};
    const struct pool_create_want want = {
        .name = "tank", .groups = &group, .ngroups = 1, .opts = {.dirty_bytes = 4 * MIB}};
    check(pool_create(&want, &p, &err) == 0);
    return p;
}

static struct pool *import(void)
{
    struct pool *p;
    const struct pool_import_want want = {
        .paths = disks, .name = "tank", .opts = {.dirty_bytes = 4 * MIB}};
    check(pool_import(&want, &p, NULL) == 0);
    return p;
}

static int folder(struct pool *p, const char *name)
{
    const struct pool_folder_want want = {.name = name};
    return pool_folder_create(p, &want, NULL);
}

static int volume(struct pool *p, const char *name, uint64_t size, bool reserve)
{
    const struct pool_volume_want want = {.name = name,
                                          .size = size,
                                          .block_size = 8192,
                                          .reserve = reserve,
                                          .make_parents = true};
    return pool_volume_create(p, &want, NULL);
}

/* "VALUE SOURCE", or the error's number. */
static const char *get(struct pool *p, const char *dataset, const char *property)
{
    static char text[POOL_VALUE_MAX + POOL_SOURCE_MAX + 1];
    char source[POOL_SOURCE_MAX];
    static char value[POOL_VALUE_MAX];
    int r = pool_get(p, dataset, property, value, sizeof(value), source, NULL);
    if (r)
        snprintf(text, sizeof(text), "%d", r);
    else
        snprintf(text, sizeof(text), "%s %s", value, source);
    return text;
}
#define EXPECT_GET(e, p, dataset, property, want)                                              \
    EXPECT_EQ(e, strcmp(get(p, dataset, property), want), 0)

static uint64_t number(struct pool *p, const char *dataset, const char *property)
{
    return strtoull(get(p, dataset, property), NULL, 10);
}

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
    struct pool *p = make();
    EXPECT_EQ(e, folder(p, "b"), 0);
    EXPECT_EQ(e, folder(p, "b"), -EEXIST);
    EXPECT_EQ(e, folder(p, "x/y"), -ENOENT);
    EXPECT_EQ(e, folder(p, "b/"), -EINVAL);
    EXPECT_EQ(e, volume(p, "b/z", MIB, false), 0);
    EXPECT_EQ(e, folder(p, "b/z/no"), -EINVAL);
    EXPECT_EQ(e, volume(p, "b/a/deep", MIB, false), 0);
    EXPECT_EQ(e, volume(p, "b-", MIB, false), 0);
    EXPECT_EQ(e, volume(p, "a", MIB, false), 0);
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
    p = import();
    EXPECT(e, lists(p, "", UINT_MAX, ALL, ":0 a:1V b:1 b/z:2V b-:1V c:1 c/deep:2V "));
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* ---- properties ---------------------------------------------------------------------------- */

static void sources_body(struct expect *e)
{
    struct pool *p = make();
    EXPECT_EQ(e, volume(p, "f/v", MIB, false), 0);
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
    p = import();
    EXPECT_GET(e, p, "f/v", "compression", "lz4 inherited from tank");
    EXPECT_GET(e, p, "f/v", "a:b", "some text inherited from tank/f");
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
    struct pool *p = make();
    struct seen s = {0};
    EXPECT_EQ(e, volume(p, "f/v", MIB, false), 0);
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
    struct pool *p = make();
    EXPECT_EQ(e, volume(p, "f/v", MIB, false), 0);
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
    struct pool *p = make();
    EXPECT_EQ(e, volume(p, "f/v", MIB, false), 0);
    uint64_t before = number(p, "", "available");
    EXPECT_EQ(e, pool_set(p, "f", "reservation", "10000000", NULL), 0);
    uint64_t used = number(p, "f", "used");
    EXPECT_EQ(e, number(p, "", "available"), before - (10000000 - used));
    EXPECT_EQ(e, number(p, "f", "available"), before);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "9000000", NULL), -ENOSPC);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "12000000", NULL), 0);
    EXPECT_EQ(e, number(p, "f/v", "available"), 12000000 - used);
    EXPECT_EQ(e, pool_set(p, "f", "reservation", "12000001", NULL), -ENOSPC);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "none", NULL), 0);
    EXPECT_EQ(e, pool_set(p, "f", "reservation", NULL, NULL), 0);
    EXPECT_EQ(e, number(p, "", "available"), before);
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
TEST(all_properties_are_told, all_body)
TEST(bad_values_are_refused, refused_body)
TEST(reservations_and_quotas_limit, limits_body)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datasets_are_listed_in_order),
        cmocka_unit_test(test_properties_have_sources),
        cmocka_unit_test(test_all_properties_are_told),
        cmocka_unit_test(test_bad_values_are_refused),
        cmocka_unit_test(test_reservations_and_quotas_limit),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_datasets", tests, NULL, NULL);
}
