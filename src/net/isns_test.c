/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registration with a name server in a simulated world. The server is a small one of the test's own that keeps what it is
 * told and holds the client to RFC 4171: messages are whole, sources are nodes that it knows, portal groups speak of nodes and
 * portals that it knows.
 */
#include "net/net_fixture.h"

#include "net/isns_int.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PORT      3205
#define NODES_MAX 512

/* ---- a name server ----------------------------------------------------------------------- */

struct group {
    uint16_t port;
    uint32_t tag; /* 0: said to be not reached */
};
struct known {
    char name[CFG_NAME_LEN], alias[64];
    struct group groups[8];
    unsigned ngroups;
};
struct names {
    struct fix *f;
    struct listener *listener;
    char entity[CFG_ENTITY_LEN];
    struct known nodes[NODES_MAX];
    unsigned nnodes;
    uint16_t ports[8], esi_port;
    unsigned nports;
    unsigned messages, replaced;
    uint32_t period;      /* granted; 0: as asked */
    uint32_t refuse;      /* every registration by this status */
    bool no_esi;          /* refuses registrations with an ESI port */
    bool silent;          /* doesn't answer any more */
    unsigned drop_one_in; /* drops the connection instead of answering */
    unsigned conns;
    struct cancel stop;
};

static struct known *known(struct names *n, const char *name)
{
    for (unsigned i = 0; i < n->nnodes; i++)
        if (strcmp(n->nodes[i].name, name) == 0)
            return &n->nodes[i];
    return NULL;
}

static int port_at(const struct names *n, uint16_t port)
{
    for (unsigned i = 0; i < n->nports; i++)
        if (n->ports[i] == port)
            return (int)i;
    return -1;
}

static const char *text_of(struct names *n, const struct isns_attr *a)
{
    EXPECT(n->f, a->len > 0 && a->value[a->len - 1] == '\0');
    return a->len > 0 && a->value[a->len - 1] == '\0' ? (const char *)a->value : "";
}

static void forget_everything(struct names *n)
{
    n->nnodes = n->nports = 0;
    n->entity[0] = '\0';
    n->esi_port = 0;
}

static void forget_node(struct names *n, const char *name)
{
    struct known *k = known(n, name);
    if (k)
        *k = n->nodes[--n->nnodes];
}

static void forget_port(struct names *n, uint16_t port)
{
    int at = port_at(n, port);
    if (at >= 0)
        n->ports[at] = n->ports[--n->nports];
    for (unsigned i = 0; i < n->nnodes; i++)
        for (unsigned g = 0; g < n->nodes[i].ngroups; g++)
            if (n->nodes[i].groups[g].port == port)
                n->nodes[i].groups[g--] = n->nodes[i].groups[--n->nodes[i].ngroups];
}

static void set_group(struct names *n, struct known *k, uint16_t port, uint32_t tag)
{
    unsigned g = 0;
    EXPECT(n->f, k != NULL && port_at(n, port) >= 0);
    if (!k)
        return;
    while (g < k->ngroups && k->groups[g].port != port)
        g++;
    check(g < ARRAY_LEN(k->groups));
    k->groups[g] = (struct group){port, tag};
    k->ngroups = MAX(k->ngroups, g + 1);
}

static uint32_t take_registration(struct names *n, struct rbuf *r)
{
    struct known *k = NULL;
    struct isns_attr a;
    uint16_t port = 0;
    while (isns_next(r, &a)) {
        switch ((enum isns_tag)a.tag) {
        case ISNS_TAG_ENTITY:
            text_copy(n->entity, sizeof(n->entity), text_of(n, &a));
            break;
        case ISNS_TAG_PORTAL_PORT:
            port = (uint16_t)isns_attr_u32(&a);
            check(n->nports < ARRAY_LEN(n->ports));
            if (port_at(n, port) < 0)
                n->ports[n->nports++] = port;
            break;
        case ISNS_TAG_ESI_PORT:
            if (n->no_esi)
                return ISNS_ESI_NOT_AVAILABLE;
            n->esi_port = (uint16_t)isns_attr_u32(&a);
            break;
        case ISNS_TAG_NAME:
            k = known(n, text_of(n, &a));
            check(n->nnodes < NODES_MAX);
            if (!k)
                k = &n->nodes[n->nnodes++];
            *k = (struct known){.ngroups = 0};
            text_copy(k->name, sizeof(k->name), text_of(n, &a));
            break;
        case ISNS_TAG_ALIAS:
            if (k && a.len)
                text_copy(k->alias, sizeof(k->alias), text_of(n, &a));
            break;
        case ISNS_TAG_PG_NAME:
            k = known(n, text_of(n, &a));
            break;
        case ISNS_TAG_PG_PORT:
            port = (uint16_t)isns_attr_u32(&a);
            break;
        case ISNS_TAG_PG_TAG:
            set_group(n, k, port, isns_attr_u32(&a));
            break;
        case ISNS_TAG_DELIMITER:
        case ISNS_TAG_PROTOCOL:
        case ISNS_TAG_PERIOD:
        case ISNS_TAG_PORTAL_ADDRESS:
        case ISNS_TAG_ESI_INTERVAL:
        case ISNS_TAG_SCN_PORT:
        case ISNS_TAG_NODE_TYPE:
        case ISNS_TAG_SCN_BITS:
        case ISNS_TAG_PG_ADDRESS:
            break;
        }
    }
    return ISNS_OK;
}

static void take_deregistration(struct names *n, struct rbuf *r)
{
    struct isns_attr a;
    while (isns_next(r, &a)) {
        if (a.tag == ISNS_TAG_ENTITY)
            forget_everything(n);
        if (a.tag == ISNS_TAG_NAME)
            forget_node(n, text_of(n, &a));
        if (a.tag == ISNS_TAG_PORTAL_PORT)
            forget_port(n, (uint16_t)isns_attr_u32(&a));
    }
}

static void take(struct names *n, const struct isns_pdu *p, struct wbuf *answer)
{
    struct rbuf r = rbuf_make(p->data, p->len);
    struct isns_attr source, a;
    uint32_t status = ISNS_OK;
    EXPECT(n->f, isns_next(&r, &source) && source.tag == ISNS_TAG_NAME);
    if (p->function == ISNS_DEV_ATTR_REG && p->flags & ISNS_FLAG_REPLACE) {
        forget_everything(n);
        n->replaced++;
    }
    while (isns_next(&r, &a) && a.tag != ISNS_TAG_DELIMITER)
        ;
    bool known_before = known(n, text_of(n, &source)) != NULL;
    if (p->function == ISNS_DEV_ATTR_REG)
        status = n->refuse ? n->refuse : take_registration(n, &r);
    bool known_now = known(n, text_of(n, &source)) != NULL;
    EXPECT(n->f, known_before || known_now || status != ISNS_OK || n->nnodes == 0);
    if (p->function == ISNS_DEV_DEREG)
        take_deregistration(n, &r);
    EXPECT(n->f, !r.bad);
    wb_be32(answer, status);
    if (p->function == ISNS_DEV_ATTR_REG && n->period)
        isns_put_u32(answer, ISNS_TAG_PERIOD, n->period);
    for (unsigned i = 0; p->function == ISNS_DEV_ATTR_QRY && i < n->nnodes; i++)
        isns_put_text(answer, ISNS_TAG_NAME, n->nodes[i].name);
}

struct caller {
    struct names *n;
    struct sock *sock;
};

static void names_conn(void *arg)
{
    struct caller *c = arg;
    struct names *n = c->n;
    size_t cap = sizeof(struct isns_hdr) + ISNS_DATA_MAX;
    struct isns_stream s = {.sock = c->sock, .in = malloc(cap), .cap = cap};
    uint8_t *out = malloc(cap);
    struct isns_pdu p;
    check(s.in && out);
    while (isns_stream_next(&s, NO_DEADLINE, &n->stop, &p) == 1) {
        struct wbuf w = wbuf_make(out, cap);
        n->messages++;
        EXPECT(n->f, p.total <= 4096); /* Open-iSNS takes 8 KiB, and answers by more */
        if (n->silent)
            continue;
        if (n->drop_one_in && sim_random_below(n->f->run, n->drop_one_in) == 0)
            break;
        isns_begin(&w, (uint16_t)(p.function | ISNS_RESPONSE), ISNS_FLAG_SERVER, p.xid);
        take(n, &p, &w);
        check(isns_end(&w));
        if (sock_send(c->sock, out, w.len, NO_DEADLINE, &n->stop) < 0)
            break;
    }
    free(s.in);
    free(out);
    sock_close(c->sock);
    free(c);
    n->conns--;
}

static void names_accept(void *arg)
{
    struct names *n = arg;
    struct sock *s;
    while (listener_accept(n->listener, &s, &n->stop) == 0) {
        struct caller *c = malloc(sizeof(*c));
        check(c);
        *c = (struct caller){n, s};
        n->conns++;
        check(fiber_start(names_conn, c, "names"));
    }
    n->conns--;
}

static struct names *names_start(struct fix *f)
{
    static const struct listen_opts opts;
    struct names *n = calloc(1, sizeof(*n));
    struct sock_addr a;
    struct err e;
    check(n && sock_addr_make("127.0.0.1", PORT, &a) == 0);
    n->f = f;
    n->conns = 1;
    cancel_init(&n->stop);
    check(listener_open(&a, &opts, &n->listener, &e) == 0);
    check(fiber_start(names_accept, n, "names"));
    return n;
}

static void names_stop(struct names *n)
{
    cancel_fire(&n->stop);
    while (n->conns > 0)
        fiber_sleep_until(run_deadline_ms(10), NULL);
    listener_close(n->listener);
    free(n);
}

/* ---- what is changed, and waited for ----------------------------------------------------- */

static void enable(struct config_edit *e, struct err *err)
{
    struct cfg_isns i = {.enabled = true, .nservers = 1};
    text_copy(i.servers[0].address, sizeof(i.servers[0].address), "127.0.0.1");
    i.servers[0].port = PORT;
    check(edit_isns_put(e, &i, err) == 0);
}

static void disable(struct config_edit *e, struct err *err)
{
    struct cfg_isns i = config_edit_base(e)->isns;
    i.enabled = false;
    check(edit_isns_put(e, &i, err) == 0);
}

static void add_targets(struct config_edit *e, unsigned first, unsigned n, struct err *err)
{
    for (unsigned i = first; i < first + n; i++) {
        struct cfg_target t = {.disabled = false};
        snprintf(t.name, sizeof(t.name), "iqn.2026-11.org.example:more.%u", i);
        snprintf(t.alias, sizeof(t.alias), "number %u", i);
        check(edit_target_add(e, &t, NULL, 0, err) == 0);
        check(edit_grant_add(e, FIX_INITIATOR, t.name, err) == 0);
    }
}

static void add_one(struct config_edit *e, struct err *err)
{
    add_targets(e, 0, 1, err);
}

static void add_many(struct config_edit *e, struct err *err)
{
    add_targets(e, 1, 400, err);
}

static void remove_first_ten(struct config_edit *e, struct err *err)
{
    char name[64];
    for (unsigned i = 1; i <= 10; i++) {
        snprintf(name, sizeof(name), "iqn.2026-11.org.example:more.%u", i);
        check(edit_target_remove(e, name, true, err) == 0);
    }
}

static void add_portal(struct config_edit *e, struct err *err)
{
    static const struct cfg_portal p = {.address = "127.0.0.1", .port = 3261};
    static const uint16_t tags[] = {1, 2};
    struct cfg_target t = *config_target(config_edit_base(e), FIX_TARGET);
    check(edit_portal_add(e, 2, &p, err) == 0);
    check(edit_target_put(e, &t, tags, ARRAY_LEN(tags), err) == 0);
}

static void only_second(struct config_edit *e, struct err *err)
{
    static const uint16_t tags[] = {2};
    struct cfg_target t = *config_target(config_edit_base(e), FIX_TARGET);
    check(edit_target_put(e, &t, tags, ARRAY_LEN(tags), err) == 0);
}

static void unlist(struct config_edit *e, struct err *err)
{
    struct cfg_target t = *config_target(config_edit_base(e), FIX_TARGET);
    t.unlisted = true;
    check(edit_target_put(e, &t, NULL, 0, err) == 0);
}

static bool node_is_right(const struct names *n, const struct cfg_target *t,
                          const struct known *k)
{
    if (!k || strcmp(k->alias, t->alias) != 0 || k->ngroups != n->nports)
        return false;
    for (unsigned g = 0; g < k->ngroups; g++) {
        uint32_t want = 0;
        for (unsigned i = 0; i < t->ngroups; i++)
            if (t->groups[i]->portals[0].port == k->groups[g].port)
                want = t->groups[i]->tag;
        if (want != k->groups[g].tag)
            return false;
    }
    return true;
}

/* Does the server know just what is served? */
static bool is_right(struct names *n)
{
    const struct config *c = n->f->net->cfg;
    unsigned told = 0;
    for (unsigned i = 0; i < c->ntargets; i++)
        if (!c->targets[i].unlisted) {
            told++;
            if (!node_is_right(n, &c->targets[i], known(n, c->targets[i].name)))
                return false;
        }
    return told == n->nnodes && (told == 0) == (n->nports == 0) &&
           (told == 0 || strcmp(n->entity, c->isns.entity) == 0);
}

static bool becomes_right(struct names *n, uint64_t ms)
{
    uint64_t until = run_deadline_ms(ms);
    while (!is_right(n) && run_now() < until)
        fiber_sleep_until(run_deadline_ms(20), NULL);
    return is_right(n);
}

static struct net_isns_info info_of(struct fix *f)
{
    struct net_isns_info *all, one = {.state = NET_ISNS_CONNECTING};
    unsigned n;
    check(net_isns(f->net, &all, &n) == 0);
    if (n > 0)
        one = all[0];
    free(all);
    return one;
}

/* ---- tests ------------------------------------------------------------------------------- */

static void body_follows(struct fix *f)
{
    static void (*const changes[])(struct config_edit *, struct err *) = {
        add_one, add_portal, add_many, only_second, remove_first_ten, unlist,
    };
    struct names *n = names_start(f);
    fix_change(f, enable);
    EXPECT(f, becomes_right(n, 1000));
    for (unsigned i = 0; i < ARRAY_LEN(changes); i++) {
        fix_change(f, changes[i]);
        EXPECT(f, becomes_right(n, 1000));
    }
    EXPECT(f, n->replaced == 1);
    EXPECT(f, info_of(f).state == NET_ISNS_REGISTERED && info_of(f).targets == 391);
    fix_change(f, disable);
    fiber_sleep_until(run_deadline_ms(200), NULL);
    EXPECT(f, n->nnodes == 0 && n->entity[0] == '\0');
    names_stop(n);
}

/* Whatever breaks on the way, in the end the server knows what is served. */
static void body_cut(struct fix *f)
{
    static void (*const changes[])(struct config_edit *, struct err *) = {
        add_one, add_portal, add_many, only_second, remove_first_ten, unlist,
    };
    struct names *n = names_start(f);
    n->drop_one_in = 6;
    fix_change(f, enable);
    for (unsigned i = 0; i < ARRAY_LEN(changes); i++) {
        fix_change(f, changes[i]);
        fiber_sleep_until(run_now() + sim_random_below(f->run, 3000) * NS_PER_MS, NULL);
    }
    n->drop_one_in = 0;
    EXPECT(f, becomes_right(n, 200000));
    names_stop(n);
}

static void body_forgotten(struct fix *f)
{
    struct names *n = names_start(f);
    n->period = 60;
    fix_change(f, add_one);
    fix_change(f, enable);
    EXPECT(f, becomes_right(n, 1000));
    unsigned before = n->messages;
    fiber_sleep_until(run_deadline_ms(60000), NULL);
    EXPECT(f, n->messages > before && n->messages <= before + 4); /* signs of life, not more */
    forget_node(n, FIX_TARGET);
    EXPECT(f, becomes_right(n, 25000));
    EXPECT(f, n->replaced == 2);
    names_stop(n);
}

static void body_without_esi(struct fix *f)
{
    struct names *n = names_start(f);
    n->no_esi = true;
    fix_change(f, enable);
    EXPECT(f, becomes_right(n, 1000));
    EXPECT(f, n->esi_port == 0 && info_of(f).esi_port == 0);
    names_stop(n);
}

/* A server whose inquiries don't come through forgets us: then the period must do. */
static void body_asked_in_vain(struct fix *f)
{
    struct names *n = names_start(f);
    n->period = 60;
    fix_change(f, enable);
    EXPECT(f, becomes_right(n, 1000));
    EXPECT(f, n->esi_port != 0);
    forget_everything(n);
    EXPECT(f, becomes_right(n, 25000));
    EXPECT(f, n->esi_port == 0);
    names_stop(n);
}

static void body_refused(struct fix *f)
{
    struct names *n = names_start(f);
    n->refuse = 8;
    fix_change(f, enable);
    fiber_sleep_until(run_deadline_ms(20000), NULL);
    struct net_isns_info i = info_of(f);
    EXPECT(f, i.state == NET_ISNS_FAILED && strstr(i.error, "source unauthorized"));
    EXPECT(f, n->messages < 8); /* ever more rarely */
    n->refuse = 0;
    EXPECT(f, becomes_right(n, 40000));
    names_stop(n);
}

/* A server that is not there, or says nothing, holds up neither changes nor the stop. */
static void body_silent(struct fix *f)
{
    struct names *n = names_start(f);
    fix_change(f, enable);
    EXPECT(f, becomes_right(n, 1000));
    n->silent = true;
    uint64_t began = run_now();
    fix_change(f, add_one);
    EXPECT(f, run_now() - began < 500 * NS_PER_MS);
    fiber_sleep_until(run_deadline_ms(5000), NULL);
    began = run_now();
    fix_stop(f);
    EXPECT(f, run_now() - began < 3000 * NS_PER_MS);
    names_stop(n);
}

static void body_stop(struct fix *f)
{
    struct names *n = names_start(f);
    fix_change(f, enable);
    EXPECT(f, becomes_right(n, 1000));
    fix_stop(f);
    EXPECT(f, n->nnodes == 0 && n->entity[0] == '\0');
    names_stop(n);
}

/* Off and on again at once: the farewell of before does not take back what comes after. */
static void body_again(struct fix *f)
{
    struct names *n = names_start(f);
    fix_change(f, enable);
    for (unsigned i = 0; i < 20; i++) {
        fiber_sleep_until(run_now() + sim_random_below(f->run, 20) * NS_PER_MS, NULL);
        fix_change(f, disable);
        fix_change(f, enable);
    }
    EXPECT(f, becomes_right(n, 5000));
    fiber_sleep_until(run_deadline_ms(3000), NULL);
    EXPECT(f, is_right(n));
    names_stop(n);
}

/* ESI and SCN come to the port that was told. */
static void body_asked(struct fix *f)
{
    struct names *n = names_start(f);
    struct sock_addr a;
    struct sock *s;
    struct err e;
    uint8_t bytes[256];
    struct isns_pdu p;
    bool scn = false;
    fix_change(f, add_one);
    fix_change(f, enable);
    EXPECT(f, becomes_right(n, 1000));
    check(sock_addr_make("127.0.0.1", n->esi_port, &a) == 0);
    check(sock_connect(&a, NO_DEADLINE, NULL, &s, &e) == 0);
    struct isns_stream in = {.sock = s, .in = bytes, .cap = sizeof(bytes)};
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    forget_node(n, FIX_TARGET);
    for (unsigned i = 0; i < 2; i++) {
        in.have = in.used = 0;
        isns_begin(&w, i == 0 ? ISNS_ESI : ISNS_SCN, ISNS_FLAG_SERVER, 9);
        isns_put_text(&w, ISNS_TAG_NAME, FIX_TARGET);
        check(isns_end(&w));
        EXPECT(f, sock_send(s, bytes, w.len, NO_DEADLINE, NULL) == 0);
        EXPECT(f, isns_stream_next(&in, run_deadline_ms(2000), NULL, &p) == 1 && p.xid == 9 &&
                      load_be32(p.data) == ISNS_OK);
    }
    EXPECT(f, isns_stream_answer(&in, &p, NO_DEADLINE, NULL, &scn) == -EPROTO && !scn);
    EXPECT(f, info_of(f).inquiries == 1);
    EXPECT(f, becomes_right(n, 4000)); /* the notice made it look */
    sock_close(s);
    names_stop(n);
}

FIX_TEST(follows, 5)
FIX_TEST(cut, 5)
FIX_TEST(forgotten, 5)
FIX_TEST(without_esi, 5)
FIX_TEST(asked_in_vain, 5)
FIX_TEST(refused, 5)
FIX_TEST(silent, 5)
FIX_TEST(stop, 5)
FIX_TEST(again, 5)
FIX_TEST(asked, 5)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follows),       cmocka_unit_test(test_cut),
        cmocka_unit_test(test_forgotten),     cmocka_unit_test(test_without_esi),
        cmocka_unit_test(test_asked_in_vain), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_silent),        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_again),         cmocka_unit_test(test_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
