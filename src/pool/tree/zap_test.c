/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ZAP objects against a model of names and values: micro ones that grow and become fat, leaves
 * that split, tables that leave their header and double, long names and values, replacing and
 * removing, over many txgs.
 */
#include "pool/tree/tree_fixture.h"
#include "pool/tree/zap_int.h"

#include <errno.h>
#include <stdio.h>

#define NAMES 50000u

/* What entry i holds is a function of i and its version. */
struct zoo {
    struct grove g;
    uint64_t id;
    uint16_t version[NAMES]; /* 0: not there */
    uint64_t count;
    unsigned long_ones; /* one in so many is no plain number; 0: none */
};

static const char *name_of(uint32_t i)
{
    static char name[ZAP_NAME_MAX + 1];
    unsigned n = (unsigned)snprintf(name, sizeof(name), "%x-name", i * 2654435761u);
    for (unsigned more = i % 41 == 0 ? i % 230 : 0; more > 0 && n < ZAP_NAME_MAX; more--)
        name[n++] = (char)('a' + more % 26);
    name[n] = '\0';
    return name;
}

static bool is_text(const struct zoo *z, uint32_t i)
{
    return z->long_ones && i % z->long_ones == 0;
}

static const char *text_of(uint32_t i, unsigned version)
{
    static char text[2000];
    unsigned n = (i + version) % (i % 100 == 0 ? 1900 : 600);
    memset(text, 'a' + (int)(version % 26), n);
    text[n] = '\0';
    return text;
}

/* ---- operations -------------------------------------------------------------------------- */

static void put(struct zoo *z, uint32_t i)
{
    z->count += z->version[i] == 0;
    unsigned v = ++z->version[i];
    int rc = is_text(z, i) ? zap_set_str(z->g.os, z->id, name_of(i), text_of(i, v))
                           : zap_set_u64(z->g.os, z->id, name_of(i), (uint64_t)i << 20 | v);
    EXPECT_EQ(z->g.e, rc, 0);
}

static void drop(struct zoo *z, uint32_t i)
{
    EXPECT_EQ(z->g.e, zap_remove(z->g.os, z->id, name_of(i)), z->version[i] ? 0 : -ENOENT);
    z->count -= z->version[i] != 0;
    z->version[i] = 0;
}

static void expect_one(struct zoo *z, uint32_t i)
{
    uint64_t got = 0;
    char *text = NULL;
    unsigned v = z->version[i];
    if (!is_text(z, i)) {
        EXPECT_EQ(z->g.e, zap_get_u64(z->g.os, z->id, name_of(i), &got), v ? 0 : -ENOENT);
        if (v)
            EXPECT_EQ(z->g.e, got, (uint64_t)i << 20 | v);
        return;
    }
    EXPECT_EQ(z->g.e, zap_get_str(z->g.os, z->id, name_of(i), &text), v ? 0 : -ENOENT);
    if (text)
        EXPECT_EQ(z->g.e, strcmp(text, text_of(i, v)), 0);
    free(text);
}

struct census {
    struct zoo *z;
    uint64_t n, sum;
};

static uint64_t name_sum(const char *name)
{
    uint64_t h = 7;
    for (; *name; name++)
        h = h * 1099511628211u + (uint8_t)*name;
    return h;
}

static int count_entry(void *arg, const char *name, const struct zap_value *value)
{
    struct census *c = arg;
    EXPECT(c->z->g.e, value->int_size == 8 ? value->n == 1 : value->int_size == 1);
    c->n++;
    c->sum += name_sum(name);
    return 0;
}

static void expect_all(struct zoo *z, uint32_t names, uint32_t step)
{
    struct census c = {.z = z};
    uint64_t n = 0, sum = 0;
    EXPECT_EQ(z->g.e, zap_count(z->g.os, z->id, &n), 0);
    EXPECT_EQ(z->g.e, n, z->count);
    EXPECT_EQ(z->g.e, zap_iterate(z->g.os, z->id, count_entry, &c), 0);
    EXPECT_EQ(z->g.e, c.n, z->count);
    for (uint32_t i = 0; i < names; i++)
        sum += z->version[i] ? name_sum(name_of(i)) : 0;
    EXPECT_EQ(z->g.e, c.sum, sum);
    for (uint32_t i = grove_random(&z->g, step); i < names; i += step)
        expect_one(z, i);
}

static struct zoo *zoo_new(struct expect *e, uint64_t seed, unsigned long_ones)
{
    struct zoo *z = calloc(1, sizeof(*z));
    check(z);
    grove_new(&z->g, e, OBJSET_META, seed);
    grove_begin(&z->g);
    z->long_ones = long_ones;
    EXPECT_EQ(e, zap_create(z->g.os, DMU_ZAP_METADATA, DMU_NONE, 0, &z->id), 0);
    return z;
}

static void zoo_free(struct zoo *z)
{
    grove_free(&z->g);
    free(z);
}

static struct fzap open_fat(struct zoo *z)
{
    struct fzap f = {0};
    struct object *obj;
    EXPECT_EQ(z->g.e, object_hold(z->g.os, z->id, &obj), 0);
    EXPECT_EQ(z->g.e, fzap_open(obj, &f), 0);
    object_release(obj);
    return f;
}

/* ---- tests ------------------------------------------------------------------------------- */

/* 50000 entries: the table has to leave the header and to double. */
static void body_many(struct expect *e)
{
    struct zoo *z = zoo_new(e, *(uint64_t *)e->arg, 1);
    for (uint32_t i = 0; i < NAMES; i++) {
        put(z, i);
        if (i % 10000 == 9999) {
            grove_commit(&z->g);
            expect_all(z, NAMES, 97);
            grove_begin(&z->g);
        }
    }
    struct fzap f = open_fat(z);
    EXPECT(e, f.h.table_blocks >= 2 && f.h.leaves > 100);
    for (uint32_t i = 0; i < NAMES; i++) {
        if (i % 3)
            drop(z, i);
        else
            put(z, i);
    }
    grove_commit(&z->g);
    grove_reopen(&z->g);
    expect_all(z, NAMES, 11);
    zoo_free(z);
}

static void body_random(struct expect *e)
{
    struct zoo *z = zoo_new(e, *(uint64_t *)e->arg, 0);
    for (unsigned t = 0; t < 12; t++) {
        for (unsigned i = 0; i < 400; i++) {
            uint32_t k = grove_random(&z->g, 3000);
            if (k % 41 == 0 && t < 6)
                continue; /* a long name: at first it stays micro */
            if (grove_random(&z->g, 4))
                put(z, k);
            else
                drop(z, k);
        }
        grove_commit(&z->g);
        if (t % 3 == 2)
            grove_reopen(&z->g);
        expect_all(z, 3000, 7);
        grove_begin(&z->g);
    }
    grove_commit(&z->g);
    zoo_free(z);
}

/* A micro ZAP grows to 128 KiB, 2047 entries, before it becomes fat. */
static void body_micro_limits(struct expect *e)
{
    struct zoo *z = zoo_new(e, 1, 0);
    struct object *obj;
    char name[16];
    uint64_t v;
    for (unsigned i = 0; i < 2048; i++) {
        EXPECT_EQ(e, object_hold(z->g.os, z->id, &obj), 0);
        EXPECT_EQ(e, object_block_size(obj), 512 * MAX(1, (i + 1 + 7) / 8));
        object_release(obj);
        snprintf(name, sizeof(name), "n%u", i);
        EXPECT_EQ(e, zap_set_u64(z->g.os, z->id, name, i), 0);
    }
    EXPECT_EQ(e, object_hold(z->g.os, z->id, &obj), 0);
    EXPECT_EQ(e, object_block_size(obj), 1u << FZAP_BLOCK_SHIFT);
    object_release(obj);
    grove_commit(&z->g);
    grove_reopen(&z->g);
    for (unsigned i = 0; i < 2048; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        EXPECT_EQ(e, zap_get_u64(z->g.os, z->id, name, &v), 0);
        EXPECT_EQ(e, v, i);
    }
    zoo_free(z);
}

static void body_kinds(struct expect *e)
{
    struct zoo *z = zoo_new(e, 1, 0);
    struct objset *os = z->g.os;
    static char big[ZAP_VALUE_MAX + 2], long_name[ZAP_NAME_MAX + 2];
    char *text;
    uint64_t v = 0, three[3] = {1, 2, 1ull << 63};
    struct zap_value got;
    memset(big, 'x', sizeof(big));
    memset(long_name, 'n', sizeof(long_name));
    long_name[ZAP_NAME_MAX + 1] = '\0';
    EXPECT_EQ(e, zap_set_u64(os, z->id, "", 1), -EINVAL);
    EXPECT_EQ(e, zap_set_u64(os, z->id, long_name, 1), -ENAMETOOLONG);
    long_name[ZAP_NAME_MAX] = '\0';
    EXPECT_EQ(e, zap_set_u64(os, z->id, "a", 5), 0);
    EXPECT_EQ(e, zap_get_str(os, z->id, "a", &text), -EOVERFLOW);
    EXPECT_EQ(e, zap_set_u64(os, z->id, long_name, 6), 0);
    EXPECT_EQ(e, zap_get_u64(os, z->id, long_name, &v), 0);
    EXPECT_EQ(e, v, 6);
    EXPECT_EQ(e, zap_get_u64(os, z->id, "a", &v), 0);
    EXPECT_EQ(e, v, 5);
    EXPECT_EQ(e, zap_set_u64s(os, z->id, "three", three, 3), 0);
    EXPECT_EQ(e, zap_get_u64(os, z->id, "three", &v), -EOVERFLOW);
    EXPECT_EQ(e, zap_get(os, z->id, "three", &got), 0);
    EXPECT_EQ(e, got.n == 3 && memcmp(got.bytes, three, sizeof(three)) == 0, 1);
    free(got.bytes);
    big[ZAP_VALUE_MAX + 1] = '\0';
    EXPECT_EQ(e, zap_set_str(os, z->id, "big", big), -E2BIG);
    big[ZAP_VALUE_MAX - 1] = '\0';
    for (unsigned i = 0; i < 5; i++) {
        snprintf(long_name, sizeof(long_name), "big%u", i);
        EXPECT_EQ(e, zap_set_str(os, z->id, long_name, big), 0);
    }
    EXPECT_EQ(e, zap_get_str(os, z->id, "big3", &text), 0);
    EXPECT_EQ(e, strcmp(text, big), 0);
    free(text);
    EXPECT_EQ(e, zap_add_int(os, z->id, 0xabc), 0);
    EXPECT_EQ(e, zap_get_u64(os, z->id, "abc", &v), 0);
    EXPECT_EQ(e, v, 0xabc);
    EXPECT_EQ(e, zap_set_int(os, z->id, 0, 9), 0);
    EXPECT_EQ(e, zap_get_u64(os, z->id, "0", &v), 0);
    EXPECT_EQ(e, zap_remove_int(os, z->id, 0xabc), 0);
    EXPECT_EQ(e, zap_remove_int(os, z->id, 0xabc), -ENOENT);
    EXPECT_EQ(e, zap_get_u64(os, 77, "x", &v), -ENOENT);
    grove_commit(&z->g);
    zoo_free(z);
}

/* A table that OpenZFS left half copied: the next change drops the copy. */
static void body_half_copied(struct expect *e)
{
    struct zoo *z = zoo_new(e, 2, 1);
    struct object *obj;
    uint8_t *bytes;
    for (uint32_t i = 0; i < 30000; i++)
        put(z, i);
    struct fzap f = open_fat(z);
    EXPECT(e, f.h.table_blocks > 0);
    EXPECT_EQ(e, object_hold(z->g.os, z->id, &obj), 0);
    f.h.next_block = f.h.free_block;
    f.h.blocks_copied = 1;
    f.h.free_block += 2 * f.h.table_blocks;
    EXPECT_EQ(e, object_block_change(obj, f.h.next_block, true, &bytes), 0);
    EXPECT_EQ(e, object_block_change(obj, 0, false, &bytes), 0);
    fzap_header_put(bytes, object_block_size(obj), &f.h);
    object_release(obj);
    grove_commit(&z->g);
    grove_begin(&z->g);
    expect_all(z, NAMES, 97);
    put(z, 30000);
    EXPECT_EQ(e, open_fat(z).h.next_block, 0);
    for (uint32_t i = 30001; i < 45000; i++)
        put(z, i);
    grove_commit(&z->g);
    expect_all(z, NAMES, 97);
    zoo_free(z);
}

#define TEST(name, seeds)                                                                      \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        for (uint64_t seed = 1; seed <= (seeds); seed++)                                       \
            expect_in(expect_sim(seed), body_##name, &seed);                                   \
    }
TEST(many, 1)
TEST(random, 4)
TEST(micro_limits, 1)
TEST(kinds, 1)
TEST(half_copied, 1)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),         cmocka_unit_test(test_random),
        cmocka_unit_test(test_micro_limits), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_half_copied),
    };
    return cmocka_run_group_tests_name("pool_tree_zap", tests, NULL, NULL);
}
