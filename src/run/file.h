/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files and block devices. Every call parks unless it says otherwise and returns 0 or negative
 * errno. A write is durable only after a file_flush() that was called after the write had
 * returned. After a failed flush the file is poisoned: every later flush fails with the same
 * error (the kernel may have dropped the dirty pages), until it is opened anew.
 */
#ifndef RUN_FILE_H
#define RUN_FILE_H

#include "run/iobuf.h"

struct file; /* its home is the reactor that opened it */

enum file_mode { FILE_RDONLY, FILE_RDWR };
struct file_opts {
    enum file_mode mode;
    bool create;    /* with mode 0600; fails with -EEXIST when there (O_EXCL) */
    bool truncate;  /* an existing file is cut to nothing */
    bool direct;    /* O_DIRECT where the file system takes it and the transfer is aligned */
    bool exclusive; /* block device: O_EXCL; file: an OFD lock, -EBUSY when somebody has it */
};
struct file_info {
    uint64_t size; /* bytes; of a block device too */
    bool is_blockdev;
    bool direct;            /* O_DIRECT is in force for what is aligned to dio_align */
    uint32_t dio_align;     /* bytes, of offsets, lengths and addresses; 1 when not direct */
    uint32_t logical_block; /* bytes; of the device, or of the file system's device */
    uint32_t physical_block;
    uint32_t discard_granularity; /* bytes, 0: no discard (file_discard gives -EOPNOTSUPP) */
    bool rotational;              /* its disk rotates, or nobody knows */
    uint64_t ino, dev;            /* identity, to find the same file under two names */
};

int file_open(const char *path, const struct file_opts *opts, struct file **ret_file,
              struct err *reterr);
void file_close(struct file *f); /* NULL is fine */
/* Does not park; the size is as of open or the last resize or refresh. */
const struct file_info *file_info(const struct file *f);
/* Reads size and the like again (a block device that grew). */
int file_refresh(struct file *f);

/* Whole transfers or an error; a read past the end of the file is -ENODATA (a shrunk backing
 * file). */
int file_read(struct file *f, uint64_t off, struct sgl *into, uint64_t sgl_off, uint64_t len);
int file_write(struct file *f, uint64_t off, const struct sgl *from, uint64_t sgl_off,
               uint64_t len);
int file_pread(struct file *f, uint64_t off, void *ret_bytes, size_t len);
int file_pwrite(struct file *f, uint64_t off, const void *bytes, size_t len);
int file_flush(struct file *f);

/* Deallocates; what it covers reads as zeros afterwards on regular files (hole punch); on block
 * devices the content is undefined. */
int file_discard(struct file *f, uint64_t off, uint64_t len);
/* Makes the range read as zeros, without writing where the system can; may_unmap: by a hole. */
int file_zero(struct file *f, uint64_t off, uint64_t len, bool may_unmap);
/* The run of bytes at off that are all data or all hole: *ret_len (cut at len) and *ret_data.
 * -EOPNOTSUPP: not known here. */
int file_extent(struct file *f, uint64_t off, uint64_t len, uint64_t *ret_len, bool *ret_data);
/* Bytes really allocated (st_blocks). */
int file_allocated(struct file *f, uint64_t *ret_bytes);
/* Bytes its file system could still give (statvfs f_bavail; the simulation: what is left of
 * disk_capacity). -EOPNOTSUPP on block devices. */
int file_available(struct file *f, uint64_t *ret_bytes);
int file_resize(struct file *f, uint64_t size);

/* ---- names: what the configuration store needs ------------------------------------------- */

/* Whether it can be opened for reading. */
bool file_is_there(const char *path);
/* The whole of a small file, malloc'd with a NUL behind it; the caller frees. -EFBIG over
 * max. */
int file_slurp(const char *path, size_t max, char **ret_text, size_t *ret_len);
/* Replaces path durably: writes path.tmp with the mode, fsync, rename, fsync of the
 * directory. */
int file_replace(const char *path, const void *bytes, size_t len, unsigned mode,
                 struct err *reterr);
/* Renames durably (fsync of both directories), never over an existing file: -EEXIST. */
int file_rename(const char *from, const char *to);
int file_unlink(const char *path);
/* And missing parents; fine when it is there. */
int file_mkdir(const char *path, unsigned mode);
/* Names in a directory without . and .., sorted, malloc'd array ending with NULL; free with
 * names_free(). */
int file_list(const char *dir, char ***ret_names);
void names_free(char **names);

#endif
