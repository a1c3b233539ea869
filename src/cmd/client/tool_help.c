/* SPDX-License-Identifier: BSD-2-Clause */
/* Help of the tools, from the tables that their lines are read by. */
#include "cmd/client/tool.h"

#include <string.h>

#define LEFT 30 /* columns of what is explained */

void tool_usage(FILE *out, const struct gr_tool *t, const struct gr_verb *v)
{
    fprintf(out, "usage: zsan %s %s%s%s%s\n", t->name, v->name,
            v->noptions > 0 ? " [OPTIONS]" : "", v->operands[0] ? " " : "", v->operands);
}

static void option_help(FILE *out, const struct gr_option *o)
{
    char left[96], letter[4] = "";
    if (o->letter)
        snprintf(letter, sizeof(letter), "-%c", o->letter);
    snprintf(left, sizeof(left), "%s%s%s%s%s%s", letter, o->letter && o->word ? ", " : "",
             o->word ? "--" : "", o->word ? o->word : "", o->arg ? " " : "",
             o->arg ? o->arg : "");
    if (strlen(left) < LEFT)
        fprintf(out, "  %-*s%s\n", LEFT, left, o->doc);
    else
        fprintf(out, "  %s\n  %-*s%s\n", left, LEFT, "", o->doc);
}

void tool_verb_help(FILE *out, const struct gr_tool *t, const struct gr_verb *v)
{
    tool_usage(out, t, v);
    fprintf(out, "\n%s\n\n", v->doc);
    for (size_t i = 0; i < v->noptions; i++)
        option_help(out, &v->options[i]);
    fprintf(out, "  %-*s%s\n", LEFT, "--json", "print the answer as JSON");
    fprintf(out, "  %-*s%s\n", LEFT, "--socket PATH", "where zsand listens");
}

void tool_verbs(FILE *out, const struct gr_tool *t)
{
    for (size_t i = 0; i < t->nverbs; i++) {
        char left[128];
        const struct gr_verb *v = &t->verbs[i];
        snprintf(left, sizeof(left), "%s %s", v->name, v->operands);
        if (strlen(left) < LEFT)
            fprintf(out, "  %-*s%s\n", LEFT, left, v->doc);
        else
            fprintf(out, "  %s\n  %-*s%s\n", left, LEFT, "", v->doc);
    }
}

void tool_help(FILE *out, const struct gr_tool *t)
{
    fprintf(out, "usage: zsan %s VERB ...%s%s%s\n\n%s\n\n", t->name,
            t->nouns[0] ? ", or zsan " : "", t->nouns[0] ? t->nouns[0] : "",
            t->nouns[0] ? " VERB ..." : "", t->doc);
    tool_verbs(out, t);
    fprintf(out, "\nzsan help %s VERB tells about one.\n", t->name);
}
