/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may come in when there is a crowd, all on reactor 0. Two kinds of places, so that neither can take the
 * other's:
 *
 * Connections that are not logged in yet have a quarter of the limit of connections, at most WAITING_MAX. When all are
 * taken a newcomer whose source has fewer than another takes the place of that one's oldest: whoever comes from many
 * addresses, or with many connections, gets but his share, and an honest login is over long before it is the oldest. Sources are
 * IPv4 addresses and /64s of IPv6, and in a /64 its addresses in the same way. What one address may have is limited besides.
 *
 * Those that are logged in have the rest, of which no host (13-attach-guard.md) may take more than its share, whatever its
 * initiators do: sessions and discovery count alike. Places are not taken away here; the next login is told that
 * there are none, after it has proved who it is.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/text.h"
#include "config/sources.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX  1024u
#define FLOOD_FACTOR 4u
#define SHARE_MIN    64u
#define SAY_MS       60000 /* between two events of a crowd */

/* An IPv4 address, or a /64: who may be one machine. */
struct crowd_block {
    struct list node;
    struct cfg_network net;
    uint32_t n;
};

struct crowd_source {
    struct list node;
    struct cfg_address addr;
    struct crowd_block *block;
    struct list waiting; /* of struct conn, oldest first */
    uint32_t n, held;    /* of them; held back for failures of the source */
};

static uint32_t waiting_max(const struct cfg_limits *l)
{
    return MIN(MAX(l->max_connections / 4, 1u), WAITING_MAX);
}

static uint32_t places_max(const struct cfg_limits *l)
{
    return MAX(l->max_connections - waiting_max(l), 1u);
}

static uint32_t share_max(const struct cfg_limits *l)
{
    uint32_t share = MAX(l->max_connections / 8, SHARE_MIN);
    if (l->max_connections_per_host != 0)
        return l->max_connections_per_host;
    return MIN(share, MAX(places_max(l) / 2, 1u));
}

/* ---- not logged in yet ------------------------------------------------------------------- */

static struct crowd_block *block_find(struct net *net, const struct cfg_address *addr)
{
    struct crowd_block *b;
    list_for_each (b, &net->blocks, node)
        if (cfg_network_has(&b->net, addr))
            return b;
    return NULL;
}

static struct crowd_source *source_find(struct net *net, const struct cfg_address *addr)
{
    struct crowd_source *s;
    list_for_each (s, &net->sources, node)
        if (cfg_address_same(&s->addr, addr))
            return s;
    return NULL;
}

static struct crowd_block *block_get(struct net *net, const struct cfg_address *addr)
{
    struct crowd_block *b = block_find(net, addr);
    if (b || !(b = calloc(1, sizeof(*b))))
        return b;
    b->net = cfg_network_around(addr);
    list_push(&net->blocks, &b->node);
    return b;
}

static void block_free_if_unused(struct crowd_block *b)
{
    if (b->n != 0)
        return;
    list_remove(&b->node);
    free(b);
}

static struct crowd_source *source_get(struct net *net, const struct cfg_address *addr)
{
    struct crowd_source *s = source_find(net, addr);
    if (s)
        return s;
    struct crowd_block *b = block_get(net, addr);
    if (!b)
        return NULL;
    s = calloc(1, sizeof(*s));
    if (!s) {
        block_free_if_unused(b);
        return NULL;
    }
    s->addr = *addr;
    s->block = b;
    list_init(&s->waiting);
    list_push(&net->sources, &s->node);
    return s;
}

bool crowd_enter(struct net *net, struct conn *c)
{
    struct crowd_source *s = source_get(net, &c->source);
    if (!s)
        return false;
    s->n++;
    s->block->n++;
    net->nlogins++;
    list_push(&s->waiting, &c->waiting);
    c->from = s;
    const uint32_t most = net->cfg->limits.max_logins_per_address;
    c->overload = s->n - s->held > most;
    return s->n <= (uint64_t)FLOOD_FACTOR * most;
}

void crowd_leave(struct net *net, struct conn *c)
{
    struct crowd_source *s = c->from;
    if (!s)
        return;
    crowd_hold(c, false);
    c->from = NULL;
    list_remove(&c->waiting);
    net->nlogins--;
    s->block->n--;
    if (--s->n != 0)
        return;
    list_remove(&s->node);
    block_free_if_unused(s->block);
    free(s);
}

void crowd_hold(struct conn *c, bool held)
{
    if (!c->from || c->held == held)
        return;
    c->held = held;
    c->from->held = held ? c->from->held + 1 : c->from->held - 1;
}

/* A source is there as long as it has one. */
static struct conn *oldest(const struct crowd_source *s)
{
    return list_entry(s->waiting.next, struct conn, waiting);
}

/* Whose turn it is to go: the block's that has most, in it the address's that has most, the oldest's of all
 * that are equal. */
static bool goes_before(const struct crowd_source *a, const struct crowd_source *b)
{
    if (a->block->n != b->block->n)
        return a->block->n > b->block->n;
    if (a->n != b->n)
        return a->n > b->n;
    return oldest(a)->id < oldest(b)->id;
}

/* A source with more connections than there are from addr, NULL: there is none. */
static struct crowd_source *who_has_more(struct net *net, const struct cfg_address *addr)
{
    const struct crowd_block *block = block_find(net, addr);
    const struct crowd_source *mine = source_find(net, addr);
    uint32_t block_n = block ? block->n : 0, n = mine ? mine->n : 0;
    struct crowd_source *s, *found = NULL;
    list_for_each (s, &net->sources, node) {
        bool more = s->block == block ? s->n > n : s->block->n > block_n;
        if (more && (!found || goes_before(s, found)))
            found = s;
    }
    return found;
}

static void say_crowded(struct net *net, const struct crowd_source *s)
{
    char text[CFG_NETWORK_LEN];
    if (run_now() < net->crowd_said)
        return;
    net->crowd_said = run_deadline_ms(SAY_MS);
    cfg_network_format(&s->block->net, text);
    log_warn("login.crowded", KV("waiting", "%u", net->nlogins), KV("most_from", "%s", text),
             KV("of_them", "%u", s->block->n),
             KV("displaced", "%llu", (unsigned long long)net->totals.logins_displaced));
}

bool crowd_room(struct net *net, const struct cfg_address *from)
{
    const struct cfg_limits *l = &net->cfg->limits;
    if (net->nconns >= (uint64_t)l->max_connections + waiting_max(l))
        return false;
    if (net->nlogins < waiting_max(l))
        return true;
    struct crowd_source *s = who_has_more(net, from);
    if (!s)
        return false;
    struct conn *c = oldest(s);
    net->totals.logins_displaced++;
    say_crowded(net, s);
    crowd_leave(net, c);
    conn_drop(c, "others that have fewer connections want to log in");
    return true;
}

/* ---- logged in --------------------------------------------------------------------------- */

struct taken {
    uint32_t all, of_host;
};

/* But for the one of the session that this login is to replace. */
static struct taken count_taken(const struct net *net, const struct conn *c, const char *host)
{
    struct taken t = {0};
    bool replaces = false;
    const struct conn *o;
    list_for_each (o, &net->conns, node) {
        if (o == c || !o->place[0])
            continue;
        if (!replaces && o->session && session_same(o, c)) {
            replaces = true;
            continue;
        }
        t.all++;
        t.of_host += strcmp(o->place, host) == 0;
    }
    return t;
}

const char *crowd_place(struct net *net, struct conn *c, const char *host)
{
    const struct cfg_limits *l = &net->cfg->limits;
    const struct taken t = count_taken(net, c, host);
    if (t.of_host >= share_max(l))
        return "its host has as many connections as one may have";
    if (t.all >= places_max(l))
        return "all places for sessions are taken";
    text_copy(c->place, sizeof(c->place), host);
    return NULL;
}

void crowd_leave_place(struct conn *c)
{
    c->place[0] = '\0';
}
