/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control plane: JSON-RPC 2.0 over a unix socket, one request or answer per line. The
 * methods are described in api/zsan.yaml, from which their decoders, the command's verbs and
 * the reference (docs/api.md) are generated.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "audit/audit.h"
#include "config/config.h"
#include "control/events.h"
#include "control/networks.h"
#include "net/net_admin.h"

struct control;

/* All borrowed; must outlive the control plane. */
struct control_env {
    struct run *run;
    struct config_store *store;
    struct net *net;
    struct events *events;
    struct audit *audit; /* NULL: there is none */
    struct pools *pools;
    /* Of the socket: its owner's uid, a group that may do as he may, and one that may only look (NULL: none). */
    int64_t uid;
    const char *group, *readers;
    const char *volumes_dir; /* where file volumes go that come without a path; made at need */
    /* Makes the file of a new file volume. Wired by cmd/ (control/ knows no store). Parks. */
    int (*create_file)(const char *path, uint64_t size, bool thin, struct err *reterr);
    /* The networks that this machine has a foot in, by cmd/ too; NULL: nobody can tell. Parks. */
    int (*networks)(struct networks *ret_networks);
};

/* On reactor 0. Listens at path, mode 0600, 0660 for the group, 0666 with readers: who is what the
 * kernel tells of each peer decides. Parks. */
int control_open(const struct control_env *env, const char *path, struct control **ret_control,
                 struct err *reterr);
/* Stops listening, lets calls in progress finish, drops connections. 0, or -ETIMEDOUT: one waits for a
 * file system that does not answer; to be called again, or never mind. Parks. NULL is fine. */
int control_close(struct control *c);

#endif
