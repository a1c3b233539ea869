/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines by the tools' tables. Options may stand anywhere behind the verb, as getopt takes them: -Hp, -o VALUE,
 * -oVALUE, --word VALUE, --word=VALUE; behind -- all is operands. Pages that print commands turn hyphens into dashes,
 * and two hyphens into one dash, so words are put right first.
 */
#include "cmd/grammar/grammar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct gr_tool *const gr_tools[] = {&gr_zpool, &gr_zfs, &gr_iscsitadm, NULL};

const struct gr_tool *gr_tool_named(const char *name)
{
    for (size_t i = 0; gr_tools[i]; i++)
        if (strcmp(gr_tools[i]->name, name) == 0)
            return gr_tools[i];
    return NULL;
}

const struct gr_tool *gr_tool_of_noun(const char *noun)
{
    for (size_t i = 0; gr_tools[i]; i++)
        for (size_t k = 0; k < ARRAY_LEN(gr_tools[i]->nouns) && gr_tools[i]->nouns[k]; k++)
            if (strcmp(gr_tools[i]->nouns[k], noun) == 0)
                return gr_tools[i];
    return gr_tool_named(noun);
}

/* ---- dashes ------------------------------------------------------------------------------ */

static const struct {
    const char *bytes; /* UTF-8 */
    unsigned hyphens;  /* 0: one, or two before a word */
} dashes[] = {
    {"\xe2\x80\x90", 1}, /* hyphen */
    {"\xe2\x80\x91", 1}, /* non-breaking hyphen */
    {"\xe2\x80\x93", 0}, /* en dash */
    {"\xe2\x80\x94", 2}, /* em dash */
    {"\xe2\x88\x92", 1}, /* minus sign */
};

/* Bytes of the dash that begins text, 0: none does. */
static size_t dash_at(const char *text, unsigned *ret_hyphens)
{
    for (size_t i = 0; i < ARRAY_LEN(dashes); i++)
        if (strncmp(text, dashes[i].bytes, strlen(dashes[i].bytes)) == 0) {
            *ret_hyphens = dashes[i].hyphens;
            return strlen(dashes[i].bytes);
        }
    return 0;
}

static bool is_word_of(const struct gr_tool *t, const char *name, size_t len)
{
    for (size_t v = 0; v < t->nverbs; v++)
        for (size_t i = 0; i < t->verbs[v].noptions; i++) {
            const char *word = t->verbs[v].options[i].word;
            if (word && strlen(word) == len && memcmp(word, name, len) == 0)
                return true;
        }
    return false;
}

/* The rest of a word: every dash is a hyphen. */
static void put_body(char *to, const char *word)
{
    unsigned hyphens;
    size_t n;
    for (; *word; word += n ? n : 1) {
        n = dash_at(word, &hyphens);
        *to++ = n ? '-' : *word;
    }
    *to = '\0';
}

char *gr_word_meant(const struct gr_tool *t, const char *word)
{
    char *body = malloc(strlen(word) + 1), *meant = malloc(strlen(word) + 3);
    unsigned hyphens, lead = 0;
    size_t n;
    bool doubtful = false; /* one dash that may stand for two hyphens */
    while (body && meant && lead < 2 && (*word == '-' || dash_at(word, &hyphens))) {
        n = dash_at(word, &hyphens);
        doubtful = lead == 0 && n && hyphens == 0;
        lead += n && hyphens ? hyphens : 1;
        word += n ? n : 1;
    }
    if (body && meant) {
        put_body(body, word);
        if (lead == 1 && doubtful && is_word_of(t, body, strcspn(body, "=")))
            lead = 2;
        memcpy(meant, "--", lead);
        memcpy(meant + lead, body, strlen(body) + 1);
    } else {
        free(meant);
        meant = NULL;
    }
    free(body);
    return meant;
}

/* ---- parsing ----------------------------------------------------------------------------- */

struct reader {
    struct gr_line *l;
    size_t at; /* the next word */
    struct err *err;
};

static int refuse(struct reader *r, const char *word, const char *why)
{
    const struct gr_verb *v = r->l->verb;
    return err_set(r->err, -EINVAL, "%s%s%s: \"%.60s\" %s", r->l->tool->name, v ? " " : "",
                   v ? v->name : "", word, why);
}

/* The verb's name may be two words. */
static const struct gr_verb *find_verb(const struct gr_tool *t, const char *one,
                                       const char *two)
{
    for (size_t i = 0; i < t->nverbs; i++) {
        const char *name = t->verbs[i].name, *space = strchr(name, ' ');
        size_t len = space ? (size_t)(space - name) : strlen(name);
        if (strlen(one) == len && memcmp(one, name, len) == 0 &&
            (!space || (two && strcmp(space + 1, two) == 0)))
            return &t->verbs[i];
    }
    return NULL;
}

/* Known, but not here. NULL: it is no word of the tool's. */
static const char *why_not(const struct gr_tool *t, const char *word)
{
    const struct gr_refused *f = t->refused;
    while (f && f->name && strcmp(f->name, word) != 0)
        f++;
    return f ? f->why : NULL;
}

static int take_verb(struct reader *r, const char *word)
{
    struct gr_line *l = r->l;
    const char *next = r->at < l->nwords ? l->words[r->at] : NULL;
    l->verb = find_verb(l->tool, word, next);
    const char *why = l->verb ? NULL : why_not(l->tool, word);
    if (why)
        return err_set(r->err, -EINVAL, "%s %s: %s", l->tool->name, word, why);
    if (!l->verb)
        return err_set(r->err, -EINVAL,
                       "%s has no \"%.40s%s%.40s\": zsan help %s shows what it has",
                       l->tool->name, word, next ? " " : "", next ? next : "", l->tool->name);
    r->at += strchr(l->verb->name, ' ') != NULL;
    return 0;
}

static int give(struct reader *r, const struct gr_option *o, const char *word,
                const char *value)
{
    struct gr_line *l = r->l;
    if (o->refuse)
        return refuse(r, word, o->refuse);
    for (size_t i = 0; i < l->ngiven && o->arg && !o->many; i++)
        if (l->given[i].option == o)
            return refuse(r, word, "is given twice");
    l->given[l->ngiven++] = (struct gr_given){o, value};
    return 0;
}

/* The value of an option: the rest of its own word, or the next word. */
static int give_value(struct reader *r, const struct gr_option *o, const char *word,
                      const char *rest)
{
    char why[64];
    if (!o->arg)
        return rest ? refuse(r, word, "takes no value") : give(r, o, word, NULL);
    if (!rest && r->at == r->l->nwords) {
        snprintf(why, sizeof(why), "takes a value: %.40s", o->arg);
        return refuse(r, word, why);
    }
    return give(r, o, word, rest ? rest : r->l->words[r->at++]);
}

/* Options of all verbs: 1 taken, 0 it is none. */
static int common(struct reader *r, const char *word)
{
    static const char *const names[] = {"--socket", "--secret-file"};
    struct gr_line *l = r->l;
    const char **to[] = {&l->socket, &l->secret_file};
    if (strcmp(word, "--json") == 0)
        return l->json = true;
    if (strcmp(word, "--help") == 0)
        return l->help = true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(word, names[i], len) != 0 || (word[len] != '=' && word[len] != '\0'))
            continue;
        if (!word[len] && r->at == l->nwords)
            return refuse(r, word, "takes a path");
        *to[i] = word[len] ? word + len + 1 : l->words[r->at++];
        return 1;
    }
    return 0;
}

static int long_option(struct reader *r, const char *word)
{
    const struct gr_verb *v = r->l->verb;
    const char *eq = strchr(word, '=');
    size_t len = eq ? (size_t)(eq - word) - 2 : strlen(word) - 2;
    for (size_t i = 0; v && i < v->noptions; i++) {
        const struct gr_option *o = &v->options[i];
        if (o->word && strlen(o->word) == len && memcmp(o->word, word + 2, len) == 0)
            return give_value(r, o, word, eq ? eq + 1 : NULL);
    }
    return refuse(r, word, "is no option here");
}

static int letters(struct reader *r, const char *word)
{
    const struct gr_verb *v = r->l->verb;
    int rc = 0;
    for (const char *c = word + 1; rc == 0 && *c; c++) {
        const struct gr_option *o = NULL;
        for (size_t i = 0; v && i < v->noptions && !o; i++)
            o = v->options[i].letter == *c ? &v->options[i] : NULL;
        if (!o)
            return refuse(r, word, "is no option here");
        if (o->arg)
            return give_value(r, o, word, c[1] ? c + 1 : NULL);
        rc = give(r, o, word, NULL);
    }
    return rc;
}

static int take_word(struct reader *r, const char *word, bool plain)
{
    struct gr_line *l = r->l;
    if (plain || word[0] != '-' || word[1] == '\0') {
        if (!l->verb)
            return take_verb(r, word);
        l->operands[l->noperands++] = word;
        return 0;
    }
    int rc = common(r, word);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return word[1] == '-' ? long_option(r, word) : letters(r, word);
}

/* What goes into a request is UTF-8. */
static int check_text(struct reader *r, const char *word)
{
    json_t *j = json_string(word);
    json_decref(j);
    return j ? 0 : refuse(r, word, "is no UTF-8");
}

int gr_check(const struct gr_line *l, struct err *reterr)
{
    const struct gr_verb *v = l->verb;
    if (!v)
        return err_set(reterr, -EINVAL, "what is %s to do? zsan help %s", l->tool->name,
                       l->tool->name);
    if (l->noperands > v->max)
        return err_set(reterr, -EINVAL, "%s %s: \"%.60s\" is an argument too many",
                       l->tool->name, v->name, l->operands[v->max]);
    if (l->noperands < v->min)
        return err_set(reterr, -EINVAL, "%s %s: arguments are missing: %s", l->tool->name,
                       v->name, v->operands);
    return 0;
}

int gr_parse(const struct gr_tool *t, size_t nwords, const char *const *words,
             struct gr_line *ret, struct err *reterr)
{
    struct gr_line *l = ret;
    struct reader r = {.l = l, .err = reterr};
    size_t letters_in_all = 1;
    bool plain = false;
    int rc = 0;
    *l = (struct gr_line){.tool = t, .words = calloc(nwords + 1, sizeof(*l->words))};
    for (size_t i = 0; l->words && i < nwords; i++) {
        if (!(l->words[i] = gr_word_meant(t, words[i])))
            return err_set(reterr, -ENOMEM, "out of memory");
        letters_in_all += strlen(l->words[i]);
    }
    l->nwords = l->words ? nwords : 0;
    l->given = calloc(letters_in_all, sizeof(*l->given));
    l->operands = calloc(nwords + 1, sizeof(*l->operands));
    if (!l->words || !l->given || !l->operands)
        return err_set(reterr, -ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < l->nwords; i++)
        rc = check_text(&r, l->words[i]);
    while (rc == 0 && r.at < l->nwords) {
        const char *word = l->words[r.at++];
        if (!plain && strcmp(word, "--") == 0)
            plain = true;
        else
            rc = take_word(&r, word, plain);
    }
    return rc;
}

void gr_line_drop(struct gr_line *l)
{
    for (size_t i = 0; l->words && l->words[i]; i++)
        free(l->words[i]);
    free(l->words);
    free(l->given);
    free(l->operands);
    *l = (struct gr_line){.nwords = 0};
}

bool gr_is_volume_line(size_t nwords, const char *const *words)
{
    const struct gr_verb *v = nwords > 0 ? find_verb(&gr_zfs, words[0], NULL) : NULL;
    for (size_t i = 1; v && v->volume == VOLUME_BY_FORM && i < nwords; i++) {
        unsigned hyphens;
        bool letter = words[i][0] == '-' && words[i][1] != '-' && words[i][1] != '\0';
        if (letter || dash_at(words[i], &hyphens) ||
            (words[i][0] != '-' && strchr(words[i], '=')))
            return true;
    }
    return v && v->volume == VOLUME_VERB;
}

/* ---- what was given ---------------------------------------------------------------------- */

static bool is_option(const struct gr_option *o, const char *name)
{
    return name[1] == '\0' ? o->letter == name[0] : o->word && strcmp(o->word, name) == 0;
}

const char *gr_nth(const struct gr_line *l, const char *option, size_t n)
{
    for (size_t i = 0; i < l->ngiven; i++)
        if (is_option(l->given[i].option, option) && n-- == 0)
            return l->given[i].value;
    return NULL;
}

const char *gr_value(const struct gr_line *l, const char *option)
{
    const char *value = NULL;
    for (size_t i = 0; i < l->ngiven; i++)
        if (is_option(l->given[i].option, option))
            value = l->given[i].value;
    return value;
}

bool gr_has(const struct gr_line *l, const char *option)
{
    for (size_t i = 0; i < l->ngiven; i++)
        if (is_option(l->given[i].option, option))
            return true;
    return false;
}
