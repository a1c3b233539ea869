/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: small whole files and directories, as a configuration store needs them. What changes a
 * directory is durable on return, which takes an fsync of the directory itself. Everything runs
 * on a helper thread.
 */
#include "run/real/real_int.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct name_job {
    const char *path, *to;
    const void *bytes;
    size_t len; /* of bytes; the limit of a slurp */
    unsigned mode;
    char *text;
    char **names;
    int rc;
};

static int run_job(struct name_job *job, void (*fn)(void *))
{
    run_blocking(fn, job);
    return job->rc < 0 ? E(job->rc) : 0;
}

static int sync_dir_of(const char *path)
{
    CLEANUP(freep) char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    CLEANUP(closep) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* ---- whole files ------------------------------------------------------------------------- */

static ssize_t read_all(int fd, char *buf, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, buf + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* Reads one byte more than allowed, to see whether there is one. */
static void slurp_blocking(void *arg)
{
    struct name_job *job = arg;
    struct stat st;
    CLEANUP(closep) int fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        job->rc = -errno;
        return;
    }
    size_t cap = MIN((size_t)st.st_size + 4096,
                     job->len + 1); /* files in /proc and /sys claim to be empty */
    CLEANUP(freep) char *text = malloc(cap + 1);
    ssize_t n = text ? read_all(fd, text, cap) : -ENOMEM;
    if (n >= 0 && (size_t)n > job->len)
        n = -EFBIG;
    job->rc = n < 0 ? (int)n : 0;
    if (n < 0)
        return;
    text[n] = '\0';
    job->len = (size_t)n;
    job->text = TAKE(text);
}

static int real_slurp(struct run *run, const char *path, size_t max, char **ret_text,
                      size_t *ret_len)
{
    (void)run;
    struct name_job job = {.path = path, .len = max};
    int rc = run_job(&job, slurp_blocking);
    if (rc < 0)
        return rc;
    *ret_text = job.text;
    *ret_len = job.len;
    return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* Whoever had a file of that name open keeps what it had: the old one is unlinked, not cut. */
static int write_new(const char *path, const struct name_job *job)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    CLEANUP(closep)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, job->bytes, job->len);
    if (rc == 0 && (fchmod(fd, job->mode) < 0 || fsync(fd) < 0))
        rc = -errno;
    return rc;
}

static void replace_blocking(void *arg)
{
    struct name_job *job = arg;
    CLEANUP(freep) char *tmp = NULL;
    job->rc = -ENOMEM;
    if (asprintf(&tmp, "%s.tmp", job->path) < 0) {
        tmp = NULL; /* its content is undefined then */
        return;
    }
    job->rc = write_new(tmp, job);
    if (job->rc == 0 && rename(tmp, job->path) < 0)
        job->rc = -errno;
    if (job->rc < 0)
        unlink(tmp);
    else
        job->rc = sync_dir_of(job->path);
}

static int real_replace(struct run *run, const char *path, const void *bytes, size_t len,
                        unsigned mode, struct err *reterr)
{
    (void)run;
    struct name_job job = {.path = path, .bytes = bytes, .len = len, .mode = mode};
    int rc = run_job(&job, replace_blocking);
    return rc < 0 ? real_err(reterr, rc, path) : 0;
}

/* ---- directories ------------------------------------------------------------------------- */

static void rename_blocking(void *arg)
{
    struct name_job *job = arg;
    if (renameat2(AT_FDCWD, job->path, AT_FDCWD, job->to, RENAME_NOREPLACE) < 0) {
        job->rc = -errno;
        return;
    }
    job->rc = sync_dir_of(job->to);
    if (job->rc == 0)
        job->rc = sync_dir_of(job->path);
}

static int real_rename(struct run *run, const char *from, const char *to)
{
    (void)run;
    struct name_job job = {.path = from, .to = to};
    return run_job(&job, rename_blocking);
}

static void unlink_blocking(void *arg)
{
    struct name_job *job = arg;
    job->rc = unlink(job->path) < 0 ? -errno : sync_dir_of(job->path);
}

static int real_unlink(struct run *run, const char *path)
{
    (void)run;
    struct name_job job = {.path = path};
    return run_job(&job, unlink_blocking);
}

static int make_dir(const char *path, unsigned mode)
{
    if (mkdir(path, mode) == 0)
        return sync_dir_of(path);
    struct stat st;
    if (errno == EEXIST && stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    return -errno;
}

static void mkdir_blocking(void *arg)
{
    struct name_job *job = arg;
    CLEANUP(freep) char *part = strdup(job->path);
    job->rc = -ENOMEM;
    if (!part)
        return;
    job->rc = 0;
    for (char *slash = strchr(part + 1, '/'); slash && job->rc == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        job->rc = make_dir(part, 0755);
        *slash = '/';
    }
    if (job->rc == 0)
        job->rc = make_dir(part, job->mode);
}

static int real_mkdir(struct run *run, const char *path, unsigned mode)
{
    (void)run;
    struct name_job job = {.path = path, .mode = mode};
    return run_job(&job, mkdir_blocking);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends a copy; names always ends with NULL. */
static int add_name(char ***names, size_t n, const char *name)
{
    char **v = realloc(*names, (n + 2) * sizeof(*v));
    if (!v)
        return -ENOMEM;
    *names = v;
    v[n] = strdup(name);
    v[n + 1] = NULL;
    return v[n] ? 0 : -ENOMEM;
}

static void list_blocking(void *arg)
{
    struct name_job *job = arg;
    size_t n = 0;
    DIR *d = opendir(job->path);
    job->names = calloc(1, sizeof(*job->names));
    job->rc = !d ? -errno : job->names ? 0 : -ENOMEM;
    struct dirent *e;
    while (job->rc == 0 && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            job->rc = add_name(&job->names, n++, e->d_name);
    if (d)
        closedir(d);
    if (job->rc < 0)
        names_free(job->names);
    else
        qsort(job->names, n, sizeof(*job->names), by_name);
}

static int real_list(struct run *run, const char *dir, char ***ret_names)
{
    (void)run;
    struct name_job job = {.path = dir};
    int rc = run_job(&job, list_blocking);
    if (rc == 0)
        *ret_names = job.names;
    return rc;
}

const struct name_ops real_name_ops = {
    .slurp = real_slurp,
    .replace = real_replace,
    .rename = real_rename,
    .unlink = real_unlink,
    .mkdir = real_mkdir,
    .list = real_list,
};
