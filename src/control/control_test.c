/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole plane in a simulated world, with a front that only pretends: requests go in by a
 * unix socket, and what comes out is kept as text. Steps run in a fiber; the assertions stand
 * outside.
 */
#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "control/control_int.h"
#include "control/fake_net.h"
#include "control/pools.h"
#include "run/file.h"
#include "run/sim/sim.h"
#include "store/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOCKET "/run/zsand.sock"
#define INI    "iqn.2026-11.org.example:a"

struct world {
    struct run *run;
    struct config_store *store;
    struct net net;
    struct pools *pools;
    struct control *control;
    struct sock *peer;
    void (*steps)(struct world *w);
    int open_rc;
    char last[256 * 1024]; /* the last answer */
    char note[4096];       /* what was not as it should be */
    char audit[16384];     /* events control.change and control.read */
};

/* ---- the world --------------------------------------------------------------------------- */

static void keep_audit(void *arg, enum log_level level, const char *event,
                       const struct log_kv *kv, size_t nkv)
{
    struct world *w = arg;
    size_t len = strlen(w->audit);
    (void)level;
    if ((strcmp(event, "control.change") != 0 && strcmp(event, "control.read") != 0) ||
        sizeof(w->audit) - len < 600)
        return;
    len += log_format(w->audit + len, sizeof(w->audit) - len - 2, event, kv, nkv);
    w->audit[len] = '\n';
    w->audit[len + 1] = '\0';
}

static struct sock *dial(void)
{
    struct sock_addr addr = {"unix:" SOCKET};
    struct sock *s = NULL;
    return sock_connect(&addr, run_deadline_ms(10000), NULL, &s, NULL) == 0 ? s : NULL;
}

static void live(void *arg)
{
    struct world *w = arg;
    struct err e = {.code = 0};
    struct events *events = events_new();
    w->open_rc = config_store_open("/state/config", &w->store, &e);
    config_subscribe(w->store, fake_net_apply, &w->net);
    const struct pools_env pools_env = {.run = w->run, .dir = "/state"};
    if (w->open_rc == 0)
        w->open_rc = pools_open(&pools_env, &w->pools, &e);
    if (w->open_rc == 0)
        pools_start(w->pools);
    const struct control_env env = {
        .run = w->run,
        .store = w->store,
        .net = &w->net,
        .events = events,
        .pools = w->pools,
        .volumes_dir = "/state/volumes",
        .create_file = store_file_create,
    };
    if (w->open_rc == 0)
        w->open_rc = control_open(&env, SOCKET, NULL, &w->control, &e);
    if (w->open_rc == 0) {
        w->peer = dial();
        w->steps(w);
        uint64_t began = run_now();
        control_close(w->control);
        if (run_now() - began > NS_PER_SEC)
            snprintf(w->note, sizeof(w->note), "closing took too long");
        sock_close(w->peer);
    }
    if (pools_stop(w->pools) < 0)
        snprintf(w->note, sizeof(w->note), "a pool does not close");
    pools_free(w->pools);
    fake_net_end(&w->net);
    config_store_close(w->store);
    events_free(events);
    run_stop(w->run);
}

/* Runs the steps in a world; fails on what they noted. The caller frees. */
static struct world *play(void (*steps)(struct world *w))
{
    struct sim_config cfg = sim_config_default(1);
    struct err e = {.code = 0};
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->steps = steps;
    if (run_sim_new(&cfg, &w->run, &e) < 0)
        fail_msg("%s", e.msg);
    log_set_sink(keep_audit, w);
    run_loop(w->run, live, w);
    log_set_sink(NULL, NULL);
    run_free(w->run);
    if (w->open_rc < 0)
        fail_msg("the plane did not open: %d", w->open_rc);
    if (w->note[0])
        fail_msg("%s", w->note);
    return w;
}

/* ---- asking ------------------------------------------------------------------------------ */

/* One answer into w->last; false: the connection ended. */
static bool hear(struct world *w, struct sock *s)
{
    size_t len = 0;
    while (len == 0 || w->last[len - 1] != '\n') {
        ssize_t n = sock_recv(s, w->last + len, sizeof(w->last) - 1 - len, NO_DEADLINE, NULL);
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    w->last[len] = '\0';
    return true;
}

static void ask(struct world *w, const char *method, const char *params)
{
    char line[1024];
    int n = snprintf(line, sizeof(line),
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n", method,
                     params);
    w->last[0] = '\0';
    sock_send(w->peer, line, (size_t)n, NO_DEADLINE, NULL);
    hear(w, w->peer);
}

struct step {
    const char *method, *params;
    const char *want; /* a piece of the answer */
};

/* Notes the first step whose answer lacks what it should have. */
static void follow(struct world *w, const struct step *s, size_t n)
{
    for (size_t i = 0; i < n && !w->note[0]; i++) {
        ask(w, s[i].method, s[i].params);
        if (!strstr(w->last, s[i].want))
            snprintf(w->note, sizeof(w->note), "step %zu, %s %s: %.1500s", i, s[i].method,
                     s[i].params, w->last);
    }
}

/* ---- tests ------------------------------------------------------------------------------- */

/* ---- pools ------------------------------------------------------------------------------- */

static const struct step pool_day[] = {
    {"pool.list",     "{}",                                                                     "\"result\":[]"                 },
    {"pool.status",   "{}",                                                                     "no pools"                      },
    {"pool.status",   "{\"name\":\"tank\"}",                                                    "\"ENOENT\""                    },
    {"pool.create",   "{\"name\":\"tank\",\"vdevs\":[\"mirror\",\"/d0\"]}",                     "\"EINVAL\""                    },
    {"pool.create",   "{\"name\":\"tank\",\"vdevs\":[\"/d9\"]}",                                "\"ENOENT\""                    },
    {"pool.create",   "{\"name\":\"tank\",\"vdevs\":[\"sdx\"]}",                                "whole path"                    },
    {"pool.create",   "{\"name\":\"tank\",\"vdevs\":[\"mirror\",\"/d0\",\"/d1\"]}",
     "\"state\":\"ONLINE\""                                                                                                     },
    {"pool.create",   "{\"name\":\"tank\",\"vdevs\":[\"/d2\"]}",                                "\"EEXIST\""                    },
    {"pool.create",   "{\"name\":\"other\",\"vdevs\":[\"/d0\"]}",                               "\"EBUSY\""                     },
    {"volume.create", "{\"name\":\"tank\",\"engine\":\"pool\",\"size\":1048576}",               "POOL/NAME"                     },
    {"volume.create",
     "{\"name\":\"v\",\"engine\":\"mem\",\"dataset\":\"tank/v\",\"size\":1048576}",             "engine pool"                   },
    {"volume.create", "{\"name\":\"a/b\",\"engine\":\"mem\",\"size\":1048576}",                 "\"EINVAL\""                    },
    {"volume.create", "{\"name\":\"tank/v\",\"size\":1048576,\"compression\":\"zip\"}",
     "\"EINVAL\""                                                                                                               },
    {"volume.create", "{\"name\":\"tank/v\",\"size\":1048576}",                                 "\"dataset\":\"tank/v\""        },
    {"volume.create", "{\"name\":\"w\",\"dataset\":\"tank/v\"}",                                "same dataset"                  },
    {"volume.create", "{\"name\":\"w\",\"dataset\":\"tank/w\",\"thick\":true}",                 "\"EINVAL\""                    },
    {"volume.set",    "{\"name\":\"tank/v\",\"sync\":\"standard\"}",                            "\"sync\":\"standard\""         },
    {"volume.delete", "{\"name\":\"tank/v\",\"keep\":true}",                                    "\"result\":{}"                 },
    {"volume.create", "{\"name\":\"w\",\"dataset\":\"tank/v\"}",                                "\"sync\":\"standard\""         },
    {"volume.delete", "{\"name\":\"w\"}",                                                       "\"result\":{}"                 },
    {"volume.create", "{\"name\":\"w\",\"dataset\":\"tank/v\"}",                                "\"ENOENT\""                    },
    {"pool.offline",  "{\"name\":\"tank\",\"disk\":\"/d0\"}",                                   "\"result\":{}"                 },
    {"pool.list",     "{}",                                                                     "\"state\":\"DEGRADED\""        },
    {"pool.offline",  "{\"name\":\"tank\",\"disk\":\"/d1\"}",                                   "\"EBUSY\""                     },
    {"status",        "{}",                                                                     "out of service by the operator"},
    {"pool.online",   "{\"name\":\"tank\",\"disk\":\"/d0\"}",                                   "\"result\":{}"                 },
    {"pool.scrub",    "{\"name\":\"tank\",\"pause\":true,\"stop\":true}",                       "not both"                      },
    {"pool.scrub",    "{\"name\":\"tank\",\"pause\":true}",                                     "\"ENOENT\""                    },
    {"pool.status",   "{\"name\":\"tank\"}",                                                    "mirror-0"                      },
    {"pool.export",   "{\"name\":\"tank\"}",                                                    "\"result\":{}"                 },
    {"pool.list",     "{}",                                                                     "\"result\":[]"                 },
    {"volume.create", "{\"name\":\"tank/v\",\"size\":1048576}",                                 "zsan pool import"              },
    {"pool.import",   "{\"name\":\"tank\",\"devices\":[\"/d2\"]}",                              "\"ENOENT\""                    },
    {"pool.import",   "{\"name\":\"tank\",\"new_name\":\"pot\",\"devices\":[\"/d0\",\"/d1\"]}",
     "\"name\":\"pot\""                                                                                                         },
    {"pool.import",   "{\"name\":\"pot\",\"devices\":[\"/d0\",\"/d1\"]}",                       "\"EEXIST\""                    },
};

static void make_disk(const char *path)
{
    const struct file_opts opts = {.mode = FILE_RDWR, .create = true};
    struct file *f;
    check(file_open(path, &opts, &f, NULL) == 0 && file_resize(f, 72u << 20) == 0);
    file_close(f);
}

static const struct step dataset_day[] = {
    {"dataset.list",    "{}",                                                                     "\"result\":[]"           },
    {"pool.create",     "{\"name\":\"tank\",\"vdevs\":[\"/d0\"]}",                                "\"ONLINE\""              },
    {"dataset.create",  "{\"name\":\"tank\"}",                                                    "POOL/NAME"               },
    {"dataset.create",  "{\"name\":\"tank/a\",\"compression\":\"off\"}",                          "\"type\":\"folder\""     },
    {"dataset.create",  "{\"name\":\"tank/a\"}",                                                  "\"EEXIST\""              },
    {"dataset.create",  "{\"name\":\"tank/a/b\",\"thick\":true}",                                 "--size"                  },
    {"dataset.create",  "{\"name\":\"tank/a/b\",\"size\":1048576}",                               "\"size\":1048576"        },
    {"dataset.create",  "{\"name\":\"pot/a\"}",                                                   "\"ENOENT\""              },
    {"dataset.get",     "{\"name\":\"tank/a/b\",\"property\":\"compression\"}",
     "inherited from tank/a"                                                                                                },
    {"dataset.set",     "{\"name\":\"tank/a/b\",\"property\":\"compression\",\"value\":\"lz4\"}",
     "\"result\":{}"                                                                                                        },
    {"dataset.get",     "{\"name\":\"tank/a/b\",\"property\":\"compression\"}",                   "\"local\""               },
    {"dataset.inherit", "{\"name\":\"tank/a/b\",\"property\":\"compression\"}",
     "\"result\":{}"                                                                                                        },
    {"dataset.get",     "{\"name\":\"tank/a/b\"}",
     "\"property\":\"volsize\",\"value\":\"1048576\""                                                                       },
    {"dataset.set",     "{\"name\":\"tank\",\"property\":\"color\",\"value\":\"red\"}",
     "\"EINVAL\""                                                                                                           },
    {"volume.create",   "{\"name\":\"v\",\"dataset\":\"tank/a/b\"}",                              "\"size\":1048576"        },
    {"dataset.set",     "{\"name\":\"tank/a/b\",\"property\":\"sync\",\"value\":\"disabled\"}",
     "add --force"                                                                                                          },
    {"dataset.set",     "{\"name\":\"tank\",\"property\":\"sync\",\"value\":\"standard\"}",
     "\"result\":{}"                                                                                                        },
    {"dataset.get",     "{\"name\":\"tank/a/b\",\"property\":\"sync\"}",
     "\"value\":\"always\",\"source\":\"local\""                                                                            },
    {"dataset.set",     "{\"name\":\"tank/a/b\",\"property\":\"sync\",\"value\":\"standard\"}",
     "\"result\":{}"                                                                                                        },
    {"volume.show",     "{\"name\":\"v\"}",                                                       "\"sync\":\"standard\""   },
    {"dataset.set",     "{\"name\":\"tank/a/b\",\"property\":\"volsize\",\"value\":\"1G\"}",
     "no number of bytes"                                                                                                   },
    {"dataset.set",     "{\"name\":\"tank/a/b\",\"property\":\"volsize\",\"value\":\"2097152\"}",
     "\"result\":{}"                                                                                                        },
    {"dataset.inherit", "{\"name\":\"tank/a/b\",\"property\":\"sync\"}",                          "\"EBUSY\""               },
    {"portal.add",      "{\"address\":\"127.0.0.1\"}",                                            "listening"               },
    {"target.create",   "{\"name\":\"t\"}",                                                       "\"name\""                },
    {"lun.add",         "{\"target\":\"t\",\"volume\":\"v\"}",                                    "\"lun\":0"               },
    {"dataset.destroy", "{\"name\":\"tank/a/b\"}",                                                "zsan lun remove"         },
    {"dataset.destroy", "{\"name\":\"tank/a\"}",                                                  "has children"            },
    {"dataset.destroy", "{\"name\":\"tank/a\",\"recursive\":true}",                               "zsan lun remove"         },
    {"dataset.rename",  "{\"name\":\"tank/a\",\"new_name\":\"tank/z\"}",                          "zsan lun remove"         },
    {"lun.remove",      "{\"target\":\"t\",\"lun\":0}",                                           "\"result\":{}"           },
    {"dataset.rename",  "{\"name\":\"tank/a\",\"new_name\":\"tank/z\"}",                          "\"name\":\"tank/z\""     },
    {"volume.show",     "{\"name\":\"v\"}",                                                       "\"dataset\":\"tank/z/b\""},
    {"dataset.rename",  "{\"name\":\"tank/z\",\"new_name\":\"tank/a\"}",                          "\"name\":\"tank/a\""     },
    {"volume.create",   "{\"name\":\"tank/a/w\",\"size\":1048576}",                               "\"tank/a/w\""            },
    {"dataset.rename",  "{\"name\":\"tank/a/w\",\"new_name\":\"tank/a/x\"}",                      "tank/a/x"                },
    {"volume.show",     "{\"name\":\"tank/a/x\"}",                                                "\"dataset\":\"tank/a/x\""},
    {"dataset.list",    "{\"name\":\"tank/a/x\",\"properties\":[\"volblocksize\"]}",
     "\"value\":\"16384\""                                                                                                  },
    {"dataset.list",    "{\"properties\":[\"nonsense\"]}",                                        "\"EINVAL\""              },
    {"dataset.destroy", "{\"name\":\"tank/a/x\"}",                                                "\"result\":{}"           },
    {"volume.show",     "{\"name\":\"tank/a/x\"}",                                                "\"ENOENT\""              },
    {"volume.resize",   "{\"name\":\"v\"}",                                                       "give its new size"       },
    {"volume.resize",   "{\"name\":\"v\",\"size\":524288}",                                       "--force"                 },
    {"volume.delete",   "{\"name\":\"v\",\"keep\":true}",                                         "\"result\":{}"           },
    {"dataset.rename",  "{\"name\":\"tank/a\",\"new_name\":\"pot/c\"}",                           "stays in its pool"       },
    {"dataset.rename",  "{\"name\":\"tank/a\",\"new_name\":\"tank/c\"}",                          "\"name\":\"tank/c\""     },
    {"dataset.list",    "{\"name\":\"tank\",\"depth\":1}",                                        "tank/c"                  },
    {"dataset.destroy", "{\"name\":\"tank/c\"}",                                                  "\"EBUSY\""               },
    {"dataset.destroy", "{\"name\":\"tank/c/b\"}",                                                "\"result\":{}"           },
    {"dataset.destroy", "{\"name\":\"tank/c\"}",                                                  "\"result\":{}"           },
    {"dataset.destroy", "{\"name\":\"tank/c\"}",                                                  "\"ENOENT\""              },
};

static const struct step found_day[] = {
    {"pool.found",    "{\"devices\":[\"/d0\"]}",                                              "\"result\":[]"         },
    {"pool.create",   "{\"name\":\"tank\",\"vdevs\":[\"mirror\",\"/d0\",\"/d1\"]}",           "\"ONLINE\""            },
    {"pool.get",      "{\"name\":\"tank\",\"property\":\"failmode\"}",                        "\"value\":\"wait\""    },
    {"pool.set",      "{\"name\":\"tank\",\"property\":\"comment\",\"value\":\"hello\"}",
     "\"result\":{}"                                                                                                  },
    {"pool.set",      "{\"name\":\"tank\",\"property\":\"size\",\"value\":\"1\"}",            "\"EINVAL\""            },
    {"pool.get",      "{\"name\":\"tank\"}",                                                  "\"value\":\"hello\""   },
    {"pool.errors",   "{\"name\":\"tank\"}",                                                  "\"result\":[]"         },
    {"pool.history",  "{\"name\":\"tank\",\"internal\":true}",                                "\"internal\":true"     },
    {"pool.history",  "{\"name\":\"pot\"}",                                                   "\"ENOENT\""            },
    {"volume.create", "{\"name\":\"tank/v\",\"size\":1048576}",                               "\"dataset\""           },
    {"pool.destroy",  "{\"name\":\"tank\"}",                                                  "zsan volume delete"    },
    {"volume.delete", "{\"name\":\"tank/v\",\"keep\":true}",                                  "\"result\":{}"         },
    {"pool.destroy",  "{\"name\":\"tank\"}",                                                  "\"EBUSY\""             },
    {"pool.list",     "{}",                                                                   "\"ONLINE\""            },
    {"pool.export",   "{\"name\":\"tank\"}",                                                  "\"result\":{}"         },
    {"pool.found",    "{\"devices\":[\"/d0\",\"/d1\"]}",                                      "\"state\":\"EXPORTED\""},
    {"pool.import",   "{\"name\":\"tank\",\"devices\":[\"/d0\",\"/d1\"]}",                    "\"ONLINE\""            },
    {"pool.destroy",  "{\"name\":\"tank\",\"force\":true}",                                   "\"result\":{}"         },
    {"pool.list",     "{}",                                                                   "\"result\":[]"         },
    {"pool.import",   "{\"name\":\"tank\",\"devices\":[\"/d0\",\"/d1\"]}",                    "\"error\""             },
    {"pool.import",   "{\"name\":\"tank\",\"devices\":[\"/d0\",\"/d1\"],\"destroyed\":true}",
     "\"ONLINE\""                                                                                                     },
};

static void live_found_day(struct world *w)
{
    make_disk("/d0");
    make_disk("/d1");
    follow(w, found_day, ARRAY_LEN(found_day));
}

static void test_pools_are_found_and_given_up(void **state)
{
    (void)state;
    free(play(live_found_day));
}

static const struct step disk_day[] = {
    {"pool.create",  "{\"name\":\"tank\",\"vdevs\":[\"/d0\"]}",                                  "\"ONLINE\""                        },
    {"pool.attach",  "{\"name\":\"tank\",\"disk\":\"/d9\",\"new_disk\":\"/d1\"}",                "\"ENOENT\""                        },
    {"pool.attach",  "{\"name\":\"tank\",\"disk\":\"/d0\",\"new_disk\":\"/d1\"}",
     "\"result\":{}"                                                                                                                 },
    {"pool.status",  "{\"name\":\"tank\"}",                                                      "mirror-0"                          },
    {"pool.add",     "{\"name\":\"tank\",\"vdevs\":[\"/d2\"]}",                                  "\"EINVAL\""                        },
    {"pool.add",     "{\"name\":\"tank\",\"vdevs\":[\"spare\",\"/d2\"]}",                        "\"result\":{}"                     },
    {"pool.status",  "{\"name\":\"tank\"}",                                                      "\"spare\":true,\"state\":\"AVAIL\""},
    {"pool.remove",  "{\"name\":\"tank\",\"disk\":\"/d2\"}",                                     "\"result\":{}"                     },
    {"pool.replace", "{\"name\":\"tank\",\"disk\":\"/d0\",\"new_disk\":\"/d2\",\"force\":true}",
     "\"result\":{}"                                                                                                                 },
    {"pool.clear",   "{\"name\":\"tank\"}",                                                      "\"result\":{}"                     },
    {"pool.clear",   "{\"name\":\"tank\",\"disk\":\"/d9\"}",                                     "\"ENOENT\""                        },
};
static const struct step disk_evening[] = {
    {"pool.detach", "{\"name\":\"tank\",\"disk\":\"/d1\"}", "\"result\":{}"   },
    {"pool.status", "{\"name\":\"tank\"}",                  "\"name\":\"/d2\""},
};

static void live_disk_day(struct world *w)
{
    CLEANUP(freep) char *text = NULL;
    size_t len = 0;
    make_disk("/d0");
    make_disk("/d1");
    make_disk("/d2");
    follow(w, disk_day, ARRAY_LEN(disk_day));
    fiber_sleep_until(run_deadline_ms(60000), NULL);
    follow(w, disk_evening, ARRAY_LEN(disk_evening));
    check(file_slurp("/state/pools.json", 4096, &text, &len) == 0);
    if (!w->note[0] && (!strstr(text, "/d2") || strstr(text, "/d1")))
        snprintf(w->note, sizeof(w->note), "the list of pools: %.1000s", text);
}

static void test_disks_come_and_go(void **state)
{
    (void)state;
    free(play(live_disk_day));
}

static void live_dataset_day(struct world *w)
{
    make_disk("/d0");
    follow(w, dataset_day, ARRAY_LEN(dataset_day));
}

static void test_datasets_come_and_go(void **state)
{
    (void)state;
    free(play(live_dataset_day));
}

/* Two starts that ended inside of the pool's import. */
static void live_quarantine(struct world *w)
{
    static const char list[] =
        "{\"format\":\"zsan-pools\",\"pools\":[{\"name\":\"tank\",\"guid\":\"7\","
        "\"importing\":2,\"paths\":[\"/"
        "d0\"]},{\"name\":\"pot\",\"guid\":\"8\",\"importing\":1}]}";
    static const struct step steps[] = {
        {"pool.list",   "{}",                                        "\"state\":\"quarantined\""},
        {"pool.status", "{\"name\":\"pot\"}",                        "\"state\":\"missing\""    },
        {"pool.import", "{\"name\":\"tank\",\"devices\":[\"/d0\"]}", "\"ENOENT\""               },
        {"pool.export", "{\"name\":\"tank\"}",                       "\"result\":{}"            },
        {"pool.status", "{\"name\":\"tank\"}",                       "\"ENOENT\""               },
    };
    const struct pools_env env = {.run = w->run, .dir = "/state"};
    check(pools_stop(w->pools) == 0);
    pools_free(w->pools);
    check(file_replace("/state/pools.json", list, strlen(list), 0600, NULL) == 0);
    check(pools_open(&env, &w->pools, NULL) == 0);
    w->control->env.pools = w->pools;
    pools_start(w->pools);
    fiber_sleep_until(run_deadline_ms(20000), NULL);
    follow(w, steps, ARRAY_LEN(steps));
}

static void test_an_import_that_ended_the_daemon_twice_is_not_tried_again(void **state)
{
    (void)state;
    free(play(live_quarantine));
}

static void live_pool_day(struct world *w)
{
    make_disk("/d0");
    make_disk("/d1");
    make_disk("/d2");
    follow(w, pool_day, ARRAY_LEN(pool_day));
}

static void test_pools_come_and_go(void **state)
{
    (void)state;
    free(play(live_pool_day));
}

/* The next start finds what the last one left: the pool as soon as its disks are there. */
static void live_again(struct world *w)
{
    static const struct step first[] = {
        {"pool.create",   "{\"name\":\"tank\",\"vdevs\":[\"/d0\"]}", "\"ONLINE\"" },
        {"volume.create", "{\"name\":\"tank/v\",\"size\":1048576}",  "\"dataset\""},
    };
    static const struct step missing[] = {
        {"pool.list",     "{}",                                     "\"missing\""     },
        {"status",        "{}",                                     "its volumes wait"},
        {"volume.create", "{\"name\":\"tank/w\",\"size\":1048576}", "\"EAGAIN\""      },
    };
    static const struct step back[] = {
        {"pool.list", "{}", "\"ONLINE\""}
    };
    const struct pools_env env = {.run = w->run, .dir = "/state"};
    make_disk("/d0");
    follow(w, first, ARRAY_LEN(first));
    check(pools_stop(w->pools) == 0);
    check(file_rename("/d0", "/away") == 0);
    pools_free(w->pools);
    check(pools_open(&env, &w->pools, NULL) == 0);
    w->control->env.pools = w->pools;
    pools_start(w->pools);
    fiber_sleep_until(run_deadline_ms(20000), NULL);
    follow(w, missing, ARRAY_LEN(missing));
    check(file_rename("/away", "/d0") == 0);
    fiber_sleep_until(run_deadline_ms(4000), NULL);
    follow(w, back, ARRAY_LEN(back));
}

static void test_pools_are_waited_for(void **state)
{
    (void)state;
    free(play(live_again));
}

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
    {"volume.resize",      "{\"name\":\"vm1\",\"size\":2097152}",                                     "\"size\":2097152"           },
    {"volume.resize",      "{\"name\":\"vm1\",\"size\":1048576}",                                     "not shrink"                 },
    {"volume.resize",      "{\"name\":\"none\",\"size\":1048576}",                                    "\"ENOENT\""                 },
    {"target.create",      "{\"name\":\"t\",\"alias\":\"first\"}",                                    ".t\""                       },
    {"target.set",         "{\"name\":\"t\",\"disabled\":true}",                                      "\"disabled\":true"          },
    {"target.set",         "{\"name\":\"t\",\"disabled\":false}",                                     "\"alias\":\"first\""        },
    {"target.show",        "{\"name\":\"u\"}",                                                        "\"ENOENT\""                 },
    {"lun.add",            "{\"target\":\"t\",\"volume\":\"vm1\"}",                                   "\"lun\":0"                  },
    {"lun.add",            "{\"target\":\"t\",\"volume\":\"m\",\"lun\":0}",                           "\"EEXIST\""                 },
    {"lun.list",           "{\"target\":\"t\"}",                                                      "\"volume\":\"vm1\""         },
    {"host.add",           "{\"name\":\"h\",\"initiators\":[\"" INI "\"]}",                           "\"reverse_secret\""         },
    {"initiator.set",      "{\"name\":\"" INI "\",\"chap\":[\"sha256\"]}",                            "\"chap\":[\"sha256\"]"      },
    {"initiator.set",      "{\"name\":\"" INI "\",\"chap\":[\"rot13\"]}",                             "\"EINVAL\""                 },
    {"initiator.set",      "{\"name\":\"" INI "\",\"chap\":[\"all\"]}",                               "\"md5\""                    },
    {"grant.add",          "{\"who\":\"h\",\"target\":\"t\"}",                                        "iscsiadm -m node"           },
    {"grant.add",          "{\"who\":\"h\",\"target\":\"t\"}",                                        "\"EEXIST\""                 },
    {"grant.rotate",       "{\"who\":\"h\",\"target\":\"t\"}",                                        "iscsi://" INI "%"           },
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
    {"limits.show",        "{}",                                                                      "\"tasks_per_session\":64"   },
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
        {"status",        "{}",                                                "\"object\":\"session 4\",\"text\":\"weak login"},
        {"status",        "{}",                                                "\"healthy\":false"                             },
        {"session.list",  "{}",                                                "\"initiator_alias\":\"caf? \\u001B[2J\""       },
        {"session.drop",  "{\"id\":4}",                                        "\"result\":{}"                                 },
        {"session.list",  "{}",                                                "\"result\":[]"                                 },
    };
    w->net.deaf_portal = "192.0.2.1";
    w->net.waiting_volume = "v";
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

/* ---- connections ------------------------------------------------------------------------- */

static void crowd_steps(struct world *w)
{
    struct sock *s[CONTROL_CONNECTIONS_MAX];
    for (unsigned i = 0; i + 1 < CONTROL_CONNECTIONS_MAX; i++)
        s[i] = dial();
    struct sock *late = dial();
    if (!hear(w, late) || !strstr(w->last, "EBUSY"))
        snprintf(w->note, sizeof(w->note), "one too many: %.300s", w->last);
    sock_close(late);
    for (unsigned i = 0; i + 1 < CONTROL_CONNECTIONS_MAX; i++)
        sock_close(s[i]);
    fiber_sleep_until(run_deadline_ms(1000), NULL);
    late = dial();
    static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";
    sock_send(late, line, sizeof(line) - 1, NO_DEADLINE, NULL);
    if (!w->note[0] && (!hear(w, late) || !strstr(w->last, "result")))
        snprintf(w->note, sizeof(w->note), "no place afterwards: %.300s", w->last);
    sock_close(late);
}

static void test_connections_are_limited(void **state)
{
    (void)state;
    free(play(crowd_steps));
}

/* Says something without an end, or nothing, and notes how long it was tolerated. */
static void tolerate(struct world *w, const char *say, uint64_t least_ms, uint64_t most_ms)
{
    struct sock *s = dial();
    uint64_t began = run_now();
    if (say)
        sock_send(s, say, strlen(say), NO_DEADLINE, NULL);
    while (hear(w, s))
        ;
    uint64_t ms = (run_now() - began) / NS_PER_MS;
    if (ms < least_ms || ms > most_ms)
        snprintf(w->note, sizeof(w->note), "\"%s\" was tolerated for %llu ms", say ? say : "",
                 (unsigned long long)ms);
    sock_close(s);
}

static void patience_steps(struct world *w)
{
    tolerate(w, NULL, CONTROL_IDLE_MS - 1000, CONTROL_IDLE_MS + 1000);
    tolerate(w, "{\"jsonrpc\":", CONTROL_LINE_MS - 1000, CONTROL_LINE_MS + 1000);
}

static void test_patience_has_an_end(void **state)
{
    (void)state;
    free(play(patience_steps));
}

static void long_steps(struct world *w)
{
    size_t len = RPC_LINE_MAX + 2;
    char *line = malloc(len);
    if (!line)
        return;
    memset(line, ' ', len);
    line[len - 2] = '7';
    line[len - 1] = '\n';
    sock_send(w->peer, line + 1, len - 1, NO_DEADLINE, NULL);
    if (!hear(w, w->peer) || !strstr(w->last, "a request is an object"))
        snprintf(w->note, sizeof(w->note), "the longest: %.300s", w->last);
    sock_send(w->peer, line, len, NO_DEADLINE, NULL);
    if (!hear(w, w->peer) || !strstr(w->last, "has at most") || hear(w, w->peer))
        snprintf(w->note, sizeof(w->note), "too long: %.300s", w->last);
    free(line);
}

/* The beginnings of large requests, from as many as may, and one more. */
static void large_steps(struct world *w)
{
    struct sock *s[CONTROL_LARGE_MAX + 1];
    size_t len = CONTROL_LARGE + 1;
    char *line = malloc(len);
    if (!line)
        return;
    memset(line, ' ', len);
    for (unsigned i = 0; i <= CONTROL_LARGE_MAX; i++) {
        s[i] = dial();
        sock_send(s[i], line, len, NO_DEADLINE, NULL);
        fiber_sleep_until(run_deadline_ms(1000), NULL);
    }
    if (!hear(w, s[CONTROL_LARGE_MAX]) || !strstr(w->last, "being read"))
        snprintf(w->note, sizeof(w->note), "one too many: %.300s", w->last);
    for (unsigned i = 0; i < CONTROL_LARGE_MAX; i++) {
        sock_send(s[i], "7\n", 2, NO_DEADLINE, NULL);
        if (!w->note[0] && (!hear(w, s[i]) || !strstr(w->last, "a request is an object")))
            snprintf(w->note, sizeof(w->note), "large: %.300s", w->last);
    }
    sock_send(w->peer, line, len, NO_DEADLINE, NULL);
    sock_send(w->peer, "7\n", 2, NO_DEADLINE, NULL);
    if (!w->note[0] && (!hear(w, w->peer) || !strstr(w->last, "a request is an object")))
        snprintf(w->note, sizeof(w->note), "afterwards: %.300s", w->last);
    for (unsigned i = 0; i <= CONTROL_LARGE_MAX; i++)
        sock_close(s[i]);
    free(line);
}

static void test_few_requests_are_large(void **state)
{
    (void)state;
    free(play(large_steps));
}

static void test_lines_have_a_longest(void **state)
{
    (void)state;
    free(play(long_steps));
}

/* Three requests at once, in pieces: three answers in order. */
static void pipeline_steps(struct world *w)
{
    static const char three[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"one\",\"method\":\"limits.show\"}\n"
        "garbage\n"
        "{\"jsonrpc\":\"2.0\",\"id\":\"three\",\"method\":\"volume.list\"}\n";
    const char *want[] = {"\"one\"", "-32700", "\"three\""};
    size_t at = 0;
    sock_send(w->peer, three, sizeof(three) - 1, NO_DEADLINE, NULL);
    memset(w->last, 0, sizeof(w->last));
    while (!strstr(w->last, want[2])) {
        ssize_t n =
            sock_recv(w->peer, w->last + at, sizeof(w->last) - 1 - at, NO_DEADLINE, NULL);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    const char *p = w->last;
    for (size_t i = 0; i < ARRAY_LEN(want) && p; i++)
        p = strstr(p, want[i]);
    if (!p)
        snprintf(w->note, sizeof(w->note), "%.1000s", w->last);
}

static void test_requests_are_answered_in_order(void **state)
{
    (void)state;
    free(play(pipeline_steps));
}

/* Asks and asks, and reads nothing: control_close() must not wait for that. */
static void deaf_steps(struct world *w)
{
    static char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"limits.show\"}\n";
    const struct iovec iov = {line, sizeof(line) - 1};
    unsigned waits = 0;
    while (waits < 50) {
        if (sock_try_send(w->peer, &iov, 1) == (ssize_t)iov.iov_len)
            continue;
        waits++;
        fiber_sleep_until(run_deadline_ms(10), NULL);
    }
    struct sock *other = dial();
    sock_send(other, line, sizeof(line) - 1, NO_DEADLINE, NULL);
    if (!hear(w, other) || !strstr(w->last, "result"))
        snprintf(w->note, sizeof(w->note), "others are not served");
    sock_close(other);
}

static void test_who_does_not_listen_delays_nobody(void **state)
{
    (void)state;
    free(play(deaf_steps));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools_come_and_go),
        cmocka_unit_test(test_pools_are_waited_for),
        cmocka_unit_test(test_datasets_come_and_go),
        cmocka_unit_test(test_disks_come_and_go),
        cmocka_unit_test(test_pools_are_found_and_given_up),
        cmocka_unit_test(test_an_import_that_ended_the_daemon_twice_is_not_tried_again),
        cmocka_unit_test(test_a_day_of_an_operator),
        cmocka_unit_test(test_secrets_are_told_once),
        cmocka_unit_test(test_files_follow_their_volumes),
        cmocka_unit_test(test_trouble_is_shown),
        cmocka_unit_test(test_documents_and_generations),
        cmocka_unit_test(test_connections_are_limited),
        cmocka_unit_test(test_patience_has_an_end),
        cmocka_unit_test(test_lines_have_a_longest),
        cmocka_unit_test(test_few_requests_are_large),
        cmocka_unit_test(test_requests_are_answered_in_order),
        cmocka_unit_test(test_who_does_not_listen_delays_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
