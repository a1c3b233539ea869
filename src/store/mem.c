/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes in memory, sparse. The volume is a table of 64 KiB chunks, two levels deep; a missing
 * chunk is a hole. Each chunk is an iobuf, so a read hands out references and copies nothing,
 * and holes are references to shared zeros. A chunk that somebody still refers to is replaced
 * before it changes: what was read never changes under the reader's feet (its digest may be
 * computed already).
 *
 * Nothing here survives the process, so a write of any size is all or nothing across its end,
 * and flushes have nothing to do. Parks only to let others run in the middle of a long
 * transfer. A null volume drops writes and reads zeros.
 */
#include "store/store_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK      65536u
#define LEAF_SLOTS 512u
#define LEAF       ((uint64_t)CHUNK * LEAF_SLOTS) /* bytes under one leaf: 32 MiB */
#define ATOMIC_MAX (32u << 20)

struct chunk {
    uint8_t bytes[CHUNK];
    struct iobuf buf;
};

struct leaf {
    struct chunk *slot[LEAF_SLOTS];
};

struct mem_volume {
    struct volume v;
    struct leaf **top;
    uint64_t ntop;
    uint64_t nchunks; /* in the table */
    bool null;
    struct attr_store *attrs, *own_attrs; /* the one in use; ours to free, or NULL */
};

static struct mem_volume *mem_of(struct volume *v)
{
    return container_of(v, struct mem_volume, v);
}

/* ---- the table
 * ------------------------------------------------------------------------------------- */

static void chunk_release(struct iobuf *b)
{
    free(container_of(b, struct chunk, buf));
}

static struct chunk *chunk_new(struct mem_volume *m)
{
    void *at;
    if (posix_memalign(&at, 4096, sizeof(struct chunk)) != 0)
        return NULL;
    struct chunk *c = at;
    c->buf = (struct iobuf){
        .p = c->bytes, .cap = CHUNK, .refs = 1, .home = m->v.home, .release = chunk_release};
    return c;
}

/* The chunk that holds off, or NULL for a hole. */
static struct chunk *chunk_at(const struct mem_volume *m, uint64_t off)
{
    const struct leaf *leaf = m->top[off / LEAF];
    return leaf ? leaf->slot[off / CHUNK % LEAF_SLOTS] : NULL;
}

/* The table's entry for off; its leaf is made when missing. NULL: no memory. */
static struct chunk **slot_at(struct mem_volume *m, uint64_t off)
{
    struct leaf **leaf = &m->top[off / LEAF];
    if (!*leaf)
        *leaf = calloc(1, sizeof(**leaf));
    return *leaf ? &(*leaf)->slot[off / CHUNK % LEAF_SLOTS] : NULL;
}

/* A chunk nobody else refers to, for writing n bytes at off; the others keep their content.
 * NULL: no memory. */
static struct chunk *chunk_for_write(struct mem_volume *m, uint64_t off, uint32_t n)
{
    struct chunk **slot = slot_at(m, off);
    if (!slot)
        return NULL;
    struct chunk *old = *slot;
    if (old && old->buf.refs == 1)
        return old;
    struct chunk *c = chunk_new(m);
    if (!c)
        return NULL;
    if (old && n < CHUNK)
        memcpy(c->bytes, old->bytes, CHUNK);
    else if (n < CHUNK)
        memset(c->bytes, 0, CHUNK);
    if (old)
        iobuf_put(&old->buf);
    else
        m->nchunks++;
    *slot = c;
    return c;
}

static void chunk_drop(struct mem_volume *m, uint64_t off)
{
    if (!chunk_at(m, off))
        return;
    struct chunk **slot = slot_at(m, off);
    iobuf_put(&(*slot)->buf);
    *slot = NULL;
    m->nchunks--;
}

/* Bytes from off to the end of its chunk, at most len. */
static uint32_t piece_len(uint64_t off, uint64_t len)
{
    return (uint32_t)MIN(CHUNK - off % CHUNK, len);
}

/* The same, or to the end of the leaf where that is missing. */
static uint64_t step_len(const struct mem_volume *m, uint64_t off, uint64_t len)
{
    return m->top[off / LEAF] ? piece_len(off, len) : MIN(LEAF - off % LEAF, len);
}

/* ---- operations
 * ------------------------------------------------------------------------------------ */

static int mem_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    struct mem_volume *m = mem_of(v);
    if (m->null)
        return store_zeros_add(out, len);
    while (len > 0) {
        uint32_t n = piece_len(off, len);
        struct chunk *c = chunk_at(m, off);
        struct iobuf *buf = c ? &c->buf : NULL;
        if (buf)
            iobuf_ref(buf);
        if (sgl_add(out, buf, c ? c->bytes + off % CHUNK : store_zeros(), n) != 0) {
            iobuf_put(buf);
            return -ENOMEM;
        }
        off += n;
        len -= n;
    }
    return 0;
}

/* Memory that runs out is room that runs out. */
static int put_bytes(struct mem_volume *m, uint64_t off, const uint8_t *p, uint64_t len)
{
    while (len > 0) {
        uint32_t n = piece_len(off, len);
        struct chunk *c = chunk_for_write(m, off, n);
        if (!c)
            return -ENOSPC;
        memcpy(c->bytes + off % CHUNK, p, n);
        p += n;
        off += n;
        len -= n;
    }
    return 0;
}

static int mem_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    struct mem_volume *m = mem_of(v);
    (void)flags;
    for (unsigned i = 0; i < data->n && !m->null; i++) {
        int rc = put_bytes(m, off, data->v[i].p, data->v[i].len);
        if (rc != 0)
            return rc;
        off += data->v[i].len;
        if (i + 1 < data->n)
            fiber_maybe_yield();
    }
    return 0;
}

/* Whole chunks become holes, parts of chunks are zeroed, holes stay. */
static int mem_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    struct mem_volume *m = mem_of(v);
    (void)flags;
    while (len > 0 && !m->null) {
        uint64_t n = step_len(m, off, len);
        if (n == CHUNK) {
            chunk_drop(m, off);
        } else if (chunk_at(m, off)) {
            struct chunk *c = chunk_for_write(m, off, (uint32_t)n);
            if (!c)
                return -ENOSPC;
            memset(c->bytes + off % CHUNK, 0, n);
        }
        off += n;
        len -= n;
        if (len > 0)
            fiber_maybe_yield();
    }
    return 0;
}

/* Without may_unmap the blocks stay provisioned: zeros are written. */
static int mem_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                            unsigned flags)
{
    struct mem_volume *m = mem_of(v);
    if (may_unmap)
        return mem_discard(v, off, len, flags);
    while (len > 0 && !m->null) {
        uint32_t n = piece_len(off, len);
        int rc = put_bytes(m, off, store_zeros(), n);
        if (rc != 0)
            return rc;
        off += n;
        len -= n;
        if (len > 0)
            fiber_maybe_yield();
    }
    return 0;
}

static int mem_flush(struct volume *v)
{
    (void)v;
    return 0;
}

static int mem_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                       enum volume_extent *ret_state)
{
    struct mem_volume *m = mem_of(v);
    bool mapped = chunk_at(m, off) != NULL;
    uint64_t n = step_len(m, off, len);
    while (n < len && (chunk_at(m, off + n) != NULL) == mapped) {
        n += step_len(m, off + n, len - n);
        fiber_maybe_yield();
    }
    *ret_len = n;
    *ret_state = mapped ? VOL_MAPPED : VOL_HOLE;
    return 0;
}

static int mem_resize(struct volume *v, uint64_t new_size)
{
    struct mem_volume *m = mem_of(v);
    uint64_t ntop = round_up(new_size, LEAF) / LEAF;
    if (new_size == 0)
        return 0;
    if (ntop > m->ntop) {
        struct leaf **top = calloc(ntop, sizeof(*top));
        if (!top)
            return -ENOMEM;
        memcpy(top, m->top, m->ntop * sizeof(*top));
        free(m->top);
        m->top = top;
        m->ntop = ntop;
    }
    v->geo.size = new_size;
    volume_changed(v, VOL_CHANGED_SIZE);
    return 0;
}

static int mem_space(struct volume *v, struct volume_space *ret_space)
{
    uint64_t used = MIN(mem_of(v)->nchunks * CHUNK, v->geo.size);
    *ret_space = (struct volume_space){.used = used, .available = v->geo.size - used};
    return 0;
}

static int mem_get_attr(struct volume *v, const char *name, char **ret_value)
{
    struct attr_store *s = mem_of(v)->attrs;
    return s->get(s, &v->id, name, ret_value);
}

static int mem_set_attr(struct volume *v, const char *name, const char *value)
{
    struct attr_store *s = mem_of(v)->attrs;
    return s->set(s, &v->id, name, value);
}

static int mem_list_attr(struct volume *v, const char *prefix, char ***ret_names)
{
    struct attr_store *s = mem_of(v)->attrs;
    return s->list(s, &v->id, prefix, ret_names);
}

static void mem_close(struct volume *v)
{
    struct mem_volume *m = mem_of(v);
    for (uint64_t i = 0; i < m->ntop; i++) {
        if (!m->top[i])
            continue;
        for (unsigned j = 0; j < LEAF_SLOTS; j++)
            if (m->top[i]->slot[j])
                iobuf_put(&m->top[i]->slot[j]->buf);
        free(m->top[i]);
        fiber_maybe_yield();
    }
    free(m->top);
    attr_mem_free(m->own_attrs);
    free(m);
}

static const struct volume_ops mem_ops = {
    .engine = "mem",
    .read = mem_read,
    .write = mem_write,
    .write_zeroes = mem_write_zeroes,
    .discard = mem_discard,
    .flush = mem_flush,
    .extents = mem_extents,
    .resize = mem_resize,
    .space = mem_space,
    .get_attr = mem_get_attr,
    .set_attr = mem_set_attr,
    .list_attr = mem_list_attr,
    .close = mem_close,
};

int store_mem_open(const struct store_params *p, uint64_t size, bool null,
                   struct volume **ret_volume, struct err *reterr)
{
    struct volume_geometry geo;
    int rc = store_geometry(p, 4096, &geo, reterr);
    if (rc != 0)
        return rc;
    if (size == 0 || size % p->block_size != 0 || size > INT64_MAX)
        return err_set(reterr, -EINVAL,
                       "volume %s: size %llu is not a number of blocks of %u bytes", p->name,
                       (unsigned long long)size, p->block_size);
    struct mem_volume *m = calloc(1, sizeof(*m));
    uint64_t ntop = round_up(size, LEAF) / LEAF;
    struct leaf **top = calloc(ntop, sizeof(*top));
    struct attr_store *own = p->attrs ? NULL : attr_mem_new();
    if (!m || !top || (!p->attrs && !own)) {
        free(m);
        free(top);
        attr_mem_free(own);
        return err_set(reterr, -ENOMEM, "volume %s: no memory for its table", p->name);
    }
    volume_init(&m->v, &mem_ops, p->name, &p->id, p->sync);
    geo.size = size;
    geo.thin = true;
    geo.unmap_granularity = CHUNK;
    geo.atomic_max = ATOMIC_MAX;
    m->v.geo = geo;
    m->top = top;
    m->ntop = ntop;
    m->null = null;
    m->attrs = own ? own : p->attrs;
    m->own_attrs = own;
    *ret_volume = &m->v;
    return 0;
}
