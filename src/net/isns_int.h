/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iSNS inside net/: zsand as a network entity that registers its targets with name servers (RFC 4171). All of it lives
 * on reactor 0. Each server has a fiber of its own (isns_client.c), so that one which is slow, silent or hostile holds
 * up nobody: net_apply() only tells the fibers that there is something to look at.
 */
#ifndef NET_ISNS_INT_H
#define NET_ISNS_INT_H

#include "net/net_int.h"
#include "wire/isns.h"

#include <stddef.h>

/* ---- what a server is to be told (isns_view.c) ------------------------------------------- */

#define ISNS_PORTALS_MAX 64

struct isns_portal {
    uint8_t ip[16]; /* as on the wire */
    uint16_t port;
    char host
        [64]; /* its address, if it is one of this machine: ESI can be listened for there; "": behind translation */
};
struct isns_node {
    char name[CFG_NAME_LEN], alias[64];
    uint16_t tag
        [ISNS_PORTALS_MAX]; /* of the group that serves it there, for each portal; 0: it is not */
};
struct isns_view {
    struct isns_node *nodes; /* ascending by name */
    unsigned nnodes, nportals;
    int esi; /* the portal that ESI and SCN come to; -1: none */
    uint16_t esi_port;
    struct isns_portal portal[ISNS_PORTALS_MAX];
};
/*
 * What net serves, as a server may know it that is reached from local: targets that are neither disabled nor unlisted, with
 * those portals of theirs that listen; loopback addresses only for a server on loopback. A portal on all addresses is told as
 * local. The caller frees with isns_view_free(). NULL: no memory.
 */
struct isns_view *isns_view_make(const struct net *net, const struct sock_addr *local);
void isns_view_free(struct isns_view *v); /* NULL is fine */
int isns_view_portal(const struct isns_view *v,
                     const struct isns_portal *p); /* -1: it has none such */
const struct isns_node *isns_view_node(const struct isns_view *v,
                                       const char *name); /* NULL: likewise */
/* Has the server been told as much of n, a node of v, when it was told old? */
bool isns_node_told(const struct isns_view *v, const struct isns_node *n,
                    const struct isns_view *old);

/* ---- PDUs of a connection (isns_link.c) -------------------------------------------------- */

struct isns_stream {
    struct sock *sock;
    uint8_t *in;
    size_t cap, have, used; /* bytes in `in`; those of the last PDU */
};
/* The next PDU, borrowed until the next call. 1; 0: the peer has ended; -EPROTO: that is no iSNS, or too long; else
 * what sock_recv() says. Parks. */
int isns_stream_next(struct isns_stream *s, uint64_t deadline, struct cancel *c,
                     struct isns_pdu *ret_pdu);
/* Answers a request of a server. *ret_scn is set when it was a state change. 0, -EPROTO: it could not be one. Parks. */
int isns_stream_answer(struct isns_stream *s, const struct isns_pdu *asked, uint64_t deadline,
                       struct cancel *c, bool *ret_scn);

/* A connection to a server. */
#define ISNS_OUT_MAX 4096 /* bytes of a message */
struct isns_link {
    struct isns_stream in; /* in.sock NULL: there is none */
    uint8_t *out;
    struct cancel *stop; /* of its calls; NULL: they can't be stopped */
    uint64_t until;      /* no call waits longer */
    uint16_t xid;
    bool torn; /* a call has not come to its end: no other one can be made */
    bool scn;  /* the server told of a change; whoever has looked takes it away */
};
/* Connects. Errors: no memory, sock_connect()'s. Parks, for seconds at most. */
int isns_link_open(struct isns_link *l, const struct sock_addr *server, struct cancel *stop,
                   uint64_t until, struct err *reterr);
void isns_link_close(struct isns_link *l); /* harmless when there is none */
/* A message to be filled in; valid until the next one. */
struct wbuf isns_link_message(struct isns_link *l, uint16_t function, uint16_t flags);
/* Sends it and takes its answer: status, and what follows it (nothing when it came in pieces). 0 whatever the status
 * is, or why there is no answer. Parks, for seconds at most. */
int isns_link_call(struct isns_link *l, struct wbuf *message, uint32_t *ret_status,
                   struct rbuf *ret_rest, struct err *reterr);
/* Answers what the server asks until the deadline (0) or the token (-ECANCELED); 0 at once when it told of a change. Else
 * the connection is over. Parks. */
int isns_link_idle(struct isns_link *l, uint64_t deadline, struct cancel *c);

/* ---- where a server asks (isns_ear.c) ---------------------------------------------------- */

struct isns_server;
struct isns_ear;
/* Listens at a port of its own for ESI and SCN. Parks. */
int isns_ear_open(struct isns_server *s, const char *host, struct isns_ear **ret_ear,
                  struct err *reterr);
void isns_ear_close(
    struct isns_ear
        *e); /* waits for its connections to end, which is soon; NULL is fine. Parks */
const char *isns_ear_host(const struct isns_ear *e);
uint16_t isns_ear_port(const struct isns_ear *e);

/* ---- a server ---------------------------------------------------------------------------- */

struct isns_server {
    struct list node; /* net->isns */
    struct net *net;
    struct sock_addr addr;
    char entity[CFG_ENTITY_LEN];
    bool seen; /* mark of a running apply */
    bool stopping;
    struct cancel stop; /* fired with it */
    struct cancel wake; /* there is something to look at; made anew by whoever looks */
    struct isns_link link;
    struct isns_ear *ear;
    bool no_esi;               /* the server does without */
    struct isns_view *have;    /* what it was told; NULL: nothing, or nobody knows */
    char source[CFG_NAME_LEN]; /* a node that it may know; "": it knows of nothing */
    char scn_of[CFG_NAME_LEN]; /* the node that it tells of changes; "": none */
    uint32_t found;            /* nodes of ours that it knew right after it was told */
    uint64_t asked_before;     /* s->asked when it was told last */
    bool look;                 /* ask whether it still does */
    uint32_t period;           /* seconds after which it forgets what it does not hear from */
    unsigned backoff_ms;

    /* For people. */
    enum net_isns_state state;
    uint64_t since; /* that state, seconds since 1970 */
    uint64_t heard; /* the last answer, likewise */
    uint64_t asked; /* ESIs that were answered */
    char error[200];
};
void isns_client_fiber(void *arg); /* of a struct isns_server, which it frees */

/* isns_talk.c: what is said; all park, and return 0 or why not. */
/* All of want, in place of what the server knows of this entity. -EOPNOTSUPP: it does without ESI. */
int isns_tell_all(struct isns_server *s, const struct isns_view *want, struct err *reterr);
/* What is different from s->have. */
int isns_tell_changes(struct isns_server *s, const struct isns_view *want, struct err *reterr);
int isns_forget_all(struct isns_server *s, struct err *reterr);
/* How many nodes of ours the server knows. It takes it for a sign of life, too. */
int isns_count(struct isns_server *s, uint32_t *ret_found, struct err *reterr);
/* Asks to be told when targets that the node can see are removed, or no more. A server that can't do it is as good. */
int isns_watch(struct isns_server *s, const char *node, struct err *reterr);
int isns_unwatch(struct isns_server *s, const char *node, struct err *reterr);

#endif
