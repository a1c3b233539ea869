/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plane: one listener, one fiber that accepts, one fiber for each connection. Who may
 * connect is decided by the socket's file mode, which the kernel checks: CVE-2020-10699 was a
 * control socket that anybody could write to. Only when there is a group that may look, beside those
 * who may act, the file is open to all, and what the kernel knows of a peer decides. Home: reactor 0.
 */
#include "control/control_int.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum role { ROLE_NONE, ROLE_READER, ROLE_ADMIN };

struct visit {
    struct control *c;
    struct sock *s;
    enum role role;
};

static enum role role_of(const struct control *c, const struct sock *s)
{
    int64_t uid = sock_peer_uid(s);
    unsigned groups = sock_peer_groups(s);
    if (uid == 0 || uid == c->env.uid || (groups & SOCK_IN_GROUP))
        return ROLE_ADMIN;
    return groups & SOCK_IN_READERS ? ROLE_READER : ROLE_NONE;
}

static void visit_fiber(void *arg)
{
    struct visit v = *(struct visit *)arg;
    free(arg);
    control_serve(v.c, v.s, v.role == ROLE_READER);
    v.c->nconns--;
    v.c->nreaders -= v.role == ROLE_READER;
    waitq_wake_one(&v.c->place);
    waitgroup_done(&v.c->fibers);
}

static bool has_place(const struct control *c, enum role role)
{
    return c->nconns < CONTROL_CONNECTIONS_MAX &&
           (role == ROLE_ADMIN || c->nreaders < CONTROL_READERS_MAX);
}

static bool visit_start(struct control *c, struct sock *s, enum role role)
{
    struct visit *v = malloc(sizeof(*v));
    if (!v)
        return false;
    *v = (struct visit){c, s, role};
    if (!fiber_start(visit_fiber, v, "control")) {
        free(v);
        return false;
    }
    c->nconns++;
    c->nreaders += role == ROLE_READER;
    waitgroup_add(&c->fibers, 1);
    return true;
}

/* With readers the file is open to every user of the machine: one that knocks all day must not fill the log. */
static void turn_stranger_away(struct control *c, struct sock *s)
{
    c->strangers++;
    if (run_now() >= c->stranger_next) {
        c->stranger_next = run_deadline_ms(CONTROL_STRANGER_MS);
        log_warn("control.stranger", KV("uid", "%lld", (long long)sock_peer_uid(s)),
                 KV("so_far", "%llu", (unsigned long long)c->strangers));
    }
    control_turn_away(
        s, -EACCES,
        "this user may not use zsand: see its --control-group and --control-readers");
}

/* Over the limit a peer is turned away only after a moment: connections that were just closed
 * are given up meanwhile. Readers are at once: while one is waited for nobody else is let in. */
static void welcome(struct control *c, struct sock *s)
{
    enum role role = role_of(c, s);
    uint64_t deadline = run_deadline_ms(CONTROL_PLACE_MS);
    while (role == ROLE_ADMIN && !has_place(c, role) &&
           waitq_wait(&c->place, deadline, &c->stop) == 0)
        ;
    if (role == ROLE_NONE)
        turn_stranger_away(c, s);
    else if (has_place(c, role) && visit_start(c, s, role))
        return;
    else
        control_turn_away(s, -EBUSY,
                          "too many control connections are open already: close one");
    sock_close(s);
}

static void orphans_fiber(void *arg)
{
    struct control *c = arg;
    orphans_log(c);
    waitgroup_done(&c->fibers);
}

static void accept_fiber(void *arg)
{
    struct control *c = arg;
    struct sock *s;
    int rc;
    while ((rc = listener_accept(c->listener, &s, &c->stop)) != -ECANCELED) {
        if (rc == 0)
            welcome(c, s);
        else if (fiber_sleep_until(run_deadline_ms(100), &c->stop) < 0)
            break;
    }
    waitgroup_done(&c->fibers);
}

static int listen_at(struct control *c, const char *path, struct err *reterr)
{
    struct sock_addr addr;
    const struct listen_opts opts = {.unix_mode = c->env.readers ? 0666
                                                  : c->env.group ? 0660
                                                                 : 0600,
                                     .unix_group = c->env.group,
                                     .unix_readers = c->env.readers};
    int n = snprintf(addr.text, sizeof(addr.text), "unix:%s", path);
    if (n < 0 || (size_t)n >= sizeof(addr.text))
        return err_set(
            reterr, -ENAMETOOLONG,
            "%.100s...: too long for a control socket: give --control a shorter path", path);
    return listener_open(&addr, &opts, &c->listener, reterr);
}

int control_open(const struct control_env *env, const char *path, struct control **ret_control,
                 struct err *reterr)
{
    struct control *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(reterr, -ENOMEM, "out of memory");
    c->env = *env;
    c->started = run_now();
    cancel_init(&c->stop);
    waitq_init(&c->place);
    list_init(&c->callers);
    waitgroup_init(&c->fibers);
    int rc = listen_at(c, path, reterr);
    if (rc == 0 && !fiber_start(accept_fiber, c, "control-accept"))
        rc = err_set(reterr, -ENOMEM, "no fiber for the control socket");
    if (rc < 0) {
        if (c->listener)
            listener_close(c->listener);
        free(c);
        return rc;
    }
    waitgroup_add(&c->fibers, 1);
    if (fiber_start(orphans_fiber, c, "orphans"))
        waitgroup_add(&c->fibers, 1);
    config_ask_caller(env->store, control_caller, c);
    log_info("control.listening", KV("path", "%s", path),
             KV("group", "%s", env->group ? env->group : "none"),
             KV("readers", "%s", env->readers ? env->readers : "none"));
    *ret_control = c;
    return 0;
}

int control_close(struct control *c)
{
    uint64_t deadline = run_deadline_ms(CONTROL_CLOSE_MS);
    if (!c)
        return 0;
    cancel_fire(&c->stop);
    while (c->fibers.n != 0)
        if (waitq_wait(&c->fibers.q, deadline, NULL) < 0)
            return -ETIMEDOUT;
    config_ask_caller(c->env.store, NULL, NULL);
    listener_close(c->listener);
    free(c);
    return 0;
}
