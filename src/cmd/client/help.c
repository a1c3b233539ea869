/* SPDX-License-Identifier: BSD-2-Clause */
/* Help from the same tables that the command line is read by. */
#include "cmd/client/client.h"
#include "cmd/client/tool.h"

#include <string.h>

#define LEFT 34 /* columns of what is explained */

bool is_noun(const char *word)
{
    for (size_t i = 0; i < cli_nnouns; i++)
        if (strcmp(cli_nouns[i].name, word) == 0)
            return true;
    return false;
}

static void entry(FILE *out, const char *left, const char *doc)
{
    if (strlen(left) < LEFT)
        fprintf(out, "  %-*s%s\n", LEFT, left, doc);
    else
        fprintf(out, "  %s\n  %-*s%s\n", left, LEFT, "", doc);
}

static bool has_flags(const struct cli_verb *v)
{
    for (size_t i = 0; i < v->nargs; i++)
        if (!cli_positional(&v->args[i]))
            return true;
    return false;
}

void help_usage(FILE *out, const struct cli_verb *v)
{
    fprintf(out, "usage: zsan %s%s%s", v->noun, v->verb ? " " : "", v->verb ? v->verb : "");
    for (size_t i = 0; i < v->nargs; i++)
        if (cli_positional(&v->args[i]))
            fprintf(out, v->args[i].required ? " %s" : " [%s]", v->args[i].arg);
    fprintf(out, "%s\n", has_flags(v) ? " [FLAGS]" : "");
}

static void help_flag(FILE *out, const struct cli_arg *a)
{
    char left[160];
    bool value = a->type != A_BOOL;
    snprintf(left, sizeof(left), "--%s%s%s", a->flag, value ? " " : "", value ? a->arg : "");
    entry(out, left, a->doc);
}

void help_verb(FILE *out, const struct cli_verb *v)
{
    bool secrets = false;
    help_usage(out, v);
    fprintf(out, "\n%s\n\n", v->doc);
    for (size_t i = 0; i < v->nargs; i++)
        if (cli_positional(&v->args[i]))
            entry(out, v->args[i].arg, v->args[i].doc);
    for (size_t i = 0; i < v->nargs; i++) {
        secrets |= v->args[i].type == A_SECRET;
        if (v->args[i].flag)
            help_flag(out, &v->args[i]);
    }
    if (secrets)
        entry(out, "--secret-file FILE",
              "first line: the secret, second: the reverse one (default: standard input)");
    if (v->many && v->result) {
        entry(out, "-H", "no headings, columns apart by one tab");
        entry(out, "-p", "exact numbers");
        entry(out, "-o COLUMN,...", "these members of the answer");
    }
    entry(out, "--json", "print the answer as JSON");
    entry(out, "--socket PATH", "where zsand listens");
    if (v->change && has_flags(v))
        fprintf(out, "\n--no-FLAG turns a flag without a value off.\n");
}

void help_noun(FILE *out, const char *noun)
{
    char left[64];
    fprintf(out, "usage: zsan %s VERB ...\n", noun);
    for (size_t i = 0; i < cli_nnouns; i++)
        if (strcmp(cli_nouns[i].name, noun) == 0)
            fprintf(out, "\n%s\n\n", cli_nouns[i].doc);
    const struct gr_tool *t = gr_tool_of_noun(noun);
    if (t)
        tool_verbs(out, t);
    for (size_t i = 0; i < cli_nverbs; i++) {
        const struct cli_verb *v = &cli_verbs[i];
        if (strcmp(v->noun, noun) != 0 || (t && v->verb && tool_has(t, v->verb)))
            continue;
        snprintf(left, sizeof(left), "%s %s", v->noun, v->verb ? v->verb : "");
        entry(out, left, v->doc);
    }
    if (strcmp(noun, "volume") == 0)
        fprintf(out,
                "\nVolumes in pools also take what zfs says: create -V, destroy, get, set, "
                "inherit, rename (zsan help zfs).\n");
    fprintf(out, "\nzsan help %s VERB tells about one.\n", noun);
}

void help_all(FILE *out)
{
    fprintf(out, "usage: zsan [--socket PATH] [--json] NOUN VERB ...\n\n"
                 "Controls zsand, the SAN storage server.\n\n");
    for (size_t i = 0; i < cli_nnouns; i++)
        entry(out, cli_nouns[i].name, cli_nouns[i].doc);
    fprintf(out, "\nIn the languages of old:\n\n");
    for (size_t i = 0; gr_tools[i]; i++)
        entry(out, gr_tools[i]->name, gr_tools[i]->doc);
    fprintf(out,
            "\nzsan help NOUN tells about its verbs; zsan(8) is the whole manual.\n\n"
            "exit status: %d done, %d failed, %d wrong use, %d zsand is not reached",
            EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE);
    for (size_t i = 0; i < cli_nexits; i++)
        fprintf(out, ",\n  %d %s", cli_exits[i].status, cli_exits[i].doc);
    fprintf(out, "\n");
}
