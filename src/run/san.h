/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the sanitizers about stack switches: AddressSanitizer where the new stack lies (and
 * which fake frames belong to it), ThreadSanitizer that another fiber runs. Everything here is
 * nothing in other builds. The two functions are inlined by force, because ThreadSanitizer
 * keeps a shadow call stack per fiber and a call of our own between the announcement and the
 * switch would be entered on one and left on the other.
 */
#ifndef RUN_SAN_H
#define RUN_SAN_H

#include "base/util.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define RUN_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define RUN_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define RUN_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define RUN_TSAN 0
#endif
#define RUN_SANITIZED (RUN_ASAN || RUN_TSAN)

/* One stack as the sanitizers know it: a fiber's, or a loop's own. */
struct san_ctx {
    const void *bottom;
    size_t size;
    void *fake_stack; /* ASan: saved while switched out */
    void *tsan;       /* TSan: its fiber */
};

#define SAN_INLINE static inline __attribute__((always_inline))

/* A new or reused fiber stack: what an earlier fiber left poisoned is clean again. */
SAN_INLINE void san_stack_init(struct san_ctx *s, void *bottom, size_t size)
{
    s->bottom = bottom;
    s->size = size;
    s->fake_stack = NULL;
#if RUN_ASAN
    __asan_unpoison_memory_region(bottom, size);
#endif
#if RUN_TSAN
    if (!s->tsan)
        s->tsan = __tsan_create_fiber(0);
#endif
}

/* The mapping of a stack goes; whatever the kernel puts there next is not poisoned. */
SAN_INLINE void san_stack_fini(struct san_ctx *s, void *map, size_t len)
{
    (void)s;
    (void)map;
    (void)len;
#if RUN_ASAN
    __asan_unpoison_memory_region(map, len);
#endif
#if RUN_TSAN
    if (s->tsan)
        __tsan_destroy_fiber(s->tsan);
#endif
}

/* The loop is about to resume fibers: its own stack is the thread's. */
SAN_INLINE void san_loop_enter(struct san_ctx *s)
{
    (void)s;
#if RUN_TSAN
    s->tsan = __tsan_get_current_fiber();
#endif
}

SAN_INLINE void san_before_switch(struct san_ctx *from, const struct san_ctx *to, bool dying)
{
    (void)from, (void)to, (void)dying;
#if RUN_ASAN
    __sanitizer_start_switch_fiber(dying ? NULL : &from->fake_stack, to->bottom, to->size);
#endif
#if RUN_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* On the new stack; from is the one that was left. */
SAN_INLINE void san_after_switch(struct san_ctx *self, struct san_ctx *from)
{
    (void)self, (void)from;
#if RUN_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, &from->bottom, &from->size);
#endif
}

/* What the kernel orders and ThreadSanitizer cannot see: everything before san_release(p) on
 * one thread happens before what follows san_acquire(p) on another. */
SAN_INLINE void san_release(void *p)
{
    (void)p;
#if RUN_TSAN
    __tsan_release(p);
#endif
}
SAN_INLINE void san_acquire(void *p)
{
    (void)p;
#if RUN_TSAN
    __tsan_acquire(p);
#endif
}

#endif
