/* SPDX-License-Identifier: BSD-2-Clause */
/* A writer, not a library: it knows just what the load generators have to say. */
#include "json.h"

#include <inttypes.h>

static void put_string(struct json *j, const char *s)
{
    fputc('"', j->out);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(j->out, "\\%c", c);
        else if (c < 0x20)
            fprintf(j->out, "\\u%04x", c);
        else
            fputc(c, j->out);
    }
    fputc('"', j->out);
}

static void put_key(struct json *j, const char *key)
{
    if (j->comma)
        fputc(',', j->out);
    if (key) {
        put_string(j, key);
        fputc(':', j->out);
    }
    j->comma = true;
}

void json_open(struct json *j, const char *key)
{
    put_key(j, key);
    fputc('{', j->out);
    j->comma = false;
}

void json_close(struct json *j)
{
    fputc('}', j->out);
    j->comma = true;
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
    put_key(j, key);
    fprintf(j->out, "%" PRIu64, v);
}

void json_num(struct json *j, const char *key, double v)
{
    put_key(j, key);
    fprintf(j->out, "%.3f", v);
}

void json_str(struct json *j, const char *key, const char *v)
{
    put_key(j, key);
    put_string(j, v);
}

void json_end_line(struct json *j)
{
    fputc('\n', j->out);
    fflush(j->out);
    j->comma = false;
}
