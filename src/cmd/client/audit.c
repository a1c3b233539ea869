/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verifying a copy of an audit trail, a file of it or the folder, without a daemon: whoever doubts
 * it need not ask it. A file alone is believed what it says it follows; a folder has to be whole, up to its head.
 */
#include "audit/chain.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/client/client.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (64u << 20)

/* The whole file; the caller frees. */
static char *slurp(const char *path, size_t *ret_len, struct err *reterr)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? malloc(FILE_MAX) : NULL;
    size_t len = text ? fread(text, 1, FILE_MAX, f) : 0;
    int e = errno;
    bool bad = !text || ferror(f) || len == FILE_MAX;
    if (f)
        fclose(f);
    if (bad) {
        free(text);
        err_set(reterr, -1, "%.150s: %s", path,
                len == FILE_MAX ? "too long for a file of an audit trail" : strerror(e));
        return NULL;
    }
    *ret_len = len;
    return text;
}

static int bad_line(const char *name, uint64_t line, const char *why, struct err *reterr)
{
    err_set(reterr, -1, "%.80s, line %llu: %s", name, (unsigned long long)line, why);
    return EXIT_FAILED;
}

static int verify_file(const char *path, const char *name, struct audit_verify *v,
                       struct err *reterr)
{
    char buf[200];
    size_t len;
    CLEANUP(freep) char *text = slurp(path, &len, reterr);
    if (!text)
        return EXIT_FAILED;
    const char *why = audit_verify_text(v, text, len, buf);
    if (!why && len == 0)
        why = "it is empty";
    return why ? bad_line(name, v->line + 1, why, reterr) : EXIT_DONE;
}

static int is_ours(const struct dirent *d)
{
    return audit_file_number(d->d_name) != 0;
}

static void read_head(const char *dir, struct audit_chain *ret_head)
{
    CLEANUP(freep) char *path = NULL, *bytes = NULL;
    size_t len;
    if (asprintf(&path, "%s/head", dir) >= 0 && (bytes = slurp(path, &len, NULL)))
        audit_head_read(bytes, len, ret_head);
}

static int verify_folder(const char *dir, struct audit_verify *v, struct err *reterr)
{
    struct dirent **all;
    char buf[200];
    int n = scandir(dir, &all, is_ours, alphasort), status = EXIT_DONE;
    uint64_t first = n > 0 ? audit_file_number(all[0]->d_name) : 1;
    read_head(dir, &v->mark);
    for (int i = 0; i < n; i++) {
        CLEANUP(freep) char *path = NULL;
        if (status == EXIT_DONE && asprintf(&path, "%s/%s", dir, all[i]->d_name) >= 0)
            status = verify_file(path, all[i]->d_name, v, reterr);
        free(all[i]);
    }
    if (n >= 0)
        free(all);
    if (n <= 0) {
        err_set(reterr, -1, "%.150s: there is no file of an audit trail", dir);
        return EXIT_FAILED;
    }
    const char *why = status == EXIT_DONE ? audit_verify_end(v, first, &v->mark, buf) : NULL;
    if (why) {
        err_set(reterr, -1, "%.80s: %s", dir, why);
        status = EXIT_FAILED;
    }
    return status;
}

int audit_verify_copy(const char *path, json_t **ret_result, struct err *reterr)
{
    struct audit_verify v = {.begun = false};
    char hex[2 * AUDIT_HASH_LEN + 1];
    struct stat st;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    int status = folder ? verify_folder(path, &v, reterr) : verify_file(path, path, &v, reterr);
    if (status != EXIT_DONE)
        return status;
    hex_encode(v.chain.hash, AUDIT_HASH_LEN, hex);
    *ret_result = json_pack("{s:I, s:I, s:s}", "first", (json_int_t)v.first, "last",
                            (json_int_t)v.chain.seq, "hash", hex);
    return EXIT_DONE;
}
