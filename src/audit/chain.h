/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the audit trail and the chain that they make: each ends with the SHA-256 of the hash
 * of the line before and of its own text. The first line of each file names the hash that it
 * follows, so that a file can be verified alone. Pure; any thread.
 */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

#include "base/err.h"
#include "base/log.h"

#define AUDIT_HASH_LEN 32
#define AUDIT_TEXT_MAX 4096 /* bytes of what happened; longer values are cut */
#define AUDIT_LINE_MAX (AUDIT_TEXT_MAX + 256)

/* Where a chain is: the number and hash of its newest line. All zeros: before the first. */
struct audit_chain {
    uint64_t seq;
    uint8_t hash[AUDIT_HASH_LEN];
};

/* "time":"...","event":"...","key":"value"... in ASCII, whatever the values hold. Returns its length. */
size_t audit_text(char ret_text[AUDIT_TEXT_MAX], uint64_t wall_ns, const char *event,
                  const struct log_kv *kv, size_t nkv);
/* {"seq":N,TEXT,"hash":"..."} and a newline; c moves on. link: it is the first of its file. Returns its length. */
size_t audit_line(char ret_line[AUDIT_LINE_MAX], struct audit_chain *c, bool link,
                  const char *text, size_t text_len);

/* ---- verifying --------------------------------------------------------------------------- */

struct audit_verify {
    struct audit_chain chain; /* behind the newest good line */
    bool begun;               /* there was a line */
    uint64_t first;           /* number of the first one */
    uint64_t removed;         /* the newest file that a line says rotation removed */
    struct audit_chain mark;  /* a line that must be in it, when seq is not 0 */
    bool mark_differs;        /* it is another */
    /* Of the newest text: */
    uint64_t line;   /* lines of it that are good */
    size_t good_len; /* bytes of them */
};
/* Goes on with the text of another file, or begins. NULL: all of it is good; else what is wrong with line v->line + 1,
 * in buf. */
const char *audit_verify_text(struct audit_verify *v, const char *text, size_t len,
                              char buf[200]);

/* After the last file: whether the trail is whole. first_file: number of the oldest there is; end: what is known of
 * its end (seq 0: nothing). NULL: it is. */
const char *audit_verify_end(const struct audit_verify *v, uint64_t first_file,
                             const struct audit_chain *end, char buf[200]);

/* ---- the head: what is kept of the chain elsewhere --------------------------------------- */

#define AUDIT_HEAD_SLOT 512 /* bytes; there are two, written in turns */
void audit_head_make(char ret_slot[AUDIT_HEAD_SLOT], const struct audit_chain *c);
/* The newer of the slots that are whole. False: neither is. */
bool audit_head_read(const char *bytes, size_t len, struct audit_chain *ret_chain);

/* "audit-000001.jsonl" and its number; 0: no name of a file of the trail. */
#define AUDIT_NAME_LEN 32
void audit_file_name(uint64_t number, char ret_name[AUDIT_NAME_LEN]);
uint64_t audit_file_number(const char *name);

#endif
