/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of pools in the state folder: DIR/pools.json, the pools that are open, with the
 * paths of their disks, replaced whole by each change; and DIR/hostid, by which the pools' labels tell
 * this zsand from other hosts, minted once. Both may be lost: pools are then imported by hand.
 */
#include "control/pools_int.h"

#include "base/log.h"
#include "base/text.h"
#include "control/json_util.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (4u << 20)
#define FORMAT   "zsan-pools"

/* Caller frees. NULL: no memory. */
static char *path_of(const struct pools *ps, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", ps->env.dir, name) < 0 ? NULL : path;
}

/* ---- the host id ------------------------------------------------------------------------- */

static uint64_t hostid_parse(const char *text)
{
    char *end;
    uint64_t id = strtoull(text, &end, 16);
    return (*end == '\n' || *end == '\0') && id <= UINT32_MAX ? id : 0;
}

/* OpenZFS's host ids have 32 bits, and 0 means that there is none. */
static int hostid_load(struct pools *ps, struct err *reterr)
{
    char line[16];
    CLEANUP(freep) char *path = path_of(ps, "hostid"), *text = NULL;
    size_t len;
    uint32_t id = 0;
    int rc = path ? 0 : -ENOMEM;
    if (rc == 0)
        rc = file_slurp(path, 64, &text, &len);
    if (rc == 0 && (ps->hostid = hostid_parse(text)) != 0)
        return 0;
    if (rc < 0 && rc != -ENOENT && rc != -EFBIG)
        return err_set(reterr, rc, "%.120s/hostid: %s", ps->env.dir, strerror(-rc));
    while (id == 0)
        run_random(&id, sizeof(id));
    ps->hostid = id;
    int n = snprintf(line, sizeof(line), "%08x\n", id);
    return file_replace(path, line, (size_t)n, 0600, reterr);
}

/* ---- the list ---------------------------------------------------------------------------- */

static char **paths_read(const json_t *list)
{
    size_t n = json_array_size(list), have = 0;
    char **paths = calloc(n + 1, sizeof(*paths));
    for (size_t i = 0; paths && i < n; i++) {
        const char *path = json_string_value(json_array_get(list, i));
        if (path && path[0] == '/' && (paths[have] = strdup(path)))
            have++;
    }
    return paths;
}

static void entry_read(struct pools *ps, const json_t *j)
{
    const char *name = json_string_value(json_object_get(j, "name")),
               *guid = json_string_value(json_object_get(j, "guid"));
    uint64_t number;
    if (!name || !guid || !text_to_u64(guid, &number) || held_find(ps, name))
        return;
    struct held_pool *h = held_add(ps, name, HELD_IMPORTING);
    if (!h)
        return;
    h->guid = number;
    h->attempts = (unsigned)json_integer_value(json_object_get(j, "importing"));
    h->read_only = json_is_true(json_object_get(j, "read_only"));
    h->paths = paths_read(json_object_get(j, "paths"));
}

/* A damaged list is no reason not to serve the rest. */
static void list_read(struct pools *ps, const char *path, const char *text, size_t len)
{
    json_error_t why;
    json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    const char *format = json_string_value(json_object_get(doc, "format"));
    if (format && strcmp(format, FORMAT) == 0) {
        const json_t *list = json_object_get(doc, "pools");
        for (size_t i = 0; i < json_array_size(list); i++)
            entry_read(ps, json_array_get(list, i));
    } else {
        log_error("pools.list_bad", KV("path", "%s", path),
                  KV("error", "%s", doc ? "it is no list of pools" : why.text));
    }
    json_decref(doc);
}

int pools_file_load(struct pools *ps, struct err *reterr)
{
    CLEANUP(freep) char *path = path_of(ps, "pools.json"), *text = NULL;
    size_t len;
    int rc = path ? hostid_load(ps, reterr) : -ENOMEM;
    if (rc < 0)
        return rc;
    if (gethostname(ps->hostname, sizeof(ps->hostname) - 1) < 0)
        ps->hostname[0] = '\0';
    rc = file_slurp(path, FILE_MAX, &text, &len);
    if (rc == 0)
        list_read(ps, path, text, len);
    else if (rc != -ENOENT)
        return err_set(reterr, rc, "%.120s/pools.json: %s", ps->env.dir, strerror(-rc));
    return 0;
}

static json_t *entry_write(struct jb *b, const struct held_pool *h)
{
    char guid[24];
    json_t *j = jb_object(b), *paths = jb_list(b);
    snprintf(guid, sizeof(guid), "%llu", (unsigned long long)h->guid);
    jb_text(b, j, "name", h->name);
    jb_text(b, j, "guid", guid);
    jb_bool(b, j, "read_only", h->read_only);
    if (h->attempts > 0)
        jb_uint(b, j, "importing", h->attempts);
    for (char **p = h->paths; p && *p; p++)
        jb_push_text(b, paths, *p);
    jb_put(b, j, "paths", paths);
    return j;
}

static char *list_text(struct pools *ps)
{
    struct jb b = {false};
    json_t *doc = jb_object(&b), *list = jb_list(&b);
    const struct held_pool *h;
    jb_text(&b, doc, "format", FORMAT);
    list_for_each (h, &ps->list, node)
        if (h->guid != 0)
            jb_push(&b, list, entry_write(&b, h));
    jb_put(&b, doc, "pools", list);
    char *text = b.bad ? NULL : json_dumps(doc, JSON_INDENT(2));
    json_decref(doc);
    return text;
}

void pools_file_save(struct pools *ps)
{
    struct err e = {.code = 0};
    CLEANUP(freep) char *text = list_text(ps), *path = path_of(ps, "pools.json");
    int rc = text && path ? 0 : -ENOMEM;
    if (rc == 0)
        rc = file_replace(path, text, strlen(text), 0600, &e);
    if (rc < 0)
        log_error("pools.list_lost", KV("error", "%s", e.msg[0] ? e.msg : strerror(-rc)));
}
