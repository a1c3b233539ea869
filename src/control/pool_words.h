/* SPDX-License-Identifier: BSD-2-Clause */
/* The words by which people say of which disks a pool is made, as zpool takes them:
 *   mirror A B mirror C D        raidz2 A B C D E spare F        A B */
#ifndef CONTROL_POOL_WORDS_H
#define CONTROL_POOL_WORDS_H

#include "control/rpc.h"
#include "pool/pool_admin.h"

struct pool_words {
    struct pool_group *groups;
    unsigned ngroups;
    char **paths; /* of all groups, one behind the other, whole */
    unsigned npaths;
    char **spares;
    unsigned nspares;
};
/* -EINVAL names the word; -ENOENT: a disk by name that is not there. The caller drops it, also
 * after an error. Parks. */
int pool_words_parse(const struct api_names *words, struct pool_words *ret, struct err *reterr);
void pool_words_drop(struct pool_words *w);

/* A disk as people name it: a path as it is, else what bears that name in the folders where disks
 * have names. malloc'd. NULL: there is none, or no memory. Parks. */
char *disk_resolve(const char *name, struct err *reterr);
/* The words as paths of disks and folders; NULL at the end; names_free(). NULL:
 * with reterr. Parks. */
char **disks_expand(const struct api_names *words, struct err *reterr);

#endif
