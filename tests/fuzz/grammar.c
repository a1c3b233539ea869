/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines in the languages of zpool, zfs and iscsitadm: the first byte chooses the tool, the rest is words, each ended by a
 * newline. Whatever is typed: words put right stay as they are, what is taken lies inside the words, a refusal has a message, a
 * plan calls methods with objects, and nothing is leaked.
 */
#include "cmd/grammar/grammar.h"

#include "base/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char facts_text[] =
    "{\"pool.list\": [{\"name\": \"p\"}], \"dataset.list\": [{\"name\": \"p\"}, {\"name\": "
    "\"p/a\"}],"
    " \"event.list\": [{\"text\": \"pool.x pool=p\"}, {}], \"volume.list\": [{\"name\": \"v\", "
    "\"dataset\": \"p/a\"}],"
    " \"target.list\": [{\"name\": \"iqn.x:t\", \"alias\": \"t\", \"luns\": [{\"lun\": 0}], "
    "\"portal_groups\": [1]}, {}],"
    " \"host.list\": [{\"name\": \"h\", \"initiators\": [\"iqn.i\"]}], \"portal.list\": [], "
    "\"session.list\": [],"
    " \"initiator.list\": [{\"name\": \"iqn.i\", \"label\": \"h.1\", \"host\": \"h\"}],"
    " \"grant.list\": [{\"initiator\": \"iqn.i\", \"target\": \"iqn.x:t\"}]}";

static bool is_there(const char *path)
{
    return strlen(path) % 2 == 0;
}
static const char *const folders[] = {"/a", "/bb", NULL};
static const struct gr_places places = {folders, is_there};

static bool is_inside(const struct gr_line *l, const char *p)
{
    for (size_t i = 0; i < l->nwords; i++)
        if (p >= l->words[i] && p <= l->words[i] + strlen(l->words[i]))
            return true;
    return false;
}

static void check_line(const struct gr_line *l)
{
    for (size_t i = 0; i < l->noperands; i++)
        check(is_inside(l, l->operands[i]));
    for (size_t i = 0; i < l->ngiven; i++) {
        check(l->given[i].option && !l->given[i].option->refuse);
        check(!l->given[i].option->arg == !l->given[i].value);
        check(!l->given[i].value || is_inside(l, l->given[i].value));
    }
    for (size_t i = 0; i < l->nwords; i++) {
        char *again = gr_word_meant(l->tool, l->words[i]);
        check(again && strcmp(again, l->words[i]) == 0);
        free(again);
    }
}

static void check_plan(const struct gr_plan *p)
{
    for (size_t i = 0; i < p->nsteps; i++) {
        check(strchr(p->steps[i].method, '.') && json_is_object(p->steps[i].params));
        check(!p->steps[i].undo || json_is_object(p->steps[i].undo_params));
    }
    check(p->bad || p->nsteps > 0 || p->answer || p->say);
}

static void line(const struct gr_tool *t, size_t nwords, const char *const *words)
{
    json_t *facts = json_loads(facts_text, 0, NULL);
    struct gr_line l;
    struct gr_plan p = {.nsteps = 0};
    struct err e = {.code = 0};
    int rc = gr_parse(t, nwords, words, &l, &e);
    l.places = &places;
    if (rc == 0)
        check_line(&l);
    if (rc == 0)
        rc = gr_check(&l, &e);
    if (rc == 0)
        rc = l.verb->translate(&l, facts, &p, &e);
    if (rc == 0)
        check_plan(&p);
    check(rc == 0 || (e.code == rc && e.msg[0]));
    gr_plan_drop(&p);
    gr_line_drop(&l);
    json_decref(facts);
    gr_is_volume_line(nwords, words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *words[WORDS_MAX];
    size_t n = 0;
    if (size == 0)
        return 0;
    char *text = malloc(size);
    check(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    for (char *at = text; at && n < WORDS_MAX;) {
        char *end = strchr(at, '\n');
        if (end)
            *end = '\0';
        words[n++] = at;
        at = end ? end + 1 : NULL;
    }
    line(gr_tools[data[0] % 3], n, words);
    free(text);
    return 0;
}
