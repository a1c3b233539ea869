/* SPDX-License-Identifier: BSD-2-Clause */
/* What pool_create() and pool_add() refuse, with which words, and that they leave the disks as they were. */
#include "pool/import_fixture.h"
#include "pool/pool_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define MANY 256u

static const char *const four[] = {"/d0", "/d1", "/d2", "/d3"};
static const char *const same[] = {"/d0", "/d1", "/d0"};
static const char *const small[] = {"/d0", "/small"};
static const char *const big[] = {"/d0", "/big"};
static const char *const absent[] = {"/d0", "/absent"};
static const char *const taken[] = {"/d0", "/lake0"};
static const char *const held[] = {"/d0", "/d3"};
static const char *many[MANY];

static const struct pool_group none[] = {{0}};
static const struct pool_group pair[] = {
    {LAYOUT_MIRROR, 2, four}
};
static const struct pool_group single[] = {
    {LAYOUT_SINGLE, 1, four}
};
static const struct pool_group lone[] = {
    {LAYOUT_MIRROR, 1, four}
};
static const struct pool_group twins[] = {
    {LAYOUT_RAIDZ1, 3, same}
};
static const struct pool_group dwarf[] = {
    {LAYOUT_MIRROR, 2, small}
};
static const struct pool_group giant[] = {
    {LAYOUT_MIRROR, 2, big}
};
static const struct pool_group nobody[] = {
    {LAYOUT_MIRROR, 2, absent}
};
static const struct pool_group owned[] = {
    {LAYOUT_MIRROR, 2, taken}
};
static const struct pool_group locked[] = {
    {LAYOUT_MIRROR, 2, held}
};
static const struct pool_group mixed[] = {
    {LAYOUT_MIRROR, 2, four    },
    {LAYOUT_RAIDZ1, 2, four + 2}
};
static const struct pool_group wide[] = {
    {LAYOUT_MIRROR, 3, four    },
    {LAYOUT_MIRROR, 2, four + 2}
};
static const struct pool_group crowd[] = {
    {LAYOUT_MIRROR, 65, many}
};
static const struct pool_group mob[] = {
    {LAYOUT_RAIDZ2, 256, many}
};

/* with_force: what becomes of it then. */
static const struct row {
    const char *name;
    const struct pool_group *groups;
    unsigned ngroups, ashift;
    int err, with_force;
    const char *says;
} rows[] = {
    {"tank",     none,   0, 0,  -EINVAL, -EINVAL, "needs at least one disk"                               },
    {"tank",     lone,   1, 0,  -EINVAL, -EINVAL, "a mirror group needs at least 2 disks, not 1"          },
    {"tank",     pair,   1, 8,  -EINVAL, -EINVAL, "ashift 8: must be 9 to 13"                             },
    {"tank",     pair,   1, 14, -EINVAL, -EINVAL, "ashift 14"                                             },
    {"tank",     twins,  1, 0,  -EINVAL, -EINVAL, "/d0 is named twice"                                    },
    {"tank",     dwarf,  1, 0,  -EINVAL, -EINVAL, "/small: smaller than 64 MiB"                           },
    {"tank",     nobody, 1, 0,  -ENOENT, -ENOENT, "/absent does not exist"                                },
    {"tank",     locked, 1, 0,  -EBUSY,  -EBUSY,  "/d3 is in use"                                         },
    {"tank",     crowd,  1, 0,  -EINVAL, -EINVAL, "a group of 65 disks: at most 64"                       },
    {"tank",     mob,    1, 0,  -EINVAL, -EINVAL, "a group of 256 disks: at most 255"                     },
    {"tank",     owned,  1, 0,  -EBUSY,  0,       "/lake0 belongs to pool lake (exported): use --force"   },
    {"tank",     giant,  1, 0,  -EINVAL, 0,       "/d0 has 66 MiB and /big 128, in one group: use --force"},
    {"tank",     mixed,  2, 0,  -EINVAL, -EBUSY,  "different redundancy: use --force"                     },
    {"tank",     wide,   2, 0,  -EINVAL, -EINVAL, "different numbers of disks (3 and 2): use --force"     },
    {"",         pair,   1, 0,  -EINVAL, -EINVAL, ""                                                      },
    {"9lives",   pair,   1, 0,  -EINVAL, -EINVAL, "must begin with a letter"                              },
    {"a/b",      pair,   1, 0,  -EINVAL, -EINVAL, "must begin with a letter, without /"                   },
    {"mirror1",  pair,   1, 0,  -EINVAL, -EINVAL, "a word of its own"                                     },
    {"raidz",    pair,   1, 0,  -EINVAL, -EINVAL, "a word of its own"                                     },
    {"log",      pair,   1, 0,  -EINVAL, -EINVAL, "a word of its own"                                     },
    {"a b*",     pair,   1, 0,  -EINVAL, -EINVAL, ""                                                      },
    {"a\nb",     pair,   1, 0,  -EINVAL, -EINVAL, ""                                                      },
    {"tank@now", pair,   1, 0,  -EINVAL, -EINVAL, ""                                                      },
};

/* Everything a row may name; /d3 is held by another program. */
static struct file *disks_make(void)
{
    const char *const lake0[] = {"/lake0"};
    const struct file_opts lock = {.mode = FILE_RDWR, .exclusive = true};
    const struct pool_group group = {LAYOUT_SINGLE, 1, lake0};
    const struct pool_create_want lake = {.name = "lake", .groups = &group, .ngroups = 1};
    struct file *f;
    struct pool *p;
    tank_disks(4);
    fixture_disk("/small", 32u << 20);
    fixture_disk("/big", 128u << 20);
    fixture_disk("/lake0", DISK_SIZE);
    check(pool_create(&lake, &p, NULL) == 0 && pool_export(p, NULL) == 0);
    check(file_open("/d3", &lock, &f, NULL) == 0);
    for (unsigned i = 0; i < MANY; i++)
        many[i] = "/d0";
    return f;
}

static uint64_t all_sums(void)
{
    return disks_sum(4) * 31 + disk_sum("/lake0") + disk_sum("/big") * 7;
}

static void rows_body(struct expect *e)
{
    struct file *holder = disks_make();
    uint64_t was = all_sums();
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct tank t = {.e = e};
        struct pool_create_want want = {
            .name = r->name, .groups = r->groups, .ngroups = r->ngroups, .ashift = r->ashift};
        EXPECT_EQ(e, pool_create(&want, &t.p, &t.err), r->err);
        EXPECT(e, t.err.msg[0] && said(&t, r->says));
        EXPECT_EQ(e, all_sums(), was);
        want.force = true;
        int rc = pool_create(&want, &t.p, &t.err);
        EXPECT_EQ(e, rc, r->with_force);
        if (rc == 0) {
            tank_export(&t);
            was = all_sums();
            disk_wipe_labels("/d0");
            was = all_sums();
        }
    }
    file_close(holder);
}

/* ---- with spares ---------------------------------------------------------------------------------------- */

/* What is wrong with one disk of a change keeps all others of it unwritten, whichever comes first. */
static const struct spared_row {
    const struct pool_group *groups;
    unsigned ngroups, nspares;
    const char *spares[2];
    int err;
    const char *says;
} spared_rows[] = {
    {owned,  1, 1, {"/s0"},            -EBUSY,  "/lake0 belongs to pool lake (exported): use --force"},
    {locked, 1, 1, {"/s0"},            -EBUSY,  "/d3 is in use"                                      },
    {nobody, 1, 1, {"/s0"},            -ENOENT, "/absent does not exist"                             },
    {pair,
     1,         2,
     {"/s0", "/lake0"},
     -EBUSY,
     "/lake0 belongs to pool lake (exported): use --force"                                           },
    {pair,   1, 2, {"/s0", "/d3"},     -EBUSY,  "/d3 is in use"                                      },
    {pair,   1, 2, {"/s0", "/absent"}, -ENOENT, "/absent does not exist"                             },
    {pair,   1, 2, {"/s0", "/s0"},     -EINVAL, "/s0 is named twice"                                 },
    {pair,   1, 2, {"/s0", "/small"},  -EINVAL, "/small: smaller than 64 MiB"                        },
};

static void spared_body(struct expect *e)
{
    struct file *holder = disks_make();
    fixture_disk("/s0", DISK_SIZE);
    uint64_t was = all_sums(), spare_was = disk_sum("/s0");
    for (unsigned i = 0; i < ARRAY_LEN(spared_rows); i++) {
        const struct spared_row *r = &spared_rows[i];
        struct tank t = {.e = e};
        struct pool_create_want want = {.name = "tank",
                                        .groups = r->groups,
                                        .ngroups = r->ngroups,
                                        .spares = r->spares,
                                        .nspares = r->nspares};
        EXPECT_EQ(e, pool_create(&want, &t.p, &t.err), r->err);
        EXPECT(e, said(&t, r->says));
        EXPECT_EQ(e, all_sums(), was);
        EXPECT_EQ(e, disk_sum("/s0"), spare_was);
    }
    file_close(holder);
}

static const char *const home[] = {"/h0", "/h1"};
static const struct pool_group own[] = {
    {LAYOUT_MIRROR, 2, home}
};

static int add(struct tank *t, const struct spared_row *r)
{
    t->err = (struct err){0};
    return pool_add(t->p, r->groups, r->ngroups, r->spares, r->nspares, false, &t->err);
}

static void added_body(struct expect *e)
{
    struct pool_create_want want = {.name = "tank", .groups = own, .ngroups = 1};
    struct file *holder = disks_make();
    struct tank t = {.e = e};
    fixture_disk("/s0", DISK_SIZE);
    fixture_disk("/h0", DISK_SIZE);
    fixture_disk("/h1", DISK_SIZE);
    check(pool_create(&want, &t.p, NULL) == 0);
    uint64_t was = all_sums(), spare_was = disk_sum("/s0");
    for (unsigned i = 0; i < ARRAY_LEN(spared_rows); i++) {
        const struct spared_row *r = &spared_rows[i];
        EXPECT_EQ(e, add(&t, r), r->err);
        EXPECT(e, said(&t, r->says));
        EXPECT(e, !pool_spare(t.p, 0, &(struct pool_spare_info){0}));
        EXPECT_EQ(e, all_sums(), was);
        EXPECT_EQ(e, disk_sum("/s0"), spare_was);
    }
    const struct spared_row good = {pair, 1, 1, {"/s0"}, 0, ""};
    t.p->suspended.on = true; /* as if its disks were away */
    EXPECT_EQ(e, add(&t, &good), -EAGAIN);
    EXPECT_EQ(e, pool_attach(t.p, "/h0", "/d0", false, NULL), -EAGAIN);
    EXPECT_EQ(e, pool_replace(t.p, "/h0", "/d0", false, NULL), -EAGAIN);
    t.p->suspended.on = false;
    EXPECT_EQ(e, all_sums(), was);
    EXPECT_EQ(e, disk_sum("/s0"), spare_was);
    EXPECT_EQ(e, add(&t, &good), 0);
    EXPECT(e, all_sums() != was && disk_sum("/s0") != spare_was);
    tank_export(&t);
    file_close(holder);
}

/* A link is another name of the same file. */
static void links_body(struct expect *e)
{
    char dir[] = "/tmp/pool_create_test.XXXXXX", disk[64], link[64];
    check(mkdtemp(dir));
    snprintf(disk, sizeof(disk), "%s/disk", dir);
    snprintf(link, sizeof(link), "%s/link", dir);
    fixture_disk(disk, DISK_SIZE);
    check(symlink(disk, link) == 0);
    const char *const paths[] = {disk, link};
    const struct pool_group group = {LAYOUT_MIRROR, 2, paths};
    struct pool_create_want want = {
        .name = "tank", .groups = &group, .ngroups = 1, .force = true};
    struct tank t = {.e = e};
    EXPECT_EQ(e, pool_create(&want, &t.p, &t.err), -EINVAL);
    EXPECT(e, said(&t, "are the same disk under two names"));
    check(unlink(link) == 0 && unlink(disk) == 0 && rmdir(dir) == 0);
}

static void a_single_disk_body(struct expect *e)
{
    struct tank t = {.e = e};
    struct pool_create_want want = {.name = "tank", .groups = single, .ngroups = 1};
    tank_disks(1);
    EXPECT_EQ(e, pool_create(&want, &t.p, &t.err), 0);
    tank_export(&t);
}

static void test_refusals_name_the_disk_and_the_fix(void **state)
{
    (void)state;
    expect_in(expect_sim(1), rows_body, NULL);
}

static void test_a_refused_disk_keeps_spares_unwritten(void **state)
{
    (void)state;
    expect_in(expect_sim(1), spared_body, NULL);
}

static void test_a_refused_add_writes_to_no_disk(void **state)
{
    (void)state;
    expect_in(expect_sim(1), added_body, NULL);
}

static void test_one_disk_under_two_names(void **state)
{
    (void)state;
    expect_in(expect_real(), links_body, NULL);
}

static void test_a_single_disk_is_enough(void **state)
{
    (void)state;
    expect_in(expect_sim(1), a_single_disk_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals_name_the_disk_and_the_fix),
        cmocka_unit_test(test_a_refused_disk_keeps_spares_unwritten),
        cmocka_unit_test(test_a_refused_add_writes_to_no_disk),
        cmocka_unit_test(test_one_disk_under_two_names),
        cmocka_unit_test(test_a_single_disk_is_enough),
    };
    return cmocka_run_group_tests_name("pool_create", tests, NULL, NULL);
}
