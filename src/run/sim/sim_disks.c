/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names are kept by their whole path in one sorted list, so that a directory's content is a
 * stretch of it. Each name has two ends: the inode it leads to now and the one it would lead to
 * after a power cut. Pending changes of one directory become durable in order (a journal),
 * those of different directories in any order.
 */
#include "run/sim/sim_disks.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

struct sim_name {
    struct list node;
    struct sim_inode *cur, *dur;
    char path[];
};

struct sim_name_op {
    struct list node;
    char *dir;
    char *from, *to; /* from NULL: a new name; to NULL: the name goes */
    struct sim_inode *inode;
    bool judged, kept; /* during a cut */
};

struct sim_disks *sim_disks_new(void)
{
    struct sim_disks *d = calloc(1, sizeof(*d));
    check(d);
    list_init(&d->inodes);
    list_init(&d->names);
    list_init(&d->pending);
    d->next_ino = 1;
    return d;
}

void sim_inode_ref(struct sim_inode *in)
{
    in->refs++;
}

void sim_inode_unref(struct sim_inode *in)
{
    check_cmp(in->refs, >, 0u);
    if (--in->refs == 0)
        sim_inode_free(in);
}

static char *copy_str(const char *s)
{
    char *c = s ? strdup(s) : NULL;
    check(c || !s);
    return c;
}

static void op_free(struct sim_name_op *op)
{
    list_remove(&op->node);
    sim_inode_unref(op->inode);
    free(op->dir);
    free(op->from);
    free(op->to);
    free(op);
}

/* Swaps one end of a name, keeping count. */
static void end_set(struct sim_inode **end, struct sim_inode *in)
{
    if (in)
        sim_inode_ref(in);
    if (*end)
        sim_inode_unref(*end);
    *end = in;
}

static void name_free(struct sim_name *n)
{
    end_set(&n->cur, NULL);
    end_set(&n->dur, NULL);
    list_remove(&n->node);
    free(n);
}

void sim_disks_free(struct sim_disks *d)
{
    if (!d)
        return;
    struct sim_name_op *op, *op_next;
    list_for_each_safe (op, op_next, &d->pending, node)
        op_free(op);
    struct sim_name *n, *n_next;
    list_for_each_safe (n, n_next, &d->names, node)
        name_free(n);
    while (!list_empty(&d->inodes)) /* held by fibers that a power cut abandoned */
        sim_inode_free(list_first(&d->inodes, struct sim_inode, node));
    free(d);
}

uint64_t sim_disks_used(const struct sim_disks *d)
{
    uint64_t pages = 0;
    const struct sim_inode *in;
    list_for_each (in, &d->inodes, node)
        pages += in->cur.used;
    return pages * SIM_PAGE;
}

/* ---- looking up -------------------------------------------------------------------------- */

static struct sim_name *name_get(const struct sim_disks *d, const char *path)
{
    struct sim_name *n;
    list_for_each (n, &d->names, node) {
        if (strcmp(n->path, path) == 0)
            return n;
    }
    return NULL;
}

static struct sim_name *name_make(struct sim_disks *d, const char *path)
{
    struct sim_name *n;
    list_for_each (n, &d->names, node) {
        int order = strcmp(n->path, path);
        if (order == 0)
            return n;
        if (order > 0)
            break;
    }
    struct list *before = &n->node; /* the list's head when no name is greater */
    size_t len = strlen(path) + 1;
    struct sim_name *made = calloc(1, sizeof(*made) + len);
    check(made);
    memcpy(made->path, path, len);
    list_insert_before(before, &made->node);
    return made;
}

struct sim_inode *sim_names_find(const struct sim_disks *d, const char *path)
{
    const struct sim_name *n = name_get(d, path);
    return n ? n->cur : NULL;
}

bool sim_names_is_dir(const struct sim_disks *d, const char *path)
{
    if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
        return true;
    const struct sim_inode *in = sim_names_find(d, path);
    return in && in->is_dir;
}

char *sim_names_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return copy_str(".");
    char *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    check(dir);
    return dir;
}

void sim_names_list(const struct sim_disks *d, const char *dir,
                    void (*fn)(const char *name, void *arg), void *arg)
{
    const struct sim_name *n;
    list_for_each (n, &d->names, node) {
        char *parent = sim_names_dir(n->path);
        const char *slash = strrchr(n->path, '/');
        if (n->cur && strcmp(parent, dir) == 0)
            fn(slash ? slash + 1 : n->path, arg);
        free(parent);
    }
}

/* ---- changing ---------------------------------------------------------------------------- */

static void pend(struct sim_disks *d, const char *from, const char *to, struct sim_inode *in)
{
    struct sim_name_op *op = calloc(1, sizeof(*op));
    check(op);
    op->dir = sim_names_dir(to ? to : from);
    op->from = copy_str(from);
    op->to = copy_str(to);
    op->inode = in;
    sim_inode_ref(in);
    list_push(&d->pending, &op->node);
}

struct sim_inode *sim_names_create(struct sim_disks *d, const char *path, bool is_dir,
                                   unsigned mode)
{
    struct sim_inode *in = sim_inode_new(d->next_ino++);
    in->is_dir = is_dir;
    in->mode = mode;
    list_push(&d->inodes, &in->node);
    end_set(&name_make(d, path)->cur, in);
    pend(d, NULL, path, in);
    return in;
}

void sim_names_rename(struct sim_disks *d, const char *from, const char *to)
{
    struct sim_name *n = name_get(d, from);
    check(n && n->cur);
    pend(d, from, to, n->cur);
    end_set(&name_make(d, to)->cur, n->cur);
    end_set(&n->cur, NULL);
}

void sim_names_remove(struct sim_disks *d, const char *path)
{
    struct sim_name *n = name_get(d, path);
    check(n && n->cur);
    pend(d, path, NULL, n->cur);
    end_set(&n->cur, NULL);
}

/* ---- making it durable ------------------------------------------------------------------- */

static void op_commit(struct sim_disks *d, struct sim_name_op *op)
{
    if (op->to)
        end_set(&name_make(d, op->to)->dur, op->inode);
    if (op->from)
        end_set(&name_make(d, op->from)->dur, NULL);
    op_free(op);
}

static void commit_dir(struct sim_disks *d, const char *dir)
{
    struct sim_name_op *op, *tmp;
    list_for_each_safe (op, tmp, &d->pending, node) {
        if (strcmp(op->dir, dir) == 0)
            op_commit(d, op);
    }
}

void sim_names_sync(struct sim_disks *d, const char *dir)
{
    char *at = copy_str(dir);
    for (;;) {
        commit_dir(d, at);
        if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
            break;
        char *up = sim_names_dir(at);
        free(at);
        at = up;
    }
    free(at);
}

void sim_names_sync_inode(struct sim_disks *d, const struct sim_inode *in)
{
    for (;;) {
        struct sim_name_op *op;
        bool found = false;
        list_for_each (op, &d->pending, node) {
            if (op->inode == in) {
                found = true;
                break;
            }
        }
        if (!found)
            return;
        char *dir = copy_str(op->dir);
        sim_names_sync(d, dir);
        free(dir);
    }
}

/* ---- power cuts -------------------------------------------------------------------------- */

static uint64_t pending_in(const struct sim_disks *d, const char *dir)
{
    uint64_t n = 0;
    const struct sim_name_op *op;
    list_for_each (op, &d->pending, node)
        n += strcmp(op->dir, dir) == 0;
    return n;
}

/* Decides for every change of op's directory: the first keep of them survive. */
static void judge_dir(struct sim_disks *d, const struct sim_name_op *first, uint64_t keep)
{
    struct sim_name_op *op;
    list_for_each (op, &d->pending, node) {
        if (strcmp(op->dir, first->dir) != 0)
            continue;
        op->judged = true;
        op->kept = keep > 0;
        keep -= keep > 0;
    }
}

static void settle_pending(struct sim_disks *d, enum sim_cut how, struct sim_rand *r)
{
    struct sim_name_op *op, *tmp;
    list_for_each (op, &d->pending, node) {
        uint64_t n = pending_in(d, op->dir);
        if (!op->judged)
            judge_dir(d, op,
                      how == SIM_CUT_NONE     ? 0
                      : how == SIM_CUT_SUBSET ? sim_rand_below(r, n + 1)
                                              : n);
    }
    list_for_each_safe (op, tmp, &d->pending, node) {
        if (op->kept)
            op_commit(d, op);
        else
            op_free(op);
    }
}

/* Parents come before what is in them, so one walk drops what lost its directory. */
static void settle_names(struct sim_disks *d)
{
    struct sim_name *n, *tmp;
    list_for_each_safe (n, tmp, &d->names, node) {
        end_set(&n->cur, n->dur);
        char *dir = sim_names_dir(n->path);
        if (!n->cur || !sim_names_is_dir(d, dir))
            name_free(n);
        free(dir);
    }
}

void sim_disks_cut(struct sim_disks *d, enum sim_cut how, struct sim_rand *r,
                   struct sim_settled *sum)
{
    settle_pending(d, how, r);
    settle_names(d);
    struct sim_inode *in;
    list_for_each (in, &d->inodes, node)
        sim_inode_cut(in, how, r, sum);
}
