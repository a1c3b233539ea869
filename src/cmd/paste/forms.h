/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts as data. */
#ifndef CMD_PASTE_FORMS_H
#define CMD_PASTE_FORMS_H

#include "base/buf.h"
#include "cmd/paste/paste.h"

/* When a line is there: all of its bits must hold. A run of lines with PASTE_PORTAL is there for each portal. */
enum paste_when {
    PASTE_ALWAYS = 0,
    PASTE_PORTAL = 1 << 0,
    PASTE_SECRET = 1 << 1,  /* the initiator's own was minted */
    PASTE_FOREIGN = 1 << 2, /* it was not: RADIUS knows it */
    PASTE_REVERSE = 1 << 3, /* the target's was minted */
    PASTE_ONE_WAY = 1 << 4, /* it was not */
    PASTE_MUTUAL = 1 << 5,  /* and the initiator has to ask for it */
    PASTE_PATHS = 1 << 6,   /* there is more than one portal */
    PASTE_SINGLE = 1 << 7,  /* there is not */
    PASTE_IFACE = 1 << 8,
};

/*
 * {target} stands for the target's name, quoted for the shell that the text is for; {=target} as it is (in comments and files), {,target}
 * with commas doubled, then quoted (in QEMU's options). Also: initiator, name, secret, reverse_name, reverse_secret, portal (host:port),
 * host, port, lun, iface, on_iface (" -I " and the iface, or nothing). Other braces are what they are.
 */
struct paste_line {
    unsigned when;
    const char *text;
};

struct paste_form {
    const char *name;
    const char *
        prefix; /* how names of such initiators begin: the software makes them so; NULL: nothing is known */
    void (*quote)(struct wbuf *w, const char *text);
    const struct paste_line *target, *discovery; /* a line without text ends them */
};
extern const struct paste_form paste_forms[]; /* one without a name ends them */

#endif
