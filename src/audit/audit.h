/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit trail: who came in, who was refused and why, who changed what. A folder of files of
 * lines that are chained by hashes (chain.h), so that changing, removing or reordering one shows.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "audit/chain.h"
#include "run/run.h"

#define AUDIT_FILE_MAX  (8u << 20) /* bytes; then the next file is begun */
#define AUDIT_FILES_MAX 32         /* then the oldest goes */
#define AUDIT_QUEUE_MAX 4096       /* lines that wait to be written */

struct audit;

/* Takes events from the start on and writes them once it is open. NULL: no memory. */
struct audit *audit_new(void);
void audit_free(struct audit *a); /* closed, or never opened; NULL is fine */

/* Those that belong there. Any thread; never parks nor waits for a disk: what finds no room is counted. True: it is
 * evidence, a line of the trail or what the trail says of itself, which other witnesses get whatever else they are told;
 * not so what came too fast. */
bool audit_event(struct audit *a, uint64_t wall_ns, const char *event, const struct log_kv *kv,
                 size_t nkv);

/* The rest on reactor 0. Goes on with the trail in dir or begins one. A folder that cannot be used now is
 * tried again every few seconds; an event says so. -ENOMEM. Parks. */
int audit_open(struct audit *a, struct run *run, const char *dir, struct err *reterr);
/* Writes what waits, if that can be. Parks. */
void audit_close(struct audit *a);
/* Until all that was given so far is on stable storage: 0, or -EIO: it cannot be written now, or
 * -ETIMEDOUT after some seconds. Parks. */
int audit_sync(struct audit *a);

struct audit_info {
    const char *dir; /* borrowed */
    struct audit_chain chain;
    uint64_t file; /* number of the newest */
    uint64_t lost,
        left_out; /* lines that could not be written; that came too fast. Since the start */
    char failing[200]; /* why nothing is written; "": it is */
    char broken[200];  /* what was found at the start; "": nothing */
};
void audit_info(struct audit *a, struct audit_info *ret_info);
/* Reads all files. 0, or -EBADMSG: reterr names the first bad line. Parks. */
int audit_verify(struct audit *a, struct audit_verify *ret_verify, struct err *reterr);

#endif
