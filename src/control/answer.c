/* SPDX-License-Identifier: BSD-2-Clause */
/* Results and errors to lines. Answers may hold secrets, so a text is made in one buffer of its
 * final size: growing one would leave copies behind. Pure. */
#include "base/util.h"
#include "control/json_util.h"
#include "control/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int encode(json_t *answer, bool bad, char **ret_line, size_t *ret_len)
{
    size_t len = bad ? 0 : json_dumpb(answer, NULL, 0, JSON_COMPACT);
    char *line = len > 0 ? malloc(len + 1) : NULL;
    if (line) {
        json_dumpb(answer, line, len, JSON_COMPACT);
        line[len] = '\n';
        *ret_line = line;
        *ret_len = len + 1;
    }
    json_decref(answer);
    return line ? 0 : -ENOMEM;
}

static json_t *envelope(struct jb *b, const json_t *id)
{
    json_t *answer = jb_object(b);
    jb_text(b, answer, "jsonrpc", "2.0");
    jb_put(b, answer, "id", id ? json_deep_copy(id) : json_null());
    return answer;
}

int answer_result(const json_t *id, json_t *result, char **ret_line, size_t *ret_len)
{
    struct jb b = {false};
    json_t *answer = envelope(&b, id);
    jb_put(&b, answer, "result", result);
    return encode(answer, b.bad, ret_line, ret_len);
}

static json_t *error_data(struct jb *b, const struct rpc_error *e)
{
    json_t *data = jb_object(b);
    const char *name = e->code == RPC_FAILED ? strerrorname_np(-e->err.code) : NULL;
    jb_text(b, data, "errno", name);
    jb_text(b, data, "field", e->field);
    return data;
}

int answer_error(const json_t *id, const struct rpc_error *e, char **ret_line, size_t *ret_len)
{
    struct jb b = {false};
    json_t *answer = envelope(&b, id), *error = jb_object(&b);
    jb_put(&b, error, "code", json_integer(e->code));
    jb_put(&b, error, "message", json_any_text(e->err.msg));
    if (e->code == RPC_FAILED || e->field[0])
        jb_put(&b, error, "data", error_data(&b, e));
    jb_put(&b, answer, "error", error);
    return encode(answer, b.bad, ret_line, ret_len);
}
