/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of the real world, shared by opening (real_file.c), transfers (real_rw.c) and space
 * (real_space.c). */
#ifndef RUN_REAL_REAL_FILE_H
#define RUN_REAL_REAL_FILE_H

#include "run/fiber.h"
#include "run/real/real_int.h"

struct real_file {
    struct file base;
    int fd;       /* O_DIRECT when base.info.direct */
    int cached;   /* without O_DIRECT, for what isn't aligned; -1 when fd itself is without */
    bool in_ram;  /* tmpfs and the like: inline transfers, nothing to flush */
    bool local;   /* the kernel never waits for it when told not to: fit for io_uring */
    bool try_now; /* reads are tried from the page cache first (RWF_NOWAIT) */
    struct file_helpers {
        unsigned busy;
        struct waitq q;
    } transfers, calls; /* helper threads that work for it: of the two pools */
};

static inline struct real_file *real_file_of(struct file *f)
{
    return container_of(f, struct real_file, base);
}
/* The descriptor on which any offset, length and address is fine. */
static inline int cached_fd(const struct real_file *f)
{
    return f->cached >= 0 ? f->cached : f->fd;
}

/* Run fn(arg) on a helper thread: a transfer or flush, or anything else. One file has but a part of
 * the threads, so that those that hang leave some for the others. Park. */
void file_help_transfer(struct real_file *f, void (*fn)(void *arg), void *arg);
void file_help(struct real_file *f, void (*fn)(void *arg), void *arg);

/* real_rw.c */
int real_file_rw(struct file *f, bool write, uint64_t off, const struct iovec *iov, int n,
                 uint64_t len);
int real_file_flush(struct file *f);

/* real_space.c */
int real_file_discard(struct file *f, uint64_t off, uint64_t len);
int real_file_zero(struct file *f, uint64_t off, uint64_t len, bool may_unmap);
int real_file_extent(struct file *f, uint64_t off, uint64_t len, uint64_t *ret_len,
                     bool *ret_data);
int real_file_allocated(struct file *f, uint64_t *ret_bytes);
int real_file_available(struct file *f, uint64_t *ret_bytes);
int real_file_resize(struct file *f, uint64_t size);

#endif
