/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One command line in a tool's language: it is read by the tool's table, what its translator must know is asked, the plan's
 * calls are made one after the other, and the answers are shown as that tool shows them. When a call fails, those before it
 * are taken back where that is possible.
 */
#include "cmd/client/tool.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- devices ----------------------------------------------------------------------------- */

#define FOLDERS_MAX 32
#define FOLDERS     "/dev/disk/by-id:/dev/disk/by-vdev:/dev/disk/by-path:/dev/disk/by-label:/dev"

struct folders {
    char *text; /* which the list points into */
    const char *list[FOLDERS_MAX + 1];
};

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void folders_read(struct folders *f)
{
    const char *set = getenv("ZSAN_DEVICE_PATH");
    size_t n = 0;
    *f = (struct folders){.text = strdup(set && set[0] ? set : FOLDERS)};
    for (char *at = f->text, *colon; at && n < FOLDERS_MAX; at = colon ? colon + 1 : NULL) {
        colon = strchr(at, ':');
        if (colon)
            *colon = '\0';
        if (at[0] == '/')
            f->list[n++] = at;
    }
}

/* ---- calls ------------------------------------------------------------------------------- */

struct work {
    struct gr_line line;
    struct gr_plan plan;
    struct link *link;
    json_t *facts, *results;
    struct err *err;
};

static int gather(struct work *w)
{
    int status = EXIT_DONE;
    for (size_t i = 0; status == EXIT_DONE && i < ARRAY_LEN(w->line.verb->facts); i++) {
        const char *method = w->line.verb->facts[i];
        json_t *answer = NULL;
        if (!method)
            break;
        status = link_call(w->link, method, NULL, &answer, w->err);
        if (status == EXIT_DONE)
            json_object_set_new(w->facts, method, answer);
    }
    return status;
}

static const struct cli_verb *verb_of(const char *method)
{
    for (size_t i = 0; i < cli_nverbs; i++)
        if (strcmp(cli_verbs[i].method, method) == 0)
            return &cli_verbs[i];
    return NULL;
}

/* A parameter that is null is a secret, and only that one is asked for. */
static int fill_secrets(const struct work *w, struct gr_step *s)
{
    const struct cli_verb *v = verb_of(s->method);
    const char *key;
    json_t *value;
    json_object_foreach(s->params, key, value)
    {
        char name[64]; /* key goes with its member */
        struct cli_arg wanted = {.name = name, .type = A_SECRET, .doc = name};
        struct cli_verb one = {.method = s->method, .args = &wanted, .nargs = 1};
        if (!json_is_null(value) || !v)
            continue;
        text_copy(name, sizeof(name), key);
        json_object_del(s->params, name);
        return secrets_read(&one, w->line.secret_file, s->params, w->err) < 0 ? EXIT_USAGE
                                                                              : EXIT_DONE;
    }
    return EXIT_DONE;
}

static void take_back(struct work *w, size_t n)
{
    while (n-- > 0) {
        const struct gr_step *s = &w->plan.steps[n];
        struct err e = {.code = 0};
        json_t *answer = NULL;
        if (!s->undo)
            continue;
        if (link_call(w->link, s->undo, s->undo_params, &answer, &e) != EXIT_DONE)
            tell(stderr, "zsan: what %s made stays: %s\n", s->method, e.msg);
        json_decref(answer);
    }
}

/* All calls; their answers are in w->results. */
static int carry_out(struct work *w)
{
    json_decref(w->results);
    w->results = json_array();
    if (w->plan.answer) {
        json_array_append(w->results, w->plan.answer);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < w->plan.nsteps; i++) {
        struct gr_step *s = &w->plan.steps[i];
        json_t *answer = NULL;
        int status = fill_secrets(w, s);
        if (status == EXIT_DONE)
            status = link_call(w->link, s->method, s->params, &answer, w->err);
        if (status != EXIT_DONE) {
            take_back(w, i);
            return status;
        }
        json_array_append_new(w->results, answer);
    }
    return EXIT_DONE;
}

/* ---- showing ----------------------------------------------------------------------------- */

static view_fn *const views[VIEW_COUNT] = {
    [VIEW_POOL_LIST] = view_pool_list,
    [VIEW_POOL_STATUS] = view_pool_status,
    [VIEW_POOL_IOSTAT] = view_pool_iostat,
    [VIEW_POOL_FOUND] = view_pool_found,
    [VIEW_POOL_HISTORY] = view_pool_history,
    [VIEW_POOL_EVENTS] = view_pool_events,
    [VIEW_DATASET_LIST] = view_dataset_list,
    [VIEW_PROPERTIES] = view_properties,
    [VIEW_TARGETS] = view_targets,
    [VIEW_INITIATORS] = view_initiators,
    [VIEW_TPGTS] = view_tpgts,
    [VIEW_ADMIN] = view_admin,
};

/* The answer of a program's call: of one step its own; lists in one; else the last one. */
static void print_json(const struct work *w)
{
    json_t *all = json_array(), *each = NULL;
    size_t i, n = json_array_size(w->results);
    bool lists = n > 0;
    json_array_foreach(w->results, i, each)
    {
        lists &= json_is_array(each);
        json_array_extend(all, each);
    }
    if (lists)
        show_json(all);
    else if (n > 0)
        show_json(json_array_get(w->results, n - 1));
    json_decref(all);
}

static void print(const struct work *w, const json_t *before)
{
    view_fn *view = views[w->line.verb->view];
    struct seen s = {&w->line, w->facts, w->results, before};
    const json_t *line;
    size_t i;
    if (w->line.json) {
        print_json(w);
        return;
    }
    if (view)
        view(&s);
    for (i = 0; !view && i < w->plan.nsteps; i++)
        show_result(verb_of(w->plan.steps[i].method), json_array_get(w->results, i), NULL,
                    NULL);
    json_array_foreach(w->plan.say, i, line) tell(stdout, "%s\n", json_string_value(line));
    fflush(stdout);
}

static int repeat(struct work *w)
{
    int status = EXIT_DONE;
    for (unsigned n = 1; status == EXIT_DONE && w->plan.every && n != w->plan.times; n++) {
        json_t *before = json_incref(w->results);
        sleep(w->plan.every);
        status = carry_out(w);
        if (status == EXIT_DONE)
            print(w, before);
        json_decref(before);
    }
    return status;
}

/* ---- the whole --------------------------------------------------------------------------- */

/* The exit status that a translator's refusal means. */
static int refusal_status(int rc)
{
    return rc == -ENOENT ? 4 : rc == -EEXIST ? 5 : EXIT_USAGE;
}

static int run(struct work *w)
{
    int status = gather(w);
    if (status != EXIT_DONE)
        return status;
    int rc = w->line.verb->translate(&w->line, w->facts, &w->plan, w->err);
    if (rc == 0 && w->plan.bad)
        rc = err_set(w->err, -ENOMEM, "out of memory, or an argument is no UTF-8");
    if (rc < 0)
        return refusal_status(rc);
    patience_begin(w->link, w->line.socket);
    status = carry_out(w);
    patience_end(w->link);
    if (status == EXIT_DONE && !(w->plan.wait && w->plan.answer))
        print(w, NULL);
    if (status == EXIT_DONE && w->plan.wait)
        return progress_wait(w->link, w->line.operands[0], w->err);
    return status == EXIT_DONE ? repeat(w) : status;
}

static int help(const struct gr_line *l)
{
    if (l->verb)
        tool_verb_help(stdout, l->tool, l->verb);
    else
        tool_help(stdout, l->tool);
    return EXIT_DONE;
}

int tool_main(const struct gr_tool *t, size_t nwords, const char *const *words,
              const struct tool_common *common)
{
    struct folders folders;
    struct err e = {.code = 0};
    struct work w = {.facts = json_object(), .err = &e};
    int status = EXIT_USAGE;
    folders_read(&folders);
    const struct gr_places places = {folders.list, is_there};
    int rc = gr_parse(t, nwords, words, &w.line, &e);
    w.line.places = &places;
    w.line.json |= common->json;
    if (!w.line.socket)
        w.line.socket = common->socket;
    if (!w.line.secret_file)
        w.line.secret_file = common->secret_file;
    w.line.help |= common->help;
    if (rc == 0 && !w.line.help)
        rc = gr_check(&w.line, &e);
    if (rc == 0 && w.line.help)
        status = help(&w.line);
    else if (rc == 0)
        status = link_open(w.line.socket, &w.link, &e) < 0 ? EXIT_UNREACHABLE : run(&w);
    if (status != EXIT_DONE && e.msg[0])
        tell(stderr, "zsan: %s\n", e.msg);
    if (status == EXIT_USAGE && w.line.verb)
        tool_usage(stderr, t, w.line.verb);
    link_close(w.link);
    gr_plan_drop(&w.plan);
    gr_line_drop(&w.line);
    json_decref(w.facts);
    json_decref(w.results);
    free(folders.text);
    return fflush(stdout) != 0 && status == EXIT_DONE ? EXIT_FAILED : status;
}

/* ---- whose language it is ---------------------------------------------------------------- */

/* Takes options that all verbs have from before the noun; their words. 0: it is none. */
static size_t common_option(size_t left, const char *const *words, struct tool_common *c)
{
    if (strcmp(words[0], "--json") == 0)
        return c->json = true;
    if (strcmp(words[0], "help") == 0)
        return c->help = true;
    if (strncmp(words[0], "--socket=", 9) == 0) {
        c->socket = words[0] + 9;
        return 1;
    }
    if (strcmp(words[0], "--socket") == 0 && left > 1) {
        c->socket = words[1];
        return 2;
    }
    return 0;
}

bool tool_has(const struct gr_tool *t, const char *verb)
{
    for (size_t i = 0; verb && i < t->nverbs; i++)
        if (strcmp(t->verbs[i].name, verb) == 0)
            return true;
    return false;
}

const struct gr_tool *tool_find(size_t nwords, const char *const *words, size_t *ret_at,
                                struct tool_common *ret_common)
{
    size_t at = 0, taken;
    *ret_common = (struct tool_common){.json = false};
    while (at < nwords && (taken = common_option(nwords - at, words + at, ret_common)) > 0)
        at += taken;
    if (at >= nwords)
        return NULL;
    *ret_at = at + 1;
    if (strcmp(words[at], "volume") == 0)
        return gr_is_volume_line(nwords - at - 1, words + at + 1) ? &gr_zfs : NULL;
    const struct gr_tool *t = gr_tool_of_noun(words[at]);
    if (!t || strcmp(words[at], t->name) == 0)
        return t;
    /* A noun of zsan may have more verbs than the tool. */
    return tool_has(t, at + 1 < nwords ? words[at + 1] : NULL) ? t : NULL;
}
