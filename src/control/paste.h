/* SPDX-License-Identifier: BSD-2-Clause */
/* How initiators are told what they need, as texts to be pasted. Pure. */
#ifndef CONTROL_PASTE_H
#define CONTROL_PASTE_H

#include "base/buf.h"
#include "config/config_edit.h"

#define PASTE_MAX 8192 /* bytes of any of these texts */

/* Commands for a root shell of an initiator with open-iscsi. portal: "address:port". iface: of
 * open-iscsi, made with the initiator's name; NULL: the one that has the machine's own. */
void paste_open_iscsi(struct wbuf *w, const struct minted *m, const char *portal,
                      const char *iface);
/* Lines for its iscsid.conf, of what was minted for discovery. */
void paste_discovery(struct wbuf *w, const struct minted *m);
/* For libiscsi and QEMU; there is a secret. */
void paste_url(struct wbuf *w, const struct minted *m, const char *portal, unsigned lun);

#endif
