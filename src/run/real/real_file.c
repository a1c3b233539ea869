/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening files and block devices and finding out what they can do. All of it blocks and so
 * runs on a helper thread, with its arguments on the parked fiber's stack.
 *
 * A direct file has two descriptors: transfers that meet the alignment take the O_DIRECT one,
 * others go through the page cache, which the kernel keeps coherent with direct I/O on the same
 * inode. So callers need no bounce buffers and no read-modify-write of their own. Memory file
 * systems are never direct: io_uring would hand every transfer to a worker thread.
 */
#include "run/real/real_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static const struct {
    int code;
    const char *hint;
} hints[] = {
    {-EACCES, "give this user access, for a disk by its group"    },
    {-EPERM,  "give this user access"                             },
    {-EBUSY,  "another program or a mounted file system uses it"  },
    {-EEXIST, "it is there already and is not overwritten"        },
    {-EMFILE, "raise the limit of open files (LimitNOFILE)"       },
    {-ENODEV, "only regular files and block devices can hold data"},
    {-EROFS,  "the file system or device is read-only"            },
};

static const char *confined_to; /* of the process, set before its threads start */

void real_confined(const char *folders)
{
    confined_to = folders;
}

int real_err(struct err *reterr, int code, const char *what)
{
    if (code == -EACCES && confined_to)
        return err_set(
            reterr, code,
            "%s: %s (zsand opens only what lies in %s, see --device-folder; there, give "
            "this user access, for a disk by its group)",
            what, strerror(-code), confined_to);
    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        if (hints[i].code == code)
            return err_set(reterr, code, "%s: %s (%s)", what, strerror(-code), hints[i].hint);
    return err_set(reterr, code, "%s: %s", what, strerror(-code));
}

/* ---- what it is -------------------------------------------------------------------------- */

/* A number from /sys/dev/block/MAJ:MIN/<dir>queue/<name>; false when there is none. */
static bool queue_number(dev_t dev, const char *dir, const char *name, unsigned *ret_value)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s", major(dev), minor(dev), dir,
             name);
    FILE *in = fopen(path, "re");
    if (!in)
        return false;
    bool ok = fscanf(in, "%u", ret_value) == 1;
    fclose(in);
    return ok;
}

/* Partitions have no queue; their disk's directory is the parent. */
static unsigned queue_limit(dev_t dev, const char *name, unsigned otherwise)
{
    unsigned v;
    return queue_number(dev, "", name, &v) || queue_number(dev, "../", name, &v) ? v
                                                                                 : otherwise;
}

static int blockdev_info(int fd, const struct stat *st, struct file_info *info)
{
    int logical;
    unsigned physical;
    uint64_t size;
    if (ioctl(fd, BLKGETSIZE64, &size) < 0 || ioctl(fd, BLKSSZGET, &logical) < 0 ||
        ioctl(fd, BLKPBSZGET, &physical) < 0)
        return E(-errno);
    info->is_blockdev = true;
    info->size = size;
    info->logical_block = (uint32_t)logical;
    info->physical_block = physical;
    info->rotational = queue_limit(st->st_rdev, "rotational", 1) != 0;
    info->dev = st->st_rdev; /* the same disk under another node is the same disk */
    info->ino = 0;
    if (queue_limit(st->st_rdev, "discard_max_bytes", 0) > 0)
        info->discard_granularity = queue_limit(st->st_rdev, "discard_granularity", 0);
    return 0;
}

static void regular_info(const struct stat *st, struct file_info *info)
{
    info->size = (uint64_t)st->st_size;
    info->logical_block = queue_limit(st->st_dev, "logical_block_size", 512);
    info->physical_block = queue_limit(st->st_dev, "physical_block_size", 4096);
    info->rotational = queue_limit(st->st_dev, "rotational", 1) != 0;
    info->dev = st->st_dev;
    info->ino = st->st_ino;
}

static int read_info(int fd, struct file_info *info)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return E(-errno);
    if (S_ISBLK(st.st_mode))
        return blockdev_info(fd, &st, info);
    if (!S_ISREG(st.st_mode))
        return E(-ENODEV);
    regular_info(&st, info);
    return 0;
}

static bool is_of(int fd, const uint32_t *types, size_t n)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((uint32_t)fs.f_type == types[i])
            return true;
    return false;
}

static bool is_in_ram(int fd)
{
    static const uint32_t types[] = {TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC};
    return is_of(fd, types, ARRAY_LEN(types));
}

/* A file server that hangs must not stop a loop: FUSE, for one, waits whatever it is told (seen with
 * Linux 6.18), and what io_uring gives to its few workers waits behind what hangs there. So only
 * these are trusted. */
static bool is_local(int fd)
{
    static const uint32_t types[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                     F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};
    return is_of(fd, types, ARRAY_LEN(types));
}

/* Holes can be punched when a punch past the end is taken (it changes nothing). */
static uint32_t probe_punch(int fd, const struct file_info *info)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return 0;
    off_t past = (off_t)round_up(info->size, (uint64_t)st.st_blksize);
    int rc = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, past, st.st_blksize);
    return rc == 0 ? (uint32_t)st.st_blksize : 0;
}

/* The smallest unit that the file system takes, never below the device's block; 0: none. A read
 * at the end of an empty file succeeds with any, so there the largest is taken. */
static uint32_t probe_alignment(int fd, const struct file_info *info)
{
    uint32_t found = 0, unit = info->size > 0 ? MAX(info->logical_block, 512u) : 4096;
    void *buf = aligned_alloc(4096, 4096);
    for (; buf && !found && unit <= 4096; unit *= 2)
        if (pread(fd, buf, unit, 0) >= 0)
            found = unit;
    free(buf);
    return found;
}

/* ---- help -------------------------------------------------------------------------------- */

enum { TRANSFERS_MAX = 32, CALLS_MAX = 8 }; /* of one file at a time; the pools: real.c */

static void help(struct pool *pool, struct file_helpers *h, unsigned max, void (*fn)(void *),
                 void *arg)
{
    while (h->busy >= max)
        waitq_wait(&h->q, NO_DEADLINE, NULL);
    h->busy++;
    pool_run(pool, fn, arg);
    h->busy--;
    waitq_wake_one(&h->q);
}

void file_help_transfer(struct real_file *f, void (*fn)(void *arg), void *arg)
{
    help(&real_world_of(f->base.run)->io, &f->transfers, TRANSFERS_MAX, fn, arg);
}

void file_help(struct real_file *f, void (*fn)(void *arg), void *arg)
{
    help(&real_world_of(f->base.run)->blocking, &f->calls, CALLS_MAX, fn, arg);
}

/* ---- open -------------------------------------------------------------------------------- */

struct open_job {
    const char *path;
    const struct file_opts *opts;
    struct real_file *f;
    int rc;
};

/* O_EXCL without O_CREAT is for block devices only: the kernel then refuses what is mounted or
 * claimed. O_NONBLOCK keeps open() from waiting for the other end of a FIFO, which set_up()
 * refuses. Character devices are not even opened: that starts a watchdog, or rewinds a tape. */
static int open_plain(const char *path, const struct file_opts *o)
{
    struct stat st;
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (o->mode == FILE_RDWR ? O_RDWR : O_RDONLY);
    if (o->create)
        flags |= O_CREAT | O_EXCL;
    else if (stat(path, &st) == 0) {
        if (S_ISCHR(st.st_mode))
            return E(-ENODEV);
        if (o->exclusive && S_ISBLK(st.st_mode))
            flags |= O_EXCL;
    }
    int fd = open(path, flags, 0600);
    return fd < 0 ? E(-errno) : fd;
}

static int lock_file(int fd, enum file_mode mode)
{
    struct flock lock = {.l_type = mode == FILE_RDWR ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? E(-EBUSY) : E(-errno);
}

/* A second descriptor with O_DIRECT becomes the main one when the file system takes direct I/O.
 * The first keeps the lock or the claim. */
static void make_direct(struct real_file *f, const struct file_opts *o)
{
    char self[64];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
    int fd = open(self, O_CLOEXEC | O_DIRECT | (o->mode == FILE_RDWR ? O_RDWR : O_RDONLY));
    if (fd < 0)
        return;
    uint32_t align = probe_alignment(fd, &f->base.info);
    if (align == 0) {
        close(fd);
        return;
    }
    f->cached = f->fd;
    f->fd = fd;
    f->base.info.direct = true;
    f->base.info.dio_align = align;
}

/* Locks before it truncates: the file may be somebody's. */
static int claim(struct real_file *f, const struct file_opts *o)
{
    struct file_info *info = &f->base.info;
    int rc = read_info(f->fd, info);
    if (rc == 0 && o->exclusive && !info->is_blockdev)
        rc = lock_file(f->fd, o->mode);
    if (rc < 0 || !o->truncate || info->is_blockdev)
        return rc;
    if (ftruncate(f->fd, 0) < 0)
        return E(-errno);
    info->size = 0;
    return 0;
}

static int set_up(struct real_file *f, const struct file_opts *o)
{
    struct file_info *info = &f->base.info;
    int rc = claim(f, o);
    if (rc < 0)
        return rc;
    if (fcntl(f->fd, F_SETFL, 0) < 0) /* no O_NONBLOCK from here on */
        return E(-errno);
    info->dio_align = 1;
    f->in_ram = !info->is_blockdev && is_in_ram(f->fd);
    info->rotational = info->rotational && !f->in_ram;
    if (!info->is_blockdev && o->mode == FILE_RDWR)
        info->discard_granularity = probe_punch(f->fd, info);
    if (o->direct && !f->in_ram)
        make_direct(f, o);
    f->local = info->is_blockdev || is_local(f->fd);
    f->try_now = f->local && !info->direct && !f->in_ram;
    return 0;
}

static void close_fds(struct real_file *f)
{
    if (f->cached >= 0)
        close(f->cached);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = f->cached = -1;
}

static void open_blocking(void *arg)
{
    struct open_job *job = arg;
    int fd = open_plain(job->path, job->opts);
    job->f->fd = fd < 0 ? -1 : fd;
    job->rc = fd < 0 ? fd : set_up(job->f, job->opts);
    if (job->rc < 0)
        close_fds(job->f);
}

static int real_file_open(struct run *run, const char *path, const struct file_opts *opts,
                          struct file **ret_file, struct err *reterr)
{
    (void)run;
    struct real_file *f = calloc(1, sizeof(*f));
    if (!f)
        return real_err(reterr, E(-ENOMEM), path);
    f->fd = f->cached = -1;
    waitq_init(&f->transfers.q);
    waitq_init(&f->calls.q);
    struct open_job job = {.path = path, .opts = opts, .f = f};
    run_blocking(open_blocking, &job);
    if (job.rc < 0) {
        free(f);
        return real_err(reterr, job.rc, path);
    }
    *ret_file = &f->base;
    return 0;
}

/* ---- close, refresh ---------------------------------------------------------------------- */

static void close_blocking(void *arg)
{
    close_fds(arg);
}

static void real_file_close(struct file *file)
{
    struct real_file *f = real_file_of(file);
    run_blocking(close_blocking, f);
    free(f);
}

struct refresh_job {
    struct real_file *f;
    struct file_info info;
    int rc;
};

static void refresh_blocking(void *arg)
{
    struct refresh_job *job = arg;
    job->rc = read_info(job->f->fd, &job->info);
}

static int real_file_refresh(struct file *file)
{
    struct refresh_job job = {.f = real_file_of(file), .info = file->info};
    file_help(job.f, refresh_blocking, &job);
    if (job.rc == 0) /* what else is known of a file never changes, and helpers read it */
        file->info.size = job.info.size;
    return job.rc;
}

const struct file_ops real_file_ops = {
    .open = real_file_open,
    .close = real_file_close,
    .refresh = real_file_refresh,
    .rw = real_file_rw,
    .flush = real_file_flush,
    .discard = real_file_discard,
    .zero = real_file_zero,
    .extent = real_file_extent,
    .allocated = real_file_allocated,
    .available = real_file_available,
    .resize = real_file_resize,
};
