/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Minted secrets, and how to use them: commands for open-iscsi, a URL for libiscsi and QEMU.
 * Secrets are letters and digits and iSCSI names need no quoting, so both can be pasted as they
 * are. Pure.
 */
#include "base/buf.h"
#include "control/control_int.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 4096

/* A text that is built line by line; what does not fit is cut at TEXT_MAX. */
struct paste {
    struct wbuf w;
    char *text;
};

/* Where initiators find the portal: what discovery would tell them. */
static void portal_text(const struct cfg_portal *p, char ret_text[SOCK_ADDR_LEN])
{
    struct sock_addr a;
    char host[64];
    bool any = strcmp(p->address, "0.0.0.0") == 0 || strcmp(p->address, "::") == 0;
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

static void put(struct wbuf *w, const char *a, const char *b)
{
    wb_str(w, a);
    wb_str(w, b);
}

/* One line of iscsiadm for the node; value NULL: nothing behind the rest. */
static void node_line(struct wbuf *w, const char *target, const char *portal, const char *rest,
                      const char *value)
{
    put(w, "iscsiadm -m node -T ", target);
    put(w, " -p ", portal);
    put(w, " ", rest);
    put(w, value ? " -v " : "", value ? value : "");
    wb_str(w, "\n");
}

static void node_commands(struct wbuf *w, const struct minted *m, const char *portal)
{
    node_line(w, m->target, portal, "-o new", NULL);
    node_line(w, m->target, portal, "-o update -n node.session.auth.authmethod", "CHAP");
    node_line(w, m->target, portal, "-o update -n node.session.auth.chap_algs",
              "SHA3-256,SHA256,SHA1,MD5");
    if (m->secret[0]) {
        node_line(w, m->target, portal, "-o update -n node.session.auth.username", m->name);
        node_line(w, m->target, portal, "-o update -n node.session.auth.password", m->secret);
    }
    if (m->reverse_secret[0]) {
        node_line(w, m->target, portal, "-o update -n node.session.auth.username_in",
                  m->reverse_name);
        node_line(w, m->target, portal, "-o update -n node.session.auth.password_in",
                  m->reverse_secret);
    }
    node_line(w, m->target, portal, "--login", NULL);
}

static void discovery_settings(struct wbuf *w, const struct minted *m)
{
    wb_str(w, "discovery.sendtargets.auth.authmethod = CHAP\n");
    if (m->secret[0]) {
        put(w, "discovery.sendtargets.auth.username = ", m->name);
        put(w, "\ndiscovery.sendtargets.auth.password = ", m->secret);
    }
    if (m->reverse_secret[0]) {
        put(w, "\ndiscovery.sendtargets.auth.username_in = ", m->reverse_name);
        put(w, "\ndiscovery.sendtargets.auth.password_in = ", m->reverse_secret);
    }
    wb_str(w, "\n");
}

static void url(struct wbuf *w, const struct minted *m, const char *portal, unsigned lun)
{
    char number[8];
    snprintf(number, sizeof(number), "%u", lun);
    put(w, "iscsi://", m->name);
    put(w, "%", m->secret);
    put(w, "@", portal);
    put(w, "/", m->target);
    put(w, "/", number);
    if (m->reverse_secret[0]) {
        put(w, "?target_user=", m->reverse_name);
        put(w, "&target_password=", m->reverse_secret);
    }
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
    struct wbuf w = wbuf_make(text, TEXT_MAX - 1);
    const struct cfg_target *t = config_target(cfg, m->target);
    if (!t) {
        discovery_settings(&w, m);
        set_text(b, j, "open_iscsi", text, &w);
    } else if (find_portal(t, portal)) {
        node_commands(&w, m, portal);
        set_text(b, j, "open_iscsi", text, &w);
        if (m->secret[0]) {
            url(&w, m, portal, t->nluns > 0 ? t->luns[0].lun : 0);
            set_text(b, j, "url", text, &w);
        }
    }
}

json_t *minted_json(struct jb *b, const struct config *cfg, const struct minted *m)
{
    json_t *j = jb_object(b);
    char *text = malloc(TEXT_MAX);
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
