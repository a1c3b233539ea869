/* SPDX-License-Identifier: BSD-2-Clause */
/* Disk faults on order, by path: they hold for files opened before or after. */
#include "run/sim/sim_int.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

struct sim_fault {
    struct list node;
    struct {
        uint32_t one_in;
        int err; /* negative errno */
    } kind[3];
    uint64_t stalled_until;
    unsigned unplugs;
    bool away;
    char path[];
};

static struct sim_fault *fault_find(struct sim_world *w, const char *path)
{
    struct sim_fault *f;
    list_for_each (f, &w->faults, node) {
        if (strcmp(f->path, path) == 0)
            return f;
    }
    return NULL;
}

static struct sim_fault *fault_make(struct sim_world *w, const char *path)
{
    struct sim_fault *f = fault_find(w, path);
    if (f)
        return f;
    size_t len = strlen(path) + 1;
    f = calloc(1, sizeof(*f) + len);
    check(f);
    memcpy(f->path, path, len);
    list_push(&w->faults, &f->node);
    return f;
}

void sim_faults_drop(struct sim_world *w)
{
    struct sim_fault *f, *tmp;
    list_for_each_safe (f, tmp, &w->faults, node) {
        list_remove(&f->node);
        free(f);
    }
}

static void fault_set(struct run *run, const char *path, enum sim_fault_kind kind,
                      unsigned one_in, int err)
{
    struct sim_fault *f = fault_make(sim_world_of(run), path);
    f->kind[kind].one_in = one_in;
    f->kind[kind].err = err > 0 ? -err : err;
}

void sim_fail_reads(struct run *run, const char *path, unsigned one_in, int err)
{
    fault_set(run, path, SIM_FAULT_READ, one_in, err);
}

void sim_fail_writes(struct run *run, const char *path, unsigned one_in, int err)
{
    fault_set(run, path, SIM_FAULT_WRITE, one_in, err);
}

void sim_fail_flush(struct run *run, const char *path, unsigned one_in, int err)
{
    fault_set(run, path, SIM_FAULT_FLUSH, one_in, err);
}

void sim_fail_names(struct run *run, unsigned one_in, int err)
{
    struct sim_world *w = sim_world_of(run);
    w->names_one_in = one_in;
    w->names_err = err > 0 ? -err : err;
}

int sim_fault_draw_name(struct sim_world *w)
{
    if (!sim_rand_one_in(&w->io, w->names_one_in))
        return 0;
    w->stats.errors_injected++;
    sim_note(w, "name fault", 0, (uint64_t)-w->names_err);
    return w->names_err;
}

void sim_stall_disk(struct run *run, const char *path, uint64_t until)
{
    fault_make(sim_world_of(run), path)->stalled_until = until;
}

int sim_fault_draw(struct sim_world *w, const char *path, enum sim_fault_kind kind)
{
    const struct sim_fault *f = fault_find(w, path);
    if (!f || !sim_rand_one_in(&w->io, f->kind[kind].one_in))
        return 0;
    w->stats.errors_injected++;
    sim_note(w, "fault", kind, (uint64_t)-f->kind[kind].err);
    return f->kind[kind].err;
}

uint64_t sim_fault_stalled_until(struct sim_world *w, const char *path)
{
    const struct sim_fault *f = fault_find(w, path);
    return f ? f->stalled_until : 0;
}

void sim_unplug(struct run *run, const char *path)
{
    struct sim_world *w = sim_world_of(run);
    struct sim_fault *f = fault_make(w, path);
    struct sim_inode *in = sim_names_find(w->disks, path);
    struct sim_settled sum = {0};
    check(in && !f->away);
    f->away = true;
    f->unplugs++;
    sim_inode_cut(in, SIM_CUT_SUBSET, &w->io, &sum);
    sim_note(w, "unplug", in->ino, sum.lost);
}

void sim_plug(struct run *run, const char *path)
{
    struct sim_world *w = sim_world_of(run);
    fault_make(w, path)->away = false;
    sim_note(w, "plug", 0, 0);
}

bool sim_is_unplugged(struct run *run, const char *path)
{
    bool away;
    sim_fault_unplugs(sim_world_of(run), path, &away);
    return away;
}

unsigned sim_fault_unplugs(struct sim_world *w, const char *path, bool *ret_away)
{
    const struct sim_fault *f = fault_find(w, path);
    *ret_away = f && f->away;
    return f ? f->unplugs : 0;
}

void sim_rot(struct run *run, const char *path, uint64_t off, uint64_t len)
{
    struct sim_world *w = sim_world_of(run);
    struct sim_inode *in = sim_names_find(w->disks, path);
    check(in);
    sim_inode_rot(in, off, len, &w->io);
    sim_note(w, "rot", off, len);
}
