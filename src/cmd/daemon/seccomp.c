/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon asks of the kernel, as a table; everything else is refused with EPERM, to the
 * calling thread and those it starts. No program can be run, no process looked into, nothing mounted,
 * no identity changed. What rings do is not seen by this filter: they are told themselves what
 * they are for (run/real/uring.c). The thread that runs the operator's hook is started before and
 * stays outside, for it runs programs.
 *
 * A refusal and not the end of the process: a C library that has learnt a new system call shall
 * not stop a hundred machines, and it falls back to the old one when told ENOSYS or EPERM.
 */
#include "cmd/daemon/seccomp.h"

#include "base/util.h"
#include "run/san.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>

/* clang-format off */
#define S(name) SCMP_SYS(name)
static const int allowed[] = {
    /* files and block devices */
    S(openat), S(close), S(close_range), S(read), S(write), S(readv), S(writev), S(pread64), S(pwrite64), S(preadv),
    S(pwritev), S(preadv2), S(pwritev2), S(lseek), S(fsync), S(fdatasync), S(sync_file_range), S(fallocate),
    S(ftruncate), S(fadvise64), S(fstat), S(newfstatat), S(stat), S(lstat), S(statx), S(fstatfs), S(statfs),
    S(access), S(faccessat), S(faccessat2), S(getdents64), S(readlink), S(readlinkat), S(getcwd), S(fcntl), S(flock),
    S(ioctl), S(dup), S(dup2), S(dup3), S(pipe2), S(copy_file_range),
    /* names */
    S(mkdir), S(mkdirat), S(rename), S(renameat), S(renameat2), S(unlink), S(unlinkat), S(rmdir), S(chmod), S(fchmod),
    S(fchmodat), S(chown), S(fchown), S(fchownat), S(umask), S(utimensat),
    /* rings */
    S(io_uring_setup), S(io_uring_enter), S(io_uring_register),
    /* the network and the control socket */
    S(socket), S(socketpair), S(bind), S(listen), S(accept), S(accept4), S(connect), S(shutdown), S(getsockname),
    S(getpeername), S(setsockopt), S(getsockopt), S(sendto), S(recvfrom), S(sendmsg), S(recvmsg), S(sendmmsg),
    S(recvmmsg),
    /* waiting */
    S(epoll_create1), S(epoll_ctl), S(epoll_wait), S(epoll_pwait), S(epoll_pwait2), S(eventfd2), S(poll), S(ppoll),
    S(select), S(pselect6), S(timerfd_create), S(timerfd_settime), S(nanosleep), S(clock_nanosleep),
    S(restart_syscall),
    /* memory */
    S(brk), S(mmap), S(munmap), S(mremap), S(mprotect), S(madvise), S(mlock), S(munlock), S(mincore), S(memfd_create),
    /* threads of this process */
    S(futex), S(set_robust_list), S(get_robust_list), S(rseq), S(set_tid_address), S(gettid),
    S(sched_yield), S(sched_getaffinity), S(sched_setaffinity), S(sched_getparam), S(sched_getscheduler),
    S(membarrier), S(getcpu), S(exit), S(exit_group), S(tgkill), S(prctl), S(arch_prctl),
    S(seccomp),
    /* signals */
    S(rt_sigaction), S(rt_sigprocmask), S(rt_sigreturn), S(rt_sigtimedwait), S(rt_sigpending), S(sigaltstack),
    /* what time it is, who we are, how large the machine is */
    S(clock_gettime), S(clock_getres), S(gettimeofday), S(time), S(getrandom), S(uname), S(sysinfo), S(getpid),
    S(getppid), S(getuid), S(geteuid), S(getgid), S(getegid), S(getgroups), S(getresuid), S(getresgid), S(getrlimit),
    S(setrlimit), S(prlimit64), S(getrusage), S(times),
#if RUN_SANITIZED
    /* the leak checker looks into its own process */
    S(ptrace), S(wait4), S(kill), S(personality), S(process_vm_readv), S(open), S(getdents), S(waitid), S(process_vm_writev), S(tkill),
#endif
};
/* clang-format on */

#define NAMESPACES                                                                             \
    (CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |              \
     CLONE_NEWUSER | CLONE_NEWUTS)

/* Threads, but no namespaces. What clone3 is asked for lies in memory that a filter does not see; the C library
 * then takes clone. */
static int allow_threads(scmp_filter_ctx f)
{
    int r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), S(clone3), 0);
    return r < 0 ? r
                 : seccomp_rule_add(f, SCMP_ACT_ALLOW, S(clone), 1,
                                    SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES, 0));
}

/* Helper threads stand behind the reactors; nobody gets before anybody else. */
static int allow_standing_behind(scmp_filter_ctx f)
{
    return seccomp_rule_add(f, SCMP_ACT_ALLOW, S(sched_setscheduler), 2,
                            SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A1(SCMP_CMP_EQ, SCHED_BATCH, 0));
}

static int load(scmp_filter_ctx f, int r, struct err *reterr)
{
    if (r == 0)
        r = seccomp_load(f);
    seccomp_release(f);
    return r < 0 ? err_set(reterr, r,
                           "the filter of system calls: %s (--seccomp off goes without)",
                           strerror(-r))
                 : 0;
}

int seccomp_rings_made(struct err *reterr)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    int r = f ? seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), S(io_uring_setup), 0) : -ENOMEM;
    return load(f, r, reterr);
}

int seccomp_enter(struct err *reterr)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r = f ? allow_threads(f) : -ENOMEM;
    if (r == 0)
        r = allow_standing_behind(f);
    for (size_t i = 0; i < ARRAY_LEN(allowed) && r == 0; i++)
        if (allowed[i] >= 0) /* some architectures never had the old ones */
            r = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
    return load(f, r, reterr);
}
