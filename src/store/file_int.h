/* SPDX-License-Identifier: BSD-2-Clause */
/* The file engine's volume: file.c opens and administers it, file_io.c moves its data. */
#ifndef STORE_FILE_INT_H
#define STORE_FILE_INT_H

#include "run/file.h"
#include "store/commit.h"
#include "store/range.h"
#include "store/store_int.h"

struct file_volume {
    struct volume v;
    struct file *f;
    uint32_t align; /* bytes; transfers and addresses that the file takes (1: any) */
    bool thick;     /* keeps its blocks */
    bool is_blockdev;
    bool said_shrunk;    /* the event was logged */
    uint64_t look_again; /* run_now() units: when to ask for the file's size again */
    struct commit commit;
    /* taken by everything that changes data when align > block_size */
    struct range_lock partial;
    struct attr_store *attrs;
};

static inline struct file_volume *file_of(struct volume *v)
{
    return container_of(v, struct file_volume, v);
}

int file_vol_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out);
int file_vol_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags);
int file_vol_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                          unsigned flags);
int file_vol_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags);
int file_vol_flush(struct volume *v);
/* What commit calls, and no more after it failed once: file_flush(), and now and then a look
 * whether the file still has its size. Parks. */
int file_vol_sync(void *arg);
/* The contract's errno for one of the file's; logs once what an operator must see. */
int file_vol_error(struct file_volume *fv, int rc);

#endif
