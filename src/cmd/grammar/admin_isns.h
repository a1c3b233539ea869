/* SPDX-License-Identifier: BSD-2-Clause */
/* iSNS in iscsitadm's words: one server, and a switch. */
#ifndef CMD_GRAMMAR_ADMIN_ISNS_H
#define CMD_GRAMMAR_ADMIN_ISNS_H

#include "cmd/grammar/grammar.h"

/* Makes ADDRESS[:PORT] the only server. facts: of isns.show. -EINVAL. */
int admin_isns_server(const json_t *facts, struct gr_plan *p, const char *server,
                      struct err *reterr);
/* "enable" or "disable". -EINVAL. */
int admin_isns_access(const json_t *facts, struct gr_plan *p, const char *access,
                      struct err *reterr);

#endif
