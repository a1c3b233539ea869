/* SPDX-License-Identifier: BSD-2-Clause */
/* Error objects and failed checks. Nothing here parks; err_trace_fn is one of the few
 * globals. */
#include "base/err.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static err_trace_fn trace;

int err_set(struct err *reterr, int code, const char *fmt, ...)
{
    if (reterr) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(reterr->msg, sizeof(reterr->msg), fmt, ap);
        va_end(ap);
        reterr->code = code;
    }
    return code;
}

int err_prefix(struct err *reterr, const char *fmt, ...)
{
    if (!reterr)
        return 0;
    char old[sizeof(reterr->msg)];
    memcpy(old, reterr->msg, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(reterr->msg, sizeof(reterr->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(reterr->msg)) {
        size_t left = sizeof(reterr->msg) - (size_t)n;
        snprintf(reterr->msg + n, left, ": %.*s", (int)left - 1, old);
    }
    return reterr->code;
}

void err_trace_set(err_trace_fn fn)
{
    trace = fn;
}

int err_trace(int code, const char *file, int line)
{
    if (trace)
        trace(code, file, line);
    return code;
}

void check_failed(const char *file, int line, const char *expr)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expr);
    abort();
}

void check_cmp_failed(const char *file, int line, const char *expr, intmax_t a, intmax_t b)
{
    fprintf(stderr, "%s:%d: check failed: %s (%jd, %jd)\n", file, line, expr, a, b);
    abort();
}
