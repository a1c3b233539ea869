/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool's own properties (OpenZFS spa_prop_get()). Those that can be set stand in a ZAP of the MOS, the comment in the
 * configuration, where an import sees it before anything else. The others are figures.
 */
#include "pool/pool_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMENT_MAX 32u /* OpenZFS's */

static const char *const on_off[] = {"off", "on", NULL};
static const char *const failmodes[] = {
    [FAILMODE_WAIT] = "wait", [FAILMODE_CONTINUE] = "continue", NULL};

/* ---- in the MOS ------------------------------------------------------------------------------------------ */

static int zap_optional(struct pool *p, uint64_t zap, const char *name, uint64_t *ret)
{
    int r = zap ? zap_get_u64(p->mos, zap, name, ret) : -ENOENT;
    return r == -ENOENT ? 0 : r;
}

int pool_props_load(struct pool *p, struct err *reterr)
{
    uint64_t autoreplace = 0, failmode = FAILMODE_WAIT;
    p->props_object = p->history_object = 0;
    int r = zap_optional(p, DMU_OBJECT_DIRECTORY, "pool_props", &p->props_object);
    if (r == 0)
        r = zap_optional(p, DMU_OBJECT_DIRECTORY, "history", &p->history_object);
    if (r == 0)
        r = zap_optional(p, p->props_object, "autoreplace", &autoreplace);
    if (r == 0)
        r = zap_optional(p, p->props_object, "failmode", &failmode);
    if (r)
        return err_set(reterr, r, "pool %s: its properties cannot be read", p->name);
    p->autoreplace = autoreplace != 0;
    /* OpenZFS's third one, panic, is not offered: a pool that has it waits. */
    p->suspended.failmode = failmode == FAILMODE_CONTINUE ? FAILMODE_CONTINUE : FAILMODE_WAIT;
    return 0;
}

static int prop_store(struct pool *p, const char *name, uint64_t v)
{
    int r = 0;
    if (p->props_object == 0) {
        r = zap_create(p->mos, DMU_POOL_PROPS, DMU_NONE, 0, &p->props_object);
        if (r == 0)
            r = zap_set_u64(p->mos, DMU_OBJECT_DIRECTORY, "pool_props", p->props_object);
    }
    return r ? r : zap_set_u64(p->mos, p->props_object, name, v);
}

/* ---- setting ----------------------------------------------------------------------------------------------- */

static int index_of(const char *const *words, const char *value)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0)
            return i;
    return -1;
}

static int set_autoreplace(struct pool *p, const char *value, struct err *reterr)
{
    int i = index_of(on_off, value);
    if (i < 0)
        return err_set(reterr, E(-EINVAL), "pool %s: autoreplace is on or off", p->name);
    p->autoreplace = i;
    return prop_store(p, "autoreplace", (uint64_t)i);
}

static int set_failmode(struct pool *p, const char *value, struct err *reterr)
{
    int i = index_of(failmodes, value);
    if (i < 0)
        return err_set(reterr, E(-EINVAL), "pool %s: failmode is wait or continue", p->name);
    p->suspended.failmode = (uint64_t)i;
    return prop_store(p, "failmode", (uint64_t)i);
}

static int set_comment(struct pool *p, const char *value, struct err *reterr)
{
    for (const char *c = value; *c; c++)
        if (*c < ' ' || *c > '~' || c - value >= COMMENT_MAX)
            return err_set(reterr, E(-EINVAL),
                           "pool %s: a comment is up to %u printable characters", p->name,
                           COMMENT_MAX);
    int r = 0;
    if (!p->extra && !(p->extra = nv_new()))
        r = E(-ENOMEM);
    if (r == 0 && *value)
        r = nv_add_str(p->extra, "comment", value);
    else if (r == 0)
        nv_remove(p->extra, "comment");
    p->config_dirty = true;
    return r;
}

/* ---- getting ----------------------------------------------------------------------------------------------- */

static void get_autoreplace(const struct pool *p, char *ret, size_t cap)
{
    snprintf(ret, cap, "%s", on_off[p->autoreplace]);
}

static void get_failmode(const struct pool *p, char *ret, size_t cap)
{
    snprintf(ret, cap, "%s", failmodes[p->suspended.failmode]);
}

static void get_comment(const struct pool *p, char *ret, size_t cap)
{
    const char *text = "";
    if (p->extra)
        nv_get_str(p->extra, "comment", &text);
    snprintf(ret, cap, "%s", text);
}

static void get_guid(const struct pool *p, char *ret, size_t cap)
{
    snprintf(ret, cap, "%" PRIu64, p->guid);
}

static void get_size(const struct pool *p, char *ret, size_t cap)
{
    snprintf(ret, cap, "%" PRIu64, space_totals(p->space).size);
}

static void get_allocated(const struct pool *p, char *ret, size_t cap)
{
    snprintf(ret, cap, "%" PRIu64, space_totals(p->space).allocated);
}

static void get_free(const struct pool *p, char *ret, size_t cap)
{
    struct space_totals t = space_totals(p->space);
    snprintf(ret, cap, "%" PRIu64, t.size - t.allocated);
}

static void get_capacity(const struct pool *p, char *ret, size_t cap)
{
    struct space_totals t = space_totals(p->space);
    snprintf(ret, cap, "%" PRIu64, t.size ? t.allocated / MAX(t.size / 100, 1u) : 0);
}

static void get_health(const struct pool *p, char *ret, size_t cap)
{
    snprintf(ret, cap, "%s", vdev_state_name(p->root->state));
}

static void get_version(const struct pool *p, char *ret, size_t cap)
{
    (void)p;
    snprintf(ret, cap, "%u", ZFS_VERSION);
}

static void get_readonly(const struct pool *p, char *ret, size_t cap)
{
    snprintf(ret, cap, "%s", on_off[p->read_only]);
}

static void get_dedupratio(const struct pool *p, char *ret, size_t cap)
{
    uint64_t percent = p->dedup_percent ? p->dedup_percent : 100;
    snprintf(ret, cap, "%" PRIu64 ".%02u", percent / 100, (unsigned)(percent % 100));
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*get)(const struct pool *p, char *ret, size_t cap);
    int (*set)(struct pool *p, const char *value, struct err *reterr); /* NULL: a figure */
    const char *otherwise; /* when it was never set */
} props[] = {
    {"allocated",   get_allocated,   NULL,            NULL  },
    {"autoreplace", get_autoreplace, set_autoreplace, "off" },
    {"capacity",    get_capacity,    NULL,            NULL  },
    {"comment",     get_comment,     set_comment,     ""    },
    {"dedupratio",  get_dedupratio,  NULL,            NULL  },
    {"failmode",    get_failmode,    set_failmode,    "wait"},
    {"free",        get_free,        NULL,            NULL  },
    {"guid",        get_guid,        NULL,            NULL  },
    {"health",      get_health,      NULL,            NULL  },
    {"readonly",    get_readonly,    NULL,            NULL  },
    {"size",        get_size,        NULL,            NULL  },
    {"version",     get_version,     NULL,            NULL  },
};

const char *pool_prop_name(unsigned i)
{
    return i < ARRAY_LEN(props) ? props[i].name : NULL;
}

static int prop_find(const struct pool *p, const char *name, unsigned *ret_i,
                     struct err *reterr)
{
    for (unsigned i = 0; i < ARRAY_LEN(props); i++)
        if (strcmp(props[i].name, name) == 0) {
            *ret_i = i;
            return 0;
        }
    return err_set(reterr, E(-EINVAL), "pool %s: there is no property %s", p->name, name);
}

int pool_prop_get(const struct pool *p, const char *name, char *ret_value, size_t cap,
                  const char **ret_source, struct err *reterr)
{
    char value[256];
    unsigned i;
    int r = prop_find(p, name, &i, reterr);
    if (r)
        return r;
    props[i].get(p, value, sizeof(value));
    if (strlen(value) >= cap)
        return err_set(reterr, E(-ENOSPC), "pool %s: no room for the value of %s", p->name,
                       name);
    memcpy(ret_value, value, strlen(value) + 1);
    if (ret_source)
        *ret_source = !props[i].set                            ? "-"
                      : strcmp(value, props[i].otherwise) == 0 ? "default"
                                                               : "local";
    return 0;
}

struct prop_change {
    struct pool *p;
    const char *value;
    unsigned i;
};

static int prop_change(void *arg, uint64_t txg, struct err *reterr)
{
    const struct prop_change *c = arg;
    (void)txg;
    int r = props[c->i].set(c->p, c->value, reterr);
    if (r && r != -EINVAL)
        err_set(reterr, r, "pool %s: its property %s cannot be stored", c->p->name,
                props[c->i].name);
    return r;
}

int pool_prop_set(struct pool *p, const char *name, const char *value, struct err *reterr)
{
    struct prop_change c = {.p = p, .value = value};
    int r = prop_find(p, name, &c.i, reterr);
    if (r)
        return r;
    if (!props[c.i].set)
        return err_set(reterr, E(-EINVAL),
                       "pool %s: %s cannot be set: autoreplace, comment and failmode can",
                       p->name, name);
    return txg_run(p, prop_change, &c, reterr);
}
