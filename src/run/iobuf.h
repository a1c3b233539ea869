/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data buffers: page-aligned (fit for O_DIRECT), reference counted, budgeted. Bytes travel as a
 * struct sgl, a list of pieces of buffers, so that a 32 MiB transfer needs no contiguous memory
 * and a read can leave from a cache's own buffers. Only the home reactor touches a reference
 * count; iobuf_put() elsewhere sends the buffer home by itself.
 *
 * A reactor's buffers are cut from slabs of 2 MiB, on huge pages once there are some (slab.c):
 * a buffer takes its size and a header of one cache line. What is free for long goes back to
 * the system but for a quarter of the reactor's share of the budget.
 *
 * Budget (process-wide): a command is admitted with its data's length before that is asked for,
 * and buffers count with their real size. Used is the larger of the two sums, so that neither
 * rounding nor buffers which nobody admitted escape, and admitted data aren't counted twice.
 */
#ifndef RUN_IOBUF_H
#define RUN_IOBUF_H

#include "run/fiber.h"

#include <stdatomic.h>
#include <sys/uio.h>

#define IOBUF_MIN 4096u
#define IOBUF_MAX (1u << 20)

struct iobuf {
    uint8_t *p;
    uint32_t cap;            /* bytes, a power of two from IOBUF_MIN to IOBUF_MAX */
    uint32_t refs;           /* touched on home only */
    uint16_t keepers;        /* the same */
    uint16_t slot;           /* slab.c's: which one of its slab */
    atomic_uint puts_abroad; /* dropped elsewhere, not yet settled at home */
    struct reactor *home;
    /* On home, when the last reference goes; NULL: back to where iobuf_get() has it from. */
    void (*release)(struct iobuf *b);
    struct msg going_home; /* and slab.c's lists of free ones */
};

/* A buffer of at least len bytes (len <= IOBUF_MAX) with one reference, its content undefined.
 * Counts against the budget, also beyond it: admission is what keeps within it. NULL: the
 * system is out of memory. */
struct iobuf *iobuf_get(size_t len);
void iobuf_ref(struct iobuf *b);
void iobuf_put(struct iobuf *b); /* NULL is fine; any reactor */
/* The caller, who has a reference, keeps b for long and under a budget of his own (a cache does): as long as somebody does, b
 * doesn't count against this one. On home. */
void iobuf_keep(struct iobuf *b);
/* Ends one iobuf_keep() and drops the reference. NULL is fine. */
void iobuf_unkeep(struct iobuf *b);

struct sg {
    struct iobuf *buf; /* holds one reference; NULL: the bytes are static */
    uint8_t *p;
    uint32_t len;
};
#define SGL_INLINE 2
struct sgl {
    struct sg *v; /* inl or a heap array */
    unsigned n, cap;
    uint64_t len; /* bytes in all */
    struct sg inl[SGL_INLINE];
};
void sgl_init(struct sgl *s);
/* Drops the references and is empty again. */
void sgl_clear(struct sgl *s);
/* Appends; takes over the caller's reference on success. -ENOMEM. */
int sgl_add(struct sgl *s, struct iobuf *buf, uint8_t *p, uint32_t len);
/* Appends len bytes of new buffers, undefined content. -ENOMEM: nothing was appended. */
int sgl_alloc(struct sgl *s, uint64_t len);
/* Copies between a place in the list and plain memory; [off, off + len) must lie inside. */
void sgl_copy_in(struct sgl *s, uint64_t off, const void *src, size_t len);
void sgl_copy_out(const struct sgl *s, uint64_t off, void *dst, size_t len);
/* From one list to another; both ranges lie inside. */
void sgl_copy(struct sgl *dst, uint64_t doff, const struct sgl *src, uint64_t soff,
              uint64_t len);
void sgl_zero(struct sgl *s, uint64_t off, uint64_t len);
/* 0 when equal, else 1 + the offset of the first difference, comparing len bytes. */
uint64_t sgl_compare(const struct sgl *a, uint64_t aoff, const struct sgl *b, uint64_t boff,
                     uint64_t len);
/* Appends to dst a reference to [off, off + len) of src. -ENOMEM. */
int sgl_slice(struct sgl *dst, const struct sgl *src, uint64_t off, uint64_t len);
/* Cuts the list to its first len bytes. */
void sgl_truncate(struct sgl *s, uint64_t len);
/* Fills iov with [off, off + len) as far as max entries go; returns the number of entries,
 * *ret_len the bytes. */
int sgl_iov(const struct sgl *s, uint64_t off, uint64_t len, struct iovec *iov, int max,
            uint64_t *ret_len);

/* ---- admission --------------------------------------------------------------------------- */

/* Takes len bytes of the budget for somebody who holds some already. Nobody gets more than he
 * leaves free, unless nothing was in use: so n that take all they get leave a share of
 * 1 / (n + 1) for one who comes late. False: nothing was taken, answer TASK SET FULL. Any
 * reactor (an atomic counter). */
bool admit_try(struct run *run, uint64_t len, uint64_t held);
void admit_return(struct run *run, uint64_t len);
uint64_t admit_used(const struct run *run);
uint64_t admit_budget(const struct run *run);
/* Changes the budget; what was admitted stays. Any reactor. */
void admit_set_budget(struct run *run, uint64_t bytes);

#endif
