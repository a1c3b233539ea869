/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits. Ranges were checked by the decoder; what concerns several of them is checked by the
 * configuration. Parks. */
#include "base/cleanup.h"
#include "control/api_gen.h"
#include "control/control_int.h"

static json_t *limits_json(struct jb *b, const struct cfg_limits *l)
{
    json_t *j = jb_object(b);
    jb_text(b, j, "chap_require", cfg_chap_name(l->chap_require));
    jb_uint(b, j, "max_connections", l->max_connections);
    jb_uint(b, j, "max_connections_per_host", l->max_connections_per_host);
    jb_uint(b, j, "max_logins_per_address", l->max_logins_per_address);
    jb_uint(b, j, "tasks_per_session", l->tasks_per_session);
    jb_uint(b, j, "data_memory", l->data_memory);
    jb_uint(b, j, "pool_cache", l->pool_cache);
    jb_uint(b, j, "pool_dirty", l->pool_dirty);
    jb_uint(b, j, "login_timeout_ms", l->login_timeout_ms);
    jb_uint(b, j, "lease_timeout_ms", l->lease_timeout_ms);
    jb_uint(b, j, "nop_interval_ms", l->nop_interval_ms);
    jb_uint(b, j, "nop_timeout_ms", l->nop_timeout_ms);
    jb_uint(b, j, "max_recv_data_segment", l->max_recv_data_segment);
    jb_uint(b, j, "max_burst", l->max_burst);
    jb_uint(b, j, "first_burst", l->first_burst);
    jb_uint(b, j, "max_outstanding_r2t", l->max_outstanding_r2t);
    return j;
}

int rpc_limits_show(struct control *c, const struct args_limits_show *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    (void)a;
    return jb_done(&b, limits_json(&b, &cfg->limits), ret_result, reterr);
}

static void apply_settings(const struct args_limits_set *a, struct cfg_limits *l)
{
    if (a->has_chap_require)
        l->chap_require = (enum cfg_chap)a->chap_require;
    if (a->has_max_connections)
        l->max_connections = (uint32_t)a->max_connections;
    if (a->has_max_connections_per_host)
        l->max_connections_per_host = (uint32_t)a->max_connections_per_host;
    if (a->has_max_logins_per_address)
        l->max_logins_per_address = (uint32_t)a->max_logins_per_address;
    if (a->has_tasks_per_session)
        l->tasks_per_session = (uint32_t)a->tasks_per_session;
    if (a->has_data_memory)
        l->data_memory = a->data_memory;
    if (a->has_pool_cache)
        l->pool_cache = a->pool_cache;
    if (a->has_pool_dirty)
        l->pool_dirty = a->pool_dirty;
    if (a->has_login_timeout_ms)
        l->login_timeout_ms = (uint32_t)a->login_timeout_ms;
    if (a->has_lease_timeout_ms)
        l->lease_timeout_ms = (uint32_t)a->lease_timeout_ms;
    if (a->has_nop_interval_ms)
        l->nop_interval_ms = (uint32_t)a->nop_interval_ms;
    if (a->has_nop_timeout_ms)
        l->nop_timeout_ms = (uint32_t)a->nop_timeout_ms;
    if (a->has_max_recv_data_segment)
        l->max_recv_data_segment = (uint32_t)a->max_recv_data_segment;
    if (a->has_max_burst)
        l->max_burst = (uint32_t)a->max_burst;
    if (a->has_first_burst)
        l->first_burst = (uint32_t)a->first_burst;
    if (a->has_max_outstanding_r2t)
        l->max_outstanding_r2t = (uint16_t)a->max_outstanding_r2t;
}

int rpc_limits_set(struct control *c, const struct args_limits_set *a, json_t **ret_result,
                   struct err *reterr)
{
    EDIT(e);
    struct jb b = {false};
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc < 0)
        return rc;
    struct cfg_limits l = config_edit_base(e)->limits;
    apply_settings(a, &l);
    rc = edit_limits_put(e, &l, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    return rc < 0 ? rc : change_done(c, e, &b, limits_json(&b, &l), ret_result, reterr);
}
