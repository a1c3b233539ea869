/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection of the real world, shared by real_sock.c and real_listen.c. */
#ifndef RUN_REAL_REAL_SOCK_H
#define RUN_REAL_REAL_SOCK_H

#include "run/real/real_int.h"
#include "run/real/sockaddr.h"

struct real_sock {
    struct sock base;
    struct poll_source src;
    int fd;
    bool readable, writable; /* as far as we know: a call is worth trying */
    bool ending;        /* its end or an error was announced: a short read proves nothing */
    bool datagrams;     /* a short read proves nothing here either */
    uint64_t recv_turn; /* the turn of the last read */
    struct waitq rd, wr;
};

/* Takes over fd (closes it on failure), on the current reactor. writable: false while it
 * connects. */
int real_sock_adopt(struct run *run, int fd, bool writable, struct real_sock **ret_sock);
/* Fills in the addresses and the socket's options, once it is connected. */
void real_sock_connected(struct real_sock *s);

/* real_listen.c */
int real_listen(struct run *run, const struct sock_addr *addr, const struct listen_opts *opts,
                struct listener **ret_listener, struct err *reterr);
int real_accept(struct listener *l, struct sock **ret_sock, struct cancel *c);
void real_listener_close(struct listener *l);

#endif
