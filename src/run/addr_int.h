/* SPDX-License-Identifier: BSD-2-Clause */
/* The text form of addresses, taken apart. Shared by the worlds. */
#ifndef RUN_ADDR_INT_H
#define RUN_ADDR_INT_H

#include "run/sock.h"

enum addr_kind { ADDR_IPV4, ADDR_IPV6, ADDR_UNIX };

struct addr_parts {
    enum addr_kind kind;
    /* numeric, without brackets, maybe with %scope; of a unix socket: the path */
    char host[SOCK_ADDR_LEN]; /* numeric, no brackets, maybe %scope; a unix socket's path */
    uint16_t port;
};

/* -EINVAL. The host's syntax is checked, a scope's name is not. */
int addr_parse(const struct sock_addr *a, struct addr_parts *ret_parts);

#endif
