/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plane: one listener, one fiber that accepts, one fiber for each connection. Who may
 * connect is decided by the socket's file mode alone, which the kernel checks: CVE-2020-10699
 * was a control socket that anybody could write to. Home: reactor 0.
 */
#include "control/control_int.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct visit {
    struct control *c;
    struct sock *s;
};

static void visit_fiber(void *arg)
{
    struct visit v = *(struct visit *)arg;
    free(arg);
    control_serve(v.c, v.s);
    v.c->nconns--;
    waitq_wake_one(&v.c->place);
    waitgroup_done(&v.c->fibers);
}

/* Over the limit a peer is turned away only after a moment: connections that were just closed
 * are given up meanwhile. */
static void welcome(struct control *c, struct sock *s)
{
    uint64_t deadline = run_deadline_ms(CONTROL_PLACE_MS);
    while (c->nconns >= CONTROL_CONNECTIONS_MAX &&
           waitq_wait(&c->place, deadline, &c->stop) == 0)
        ;
    struct visit *v = c->nconns < CONTROL_CONNECTIONS_MAX ? malloc(sizeof(*v)) : NULL;
    if (v) {
        *v = (struct visit){c, s};
        if (fiber_start(visit_fiber, v, "control")) {
            c->nconns++;
            waitgroup_add(&c->fibers, 1);
            return;
        }
        free(v);
    }
    control_turn_away(s);
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

static int listen_at(struct control *c, const char *path, const char *group, struct err *reterr)
{
    struct sock_addr addr;
    const struct listen_opts opts = {.unix_mode = group ? 0660 : 0600, .unix_group = group};
    int n = snprintf(addr.text, sizeof(addr.text), "unix:%s", path);
    if (n < 0 || (size_t)n >= sizeof(addr.text))
        return err_set(
            reterr, -ENAMETOOLONG,
            "%.100s...: too long for a control socket: give --control a shorter path", path);
    return listener_open(&addr, &opts, &c->listener, reterr);
}

int control_open(const struct control_env *env, const char *path, const char *group,
                 struct control **ret_control, struct err *reterr)
{
    struct control *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(reterr, -ENOMEM, "out of memory");
    c->env = *env;
    c->started = run_now();
    cancel_init(&c->stop);
    waitq_init(&c->place);
    waitgroup_init(&c->fibers);
    int rc = listen_at(c, path, group, reterr);
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
    log_info("control.listening", KV("path", "%s", path),
             KV("group", "%s", group ? group : "none"));
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
    listener_close(c->listener);
    free(c);
    return 0;
}
