/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing one block at once, to all its leaves at the same time: what the intent log needs. */
#include "pool/vdev/vdev_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 4096u /* of memory that goes to a disk directly */

struct writing {
    struct pieces pieces;
    uint64_t txg;
    enum io_class class;
};

static void write_piece(void *arg, unsigned i)
{
    struct writing *w = arg;
    struct piece *p = &w->pieces.v[i];
    struct sgl s;
    sgl_init(&s);
    p->took = sgl_add(&s, NULL, p->p, p->len) == 0 &&
              leaf_write(p->leaf, p->off, &s, w->txg, w->class) == 0;
    sgl_clear(&s);
}

static int collect(struct writing *w, struct stripe *s)
{
    struct vdev *leaf;
    int rc = 0;
    for (unsigned c = 0; c < s->ncols; c++) {
        const struct stripe_col *col = &s->col[c];
        for (unsigned i = 0; rc == 0 && (leaf = vdev_leaf(col->group, i)); i++)
            rc = pieces_add(&w->pieces, &(struct piece){.stripe = s,
                                                        .leaf = leaf,
                                                        .off = col->off,
                                                        .p = col->p,
                                                        .len = col->len,
                                                        .col = c});
    }
    return rc;
}

static int write_stripe(struct writing *w, struct stripe *s)
{
    int rc = collect(w, s);
    if (rc < 0)
        return rc;
    fan_out(w->pieces.n, w->pieces.n, write_piece, w);
    pieces_gather(&w->pieces);
    stripe_judge(s);
    return s->failed ? E(-EIO) : pieces_mark(&w->pieces, w->txg);
}

int vdev_write(struct vdev *top, uint64_t off, const uint8_t *src, uint32_t size, uint64_t txg,
               enum io_class class)
{
    struct writing w = {.txg = txg, .class = class};
    uint32_t len = (uint32_t)round_up(size, 1ull << top->ashift);
    struct iobuf *copy = NULL;
    if (len > size || (uintptr_t)src % ALIGN != 0) {
        copy = iobuf_get(len);
        if (!copy)
            return E(-ENOMEM);
        memcpy(copy->p, src, size);
        memset(copy->p + size, 0, len - size);
    }
    uint8_t *data = copy ? copy->p : (uint8_t *)(uintptr_t)src; /* an sgl has no const */
    top = gate_enter(top);
    struct stripe *s = stripe_new(top, off, data, len);
    int rc = s ? write_stripe(&w, s) : E(-ENOMEM);
    stripe_free(s);
    gate_leave(top);
    free(w.pieces.v);
    iobuf_put(copy);
    return rc;
}
