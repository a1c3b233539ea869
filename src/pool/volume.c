/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volume contract on a dataset of type ZVOL: object 1 holds the data, object 2 the size.
 *
 * A write changes whole blocks in memory, in the table of the open txg; a part of a block is merged with its old content first. The sync
 * fiber hands a txg's table to the tree and the table is dropped when the uberblock is on disk, so a reader finds the newest
 * version by asking the tables from the open txg down, then the committed tree. A block that a reader may hold is never
 * changed in place but copied.
 *
 * A write holds its txg from its first block to its last, so all of it is in one txg.
 */
#include "pool/pool_int.h"
#include "pool/vdirty.h"
#include "pool/zil/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATOMIC_MAX  ZIL_DATA_MAX /* one record of the log is applied whole or not at all */
#define READ_FIBERS 32u
#define ATTR_PREFIX "zsan:"
/* A dirty block may need an indirect block of its own, in two copies. */
#define INDIRECT_COST (32u << 10)

struct pvol {
    struct volume v;
    struct pool *p;
    struct dsl_dataset *ds;
    struct object *data;
    struct zil *zil; /* NULL: read-only */
    uint32_t bs;     /* volblocksize, bytes */
    uint64_t cost;   /* of a dirty block on disk, at most */
    uint64_t guid;
    struct vdirty dirty[TXG_SLOTS];
    struct list node; /* in the pool's list of open volumes */
};

static struct pvol *pvol_of(struct volume *v)
{
    return container_of(v, struct pvol, v);
}

/* ---- finding a block ------------------------------------------------------------------------------------- */

/* The newest version in memory up to txg. True: *ret_buf, or NULL for zeros. */
static bool find_dirty(const struct pvol *pv, uint64_t txg, uint64_t blkid,
                       struct iobuf **ret_buf)
{
    for (; txg > pv->p->txgs.synced; txg--) {
        const struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
        if (vdirty_empty(d))
            continue;
        struct vblock *b = vdirty_find(d, blkid);
        if (b || vdirty_is_freed(d, blkid)) {
            *ret_buf = b ? b->buf : NULL;
            return true;
        }
    }
    return false;
}

/* The block as of txg: a buffer with a reference, NULL for zeros. Parks. */
static int block_get(struct pvol *pv, uint64_t txg, uint64_t blkid, enum block_hint hint,
                     struct iobuf **ret_buf)
{
    if (find_dirty(pv, txg, blkid, ret_buf)) {
        if (*ret_buf)
            iobuf_ref(*ret_buf);
        return 0;
    }
    struct blocks *b = &pv->p->blocks;
    uint64_t ticket = blocks_reader_enter(b);
    struct bp bp;
    int r = object_lookup(pv->data, blkid, &bp);
    *ret_buf = NULL;
    if (r == 0 && !bp_is_hole(&bp))
        r = block_read(b, &bp, hint, ret_buf);
    blocks_reader_leave(b, ticket);
    return r;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

struct fetch {
    struct pvol *pv;
    uint64_t txg, blkid;
    struct iobuf *buf;
    int result;
    struct waitgroup *group;
};

static void fetch_block(void *arg)
{
    struct fetch *f = arg;
    f->result = block_get(f->pv, f->txg, f->blkid, BLOCK_NORMAL, &f->buf);
    waitgroup_done(f->group);
}

/* Gets n neighbouring blocks, each in a fiber of its own where it isn't in memory. */
static int fetch_blocks(struct pvol *pv, uint64_t txg, uint64_t first, unsigned n,
                        struct fetch *f)
{
    struct waitgroup group;
    waitgroup_init(&group);
    for (unsigned i = 0; i < n; i++) {
        f[i] = (struct fetch){.pv = pv, .txg = txg, .blkid = first + i, .group = &group};
        waitgroup_add(&group, 1);
        if (n == 1 || !fiber_start(fetch_block, &f[i], "pool-read"))
            fetch_block(&f[i]);
    }
    waitgroup_wait(&group);
    for (unsigned i = 0; i < n; i++)
        if (f[i].result)
            return f[i].result;
    return 0;
}

static int add_zeros(struct sgl *out, uint64_t len)
{
    uint64_t at = out->len;
    int r = sgl_alloc(out, len);
    if (r == 0)
        sgl_zero(out, at, len);
    return r;
}

/* Appends bytes [off, off + len) of what was fetched and drops the references. */
static int fetch_append(const struct pvol *pv, struct fetch *f, unsigned n, uint64_t off,
                        uint64_t len, int r, struct sgl *out)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t start = f[i].blkid * pv->bs, from = MAX(off, start);
        uint64_t to = MIN(off + len, start + pv->bs);
        if (r == 0 && !f[i].buf)
            r = add_zeros(out, to - from);
        else if (r == 0 && (r = sgl_add(out, f[i].buf, f[i].buf->p + (from - start),
                                        (uint32_t)(to - from))) == 0)
            f[i].buf = NULL;
        iobuf_put(f[i].buf);
    }
    return r;
}

static int pvol_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    struct pvol *pv = pvol_of(v);
    uint64_t end = off + len, txg = pv->p->txgs.open;
    int r = 0;
    struct fetch *f = calloc(READ_FIBERS, sizeof(*f));
    if (!f)
        return E(-ENOMEM);
    while (r == 0 && off < end) {
        uint64_t first = off / pv->bs, last = (end - 1) / pv->bs;
        unsigned n = (unsigned)MIN(last - first + 1, READ_FIBERS);
        uint64_t part = MIN(end, (first + n) * pv->bs) - off;
        r = fetch_blocks(pv, txg, first, n, f);
        r = fetch_append(pv, f, n, off, part, r, out);
        off += part;
    }
    free(f);
    return r;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Writers wait while too much is dirty; the sync fiber is told early. */
static void throttle(struct pool *p, uint64_t len)
{
    while (p->dirty_bytes + len > p->dirty_max && p->dirty_bytes > 0 && !p->txgs.failed) {
        txg_kick(p);
        waitq_wait(&p->dirty_less, NO_DEADLINE, NULL);
    }
    if (p->dirty_bytes > p->dirty_max / 4)
        txg_kick(p);
}

/* A fresh buffer with the old content (NULL: zeros). */
static struct iobuf *copy_of(const struct pvol *pv, const struct iobuf *old)
{
    struct iobuf *buf = iobuf_get(pv->bs);
    if (!buf)
        return NULL;
    if (old)
        memcpy(buf->p, old->p, pv->bs);
    else
        memset(buf->p, 0, pv->bs);
    return buf;
}

static void dirty_count(struct pvol *pv, int64_t blocks)
{
    pv->p->dirty_bytes += (uint64_t)blocks * pv->bs;
    pv->p->dirty_cost += (uint64_t)blocks * pv->cost;
}

static int dirty_add(struct pvol *pv, uint64_t txg, uint64_t blkid, struct iobuf *buf)
{
    int r = vdirty_add(&pv->dirty[txg % TXG_SLOTS], blkid, buf);
    if (r)
        iobuf_put(buf);
    else
        dirty_count(pv, 1);
    return r;
}

/* The block's buffer in txg to write into; whole: its old content doesn't matter. May park (reading, and for writers of the
 * txg before, who may yet change other parts of this block). */
static int block_change(struct pvol *pv, uint64_t txg, uint64_t blkid, bool whole,
                        struct iobuf **ret_buf)
{
    struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
    struct vblock *b = vdirty_find(d, blkid);
    struct iobuf *old = NULL;
    if (!b && !whole) {
        txg_wait_older(pv->p, txg);
        int r = block_get(pv, txg, blkid, BLOCK_NORMAL, &old);
        if (r)
            return r;
        b = vdirty_find(d, blkid); /* others ran meanwhile */
    }
    if (b && b->buf->refs > 1) {
        struct iobuf *mine = copy_of(pv, b->buf);
        if (mine) {
            iobuf_put(b->buf);
            b->buf = mine;
        }
        *ret_buf = mine;
        iobuf_put(old);
        return mine ? 0 : E(-ENOMEM);
    }
    int r = 0;
    if (b) {
        *ret_buf = b->buf;
    } else {
        *ret_buf = whole ? iobuf_get(pv->bs) : copy_of(pv, old);
        r = *ret_buf ? dirty_add(pv, txg, blkid, *ret_buf) : E(-ENOMEM);
    }
    iobuf_put(old);
    return r;
}

static int write_blocks(struct pvol *pv, uint64_t txg, uint64_t off, const struct sgl *data)
{
    for (uint64_t done = 0; done < data->len;) {
        uint64_t at = (off + done) % pv->bs, n = MIN(pv->bs - at, data->len - done);
        struct iobuf *buf;
        int r = block_change(pv, txg, (off + done) / pv->bs, n == pv->bs, &buf);
        if (r)
            return r;
        sgl_copy_out(data, done, buf->p + at, n);
        done += n;
        fiber_maybe_yield();
    }
    return 0;
}

static bool room_for(const struct pvol *pv, uint64_t cost)
{
    uint64_t unique = le64_get(dsl_dataset_phys(pv->ds)->unique), reserve = 0;
    if (dsl_prop_u64(pv->ds->dir, "refreservation", &reserve, NULL) && unique + cost <= reserve)
        return true;
    return cost <= dsl_dir_available(pv->ds->dir, pool_available(pv->p));
}

/* Foreseen, so that no txg runs out of space. What is dirty counts with the most that it may take, and what was freed is
 * held back for some txgs; so before a write is refused a few txgs are written. */
static int room_check(struct pvol *pv, uint64_t len)
{
    uint64_t cost = (len / pv->bs + 2) * pv->cost;
    for (unsigned i = 0; !room_for(pv, cost); i++) {
        int r = i < TXG_HOLD_BACK + 2 ? txg_wait(pv->p, 0) : E(-ENOSPC);
        if (r)
            return r;
    }
    return 0;
}

/* What every change begins with: 0 and the txg that it holds. */
static int change_begin(struct pvol *pv, uint64_t len, uint64_t *ret_txg)
{
    if (pv->p->txgs.failed)
        return pv->p->txgs.failed;
    int r = room_check(pv, len);
    if (r)
        return r;
    throttle(pv->p, len);
    *ret_txg = txg_hold(pv->p);
    txg_changed(pv->p);
    return 0;
}

/* Lets go of the txg; durable when the log has the record (ticket 0: there is none), else when the txg is written. */
static int change_end(struct pvol *pv, uint64_t txg, unsigned flags, uint64_t ticket, int r)
{
    txg_release(pv->p, txg);
    if (r || !(flags & VOL_FUA))
        return r;
    return ticket ? zil_commit(pv->zil, ticket) : txg_wait(pv->p, txg);
}

static uint64_t log_truncate(struct pvol *pv, uint64_t txg, uint64_t off, uint64_t len,
                             unsigned flags, int r)
{
    return r == 0 && (flags & VOL_FUA) ? zil_truncate(pv->zil, txg, off, len) : 0;
}

static int pvol_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    struct pvol *pv = pvol_of(v);
    uint64_t txg;
    int r = change_begin(pv, data->len, &txg);
    if (r)
        return r;
    r = write_blocks(pv, txg, off, data);
    uint64_t ticket = r == 0 && (flags & VOL_FUA) ? zil_write(pv->zil, txg, off, data) : 0;
    return change_end(pv, txg, flags, ticket, r);
}

/* The part of a block that isn't freed whole. */
static int zero_part(struct pvol *pv, uint64_t txg, uint64_t off, uint64_t len)
{
    struct iobuf *buf;
    if (len == 0)
        return 0;
    int r = block_change(pv, txg, off / pv->bs, false, &buf);
    if (r == 0)
        memset(buf->p + off % pv->bs, 0, len);
    return r;
}

static int zero_range(struct pvol *pv, uint64_t txg, uint64_t off, uint64_t len)
{
    uint64_t end = off + len;
    uint64_t first = (off + pv->bs - 1) / pv->bs, last = end / pv->bs, dropped = 0;
    if (first > last || first * pv->bs > end)
        return zero_part(pv, txg, off, len);
    int r = zero_part(pv, txg, off, first * pv->bs - off);
    if (r == 0 && last > first)
        r = vdirty_free_run(&pv->dirty[txg % TXG_SLOTS], first, last - first, &dropped);
    dirty_count(pv, -(int64_t)dropped);
    return r ? r : zero_part(pv, txg, last * pv->bs, end - last * pv->bs);
}

static int pvol_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                             unsigned flags)
{
    struct pvol *pv = pvol_of(v);
    uint64_t txg;
    (void)may_unmap; /* zeros are holes here */
    int r = change_begin(pv, 0, &txg);
    if (r)
        return r;
    r = zero_range(pv, txg, off, len);
    return change_end(pv, txg, flags, log_truncate(pv, txg, off, len, flags, r), r);
}

static int pvol_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    struct pvol *pv = pvol_of(v);
    uint64_t first = (off + pv->bs - 1) / pv->bs, last = (off + len) / pv->bs, dropped = 0, txg;
    if (last <= first)
        return 0;
    if (pv->p->txgs.failed)
        return pv->p->txgs.failed;
    txg = txg_hold(pv->p);
    txg_changed(pv->p);
    int r = vdirty_free_run(&pv->dirty[txg % TXG_SLOTS], first, last - first, &dropped);
    dirty_count(pv, -(int64_t)dropped);
    uint64_t ticket = log_truncate(pv, txg, first * pv->bs, (last - first) * pv->bs, flags, r);
    return change_end(pv, txg, flags, ticket, r);
}

static int pvol_flush(struct volume *v)
{
    return txg_wait(pvol_of(v)->p, 0);
}

/* ---- the sync fiber's side ------------------------------------------------------------------------------------------ */

static int pvol_sync(void *arg, uint64_t txg)
{
    struct pvol *pv = arg;
    struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
    int r = pv->zil ? zil_sync(pv->zil, txg) : 0;
    for (size_t i = 0; r == 0 && i < d->nfreed; i++) {
        uint64_t end = MIN(d->freed[i].first + d->freed[i].n, object_max_block(pv->data) + 1);
        uint64_t next;
        if (d->freed[i].first < end)
            r = object_free_blocks(pv->data, d->freed[i].first, end - d->freed[i].first,
                                   UINT64_MAX, &next);
    }
    struct vblock **v = vdirty_sorted(d);
    if (!v && d->nblocks)
        return E(-ENOMEM);
    for (size_t i = 0; r == 0 && i < d->nblocks; i++) {
        r = object_block_set(pv->data, v[i]->blkid, v[i]->buf);
        fiber_maybe_yield();
    }
    free(v);
    return r;
}

static void pvol_committed(void *arg, uint64_t txg)
{
    struct pvol *pv = arg;
    struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
    dirty_count(pv, -(int64_t)d->nblocks);
    vdirty_clear(d);
}

int volumes_before_sync(struct pool *p, uint64_t txg)
{
    struct pvol *pv;
    list_for_each (pv, &p->volumes, node)
        if (!vdirty_empty(&pv->dirty[txg % TXG_SLOTS]) ||
            (pv->zil && zil_wants_sync(pv->zil, txg)))
            dsl_dataset_dirty(pv->ds);
    return 0;
}

/* ---- the rest of the contract ------------------------------------------------------------------------------------------ */

static int pvol_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                        enum volume_extent *ret_state)
{
    struct pvol *pv = pvol_of(v);
    uint64_t blkid = off / pv->bs, run;
    bool hole;
    struct iobuf *buf;
    if (find_dirty(pv, pv->p->txgs.open, blkid, &buf)) {
        hole = buf == NULL;
        run = 1;
    } else {
        uint64_t ticket = blocks_reader_enter(&pv->p->blocks);
        int r = object_run(pv->data, blkid, (off + len - 1) / pv->bs - blkid + 1, &run, &hole);
        blocks_reader_leave(&pv->p->blocks, ticket);
        if (r)
            return r;
        /* What is dirty in the run ends it. */
        for (uint64_t i = 1; i < run; i++)
            if (find_dirty(pv, pv->p->txgs.open, blkid + i, &buf))
                run = i;
    }
    *ret_len = MIN(len, (blkid + run) * pv->bs - off);
    *ret_state = hole ? VOL_HOLE : VOL_MAPPED;
    return 0;
}

struct resize_task {
    struct pvol *pv;
    uint64_t size;
};

static int resize_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct resize_task *t = arg;
    (void)reterr;
    objset_begin(t->pv->ds->os, txg);
    dsl_dataset_dirty(t->pv->ds);
    return zap_set_u64(t->pv->ds->os, ZVOL_PROPS, "size", t->size);
}

static int pvol_resize(struct volume *v, uint64_t new_size)
{
    struct resize_task t = {pvol_of(v), new_size};
    if (new_size == 0)
        return 0;
    if (new_size % t.pv->bs)
        return E(-EINVAL);
    int r = txg_run(t.pv->p, resize_task, &t, NULL);
    if (r)
        return r;
    v->geo.size = new_size;
    volume_changed(v, VOL_CHANGED_SIZE);
    return 0;
}

static int pvol_space(struct volume *v, struct volume_space *ret)
{
    struct pvol *pv = pvol_of(v);
    ret->used = le64_get(dsl_dataset_phys(pv->ds)->referenced);
    ret->available = dsl_dir_available(pv->ds->dir, pool_available(pv->p));
    return 0;
}

/* ---- attributes: user properties that carry the dataset's guid, so that a clone's inherited ones don't count -------------- */

static bool attr_key(const char *name, char *ret, size_t cap)
{
    size_t n = strlen(ATTR_PREFIX), len = strlen(name);
    if (n + len >= cap)
        return false;
    memcpy(ret, ATTR_PREFIX, n);
    memcpy(ret + n, name, len + 1);
    return true;
}

/* The value behind "GUID:" when the guid is ours. */
static const char *attr_value(const struct pvol *pv, const char *text)
{
    char *end;
    uint64_t guid = strtoull(text, &end, 16);
    return guid == pv->guid && *end == ':' ? end + 1 : NULL;
}

static int pvol_get_attr(struct volume *v, const char *name, char **ret_value)
{
    struct pvol *pv = pvol_of(v);
    char key[ZAP_NAME_MAX + 1];
    const char *text, *value;
    *ret_value = NULL;
    if (!attr_key(name, key, sizeof(key)))
        return E(-ENAMETOOLONG);
    if (!nv_get_str(pv->ds->dir->props, key, &text) || !(value = attr_value(pv, text)))
        return 0;
    *ret_value = strdup(value);
    return *ret_value ? 0 : E(-ENOMEM);
}

struct attr_task {
    struct pvol *pv;
    const char *key, *value;
};

static int attr_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct attr_task *t = arg;
    (void)txg, (void)reterr;
    if (t->value)
        return dsl_prop_set_str(t->pv->ds->dir, t->key, t->value);
    int r = dsl_prop_remove(t->pv->ds->dir, t->key);
    return r == -ENOENT ? 0 : r;
}

static int pvol_set_attr(struct volume *v, const char *name, const char *value)
{
    struct pvol *pv = pvol_of(v);
    char key[ZAP_NAME_MAX + 1], *text = NULL;
    if (!attr_key(name, key, sizeof(key)))
        return E(-ENAMETOOLONG);
    if (value && strlen(value) > VOL_ATTR_MAX - 32)
        return E(-E2BIG);
    if (value && asprintf(&text, "%" PRIx64 ":%s", pv->guid, value) < 0)
        return E(-ENOMEM);
    struct attr_task t = {pv, key, text};
    int r = txg_run(pv->p, attr_task, &t, NULL);
    free(text);
    return r;
}

static int pvol_list_attr(struct volume *v, const char *prefix, char ***ret_names)
{
    struct pvol *pv = pvol_of(v);
    const struct nv *props = pv->ds->dir->props;
    const char *key, *text;
    unsigned n = 0, total = 0;
    while (nv_key(props, total))
        total++;
    char **names = calloc(total + 1, sizeof(*names));
    if (!names)
        return E(-ENOMEM);
    for (unsigned i = 0; (key = nv_key(props, i)); i++) {
        if (strncmp(key, ATTR_PREFIX, strlen(ATTR_PREFIX)) != 0)
            continue;
        const char *name = key + strlen(ATTR_PREFIX);
        if (strncmp(name, prefix, strlen(prefix)) != 0 || !nv_get_str(props, key, &text) ||
            !attr_value(pv, text))
            continue;
        if (!(names[n++] = strdup(name))) {
            names_free(names);
            return E(-ENOMEM);
        }
    }
    *ret_names = names;
    return 0;
}

static void pvol_close(struct volume *v)
{
    struct pvol *pv = pvol_of(v);
    if (pv->p->txgs.running)
        txg_wait(pv->p, 0);
    zil_close(pv->zil);
    for (unsigned i = 0; i < TXG_SLOTS; i++) {
        dirty_count(pv, -(int64_t)pv->dirty[i].nblocks);
        vdirty_clear(&pv->dirty[i]);
    }
    list_remove(&pv->node);
    pv->ds->sync = NULL;
    pv->ds->committed = NULL;
    object_release(pv->data);
    dsl_dataset_close(pv->ds);
    pv->p->open_volumes--;
    free(pv);
}

static const struct volume_ops pvol_ops = {
    .engine = "pool",
    .read = pvol_read,
    .write = pvol_write,
    .write_zeroes = pvol_write_zeroes,
    .discard = pvol_discard,
    .flush = pvol_flush,
    .extents = pvol_extents,
    .resize = pvol_resize,
    .space = pvol_space,
    .get_attr = pvol_get_attr,
    .set_attr = pvol_set_attr,
    .list_attr = pvol_list_attr,
    .close = pvol_close,
};

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

static enum volume_sync sync_of(const struct dsl_dir *dd)
{
    static const enum volume_sync by_value[] = {VOL_SYNC_STANDARD, VOL_SYNC_ALWAYS,
                                                VOL_SYNC_DISABLED};
    uint64_t v;
    if (!dsl_prop_u64(dd, "sync", &v, NULL) || v >= ARRAY_LEN(by_value))
        return VOL_SYNC_ALWAYS;
    return by_value[v];
}

static void geometry(struct pvol *pv, uint64_t size)
{
    pv->v.geo = (struct volume_geometry){
        .size = size,
        .block_size = 512,
        .physical_block = 4096,
        .unmap_granularity = pv->bs,
        .atomic_max = ATOMIC_MAX,
        .thin = true,
        .read_only = pv->p->read_only,
        .rotational = true, /* nobody asked the disks */
    };
}

/* The volume's id: its dataset's guid, which no other dataset has. */
static struct uuid volume_id(uint64_t pool_guid, uint64_t guid)
{
    struct uuid id;
    memcpy(id.b, &pool_guid, 8);
    memcpy(id.b + 8, &guid, 8);
    return id;
}

static int open_objects(struct pvol *pv, uint64_t *ret_size, struct err *reterr)
{
    int r = dsl_dataset_open(pv->ds, reterr);
    if (r)
        return r;
    r = objset_type(pv->ds->os) == OBJSET_ZVOL
            ? 0
            : err_set(reterr, E(-EINVAL), "%s is no volume", pv->ds->dir->name);
    if (r == 0)
        r = zap_get_u64(pv->ds->os, ZVOL_PROPS, "size", ret_size);
    if (r == 0)
        r = object_hold(pv->ds->os, ZVOL_DATA, &pv->data);
    if (r == 0) {
        pv->bs = object_block_size(pv->data);
        if (!is_pow2(pv->bs) || pv->bs < 512 || *ret_size % pv->bs)
            r = err_set(reterr, E(-EBADMSG), "volume %s: its size is no whole blocks",
                        pv->ds->dir->name);
    }
    if (r) {
        object_release(pv->data);
        dsl_dataset_close(pv->ds);
    }
    return r;
}

/* ---- replaying the log ------------------------------------------------------------------------------------------------- */

static int replay_write(struct pvol *pv, uint64_t txg, uint64_t off, const uint8_t *data,
                        uint64_t len)
{
    struct sgl sgl;
    sgl_init(&sgl);
    int r = sgl_alloc(&sgl, len);
    if (r == 0) {
        sgl_copy_in(&sgl, 0, data, len);
        r = write_blocks(pv, txg, off, &sgl);
    }
    sgl_clear(&sgl);
    return r;
}

/* block: of an indirect record, the whole volume block around its range. */
static int replay_apply(void *arg, const struct zil_record *rec, const uint8_t *block,
                        uint32_t block_len)
{
    struct pvol *pv = arg;
    uint64_t end;
    if (ckd_add_u64(&end, rec->offset, rec->length) || rec->offset > pv->v.geo.size)
        return E(-EBADMSG);
    uint64_t len = MIN(end, pv->v.geo.size) - rec->offset; /* it may have shrunk since */
    if (block && (block_len != pv->bs || rec->offset % pv->bs + len > pv->bs))
        return E(-EBADMSG);
    throttle(pv->p, len);
    uint64_t txg = txg_hold(pv->p);
    txg_changed(pv->p);
    int r = 0;
    if (block)
        r = replay_write(pv, txg, rec->offset, block + rec->offset % pv->bs, len);
    else if (rec->data)
        r = replay_write(pv, txg, rec->offset, rec->data, len);
    else
        r = zero_range(pv, txg, rec->offset, len);
    txg_release(pv->p, txg);
    return r;
}

static int discard_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct pvol *pv = arg;
    (void)txg, (void)reterr;
    return zil_discard(pv->p, pv->ds);
}

/* Every record is applied again when we crash in between: the header changes only when all of them are in the tree. */
static int log_start(struct pvol *pv, struct err *reterr)
{
    int r = 0;
    if (zil_needs_replay(pv->ds)) {
        if (pv->p->read_only)
            return err_set(reterr, E(-EROFS),
                           "volume %s has an intent log to replay: import the pool writable",
                           pv->v.name);
        r = zil_replay(pv->p, pv->ds, replay_apply, pv, reterr);
        if (r == 0)
            r = txg_run(pv->p, discard_task, pv, reterr);
    }
    return r || pv->p->read_only ? r : zil_open(pv->p, pv->ds, &pv->zil, reterr);
}

int pool_volume_open(struct pool *p, const char *name, struct volume **ret_v,
                     struct err *reterr)
{
    struct dsl_dir *dd = dsl_find(&p->dsl, name);
    uint64_t size;
    if (!dd || !dd->head || dsl_dataset_is_going(dd->head))
        return err_set(reterr, E(-ENOENT), "pool %s has no volume %s", p->name, name);
    if (dd->head->sync)
        return err_set(reterr, E(-EBUSY), "volume %s/%s is open already", p->name, name);
    struct pvol *pv = calloc(1, sizeof(*pv));
    if (!pv)
        return err_set(reterr, E(-ENOMEM), "volume %s: no memory", name);
    pv->p = p;
    pv->ds = dd->head;
    int r = open_objects(pv, &size, reterr);
    if (r) {
        free(pv);
        return r;
    }
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        vdirty_init(&pv->dirty[i]);
    pv->cost = pool_block_cost(p, pv->bs) + INDIRECT_COST;
    pv->guid = le64_get(dsl_dataset_phys(pv->ds)->guid);
    struct uuid id = volume_id(p->guid, pv->guid);
    volume_init(&pv->v, &pvol_ops, name, &id, sync_of(dd));
    geometry(pv, size);
    pv->ds->sync = pvol_sync;
    pv->ds->committed = pvol_committed;
    pv->ds->arg = pv;
    list_push(&p->volumes, &pv->node);
    p->open_volumes++;
    r = log_start(pv, reterr);
    if (r) {
        pvol_close(&pv->v);
        return r;
    }
    *ret_v = &pv->v;
    return 0;
}
