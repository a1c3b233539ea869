/* SPDX-License-Identifier: BSD-2-Clause */
/* Where iobuf.c gets the memory of data buffers from: one struct slabs for each reactor, touched by nobody else. Nothing here
 * parks. */
#ifndef RUN_SLAB_H
#define RUN_SLAB_H

#include "run/iobuf.h"

#define SLAB_LEN     (2u << 20) /* bytes; a huge page of x86-64, and of arm64 with 4 KiB pages */
#define SLAB_CLASSES 9          /* IOBUF_MIN << 0..8 */

struct slab;

struct slab_class {
    struct list warm;    /* of struct iobuf: the last freed ones, the newest first */
    struct list open;    /* of struct slab: those with something free beside what is warm */
    uint32_t warm_bytes; /* at most SLAB_WARM_MAX */
    unsigned nslabs;
};
#define SLAB_WARM_MAX (512u << 10)

struct slabs {
    struct reactor *home; /* of all buffers */
    struct list all;      /* of struct slab */
    uint64_t idle_bytes;  /* memory taken by slabs of which nothing is in use */
    uint64_t idle_low;    /* the least of it since slabs_give_back() */
    struct slab_class class[SLAB_CLASSES];
};

void slabs_init(struct slabs *a, struct reactor *home);
/* Unmaps all slabs, also what is still in use of them. */
void slabs_fini(struct slabs *a);

/* A buffer of IOBUF_MIN << class bytes without references, its content undefined. NULL: the system is out of memory. */
struct iobuf *slab_get(struct slabs *a, unsigned class);
/* Takes b back. True when nothing of its slab is in use any more. */
bool slab_put(struct slabs *a, struct iobuf *b);
/* Unmaps slabs that were idle since the last call, until no more than so many bytes of that are left. */
void slabs_give_back(struct slabs *a, uint64_t keep);

#endif
