/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests and answers as bytes. What must be refused, and how, is a golden file: argument
 * 1. */
#include "base/util.h"
#include "config/config.h"
#include "config/json_parse.h"
#include "control/api_gen.h"
#include "control/json_util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *golden;

static int parse(const char *text, struct request *r, struct rpc_error *e)
{
    *e = (struct rpc_error){.field = ""};
    return request_parse(text, strlen(text), r, e);
}

static void check_line(char *line, unsigned number)
{
    struct request r;
    struct rpc_error e;
    char *field = strchr(line, ' ') + 1, *text = strchr(field, ' ') + 1;
    long want = strtol(line, NULL, 10);
    text[-1] = '\0';
    if (parse(text, &r, &e) != (int)want || (int)e.code != (int)want)
        fail_msg("line %u: got %d (%s)", number, (int)e.code, e.err.msg);
    if (strcmp(e.field, strcmp(field, "-") == 0 ? "" : field) != 0)
        fail_msg("line %u: field \"%s\"", number, e.field);
    if (e.err.msg[0] == '\0')
        fail_msg("line %u: no message", number);
    request_free(&r);
}

static void test_bad_requests_are_refused_as_the_golden_file_says(void **state)
{
    static char line[2048];
    unsigned number = 0, n = 0;
    FILE *f = fopen(golden, "r");
    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        number++;
        if (line[0] == '#')
            continue;
        check_line(line, number);
        n++;
    }
    fclose(f);
    assert_true(n > 50);
}

static void test_parameters_fill_the_struct(void **state)
{
    struct request r;
    struct rpc_error e;
    (void)state;
    assert_int_equal(
        parse("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"volume.create\",\"params\":{"
              "\"name\":\"vm1\",\"size\":1048576,\"engine\":\"mem\",\"thick\":false}}",
              &r, &e),
        0);
    const struct args_volume_create *a = r.args;
    assert_string_equal(r.method->name, "volume.create");
    assert_string_equal(json_string_value(r.id), "x");
    assert_string_equal(a->name, "vm1");
    assert_true(a->has_size && a->size == 1048576);
    assert_true(a->has_engine && a->engine == CFG_MEM);
    assert_true(a->has_thick && !a->thick);
    assert_true(!a->has_sync && !a->has_read_only && !a->path);
    request_free(&r);
}

static void test_lists_fill_the_struct(void **state)
{
    struct request r;
    struct rpc_error e;
    (void)state;
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"target.create\","
                           "\"params\":{\"name\":\"t\",\"portal_groups\":[7,65535]}}",
                           &r, &e),
                     0);
    const struct args_target_create *t = r.args;
    assert_true(t->portal_groups.given && t->portal_groups.n == 2);
    assert_int_equal(t->portal_groups.tag[1], 65535);
    request_free(&r);
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"host.add\","
                           "\"params\":{\"name\":\"h\",\"initiators\":[\"a\",\"b\"]}}",
                           &r, &e),
                     0);
    const struct args_host_add *h = r.args;
    assert_int_equal(h->initiators.n, 2);
    assert_string_equal(h->initiators.name[1], "b");
    request_free(&r);
}

static void test_id_is_known_as_soon_as_it_is_good(void **state)
{
    struct request r;
    struct rpc_error e;
    (void)state;
    parse("{\"jsonrpc\":\"1.0\",\"id\":5,\"method\":\"status\"}", &r, &e);
    assert_int_equal(json_integer_value(r.id), 5);
    request_free(&r);
    parse("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"status\"}", &r, &e);
    assert_null(r.id);
    request_free(&r);
}

static void test_length_is_bounded(void **state)
{
    struct request r;
    struct rpc_error e = {.field = ""};
    char *text = malloc(RPC_LINE_MAX + 1);
    (void)state;
    assert_non_null(text);
    memset(text, ' ', RPC_LINE_MAX + 1);
    assert_int_equal(request_parse(text, RPC_LINE_MAX + 1, &r, &e), RPC_INVALID);
    request_free(&r);
    assert_int_equal(request_parse(text, RPC_LINE_MAX, &r, &e), RPC_PARSE);
    request_free(&r);
    free(text);
}

static void test_values_are_bounded(void **state)
{
    struct request r;
    struct rpc_error e = {.field = ""};
    size_t n = JSON_VALUES_MAX, len = 2 * n + 1;
    char *text = malloc(len);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 * i, ",0", 2);
    text[0] = '[';
    text[len - 1] = ']';
    assert_int_equal(request_parse(text, len, &r, &e), RPC_INVALID);
    assert_non_null(strstr(e.err.msg, "values"));
    request_free(&r);
    text[1] = '"'; /* inside a text they are none */
    text[len - 2] = '"';
    assert_int_equal(request_parse(text, len, &r, &e), RPC_INVALID);
    assert_null(strstr(e.err.msg, "values"));
    request_free(&r);
    free(text);
}

static void test_subject_names_what_a_call_is_about(void **state)
{
    struct request r;
    struct rpc_error e;
    char text[64], small[6];
    (void)state;
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"lun.remove\","
                           "\"params\":{\"target\":\"t1\",\"lun\":3}}",
                           &r, &e),
                     0);
    params_subject(r.method->params, r.method->nparams, r.args, text, sizeof(text));
    assert_string_equal(text, "t1 3");
    request_free(&r);
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"volume.delete\","
                           "\"params\":{\"name\":\"v\",\"force\":true,\"keep\":false}}",
                           &r, &e),
                     0);
    params_subject(r.method->params, r.method->nparams, r.args, text, sizeof(text));
    assert_string_equal(text, "v force");
    request_free(&r);
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"volume.show\","
                           "\"params\":{\"name\":\"long-name\"}}",
                           &r, &e),
                     0);
    params_subject(r.method->params, r.method->nparams, r.args, small, sizeof(small));
    assert_string_equal(small, "long-");
    request_free(&r);
}

static void expect_line(char *line, size_t len, const char *want)
{
    assert_int_equal(len, strlen(want));
    assert_memory_equal(line, want, len);
    free(line);
}

static void test_answers_are_lines(void **state)
{
    char *line = NULL;
    size_t len = 0;
    json_t *id = json_integer(7);
    struct rpc_error e = {.code = RPC_PARAMS, .field = "size"};
    (void)state;
    assert_int_equal(answer_result(id, json_object(), &line, &len), 0);
    expect_line(line, len, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n");
    err_set(&e.err, -EINVAL, "\"size\" is bad");
    assert_int_equal(answer_error(id, &e, &line, &len), 0);
    expect_line(line, len,
                "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32602,\"message\":"
                "\"\\\"size\\\" is "
                "bad\",\"data\":{\"field\":\"size\"}}}\n");
    e = (struct rpc_error){.code = RPC_FAILED};
    err_set(&e.err, -ENOENT, "caf\xe9");
    assert_int_equal(answer_error(NULL, &e, &line, &len), 0);
    expect_line(
        line, len,
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\"caf?\","
        "\"data\":{\"errno\":\"ENOENT\"}}}\n");
    json_decref(id);
}

static void test_methods_are_sorted_for_the_search(void **state)
{
    (void)state;
    for (size_t i = 1; i < control_nmethods; i++)
        assert_true(strcmp(control_methods[i - 1].name, control_methods[i].name) < 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_requests_are_refused_as_the_golden_file_says),
        cmocka_unit_test(test_parameters_fill_the_struct),
        cmocka_unit_test(test_lists_fill_the_struct),
        cmocka_unit_test(test_id_is_known_as_soon_as_it_is_good),
        cmocka_unit_test(test_length_is_bounded),
        cmocka_unit_test(test_values_are_bounded),
        cmocka_unit_test(test_subject_names_what_a_call_is_about),
        cmocka_unit_test(test_answers_are_lines),
        cmocka_unit_test(test_methods_are_sorted_for_the_search),
    };
    if (argc != 2)
        return 2;
    golden = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
