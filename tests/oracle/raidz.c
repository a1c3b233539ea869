/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raidz: what OpenZFS's own code says of RAIDZ blocks, one line each, for tests/golden/raidz.txt (see there). Links
 * libzpool; src/pool/format/raidz_golden.h has the cases and the form of a line, which src/pool/format/raidz_test.c shares.
 */
#include <sys/abd.h>
#include <sys/vdev_impl.h>
#include <sys/vdev_raidz.h>
#include <sys/vdev_raidz_impl.h>
#include <sys/zfs_context.h>
#include <sys/zio.h>

#include "../../src/pool/format/raidz_golden.h"

static void add(struct raidz_hash *h, const struct raidz_case *k)
{
    /* As a block in memory always is; OpenZFS's code for AVX-512 counts on it. */
    static _Alignas(4096) uint8_t data[RAIDZ_SIZE_MAX];
    zio_t zio = {0};
    raidz_case_fill(k, data);
    zio.io_abd = abd_get_from_buf(data, k->size);
    zio.io_size = k->size;
    zio.io_offset = k->off;
    zio.io_type = ZIO_TYPE_WRITE;
    raidz_map_t *rm = vdev_raidz_map_alloc(&zio, k->ashift, k->nchildren, k->nparity);
    raidz_row_t *rr = rm->rm_row[0];
    vdev_raidz_generate_parity(rm);
    for (uint64_t c = 0; c < rr->rr_cols; c++) {
        raidz_col_t *col = &rr->rr_col[c];
        raidz_hash_number(h, col->rc_devidx);
        raidz_hash_number(h, col->rc_offset);
        raidz_hash_number(h, col->rc_size);
        void *bytes = abd_borrow_buf_copy(col->rc_abd, col->rc_size);
        raidz_hash_bytes(h, bytes, col->rc_size);
        abd_return_buf(col->rc_abd, bytes, col->rc_size);
    }
    vdev_raidz_map_free(rm);
    abd_free(zio.io_abd);
}

int main(void)
{
    struct raidz_case k;
    struct raidz_hash h = raidz_hash_start();
    char text[128];
    kernel_init(SPA_MODE_READ);
    for (unsigned i = 0; raidz_case_get(i, &k); i++) {
        add(&h, &k);
        if (i % RAIDZ_SIZES != RAIDZ_SIZES - 1)
            continue;
        raidz_line(text, sizeof(text), &k, &h);
        fputs(text, stdout);
        h = raidz_hash_start();
    }
    kernel_fini();
    return 0;
}
