/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stream sockets: TCP over IPv4 and IPv6, and unix sockets for the control plane; and sockets for datagrams (UDP) with one peer. Calls that
 * wait take a deadline and an optional cancel token and return -ETIMEDOUT or -ECANCELED then. A
 * socket has a home reactor; sock_move() changes it.
 */
#ifndef RUN_SOCK_H
#define RUN_SOCK_H

#include "run/fiber.h"

#include <sys/uio.h>

struct sock;
struct listener;

/* Text form as operators write it: "192.0.2.1:3260", "[2001:db8::1]:3260",
 * "unix:/run/zsan/zsand.sock". */
#define SOCK_ADDR_LEN 128
struct sock_addr {
    char text[SOCK_ADDR_LEN];
};
/* Only the numeric host of an address, without port and brackets, for comparing and
 * announcing. */
void sock_addr_host(const struct sock_addr *a, char ret_host[SOCK_ADDR_LEN]);
/* Port number, 0 for unix sockets. */
uint16_t sock_addr_port(const struct sock_addr *a);
/* Numeric host (IPv4 or IPv6, brackets optional) and port joined in canonical form. -EINVAL. */
int sock_addr_make(const char *host, uint16_t port, struct sock_addr *ret_addr);

struct listen_opts {
    const char *interface;    /* SO_BINDTODEVICE, NULL: any */
    unsigned unix_mode;       /* file mode of a unix socket, default 0600 */
    const char *unix_group;   /* the file belongs to it; NULL: the process's own */
    const char *unix_readers; /* another group to tell peers apart by; NULL: none */
    int backlog;              /* 0: 1024 */
};
/* Parks. Port 0 picks one: see listener_addr. */
int listener_open(const struct sock_addr *addr, const struct listen_opts *opts,
                  struct listener **ret_listener, struct err *reterr);
const struct sock_addr *listener_addr(const struct listener *l);
/* Parks until a peer came. The socket's home is the current reactor. */
int listener_accept(struct listener *l, struct sock **ret_sock, struct cancel *c);
void listener_close(struct listener *l); /* a fiber in accept gets -ECANCELED */

/* Parks. */
int sock_connect(const struct sock_addr *addr, uint64_t deadline, struct cancel *c,
                 struct sock **ret_sock, struct err *reterr);
/* A socket for datagrams to and from this address alone (UDP): sock_try_send() sends one, sock_recv() takes one, cut at
 * cap, or 0: an empty one. Nobody tells whether one arrives; -ECONNREFUSED may come once for each that nobody took. The other
 * calls are as on streams. Does not park. */
int sock_datagrams(const struct sock_addr *addr, struct sock **ret_sock, struct err *reterr);
const struct sock_addr *sock_local(const struct sock *s);
const struct sock_addr *sock_peer(const struct sock *s);
/* Effective uid of a unix socket's peer, -1 otherwise. */
int64_t sock_peer_uid(const struct sock *s);
/* Which of its listener's groups a unix socket's peer belonged to when it connected. */
enum sock_groups { SOCK_IN_GROUP = 1, SOCK_IN_READERS = 2 };
unsigned sock_peer_groups(const struct sock *s);

/* At least one byte, 0 at end of stream, or negative errno. When the socket was drained by the
 * last call (a short read) it waits for the next readiness first instead of asking the kernel
 * again. Parks. */
ssize_t sock_recv(struct sock *s, void *ret_bytes, size_t cap, uint64_t deadline,
                  struct cancel *c);
/* Parks until sock_recv() has something to give (data, the end, an error), so that an idle
 * reader need not hold a buffer. Returns at once when the socket was not drained. */
int sock_wait_readable(struct sock *s, uint64_t deadline, struct cancel *c);
/* Sends what the kernel takes now; -EAGAIN: nothing. Does not park; for turn hooks. */
ssize_t sock_try_send(struct sock *s, const struct iovec *iov, int n);
/* Parks until sock_try_send() may take bytes again, or an error. */
int sock_wait_writable(struct sock *s, uint64_t deadline, struct cancel *c);
/* All bytes. Parks. For the control plane and tests. */
int sock_send(struct sock *s, const void *bytes, size_t len, uint64_t deadline,
              struct cancel *c);

/* No more is sent: the peer sees the end behind what was. What it sends can still be read. (Closing a
 * socket that it still sends to makes the kernel throw away what it has not read of ours.) */
void sock_finish(struct sock *s);
void sock_shutdown(struct sock *s); /* both ways; readers see the end */
void sock_close(struct sock *s);    /* no fiber may wait on it; NULL is fine */
/* Moves the socket to another reactor. No fiber may wait on it; to be called on the old home;
 * from then on only the new home may use it. Does not park. */
void sock_move(struct sock *s, struct reactor *to);

#endif
