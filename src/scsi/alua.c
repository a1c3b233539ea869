/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Target port groups (SPC-4 5.15): REPORT and SET TARGET PORT GROUPS. One LU has one set of
 * states, which every path reports alike; hosts ask any one path and believe it for all. All
 * groups start as the operator wants them, active/optimized unless he says otherwise. An
 * initiator may change one, which lasts until he wants another state or the LU is made anew. On the LU's home; only the parameter list
 * of SET TARGET PORT GROUPS parks.
 */
#include "scsi/ops.h"
#include "wire/scsi_report.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

#define RTPG_MAX 65536
#define STPG_MAX (STPG_HEADER_LEN + 256 * sizeof(struct scsi_stpg_entry))

/* ---- states ------------------------------------------------------------------------------ */

static struct scsi_alua_group *find(const struct scsi_lu *lu, uint16_t id)
{
    for (unsigned i = 0; i < lu->ngroups; i++)
        if (lu->groups[i].id == id)
            return &lu->groups[i];
    return NULL;
}

enum scsi_alua_state alua_state(const struct scsi_lu *lu, uint16_t group)
{
    const struct scsi_alua_group *g = find(lu, group);
    return g ? g->state : ALUA_OPTIMIZED;
}

static int by_id(const void *a, const void *b)
{
    const struct scsi_alua_group *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static bool is_listed(const struct scsi_alua_group *groups, unsigned n, uint16_t id)
{
    for (unsigned i = 0; i < n; i++)
        if (groups[i].id == id)
            return true;
    return false;
}

/* The group of a port. A state that is wanted anew is an implicit change (SPC-4 5.16.2.3): hosts are told. */
static struct scsi_alua_group regroup(const struct scsi_alua_group *old,
                                      const struct scsi_target_port *port, bool *ret_told)
{
    struct scsi_alua_group g = {port->alua_group, port->wanted, port->wanted, RTPG_STATUS_NONE};
    if (old && old->wanted == port->wanted)
        return *old;
    if (old && old->state != port->wanted) {
        g.status = RTPG_STATUS_IMPLICIT;
        *ret_told = true;
    }
    return g;
}

int alua_set_ports(struct scsi_lu *lu)
{
    struct scsi_alua_group *groups = calloc(MAX(lu->nports, 1u), sizeof(*groups));
    unsigned n = 0;
    bool told = false;
    if (!groups)
        return E(-ENOMEM);
    for (unsigned i = 0; i < lu->nports; i++) {
        uint16_t id = lu->ports[i].alua_group;
        const struct scsi_alua_group *old = find(lu, id);
        if (!is_listed(groups, n, id))
            groups[n++] = regroup(old, &lu->ports[i], &told);
    }
    qsort(groups, n, sizeof(*groups), by_id);
    free(lu->groups);
    lu->groups = groups;
    lu->ngroups = n;
    if (told)
        ua_raise_all(lu, UA_ALUA_CHANGED, NULL);
    return 0;
}

/* ---- REPORT TARGET PORT GROUPS ----------------------------------------------------------- */

static void report_group(const struct scsi_lu *lu, const struct scsi_alua_group *g,
                         struct wbuf *w)
{
    struct scsi_rtpg_group d = {
        .state = (uint8_t)g->state,
        .supported = RTPG_SUP_OPTIMIZED | RTPG_SUP_NON_OPTIMIZED | RTPG_SUP_STANDBY,
        .group = be16_make(g->id),
        .status = g->status,
    };
    for (unsigned i = 0; i < lu->nports; i++)
        d.nports = (uint8_t)(d.nports + (lu->ports[i].alua_group == g->id));
    wb_bytes(w, &d, sizeof(d));
    for (unsigned i = 0; i < lu->nports; i++) {
        struct scsi_rtpg_port p = {.rel_port_id = be16_make(lu->ports[i].rel_port_id)};
        if (lu->ports[i].alua_group == g->id)
            wb_bytes(w, &p, sizeof(p));
    }
}

void op_report_tpg(struct scsi_lu *lu, struct scsi_task *t)
{
    size_t alloc = load_be32(t->cdb + 6);
    uint8_t format = t->cdb[1] >> RTPG_FORMAT_SHIFT;
    struct wbuf w;
    if (format > RTPG_EXTENDED) {
        task_bad_cdb(t, 1, 7);
        return;
    }
    if (!task_wbuf(t, alloc, RTPG_MAX, &w))
        return;
    if (format == RTPG_EXTENDED) {
        struct scsi_rtpg_extended h = {.format = RTPG_EXTENDED_TYPE};
        wb_bytes(&w, &h, sizeof(h));
    } else {
        wb_be32(&w, 0);
    }
    for (unsigned i = 0; i < lu->ngroups; i++)
        report_group(lu, &lu->groups[i], &w);
    wb_patch_be32(&w, 0, (uint32_t)(w.len - sizeof(be32)));
    task_reply(t, &w, alloc);
}

/* ---- SET TARGET PORT GROUPS -------------------------------------------------------------- */

struct change {
    const struct scsi_stpg_entry *entry;
    size_t n;
};

/* All or nothing. False: the task has ended. */
static bool check_change(const struct scsi_lu *lu, struct scsi_task *t, const struct change *c)
{
    for (size_t i = 0; i < c->n; i++) {
        uint16_t at = (uint16_t)(STPG_HEADER_LEN + i * sizeof(*c->entry));
        if ((c->entry[i].state & 0x0f) > ALUA_STANDBY) {
            task_bad_param(t, at, 3);
            return false;
        }
        if (!find(lu, be16_get(c->entry[i].group))) {
            task_bad_param(t, (uint16_t)(at + offsetof(struct scsi_stpg_entry, group)), -1);
            return false;
        }
    }
    return true;
}

static void apply(struct scsi_lu *lu, const struct scsi_itl *by, const struct change *c)
{
    bool changed = false;
    for (size_t i = 0; i < c->n; i++) {
        struct scsi_alua_group *g = find(lu, be16_get(c->entry[i].group));
        enum scsi_alua_state state = (enum scsi_alua_state)(c->entry[i].state & 0x0f);
        check(g); /* check_change() found it */
        changed |= g->state != state;
        g->state = state;
        g->status = RTPG_STATUS_BY_SET;
    }
    if (changed)
        ua_raise_all(lu, UA_ALUA_CHANGED, by);
}

void op_set_tpg(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t list[STPG_MAX];
    size_t len = load_be32(t->cdb + 6);
    if (len == 0) {
        task_good(t);
        return;
    }
    if (len < STPG_HEADER_LEN || len > sizeof(list) ||
        (len - STPG_HEADER_LEN) % sizeof(struct scsi_stpg_entry) != 0) {
        task_bad_cdb(t, 6, -1);
        return;
    }
    if (!task_param_list(t, list, len))
        return;
    struct change c = {(const void *)(list + STPG_HEADER_LEN),
                       (len - STPG_HEADER_LEN) / sizeof(struct scsi_stpg_entry)};
    if (!check_change(lu, t, &c) || !task_commit(t))
        return;
    apply(lu, t->itl, &c);
    task_good(t);
}
