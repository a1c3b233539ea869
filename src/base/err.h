/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors for operators: a negative errno and one sentence that names the object and the fix,
 * made where the fact is known. System errors travel as plain negative errno; E() marks where
 * one is born, so that a trace shows the line (OpenZFS's SET_ERROR does the same).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/util.h"

struct err {
    int code; /* negative errno, 0: none */
    char msg[240];
};

/* Fills reterr (may be NULL) and returns code, so that it ends a function: return
 * err_set(...). */
int err_set(struct err *reterr, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts "what: " before the message. Returns the code that is there. */
int err_prefix(struct err *reterr, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Called for every E(); set once in main() (NULL: off, the default). */
typedef void (*err_trace_fn)(int code, const char *file, int line);
void err_trace_set(err_trace_fn fn);
int err_trace(int code, const char *file, int line);
#define E(code) err_trace((code), __FILE__, __LINE__)

#endif
