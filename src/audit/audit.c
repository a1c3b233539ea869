/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trail's writer. Events come from any thread and are only queued; a fiber of reactor 0 numbers,
 * chains and writes them, many at a time. Written at once, durable within a second, or before
 * audit_sync() returns: what an operator is told was done is in the trail by then. A login isn't held
 * up for it, for nobody may be kept from his disk by a slow file system.
 *
 * When nothing can be written (a full disk), events are kept as long as the queue has room, then
 * counted; the trail is opened anew every few seconds, and says how many lines it lacks. Strangers
 * can't fill it: limit.c.
 */
#include "audit/audit.h"

#include "audit/limit.h"
#include "audit/trail.h"
#include "base/text.h"
#include "run/fiber.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SYNC_MS     1000
#define RETRY_MS    5000
#define LEFT_OUT_NS (60 * NS_PER_SEC) /* how often it is said how much was left out */
#define SYNC_MAX_MS 5000
#define ANCHOR      1000 /* lines; then the log is told the head again */

struct entry {
    struct list node;
    size_t len;
    char text[];
};

struct audit {
    /* Under the lock, any thread. */
    pthread_mutex_t lock;
    struct list queue; /* of struct entry */
    uint64_t queued;   /* in it */
    uint64_t taken;    /* events so far */
    uint64_t lost, left_out;
    struct audit_limit limit;
    struct run *run; /* NULL: not open */
    bool woken;
    /* Reactor 0's. */
    struct trail trail;
    struct waitq work, synced, ended;
    uint64_t written, durable; /* of taken */
    uint64_t told_lost, told_head;
    uint64_t sync_at;  /* NO_DEADLINE: nothing is to be synced */
    uint64_t retry_at; /* while it is not open */
    bool open, running, stopping;
    char dir[256], failing[200], broken[200];
};

struct audit *audit_new(void)
{
    struct audit *a = calloc(1, sizeof(*a));
    char *buf = malloc(TRAIL_BUF);
    if (!a || !buf) {
        free(a);
        free(buf);
        return NULL;
    }
    pthread_mutex_init(&a->lock, NULL);
    list_init(&a->queue);
    a->trail.buf = buf;
    a->trail.file_max = AUDIT_FILE_MAX;
    a->trail.files_max = AUDIT_FILES_MAX;
    a->sync_at = NO_DEADLINE;
    waitq_init(&a->work);
    waitq_init(&a->synced);
    waitq_init(&a->ended);
    return a;
}

void audit_free(struct audit *a)
{
    struct list *n;
    if (!a)
        return;
    while ((n = list_pop(&a->queue)))
        free(list_entry(n, struct entry, node));
    pthread_mutex_destroy(&a->lock);
    free(a->trail.buf);
    free(a);
}

/* ---- events in --------------------------------------------------------------------------- */

static void wake(void *arg)
{
    struct audit *a = arg;
    pthread_mutex_lock(&a->lock);
    a->woken = false;
    pthread_mutex_unlock(&a->lock);
    waitq_wake_all(&a->work);
}

static struct entry *entry_new(uint64_t wall_ns, const char *event, const struct log_kv *kv,
                               size_t nkv)
{
    struct entry *e = malloc(sizeof(*e) + AUDIT_TEXT_MAX);
    if (!e)
        return NULL;
    list_init(&e->node);
    e->len = audit_text(e->text, wall_ns, event, kv, nkv);
    struct entry *fit = realloc(e, sizeof(*e) + e->len);
    if (fit)
        list_init(&fit->node);
    return fit ? fit : e;
}

/* Under the lock. */
static void push(struct audit *a, struct entry *e)
{
    a->taken++;
    if (e && a->queued < AUDIT_QUEUE_MAX) {
        list_push(&a->queue, &e->node);
        a->queued++;
    } else {
        a->lost++;
        free(e);
    }
    if (a->run && !a->woken)
        a->woken = start_on(run_reactor(a->run, 0), wake, a, "audit-wake") == 0;
}

bool audit_event(struct audit *a, uint64_t wall_ns, const char *event, const struct log_kv *kv,
                 size_t nkv)
{
    enum audit_class class;
    if (!a || !audit_class_of(event, &class))
        return a && strncmp(event, "audit.", strlen("audit.")) == 0;
    pthread_mutex_lock(&a->lock);
    bool take = audit_limit_take(&a->limit, class, wall_ns, kv, nkv);
    a->left_out += !take;
    pthread_mutex_unlock(&a->lock);
    struct entry *e = take ? entry_new(wall_ns, event, kv, nkv) : NULL;
    if (!take)
        return false;
    pthread_mutex_lock(&a->lock);
    push(a, e);
    pthread_mutex_unlock(&a->lock);
    return true;
}

/* What was left out is said when a minute has passed since the first of it; now: at once. */
static void say_left_out(struct audit *a, bool now)
{
    struct log_kv kv[AUDIT_CLASSES];
    size_t n = 0;
    pthread_mutex_lock(&a->lock);
    struct audit_limit *l = &a->limit;
    if (l->since != 0 && (now || run_wall() >= l->since + LEFT_OUT_NS)) {
        for (enum audit_class c = 0; c < AUDIT_CLASSES; c++)
            if (l->left_out[c] > 0) {
                kv[n++] = log_kv_make(audit_class_name(c), "%llu",
                                      (unsigned long long)l->left_out[c]);
                l->left_out[c] = 0;
            }
        l->since = 0;
    }
    if (n > 0)
        push(a, entry_new(run_wall(), "audit.left_out", kv, n));
    pthread_mutex_unlock(&a->lock);
}

static void say_lost(struct audit *a)
{
    pthread_mutex_lock(&a->lock);
    uint64_t n = a->lost - a->told_lost;
    const struct log_kv kv[] = {KV("lines", "%llu", (unsigned long long)n)};
    if (n > 0 && a->queued < AUDIT_QUEUE_MAX) {
        a->told_lost = a->lost;
        push(a, entry_new(run_wall(), "audit.lost", kv, 1));
    }
    pthread_mutex_unlock(&a->lock);
}

/* ---- lines out --------------------------------------------------------------------------- */

static void failed(struct audit *a, int rc, const struct err *e)
{
    bool first = !a->failing[0];
    struct err why = *e;
    if (!why.msg[0])
        err_set(&why, rc, "%s: %s", a->dir, strerror(-rc));
    memcpy(a->failing, why.msg, sizeof(a->failing));
    trail_close(&a->trail);
    a->open = false;
    a->sync_at = NO_DEADLINE;
    a->retry_at = run_deadline_ms(RETRY_MS);
    if (first)
        log_error("audit.failed", KV("error", "%s", why.msg));
    waitq_wake_all(&a->synced);
}

static void tell_head(struct audit *a)
{
    char hex[2 * AUDIT_HASH_LEN + 1];
    const struct audit_chain *c = &a->trail.chain;
    hex_encode(c->hash, AUDIT_HASH_LEN, hex);
    a->told_head = c->seq;
    log_info("audit.head", KV("seq", "%llu", (unsigned long long)c->seq),
             KV("hash", "%s", hex));
}

static int reopen(struct audit *a)
{
    struct err e = {.code = 0};
    int rc = trail_open(&a->trail, &e);
    if (rc < 0) {
        failed(a, rc, &e);
        return rc;
    }
    a->open = true;
    if (a->trail.broken[0]) {
        memcpy(a->broken, a->trail.broken, sizeof(a->broken));
        log_error("audit.broken", KV("why", "%s", a->broken));
    }
    tell_head(a);
    return 0;
}

#define BATCH 64 /* entries that are taken at once, so that the lock is never held for long */

/* *ret_upto: events so far that are no more in the queue then. */
static void take(struct audit *a, struct list *batch, uint64_t *ret_upto, bool *ret_more)
{
    struct list *n;
    pthread_mutex_lock(&a->lock);
    for (unsigned i = 0; i < BATCH && (n = list_pop(&a->queue)); i++) {
        list_push(batch, n);
        a->queued--;
    }
    *ret_upto = a->taken - a->queued;
    *ret_more = a->queued > 0;
    pthread_mutex_unlock(&a->lock);
}

/* In front of the queue, in their order. Returns how many. */
static unsigned put_back(struct audit *a, struct list *batch)
{
    unsigned n = 0;
    pthread_mutex_lock(&a->lock);
    for (; !list_empty(batch); n++) {
        struct list *last = batch->prev;
        list_remove(last);
        list_push_front(&a->queue, last);
        a->queued++;
    }
    pthread_mutex_unlock(&a->lock);
    return n;
}

/* As many as fit into a write. The entries go when they are written, or are tried again. */
static int write_some(struct audit *a, bool *ret_more)
{
    struct list batch, written, *n;
    struct entry *e, *tmp;
    uint64_t upto;
    list_init(&batch);
    list_init(&written);
    take(a, &batch, &upto, ret_more);
    list_for_each_safe (e, tmp, &batch, node) {
        if (!trail_put(&a->trail, e->text, e->len))
            break;
        list_remove(&e->node);
        list_push(&written, &e->node);
        fiber_maybe_yield();
    }
    *ret_more |= !list_empty(&batch);
    upto -= put_back(a, &batch);
    bool any = !list_empty(&written);
    int rc = trail_write(&a->trail);
    if (rc < 0) {
        put_back(a, &written);
        return rc;
    }
    while ((n = list_pop(&written)))
        free(list_entry(n, struct entry, node));
    a->written = upto;
    if (any && a->sync_at == NO_DEADLINE)
        a->sync_at = run_deadline_ms(SYNC_MS);
    return 0;
}

static int sync_now(struct audit *a)
{
    uint64_t upto = a->written;
    a->sync_at = NO_DEADLINE;
    int rc = trail_sync(&a->trail);
    if (rc == 0) {
        a->durable = upto;
        waitq_wake_all(&a->synced);
    }
    return rc;
}

/* All that waits is written, and synced when that is due. */
static void work(struct audit *a)
{
    struct err e = {.code = 0};
    bool more = true;
    int rc = 0;
    say_left_out(a, a->stopping);
    say_lost(a);
    while (rc == 0 && more)
        rc = write_some(a, &more);
    if (rc == 0 && a->sync_at <= run_now())
        rc = sync_now(a);
    if (rc == 0)
        rc = trail_rotate(&a->trail, &e);
    if (rc < 0) {
        failed(a, rc, &e);
        return;
    }
    if (a->failing[0])
        log_info("audit.resumed");
    a->failing[0] = '\0';
    if (a->trail.chain.seq - a->told_head >= ANCHOR)
        tell_head(a);
}

static bool idle(struct audit *a)
{
    pthread_mutex_lock(&a->lock);
    bool empty = list_empty(&a->queue);
    pthread_mutex_unlock(&a->lock);
    return empty && !a->stopping;
}

static uint64_t wait_until(struct audit *a)
{
    pthread_mutex_lock(&a->lock);
    bool left_out = a->limit.since != 0;
    pthread_mutex_unlock(&a->lock);
    uint64_t minute = left_out ? run_deadline_ms(LEFT_OUT_NS / NS_PER_MS) : NO_DEADLINE;
    return MIN(a->sync_at, minute);
}

static void writer(void *arg)
{
    struct audit *a = arg;
    while (!a->stopping) {
        if (!a->open && waitq_wait(&a->ended, a->retry_at, NULL) == 0)
            continue; /* to stop */
        if (!a->open && reopen(a) < 0)
            continue;
        if (idle(a) && a->sync_at > run_now())
            waitq_wait(&a->work, wait_until(a), NULL);
        work(a);
    }
    a->running = false;
    waitq_wake_all(&a->ended);
}

/* ---- the plane of reactor 0 --------------------------------------------------------------- */

int audit_open(struct audit *a, struct run *run, const char *dir, struct err *reterr)
{
    size_t len = strlen(dir);
    if (len >= sizeof(a->dir))
        return err_set(reterr, -ENAMETOOLONG, "%.100s...: too long for the audit trail", dir);
    memcpy(a->dir, dir, len + 1);
    a->trail.dir = a->dir;
    reopen(a); /* or the writer does */
    a->running = fiber_start(writer, a, "audit") != NULL;
    if (!a->running)
        return err_set(reterr, -ENOMEM, "no fiber for the audit trail");
    pthread_mutex_lock(&a->lock);
    a->run = run;
    pthread_mutex_unlock(&a->lock);
    return 0;
}

void audit_close(struct audit *a)
{
    if (!a || !a->running)
        return;
    pthread_mutex_lock(&a->lock);
    a->run = NULL;
    bool woken = a->woken;
    pthread_mutex_unlock(&a->lock);
    a->stopping = true;
    waitq_wake_all(&a->work);
    waitq_wake_all(&a->ended);
    while (a->running)
        waitq_wait(&a->ended, NO_DEADLINE, NULL);
    while (woken) { /* a wake() under way still points here */
        fiber_yield();
        pthread_mutex_lock(&a->lock);
        woken = a->woken;
        pthread_mutex_unlock(&a->lock);
    }
    if (a->open) {
        work(a);
        a->sync_at = 0;
    }
    if (a->open && sync_now(a) == 0)
        tell_head(a);
    trail_close(&a->trail);
    a->open = false;
}

int audit_sync(struct audit *a)
{
    uint64_t until = run_deadline_ms(SYNC_MAX_MS);
    pthread_mutex_lock(&a->lock);
    uint64_t ticket = a->taken;
    pthread_mutex_unlock(&a->lock);
    while (a->durable < ticket) {
        if (!a->open || !a->running)
            return -EIO;
        a->sync_at = 0;
        waitq_wake_all(&a->work);
        if (waitq_wait(&a->synced, until, NULL) < 0)
            return -ETIMEDOUT;
    }
    return 0;
}

void audit_info(struct audit *a, struct audit_info *ret_info)
{
    struct audit_info i = {.dir = a->dir, .chain = a->trail.chain, .file = a->trail.number};
    memcpy(i.failing, a->failing, sizeof(i.failing));
    memcpy(i.broken, a->broken, sizeof(i.broken));
    pthread_mutex_lock(&a->lock);
    i.lost = a->lost;
    i.left_out = a->left_out;
    pthread_mutex_unlock(&a->lock);
    *ret_info = i;
}

int audit_verify(struct audit *a, struct audit_verify *ret_verify, struct err *reterr)
{
    audit_sync(a);
    if (!a->open)
        return err_set(reterr, -EIO, "nothing is written now: %.150s", a->failing);
    return trail_verify(&a->trail, ret_verify, reterr);
}
