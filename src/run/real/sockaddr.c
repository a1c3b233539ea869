/* SPDX-License-Identifier: BSD-2-Clause */
/* Conversions only; numeric, so nothing here blocks. */
#include "run/real/sockaddr.h"

#include "run/addr_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int to_in6(const struct addr_parts *p, struct sockaddr_in6 *ret_in6)
{
    char numeric[SOCK_ADDR_LEN];
    memcpy(numeric, p->host, sizeof(numeric));
    char *scope = strchr(numeric, '%');
    *ret_in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(p->port)};
    if (scope) {
        *scope = '\0';
        ret_in6->sin6_scope_id = if_nametoindex(scope + 1);
        if (ret_in6->sin6_scope_id == 0)
            return E(-ENODEV);
    }
    return inet_pton(AF_INET6, numeric, &ret_in6->sin6_addr) == 1 ? 0 : E(-EINVAL);
}

static int to_in4(const struct addr_parts *p, struct sockaddr_in *ret_in4)
{
    *ret_in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(p->port)};
    return inet_pton(AF_INET, p->host, &ret_in4->sin_addr) == 1 ? 0 : E(-EINVAL);
}

static int to_un(const struct addr_parts *p, struct sockaddr_un *ret_un)
{
    *ret_un = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(p->host) >= sizeof(ret_un->sun_path))
        return E(-ENAMETOOLONG);
    memcpy(ret_un->sun_path, p->host, strlen(p->host));
    return 0;
}

int sockaddr_from_text(const struct sock_addr *a, union any_addr *ret_addr, socklen_t *ret_len)
{
    struct addr_parts p;
    int rc = addr_parse(a, &p);
    if (rc < 0)
        return rc;
    switch (p.kind) {
    case ADDR_IPV4:
        *ret_len = sizeof(ret_addr->in4);
        return to_in4(&p, &ret_addr->in4);
    case ADDR_IPV6:
        *ret_len = sizeof(ret_addr->in6);
        return to_in6(&p, &ret_addr->in6);
    case ADDR_UNIX:
        *ret_len = sizeof(ret_addr->un);
        return to_un(&p, &ret_addr->un);
    }
    return E(-EINVAL);
}

static void in6_to_text(const struct sockaddr_in6 *in6, struct sock_addr *ret_text)
{
    char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
    bool scoped = in6->sin6_scope_id != 0 && if_indextoname(in6->sin6_scope_id, name);
    snprintf(ret_text->text, sizeof(ret_text->text), "[%s%s%s]:%u", host, scoped ? "%" : "",
             scoped ? name : "", (unsigned)ntohs(in6->sin6_port));
}

void sockaddr_to_text(const union any_addr *addr, socklen_t len, struct sock_addr *ret_text)
{
    *ret_text = (struct sock_addr){0};
    if (addr->any.sa_family == AF_INET) {
        char host[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &addr->in4.sin_addr, host, sizeof(host));
        snprintf(ret_text->text, sizeof(ret_text->text), "%s:%u", host,
                 (unsigned)ntohs(addr->in4.sin_port));
    } else if (addr->any.sa_family == AF_INET6) {
        in6_to_text(&addr->in6, ret_text);
    } else { /* an unnamed peer has no path at all */
        size_t n = len > offsetof(struct sockaddr_un, sun_path)
                       ? len - offsetof(struct sockaddr_un, sun_path)
                       : 0;
        snprintf(ret_text->text, sizeof(ret_text->text), "unix:%.*s", (int)n,
                 addr->un.sun_path);
    }
}
