/* SPDX-License-Identifier: BSD-2-Clause */
/* Scatter lists on buffers without a home, then pools, admission and buffers that travel,
 * inside a world. */
#include "run/test_world.h"

#include <errno.h>
#include <stdio.h>

/* A list over one buffer with pieces of the given lengths, filled with first, first + 1, ... */
static void fill(struct sgl *s, const uint32_t *lens, unsigned n, uint8_t first)
{
    sgl_init(s);
    for (unsigned i = 0; i < n; i++) {
        struct iobuf *b = iobuf_get(lens[i]);
        assert_non_null(b);
        for (uint32_t k = 0; k < lens[i]; k++)
            b->p[k] = first++;
        assert_int_equal(sgl_add(s, b, b->p, lens[i]), 0);
    }
}

static void test_copies_cross_pieces(void **state)
{
    (void)state;
    const uint32_t lens[] = {1, 5, 3, 7};
    struct sgl s;
    fill(&s, lens, 4, 10);
    uint8_t out[16];
    sgl_copy_out(&s, 0, out, 16);
    for (uint8_t i = 0; i < 16; i++)
        assert_int_equal(out[i], 10 + i);
    sgl_copy_in(&s, 4, "abcdef", 6);
    sgl_zero(&s, 11, 5);
    sgl_copy_out(&s, 3, out, 13);
    assert_memory_equal(out, "\15abcdef\24\0\0\0\0\0", 13);
    sgl_clear(&s);
    assert_int_equal(s.len, 0);
    assert_int_equal(s.n, 0);
}

static void test_compare_finds_the_first_difference(void **state)
{
    (void)state;
    const uint32_t lens_a[] = {1, 5, 3, 7}, lens_b[] = {4, 4, 8};
    struct sgl a, b;
    fill(&a, lens_a, 4, 0);
    fill(&b, lens_b, 3, 0);
    assert_int_equal(sgl_compare(&a, 0, &b, 0, 16), 0);
    assert_int_equal(sgl_compare(&a, 2, &b, 2, 0), 0);
    for (uint64_t at = 0; at < 16; at++) {
        sgl_copy_in(&b, at, "\xff", 1);
        assert_int_equal(sgl_compare(&a, 0, &b, 0, 16), at + 1);
        assert_int_equal(sgl_compare(&a, at, &b, at, 16 - at), 1);
        assert_int_equal(sgl_compare(&a, 0, &b, 0, at), 0);
        uint8_t back = (uint8_t)at;
        sgl_copy_in(&b, at, &back, 1);
    }
    sgl_clear(&a);
    sgl_clear(&b);
}

static void test_slice_shares_and_truncate_drops(void **state)
{
    (void)state;
    const uint32_t lens[] = {4, 4, 4};
    struct sgl s, part;
    fill(&s, lens, 3, 0);
    struct iobuf *middle = s.v[1].buf;
    sgl_init(&part);
    assert_int_equal(sgl_slice(&part, &s, 3, 6), 0);
    assert_int_equal(part.n, 3);
    assert_int_equal(part.len, 6);
    assert_int_equal(middle->refs, 2);
    sgl_truncate(&part, 1);
    assert_int_equal(part.n, 1);
    assert_int_equal(middle->refs, 1);
    sgl_clear(&s);
    uint8_t byte;
    sgl_copy_out(&part, 0, &byte, 1); /* the slice keeps its buffer alive */
    assert_int_equal(byte, 3);
    sgl_clear(&part);
}

static void test_iov_stops_at_its_limit(void **state)
{
    (void)state;
    const uint32_t lens[] = {4, 4, 4, 4};
    struct sgl s;
    struct iovec iov[4];
    uint64_t len;
    fill(&s, lens, 4, 0);
    assert_int_equal(sgl_iov(&s, 2, 14, iov, 2, &len), 2);
    assert_int_equal(len, 6);
    assert_int_equal(iov[0].iov_len, 2);
    assert_int_equal(iov[1].iov_len, 4);
    assert_int_equal(sgl_iov(&s, 4, 12, iov, 4, &len), 3);
    assert_int_equal(len, 12);
    assert_ptr_equal(iov[0].iov_base, s.v[1].p);
    sgl_clear(&s);
}

static void test_static_bytes_need_no_buffer(void **state)
{
    (void)state;
    static uint8_t text[] = "zsan";
    struct sgl s;
    sgl_init(&s);
    for (int i = 0; i < 20; i++)
        assert_int_equal(sgl_add(&s, NULL, text, 4), 0);
    assert_int_equal(s.len, 80);
    char out[8];
    sgl_copy_out(&s, 38, out, 8);
    assert_memory_equal(out, "anzsanzs", 8);
    sgl_clear(&s);
}

/* ---- sizes ------------------------------------------------------------------------------- */

static void test_alloc_wastes_at_most_a_quarter(void **state)
{
    (void)state;
    for (uint64_t len = 1; len < 3u << 20; len += 1 + len / 3) {
        struct sgl s;
        uint64_t cap = 0;
        sgl_init(&s);
        assert_int_equal(sgl_alloc(&s, len), 0);
        assert_int_equal(s.len, len);
        for (unsigned i = 0; i < s.n; i++) {
            assert_int_equal((uintptr_t)s.v[i].p % IOBUF_MIN, 0);
            assert_in_range(s.v[i].len, 1, s.v[i].buf->cap);
            cap += s.v[i].buf->cap;
        }
        assert_true(cap <= len + MAX(len / 3, (uint64_t)IOBUF_MIN));
        sgl_clear(&s);
    }
}

/* ---- inside a world ---------------------------------------------------------------------- */

struct facts {
    bool admitted[5], shared, counted;
    uint64_t used[7];
    uint32_t refs_home;
    struct sgl list;
};

static void use_budget(void *arg)
{
    struct facts *f = arg;
    struct run *run = reactor_run(reactor_self());
    struct iobuf *a = iobuf_get(5000);
    f->used[0] = admit_used(run); /* 8 KiB: what it really takes */
    iobuf_put(a);
    f->used[1] = admit_used(run);
    a = iobuf_get(8192);
    f->admitted[0] = admit_try(run, (508u << 10) + 1, 0);
    f->admitted[1] = admit_try(run, 508u << 10, 0); /* half of what is free */
    f->admitted[2] = admit_try(run, 5u << 10, 508u << 10);
    f->used[2] = admit_used(run);
    iobuf_put(a);
    admit_return(run, 508u << 10);
    f->used[3] = admit_used(run);
    f->admitted[3] = admit_try(run, 1u << 20, 0); /* all, when nobody has any */
    f->admitted[4] = admit_try(run, 1, 0);
    admit_return(run, 1u << 20);
    uint64_t held[2] = {0};
    for (unsigned k = 0; k < 2; k++) /* greedy ones */
        while (admit_try(run, 4096, held[k]))
            held[k] += 4096;
    f->shared = held[0] == 512u << 10 && held[1] == 256u << 10 && admit_try(run, 128u << 10, 0);
    admit_return(run, 896u << 10);
    admit_set_budget(run, 4096);
    f->counted =
        admit_budget(run) == 4096 && !admit_try(run, 4097, 0) && admit_try(run, 4096, 0);
}

static void test_budget_counts_buffers_and_admissions(void **state)
{
    (void)state;
    struct facts f = {0};
    const struct run_config cfg = {.buf_budget = 1u << 20};
    test_run(&cfg, use_budget, &f);
    assert_int_equal(f.used[0], 8192);
    assert_int_equal(f.used[1], 0);
    assert_false(f.admitted[0]);
    assert_true(f.admitted[1]);
    assert_false(f.admitted[2]);
    assert_int_equal(f.used[2], 508u << 10);
    assert_true(f.admitted[3]);
    assert_false(f.admitted[4]);
    assert_int_equal(f.used[3], 0);
    assert_true(f.shared);
    assert_true(f.counted);
}

static void keep_buffer(void *arg)
{
    struct facts *f = arg;
    struct run *run = reactor_run(reactor_self());
    struct iobuf *a = iobuf_get(8192);
    iobuf_ref(a);
    iobuf_keep(a); /* by one */
    f->used[0] = admit_used(run);
    iobuf_ref(a);
    iobuf_keep(a); /* and by another */
    f->used[1] = admit_used(run);
    iobuf_unkeep(a);
    f->used[2] = admit_used(run);
    iobuf_unkeep(a);
    f->used[3] = admit_used(run); /* whoever got it has it still */
    f->refs_home = a->refs;
    iobuf_put(a);
    f->used[4] = admit_used(run);
    a = iobuf_get(8192);
    iobuf_keep(a);
    iobuf_unkeep(a); /* the last one */
    iobuf_unkeep(NULL);
    f->used[5] = admit_used(run);
}

static void test_kept_buffers_have_another_budget(void **state)
{
    (void)state;
    struct facts f = {0};
    const struct run_config cfg = {.buf_budget = 1u << 20};
    test_run(&cfg, keep_buffer, &f);
    assert_int_equal(f.used[0], 0);
    assert_int_equal(f.used[1], 0);
    assert_int_equal(f.used[2], 0);
    assert_int_equal(f.used[3], 8192);
    assert_int_equal(f.refs_home, 1);
    assert_int_equal(f.used[4], 0);
    assert_int_equal(f.used[5], 0);
}

static void drop_list(void *arg)
{
    struct facts *f = arg;
    sgl_clear(&f->list);
}

static void travel(void *arg)
{
    struct facts *f = arg;
    struct run *run = reactor_run(reactor_self());
    struct iobuf *b = iobuf_get(4096);
    sgl_init(&f->list);
    for (int i = 0; i < 3; i++) {
        iobuf_ref(b);
        sgl_add(&f->list, b, b->p, 4096);
    }
    call_on(run_reactor(run, 1), drop_list, f);
    fiber_yield();
    f->refs_home = b->refs;
    iobuf_put(b);
    f->used[0] = admit_used(run);
}

static void test_references_dropped_abroad_are_settled_at_home(void **state)
{
    (void)state;
    struct facts f = {0};
    const struct run_config cfg = {0};
    test_run(&cfg, travel, &f);
    assert_int_equal(f.refs_home, 1);
    assert_int_equal(f.used[0], 0);
}

/* ---- addresses, which live beside -------------------------------------------------------- */

static void test_addresses_have_one_canonical_form(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        uint16_t port;
        const char *text; /* NULL: refused */
        const char *bare;
    } cases[] = {
        {"192.0.2.1",            3260, "192.0.2.1:3260",     "192.0.2.1"   },
        {"2001:DB8:0:0:0:0:0:1", 3260, "[2001:db8::1]:3260", "2001:db8::1" },
        {"[::]",                 0,    "[::]:0",             "::"          },
        {"fe80::1%eth0",         1,    "[fe80::1%eth0]:1",   "fe80::1%eth0"},
        {"[192.0.2.1]",          1,    NULL,                 NULL          },
        {"example.net",          1,    NULL,                 NULL          },
        {"",                     1,    NULL,                 NULL          },
        {"fe80::1%",             1,    NULL,                 NULL          },
        {"1.2.3.4.5",            1,    NULL,                 NULL          },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sock_addr a = {""};
        char host[SOCK_ADDR_LEN];
        int rc = sock_addr_make(cases[i].host, cases[i].port, &a);
        assert_int_equal(rc, cases[i].text ? 0 : -EINVAL);
        if (!cases[i].text)
            continue;
        assert_string_equal(a.text, cases[i].text);
        assert_int_equal(sock_addr_port(&a), cases[i].port);
        sock_addr_host(&a, host);
        assert_string_equal(host, cases[i].bare);
    }
}

static void test_malformed_addresses_have_no_host(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "192.0.2.1", "192.0.2.1:",   "192.0.2.1:65536", "::1:3260", "[::1]",
        ":3260", "[]:1",      "192.0.2.1:-1", "[::1:3260",       "host:80",  "unix:"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sock_addr a;
        char host[SOCK_ADDR_LEN];
        snprintf(a.text, sizeof(a.text), "%s", bad[i]);
        sock_addr_host(&a, host);
        assert_string_equal(host, "");
        assert_int_equal(sock_addr_port(&a), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_cross_pieces),
        cmocka_unit_test(test_compare_finds_the_first_difference),
        cmocka_unit_test(test_slice_shares_and_truncate_drops),
        cmocka_unit_test(test_iov_stops_at_its_limit),
        cmocka_unit_test(test_static_bytes_need_no_buffer),
        cmocka_unit_test(test_alloc_wastes_at_most_a_quarter),
        cmocka_unit_test(test_budget_counts_buffers_and_admissions),
        cmocka_unit_test(test_kept_buffers_have_another_budget),
        cmocka_unit_test(test_references_dropped_abroad_are_settled_at_home),
        cmocka_unit_test(test_addresses_have_one_canonical_form),
        cmocka_unit_test(test_malformed_addresses_have_no_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
