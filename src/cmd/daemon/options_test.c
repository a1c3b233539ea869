/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/daemon/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 16

/* Parses words separated by spaces. */
static enum options_result parse(const char *line, struct options *o, struct err *err)
{
    static char self[] = "zsand";
    char *argv[ARGS_MAX] = {self};
    int argc = 1;
    static char copy[256];
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) && argc < ARGS_MAX;)
        if (*word)
            argv[argc++] = word;
    *err = (struct err){.code = 0};
    return options_parse(argc, argv, o, err);
}

static void test_options_are_read(void **state)
{
    (void)state;
    struct options o;
    struct err err;
    assert_int_equal(parse("--state /s --port 3261 --io threads --reactors 2", &o, &err),
                     OPTIONS_RUN);
    assert_string_equal(o.state, "/s");
    assert_string_equal(o.control, "/s/zsand.sock");
    assert_int_equal(o.port, 3261);
    assert_int_equal(o.io, RUN_IO_THREADS);
    assert_int_equal(o.reactors, 2);
    assert_false(o.first_start);
    options_free(&o);
    assert_int_equal(parse("--first-start --control /run/z --state /s --log debug", &o, &err),
                     OPTIONS_RUN);
    assert_true(o.first_start);
    assert_string_equal(o.control, "/run/z");
    assert_int_equal(o.log, LOG_LVL_DEBUG);
    assert_true(o.seccomp);
    assert_int_equal(o.folders.n, 0);
    options_free(&o);
    assert_int_equal(
        parse("--seccomp off --device-folder /a --device-folder /b --control-readers g", &o,
              &err),
        OPTIONS_RUN);
    assert_false(o.seccomp);
    assert_int_equal(o.folders.n, 2);
    assert_string_equal(o.folders.v[1], "/b");
    assert_string_equal(o.readers, "g");
    options_free(&o);
}

static void test_bad_options_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *names;
    } cases[] = {
        {"--prot 1",          "--prot"    },
        {"3260",              "3260"      },
        {"--port",            "--port"    },
        {"--port 65536",      "65535"     },
        {"--port -1",         "--port"    },
        {"--port 1x",         "1x"        },
        {"--io magic",        "auto|uring"},
        {"--log loud",        "error|warn"},
        {"--reactors 65",     "--reactors"},
        {"--spin-us 1000000", "--spin-us" },
        {"--seccomp maybe",   "on|off"    },
        {"--device-folder x", "absolute"  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct options o;
        struct err err;
        if (parse(cases[i].line, &o, &err) != OPTIONS_BAD || !strstr(err.msg, cases[i].names))
            fail_msg("%s: \"%s\"", cases[i].line, err.msg);
        options_free(&o);
    }
}

static void test_state_is_where_a_user_expects_it(void **state)
{
    (void)state;
    struct options o;
    struct err err;
    setenv("XDG_STATE_HOME", "/home/u/st", 1);
    assert_int_equal(parse("", &o, &err), OPTIONS_RUN);
    assert_string_equal(o.state, geteuid() == 0 ? "/var/lib/zsan" : "/home/u/st/zsan");
    options_free(&o);
    assert_int_equal(parse("--state here", &o, &err), OPTIONS_RUN);
    assert_int_equal(o.state[0], '/');
    assert_string_equal(strrchr(o.state, '/'), "/here");
    options_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_are_read),
        cmocka_unit_test(test_bad_options_are_named),
        cmocka_unit_test(test_state_is_where_a_user_expects_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
