/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attach guard: which hosts may use the LU at the same time. A host is a set of initiators, so
 * that all its paths count as one.
 *
 * Under SCSI_EXCLUSIVE one host holds a lease: the first that maps the LU, or when it is free the
 * next one that maps it or wants at its medium. Which commands others may still send is a column of
 * the op table (GUARD_ANY); all else is answered 05/20/02. The lease ends when the host's last
 * session logs out, when the operator takes it away, or when the host has had no session for a
 * while during which it could have come back.
 *
 * The lease lies with the volume, as attribute scsi.lease "1 HOST", from before the holder's first
 * access on. What is in memory counts; what is on the volume follows it, written by whoever is about
 * to rely on it, or in the background when a lease ends. A crash in between leaves a lease of a host
 * that has left or was denied nothing: too much is guarded for a while, never too little.
 *
 * An access that was granted is remembered with the version of the state that granted it, so that
 * a command costs one comparison. On the LU's home; guard_load(), guard_check(),
 * scsi_lu_set_guard() and scsi_lu_release() park.
 */
#include "scsi/guard.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ATTR       "scsi.lease"
#define FORMAT     "1 "
#define DENIED_MAX 32 /* hosts that are remembered */

struct denied {
    struct list node;
    char host[SCSI_NAME_LEN];
};

struct guard {
    struct scsi_lu *lu;
    enum scsi_guard_policy policy;
    char *hosts;                /* of a cluster, a blank between them; NULL: all */
    uint64_t absence;           /* ns that the holder may be away, 0: for ever */
    uint64_t version;           /* of all that decides about access; 0 is no state's */
    char holder[SCSI_NAME_LEN]; /* "": the lease is free */
    char stored[SCSI_NAME_LEN]; /* the holder as the volume has it */
    bool unsure;                /* a save failed: the volume may have either */
    struct fmutex saving;
    struct timer expiry; /* armed while the holder is away and could come */
    struct list denied;  /* of struct denied, newest first: told since the state changed */
    unsigned ndenied;
};

/* ---- who --------------------------------------------------------------------------------- */

/* Whether the words of list have it among them. */
static bool listed(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (strcspn(p, " ") == len && memcmp(p, word, len) == 0)
            return true;
    return false;
}

/* Tasks in it count: what they write lands as that host's. */
static bool is_present(const struct scsi_lu *lu, const char *host)
{
    const struct scsi_itl *itl;
    list_for_each (itl, &lu->itls, on_lu)
        if (strcmp(itl->host, host) == 0)
            return true;
    return false;
}

bool guard_has_access(const struct scsi_lu *lu, const struct scsi_itl *itl)
{
    const struct guard *g = lu->guard;
    switch (g->policy) {
    case SCSI_EXCLUSIVE:
        return !itl->barred &&
               (!g->holder[0] || itl->heir || strcmp(g->holder, itl->host) == 0);
    case SCSI_CLUSTER:
        return !g->hosts || listed(g->hosts, itl->host);
    case SCSI_READ_SHARED:
        break;
    }
    return true;
}

enum scsi_guard_policy guard_policy_of(const struct scsi_lu *lu)
{
    return lu->guard->policy;
}

bool guard_write_protects(const struct scsi_lu *lu)
{
    return lu->guard->policy == SCSI_READ_SHARED;
}

/* ---- the volume follows ------------------------------------------------------------------ */

static bool is_saved(const struct guard *g)
{
    return !g->unsure && strcmp(g->stored, g->holder) == 0;
}

static int save_once(struct guard *g)
{
    char holder[SCSI_NAME_LEN], text[sizeof(FORMAT) + SCSI_NAME_LEN];
    text_copy(holder, sizeof(holder), g->holder);
    snprintf(text, sizeof(text), FORMAT "%s", holder);
    int rc = volume_set_attr(g->lu->vol, ATTR, holder[0] ? text : NULL);
    if (rc == -EROFS)
        rc = 0; /* then it cannot outlive this process */
    g->unsure = rc < 0;
    if (rc < 0)
        return rc;
    text_copy(g->stored, sizeof(g->stored), holder);
    if (holder[0])
        log_info("guard.lease", KV("volume", "%s", g->lu->vol->name), KV("host", "%s", holder));
    return 0;
}

/* Until it is on the volume as it is by then. Parks. */
static int save(struct guard *g)
{
    int rc = 0;
    fmutex_lock(&g->saving);
    while (rc == 0 && !is_saved(g))
        rc = save_once(g);
    fmutex_unlock(&g->saving);
    return rc;
}

static void save_behind(void *arg)
{
    struct guard *g = arg;
    int rc = save(g);
    if (rc < 0)
        log_warn("guard.not_saved", KV("volume", "%s", g->lu->vol->name),
                 KV("error", "%s", strerror(-rc)));
    waitgroup_done(&g->lu->background);
}

/* Does not park. Without a fiber whoever takes the lease next saves it. */
static void save_soon(struct guard *g)
{
    waitgroup_add(&g->lu->background, 1);
    if (!fiber_start(save_behind, g, "scsi lease"))
        waitgroup_done(&g->lu->background);
}

/* ---- the lease's life -------------------------------------------------------------------- */

static void forget_denied(struct guard *g)
{
    struct list *n;
    while ((n = list_pop(&g->denied)))
        free(list_entry(n, struct denied, node));
    g->ndenied = 0;
}

static void changed(struct guard *g)
{
    g->version++;
    forget_denied(g);
    timer_cancel(&g->expiry);
}

/* Of all that keep what they had by the lease that is over. */
static void disinherit(struct guard *g)
{
    struct scsi_itl *itl;
    list_for_each (itl, &g->lu->itls, on_lu)
        itl->heir = false;
}

/* Nothing of host's is in the LU. */
static void end_lease(struct guard *g, const char *why)
{
    struct scsi_lu *lu = g->lu;
    log_info("guard.ended", KV("volume", "%s", lu->vol->name), KV("host", "%s", g->holder),
             KV("why", "%s", why));
    if (lu->reserved_by && strcmp(lu->reserved_by->host, g->holder) == 0)
        lu->reserved_by = NULL;
    g->holder[0] = '\0';
    disinherit(g);
    changed(g);
    save_soon(g);
}

static void expire(struct timer *t)
{
    struct guard *g = container_of(t, struct guard, expiry);
    end_lease(g, "it had no session for too long");
}

static void hold(struct guard *g, const char *host)
{
    struct scsi_itl *itl;
    text_copy(g->holder, sizeof(g->holder), host);
    changed(g);
    list_for_each (itl, &g->lu->itls, on_lu)
        if (strcmp(itl->host, host) == 0)
            itl->barred = itl->heir = false;
}

static const struct scsi_itl *an_heir(const struct guard *g)
{
    const struct scsi_itl *itl;
    list_for_each (itl, &g->lu->itls, on_lu)
        if (itl->heir && !itl->leaving)
            return itl;
    return NULL;
}

/* Whom the lease belongs to now that somebody came, went or changed hosts: sessions that were put
 * into another host take it along when none of the old one is left. Else the time runs while the
 * holder is away and can come. */
static void watch(struct guard *g)
{
    bool away = g->holder[0] && !is_present(g->lu, g->holder);
    const struct scsi_itl *heir = away ? an_heir(g) : NULL;
    if (heir) {
        hold(g, heir->host);
        save_soon(g);
    } else if (!away || g->absence == 0) {
        timer_cancel(&g->expiry);
    } else if (!timer_armed(&g->expiry)) {
        timer_arm(&g->expiry, run_now() + g->absence);
    }
}

/* guard_has_access(), for one that is about to make use of it. */
static bool admit(struct scsi_lu *lu, const struct scsi_itl *itl)
{
    struct guard *g = lu->guard;
    if (!guard_has_access(lu, itl))
        return false;
    if (g->policy == SCSI_EXCLUSIVE && !g->holder[0])
        hold(g, itl->host);
    return true;
}

/* One that was a host of its own when it took the lease, and has got another one while it was away, is
 * an heir, too. */
void guard_attach(struct scsi_lu *lu, struct scsi_itl *itl)
{
    struct guard *g = lu->guard;
    if (g->policy != SCSI_EXCLUSIVE)
        return;
    itl->heir =
        strcmp(g->holder, itl->who->initiator.name) == 0 && strcmp(g->holder, itl->host) != 0;
    admit(lu, itl);
    watch(g);
}

void guard_left(struct scsi_lu *lu, const struct scsi_itl *itl)
{
    struct guard *g = lu->guard;
    if (!g->holder[0] || strcmp(g->holder, itl->host) != 0 || is_present(lu, g->holder))
        return;
    if (itl->farewell && !an_heir(g))
        end_lease(g, "it logged out");
    else
        watch(g);
}

void guard_rehost(struct scsi_lu *lu, struct scsi_itl *itl, const char *host)
{
    struct guard *g = lu->guard;
    const char *old = itl->host;
    itl->host = host;
    itl->heir = itl->heir || (g->holder[0] && strcmp(g->holder, old) == 0);
    g->version++; /* a cluster may name the one and not the other */
    watch(g);
    if (!itl->leaving)
        admit(lu, itl);
}

/* ---- commands ---------------------------------------------------------------------------- */

static const char *reason(const struct guard *g, const struct scsi_itl *itl)
{
    return g->policy == SCSI_CLUSTER ? "it is not among the hosts of the cluster"
           : itl->barred             ? "the lease was taken from its sessions: log in again"
                                     : "another host holds the lease";
}

static bool was_told(const struct guard *g, const char *host)
{
    const struct denied *d;
    list_for_each (d, &g->denied, node)
        if (strcmp(d->host, host) == 0)
            return true;
    return false;
}

/* The first time that it happens to a host in this state is news. */
static void tell(struct guard *g, const struct scsi_itl *itl, const struct scsi_op *op)
{
    if (was_told(g, itl->host))
        return;
    struct denied *d = calloc(1, sizeof(*d));
    if (!d)
        return; /* the next command tells */
    if (g->ndenied == DENIED_MAX) {
        struct list *oldest = g->denied.prev;
        list_remove(oldest);
        free(list_entry(oldest, struct denied, node));
        g->ndenied--;
    }
    text_copy(d->host, sizeof(d->host), itl->host);
    list_push_front(&g->denied, &d->node);
    g->ndenied++;
    log_warn("guard.denied", KV("volume", "%s", g->lu->vol->name), KV("host", "%s", itl->host),
             KV("initiator", "%s", itl->who->initiator.name), KV("command", "%s", op->name),
             KV("holder", "%s", g->holder), KV("why", "%s", reason(g, itl)));
}

/* A write of somebody who has no access any more is still inside the volume, because its store does not answer:
 * whoever came after it would have it land on top of what he reads and writes. */
static bool strangers_write(const struct scsi_lu *lu)
{
    const struct scsi_task *t;
    list_for_each (t, &lu->tasks, on_lu)
        if (t->committed && !guard_has_access(lu, t->itl))
            return true;
    return false;
}

bool guard_check(struct scsi_lu *lu, struct scsi_task *t)
{
    struct guard *g = lu->guard;
    if (t->op->guard == GUARD_ANY || t->itl->guard_version == g->version)
        return true;
    while (admit(lu, t->itl)) {
        if (strangers_write(lu)) {
            task_status(t, SCSI_STATUS_BUSY);
            return false;
        }
        if (is_saved(g)) {
            t->itl->guard_version = g->version;
            fs_touch(lu);
            return true;
        }
        int rc = save(g);
        if (rc < 0) {
            task_errno(t, rc, 0);
            return false;
        }
    }
    tell(g, t->itl, t->op);
    task_check(t, SK_ILLEGAL_REQUEST, ASC_ACCESS_DENIED);
    return false;
}

/* ---- changes ----------------------------------------------------------------------------- */

/* Ends the tasks of all that have no access any more, or of those that are barred. Parks, for seconds
 * at most. */
static void evict(struct scsi_lu *lu, bool barred_only)
{
    struct scsi_itl *itl;
    list_for_each (itl, &lu->itls, on_lu) {
        if (guard_has_access(lu, itl) || (barred_only && !itl->barred))
            continue;
        if (lu->reserved_by == itl)
            lu->reserved_by = NULL;
        lu_abort_answering(lu, itl);
    }
    lu_abort_wait(lu);
}

/* Whoever came first and is still there. */
static void elect(struct scsi_lu *lu)
{
    const struct scsi_itl *itl;
    list_for_each (itl, &lu->itls, on_lu)
        if (!itl->leaving && admit(lu, itl))
            return;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

int scsi_lu_set_guard(struct scsi_lu *lu, const struct scsi_guard *want)
{
    struct guard *g = lu->guard;
    bool protected = guard_write_protects(lu);
    struct scsi_itl *itl;
    if (g->policy == want->policy && same_text(g->hosts, want->hosts))
        return save(g); /* which may have failed the last time */
    char *hosts = want->hosts && want->hosts[0] ? strdup(want->hosts) : NULL;
    if (want->hosts && want->hosts[0] && !hosts)
        return E(-ENOMEM);
    free(g->hosts);
    g->hosts = hosts;
    g->policy = want->policy;
    changed(g);
    list_for_each (itl, &lu->itls, on_lu)
        itl->barred = false;
    if (g->policy != SCSI_EXCLUSIVE && g->holder[0])
        end_lease(g, "the policy changed");
    if (g->policy == SCSI_EXCLUSIVE)
        elect(lu);
    if (protected != guard_write_protects(lu))
        ua_raise_all(lu, UA_MODE_CHANGED, NULL); /* the WP bit of MODE SENSE */
    fs_judge(lu);
    evict(lu, false);
    return save(g);
}

void scsi_lu_set_absence(struct scsi_lu *lu, uint32_t ms)
{
    struct guard *g = lu->guard;
    uint64_t absence = ms * NS_PER_MS;
    if (absence == g->absence)
        return;
    g->absence = absence;
    timer_cancel(&g->expiry);
    watch(g);
}

/* False: none of the host's was left to bar. */
static bool bar(struct scsi_lu *lu, const char *host)
{
    struct scsi_itl *itl;
    bool any = false;
    list_for_each (itl, &lu->itls, on_lu)
        if (!itl->barred && (itl->heir || strcmp(itl->host, host) == 0)) {
            itl->barred = true;
            any = true;
        }
    return any;
}

/* Its commands end before the lease does: nobody else is let in on top of them. */
int scsi_lu_release(struct scsi_lu *lu, bool force, char ret_host[SCSI_NAME_LEN])
{
    struct guard *g = lu->guard;
    text_copy(ret_host, SCSI_NAME_LEN, g->holder);
    if (!g->holder[0])
        return E(-ENOENT);
    if ((is_present(lu, g->holder) || an_heir(g)) && !force)
        return E(-EBUSY);
    while (strcmp(g->holder, ret_host) == 0 && bar(lu, ret_host)) {
        g->version++;
        evict(lu, true);
    }
    if (strcmp(g->holder, ret_host) == 0)
        end_lease(g, "the operator released it");
    return save(g);
}

/* ---- what is known ----------------------------------------------------------------------- */

void scsi_lu_lease(const struct scsi_lu *lu, struct scsi_lease *ret_lease)
{
    const struct guard *g = lu->guard;
    const struct denied *d;
    struct scsi_lease l = {.away = g->holder[0] && !is_present(lu, g->holder)};
    text_copy(l.host, sizeof(l.host), g->holder);
    l.unfit = lu->fs.unfit ? lu->fs.unfit : "";
    if (timer_armed(&g->expiry) && g->expiry.deadline > run_now())
        l.ends_ms = (g->expiry.deadline - run_now()) / NS_PER_MS;
    list_for_each (d, &g->denied, node) {
        if (!is_present(lu, d->host))
            continue;
        if (l.ndenied++ == 0)
            text_copy(l.denied, sizeof(l.denied), d->host);
    }
    *ret_lease = l;
}

/* ---- loading ----------------------------------------------------------------------------- */

static int load_holder(struct guard *g)
{
    CLEANUP(freep) char *text = NULL;
    int rc = volume_get_attr(g->lu->vol, ATTR, &text);
    if (rc < 0 || !text)
        return rc;
    const char *host = text + strlen(FORMAT);
    if (strncmp(text, FORMAT, strlen(FORMAT)) != 0 || !host[0] ||
        !text_copy(g->holder, sizeof(g->holder), host))
        return E(-EBADMSG);
    text_copy(g->stored, sizeof(g->stored), g->holder);
    return 0;
}

int guard_load(struct scsi_lu *lu)
{
    const struct scsi_guard *want = &lu->params.guard;
    struct guard *g = lu->guard = calloc(1, sizeof(*g));
    if (!g)
        return E(-ENOMEM);
    g->lu = lu;
    g->version = 1;
    g->policy = want->policy;
    fmutex_init(&g->saving);
    timer_init(&g->expiry, expire);
    list_init(&g->denied);
    if (want->hosts && want->hosts[0] && !(g->hosts = strdup(want->hosts)))
        return E(-ENOMEM);
    lu->params.guard.hosts = NULL; /* the caller's */
    int rc = load_holder(g);
    if (rc == 0 && g->holder[0] && g->policy != SCSI_EXCLUSIVE)
        end_lease(g, "the policy changed");
    return rc;
}

void guard_free(struct scsi_lu *lu)
{
    struct guard *g = lu->guard;
    if (!g)
        return;
    timer_cancel(&g->expiry);
    forget_denied(g);
    free(g->hosts);
    free(g);
    lu->guard = NULL;
}
