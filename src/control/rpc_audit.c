/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit trail: where it is, and whether it is whole. Parks. */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>

static json_t *trail_json(struct jb *b, const struct audit_info *i)
{
    char hex[2 * AUDIT_HASH_LEN + 1];
    json_t *j = jb_object(b);
    hex_encode(i->chain.hash, AUDIT_HASH_LEN, hex);
    jb_text(b, j, "folder", i->dir);
    jb_uint(b, j, "file", i->file);
    jb_uint(b, j, "lines", i->chain.seq);
    jb_text(b, j, "hash", hex);
    jb_uint(b, j, "lost", i->lost);
    jb_uint(b, j, "left_out", i->left_out);
    jb_text(b, j, "failing", i->failing[0] ? i->failing : NULL);
    jb_text(b, j, "broken", i->broken[0] ? i->broken : NULL);
    return j;
}

static int no_trail(struct err *reterr)
{
    return err_set(reterr, -EAGAIN, "there is no audit trail");
}

int rpc_audit_trail(struct control *c, const struct args_audit_trail *a, json_t **ret_result,
                    struct err *reterr)
{
    CLEANUP(freep) struct audit_info *i = calloc(1, sizeof(*i));
    struct jb b = {false};
    (void)a;
    if (!c->env.audit)
        return no_trail(reterr);
    if (!i)
        return -ENOMEM;
    audit_info(c->env.audit, i);
    return jb_done(&b, trail_json(&b, i), ret_result, reterr);
}

int rpc_audit_verify(struct control *c, const struct args_audit_verify *a, json_t **ret_result,
                     struct err *reterr)
{
    struct audit_verify v;
    struct jb b = {false};
    char hex[2 * AUDIT_HASH_LEN + 1];
    (void)a;
    int rc = c->env.audit ? audit_verify(c->env.audit, &v, reterr) : no_trail(reterr);
    if (rc < 0)
        return rc;
    json_t *j = jb_object(&b);
    hex_encode(v.chain.hash, AUDIT_HASH_LEN, hex);
    jb_uint(&b, j, "first", v.first);
    jb_uint(&b, j, "last", v.chain.seq);
    jb_text(&b, j, "hash", hex);
    return jb_done(&b, j, ret_result, reterr);
}
