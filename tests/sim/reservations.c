/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations (SPC-4 5.13), played by two sessions on a LUN of their own. One fiber
 * sends one command at a time, so what must come is known exactly: status, keys, holder, who
 * may read and write, who is owed a unit attention. Every registration asks for APTPL: what was
 * acknowledged must survive the power. A command whose end nobody saw leaves two candidate
 * states; the next look decides, and must find one of them.
 */
#include "story.h"

#include "base/check.h"
#include "base/endian.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NONE (-1)

enum { ST_GOOD = 0x00, ST_CHECK = 0x02, ST_CONFLICT = 0x18 };
/* 2Ah with qualifiers 03h, 04h, 05h: several may be owed at once. */
enum { UA_PREEMPTED = 1 << 3, UA_RELEASED = 1 << 4, UA_UNREGISTERED = 1 << 5 };
enum action { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, IGNORE = 6 };

struct pr_view {
    uint64_t key[2]; /* of each session; 0: not registered */
    int holder;
    uint8_t type;
};

#define VIEWS 8u
struct views {
    struct pr_view v[VIEWS];
    unsigned n;
};

struct pr_state {
    struct views
        live; /* what the target may think; more than one: a command whose end is unknown */
    struct views ghosts; /* what it may think besides after its next start: saves that failed */
    uint64_t next_key;
};

struct pr {
    struct story *st;
    struct pr_state *s;
    struct actor a[2];
    uint16_t owed[2];    /* attention that a session must meet next; 0: none */
    uint64_t session[2]; /* as of the last command */
};

static bool same_view(const struct pr_view *a, const struct pr_view *b)
{
    return a->key[0] == b->key[0] && a->key[1] == b->key[1] && a->holder == b->holder &&
           a->type == b->type;
}

static void views_add(struct views *s, const struct pr_view *v)
{
    for (unsigned k = 0; k < s->n; k++) {
        if (same_view(&s->v[k], v))
            return;
    }
    check_cmp(s->n, <, VIEWS);
    s->v[s->n++] = *v;
}

static void views_set(struct views *s, struct pr_view v)
{
    s->n = 1;
    s->v[0] = v;
}

struct pr_state *reservations_new(void)
{
    struct pr_state *s = calloc(1, sizeof(*s));
    check(s);
    views_set(&s->live, (struct pr_view){.holder = NONE});
    s->next_key = 0x1000;
    return s;
}

void reservations_free(struct pr_state *p)
{
    free(p);
}

/* ---- the rules --------------------------------------------------------------------------- */

struct pr_cmd {
    int who;
    enum action action;
    uint8_t type;
    uint64_t key, sa_key;
};

static bool registrants_only(uint8_t type)
{
    return type == 5 || type == 6;
}

static void release(struct pr_view *v)
{
    v->holder = NONE;
    v->type = 0;
}

/* The other one is told, if he is registered. */
static void owe(const struct pr_view *v, int who, uint16_t ua, uint16_t *ret_owed)
{
    if (v->key[!who])
        *ret_owed |= ua;
}

static void do_register(struct pr_view *v, const struct pr_cmd *c, uint16_t *ret_owed)
{
    v->key[c->who] = c->sa_key;
    if (c->sa_key == 0 && v->holder == c->who) {
        if (registrants_only(v->type))
            owe(v, c->who, UA_RELEASED, ret_owed);
        release(v);
    }
}

static uint8_t do_reserve(struct pr_view *v, const struct pr_cmd *c)
{
    if (v->holder != NONE && (v->holder != c->who || v->type != c->type))
        return ST_CONFLICT;
    v->holder = c->who;
    v->type = c->type;
    return ST_GOOD;
}

static uint8_t do_preempt(struct pr_view *v, const struct pr_cmd *c, uint16_t *ret_owed)
{
    int other = !c->who;
    if (c->sa_key != v->key[other])
        return ST_CONFLICT;
    owe(v, c->who, UA_UNREGISTERED, ret_owed);
    v->key[other] = 0;
    if (v->holder == other) {
        v->holder = c->who;
        v->type = c->type;
    }
    return ST_GOOD;
}

/* The status that must come, the state after it, and what the other session is owed. */
static uint8_t rules(struct pr_view *v, const struct pr_cmd *c, uint16_t *ret_owed)
{
    if (c->action != IGNORE && c->key != v->key[c->who])
        return ST_CONFLICT;
    if (c->action != IGNORE && c->action != REGISTER && v->key[c->who] == 0)
        return ST_CONFLICT;
    switch (c->action) {
    case REGISTER:
    case IGNORE:
        do_register(v, c, ret_owed);
        return ST_GOOD;
    case RESERVE:
        return do_reserve(v, c);
    case RELEASE:
        if (v->holder == c->who) {
            if (registrants_only(v->type))
                owe(v, c->who, UA_RELEASED, ret_owed);
            release(v);
        }
        return ST_GOOD;
    case CLEAR:
        owe(v, c->who, UA_PREEMPTED, ret_owed);
        v->key[0] = v->key[1] = 0;
        release(v);
        return ST_GOOD;
    case PREEMPT:
        return do_preempt(v, c, ret_owed);
    }
    return ST_GOOD;
}

static bool may_access(const struct pr_view *v, int who, bool write)
{
    if (v->holder == NONE || v->holder == who)
        return true;
    switch (v->type) {
    case 1:
        return !write;
    case 3:
        return false;
    case 5:
        return !write || v->key[who];
    default:
        return v->key[who] != 0;
    }
}

/* ---- sending ----------------------------------------------------------------------------- */

/* A response came. True: it is the command's own; false: an attention or a refusal, send it
 * again. */
static bool own_answer(struct pr *p, int who, const struct ini_cmd *c)
{
    uint32_t sense = ini_sense(c);
    if (c->status == 0x08 || c->status == 0x28)
        return false;
    if (c->status == ST_CHECK && sense >> 16 == 6) {
        if ((sense >> 8 & 0xff) == 0x2a)
            p->owed[who] &= (uint16_t) ~(1u << (sense & 0xf));
        return false;
    }
    if (p->owed[who])
        story_fail("reservations: session %d was owed attentions (mask %02x), got status %02x "
                   "sense %06x",
                   who, p->owed[who], c->status, sense);
    return true;
}

/* Runs the command, taking the attentions that come on the way. False: its end is not known,
 * but it is over. */
static bool exec(struct pr *p, int who, struct ini_cmd *c)
{
    struct actor *a = &p->a[who];
    for (unsigned tries = 0; tries < 20; tries++) {
        struct ini *i = actor_enter(a);
        if (!i)
            return false;
        if (a->session != p->session[who])
            p->owed[who] = 0; /* a new nexus is owed its own beginning, which it has met */
        p->session[who] = a->session;
        actor_exec(a, i, c);
        actor_leave(a);
        if (c->end == INI_DONE && own_answer(p, who, c))
            return true;
        if (c->end == INI_LOST && actor_enter(a)) /* the next login ends what was in flight */
            actor_leave(a);
        if (c->end != INI_DONE)
            return false;
    }
    return false;
}

/* The reservations could not be saved: they stay as they were, until the target starts anew
 * and finds the one or the other. */
static bool save_failed(const struct pr *p, const struct ini_cmd *c)
{
    uint32_t key = ini_sense(c) >> 16;
    return p->st->name_faults && c->status == ST_CHECK && (key == 4 || key == 7);
}

static void answered(struct pr *p, const struct pr_view *after)
{
    struct pr_state *s = p->s;
    if (!same_view(&s->live.v[0], after))
        s->ghosts.n = 0; /* saved, over whatever failed before */
    views_set(&s->live, *after);
    p->st->n.pr_ops++;
}

static void pr_out(struct pr *p, const struct pr_cmd *x)
{
    struct pr_state *s = p->s;
    struct pr_view before = s->live.v[0], after = before;
    uint8_t list[24] = {0};
    uint16_t owed = 0;
    store_be64(list, x->key);
    store_be64(list + 8, x->sa_key);
    list[20] = x->action == REGISTER || x->action == IGNORE; /* APTPL */
    struct ini_cmd c = {
        .lun = ini_lun(PR_LUN), .out = list, .edtl = sizeof(list), .cdb = {0x5f}};
    c.cdb[1] = (uint8_t)x->action;
    c.cdb[2] = x->type;
    store_be32(c.cdb + 5, sizeof(list));
    uint8_t want = rules(&after, x, &owed);
    views_add(&s->live, &after);
    if (!exec(p, x->who, &c))
        return;
    if (save_failed(p, &c)) {
        views_set(&s->live, before);
        views_add(&s->ghosts, &after);
        p->st->n.save_failures++;
        return;
    }
    if (c.status != want)
        story_fail("reservations: session %d action %d ended %02x %06x, must be %02x", x->who,
                   (int)x->action, c.status, ini_sense(&c), want);
    views_set(&s->live, before);
    answered(p, &after);
    p->owed[!x->who] |= owed;
    p->st->n.pr_conflicts += want == ST_CONFLICT;
}

/* ---- looking ----------------------------------------------------------------------------- */

static bool pr_in(struct pr *p, int who, uint8_t action, uint8_t *ret_bytes, uint32_t cap)
{
    struct ini_cmd c = {
        .lun = ini_lun(PR_LUN), .in = ret_bytes, .edtl = cap, .cdb = {0x5e, action}
    };
    memset(ret_bytes, 0, cap);
    store_be16(c.cdb + 7, (uint16_t)cap);
    if (!exec(p, who, &c))
        return false;
    if (c.status != ST_GOOD)
        story_fail("reservations: PERSISTENT RESERVE IN %u ended %02x %06x", action, c.status,
                   ini_sense(&c));
    return true;
}

static bool keys_match(const struct pr_view *v, const uint8_t *b)
{
    uint32_t n = load_be32(b + 4) / 8, want = (v->key[0] ? 1u : 0) + (v->key[1] ? 1u : 0);
    for (uint32_t k = 0; k < n && k < 2; k++) {
        uint64_t key = load_be64(b + 8 + 8 * k);
        if (key != v->key[0] && key != v->key[1])
            return false;
    }
    return n == want;
}

static bool reservation_matches(const struct pr_view *v, const uint8_t *b)
{
    if (v->holder == NONE)
        return load_be32(b + 4) == 0;
    return load_be32(b + 4) == 16 && load_be64(b + 8) == v->key[v->holder] && b[21] == v->type;
}

/* The command that was under way did it, or did not. If it did not, it may have failed to
 * save. */
static void settle(struct pr *p, unsigned k)
{
    struct pr_state *s = p->s;
    struct pr_view found = s->live.v[k];
    for (unsigned o = 0; o < s->live.n && p->st->name_faults; o++) {
        if (o != k)
            views_add(&s->ghosts, &s->live.v[o]);
    }
    views_set(&s->live, found);
}

/* Compares the target's state with the candidates; settles which it is. */
static void look(struct pr *p)
{
    const struct views *live = &p->s->live;
    uint8_t keys[64], holder[64];
    int who = (int)draw(p->st, 2);
    if (!pr_in(p, who, 0, keys, sizeof(keys)) || !pr_in(p, who, 1, holder, sizeof(holder)))
        return;
    for (unsigned k = 0; k < live->n; k++) {
        if (keys_match(&live->v[k], keys) && reservation_matches(&live->v[k], holder)) {
            settle(p, k);
            return;
        }
    }
    story_fail("reservations: %u keys, first %" PRIx64
               ", reservation of %u bytes, holder %" PRIx64 " type %u; expected keys %" PRIx64
               " %" PRIx64 ", holder %d type %u, or one of %u others",
               load_be32(keys + 4) / 8, load_be64(keys + 8), load_be32(holder + 4),
               load_be64(holder + 8), holder[21], live->v[0].key[0], live->v[0].key[1],
               live->v[0].holder, live->v[0].type, live->n - 1);
}

static void probe(struct pr *p, int who, bool write)
{
    struct story *st = p->st;
    uint8_t *block = calloc(1, st->block_size);
    check(block);
    struct ini_cmd c = {.lun = ini_lun(PR_LUN), .edtl = st->block_size};
    if (write)
        c.out = block;
    else
        c.in = block;
    cdb_rw(st, &c, write, draw(st, NBLOCKS), 1, false);
    if (exec(p, who, &c)) {
        bool may = may_access(&p->s->live.v[0], who, write), did = c.status != ST_CONFLICT;
        if (may != did)
            story_fail("reservations: session %d %s a block, status %02x, type %u holder %d",
                       who, write ? "wrote" : "read", c.status, p->s->live.v[0].type,
                       p->s->live.v[0].holder);
        if (did && c.status != ST_GOOD && !st->disk_faults)
            story_fail("reservations: access ended %02x %06x", c.status, ini_sense(&c));
        st->n.pr_conflicts += !did;
    }
    free(block);
}

/* ---- drawing ----------------------------------------------------------------------------- */

static struct pr_cmd draw_cmd(struct pr *p)
{
    static const uint8_t types[] = {1, 3, 5, 6};
    static const enum action actions[] = {REGISTER, IGNORE,  RESERVE, RESERVE,
                                          RELEASE,  PREEMPT, CLEAR};
    const struct pr_view *v = &p->s->live.v[0];
    struct pr_cmd c = {.who = (int)draw(p->st, 2)};
    c.action = actions[draw(p->st, 7)];
    if (v->key[c.who] == 0 && !one_in(p->st, 5))
        c.action = REGISTER;
    c.key = one_in(p->st, 12) ? 0xbad : v->key[c.who];
    c.type = types[draw(p->st, 4)];
    if (c.action == RELEASE && v->holder == c.who)
        c.type = v->type; /* another type would be an error of its own */
    if (c.action == REGISTER || c.action == IGNORE)
        c.sa_key = one_in(p->st, 4) ? 0 : p->s->next_key++;
    if (c.action == PREEMPT)
        c.sa_key = v->key[!c.who] ? v->key[!c.who] : 0xdead;
    return c;
}

static void one_step(struct pr *p)
{
    uint64_t lot = draw(p->st, 10);
    bool full = p->s->ghosts.n + 2 > VIEWS / 2;
    if (p->s->live.n > 1 || lot < 2) {
        look(p);
    } else if (lot < 6 && !full) {
        struct pr_cmd c = draw_cmd(p);
        pr_out(p, &c);
    } else {
        bool write = one_in(p->st, 2);
        probe(p, (int)draw(p->st, 2), write);
    }
}

void reservations_run(void *arg)
{
    struct story *st = arg;
    struct pr *p = calloc(1, sizeof(*p));
    check(p);
    p->st = st;
    p->s = st->pr;
    for (unsigned k = 0; k < p->s->ghosts.n; k++) /* the target has started anew */
        views_add(&p->s->live, &p->s->ghosts.v[k]);
    p->s->ghosts.n = 0;
    for (unsigned k = 0; k < 2; k++)
        actor_params(st, &p->a[k], ACTORS_MAX + k);
    while (!st->closing) {
        one_step(p);
        st->n.ops++;
        nap(st, 8 * NS_PER_MS);
        fiber_sleep_until(st->quiet_until, NULL);
    }
    for (unsigned k = 0; k < 2; k++) {
        if (p->a[k].ini)
            ini_drop(p->a[k].ini);
    }
    free(p);
    waitgroup_done(&st->others);
}
