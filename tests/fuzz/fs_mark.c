/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as the beginning of a volume: the first byte is its block size and how large it is said to be. Partitions begin
 * inside the volume, at a block, and not at its first; more bytes of the same beginning take none of them away; what is
 * recognised is recognised with more bytes behind it, too.
 */
#include "scsi/fs_mark.h"
#include "base/check.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_partitions(const uint8_t *head, size_t len, uint32_t block, uint64_t size)
{
    uint64_t off[FS_PARTITIONS_MAX];
    unsigned n = fs_partitions(head, len, block, size, off);
    check_cmp(n, <=, FS_PARTITIONS_MAX);
    for (unsigned i = 0; i < n; i++)
        check(off[i] % block == 0 && off[i] != 0 && off[i] < size);
}

static void check_guess(const uint8_t *bytes, size_t len)
{
    for (unsigned w = 0; w < FS_WINDOWS; w++) {
        enum fs_kind whole = fs_guess(w, bytes, len), half = fs_guess(w, bytes, len / 2);
        check(whole < FS_COUNT && fs_name(whole) != NULL);
        check(half == FS_NONE || whole != FS_NONE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint32_t block = data[0] & 1 ? 4096 : 512;
    size_t len = MIN(size - 1, (size_t)FS_HEAD_LEN);
    uint8_t *bytes = malloc(len + 1); /* its end is the end of what may be read */
    check(bytes != NULL);
    memcpy(bytes, data + 1, len);
    check_partitions(bytes, len, block, (uint64_t)block << (data[0] >> 3));
    check_guess(bytes, len);
    free(bytes);
    return 0;
}
