/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trail on disk: audit-000001.jsonl and so on, and beside them the head, the number and hash of
 * the newest line that is known to be on stable storage. A file that ends behind the head was torn
 * by a crash; one that ends before it was cut by somebody. The head is a file of two slots that are
 * written in turns and in place: one small write and one flush, where replacing a file would take
 * three.
 */
#include "audit/trail.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_MAX (2u * AUDIT_FILE_MAX)

static int fail(struct err *reterr, const char *path, int rc)
{
    return err_set(reterr, rc, "%s: %s", path, strerror(-rc));
}

/* ---- what is there ----------------------------------------------------------------------- */

struct found {
    uint64_t number[AUDIT_FILES_MAX + 8]; /* ascending, the newest ones */
    unsigned n;
};

static int find_files(const char *dir, struct found *ret_found)
{
    char **names;
    int rc = file_list(dir, &names);
    if (rc < 0)
        return rc;
    ret_found->n = 0;
    for (char **s = names; *s; s++) {
        uint64_t number = audit_file_number(*s);
        if (number == 0)
            continue;
        if (ret_found->n == ARRAY_LEN(ret_found->number))
            memmove(ret_found->number, ret_found->number + 1,
                    --ret_found->n * sizeof(ret_found->number[0]));
        ret_found->number[ret_found->n++] = number; /* they are sorted */
    }
    names_free(names);
    return 0;
}

static char *path_of(const char *dir, uint64_t number)
{
    char name[AUDIT_NAME_LEN], *path;
    audit_file_name(number, name);
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

struct verify_job {
    struct audit_verify *v;
    const char *text;
    size_t len;
    const char *why;
    char buf[200];
};
static void verify_now(void *arg)
{
    struct verify_job *j = arg;
    j->why = audit_verify_text(j->v, j->text, j->len, j->buf);
}

/* -EBADMSG: why is set. */
static int verify_file(const char *path, size_t at_most, struct audit_verify *v, char why[200])
{
    CLEANUP(freep) char *text = NULL;
    size_t len;
    int rc = file_slurp(path, READ_MAX, &text, &len);
    if (rc < 0)
        return rc;
    struct verify_job j = {.v = v, .text = text, .len = MIN(len, at_most)};
    run_offload(verify_now, &j);
    if (!j.why)
        return 0;
    memcpy(why, j.buf, sizeof(j.buf));
    return -EBADMSG;
}

/* ---- the head ---------------------------------------------------------------------------- */

static int head_write(struct trail *t)
{
    char slot[AUDIT_HEAD_SLOT];
    audit_head_make(slot, &t->chain);
    int rc = file_pwrite(t->head, (uint64_t)t->head_slot * AUDIT_HEAD_SLOT, slot, sizeof(slot));
    t->head_slot ^= 1;
    return rc < 0 ? rc : file_flush(t->head);
}

/* *ret_known: there was one. A new one says: no line yet. */
static int head_open(struct trail *t, bool *ret_known, struct audit_chain *ret_chain,
                     struct err *reterr)
{
    CLEANUP(freep) char *path = NULL, *bytes = NULL;
    size_t len = 0;
    if (asprintf(&path, "%s/head", t->dir) < 0)
        return err_set(reterr, -ENOMEM, "out of memory");
    int rc = file_slurp(path, 4096, &bytes, &len);
    if (rc < 0 && rc != -ENOENT)
        return fail(reterr, path, rc);
    *ret_known = rc == 0 && audit_head_read(bytes, len, ret_chain);
    const struct file_opts opts = {.mode = FILE_RDWR, .create = rc == -ENOENT};
    return file_open(path, &opts, &t->head, reterr);
}

/* ---- files ------------------------------------------------------------------------------- */

static bool put(struct trail *t, bool link, const char *text, size_t len)
{
    if (t->len + AUDIT_LINE_MAX > TRAIL_BUF)
        return false;
    if (t->len == 0)
        t->next = t->chain;
    t->len += audit_line(t->buf + t->len, &t->next, link, text, len);
    return true;
}

bool trail_put(struct trail *t, const char *text, size_t len)
{
    return put(t, false, text, len);
}

static void put_event(struct trail *t, bool link, const char *event, const char *key,
                      const char *value)
{
    const struct log_kv kv[] = {KV(key, "%s", value)};
    CLEANUP(freep) char *whole = malloc(AUDIT_TEXT_MAX);
    if (whole)
        put(t, link, whole, audit_text(whole, run_wall(), event, kv, ARRAY_LEN(kv)));
}

int trail_write(struct trail *t)
{
    int rc = t->len > 0 ? file_pwrite(t->file, t->off, t->buf, t->len) : 0;
    if (rc == 0 && t->len > 0) {
        t->off += t->len;
        t->chain = t->next;
    }
    t->len = 0;
    return rc;
}

int trail_sync(struct trail *t)
{
    int rc = file_flush(t->file);
    return rc < 0 ? rc : head_write(t);
}

/* An empty file follows t->chain. */
static int begin_file(struct trail *t, uint64_t number, bool there, struct err *reterr)
{
    CLEANUP(freep) char *path = path_of(t->dir, number);
    const struct file_opts opts = {.mode = FILE_RDWR, .create = !there, .truncate = there};
    char name[AUDIT_NAME_LEN];
    if (!path)
        return err_set(reterr, -ENOMEM, "out of memory");
    int rc = file_open(path, &opts, &t->file, reterr);
    if (rc < 0)
        return rc;
    t->number = number;
    t->off = 0;
    t->len = 0;
    audit_file_name(number, name);
    put_event(t, true, "audit.file", "file", name);
    if (t->broken[0])
        put_event(t, false, "audit.broken", "why", t->broken);
    rc = trail_write(t);
    if (rc == 0)
        rc = trail_sync(t);
    return rc < 0 ? fail(reterr, path, rc) : 0;
}

static void remove_oldest(struct trail *t)
{
    CLEANUP(freep) struct found *f = calloc(1, sizeof(*f));
    char name[AUDIT_NAME_LEN];
    if (!f || find_files(t->dir, f) < 0)
        return;
    for (unsigned i = 0; f->n - i > t->files_max; i++) {
        CLEANUP(freep) char *path = path_of(t->dir, f->number[i]);
        audit_file_name(f->number[i], name);
        put_event(t, false, "audit.removed", "file", name);
        if (trail_write(t) < 0 || trail_sync(t) < 0 || !path || file_unlink(path) < 0)
            return; /* the next rotation tries again */
    }
}

int trail_rotate(struct trail *t, struct err *reterr)
{
    if (t->off < t->file_max)
        return 0;
    int rc = trail_sync(t);
    if (rc < 0)
        return err_set(reterr, rc, "%s: %s", t->dir, strerror(-rc));
    file_close(t->file);
    t->file = NULL;
    t->broken[0] = '\0';
    rc = begin_file(t, t->number + 1, false, reterr);
    if (rc == 0)
        remove_oldest(t);
    return rc;
}

/* ---- opening ----------------------------------------------------------------------------- */

/* What can be read may lie in memory alone: a flush that failed leaves pages that look as if they were on the disk, and the
 * next flush is told that all is well. */
static int write_again(struct trail *t, const char *path)
{
    CLEANUP(freep) char *text = NULL;
    size_t len;
    int rc = file_slurp(path, READ_MAX, &text, &len);
    return rc < 0 ? rc : file_pwrite(t->file, 0, text, MIN(len, t->off));
}

/* Goes on in the newest file, behind what is good of it. */
static int continue_file(struct trail *t, uint64_t number, const struct audit_verify *v,
                         struct err *reterr)
{
    CLEANUP(freep) char *path = path_of(t->dir, number);
    const struct file_opts opts = {.mode = FILE_RDWR};
    if (!path)
        return err_set(reterr, -ENOMEM, "out of memory");
    int rc = file_open(path, &opts, &t->file, reterr);
    if (rc < 0)
        return rc;
    uint64_t size = file_info(t->file)->size;
    t->number = number;
    t->off = v->good_len;
    t->chain = v->chain;
    if (size > t->off) {
        log_warn("audit.torn", KV("file", "%s", path),
                 KV("bytes", "%llu", (unsigned long long)(size - t->off)));
        rc = file_resize(t->file, t->off);
    }
    if (rc == 0)
        rc = write_again(t, path);
    if (rc == 0)
        rc = trail_sync(t);
    return rc < 0 ? fail(reterr, path, rc) : 0;
}

/* What the newest file lacks against the head; "": nothing. */
static void judge(const struct audit_verify *v, bool known, const struct audit_chain *head,
                  const char *why, char ret_broken[200])
{
    unsigned long long have = v->chain.seq, want = head->seq;
    ret_broken[0] = '\0';
    if (!known)
        snprintf(ret_broken, 200, "there are lines up to number %llu, but the head is gone",
                 have);
    else if (v->mark_differs)
        snprintf(ret_broken, 200, "line number %llu is not the one that was written", want);
    else if (v->line > 0 && have < want)
        snprintf(ret_broken, 200, "lines %llu to %llu are gone%s%.100s", have + 1, want,
                 why[0] ? ": of the next one, " : "", why);
}

/* 1: it was begun, whatever became of it. */
static int has_line(const char *path)
{
    CLEANUP(freep) char *text = NULL;
    size_t len;
    int rc = file_slurp(path, READ_MAX, &text, &len);
    return rc < 0 ? rc : memchr(text, '\n', len) != NULL;
}

static int go_on(struct trail *t, const struct found *f, bool known,
                 const struct audit_chain *head, struct err *reterr)
{
    uint64_t newest = f->number[f->n - 1];
    struct audit_verify v = {.mark = *head};
    CLEANUP(freep) char *path = path_of(t->dir, newest);
    char why[200] = "";
    int rc = path ? verify_file(path, SIZE_MAX, &v, why) : -ENOMEM;
    if (rc < 0 && rc != -EBADMSG)
        return fail(reterr, t->dir, rc);
    judge(&v, known, head, why, t->broken);
    if (v.line == 0 && !t->broken[0] && (rc = has_line(path)) != 0) {
        if (rc < 0)
            return fail(reterr, path, rc);
        snprintf(t->broken, sizeof(t->broken), "file %llu: %.100s", (unsigned long long)newest,
                 why);
    }
    if (t->broken[0]) {
        t->chain = known ? *head : v.chain;
        return begin_file(t, newest + 1, false, reterr);
    }
    if (v.line > 0)
        return continue_file(t, newest, &v, reterr);
    t->chain = *head; /* a crash in the moment when it was begun */
    return begin_file(t, newest, true, reterr);
}

int trail_open(struct trail *t, struct err *reterr)
{
    struct audit_chain head = {.seq = 0};
    CLEANUP(freep) struct found *f = calloc(1, sizeof(*f));
    bool known = false;
    int rc = f ? file_mkdir(t->dir, 0700) : -ENOMEM;
    if (rc == 0)
        rc = find_files(t->dir, f);
    if (rc < 0)
        return fail(reterr, t->dir, rc);
    t->broken[0] = '\0';
    if ((rc = head_open(t, &known, &head, reterr)) < 0)
        return rc;
    if (f->n > 0)
        rc = go_on(t, f, known, &head, reterr);
    else {
        t->chain = head;
        if (head.seq > 0)
            snprintf(t->broken, sizeof(t->broken), "all %llu lines are gone",
                     (unsigned long long)head.seq);
        rc = head_write(t);
        rc = rc < 0 ? fail(reterr, t->dir, rc) : begin_file(t, 1, false, reterr);
    }
    return rc;
}

void trail_close(struct trail *t)
{
    file_close(t->file);
    file_close(t->head);
    t->file = t->head = NULL;
    t->len = 0;
}

/* ---- verifying --------------------------------------------------------------------------- */

static int bad_file(uint64_t number, uint64_t line, const char *why, struct err *reterr)
{
    char name[AUDIT_NAME_LEN];
    audit_file_name(number, name);
    return err_set(reterr, -EBADMSG, "%s, line %llu: %s", name, (unsigned long long)line, why);
}

static int verify_all(const struct trail *t, const struct found *f, uint64_t newest,
                      uint64_t off, struct audit_verify *v, struct err *reterr)
{
    char why[200];
    for (unsigned i = 0; i < f->n && f->number[i] <= newest; i++) {
        CLEANUP(freep) char *path = path_of(t->dir, f->number[i]);
        int rc =
            path ? verify_file(path, f->number[i] == newest ? off : SIZE_MAX, v, why) : -ENOMEM;
        if (rc == -ENOENT && !v->begun)
            continue; /* rotation has removed it meanwhile */
        if (rc == -EBADMSG)
            return bad_file(f->number[i], v->line + 1, why, reterr);
        if (rc < 0)
            return fail(reterr, t->dir, rc);
    }
    return 0;
}

int trail_verify(struct trail *t, struct audit_verify *ret_verify, struct err *reterr)
{
    const struct audit_chain end = t->chain;
    uint64_t newest = t->number, off = t->off;
    CLEANUP(freep) struct found *f = calloc(1, sizeof(*f));
    struct audit_verify v = {.mark = end};
    int rc = f ? find_files(t->dir, f) : -ENOMEM;
    if (rc < 0)
        return fail(reterr, t->dir, rc);
    if ((rc = verify_all(t, f, newest, off, &v, reterr)) < 0)
        return rc;
    char buf[200];
    const char *why = audit_verify_end(&v, f->n > 0 ? f->number[0] : 1, &end, buf);
    if (why)
        return err_set(reterr, -EBADMSG, "the trail is not whole: %s", why);
    *ret_verify = v;
    return 0;
}
