/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of a trail. All park. */
#ifndef AUDIT_TRAIL_H
#define AUDIT_TRAIL_H

#include "audit/audit.h"
#include "run/file.h"

struct trail {
    const char *dir;
    uint64_t file_max; /* bytes */
    unsigned files_max;
    struct file *file, *head; /* NULL: not open */
    uint64_t number, off;     /* of the newest file, and its bytes */
    struct audit_chain chain; /* of what is written */
    unsigned head_slot;
    char broken[200]; /* what was found when it was opened */
    char *buf;        /* of lines to be written, TRAIL_BUF bytes */
    size_t len;
    struct audit_chain next; /* behind buf */
};
#define TRAIL_BUF (64u << 10)

/* Goes on behind the newest line. Bytes that a crash left behind the head are cut off; when lines before it are
 * gone or others, t->broken says so and a new file follows the head, which shows for good. */
int trail_open(struct trail *t, struct err *reterr);
void trail_close(struct trail *t);
/* Into the buffer. False: it is full, write it first. */
bool trail_put(struct trail *t, const char *text, size_t len);
/* Writes the buffer. After an error the file's end is not known: close and open again. */
int trail_write(struct trail *t);
/* All that was written is durable, then the head says so: in this order, so that the head never knows of a line
 * that is not there. */
int trail_sync(struct trail *t);
/* Begins the next file when this one is full; the oldest goes when there are too many. */
int trail_rotate(struct trail *t, struct err *reterr);
/* All files there are, the newest up to what was written before this call. -EBADMSG. */
int trail_verify(struct trail *t, struct audit_verify *ret_verify, struct err *reterr);

#endif
