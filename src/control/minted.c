/* SPDX-License-Identifier: BSD-2-Clause */
/* Minted secrets as JSON, with all that whoever puts them into an initiator has to know. */
#include "config/sources.h"
#include "control/control_int.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where initiators find the portal: what discovery would tell them. */
static void portal_text(const struct cfg_portal *p, char ret_text[SOCK_ADDR_LEN])
{
    struct sock_addr a;
    char host[64];
    bool any = cfg_any_address(p->address);
    ret_text[0] = '\0';
    if (p->advertise[0])
        snprintf(ret_text, SOCK_ADDR_LEN, "%s", p->advertise);
    else if (any && gethostname(host, sizeof(host)) == 0)
        snprintf(ret_text, SOCK_ADDR_LEN, "%.63s:%u", host, p->port);
    else if (sock_addr_make(p->address, p->port, &a) == 0)
        snprintf(ret_text, SOCK_ADDR_LEN, "%s", a.text);
}

static bool is_loopback(const struct cfg_portal *p)
{
    return !p->advertise[0] &&
           (strncmp(p->address, "127.", 4) == 0 || strcmp(p->address, "::1") == 0);
}

/* loopback: those, which are told when there are no others. */
static void put_group(struct jb *b, json_t *list, const struct cfg_portal_group *g,
                      bool loopback)
{
    char text[SOCK_ADDR_LEN];
    for (unsigned i = 0; i < g->nportals; i++) {
        if (is_loopback(&g->portals[i]) != loopback)
            continue;
        portal_text(&g->portals[i], text);
        if (text[0])
            jb_push_text(b, list, text);
    }
}

/* t NULL: of all groups. */
static json_t *portals_json(struct jb *b, const struct config *cfg, const struct cfg_target *t)
{
    json_t *list = jb_list(b);
    unsigned n = t ? t->ngroups : cfg->ngroups;
    for (int loopback = 0; loopback < 2 && json_array_size(list) == 0; loopback++)
        for (unsigned i = 0; i < n; i++)
            put_group(b, list, t ? t->groups[i] : &cfg->groups[i], loopback);
    return list;
}

json_t *minted_json(struct jb *b, const struct config *cfg, const struct minted *m)
{
    json_t *j = jb_object(b);
    const struct cfg_target *t = config_target(cfg, m->target);
    const struct cfg_initiator *i = config_initiator(cfg, m->initiator);
    jb_text(b, j, "initiator", m->initiator);
    jb_text(b, j, "target", m->target);
    if (i)
        jb_text(b, j, "auth", cfg_auth_name(i->auth));
    jb_text(b, j, "name", m->name);
    if (m->secret[0])
        jb_text(b, j, "secret", m->secret);
    if (m->reverse_secret[0]) {
        jb_text(b, j, "reverse_name", m->reverse_name);
        jb_text(b, j, "reverse_secret", m->reverse_secret);
    }
    if (!m->target[0] || t)
        jb_put(b, j, "portals", portals_json(b, cfg, t));
    if (t && t->nluns > 0)
        jb_uint(b, j, "lun", t->luns[0].lun);
    return j;
}
