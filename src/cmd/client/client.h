/* SPDX-License-Identifier: BSD-2-Clause */
/* What zsan's parts share. */
#ifndef CMD_CLIENT_CLIENT_H
#define CMD_CLIENT_CLIENT_H

#include "base/err.h"
#include "cmd/client/verbs.h"

#include <jansson.h>
#include <stdio.h>

/* Exit statuses; those of errors with a name are in cli_exits. */
#define EXIT_DONE        0
#define EXIT_FAILED      1
#define EXIT_USAGE       2
#define EXIT_UNREACHABLE 3
#define EXIT_FINDINGS    10 /* and 11, 12: of an audit */

/* How a list is printed. */
struct table_form {
    bool bare,
        exact; /* -H: without headings, columns apart by one tab; -p: numbers as they are */
    const char *columns; /* -o: members, separated by commas; NULL: those with a heading */
};

/* ---- what was asked for ------------------------------------------------------------------ */

struct invocation {
    const char *socket; /* NULL: look for it */
    const char *secret_file;
    bool json, help;
    struct table_form form;      /* of a list */
    const char *noun;            /* as typed, NULL: none */
    const struct cli_verb *verb; /* NULL: none such */
    json_t *params, *local;
};
/* argv to an invocation; the caller decrefs params and local. 0, or EXIT_USAGE or EXIT_FAILED
 * with a message. */
int invocation_parse(int argc, char **argv, struct invocation *ret_invocation,
                     struct err *reterr);

void help_all(FILE *out);
void help_noun(FILE *out, const char *noun);
void help_verb(FILE *out, const struct cli_verb *v);
/* "zsan volume create NAME [FLAGS]" */
void help_usage(FILE *out, const struct cli_verb *v);
bool is_noun(const char *word);

/* Sets the verb's secrets in params from a file, NULL or "-": standard input (from a terminal:
 * asked for, without echo). -EINVAL, errno. */
int secrets_read(const struct cli_verb *v, const char *file, json_t *params,
                 struct err *reterr);

/* ---- the daemon -------------------------------------------------------------------------- */

struct link; /* a connection */
/* -1 and a message when no daemon answers. */
int link_open(const char *socket, struct link **ret_link, struct err *reterr);
void link_close(struct link *l); /* NULL is fine */
/* fn is called once a second while an answer is waited for. */
void link_on_wait(struct link *l, void (*fn)(unsigned seconds));
/* On a terminal: shows on stderr how far the daemon is while an answer of that link is long in coming. */
void patience_begin(struct link *l, const char *socket);
void patience_end(struct link *l);
/* "[####......]  41%, to go: 00:00:35"; seconds_left 0: not known. */
void progress_draw(FILE *to, unsigned percent, uint64_t seconds_left);
/* Calls a method (params is borrowed, NULL: none). EXIT_DONE and a new reference in
 * *ret_result, or another exit status and a message. */
int link_call(struct link *l, const char *method, json_t *params, json_t **ret_result,
              struct err *reterr);

/* Verifies a file or folder of an audit trail itself. EXIT_DONE and a result as that of audit.verify, or EXIT_FAILED and
 * a message. */
int audit_verify_copy(const char *path, json_t **ret_result, struct err *reterr);

/* ---- results ----------------------------------------------------------------------------- */

void show_json(const json_t *j);
/* For people, as the verb's row says; minted secrets and warnings too. paste: as of show_minted(). */
void show_result(const struct cli_verb *v, const json_t *result, const struct table_form *f,
                 const char *paste);
/* Secrets that a call minted, this once, and how they are used. paste: what they are for (cmd/paste); NULL: what each
 * initiator's name says. */
void show_minted(const json_t *minted, const char *paste);
/* t is the type of status. */
void show_status(const struct cli_type *t, const json_t *status);
/* A table of objects. f NULL: for people, the members that have a heading. */
void show_table(const struct cli_type *t, const json_t *list, const struct table_form *f);
/* The member of that name, len bytes long, or NULL. */
const struct cli_member *find_member(const struct cli_type *t, const char *name, size_t len);
/* One value as text into buf; what would move the cursor becomes a question mark. */
void show_value(const struct cli_member *m, const json_t *v, char *buf, size_t cap);
void show_duration(uint64_t seconds, char *buf, size_t cap);
/* Takes out of lines, in place, what a terminal would act on; they stay lines. */
void clean_lines(char *text);
/* printf() for what has words of others in it: of disks' labels, of initiators. What a terminal would act on is replaced. */
__attribute__((format(printf, 2, 3))) void tell(FILE *out, const char *fmt, ...);
/* A table from cells: text[row * ncols + col], row 0 the headings; right[col]: numbers. */
void table_print(const char *const *text, size_t nrows, size_t ncols, const bool *right);

/* A picture every few seconds until interrupted or the daemon leaves: an exit status. t is the
 * type of status. */
int watch(struct link *l, const struct cli_type *t, unsigned interval, struct err *reterr);

#endif
