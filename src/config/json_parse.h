/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON from outside: bounded in length, nesting and number of values, no member twice. */
#ifndef CONFIG_JSON_PARSE_H
#define CONFIG_JSON_PARSE_H

#include "base/err.h"

#include <jansson.h>

#define CONFIG_TEXT_MAX                                                                        \
    (64u << 20) /* bytes of a document as it is stored, with its white space */
#define JSON_VALUES_MAX (2u << 20) /* each takes some hundred bytes of memory */

/* The caller decrefs. -EINVAL: no JSON, with line and column; -EFBIG: over CONFIG_TEXT_MAX;
 * -E2BIG: nested deeper than depth_max, or more than JSON_VALUES_MAX values. Pure. */
int json_parse(const char *text, size_t len, unsigned depth_max, json_t **ret_json,
               struct err *reterr);

#endif
