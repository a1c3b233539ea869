/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The networks that this machine has a foot in, for the checklist: its addresses with their prefixes, and routes
 * that need no router, each with its interface. From what the kernel tells in /proc/self/net, line by
 * line. Pure.
 */
#ifndef CONTROL_NETWORKS_H
#define CONTROL_NETWORKS_H

#include "config/config.h"

#define NETWORKS_MAX 4096

enum network_kind {
    NETWORK_ADDRESS, /* our own, with its prefix */
    NETWORK_ROUTE,   /* whoever is there is reached without a router */
    NETWORK_DEFAULT, /* the way to everywhere else */
};
struct network {
    enum network_kind kind;
    char interface[16];
    struct cfg_address address; /* NETWORK_ADDRESS */
    struct cfg_network net;
};
struct networks {
    struct network *v; /* malloc'd */
    unsigned n, cap;
};
void networks_free(struct networks *ns);

/* One more; those over NETWORKS_MAX are left out. -ENOMEM. */
int networks_add(struct networks *ns, enum network_kind kind, const char *interface,
                 const struct cfg_address *address, unsigned prefix);
/* A line of /proc/net/route, ipv6_route and if_inet6; what is none, or does not concern us, adds nothing. -ENOMEM. */
int networks_route4(struct networks *ns, const char *line);
int networks_route6(struct networks *ns, const char *line);
int networks_address6(struct networks *ns, const char *line);

/* Where an address of ours is, NULL: not known. It may have a scope, "fe80::1%eth0". Borrowed. */
const struct network *networks_find(const struct networks *ns, const char *address);
/* Both are reached by one cable: the same interface or the same subnet. */
bool networks_same_interface(const struct network *a, const struct network *b);
bool networks_same_subnet(const struct network *a, const struct network *b);
/* No router lies between the interface and that address, or it is ours. */
bool networks_direct(const struct networks *ns, const char *interface,
                     const struct cfg_address *address);
/* The interface is the way to everywhere else. */
bool networks_is_default(const struct networks *ns, const char *interface);

#endif
