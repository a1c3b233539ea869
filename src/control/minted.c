/* SPDX-License-Identifier: BSD-2-Clause */
/* Minted secrets as JSON, with the texts that make use of them. The texts hold secrets and are
 * wiped. */
#include "config/sources.h"
#include "control/control_int.h"
#include "control/paste.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where initiators find the portal: what discovery would tell them. */
static void portal_text(const struct cfg_portal *p, char ret_text[SOCK_ADDR_LEN])
{
    struct sock_addr a;
    char host[64];
    bool any = cfg_any_address(p->address);
    if (p->advertise[0])
        snprintf(ret_text, SOCK_ADDR_LEN, "%s", p->advertise);
    else if (any && gethostname(host, sizeof(host)) == 0)
        snprintf(ret_text, SOCK_ADDR_LEN, "%.63s:%u", host, p->port);
    else if (sock_addr_make(p->address, p->port, &a) == 0)
        snprintf(ret_text, SOCK_ADDR_LEN, "%s", a.text);
}

static bool find_portal(const struct cfg_target *t, char ret_text[SOCK_ADDR_LEN])
{
    for (unsigned i = 0; i < t->ngroups; i++)
        if (t->groups[i]->nportals > 0) {
            portal_text(&t->groups[i]->portals[0], ret_text);
            return true;
        }
    return false;
}

static void set_text(struct jb *b, json_t *j, const char *key, char *text, struct wbuf *w)
{
    text[wb_stored(w)] = '\0';
    jb_text(b, j, key, text);
    wipe(text, wb_stored(w));
    w->len = 0;
}

static void usage(struct jb *b, json_t *j, const struct config *cfg, const struct minted *m,
                  char *text)
{
    char portal[SOCK_ADDR_LEN] = "";
    struct wbuf w = wbuf_make(text, PASTE_MAX - 1);
    const struct cfg_target *t = config_target(cfg, m->target);
    if (!t) {
        paste_discovery(&w, m);
        set_text(b, j, "open_iscsi", text, &w);
    } else if (find_portal(t, portal)) {
        paste_open_iscsi(&w, m, portal, NULL);
        set_text(b, j, "open_iscsi", text, &w);
        if (m->secret[0]) {
            paste_url(&w, m, portal, t->nluns > 0 ? t->luns[0].lun : 0);
            set_text(b, j, "url", text, &w);
        }
    }
}

json_t *minted_json(struct jb *b, const struct config *cfg, const struct minted *m)
{
    json_t *j = jb_object(b);
    char *text = malloc(PASTE_MAX);
    jb_text(b, j, "initiator", m->initiator);
    jb_text(b, j, "target", m->target);
    if (m->secret[0]) {
        jb_text(b, j, "name", m->name);
        jb_text(b, j, "secret", m->secret);
    }
    if (m->reverse_secret[0]) {
        jb_text(b, j, "reverse_name", m->reverse_name);
        jb_text(b, j, "reverse_secret", m->reverse_secret);
    }
    if (text)
        usage(b, j, cfg, m, text);
    b->bad |= text == NULL;
    free(text);
    return j;
}
