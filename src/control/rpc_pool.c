/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools. What a pool says of itself is asked on its home, where nothing waits for it; changes run
 * there too and take as long as its disks do. Parks.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"
#include "control/pool_look.h"
#include "control/pool_words.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_MAX (1u << 20) /* bytes of text */

/* ---- as JSON ------------------------------------------------------------------------------ */

static void put_guid(struct jb *b, json_t *j, uint64_t guid)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)guid);
    jb_text(b, j, "guid", guid ? text : NULL);
}

static json_t *pool_json(struct jb *b, const struct held_info *h, const struct pool_view *v)
{
    json_t *j = jb_object(b);
    jb_text(b, j, "name", h->name);
    if (v) {
        jb_uint(b, j, "size", v->space.size);
        jb_uint(b, j, "allocated", v->space.allocated);
        jb_uint(b, j, "free", v->space.size - MIN(v->space.allocated, v->space.size));
        jb_uint(b, j, "available", v->space.available);
        jb_uint(b, j, "capacity",
                v->space.size ? v->space.allocated / (v->space.size / 100 + 1) : 0);
        jb_uint(b, j, "volumes", v->status.open_volumes);
    }
    jb_text(b, j, "state", v ? v->status.health : held_state_name(h->state));
    jb_text(b, j, "reason",
            !v                       ? h->reason
            : v->status.suspended[0] ? v->status.suspended
                                     : v->read_only_why);
    jb_bool(b, j, "read_only", v ? v->status.read_only : h->read_only);
    put_guid(b, j, h->guid);
    jb_uint(b, j, "reactor", h->reactor);
    return j;
}

struct listing {
    struct jb b;
    json_t *list;
};

static void list_one(void *arg, const struct held_info *h, const struct pool_view *v)
{
    struct listing *l = arg;
    jb_push(&l->b, l->list, pool_json(&l->b, h, v));
}

int rpc_pool_list(struct control *c, const struct args_pool_list *a, json_t **ret_result,
                  struct err *reterr)
{
    struct listing l = {.b = {false}};
    (void)a;
    l.list = jb_list(&l.b);
    int rc = pools_each(c->env.pools, NULL, list_one, &l, reterr);
    l.b.bad |= rc < 0;
    return jb_done(&l.b, l.list, ret_result, reterr);
}

/* The pool as a change left it. */
static int done(struct control *c, const char *name, json_t **ret_result, struct err *reterr)
{
    struct listing l = {.b = {false}};
    l.list = jb_list(&l.b);
    int rc = pools_each(c->env.pools, name, list_one, &l, reterr);
    return jb_done_only(&l.b, l.list, rc, ret_result, reterr);
}

/* ---- status ------------------------------------------------------------------------------ */

static json_t *vdev_json(struct jb *b, const struct pool_vdev_status *d)
{
    json_t *j = jb_object(b);
    jb_uint(b, j, "depth", d->depth);
    jb_text(b, j, "name", d->name);
    jb_bool(b, j, "disk", d->leaf);
    jb_bool(b, j, "spare", d->spare);
    jb_text(b, j, "state", d->state);
    jb_uint(b, j, "read_errors", d->read_errors);
    jb_uint(b, j, "write_errors", d->write_errors);
    jb_uint(b, j, "checksum_errors", d->checksum_errors);
    jb_uint(b, j, "repaired", d->repaired);
    jb_uint(b, j, "reads", d->reads);
    jb_uint(b, j, "writes", d->writes);
    jb_uint(b, j, "bytes_read", d->bytes_read);
    jb_uint(b, j, "bytes_written", d->bytes_written);
    jb_text(b, j, "note", d->note);
    put_guid(b, j, d->guid);
    return j;
}

static void put_scan(struct jb *b, json_t *j, const struct pool_scan_status *s)
{
    static const char *const states[] = {[POOL_SCAN_NEVER] = "none",
                                         [POOL_SCAN_RUNNING] = "running",
                                         [POOL_SCAN_PAUSED] = "paused",
                                         [POOL_SCAN_FINISHED] = "finished",
                                         [POOL_SCAN_CANCELLED] = "cancelled"};
    char text[200];
    pool_scan_text(s, text, sizeof(text));
    jb_text(b, j, "scan", text);
    jb_text(b, j, "scan_state", states[s->state]);
    if (s->state == POOL_SCAN_NEVER)
        return;
    jb_uint(b, j, "scan_percent", pool_scan_percent(s));
    if (s->seconds_left > 0)
        jb_uint(b, j, "scan_seconds_left", s->seconds_left);
    jb_uint(b, j, "scan_errors", s->errors);
    jb_uint(b, j, "scan_repaired", s->repaired);
}

static void put_coming(struct jb *b, json_t *j, const struct pool_coming *c)
{
    if (!c->text[0])
        return;
    jb_text(b, j, "import", c->text);
    if (c->of > 0) {
        jb_uint(b, j, "import_done", c->done);
        jb_uint(b, j, "import_of", c->of);
    }
    if (c->seconds_left > 0)
        jb_uint(b, j, "import_seconds_left", c->seconds_left);
}

static void put_cache(struct jb *b, json_t *j, const struct pool_cache *c)
{
    jb_uint(b, j, "cache_bytes", c->bytes);
    jb_uint(b, j, "cache_budget", c->budget);
    jb_uint(b, j, "cache_hits", c->hits);
    jb_uint(b, j, "cache_misses", c->misses);
    jb_uint(b, j, "cache_prefetch_hits", c->prefetch_hits);
    if (c->hits + c->misses > 0)
        jb_uint(b, j, "cache_hit_percent", c->hits * 100 / (c->hits + c->misses));
}

static json_t *status_json(struct jb *b, const struct held_info *h, const struct pool_view *v)
{
    const char *action = NULL, *problem = v ? pool_problem(v, &action) : h->reason;
    json_t *j = jb_object(b), *vdevs = jb_list(b);
    jb_text(b, j, "name", h->name);
    jb_text(b, j, "state", v ? v->status.health : held_state_name(h->state));
    jb_text(b, j, "problem", problem);
    jb_text(b, j, "action", action);
    put_coming(b, j, &h->coming);
    if (v) {
        put_scan(b, j, &v->scan);
        jb_uint(b, j, "errors", v->errors);
        jb_uint(b, j, "freeing", v->freeing);
        put_cache(b, j, &v->cache);
    }
    for (unsigned i = 0; v && i < v->status.nvdevs; i++)
        jb_push(b, vdevs, vdev_json(b, &v->status.vdevs[i]));
    jb_put(b, j, "vdevs", vdevs);
    return j;
}

struct report {
    struct jb b;
    json_t *pools;
    bool paths;
    struct wbuf w; /* its last byte stays free for a NUL */
};

static void text_one(struct report *r, const struct held_info *h, const struct pool_view *v)
{
    if (v) {
        pool_text(v, r->paths, &r->w);
        return;
    }
    wb_str(&r->w, "  pool: ");
    wb_str(&r->w, h->name);
    wb_str(&r->w, "\n state: ");
    wb_str(&r->w, held_state_name(h->state));
    wb_str(&r->w, "\nstatus: ");
    wb_str(&r->w, h->reason);
    wb_str(&r->w, h->coming.text[0] ? "\nimport: " : "");
    wb_str(&r->w, h->coming.text);
    wb_str(&r->w, "\n");
}

static void report_one(void *arg, const struct held_info *h, const struct pool_view *v)
{
    struct report *r = arg;
    json_t *j = status_json(&r->b, h, v);
    wb_str(&r->w, r->w.len > 0 ? "\n" : "");
    size_t from = wb_stored(&r->w);
    text_one(r, h, v);
    r->w.p[wb_stored(&r->w)] = '\0';
    jb_text(&r->b, j, "text", (const char *)r->w.p + from);
    jb_push(&r->b, r->pools, j);
}

int rpc_pool_status(struct control *c, const struct args_pool_status *a, json_t **ret_result,
                    struct err *reterr)
{
    CLEANUP(freep) char *text = malloc(REPORT_MAX);
    struct report r = {.b = {text == NULL}, .paths = a->paths};
    if (!text)
        return err_set(reterr, -ENOMEM, "out of memory");
    r.w = wbuf_make(text, REPORT_MAX - 1);
    r.pools = jb_list(&r.b);
    int rc = pools_each(c->env.pools, a->name, report_one, &r, reterr);
    if (rc < 0) {
        json_decref(r.pools);
        return rc;
    }
    text[wb_stored(&r.w)] = '\0';
    json_t *j = jb_object(&r.b);
    jb_put(&r.b, j, "pools", r.pools);
    jb_text(&r.b, j, "text", text[0] ? text : "no pools available\n");
    jb_uint(&r.b, j, "time", run_now());
    return jb_done(&r.b, j, ret_result, reterr);
}

/* ---- coming ------------------------------------------------------------------------------ */

int rpc_pool_create(struct control *c, const struct args_pool_create *a, json_t **ret_result,
                    struct err *reterr)
{
    struct pool_words words;
    struct err why = {.code = 0};
    int rc = pool_words_parse(&a->vdevs, &words, &why);
    if (rc == 0) {
        struct pool_create_want want = {.name = a->name,
                                        .groups = words.groups,
                                        .ngroups = words.ngroups,
                                        .spares = (const char *const *)words.spares,
                                        .nspares = words.nspares,
                                        .ashift = (unsigned)a->ashift,
                                        .force = a->force};
        rc = pools_create(c->env.pools, &want, &why);
    }
    pool_words_drop(&words);
    if (rc < 0)
        return err_set(reterr, rc, "%s", why.msg);
    return done(c, a->name, ret_result, reterr);
}

/* Both methods have these parameters. */
#define IMPORT_WANT(a)                                                                         \
    {                                                                                          \
        .new_name = (a)->new_name, .read_only = (a)->read_only, .force = (a)->force,           \
        .destroyed = (a)->destroyed, .rewind = (a)->rewind || (a)->rewind_far,                 \
        .rewind_far = (a)->rewind_far                                                          \
    }

/* Under ret_name then; NULL: it is only looked at. which: a name or a guid. */
static int import(struct control *c, const char *which, const struct api_names *devices,
                  struct pool_import_want *want, char ret_name[CFG_DATASET_LEN],
                  struct err *reterr)
{
    struct err why = {.code = 0};
    char **paths = devices->n > 0 ? disks_expand(devices, &why) : NULL;
    if (why.code)
        return err_set(reterr, why.code, "%s", why.msg);
    want->paths = (const char *const *)paths;
    if (!text_to_u64(which, &want->guid))
        want->name = which;
    int rc = ret_name ? pools_import(c->env.pools, want, ret_name, reterr)
                      : pools_import_preview(c->env.pools, want, reterr);
    names_free(paths);
    return rc;
}

int rpc_pool_import(struct control *c, const struct args_pool_import *a, json_t **ret_result,
                    struct err *reterr)
{
    char name[CFG_DATASET_LEN];
    struct pool_import_want want = IMPORT_WANT(a);
    int rc = import(c, a->name, &a->devices, &want, name, reterr);
    return rc < 0 ? rc : done(c, name, ret_result, reterr);
}

static json_t *preview_json(struct jb *b, const char *name, const struct pool_import_report *r)
{
    char text[600], back[120] = "";
    json_t *j = jb_object(b);
    jb_text(b, j, "name", name);
    jb_text(b, j, "health", r->health);
    jb_bool(b, j, "read_only", r->read_only);
    jb_text(b, j, "reason", r->read_only_why[0] ? r->read_only_why : NULL);
    jb_uint(b, j, "txg", r->txg);
    jb_uint(b, j, "newest_txg", r->newest_txg);
    jb_uint(b, j, "seconds_lost", r->seconds_lost);
    if (r->txg != r->newest_txg)
        snprintf(back, sizeof(back),
                 "; it would go back from txg %llu to %llu, by %llu seconds",
                 (unsigned long long)r->newest_txg, (unsigned long long)r->txg,
                 (unsigned long long)r->seconds_lost);
    snprintf(text, sizeof(text), "pool %s can be imported: %s%s%s%s%s", name, r->health,
             r->read_only ? ", read-only" : "", r->read_only_why[0] ? ": " : "",
             r->read_only_why, back);
    jb_text(b, j, "text", text);
    return j;
}

int rpc_pool_preview(struct control *c, const struct args_pool_preview *a, json_t **ret_result,
                     struct err *reterr)
{
    struct jb b = {false};
    struct pool_import_report report = {.health = ""};
    struct pool_import_want want = IMPORT_WANT(a);
    want.report = &report;
    int rc = import(c, a->name, &a->devices, &want, NULL, reterr);
    if (rc < 0)
        return rc;
    return jb_done(&b, preview_json(&b, a->new_name ? a->new_name : a->name, &report),
                   ret_result, reterr);
}

/* ---- going ------------------------------------------------------------------------------- */

/* Hosts would see their disk go. */
static int check_sessions(struct control *c, const char *pool, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    LIVE(l);
    if (live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    for (unsigned i = 0; i < cfg->ntargets; i++) {
        const struct cfg_target *t = &cfg->targets[i];
        for (unsigned k = 0; k < t->nluns; k++) {
            unsigned n = volume_lies_in(t->luns[k].volume, pool, true)
                             ? live_sessions(&l, NULL, NULL, t->name)
                             : 0;
            if (n > 0)
                return err_set(reterr, -EBUSY,
                               "pool %.40s: volume %.60s is LUN %u of %.60s, which has %u "
                               "sessions: end them, or use --force",
                               pool, t->luns[k].volume->name, t->luns[k].lun, t->name, n);
        }
    }
    return 0;
}

int rpc_pool_export(struct control *c, const struct args_pool_export *a, json_t **ret_result,
                    struct err *reterr)
{
    int rc = a->force || !pools_is_online(c->env.pools, a->name)
                 ? 0
                 : check_sessions(c, a->name, reterr);
    if (rc == 0)
        rc = pools_export(c->env.pools, a->name, reterr);
    return rc < 0 ? rc : jb_done_nothing(ret_result, reterr);
}

/* Whose disk it is would wait for good. */
static int check_configured(struct control *c, const char *pool, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    for (unsigned i = 0; i < cfg->nvolumes; i++)
        if (volume_lies_in(&cfg->volumes[i], pool, true))
            return err_set(
                reterr, -EBUSY,
                "pool %.60s: volume \"%.60s\" lies in it: zsan volume delete it first, or "
                "use --force",
                pool, cfg->volumes[i].name);
    return 0;
}

int rpc_pool_destroy(struct control *c, const struct args_pool_destroy *a, json_t **ret_result,
                     struct err *reterr)
{
    int rc = a->force ? 0 : check_configured(c, a->name, reterr);
    if (rc == 0)
        rc = pools_destroy(c->env.pools, a->name, a->force, reterr);
    return rc < 0 ? rc : jb_done_nothing(ret_result, reterr);
}

/* ---- disks ------------------------------------------------------------------------------- */

static int scrub_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct args_pool_scrub *a = arg;
    enum pool_scrub_verb verb = a->stop    ? POOL_SCRUB_CANCEL
                                : a->pause ? POOL_SCRUB_PAUSE
                                           : POOL_SCRUB_START;
    return pool_scrub(p, verb, reterr);
}

int rpc_pool_scrub(struct control *c, const struct args_pool_scrub *a, json_t **ret_result,
                   struct err *reterr)
{
    struct args_pool_scrub copy = *a;
    if (a->pause && a->stop)
        return err_set(reterr, -EINVAL, "pool %.60s: pause the scrub or stop it, not both",
                       a->name);
    int rc = pools_with(c->env.pools, a->name, scrub_here, &copy, reterr);
    return rc < 0 ? rc : jb_done_nothing(ret_result, reterr);
}

struct disk_work {
    const char *disk;
    int (*fn)(struct pool *p, const char *disk, struct err *reterr);
};

static int disk_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct disk_work *w = arg;
    return w->fn(p, w->disk, reterr);
}

/* The disk by the path it has in the pool, else as people name disks. */
static int on_disk(struct control *c, const char *pool, const char *disk,
                   int (*fn)(struct pool *p, const char *disk, struct err *reterr),
                   json_t **ret_result, struct err *reterr)
{
    struct disk_work w = {disk, fn};
    uint64_t guid;
    CLEANUP(freep) char *path = NULL;
    if (!text_to_u64(disk, &guid) && (path = disk_resolve(disk, NULL)))
        w.disk = path;
    int rc = pools_with(c->env.pools, pool, disk_here, &w, reterr);
    return rc < 0 ? rc : jb_done_nothing(ret_result, reterr);
}

int rpc_pool_offline(struct control *c, const struct args_pool_offline *a, json_t **ret_result,
                     struct err *reterr)
{
    return on_disk(c, a->name, a->disk, pool_offline, ret_result, reterr);
}

int rpc_pool_online(struct control *c, const struct args_pool_online *a, json_t **ret_result,
                    struct err *reterr)
{
    return on_disk(c, a->name, a->disk, pool_online, ret_result, reterr);
}
