/* SPDX-License-Identifier: BSD-2-Clause */
/* What changes in a volume at the edges of its blocks. */
#include "base/check.h"
#include "pool/pool_fixture.h"
#include "volume/expect.h"

#define SIZE  (256u << 10)
#define BLOCK FIXTURE_BLOCK

static enum volume_extent at(struct volume *v, uint64_t off)
{
    enum volume_extent state = VOL_MAPPED;
    uint64_t run;
    check(volume_extents(v, off, BLOCK, &run, &state) == 0);
    return state;
}

/* Whole blocks are given back; of others the part that went reads as zeros (LBPRZ is claimed). */
static void discard_body(struct expect *e)
{
    static const struct {
        uint64_t off, len;
    } ranges[] = {
        {0,               BLOCK           },
        {512,             512             },
        {BLOCK - 512,     1024            },
        {512,             3 * BLOCK       },
        {0,               512             },
        {BLOCK - 512,     512             },
        {BLOCK,           2 * BLOCK       },
        {512,             2 * BLOCK - 1024},
        {2 * BLOCK - 512, BLOCK + 512     },
    };
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "v", SIZE, false), 0);
    struct volume *v = fixture_open(p, "v");
    for (unsigned i = 0; i < ARRAY_LEN(ranges); i++) {
        uint64_t off = ranges[i].off, end = off + ranges[i].len;
        EXPECT_EQ(e, fixture_write(v, 0, 8 * BLOCK, i + 1), 0);
        if (i % 2)
            EXPECT_EQ(e, pool_sync(p), 0);
        EXPECT_EQ(e, volume_discard(v, off, end - off, 0), 0);
        EXPECT(e, off == 0 || fixture_holds(v, 0, off, i + 1));
        EXPECT(e, fixture_holds(v, off, end - off, 0));
        EXPECT(e, fixture_holds(v, end, 8 * BLOCK - end, i + 1));
    }
    EXPECT_EQ(e, volume_discard(v, 16 * BLOCK + 512, 4 * BLOCK, 0), 0);
    EXPECT_EQ(e, at(v, 16 * BLOCK), VOL_HOLE);
    EXPECT_EQ(e, at(v, 20 * BLOCK), VOL_HOLE);
    volume_close(v);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void test_what_is_discarded_reads_as_zeros(void **state)
{
    (void)state;
    expect_in(expect_sim(1), discard_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_discarded_reads_as_zeros),
    };
    return cmocka_run_group_tests_name("pool_write", tests, NULL, NULL);
}
