/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/format/dnode.h"

#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The core of an object that OpenZFS 2.1.11 wrote: a DSL directory. */
static const char dir_hex[] = "0c1101010c00000001000001000000000000000000000000";

static struct dnode_phys dnode_of(const char *hex)
{
    struct dnode_phys dn = {0};
    assert_true(hex_decode(hex, strlen(hex), &dn.type));
    return dn;
}

static void test_fields_of_a_dnode_that_openzfs_wrote(void **state)
{
    (void)state;
    struct dnode_phys dn = dnode_of(dir_hex);
    assert_int_equal(dn.type, DMU_DSL_DIR);
    assert_int_equal(dn.indirect_shift, INDIRECT_SHIFT);
    assert_int_equal(dn.nlevels, 1);
    assert_int_equal(dn.nblkptr, 1);
    assert_int_equal(dn.bonus_type, DMU_DSL_DIR);
    assert_int_equal(le16_get(dn.dblk_sectors), 1);
    assert_int_equal(le16_get(dn.bonus_len), sizeof(struct dsl_dir_phys));
    assert_int_equal(dnode_check(&dn, NULL), 0);
    assert_ptr_equal(dnode_bp(&dn, 0), &dn.tail[0]);
    assert_ptr_equal(dnode_bonus(&dn), &dn.tail[128]);
}

static void test_pointers_beside_a_bonus(void **state)
{
    (void)state;
    static const unsigned want[][2] = {
        {0,   3},
        {24,  3},
        {48,  3},
        {64,  3},
        {65,  2},
        {192, 2},
        {193, 1},
        {256, 1},
        {320, 1},
    };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(dnode_nblkptr(want[i][0]), want[i][1]);
}

/* Every field at its byte, and the first value that may not be. */
static const struct {
    const char *what;
    unsigned at;
    uint8_t good, bad;
    int code;
} fields[] = {
    {"free slot",      0,  54 - 1, 0,    -EBADMSG   },
    {"type",           0,  0xc4,   0x8f, -EBADMSG   },
    {"indirect shift", 1,  10,     9,    -EBADMSG   },
    {"indirect shift", 1,  17,     18,   -EBADMSG   },
    {"levels",         2,  6,      7,    -EBADMSG   },
    {"no level",       2,  1,      0,    -EBADMSG   },
    {"pointers",       3,  1,      2,    -EBADMSG   }, /* two don't fit beside the bonus */
    {"no pointer",     3,  1,      0,    -EBADMSG   },
    {"bonus type",     4,  44,     54,   -EBADMSG   },
    {"spill",          7,  3,      4,    -EBADMSG   }, /* nor does a spill pointer */
    {"large blocks",   9,  0x07,   0x08, -EOPNOTSUPP},
    {"no block size",  8,  1,      0,    -EBADMSG   },
    {"bonus length",   10, 64,     65,   -EBADMSG   },
};

static void test_check_refuses_what_leaves_the_dnode(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        struct dnode_phys dn = dnode_of(dir_hex);
        struct err err = {0};
        uint8_t *byte = &dn.type + fields[i].at;
        *byte = fields[i].good;
        if (dnode_check(&dn, &err) != 0)
            fail_msg("%s %u: %s", fields[i].what, fields[i].good, err.msg);
        *byte = fields[i].bad;
        if (dnode_check(&dn, &err) != fields[i].code)
            fail_msg("%s %u passed", fields[i].what, fields[i].bad);
    }
}

static void test_check_of_large_dnodes(void **state)
{
    (void)state;
    struct dnode_phys dn = dnode_of(dir_hex);
    dn.extra_slots = 1;
    dn.nblkptr = 3;
    dn.bonus_len = le16_make(2 * DNODE_SIZE - DNODE_CORE - 3 * BP_SIZE);
    assert_int_equal(dnode_check(&dn, NULL), 0);
    dn.flags = DNODE_SPILL;
    assert_int_equal(dnode_check(&dn, NULL), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_of_a_dnode_that_openzfs_wrote),
        cmocka_unit_test(test_pointers_beside_a_bonus),
        cmocka_unit_test(test_check_refuses_what_leaves_the_dnode),
        cmocka_unit_test(test_check_of_large_dnodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
