/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing the tree under running I/O. Every I/O passes the root's gate; a change waits until
 * nobody is inside and keeps out who comes meanwhile, so no I/O ever sees the tree half
 * changed. Who waits at the gate holds a top-level vdev that may have come below another one
 * when he is let in, or be gone. So he is told which one stands in its place, and one that is
 * gone stays behind, dead, to know that; it is freed by the next change.
 */
#include "pool/vdev/vdev_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

/* ---- the gate ---------------------------------------------------------------------------- */

static bool is_dead(const struct vdev *vd)
{
    return vd->nchildren == 1 && vd->child[0]->parent != vd;
}

struct vdev *gate_enter(struct vdev *vd)
{
    struct vdev_gate *g = &vdev_root_of(vd)->gate;
    while (g->changing)
        waitq_wait(&g->q, NO_DEADLINE, NULL);
    g->inside++;
    while (is_dead(vd))
        vd = vd->child[0];
    return vd->top ? vd->top : vd;
}

void gate_leave(struct vdev *vd)
{
    struct vdev_gate *g = &vdev_root_of(vd)->gate;
    if (--g->inside == 0)
        waitq_wake_all(&g->q);
}

void gate_bury(struct vdev *root)
{
    struct vdev *vd;
    while ((vd = root->gate.dead)) {
        root->gate.dead = vd->gate.dead;
        nv_free(vd->origin);
        free(vd->child);
        free(vd);
    }
}

void vdev_change_begin(struct vdev *root)
{
    struct vdev_gate *g = &root->gate;
    while (g->changing)
        waitq_wait(&g->q, NO_DEADLINE, NULL);
    g->changing = true;
    while (g->inside > 0)
        waitq_wait(&g->q, NO_DEADLINE, NULL);
    gate_bury(root);
}

void vdev_change_end(struct vdev *root)
{
    vdev_propagate(root);
    root->changes++;
    root->gate.changing = false;
    waitq_wake_all(&root->gate.q);
}

/* ---- changes ----------------------------------------------------------------------------- */

static void set_top(struct vdev *vd, struct vdev *top)
{
    vd->top = top;
    for (unsigned i = 0; i < vd->nchildren; i++)
        set_top(vd->child[i], top);
}

/* In the place of another one, or at a new one. */
static void put_at(struct vdev *parent, unsigned i, struct vdev *vd)
{
    parent->child[i] = vd;
    vd->parent = parent;
    vd->id = i;
    set_top(vd, parent->type == VDEV_ROOT ? vd : parent->top);
}

/* What belongs to the place at the top, not to who stands there. */
static void inherit_place(struct vdev *to, const struct vdev *from)
{
    to->ashift = from->ashift;
    to->asize = from->asize;
    to->ms_array = from->ms_array;
    to->ms_shift = from->ms_shift;
    to->deflate_ratio = from->deflate_ratio;
    to->zap_top = from->zap_top;
    to->is_log = from->is_log;
}

int vdev_add_child(struct vdev *parent, struct vdev *child)
{
    check(vdev_root_of(parent)->gate.changing && !child->parent);
    check(parent->type != VDEV_RAIDZ && !vdev_is_leaf(parent));
    if (parent->type != VDEV_ROOT && vdev_leaf(parent, VDEV_MAX_COPIES - 1))
        return E(-E2BIG);
    struct vdev **list = realloc(parent->child, (parent->nchildren + 1) * sizeof(*list));
    if (!list)
        return E(-ENOMEM);
    parent->child = list;
    put_at(parent, parent->nchildren++, child);
    return 0;
}

int vdev_interpose(struct vdev *vd, enum vdev_type type, uint64_t guid, struct vdev **ret_vd)
{
    check(vdev_root_of(vd)->gate.changing && vd->parent);
    struct vdev *between = calloc(1, sizeof(*between));
    struct vdev **list = calloc(1, sizeof(*list));
    if (!between || !list) {
        free(between);
        free(list);
        return E(-ENOMEM);
    }
    *between = (struct vdev){.type = type, .guid = guid, .child = list, .nchildren = 1};
    waitq_init(&between->gate.q);
    fmutex_init(&between->gate.opening);
    between->create_txg = vd->create_txg;
    list[0] = vd;
    put_at(vd->parent, vd->id, between);
    if (between->top == between)
        inherit_place(between, vd);
    put_at(between, 0, vd);
    *ret_vd = between;
    return 0;
}

void vdev_take_out(struct vdev *vd)
{
    struct vdev *parent = vd->parent;
    check(vdev_root_of(vd)->gate.changing && parent->nchildren > 1);
    check(parent->type != VDEV_RAIDZ && parent->type != VDEV_ROOT);
    parent->nchildren--;
    for (unsigned i = vd->id; i < parent->nchildren; i++)
        put_at(parent, i, parent->child[i + 1]);
    vd->parent = NULL;
    set_top(vd, vd);
}

void vdev_dissolve(struct vdev *vd)
{
    struct vdev *root = vdev_root_of(vd), *child = vd->child[0];
    check(root->gate.changing && vd->nchildren == 1 && vd->type != VDEV_RAIDZ);
    if (vd->top == vd) {
        inherit_place(child, vd);
        child->guid = vd->guid;
    }
    put_at(vd->parent, vd->id, child);
    vd->gate.dead = root->gate.dead;
    root->gate.dead = vd;
}
