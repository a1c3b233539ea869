/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock without a library: three system calls that Debian 12's C library has no names for.
 * Only rights that the first version knows, and truncation (the third), are taken away: ioctl
 * on devices is how their sizes are asked for.
 */
#include "cmd/daemon/landlock.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRUNCATE                                                                               \
    (1ull << 14) /* LANDLOCK_ACCESS_FS_TRUNCATE, ABI 3, newer than Debian 12's headers */
#define REFER      (1ull << 13) /* LANDLOCK_ACCESS_FS_REFER, ABI 2: renaming between folders */
#define READ_FILE  LANDLOCK_ACCESS_FS_READ_FILE
#define READ       (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
#define WRITE                                                                                  \
    (WRITE_FILE | REFER | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |     \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                               \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                             \
     LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_CHAR |                              \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK)

/* What this kernel can take away; 0: nothing. */
static uint64_t known_rights(void)
{
    long abi = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    uint64_t all = READ | WRITE | LANDLOCK_ACCESS_FS_EXECUTE;
    if (abi < 1)
        return 0;
    if (abi < 2)
        all &= ~REFER;
    if (abi < 3)
        all &= ~TRUNCATE;
    return all;
}

static int add_rule(int set, const struct landlock_rule *rule, uint64_t known,
                    struct err *reterr)
{
    struct stat st;
    int fd = open(rule->path, O_PATH | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && rule->optional)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = -errno;
        if (fd >= 0)
            close(fd);
        return err_set(reterr, r, "%s: %s", rule->path, strerror(-r));
    }
    uint64_t rights = rule->write ? READ | WRITE : READ;
    if (!S_ISDIR(st.st_mode))
        rights &= READ_FILE | WRITE_FILE;
    const struct landlock_path_beneath_attr at = {.allowed_access = rights & known,
                                                  .parent_fd = fd};
    long r = syscall(__NR_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &at, 0);
    int code = r < 0 ? -errno : 0;
    close(fd);
    return code < 0 ? err_set(reterr, code, "%s: Landlock: %s", rule->path, strerror(-code))
                    : 0;
}

static int restrict_self(int set, struct err *reterr)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        syscall(__NR_landlock_restrict_self, set, 0) == 0)
        return 0;
    return err_set(reterr, -errno, "Landlock: %s", strerror(errno));
}

int landlock_enter(const struct landlock_rule *rules, unsigned n, bool *ret_on,
                   struct err *reterr)
{
    uint64_t known = known_rights();
    *ret_on = known != 0;
    if (known == 0)
        return 0;
    const struct landlock_ruleset_attr attr = {.handled_access_fs = known};
    int set = (int)syscall(__NR_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (set < 0)
        return err_set(reterr, -errno, "Landlock: %s", strerror(errno));
    int r = 0;
    for (unsigned i = 0; i < n && r == 0; i++)
        if (rules[i].path)
            r = add_rule(set, &rules[i], known, reterr);
    if (r == 0)
        r = restrict_self(set, reterr);
    close(set);
    return r;
}
