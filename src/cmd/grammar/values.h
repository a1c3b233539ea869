/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that the tools have in common: devices by name, PROPERTY=VALUE, lists, names in facts. */
#ifndef CMD_GRAMMAR_VALUES_H
#define CMD_GRAMMAR_VALUES_H

#include "cmd/grammar/grammar.h"

#define GR_PROPERTY_MAX 256 /* bytes of a property's name, with the NUL */

/* A device by its path, or by its name in the first folder that has it. *ret: a new text. -ENOENT names the
 * folders. */
int gr_device(const struct gr_line *l, const char *name, json_t **ret, struct err *reterr);
/* The same; a name that is nowhere stays as it is: it may be that of a disk that is gone, or a guid. */
json_t *gr_disk_of_pool(const struct gr_line *l, const char *name);

/* Splits PROPERTY=VALUE; *ret_value points behind the equals sign. -EINVAL. */
int gr_property(const char *text, char ret_name[GR_PROPERTY_MAX], const char **ret_value,
                struct err *reterr);
/* A size in bytes ("64K") as a number. -EINVAL names what. */
int gr_size(const char *what, const char *text, json_t **ret, struct err *reterr);
/* "192.0.2.1", "192.0.2.1:3205", "2001:db8::1", "[2001:db8::1]:3205"; what the address is is the daemon's to say. -EINVAL names
 * the option. */
int gr_server(const char *option, const char *text, uint16_t port, char ret_address[64],
              uint64_t *ret_port, struct err *reterr);
/* "a,b" as a list of texts. */
json_t *gr_list(const char *text);

/* The object of a list whose member key has this text, or NULL. Borrowed. */
const json_t *gr_find(const json_t *list, const char *key, const char *text);
/* Its member's text; "": it has none. */
const char *gr_text(const json_t *obj, const char *key);

/* [interval [count]] behind the names: takes them off *n operands. -EINVAL: count 0. */
int gr_interval(const struct gr_line *l, size_t *n, struct gr_plan *p, struct err *reterr);

#endif
