/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of the simulated world. An operation takes a random time and happens at its end, so
 * operations in flight together happen in any order; a power cut in between catches a write
 * before or after the disk's cache. A flush covers what was written when it was asked for, and
 * is done when it returns.
 */
#include "run/sim/sim_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sim_file {
    struct file base;
    struct list node;
    struct sim_inode *inode;
    char *path;
    bool read_only;
    unsigned unplugs; /* of the device when it was opened */
};

/* A write on its way to the disk; lives on the writer's stack. */
struct sim_write {
    struct list node;
    const struct sim_file *file;
    uint64_t off, len;
    const struct iovec *iov;
    int n;
};

static struct sim_file *sim_file_of(struct file *f)
{
    return container_of(f, struct sim_file, base);
}

static struct sim_world *world_of(const struct sim_file *f)
{
    return sim_world_of(f->base.run);
}

/* ---- time and faults --------------------------------------------------------------------- */

static void disk_pass(struct sim_world *w, const char *path, uint64_t lo, uint64_t hi)
{
    uint64_t at = w->now + sim_rand_range(&w->io, lo, hi);
    sim_pass_until(w, MAX(at, sim_fault_stalled_until(w, path)));
}

static void io_pass(struct sim_file *f)
{
    struct sim_world *w = world_of(f);
    disk_pass(w, f->path, w->cfg.disk_delay_min_ns, w->cfg.disk_delay_max_ns);
}

/* The device was pulled out since. */
static bool is_dead(const struct sim_file *f)
{
    bool away;
    return sim_fault_unplugs(world_of(f), f->path, &away) != f->unplugs;
}

static int fault_draw(const struct sim_file *f, enum sim_fault_kind kind)
{
    return is_dead(f) ? -ENXIO : sim_fault_draw(world_of(f), f->path, kind);
}

/* ---- open and close ---------------------------------------------------------------------- */

static int inode_for_open(struct sim_world *w, const char *path, const struct file_opts *opts,
                          struct sim_inode **ret_inode, struct err *reterr)
{
    struct sim_inode *in = sim_names_find(w->disks, path);
    if (in && opts->create)
        return err_set(reterr, E(-EEXIST), "%s exists already", path);
    if (in && in->is_dir)
        return err_set(reterr, E(-EISDIR), "%s is a directory", path);
    if (in && opts->exclusive && in->locked_by)
        return err_set(reterr, E(-EBUSY), "%s is in use", path);
    if (!in && opts->create) {
        char *dir = sim_names_dir(path);
        if (sim_names_is_dir(w->disks, dir))
            in = sim_names_create(w->disks, path, false, 0600);
        free(dir);
    }
    if (!in)
        return err_set(reterr, E(-ENOENT), "%s does not exist", path);
    *ret_inode = in;
    return 0;
}

static void info_fill(struct sim_file *f, bool direct)
{
    uint32_t align = MAX(world_of(f)->cfg.dio_align, SIM_SECTOR);
    f->base.info = (struct file_info){
        .size = f->inode->size,
        .direct = direct,
        .dio_align = direct ? align : 1,
        .logical_block = SIM_SECTOR,
        .physical_block = SIM_PAGE,
        .discard_granularity = SIM_PAGE,
        .rotational = world_of(f)->cfg.disk_rotates,
        .ino = f->inode->ino,
        .dev = 1,
    };
}

static int sim_file_open(struct run *run, const char *path, const struct file_opts *opts,
                         struct file **ret_file, struct err *reterr)
{
    struct sim_world *w = sim_world_of(run);
    struct sim_inode *in = NULL;
    bool away;
    disk_pass(w, path, 0, w->cfg.disk_delay_max_ns);
    unsigned unplugs = sim_fault_unplugs(w, path, &away);
    if (away)
        return err_set(reterr, E(-ENXIO), "%s is away", path);
    int r = inode_for_open(w, path, opts, &in, reterr);
    if (r < 0)
        return r;
    struct sim_file *f = calloc(1, sizeof(*f));
    check(f);
    f->base.run = run;
    f->base.home = reactor_self();
    f->inode = in;
    f->path = strdup(path);
    check(f->path);
    f->read_only = opts->mode == FILE_RDONLY;
    f->unplugs = unplugs;
    sim_inode_ref(in);
    if (opts->exclusive)
        in->locked_by = f;
    if (opts->truncate)
        sim_inode_resize(in, 0);
    info_fill(f, opts->direct);
    list_push(&w->files, &f->node);
    sim_note(w, "open", in->ino, in->size);
    *ret_file = &f->base;
    return 0;
}

static void sim_file_close(struct file *file)
{
    struct sim_file *f = sim_file_of(file);
    if (f->inode->locked_by == f)
        f->inode->locked_by = NULL;
    sim_inode_unref(f->inode);
    list_remove(&f->node);
    free(f->path);
    free(f);
}

void sim_files_drop(struct sim_world *w)
{
    struct sim_file *f, *tmp;
    list_for_each_safe (f, tmp, &w->files, node)
        sim_file_close(&f->base);
}

static int sim_file_refresh(struct file *file)
{
    struct sim_file *f = sim_file_of(file);
    io_pass(f);
    f->base.info.size = f->inode->size;
    return 0;
}

/* ---- reading and writing ----------------------------------------------------------------- */

/* What the kernel asks of O_DIRECT. */
static bool aligned(const struct sim_file *f, uint64_t off, const struct iovec *iov, int n)
{
    uint64_t all = off;
    for (int i = 0; i < n; i++)
        all |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
    return all % f->base.info.dio_align == 0;
}

static uint8_t *gather(const struct iovec *iov, int n, uint64_t len)
{
    uint8_t *bytes = malloc((size_t)len + 1);
    check(bytes);
    uint64_t at = 0;
    for (int i = 0; i < n && at < len; i++) {
        size_t piece = (size_t)MIN(iov[i].iov_len, len - at);
        memcpy(bytes + at, iov[i].iov_base, piece);
        at += piece;
    }
    check_cmp(at, ==, len);
    return bytes;
}

static int do_read(struct sim_file *f, uint64_t off, const struct iovec *iov, int n,
                   uint64_t len)
{
    struct sim_world *w = world_of(f);
    io_pass(f);
    w->stats.reads++;
    sim_note(w, "read", off, len);
    int r = fault_draw(f, SIM_FAULT_READ);
    if (r < 0)
        return E(r);
    if (off > f->inode->size || len > f->inode->size - off)
        return E(-ENODATA);
    uint64_t at = 0;
    for (int i = 0; i < n && at < len; i++) {
        size_t piece = (size_t)MIN(iov[i].iov_len, len - at);
        sim_pages_read(&f->inode->cur, off + at, iov[i].iov_base, piece);
        at += piece;
    }
    return 0;
}

/* A failed write may have left any of its sectors behind. */
static void write_some(struct sim_world *w, struct sim_inode *in, uint64_t off,
                       const uint8_t *bytes, uint64_t len)
{
    for (uint64_t at = 0, piece; at < len; at += piece) {
        piece = MIN(SIM_SECTOR - (off + at) % SIM_SECTOR, len - at);
        if (sim_rand_one_in(&w->io, 2))
            sim_inode_write(in, off + at, bytes + at, (size_t)piece);
    }
}

static int no_room(struct sim_file *f, uint64_t off, uint64_t len)
{
    struct sim_world *w = world_of(f);
    uint64_t needs = sim_inode_needs(f->inode, off, len);
    return needs && sim_disks_used(w->disks) + needs > w->cfg.disk_capacity ? -ENOSPC : 0;
}

static int do_write(struct sim_file *f, uint64_t off, const struct iovec *iov, int n,
                    uint64_t len)
{
    struct sim_world *w = world_of(f);
    struct sim_write on_way = {.file = f, .off = off, .len = len, .iov = iov, .n = n};
    list_push(&w->writes, &on_way.node);
    io_pass(f);
    list_remove(&on_way.node);
    w->stats.writes++;
    sim_note(w, "write", off, len);
    int r = is_dead(f) ? -ENXIO : no_room(f, off, len);
    if (r < 0)
        return E(r);
    uint8_t *bytes = gather(iov, n, len);
    r = fault_draw(f, SIM_FAULT_WRITE);
    if (r < 0)
        write_some(w, f->inode, off, bytes, len);
    else
        sim_inode_write(f->inode, off, bytes, (size_t)len);
    free(bytes);
    return r < 0 ? E(r) : 0;
}

void sim_writes_cut(struct sim_world *w)
{
    const struct sim_write *on_way;
    list_for_each (on_way, &w->writes, node) {
        if (is_dead(on_way->file) || sim_rand_one_in(&w->io, 2))
            continue;
        uint8_t *bytes = gather(on_way->iov, on_way->n, on_way->len);
        sim_inode_write(on_way->file->inode, on_way->off, bytes, (size_t)on_way->len);
        free(bytes);
    }
}

static int sim_file_rw(struct file *file, bool write, uint64_t off, const struct iovec *iov,
                       int n, uint64_t len)
{
    struct sim_file *f = sim_file_of(file);
    if (!aligned(f, off, iov, n))
        return E(-EINVAL);
    if (!write)
        return do_read(f, off, iov, n, len);
    return f->read_only ? E(-EBADF) : do_write(f, off, iov, n, len);
}

static int sim_file_flush(struct file *file)
{
    struct sim_file *f = sim_file_of(file);
    struct sim_world *w = world_of(f);
    uint64_t seq = f->inode->seq;
    disk_pass(w, f->path, w->cfg.disk_delay_min_ns, w->cfg.flush_delay_max_ns);
    w->stats.flushes++;
    sim_note(w, "flush", f->inode->ino, seq);
    int r = fault_draw(f, SIM_FAULT_FLUSH);
    if (r == -ENXIO)
        return E(r);
    if (r < 0) {
        sim_inode_flush_failed(f->inode, seq, &w->io);
        return E(r);
    }
    sim_inode_flushed(f->inode, seq);
    sim_names_sync_inode(w->disks, f->inode);
    return 0;
}

/* ---- space ------------------------------------------------------------------------------- */

static int sim_file_discard(struct file *file, uint64_t off, uint64_t len)
{
    struct sim_file *f = sim_file_of(file);
    struct sim_world *w = world_of(f);
    io_pass(f);
    sim_note(w, "discard", off, len);
    int r = fault_draw(f, SIM_FAULT_WRITE);
    if (r < 0)
        return E(r);
    if (off < f->inode->size) /* a hole is not punched beyond the end */
        sim_inode_zero(f->inode, off, MIN(len, f->inode->size - off), true);
    return 0;
}

static int sim_file_zero(struct file *file, uint64_t off, uint64_t len, bool may_unmap)
{
    struct sim_file *f = sim_file_of(file);
    struct sim_world *w = world_of(f);
    io_pass(f);
    sim_note(w, "zero", off, len);
    int r = fault_draw(f, SIM_FAULT_WRITE);
    if (r < 0)
        return E(r);
    if (!may_unmap && no_room(f, off, len) < 0)
        return E(-ENOSPC);
    sim_inode_zero(f->inode, off, len, may_unmap);
    return 0;
}

static int sim_file_extent(struct file *file, uint64_t off, uint64_t len, uint64_t *ret_len,
                           bool *ret_data)
{
    struct sim_file *f = sim_file_of(file);
    const struct sim_pages *p = &f->inode->cur;
    io_pass(f);
    uint64_t page = off / SIM_PAGE, next = 0;
    bool data = sim_pages_get(p, page);
    if (data) {
        for (next = page; next * SIM_PAGE < off + len && sim_pages_get(p, next); next++)
            ;
    } else if (!sim_pages_next(p, page, &next)) {
        next = UINT64_MAX / SIM_PAGE;
    }
    *ret_len = MIN(len, next * SIM_PAGE - off);
    *ret_data = data;
    return 0;
}

static int sim_file_allocated(struct file *file, uint64_t *ret_bytes)
{
    struct sim_file *f = sim_file_of(file);
    io_pass(f);
    *ret_bytes = f->inode->cur.used * SIM_PAGE;
    return 0;
}

static int sim_file_available(struct file *file, uint64_t *ret_bytes)
{
    struct sim_file *f = sim_file_of(file);
    const struct sim_world *w = world_of(f);
    io_pass(f);
    uint64_t used = sim_disks_used(w->disks);
    *ret_bytes = w->cfg.disk_capacity > used ? w->cfg.disk_capacity - used : 0;
    return 0;
}

static int sim_file_resize(struct file *file, uint64_t size)
{
    struct sim_file *f = sim_file_of(file);
    io_pass(f);
    sim_note(world_of(f), "resize", f->inode->ino, size);
    sim_inode_resize(f->inode, size);
    f->base.info.size = size;
    return 0;
}

const struct file_ops sim_file_ops = {
    .open = sim_file_open,
    .close = sim_file_close,
    .refresh = sim_file_refresh,
    .rw = sim_file_rw,
    .flush = sim_file_flush,
    .discard = sim_file_discard,
    .zero = sim_file_zero,
    .extent = sim_file_extent,
    .allocated = sim_file_allocated,
    .available = sim_file_available,
    .resize = sim_file_resize,
};
