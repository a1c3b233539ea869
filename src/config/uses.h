/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When each pair's secret, and each initiator's for discovery, was used last, by which algorithm and
 * from where; and when the one before it was; when the configuration was backed up last, and the checklist gone
 * through. It is kept in memory and written to DIR/uses.json a minute after the first login that is
 * not in it, and at a stop: no login waits for a disk, and a crash forgets a minute of it. On reactor 0.
 */
#ifndef CONFIG_USES_H
#define CONFIG_USES_H

#include "config/config_int.h"

struct config_store;
struct uses;

/* Of what the store's directory holds; a file that is damaged is told of, and begun anew. -ENOMEM.
 * Parks. */
int uses_open(struct config_store *s, struct uses **ret_uses);
/* Writes what is not written. NULL is fine. Parks. */
void uses_close(struct uses *u);
/* target "": discovery. Does not park. */
void uses_note(struct uses *u, const char *initiator, const char *target,
               const struct cfg_use *use);
/* By the secret that was in force then. NULL: never. Borrowed until the next call that parks. */
const struct cfg_use *uses_find(const struct uses *u, const char *initiator,
                                const char *target);
/* By the secret before. Seconds since 1970, 0: never. */
uint64_t uses_find_previous(const struct uses *u, const char *initiator, const char *target);
/* As of now. Do not park. */
void uses_backed_up(struct uses *u, uint64_t generation);
void uses_audited(struct uses *u);
struct cfg_care uses_care(const struct uses *u);
uint64_t uses_since(const struct uses *u);

#endif
