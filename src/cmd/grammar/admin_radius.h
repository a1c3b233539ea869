/* SPDX-License-Identifier: BSD-2-Clause */
/* RADIUS in iscsitadm's words: one server and its secret. */
#ifndef CMD_GRAMMAR_ADMIN_RADIUS_H
#define CMD_GRAMMAR_ADMIN_RADIUS_H

#include "cmd/grammar/grammar.h"

/* server: "ADDRESS[:PORT]" or NULL: the one that there is; secret: its shared secret is to be set. facts: of radius.list.
 * -EINVAL. */
int admin_radius(const json_t *facts, struct gr_plan *p, const char *server, bool secret,
                 struct err *reterr);

#endif
