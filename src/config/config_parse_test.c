/* SPDX-License-Identifier: BSD-2-Clause */
/* Every rule of the document: one good tree, and for each rule a change to it that must be
 * refused with a message that names the object. */
#include "base/util.h"
#include "config/config_int.h"
#include "config/secrets.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct siphash_key key = {"test"};

static const char good_doc[] =
    "{'format': 'zsan-config', 'version': 1, 'iqn_prefix': 'iqn.2026-11.io.example', 'oui': "
    "'00a0b8',"
    " 'volumes': {"
    "  'vm1': {'id': '00000000-0000-4000-8000-000000000001', 'engine': 'file', 'path': "
    "'/v/vm1.img'},"
    "  'ram': {'id': '00000000-0000-4000-8000-000000000002', 'engine': 'mem', 'size': 1048576, "
    "'iops_limit': 100,"
    "          'policy': 'cluster', 'hosts': ['esx1', 'iqn.1993-08.org.debian:c']}},"
    " 'portal_groups': {'1': {'portals': [{'address': '127.0.0.1', 'port': 3260}, {'address': "
    "'::1'}]},"
    "                   '2': {'alua_group': 7, 'portals': [{'address': '192.0.2.1'}]}},"
    " 'hosts': {'esx1': {}},"
    " 'radius': {'servers': [{'address': '192.0.2.7', 'tries': 1}, {'address': '2001:db8::7', "
    "'port': "
    "1645}]},"
    " 'initiators': {'iqn.1998-01.com.vmware:a': {'host': 'esx1'}, 'iqn.1998-01.com.vmware:b': "
    "{'host': 'esx1', 'verify': 'radius'},"
    "                'iqn.1993-08.org.debian:c': {'auth': 'one-way', 'chap': ['sha256', "
    "'sha3-256']}},"
    " 'targets': {'iqn.2026-11.io.example:t1': {'luns': {'10': 'ram', '9': 'vm1'}, "
    "'portal_groups': [1, 2],"
    "              'rel_ports': {'1': 1, '2': 2}, 'grants': ['esx1', "
    "'iqn.1998-01.com.vmware:b']},"
    "             'iqn.2026-11.io.example:t2': {'luns': {'0': 'vm1'}, 'portal_groups': [1],"
    "              'rel_ports': {'1': 3}, 'grants': ['iqn.1993-08.org.debian:c']}}}";

static const char good_secrets[] =
    "{'format': 'zsan-secrets', 'version': 1,"
    " 'discovery': {'iqn.1998-01.com.vmware:a': {'forward': {'secret': 'discovery-aaaa'},"
    "                                            'reverse': {'secret': 'discovery-bbbb'}}},"
    " 'radius': {'192.0.2.7:1812': {'secret': 'radius-shared', 'minted': 7},"
    "            '[2001:db8::7]:1645': {'secret': 'radius-shared'}},"
    " 'grants': {'iqn.2026-11.io.example:t1': {'iqn.1998-01.com.vmware:a': "
    "   {'forward': {'secret': 'forward-aaaa', 'previous': 'forward-old1', 'minted': 5},"
    "    'reverse': {'name': 'target-side', 'secret': 'reverse-aaaa'}}}}}";

/* JSON written with single quotes. */
static json_t *quoted(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_error_t e;
    json_t *j = json_loads(copy, JSON_DECODE_ANY, &e);
    if (!j)
        print_message("%s at %d in %s\n", e.text, e.position, text);
    free(copy);
    assert_non_null(j);
    return j;
}

static const struct config *parse_good(void)
{
    const struct config *c = NULL;
    struct err err = {.code = 0};
    json_t *doc = quoted(good_doc), *secrets = quoted(good_secrets);
    if (config_parse(doc, secrets, &key, &c, &err) < 0)
        fail_msg("%s", err.msg);
    json_decref(doc);
    json_decref(secrets);
    return c;
}

/* path: members separated by '/'; value NULL removes. */
static void change(json_t *doc, const char *path, const char *value)
{
    char *copy = strdup(path), *rest = copy, *part, *last;
    for (part = strsep(&rest, "/"); rest; part = strsep(&rest, "/"))
        doc = json_is_array(doc) ? json_array_get(doc, (size_t)strtoul(part, NULL, 10))
                                 : json_object_get(doc, part);
    last = part;
    assert_true(json_is_object(doc));
    if (value)
        json_object_set_new(doc, last, quoted(value));
    else
        json_object_del(doc, last);
    free(copy);
}

#define TARGET1 "iqn.2026-11.io.example:t1"
#define T1      "targets/" TARGET1
#define VM      "iqn.1998-01.com.vmware:a"

static void test_good_document_becomes_the_tree(void **state)
{
    (void)state;
    const struct config *c = parse_good();
    assert_int_equal(c->nvolumes, 2);
    assert_int_equal(c->oui, 0x00a0b8);
    assert_int_equal(config_volume(c, "ram")->limits.iops, 100);
    assert_true(config_volume(c, "vm1")->thin);
    assert_int_equal(config_volume(c, "vm1")->policy, CFG_EXCLUSIVE);
    assert_int_equal(config_volume(c, "ram")->policy, CFG_CLUSTER);
    assert_string_equal(config_volume(c, "ram")->hosts, "esx1 iqn.1993-08.org.debian:c");
    assert_int_equal(c->limits.lease_timeout_ms, 60000);
    const struct cfg_target *t = config_target(c, "iqn.2026-11.io.example:t1");
    assert_int_equal(t->nluns, 2);
    assert_int_equal(t->luns[0].lun, 9); /* by number, not by text */
    assert_ptr_equal(t->luns[1].volume, config_volume(c, "ram"));
    assert_int_equal(t->groups[1]->alua_group, 7);
    assert_int_equal(t->rel_port_ids[1], 2);
    assert_int_equal(c->limits.tasks_per_session, 128);
    assert_int_equal(config_initiator(c, "iqn.1993-08.org.debian:c")->chap_algs,
                     1 << 7 | 1 << 8);
    config_put(c);
}

static void test_grants_to_a_host_reach_each_initiator_once(void **state)
{
    (void)state;
    const struct config *c = parse_good();
    assert_int_equal(c->ngrants, 3);
    assert_non_null(config_grant(c, "iqn.1998-01.com.vmware:a", "iqn.2026-11.io.example:t1"));
    assert_null(config_grant(c, "iqn.1998-01.com.vmware:a", "iqn.2026-11.io.example:t2"));
    const struct cfg_initiator *alone = config_initiator(c, "iqn.1993-08.org.debian:c");
    assert_string_equal(alone->host->name, alone->name);
    assert_int_equal(alone->host->ninitiators, 1);
    config_put(c);
}

static void test_grants_hold_where_they_are_good_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned a,
            b; /* networks of VM a, who is in host esx1, and of b, who has a grant of its own as well */
    } rows[] = {
        {"{}",                                             0, 0},
        {"{'esx1': ['192.0.2.0/24']}",                     1, 0},
        {"{'iqn.1998-01.com.vmware:b': ['192.0.2.0/24']}", 0, 0},
        {"{'esx1': ['192.0.2.0/24', '2001:db8::/32'], 'iqn.1998-01.com.vmware:b': "
         "['192.0.2.0/24', '10.0.0.0/8']}",       2, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct config *c = NULL;
        struct err err = {.code = 0};
        json_t *doc = quoted(good_doc), *secrets = quoted(good_secrets);
        change(doc, T1 "/grant_sources", rows[i].text);
        if (config_parse(doc, secrets, &key, &c, &err) < 0)
            fail_msg("%s: %s", rows[i].text, err.msg);
        json_decref(secrets);
        assert_int_equal(config_grant(c, VM, TARGET1)->sources.n, rows[i].a);
        assert_int_equal(config_grant(c, "iqn.1998-01.com.vmware:b", TARGET1)->sources.n,
                         rows[i].b);
        config_put(c);
        json_decref(doc);
    }
}

/* With an index, as they are made here, and without. */
static void test_lookups_find_what_there_is(void **state)
{
    (void)state;
    const struct config *c = parse_good();
    struct config bare = *c;
    bare.index = NULL;
    const struct config *both[] = {c, &bare};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        const struct config *v = both[i];
        for (unsigned k = 0; k < v->ngrants; k++)
            assert_ptr_equal(
                config_grant(v, v->grants[k].initiator->name, v->grants[k].target->name),
                &v->grants[k]);
        for (unsigned k = 0; k < v->ninitiators; k++)
            assert_ptr_equal(config_initiator(v, v->initiators[k].name), &v->initiators[k]);
        for (unsigned k = 0; k < v->ntargets; k++)
            assert_ptr_equal(config_target(v, v->targets[k].name), &v->targets[k]);
        assert_null(config_initiator(v, "iqn.x:who"));
        assert_null(config_target(v, ""));
        assert_null(config_grant(v, "iqn.x:who", TARGET1));
        assert_null(config_grant(v, VM, "iqn.x:none"));
        assert_null(config_grant(v, "iqn.x:who", "iqn.x:none"));
    }
    config_put(c);
}

static void test_secrets_join_their_pairs(void **state)
{
    (void)state;
    const struct config *c = parse_good();
    const struct cfg_grant *g =
        config_grant(c, "iqn.1998-01.com.vmware:a", "iqn.2026-11.io.example:t1");
    assert_string_equal(g->forward.name, "iqn.1998-01.com.vmware:a");
    assert_string_equal(g->reverse.name, "target-side");
    assert_int_equal(g->forward.secret[1].len, 12);
    assert_int_equal(g->forward.minted, 5);
    assert_int_equal(g->initiator->discovery_reverse.secret[0].len, 14);
    const struct cfg_grant *none =
        config_grant(c, "iqn.1998-01.com.vmware:b", "iqn.2026-11.io.example:t1");
    assert_int_equal(none->forward.secret[0].len, 0); /* nobody passes by us */
    assert_int_equal(none->initiator->verify, CFG_VERIFY_RADIUS);
    assert_int_equal(g->initiator->verify, CFG_VERIFY_LOCAL);
    const struct cfg_radius_server *s = c->radius.servers;
    assert_int_equal(c->radius.nservers, 2);
    assert_true(s[0].port == 1812 && s[0].tries == 1 && s[0].timeout_ms == 2000);
    assert_true(s[0].secret.len == 13 && s[0].minted == 7);
    assert_true(s[1].port == 1645 && s[1].tries == 3 && s[1].secret.len == 13);
    config_put(c);
}

struct bad {
    const char *path, *value;
    const char *names; /* must be in the message */
};
static const struct bad bad_docs[] = {
    {"format",                                     "'other'",                                                            "format"            },
    {"format",                                     NULL,                                                                 "format"            },
    {"version",                                    "2",                                                                  "version"           },
    {"version",                                    "'1'",                                                                "version"           },
    {"versions",                                   "1",                                                                  "versions"          },
    {"iqn_prefix",                                 "'iqn.26-11.example'",                                                "iqn_prefix"        },
    {"iqn_prefix",                                 "'iqn.2026-11.io.x:y'",                                               "iqn_prefix"        },
    {"oui",                                        "'00a0b'",                                                            "oui"               },
    {"oui",                                        "'00a0bz'",                                                           "oui"               },
    {"volumes",                                    "[]",                                                                 "volumes"           },
    {"volumes/vm1",                                "5",                                                                  "vm1"               },
    {"volumes/vm1/sizee",                          "1",                                                                  "sizee"             },
    {"volumes/vm1/size",                           "'big'",                                                              "size"              },
    {"volumes/vm1/size",                           "-512",                                                               "size"              },
    {"volumes/vm1/size",                           "1.5",                                                                "size"              },
    {"volumes/vm1/size",                           "1000",                                                               "vm1"               },
    {"volumes/vm1/size",                           "4611686018427387904",                                                "size"              },
    {"volumes/vm1/block_size",                     "1024",                                                               "vm1"               },
    {"volumes/vm1/physical_block",                 "3000",                                                               "vm1"               },
    {"volumes/vm1/read_only",                      "1",                                                                  "read_only"         },
    {"volumes/vm1/sync",                           "'never'",                                                            "always standard"   },
    {"volumes/vm1/dataset",                        "'tank/vm1'",                                                         "engine pool"       },
    {"volumes/tank",
     "{'id':'00000000-0000-4000-8000-000000000009','engine':'pool','dataset':'tank'}",                                   "tank/vm1"          },
    {"volumes/vm1/engine",                         "'floppy'",                                                           "mem null file"     },
    {"volumes/vm1/path",                           "'relative.img'",                                                     "vm1"               },
    {"volumes/vm1/path",                           NULL,                                                                 "vm1"               },
    {"volumes/vm1/id",                             NULL,                                                                 "id"                },
    {"volumes/vm1/id",                             "'abc'",                                                              "id"                },
    {"volumes/vm1/id",                             "'00000000-0000-4000-8000-000000000002'",                             "ram"               },
    {"volumes/vm1/threshold_pct",                  "100",                                                                "threshold_pct"     },
    {"volumes/vm1/policy",                         "'mine'",                                                             "exclusive cluster" },
    {"volumes/vm1/hosts",                          "['esx1']",                                                           "policy cluster"    },
    {"volumes/vm1/hosts",                          "'esx1'",                                                             "hosts"             },
    {"volumes/vm1/hosts",                          "[1]",                                                                "no name of a host" },
    {"volumes/ram/hosts",                          "['esx1', 'esx9']",                                                   "esx9"              },
    {"volumes/ram/hosts",                          "['esx1 esx1']",                                                      "no name of a host" },
    {"volumes/ram/path",                           "'/v'",                                                               "ram"               },
    {"volumes/ram/size",                           "0",                                                                  "ram"               },
    {"volumes/-x",                                 "{}",                                                                 "-x"                },
    {"volumes/iqn.x",                              "{}",                                                                 "iqn.x"             },
    {"volumes/a b",                                "{}",                                                                 "a b"               },
    {"volumes/vm2",
     "{'id':'00000000-0000-4000-8000-000000000009','engine':'file','path':'/v/vm1.img'}",                                "vm2"               },
    {"portal_groups/0",                            "{}",                                                                 "1 to 65535"        },
    {"portal_groups/01",                           "{}",                                                                 "01"                },
    {"portal_groups/65536",                        "{}",                                                                 "65536"             },
    {"portal_groups/1/portals",                    "{}",                                                                 "portals"           },
    {"portal_groups/1/portals/0/address",          "'localhost'",                                                        "localhost"         },
    {"portal_groups/1/portals/0/address",          NULL,                                                                 "address"           },
    {"portal_groups/1/portals/0/port",             "0",                                                                  "port"              },
    {"portal_groups/1/portals/0/port",             "65536",                                                              "port"              },
    {"portal_groups/1/portals/0/advertise",        "'here'",                                                             "advertise"         },
    {"portal_groups/1/portals/0/advertise",        "'here:1\\nnode.x = y'",                                              "advertise"         },
    {"portal_groups/1/portals/0/advertise",        "'../../etc:1'",                                                      "advertise"         },
    {"portal_groups/2/portals/0/address",          "'0.0.0.0'",                                                          "any_address"       },
    {"portal_groups/2/portals/0/address",          "'::0'",                                                              "any_address"       },
    {"portal_groups/2/portals/0/address",          "'::ffff:192.0.2.1'",                                                 "IPv4"              },
    {"portal_groups/2/portals/0/address",          "'fe80::1%lo'",                                                       "numeric"           },
    {"portal_groups/2/portals/0/any_address",      "true",                                                               "any_address"       },
    {"portal_groups/2/portals",                    "[{'address': '0.0.0.0', 'any_address': true}]",                      "way"               },
    {"portal_groups/2/portals",                    "[{'address': '0.0.0.0', 'interface': 'eth0'}]",                      "way"               },
    {"portal_groups/2/portals/0/sources",          "'192.0.2.0/24'",                                                     "sources"           },
    {"portal_groups/2/portals/0/sources",          "[]",                                                                 "no source network" },
    {"portal_groups/2/portals/0/sources",          "['192.0.2.1/24']",                                                   "192.0.2.0/24"      },
    {"portal_groups/2/portals/0/sources",          "[7]",                                                                "no source network" },
    {T1 "/grant_sources",                          "[]",                                                                 "grant_sources"     },
    {T1 "/grant_sources",                          "{'nobody': ['192.0.2.0/24']}",                                       "nobody"            },
    {T1 "/grant_sources",                          "{'esx1': []}",                                                       "no source network" },
    {T1 "/grant_sources",                          "{'esx1': ['here']}",                                                 "no source network" },
    {"portal_groups/2/portals/0/address",          "'127.0.0.1'",                                                        "way"               },
    {"portal_groups/2/alua_group",                 "0",                                                                  "alua_group"        },
    {"hosts/esx1/ip",                              "'1.2.3.4'",                                                          "ip"                },
    {"hosts/esx1",                                 NULL,                                                                 "esx1"              },
    {"initiators/IQN.1998-01.com.vmware:z",        "{}",                                                                 "lower case"        },
    {"initiators/someone",                         "{}",                                                                 "someone"           },
    {"initiators/" VM "/host",                     "'esx2'",                                                             "esx2"              },
    {"initiators/" VM "/host",                     "7",                                                                  "host"              },
    {"initiators/" VM "/auth",                     "'maybe'",                                                            "mutual one-way"    },
    {"initiators/" VM "/auth",                     "'none'",                                                             "loopback"          },
    {"initiators/" VM "/chap",                     "['md4']",                                                            "md5"               },
    {"initiators/" VM "/chap",                     "'md5'",                                                              "chap"              },
    {T1 "/alias",                                  "'0123456789012345678901234567890123456789012345678901234567890123'",
     "alias"                                                                                                                                 },
    {T1 "/luns/16384",                             "'vm1'",                                                              "16384"             },
    {T1 "/luns/x",                                 "'vm1'",                                                              "x"                 },
    {T1 "/luns/3",                                 "'gone'",                                                             "gone"              },
    {T1 "/luns/3",                                 "null",                                                               "LUN 3"             },
    {T1 "/luns/3",                                 "'vm1'",                                                              "vm1"               },
    {T1 "/past_luns",                              "['x']",                                                              "past_luns"         },
    {T1 "/past_luns",                              "[16384]",                                                            "past_luns"         },
    {T1 "/past_luns",                              "{}",                                                                 "past_luns"         },
    {T1 "/portal_groups",                          "[]",                                                                 "portal_groups"     },
    {T1 "/portal_groups",                          "[1, 1]",                                                             "twice"             },
    {T1 "/portal_groups",                          "[9]",                                                                "group 9"           },
    {T1 "/portal_groups",                          "['1']",                                                              "portal group"      },
    {T1 "/rel_ports/1",                            "3",                                                                  "relative port 3"   },
    {T1 "/rel_ports/1",                            "0",                                                                  "rel_ports"         },
    {T1 "/rel_ports/1",                            NULL,                                                                 "rel_ports"         },
    {T1 "/alias",                                  "'a\\nb'",                                                            "control character" },
    {T1 "/alias",                                  "'a\\u007fb'",                                                        "control character" },
    {T1 "/alias",                                  "'a\\u009bb'",                                                        "control character" },
    {T1 "/redirect",                               "'10.0.0.1:3260\\n'",                                                 "redirect"          },
    {T1 "/redirect",                               "'../..:3260'",                                                       "redirect"          },
    {T1 "/redirect",                               "'elsewhere'",                                                        "redirect"          },
    {T1 "/grants",                                 "['nobody']",                                                         "nobody"            },
    {T1 "/grants",                                 "[1]",                                                                "grants"            },
    {T1 "/grants",                                 "'esx1'",                                                             "grants"            },
    {"targets/nonsense",                           "{'portal_groups':[1]}",                                              "nonsense"          },
    {"limits",                                     "{'max_burst': 65536}",                                               "first_burst"       },
    {"limits",                                     "{'chap_require': 'sha512'}",                                         "chap_require"      },
    {"limits",                                     "{'max_connections': 0}",                                             "max_connections"   },
    {"isns",                                       "{'enabled': true, 'servers': []}",                                   "entity"            },
    {"isns",                                       "{'servers': [{'address': 'san.example'}]}",                          "numeric"           },
    {"isns",                                       "{'servers': [{'port': 3205}]}",                                      "address"           },
    {"isns",                                       "{'servers': [{'address': '::1', 'port': 0}]}",                       "port"              },
    {"isns",                                       "{'servers': [{'address': '::1'}, {'address': '::1'}]}",              "twice"             },
    {"isns",                                       "{'servers': [{},{},{},{},{},{},{},{},{}]}",                          "8 servers"         },
    {"isns",                                       "{'entity': 'two words'}",                                            "blanks"            },
    {"isns",                                       "{'nonsense': 1}",                                                    "nonsense"          },
    {"limits",                                     "{'tasks_per_session': 1000000}",                                     "tasks_per_session" },
    {"stated",                                     "{'ipsec_networks': ['192.0.2.1/24']}",                               "beyond its prefix" },
    {"stated",                                     "{'management_networks': []}",                                        "no source network" },
    {"stated",                                     "{'management_networks': 'all'}",                                     "management_network"},
    {"stated",                                     "{'nonsense': []}",                                                   "nonsense"          },
    {"radius",                                     NULL,                                                                 "there is no server"},
    {"radius",                                     "{'servers': [{'address': 'radius.example'}]}",                       "numeric"           },
    {"radius",                                     "{'servers': [{'address': '192.0.2.7'}, {'address': '192.0.2.7'}]}",  "twice"             },
    {"radius",                                     "{'servers': [{'address': '192.0.2.7', 'port': 1813}]}",              "no shared secret"  },
    {"radius",                                     "{'servers': [{'address': '192.0.2.7', 'timeout_ms': 99}]}",          "timeout_ms"        },
    {"radius",                                     "{'servers': [{'address': '192.0.2.7', 'tries': 0}]}",                "tries"             },
    {"radius",                                     "{'servers': [{},{},{},{},{},{},{},{},{}]}",                          "8 servers"         },
    {"radius",                                     "{'secret': 'x'}",                                                    "secret"            },
    {"initiators/iqn.1993-08.org.debian:c/verify", "'radius'",                                                           "does not allow md5"},
    {"initiators/" VM "/verify",                   "'else'",                                                             "verify"            },
};
#define PAIR "grants/iqn.2026-11.io.example:t1/" VM
static const struct bad bad_secrets[] = {
    {"format",                       "'zsan-config'",                           "format"          },
    {"grants",                       "[]",                                      "grants"          },
    {PAIR "/forward/secret",         "'short-11cha'",                           "12"              },
    {PAIR "/forward/secret",         "'with a space in it'",                    "printable"       },
    {PAIR "/forward/secret",         "'umlaut-\u00e4\u00e4\u00e4\u00e4\u00e4'", "printable"       },
    {PAIR "/forward/secret",         "12345678901234",                          "secret"          },
    {PAIR "/forward/secret",         NULL,                                      "secret"          },
    {PAIR "/reverse/secret",         "'forward-aaaa'",                          "twice"           },
    {PAIR "/reverse/secret",         "'forward-old1'",                          "twice"           },
    {PAIR "/reverse/secret",         "'discovery-aaaa'",                        "twice"           },
    {PAIR "/forward/previous",       "'forward-aaaa'",                          "twice"           },
    {PAIR "/sideways",               "{}",                                      "sideways"        },
    {PAIR "/forward/minted",         "'today'",                                 "minted"          },
    {"radius",                       "[]",                                      "radius"          },
    {"radius/192.0.2.7:1812",        NULL,                                      "no shared secret"},
    {"radius/192.0.2.7:1812/secret", "'short'",                                 "12"              },
    {"radius/192.0.2.7:1812/secret", "'reverse-aaaa'",                          "twice"           },
    {"discovery/" VM "/forward",     "'x'",                                     "discovery"       },
};

static void refuse(const char *doc_text, const char *secrets_text, const struct bad *b,
                   bool in_secrets)
{
    const struct config *c = NULL;
    struct err err = {.code = 0};
    json_t *doc = quoted(doc_text), *secrets = quoted(secrets_text);
    change(in_secrets ? secrets : doc, b->path, b->value);
    int rc = config_parse(doc, secrets, &key, &c, &err);
    json_decref(doc);
    json_decref(secrets);
    if (rc != -EINVAL || err.code != rc)
        fail_msg("%s = %s gave %d %s", b->path, b->value ? b->value : "nothing", rc, err.msg);
    if (!strstr(err.msg, b->names))
        fail_msg("%s = %s: \"%s\" does not name %s", b->path, b->value ? b->value : "nothing",
                 err.msg, b->names);
}

static void test_each_broken_rule_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_docs); i++)
        refuse(good_doc, good_secrets, &bad_docs[i], false);
}

static void test_bad_secrets_are_refused_without_being_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_secrets); i++)
        refuse(good_doc, good_secrets, &bad_secrets[i], true);
}

static void test_no_message_holds_a_secret(void **state)
{
    (void)state;
    const struct config *c = NULL;
    struct err err = {.code = 0};
    json_t *doc = quoted(good_doc), *secrets = quoted(good_secrets);
    change(secrets, PAIR "/reverse/secret", "'forward-aaaa'");
    assert_int_equal(config_parse(doc, secrets, &key, &c, &err), -EINVAL);
    assert_null(strstr(err.msg, "forward-aaaa"));
    json_decref(doc);
    json_decref(secrets);
}

static void test_auth_none_is_for_targets_on_loopback_alone(void **state)
{
    (void)state;
    const struct config *c = NULL;
    struct err err = {.code = 0};
    json_t *doc = quoted(good_doc), *secrets = quoted(good_secrets);
    change(doc, "initiators/iqn.1993-08.org.debian:c/auth",
           "'none'"); /* granted t2, which is on group 1 */
    assert_int_equal(config_parse(doc, secrets, &key, &c, &err), 0);
    config_put(c);
    json_decref(doc);
    json_decref(secrets);
}

static void test_text_is_bounded_before_it_is_parsed(void **state)
{
    (void)state;
    json_t *j;
    static char deep[4096];
    struct err err;
    memset(deep, '[', sizeof(deep));
    assert_int_equal(json_parse(deep, sizeof(deep), CONFIG_DEPTH_MAX, &j, &err), -E2BIG);
    assert_non_null(strstr(err.msg, "deeper"));
    assert_int_equal(json_parse("[[1],[2],[3]]", 13, 1, &j, &err), -E2BIG);
    assert_int_equal(json_parse("[[1],[2],[3]]", 13, 2, &j, &err), 0);
    json_decref(j);
    assert_int_equal(json_parse("{\"a\":1,\"a\":2}", 13, CONFIG_DEPTH_MAX, &j, &err), -EINVAL);
    assert_int_equal(json_parse("[\"\\\"[[[[[[[[[[[[[[[[[[[[\"]", 26, 2, &j, &err), 0);
    json_decref(j);
    assert_int_equal(json_parse("", 0, 2, &j, &err), -EINVAL);
    assert_int_equal(json_parse("{}x", 3, 2, &j, &err), -EINVAL);
}

static void test_minted_characters_are_equally_likely(void **state)
{
    (void)state;
    unsigned count[256] = {0};
    char c;
    for (unsigned i = 0; i < 256; i++)
        if (secret_char((uint8_t)i, &c))
            count[(uint8_t)c]++;
    for (unsigned i = 0; i < 256; i++)
        assert_true(count[i] == 0 || count[i] == 4);
    assert_int_equal(count['0'] + count['O'] + count['1'] + count['l'] + count['I'], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_document_becomes_the_tree),
        cmocka_unit_test(test_grants_to_a_host_reach_each_initiator_once),
        cmocka_unit_test(test_grants_hold_where_they_are_good_for),
        cmocka_unit_test(test_lookups_find_what_there_is),
        cmocka_unit_test(test_secrets_join_their_pairs),
        cmocka_unit_test(test_each_broken_rule_is_refused_by_name),
        cmocka_unit_test(test_bad_secrets_are_refused_without_being_told),
        cmocka_unit_test(test_no_message_holds_a_secret),
        cmocka_unit_test(test_auth_none_is_for_targets_on_loopback_alone),
        cmocka_unit_test(test_text_is_bounded_before_it_is_parsed),
        cmocka_unit_test(test_minted_characters_are_equally_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
