/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * orc: OpenZFS's userland engine, driven by verbs. `orc DIR POOL VERB ARG... [/ VERB ARG...]...` does them one after
 * the other in one process on the pool POOL whose disks are the files in DIR. What is wrong ends the
 * program with a message and status 1; a broken rule of OpenZFS aborts it (status 134).
 */
#ifndef ORC_H
#define ORC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load.h"

struct objset;
struct spa;

struct orc {
    char *dir, *pool;
};

/* A verb's arguments: av[0] is its first one. */
typedef void (*verb_fn)(struct orc *o, int ac, char **av);
struct verb {
    const char *name;
    verb_fn fn;
    int min_args;
    const char *usage;
};
extern const struct verb pool_verbs[], dataset_verbs[], props_verbs[], data_verbs[],
    bench_verbs[]; /* each ends with a NULL */

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);
/* Dies unless rc is 0. */
void must(int rc, const char *what, const char *name);
/* The value of KEY=VALUE among the arguments, NULL: not there. */
const char *option(int ac, char **av, const char *key);
/* A number with an optional K, M or G. */
uint64_t size_of(const char *text);
/* POOL/NAME; "." is the root dataset. Valid until the fourth call after it. */
const char *full_name(const struct orc *o, const char *name);

/* ---- pool.c ---- */
struct spa *pool_hold(const struct orc *o);
void pool_drop(struct spa *spa);

/* ---- volume.c ---- */
/* Opens a volume for this process, after replaying its log. */
struct objset *volume_open(const struct orc *o, const char *name, bool readonly);
void volume_close(struct objset *os);
uint64_t volume_size(struct objset *os);
uint64_t volume_block(struct objset *os);

/* ---- data.c ---- */
/* SHA-256 of the whole content, as hex with a NUL. */
void volume_hash(struct objset *os, char ret_hex[65]);

/* Writes; commit: durable in the intent log, which is open. */
void data_write(struct objset *os, uint64_t off, uint64_t len, const uint8_t *data,
                bool commit);
void data_log_open(struct objset *os);

/* ---- hash.c ---- */
struct hash;
struct hash *hash_new(void);
void hash_add(struct hash *h, const void *bytes, size_t len);
void hash_end(struct hash *h, char ret_hex[65]); /* frees it */

#endif
