/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zsan: one request to zsand, its answer as a table or as JSON. What can be asked is data:
 * verbs.h; the languages of zpool, zfs and iscsitadm are tables too (grammar/). A plain program with a blocking socket, for it does one thing and ends.
 */
#include "base/cleanup.h"
#include "cmd/client/client.h"
#include "cmd/client/tool.h"

#include <string.h>

/* How bad the worst is of what an audit found; EXIT_DONE of all other results. */
static int status_of_findings(const char *worst)
{
    static const char *const names[] = {"low", "medium", "high"};
    for (size_t i = 0; worst && i < ARRAY_LEN(names); i++)
        if (strcmp(worst, names[i]) == 0)
            return EXIT_FINDINGS + (int)i;
    return EXIT_DONE;
}

/* l NULL: what it can do without a daemon. */
static int call_verb(const struct invocation *in, struct link *l, struct err *reterr)
{
    json_t *result = NULL;
    int status = l ? link_call(l, in->verb->method, in->params, &result, reterr)
                   : audit_verify_copy(json_string_value(json_object_get(in->local, "file")),
                                       &result, reterr);
    if (status != EXIT_DONE)
        return status;
    if (in->json)
        show_json(result);
    else
        show_result(in->verb, result, &in->form,
                    json_string_value(json_object_get(in->local, "for")));
    status = status_of_findings(json_string_value(json_object_get(result, "worst")));
    json_decref(result);
    return status;
}

static int run_verb(const struct invocation *in, struct err *reterr)
{
    struct link *l = NULL;
    int status;
    if (secrets_read(in->verb, in->secret_file, in->params, reterr) < 0)
        return EXIT_USAGE;
    if (json_object_get(in->local, "file"))
        return call_verb(in, NULL, reterr);
    if (link_open(in->socket, &l, reterr) < 0)
        return EXIT_UNREACHABLE;
    if (json_is_true(json_object_get(in->local, "watch"))) {
        json_int_t interval = json_integer_value(json_object_get(in->local, "interval"));
        status = watch(l, in->verb->result, interval > 0 ? (unsigned)interval : 1, reterr);
    } else {
        patience_begin(l, in->socket);
        status = call_verb(in, l, reterr);
        patience_end(l);
    }
    link_close(l);
    return status;
}

/* A verb without a name beside others tells of all of them. */
static bool is_one_of_several(const struct cli_verb *v)
{
    unsigned n = 0;
    for (size_t i = 0; i < cli_nverbs; i++)
        n += strcmp(cli_verbs[i].noun, v->noun) == 0;
    return !v->verb && n > 1;
}

static int help(const struct invocation *in)
{
    if (in->verb && !is_one_of_several(in->verb))
        help_verb(stdout, in->verb);
    else if (in->noun)
        help_noun(stdout, in->noun);
    else
        help_all(stdout);
    return EXIT_DONE;
}

/* The tool that the program is called as, or whose words follow; *ret_at: where they begin. NULL: none. */
static const struct gr_tool *tool_of(int argc, char **argv, size_t *ret_at,
                                     struct tool_common *ret_common)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const struct gr_tool *t = argc > 0 ? gr_tool_named(slash ? slash + 1 : argv[0]) : NULL;
    *ret_common = (struct tool_common){.json = false};
    *ret_at = 1;
    if (t || argc < 2)
        return t;
    t = tool_find((size_t)argc - 1, (const char *const *)argv + 1, ret_at, ret_common);
    ++*ret_at;
    return t;
}

int main(int argc, char **argv)
{
    struct invocation in;
    struct tool_common common;
    size_t at;
    struct err e = {.code = 0};
    const struct gr_tool *tool = tool_of(argc, argv, &at, &common);
    if (tool)
        return tool_main(tool, (size_t)argc - at, (const char *const *)argv + at, &common);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("zsan %s\n", ZSAN_VERSION);
        return EXIT_DONE;
    }
    int status = invocation_parse(argc, argv, &in, &e);
    if (status == EXIT_DONE)
        status = in.help ? help(&in) : run_verb(&in, &e);
    if (status != EXIT_DONE && e.msg[0])
        tell(stderr, "zsan: %s\n", e.msg);
    if (status == EXIT_USAGE && in.verb)
        help_usage(stderr, in.verb);
    json_decref(in.params);
    json_decref(in.local);
    if (fflush(stdout) != 0 && status == EXIT_DONE)
        status = EXIT_FAILED;
    return status;
}
