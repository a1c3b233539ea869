/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attribute files. Each is read at first use and kept in memory as a JSON object; a set
 * changes a copy, writes it, and takes it over only when it is durable, so that memory never
 * runs ahead of the disk. Identity goes to the ledger first: after a crash in between a name is
 * reserved for nobody, which is harmless; the other order could give it away twice. A damaged
 * file makes the calls for its volume fail with -EBADMSG: better no LUN than one that lost its
 * reservations or its name. Home: reactor 0, under one mutex; calls from elsewhere hop.
 * Everything parks.
 */
#include "config/attrs.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/siphash.h"
#include "config/generation.h"
#include "run/fiber.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A leaf of the ledger is written whole for each name that is entered: 256 of them, by hash, keep
 * that short. The first versions had it all in one file, which is still heeded. */
#define LEDGER_LEAF "ledger-%02x"
#define OLD_LEDGER  "ledger"
#define BUCKETS     256u

struct attr_file {
    struct list node;
    char name[UUID_STR_LEN + 1]; /* the volume's id, or a leaf of the ledger */
    uint64_t writes;
    bool in_doubt;  /* the last write failed: it may be on disk all the same */
    json_t *values; /* {name: text} */
};

struct attrs {
    struct attr_store store;
    char *dir;
    struct reactor *home;
    struct fmutex lock;
    struct list files[BUCKETS]; /* of struct attr_file that were used, by their names */
};

static unsigned bucket(const char *name)
{
    static const struct siphash_key fixed = {"zsan-attributes"};
    return (unsigned)(siphash(&fixed, name, strlen(name)) % BUCKETS);
}

/* ---- files, on reactor 0 under the lock -------------------------------------------------- */

/* malloc'd; NULL: no memory. */
static char *file_path(const struct attrs *a, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s.json", a->dir, name) < 0 ? NULL : path;
}

/* What the file holds; an empty object when there is none. */
static int file_load(struct attrs *a, struct attr_file *f)
{
    CLEANUP(freep) char *path = file_path(a, f->name);
    char *text;
    size_t len;
    struct generation g;
    struct err e = {.code = 0};
    int rc = !path ? -ENOMEM : file_slurp(path, CONFIG_TEXT_MAX, &text, &len);
    if (rc == -ENOENT)
        return (f->values = json_object()) ? 0 : -ENOMEM;
    if (rc < 0)
        return rc;
    rc = generation_decode(text, len, &g, &e);
    free(text);
    if (rc < 0) {
        log_error("attrs.bad", KV("file", "%s", path), KV("reason", "%s", e.msg));
        return -EBADMSG;
    }
    f->writes = g.number;
    f->values = g.document;
    return 0;
}

static int file_get(struct attrs *a, const char *name, struct attr_file **ret_file)
{
    struct attr_file *f;
    struct list *files = &a->files[bucket(name)];
    list_for_each (f, files, node) {
        if (strcmp(f->name, name) == 0) {
            *ret_file = f;
            return 0;
        }
    }
    f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    snprintf(f->name, sizeof(f->name), "%s", name);
    int rc = file_load(a, f);
    if (rc < 0) {
        free(f);
        return rc;
    }
    list_push(files, &f->node);
    *ret_file = f;
    return 0;
}

static int file_store(struct attrs *a, struct attr_file *f, json_t *values)
{
    CLEANUP(freep) char *path = file_path(a, f->name);
    char *text;
    size_t len;
    const struct generation g = {f->writes + 1, 0, values};
    int rc = path ? generation_encode(&g, &text, &len) : -ENOMEM;
    if (rc < 0)
        return rc;
    struct err e = {.code = 0};
    rc = file_replace(path, text, len, 0600, &e);
    free(text);
    f->in_doubt = rc < 0;
    if (rc < 0) {
        log_error("attrs.write_failed", KV("file", "%s", path), KV("error", "%s", e.msg));
        return rc;
    }
    f->writes++;
    json_decref(f->values);
    f->values = json_incref(values);
    return 0;
}

/* value NULL: the name goes. Nothing changes on an error. */
static int file_set(struct attrs *a, struct attr_file *f, const char *name, const char *value)
{
    const char *old = json_string_value(json_object_get(f->values, name));
    bool same = old == value || (old && value && strcmp(old, value) == 0);
    if (same && !f->in_doubt)
        return 0;
    json_t *values = json_copy(f->values);
    int rc = values ? 0 : -ENOMEM;
    if (rc == 0 && value)
        rc = json_object_set_new(values, name, json_string(value)) ? -EINVAL : 0;
    else if (rc == 0)
        json_object_del(values, name);
    if (rc == 0)
        rc = file_store(a, f, values);
    json_decref(values);
    return rc;
}

/* -EEXIST: in that part of the ledger the key is another volume's. */
static int ledger_look(struct attrs *a, const char *part, const char *key, const char *id,
                       struct attr_file **ret_part)
{
    int rc = file_get(a, part, ret_part);
    const char *owner =
        rc == 0 ? json_string_value(json_object_get((*ret_part)->values, key)) : NULL;
    return owner && strcmp(owner, id) != 0 ? -EEXIST : rc;
}

/* Enters name=value as id's for good. -EEXIST: it is, or was, another volume's. */
static int ledger_enter(struct attrs *a, const char *id, const char *name, const char *value)
{
    char key[128], leaf[16];
    struct attr_file *part;
    if ((size_t)snprintf(key, sizeof(key), "%s=%s", name, value) >= sizeof(key))
        return -E2BIG;
    snprintf(leaf, sizeof(leaf), LEDGER_LEAF, bucket(key));
    int rc = ledger_look(a, OLD_LEDGER, key, id, &part);
    if (rc == 0)
        rc = ledger_look(a, leaf, key, id, &part);
    return rc == 0 ? file_set(a, part, key, id) : rc;
}

static bool identifies(const char *name)
{
    return strcmp(name, VOL_ATTR_NAA) == 0 || strcmp(name, VOL_ATTR_SERIAL) == 0;
}

/* ---- the store's calls: packed, carried to reactor 0 ------------------------------------- */

struct attr_call {
    struct attrs *a;
    char id[UUID_STR_LEN + 1];
    const char *name, *value;
    char *got;
    char **names;
    int rc;
};

static void do_get(void *arg)
{
    struct attr_call *c = arg;
    struct attr_file *f;
    fmutex_lock(&c->a->lock);
    c->rc = file_get(c->a, c->id, &f);
    const char *value =
        c->rc == 0 ? json_string_value(json_object_get(f->values, c->name)) : NULL;
    if (value && !(c->got = strdup(value)))
        c->rc = -ENOMEM;
    fmutex_unlock(&c->a->lock);
}

static void do_set(void *arg)
{
    struct attr_call *c = arg;
    struct attr_file *f;
    fmutex_lock(&c->a->lock);
    c->rc = file_get(c->a, c->id, &f);
    if (c->rc == 0 && c->value && identifies(c->name))
        c->rc = ledger_enter(c->a, c->id, c->name, c->value);
    if (c->rc == 0)
        c->rc = file_set(c->a, f, c->name, c->value);
    fmutex_unlock(&c->a->lock);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in values that begin with prefix, sorted. NULL: no memory. */
static char **names_with(const json_t *values, const char *prefix)
{
    size_t n = 0;
    char **names = calloc(json_object_size(values) + 1, sizeof(*names));
    void *it = names ? json_object_iter((json_t *)(uintptr_t)values) : NULL;
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)values, it)) {
        if (strncmp(json_object_iter_key(it), prefix, strlen(prefix)) != 0)
            continue;
        names[n] = strdup(json_object_iter_key(it));
        if (!names[n++]) {
            names_free(names);
            return NULL;
        }
    }
    if (names)
        qsort(names, n, sizeof(*names), by_name);
    return names;
}

static void do_list(void *arg)
{
    struct attr_call *c = arg;
    struct attr_file *f;
    fmutex_lock(&c->a->lock);
    c->rc = file_get(c->a, c->id, &f);
    if (c->rc == 0 && !(c->names = names_with(f->values, c->name)))
        c->rc = -ENOMEM;
    fmutex_unlock(&c->a->lock);
}

static void do_forget(void *arg)
{
    struct attr_call *c = arg;
    struct attr_file *f;
    CLEANUP(freep) char *path = file_path(c->a, c->id);
    fmutex_lock(&c->a->lock);
    c->rc = path ? file_unlink(path) : -ENOMEM;
    if (c->rc == -ENOENT)
        c->rc = 0;
    if (c->rc == 0 && file_get(c->a, c->id, &f) == 0) {
        list_remove(&f->node);
        json_decref(f->values);
        free(f);
    }
    fmutex_unlock(&c->a->lock);
}

static int carry(struct attr_store *s, const struct uuid *id, struct attr_call *c,
                 void (*fn)(void *))
{
    c->a = container_of(s, struct attrs, store);
    uuid_format(id, c->id);
    call_on(c->a->home, fn, c);
    return c->rc;
}

static int attrs_get(struct attr_store *s, const struct uuid *id, const char *name,
                     char **ret_value)
{
    struct attr_call c = {.name = name};
    int rc = carry(s, id, &c, do_get);
    if (rc == 0)
        *ret_value = c.got;
    return rc;
}

static int attrs_set(struct attr_store *s, const struct uuid *id, const char *name,
                     const char *value)
{
    struct attr_call c = {.name = name, .value = value};
    if (value && strlen(value) > VOL_ATTR_MAX)
        return -E2BIG;
    return carry(s, id, &c, do_set);
}

static int attrs_list(struct attr_store *s, const struct uuid *id, const char *prefix,
                      char ***ret_names)
{
    struct attr_call c = {.name = prefix};
    int rc = carry(s, id, &c, do_list);
    if (rc == 0)
        *ret_names = c.names;
    return rc;
}

int attrs_forget(struct attrs *a, const struct uuid *id)
{
    struct attr_call c = {.name = NULL};
    return carry(&a->store, id, &c, do_forget);
}

/* ---- life -------------------------------------------------------------------------------- */

int attrs_open(const char *dir, struct attrs **ret_attrs, struct err *reterr)
{
    struct attrs *a = calloc(1, sizeof(*a));
    if (!a || asprintf(&a->dir, "%s/attrs", dir) < 0) {
        free(a);
        return err_set(reterr, -ENOMEM, "out of memory");
    }
    a->store = (struct attr_store){.get = attrs_get, .set = attrs_set, .list = attrs_list};
    a->home = reactor_self();
    fmutex_init(&a->lock);
    for (unsigned i = 0; i < BUCKETS; i++)
        list_init(&a->files[i]);
    int rc = file_mkdir(a->dir, 0700);
    if (rc < 0) {
        err_set(reterr, rc, "%s: %s", a->dir, strerror(-rc));
        attrs_close(a);
        return rc;
    }
    *ret_attrs = a;
    return 0;
}

void attrs_close(struct attrs *a)
{
    if (!a)
        return;
    struct list *n;
    for (unsigned i = 0; i < BUCKETS; i++)
        while ((n = list_pop(&a->files[i]))) {
            struct attr_file *f = list_entry(n, struct attr_file, node);
            json_decref(f->values);
            free(f);
        }
    free(a->dir);
    free(a);
}

struct attr_store *attrs_store(struct attrs *a)
{
    return &a->store;
}
