/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An I_T nexus: the map from LUN to LU of one session. The map belongs to the nexus's home;
 * what an I_T_L nexus (struct scsi_itl) means to its LU belongs to the LU's. A command hops
 * there and back with call_on(), which is a plain call when both live on one reactor.
 *
 * An ITL is unmapped in three steps: it leaves the map (no new command finds it), the LU aborts
 * its tasks and forgets it with the last of them, and the last command that was on its way comes
 * home (executing), which frees it. Only the first is waited for: a volume that does not answer
 * holds up nobody who wants to be rid of it.
 */
#include "scsi/guard.h"
#include "scsi/ops.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE_LUNS 256u
#define PAGES     ((SCSI_MAX_LUN + 1u) / PAGE_LUNS)

struct host_name {
    struct host_name *before;
    char name[SCSI_NAME_LEN];
};

struct scsi_nexus {
    struct reactor *home;
    struct scsi_nexus_params params;
    struct host_name *host;         /* its host, and those before: leaving ITLs may name them */
    bool farewell;                  /* the initiator logged out */
    struct list itls, leaving;      /* of struct scsi_itl: mapped, and no more */
    struct waitq left;              /* one of leaving is gone */
    unsigned settling;              /* who waits there */
    unsigned held;                  /* by copies of other nexuses */
    struct scsi_itl **pages[PAGES]; /* the map, in pages that are made when needed */
    /* UA REPORTED LUNS DATA HAS CHANGED was raised since the last report */
    bool inventory_changed;
};

static bool push_host(struct scsi_nexus *n, const char *name)
{
    struct host_name *h = calloc(1, sizeof(*h));
    if (!h || !text_copy(h->name, sizeof(h->name), name[0] ? name : n->params.initiator.name)) {
        free(h);
        return false;
    }
    h->before = n->host;
    n->host = h;
    return true;
}

int scsi_nexus_new(const struct scsi_nexus_params *p, struct scsi_nexus **ret_nexus)
{
    struct scsi_nexus *n = calloc(1, sizeof(*n));
    if (!n)
        return E(-ENOMEM);
    n->home = reactor_self();
    n->params = *p;
    if (!push_host(n, p->host)) {
        free(n);
        return E(-ENOMEM);
    }
    list_init(&n->itls);
    list_init(&n->leaving);
    waitq_init(&n->left);
    *ret_nexus = n;
    return 0;
}

void scsi_nexus_move(struct scsi_nexus *n, struct reactor *home)
{
    const struct scsi_itl *itl;
    list_for_each (itl, &n->itls, on_nexus)
        check(itl->executing == 0);
    n->home = home;
}

struct reactor *scsi_nexus_home(const struct scsi_nexus *n)
{
    return n->home;
}

const struct scsi_nexus_params *nexus_params(const struct scsi_nexus *n)
{
    return &n->params;
}

struct scsi_itl *nexus_itl(const struct scsi_nexus *n, uint16_t lun)
{
    struct scsi_itl **page = lun <= SCSI_MAX_LUN ? n->pages[lun / PAGE_LUNS] : NULL;
    return page ? page[lun % PAGE_LUNS] : NULL;
}

bool nexus_find(const struct scsi_nexus *n, const uint8_t lun[8], struct scsi_itl **ret_itl)
{
    uint16_t number;
    if (!scsi_lun_decode(lun, &number))
        return false;
    *ret_itl = nexus_itl(n, number);
    return *ret_itl != NULL;
}

bool nexus_next_lun(const struct scsi_nexus *n, uint32_t from, uint16_t *ret_lun)
{
    while (from <= SCSI_MAX_LUN) {
        if (!n->pages[from / PAGE_LUNS]) {
            from = (from / PAGE_LUNS + 1) * PAGE_LUNS;
            continue;
        }
        if (nexus_itl(n, (uint16_t)from)) {
            *ret_lun = (uint16_t)from;
            return true;
        }
        from++;
    }
    return false;
}

bool scsi_nexus_maps(const struct scsi_nexus *n, const uint8_t *naa, uint8_t len,
                     uint16_t *ret_lun)
{
    for (uint32_t from = 0; nexus_next_lun(n, from, ret_lun); from = *ret_lun + 1u) {
        const struct scsi_itl *itl = nexus_itl(n, *ret_lun);
        if (itl->lu && lu_has_naa(itl->lu, naa, len))
            return true;
    }
    return false;
}

void scsi_nexus_hold(struct scsi_nexus *n)
{
    n->held++;
}

void scsi_nexus_release(struct scsi_nexus *n)
{
    check_cmp(n->held, >, 0u);
    if (--n->held == 0)
        waitq_wake_all(&n->left);
}

void nexus_itl_hold(struct scsi_itl *itl)
{
    itl->executing++;
}

void nexus_itl_release(struct scsi_itl *itl)
{
    check_cmp(itl->executing, >, 0u);
    if (--itl->executing != 0 || !itl->unmapped)
        return;
    list_remove(&itl->on_nexus);
    waitq_wake_all(&itl->nexus->left);
    free(itl);
}

/* ---- on the LU's home -------------------------------------------------------------------- */

static void attach(void *arg)
{
    struct scsi_itl *itl = arg;
    list_push(&itl->lu->itls, &itl->on_lu);
    ua_raise(itl, UA_POWER_ON);
    guard_attach(itl->lu, itl);
}

static void detach(void *arg)
{
    struct scsi_itl *itl = arg;
    lu_leave(itl->lu, itl);
}

/* The nexus stays: what this ends is answered, or the initiator would wait for its timeout. */
static void detach_answering(void *arg)
{
    struct scsi_itl *itl = arg;
    itl->answers = true;
    detach(itl);
}

static void detach_farewell(void *arg)
{
    struct scsi_itl *itl = arg;
    itl->farewell = true;
    detach(itl);
}

static void rehost(void *arg)
{
    struct scsi_itl *itl = arg;
    guard_rehost(itl->lu, itl, itl->nexus->host->name);
}

static void raise_luns_changed(void *arg)
{
    ua_raise(arg, UA_LUNS_CHANGED);
}

static void clear_luns_changed(void *arg)
{
    struct scsi_itl *itl = arg;
    itl->ua &= ~(1u << UA_LUNS_CHANGED);
}

/* ---- the map ----------------------------------------------------------------------------- */

/* Calls fn on the home of each LU of the nexus, save that of except. By number: the map may
 * change while we wait. */
static void each_lu(struct scsi_nexus *n, void (*fn)(void *arg), const struct scsi_itl *except)
{
    uint16_t lun;
    for (uint32_t from = 0; nexus_next_lun(n, from, &lun); from = lun + 1u) {
        struct scsi_itl *itl = nexus_itl(n, lun);
        if (itl == except || !itl->lu)
            continue;
        nexus_itl_hold(itl);
        call_on(itl->lu->home, fn, itl);
        nexus_itl_release(itl);
    }
}

static void announce_inventory(struct scsi_nexus *n, const struct scsi_itl *except)
{
    n->inventory_changed = true;
    each_lu(n, raise_luns_changed, except);
}

void nexus_inventory_told(struct scsi_nexus *n)
{
    if (!n->inventory_changed)
        return;
    n->inventory_changed = false;
    each_lu(n, clear_luns_changed, NULL);
}

static struct scsi_itl **map_slot(struct scsi_nexus *n, uint16_t lun)
{
    struct scsi_itl ***page = &n->pages[lun / PAGE_LUNS];
    if (!*page)
        *page = calloc(PAGE_LUNS, sizeof(**page));
    return *page ? *page + lun % PAGE_LUNS : NULL;
}

static struct scsi_itl *itl_new(struct scsi_nexus *n, uint16_t lun, struct scsi_lu *lu)
{
    struct scsi_itl *itl = calloc(1, sizeof(*itl));
    if (!itl)
        return NULL;
    itl->lu = lu;
    itl->nexus = n;
    itl->who = &n->params;
    itl->host = n->host->name;
    itl->lun = lun;
    list_init(&itl->on_lu);
    list_init(&itl->on_nexus);
    return itl;
}

/* Out of the map already. Our own hop counts, so that it is freed here or later. Parks. */
static void itl_retire(struct scsi_itl *itl, void (*leave)(void *arg))
{
    list_push(&itl->nexus->leaving, &itl->on_nexus);
    itl->unmapped = true;
    nexus_itl_hold(itl);
    if (itl->lu)
        call_on(itl->lu->home, leave, itl);
    nexus_itl_release(itl);
}

int scsi_nexus_map(struct scsi_nexus *n, uint16_t lun, struct scsi_lu *lu, bool announce)
{
    if (lun > SCSI_MAX_LUN)
        return E(-EINVAL);
    struct scsi_itl **slot = map_slot(n, lun);
    if (!slot)
        return E(-ENOMEM);
    struct scsi_itl *placeholder = *slot;
    /* Only a volume that came may take the place of one to come. */
    if (placeholder && (placeholder->lu || !lu))
        return E(-EEXIST);
    struct scsi_itl *itl = itl_new(n, lun, lu);
    if (!itl)
        return E(-ENOMEM);
    if (placeholder)
        list_remove(&placeholder->on_nexus);
    /* In the map before it is attached: commands that find it hop behind the hop of attach().
     * */
    *slot = itl;
    list_push(&n->itls, &itl->on_nexus);
    nexus_itl_hold(itl);
    if (lu)
        call_on(lu->home, attach, itl);
    if (announce)
        announce_inventory(n, itl);
    nexus_itl_release(itl);
    if (placeholder)
        itl_retire(placeholder, detach);
    return 0;
}

static void unmap(struct scsi_nexus *n, struct scsi_itl *itl, void (*leave)(void *arg))
{
    n->pages[itl->lun / PAGE_LUNS][itl->lun % PAGE_LUNS] = NULL;
    list_remove(&itl->on_nexus);
    itl_retire(itl, leave);
}

static bool disown(struct scsi_nexus *n, uint16_t lun)
{
    struct scsi_itl *itl;
    list_for_each (itl, &n->leaving, on_nexus) {
        if (itl->lun == lun && !itl->disowned) {
            itl->disowned = true;
            waitq_wake_all(&n->left);
            return true;
        }
    }
    return false;
}

int scsi_nexus_unmap(struct scsi_nexus *n, uint16_t lun, bool announce)
{
    struct scsi_itl *itl = nexus_itl(n, lun);
    if (!itl)
        return disown(n, lun) ? 0 : E(-ENOENT);
    itl->disowned = true;
    unmap(n, itl, detach_answering);
    if (announce)
        announce_inventory(n, NULL);
    return 0;
}

void scsi_nexus_close(struct scsi_nexus *n)
{
    struct scsi_itl *itl;
    while ((itl = list_first(&n->itls, struct scsi_itl, on_nexus)))
        unmap(n, itl, n->farewell ? detach_farewell : detach);
}

void scsi_nexus_farewell(struct scsi_nexus *n)
{
    n->farewell = true;
}

int scsi_nexus_set_host(struct scsi_nexus *n, const char *host)
{
    if (strcmp(n->host->name, host) == 0)
        return 0;
    if (!push_host(n, host))
        return E(-ENOMEM);
    each_lu(n, rehost, NULL);
    return 0;
}

static bool is_settled(const struct scsi_nexus *n, bool unmapped_too)
{
    const struct scsi_itl *itl;
    list_for_each (itl, &n->leaving, on_nexus)
        if (!itl->disowned || (unmapped_too && !itl->late))
            return false;
    return true;
}

int scsi_nexus_settle(struct scsi_nexus *n, bool unmapped_too, uint64_t deadline)
{
    struct scsi_itl *itl;
    int rc = 0;
    n->settling++;
    while (rc == 0 && !is_settled(n, unmapped_too))
        rc = waitq_wait(&n->left, deadline, NULL);
    if (rc < 0)
        list_for_each (itl, &n->leaving, on_nexus)
            itl->late = true;
    n->settling--;
    waitq_wake_all(&n->left);
    return rc;
}

void scsi_nexus_free(struct scsi_nexus *n)
{
    scsi_nexus_close(n);
    while (!list_empty(&n->leaving) || n->settling != 0 || n->held != 0)
        waitq_wait(&n->left, NO_DEADLINE, NULL);
    for (size_t i = 0; i < PAGES; i++)
        free(n->pages[i]);
    for (struct host_name *h = n->host, *before; h; h = before) {
        before = h->before;
        free(h);
    }
    free(n);
}

/* ---- commands ---------------------------------------------------------------------------- */

static void execute_on_lu(void *arg)
{
    struct scsi_task *t = arg;
    lu_execute(t->itl->lu, t);
}

/* Nothing is mapped there, or its volume is not there yet, or it is a question about the nexus
 * itself. */
static void execute_without_lu(struct scsi_task *t)
{
    bool known;
    if (!t->op)
        t->op = scsi_op_find(t->cdb, &known);
    if (t->op && t->op->flags & OP_NO_LU) {
        if (cdb_check(NULL, t))
            t->op->execute(NULL, t);
    } else if (t->itl) {
        task_check(t, SK_NOT_READY, ASC_BECOMING_READY);
    } else {
        task_check(t, SK_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
    }
    t->outcome = SCSI_DONE;
}

static void task_begin(struct scsi_task *t)
{
    list_init(&t->on_lu);
    cancel_init(&t->cancel);
    waitq_init(&t->blocked);
    t->op = NULL;
    t->enabled = t->committed = t->aborting = t->fenced = t->tas = false;
    t->status = SCSI_STATUS_GOOD;
    t->sense_len = 0;
    t->data_len = 0;
    t->data_is_out = false;
}

void nexus_execute_as(struct scsi_nexus *n, struct scsi_task *t, const struct scsi_op *op)
{
    struct scsi_itl *itl = NULL;
    task_begin(t);
    t->op = op;
    nexus_find(n, t->lun, &itl);
    t->itl = itl;
    if (!itl || !itl->lu || t->cdb[0] == OPCODE_REPORT_LUNS) {
        execute_without_lu(t);
        return;
    }
    nexus_itl_hold(itl);
    call_on(itl->lu->home, execute_on_lu, t);
    nexus_itl_release(itl);
}

void scsi_nexus_execute(struct scsi_nexus *n, struct scsi_task *t)
{
    nexus_execute_as(n, t, NULL);
}
