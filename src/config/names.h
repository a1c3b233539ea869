/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of objects: what they may look like, and the names that are made up for the operator.
 * Pure. */
#ifndef CONFIG_NAMES_H
#define CONFIG_NAMES_H

#include "config/config.h"

#define NAME_MAX_LEN 63 /* bytes of a volume's or host's name */

/* A volume's or host's name: letters, digits, "._-", not first a dot or dash, at most
 * NAME_MAX_LEN bytes, not an iSCSI name. So it is safe as a file name too. kind is for the
 * message. */
int name_check(const char *kind, const char *name, struct err *reterr);
/* A volume's name may also be that of a dataset in a pool, "tank/a/vm1": parts like the above, in
 * all less than CFG_NAME_LEN bytes. */
int volume_name_check(const char *name, struct err *reterr);

/* An iSCSI name (RFC 7143 4.2.7.2): iqn.YYYY-MM.DOMAIN[:TEXT], eui. and 16, naa. and 16 or 32
 * hex digits; at most 223 bytes. Lower case in ret_name; only ASCII is taken (RFC 3722 maps the
 * rest, and initiators disagree about how). */
int cfg_iscsi_name_normalise(const char *name, char ret_name[CFG_NAME_LEN], struct err *reterr);
/* Begins like an iSCSI name. */
bool iscsi_name_like(const char *name);

/* "iqn.YYYY-MM.DOMAIN", without a part after a colon. */
int iqn_prefix_check(const char *prefix, struct err *reterr);
/* PREFIX:HOST.NAME for an object called NAME on this host; characters that iSCSI names lack
 * become dashes. -ENAMETOOLONG. */
int iqn_make(const char *prefix, const char *host, const char *name,
             char ret_name[CFG_NAME_LEN]);

#endif
