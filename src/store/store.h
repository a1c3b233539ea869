/* SPDX-License-Identifier: BSD-2-Clause */
/* The simple engines behind the volume contract: memory, and files or block devices by path. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "volume/volume.h"

struct store_params {
    const char *name; /* the volume's name, copied */
    struct uuid id;
    uint32_t block_size;     /* 512 or 4096 */
    uint32_t physical_block; /* 0: 4096, or the device's own */
    bool thick;              /* regular files: keeps its blocks, UNMAP is not offered */
    bool read_only;
    enum volume_sync sync;
    struct attr_store *attrs; /* borrowed; mem volumes keep attributes in memory when NULL */
};

/* All park, on the reactor that becomes the volume's home; errors in reterr name the path
 * and the fix. */

/* Sparse memory in chunks; atomic_max is the whole transfer (a process that dies loses it
 * all alike). A null volume (null = true) stores nothing, reads zeros at once: the ceiling
 * for benchmarks. */
int store_mem_open(const struct store_params *p, uint64_t size, bool null,
                   struct volume **ret_volume, struct err *reterr);

/* A regular file or block device, as large as it is. It must be there, and is exclusive to
 * us while open; attrs is needed. */
int store_file_open(const struct store_params *p, const char *path, struct volume **ret_volume,
                    struct err *reterr);
/* Makes a new regular file of that size for store_file_open (thin: sparse; else allocated).
 * Never over an existing one; a failed one is removed again. Parks. */
int store_file_create(const char *path, uint64_t size, bool thin, struct err *reterr);

#endif
