/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners. Opening one may ask the name service for a group and so runs on a helper thread;
 * accepting is edge-triggered like everything else. A listener that is closed while a fiber
 * waits in accept is freed by the last such fiber. When descriptors run out, waiting peers stay
 * in the kernel's queue and accepting is tried again a little later.
 */
#include "run/real/real_sock.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCEPT_RETRY_MS 100
#define WARN_EVERY      (10 * NS_PER_SEC)

#define NO_GROUP ((gid_t)-1)
#define PEER_GROUPS_MAX                                                                        \
    256 /* of a peer that are looked at; Linux allows 65536, people have a few */

struct unix_groups {
    gid_t group, readers;
};

struct real_listener {
    struct listener base;
    struct reactor *home;
    struct poll_source src;
    int fd;
    bool ready, closed;
    unsigned users; /* fibers inside accept */
    uint64_t warned;
    struct waitq q;
    struct unix_groups groups;
};

/* ---- opening ----------------------------------------------------------------------------- */

struct listen_job {
    const struct sock_addr *addr;
    const struct listen_opts *opts;
    int fd, rc;
    struct sock_addr bound;
    struct unix_groups groups;
    const char *no_group; /* there is none of this name */
    struct err *reterr;
};

static int listen_err(struct listen_job *job, int code)
{
    static const struct {
        int code;
        const char *why;
    } causes[] = {
        {-EADDRINUSE,    "another program listens there"                                      },
        {-EADDRNOTAVAIL, "no interface of this host has that address"                         },
        {-EACCES,
         "a port below 1024 needs CAP_NET_BIND_SERVICE, a socket's directory must be writable"},
        {-EINVAL,        "give ADDRESS:PORT, [IPV6]:PORT or unix:PATH"                        },
        {-ENODEV,        "there is no such network interface"                                 },
    };
    for (size_t i = 0; i < ARRAY_LEN(causes); i++)
        if (causes[i].code == code)
            return err_set(job->reterr, code, "cannot listen on %s: %s", job->addr->text,
                           causes[i].why);
    return err_set(job->reterr, code, "cannot listen on %s: %s", job->addr->text,
                   strerror(-code));
}

/* A socket file whose server died refuses connections and may go; one that is served must
 * stay. */
static int remove_stale(const struct sockaddr_un *un)
{
    struct stat st;
    if (lstat(un->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : E(-errno);
    if (!S_ISSOCK(st.st_mode))
        return E(-EEXIST);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return E(-errno);
    bool dead =
        connect(fd, (const struct sockaddr *)un, sizeof(*un)) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!dead)
        return E(-EADDRINUSE);
    return unlink(un->sun_path) < 0 ? E(-errno) : 0;
}

/* name NULL: no group. */
static int group_by_name(struct listen_job *job, const char *name, gid_t *ret_gid)
{
    const struct group *g = name ? getgrnam(name) : NULL;
    *ret_gid = g ? g->gr_gid : NO_GROUP;
    if (!name || g)
        return 0;
    job->no_group = name;
    return E(-ESRCH);
}

/* Born closed to all others, opened to the group once that is known. */
static int bind_unix(struct listen_job *job, const struct sockaddr_un *un)
{
    const struct listen_opts *o = job->opts;
    int rc = group_by_name(job, o->unix_group, &job->groups.group);
    if (rc == 0)
        rc = group_by_name(job, o->unix_readers, &job->groups.readers);
    if (rc == 0)
        rc = remove_stale(un);
    if (rc < 0)
        return rc;
    if (fchmod(job->fd, 0600) < 0 ||
        bind(job->fd, (const struct sockaddr *)un, sizeof(*un)) < 0)
        return E(-errno);
    if (o->unix_group && chown(un->sun_path, (uid_t)-1, job->groups.group) < 0)
        return E(-errno);
    return chmod(un->sun_path, o->unix_mode ? o->unix_mode : 0600) < 0 ? E(-errno) : 0;
}

static int bind_tcp(int fd, const union any_addr *a, socklen_t len, const struct listen_opts *o)
{
    const int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
        return E(-errno);
    /* [::] and 0.0.0.0 are two portals, not one that hides the other's addresses */
    if (a->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
        return E(-errno);
    if (o->interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->interface,
                                   (socklen_t)strlen(o->interface)) < 0)
        return E(-errno);
    return bind(fd, &a->any, len) < 0 ? E(-errno) : 0;
}

static int open_socket(struct listen_job *job)
{
    union any_addr a;
    socklen_t len;
    int rc = sockaddr_from_text(job->addr, &a, &len);
    if (rc < 0)
        return rc;
    job->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (job->fd < 0)
        return E(-errno);
    const struct listen_opts *o = job->opts;
    rc = a.any.sa_family == AF_UNIX ? bind_unix(job, &a.un) : bind_tcp(job->fd, &a, len, o);
    if (rc < 0)
        return rc;
    if (listen(job->fd, o->backlog ? o->backlog : 1024) < 0)
        return E(-errno);
    len = sizeof(a);
    if (getsockname(job->fd, &a.any, &len) < 0)
        return E(-errno);
    sockaddr_to_text(&a, len, &job->bound);
    return 0;
}

static void open_blocking(void *arg)
{
    struct listen_job *job = arg;
    job->rc = open_socket(job);
    if (job->rc == -ESRCH)
        err_set(job->reterr, job->rc, "cannot listen on %s: there is no group %s",
                job->addr->text, job->no_group);
    else if (job->rc < 0)
        listen_err(job, job->rc);
    if (job->rc < 0 && job->fd >= 0)
        close(job->fd);
}

static void listener_ready(struct poll_source *p, uint32_t events)
{
    (void)events;
    struct real_listener *l = container_of(p, struct real_listener, src);
    l->ready = true;
    waitq_wake_all(&l->q);
}

int real_listen(struct run *run, const struct sock_addr *addr, const struct listen_opts *opts,
                struct listener **ret_listener, struct err *reterr)
{
    struct listen_job job = {
        .addr = addr, .opts = opts, .fd = -1, .groups = {NO_GROUP, NO_GROUP},
                   .reterr = reterr
    };
    run_blocking(open_blocking, &job);
    if (job.rc < 0)
        return job.rc;
    struct real_listener *l = calloc(1, sizeof(*l));
    int rc = l ? 0 : E(-ENOMEM);
    if (rc == 0) {
        *l = (struct real_listener){
            .base = {run, job.bound},
            .home = reactor_self(),
            .src.ready = listener_ready,
            .fd = job.fd,
            .groups = job.groups,
        };
        waitq_init(&l->q);
        rc = real_watch(l->home, l->fd, &l->src);
    }
    if (rc < 0) {
        close(job.fd);
        free(l);
        return listen_err(&job, rc);
    }
    *ret_listener = &l->base;
    return 0;
}

void real_listener_close(struct listener *listener)
{
    struct real_listener *l = container_of(listener, struct real_listener, base);
    if (strncmp(l->base.addr.text, "unix:", 5) == 0)
        unlink(l->base.addr.text + 5);
    real_unwatch(l->home, l->fd);
    close(l->fd);
    l->closed = true;
    waitq_wake_all(&l->q);
    if (l->users == 0)
        free(l);
}

/* ---- accepting --------------------------------------------------------------------------- */

/* 0: try again; the descriptor in *ret_fd when there is one, else -1. */
static int accept_once(struct real_listener *l, struct cancel *c, int *ret_fd)
{
    *ret_fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*ret_fd >= 0)
        return 0;
    switch (errno) {
    case EAGAIN:
        l->ready = false;
        return 0;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        if (l->warned == 0 || run_now() - l->warned > WARN_EVERY) {
            log_error("net.accept", KV("listener", "%s", l->base.addr.text),
                      KV("error", "%s", strerror(errno)));
            l->warned = run_now();
        }
        return fiber_sleep_until(run_deadline_ms(ACCEPT_RETRY_MS), c);
    default: /* an error of the connection itself: accept(2) says to go on */
        fiber_maybe_yield();
        return 0;
    }
}

static int accept_fd(struct real_listener *l, struct cancel *c, int *ret_fd)
{
    int rc = 0;
    *ret_fd = -1;
    fiber_maybe_yield(); /* a flood of connections shares the loop */
    while (rc == 0 && !l->closed && *ret_fd < 0)
        rc = l->ready ? accept_once(l, c, ret_fd) : waitq_wait(&l->q, NO_DEADLINE, c);
    return l->closed ? -ECANCELED : rc;
}

static unsigned member_of(gid_t gid, const struct unix_groups *g)
{
    return (gid == g->group ? SOCK_IN_GROUP : 0u) | (gid == g->readers ? SOCK_IN_READERS : 0u);
}

/* The peer's own group and the others that it had. */
static unsigned peer_groups(int fd, const struct unix_groups *g)
{
    gid_t gids[PEER_GROUPS_MAX];
    struct ucred cred;
    socklen_t len = sizeof(cred);
    unsigned mask = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.gid != NO_GROUP)
        mask = member_of(cred.gid, g);
    len = sizeof(gids);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len) == 0)
        for (size_t i = 0; i < len / sizeof(gids[0]); i++)
            mask |= member_of(gids[i], g);
    return mask;
}

int real_accept(struct listener *listener, struct sock **ret_sock, struct cancel *c)
{
    struct real_listener *l = container_of(listener, struct real_listener, base);
    const struct unix_groups groups = l->groups;
    struct run *run = listener->run;
    int fd;
    l->users++;
    int rc = accept_fd(l, c, &fd);
    l->users--;
    if (l->closed && l->users == 0)
        free(l);
    if (rc < 0) {
        if (fd >= 0)
            close(fd);
        return rc;
    }
    struct real_sock *s;
    rc = real_sock_adopt(run, fd, true, &s);
    if (rc < 0)
        return rc;
    real_sock_connected(s);
    if (groups.group != NO_GROUP || groups.readers != NO_GROUP)
        s->base.peer_groups = peer_groups(fd, &groups);
    *ret_sock = &s->base;
    return 0;
}
