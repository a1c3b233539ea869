/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts of RADIUS servers for logins. All on reactor 0. */
#ifndef NET_RADIUS_INT_H
#define NET_RADIUS_INT_H

#include "net/net_int.h"
#include "wire/radius.h"

/* A response that is to be judged. */
struct radius_ask {
    struct iscsi_chap_response response; /* MD5's */
    const char *target, *source;         /* for the server's policies: where to, from where */
    uint64_t until;                      /* the login has no more time than that */
    struct cancel *stop;                 /* it is over */
};
/*
 * Asks the servers of the configuration one after the other until one answers. OK: it is right; AUTH_FAILED: it is wrong;
 * UNAVAILABLE: none answered in time, or the login is over; OUT_OF_RESOURCES: too many ask. *ret_why: static text for the
 * log. Parks, until what->until at the longest.
 */
uint16_t radius_verify(struct net *net, const struct radius_ask *what, const char **ret_why);
/* Forgets how servers are that are configured no more; NULL: all. */
void radius_apply(struct net *net, const struct cfg_radius *r);

#endif
