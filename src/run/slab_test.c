/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of buffers by itself (iobuf.c uses it in builds without sanitizers only), then what a reactor keeps of it. */
#include "run/test_world.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

enum { MODEL = 3000, STEPS = 55000 };

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static unsigned per_slab(unsigned class)
{
    return SLAB_LEN / (IOBUF_MIN << class);
}

static bool is_mapped(const uint8_t *p)
{
    unsigned char in_core;
    return mincore((void *)(uintptr_t)p, 4096, &in_core) == 0 || errno != ENOMEM;
}

/* As one whose caller wants no idle memory. */
static void put(struct slabs *a, struct iobuf *b)
{
    if (!slab_put(a, b))
        return;
    slabs_give_back(a, 0); /* idle from now on, */
    slabs_give_back(a, 0); /* and all the time since */
}

static void assert_nothing_left(struct slabs *a)
{
    assert_true(list_empty(&a->all));
    assert_int_equal(a->idle_bytes, 0);
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        assert_int_equal(a->class[i].nslabs, 0);
        assert_int_equal(a->class[i].warm_bytes, 0);
        assert_true(list_empty(&a->class[i].warm));
        assert_true(list_empty(&a->class[i].open));
    }
}

static void test_a_slab_is_aligned_and_its_buffers_fill_it(void **state)
{
    (void)state;
    struct slabs a;
    struct iobuf *bufs[512];
    slabs_init(&a, NULL);
    for (unsigned class = 0; class < SLAB_CLASSES; class ++) {
        uint32_t cap = IOBUF_MIN << class;
        uint64_t sum = 0;
        for (unsigned i = 0; i < per_slab(class); i++) {
            bufs[i] = slab_get(&a, class);
            assert_non_null(bufs[i]);
            assert_int_equal(bufs[i]->cap, cap);
            assert_int_equal((uintptr_t)bufs[i]->p % cap, 0);
            assert_int_equal((uintptr_t)bufs[i]->p / SLAB_LEN,
                             (uintptr_t)bufs[0]->p / SLAB_LEN);
            assert_int_equal((uintptr_t)bufs[i] % 64, 0);
            sum += (uintptr_t)bufs[i]->p % SLAB_LEN / cap;
            memset(bufs[i]->p, 0xa5, cap);
        }
        uint64_t n = per_slab(class);
        assert_int_equal(sum, n * (n - 1) / 2);
        assert_int_equal(a.class[class].nslabs, 1);
        for (unsigned i = 0; i < n; i++)
            put(&a, bufs[i]);
    }
    assert_nothing_left(&a);
}

static void test_the_last_freed_comes_first_from_any_slab(void **state)
{
    (void)state;
    struct slabs a;
    struct iobuf *bufs[20]; /* more than a slab */
    slabs_init(&a, NULL);
    for (unsigned i = 0; i < 20; i++)
        bufs[i] = slab_get(&a, 5);
    static const unsigned order[] = {3, 18, 0, 7};
    for (unsigned i = 0; i < 4; i++)
        assert_false(slab_put(&a, bufs[order[i]]));
    for (unsigned i = 4; i-- > 0;)
        assert_ptr_equal(slab_get(&a, 5), bufs[order[i]]);
    assert_int_equal(a.class[5].nslabs, 2);
    slabs_fini(&a);
}

static void test_few_are_warm_and_the_others_found_again(void **state)
{
    (void)state;
    struct slabs a;
    struct iobuf *bufs[16];
    slabs_init(&a, NULL);
    for (unsigned i = 0; i < 16; i++)
        bufs[i] = slab_get(&a, 5);
    for (unsigned i = 0; i < 15; i++)
        assert_false(slab_put(&a, bufs[i]));
    assert_int_equal(a.class[5].warm_bytes, SLAB_WARM_MAX);
    for (unsigned i = 0; i < 15; i++)
        assert_ptr_equal(slab_get(&a, 5), bufs[14 - i]);
    assert_int_equal(a.class[5].nslabs, 1);
    slabs_fini(&a);
    assert_nothing_left(&a);
}

static void test_an_idle_slab_goes_with_its_warm_buffers(void **state)
{
    (void)state;
    struct slabs a;
    struct iobuf *bufs[2 * 512];
    slabs_init(&a, NULL);
    for (unsigned i = 0; i < 2 * 512; i++)
        bufs[i] = slab_get(&a, 0);
    uint8_t *first = bufs[0]->p, *second = bufs[512]->p;
    assert_false(slab_put(&a, bufs[512]));
    for (unsigned i = 0; i < 511; i++)
        assert_false(slab_put(&a, bufs[i]));
    assert_int_equal(a.idle_bytes, 0);
    assert_true(slab_put(&a, bufs[511]));
    assert_int_equal(a.idle_bytes, SLAB_LEN);
    slabs_give_back(&a, 0);
    assert_true(is_mapped(first));
    slabs_give_back(&a, 0);
    assert_false(is_mapped(first));
    assert_true(is_mapped(second));
    assert_int_equal(a.idle_bytes, 0);
    assert_int_equal(a.class[0].warm_bytes, 0); /* the second's had cooled */
    assert_ptr_equal(slab_get(&a, 0), bufs[512]);
    slabs_fini(&a);
    assert_false(is_mapped(second));
}

static void test_what_was_never_used_costs_nothing(void **state)
{
    (void)state;
    struct slabs a;
    slabs_init(&a, NULL);
    for (unsigned round = 0; round < 5; round++) {
        struct iobuf *one = slab_get(&a, 0), *two = slab_get(&a, 0);
        assert_int_equal(a.idle_bytes, 0);
        assert_false(slab_put(&a, one));
        assert_true(slab_put(&a, two));
        assert_int_equal(a.idle_bytes, 2 * IOBUF_MIN);
    }
    assert_int_equal(a.class[0].nslabs, 1);
    slabs_fini(&a);
}

/* Slabs that are in use are used before idle ones. */
static void test_idle_slabs_stay_idle(void **state)
{
    (void)state;
    struct slabs a;
    struct iobuf *bufs[8];
    slabs_init(&a, NULL);
    for (unsigned i = 0; i < 8; i++)
        bufs[i] = slab_get(&a, 8);
    static const unsigned order[] = {0, 2, 3,
                                     4, 7, 6}; /* the second and the fourth slab are idle */
    for (unsigned i = 0; i < 6; i++)
        slab_put(&a, bufs[order[i]]);
    assert_int_equal(a.idle_bytes, 2 * SLAB_LEN);
    for (unsigned i = 0; i < 2; i++) {
        const struct iobuf *b = slab_get(&a, 8);
        assert_true(b == bufs[0] || b == bufs[4]);
    }
    assert_int_equal(a.idle_bytes, 2 * SLAB_LEN);
    slabs_fini(&a);
}

/* Idle is what was so all the time. */
static void test_what_was_of_use_stays(void **state)
{
    (void)state;
    struct slabs a;
    struct iobuf *bufs[8];
    slabs_init(&a, NULL);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 8; i++)
            bufs[i] = slab_get(&a, 8);
        for (unsigned i = 0; i < 8; i++)
            slab_put(&a, bufs[i]);
        slabs_give_back(&a, 0);
        assert_int_equal(a.class[8].nslabs, 4);
    }
    struct iobuf *one = slab_get(&a, 8);
    slabs_give_back(&a, 2 * SLAB_LEN);
    assert_int_equal(a.class[8].nslabs, 3); /* one of which is in use */
    slab_put(&a, one);
    slabs_fini(&a);
}

static void test_an_idle_slab_changes_its_class(void **state)
{
    (void)state;
    enum {
        LARGE = 2 * (SLAB_CLASSES + 2)
    }; /* two slabs more than are spared, one of them in use */
    struct slabs a;
    struct iobuf *large[LARGE], *small[2 * 512];
    slabs_init(&a, NULL);
    for (unsigned i = 0; i < LARGE; i++)
        large[i] = slab_get(&a, 8);
    for (unsigned i = 2; i < LARGE; i++)
        slab_put(&a, large[i]);
    for (unsigned i = 0; i < 2 * 512; i++)
        small[i] = slab_get(&a, 0);
    assert_int_equal(a.class[8].nslabs, SLAB_CLASSES + 1); /* the next one was mapped */
    assert_int_equal(a.class[0].nslabs, 2);
    assert_int_equal(a.idle_bytes, SLAB_CLASSES * SLAB_LEN);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal((uintptr_t)small[i]->p / SLAB_LEN, (uintptr_t)small[0]->p / SLAB_LEN);
    for (unsigned i = 0; i < 2 * 512; i++)
        slab_put(&a, small[i]);
    assert_int_equal(a.idle_bytes, (SLAB_CLASSES + 2) * SLAB_LEN);
    slabs_fini(&a);
}

/* ---- huge pages -------------------------------------------------------------------------- */

/* Whether flag (two letters) is among those of the mapping that p lies in. */
static bool mapping_has(const uint8_t *p, const char *flag)
{
    FILE *f = fopen("/proc/self/smaps", "re");
    assert_non_null(f);
    char line[512];
    unsigned long long from, to, at = (uintptr_t)p;
    bool here = false, has = false;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
            here = from <= at && at < to;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            has = strstr(line, flag) != NULL;
    }
    fclose(f);
    return has;
}

static void test_only_busy_classes_get_huge_pages(void **state)
{
    (void)state;
    struct slabs a;
    struct iobuf *bufs[12];
    slabs_init(&a, NULL);
    for (unsigned i = 0; i < 12; i++)
        bufs[i] = slab_get(&a, 8);
    if (!mapping_has(bufs[0]->p, " nh"))
        skip(); /* this kernel has none */
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(mapping_has(bufs[i]->p, " hg"), i >= 8);
    assert_false(slab_put(&a, bufs[8]));
    assert_true(slab_put(&a, bufs[9]));
    assert_int_equal(a.idle_bytes, SLAB_LEN);
    slabs_fini(&a);
}

/* ---- against a model --------------------------------------------------------------------- */

struct model {
    struct slabs a;
    struct iobuf *held[MODEL];
    uint64_t stamp[MODEL];
    unsigned in_use[SLAB_CLASSES], peak[SLAB_CLASSES];
    unsigned n;
    uint64_t seed;
};

static unsigned class_of(const struct iobuf *b)
{
    return (unsigned)__builtin_ctz(b->cap / IOBUF_MIN);
}

static uint64_t *last_word(const struct iobuf *b)
{
    return (uint64_t *)(void *)(b->p + b->cap - sizeof(uint64_t));
}

static void model_get(struct model *m)
{
    unsigned class = (unsigned)next_random(&m->seed) % 24;
    class = class < SLAB_CLASSES ? class : class % 3; /* most are small */
    struct iobuf *b = slab_get(&m->a, class);
    assert_non_null(b);
    assert_int_equal(class_of(b), class);
    m->held[m->n] = b;
    m->stamp[m->n] = next_random(&m->seed);
    *(uint64_t *)(void *)b->p = m->stamp[m->n];
    *last_word(b) = ~m->stamp[m->n];
    m->n++;
    m->in_use[class]++;
    m->peak[class] = MAX(m->peak[class], m->in_use[class]);
    assert_in_range(m->a.class[class].nslabs, 1,
                    (m->peak[class] + per_slab(class) - 1) / per_slab(class));
}

static void model_put(struct model *m)
{
    unsigned i = (unsigned)(next_random(&m->seed) % m->n);
    struct iobuf *b = m->held[i];
    assert_int_equal(*(uint64_t *)(void *)b->p, m->stamp[i]);
    assert_int_equal(*last_word(b), ~m->stamp[i]);
    m->in_use[class_of(b)]--;
    m->n--;
    m->held[i] = m->held[m->n];
    m->stamp[i] = m->stamp[m->n];
    slab_put(&m->a, b);
    if (next_random(&m->seed) % 64 == 0)
        slabs_give_back(&m->a, next_random(&m->seed) % (8 * SLAB_LEN));
}

static void assert_sums(const struct model *m)
{
    uint64_t mapped = 0, used = 0;
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        mapped += (uint64_t)m->a.class[i].nslabs * SLAB_LEN;
        used += (uint64_t)m->in_use[i] * (IOBUF_MIN << i);
        assert_in_range(m->a.class[i].warm_bytes, 0, SLAB_WARM_MAX);
    }
    assert_in_range(used, 0, mapped);
    assert_in_range(m->a.idle_bytes, 0, mapped - used);
    assert_in_range(m->a.idle_low, 0, m->a.idle_bytes);
}

static void test_random_use_keeps_what_is_held(void **state)
{
    (void)state;
    static struct model m;
    m = (struct model){.seed = 88172645463325252u};
    slabs_init(&m.a, NULL);
    for (unsigned i = 0; i < STEPS; i++) {
        bool grow = (i / 5000 % 2 == 0) == (next_random(&m.seed) % 4 != 0); /* tides */
        if ((grow || m.n == 0) && m.n < MODEL)
            model_get(&m);
        else
            model_put(&m);
        assert_sums(&m);
    }
    assert_true(m.n > 100);
    while (m.n > 0)
        put(&m.a, m.held[--m.n]);
    assert_nothing_left(&m.a);
}

/* A cache that is a queue: the slabs of a size that nobody asks for any more leave with it. */
static void test_a_queue_takes_its_slabs_along(void **state)
{
    (void)state;
    enum { SMALL = 16, LARGE = 2, TOTAL = SMALL * 128 };
    static struct iobuf *queue[TOTAL];
    struct slabs a;
    slabs_init(&a, NULL);
    for (unsigned i = 0; i < TOTAL; i++)
        queue[i] = slab_get(&a, 2);
    assert_int_equal(a.class[2].nslabs, SMALL);
    for (unsigned i = 0; i < TOTAL / 2; i += 8) { /* each of 128 KiB for eight of 16 */
        for (unsigned k = 0; k < 8; k++)
            put(&a, queue[i + k]);
        queue[i] = slab_get(&a, 5);
        assert_in_range(a.class[2].nslabs + a.class[5].nslabs, SMALL, SMALL + 1);
    }
    assert_int_equal(a.class[2].nslabs, SMALL / 2);
    slabs_fini(&a);
}

/* ---- in a reactor ------------------------------------------------------------------------ */

enum { SHARE = 4 * (SLAB_LEN + IOBUF_MIN) };

struct facts {
    uint64_t idle[4];
    bool none;
};

static void burst(void *arg)
{
    struct facts *f = arg;
    const struct slabs *a = &reactor_self()->slabs;
    struct iobuf *bufs[200];
    bufs[0] = iobuf_get(1);
    f->idle[0] = a->idle_bytes;
    iobuf_put(bufs[0]);
    f->idle[1] = a->idle_bytes;
    for (unsigned i = 0; i < 200; i++)
        bufs[i] = iobuf_get(128u << 10);
    f->none = list_empty(&a->all);
    for (unsigned i = 0; i < 200; i++)
        iobuf_put(bufs[i]);
    f->idle[2] = a->idle_bytes;
    fiber_sleep_until(run_now() + 60 * NS_PER_SEC, NULL);
    f->idle[3] = a->idle_bytes;
}

static void test_a_reactor_keeps_a_quarter_of_its_share_for_long(void **state)
{
    (void)state;
    struct facts f = {0};
    const struct run_config cfg = {.buf_budget = (uint64_t)SHARE * TEST_REACTORS};
    test_run(&cfg, burst, &f);
    assert_int_equal(f.none, RUN_SANITIZED);
    assert_int_equal(f.idle[0], 0);
    assert_int_equal(f.idle[1], RUN_SANITIZED ? 0 : IOBUF_MIN);
    assert_int_equal(f.idle[2], RUN_SANITIZED ? 0 : 13 * SLAB_LEN + IOBUF_MIN);
    assert_int_equal(f.idle[3], RUN_SANITIZED ? 0 : SLAB_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slab_is_aligned_and_its_buffers_fill_it),
        cmocka_unit_test(test_the_last_freed_comes_first_from_any_slab),
        cmocka_unit_test(test_few_are_warm_and_the_others_found_again),
        cmocka_unit_test(test_an_idle_slab_goes_with_its_warm_buffers),
        cmocka_unit_test(test_what_was_never_used_costs_nothing),
        cmocka_unit_test(test_idle_slabs_stay_idle),
        cmocka_unit_test(test_what_was_of_use_stays),
        cmocka_unit_test(test_an_idle_slab_changes_its_class),
        cmocka_unit_test(test_only_busy_classes_get_huge_pages),
        cmocka_unit_test(test_random_use_keeps_what_is_held),
        cmocka_unit_test(test_a_queue_takes_its_slabs_along),
        cmocka_unit_test(test_a_reactor_keeps_a_quarter_of_its_share_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
