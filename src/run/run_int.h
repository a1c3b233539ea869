/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside run/: what the core (fibers, timers, messages, buffers) and a world (real/, sim/)
 * share. The core owns the turn; a world tells time, carries I/O and decides which reactor's
 * turn it is.
 */
#ifndef RUN_RUN_INT_H
#define RUN_RUN_INT_H

#include "run/file.h"
#include "run/iobuf.h"
#include "run/run.h"
#include "run/san.h"
#include "run/slab.h"
#include "run/sock.h"

#include <stdatomic.h>

struct fiber_ctx { /* what a switch saves; the layout is known to switch_*.S */
    void *sp;
};

/* One wait of one fiber: on a queue, on a token, on a deadline, or on several of them. Lives on
 * the fiber's stack. */
struct waiter {
    struct list on_queue, on_cancel;
    struct timer timeout;
    struct fiber *fiber;
    int result;
};

/* A parked fiber is resumed by fiber_wake(); the world's completions use the same call. */
void fiber_park(void);            /* current fiber; returns after a fiber_wake() */
void fiber_wake(struct fiber *f); /* same reactor; must be parked and not yet woken */

struct reactor {
    struct run *run;
    unsigned index;
    struct fiber *current;
    struct fiber_ctx loop_ctx;
    struct list ready;          /* of struct fiber, in order */
    struct list hooks;          /* of struct turn_hook */
    struct timer *timers;       /* pairing heap's root */
    uint64_t now;               /* of this turn */
    uint64_t slice_start;       /* precise time at which the current fiber was resumed */
    struct list free_stacks;    /* of struct fiber */
    struct reactor_stats stats; /* private; readers get what publish_stats() copied */
    void *world;                /* struct real_reactor or struct sim_reactor */

    /* the core's own */
    struct list yielded;       /* of struct fiber: ready again in the next turn */
    struct list all_fibers;    /* every stack, in use or free */
    struct list calls_waiting; /* of struct msg: calls that wait for a stack (message.c) */
    unsigned nfree_stacks;
    struct san_ctx loop_san;        /* what the sanitizers know of the loop's stack */
    struct slabs slabs;             /* the memory of buffers */
    struct timer idle;              /* iobuf.c's: some of it may go back */
    atomic_uint_fast64_t buf_bytes; /* of buffers in use; read by admission on all reactors */
    struct reactor_stats published;
};

/* Its buffers' memory. */
void iobuf_init(struct reactor *r);

struct world_ops {
    const char *(*io_name)(const struct run *run);
    void (*free)(struct run *run);
    /* Runs all reactors' loops by calling reactor_turn(); returns after run->stopping. */
    void (*loop)(struct run *run);
    uint64_t (*now)(struct reactor *r);
    uint64_t (*wall)(struct reactor *r);
    void (*random)(struct run *run, void *ret_bytes, size_t len);
    /* Puts m into the inbox of r and wakes it; any thread. Delivered by the world before a
     * turn, in order per sender. */
    void (*post)(struct reactor *r, struct msg *m);
    void (*stop)(struct run *run);
    void (*offload)(void (*fn)(void *), void *arg);
    void (*blocking)(void (*fn)(void *), void *arg);
    /* CPU time of the reactor's thread, asked from any thread; NULL: not known here. */
    uint64_t (*cpu_ns)(const struct reactor *r);

    const struct file_ops *file;
    const struct name_ops *name;
    const struct sock_ops *sock;
};

/* file.c and sock.c do what is common (checks, counters, poisoning after a failed flush) and
 * call these; objects embed struct file / listener / sock as their first member. */
struct file {
    struct run *run;
    struct reactor *home;
    struct file_info info;
    int poisoned; /* negative errno of the failed flush */
};
#define FILE_IOV 64 /* pieces that file.c passes to rw() at most: 1 KiB of stack */
struct file_ops {
    int (*open)(struct run *run, const char *path, const struct file_opts *opts,
                struct file **ret_file, struct err *reterr);
    void (*close)(struct file *f);
    int (*refresh)(struct file *f);
    /* All of it, or an error. */
    int (*rw)(struct file *f, bool write, uint64_t off, const struct iovec *iov, int n,
              uint64_t len);
    int (*flush)(struct file *f);
    int (*discard)(struct file *f, uint64_t off, uint64_t len);
    int (*zero)(struct file *f, uint64_t off, uint64_t len, bool may_unmap);
    int (*extent)(struct file *f, uint64_t off, uint64_t len, uint64_t *ret_len,
                  bool *ret_data);
    int (*allocated)(struct file *f, uint64_t *ret_bytes);
    int (*available)(struct file *f, uint64_t *ret_bytes);
    int (*resize)(struct file *f, uint64_t size);
};
struct name_ops {
    int (*slurp)(struct run *run, const char *path, size_t max, char **ret_text,
                 size_t *ret_len);
    int (*replace)(struct run *run, const char *path, const void *bytes, size_t len,
                   unsigned mode, struct err *reterr);
    int (*rename)(struct run *run, const char *from, const char *to);
    int (*unlink)(struct run *run, const char *path);
    int (*mkdir)(struct run *run, const char *path, unsigned mode);
    int (*list)(struct run *run, const char *dir, char ***ret_names);
};
struct listener {
    struct run *run;
    struct sock_addr addr;
};
struct sock {
    struct run *run;
    struct reactor *home;
    struct sock_addr local, peer;
    int64_t peer_uid;
    unsigned peer_groups; /* of enum sock_groups */
};
struct sock_ops {
    int (*listen)(struct run *run, const struct sock_addr *addr, const struct listen_opts *opts,
                  struct listener **ret_listener, struct err *reterr);
    int (*accept)(struct listener *l, struct sock **ret_sock, struct cancel *c);
    void (*listener_close)(struct listener *l);
    int (*connect)(struct run *run, const struct sock_addr *addr, uint64_t deadline,
                   struct cancel *c, struct sock **ret_sock, struct err *reterr);
    int (*datagrams)(struct run *run, const struct sock_addr *addr, struct sock **ret_sock,
                     struct err *reterr);
    ssize_t (*recv)(struct sock *s, void *ret_bytes, size_t cap, uint64_t deadline,
                    struct cancel *c);
    int (*wait_readable)(struct sock *s, uint64_t deadline, struct cancel *c);
    ssize_t (*try_send)(struct sock *s, const struct iovec *iov, int n);
    int (*wait_writable)(struct sock *s, uint64_t deadline, struct cancel *c);
    void (*finish)(struct sock *s);
    void (*shutdown)(struct sock *s);
    void (*close)(struct sock *s);
    void (*move)(struct sock *s, struct reactor *to);
};

struct run {
    const struct world_ops *ops;
    struct run_config cfg;
    unsigned nreactors;
    struct reactor *reactors;
    atomic_bool stopping;
    atomic_uint_fast64_t admitted; /* bytes */
    atomic_uint_fast64_t budget;   /* bytes; begins as cfg.buf_budget */
    void (*main_fn)(void *arg);
    void *main_arg;
    void *world; /* struct real_world or struct sim_world */
};

/* core: fills the reactors of a world under construction. -ENOMEM. */
int run_core_init(struct run *run, const struct world_ops *ops, const struct run_config *cfg,
                  unsigned nreactors);
void run_core_fini(struct run *run);

/* core: sets who reactor_self() is on this thread; the sim world switches it between turns. */
void reactor_set_self(struct reactor *r);
/* core: fires due timers, runs the ready fibers (those woken during the turn too, up to a
 * bound), then the turn hooks. Returns whether fibers are ready still. The world delivers
 * messages and I/O completions before it calls. */
bool reactor_turn(struct reactor *r);
/* core: hands a message over on its reactor, before a turn. */
void reactor_deliver(struct reactor *r, struct msg *m);
/* core: samples the clock for run_now(). reactor_turn() does so itself; a world that delivers
 * messages or completions after having slept calls it before, so that their handlers see the
 * new time. */
void reactor_tick(struct reactor *r);
/* core: the nearest timer, NO_DEADLINE when none is armed. */
uint64_t reactor_next_deadline(const struct reactor *r);
/* core: starts main_fn on reactor 0; called by ops->loop. */
void reactor_start_main(struct run *run);

#endif
