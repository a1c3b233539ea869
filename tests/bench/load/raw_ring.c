/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same pages are mapped at two neighbouring addresses: what runs over the end of the first
 * mapping continues in the second. So nothing is ever moved to make a PDU contiguous.
 */
#include "raw_ring.h"

#include "base/err.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int map_twice(struct raw_ring *r, int fd)
{
    if (ftruncate(fd, (off_t)r->cap) < 0)
        return E(-errno);
    uint8_t *at = mmap(NULL, 2 * r->cap, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return E(-errno);
    r->base = at;
    for (int i = 0; i < 2; i++)
        if (mmap(at + (size_t)i * r->cap, r->cap, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
            return E(-errno);
    return 0;
}

int raw_ring_open(struct raw_ring *r, size_t cap)
{
    *r = (struct raw_ring){.cap = (size_t)round_up(cap, (uint64_t)sysconf(_SC_PAGESIZE))};
    int fd = memfd_create("zload-ring", MFD_CLOEXEC);
    if (fd < 0)
        return E(-errno);
    int rc = map_twice(r, fd);
    close(fd);
    if (rc < 0)
        raw_ring_close(r);
    return rc;
}

void raw_ring_close(struct raw_ring *r)
{
    if (r->base)
        munmap(r->base, 2 * r->cap);
    *r = (struct raw_ring){0};
}

ssize_t raw_ring_recv(struct raw_ring *r, int fd)
{
    ssize_t n = recv(fd, r->base + (r->head + r->len) % r->cap, r->cap - r->len, MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    r->len += (size_t)n;
    return n;
}
