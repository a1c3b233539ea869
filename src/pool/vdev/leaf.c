/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes and flushes of one leaf: in their turn, counted (reads: leaf_read.c). After a
 * write error of the device nobody knows what is on it, so the leaf fails and the caller's
 * block is marked as missing there. A leaf that failed while an I/O was under way has not taken
 * it, whatever the device said.
 */
#include "base/mutant.h"
#include "pool/vdev/vdev_int.h"

#include <errno.h>

const uint8_t vdev_zeros[1u << 16] __attribute__((aligned(4096))) = {0};

/* One write in its turn; off from the device's start. */
static int write_raw(struct vdev *leaf, uint64_t off, const struct sgl *from, uint64_t txg,
                     enum io_class class)
{
    int rc = -EIO;
    queue_enter(&leaf->io->queue, class);
    if (leaf_up(leaf)) {
        leaf->stats.writes++;
        leaf->stats.bytes_written += from->len;
        rc = file_write(leaf->file, off, from, 0, from->len);
        unflushed_wrote(&leaf->io->unflushed, txg);
        if (rc < 0 && rc != -ENOMEM) {
            leaf->stats.write_errors++;
            leaf_fail(leaf, rc, "write");
        }
        if (rc == 0 && !leaf_up(leaf))
            rc = -EIO;
    }
    queue_leave(&leaf->io->queue, class);
    return rc < 0 && rc != -ENOMEM ? E(-EIO) : rc;
}

int leaf_write(struct vdev *leaf, uint64_t off, const struct sgl *from, uint64_t txg,
               enum io_class class)
{
    return write_raw(leaf, LABEL_FRONT + off, from, txg, class);
}

static int write_bytes(struct vdev *leaf, uint64_t off, const uint8_t *bytes, uint32_t len,
                       enum io_class class)
{
    struct sgl s;
    sgl_init(&s);
    int rc = sgl_add(&s, NULL, (uint8_t *)(uintptr_t)bytes, len); /* an sgl has no const */
    if (rc == 0)
        rc = write_raw(leaf, off, &s, 0, class);
    sgl_clear(&s);
    return rc;
}

int leaf_rewrite(struct vdev *leaf, uint64_t off, const uint8_t *right, uint32_t len,
                 enum io_class class)
{
    int rc = write_bytes(leaf, LABEL_FRONT + off, right, len, class);
    if (rc == 0)
        leaf->stats.repaired += len;
    return rc;
}

int leaf_write_label(struct vdev *leaf, uint64_t off, const uint8_t *bytes, uint32_t len)
{
    return write_bytes(leaf, off, bytes, len, IO_LOG);
}

/* Submits a flush when there is something to flush. */
static int flush_now(struct vdev *leaf)
{
    struct unflushed *u = &leaf->io->unflushed;
    uint64_t seq = u->written;
    if (!leaf_up(leaf) || u->flushed == seq)
        return 0;
    if (mutant_on(MUTANT_JOIN_FLUSH) && leaf->io->flushing > 0) {
        while (leaf->io->flushing > 0)
            fiber_yield();
        return 0;
    }
    leaf->stats.flushes++;
    leaf->io->flushing++;
    int rc = file_flush(leaf->file);
    leaf->io->flushing--;
    if (rc < 0)
        leaf_fail(leaf, rc, "flush");
    else
        unflushed_flushed(u, seq);
    return rc;
}

int leaf_flush(struct vdev *leaf)
{
    queue_enter(&leaf->io->queue, IO_LOG);
    int rc = flush_now(leaf);
    queue_leave(&leaf->io->queue, IO_LOG);
    return rc < 0 || !leaf_up(leaf) ? E(-EIO) : 0;
}
