/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside config/: how a version is made, checked and kept. */
#ifndef CONFIG_CONFIG_INT_H
#define CONFIG_CONFIG_INT_H

#include "base/siphash.h"
#include "config/config.h"
#include "config/json_parse.h"

#include <jansson.h>
#include <stdatomic.h>

/* A published version; the outside sees c. */
struct config_version {
    atomic_uint refs;
    struct config c;
};
void config_version_free(struct config_version *v);
/* Before it is published. */
void config_set_generation(const struct config *c, uint64_t generation);

#define CONFIG_DEPTH_MAX  12    /* nesting of a document; ours is 5 deep */
#define CONFIG_OBJECT_MAX 65536 /* of one kind */

/* Document and secrets (NULL: none) to a version, with all rules checked; key is a random one
 * for comparing secrets. -EINVAL: reterr names object and fix; -ENOMEM. Any thread. */
int config_parse(const json_t *doc, const json_t *secrets, const struct siphash_key *key,
                 const struct config **ret_config, struct err *reterr);
/* An empty document, as a new store has it. NULL: no memory. */
json_t *config_empty_doc(void);

/* config_check.c: the rules that concern several objects. -EINVAL. */
int config_check(const struct config *c, const struct siphash_key *key, struct err *reterr);
/* index.c: makes c's look-ups quick; key is a random one. -ENOMEM. */
int config_index_make(struct config *c, const struct siphash_key *key);
void config_index_free(struct config *c);
/* The address is one of this machine's own, 127.0.0.0/8 or ::1. */
bool config_loopback(const char *address);
const struct cfg_host *config_host(const struct config *c, const char *name);
/* The entry of that name in an array whose members begin with theirs, from the first on. */
const void *config_search(const void *array, unsigned n, size_t size, const char *name);

/* secrets.c */
/* Joins the secrets document into grants and initiators. Entries for pairs that are not granted
 * are ignored. -EINVAL. */
int secrets_read(const json_t *secrets, struct config *c, struct err *reterr);

#endif
