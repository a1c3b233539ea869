/* SPDX-License-Identifier: BSD-2-Clause */
/* Each check finds what it is for in a set-up that has it, and nothing in one that has not. */
#include "config/sources.h"
#include "control/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DAY 86400u
#define NOW (1800000000u)

/* A set-up that no check finds anything in. */
static struct cfg_portal portals[2][1];
static struct cfg_portal_group groups[2];
static const struct cfg_portal_group *both[] = {&groups[0], &groups[1]};
static struct cfg_volume volumes[1];
static struct cfg_lun luns[1];
static struct cfg_target targets[2];
static struct cfg_host hosts[2];
static struct cfg_initiator initiators[2];
static struct cfg_grant grants[2];
static struct config config;
static struct net_session_info sessions[4];
static struct check_pool pool;
static struct audit_info trail;
static uint64_t last_use[2];
static struct network feet[8];
static struct networks networks = {.v = feet};
static struct check_facts facts;

static void text(char *to, const char *s)
{
    memcpy(to, s, strlen(s) + 1);
}

static struct cfg_credential credential(void)
{
    struct cfg_credential c = {.minted = NOW - 10 * DAY};
    c.secret[0].len = 16;
    memcpy(c.secret[0].bytes, "kT8wq2ZrM5xc9HvB", 16);
    return c;
}

static void good_session(struct net_session_info *s, const char *peer, const char *local)
{
    memset(s, 0, sizeof(*s));
    text(s->initiator, "iqn.x:a");
    text(s->host, "esx1");
    text(s->target, "iqn.x:t");
    text(s->peer.text, peer);
    text(s->local.text, local);
}

/* Prefix 0: the default route. */
static void network(unsigned i, const char *interface, const char *address, unsigned prefix)
{
    feet[i] = (struct network){.kind = prefix ? NETWORK_ADDRESS : NETWORK_DEFAULT};
    text(feet[i].interface, interface);
    cfg_address_parse(address, &feet[i].address);
    feet[i].net = cfg_network_of(&feet[i].address, prefix);
    networks.n = MAX(networks.n, i + 1);
}

static int setup(void **state)
{
    (void)state;
    memset(feet, 0, sizeof(feet));
    networks.n = 0;
    network(0, "net1", "192.0.2.10", 24);
    network(1, "net2", "198.51.100.10", 24);
    network(2, "eth0", "203.0.113.200", 29);
    network(3, "eth0", "0.0.0.0", 0);
    memset(portals, 0, sizeof(portals));
    text(portals[0][0].address, "192.0.2.10");
    text(portals[1][0].address, "198.51.100.10");
    for (unsigned i = 0; i < 2; i++)
        groups[i] = (struct cfg_portal_group){
            .tag = (uint16_t)(i + 1), .portals = portals[i], .nportals = 1};
    volumes[0] = (struct cfg_volume){
        .engine = CFG_POOL, .dataset = "tank/v", .name = "tank/v", .size = 1 << 20};
    luns[0] = (struct cfg_lun){0, &volumes[0]};
    targets[0] = (struct cfg_target){
        .name = "iqn.x:t", .luns = luns, .nluns = 1, .groups = both, .ngroups = 2};
    targets[1] =
        (struct cfg_target){.name = "iqn.x:u", .groups = both, .ngroups = 2, .disabled = true};
    hosts[0] = (struct cfg_host){.name = "esx1"};
    hosts[1] = (struct cfg_host){.name = "esx2"};
    initiators[0] = (struct cfg_initiator){.name = "iqn.x:a", .host = &hosts[0]};
    initiators[1] = (struct cfg_initiator){.name = "iqn.x:b", .host = &hosts[1]};
    for (unsigned i = 0; i < 2; i++) {
        memset(&grants[i], 0, sizeof(grants[i]));
        grants[i].initiator = &initiators[i];
        grants[i].target = &targets[i];
        grants[i].forward = grants[i].reverse = credential();
        cfg_sources_add(&grants[i].sources, "192.0.2.0/24", "x", NULL);
    }
    config = (struct config){.generation = 7,
                             .groups = groups,
                             .ngroups = 2,
                             .volumes = volumes,
                             .nvolumes = 1,
                             .targets = targets,
                             .ntargets = 2,
                             .hosts = hosts,
                             .nhosts = 2,
                             .initiators = initiators,
                             .ninitiators = 2,
                             .grants = grants,
                             .ngrants = 2,
                             .limits.chap_require = CFG_CHAP_SHA256};
    good_session(&sessions[0], "192.0.2.77:1", "192.0.2.10:3260");
    good_session(&sessions[1], "198.51.100.77:1", "198.51.100.10:3260");
    pool = (struct check_pool){.name = "tank",
                               .health = "ONLINE",
                               .redundant = true,
                               .spare = true,
                               .scrubbed = NOW - 3 * DAY,
                               .size = 1 << 30};
    memset(&trail, 0, sizeof(trail));
    memset(last_use, 0, sizeof(last_use));
    facts = (struct check_facts){
        .cfg = &config,
        .sessions = sessions,
        .nsessions = 2,
        .pools = &pool,
        .npools = 1,
        .trail = &trail,
        .networks = &networks,
        .care = {NOW - 3 * DAY, 7, NOW - 20 * DAY},
        .uses_since = NOW - 300 * DAY,
        .now = NOW
    };
    return 0;
}

static char last_check[40], last_text[400];
static unsigned others, hits;

static void found(void *arg, const struct check *c, const char *object, const char *said)
{
    const char *want = arg;
    if (!want || strcmp(c->name, want) != 0) {
        others++;
        print_message("# also %s: %s %s\n", c->name, object, said);
    } else {
        hits++;
    }
    snprintf(last_check, sizeof(last_check), "%s", c->name);
    snprintf(last_text, sizeof(last_text), "%s %s", object, said);
    assert_true(c->mend[0] != '\0');
}

static unsigned run(const char *want)
{
    others = hits = 0;
    return check_all(&facts, found, (void *)(uintptr_t)want);
}

/* ---- what goes wrong --------------------------------------------------------------------- */

static void one_way(void)
{
    initiators[1].auth = CFG_AUTH_ONE_WAY;
}
static void none(void)
{
    initiators[1].auth = CFG_AUTH_NONE;
}
static void weak(void)
{
    sessions[0].weak = true;
}
static void stripe(void)
{
    pool.redundant = pool.spare = false;
}
static void degraded(void)
{
    pool.health = "DEGRADED";
}
static void away(void)
{
    pool.health = NULL;
}
static void damaged(void)
{
    pool.damaged = 3;
}
static void unsynced(void)
{
    volumes[0].sync = VOL_SYNC_DISABLED;
}
static void no_trail(void)
{
    facts.trail = NULL;
}
static void broken(void)
{
    text(trail.broken, "line 7 is gone");
}
static void failing(void)
{
    text(trail.failing, "no space");
}
static void lost(void)
{
    trail.lost = 2;
}
static void one_session(void)
{
    facts.nsessions = 1;
}
static void one_network(void)
{
    good_session(&sessions[1], "192.0.2.78:1", "192.0.2.10:3260");
}
/* The other host has the same target, and is logged in by two paths, too. */
static void failover(void)
{
    grants[1].target = &targets[0];
    for (unsigned i = 0; i < 2; i++) {
        sessions[2 + i] = sessions[i];
        text(sessions[2 + i].initiator, "iqn.x:b");
        text(sessions[2 + i].host, "esx2");
    }
    facts.nsessions = 4;
}
static void two_hosts(void)
{
    failover();
    volumes[0].policy = CFG_CLUSTER;
}
static void any(void)
{
    text(portals[0][0].address, "::");
}
static void old_secret(void)
{
    grants[0].forward.minted = NOW - 400 * DAY;
}
static void old_reverse(void)
{
    grants[0].reverse.minted = NOW - 400 * DAY;
}
static void never_scrubbed(void)
{
    pool.scrubbed = 0;
}
static void long_ago(void)
{
    pool.scrubbed = NOW - 90 * DAY;
}
static void any_chap(void)
{
    config.limits.chap_require = CFG_CHAP_SHA1;
}
static void no_spare(void)
{
    pool.spare = false;
}
static void promised(void)
{
    volumes[0].size = 1ull << 40;
}
static void anywhere(void)
{
    grants[0].sources.n = 0;
}
static void unused(void)
{
    targets[0].ngroups = targets[1].ngroups = 1;
}
static void unused_secret(void)
{
    grants[0].forward.minted = grants[1].forward.minted = NOW - 200 * DAY;
    last_use[1] = NOW - 100 * DAY;
    facts.last_use = last_use;
    facts.uses_since = NOW - 150 * DAY;
}
static void short_secret(void)
{
    grants[0].reverse.secret[0].len = 12;
}
static void rotating(void)
{
    grants[0].forward.secret[1] = grants[0].forward.secret[0];
}

static void guessable(void)
{
    memset(grants[0].reverse.secret[0].bytes, 'a', 16);
}
static void guessable_discovery(void)
{
    initiators[1].discovery = credential();
    memcpy(initiators[1].discovery.secret[0].bytes, "Secret0123456789", 16);
}
static void guessable_radius(void)
{
    config.radius.nservers = 1;
    text(config.radius.servers[0].address, "192.0.2.5");
    config.radius.servers[0].secret.len = 12;
    memset(config.radius.servers[0].secret.bytes, 'x', 12);
}
static void one_interface(void)
{
    network(1, "net1", "198.51.100.10", 24);
}
static void one_subnet(void)
{
    good_session(&sessions[1], "192.0.2.78:1", "192.0.2.11:3260");
    network(1, "net2", "192.0.2.11", 24);
}
static void default_route(void)
{
    network(3, "net2", "0.0.0.0", 0);
}
static void default_route_bound(void)
{
    default_route();
    text(portals[0][0].address, "0.0.0.0");
    text(portals[0][0].interface, "net2");
    portals[1][0] = portals[0][0];
    text(portals[1][0].address, "192.0.2.10");
    text(portals[1][0].interface, "");
}
static void management_stated(void)
{
    cfg_sources_add(&config.stated.management, "198.51.100.0/25", "x", NULL);
}
static void management_stated_bound(void)
{
    management_stated();
    text(portals[1][0].address, "::");
    text(portals[1][0].interface, "net2");
}
static void routed(void)
{
    good_session(&sessions[0], "203.0.113.9:1", "192.0.2.10:3260");
}
static void other_protected(void)
{
    routed();
    cfg_sources_add(&config.stated.ipsec, "203.0.113.0/29", "x", NULL);
}
static void readers(void)
{
    failover();
    volumes[0].policy = CFG_READ_SHARED;
}
static void nobody(void)
{
    facts.nsessions = 0;
}
static void the_other_is_away(void)
{
    failover();
    facts.nsessions = 2;
    targets[0].nluns = 0;
}
static void no_backup(void)
{
    facts.care.backup = 0;
}
static void changed_since(void)
{
    config.generation = 9;
}
static void old_backup(void)
{
    facts.care.backup = NOW - 100 * DAY;
}
static void old_audit(void)
{
    facts.care.audit = NOW - 120 * DAY;
}
static void no_audit(void)
{
    facts.care.audit = 0;
}

static const struct row {
    const char *check;
    void (*spoil)(void);
    const char *names;
} rows[] = {
    {"mutual-chap",      one_way,                 "one-way"        },
    {"mutual-chap",      none,                    "none"           },
    {"weak-session",     weak,                    "192.0.2.77"     },
    {"redundancy",       stripe,                  "tank"           },
    {"pool-health",      degraded,                "DEGRADED"       },
    {"pool-health",      away,                    "not open"       },
    {"pool-health",      damaged,                 "3 blocks"       },
    {"sync",             unsynced,                "tank/v"         },
    {"audit-trail",      no_trail,                "none"           },
    {"audit-trail",      broken,                  "line 7"         },
    {"audit-trail",      failing,                 "no space"       },
    {"audit-trail",      lost,                    "2 lines"        },
    {"two-paths",        one_session,             "esx1"           },
    {"two-paths",        one_network,             "esx1"           },
    {"shared-disk",      two_hosts,               "esx1 and esx2"  },
    {"any-address",      any,                     "::"             },
    {"secret-age",       old_secret,              "400 days"       },
    {"secret-age",       old_reverse,             "400 days"       },
    {"scrub",            never_scrubbed,          "tank"           },
    {"scrub",            long_ago,                "90 days"        },
    {"chap-require",     any_chap,                "iqn.x:b"        },
    {"spare",            no_spare,                "tank"           },
    {"overcommit",       promised,                "1048576 MiB"    },
    {"sources",          anywhere,                "iqn.x:a"        },
    {"unused-portal",    unused,                  "group 2"        },
    {"unused-secret",    unused_secret,           "100 days"       },
    {"secret-length",    short_secret,            "iqn.x:a"        },
    {"rotation",         rotating,                "iqn.x:a"        },
    {"secret-guessable", guessable,               "iqn.x:a"        },
    {"secret-guessable", guessable_discovery,     "discovery"      },
    {"secret-guessable", guessable_radius,        "192.0.2.5"      },
    {"two-paths",        one_interface,           "at net1"        },
    {"two-paths",        one_subnet,              "in 192.0.2.0/24"},
    {"management",       default_route,           "net2"           },
    {"management",       default_route_bound,     "net2"           },
    {"management",       management_stated,       "198.51.100.10"  },
    {"management",       management_stated_bound, "198.51.100.0/24"},
    {"routed",           routed,                  "203.0.113.9"    },
    {"routed",           other_protected,         "203.0.113.9"    },
    {"several-hosts",    failover,                "exclusive"      },
    {"several-hosts",    readers,                 "esx1 and esx2"  },
    {"host-away",        nobody,                  "esx1"           },
    {"host-away",        the_other_is_away,       "esx2"           },
    {"backup",           no_backup,               "has no backup"  },
    {"backup",           changed_since,           "now it is 9"    },
    {"backup",           old_backup,              "100 days"       },
    {"audit-age",        old_audit,               "120 days"       },
    {"audit-age",        no_audit,                "300 days"       },
};

static void test_a_good_set_up_has_full_marks(void **state)
{
    (void)state;
    assert_int_equal(run(NULL), 100);
    assert_int_equal(others, 0);
}

static void test_each_check_finds_its_own(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        setup(state);
        rows[i].spoil();
        unsigned score = run(rows[i].check);
        if (hits == 0 || score == 100 || others > 0 || !strstr(last_text, rows[i].names))
            fail_msg("row %zu, %s: %u found, %u others, score %u, \"%s\"", i, rows[i].check,
                     hits, others, score, last_text);
    }
}

static void test_every_check_has_a_row(void **state)
{
    (void)state;
    unsigned sum = 0;
    for (unsigned c = 0; c < nchecks; c++) {
        bool any_row = false;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            any_row = any_row || strcmp(rows[i].check, checks[c].name) == 0;
        if (!any_row)
            fail_msg("%s", checks[c].name);
        sum += checks[c].weight;
    }
    assert_int_equal(sum, 100);
}

static void test_unused_is_what_was_known_to_be_unused_for_long(void **state)
{
    unused_secret();
    last_use[1] = NOW - 80 * DAY;
    assert_int_equal(run(NULL), 100);
    last_use[1] = 0;
    facts.uses_since = NOW - 80 * DAY;
    assert_int_equal(run(NULL), 100);
    setup(state);
    unused_secret();
    text(sessions[1].initiator, "iqn.x:b");
    text(sessions[1].target, "iqn.x:u");
    run("unused-secret");
    assert_int_equal(hits, 0); /* somebody is logged in by it */
}

static void test_what_is_new_needs_no_care_yet(void **state)
{
    (void)state;
    facts.care = (struct cfg_care){.backup = 0};
    facts.uses_since = NOW - 80 * DAY;
    config.generation = 0; /* nothing was ever configured */
    assert_int_equal(run(NULL), 100);
}

static void test_two_of_three_paths_are_enough(void **state)
{
    (void)state;
    one_subnet();
    network(4, "net1", "198.51.100.10", 24); /* apart from the second, but not from the first */
    good_session(&sessions[2], "198.51.100.77:1", "198.51.100.10:3260");
    facts.nsessions = 3;
    assert_int_equal(run(NULL), 100);
}

static void test_of_networks_that_are_not_known_nothing_is_said(void **state)
{
    (void)state;
    one_subnet();
    routed();
    facts.networks = NULL;
    assert_int_equal(run(NULL), 100);
    facts.networks = &networks;
    networks.n = 0;
    assert_int_equal(run(NULL), 100);
}

static void test_what_is_stated_is_believed(void **state)
{
    routed();
    cfg_sources_add(&config.stated.ipsec, "203.0.113.0/24", "x", NULL);
    assert_int_equal(run(NULL), 100);
    setup(state);
    default_route();
    cfg_sources_add(&config.stated.management, "10.0.0.0/8", "x", NULL);
    assert_int_equal(run(NULL), 100);
}

static void test_hosts_of_loopback_and_of_nothing_are_not_missed(void **state)
{
    (void)state;
    facts.nsessions = 0;
    text(portals[0][0].address, "127.0.0.1");
    text(portals[1][0].address, "::1");
    assert_int_equal(run(NULL), 100);
}

static void test_loopback_is_no_path_and_no_network(void **state)
{
    (void)state;
    good_session(&sessions[0], "127.0.0.1:1", "127.0.0.1:3260");
    facts.nsessions = 1;
    text(portals[0][0].address, "127.0.0.1");
    text(portals[1][0].address, "::1");
    grants[0].sources.n = grants[1].sources.n = 0;
    assert_int_equal(run(NULL), 100);
}

static void test_portal_lists_are_as_good(void **state)
{
    (void)state;
    grants[0].sources.n = grants[1].sources.n = 0;
    cfg_sources_add(&portals[0][0].sources, "192.0.2.0/24", "x", NULL);
    cfg_sources_add(&portals[1][0].sources, "198.51.100.0/24", "x", NULL);
    assert_int_equal(run(NULL), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_good_set_up_has_full_marks, setup),
        cmocka_unit_test(test_each_check_finds_its_own),
        cmocka_unit_test_setup(test_every_check_has_a_row, setup),
        cmocka_unit_test_setup(test_unused_is_what_was_known_to_be_unused_for_long, setup),
        cmocka_unit_test_setup(test_what_is_new_needs_no_care_yet, setup),
        cmocka_unit_test_setup(test_two_of_three_paths_are_enough, setup),
        cmocka_unit_test_setup(test_of_networks_that_are_not_known_nothing_is_said, setup),
        cmocka_unit_test_setup(test_what_is_stated_is_believed, setup),
        cmocka_unit_test_setup(test_hosts_of_loopback_and_of_nothing_are_not_missed, setup),
        cmocka_unit_test_setup(test_loopback_is_no_path_and_no_network, setup),
        cmocka_unit_test_setup(test_portal_lists_are_as_good, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
