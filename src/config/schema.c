/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of the document. A row gives a member's name, its place in the struct and its
 * limits; fields.c reads and writes by it. Members left at their default are not written, so
 * that a file shows what somebody decided. Nested members (LUNs, grants, portals) are
 * references and lists: config_json.c reads them.
 */
#include "config/schema.h"

#include "config/sources.h"

#include <errno.h>
#include <string.h>

static const char *const engine_names[] = {
    [CFG_MEM] = "mem",   [CFG_NULL] = "null",   [CFG_FILE] = "file",
    [CFG_POOL] = "pool", [CFG_POOL + 1] = NULL,
};
static const char *const sync_names[] = {[VOL_SYNC_ALWAYS] = "always",
                                         [VOL_SYNC_STANDARD] = "standard",
                                         [VOL_SYNC_DISABLED] = "disabled",
                                         [VOL_SYNC_DISABLED + 1] = NULL};
static const char *const policy_names[] = {[CFG_EXCLUSIVE] = "exclusive",
                                           [CFG_CLUSTER] = "cluster",
                                           [CFG_READ_SHARED] = "read-shared",
                                           [CFG_READ_SHARED + 1] = NULL};
static const char *const auth_names[] = {[CFG_AUTH_MUTUAL] = "mutual",
                                         [CFG_AUTH_ONE_WAY] = "one-way",
                                         [CFG_AUTH_NONE] = "none",
                                         [CFG_AUTH_NONE + 1] = NULL};

static const char *const alua_names[] = {[CFG_ALUA_OPTIMIZED] = "optimized",
                                         [CFG_ALUA_NON_OPTIMIZED] = "non-optimized",
                                         [CFG_ALUA_STANDBY] = "standby",
                                         [CFG_ALUA_STANDBY + 1] = NULL};
static const char *const verify_names[] = {[CFG_VERIFY_LOCAL] = "local",
                                           [CFG_VERIFY_RADIUS] = "radius",
                                           [CFG_VERIFY_RADIUS + 1] = NULL};

const char *cfg_verify_name(enum cfg_verify v)
{
    return verify_names[v];
}

const char *cfg_policy_name(enum cfg_policy p)
{
    return policy_names[p];
}

const char *cfg_auth_name(enum cfg_auth a)
{
    return auth_names[a];
}

const char *cfg_alua_name(enum cfg_alua_state s)
{
    return alua_names[s];
}

#define VOLUME_MAX (UINT64_C(1) << 60)
#define KIB        UINT64_C(1024)

static const struct field volume_fields[] = {
    FIELD(struct cfg_volume, id, F_UUID),
    FIELD(struct cfg_volume, engine, F_ENUM, .names = engine_names, .always = true),
    FIELD_STR(struct cfg_volume, path),
    FIELD_STR(struct cfg_volume, dataset),
    FIELD(struct cfg_volume, size, F_U64, .max = VOLUME_MAX),
    FIELD(struct cfg_volume, block_size, F_U32, .min = 512, .max = 4096, .always = true),
    FIELD(struct cfg_volume, physical_block, F_U32, .max = 65536),
    FIELD(struct cfg_volume, read_only, F_BOOL),
    FIELD(struct cfg_volume, thin, F_BOOL, .always = true),
    FIELD(struct cfg_volume, sync, F_ENUM, .names = sync_names, .always = true),
    {.name = "iops_limit", .type = F_U64,                      .off = offsetof(struct cfg_volume, limits.iops)},
    {.name = "bandwidth_limit",        .type = F_U64,                                          .off = offsetof(struct cfg_volume, limits.bps)},
    FIELD(struct cfg_volume, threshold_pct, F_U32, .max = 99),
    FIELD(struct cfg_volume, policy, F_ENUM, .names = policy_names),
    {.name = "hosts",.type = F_NESTED},
};
static const struct field target_fields[] = {
    FIELD_STR(struct cfg_target, alias),
    FIELD(struct cfg_target, disabled, F_BOOL),
    FIELD(struct cfg_target, unlisted, F_BOOL),
    FIELD_STR(struct cfg_target, redirect),
    FIELD(struct cfg_target, redirect_permanent, F_BOOL),
    {.name = "luns",          .type = F_NESTED},
    {.name = "past_luns",     .type = F_NESTED},
    {.name = "portal_groups", .type = F_NESTED},
    {.name = "rel_ports",     .type = F_NESTED},
    {.name = "grants",        .type = F_NESTED},
    {.name = "grant_sources", .type = F_NESTED},
};
static const struct field portal_fields[] = {
    FIELD_STR(struct cfg_portal, address, .required = true, .always = true),
    FIELD(struct cfg_portal, port, F_U16, .min = 1, .always = true),
    FIELD_STR(struct cfg_portal, interface),
    FIELD(struct cfg_portal, any_address, F_BOOL),
    FIELD_STR(struct cfg_portal, advertise),
    {.name = "sources", .type = F_NESTED},
};
static const struct field group_fields[] = {
    FIELD(struct cfg_portal_group, alua_group, F_U16, .min = 1),
    FIELD(struct cfg_portal_group, alua_state, F_ENUM, .names = alua_names),
    {.name = "portals", .type = F_NESTED},
};
static const struct field initiator_fields[] = {
    FIELD(struct cfg_initiator, auth, F_ENUM, .names = auth_names, .always = true),
    FIELD(struct cfg_initiator, verify, F_ENUM, .names = verify_names),
    FIELD_STR(struct cfg_initiator, label),
    {.name = "host", .type = F_NESTED},
    {.name = "chap", .type = F_NESTED},
};
const char *const schema_chap_names[] = {[CFG_CHAP_MD5] = "md5",
                                         [CFG_CHAP_SHA1] = "sha1",
                                         [CFG_CHAP_SHA256] = "sha256",
                                         [CFG_CHAP_SHA3_256] = "sha3-256",
                                         NULL};
static const struct field limits_fields[] = {
    FIELD(struct cfg_limits, chap_require, F_ENUM, .names = schema_chap_names),
    FIELD(struct cfg_limits, max_connections, F_U32, .min = 1, .max = 65536),
    FIELD(struct cfg_limits, max_connections_per_host, F_U32, .max = 65536),
    FIELD(struct cfg_limits, max_logins_per_address, F_U32, .min = 1, .max = 65536),
    FIELD(struct cfg_limits, tasks_per_session, F_U32, .min = 2, .max = 4096),
    FIELD(struct cfg_limits, data_memory, F_U64),
    FIELD(struct cfg_limits, pool_cache, F_U64),
    FIELD(struct cfg_limits, pool_dirty, F_U64),
    FIELD(struct cfg_limits, login_timeout_ms, F_U32, .min = 1000, .max = 600000),
    FIELD(struct cfg_limits, lease_timeout_ms, F_U32, .min = 1000, .max = 86400000),
    FIELD(struct cfg_limits, nop_interval_ms, F_U32, .max = 3600000),
    FIELD(struct cfg_limits, nop_timeout_ms, F_U32, .min = 1000, .max = 3600000),
    FIELD(struct cfg_limits, max_recv_data_segment, F_U32, .min = 8192, .max = 16777215),
    FIELD(struct cfg_limits, max_burst, F_U32, .min = 8192, .max = 16777215),
    FIELD(struct cfg_limits, first_burst, F_U32, .min = 8192, .max = 16777215),
    FIELD(struct cfg_limits, max_outstanding_r2t, F_U16, .min = 1, .max = 64),
};
static const struct field isns_fields[] = {
    FIELD(struct cfg_isns, enabled, F_BOOL, .always = true),
    FIELD_STR(struct cfg_isns, entity),
    {.name = "servers", .type = F_NESTED},
};
static const struct field isns_server_fields[] = {
    FIELD_STR(struct cfg_isns_server, address, .required = true, .always = true),
    FIELD(struct cfg_isns_server, port, F_U16, .min = 1, .always = true),
};
static const struct field radius_fields[] = {
    {.name = "servers", .type = F_NESTED},
};
static const struct field radius_server_fields[] = {
    FIELD_STR(struct cfg_radius_server, address, .required = true, .always = true),
    FIELD(struct cfg_radius_server, port, F_U16, .min = 1, .always = true),
    FIELD(struct cfg_radius_server, timeout_ms, F_U32, .min = 100, .max = 60000),
    FIELD(struct cfg_radius_server, tries, F_U32, .min = 1, .max = 10),
};
static const struct field root_fields[] = {
    FIELD_STR(struct cfg_root, format, .required = true, .always = true),
    FIELD(struct cfg_root, version, F_U32, .required = true, .always = true),
    FIELD_STR(struct cfg_root, iqn_prefix),
    FIELD_STR(struct cfg_root, oui),
    FIELD(struct cfg_root, next_rel_port, F_U32, .min = 1, .max = 65536),
    {.name = "volumes",       .type = F_NESTED},
    {.name = "targets",       .type = F_NESTED},
    {.name = "portal_groups", .type = F_NESTED},
    {.name = "hosts",         .type = F_NESTED},
    {.name = "initiators",    .type = F_NESTED},
    {.name = "limits",        .type = F_NESTED},
    {.name = "isns",          .type = F_NESTED},
    {.name = "radius",        .type = F_NESTED},
};

const struct cfg_volume *schema_volume_default(void)
{
    static const struct cfg_volume v = {
        .engine = CFG_FILE, .block_size = 512, .thin = true, .sync = VOL_SYNC_ALWAYS};
    return &v;
}
struct cfg_target schema_target_default(void)
{
    return (struct cfg_target){.disabled = false};
}
struct cfg_portal schema_portal_default(void)
{
    return (struct cfg_portal){.port = 3260};
}
struct cfg_initiator schema_initiator_default(void)
{
    return (struct cfg_initiator){.auth = CFG_AUTH_MUTUAL};
}
struct cfg_limits schema_limits_default(void)
{
    return (struct cfg_limits){
        .max_connections = 4096,
        .max_logins_per_address = 32,
        .tasks_per_session = 128,
        .login_timeout_ms = 15000,
        .lease_timeout_ms = 60000,
        .nop_interval_ms = 15000,
        .nop_timeout_ms = 10000,
        .max_recv_data_segment = 256 * KIB,
        .max_burst = 1024 * KIB,
        .first_burst = 256 * KIB,
        .max_outstanding_r2t = 4,
    };
}
struct cfg_radius_server schema_radius_server_default(void)
{
    return (struct cfg_radius_server){.port = CFG_RADIUS_PORT, .timeout_ms = 2000, .tries = 3};
}
struct cfg_root schema_root_default(void)
{
    return (struct cfg_root){.format = CONFIG_FORMAT,
                             .version = CONFIG_VERSION,
                             .iqn_prefix = "iqn.2026-11.io.zsan",
                             .next_rel_port = 1};
}

int schema_sources_read(const json_t *j, const char *member, const char *what,
                        struct cfg_sources *ret_sources, struct err *reterr)
{
    const json_t *list = NULL;
    struct cfg_sources s = {.n = 0};
    int rc = field_array(j, member, what, &list, reterr);
    if (rc == 0 && list && json_array_size(list) == 0)
        rc = err_set(reterr, -EINVAL,
                     "%s: \"%.60s\" lists no source network: leave it out to admit all, or "
                     "take the grant or portal away to admit none",
                     what, member);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        rc = cfg_sources_add(&s, text ? text : "", what, reterr);
    }
    *ret_sources = s;
    return rc;
}

int cfg_hosts_add(char list[CFG_HOSTS_LEN], const char *host, const char *what,
                  struct err *reterr)
{
    size_t len = strlen(list), more = strlen(host);
    if (more == 0 || strchr(host, ' '))
        return err_set(reterr, -EINVAL, "%s: \"%.63s\" is no name of a host", what, host);
    if (len + 1 + more >= CFG_HOSTS_LEN)
        return err_set(
            reterr, -EINVAL,
            "%s: the names in \"hosts\" are longer than %d bytes together: leave them "
            "out, and all hosts that are granted may",
            what, CFG_HOSTS_LEN - 1);
    if (len != 0)
        list[len++] = ' ';
    memcpy(list + len, host, more + 1);
    return 0;
}

static int hosts_read(const json_t *j, const char *what, char ret_list[CFG_HOSTS_LEN],
                      struct err *reterr)
{
    const json_t *list = NULL;
    int rc = field_array(j, "hosts", what, &list, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        const char *host = json_string_value(json_array_get(list, i));
        rc = cfg_hosts_add(ret_list, host ? host : "", what, reterr);
    }
    return rc;
}

int schema_volume_read(const json_t *j, const char *what, struct cfg_volume *ret_volume,
                       struct err *reterr)
{
    *ret_volume = *schema_volume_default();
    int rc = fields_read(j, volume_fields, ARRAY_LEN(volume_fields), ret_volume, what, reterr);
    return rc < 0 ? rc : hosts_read(j, what, ret_volume->hosts, reterr);
}
int schema_target_read(const json_t *j, const char *what, struct cfg_target *ret_target,
                       struct err *reterr)
{
    *ret_target = schema_target_default();
    return fields_read(j, target_fields, ARRAY_LEN(target_fields), ret_target, what, reterr);
}
int schema_portal_read(const json_t *j, const char *what, struct cfg_portal *ret_portal,
                       struct err *reterr)
{
    *ret_portal = schema_portal_default();
    int rc = fields_read(j, portal_fields, ARRAY_LEN(portal_fields), ret_portal, what, reterr);
    return rc < 0 ? rc : schema_sources_read(j, "sources", what, &ret_portal->sources, reterr);
}
int schema_group_read(const json_t *j, const char *what, struct cfg_portal_group *ret_group,
                      struct err *reterr)
{
    return fields_read(j, group_fields, ARRAY_LEN(group_fields), ret_group, what, reterr);
}
int schema_limits_read(const json_t *j, struct cfg_limits *ret_limits, struct err *reterr)
{
    *ret_limits = schema_limits_default();
    return fields_read(j, limits_fields, ARRAY_LEN(limits_fields), ret_limits, "limits",
                       reterr);
}
static int isns_servers_read(const json_t *j, struct cfg_isns *isns, struct err *reterr)
{
    const json_t *list = NULL;
    int rc = field_array(j, "servers", "isns", &list, reterr);
    if (rc == 0 && json_array_size(list) > CFG_ISNS_SERVERS)
        rc = err_set(reterr, -EINVAL, "isns: there may be %d servers", CFG_ISNS_SERVERS);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        struct cfg_isns_server *s = &isns->servers[isns->nservers++];
        s->port = CFG_ISNS_PORT;
        rc = fields_read(json_array_get(list, i), isns_server_fields,
                         ARRAY_LEN(isns_server_fields), s, "isns", reterr);
    }
    return rc;
}
int schema_radius_read(const json_t *j, struct cfg_radius *ret_radius, struct err *reterr)
{
    const json_t *list = NULL;
    struct cfg_radius *r = ret_radius;
    r->nservers = 0;
    int rc = fields_read(j, radius_fields, ARRAY_LEN(radius_fields), NULL, "radius", reterr);
    if (rc == 0)
        rc = field_array(j, "servers", "radius", &list, reterr);
    if (rc == 0 && json_array_size(list) > CFG_RADIUS_SERVERS)
        rc = err_set(reterr, -EINVAL, "radius: there may be %d servers", CFG_RADIUS_SERVERS);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        struct cfg_radius_server *s = &r->servers[r->nservers++];
        *s = schema_radius_server_default();
        rc = fields_read(json_array_get(list, i), radius_server_fields,
                         ARRAY_LEN(radius_server_fields), s, "radius", reterr);
    }
    return rc;
}
int schema_isns_read(const json_t *j, struct cfg_isns *ret_isns, struct err *reterr)
{
    *ret_isns = (struct cfg_isns){.enabled = false};
    int rc = fields_read(j, isns_fields, ARRAY_LEN(isns_fields), ret_isns, "isns", reterr);
    return rc < 0 ? rc : isns_servers_read(j, ret_isns, reterr);
}
int schema_root_read(const json_t *j, struct cfg_root *ret_root, struct err *reterr)
{
    *ret_root = schema_root_default();
    return fields_read(j, root_fields, ARRAY_LEN(root_fields), ret_root, "configuration",
                       reterr);
}

/* "chap": ["sha256", ...] as a bit mask. */
static int chap_read(const json_t *j, const char *what, uint16_t *ret_algs, struct err *reterr)
{
    const json_t *list = NULL;
    int rc = field_array(j, "chap", what, &list, reterr);
    if (rc < 0)
        return rc;
    uint16_t algs = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        int alg = name ? chap_alg_parse(name) : -1;
        if (alg < 0)
            return err_set(reterr, -EINVAL,
                           "%s: \"chap\" lists algorithms: md5, sha1, sha256, sha3-256", what);
        algs = (uint16_t)(algs | 1u << alg);
    }
    *ret_algs = algs;
    return 0;
}

int schema_initiator_read(const json_t *j, const char *what,
                          struct cfg_initiator *ret_initiator, struct err *reterr)
{
    *ret_initiator = schema_initiator_default();
    int rc = fields_read(j, initiator_fields, ARRAY_LEN(initiator_fields), ret_initiator, what,
                         reterr);
    return rc < 0 ? rc : chap_read(j, what, &ret_initiator->chap_algs, reterr);
}

int schema_sources_write(json_t *j, const char *member, const struct cfg_sources *s)
{
    char text[CFG_NETWORK_LEN];
    if (s->n == 0) {
        json_object_del(j, member);
        return 0;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < s->n; i++) {
        cfg_network_format(&s->net[i], text);
        if (json_array_append_new(list, json_string(text)) != 0) {
            json_decref(list);
            return -ENOMEM;
        }
    }
    return json_object_set_new(j, member, list) ? -ENOMEM : 0;
}

const char *cfg_hosts_next(const char **list, size_t *ret_len)
{
    const char *name = *list + strspn(*list, " ");
    *ret_len = strcspn(name, " ");
    *list = name + *ret_len;
    return *ret_len != 0 ? name : NULL;
}

static int hosts_write(json_t *j, const char *hosts)
{
    const char *name;
    size_t len;
    if (!hosts[0]) {
        json_object_del(j, "hosts");
        return 0;
    }
    json_t *list = json_array();
    while ((name = cfg_hosts_next(&hosts, &len)))
        if (json_array_append_new(list, json_stringn(name, len)) != 0) {
            json_decref(list);
            return -ENOMEM;
        }
    return json_object_set_new(j, "hosts", list) ? -ENOMEM : 0;
}

int schema_volume_write(json_t *j, const struct cfg_volume *v)
{
    int rc =
        fields_write(j, volume_fields, ARRAY_LEN(volume_fields), v, schema_volume_default());
    return rc < 0 ? rc : hosts_write(j, v->hosts);
}
int schema_target_write(json_t *j, const struct cfg_target *t)
{
    struct cfg_target d = schema_target_default();
    return fields_write(j, target_fields, ARRAY_LEN(target_fields), t, &d);
}
int schema_portal_write(json_t *j, const struct cfg_portal *p)
{
    struct cfg_portal d = schema_portal_default();
    int rc = fields_write(j, portal_fields, ARRAY_LEN(portal_fields), p, &d);
    return rc < 0 ? rc : schema_sources_write(j, "sources", &p->sources);
}
int schema_limits_write(json_t *j, const struct cfg_limits *l)
{
    struct cfg_limits d = schema_limits_default();
    return fields_write(j, limits_fields, ARRAY_LEN(limits_fields), l, &d);
}
int schema_radius_write(json_t *j, const struct cfg_radius *r)
{
    const struct cfg_radius_server d = schema_radius_server_default();
    json_t *list = json_array();
    for (unsigned k = 0; list && k < r->nservers; k++) {
        json_t *s = json_object();
        if (!s ||
            fields_write(s, radius_server_fields, ARRAY_LEN(radius_server_fields),
                         &r->servers[k], &d) < 0 ||
            json_array_append(list, s) != 0) {
            json_decref(list);
            list = NULL;
        }
        json_decref(s);
    }
    return list && json_object_set_new(j, "servers", list) == 0 ? 0 : -ENOMEM;
}
int schema_isns_write(json_t *j, const struct cfg_isns *i)
{
    static const struct cfg_isns none;
    json_t *list = json_array();
    for (unsigned k = 0; list && k < i->nservers; k++) {
        json_t *s = json_object();
        if (!s ||
            fields_write(s, isns_server_fields, ARRAY_LEN(isns_server_fields), &i->servers[k],
                         NULL) < 0 ||
            json_array_append(list, s) != 0) {
            json_decref(list);
            list = NULL;
        }
        json_decref(s);
    }
    if (!list || json_object_set_new(j, "servers", list) != 0)
        return -ENOMEM;
    return fields_write(j, isns_fields, ARRAY_LEN(isns_fields), i, &none);
}
int schema_root_write(json_t *j, const struct cfg_root *r)
{
    return fields_write(j, root_fields, ARRAY_LEN(root_fields), r, NULL);
}

static int chap_write(json_t *j, uint16_t algs)
{
    if (algs == 0) {
        json_object_del(j, "chap");
        return 0;
    }
    json_t *list = json_array();
    for (unsigned alg = 0; alg <= CHAP_ALG_MAX; alg++)
        if (algs & 1u << alg &&
            json_array_append_new(list, json_string(chap_alg_name(alg))) != 0) {
            json_decref(list);
            return -ENOMEM;
        }
    return json_object_set_new(j, "chap", list) ? -ENOMEM : 0;
}

int schema_initiator_write(json_t *j, const struct cfg_initiator *i, const char *host)
{
    struct cfg_initiator d = schema_initiator_default();
    int rc = fields_write(j, initiator_fields, ARRAY_LEN(initiator_fields), i, &d);
    if (rc < 0)
        return rc;
    if (!host[0])
        json_object_del(j, "host");
    else if (json_object_set_new(j, "host", json_string(host)) != 0)
        return -ENOMEM;
    return chap_write(j, i->chap_algs);
}

const char *cfg_chap_name(enum cfg_chap c)
{
    return schema_chap_names[c];
}

static const char *const chap_names[CHAP_ALG_MAX + 1] = {
    [5] = "md5", [6] = "sha1", [7] = "sha256", [8] = "sha3-256"};

const char *chap_alg_name(unsigned alg)
{
    return alg <= CHAP_ALG_MAX ? chap_names[alg] : NULL;
}
int chap_alg_parse(const char *name)
{
    for (int alg = 0; alg <= CHAP_ALG_MAX; alg++)
        if (chap_names[alg] && strcmp(chap_names[alg], name) == 0)
            return alg;
    return -1;
}
