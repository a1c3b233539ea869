/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The languages that operators know: zpool's, zfs's and iscsitadm's. Each is a tool: a table of verbs
 * with their options. A command line is read by the table, and the verb's translator makes of it a plan: calls of
 * zsand's methods, in order. Pure: what is asked of the daemon before (facts) and where devices are looked for is handed
 * in, so that every command can be tested as text.
 */
#ifndef CMD_GRAMMAR_GRAMMAR_H
#define CMD_GRAMMAR_GRAMMAR_H

#include "base/err.h"

#include <jansson.h>

/* ---- the tables -------------------------------------------------------------------------- */

struct gr_option {
    char letter;      /* 0: it has none */
    const char *word; /* behind two dashes; NULL: it has none */
    const char *arg;  /* what stands for its value; NULL: it has none */
    const char *doc;
    bool many;          /* may be given several times */
    const char *refuse; /* it is known, and why it cannot be; NULL: it can */
};

/* How the answer is shown to people. */
enum gr_view {
    VIEW_SAY, /* what the last call's verb says, and what the plan says */
    VIEW_POOL_LIST,
    VIEW_POOL_STATUS,
    VIEW_POOL_IOSTAT,
    VIEW_POOL_FOUND,
    VIEW_POOL_HISTORY,
    VIEW_POOL_EVENTS,
    VIEW_DATASET_LIST,
    VIEW_PROPERTIES, /* zfs get, zpool get */
    VIEW_TARGETS,
    VIEW_INITIATORS,
    VIEW_TPGTS,
    VIEW_ADMIN,
    VIEW_COUNT
};

struct gr_line;
struct gr_plan;
struct gr_verb {
    const char *name;     /* "create"; of iscsitadm with its object: "create target" */
    const char *operands; /* in usage lines */
    const char *doc;
    const struct gr_option *options;
    size_t noptions;
    unsigned min, max;    /* operands */
    const char *facts[4]; /* methods without parameters whose answers the translator is given */
    /* 0, or a negative errno and a message that names the argument and the fix. */
    int (*translate)(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                     struct err *reterr);
    enum gr_view view;
    /* Of zfs: whether it is a verb of the noun "volume" too. BY_FORM: that has one of the same name, with long flags;
     * letters or PROPERTY=VALUE tell that this one is meant. */
    enum { VOLUME_VERB, VOLUME_BY_FORM, VOLUME_NOT } volume;
};
struct gr_tool {
    const char *name;     /* the command of old */
    const char *nouns[2]; /* of zsan, beside the name; NULL: none */
    const char *doc;
    const struct gr_verb *verbs;
    size_t nverbs;
    const struct gr_refused *
        refused; /* verbs of the tool of old that zsan has not; NULL: none. name NULL ends it */
};
struct gr_refused {
    const char *name, *why;
};
extern const struct gr_tool gr_zpool, gr_zfs, gr_iscsitadm;
extern const struct gr_tool *const gr_tools[]; /* NULL ends it */

/* The tool of that name, or that has this noun. NULL: none. */
const struct gr_tool *gr_tool_named(const char *name);
const struct gr_tool *gr_tool_of_noun(const char *noun);

/* ---- a command line ---------------------------------------------------------------------- */

/* Where devices are looked for by name. */
struct gr_places {
    const char *const *folders; /* NULL ends it */
    bool (*is_there)(const char *path);
};

struct gr_given {
    const struct gr_option *option;
    const char *value; /* NULL: it takes none */
};
struct gr_line {
    const struct gr_tool *tool;
    const struct gr_verb *verb; /* NULL: none was given, with help */
    struct gr_given *given;
    size_t ngiven;
    const char **operands;
    size_t noperands;
    const char *socket, *secret_file; /* options of all verbs; NULL: not given */
    bool json, help;
    const struct gr_places *places;
    char **words; /* the words as they were meant, to which all of the above point */
    size_t nwords;
};
/* Reads the words behind the tool's name. The caller drops it, also after an error: -EINVAL. */
int gr_parse(const struct gr_tool *t, size_t nwords, const char *const *words,
             struct gr_line *ret, struct err *reterr);
/* Is it whole: a verb, with as many operands as it takes? -EINVAL. A call for help need not be. */
int gr_check(const struct gr_line *l, struct err *reterr);
void gr_line_drop(struct gr_line *l);
/* Whether the words behind the noun "volume" are zfs's. */
bool gr_is_volume_line(size_t nwords, const char *const *words);

/* Of the option with that letter, or without one that word: was it given; its last value, or NULL; its n-th
 * value, or NULL. */
bool gr_has(const struct gr_line *l, const char *option);
const char *gr_value(const struct gr_line *l, const char *option);
const char *gr_nth(const struct gr_line *l, const char *option, size_t n);

/* A word as it was typed before a page's typesetting changed it: dashes are hyphens again. malloc'd. NULL: no memory.
 * t's options tell whether one dash stands for two. */
char *gr_word_meant(const struct gr_tool *t, const char *word);

/* ---- a plan ------------------------------------------------------------------------------ */

struct gr_step {
    const char *method;
    json_t *params;
    const char *undo; /* called when a later step fails; NULL: nothing */
    json_t *undo_params;
};
struct gr_plan {
    struct gr_step *steps;
    size_t nsteps;
    json_t *answer;        /* instead of the steps' results; NULL: these */
    json_t *say;           /* lines for people, when all is done; NULL: none */
    unsigned every, times; /* seconds between two showings, how many; 0: one, endless */
    bool wait;             /* until no scrub or resilver of the first operand's pool runs */
    bool bad;              /* memory ran out */
};
void gr_plan_drop(struct gr_plan *p);
/* Adds a call; takes over params. */
struct gr_step *gr_step(struct gr_plan *p, const char *method, json_t *params);
void gr_undo(struct gr_step *s, const char *method, json_t *params);
void gr_say(struct gr_plan *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The plan as JSON: [{"method": ..., "params": ..., "undo": ...}], for tests. */
json_t *gr_plan_json(const struct gr_plan *p);

#endif
