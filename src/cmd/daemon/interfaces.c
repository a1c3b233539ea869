/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses and routes without netlink, which the unit's RestrictAddressFamilies= does not let us have: the files of
 * /proc/self/net, which ProcSubset=pid leaves, and for addresses of IPv4, of which no file names the
 * interface, what ioctl tells. Routes in other tables than the main one are not seen.
 */
#include "cmd/daemon/interfaces.h"

#include "base/util.h"
#include "run/fiber.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES_MAX 1024

static int read_lines(const char *path, struct networks *ns,
                      int (*line_fn)(struct networks *ns, const char *line))
{
    char line[256];
    FILE *f = fopen(path, "re");
    int rc = 0;
    if (!f)
        return errno == ENOENT ? 0 : -errno; /* a kernel without IPv6 */
    while (rc == 0 && fgets(line, sizeof(line), f))
        rc = line_fn(ns, line);
    fclose(f);
    return rc;
}

static int add_address4(struct networks *ns, int sock, const struct ifreq *r)
{
    struct ifreq mask = *r; /* of this address, not of the interface's first */
    struct sockaddr_in in;
    struct cfg_address a = {.bits = 32};
    char interface[IFNAMSIZ];
    if (r->ifr_addr.sa_family != AF_INET)
        return 0;
    if (ioctl(sock, SIOCGIFNETMASK, &mask) < 0)
        return errno == ENODEV || errno == EADDRNOTAVAIL ? 0 : -errno; /* gone meanwhile */
    memcpy(&in, &r->ifr_addr, sizeof(in));
    memcpy(a.bytes, &in.sin_addr, 4);
    memcpy(&in, &mask.ifr_netmask, sizeof(in));
    memcpy(interface, r->ifr_name, sizeof(interface));
    interface[strcspn(interface, ":")] = '\0'; /* "eth0:1" is a label */
    return networks_add(ns, NETWORK_ADDRESS, interface, &a,
                        (unsigned)__builtin_popcount(in.sin_addr.s_addr));
}

static int read_addresses4(struct networks *ns)
{
    struct ifreq *all = calloc(ADDRESSES_MAX, sizeof(*all));
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = !all ? -ENOMEM : sock < 0 ? -errno : 0;
    struct ifconf c = {.ifc_len = ADDRESSES_MAX * (int)sizeof(*all), .ifc_req = all};
    if (rc == 0 && ioctl(sock, SIOCGIFCONF, &c) < 0)
        rc = -errno;
    for (size_t i = 0; rc == 0 && i < (size_t)c.ifc_len / sizeof(*all); i++)
        rc = add_address4(ns, sock, &all[i]);
    if (sock >= 0)
        close(sock);
    free(all);
    return rc;
}

struct job {
    struct networks ns;
    int rc;
};

static void read_now(void *arg)
{
    struct job *j = arg;
    static const struct {
        const char *path;
        int (*line_fn)(struct networks *ns, const char *line);
    } files[] = {
        {"/proc/self/net/route",      networks_route4  },
        {"/proc/self/net/ipv6_route", networks_route6  },
        {"/proc/self/net/if_inet6",   networks_address6},
    };
    j->rc = read_addresses4(&j->ns);
    for (size_t i = 0; j->rc == 0 && i < ARRAY_LEN(files); i++)
        j->rc = read_lines(files[i].path, &j->ns, files[i].line_fn);
}

int interfaces_read(struct networks *ret_networks)
{
    struct job j = {.rc = 0};
    run_offload(read_now, &j);
    if (j.rc < 0)
        networks_free(&j.ns);
    else
        *ret_networks = j.ns;
    return j.rc;
}
