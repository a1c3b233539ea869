/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Space: holes, zeros, extents, sizes. The system calls block (a discard may take seconds on a
 * disk), so they run on helper threads. Zeroing tries the ways of the system from the cheapest
 * on, and at last writes zeros.
 */
#include "run/real/real_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct space_job {
    struct real_file *f;
    uint64_t off, len;
    bool flag;       /* may_unmap; is data */
    uint64_t result; /* bytes */
    int rc;
};

static int run_job(struct space_job *job, void (*fn)(void *))
{
    file_help(job->f, fn, job);
    return job->rc < 0 ? E(job->rc) : 0;
}

static int allocate(const struct space_job *job, int mode)
{
    return fallocate(job->f->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)job->off, (off_t)job->len) <
                   0
               ? -errno
               : 0;
}

static int range_ioctl(const struct space_job *job, unsigned long request)
{
    uint64_t range[2] = {job->off, job->len};
    return ioctl(job->f->fd, request, range) < 0 ? -errno : 0;
}

static bool unsupported(int rc)
{
    return rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -ENOTTY || rc == -EINVAL;
}

/* ---- discard ----------------------------------------------------------------------------- */

static void discard_blocking(void *arg)
{
    struct space_job *job = arg;
    job->rc = job->f->base.info.is_blockdev ? range_ioctl(job, BLKDISCARD)
                                            : allocate(job, FALLOC_FL_PUNCH_HOLE);
}

int real_file_discard(struct file *file, uint64_t off, uint64_t len)
{
    struct space_job job = {.f = real_file_of(file), .off = off, .len = len};
    return run_job(&job, discard_blocking);
}

/* ---- zeros ------------------------------------------------------------------------------- */

static int write_zeros(const struct space_job *job)
{
    static const uint8_t zeros[64 << 10];
    for (uint64_t done = 0; done < job->len;) {
        size_t n = MIN(job->len - done, sizeof(zeros));
        ssize_t rc = pwrite(cached_fd(job->f), zeros, n, (off_t)(job->off + done));
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc <= 0)
            return rc < 0 ? -errno : -EIO;
        done += (size_t)rc;
    }
    return 0;
}

/* Block devices know both fallocate modes: a punch becomes a discard only where that guarantees
 * zeros. */
static void zero_blocking(void *arg)
{
    struct space_job *job = arg;
    job->rc = -EOPNOTSUPP;
    if (job->flag)
        job->rc = allocate(job, FALLOC_FL_PUNCH_HOLE);
    if (unsupported(job->rc))
        job->rc = allocate(job, FALLOC_FL_ZERO_RANGE);
    if (unsupported(job->rc) && job->f->base.info.is_blockdev)
        job->rc = range_ioctl(job, BLKZEROOUT);
    if (unsupported(job->rc))
        job->rc = write_zeros(job);
}

int real_file_zero(struct file *file, uint64_t off, uint64_t len, bool may_unmap)
{
    struct space_job job = {.f = real_file_of(file), .off = off, .len = len, .flag = may_unmap};
    return run_job(&job, zero_blocking);
}

/* ---- what is there ----------------------------------------------------------------------- */

static void extent_blocking(void *arg)
{
    struct space_job *job = arg;
    off_t at = (off_t)job->off, end = at + (off_t)job->len;
    off_t data = lseek(job->f->fd, at, SEEK_DATA);
    if (data < 0 && errno != ENXIO) {
        job->rc = errno == EINVAL ? -EOPNOTSUPP : -errno;
        return;
    }
    job->flag = data == at;
    off_t next = data;
    if (job->flag)
        next = lseek(job->f->fd, at, SEEK_HOLE);
    if (next < 0 || next > end)
        next = end; /* ENXIO: a hole up to the end of the file, and nothing behind it */
    job->result = (uint64_t)(next - at);
}

int real_file_extent(struct file *file, uint64_t off, uint64_t len, uint64_t *ret_len,
                     bool *ret_data)
{
    struct space_job job = {.f = real_file_of(file), .off = off, .len = len};
    if (file->info.is_blockdev)
        return -EOPNOTSUPP;
    int rc = run_job(&job, extent_blocking);
    if (rc < 0)
        return rc;
    *ret_len = job.result;
    *ret_data = job.flag;
    return 0;
}

static void allocated_blocking(void *arg)
{
    struct space_job *job = arg;
    struct stat st;
    job->rc = fstat(job->f->fd, &st) < 0 ? -errno : 0;
    job->result = (uint64_t)st.st_blocks * 512;
}

int real_file_allocated(struct file *file, uint64_t *ret_bytes)
{
    struct space_job job = {.f = real_file_of(file)};
    if (file->info.is_blockdev) {
        *ret_bytes = file->info.size;
        return 0;
    }
    int rc = run_job(&job, allocated_blocking);
    if (rc == 0)
        *ret_bytes = job.result;
    return rc;
}

static void available_blocking(void *arg)
{
    struct space_job *job = arg;
    struct statvfs fs;
    job->rc = fstatvfs(job->f->fd, &fs) < 0 ? -errno : 0;
    job->result = (uint64_t)fs.f_bavail * fs.f_frsize;
}

int real_file_available(struct file *file, uint64_t *ret_bytes)
{
    struct space_job job = {.f = real_file_of(file)};
    if (file->info.is_blockdev)
        return -EOPNOTSUPP;
    int rc = run_job(&job, available_blocking);
    if (rc == 0)
        *ret_bytes = job.result;
    return rc;
}

static void resize_blocking(void *arg)
{
    struct space_job *job = arg;
    job->rc = ftruncate(job->f->fd, (off_t)job->len) < 0 ? -errno : 0;
}

int real_file_resize(struct file *file, uint64_t size)
{
    struct space_job job = {.f = real_file_of(file), .len = size};
    if (file->info.is_blockdev)
        return -EOPNOTSUPP;
    return run_job(&job, resize_blocking);
}
