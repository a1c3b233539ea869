/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The document: the configuration as JSON, the form it is stored, exported and applied in. The
 * tables here are its only description; zsan.conf(5) explains it to people.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/config.h"
#include "config/fields.h"

#define CONFIG_FORMAT  "zsan-config"
#define SECRETS_FORMAT "zsan-secrets"
#define CONFIG_VERSION 1

/* What an object is when its document says nothing. */
const struct cfg_volume *schema_volume_default(void);
struct cfg_target schema_target_default(void);
struct cfg_portal schema_portal_default(void);
struct cfg_initiator schema_initiator_default(void);
struct cfg_limits schema_limits_default(void);
struct cfg_radius_server schema_radius_server_default(void);

/* Members of one object, without its name (the key it stands under) and without references.
 * -EINVAL. */
int schema_volume_read(const json_t *j, const char *what, struct cfg_volume *ret_volume,
                       struct err *reterr);
int schema_target_read(const json_t *j, const char *what, struct cfg_target *ret_target,
                       struct err *reterr);
int schema_portal_read(const json_t *j, const char *what, struct cfg_portal *ret_portal,
                       struct err *reterr);
int schema_group_read(const json_t *j, const char *what, struct cfg_portal_group *ret_group,
                      struct err *reterr);
int schema_initiator_read(const json_t *j, const char *what,
                          struct cfg_initiator *ret_initiator, struct err *reterr);
int schema_limits_read(const json_t *j, struct cfg_limits *ret_limits, struct err *reterr);
int schema_radius_read(const json_t *j, struct cfg_radius *ret_radius, struct err *reterr);
int schema_isns_read(const json_t *j, struct cfg_isns *ret_isns, struct err *reterr);
int schema_stated_read(const json_t *j, struct cfg_statements *ret_stated, struct err *reterr);
struct cfg_root {
    char format[32];
    uint32_t version;
    char iqn_prefix[112];
    char oui[8];            /* six hex digits or "" */
    uint32_t next_rel_port; /* never given out yet */
};
int schema_root_read(const json_t *j, struct cfg_root *ret_root, struct err *reterr);
struct cfg_root schema_root_default(void);

/* Write the same members into j, which keeps its nested ones. -ENOMEM. */
int schema_volume_write(json_t *j, const struct cfg_volume *v);
int schema_target_write(json_t *j, const struct cfg_target *t);
int schema_portal_write(json_t *j, const struct cfg_portal *p);
int schema_initiator_write(json_t *j, const struct cfg_initiator *i,
                           const char *host); /* host "": one of its own */
int schema_limits_write(json_t *j, const struct cfg_limits *l);
int schema_radius_write(json_t *j, const struct cfg_radius *r); /* without secrets */
int schema_isns_write(json_t *j, const struct cfg_isns *i);     /* with its servers */
int schema_stated_write(json_t *j, const struct cfg_statements *s);
/* A member that is a list of source networks. Read: none when it is not there. -EINVAL when it is empty, for
 * that could be meant as nobody. */
int schema_sources_read(const json_t *j, const char *member, const char *what,
                        struct cfg_sources *ret_sources, struct err *reterr);
int schema_sources_write(json_t *j, const char *member, const struct cfg_sources *s);
int schema_root_write(json_t *j, const struct cfg_root *r);

/* CHAP algorithms: their texts by IANA's number, NULL where there is none. */
extern const char *const schema_chap_names[]; /* by enum cfg_chap, NULL at the end */
#define CHAP_ALG_MIN 5
#define CHAP_ALG_MD5 5
#define CHAP_ALG_MAX 8
const char *chap_alg_name(unsigned alg);
/* -1: unknown. */
int chap_alg_parse(const char *name);

#endif
