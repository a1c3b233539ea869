/* SPDX-License-Identifier: BSD-2-Clause */
/* iSCSI names, RFC 7143 4.2.7. */
#ifndef ISCSI_NAMES_H
#define ISCSI_NAMES_H

#include "iscsi/iscsi.h"

/* The normal form of a name: lower case, checked whole. Accepts iqn.yyyy-mm.domain[:any],
 * eui. with 16 and naa. with 16 or 32 hexadecimal digits; of the characters that RFC 3722
 * allows only ASCII ones. False: not a name, ret_name is untouched. */
bool iscsi_name_normalise(const char *s, char ret_name[ISCSI_NAME_MAX + 1]);

#endif
