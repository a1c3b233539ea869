/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes for the control plane. What is known without the store is asked of the volume's home and
 * answered at once; the room that is left is asked of the store by an errand, and one that is late
 * makes the volume "busy" and is the last until it ends. So does a store that has not ended any operation for
 * STALLED_NS though it has some.
 */
#include "net/net_int.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPACE_MS   300  /* for a store to tell its room */
#define RESIZE_MS  8000 /* a file system may take its time to allocate */
#define RELEASE_MS 8000 /* commands that are under way get 5 s to end */
#define STALLED_NS (5 * NS_PER_SEC)

/* ---- what is known ----------------------------------------------------------------------- */

struct facts {
    struct open_volume *o;
    struct net_volume_info *info;
    bool open, busy;
};

static bool stalled(const struct volume_stats *s)
{
    return s->in_flight != 0 && run_now_precise() - s->alive > STALLED_NS;
}

static void facts_here(void *arg)
{
    struct facts *k = arg;
    struct open_volume *o = k->o;
    struct net_volume_info *i = k->info;
    struct scsi_lu_stats st;
    struct scsi_lease lease;
    k->open = open_volume_enter(o);
    if (!k->open)
        return;
    k->busy =
        (o->asking && run_now() - o->asked > SPACE_MS * NS_PER_MS) || stalled(o->vol->stats);
    i->geo = o->vol->geo;
    i->space = o->space;
    i->stats = *o->vol->stats;
    text_copy(i->serial, sizeof(i->serial), scsi_lu_identity(o->lu)->serial);
    scsi_lu_stats(o->lu, &st);
    i->commands = st.commands;
    i->reservation_conflicts = st.reservation_conflicts;
    i->caw = st.caw;
    i->caw_miscompares = st.caw_miscompares;
    i->caw_ns_max = st.caw_ns_max;
    i->registrations = st.registrations;
    i->pr_type = st.pr_type;
    scsi_lu_lease(o->lu, &lease);
    text_copy(i->lease, sizeof(i->lease), lease.host);
    i->lease_away = lease.away;
    i->lease_ends_ms = lease.ends_ms;
    text_copy(i->denied, sizeof(i->denied), lease.denied);
    i->ndenied = lease.ndenied;
    text_copy(i->unfit, sizeof(i->unfit), lease.unfit);
    open_volume_leave(o);
}

/* ---- room -------------------------------------------------------------------------------- */

struct asking {
    struct errand errand;
    struct open_volume *o;
    struct volume_space space;
};

static void ask_here(struct errand *e)
{
    struct asking *w = container_of(e, struct asking, errand);
    struct open_volume *o = w->o;
    if (!open_volume_enter(o))
        return;
    if (o->asking++ == 0)
        o->asked = run_now();
    if (volume_space(o->vol, &w->space) == 0)
        o->space = w->space;
    o->asking--;
    open_volume_leave(o);
}

static void asking_free(struct errand *e)
{
    struct asking *w = container_of(e, struct asking, errand);
    open_volume_put(w->o);
    free(w);
}

/* False: no answer in time. */
static bool ask_space(struct open_volume *o, struct patience *p, struct volume_space *ret_space)
{
    struct asking *w = calloc(1, sizeof(*w));
    if (!w)
        return true; /* what was known is not wrong */
    w->errand =
        (struct errand){.run = ask_here, .late = asking_free, .net = o->net, .home = o->home};
    w->o = o;
    w->space = *ret_space;
    o->refs++;
    if (errand_run(&w->errand, p) < 0)
        return false;
    *ret_space = w->space;
    asking_free(&w->errand);
    return true;
}

/* ---- answers ----------------------------------------------------------------------------- */

/* What reactor 0 knows; *ret_open is held until it is put. */
static void begin_info(const struct net *net, struct served_volume *v,
                       struct net_volume_info *i, struct open_volume **ret_open)
{
    memset(i, 0, sizeof(*i));
    text_copy(i->name, sizeof(i->name), v->cfg.name);
    text_copy(i->reason, sizeof(i->reason), v->reason);
    i->state = served_closing(net, v) ? NET_VOL_CLOSING : NET_VOL_WAITING;
    i->reactor = v->home ? reactor_index(v->home) : 0;
    *ret_open = v->open;
    if (v->open) {
        v->open->refs++;
        i->reason[0] = '\0';
        text_copy(i->naa, sizeof(i->naa), v->open->naa);
    }
}

/* What it knows itself. Puts o, which may be NULL. Parks. */
static void complete_info(struct net_volume_info *i, struct open_volume *o, struct patience *p)
{
    struct facts k = {.o = o, .info = i};
    if (!o)
        return;
    call_on(o->home, facts_here, &k);
    if (k.open) {
        k.busy = k.busy || !ask_space(o, p, &i->space);
        i->state = k.busy ? NET_VOL_BUSY : NET_VOL_ONLINE;
    }
    if (k.busy)
        text_copy(i->reason, sizeof(i->reason), "its store does not answer");
    open_volume_put(o);
}

/* One that is configured no more and has not closed yet. */
static void closing_info(const struct open_volume *o, struct net_volume_info *i)
{
    memset(i, 0, sizeof(*i));
    text_copy(i->name, sizeof(i->name), o->name);
    text_copy(i->naa, sizeof(i->naa), o->naa);
    text_copy(i->reason, sizeof(i->reason), "its store does not answer");
    i->state = NET_VOL_CLOSING;
    i->reactor = reactor_index(o->home);
}

static unsigned count(const struct net *net)
{
    unsigned n = 0;
    const struct list *l;
    for (l = net->volumes.next; l != &net->volumes; l = l->next)
        n++;
    for (l = net->closing.next; l != &net->closing; l = l->next)
        n++;
    return n;
}

int net_volumes(struct net *net, struct net_volume_info **ret_volumes, unsigned *ret_n)
{
    unsigned all = count(net), n = 0, nclosing = 0;
    struct net_volume_info *out = calloc(all + 1, sizeof(*out));
    struct open_volume **open = calloc(all + 1, sizeof(struct open_volume *)), *o;
    struct served_volume *v;
    struct patience patience = {SPACE_MS};
    if (!out || !open) {
        free(out);
        free(open);
        return -ENOMEM;
    }
    list_for_each (v, &net->volumes, node) {
        begin_info(net, v, &out[n], &open[n]);
        n++;
    }
    list_for_each (o, &net->closing, node)
        if (!served_find(net, &o->id) && !served_by_name(net, o->name))
            closing_info(o, &out[n + nclosing++]);
    for (unsigned k = 0; k < n; k++)
        complete_info(&out[k], open[k], &patience);
    free(open);
    *ret_volumes = out;
    *ret_n = n + nclosing;
    return 0;
}

int net_volume(struct net *net, const char *name, struct net_volume_info *ret_volume)
{
    struct served_volume *v = served_by_name(net, name);
    struct open_volume *o;
    struct patience patience = {SPACE_MS};
    if (!v)
        return -ENOENT;
    begin_info(net, v, ret_volume, &o);
    complete_info(ret_volume, o, &patience);
    return 0;
}

/* ---- another size ------------------------------------------------------------------------ */

struct resizing {
    struct errand errand;
    struct open_volume *o;
    uint64_t size;
    int result;
};

static void resize_here(struct errand *e)
{
    struct resizing *w = container_of(e, struct resizing, errand);
    struct open_volume *o = w->o;
    w->result = -EBUSY;
    if (o->resizing || !open_volume_enter(o))
        return;
    o->resizing = true;
    w->result = volume_resize(o->vol, w->size);
    o->resizing = false;
    open_volume_leave(o);
}

static void resizing_free(struct errand *e)
{
    struct resizing *w = container_of(e, struct resizing, errand);
    open_volume_put(w->o);
    free(w);
}

static int resize(struct open_volume *o, uint64_t size, struct err *reterr)
{
    struct resizing *w = calloc(1, sizeof(*w));
    if (!w)
        return err_set(reterr, -ENOMEM, "volume %s: out of memory", o->name);
    w->errand = (struct errand){
        .run = resize_here, .late = resizing_free, .net = o->net, .home = o->home};
    w->o = o;
    w->size = size;
    o->refs++;
    if (errand_run(&w->errand, &(struct patience){RESIZE_MS}) < 0)
        return err_set(
            reterr, -ETIMEDOUT,
            "volume %s: its store has not answered yet and may still do it: repeat it "
            "later",
            o->name);
    int r = w->result;
    if (r == -EBUSY)
        err_set(reterr, r, "volume %s: it is being resized or closed", o->name);
    else if (r < 0)
        err_set(reterr, r, "volume %s: cannot be resized: %s", o->name, strerror(-r));
    resizing_free(&w->errand);
    return r;
}

int net_volume_resize(struct net *net, const char *name, uint64_t size, struct err *reterr)
{
    struct served_volume *v = served_by_name(net, name);
    if (!v || !v->open)
        return err_set(reterr, -ENOENT, "volume %s: %s", name,
                       v ? "not available now" : "no such volume");
    return resize(v->open, size, reterr);
}

/* ---- leases ------------------------------------------------------------------------------ */

static_assert(CFG_NAME_LEN == SCSI_NAME_LEN, "hosts have the same names");

struct releasing {
    struct errand errand;
    struct open_volume *o;
    bool force;
    char host[SCSI_NAME_LEN];
    int result;
};

static void release_here(struct errand *e)
{
    struct releasing *w = container_of(e, struct releasing, errand);
    w->result = -EAGAIN;
    if (!open_volume_enter(w->o))
        return;
    w->result = scsi_lu_release(w->o->lu, w->force, w->host);
    open_volume_leave(w->o);
}

static void releasing_free(struct errand *e)
{
    struct releasing *w = container_of(e, struct releasing, errand);
    open_volume_put(w->o);
    free(w);
}

static int released(const struct releasing *w, struct err *reterr)
{
    const char *name = w->o->name;
    switch (w->result) {
    case 0:
        return 0;
    case -ENOENT:
        return err_set(reterr, -ENOENT, "volume %s: no host has its lease", name);
    case -EBUSY:
        return err_set(reterr, -EBUSY,
                       "volume %.50s: host %.60s has sessions: log it out, or add --force: "
                       "its commands fail from then on",
                       name, w->host);
    default:
        return err_set(reterr, w->result,
                       "volume %.50s: the lease of host %.50s is not released for good: %.60s",
                       name, w->host, strerror(-w->result));
    }
}

int net_lease_release(struct net *net, const char *name, bool force,
                      char ret_host[CFG_NAME_LEN], struct err *reterr)
{
    struct served_volume *v = served_by_name(net, name);
    struct releasing *w = v && v->open ? calloc(1, sizeof(*w)) : NULL;
    if (!v || !v->open)
        return err_set(reterr, -EAGAIN, "volume %s is not available now", name);
    if (!w)
        return err_set(reterr, -ENOMEM, "volume %s: out of memory", name);
    w->errand = (struct errand){
        .run = release_here, .late = releasing_free, .net = net, .home = v->open->home};
    w->o = v->open;
    w->force = force;
    w->o->refs++;
    if (errand_run(&w->errand, &(struct patience){RELEASE_MS}) < 0)
        return err_set(
            reterr, -ETIMEDOUT,
            "volume %s: its store has not answered yet and it may still happen: look "
            "again later",
            name);
    text_copy(ret_host, CFG_NAME_LEN, w->host);
    int r = released(w, reterr);
    releasing_free(&w->errand);
    return r;
}
