/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transfers and flushes. Three ways, by file: in memory (tmpfs) the loop's own thread copies,
 * since a hand-over costs more than the copy; from the page cache a read is tried without
 * waiting (RWF_NOWAIT); everything else goes to the reactor's ring or, without io_uring and for
 * file systems that may wait all the same, to a helper thread. Inline copies are cut into pieces of INLINE_MAX with a chance to yield in
 * between. Short transfers go on where they stopped.
 */
#include "run/real/real_file.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define INLINE_MAX (256u << 10) /* some 20 us of copying */

/* What is left of an iovec list. */
struct rest {
    const struct iovec *v;
    int n;
    size_t skip; /* of *v */
};

/* Fills out with the next pieces, max bytes at most; returns their number. */
static int rest_peek(const struct rest *r, size_t max, struct iovec out[FILE_IOV])
{
    int n = 0;
    for (size_t skip = r->skip; n < r->n && n < FILE_IOV && max > 0; n++, skip = 0) {
        size_t len = MIN(r->v[n].iov_len - skip, max);
        out[n] = (struct iovec){(uint8_t *)r->v[n].iov_base + skip, len};
        max -= len;
    }
    return n;
}

static void rest_advance(struct rest *r, size_t done)
{
    done += r->skip;
    while (r->n > 0 && done >= r->v->iov_len) {
        done -= r->v->iov_len;
        r->v++;
        r->n--;
    }
    r->skip = done;
}

/* ---- one step: bytes done, 0 at the end of the file, or negative errno ------------------- */

struct step {
    struct real_file *f;
    bool write;
    int fd;
    uint64_t off;
    struct iovec *iov;
    int n;
    ssize_t done;
};

static void step_blocking(void *arg)
{
    struct step *s = arg;
    s->done = s->write ? pwritev(s->fd, s->iov, s->n, (off_t)s->off)
                       : preadv(s->fd, s->iov, s->n, (off_t)s->off);
    if (s->done < 0)
        s->done = -errno;
}

/* A read of what is in the page cache; -EAGAIN: it isn't, or nobody can tell. */
static ssize_t read_cached(struct real_file *f, int fd, const struct iovec *iov, int n,
                           uint64_t off)
{
    ssize_t done = preadv2(fd, iov, n, (off_t)off, RWF_NOWAIT);
    if (done > 0)
        return done;
    if (done < 0 && errno == EOPNOTSUPP)
        f->try_now = false;
    return -EAGAIN; /* at the end of the file too: rare, and the slow way tells for sure */
}

static ssize_t step_waiting(struct step *s)
{
    struct real_reactor *w = real_of(s->f->base.home);
    if (w->ring.on && s->f->local)
        return ring_rw(&w->ring, s->write, s->fd, s->iov, s->n, s->off);
    file_help_transfer(s->f, step_blocking, s);
    return s->done;
}

static ssize_t step_run(struct step *s, const struct rest *r)
{
    struct real_file *f = s->f;
    bool inlined = f->in_ram || (f->try_now && !s->write);
    if (inlined) {
        fiber_maybe_yield();
        s->n = rest_peek(r, INLINE_MAX, s->iov);
        if (f->in_ram) {
            step_blocking(s);
            return s->done;
        }
        ssize_t done = read_cached(f, s->fd, s->iov, s->n, s->off);
        if (done != -EAGAIN)
            return done;
    }
    s->n = rest_peek(r, SIZE_MAX, s->iov);
    return step_waiting(s);
}

static bool aligned(const struct file_info *info, uint64_t off, const struct iovec *iov, int n)
{
    uint64_t bits = off;
    for (int i = 0; i < n; i++)
        bits |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
    return (bits & (info->dio_align - 1)) == 0;
}

int real_file_rw(struct file *file, bool write, uint64_t off, const struct iovec *iov, int n,
                 uint64_t len)
{
    struct real_file *f = real_file_of(file);
    struct iovec some[FILE_IOV];
    struct rest r = {iov, n, 0};
    struct step s = {.f = f, .write = write, .fd = f->fd, .off = off, .iov = some};
    if (!aligned(&file->info, off, iov, n))
        s.fd = cached_fd(f);
    while (len > 0) {
        ssize_t done = step_run(&s, &r);
        if (done == -EINTR || done == -EAGAIN)
            continue;
        if (done < 0)
            return E((int)done);
        if (done == 0)
            return E(write ? -EIO : -ENODATA);
        rest_advance(&r, (size_t)done);
        s.off += (size_t)done;
        len -= (size_t)done;
        if (len > 0 && r.skip > 0)
            s.fd = cached_fd(f); /* a short direct transfer may stop anywhere */
    }
    return 0;
}

/* ---- flush ------------------------------------------------------------------------------- */

struct flush_job {
    int fd, rc;
};

static void flush_blocking(void *arg)
{
    struct flush_job *job = arg;
    job->rc = fdatasync(job->fd) < 0 ? -errno : 0;
}

/* Both descriptors share the inode's pages and its error marker: one flush covers them. */
int real_file_flush(struct file *file)
{
    struct real_file *f = real_file_of(file);
    struct real_reactor *w = real_of(file->home);
    if (f->in_ram)
        return 0;
    struct flush_job job = {.fd = f->fd};
    if (w->ring.on && f->local)
        job.rc = ring_fdatasync(&w->ring, f->fd);
    else
        file_help_transfer(f, flush_blocking, &job);
    return job.rc < 0 ? E(job.rc) : 0;
}
