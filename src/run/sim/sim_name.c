/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on names in the simulated world, step by step as the real one does them, with time
 * between the steps: so a power cut finds the temporary file, the renamed but unsynced name, or
 * nothing at all.
 */
#include "run/sim/sim_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void step(struct sim_world *w)
{
    sim_pass(w, sim_rand_range(&w->io, w->cfg.disk_delay_min_ns, w->cfg.disk_delay_max_ns));
}

/* Syncs the directory that path is in. */
static int sync_dir_of(struct sim_world *w, const char *path)
{
    char *dir = sim_names_dir(path);
    step(w);
    int r = sim_fault_draw(w, dir, SIM_FAULT_FLUSH);
    if (r == 0)
        r = sim_fault_draw_name(w);
    if (r == 0)
        sim_names_sync(w->disks, dir);
    free(dir);
    return r;
}

static bool has_parent(struct sim_world *w, const char *path)
{
    char *dir = sim_names_dir(path);
    bool there = sim_names_is_dir(w->disks, dir);
    free(dir);
    return there;
}

static int sim_name_slurp(struct run *run, const char *path, size_t max, char **ret_text,
                          size_t *ret_len)
{
    struct sim_world *w = sim_world_of(run);
    step(w);
    int r = sim_fault_draw(w, path, SIM_FAULT_READ);
    if (r < 0)
        return E(r);
    const struct sim_inode *in = sim_names_find(w->disks, path);
    if (!in)
        return -ENOENT;
    if (in->is_dir)
        return E(-EISDIR);
    if (in->size > max)
        return E(-EFBIG);
    size_t len = (size_t)in->size;
    char *text = malloc(len + 1);
    if (!text)
        return E(-ENOMEM);
    sim_pages_read(&in->cur, 0, text, len);
    text[len] = 0;
    *ret_text = text;
    *ret_len = len;
    return 0;
}

/* Writes and flushes path.tmp. */
static int write_tmp(struct sim_world *w, const char *tmp, const void *bytes, size_t len,
                     unsigned mode)
{
    struct sim_inode *in = sim_names_find(w->disks, tmp);
    if (!in)
        in = sim_names_create(w->disks, tmp, false, mode);
    sim_inode_ref(in);
    sim_inode_resize(in, 0);
    step(w);
    int r = sim_fault_draw(w, tmp, SIM_FAULT_WRITE);
    if (r == 0)
        r = sim_fault_draw_name(w);
    if (r == 0 && sim_disks_used(w->disks) + sim_inode_needs(in, 0, len) > w->cfg.disk_capacity)
        r = -ENOSPC;
    if (r == 0) {
        sim_inode_write(in, 0, bytes, len);
        w->stats.writes++;
        step(w);
        r = sim_fault_draw(w, tmp, SIM_FAULT_FLUSH);
    }
    if (r == 0)
        r = sim_fault_draw_name(w);
    if (r == 0) {
        sim_inode_flushed(in, in->seq);
        w->stats.flushes++;
    }
    sim_inode_unref(in);
    return r;
}

static int sim_name_replace(struct run *run, const char *path, const void *bytes, size_t len,
                            unsigned mode, struct err *reterr)
{
    struct sim_world *w = sim_world_of(run);
    step(w);
    if (!has_parent(w, path))
        return err_set(reterr, E(-ENOENT), "the directory of %s does not exist", path);
    size_t cap = strlen(path) + sizeof(".tmp");
    char *tmp = malloc(cap);
    check(tmp);
    snprintf(tmp, cap, "%s.tmp", path);
    int r = write_tmp(w, tmp, bytes, len, mode);
    if (r == 0) {
        step(w);
        sim_names_rename(w->disks, tmp, path);
        sim_note(w, "replace", len, 0);
        r = sync_dir_of(w, path);
    } else if (sim_names_find(w->disks, tmp)) {
        sim_names_remove(w->disks, tmp);
    }
    free(tmp);
    return r < 0 ? err_set(reterr, E(r), "cannot write %s: %s", path, strerror(-r)) : 0;
}

static int sim_name_rename(struct run *run, const char *from, const char *to)
{
    struct sim_world *w = sim_world_of(run);
    step(w);
    if (!sim_names_find(w->disks, from) || !has_parent(w, to))
        return E(-ENOENT);
    if (sim_names_find(w->disks, to))
        return E(-EEXIST);
    sim_names_rename(w->disks, from, to);
    sim_note(w, "rename", 0, 0);
    return sync_dir_of(w, to);
}

static int sim_name_unlink(struct run *run, const char *path)
{
    struct sim_world *w = sim_world_of(run);
    step(w);
    const struct sim_inode *in = sim_names_find(w->disks, path);
    if (!in)
        return -ENOENT;
    if (in->is_dir)
        return E(-EISDIR);
    sim_names_remove(w->disks, path);
    sim_note(w, "unlink", 0, 0);
    return 0;
}

static int sim_name_mkdir(struct run *run, const char *path, unsigned mode)
{
    struct sim_world *w = sim_world_of(run);
    step(w);
    for (size_t at = 1, len = strlen(path); at <= len; at++) {
        if (path[at] != '/' && path[at] != 0)
            continue;
        char *part = strndup(path, at);
        check(part);
        bool taken = !sim_names_is_dir(w->disks, part) && sim_names_find(w->disks, part);
        if (!taken && !sim_names_is_dir(w->disks, part))
            sim_names_create(w->disks, part, true, mode);
        free(part);
        if (taken)
            return E(-ENOTDIR);
    }
    return 0;
}

struct listing {
    char **names;
    size_t n;
};

static void listing_add(const char *name, void *arg)
{
    struct listing *l = arg;
    l->names = realloc(l->names, (l->n + 2) * sizeof(char *));
    check(l->names);
    l->names[l->n] = strdup(name);
    check(l->names[l->n]);
    l->names[++l->n] = NULL;
}

static int sim_name_list(struct run *run, const char *dir, char ***ret_names)
{
    struct sim_world *w = sim_world_of(run);
    struct listing l = {.names = calloc(1, sizeof(char *))};
    check(l.names);
    step(w);
    if (!sim_names_is_dir(w->disks, dir)) {
        free(l.names);
        return -ENOENT;
    }
    sim_names_list(w->disks, dir, listing_add, &l);
    *ret_names = l.names;
    return 0;
}

const struct name_ops sim_name_ops = {
    .slurp = sim_name_slurp,
    .replace = sim_name_replace,
    .rename = sim_name_rename,
    .unlink = sim_name_unlink,
    .mkdir = sim_name_mkdir,
    .list = sim_name_list,
};
