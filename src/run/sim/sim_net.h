/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside sim/: connections (sim_net.c) and the sockets that people hold of them
 * (sim_sock.c). */
#ifndef RUN_SIM_SIM_NET_H
#define RUN_SIM_SIM_NET_H

#include "run/sim/sim_int.h"

#define SIM_DATAGRAM_MAX 8192 /* bytes */

struct sim_conn;

struct sim_sock {
    struct sock base;
    struct sim_conn *conn;
    struct sim_sock *peer;
    struct list node; /* in a listener's backlog */
    struct waitq readers, writers;
    uint8_t *rx; /* arrived and not read */
    size_t rx_at, rx_len, rx_cap;
    size_t outstanding;    /* sent, and not known to be read */
    uint64_t last_arrival; /* of what was sent towards this end */
    int err;               /* negative errno once it failed */
    bool established;
    bool fin;       /* the peer will send no more */
    bool finished;  /* we will send no more, and the peer knows or will */
    bool shut;      /* we will not read or send any more */
    bool closed;    /* nobody holds it */
    bool lost;      /* it died without telling the peer */
    bool datagrams; /* rx holds them one behind the other, each behind its length */
};

struct sim_conn {
    struct list node; /* in sim_world.conns */
    struct sim_world *w;
    unsigned refs; /* signals on the way, and one until both ends are closed */
    struct sim_sock end[2];
};

struct sim_listener {
    struct listener base;
    struct list node; /* in sim_world.listeners */
    struct reactor *home;
    struct list backlog; /* of struct sim_sock */
    struct waitq accepters;
    unsigned accepting;
    bool closed;
};

enum sim_signal_kind {
    SIM_SIG_SYN,         /* to the listener's end: somebody connects */
    SIM_SIG_ESTABLISHED, /* to the connecting end */
    SIM_SIG_REFUSED,
    SIM_SIG_DATA,
    SIM_SIG_ACK, /* len bytes were read */
    SIM_SIG_FIN,
    SIM_SIG_RESET,
    SIM_SIG_DATAGRAM,
};
struct sim_signal {
    struct sim_event ev;
    struct sim_sock *to;
    enum sim_signal_kind kind;
    uint8_t *bytes;
    size_t len;
};

struct sim_conn *sim_conn_new(struct sim_world *w);
void sim_conn_unref(struct sim_conn *c);
/* An end was closed: frees the connection when it was the last and nothing is on the way. */
void sim_conn_released(struct sim_conn *c);
/* Sends a signal without payload towards that end. */
void sim_signal(struct sim_sock *to, enum sim_signal_kind kind);
/* One datagram, in no order with others, as late as that and the network's own delay. */
void sim_datagram_send(struct sim_sock *to, const uint8_t *bytes, size_t len, uint64_t late);
/* Appends to what can be read. */
void sim_rx_append(struct sim_sock *s, const uint8_t *bytes, size_t len);
void sim_sock_fail(struct sim_sock *s, int err);
/* Segments and sends; the caller kept within the window. */
size_t sim_stream_send(struct sim_sock *from, const uint8_t *bytes, size_t len);
/* The reader took len bytes: opens the peer's window in a while. */
void sim_stream_taken(struct sim_sock *reader, size_t len);

/* The listener's side of a connect (sim_sock.c). */
void sim_listener_syn(struct sim_sock *s);
void sim_listeners_drop(struct sim_world *w);

/* sim_datagram.c */
int sim_datagrams(struct run *run, const struct sock_addr *addr, struct sock **ret_sock,
                  struct err *reterr);
/* Takes one out of what has come. */
size_t sim_datagram_take(struct sim_sock *s, void *ret_bytes, size_t cap);
/* One has come to this end. */
void sim_datagram_arrives(struct sim_sock *s, const uint8_t *bytes, size_t len);
void sim_hosts_drop(struct sim_world *w);
/* sim_sock.c: the addresses of a connection that goes there. */
void sim_name_ends(struct sim_world *w, struct sim_conn *c, const struct sock_addr *addr);

#endif
