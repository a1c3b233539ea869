/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools, their disks and datasets through the whole plane: made, found, waited for, given up. */
#include "control/control_fixture.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>

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
    {"dataset.rename",  "{\"name\":\"tank/a\",\"new_name\":\"tank/z\"}",                          "\"name\":\"tank/z\""     },
    {"volume.show",     "{\"name\":\"v\"}",                                                       "\"dataset\":\"tank/z/b\""},
    {"dataset.rename",  "{\"name\":\"tank/z\",\"new_name\":\"tank/a\"}",                          "\"name\":\"tank/a\""     },
    {"lun.remove",      "{\"target\":\"t\",\"lun\":0}",                                           "\"result\":{}"           },
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
    {"pool.preview",  "{\"name\":\"tank\",\"devices\":[\"/d0\",\"/d1\"]}",
     "can be imported: ONLINE\""                                                                                      },
    {"pool.preview",  "{\"name\":\"tank\",\"devices\":[\"/d1\"],\"read_only\":true}",
     "can be imported: ONLINE, read-only\""                                                                           },
    {"pool.preview",  "{\"name\":\"pot\",\"devices\":[\"/d0\"]}",                             "\"ENOENT\""            },
    {"pool.list",     "{}",                                                                   "\"result\":[]"         },
    {"pool.import",   "{\"name\":\"tank\",\"devices\":[\"/d0\",\"/d1\"]}",                    "\"ONLINE\""            },
    {"pool.preview",  "{\"name\":\"tank\",\"devices\":[\"/d0\",\"/d1\"]}",                    "\"EEXIST\""            },
    {"pool.export",   "{\"name\":\"tank\"}",                                                  "\"result\":{}"         },
    {"pool.import",   "{\"name\":\"tank\",\"devices\":[\"/d0\",\"/d1\"],\"read_only\":true}",
     "\"ONLINE\""                                                                                                     },
    {"pool.destroy",  "{\"name\":\"tank\",\"force\":true}",                                   "\"EROFS\""             },
    {"pool.list",     "{}",                                                                   "\"ONLINE\""            },
    {"pool.export",   "{\"name\":\"tank\"}",                                                  "\"result\":{}"         },
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
    {"pool.check",   "{\"name\":\"tank\",\"vdevs\":[\"/d2\"],\"add\":true}",                     "\"EINVAL\""                        },
    {"pool.check",   "{\"name\":\"tank\",\"vdevs\":[\"/d2\"]}",                                  "\"EEXIST\""                        },
    {"pool.check",   "{\"name\":\"lake\",\"vdevs\":[\"/d2\", \"spare\", \"/d0\"]}",              "\"EBUSY\""                         },
    {"pool.check",   "{\"name\":\"lake\",\"vdevs\":[\"/d2\"]}",                                  "\"result\":{}"                     },
    {"pool.check",   "{\"name\":\"lake\",\"vdevs\":[\"draid2:1d\", \"/d2\"]}",                   "nothing else"                      },
    {"pool.check",   "{\"name\":\"lake\",\"vdevs\":[\"raidz4\", \"/d2\"]}",                      "nothing else"                      },
    {"pool.check",   "{\"name\":\"lake\",\"vdevs\":[\"log\", \"/d2\"]}",                         "nothing else"                      },
    {"pool.check",   "{\"name\":\"lake\",\"vdevs\":[\"logs-1\"]}",                               "there is no disk"                  },
    {"pool.check",   "{\"name\":\"lake\",\"vdevs\":[\"raidz2\", \"cacheD\"]}",
     "there is no disk"                                                                                                              },
    {"pool.check",   "{\"name\":\"lake\",\"vdevs\":[\"draid-bay\"]}",                            "there is no disk"                  },
    {"pool.add",     "{\"name\":\"tank\",\"vdevs\":[\"/d2\"]}",                                  "\"EINVAL\""                        },
    {"pool.add",     "{\"name\":\"tank\",\"vdevs\":[\"spare\",\"/d2\"]}",                        "\"result\":{}"                     },
    {"pool.status",  "{\"name\":\"tank\"}",                                                      "\"spare\":true,\"state\":\"AVAIL\""},
    {"pool.remove",  "{\"name\":\"tank\",\"disk\":\"/d2\"}",                                     "\"result\":{}"                     },
    {"pool.replace", "{\"name\":\"tank\",\"disk\":\"/d0\",\"new_disk\":\"/d2\",\"force\":true}",
     "\"result\":{}"                                                                                                                 },
    {"pool.clear",   "{\"name\":\"tank\"}",                                                      "\"result\":{}"                     },
    {"pool.clear",   "{\"name\":\"tank\",\"force\":true}",                                       "\"result\":{}"                     },
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

static void start_pools(struct world *w)
{
    const struct pools_env env = {.run = w->run, .dir = "/state"};
    check(pools_open(&env, &w->pools, NULL) == 0);
    w->control->env.pools = w->pools;
    pools_start(w->pools);
}

static void stop_pools(struct world *w)
{
    check(pools_stop(w->pools) == 0);
    pools_free(w->pools);
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
    stop_pools(w);
    check(file_replace("/state/pools.json", list, strlen(list), 0600, NULL) == 0);
    start_pools(w);
    fiber_sleep_until(run_deadline_ms(20000), NULL);
    follow(w, steps, ARRAY_LEN(steps));
}

static void test_an_import_that_ended_the_daemon_twice_is_not_tried_again(void **state)
{
    (void)state;
    free(play(live_quarantine));
}

/* The list as it is in the middle of the import that begins now: what a crash there leaves. malloc'd; NULL: it never says so. */
static char *list_while_importing(unsigned attempt)
{
    char *text = NULL, want[32];
    size_t len;
    snprintf(want, sizeof(want), "\"importing\": %u", attempt);
    for (unsigned i = 0; i < 20000; i++) {
        if (file_slurp("/state/pools.json", 65536, &text, &len) == 0 && strstr(text, want))
            return text;
        free(text);
        text = NULL;
        fiber_sleep_until(run_now() + 50 * 1000, NULL);
    }
    return NULL;
}

static void live_crashes(struct world *w)
{
    static const struct step first[] = {
        {"pool.create", "{\"name\":\"tank\",\"vdevs\":[\"/d0\"]}", "\"ONLINE\""},
    };
    static const struct step last[] = {
        {"pool.list",   "{}",                                        "\"state\":\"quarantined\""},
        {"pool.import", "{\"name\":\"tank\",\"devices\":[\"/d0\"]}", "\"ONLINE\""               },
    };
    make_disk("/d0");
    follow(w, first, ARRAY_LEN(first));
    stop_pools(w);
    for (unsigned crash = 1; crash <= 2; crash++) {
        start_pools(w);
        char *left = list_while_importing(crash);
        if (!left) {
            snprintf(w->note, sizeof(w->note), "start %u is not counted before it imports",
                     crash);
            return;
        }
        fiber_sleep_until(run_deadline_ms(1000), NULL);
        stop_pools(w);
        check(file_replace("/state/pools.json", left, strlen(left), 0600, NULL) == 0);
        free(left);
    }
    start_pools(w);
    follow(w, last, ARRAY_LEN(last));
}

static void test_each_start_that_ends_inside_an_import_is_counted(void **state)
{
    (void)state;
    free(play(live_crashes));
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
    make_disk("/d0");
    follow(w, first, ARRAY_LEN(first));
    stop_pools(w);
    check(file_rename("/d0", "/away") == 0);
    start_pools(w);
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

/* ---- how far an import is ---------------------------------------------------------------- */

static void test_how_far_an_import_is_in_words(void **state)
{
    (void)state;
    static const struct {
        uint32_t import, replay;
        uint64_t done, of, after_s;
        const char *text;
    } rows[] = {
        {0,                  0, 0,   0,   9,    ""                                                },
        {POOL_IMPORT_LABELS, 0, 12,  48,  0,    "reading labels: 12 of 48 devices"                },
        {POOL_IMPORT_LABELS, 0, 12,  48,  4,    "reading labels: 12 of 48 devices, 00:00:13 to go"},
        {POOL_IMPORT_TREE,   0, 0,   0,   4,    "reading its state"                               },
        {POOL_IMPORT_CLAIM,  0, 0,   5,   4,    "claiming intent logs: 0 of 5 datasets"           },
        {POOL_IMPORT_LOGS,   0, 5,   5,   4,    "following intent logs: 5 of 5 datasets"          },
        {0,                  2, 100, 400, 3661,
         "replaying the log of volume 3 of 7: 100 of 400 records, 03:03:04 to go"                 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pool_progress g = {
            .replay = {.nth = 3, .all = 7, .step = rows[i].replay}
        };
        struct progress *p = rows[i].import ? &g.import : &g.replay;
        struct pool_coming c;
        g.import.step = rows[i].import;
        p->done = rows[i].done;
        p->of = rows[i].of;
        p->since = 5;
        pool_coming(&g, 5 + rows[i].after_s * NS_PER_SEC, &c);
        assert_string_equal(c.text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools_come_and_go),
        cmocka_unit_test(test_pools_are_waited_for),
        cmocka_unit_test(test_how_far_an_import_is_in_words),
        cmocka_unit_test(test_datasets_come_and_go),
        cmocka_unit_test(test_disks_come_and_go),
        cmocka_unit_test(test_pools_are_found_and_given_up),
        cmocka_unit_test(test_an_import_that_ended_the_daemon_twice_is_not_tried_again),
        cmocka_unit_test(test_each_start_that_ends_inside_an_import_is_counted),
    };
    return cmocka_run_group_tests_name("control_pools", tests, NULL, NULL);
}
