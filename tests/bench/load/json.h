/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes one JSON object as one line. Keys are literals of ours; string values are escaped. */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool comma; /* the next member needs one before it */
};

/* Opens an object: the outermost with key NULL, an inner one as the member named key. */
void json_open(struct json *j, const char *key);
void json_close(struct json *j);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_num(struct json *j, const char *key, double v); /* three decimals */
void json_str(struct json *j, const char *key, const char *v);
/* Ends the line and hands it to the reader at once. */
void json_end_line(struct json *j);

#endif
