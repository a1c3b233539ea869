/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in the folder of zsand's own volumes that no volume is configured for: left by a crash
 * between the making of a file and the commit that names it, by volume delete --keep, or put there by
 * somebody. Nobody can tell whether they hold something, so they are named and never removed. Parks.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "control/api_gen.h"
#include "control/control_int.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX ".img" /* rpc_volume.c */

static bool is_path_of(const struct cfg_volume *v, const char *path)
{
    return v && v->engine == CFG_FILE && strcmp(v->path, path) == 0;
}

/* As a rule a file bears its volume's name. */
static bool is_configured(const struct config *cfg, const char *file, const char *path)
{
    char name[CFG_NAME_LEN];
    size_t len = strlen(file), suffix = strlen(SUFFIX);
    if (len > suffix && len < sizeof(name) && strcmp(file + len - suffix, SUFFIX) == 0) {
        snprintf(name, sizeof(name), "%.*s", (int)(len - suffix), file);
        if (is_path_of(config_volume(cfg, name), path))
            return true;
    }
    for (unsigned i = 0; i < cfg->nvolumes; i++)
        if (is_path_of(&cfg->volumes[i], path))
            return true;
    return false;
}

struct orphan {
    char path[CFG_PATH_LEN];
    uint64_t size, used; /* bytes */
};

/* False: it is a volume's, or nothing that could be one. */
static bool look(const struct control *c, const char *file, struct orphan *ret_orphan)
{
    CONFIG(cfg) = config_current(c->env.store);
    const struct file_opts opts = {.mode = FILE_RDONLY};
    struct file *f;
    int n =
        snprintf(ret_orphan->path, sizeof(ret_orphan->path), "%s/%s", c->env.volumes_dir, file);
    if (n < 0 || (size_t)n >= sizeof(ret_orphan->path) ||
        is_configured(cfg, file, ret_orphan->path) ||
        file_open(ret_orphan->path, &opts, &f, NULL) < 0)
        return false;
    ret_orphan->size = file_info(f)->size;
    if (file_allocated(f, &ret_orphan->used) < 0)
        ret_orphan->used = ret_orphan->size;
    file_close(f);
    return true;
}

typedef void found_fn(void *arg, const struct orphan *o);

/* 0, or why the folder can't be read. */
static int each_orphan(const struct control *c, found_fn *found, void *arg)
{
    CLEANUP(freep) struct orphan *o = malloc(sizeof(*o));
    char **names;
    int rc = o ? file_list(c->env.volumes_dir, &names) : -ENOMEM;
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc; /* it is made with the first volume */
    for (size_t i = 0; names[i]; i++) {
        if (look(c, names[i], o))
            found(arg, o);
        fiber_maybe_yield();
    }
    names_free(names);
    return 0;
}

static void log_orphan(void *arg, const struct orphan *o)
{
    (void)arg;
    log_info("volume.orphan", KV("file", "%s", o->path),
             KV("size", "%llu", (unsigned long long)o->size),
             KV("used", "%llu", (unsigned long long)o->used));
}

void orphans_log(const struct control *c)
{
    each_orphan(c, log_orphan, NULL);
}

/* ---- the method -------------------------------------------------------------------------- */

struct listing {
    struct jb b;
    json_t *list;
};

static void list_orphan(void *arg, const struct orphan *o)
{
    struct listing *l = arg;
    json_t *j = jb_object(&l->b);
    jb_text(&l->b, j, "path", o->path);
    jb_uint(&l->b, j, "size", o->size);
    jb_uint(&l->b, j, "used", o->used);
    jb_push(&l->b, l->list, j);
}

int rpc_volume_orphans(struct control *c, const struct args_volume_orphans *a,
                       json_t **ret_result, struct err *reterr)
{
    struct listing l = {.b = {false}};
    (void)a;
    l.list = jb_list(&l.b);
    int rc = each_orphan(c, list_orphan, &l);
    if (rc < 0) {
        json_decref(l.list);
        return err_set(reterr, rc, "%.120s: %s", c->env.volumes_dir, strerror(-rc));
    }
    return jb_done(&l.b, l.list, ret_result, reterr);
}
