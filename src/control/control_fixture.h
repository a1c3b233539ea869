/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole plane in a simulated world, with a front that only pretends: requests go in by a unix socket, and what comes out is
 * kept as text. Steps run in a fiber; the assertions stand outside.
 */
#ifndef CONTROL_CONTROL_FIXTURE_H
#define CONTROL_CONTROL_FIXTURE_H

#include "control/control_int.h"
#include "control/fake_net.h"
#include "control/pools.h"
#include "run/file.h"
#include "run/sim/sim.h"
#include "run/sock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct run *run;
    struct config_store *store;
    struct net net;
    struct pools *pools;
    struct control *control;
    struct sock *peer;
    void (*steps)(struct world *w);
    int open_rc;
    char last[256 * 1024]; /* the last answer */
    char note[4096];       /* what was not as it should be */
    char audit[16384];     /* events control.change and control.read */
};
/* Runs the steps in a world; fails on what they noted. The caller frees. */
struct world *play(void (*steps)(struct world *w));

/* One more connection; NULL: it was refused. Parks. */
struct sock *dial(void);
/* One answer into w->last; false: the connection ended. Parks. */
bool hear(struct world *w, struct sock *s);
/* A request by w->peer, and its answer. Parks. */
void ask(struct world *w, const char *method, const char *params);

struct step {
    const char *method, *params;
    const char *want; /* a piece of the answer */
};
/* Notes the first step whose answer lacks what it should have. Parks. */
void follow(struct world *w, const struct step *s, size_t n);

#endif
