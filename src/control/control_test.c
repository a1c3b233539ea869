/* SPDX-License-Identifier: BSD-2-Clause */
/* An operator's days with targets, secrets, files, documents and trouble, through the whole plane. */
#include "base/text.h"
#include "control/control_fixture.h"

#include <errno.h>

#define INI "iqn.2026-11.org.example:a"

/* ---- a day ------------------------------------------------------------------------------- */

static const struct step day[] = {
    {"target.create",      "{\"name\":\"t\"}",                                                        "zsan portal add"            },
    {"portal.add",         "{\"address\":\"127.0.0.1\"}",                                             "\"listening\":true"         },
    {"portal.add",         "{\"address\":\"127.0.0.1\"}",                                             "\"EEXIST\""                 },
    {"portal.add",         "{\"address\":\"here\"}",                                                  "\"EINVAL\""                 },
    {"volume.create",      "{\"name\":\"vm1\",\"size\":1048576}",                                     "\"state\":\"online\""       },
    {"volume.create",      "{\"name\":\"vm1\",\"size\":1048576}",                                     "\"EEXIST\""                 },
    {"volume.create",      "{\"name\":\"vm2\"}",                                                      "give its --size"            },
    {"volume.create",      "{\"name\":\"../vm2\",\"size\":4096}",                                     "\"EINVAL\""                 },
    {"volume.create",      "{\"name\":\"vm2\",\"path\":\"/none\"}",                                   "\"ENOENT\""                 },
    {"volume.create",      "{\"name\":\"vm2\",\"path\":\"/state/volumes/vm1.img\"}",                  "\"EINVAL\""                 },
    {"volume.create",      "{\"name\":\"m\",\"engine\":\"mem\",\"path\":\"/x\"}",
     "only a volume of"                                                                                                            },
    {"volume.create",      "{\"name\":\"m\",\"engine\":\"mem\",\"size\":4096,\"sync\":\"disabled\"}",
     "--force"                                                                                                                     },
    {"volume.create",
     "{\"name\":\"m\",\"engine\":\"mem\",\"size\":4096,\"sync\":\"disabled\",\"force\":true}",        "\"sync\":\"disabled\""      },
    {"volume.set",         "{\"name\":\"m\",\"iops_limit\":100}",                                     "\"iops_limit\":100"         },
    {"volume.set",         "{\"name\":\"vm1\",\"policy\":\"cluster\",\"hosts\":[\"h\"]}",
     "which is no host"                                                                                                            },
    {"volume.set",         "{\"name\":\"vm1\",\"hosts\":[\"h\"]}",                                    "add --policy cluster"       },
    {"volume.set",         "{\"name\":\"vm1\",\"policy\":\"read-shared\"}",
     "\"policy\":\"read-shared\""                                                                                                  },
    {"volume.set",         "{\"name\":\"vm1\",\"policy\":\"exclusive\"}",                             "\"policy\":\"exclusive\""   },
    {"volume.resize",      "{\"name\":\"vm1\",\"size\":2097152}",                                     "\"size\":2097152"           },
    {"volume.resize",      "{\"name\":\"vm1\",\"size\":1048576}",                                     "not shrink"                 },
    {"volume.resize",      "{\"name\":\"none\",\"size\":1048576}",                                    "\"ENOENT\""                 },
    {"target.create",      "{\"name\":\"t\",\"alias\":\"first\"}",                                    ".t\""                       },
    {"target.set",         "{\"name\":\"t\",\"disabled\":true}",                                      "\"disabled\":true"          },
    {"target.set",         "{\"name\":\"t\",\"disabled\":false}",                                     "\"alias\":\"first\""        },
    {"target.show",        "{\"name\":\"u\"}",                                                        "\"ENOENT\""                 },
    {"lun.add",            "{\"target\":\"t\",\"volume\":\"vm1\"}",                                   "\"lun\":0"                  },
    {"lun.add",            "{\"target\":\"t\",\"volume\":\"m\",\"lun\":0}",                           "\"EEXIST\""                 },
    {"lun.release",        "{\"target\":\"t\",\"lun\":0}",                                            "no host has its lease"      },
    {"lun.release",        "{\"target\":\"t\",\"lun\":5}",                                            "no LUN 5"                   },
    {"lun.list",           "{\"target\":\"t\"}",                                                      "\"volume\":\"vm1\""         },
    {"host.add",           "{\"name\":\"h\",\"initiators\":[\"" INI "\"]}",                           "\"reverse_secret\""         },
    {"lun.add",
     "{\"target\":\"t\",\"volume\":\"m\",\"lun\":1,\"policy\":\"cluster\",\"hosts\":[\"h\"]}",        "\"hosts\":[\"h\"]"          },
    {"host.remove",        "{\"name\":\"h\",\"force\":true}",                                         "\"h\\\", which is no host"  },
    {"volume.set",         "{\"name\":\"m\",\"hosts\":[\"all\"]}",                                    "\"policy\":\"cluster\""     },
    {"volume.set",         "{\"name\":\"m\",\"policy\":\"exclusive\"}",                               "\"policy\":\"exclusive\""   },
    {"lun.remove",         "{\"target\":\"t\",\"lun\":1}",                                            "\"result\":{}"              },
    {"initiator.set",      "{\"name\":\"" INI "\",\"chap\":[\"sha256\"]}",                            "\"chap\":[\"sha256\"]"      },
    {"initiator.set",      "{\"name\":\"" INI "\",\"chap\":[\"rot13\"]}",                             "\"EINVAL\""                 },
    {"initiator.set",      "{\"name\":\"" INI "\",\"chap\":[\"all\"]}",                               "\"md5\""                    },
    {"grant.add",          "{\"who\":\"h\",\"target\":\"t\"}",                                        "\"portals\":[\"127.0.0.1"   },
    {"grant.add",          "{\"who\":\"h\",\"target\":\"t\"}",                                        "\"EEXIST\""                 },
    {"grant.rotate",       "{\"who\":\"h\",\"target\":\"t\"}",                                        "\"auth\":\"mutual\""        },
    {"grant.list",         "{}",                                                                      "\"rotating\":true"          },
    {"grant.finish",       "{\"who\":\"h\",\"target\":\"t\"}",                                        "\"result\":{}"              },
    {"grant.list",         "{}",                                                                      "\"rotating\":false"         },
    {"grant.secret",       "{\"initiator\":\"" INI "\",\"target\":\"t\",\"secret\":\"short\"}",
     "\"EINVAL\""                                                                                                                  },
    {"initiator.rotate",   "{\"name\":\"" INI "\"}",                                                  "zsan-discovery"             },
    {"initiator.show",     "{\"name\":\"" INI "\"}",                                                  "\"discovery_rotating\":true"},
    {"session.list",       "{}",                                                                      "\"result\":[]"              },
    {"session.drop",       "{\"id\":9}",                                                              "\"ENOENT\""                 },
    {"limits.set",         "{\"max_burst\":262144,\"first_burst\":524288}",                           "\"EINVAL\""                 },
    {"limits.set",         "{\"tasks_per_session\":64}",                                              "\"tasks_per_session\":64"   },
    {"limits.set",         "{\"lease_timeout_ms\":90000}",                                            "\"lease_timeout_ms\":90000" },
    {"limits.show",        "{}",                                                                      "\"tasks_per_session\":64"   },
    {"isns.add",           "{\"address\":\"192.0.2.1\"}",                                             "\"entity\":\"zsan-"         },
    {"isns.add",           "{\"address\":\"192.0.2.1\"}",                                             "\"EEXIST\""                 },
    {"isns.add",           "{\"address\":\"san.example\"}",                                           "no numeric"                 },
    {"isns.add",           "{\"address\":\"192.0.2.1\",\"port\":1}",                                  "\"state\":\"off\""          },
    {"isns.set",           "{\"entity\":\"two words\"}",                                              "\"EINVAL\""                 },
    {"isns.set",           "{\"enabled\":true,\"entity\":\"me\"}",                                    "\"state\":\"registered\""   },
    {"isns.list",          "{}",                                                                      "nobody answers"             },
    {"status",             "{}",                                                                      "isns 192.0.2.1:1"           },
    {"target.set",         "{\"name\":\"t\",\"unlisted\":true}",                                      "\"unlisted\":true"          },
    {"isns.remove",        "{\"address\":\"192.0.2.1\",\"port\":1}",                                  "\"result\":{}"              },
    {"isns.remove",        "{\"address\":\"192.0.2.1\",\"port\":1}",                                  "\"ENOENT\""                 },
    {"isns.show",          "{}",                                                                      "\"entity\":\"me\""          },
    {"stats",              "{\"histograms\":true}",                                                   "\"bounds\":[1"              },
    {"status",             "{}",                                                                      "sync is disabled"           },
    {"event.list",         "{}",                                                                      "\"result\":[]"              },
    {"volume.delete",      "{\"name\":\"vm1\"}",                                                      "\"EBUSY\""                  },
    {"volume.delete",      "{\"name\":\"vm1\",\"force\":true}",                                       "\"result\":{}"              },
    {"lun.list",           "{}",                                                                      "\"result\":[]"              },
    {"portal.remove",      "{\"address\":\"127.0.0.1\"}",                                             "\"EBUSY\""                  },
    {"host.remove",        "{\"name\":\"h\"}",                                                        "\"EBUSY\""                  },
    {"host.remove",        "{\"name\":\"h\",\"force\":true}",                                         "\"result\":{}"              },
    {"initiator.list",     "{}",                                                                      "\"result\":[]"              },
    {"target.delete",      "{\"name\":\"t\"}",                                                        "\"result\":{}"              },
    {"portal.remove",      "{\"address\":\"127.0.0.1\"}",                                             "\"result\":{}"              },
    {"config.generations", "{}",                                                                      "\"current\":true"           },
    {"config.rollback",    "{\"generation\":999}",                                                    "\"ENOENT\""                 },
};

static void day_steps(struct world *w)
{
    follow(w, day, ARRAY_LEN(day));
}

static void test_a_day_of_an_operator(void **state)
{
    (void)state;
    struct world *w = play(day_steps);
    assert_non_null(strstr(w->audit, "method=volume.create object=vm1 uid="));
    assert_non_null(strstr(w->audit, "method=lun.add object=\"t vm1\""));
    assert_non_null(strstr(w->audit, "result=ok"));
    assert_non_null(strstr(w->audit, "result=\"there is a volume"));
    assert_null(strstr(w->audit, "volume.list"));
    free(w);
}

/* Secrets are told by the call that mints them and by nothing else, except an export that asks
 * for them. */
static void secret_steps(struct world *w)
{
    static const struct step first[] = {
        {"portal.add",    "{\"address\":\"127.0.0.1\"}",            "result"       },
        {"target.create", "{\"name\":\"t\"}",                       "result"       },
        {"initiator.add", "{\"name\":\"" INI "\"}",                 "result"       },
        {"grant.add",     "{\"who\":\"" INI "\",\"target\":\"t\"}", "\"secret\":\""},
    };
    static const char *const others[] = {"config.export", "grant.list", "initiator.list",
                                         "status", "event.list"};
    char secret[32];
    follow(w, first, ARRAY_LEN(first));
    const char *at = strstr(w->last, "\"secret\":\"");
    text_copy(secret, sizeof(secret), "");
    if (at)
        snprintf(secret, sizeof(secret), "%.16s", at + 10);
    for (size_t i = 0; i < ARRAY_LEN(others) && !w->note[0]; i++) {
        ask(w, others[i], "{}");
        if (!strstr(w->last, "result") || strstr(w->last, secret))
            snprintf(w->note, sizeof(w->note), "%s: %.1500s", others[i], w->last);
    }
    ask(w, "config.export", "{\"with_secrets\":true}");
    if (!w->note[0] && !strstr(w->last, secret))
        snprintf(w->note, sizeof(w->note), "the export lacks %s", secret);
    if (!strstr(w->audit, "control.read method=config.export object=with_secrets uid="))
        snprintf(w->note, sizeof(w->note), "nobody will know of the export");
    if (strstr(w->audit, secret))
        snprintf(w->note, sizeof(w->note), "the log has a secret");
}

static void test_secrets_are_told_once(void **state)
{
    (void)state;
    free(play(secret_steps));
}

/* A change that can't be stored leaves no file; a deleted volume's file goes, unless it was
 * given or is to be kept. */
static void file_steps(struct world *w)
{
    static const struct step steps[] = {
        {"volume.create", "{\"name\":\"b\",\"size\":8192}",                     "online"              },
        {"volume.delete", "{\"name\":\"b\",\"keep\":true}",                     "\"result\":{}"       },
        {"volume.create", "{\"name\":\"b\",\"size\":8192}",                     "serve it with --path"},
        {"volume.create", "{\"name\":\"c\",\"path\":\"/state/volumes/b.img\"}",
         "\"size\":8192"                                                                              },
        {"volume.delete", "{\"name\":\"c\"}",                                   "\"result\":{}"       },
        {"volume.create", "{\"name\":\"d\",\"size\":8192}",                     "online"              },
        {"volume.delete", "{\"name\":\"d\"}",                                   "\"result\":{}"       },
    };
    sim_fail_writes(w->run, "/state/config/config.1.json.tmp", 1, EIO);
    ask(w, "volume.create", "{\"name\":\"a\",\"size\":8192}");
    if (!strstr(w->last, "error") || file_is_there("/state/volumes/a.img"))
        snprintf(w->note, sizeof(w->note), "a failed commit: %.400s", w->last);
    sim_fail_writes(w->run, "/state/config/config.1.json.tmp", 0, EIO);
    follow(w, steps, ARRAY_LEN(steps));
    if (!w->note[0] &&
        (!file_is_there("/state/volumes/b.img") || file_is_there("/state/volumes/d.img")))
        snprintf(w->note, sizeof(w->note), "the wrong file was removed");
    file_replace("/state/volumes/lost.img.creating", "lost", 4, 0600, NULL);
    ask(w, "volume.create", "{\"name\":\"e\",\"size\":8192}");
    ask(w, "volume.orphans", "{}");
    if (!w->note[0] && (!strstr(w->last, "b.img\",\"size\":8192") || strstr(w->last, "e.img") ||
                        !strstr(w->last, "lost.img.creating\",\"size\":4")))
        snprintf(w->note, sizeof(w->note), "orphans: %.400s", w->last);
    ask(w, "volume.create", "{\"name\":\"f\",\"path\":\"/state/volumes/b.img\"}");
    ask(w, "volume.orphans", "{}");
    if (!w->note[0] && (strstr(w->last, "b.img") || !strstr(w->last, "lost.img")))
        snprintf(w->note, sizeof(w->note), "orphans: %.400s", w->last);
}

static void test_files_follow_their_volumes(void **state)
{
    (void)state;
    free(play(file_steps));
}

static void trouble_steps(struct world *w)
{
    static struct net_session_info s = {.id = 4,
                                        .initiator = INI,
                                        .initiator_alias = "caf\xe9 \x1b[2J",
                                        .auth = "CHAP MD5",
                                        .weak = true};
    static const struct step steps[] = {
        {"portal.add",    "{\"address\":\"192.0.2.1\"}",
         "\"reason\":\"the address is not there\""                                                                             },
        {"volume.create", "{\"name\":\"v\",\"engine\":\"mem\",\"size\":8192}",
         "\"warning\":\"what a pity\""                                                                                         },
        {"volume.show",   "{\"name\":\"v\"}",                                  "\"reason\":\"its disk is away\""               },
        {"volume.resize", "{\"name\":\"v\",\"size\":16384}",                   "\"EAGAIN\""                                    },
        {"status",        "{}",                                                "\"object\":\"portal 192.0.2.1:3260\""          },
        {"status",        "{}",                                                "\"object\":\"volume v\",\"text\":\"not online" },
        {"volume.show",   "{\"name\":\"v\"}",                                  "\"policy\":\"exclusive\",\"lease\":\"a\""      },
        {"status",        "{}",                                                "VMFS is made for several hosts"                },
        {"status",        "{}",                                                "host b and 1 more is kept out, host a has"     },
        {"status",        "{}",                                                "\"object\":\"session 4\",\"text\":\"weak login"},
        {"status",        "{}",                                                "\"healthy\":false"                             },
        {"session.list",  "{}",                                                "\"initiator_alias\":\"caf? \\u001B[2J\""       },
        {"session.drop",  "{\"id\":4}",                                        "\"result\":{}"                                 },
        {"session.list",  "{}",                                                "\"result\":[]"                                 },
    };
    w->net.deaf_portal = "192.0.2.1";
    w->net.waiting_volume = w->net.leased_volume = "v";
    w->net.apply_error = "what a pity";
    w->net.one = &s;
    follow(w, steps, ARRAY_LEN(steps));
}

static void test_trouble_is_shown(void **state)
{
    (void)state;
    free(play(trouble_steps));
}

/* A document put in force, changed, and gone back to. */
static void document_steps(struct world *w)
{
    static const struct step steps[] = {
        {"volume.create",      "{\"name\":\"v\",\"engine\":\"mem\",\"size\":8192}",                 "online"          },
        {"config.plan",        "{\"document\":{\"format\":\"zsan-config\",\"version\":1}}",
         "\"action\":\"remove\",\"kind\":\"volume\",\"name\":\"v\""                                                   },
        {"config.plan",        "{\"document\":{\"format\":\"zsan-config\",\"version\":1,\"x\":1}}",
         "\"EINVAL\""                                                                                                 },
        {"config.apply",       "{\"document\":{\"format\":\"zsan-config\",\"version\":1}}",
         "\"generation\":2"                                                                                           },
        {"volume.list",        "{}",                                                                "\"result\":[]"   },
        {"config.rollback",    "{\"generation\":1}",                                                "\"generation\":3"},
        {"volume.list",        "{}",                                                                "\"name\":\"v\""  },
        {"config.generations", "{}",
         "[{\"generation\":3,\"current\":true},{\"generation\":2,\"current\":false}"                                  },
    };
    follow(w, steps, ARRAY_LEN(steps));
}

static void test_documents_and_generations(void **state)
{
    (void)state;
    free(play(document_steps));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_day_of_an_operator),
        cmocka_unit_test(test_secrets_are_told_once),
        cmocka_unit_test(test_files_follow_their_volumes),
        cmocka_unit_test(test_trouble_is_shown),
        cmocka_unit_test(test_documents_and_generations),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
