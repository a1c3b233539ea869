/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's lines, and what they say together. */
#include "config/sources.h"
#include "control/networks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct networks ns;

static int drop(void **state)
{
    (void)state;
    networks_free(&ns);
    return 0;
}

/* As a machine of this byte order prints it. */
static void route4(const char *interface, const char *to, const char *mask, unsigned flags)
{
    char line[128];
    struct cfg_address a, m;
    uint32_t x, y;
    cfg_address_parse(to, &a);
    cfg_address_parse(mask, &m);
    memcpy(&x, a.bytes, 4);
    memcpy(&y, m.bytes, 4);
    snprintf(line, sizeof(line), "%s\t%08X\t00000000\t%04X\t0\t0\t100\t%08X\t0\t0\t0\n",
             interface, x, flags, y);
    assert_int_equal(networks_route4(&ns, line), 0);
}

static bool direct(const char *interface, const char *address)
{
    struct cfg_address a;
    assert_true(cfg_address_parse(address, &a));
    return networks_direct(&ns, interface, &a);
}

static void test_routes_of_ipv4(void **state)
{
    (void)state;
    assert_int_equal(networks_route4(&ns, "Iface\tDestination\tGateway \tFlags\tRefCnt\n"), 0);
    assert_int_equal(networks_route4(&ns, ""), 0);
    assert_int_equal(ns.n, 0);
    route4("eth0", "0.0.0.0", "0.0.0.0", 3);
    route4("net1", "192.0.2.0", "255.255.255.0", 1);
    route4("net1", "198.51.100.0", "255.255.255.0", 3); /* by a router */
    route4("net1", "203.0.113.0", "255.255.255.0", 0);  /* down */
    route4("*", "203.0.113.0", "255.255.255.0", 0x201); /* refused */
    assert_int_equal(ns.n, 2);
    assert_true(networks_is_default(&ns, "eth0"));
    assert_false(networks_is_default(&ns, "net1") || networks_is_default(&ns, ""));
    assert_true(direct("net1", "192.0.2.255") && direct("net1", "::ffff:192.0.2.1"));
    assert_false(direct("net1", "192.0.3.1") || direct("eth0", "192.0.2.1") ||
                 direct("net1", "198.51.100.1") || direct("eth0", "203.0.113.1"));
}

static void test_routes_and_addresses_of_ipv6(void **state)
{
    (void)state;
    static const char *const routes[] = {
        "20010db8000000000000000000000000 20 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 00000100 00000001 00000000 00000001     net1\n",
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "20010db8000000000000000000000001 00000400 00000003 00000000 00000003     eth0\n",
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n",
        "20010db8 20 0 0 0 0 0 0 1 net2\n",
        "20010db8000000000000000000000000 99 0 0 0 0 0 0 00000001 net2\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        assert_int_equal(networks_route6(&ns, routes[i]), 0);
    assert_int_equal(ns.n, 2);
    assert_true(networks_is_default(&ns, "eth0") && !networks_is_default(&ns, "lo"));
    assert_true(direct("net1", "2001:db8:5::1"));
    assert_false(direct("net1", "2001:db9::1") || direct("net1", "192.0.2.1"));
    networks_address6(&ns, "fe800000000000000000000000000001 02 40 20 80     eth0\n");
    networks_address6(&ns, "fe800000000000000000000000000001 03 40 20 80     net1\n");
    networks_address6(&ns, "20010db8000000000000000000000007 03 40 00 80     net1\n");
    networks_address6(&ns, "20010db8 03 40 00 80     net1\n");
    assert_int_equal(ns.n, 5);
    assert_string_equal(networks_find(&ns, "2001:db8::7")->interface, "net1");
    assert_string_equal(networks_find(&ns, "fe80::1%net1")->interface, "net1");
    assert_string_equal(networks_find(&ns, "fe80::1%eth0")->interface, "eth0");
    assert_null(networks_find(&ns, "fe80::1%net9"));
    assert_null(networks_find(&ns, "2001:db8::8"));
    assert_null(networks_find(&ns, "nonsense"));
}

static const struct network *at(const char *interface, const char *address, unsigned prefix)
{
    struct cfg_address a;
    assert_true(cfg_address_parse(address, &a));
    assert_int_equal(networks_add(&ns, NETWORK_ADDRESS, interface, &a, prefix), 0);
    return &ns.v[ns.n - 1];
}

static void test_one_cable_or_two(void **state)
{
    (void)state;
    struct network a = *at("net1", "10.77.1.1", 24), b = *at("net2", "10.77.2.1", 24),
                   c = *at("net2", "10.77.1.3", 32), d = *at("net1", "fe80::1", 64),
                   e = *at("net2", "fe80::1", 64);
    assert_false(networks_same_interface(&a, &b) || networks_same_subnet(&a, &b));
    assert_true(networks_same_interface(&b, &c) && !networks_same_subnet(&b, &c));
    assert_true(networks_same_subnet(&a, &c) && networks_same_subnet(&c, &a));
    assert_false(networks_same_subnet(&d, &e) || networks_same_subnet(&a, &d));
    assert_true(networks_same_subnet(&d, &d));
    assert_true(direct("net2", "10.77.1.1")); /* it is ours */
    assert_false(direct("net2", "10.77.1.2"));
}

static void test_there_is_an_end_to_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NETWORKS_MAX + 10; i++)
        at("net1", "10.77.1.1", 24);
    assert_int_equal(ns.n, NETWORKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_routes_of_ipv4, drop),
        cmocka_unit_test_teardown(test_routes_and_addresses_of_ipv6, drop),
        cmocka_unit_test_teardown(test_one_cable_or_two, drop),
        cmocka_unit_test_teardown(test_there_is_an_end_to_it, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
