/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as text: "192.0.2.1:3260", "[2001:db8::1]:3260", "[fe80::1%eth0]:3260",
 * "unix:/path". Hosts are numeric, so nothing here asks a resolver. The canonical form is what
 * inet_ntop() writes (RFC 5952 for IPv6), so equal addresses compare equal as strings.
 */
#include "run/addr_int.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char unix_prefix[] = "unix:";

/* Splits "fe80::1%eth0"; *ret_scope points at the '%' or at the end. */
static int ip6_canonical(const char *host, char ret_host[SOCK_ADDR_LEN])
{
    char numeric[INET6_ADDRSTRLEN];
    size_t n = strcspn(host, "%");
    const char *scope = host + n;
    struct in6_addr in;
    if (n >= sizeof(numeric) || strlen(scope) > 16 || strcmp(scope, "%") == 0)
        return -EINVAL;
    memcpy(numeric, host, n);
    numeric[n] = '\0';
    if (inet_pton(AF_INET6, numeric, &in) != 1)
        return -EINVAL;
    inet_ntop(AF_INET6, &in, numeric, sizeof(numeric));
    snprintf(ret_host, SOCK_ADDR_LEN, "%s%s", numeric, scope);
    return 0;
}

static int host_canonical(const char *host, enum addr_kind *ret_kind,
                          char ret_host[SOCK_ADDR_LEN])
{
    struct in_addr in;
    if (inet_pton(AF_INET, host, &in) == 1) {
        *ret_kind = ADDR_IPV4;
        inet_ntop(AF_INET, &in, ret_host, SOCK_ADDR_LEN);
        return 0;
    }
    *ret_kind = ADDR_IPV6;
    return ip6_canonical(host, ret_host);
}

static int split_port(const char *text, char ret_host[SOCK_ADDR_LEN], uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (!colon || !text_to_u64(colon + 1, &port) || port > UINT16_MAX)
        return -EINVAL;
    size_t n = (size_t)(colon - text);
    bool bracketed = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (!bracketed && memchr(text, ':', n))
        return -EINVAL; /* IPv6 without brackets: where the port begins is anybody's guess */
    memcpy(ret_host, text + bracketed, n - 2 * bracketed);
    ret_host[n - 2 * bracketed] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

int addr_parse(const struct sock_addr *a, struct addr_parts *ret_parts)
{
    size_t prefix = strlen(unix_prefix);
    struct addr_parts p = {0};
    if (strncmp(a->text, unix_prefix, prefix) == 0) {
        p.kind = ADDR_UNIX;
        if (!text_copy(p.host, sizeof(p.host), a->text + prefix) || p.host[0] == '\0')
            return E(-EINVAL);
    } else {
        char host[SOCK_ADDR_LEN];
        if (split_port(a->text, host, &p.port) < 0 || host_canonical(host, &p.kind, p.host) < 0)
            return E(-EINVAL);
    }
    *ret_parts = p;
    return 0;
}

void sock_addr_host(const struct sock_addr *a, char ret_host[SOCK_ADDR_LEN])
{
    struct addr_parts p;
    if (addr_parse(a, &p) < 0 || p.kind == ADDR_UNIX)
        p.host[0] = '\0';
    memcpy(ret_host, p.host, sizeof(p.host));
}

uint16_t sock_addr_port(const struct sock_addr *a)
{
    struct addr_parts p;
    return addr_parse(a, &p) < 0 ? 0 : p.port;
}

int sock_addr_make(const char *host, uint16_t port, struct sock_addr *ret_addr)
{
    char bare[SOCK_ADDR_LEN], canonical[SOCK_ADDR_LEN];
    enum addr_kind kind;
    size_t n = strlen(host);
    bool bracketed = n >= 2 && host[0] == '[' && host[n - 1] == ']';
    if (n >= sizeof(bare))
        return E(-EINVAL);
    memcpy(bare, host + bracketed, n - 2 * bracketed);
    bare[n - 2 * bracketed] = '\0';
    if (host_canonical(bare, &kind, canonical) < 0 || (bracketed && kind == ADDR_IPV4))
        return E(-EINVAL);
    bool six = kind == ADDR_IPV6;
    snprintf(ret_addr->text, sizeof(ret_addr->text), "%s%.*s%s:%u", six ? "[" : "",
             SOCK_ADDR_LEN - 16, canonical, six ? "]" : "", (unsigned)port);
    return 0;
}
