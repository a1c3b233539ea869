/* SPDX-License-Identifier: BSD-2-Clause */
/* Scope-bound release: CLEANUP(freep) char *path = NULL; is freed on every return. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void freep(void *p)
{
    free(*(void **)p);
}
static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
/* Gives up ownership: returns the pointer and leaves NULL for the cleanup. */
#define TAKE(p)                                                                                \
    __extension__({                                                                            \
        __typeof__(p) taken_ = (p);                                                            \
        (p) = NULL;                                                                            \
        taken_;                                                                                \
    })
#define TAKE_FD(fd)                                                                            \
    __extension__({                                                                            \
        int taken_ = (fd);                                                                     \
        (fd) = -1;                                                                             \
        taken_;                                                                                \
    })

#endif
