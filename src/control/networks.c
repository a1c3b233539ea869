/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of /proc/self/net, and what they say together. */
#include "control/networks.h"

#include "base/text.h"
#include "config/sources.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Flags of routes, <linux/route.h>. */
#define ROUTE_UP      0x0001u
#define ROUTE_GATEWAY 0x0002u
#define ROUTE_REJECT  0x0200u
#define V6_HEX        32

void networks_free(struct networks *ns)
{
    free(ns->v);
    *ns = (struct networks){.v = NULL};
}

int networks_add(struct networks *ns, enum network_kind kind, const char *interface,
                 const struct cfg_address *address, unsigned prefix)
{
    if (ns->n == NETWORKS_MAX)
        return 0;
    if (ns->n == ns->cap) {
        unsigned cap = 2 * ns->cap + 16;
        struct network *grown = realloc(ns->v, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        ns->v = grown;
        ns->cap = cap;
    }
    struct network *w = &ns->v[ns->n++];
    *w = (struct network){.kind = kind, .address = *address};
    text_copy(w->interface, sizeof(w->interface), interface);
    w->net = cfg_network_of(address, prefix);
    return 0;
}

/* ---- lines ------------------------------------------------------------------------------- */

/* What a route is to us; false: nothing. */
static bool route_kind(unsigned prefix, unsigned flags, enum network_kind *ret_kind)
{
    if (!(flags & ROUTE_UP) || (flags & ROUTE_REJECT))
        return false;
    *ret_kind = prefix == 0 ? NETWORK_DEFAULT : NETWORK_ROUTE;
    return prefix == 0 || !(flags & ROUTE_GATEWAY);
}

/* As the kernel prints it: the number whose bytes in memory are those of the address. */
static struct cfg_address address4(uint32_t printed)
{
    struct cfg_address a = {.bits = 32};
    memcpy(a.bytes, &printed, sizeof(printed));
    return a;
}

static bool address6(const char hex[V6_HEX + 1], struct cfg_address *ret_address)
{
    *ret_address = (struct cfg_address){.bits = 128};
    return strlen(hex) == V6_HEX && hex_decode(hex, V6_HEX, ret_address->bytes);
}

/* Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
int networks_route4(struct networks *ns, const char *line)
{
    char interface[16];
    uint32_t to, mask;
    unsigned flags;
    enum network_kind kind;
    if (sscanf(line, "%15s %" SCNx32 " %*x %x %*d %*d %*d %" SCNx32, interface, &to, &flags,
               &mask) != 4)
        return 0;
    unsigned prefix = (unsigned)__builtin_popcount(mask);
    struct cfg_address a = address4(to);
    return route_kind(prefix, flags, &kind) ? networks_add(ns, kind, interface, &a, prefix) : 0;
}

/* To, its prefix, from, its prefix, router, metric, references, use, flags, interface. */
int networks_route6(struct networks *ns, const char *line)
{
    char hex[V6_HEX + 1], interface[16];
    unsigned prefix, flags;
    struct cfg_address a;
    enum network_kind kind;
    if (sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %x %15s", hex, &prefix, &flags,
               interface) != 4 ||
        prefix > 128 || !address6(hex, &a) || strcmp(interface, "lo") == 0)
        return 0;
    return route_kind(prefix, flags, &kind) ? networks_add(ns, kind, interface, &a, prefix) : 0;
}

/* Address, index of its interface, prefix, scope, flags, interface. */
int networks_address6(struct networks *ns, const char *line)
{
    char hex[V6_HEX + 1], interface[16];
    unsigned prefix;
    struct cfg_address a;
    if (sscanf(line, "%32s %*x %x %*x %*x %15s", hex, &prefix, interface) != 3 ||
        prefix > 128 || !address6(hex, &a))
        return 0;
    return networks_add(ns, NETWORK_ADDRESS, interface, &a, prefix);
}

/* ---- what they say ----------------------------------------------------------------------- */

static bool is_ours(const struct network *w, const struct cfg_address *a)
{
    return w->kind == NETWORK_ADDRESS && w->address.bits == a->bits &&
           memcmp(w->address.bytes, a->bytes, sizeof(a->bytes)) == 0;
}

const struct network *networks_find(const struct networks *ns, const char *address)
{
    struct cfg_address a;
    const char *scope = strchr(address, '%');
    if (!cfg_address_parse(address, &a))
        return NULL;
    for (unsigned i = 0; i < ns->n; i++)
        if (is_ours(&ns->v[i], &a) && (!scope || strcmp(ns->v[i].interface, scope + 1) == 0))
            return &ns->v[i];
    return NULL;
}

bool networks_same_interface(const struct network *a, const struct network *b)
{
    return strcmp(a->interface, b->interface) == 0;
}

/* fe80::/10 is another network at each interface. */
static bool link_local(const struct cfg_address *a)
{
    return a->bits == 128 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool networks_same_subnet(const struct network *a, const struct network *b)
{
    if (link_local(&a->address))
        return networks_same_interface(a, b) && link_local(&b->address);
    return cfg_network_has(&a->net, &b->address) || cfg_network_has(&b->net, &a->address);
}

bool networks_direct(const struct networks *ns, const char *interface,
                     const struct cfg_address *address)
{
    bool direct = false;
    for (unsigned i = 0; i < ns->n && !direct; i++) {
        const struct network *w = &ns->v[i];
        direct = is_ours(w, address) ||
                 (w->kind != NETWORK_DEFAULT && strcmp(w->interface, interface) == 0 &&
                  cfg_network_has(&w->net, address));
    }
    return direct;
}

bool networks_is_default(const struct networks *ns, const char *interface)
{
    bool is = false;
    for (unsigned i = 0; i < ns->n; i++)
        is = is ||
             (ns->v[i].kind == NETWORK_DEFAULT && strcmp(ns->v[i].interface, interface) == 0);
    return is;
}
