/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File operations through io_uring, one ring per reactor. Fibers queue entries during a turn;
 * ring_flush() hands them over in one system call at its end, which also runs completions that
 * are due. Later ones are seen in the shared pages at the next turn; a sleeping reactor is
 * woken through its eventfd, which the ring signals. (The ring's own descriptor in the epoll
 * set would not do: with DEFER_TASKRUN nothing wakes its pollers until completions are asked
 * for, as of Linux 6.18.)
 *
 * Set-up is tried from the best to the plainest: DEFER_TASKRUN with SINGLE_ISSUER (Linux 6.1)
 * makes completions only when we ask, COOP_TASKRUN (5.19) at our system calls, plain ones
 * interrupt. The ring is made disabled by the thread that builds the world, so that a refusal
 * is known at once, and enabled by the reactor's thread, which thereby becomes the single
 * issuer.
 *
 * A filter of system calls sees none of a ring's operations. So before a ring is enabled the
 * kernel is told which ones it is for (5.10), and refuses all others to whoever gets hold of it.
 */
#include "run/real/real_int.h"

#include "base/check.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_ENTRIES 256
#define WORKERS                                                                                \
    64 /* of the kernel's, for flushes and what else waits: one hangs with each disk that does */
#define RING_COMPLETIONS                                                                       \
    4096 /* more in flight than that are kept back by the kernel, not lost */

static const unsigned setups[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    0,
};

static const uint8_t operations[] = {IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READV,
                                     IORING_OP_WRITEV, IORING_OP_FSYNC};
static const uint8_t registrations[] = {IORING_REGISTER_ENABLE_RINGS, IORING_REGISTER_EVENTFD,
                                        IORING_REGISTER_IOWQ_MAX_WORKERS,
                                        IORING_REGISTER_RING_FDS, IORING_UNREGISTER_RING_FDS};

/* liburing 2.3 declares what asks for this, and for the enabling, and does not export it. */
static int ring_register(struct ring *g, unsigned what, void *arg, unsigned n)
{
    return syscall(__NR_io_uring_register, g->u.ring_fd, what, arg, n) == 0 ? 0 : -errno;
}

static int restrict_ring(struct ring *g)
{
    struct io_uring_restriction r[ARRAY_LEN(operations) + ARRAY_LEN(registrations)] = {0};
    unsigned n = 0;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++, n++) {
        r[n].opcode = IORING_RESTRICTION_SQE_OP;
        r[n].sqe_op = operations[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(registrations); i++, n++) {
        r[n].opcode = IORING_RESTRICTION_REGISTER_OP;
        r[n].register_op = registrations[i];
    }
    return ring_register(g, IORING_REGISTER_RESTRICTIONS, r, n);
}

static int ring_setup(struct ring *g)
{
    int rc = -ENOSYS;
    for (size_t i = 0; i < ARRAY_LEN(setups); i++) {
        struct io_uring_params p = {.flags = setups[i] | IORING_SETUP_R_DISABLED |
                                             IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
                                    .cq_entries = RING_COMPLETIONS};
        rc = io_uring_queue_init_params(RING_ENTRIES, &g->u, &p);
        if (rc != -EINVAL)
            return rc;
    }
    return rc;
}

int ring_init(struct ring *g)
{
    int rc = ring_setup(g);
    if (rc < 0)
        return rc;
    g->on = true;
    rc = restrict_ring(g);
    if (rc < 0)
        ring_fini(g);
    return rc;
}

void ring_fini(struct ring *g)
{
    if (g->on)
        io_uring_queue_exit(&g->u);
    g->on = false;
}

/* ---- completions ------------------------------------------------------------------------- */

static bool reap(struct ring *g)
{
    struct io_uring_cqe *cqe;
    unsigned head, n = 0;
    io_uring_for_each_cqe(&g->u, head, cqe)
    {
        struct ring_op *op = io_uring_cqe_get_data(cqe);
        op->res = cqe->res;
        fiber_wake(op->fiber);
        n++;
    }
    io_uring_cq_advance(&g->u, n);
    g->inflight -= n;
    return n > 0;
}

static bool wants_call(const struct ring *g)
{
    return IO_URING_READ_ONCE(*g->u.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

bool ring_has_news(const struct ring *g)
{
    return g->inflight > 0 && (wants_call(g) || io_uring_cq_ready(&g->u) > 0);
}

void ring_poll(struct ring *g)
{
    if (g->inflight == 0)
        return;
    if (wants_call(g))
        io_uring_get_events(&g->u);
    reap(g);
}

/* Errors here are transient (EAGAIN: no memory for requests, EBUSY: completions first): what
 * was not taken stays queued and is offered again next turn. */
static void submit(struct ring *g)
{
    int n = io_uring_submit_and_get_events(&g->u);
    if (n > 0)
        g->queued -= (unsigned)n;
}

bool ring_flush(struct ring *g)
{
    if (g->queued == 0)
        return false;
    submit(g);
    return reap(g) || g->queued > 0;
}

void ring_start(struct ring *g, int wakefd)
{
    check(ring_register(g, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0);
    check(io_uring_register_eventfd(&g->u, wakefd) == 0);
    unsigned workers[2] = {WORKERS, 0};
    io_uring_register_iowq_max_workers(&g->u, workers); /* as it was, where refused */
    io_uring_register_ring_fd(
        &g->u); /* saves a look-up per call; where refused it goes without */
}

/* The kernel writes into fibers' stacks and buffers until each operation has ended. */
void ring_drain(struct ring *g)
{
    while (g->inflight > 0) {
        struct io_uring_cqe *cqe;
        submit(g);
        if (io_uring_wait_cqe(&g->u, &cqe) == 0)
            reap(g);
    }
}

/* ---- operations -------------------------------------------------------------------------- */

static struct io_uring_sqe *get_sqe(struct ring *g)
{
    struct io_uring_sqe *sqe;
    while (!(sqe = io_uring_get_sqe(&g->u))) {
        submit(g);
        if (io_uring_sq_space_left(&g->u) == 0)
            fiber_yield(); /* the kernel has no room now; its completions will make some */
    }
    g->queued++;
    g->inflight++;
    return sqe;
}

static int run_op(struct io_uring_sqe *sqe)
{
    struct ring_op op = {.fiber = fiber_self()};
    io_uring_sqe_set_data(sqe, &op);
    fiber_park();
    return op.res;
}

ssize_t ring_rw(struct ring *g, bool write, int fd, const struct iovec *iov, int n,
                uint64_t off)
{
    struct io_uring_sqe *sqe = get_sqe(g);
    if (n == 1 && write)
        io_uring_prep_write(sqe, fd, iov->iov_base, (unsigned)iov->iov_len, off);
    else if (n == 1)
        io_uring_prep_read(sqe, fd, iov->iov_base, (unsigned)iov->iov_len, off);
    else if (write)
        io_uring_prep_writev(sqe, fd, iov, (unsigned)n, off);
    else
        io_uring_prep_readv(sqe, fd, iov, (unsigned)n, off);
    return run_op(sqe);
}

int ring_fdatasync(struct ring *g, int fd)
{
    struct io_uring_sqe *sqe = get_sqe(g);
    io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    return run_op(sqe);
}
