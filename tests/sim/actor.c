/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An actor keeps one session up, whatever happens to it, and lends it to its workers. The fate
 * of writes that a lost connection left open is settled when the same session has logged in
 * again: reinstatement ends what the old one had in flight (RFC 7143 6.3.5), so nothing of it
 * may land later.
 */
#include "story.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_MS   40000
#define TRIES_MAX    400
#define SENSE_UA     6u
#define SENSE_RESET  0x29u
#define STATUS_CHECK 2u

/* ---- names and parameters ---------------------------------------------------------------- */

void actor_params(struct story *st, struct actor *a, unsigned id)
{
    static const uint32_t recv[] = {8192, 65536, 262144};
    *a = (struct actor){.st = st, .id = id};
    snprintf(a->name, sizeof(a->name), "iqn.2026-01.test:initiator-%u", id);
    a->p = (struct ini_params){
        .addr = {"127.0.0.1:3260"},
        .initiator = a->name,
        .target = story_target_of(id),
        .isid = { 0x80, 0, 0, 0, 0, (uint8_t)id},
    };
    a->p.header_digest = one_in(st, 3);
    a->p.data_digest = one_in(st, 3);
    a->p.initial_r2t = one_in(st, 2);
    a->p.immediate_data = !one_in(st, 3);
    a->p.max_recv = recv[draw(st, 3)];
    a->p.max_burst = (uint32_t)(16384 << draw(st, 4));
    a->p.max_r2t = (uint16_t)(1 + draw(st, 4));
    a->p.first_burst = a->p.max_burst >> draw(st, 4);
    const struct credentials *k = &st->credentials[id];
    if (st->chap) {
        a->p.user = k->user;
        a->p.secret = k->secret;
        a->p.reverse_user = k->reverse_user;
        a->p.reverse_secret = k->reverse_secret;
    }
    waitq_init(&a->idle);
    fmutex_init(&a->login);
    list_init(&a->lost);
}

/* ---- unit attentions --------------------------------------------------------------------- */

static unsigned lun_of(const struct ini_cmd *c)
{
    return (unsigned)(c->lun >> 48);
}

void actors_reset_begin(struct story *st, const struct actor *by, unsigned lun)
{
    for (unsigned k = 0; k < st->nactors; k++) {
        struct actor *a = st->actor[k];
        if (a != by && a->ini)
            a->lun[lun].reset_begun = 1;
    }
}

void actors_reset_done(struct story *st, const struct actor *by, unsigned lun)
{
    for (unsigned k = 0; k < st->nactors; k++) {
        struct actor *a = st->actor[k];
        if (a != by && a->lun[lun].reset_begun)
            a->lun[lun].ua_due = a->lun[lun].started + 1;
        a->lun[lun].reset_begun = 0;
    }
}

static bool ignores_ua(const struct ini_cmd *c)
{
    return c->cdb[0] == 0x12 || c->cdb[0] == 0xa0 || c->cdb[0] == 0x03 || c->status == 0x08 ||
           c->status == 0x28;
}

/* Alone on its LUN, a command must have met the attention that was due before it was sent. */
static void ua_account(struct actor *a, const struct ini_cmd *c, unsigned lun)
{
    uint32_t sense = ini_sense(c);
    if (c->status == STATUS_CHECK && sense >> 16 == SENSE_UA) {
        a->st->n.unit_attentions++;
        if ((sense >> 8 & 0xff) == SENSE_RESET)
            a->lun[lun].ua_due = a->lun[lun].reset_begun = 0;
        return;
    }
    bool alone = c->tag && c->tag == a->lun[lun].started;
    if (alone && a->lun[lun].ua_due && c->tag >= a->lun[lun].ua_due && !ignores_ua(c))
        story_fail(
            "initiator %u: the unit attention of a LUN reset was lost (LUN %u, status %02x)",
            a->id, lun, c->status);
}

/* ---- commands ---------------------------------------------------------------------------- */

void actor_start(struct actor *a, struct ini *i, struct ini_cmd *c)
{
    unsigned lun = lun_of(c);
    uint64_t number = ++a->lun[lun].started;
    c->tag = a->lun[lun].in_flight++ == 0 ? number : 0; /* 0: not alone */
    c->attr = one_in(a->st, 12) ? (uint8_t)(2 + draw(a->st, 2)) : 1;
    ini_start(i, c);
}

int actor_tmf(struct actor *a, struct ini *i, enum iscsi_tmf_function fn, uint64_t lun,
              struct ini_cmd *c, uint8_t *ret_response)
{
    uint64_t sent = run_now();
    int r = ini_tmf(i, fn, lun, c, ret_response);
    uint64_t took = (run_now() - sent) / NS_PER_MS;
    /* A task that waits for data is cancelled; one that is in the volume is waited for, 5 s
     * at most. */
    uint64_t patience = c && c->withhold ? 4000 : 10000;
    if (sent > a->st->net_calm_from && (r == -ETIMEDOUT || (r == 0 && took > patience)))
        story_fail("initiator %u: task management %d took %llu ms", a->id, (int)fn,
                   (unsigned long long)took);
    return r;
}

/* What does not end by itself is aborted, as hosts do. */
static void end_hanging(struct actor *a, struct ini *i, struct ini_cmd *c)
{
    uint8_t response;
    a->st->n.timeouts++;
    if (actor_tmf(a, i, ISCSI_TMF_ABORT_TASK, c->lun, c, &response) < 0 ||
        c->end == INI_PENDING)
        ini_kill(i, -ETIMEDOUT);
}

void actor_finish(struct actor *a, struct ini *i, struct ini_cmd *c)
{
    unsigned lun = lun_of(c);
    if (!ini_wait(i, c, run_deadline_ms(COMMAND_MS)))
        end_hanging(a, i, c);
    check(ini_wait(i, c, NO_DEADLINE));
    a->lun[lun].in_flight--;
    if (c->end == INI_DONE)
        ua_account(a, c, lun);
    sim_mark(a->st->run, "command", c->cdb[0], (uint64_t)c->end << 8 | c->status);
}

void actor_exec(struct actor *a, struct ini *i, struct ini_cmd *c)
{
    actor_start(a, i, c);
    actor_finish(a, i, c);
}

/* ---- how writes ended -------------------------------------------------------------------- */

enum verdict { APPLIED, NOT_APPLIED, MAYBE, LATER };

/* By sense key: what the command may have done to the medium. */
static enum verdict check_verdict(struct actor *a, const struct ini_cmd *c)
{
    uint32_t sense = ini_sense(c);
    switch (sense >> 16) {
    case 2:  /* NOT READY */
    case 6:  /* UNIT ATTENTION */
    case 14: /* MISCOMPARE */
        return NOT_APPLIED;
    case 11: /* ABORTED COMMAND */
        return MAYBE;
    case 3: /* MEDIUM ERROR */
    case 4: /* HARDWARE ERROR */
    case 7: /* DATA PROTECT: out of space */
        if (a->st->disk_faults) {
            a->st->n.failed_writes++;
            return MAYBE;
        }
        break;
    default:
        break;
    }
    story_fail("initiator %u: opcode %02x failed with sense %06x for no reason", a->id,
               c->cdb[0], sense);
}

static enum verdict verdict_of(struct actor *a, const struct ini_cmd *c)
{
    if (c->end == INI_LOST)
        return LATER;
    if (c->end == INI_ABORTED)
        return MAYBE;
    switch (c->status) {
    case 0x00:
        return APPLIED;
    case STATUS_CHECK:
        return check_verdict(a, c);
    case 0x08: /* BUSY */
        return NOT_APPLIED;
    case 0x28: /* TASK SET FULL */
        a->st->n.task_set_full++;
        return NOT_APPLIED;
    case 0x40: /* TASK ABORTED */
        return MAYBE;
    default:
        story_fail("initiator %u: opcode %02x ended with status %02x", a->id, c->cdb[0],
                   c->status);
    }
}

static struct lost *lose(struct actor *a)
{
    struct lost *l = calloc(1, sizeof(*l));
    check(l);
    list_push(&a->lost, &l->node);
    return l;
}

void actor_settle(struct actor *a, const struct ini_cmd *c, struct model_write *w)
{
    switch (verdict_of(a, c)) {
    case APPLIED:
        model_write_acked(w, c->cdb[0] != 0x42 && c->cdb[0] != 0x93 && c->cdb[1] & 0x08);
        break;
    case NOT_APPLIED:
        model_write_refused(w);
        break;
    case MAYBE:
        a->st->n.unknown_writes++;
        model_write_unknown(w);
        break;
    case LATER:
        lose(a)->w = w;
        break;
    }
}

void actor_settle_caw(struct actor *a, const struct ini_cmd *c, struct counter *k,
                      struct counter_try *t)
{
    switch (verdict_of(a, c)) {
    case APPLIED:
        a->st->n.caw_won++;
        counter_won(k, t);
        break;
    case NOT_APPLIED:
        if (c->status == STATUS_CHECK && ini_sense(c) == 0x0e1d00) {
            a->st->n.caw_lost++;
            counter_lost(k, t);
        } else {
            counter_refused(k, t);
        }
        break;
    case MAYBE:
        counter_unknown(k, t);
        break;
    case LATER: {
        struct lost *l = lose(a);
        l->counter = k;
        l->attempt = t;
        break;
    }
    }
}

/* The session is new: what the old one had in flight is over. */
static void settle_lost(struct actor *a)
{
    struct list *n;
    while ((n = list_pop(&a->lost))) {
        struct lost *l = list_entry(n, struct lost, node);
        if (l->w)
            model_write_unknown(l->w);
        else
            counter_unknown(l->counter, l->attempt);
        a->st->n.unknown_writes++;
        free(l);
    }
}

/* ---- sessions ---------------------------------------------------------------------------- */

/* The first command on each LUN meets the attention of a new I_T nexus (SAM-5 5.14): 29h,
 * whatever the qualifier. */
static bool greet_lun(struct actor *a, unsigned lun)
{
    for (unsigned tries = 0; tries < TRIES_MAX && ini_up(a->ini); tries++) {
        struct ini_cmd c = {.lun = ini_lun(lun)};
        actor_exec(a, a->ini, &c);
        uint32_t sense = ini_sense(&c);
        if (c.end != INI_DONE)
            return false;
        if (c.status == STATUS_CHECK && sense >> 8 == (SENSE_UA << 8 | SENSE_RESET))
            return true;
        if (c.status != 0x08 && (c.status != STATUS_CHECK || sense >> 16 != 2))
            story_fail(
                "initiator %u: a new session's first command on LUN %u ended %02x %06x, not "
                "with a unit attention",
                a->id, lun, c.status, sense);
        nap(a->st, 50 * NS_PER_MS);
    }
    return false;
}

static bool greet(struct actor *a)
{
    for (unsigned lun = 0; lun < LUNS; lun++) {
        a->lun[lun].reset_begun = a->lun[lun].ua_due = 0;
        if (!greet_lun(a, lun))
            return false;
    }
    return true;
}

static void part(struct actor *a)
{
    struct story *st = a->st;
    const struct ini_counts *n = ini_counts(a->ini);
    st->n.nops += n->nops_in;
    st->n.asyncs += n->asyncs;
    st->n.r2ts += n->r2ts;
    if (a->want_logout && ini_up(a->ini)) {
        st->n.logouts++;
        ini_logout(a->ini);
    } else {
        st->n.drops++;
        ini_drop(a->ini);
    }
    a->ini = NULL;
    a->want_logout = false;
}

static bool come(struct actor *a)
{
    uint16_t status;
    int r = ini_login(&a->p, &a->ini, &status);
    if (r == 0) {
        a->st->n.logins++;
        a->session++;
        settle_lost(a);
        return greet(a);
    }
    a->st->n.login_retries++;
    if (r == -EACCES && status >> 8 != 3)
        story_fail("initiator %u: login refused with status %04x", a->id, status);
    return false;
}

struct ini *actor_enter(struct actor *a)
{
    struct story *st = a->st;
    fmutex_lock(&a->login);
    for (unsigned tries = 0; !st->closing; tries++) {
        if (a->ini && ini_up(a->ini) && !a->want_logout)
            break;
        while (a->users)
            waitq_wait(&a->idle, NO_DEADLINE, NULL);
        if (a->ini)
            part(a);
        if (!come(a))
            nap(st, 100 * NS_PER_MS);
        if (tries > TRIES_MAX)
            story_fail("initiator %u cannot log in", a->id);
    }
    struct ini *i = st->closing ? NULL : a->ini;
    a->users += i != NULL;
    fmutex_unlock(&a->login);
    return i;
}

void actor_leave(struct actor *a)
{
    if (--a->users == 0)
        waitq_wake_all(&a->idle);
}

/* ---- life -------------------------------------------------------------------------------- */

static void worker(void *arg)
{
    struct actor *a = arg;
    struct story *st = a->st;
    struct ini *i;
    while (st->ops_left && !st->closing && (i = actor_enter(a))) {
        op_draw(a, i);
        actor_leave(a);
        fiber_sleep_until(st->quiet_until, NULL);
        if (st->ops_left)
            st->ops_left--;
        st->n.ops++;
        if (one_in(st, 4))
            nap(st, 5 * NS_PER_MS);
    }
    waitgroup_done(&st->actors);
}

void actor_run(void *arg)
{
    struct actor *a = arg;
    struct story *st = a->st;
    uint64_t workers = 1 + draw(st, 3);
    waitgroup_add(&st->actors, (unsigned)workers);
    while (workers--)
        check(fiber_start(worker, a, "worker"));
    waitgroup_done(&st->actors);
}
