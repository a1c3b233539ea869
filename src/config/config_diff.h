/* SPDX-License-Identifier: BSD-2-Clause */
/* Differences between two documents, object by object, for people to read before they apply.
 * Pure. */
#ifndef CONFIG_CONFIG_DIFF_H
#define CONFIG_CONFIG_DIFF_H

#include <jansson.h>

/* [{"action", "kind", "name", "changes": {MEMBER: [OLD, NEW]}}], removals first; null stands
 * for a member that is not there. Identities and numbers that the store gives out itself are
 * left out. The caller decrefs. NULL: no memory. */
json_t *config_diff(const json_t *from, const json_t *to);

#endif
