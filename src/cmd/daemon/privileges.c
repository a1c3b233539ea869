/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Privileges. Nothing here needs root but the change of user itself: files belong to the user,
 * disks come by group, and a port under 1024 comes with CAP_NET_BIND_SERVICE from the service
 * manager. So root is given up before anything is opened.
 */
#include "cmd/daemon/privileges.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "run/san.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The C library gives the resource a type of its own, hence a macro. */
#define RAISE_LIMIT(resource, name)                                                            \
    do {                                                                                       \
        struct rlimit l_;                                                                      \
        if (getrlimit((resource), &l_) == 0) {                                                 \
            l_.rlim_cur = l_.rlim_max;                                                         \
            if (setrlimit((resource), &l_) < 0)                                                \
                log_warn("limits", KV("resource", "%s", (name)),                               \
                         KV("error", "%s", strerror(errno)));                                  \
        }                                                                                      \
    } while (0)

void privileges_limits(bool dumpable)
{
    const struct rlimit none = {0, 0};
    RAISE_LIMIT(RLIMIT_NOFILE, "open files");
    /* The leak checker attaches to its own process at the end. */
    if (RUN_SANITIZED)
        return;
    /* Said in both cases: whoever changes its user is not dumpable to begin with. */
    if ((!dumpable && setrlimit(RLIMIT_CORE, &none) < 0) ||
        prctl(PR_SET_DUMPABLE, dumpable) < 0)
        log_warn("limits", KV("resource", "core dumps"), KV("error", "%s", strerror(errno)));
}

/* A limit that ends somewhere would one day refuse memory to a process that locks all it has. */
static bool may_lock_all(void)
{
    struct rlimit l;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
    if (getrlimit(RLIMIT_MEMLOCK, &l) == 0 && l.rlim_cur == RLIM_INFINITY)
        return true;
    return syscall(SYS_capget, &head, caps) == 0 &&
           (caps[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

bool privileges_lock_memory(void)
{
    RAISE_LIMIT(RLIMIT_MEMLOCK, "locked memory");
    if (RUN_SANITIZED || !may_lock_all())
        return false;
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

static int make_folder(const char *path)
{
    CLEANUP(freep) char *part = strdup(path);
    if (!part)
        return -ENOMEM;
    for (char *c = part + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -errno;
        *c = '/';
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int privileges_folder(const char *path, struct err *reterr)
{
    int r = make_folder(path);
    return r < 0 ? err_set(reterr, r, "%s: %s", path, strerror(-r)) : 0;
}

/* A symbolic link in its place is not followed: the folder may lie where others can write. */
static int give_folder(const char *path, const struct passwd *pw)
{
    int rc = make_folder(path);
    return rc == 0 && lchown(path, pw->pw_uid, pw->pw_gid) < 0 ? -errno : rc;
}

int privileges_drop(const char *user, const char *const *folders, size_t n, struct err *reterr)
{
    if (geteuid() != 0)
        return err_set(reterr, -EPERM,
                       "--user %s needs root: start without it to run as the user you are",
                       user);
    const struct passwd *pw = getpwnam(user);
    if (!pw || pw->pw_uid == 0)
        return err_set(
            reterr, -ENOENT,
            "--user: there is no user \"%s\" other than root: adduser --system --group %s",
            user, user);
    for (size_t i = 0; i < n; i++) {
        int rc = give_folder(folders[i], pw);
        if (rc < 0)
            return err_set(reterr, rc, "%s: %s", folders[i], strerror(-rc));
    }
    /* As far as root may here; privileges_lock_memory() sees what came of it. */
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &all);
    if (initgroups(user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
        return err_set(reterr, -errno, "becoming user %s: %s", user, strerror(errno));
    if (setuid(0) == 0)
        return err_set(reterr, -EPERM, "root could be had back after becoming user %s", user);
    return 0;
}
