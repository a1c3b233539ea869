/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/daemon/secrets_key.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIAL "zsan-secrets-key"
#define KEY_MAX    512 /* more is not looked at */

/* open_to: the bits of its mode that it must not have. */
static int read_key(int fd, const char *path, unsigned open_to, struct seal_key *ret_key,
                    struct err *reterr)
{
    uint8_t bytes[KEY_MAX];
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_set(reterr, -errno, "%s: %s", path, strerror(errno));
    if (st.st_mode & open_to)
        return err_set(reterr, -EPERM, "%s: others can read the key (mode %o): chmod 0400",
                       path, st.st_mode & 0777);
    ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n < 0)
        return err_set(reterr, -errno, "%s: %s", path, strerror(errno));
    int r = seal_key_make(bytes, (size_t)n, ret_key, reterr);
    wipe(bytes, sizeof(bytes));
    return r < 0 ? err_prefix(reterr, "%s", path) : 0;
}

int secrets_key_read(const char *path, struct seal_key *ret_key, bool *ret_there,
                     struct err *reterr)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    CLEANUP(freep) char *credential = NULL;
    *ret_there = false;
    if (!path && folder && asprintf(&credential, "%s/" CREDENTIAL, folder) < 0)
        return err_set(reterr, -ENOMEM, "out of memory");
    if (!path && !credential)
        return 0;
    CLEANUP(closep) int fd = open(path ? path : credential, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && !path)
        return 0; /* other credentials */
    if (fd < 0)
        return err_set(reterr, -errno, "%s: %s", path ? path : credential, strerror(errno));
    /* The service manager lets the service's user read a credential by an ACL, which a mode shows as the group's. */
    int r = path ? read_key(fd, path, 077, ret_key, reterr)
                 : read_key(fd, credential, 037, ret_key, reterr);
    *ret_there = r == 0;
    return r;
}
