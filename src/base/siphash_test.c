/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The authors' vectors: key 00..0f, input 00, 01, .. of each length. */
static void test_siphash_gives_the_authors_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0,  0x726fdb47dd0e0e31},
        {1,  0x74f839c593dc67fd},
        {7,  0xab0200f58b01d137},
        {8,  0x93f5f5799a932462},
        {15, 0xa129ca6149be45e5},
        {63, 0x958a324ceb064572},
    };
    struct siphash_key key;
    uint8_t in[64];
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(key.b); i++)
        key.b[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        assert_int_equal(siphash(&key, in, vectors[i].len), vectors[i].hash);
}

static void test_siphash_depends_on_the_key(void **state)
{
    (void)state;
    struct siphash_key a = {{1}}, b = {{2}};
    assert_int_not_equal(siphash(&a, "x", 1), siphash(&b, "x", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash_gives_the_authors_vectors),
        cmocka_unit_test(test_siphash_depends_on_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
