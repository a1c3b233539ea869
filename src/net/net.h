/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front: listeners, connections, sessions, and the glue between the iSCSI machine and the
 * SCSI model. It follows the configuration: net_apply() opens and closes volumes, LUs, LUNs and
 * portals until what is served is what the version says, without dropping a session that may
 * stay.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "config/config.h"
#include "run/run.h"
#include "volume/volume.h"

struct net;

struct net_env {
    /* Opens the engine behind a volume, on the current reactor, which becomes its home. Wired
     * by cmd/ (net/ knows no store). Parks. */
    int (*open_volume)(void *arg, const struct cfg_volume *v, struct volume **ret_volume,
                       struct err *reterr);
    /* The reactor that a volume is to be opened on (untouched: any), or why it can't be served now;
     * one that is open is closed then; -EINPROGRESS: it comes by itself. On reactor 0, does not park. NULL: all are anybody's. */
    int (*volume_home)(void *arg, const struct cfg_volume *v, struct reactor **ret_home,
                       struct err *reterr);
    /* Whether an open volume is the one that the configuration names: it may have got another name
     * meanwhile. On its home, does not park. NULL: names stay. */
    bool (*is_volume)(void *arg, struct volume *v, const struct cfg_volume *cfg);
    /* The daemon stops and no answer reaches an initiator any more: what hangs may fail now. Parks. NULL:
     * nothing can be done about it. */
    void (*let_go)(void *arg);
    /* An initiator proved itself by CHAP and was let in; target "": for discovery. On reactor 0, does not
     * park. NULL: nobody asks. */
    void (*logged_in)(void *arg, const char *initiator, const char *target,
                      const struct cfg_use *use);
    void *arg;
    uint8_t power_epoch[16]; /* of the machine's boot, see struct scsi_lu_params */
};

/* On reactor 0. Serves nothing until the first net_apply(). -ENOMEM. */
int net_new(struct run *run, const struct net_env *env, struct net **ret_net,
            struct err *reterr);
/* Reconciles; fits config_subscribe(). An object that cannot be brought up (a missing file, a
 * port in use) is logged, reported as reterr, retried every few seconds, and disturbs nothing
 * else. A volume whose store does not answer is taken from initiators at once and closed when it
 * does. Parks, for seconds at most. */
int net_apply(void *net, const struct config *c, struct err *reterr);
/* Asks initiators to log out, ends all sessions, flushes and closes all volumes, within 20 s. 0, or
 * -ETIMEDOUT: a store does not answer (an event names its volume), so that not everything is closed:
 * to be called again, or never mind and _exit(). Parks. */
int net_stop(struct net *net);
void net_free(struct net *net); /* after a net_stop() that returned 0; NULL is fine */

#endif
