/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands and URLs around secrets. Secrets are letters and digits and iSCSI names need no
 * quoting, so what is written here can be pasted as it is. Pure.
 */
#include "control/paste.h"

#include <stdio.h>

static void put(struct wbuf *w, const char *a, const char *b)
{
    wb_str(w, a);
    wb_str(w, b);
}

/* What all commands for one node have in common. */
struct node {
    struct wbuf *w;
    const char *target, *portal, *iface;
};

static void node_do(const struct node *n, const char *what)
{
    put(n->w, "iscsiadm -m node -T ", n->target);
    put(n->w, " -p ", n->portal);
    put(n->w, n->iface ? " -I " : "", n->iface ? n->iface : "");
    put(n->w, " ", what);
    wb_str(n->w, "\n");
}

static void node_set(const struct node *n, const char *name, const char *value)
{
    char what[CFG_NAME_LEN + 80];
    snprintf(what, sizeof(what), "-o update -n node.session.auth.%s -v %s", name, value);
    node_do(n, what);
    wipe(what, sizeof(what));
}

static void make_iface(struct wbuf *w, const char *iface, const char *initiator)
{
    put(w, "iscsiadm -m iface -I ", iface);
    put(w, " -o new\niscsiadm -m iface -I ", iface);
    put(w, " -o update -n iface.initiatorname -v ", initiator);
    wb_str(w, "\n");
}

void paste_open_iscsi(struct wbuf *w, const struct minted *m, const char *portal,
                      const char *iface)
{
    const struct node n = {w, m->target, portal, iface};
    if (iface)
        make_iface(w, iface, m->initiator);
    node_do(&n, "-o new");
    node_set(&n, "authmethod", "CHAP");
    node_set(&n, "chap_algs", "SHA3-256,SHA256,SHA1,MD5");
    if (m->secret[0]) {
        node_set(&n, "username", m->name);
        node_set(&n, "password", m->secret);
    }
    if (m->reverse_secret[0]) {
        node_set(&n, "username_in", m->reverse_name);
        node_set(&n, "password_in", m->reverse_secret);
    }
    node_do(&n, "--login");
}

void paste_discovery(struct wbuf *w, const struct minted *m)
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

void paste_url(struct wbuf *w, const struct minted *m, const char *portal, unsigned lun)
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
