/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON from outside: bounded in length and nesting, no member twice. */
#ifndef CONFIG_JSON_PARSE_H
#define CONFIG_JSON_PARSE_H

#include "base/err.h"

#include <jansson.h>

#define CONFIG_TEXT_MAX (16u << 20) /* bytes of a document */

/* The caller decrefs. -EINVAL: no JSON, with line and column; -EFBIG: over CONFIG_TEXT_MAX;
 * -E2BIG: nested deeper than depth_max. Pure. */
int json_parse(const char *text, size_t len, unsigned depth_max, json_t **ret_json,
               struct err *reterr);

#endif
