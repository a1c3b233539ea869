/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON-RPC 2.0 as far as it is the same for all methods: requests out of lines, answers into
 * lines. Methods are rows of a table that scripts/genapi.py makes of api/zsan.yaml; a row says
 * how its parameters become a C struct. Pure.
 */
#ifndef CONTROL_RPC_H
#define CONTROL_RPC_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

#define RPC_LINE_MAX  (16u << 20) /* bytes of a request, without the newline */
#define RPC_DEPTH_MAX 32          /* objects and lists inside each other */
#define RPC_LIST_MAX  256         /* elements of a parameter that is a list */

enum rpc_code {
    RPC_PARSE = -32700,
    RPC_INVALID = -32600,
    RPC_NO_METHOD = -32601,
    RPC_PARAMS = -32602,
    RPC_FAILED = -32000, /* the method's own error, with an errno */
};

/* ---- parameters -------------------------------------------------------------------------- */

enum param_type {
    P_TEXT,  /* const char *, borrowed; NULL: not given */
    P_UINT,  /* uint64_t */
    P_BOOL,  /* bool */
    P_ENUM,  /* int */
    P_TAGS,  /* struct api_tags */
    P_NAMES, /* struct api_names */
    P_JSON,  /* const json_t *, borrowed */
};
struct api_tags {
    bool given;
    unsigned n;
    uint16_t tag[RPC_LIST_MAX];
};
struct api_names {
    bool given;
    unsigned n;
    const char *name[RPC_LIST_MAX]; /* borrowed */
};
struct param_name {
    const char *text; /* NULL ends the list */
    int value;
};
struct param {
    const char *name;
    enum param_type type;
    size_t off;                     /* of the member in the struct */
    size_t has_off;                 /* of the bool that says whether it was given, when has */
    uint64_t min, max;              /* of a number; max: bytes of a text */
    const struct param_name *names; /* P_ENUM */
    bool has;
    bool required;
    bool pos; /* names what the call is about */
};

struct rpc_error {
    enum rpc_code code;
    struct err err; /* code: of RPC_FAILED only */
    char field[64]; /* of RPC_PARAMS: the parameter; "": none in particular */
};

/* Fills the zeroed struct args from an object (NULL: no parameters at all). Texts are borrowed
 * from it. 0 or RPC_PARAMS. */
int params_decode(const json_t *obj, const struct param *p, size_t n, void *args,
                  struct rpc_error *reterr);
/* What the call is about, for the log: the values of its positional parameters and the flags
 * that are set, "t1 vm1 force". */
void params_subject(const struct param *p, size_t n, const void *args, char *ret_text,
                    size_t cap);

/* ---- methods ----------------------------------------------------------------------------- */

struct control;
/* Whether a call is written to the log, with its caller. */
enum audit_kind { AUDIT_NONE, AUDIT_READ, AUDIT_CHANGE };
struct method {
    const char *name;
    const struct param *params;
    size_t nparams, args_size;
    /* 0 and a new reference in *ret_result, or negative errno. Parks. */
    int (*call)(struct control *c, const void *args, json_t **ret_result, struct err *reterr);
    enum audit_kind audit;
};
extern const struct method control_methods[]; /* ascending by name */
extern const size_t control_nmethods;

/* ---- requests and answers ---------------------------------------------------------------- */

struct request {
    json_t *root;     /* owns all texts */
    const json_t *id; /* borrowed; NULL: it has none that could be trusted */
    const struct method *method;
    void *args; /* of the method */
};
/* One line without its newline. 0, or the code that is in reterr; either way request_free() is
 * to follow. */
int request_parse(const char *text, size_t len, struct request *ret_request,
                  struct rpc_error *reterr);
/* Wipes and frees what it holds. */
void request_free(struct request *r);

/* A line with its newline, malloc'd; the caller wipes and frees. id NULL: null. Takes over
 * result. -ENOMEM. */
int answer_result(const json_t *id, json_t *result, char **ret_line, size_t *ret_len);
int answer_error(const json_t *id, const struct rpc_error *e, char **ret_line, size_t *ret_len);

#endif
