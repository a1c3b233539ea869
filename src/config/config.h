/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: one validated tree, published as immutable versions. net/ and scsi/
 * reconcile themselves to the newest version; nothing else says what is served. A change is a
 * transaction: a new tree is built from the old one, validated whole, made durable (write,
 * fsync, rename, fsync of the directory; the last generations are kept), then published. A
 * corrupted or half-written newest generation is passed over for the last good one, and the log
 * says so.
 *
 * Secrets live in a file of their own (0600) and are joined in only in memory.
 *
 * Home: everything here is owned by reactor 0. A struct config is immutable and reference
 * counted atomically, so any reactor may read one it holds.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "base/uuid.h"
#include "volume/volume.h"

#define CFG_NAME_LEN    224 /* object names and iSCSI names, with NUL */
#define CFG_PATH_LEN    1024
#define CFG_DATASET_LEN 256   /* with NUL, OpenZFS's limit */
#define CFG_MAX_LUN     16383 /* flat space addressing, SAM-5 4.7.4 */
#define CFG_SECRET_MIN  12    /* bytes, RFC 7143 9.2.1 */
#define CFG_SECRET_MAX  255

/* Which hosts may use a volume at the same time (docs/design/13-attach-guard.md). */
enum cfg_policy {
    CFG_EXCLUSIVE,   /* one: default */
    CFG_CLUSTER,     /* several, who know of each other */
    CFG_READ_SHARED, /* all, and none writes */
};
#define CFG_HOSTS_LEN 1024 /* names of a cluster's hosts, with NUL */

enum cfg_engine { CFG_MEM, CFG_NULL, CFG_FILE, CFG_POOL };

const char *cfg_policy_name(enum cfg_policy p);
/* Appends to a volume's hosts. what: the volume, for the error. -EINVAL. */
int cfg_hosts_add(char list[CFG_HOSTS_LEN], const char *host, const char *what,
                  struct err *reterr);
/* Takes the next name off a list of hosts; NULL: there is none. */
const char *cfg_hosts_next(const char **list, size_t *ret_len);

struct cfg_volume {
    char name[CFG_NAME_LEN];
    struct uuid id;
    enum cfg_engine engine;
    char path[CFG_PATH_LEN];       /* CFG_FILE: regular file or block device */
    char dataset[CFG_DATASET_LEN]; /* CFG_POOL: "tank/a/vm1" */
    uint64_t size;           /* bytes; CFG_FILE, CFG_POOL: for information, the store rules */
    uint32_t block_size;     /* 512 or 4096 */
    uint32_t physical_block; /* 0: the engine's choice */
    bool read_only, thin;
    enum volume_sync sync;
    struct volume_limits limits;
    uint32_t threshold_pct; /* soft threshold, 0: none */
    enum cfg_policy policy;
    char
        hosts[CFG_HOSTS_LEN]; /* of a cluster, a blank between them; "": all that are granted */
};

struct cfg_lun {
    uint16_t lun;
    const struct cfg_volume *volume;
};

struct cfg_target {
    char name[CFG_NAME_LEN]; /* iSCSI name */
    char alias[64];
    struct cfg_lun *luns; /* ascending */
    unsigned nluns;
    const struct cfg_portal_group **groups; /* it is served through; never empty */
    uint16_t *rel_port_ids; /* one per group, unique in the device, kept for good */
    unsigned ngroups;
    unsigned ngrants; /* initiators that may log in */
    bool disabled;
    bool unlisted; /* iSNS servers are not told of it, as of those that nobody may log in to */
    /* "": none; else logins get 0101 with this TargetAddress (0102: redirect_permanent) */
    char redirect[256];
    bool redirect_permanent;
};

/* In binary; IPv4 mapped into IPv6 is IPv4 (sources.h). */
struct cfg_address {
    uint8_t bytes[16]; /* IPv4: the first four */
    uint8_t bits;      /* 32 or 128; 0: none */
};
struct cfg_network {
    struct cfg_address base;
    uint8_t prefix; /* bits */
};
#define CFG_SOURCES_MAX 16
/* Networks that may come. */
struct cfg_sources {
    unsigned n; /* 0: all */
    struct cfg_network net[CFG_SOURCES_MAX];
};

struct cfg_portal {
    char address[64]; /* numeric host */
    uint16_t port;
    char interface[16]; /* "": any */
    bool any_address;   /* 0.0.0.0 or :: without an interface is on purpose */
    struct cfg_sources sources;
    /* "host:port" for SendTargets; "": the address the initiator connected to */
    char advertise[128];
};
enum cfg_alua_state {
    CFG_ALUA_OPTIMIZED, /* default */
    CFG_ALUA_NON_OPTIMIZED,
    CFG_ALUA_STANDBY, /* no I/O by it */
};
struct cfg_portal_group {
    uint16_t tag;        /* 1.. */
    uint16_t alua_group; /* target port group; default the tag */
    enum cfg_alua_state alua_state;
    struct cfg_portal *portals;
    unsigned nportals;
};

enum cfg_auth {
    CFG_AUTH_MUTUAL, /* default */
    CFG_AUTH_ONE_WAY,
    CFG_AUTH_NONE, /* loopback portals only */
};
const char *cfg_auth_name(enum cfg_auth a);
const char *cfg_alua_name(enum cfg_alua_state s);

/* Who knows the secret that the initiator proves itself with. */
enum cfg_verify {
    CFG_VERIFY_LOCAL,  /* we, one for each target: default */
    CFG_VERIFY_RADIUS, /* a RADIUS server, one for all targets; CHAP with MD5 alone */
};
const char *cfg_verify_name(enum cfg_verify v);

struct cfg_secret {
    uint8_t bytes[CFG_SECRET_MAX];
    uint16_t len; /* 0: none */
};
/* What one side proves itself with: two, so that a rotation has an overlap. */
struct cfg_credential {
    char name[CFG_NAME_LEN]; /* CHAP_N */
    struct cfg_secret secret[2];
    uint64_t minted; /* seconds since 1970 */
};

/* CHAP's algorithms from the weakest on. */
enum cfg_chap { CFG_CHAP_MD5, CFG_CHAP_SHA1, CFG_CHAP_SHA256, CFG_CHAP_SHA3_256 };
const char *cfg_chap_name(enum cfg_chap c);

/* The last login that a secret let in. */
struct cfg_use {
    uint64_t when; /* seconds since 1970 */
    enum cfg_chap alg;
    char address[64]; /* it came from */
};

struct cfg_initiator {
    char name[CFG_NAME_LEN]; /* iSCSI name, normalised */
    char label[64];          /* stands for it; "": none */
    const struct cfg_host *host;
    enum cfg_auth auth;
    enum cfg_verify verify;
    uint16_t chap_algs; /* bit mask of 1 << algorithm; 0: all */
    struct cfg_credential discovery, discovery_reverse;
};
struct cfg_host {
    char name[CFG_NAME_LEN];
    const struct cfg_initiator **initiators;
    unsigned ninitiators;
};
/* Initiator -> target, expanded from grants to hosts; one secret pair for each. */
struct cfg_grant {
    const struct cfg_initiator *initiator;
    const struct cfg_target *target;
    struct cfg_sources sources;
    struct cfg_credential forward, reverse;
};

struct cfg_limits {
    enum cfg_chap chap_require;        /* nobody logs in by a weaker one; MD5: all will do */
    uint32_t max_connections;          /* process-wide, 4096 */
    uint32_t max_connections_per_host; /* logged in; 0: an eighth of them (net/crowd.c) */
    uint32_t max_logins_per_address;   /* in progress, 32 */
    uint32_t tasks_per_session;        /* command window, 128 */
    uint64_t data_memory;      /* bytes; 0: an eighth of the machine's, at least 64 MiB */
    uint64_t pool_cache;       /* bytes; 0: a quarter of the machine's */
    uint64_t pool_dirty;       /* bytes; 0: a tenth of the machine's, at most 4 GiB */
    uint32_t login_timeout_ms; /* 15000 */
    uint32_t
        lease_timeout_ms; /* 60000: a host without session keeps its exclusive volumes so long */
    uint32_t nop_interval_ms, nop_timeout_ms;               /* 15000, 10000 */
    uint32_t max_recv_data_segment, max_burst, first_burst; /* iSCSI offer, bytes */
    uint16_t max_outstanding_r2t;
};

#define CFG_ISNS_SERVERS 8
#define CFG_ISNS_PORT    3205 /* unless another one is given */
#define CFG_ENTITY_LEN   224  /* with NUL; RFC 4171 6.2.1 would allow 256 */
struct cfg_isns_server {
    char address[64]; /* numeric host */
    uint16_t port;
};
/* Name servers that the targets are registered with (RFC 4171). */
struct cfg_isns {
    bool enabled;
    char entity
        [CFG_ENTITY_LEN]; /* what this machine is called there, unique among the servers' clients */
    struct cfg_isns_server servers[CFG_ISNS_SERVERS];
    unsigned nservers;
};

#define CFG_RADIUS_SERVERS 8
#define CFG_RADIUS_PORT    1812 /* unless another one is given */
struct cfg_radius_server {
    char address[64]; /* numeric host */
    uint16_t port;
    uint32_t timeout_ms; /* until a request is sent again, 2000 */
    uint32_t tries;      /* requests without an answer before the next server is asked, 3 */
    struct cfg_secret secret; /* shared with the server */
    uint64_t minted;          /* when it was set, seconds since 1970 */
};
/* Servers that verify initiators (RFC 2865), in the order in which they are asked. */
struct cfg_radius {
    struct cfg_radius_server servers[CFG_RADIUS_SERVERS];
    unsigned nservers;
};

struct config {
    uint64_t generation;
    struct cfg_volume *volumes;
    unsigned nvolumes;
    struct cfg_target *targets;
    unsigned ntargets;
    struct cfg_portal_group *groups;
    unsigned ngroups;
    struct cfg_initiator *initiators;
    unsigned ninitiators;
    struct cfg_host *hosts;
    unsigned nhosts;
    struct cfg_grant *grants;
    unsigned ngrants;
    struct cfg_limits limits;
    struct cfg_isns isns;
    struct cfg_radius radius;
    uint32_t oui;         /* 0: NAA 3 is minted */
    char iqn_prefix[112]; /* "iqn.YYYY-MM.DOMAIN": made-up target names begin with it */
    const struct config_index *index; /* for the look-ups; NULL: they search */
};

/* Look-ups; NULL when there is none. iSCSI names compare as RFC 7143 4.2.7 says (normalised at
 * entry). Initiators, targets and grants are found in about the same time whether they are there or
 * not, however many there are: who asks for names by trying to log in learns nothing by it. */
const struct cfg_volume *config_volume(const struct config *c, const char *name);
const struct cfg_target *config_target(const struct config *c, const char *name);
const struct cfg_initiator *config_initiator(const struct config *c, const char *name);
const struct cfg_grant *config_grant(const struct config *c, const char *initiator,
                                     const char *target);
const struct cfg_portal_group *config_group(const struct config *c, uint16_t tag);

/* Algorithms that logins may use, as a mask of 1 << algorithm: of anybody, and of an initiator, whose
 * own list may leave out more (a configuration where that leaves none is refused). */
uint16_t config_chap_algs(const struct config *c);
uint16_t config_chap_algs_of(const struct config *c, const struct cfg_initiator *i);
/* Weaker ones than SHA-256 are among them. */
bool config_chap_weak(const struct config *c, const struct cfg_initiator *i);

/* References; any reactor. The last put wipes the secrets. */
void config_ref(const struct config *c);
void config_put(const struct config *c);

/* ---- the store --------------------------------------------------------------------------- */

struct config_store;
struct seal_key; /* config/seal.h */

/* Reads dir (making it when missing): the newest good generation, or an empty configuration
 * with defaults. key: secrets are sealed with it, those that lie open are now; NULL: they lie open in
 * files of mode 0600. -ENOKEY, -EKEYREJECTED: they are sealed, and not with that. Parks. */
int config_store_open(const char *dir, const struct seal_key *key,
                      struct config_store **ret_store, struct err *reterr);
void config_store_close(struct config_store *s);
/* The published version; the caller gets a reference. */
const struct config *config_current(struct config_store *s);
/* fn runs on reactor 0, in a fiber, after each publication with the new version (borrowed). One
 * subscriber: net. Its error is reported to whoever made the change but does not take the
 * change back. Parks. */
void config_subscribe(struct config_store *s,
                      int (*fn)(void *arg, const struct config *c, struct err *reterr),
                      void *arg);
/* fn gives the uid of whom the current fiber acts for, -1: the daemon's own, for the log of changes. Does
 * not park. */
void config_ask_caller(struct config_store *s, int64_t (*fn)(void *arg), void *arg);
/* Keeps attributes of volumes whose engine cannot (identity, reservations); durable on
 * return. */
struct attr_store *config_attrs(struct config_store *s);
/* Drops the attributes of a volume that was deleted; what identified it stays reserved for
 * good. Parks. */
int config_attrs_forget(struct config_store *s, const struct uuid *id);

/* Somebody was let in by CHAP; target "": for discovery. Remembered on the disk within a minute. Does not
 * park. */
void config_used(struct config_store *s, const char *initiator, const char *target,
                 const struct cfg_use *use);
/* The last use of what an initiator proves itself with, which is c; during a rotation that may have been the
 * secret before. False: none since it was set, or since config_uses_since(). Does not park. */
bool config_last_use(const struct config_store *s, const char *initiator, const char *target,
                     const struct cfg_credential *c, struct cfg_use *ret_use);
/* Seconds since 1970: what was used before is not known. */
uint64_t config_uses_since(const struct config_store *s);

/* Mutations live in config_edit.h (used by control/ and zsand's first start). */

#endif
