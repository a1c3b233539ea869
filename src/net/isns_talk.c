/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said to a name server: DevAttrReg, DevDereg, DevAttrQry and SCNReg (RFC 4171 5.6.5). Everything is told of one entity, which
 * is the key of each registration. What is too much for one message is told in several, the entity and its portals
 * first: what names them later finds them there.
 */
#include "net/isns_int.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

/* Bytes of a message from which on the next object begins another one. Open-iSNS takes no more than 8 KiB, and says more in
 * its answer than it was told. */
#define FULL           3072
#define PERIOD_S       300 /* asked for: a machine that died is forgotten after so long */
#define PERIOD_MAX_S   3600
#define ESI_INTERVAL_S 60

#define ATTR(len) (8 + (len) + 3)
static_assert(FULL + ATTR(CFG_NAME_LEN) + 3 * ATTR(4) + ATTR(64) <= ISNS_OUT_MAX &&
                  FULL + ATTR(16) + 4 * ATTR(4) <= ISNS_OUT_MAX &&
                  FULL + ATTR(CFG_NAME_LEN) + ATTR(16) + 2 * ATTR(4) <= ISNS_OUT_MAX,
              "a node, a portal, a portal group have room in a message that isn't full");
static_assert(2 * ATTR(CFG_NAME_LEN) + 3 * ATTR(CFG_ENTITY_LEN) + 2 * ATTR(4) < FULL,
              "what each message begins with leaves some");

/* ---- parts of messages ------------------------------------------------------------------- */

static void put_portal_key(struct wbuf *w, uint32_t tag, const struct isns_portal *p)
{
    isns_put(w, tag, p->ip, sizeof(p->ip));
    isns_put_u32(w, tag + 1, p->port);
}

static void put_portal(struct wbuf *w, const struct isns_view *v, int i)
{
    put_portal_key(w, ISNS_TAG_PORTAL_ADDRESS, &v->portal[i]);
    if (i == v->esi) {
        isns_put_u32(w, ISNS_TAG_ESI_INTERVAL, ESI_INTERVAL_S);
        isns_put_u32(w, ISNS_TAG_ESI_PORT, v->esi_port);
        isns_put_u32(w, ISNS_TAG_SCN_PORT, v->esi_port);
    }
}

static void put_node(struct wbuf *w, const struct isns_node *n)
{
    isns_put_text(w, ISNS_TAG_NAME, n->name);
    isns_put_u32(w, ISNS_TAG_NODE_TYPE, ISNS_NODE_TARGET);
    if (n->alias[0])
        isns_put_text(w, ISNS_TAG_ALIAS, n->alias);
    else
        isns_put_empty(w, ISNS_TAG_ALIAS);
}

/* Is n reached through portal i, and in which group? */
static void put_group(struct wbuf *w, const struct isns_view *v, const struct isns_node *n,
                      unsigned i)
{
    isns_put_text(w, ISNS_TAG_PG_NAME, n->name);
    put_portal_key(w, ISNS_TAG_PG_ADDRESS, &v->portal[i]);
    if (n->tag[i])
        isns_put_u32(w, ISNS_TAG_PG_TAG, n->tag[i]);
    else
        isns_put_empty(w, ISNS_TAG_PG_TAG);
}

static struct wbuf registration(struct isns_server *s, uint16_t flags)
{
    struct wbuf w = isns_link_message(&s->link, ISNS_DEV_ATTR_REG, flags);
    isns_put_text(&w, ISNS_TAG_NAME, s->source);
    isns_put_text(&w, ISNS_TAG_ENTITY, s->entity);
    isns_put_empty(&w, ISNS_TAG_DELIMITER);
    isns_put_text(&w, ISNS_TAG_ENTITY, s->entity);
    isns_put_u32(&w, ISNS_TAG_PROTOCOL, ISNS_PROTOCOL_ISCSI);
    isns_put_u32(&w, ISNS_TAG_PERIOD, PERIOD_S);
    return w;
}

static struct wbuf deregistration(struct isns_server *s)
{
    struct wbuf w = isns_link_message(&s->link, ISNS_DEV_DEREG, 0);
    isns_put_text(&w, ISNS_TAG_NAME, s->source);
    isns_put_empty(&w, ISNS_TAG_DELIMITER);
    return w;
}

/* ---- calls ------------------------------------------------------------------------------- */

static int call(struct isns_server *s, struct wbuf *w, const char *what, struct rbuf *ret_rest,
                struct err *reterr)
{
    uint32_t status;
    int r = isns_link_call(&s->link, w, &status, ret_rest, reterr);
    if (r < 0)
        return r;
    s->heard = run_wall() / NS_PER_SEC;
    if (status == ISNS_OK)
        return 0;
    return err_set(reterr, status == ISNS_ESI_NOT_AVAILABLE ? -EOPNOTSUPP : -EPERM,
                   "it refuses %s: status %u, %s", what, status, isns_status_text(status));
}

/* The server may have chosen another period than the one asked for (RFC 4171 6.2.6). */
static int call_register(struct isns_server *s, struct wbuf *w, struct err *reterr)
{
    struct rbuf answer;
    struct isns_attr a;
    int r = call(s, w, "to register", &answer, reterr);
    while (r == 0 && isns_next(&answer, &a))
        if (a.tag == ISNS_TAG_PERIOD && isns_attr_u32(&a) > 0)
            s->period = MIN(isns_attr_u32(&a), (uint32_t)PERIOD_MAX_S);
    return r;
}

/* Room for another object: sends what there is when it is enough. */
static int room(struct isns_server *s, struct wbuf *w, struct err *reterr)
{
    fiber_maybe_yield();
    int r = w->len > FULL ? call_register(s, w, reterr) : 0;
    if (w->len > FULL && r == 0)
        *w = registration(s, 0);
    return r;
}

/* How n is reached: each portal is spoken of. */
static int tell_groups(struct isns_server *s, struct wbuf *w, const struct isns_view *v,
                       const struct isns_node *n, struct err *reterr)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < v->nportals; i++)
        if ((r = room(s, w, reterr)) == 0)
            put_group(w, v, n, i);
    return r;
}

static bool portal_told(const struct isns_view *v, int i, const struct isns_view *old)
{
    int at = isns_view_portal(old, &v->portal[i]);
    bool asked = v->esi == i, was = at >= 0 && old->esi == at;
    return at >= 0 && asked == was && (!asked || v->esi_port == old->esi_port);
}

static int tell_portals(struct isns_server *s, struct wbuf *w, const struct isns_view *want,
                        const struct isns_view *have, struct err *reterr)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < want->nportals; i++)
        if ((!have || !portal_told(want, (int)i, have)) && (r = room(s, w, reterr)) == 0)
            put_portal(w, want, (int)i);
    return r;
}

/* Behind what w holds already: what the server was not told of like this (have NULL: of nothing). The source is to be one of the
 * entity's own nodes, so a server that knows of none is told of it first. */
static int tell_objects(struct isns_server *s, struct wbuf *w, const struct isns_view *want,
                        const struct isns_view *have, struct err *reterr)
{
    if (!have)
        put_node(w, &want->nodes[0]);
    int r = tell_portals(s, w, want, have, reterr);
    for (unsigned i = 0; r == 0 && i < want->nnodes; i++) {
        const struct isns_node *n = &want->nodes[i];
        if (have && isns_node_told(want, n, have))
            continue;
        if ((have || i > 0) && (r = room(s, w, reterr)) == 0)
            put_node(w, n);
        if (r == 0)
            r = tell_groups(s, w, want, n, reterr);
    }
    return r;
}

int isns_tell_all(struct isns_server *s, const struct isns_view *want, struct err *reterr)
{
    text_copy(s->source, sizeof(s->source), want->nodes[0].name);
    s->period = PERIOD_S;
    struct wbuf w = registration(s, ISNS_FLAG_REPLACE);
    int r = tell_objects(s, &w, want, NULL, reterr);
    return r < 0 ? r : call_register(s, &w, reterr);
}

static int tell_new(struct isns_server *s, const struct isns_view *want, struct err *reterr)
{
    struct wbuf w = registration(s, 0);
    size_t nothing = w.len;
    int r = tell_objects(s, &w, want, s->have, reterr);
    return r < 0 || w.len == nothing ? r : call_register(s, &w, reterr);
}

static int forget_gone(struct isns_server *s, const struct isns_view *want, struct err *reterr)
{
    const struct isns_view *have = s->have;
    struct rbuf answer;
    struct wbuf w = deregistration(s);
    size_t nothing = w.len;
    int r = 0;
    for (unsigned i = 0; i < have->nportals; i++)
        if (isns_view_portal(want, &have->portal[i]) < 0)
            put_portal_key(&w, ISNS_TAG_PORTAL_ADDRESS, &have->portal[i]);
    for (unsigned i = 0; r == 0 && i < have->nnodes; i++) {
        fiber_maybe_yield();
        if (isns_view_node(want, have->nodes[i].name))
            continue;
        isns_put_text(&w, ISNS_TAG_NAME, have->nodes[i].name);
        if (w.len > FULL && (r = call(s, &w, "to deregister", &answer, reterr)) == 0)
            w = deregistration(s);
    }
    return r < 0 || w.len == nothing ? r : call(s, &w, "to deregister", &answer, reterr);
}

/* What comes is told by a node that is known, what goes is taken away by one that stays. */
int isns_tell_changes(struct isns_server *s, const struct isns_view *want, struct err *reterr)
{
    int r = tell_new(s, want, reterr);
    text_copy(s->source, sizeof(s->source), want->nodes[0].name);
    return r < 0 ? r : forget_gone(s, want, reterr);
}

int isns_forget_all(struct isns_server *s, struct err *reterr)
{
    struct rbuf answer;
    struct wbuf w = deregistration(s);
    isns_put_text(&w, ISNS_TAG_ENTITY, s->entity);
    return call(s, &w, "to deregister", &answer, reterr);
}

int isns_count(struct isns_server *s, uint32_t *ret_found, struct err *reterr)
{
    struct rbuf answer;
    struct isns_attr a;
    uint32_t status, n = 0;
    struct wbuf w = isns_link_message(&s->link, ISNS_DEV_ATTR_QRY, 0);
    isns_put_text(&w, ISNS_TAG_NAME, s->source);
    isns_put_text(&w, ISNS_TAG_ENTITY, s->entity);
    isns_put_empty(&w, ISNS_TAG_DELIMITER);
    isns_put_empty(&w, ISNS_TAG_NAME);
    int r = isns_link_call(&s->link, &w, &status, &answer, reterr);
    if (r < 0)
        return r;
    s->heard = run_wall() / NS_PER_SEC;
    while (status == ISNS_OK && isns_next(&answer, &a))
        n += a.tag == ISNS_TAG_NAME && a.len > 0;
    *ret_found = n;
    return 0;
}

/* Of a node by itself. */
static struct wbuf about_notices(struct isns_server *s, uint16_t function, const char *node)
{
    struct wbuf w = isns_link_message(&s->link, function, 0);
    isns_put_text(&w, ISNS_TAG_NAME, node);
    isns_put_text(&w, ISNS_TAG_NAME, node);
    return w;
}

int isns_watch(struct isns_server *s, const char *node, struct err *reterr)
{
    struct rbuf answer;
    uint32_t status;
    struct wbuf w = about_notices(s, ISNS_SCN_REG, node);
    isns_put_empty(&w, ISNS_TAG_DELIMITER);
    isns_put_u32(&w, ISNS_TAG_SCN_BITS, ISNS_SCN_TARGET_AND_SELF | ISNS_SCN_REMOVED);
    return isns_link_call(&s->link, &w, &status, &answer, reterr);
}

int isns_unwatch(struct isns_server *s, const char *node, struct err *reterr)
{
    struct rbuf answer;
    uint32_t status;
    struct wbuf w = about_notices(s, ISNS_SCN_DEREG, node);
    return isns_link_call(&s->link, &w, &status, &answer, reterr);
}
