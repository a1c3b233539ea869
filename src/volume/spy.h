/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For unit tests: an engine that records what reaches it and answers what it is told to. Reads
 * give zeros, writes keep nothing.
 */
#ifndef VOLUME_SPY_H
#define VOLUME_SPY_H

#include "volume/volume.h"

#include <stdlib.h>
#include <string.h>

struct spy {
    struct volume v;
    int rc; /* answer of every operation */
    unsigned n[VOL_NOPS], closed;
    unsigned flags; /* of the last write, zero or discard */
    uint64_t *log;  /* offsets in order of arrival, room for log_cap; NULL: not wanted */
    unsigned nlog, log_cap;
};

static inline struct spy *spy_of(struct volume *v)
{
    return container_of(v, struct spy, v);
}

static inline int spy_note(struct volume *v, enum volume_op op, uint64_t off, unsigned flags)
{
    struct spy *s = spy_of(v);
    s->n[op]++;
    s->flags = flags;
    if (s->nlog < s->log_cap)
        s->log[s->nlog] = off;
    s->nlog++;
    return s->rc;
}

static inline int spy_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    uint64_t before = out->len;
    if (sgl_alloc(out, len) != 0)
        return -1;
    sgl_zero(out, before, len);
    return spy_note(v, VOL_OP_READ, off, 0);
}
static inline int spy_write(struct volume *v, uint64_t off, const struct sgl *data,
                            unsigned flags)
{
    (void)data;
    return spy_note(v, VOL_OP_WRITE, off, flags);
}
static inline int spy_zero(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                           unsigned flags)
{
    (void)len;
    (void)may_unmap;
    return spy_note(v, VOL_OP_ZERO, off, flags);
}
static inline int spy_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    (void)len;
    return spy_note(v, VOL_OP_DISCARD, off, flags);
}
static inline int spy_flush(struct volume *v)
{
    return spy_note(v, VOL_OP_FLUSH, 0, 0);
}
static inline int spy_resize(struct volume *v, uint64_t new_size)
{
    v->geo.size = new_size;
    volume_changed(v, VOL_CHANGED_SIZE);
    return 0;
}
static inline int spy_set_attr(struct volume *v, const char *name, const char *value)
{
    (void)name;
    (void)value;
    return spy_of(v)->rc;
}
static inline void spy_close(struct volume *v)
{
    spy_of(v)->closed++;
}

static const struct volume_ops spy_ops = {
    .engine = "spy",
    .read = spy_read,
    .write = spy_write,
    .write_zeroes = spy_zero,
    .discard = spy_discard,
    .flush = spy_flush,
    .resize = spy_resize,
    .set_attr = spy_set_attr,
    .close = spy_close,
};

/* A volume of 1 MiB in 512-byte blocks; inside a fiber. */
static inline void spy_init(struct spy *s, enum volume_sync sync)
{
    const struct uuid id = {{1}};
    memset(s, 0, sizeof(*s));
    volume_init(&s->v, &spy_ops, "spy", &id, sync);
    s->v.geo =
        (struct volume_geometry){.size = 1u << 20, .block_size = 512, .physical_block = 4096};
}

/* len zero bytes as data to write; static, for lists that are thrown away. */
static inline struct sgl spy_data(uint32_t len)
{
    static uint8_t bytes[1u << 20];
    struct sgl s;
    sgl_init(&s);
    if (sgl_add(&s, NULL, bytes, len) != 0)
        abort();
    return s;
}

#endif
