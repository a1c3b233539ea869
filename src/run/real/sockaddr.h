/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses between their text and the kernel's form. */
#ifndef RUN_REAL_SOCKADDR_H
#define RUN_REAL_SOCKADDR_H

#include "run/sock.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

union any_addr {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* -EINVAL, -ENODEV (a scope that names no interface), -ENAMETOOLONG. */
int sockaddr_from_text(const struct sock_addr *a, union any_addr *ret_addr, socklen_t *ret_len);
void sockaddr_to_text(const union any_addr *addr, socklen_t len, struct sock_addr *ret_text);

#endif
