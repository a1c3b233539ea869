/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files, the part that is the same in every world: ranges are checked, lists are handed down in
 * runs of FILE_IOV pieces, operations are counted, and a file whose flush failed stays
 * poisoned. The kernel reports a lost write-back once and forgets it; a second fsync that
 * succeeds says nothing about the pages that the first one lost. Everything here runs on the
 * file's home reactor and parks in the world's operation.
 */
#include "run/run_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_CHUNK (256ull << 20) /* bytes per operation; the kernel takes at most 2 GiB */

static const struct file_ops *ops_of(const struct file *f)
{
    struct reactor *r = reactor_self();
    check(f->home == r && fiber_self() != NULL);
    r->stats.file_ops++;
    return f->run->ops->file;
}

/* Offsets must stay inside off_t. */
static bool range_ok(uint64_t off, uint64_t len)
{
    return off <= INT64_MAX && len <= INT64_MAX - off;
}

int file_open(const char *path, const struct file_opts *opts, struct file **ret_file,
              struct err *reterr)
{
    check(fiber_self() != NULL);
    struct reactor *r = reactor_self();
    struct file *f;
    int rc = r->run->ops->file->open(r->run, path, opts, &f, reterr);
    if (rc < 0)
        return rc;
    f->run = r->run;
    f->home = r;
    f->poisoned = 0;
    *ret_file = f;
    return 0;
}

void file_close(struct file *f)
{
    if (f)
        ops_of(f)->close(f);
}

const struct file_info *file_info(const struct file *f)
{
    return &f->info;
}

int file_refresh(struct file *f)
{
    return ops_of(f)->refresh(f);
}

/* ---- transfers --------------------------------------------------------------------------- */

static int transfer(struct file *f, bool write, uint64_t off, const struct sgl *s,
                    uint64_t sgl_off, uint64_t len)
{
    if (!range_ok(off, len))
        return E(-EINVAL);
    while (len > 0) {
        struct iovec iov[FILE_IOV];
        uint64_t n;
        int count = sgl_iov(s, sgl_off, MIN(len, FILE_CHUNK), iov, FILE_IOV, &n);
        int rc = ops_of(f)->rw(f, write, off, iov, count, n);
        if (rc < 0)
            return rc;
        off += n;
        sgl_off += n;
        len -= n;
    }
    return 0;
}

int file_read(struct file *f, uint64_t off, struct sgl *into, uint64_t sgl_off, uint64_t len)
{
    return transfer(f, false, off, into, sgl_off, len);
}

int file_write(struct file *f, uint64_t off, const struct sgl *from, uint64_t sgl_off,
               uint64_t len)
{
    return transfer(f, true, off, from, sgl_off, len);
}

static int transfer_plain(struct file *f, bool write, uint64_t off, void *bytes, size_t len)
{
    if (!range_ok(off, len))
        return E(-EINVAL);
    for (size_t done = 0; done < len;) {
        struct iovec iov = {(uint8_t *)bytes + done, MIN(len - done, FILE_CHUNK)};
        int rc = ops_of(f)->rw(f, write, off + done, &iov, 1, iov.iov_len);
        if (rc < 0)
            return rc;
        done += iov.iov_len;
    }
    return 0;
}

int file_pread(struct file *f, uint64_t off, void *ret_bytes, size_t len)
{
    return transfer_plain(f, false, off, ret_bytes, len);
}

int file_pwrite(struct file *f, uint64_t off, const void *bytes, size_t len)
{
    return transfer_plain(f, true, off, (void *)(uintptr_t)bytes, len); /* iovec has no const */
}

int file_flush(struct file *f)
{
    if (f->poisoned)
        return f->poisoned;
    int rc = ops_of(f)->flush(f);
    if (rc < 0 && !f->poisoned)
        f->poisoned = rc;
    return f
        ->poisoned; /* a flush that succeeded while another one failed proves nothing either */
}

/* ---- space ------------------------------------------------------------------------------- */

int file_discard(struct file *f, uint64_t off, uint64_t len)
{
    if (!range_ok(off, len))
        return E(-EINVAL);
    if (f->info.discard_granularity == 0)
        return -EOPNOTSUPP;
    return len == 0 ? 0 : ops_of(f)->discard(f, off, len);
}

int file_zero(struct file *f, uint64_t off, uint64_t len, bool may_unmap)
{
    if (!range_ok(off, len))
        return E(-EINVAL);
    return len == 0 ? 0 : ops_of(f)->zero(f, off, len, may_unmap);
}

int file_extent(struct file *f, uint64_t off, uint64_t len, uint64_t *ret_len, bool *ret_data)
{
    if (!range_ok(off, len) || len == 0)
        return E(-EINVAL);
    return ops_of(f)->extent(f, off, len, ret_len, ret_data);
}

int file_allocated(struct file *f, uint64_t *ret_bytes)
{
    return ops_of(f)->allocated(f, ret_bytes);
}

int file_available(struct file *f, uint64_t *ret_bytes)
{
    return ops_of(f)->available(f, ret_bytes);
}

int file_resize(struct file *f, uint64_t size)
{
    if (size > INT64_MAX)
        return E(-EINVAL);
    int rc = ops_of(f)->resize(f, size);
    if (rc == 0)
        f->info.size = size;
    return rc;
}

/* ---- names ------------------------------------------------------------------------------- */

static struct run *this_run(void)
{
    check(fiber_self() != NULL);
    return reactor_self()->run;
}

bool file_is_there(const char *path)
{
    const struct file_opts opts = {.mode = FILE_RDONLY};
    struct file *f;
    bool there = file_open(path, &opts, &f, NULL) == 0;
    if (there)
        file_close(f);
    return there;
}

int file_slurp(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
    struct run *run = this_run();
    return run->ops->name->slurp(run, path, max, ret_text, ret_len);
}

int file_replace(const char *path, const void *bytes, size_t len, unsigned mode,
                 struct err *reterr)
{
    struct run *run = this_run();
    return run->ops->name->replace(run, path, bytes, len, mode, reterr);
}

int file_rename(const char *from, const char *to)
{
    struct run *run = this_run();
    return run->ops->name->rename(run, from, to);
}

int file_unlink(const char *path)
{
    struct run *run = this_run();
    return run->ops->name->unlink(run, path);
}

int file_mkdir(const char *path, unsigned mode)
{
    struct run *run = this_run();
    return run->ops->name->mkdir(run, path, mode);
}

int file_list(const char *dir, char ***ret_names)
{
    struct run *run = this_run();
    return run->ops->name->list(run, dir, ret_names);
}

void names_free(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}
