/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state machine of persistent reservations (SPC-4 5.13): from the present state and a
 * PERSISTENT RESERVE OUT the next state, and from both what each nexus is told. Pure: no LU, no
 * I/O, so that it is checked against a model with millions of sequences (pr_state_test.c,
 * tests/fuzz/pr_seq.c).
 *
 * Invariants of every state, whatever was asked:
 *   - a nexus is registered once, with a key that isn't zero;
 *   - a reservation has exactly one holder that is registered, or is of an all registrants
 *     type, has no holder of its own and at least one registrant.
 * A request that isn't PR_DONE changes nothing. PRGENERATION counts the requests that may
 * change registrations, not RESERVE and RELEASE.
 */
#include "scsi/pr.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ------------------------------------------------------------------------------ */

struct pr_nexus pr_nexus_make(const char *initiator, const uint8_t isid[6], uint16_t port)
{
    struct pr_nexus who = {.port = port};
    strncpy(who.initiator, initiator, sizeof(who.initiator) - 1);
    memcpy(who.isid, isid, sizeof(who.isid));
    return who;
}

bool pr_nexus_equal(const struct pr_nexus *a, const struct pr_nexus *b)
{
    return a->port == b->port && memcmp(a->isid, b->isid, sizeof(a->isid)) == 0 &&
           strcmp(a->initiator, b->initiator) == 0;
}

bool pr_type_valid(uint8_t type)
{
    return type == PR_WRITE_EX || type == PR_EX_ACCESS ||
           (type >= PR_WRITE_EX_REG && type <= PR_EX_ACCESS_ALL);
}

struct pr_state *pr_state_new(void)
{
    return calloc(1, sizeof(struct pr_state));
}

void pr_state_free(struct pr_state *s)
{
    if (s)
        free(s->regs);
    free(s);
}

static struct pr_reg *find(const struct pr_state *s, const struct pr_nexus *who)
{
    for (unsigned i = 0; i < s->n; i++)
        if (pr_nexus_equal(&s->regs[i].who, who))
            return &s->regs[i];
    return NULL;
}

const struct pr_reg *pr_state_find(const struct pr_state *s, const struct pr_nexus *who)
{
    return find(s, who);
}

bool pr_state_holds(const struct pr_state *s, const struct pr_reg *reg)
{
    return s->type != PR_TYPE_NONE && (pr_type_all(s->type) || reg->holder);
}

int pr_state_add(struct pr_state *s, const struct pr_reg *reg)
{
    if (s->n == PR_REGS_MAX)
        return -ENOSPC;
    if (s->n == s->cap) {
        unsigned cap = MAX(8u, s->cap * 2);
        struct pr_reg *regs = realloc(s->regs, cap * sizeof(*regs));
        if (!regs)
            return -ENOMEM;
        s->regs = regs;
        s->cap = cap;
    }
    s->regs[s->n++] = *reg;
    return 0;
}

static struct pr_state *clone(const struct pr_state *s)
{
    struct pr_state *c = pr_state_new();
    if (!c)
        return NULL;
    *c = *s;
    c->cap = s->n;
    c->regs = s->n ? malloc(s->n * sizeof(*s->regs)) : NULL;
    if (s->n && !c->regs) {
        free(c);
        return NULL;
    }
    if (s->n)
        memcpy(c->regs, s->regs, s->n * sizeof(*s->regs));
    return c;
}

/* ---- steps ------------------------------------------------------------------------------- */

static void end_reservation(struct pr_state *s)
{
    s->type = PR_TYPE_NONE;
    for (unsigned i = 0; i < s->n; i++)
        s->regs[i].holder = false;
}

/* Takes a registration away, and with it the reservation that nobody holds any more. */
static void drop(struct pr_state *s, struct pr_reg *reg)
{
    bool held = reg->holder;
    size_t after = (size_t)(s->regs + s->n - (reg + 1));
    memmove(reg, reg + 1, after * sizeof(*reg));
    s->n--;
    if (held || s->n == 0)
        end_reservation(s);
}

static enum pr_result enter(struct pr_state *s, const struct pr_nexus *who, uint64_t key)
{
    struct pr_reg fresh = {.who = *who, .key = key};
    struct pr_reg *reg = find(s, who);
    if (reg) {
        if (reg->key != key)
            reg->slot = 0;
        reg->key = key;
        return PR_DONE;
    }
    switch (pr_state_add(s, &fresh)) {
    case 0:
        return PR_DONE;
    case -ENOSPC:
        return PR_NO_RESOURCES;
    default:
        return PR_NO_MEMORY;
    }
}

static void leave(struct pr_state *s, const struct pr_nexus *who)
{
    struct pr_reg *reg = find(s, who);
    if (reg)
        drop(s, reg);
}

static void set_holder(struct pr_state *s, const struct pr_nexus *who, bool holder)
{
    struct pr_reg *reg = find(s, who);
    check(reg);
    reg->holder = holder;
}

/* The registration that q speaks for, NULL: there is none with that key. */
static struct pr_reg *speaker(const struct pr_state *s, const struct pr_request *q)
{
    struct pr_reg *me = find(s, &q->who);
    return me && me->key == q->key ? me : NULL;
}

/* ---- REGISTER, REGISTER AND IGNORE EXISTING KEY ------------------------------------------ */

/* Registers or unregisters who, with ALL_TG_PT the same initiator port at every other target
 * port, too. */
static enum pr_result set_key(struct pr_state *s, const struct pr_request *q,
                              const struct pr_nexus *who)
{
    unsigned n = q->all_tg_pt ? q->nports : 0;
    struct pr_nexus at = *who;
    enum pr_result r = PR_DONE;
    for (unsigned i = 0; r == PR_DONE && i <= n; i++) {
        if (i > 0)
            at.port = q->ports[i - 1];
        if (q->sa_key == 0)
            leave(s, &at);
        else
            r = enter(s, &at, q->sa_key);
    }
    return r;
}

/* Those that have a key already keep it: nobody speaks for them with this request. */
static enum pr_result enter_others(struct pr_state *s, const struct pr_request *q)
{
    enum pr_result r = PR_DONE;
    for (unsigned i = 0; r == PR_DONE && i < q->nothers; i++)
        if (!find(s, &q->others[i]))
            r = set_key(s, q, &q->others[i]);
    return r;
}

/* SPC-4 tables "Register behaviors": what is allowed depends on whether the nexus is
 * registered. */
static enum pr_result do_register(struct pr_state *s, const struct pr_request *q)
{
    struct pr_reg *me = find(s, &q->who);
    if (q->sa == PR_REGISTER && q->key != (me ? me->key : 0))
        return PR_CONFLICT;
    if (q->spec_i_pt && (me || q->sa_key == 0))
        return PR_BAD_CDB;
    if (!me && q->sa_key == 0)
        return PR_DONE; /* nothing to do, not even for PRGENERATION */
    enum pr_result r = set_key(s, q, &q->who);
    if (r == PR_DONE)
        r = enter_others(s, q);
    s->aptpl = q->aptpl;
    s->generation++;
    return r;
}

/* ---- RESERVE, RELEASE, CLEAR ------------------------------------------------------------- */

static enum pr_result do_reserve(struct pr_state *s, const struct pr_request *q)
{
    struct pr_reg *me = speaker(s, q);
    if (!me)
        return PR_CONFLICT;
    if (s->type != PR_TYPE_NONE)
        return s->type == q->type && pr_state_holds(s, me) ? PR_DONE : PR_CONFLICT;
    s->type = q->type;
    me->holder = !pr_type_all(q->type);
    return PR_DONE;
}

static enum pr_result do_release(struct pr_state *s, const struct pr_request *q)
{
    struct pr_reg *me = speaker(s, q);
    if (!me)
        return PR_CONFLICT;
    if (!pr_state_holds(s, me))
        return PR_DONE;
    if (s->type != q->type)
        return PR_BAD_RELEASE;
    end_reservation(s);
    return PR_DONE;
}

static enum pr_result do_clear(struct pr_state *s, const struct pr_request *q)
{
    if (!speaker(s, q))
        return PR_CONFLICT;
    s->n = 0;
    s->type = PR_TYPE_NONE;
    s->generation++;
    return PR_DONE;
}

/* ---- PREEMPT ----------------------------------------------------------------------------- */

/* Whether the service action reservation key names the reservation itself, not only
 * registrations (SPC-4 5.13.11). */
static bool names_reservation(const struct pr_state *s, uint64_t sa_key)
{
    if (s->type == PR_TYPE_NONE || pr_type_all(s->type))
        return s->type != PR_TYPE_NONE && sa_key == 0;
    for (unsigned i = 0; i < s->n; i++)
        if (s->regs[i].holder)
            return s->regs[i].key == sa_key;
    return false;
}

/* Takes away the registrations with the key (0: all), sparing who when it isn't NULL. Returns
 * how many. */
static unsigned remove_keys(struct pr_state *s, uint64_t key, const struct pr_nexus *spared)
{
    unsigned removed = 0;
    for (unsigned i = 0; i < s->n;) {
        struct pr_reg *reg = &s->regs[i];
        if ((key != 0 && reg->key != key) || (spared && pr_nexus_equal(&reg->who, spared))) {
            i++;
            continue;
        }
        drop(s, reg);
        removed++;
    }
    return removed;
}

static enum pr_result do_preempt(struct pr_state *s, const struct pr_request *q)
{
    if (!speaker(s, q))
        return PR_CONFLICT;
    if (names_reservation(s, q->sa_key)) {
        remove_keys(s, q->sa_key, &q->who);
        end_reservation(s);
        s->type = q->type;
        set_holder(s, &q->who, !pr_type_all(q->type));
    } else if (q->sa_key == 0) {
        return PR_BAD_SA_KEY;
    } else if (remove_keys(s, q->sa_key, NULL) == 0) {
        return PR_CONFLICT;
    }
    s->generation++;
    return PR_DONE;
}

/* ---- REGISTER AND MOVE ------------------------------------------------------------------- */

static enum pr_result do_move(struct pr_state *s, const struct pr_request *q)
{
    struct pr_reg *me = speaker(s, q);
    const struct pr_nexus *to = q->others;
    if (!me || !me->holder)
        return PR_CONFLICT;
    if (q->sa_key == 0)
        return PR_BAD_SA_KEY;
    if (pr_nexus_equal(to, &q->who))
        return PR_BAD_OTHER;
    enum pr_result r = enter(s, to, q->sa_key);
    if (r != PR_DONE)
        return r;
    set_holder(s, &q->who, false);
    set_holder(s, to, true);
    if (q->unreg)
        leave(s, &q->who);
    s->aptpl = q->aptpl;
    s->generation++;
    return PR_DONE;
}

/* ---- all together ------------------------------------------------------------------------ */

enum pr_result pr_apply(const struct pr_state *now, const struct pr_request *q,
                        struct pr_state **ret_next)
{
    static enum pr_result (*const actions[])(struct pr_state *, const struct pr_request *) = {
        [PR_REGISTER] = do_register,
        [PR_REGISTER_AND_IGNORE] = do_register,
        [PR_RESERVE] = do_reserve,
        [PR_RELEASE] = do_release,
        [PR_CLEAR] = do_clear,
        [PR_PREEMPT] = do_preempt,
        [PR_PREEMPT_AND_ABORT] = do_preempt,
        [PR_REGISTER_AND_MOVE] = do_move,
    };
    struct pr_state *next = clone(now);
    if (!next)
        return PR_NO_MEMORY;
    enum pr_result r = actions[q->sa](next, q);
    if (r == PR_DONE)
        *ret_next = next;
    else
        pr_state_free(next);
    return r;
}

static bool is_preempt(const struct pr_request *q)
{
    return q->sa == PR_PREEMPT || q->sa == PR_PREEMPT_AND_ABORT;
}

bool pr_preempted(const struct pr_state *old, const struct pr_state *next,
                  const struct pr_request *q, const struct pr_nexus *who)
{
    return is_preempt(q) && !pr_nexus_equal(who, &q->who) && find(old, who) && !find(next, who);
}

/* A reservation that let registrants in ended, or a preempting one is of another type: those
 * that stay registered must look anew. */
static bool reservation_lost(const struct pr_state *old, const struct pr_state *next,
                             const struct pr_request *q)
{
    if (old->type == PR_TYPE_NONE || old->type == next->type)
        return false;
    return is_preempt(q) || pr_type_shared(old->type);
}

enum scsi_ua pr_ua_for(const struct pr_state *old, const struct pr_state *next,
                       const struct pr_request *q, const struct pr_nexus *who)
{
    if (pr_nexus_equal(who, &q->who) || !find(old, who))
        return UA_COUNT;
    if (q->sa == PR_CLEAR)
        return UA_RES_PREEMPTED;
    if (pr_preempted(old, next, q, who))
        return UA_REG_PREEMPTED;
    if (find(next, who) && reservation_lost(old, next, q))
        return UA_RES_RELEASED;
    return UA_COUNT;
}
