/* SPDX-License-Identifier: BSD-2-Clause */
/* A front for tests of control/: it serves nothing, follows the configuration, and answers
 * net_admin.h as if all were well, except for what a test told it. */
#ifndef CONTROL_FAKE_NET_H
#define CONTROL_FAKE_NET_H

#include "net/net_admin.h"

struct net {
    const struct config *cfg;     /* a reference */
    const char *waiting_volume;   /* not online */
    const char *leased_volume;    /* host a has its lease, b and another one are kept out */
    const char *deaf_portal;      /* its address does not listen */
    const char *apply_error;      /* what net_apply() says */
    struct net_session_info *one; /* the only session, NULL: none */
    uint64_t grown;               /* size that the last resize gave */
};
/* Fits config_subscribe(). */
int fake_net_apply(void *net, const struct config *c, struct err *reterr);
void fake_net_end(struct net *n);

#endif
