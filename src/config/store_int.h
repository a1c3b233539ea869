/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside config/: the store and an open transaction. All on reactor 0. */
#ifndef CONFIG_STORE_INT_H
#define CONFIG_STORE_INT_H

#include "config/config_edit.h"
#include "config/config_int.h"
#include "config/seal.h"
#include "run/fiber.h"

#define STORE_KEEP 10 /* generations of the configuration */

struct attrs;
struct uses;
struct file;

struct config_store {
    char *dir;
    json_t *doc, *secrets; /* in force */
    const struct config *current;
    uint64_t number;         /* of the generation in force */
    uint64_t secrets_number; /* of its secrets */
    uint64_t highest;        /* seen anywhere, good or bad: the next one is above */
    struct siphash_key key;  /* random, for comparing secrets */
    bool sealing;            /* secrets are written sealed */
    struct seal_key seal;
    struct file *lock; /* held while the store is open */
    struct fmutex writers;
    struct attrs *attrs;
    struct uses *uses;
    int (*subscriber)(void *arg, const struct config *c, struct err *reterr);
    void *subscriber_arg;
    int64_t (*caller)(void *arg); /* NULL: nobody can be asked */
    void *caller_arg;
};

struct config_edit {
    struct config_store *store;
    json_t *doc, *secrets; /* copies being edited */
    const struct config *base;
    struct minted *minted;
    unsigned nminted;
    struct err warning;
    bool weak_secret; /* an operator's own is among those that were set */
};

/* config_parse() on a helper thread: a large document takes longer than a fiber may run.
 * Parks. */
int store_parse(struct config_store *s, const json_t *doc, const json_t *secrets,
                const struct config **ret_config, struct err *reterr);
/* Writes the documents as the next generation and puts them in force; takes a reference to each
 * and to c. Parks. On an error what was in force stays, in memory and in the file. */
int store_commit(struct config_store *s, json_t *doc, json_t *secrets, const struct config *c,
                 struct err *reterr);

/* changes.c: tells the log what the commit of e put in force as c, instead of these documents. Parks. */
void changes_log(const struct config_edit *e, const json_t *doc, const json_t *secrets,
                 const struct config *c);

/* edit_complete.c: identities and relative ports that are missing; mint: secrets too, and those
 * nobody needs any more go. *ret_config is the checked result. Parks. */
int edit_complete(struct config_edit *e, bool mint, const struct config **ret_config,
                  struct err *reterr);

#endif
