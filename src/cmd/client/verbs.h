/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables that scripts/genapi.py makes of api/zsan.yaml for zsan: verbs with their
 * arguments, and how results look. */
#ifndef CMD_CLIENT_VERBS_H
#define CMD_CLIENT_VERBS_H

#include "base/util.h"

enum cli_arg_type { A_TEXT, A_UINT, A_SIZE, A_BOOL, A_ENUM, A_TAGS, A_NAMES, A_JSON, A_SECRET };
struct cli_arg {
    const char *name; /* of the method's parameter */
    const char *flag; /* without dashes; NULL: positional, or a secret */
    const char *arg;  /* what stands for the value in help */
    const char *doc;
    enum cli_arg_type type;
    bool required;
    bool local; /* zsand never sees it */
    uint64_t min, max;
    const char *const *values; /* A_ENUM; NULL ends the list */
};

enum cli_member_type { M_TEXT, M_UINT, M_SIZE, M_BOOL, M_TIME, M_NS, M_JSON, M_OBJECT };
struct cli_type;
struct cli_member {
    const char *name;
    const char *col; /* heading in tables; NULL: not in them */
    enum cli_member_type type;
    bool many;                  /* a list of them */
    const struct cli_type *sub; /* M_OBJECT */
};
struct cli_type {
    const char *name;
    const struct cli_member *members;
    size_t nmembers;
};

struct cli_verb {
    const char *noun, *verb; /* verb NULL: the noun alone */
    const char *method, *doc;
    const struct cli_arg *args; /* positional ones in order */
    size_t nargs;
    const struct cli_type *result; /* NULL: any JSON */
    bool many;                     /* a list of them */
    bool change;
    /* What people are told, with {member}; NULL: nothing, or the result of what changes nothing. */
    const char *say;
};
extern const struct cli_verb cli_verbs[]; /* those of one noun stand together */
extern const size_t cli_nverbs;

struct cli_noun {
    const char *name, *doc;
};
extern const struct cli_noun cli_nouns[];
extern const size_t cli_nnouns;

struct cli_exit {
    const char *errno_name;
    int status;
    const char *doc;
};
extern const struct cli_exit cli_exits[];
extern const size_t cli_nexits;

static inline bool cli_positional(const struct cli_arg *a)
{
    return !a->flag && a->type != A_SECRET;
}

#endif
