/* SPDX-License-Identifier: BSD-2-Clause */
/* Fat ZAPs, between zap.c and zap_fat.c. */
#ifndef POOL_TREE_ZAP_INT_H
#define POOL_TREE_ZAP_INT_H

#include "pool/tree/tree_int.h"

/* An open fat ZAP: the object is held by the caller. */
struct fzap {
    struct object *obj;
    struct fzap_header h;
    unsigned shift; /* log2 of the block size */
};

/* -EBADMSG, -EOPNOTSUPP. Parks, as all of these. */
int fzap_open(struct object *obj, struct fzap *ret);
/* Formats an object that has no content that matters. */
int fzap_format(struct object *obj, uint64_t salt, uint64_t normflags, struct fzap *ret);
int fzap_get(struct fzap *z, const char *name, struct zap_value *ret);
int fzap_put(struct fzap *z, const char *name, const struct zap_value *value);
int fzap_remove(struct fzap *z, const char *name);
int fzap_iterate(struct fzap *z, zap_entry_fn fn, void *arg);

#endif
