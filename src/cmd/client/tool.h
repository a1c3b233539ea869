/* SPDX-License-Identifier: BSD-2-Clause */
/* The languages of grammar/ at work: asked, done, shown. */
#ifndef CMD_CLIENT_TOOL_H
#define CMD_CLIENT_TOOL_H

#include "cmd/client/client.h"
#include "cmd/grammar/grammar.h"

/* What stands before the noun. */
struct tool_common {
    const char *socket, *secret_file;
    bool json, help;
};
/* One command line of the tool; an exit status, after its message. */
int tool_main(const struct gr_tool *t, size_t nwords, const char *const *words,
              const struct tool_common *common);
/* The tool whose language the words behind zsan are: NULL: none. *ret_at: where they begin. */
const struct gr_tool *tool_find(size_t nwords, const char *const *words, size_t *ret_at,
                                struct tool_common *ret_common);

/* zsan help zpool [VERB] */
void tool_help(FILE *out, const struct gr_tool *t);
/* The verbs alone. */
void tool_verbs(FILE *out, const struct gr_tool *t);
bool tool_has(const struct gr_tool *t, const char *verb); /* NULL: no */
void tool_verb_help(FILE *out, const struct gr_tool *t, const struct gr_verb *v);
void tool_usage(FILE *out, const struct gr_tool *t, const struct gr_verb *v);

/* What a view is given. */
struct seen {
    const struct gr_line *line;
    const json_t *facts;
    const json_t *results; /* a list: one for each step, or the plan's own answer */
    const json_t *before;  /* the results of an interval ago; NULL: these are the first */
};
typedef void view_fn(const struct seen *s);
view_fn view_pool_list, view_pool_status, view_pool_iostat, view_pool_found, view_pool_history,
    view_pool_events, view_dataset_list, view_properties, view_targets, view_initiators,
    view_tpgts, view_admin;

struct gr_column;
struct grid;
/* A column's heading as the next cell of the first row. */
void heading_put(struct grid *g, const struct gr_column *c, const char *name);

/* Shows how far a pool's scrub or resilver has come until none runs. EXIT_FAILED: interrupted; it goes on. */
int progress_wait(struct link *l, const char *pool, struct err *reterr);

#endif
