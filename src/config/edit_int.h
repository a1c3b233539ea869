/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the edits: finding and putting members of the document being edited. */
#ifndef CONFIG_EDIT_INT_H
#define CONFIG_EDIT_INT_H

#include "config/fields.h"
#include "config/store_int.h"

/* The section, made when it is missing. NULL: no memory. Borrowed. */
json_t *edit_section(struct config_edit *e, const char *section);
/* One object of it, NULL when there is none. Borrowed. */
json_t *edit_find(const struct config_edit *e, const char *section, const char *name);
/* A nested object or list of an object, made when missing. NULL: no memory. Borrowed. */
json_t *edit_nested(json_t *obj, const char *member, json_type type);
/* A new empty object in a section. -EEXIST names kind. Borrowed in *ret_json. */
int edit_insert(struct config_edit *e, const char *section, const char *kind, const char *name,
                json_t **ret_json, struct err *reterr);
/* -ENOENT names kind and says which verb lists them. */
int edit_missing(const char *kind, const char *verb, const char *name, struct err *reterr);
int edit_no_memory(struct err *reterr);
/* Remembers minted secrets ("": that direction was not) to be shown once. */
int edit_note_minted(struct config_edit *e, const char *initiator, const char *target,
                     const char *forward, const char *reverse, struct err *reterr);
/* Place of a string in a list, or -1. */
int edit_list_find(const json_t *list, const char *text);

#endif
