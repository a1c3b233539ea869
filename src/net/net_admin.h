/* SPDX-License-Identifier: BSD-2-Clause */
/* What the control plane may ask the front. All on reactor 0, from a fiber; all park. */
#ifndef NET_NET_ADMIN_H
#define NET_NET_ADMIN_H

#include "net/net.h"
#include "run/sock.h"

struct net_session_info {
    uint64_t id;                                        /* unique in this run of the daemon */
    char initiator[CFG_NAME_LEN], target[CFG_NAME_LEN]; /* target "" for discovery */
    char host[CFG_NAME_LEN];
    char initiator_alias[256];
    struct sock_addr peer, local;
    uint16_t tsih, portal_group;
    uint8_t isid[6];
    char auth[40]; /* "none", "CHAP SHA3-256 mutual", ... */
    bool
        weak; /* no or one-way authentication, MD5, or less than what is required now, away from loopback */
    bool header_digest, data_digest;
    uint64_t logged_in; /* seconds since 1970 */
    unsigned reactor;
    uint32_t tasks; /* outstanding */
    uint64_t commands, bytes_in, bytes_out;
};
/* malloc'd array; the caller frees. -ENOMEM. */
int net_sessions(struct net *net, struct net_session_info **ret_sessions, unsigned *ret_n);
/* Ends a session: asynchronous message, then the connection is dropped. -ENOENT. */
int net_session_drop(struct net *net, uint64_t id);

enum net_volume_state {
    NET_VOL_ONLINE,
    NET_VOL_BUSY,    /* served, but its store does not answer */
    NET_VOL_WAITING, /* not there (yet); tried again */
    NET_VOL_CLOSING, /* not served, and not opened again before its store lets go of it */
};
struct net_volume_info {
    char name[CFG_NAME_LEN];
    enum net_volume_state state;
    char reason[200]; /* why it is not online */
    unsigned reactor;
    struct volume_geometry geo;
    struct volume_space space;
    struct volume_stats stats;
    char naa[40]; /* "naa.3…" */
    char serial[33];
    uint64_t commands, reservation_conflicts, caw, caw_miscompares, caw_ns_max;
    uint32_t registrations;
    uint8_t pr_type;
    char lease[CFG_NAME_LEN]; /* the host that has it; "": none */
    bool lease_away;          /* it has no session */
    uint64_t lease_ends_ms;   /* when it stays away; 0: not counted now */
    char denied
        [CFG_NAME_LEN]; /* with sessions, and refused access meanwhile: the last such host */
    unsigned ndenied;
    char unfit[8]; /* a file system there that does not go with its policy; "": none */
};
/* Those that are configured, and those that are no more and still closing. A store that does not
 * answer delays it by a fraction of a second, once. */
int net_volumes(struct net *net, struct net_volume_info **ret_volumes, unsigned *ret_n);
int net_volume(struct net *net, const char *name,
               struct net_volume_info *ret_volume); /* -ENOENT */
/* Takes the lease of an exclusive volume from the host that has it; it is left in ret_host. With force also when it
 * has sessions, whose commands fail from then on. -ENOENT: nobody has it, -EBUSY: not without force,
 * -EAGAIN: the volume is not there now, -ETIMEDOUT (it may still happen). */
int net_lease_release(struct net *net, const char *name, bool force,
                      char ret_host[CFG_NAME_LEN], struct err *reterr);
/* Grows (or shrinks, with force checked by the caller) the store online and tells initiators.
 * -ENOENT, -EBUSY, -ETIMEDOUT (it may still happen), engine's errors. */
int net_volume_resize(struct net *net, const char *name, uint64_t size, struct err *reterr);

struct net_portal_info {
    uint16_t group;
    struct sock_addr addr;
    bool listening;
    char reason[200];
    uint32_t connections;
};
int net_portals(struct net *net, struct net_portal_info **ret_portals, unsigned *ret_n);

enum net_isns_state {
    NET_ISNS_CONNECTING, /* for the first time */
    NET_ISNS_REGISTERED,
    NET_ISNS_NOTHING, /* it answers, but there is nothing that it may be told */
    NET_ISNS_FAILED,  /* tried again */
};
struct net_isns_info {
    struct sock_addr addr;
    enum net_isns_state state;
    uint64_t since, heard; /* that state; the last word from it: seconds since 1970, 0: never */
    unsigned targets, portals; /* registered */
    uint16_t esi_port;         /* where it may ask whether we are there; 0: nowhere */
    uint64_t inquiries;        /* that it made there */
    char error[200];
};
/* The servers of the configuration, none when registration is off. malloc'd array; the caller frees. -ENOMEM. */
int net_isns(struct net *net, struct net_isns_info **ret_servers, unsigned *ret_n);

enum net_radius_state {
    NET_RADIUS_UNASKED,
    NET_RADIUS_ANSWERS,
    NET_RADIUS_SILENT, /* for a while it is asked last */
};
struct net_radius_info {
    struct sock_addr addr;
    enum net_radius_state state;
    uint64_t since, heard; /* that state; the last answer: seconds since 1970, 0: never */
    uint64_t accepted, rejected, unanswered; /* logins, since it was configured or we started */
    char error[200];                         /* why it counts as silent */
};
/* The servers of the configuration, in its order. malloc'd array; the caller frees. -ENOMEM. */
int net_radius(struct net *net, struct net_radius_info **ret_servers, unsigned *ret_n);

struct net_totals {
    uint32_t connections, sessions, logins_in_progress;
    uint64_t logins, logins_refused, rejects, digest_errors, connections_refused;
    uint64_t sources_refused; /* of both, for where they came from */
    uint64_t logins_displaced,
        logins_held_back;            /* for others with fewer; for failures of their source */
    uint32_t sources_held_back;      /* now */
    uint64_t data_used, data_budget; /* bytes */
    struct reactor_stats reactor[RUN_MAX_REACTORS];
    unsigned nreactors;
    const char *io;
};
void net_totals(struct net *net, struct net_totals *ret_totals);

#endif
