/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stored documents: a document in an envelope that tells whether it is whole.
 *   {"generation": N, "secrets_generation": S, "checksum": "16 hex digits", "document": {...}}
 * The checksum covers the envelope without itself, in one canonical form. An edit by hand
 * breaks it on purpose: changes go through `zsan config apply`, which checks them. Pure.
 */
#ifndef CONFIG_GENERATION_H
#define CONFIG_GENERATION_H

#include "config/config_int.h"

struct generation {
    uint64_t number;
    uint64_t secrets; /* of a configuration: the number of the secrets that belong to it */
    json_t *document; /* a reference */
};

/* malloc'd text for the file; the caller frees (and wipes secrets). -ENOMEM. */
int generation_encode(const struct generation *g, char **ret_text, size_t *ret_len);
/* The caller decrefs the document. -EBADMSG: not whole, or not what was written. */
int generation_decode(const char *text, size_t len, struct generation *ret_generation,
                      struct err *reterr);

/* "config.12.json" to 12; false for every other name. */
bool generation_name_parse(const char *name, const char *stem, uint64_t *ret_number);

#endif
