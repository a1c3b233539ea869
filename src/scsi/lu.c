/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A logical unit: made on the home of its volume from what the volume's attributes remember,
 * and freed when nobody maps it any more and the last task has left it. While it lives it is the one whom the volume tells of
 * changes.
 */
#include "scsi/guard.h"

#include "base/check.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TASKS_DEFAULT 4096

/* The volume's notify(): on home, does not park. */
static void volume_notified(void *arg, unsigned what)
{
    struct scsi_lu *lu = arg;
    if (what & VOL_CHANGED_SIZE)
        ua_raise_all(lu, UA_CAPACITY_CHANGED, NULL);
    if (what & (VOL_CHANGED_THRESHOLD | VOL_CHANGED_SIZE))
        threshold_check_now(lu);
}

bool lu_has_naa(const struct scsi_lu *lu, const uint8_t *naa, uint8_t len)
{
    const struct scsi_identity *id = &lu->params.id;
    return len != 0 && len == id->naa_len && memcmp(naa, id->naa, len) == 0;
}

static struct scsi_lu *lu_alloc(const struct scsi_lu_params *p)
{
    struct scsi_lu *lu = calloc(1, sizeof(*lu));
    if (!lu)
        return NULL;
    lu->vol = p->volume;
    lu->home = p->volume->home;
    lu->params = *p;
    if (lu->params.max_tasks == 0)
        lu->params.max_tasks = MAX_TASKS_DEFAULT;
    list_init(&lu->itls);
    list_init(&lu->tasks);
    range_init(lu);
    list_init(&lu->copies);
    fmutex_init(&lu->meta);
    waitq_init(&lu->drained);
    waitgroup_init(&lu->background);
    lu->perf.idle_since = run_now();
    fs_init(lu);
    return lu;
}

static void lu_release(struct scsi_lu *lu)
{
    guard_free(lu);
    ident_free(lu);
    modes_free(lu);
    pr_free(lu);
    lu_ranges_fini(lu);
    free(lu->groups);
    free(lu->ports);
    free(lu);
}

static const struct load_step {
    int (*load)(struct scsi_lu *lu);
    const char *what;
} load_steps[] = {
    {modes_load, "saved mode pages"       },
    {pr_load,    "persistent reservations"},
    {ident_load, "identifying information"},
    {guard_load, "lease"                  }, /* the last: it may leave a fiber behind */
};

int scsi_lu_new(const struct scsi_lu_params *p, struct scsi_lu **ret_lu, struct err *reterr)
{
    check(p->volume->home == reactor_self());
    struct scsi_lu *lu = lu_alloc(p);
    if (!lu)
        return err_set(reterr, -ENOMEM, "volume %s: out of memory", p->volume->name);
    for (size_t i = 0; i < ARRAY_LEN(load_steps); i++) {
        int rc = load_steps[i].load(lu);
        if (rc < 0) {
            lu_release(lu);
            return err_set(reterr, rc, "volume %s: cannot read its %s: %s", p->volume->name,
                           load_steps[i].what, strerror(-rc));
        }
    }
    p->volume->notify = volume_notified;
    p->volume->notify_arg = lu;
    *ret_lu = lu;
    return 0;
}

void scsi_lu_free(struct scsi_lu *lu)
{
    while (!list_empty(&lu->itls))
        waitq_wait(&lu->drained, NO_DEADLINE, NULL);
    lu->vol->notify = NULL;
    lu->vol->notify_arg = NULL;
    fs_stop(lu);
    waitgroup_wait(&lu->background);
    lu_release(lu);
}

struct reactor *scsi_lu_home(const struct scsi_lu *lu)
{
    return lu->home;
}

struct volume *scsi_lu_volume(const struct scsi_lu *lu)
{
    return lu->vol;
}

const struct scsi_identity *scsi_lu_identity(const struct scsi_lu *lu)
{
    return &lu->params.id;
}

static int by_port_id(const void *a, const void *b)
{
    const struct scsi_target_port *x = a, *y = b;
    return (x->rel_port_id > y->rel_port_id) - (x->rel_port_id < y->rel_port_id);
}

static bool same_ports(const struct scsi_lu *lu, const struct scsi_target_port *ports,
                       unsigned n)
{
    if (n != lu->nports)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (by_port_id(&ports[i], &lu->ports[i]) != 0 ||
            ports[i].portal_group != lu->ports[i].portal_group ||
            ports[i].alua_group != lu->ports[i].alua_group ||
            strcmp(ports[i].name, lu->ports[i].name) != 0)
            return false;
    return true;
}

int scsi_lu_set_ports(struct scsi_lu *lu, const struct scsi_target_port *ports, unsigned n)
{
    struct scsi_target_port *copy = calloc(MAX(n, 1u), sizeof(*copy));
    if (!copy)
        return E(-ENOMEM);
    if (n != 0)
        memcpy(copy, ports, n * sizeof(*copy));
    qsort(copy, n, sizeof(*copy), by_port_id);
    bool changed = !same_ports(lu, copy, n);
    struct scsi_target_port *old = lu->ports;
    unsigned nold = lu->nports;
    lu->ports = copy;
    lu->nports = n;
    int rc = alua_set_ports(lu);
    if (rc < 0) {
        lu->ports = TAKE(old);
        lu->nports = nold;
        free(copy);
    } else if (changed) {
        ua_raise_all(lu, UA_INQUIRY_CHANGED, NULL); /* VPD 88, and the groups with it */
    }
    free(old);
    return rc;
}

void scsi_lu_stats(const struct scsi_lu *lu, struct scsi_lu_stats *ret_stats)
{
    *ret_stats = lu->stats;
    ret_stats->tasks = lu->ntasks;
}
