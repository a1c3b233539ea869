/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line. First the noun and the verb, then what the verb's rows name, by flag or by
 * place; flags that are common to all may stand anywhere. Values are turned into JSON here and
 * checked again by the daemon, so only what the daemon can't see is checked: that numbers are
 * numbers, and what a flag belongs to.
 */
#include "base/text.h"
#include "cmd/client/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct invocation *in;
    char **argv;
    int argc, at;
    unsigned npos; /* positional arguments so far */
    struct err *err;
};

/* ---- values ------------------------------------------------------------------------------ */

static json_t *list_of(const struct cli_arg *a, const char *text)
{
    json_t *list = json_array();
    while (text) {
        const char *comma = strchr(text, ',');
        size_t len = comma ? (size_t)(comma - text) : strlen(text);
        uint64_t n;
        char tag[24];
        if (a->type == A_NAMES) {
            json_array_append_new(list, json_stringn(text, len));
        } else if (len < sizeof(tag) &&
                   (memcpy(tag, text, len), tag[len] = '\0', text_to_u64(tag, &n))) {
            json_array_append_new(list, json_integer((json_int_t)n));
        } else {
            json_decref(list);
            return NULL;
        }
        text = comma ? comma + 1 : NULL;
    }
    return list;
}

static json_t *number_of(const struct cli_arg *a, const char *text, struct err *reterr)
{
    uint64_t n;
    if (!(a->type == A_SIZE ? text_to_size(text, &n) : text_to_u64(text, &n)) ||
        n > INT64_MAX) {
        err_set(reterr, -EINVAL, "\"%.60s\" is no %s", text,
                a->type == A_SIZE ? "size: write bytes, or 512M, 10G, 2T" : "number");
        return NULL;
    }
    return json_integer((json_int_t)n);
}

static json_t *enum_of(const struct cli_arg *a, const char *text, struct err *reterr)
{
    for (const char *const *v = a->values; *v; v++)
        if (strcmp(*v, text) == 0)
            return json_string(text);
    err_set(reterr, -EINVAL, "\"%.60s\" is none of %s", text, a->arg);
    return NULL;
}

static json_t *document_of(const char *file, struct err *reterr)
{
    json_error_t je;
    json_t *j = strcmp(file, "-") == 0 ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &je)
                                       : json_load_file(file, JSON_REJECT_DUPLICATES, &je);
    if (!j && je.line > 0)
        err_set(reterr, -EINVAL, "%.100s:%d:%d: %.80s", file, je.line, je.column, je.text);
    else if (!j)
        err_set(reterr, -EINVAL, "%.160s", je.text);
    return j;
}

static json_t *value_of(const struct cli_arg *a, const char *text, struct err *reterr)
{
    json_t *j = NULL;
    switch (a->type) {
    case A_UINT:
    case A_SIZE:
        return number_of(a, text, reterr);
    case A_ENUM:
        return enum_of(a, text, reterr);
    case A_JSON:
        return document_of(text, reterr);
    case A_TEXT:
        j = json_string(text);
        break;
    case A_TAGS:
    case A_NAMES:
        j = list_of(a, text);
        break;
    case A_BOOL:
    case A_SECRET:
        break;
    }
    if (!j)
        err_set(reterr, -EINVAL, "\"%.60s\" cannot be %s", text, a->arg);
    return j;
}

static int set(struct parser *p, const struct cli_arg *a, json_t *v)
{
    json_t *obj = a->local ? p->in->local : p->in->params;
    if (!v)
        return EXIT_USAGE;
    if (json_object_get(obj, a->name)) {
        json_decref(v);
        err_set(p->err, -EINVAL, "--%s is given twice", a->flag);
        return EXIT_USAGE;
    }
    json_object_set_new(obj, a->name, v);
    return EXIT_DONE;
}

/* ---- flags ------------------------------------------------------------------------------- */

static int bad(struct parser *p, const char *what, const char *word)
{
    err_set(p->err, -EINVAL, "\"%.60s\" %s", word, what);
    return EXIT_USAGE;
}

/* The value of a flag: behind its equals sign, or the next word. NULL: there is none. */
static const char *flag_value(struct parser *p, const char *eq)
{
    if (eq)
        return eq + 1;
    return p->at < p->argc ? p->argv[p->at++] : NULL;
}

static bool same(const char *word, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(word, name, len) == 0;
}

/* Flags that every verb has: 0 taken, -1 not one of them, else a status. */
static int common_flag(struct parser *p, const char *word, size_t len, const char *eq)
{
    struct invocation *in = p->in;
    const char **to = NULL;
    if (same(word, len, "--json") && !eq)
        in->json = true;
    else if ((same(word, len, "--help") || same(word, len, "-h")) && !eq)
        in->help = true;
    else if (same(word, len, "--socket"))
        to = &in->socket;
    else if (same(word, len, "--secret-file"))
        to = &in->secret_file;
    else
        return -1;
    if (to && !(*to = flag_value(p, eq)))
        return bad(p, "takes a path", word);
    return EXIT_DONE;
}

static const struct cli_arg *find_flag(const struct cli_verb *v, const char *name, size_t len,
                                       bool *ret_off)
{
    for (int off = 0; off < 2; off++) {
        for (size_t i = 0; i < v->nargs; i++) {
            const struct cli_arg *a = &v->args[i];
            if (a->flag && same(name, len, a->flag) && (!off || a->type == A_BOOL)) {
                *ret_off = off;
                return a;
            }
        }
        if (len <= 3 || memcmp(name, "no-", 3) != 0)
            break;
        name += 3;
        len -= 3;
    }
    return NULL;
}

/* -o: each of them is a member of what is listed. */
static int columns(struct parser *p, const char *names)
{
    const struct cli_type *t = p->in->verb->result;
    for (const char *at = names; *at;) {
        size_t len = strcspn(at, ",");
        if (!find_member(t, at, len)) {
            err_set(p->err, -EINVAL, "-o: there is no column \"%.*s\"", (int)MIN(len, 60u), at);
            return EXIT_USAGE;
        }
        at += len + (at[len] == ',');
    }
    p->in->form.columns = names;
    return *names ? EXIT_DONE : bad(p, "names no column", "-o");
}

/* Letters of lists: 0 taken, -1 none of them, else a status. */
static int list_flag(struct parser *p, const char *word)
{
    const struct cli_verb *v = p->in->verb;
    if (!v || !v->many || !v->result || word[1] == '-')
        return -1;
    for (const char *c = word + 1; *c; c++) {
        if (*c == 'H') {
            p->in->form.bare = true;
        } else if (*c == 'p') {
            p->in->form.exact = true;
        } else if (*c == 'o') {
            const char *names = c[1] ? c + 1 : flag_value(p, NULL);
            return names ? columns(p, names) : bad(p, "takes a value", word);
        } else {
            return -1;
        }
    }
    return EXIT_DONE;
}

static int verb_flag(struct parser *p, const char *word, size_t len, const char *eq)
{
    bool off = false;
    const struct cli_arg *a =
        len > 2 && p->in->verb ? find_flag(p->in->verb, word + 2, len - 2, &off) : NULL;
    if (!a)
        return bad(p, "is no flag here", word);
    if (a->type == A_BOOL)
        return eq ? bad(p, "takes no value", word) : set(p, a, json_boolean(!off));
    const char *text = flag_value(p, eq);
    if (!text)
        return bad(p, "takes a value", word);
    int rc = set(p, a, value_of(a, text, p->err));
    if (rc && p->err->code)
        err_prefix(p->err, "--%s", a->flag);
    return rc;
}

/* ---- words ------------------------------------------------------------------------------- */

static const struct cli_verb *find_verb(const char *noun, const char *verb)
{
    for (size_t i = 0; i < cli_nverbs; i++)
        if (strcmp(cli_verbs[i].noun, noun) == 0 &&
            (!cli_verbs[i].verb || (verb && strcmp(cli_verbs[i].verb, verb) == 0)))
            return &cli_verbs[i];
    return NULL;
}

/* A noun may have a verb without a name and others with one. */
static const struct cli_verb *find_named(const char *noun, const char *verb)
{
    for (size_t i = 0; i < cli_nverbs; i++)
        if (cli_verbs[i].verb && strcmp(cli_verbs[i].noun, noun) == 0 &&
            strcmp(cli_verbs[i].verb, verb) == 0)
            return &cli_verbs[i];
    return NULL;
}

static int positional(struct parser *p, const char *word)
{
    const struct cli_verb *v = p->in->verb;
    unsigned n = 0;
    const struct cli_arg *last = NULL;
    for (size_t i = 0; i < v->nargs; i++) {
        if (!cli_positional(&v->args[i]))
            continue;
        last = &v->args[i];
        if (n++ == p->npos && last->type != A_NAMES) {
            p->npos++;
            int rc = set(p, last, value_of(last, word, p->err));
            if (rc && p->err->code)
                err_prefix(p->err, "%s", last->arg);
            return rc;
        }
    }
    if (!last || last->type != A_NAMES)
        return bad(p, "is an argument too many", word);
    if (!json_object_get(p->in->params, last->name))
        json_object_set_new(p->in->params, last->name, json_array());
    json_array_append_new(json_object_get(p->in->params, last->name), json_string(word));
    return EXIT_DONE;
}

static int word(struct parser *p, const char *w)
{
    struct invocation *in = p->in;
    if (!in->noun && strcmp(w, "help") == 0) {
        in->help = true;
    } else if (!in->noun) {
        if (!is_noun(w))
            return bad(p, "is nothing that zsan knows: zsan help", w);
        in->noun = w;
        in->verb = find_verb(w, NULL);
    } else if (!in->verb) {
        in->verb = find_verb(in->noun, w);
        if (!in->verb) {
            err_set(p->err, -EINVAL, "\"zsan %s\" has no verb \"%.60s\": zsan help %s",
                    in->noun, w, in->noun);
            return EXIT_USAGE;
        }
    } else {
        const struct cli_verb *named =
            !in->verb->verb && p->npos == 0 ? find_named(in->noun, w) : NULL;
        if (!named)
            return positional(p, w);
        in->verb = named;
    }
    return EXIT_DONE;
}

static int check_whole(struct parser *p)
{
    const struct invocation *in = p->in;
    bool secrets = false;
    if (in->help)
        return EXIT_DONE;
    if (!in->verb) {
        err_set(p->err, -EINVAL, "%s%s: zsan help%s%s", in->noun ? "what about " : "what",
                in->noun ? in->noun : " is to be done", in->noun ? " " : "",
                in->noun ? in->noun : "");
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < in->verb->nargs; i++) {
        const struct cli_arg *a = &in->verb->args[i];
        secrets |= a->type == A_SECRET;
        if (a->required && !json_object_get(in->params, a->name)) {
            err_set(p->err, -EINVAL, "%s%s is missing", a->flag ? "--" : "",
                    a->flag ? a->flag : a->arg);
            return EXIT_USAGE;
        }
    }
    if (in->secret_file && !secrets)
        return bad(p, "is no flag here", "--secret-file");
    if (in->json && json_is_true(json_object_get(in->local, "watch"))) {
        err_set(p->err, -EINVAL, "--watch is for people: programs ask for zsan stats --json");
        return EXIT_USAGE;
    }
    if (in->json && json_object_get(in->local, "for")) {
        err_set(p->err, -EINVAL,
                "--for is for people: --json tells what those texts are made of");
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

int invocation_parse(int argc, char **argv, struct invocation *ret_invocation,
                     struct err *reterr)
{
    struct invocation *in = ret_invocation;
    struct parser p = {.in = in, .argv = argv, .argc = argc, .at = 1, .err = reterr};
    bool only_words = false;
    int rc = EXIT_DONE;
    *in = (struct invocation){.params = json_object(), .local = json_object()};
    while (rc == EXIT_DONE && p.at < argc) {
        const char *w = argv[p.at++];
        if (!only_words && strcmp(w, "--") == 0) {
            only_words = true;
        } else if (only_words || w[0] != '-' || w[1] == '\0') {
            rc = word(&p, w);
        } else {
            const char *eq = strchr(w, '=');
            size_t len = eq ? (size_t)(eq - w) : strlen(w);
            rc = common_flag(&p, w, len, eq);
            if (rc < 0)
                rc = list_flag(&p, w);
            if (rc < 0)
                rc = verb_flag(&p, w, len, eq);
        }
    }
    return rc == EXIT_DONE ? check_whole(&p) : rc;
}
