/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model thinks in rules, where the state machine thinks in steps on a list: a nexus is a
 * number, its registration an entry of an array, and the holder a number. Unit attentions are
 * raised where the standard's text raises them, not derived from a comparison of states.
 */
#include "scsi/pr_model.h"

#include "base/check.h"
#include "scsi/pr.h"

#include <stdio.h>
#include <string.h>

#define INITIATORS 3
#define PORTS      2
#define NEXUSES    (INITIATORS * PORTS)
#define NOBODY     (-1)

struct model {
    uint64_t key[NEXUSES]; /* 0: not registered */
    uint8_t type;
    int holder; /* NOBODY: all, or none */
    uint32_t generation;
    bool aptpl;
    enum scsi_ua ua[NEXUSES]; /* raised by the last step, UA_COUNT: none */
    bool preempted[NEXUSES];
};

struct step {
    enum pr_out_sa sa;
    uint8_t type;
    int who, others[2];
    unsigned nothers;
    uint64_t key, sa_key;
    bool aptpl, all_tg_pt, spec_i_pt, unreg;
};

/* ---- the model --------------------------------------------------------------------------- */

static bool all_type(uint8_t type)
{
    return type == 7 || type == 8;
}
static bool reg_only_type(uint8_t type)
{
    return type == 5 || type == 6;
}
static unsigned registrants(const struct model *m)
{
    unsigned n = 0;
    for (int i = 0; i < NEXUSES; i++)
        n += m->key[i] != 0;
    return n;
}
static bool holds(const struct model *m, int i)
{
    return m->type != 0 && m->key[i] != 0 && (all_type(m->type) || m->holder == i);
}
static void raise_registered(struct model *m, int except, enum scsi_ua ua)
{
    for (int i = 0; i < NEXUSES; i++)
        if (i != except && m->key[i] != 0)
            m->ua[i] = ua;
}

/* Those that one registration covers: the nexus, with ALL_TG_PT its initiator at all ports. */
static bool covers(const struct step *s, int who, int i)
{
    return i == who || (s->all_tg_pt && i / PORTS == who / PORTS);
}

/* SPC-4 5.13.11: all that are covered unregister at once; then the reservation ends, if it
 * was theirs alone. */
static void unregister(struct model *m, const struct step *s)
{
    uint8_t type = m->type;
    bool held = false;
    for (int i = 0; i < NEXUSES; i++) {
        if (!covers(s, s->who, i))
            continue;
        held |= holds(m, i);
        m->key[i] = 0;
    }
    if (!held || (all_type(type) && registrants(m) > 0))
        return;
    m->type = 0;
    m->holder = NOBODY;
    if (reg_only_type(type))
        raise_registered(m, s->who, UA_RES_RELEASED);
}

static enum pr_result model_register(struct model *m, const struct step *s)
{
    uint64_t mine = m->key[s->who];
    if (s->sa == PR_REGISTER && s->key != mine)
        return PR_CONFLICT;
    if (s->spec_i_pt && (mine != 0 || s->sa_key == 0))
        return PR_BAD_CDB;
    if (mine == 0 && s->sa_key == 0)
        return PR_DONE;
    struct model before = *m;
    if (s->sa_key == 0)
        unregister(m, s);
    for (int i = 0; i < NEXUSES; i++)
        if (covers(s, s->who, i))
            m->key[i] = s->sa_key;
    for (unsigned o = 0; o < s->nothers; o++)
        if (before.key[s->others[o]] == 0 && !covers(s, s->who, s->others[o]))
            for (int i = 0; i < NEXUSES; i++)
                if (covers(s, s->others[o], i))
                    m->key[i] = s->sa_key;
    m->aptpl = s->aptpl;
    m->generation++;
    return PR_DONE;
}

static enum pr_result model_reserve(struct model *m, const struct step *s)
{
    if (m->type != 0)
        return m->type == s->type && holds(m, s->who) ? PR_DONE : PR_CONFLICT;
    m->type = s->type;
    m->holder = all_type(s->type) ? NOBODY : s->who;
    return PR_DONE;
}

static enum pr_result model_release(struct model *m, const struct step *s)
{
    if (!holds(m, s->who))
        return PR_DONE;
    if (m->type != s->type)
        return PR_BAD_RELEASE;
    if (reg_only_type(m->type) || all_type(m->type))
        raise_registered(m, s->who, UA_RES_RELEASED);
    m->type = 0;
    m->holder = NOBODY;
    return PR_DONE;
}

static enum pr_result model_clear(struct model *m, const struct step *s)
{
    raise_registered(m, s->who, UA_RES_PREEMPTED);
    memset(m->key, 0, sizeof(m->key));
    m->type = 0;
    m->holder = NOBODY;
    m->generation++;
    return PR_DONE;
}

static void preempt_key(struct model *m, int i, int issuer)
{
    m->key[i] = 0;
    if (i != issuer) {
        m->ua[i] = UA_REG_PREEMPTED;
        m->preempted[i] = true;
    }
}

/* SPC-4 5.13.11: the reservation is preempted, too. */
static void model_take_over(struct model *m, const struct step *s)
{
    for (int i = 0; i < NEXUSES; i++)
        if (i != s->who && m->key[i] != 0 && (s->sa_key == 0 || m->key[i] == s->sa_key))
            preempt_key(m, i, s->who);
    if (m->type != s->type)
        raise_registered(m, s->who, UA_RES_RELEASED);
    m->type = s->type;
    m->holder = all_type(s->type) ? NOBODY : s->who;
}

static enum pr_result model_preempt(struct model *m, const struct step *s)
{
    bool any = false;
    if (m->type != 0 && (all_type(m->type) ? s->sa_key == 0 : m->key[m->holder] == s->sa_key)) {
        model_take_over(m, s);
        m->generation++;
        return PR_DONE;
    }
    if (s->sa_key == 0)
        return PR_BAD_SA_KEY;
    for (int i = 0; i < NEXUSES; i++)
        any |= m->key[i] == s->sa_key;
    if (!any)
        return PR_CONFLICT;
    for (int i = 0; i < NEXUSES; i++)
        if (m->key[i] == s->sa_key)
            preempt_key(m, i, s->who);
    if (registrants(m) == 0)
        m->type = 0;
    m->generation++;
    return PR_DONE;
}

static enum pr_result model_move(struct model *m, const struct step *s)
{
    int to = s->others[0];
    if (!holds(m, s->who) || all_type(m->type))
        return PR_CONFLICT;
    if (s->sa_key == 0)
        return PR_BAD_SA_KEY;
    if (to == s->who)
        return PR_BAD_OTHER;
    m->key[to] = s->sa_key;
    m->holder = to;
    if (s->unreg)
        m->key[s->who] = 0;
    m->aptpl = s->aptpl;
    m->generation++;
    return PR_DONE;
}

static enum pr_result model_step(struct model *m, const struct step *s)
{
    for (int i = 0; i < NEXUSES; i++) {
        m->ua[i] = UA_COUNT;
        m->preempted[i] = false;
    }
    if (s->sa == PR_REGISTER || s->sa == PR_REGISTER_AND_IGNORE)
        return model_register(m, s);
    if (m->key[s->who] == 0 || m->key[s->who] != s->key)
        return PR_CONFLICT;
    switch (s->sa) {
    case PR_RESERVE:
        return model_reserve(m, s);
    case PR_RELEASE:
        return model_release(m, s);
    case PR_CLEAR:
        return model_clear(m, s);
    case PR_PREEMPT:
    case PR_PREEMPT_AND_ABORT:
        return model_preempt(m, s);
    case PR_REGISTER_AND_MOVE:
        return model_move(m, s);
    case PR_REGISTER:
    case PR_REGISTER_AND_IGNORE:
        break;
    }
    return PR_CONFLICT;
}

/* ---- the two side by side ---------------------------------------------------------------- */

static struct pr_nexus nexus(int i)
{
    char name[32];
    const uint8_t isid[6] = {0, 1, 2, 3, 4, 5};
    snprintf(name, sizeof(name), "iqn.2026-11.example:%d", i / PORTS);
    return pr_nexus_make(name, isid, (uint16_t)(i % PORTS + 1));
}

static void compare(const struct model *m, const struct pr_state *s)
{
    check_cmp(s->n, ==, registrants(m));
    check_cmp(s->type, ==, m->type);
    check_cmp(s->generation, ==, m->generation);
    check_cmp(s->aptpl, ==, m->aptpl);
    for (int i = 0; i < NEXUSES; i++) {
        struct pr_nexus who = nexus(i);
        const struct pr_reg *reg = pr_state_find(s, &who);
        check_cmp(reg != NULL, ==, m->key[i] != 0);
        if (!reg)
            continue;
        check(reg->key == m->key[i]);
        check_cmp(reg->holder, ==, m->holder == i);
        check_cmp(pr_state_holds(s, reg), ==, holds(m, i));
    }
}

static void compare_told(const struct model *m, const struct pr_state *old,
                         const struct pr_state *next, const struct pr_request *q,
                         struct pr_model_counts *counts)
{
    for (int i = 0; i < NEXUSES; i++) {
        struct pr_nexus who = nexus(i);
        check_cmp(pr_ua_for(old, next, q, &who), ==, m->ua[i]);
        check_cmp(pr_preempted(old, next, q, &who), ==, m->preempted[i]);
        counts->uas += m->ua[i] != UA_COUNT;
        counts->preempted += m->preempted[i];
    }
}

static struct step decode(const uint8_t b[6])
{
    static const uint8_t types[] = {1, 3, 5, 6, 7, 8};
    struct step s = {
        .sa = (enum pr_out_sa)(b[0] % 8),
        .type = types[b[1] % 6],
        .who = b[2] % NEXUSES,
        .others = {b[3] % NEXUSES, b[3] / 8 % NEXUSES},
        .key = b[4] % 4,
        .sa_key = b[4] / 4 % 4,
        .aptpl = b[5] & 1,
        .all_tg_pt = b[5] & 2,
        .unreg = b[5] & 4,
    };
    s.spec_i_pt = s.sa == PR_REGISTER && (b[5] & 0x38) == 0x38;
    if (s.spec_i_pt)
        s.nothers = 2;
    if (s.sa == PR_REGISTER_AND_MOVE)
        s.nothers = 1;
    return s;
}

/* Both do the step. */
static void do_step(struct model *m, struct pr_state **now, const struct step *s,
                    struct pr_model_counts *counts)
{
    static const uint16_t ports[PORTS] = {1, 2};
    struct pr_nexus others[2] = {nexus(s->others[0]), nexus(s->others[1])};
    struct pr_request q = {
        .sa = s->sa,
        .type = s->type,
        .aptpl = s->aptpl,
        .all_tg_pt = s->all_tg_pt,
        .spec_i_pt = s->spec_i_pt,
        .unreg = s->unreg,
        .key = s->key,
        .sa_key = s->sa_key,
        .who = nexus(s->who),
        .ports = ports,
        .nports = PORTS,
        .others = others,
        .nothers = s->nothers,
    };
    struct model before = *m;
    struct pr_state *next = NULL;
    enum pr_result want = model_step(m, s), got = pr_apply(*now, &q, &next);
    check_cmp(got, ==, want);
    compare(&before, *now); /* the old state is untouched, whatever came out */
    counts->steps++;
    if (got != PR_DONE) {
        counts->conflicts += got == PR_CONFLICT;
        counts->others += got != PR_CONFLICT;
        *m = before;
        return;
    }
    counts->done++;
    compare(m, next);
    compare_told(m, *now, next, &q, counts);
    pr_state_free(*now);
    *now = next;
}

void pr_model_run(const uint8_t *bytes, size_t len, struct pr_model_counts *ret_counts)
{
    struct model m = {.holder = NOBODY};
    struct pr_state *now = pr_state_new();
    memset(ret_counts, 0, sizeof(*ret_counts));
    check(now);
    for (size_t at = 0; at + 6 <= len; at += 6) {
        struct step s = decode(bytes + at);
        do_step(&m, &now, &s, ret_counts);
    }
    pr_state_free(now);
}
