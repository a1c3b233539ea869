/* SPDX-License-Identifier: BSD-2-Clause */
/* zpool's language: `zsan pool` and `zsan zpool`. */
#include "cmd/grammar/columns.h"
#include "cmd/grammar/table.h"
#include "cmd/grammar/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- shared ------------------------------------------------------------------------------ */

static json_t *pool_params(const struct gr_line *l)
{
    return json_pack("{s:s}", "name", l->operands[0]);
}

/* Sets params[key] to true when the option was given. */
static void flag(const struct gr_line *l, const char *option, json_t *params, const char *key)
{
    if (gr_has(l, option))
        json_object_set_new(params, key, json_true());
}

/* Words of redundancy stay, names of disks become paths. */
static bool is_group_word(const char *word)
{
    static const char *const words[] = {"mirror", "raidz", "raidz1", "raidz2",  "raidz3",
                                        "spare",  "log",   "cache",  "special", "dedup"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], word) == 0)
            return true;
    if (strncmp(word, "draid", 5) != 0)
        return false;
    word += 5 + strspn(word + 5, "0123456789");
    return *word == 0 || *word == ':';
}

static int vdevs(const struct gr_line *l, json_t *params, struct err *reterr)
{
    json_t *list = json_array(), *path;
    int rc = 0;
    json_object_set_new(params, "vdevs", list);
    for (size_t i = 1; rc == 0 && i < l->noperands; i++) {
        if (is_group_word(l->operands[i]))
            json_array_append_new(list, json_string(l->operands[i]));
        else if ((rc = gr_device(l, l->operands[i], &path, reterr)) == 0)
            json_array_append_new(list, path);
    }
    return rc;
}

/* -n: the groups as they would be, when all has been looked at. */
static void say_layout(const struct gr_line *l, struct gr_plan *p, const json_t *params,
                       const char *what)
{
    const json_t *list = json_object_get(params, "vdevs");
    bool grouped = false;
    gr_say(p, "would %s '%s' with the following layout:\n\n\t%s", what, l->operands[0],
           l->operands[0]);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        const char *slash = strrchr(word, '/');
        bool group = is_group_word(word);
        gr_say(p, "\t%s%s", group ? "  " : grouped ? "    " : "  ", slash ? slash + 1 : word);
        grouped |= group;
    }
}

/* ---- create, add ------------------------------------------------------------------------- */

/* -o: what the pool is made with, or is set afterwards. */
static int pool_property(struct gr_plan *p, json_t *params, const char *pool, const char *text,
                         struct err *reterr)
{
    char name[GR_PROPERTY_MAX];
    const char *value;
    int rc = gr_property(text, name, &value, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(name, "ashift") != 0) {
        gr_step(p, "pool.set",
                json_pack("{s:s, s:s, s:s}", "name", pool, "property", name, "value", value));
        return 0;
    }
    char *end;
    long ashift = strtol(value, &end, 10);
    if (*end || ashift < 9 || ashift > 13)
        return err_set(reterr, -EINVAL, "ashift=%.20s: it is a number from 9 to 13", value);
    json_object_set_new(params, "ashift", json_integer(ashift));
    return 0;
}

static int root_property(struct gr_plan *p, const char *pool, const char *text,
                         struct err *reterr)
{
    char name[GR_PROPERTY_MAX];
    const char *value;
    int rc = gr_property(text, name, &value, reterr);
    if (rc == 0)
        gr_step(p, "dataset.set",
                json_pack("{s:s, s:s, s:s}", "name", pool, "property", name, "value", value));
    return rc;
}

/* Of the steps that make a pool, the first one asks whether it could be made, and the others are left out. */
static void only_check(struct gr_plan *p)
{
    while (p->nsteps > 1) {
        json_decref(p->steps[--p->nsteps].params);
        json_decref(p->steps[p->nsteps].undo_params);
    }
    p->steps[0].method = "pool.check";
    p->steps[0].undo = NULL;
    json_decref(p->steps[0].undo_params);
    p->steps[0].undo_params = NULL;
}

static int create(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                  struct err *reterr)
{
    const char *pool = l->operands[0], *mount = gr_value(l, "m"),
               *ashift = gr_value(l, "ashift"), *text;
    json_t *params = pool_params(l);
    (void)facts;
    struct gr_step *s = gr_step(p, "pool.create", params);
    if (!s)
        return -ENOMEM;
    gr_undo(s, "pool.destroy", json_pack("{s:s, s:b}", "name", pool, "force", 1));
    flag(l, "f", params, "force");
    int rc = vdevs(l, params, reterr);
    if (rc == 0 && mount && strcmp(mount, "none") != 0)
        rc = err_set(reterr, -EINVAL, "-m %.60s: zsan mounts nothing; its pools hold volumes",
                     mount);
    if (rc == 0 && ashift) {
        char property[32] = "ashift=";
        strncat(property, ashift, sizeof(property) - 8);
        rc = pool_property(p, params, pool, property, reterr);
    }
    for (size_t i = 0; rc == 0 && (text = gr_nth(l, "o", i)); i++)
        rc = pool_property(p, params, pool, text, reterr);
    for (size_t i = 0; rc == 0 && (text = gr_nth(l, "O", i)); i++)
        rc = root_property(p, pool, text, reterr);
    if (rc == 0 && gr_has(l, "n")) {
        say_layout(l, p, params, "create");
        only_check(p);
    }
    return rc;
}

static int add(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
               struct err *reterr)
{
    bool look = gr_has(l, "n");
    json_t *params = pool_params(l);
    (void)facts;
    flag(l, "f", params, "force");
    flag(l, "n", params, "add");
    int rc = vdevs(l, params, reterr);
    if (rc < 0) {
        json_decref(params);
        return rc;
    }
    if (look)
        say_layout(l, p, params, "update");
    gr_step(p, look ? "pool.check" : "pool.add", params);
    return 0;
}

/* ---- one disk ---------------------------------------------------------------------------- */

static int attach(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                  struct err *reterr)
{
    json_t *params = pool_params(l), *new = NULL;
    (void)facts;
    gr_step(p, "pool.attach", params);
    json_object_set_new(params, "disk", gr_disk_of_pool(l, l->operands[1]));
    int rc = gr_device(l, l->operands[2], &new, reterr);
    if (rc == 0)
        json_object_set_new(params, "new_disk", new);
    flag(l, "f", params, "force");
    p->wait = gr_has(l, "w");
    return rc;
}

static int replace(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                   struct err *reterr)
{
    json_t *params = pool_params(l), *new = NULL;
    (void)facts;
    gr_step(p, "pool.replace", params);
    json_object_set_new(params, "disk", gr_disk_of_pool(l, l->operands[1]));
    int rc = l->noperands > 2 ? gr_device(l, l->operands[2], &new, reterr) : 0;
    if (rc == 0 && new)
        json_object_set_new(params, "new_disk", new);
    flag(l, "f", params, "force");
    p->wait = gr_has(l, "w");
    return rc;
}

/* The same method for each of the disks. */
static int each_disk(const struct gr_line *l, struct gr_plan *p, const char *method)
{
    for (size_t i = 1; i < l->noperands; i++) {
        json_t *params = pool_params(l);
        json_object_set_new(params, "disk", gr_disk_of_pool(l, l->operands[i]));
        gr_step(p, method, params);
    }
    return 0;
}

#define EACH_DISK(name, method)                                                                \
    static int name(const struct gr_line *l, const json_t *facts, struct gr_plan *p,           \
                    struct err *reterr)                                                        \
    {                                                                                          \
        (void)facts, (void)reterr;                                                             \
        return each_disk(l, p, method);                                                        \
    }
EACH_DISK(detach, "pool.detach")
EACH_DISK(take_out, "pool.remove")
EACH_DISK(offline, "pool.offline")
EACH_DISK(online, "pool.online")

static int clear(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                 struct err *reterr)
{
    json_t *params = pool_params(l);
    (void)facts, (void)reterr;
    if (l->noperands > 1)
        json_object_set_new(params, "disk", gr_disk_of_pool(l, l->operands[1]));
    flag(l, "f", params, "force");
    gr_step(p, "pool.clear", params);
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------- */

static int scrub(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                 struct err *reterr)
{
    (void)facts;
    if (gr_has(l, "w") && (gr_has(l, "p") || gr_has(l, "s") || l->noperands > 1))
        return err_set(reterr, -EINVAL,
                       "zpool scrub: -w waits for the scrub of one pool that it starts");
    for (size_t i = 0; i < l->noperands; i++) {
        json_t *params = json_pack("{s:s}", "name", l->operands[i]);
        flag(l, "p", params, "pause");
        flag(l, "s", params, "stop");
        gr_step(p, "pool.scrub", params);
    }
    p->wait = gr_has(l, "w");
    return 0;
}

static int wait_for(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                    struct err *reterr)
{
    (void)facts, (void)reterr;
    p->answer = json_pack("[{s:s}]", "name", l->operands[0]);
    p->wait = true;
    return 0;
}

static int import(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                  struct err *reterr)
{
    json_t *devices = json_array(), *params = json_object(), *path;
    const char *text;
    int rc = 0;
    (void)facts;
    bool look = gr_has(l, "n");
    gr_step(p, !l->noperands ? "pool.found" : look ? "pool.preview" : "pool.import", params);
    for (size_t i = 0; rc == 0 && (text = gr_nth(l, "d", i)); i++)
        if ((rc = gr_device(l, text, &path, reterr)) == 0)
            json_array_append_new(devices, path);
    if (json_array_size(devices) > 0)
        json_object_set(params, "devices", devices);
    json_decref(devices);
    for (size_t i = 0; rc == 0 && (text = gr_nth(l, "o", i)); i++)
        if (strcmp(text, "readonly=on") == 0)
            json_object_set_new(params, "read_only", json_true());
        else
            rc = err_set(reterr, -EINVAL, "zpool import -o %.60s: readonly=on is all it takes",
                         text);
    if (rc < 0 || l->noperands == 0)
        return rc;
    json_object_set_new(params, "name", json_string(l->operands[0]));
    if (l->noperands > 1)
        json_object_set_new(params, "new_name", json_string(l->operands[1]));
    flag(l, "f", params, "force");
    flag(l, "D", params, "destroyed");
    flag(l, "F", params, "rewind");
    flag(l, "X", params, "rewind_far");
    flag(l, "read-only", params, "read_only");
    return 0;
}

static int export(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                  struct err *reterr)
{
    (void)facts, (void)reterr;
    for (size_t i = 0; i < l->noperands; i++) {
        json_t *params = json_pack("{s:s}", "name", l->operands[i]);
        flag(l, "f", params, "force");
        gr_step(p, "pool.export", params);
    }
    return 0;
}

static int destroy(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                   struct err *reterr)
{
    json_t *params = pool_params(l);
    (void)facts, (void)reterr;
    flag(l, "f", params, "force");
    gr_step(p, "pool.destroy", params);
    return 0;
}

/* ---- looking ----------------------------------------------------------------------------- */

/* Those of the facts' pools that the operands name, all when there are none. */
static int named(const struct gr_line *l, const json_t *facts, size_t n, json_t *ret_list,
                 struct err *reterr)
{
    const json_t *pools = json_object_get(facts, "pool.list");
    for (size_t i = 0; i < n; i++) {
        const json_t *pool = gr_find(pools, "name", l->operands[i]);
        if (!pool)
            return err_set(reterr, -ENOENT,
                           "there is no pool \"%.60s\" (zsan pool list shows them)",
                           l->operands[i]);
        json_array_append(ret_list, (json_t *)(uintptr_t)pool);
    }
    for (size_t i = 0; n == 0 && i < json_array_size(pools); i++)
        json_array_append(ret_list, json_array_get(pools, i));
    return 0;
}

static int list(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                struct err *reterr)
{
    int rc = gr_columns_check(l, gr_is_pool_column, reterr);
    p->answer = json_array();
    return rc < 0 ? rc : named(l, facts, l->noperands, p->answer, reterr);
}

static void step_each(struct gr_plan *p, const char *method, const json_t *pools)
{
    for (size_t i = 0; i < json_array_size(pools); i++)
        gr_step(p, method,
                json_pack("{s:s}", "name", gr_text(json_array_get(pools, i), "name")));
}

/* A call of the method for each pool that is named; facts tell which there are. */
static int each_named(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                      const char *method, struct err *reterr)
{
    json_t *pools = json_array();
    int rc = named(l, facts, l->noperands, pools, reterr);
    if (rc == 0)
        step_each(p, method, pools);
    json_decref(pools);
    return rc;
}

/* What looks again and again: its interval is taken off the operands, the rest are pools that have to be there. A pool.status for
 * each of them, or for all; *ret_pools: those that are meant. */
static int watch(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                 json_t **ret_pools, struct err *reterr)
{
    size_t n = l->noperands;
    *ret_pools = json_array();
    int rc = gr_interval(l, &n, p, reterr);
    if (rc == 0)
        rc = named(l, facts, n, *ret_pools, reterr);
    for (size_t i = 0; rc == 0 && i < MAX(n, 1); i++) {
        json_t *params = json_object();
        if (n > 0)
            json_object_set_new(params, "name", json_string(l->operands[i]));
        flag(l, "P", params, "paths");
        gr_step(p, "pool.status", params);
    }
    return rc;
}

static int status(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                  struct err *reterr)
{
    json_t *pools;
    int rc = watch(l, facts, p, &pools, reterr);
    if (rc == 0 && gr_has(l, "v"))
        step_each(p, "pool.errors", pools);
    json_decref(pools);
    return rc;
}

static int iostat(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                  struct err *reterr)
{
    json_t *pools;
    int rc = watch(l, facts, p, &pools, reterr);
    if (rc == 0)
        gr_step(p, "pool.list", json_object());
    json_decref(pools);
    return rc;
}

static int history(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                   struct err *reterr)
{
    int rc = each_named(l, facts, p, "pool.history", reterr);
    for (size_t i = 0; rc == 0 && i < p->nsteps; i++)
        flag(l, "i", p->steps[i].params, "internal");
    return rc;
}

static int events(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                  struct err *reterr)
{
    const json_t *all = json_object_get(facts, "event.list");
    (void)reterr;
    p->answer = json_array();
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *e = json_array_get(all, i);
        const char *text = gr_text(e, "text"), *of = strstr(text, " pool=");
        size_t len = l->noperands ? strlen(l->operands[0]) : 0;
        bool mine = !len || (of && strncmp(of + 6, l->operands[0], len) == 0 &&
                             (of[6 + len] == ' ' || of[6 + len] == '\0'));
        if (strncmp(text, "pool.", 5) == 0 && mine)
            json_array_append(p->answer, e);
    }
    return 0;
}

/* ---- properties -------------------------------------------------------------------------- */

static int get(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
               struct err *reterr)
{
    json_t *properties, *pools = json_array();
    struct gr_line names = *l;
    names.operands++, names.noperands--;
    int rc = gr_properties(l, l->operands[0], &properties, reterr);
    if (rc == 0)
        rc = gr_columns_check(l, gr_is_property_column, reterr);
    if (rc == 0)
        rc = named(&names, facts, names.noperands, pools, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(pools); i++)
        for (size_t k = 0; k < json_array_size(properties); k++)
            gr_step(p, "pool.get",
                    json_pack("{s:s, s:O}", "name", gr_text(json_array_get(pools, i), "name"),
                              "property", json_array_get(properties, k)));
    json_decref(properties);
    json_decref(pools);
    return rc;
}

static int set(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
               struct err *reterr)
{
    char name[GR_PROPERTY_MAX];
    const char *value;
    (void)facts;
    int rc = gr_property(l->operands[0], name, &value, reterr);
    if (rc == 0)
        gr_step(p, "pool.set",
                json_pack("{s:s, s:s, s:s}", "name", l->operands[1], "property", name, "value",
                          value));
    return rc;
}

/* ---- the table --------------------------------------------------------------------------- */

/* clang-format off */
#define TABLE_OPTIONS                                                                          \
    {.letter = 'H', .doc = "no headings, columns apart by one tab"},                           \
        {.letter = 'p', .doc = "exact numbers"}

GR_OPTIONS(create_options) = {
    {.letter = 'f', .word = "force", .doc = "take disks that hold another pool's labels, and groups of different redundancy"},
    {.letter = 'n', .doc = "only look at the disks, with all checks, and show what would be made"},
    {.letter = 'o', .arg = "PROPERTY=VALUE", .many = true, .doc = "a property of the pool: ashift, autoreplace, failmode, comment"},
    {.letter = 'O', .arg = "PROPERTY=VALUE", .many = true, .doc = "a property of its root dataset, which those below it inherit"},
    {.letter = 'm', .arg = "MOUNTPOINT", .doc = "none: zsan mounts nothing"},
    {.word = "ashift", .arg = "N", .doc = "as -o ashift=N: sector as a power of two, 9 to 13"},
};
GR_OPTIONS(add_options) = {
    {.letter = 'f', .word = "force", .doc = "take disks that hold another pool's labels, and groups of other redundancy"},
    {.letter = 'n', .doc = "only look at the disks, with all checks, and show what would be added"},
};
GR_OPTIONS(copy_options) = {
    {.letter = 'f', .word = "force", .doc = "although the new disk holds another pool's labels"},
    {.letter = 'w', .doc = "wait until everything is copied, with a bar; Ctrl-C leaves the copying going"},
};
GR_OPTIONS(clear_options) = {
    {.letter = 'f', .word = "force", .doc = "go on without disks that are away: what only they hold is damaged until they are back"},
};
GR_OPTIONS(scrub_options) = {
    {.letter = 'p', .word = "pause", .doc = "pause the one that runs"},
    {.letter = 's', .word = "stop", .doc = "end the one that runs"},
    {.letter = 'w', .doc = "wait until it has ended, with a bar; Ctrl-C leaves the scrub going"},
};
GR_OPTIONS(status_options) = {
    {.letter = 'P', .doc = "disks by their whole paths"},
    {.letter = 'v', .doc = "and what is damaged beyond repair, by volume and offset"},
    {.letter = 'x', .doc = "only pools that are not well"},
};
GR_OPTIONS(list_options) = {
    TABLE_OPTIONS,
    {.letter = 'o', .arg = "COLUMN,...", .doc = "these columns: name, size, allocated, free, capacity, dedupratio, health, guid, readonly, ..."},
};
GR_OPTIONS(iostat_options) = {
    TABLE_OPTIONS,
    {.letter = 'v', .doc = "and its groups and disks"},
};
GR_OPTIONS(import_options) = {
    {.letter = 'd', .word = "devices", .arg = "DEVICE|FOLDER", .many = true, .doc = "one of its disks, or a folder where they are (default: /dev/disk/by-id)"},
    {.letter = 'D', .word = "destroyed", .doc = "one that was destroyed"},
    {.letter = 'f', .word = "force", .doc = "although its labels say that another host uses it"},
    {.letter = 'F', .word = "rewind", .doc = "when its newest state is damaged: the newest that is whole, up to two transaction groups back; what only missing disks hold is given up"},
    {.letter = 'X', .word = "rewind-far", .doc = "the same, and further back"},
    {.letter = 'n', .doc = "only look, with all checks, and say what it would come to; with -F how far it would go back"},
    {.letter = 'o', .arg = "readonly=on", .many = true, .doc = "write nothing"},
    {.word = "read-only", .doc = "as -o readonly=on"},
    {.letter = 'N', .doc = "mount nothing, as always"},
};
GR_OPTIONS(export_options) = {
    {.letter = 'f', .word = "force", .doc = "although initiators are logged in to its volumes"},
};
GR_OPTIONS(destroy_options) = {
    {.letter = 'f', .word = "force", .doc = "although it holds datasets, volumes are configured on it, and initiators use them"},
};
GR_OPTIONS(history_options) = {
    {.letter = 'i', .word = "internal", .doc = "what the engine noted, too"},
    {.letter = 'l', .doc = "with the host"},
};
GR_OPTIONS(events_options) = {
    {.letter = 'H', .doc = "no headings, columns apart by one tab"},
    {.letter = 'v', .doc = "with all fields"},
};
GR_OPTIONS(get_options) = {
    TABLE_OPTIONS,
    {.letter = 'o', .arg = "COLUMN,...", .doc = "of name, property, value, source"},
};
#define POOLS       .facts = {"pool.list"}
#define POOLS_MANY  .max = GR_MANY, POOLS

static const struct gr_verb verbs[] = {
    {"create", "POOL VDEV...", "Make a pool of disks in groups that begin with mirror, raidz1, raidz2 or raidz3; hot spares behind the word spare. Without a word of redundancy each disk stands alone.", GR_WITH(create_options), .min = 2, .max = GR_MANY, .translate = create},
    {"add", "POOL VDEV...", "Make a pool larger by groups of disks, or give it hot spares. Groups cannot be taken out again.", GR_WITH(add_options), .min = 2, .max = GR_MANY, .translate = add},
    {"attach", "POOL DISK NEW-DISK", "Mirror a disk, or give a mirror one more side.", GR_WITH(copy_options), .min = 3, .max = 3, .translate = attach},
    {"detach", "POOL DISK", "Take one side out of a mirror, or end a replacement or the use of a spare.", .min = 2, .max = 2, .translate = detach},
    {"replace", "POOL DISK [NEW-DISK]", "Copy what a disk holds, or held, to another one, which then takes its place; without a new one, to a new device under the same path.", GR_WITH(copy_options), .min = 2, .max = 3, .translate = replace},
    {"remove", "POOL SPARE...", "Take hot spares out of a pool.", .min = 2, .max = GR_MANY, .translate = take_out},
    {"offline", "POOL DISK...", "Take disks out of service until they are brought online again.", .min = 2, .max = GR_MANY, .translate = offline},
    {"online", "POOL DISK...", "Bring disks back that were offline, failed or missing; what they lack is copied to them in the background.", .min = 2, .max = GR_MANY, .translate = online},
    {"clear", "POOL [DISK]", "Forget the errors of a pool's disks, open those anew that failed, and let a suspended pool go on.", GR_WITH(clear_options), .min = 1, .max = 2, .translate = clear},
    {"scrub", "POOL...", "Read and verify all that a pool holds, and repair what is bad, in the background; goes on with one that was paused.", GR_WITH(scrub_options), .min = 1, .max = GR_MANY, .translate = scrub},
    {"wait", "POOL", "Wait until no scrub or resilver of a pool runs, with a bar. Ctrl-C leaves it going.", .min = 1, .max = 1, .translate = wait_for},
    {"status", "[POOL...] [INTERVAL [COUNT]]", "Show the disks of pools, their errors, scrubs and resilvers, and what to do.", GR_WITH(status_options), POOLS_MANY, .translate = status, .view = VIEW_POOL_STATUS},
    {"list", "[POOL...]", "List the pools that are open, and those that are waited for.", GR_WITH(list_options), POOLS_MANY, .translate = list, .view = VIEW_POOL_LIST},
    {"iostat", "[POOL...] [INTERVAL [COUNT]]", "Show operations and bytes: since the disks were opened, then in each interval for a second.", GR_WITH(iostat_options), POOLS_MANY, .translate = iostat, .view = VIEW_POOL_IOSTAT},
    {"import", "[POOL|GUID [NEW-NAME]]", "Open a pool that was exported, or that another host made; without a name, list what could be imported.", GR_WITH(import_options), .max = 2, POOLS, .translate = import, .view = VIEW_POOL_FOUND},
    {"export", "POOL...", "Close pools so that another host, or OpenZFS, can import them. Volumes on them wait for their return.", GR_WITH(export_options), .min = 1, .max = GR_MANY, .translate = export},
    {"destroy", "POOL", "Give a pool up. Its disks stay as they are, and import -D brings it back as long as nothing else uses them.", GR_WITH(destroy_options), .min = 1, .max = 1, .translate = destroy},
    {"history", "[POOL...]", "List what was done to pools, oldest first.", GR_WITH(history_options), POOLS_MANY, .translate = history, .view = VIEW_POOL_HISTORY},
    {"events", "[POOL]", "List the last events of pools, oldest first.", GR_WITH(events_options), .max = 1, .facts = {"event.list"}, .translate = events, .view = VIEW_POOL_EVENTS},
    {"get", "all|PROPERTY,... [POOL...]", "Show properties of pools.", GR_WITH(get_options), .min = 1, POOLS_MANY, .translate = get, .view = VIEW_PROPERTIES},
    {"set", "PROPERTY=VALUE POOL", "Set a property of a pool: autoreplace (on, off), failmode (wait, continue) or comment.", .min = 2, .max = 2, .translate = set},
};

/* What zpool 2.1 has beyond these. */
static const struct gr_refused refused[] = {
    {"checkpoint", "zsan takes no checkpoints; a pool that has one is imported read-only"},
    {"initialize", "disks are used as they are; nothing is written ahead"},
    {"labelclear", "zsan writes no labels over: create -f takes a disk that has an old one, wipefs clears it"},
    {"reguid",     "a pool keeps its number; zsan pool import NAME NEW-NAME gives it another name"},
    {"reopen",     "disks that come back are seen by themselves; zsan pool online and clear bring back those that failed"},
    {"resilver",   "a resilver begins by itself and cannot be begun anew; zsan pool scrub reads everything"},
    {"split",      "zsan cannot split a mirror into two pools; zsan pool detach takes one side out"},
    {"sync",       "what hosts flushed is on disk already, and the rest within seconds"},
    {"trim",       "zsan does not trim disks; hosts' UNMAP frees space in the pool"},
    {"upgrade",    "zsan enables no features in pools that are there; OpenZFS does"},
    {"version",    "zsan --version; pools are of version 5000, with features"},
    {NULL,         NULL},
};
/* clang-format on */
const struct gr_tool gr_zpool = {
    "zpool",
    {"pool", NULL},
    "Pools of disks, in OpenZFS's on-disk format, that hold volumes.",
    verbs,
    ARRAY_LEN(verbs),
    refused
};
