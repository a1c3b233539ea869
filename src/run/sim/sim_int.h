/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside sim/: the world's state, its event queue and what its rooms (files, names, sockets,
 * faults) share. */
#ifndef RUN_SIM_SIM_INT_H
#define RUN_SIM_SIM_INT_H

#include "run/run_int.h"
#include "run/sim/sim.h"
#include "run/sim/sim_disks.h"
#include "run/sim/sim_rand.h"

/* Something that happens at a time, on the reactor that is home of what it concerns when it
 * comes to happen. */
struct sim_event {
    uint64_t at, seq; /* seq keeps equal times in order */
    struct list node; /* among the due */
    struct reactor *(*home)(struct sim_event *ev);
    void (*fire)(
        struct sim_event *ev); /* on that reactor's loop; must not park; ev may be freed */
    void (*drop)(
        struct sim_event *ev); /* the world ends before it happened; NULL: nothing to free */
};

struct sim_queue {
    struct sim_event **v; /* binary heap */
    size_t n, cap;
    uint64_t seq;
};
void sim_queue_push(struct sim_queue *q, struct sim_event *ev);
struct sim_event *sim_queue_pop(struct sim_queue *q);
uint64_t sim_queue_next(const struct sim_queue *q); /* NO_DEADLINE when empty */

struct sim_world {
    struct run *run;
    struct sim_config cfg;
    struct sim_rand sched, io, crypto, test; /* streams of one seed */
    uint64_t now;
    struct sim_queue later;
    struct list due;    /* of struct sim_event, whose time has come, in order */
    uint64_t *msg_last; /* arrival of the last message, [from][to]; from nreactors: outside */
    bool cut;

    struct sim_disks *disks;
    bool own_disks;
    struct list files;     /* of struct sim_file */
    struct list writes;    /* of struct sim_write: asked for, not done */
    uint32_t names_one_in; /* steps that fail with names_err, negative errno */
    int names_err;
    struct list faults; /* of struct sim_fault */

    struct list listeners, conns;
    struct list hosts; /* of struct sim_host: who takes datagrams */
    uint16_t next_port;
    char next_source
        [SOCK_ADDR_LEN];   /* host that the next connection seems to come from; "": any */
    uint32_t reset_one_in; /* deliveries that kill their connection */
    uint64_t net_stalled_until;

    sim_trace_fn trace;
    void *trace_arg;
    struct sim_stats stats;
};

static inline struct sim_world *sim_world_of(const struct run *run)
{
    return run->world;
}

/* Puts what happened into the trace. what is static. */
void sim_note(struct sim_world *w, const char *what, uint64_t a, uint64_t b);
/* Queues ev for w->now + delay. */
void sim_later(struct sim_world *w, struct sim_event *ev, uint64_t delay);
void sim_at(struct sim_world *w, struct sim_event *ev, uint64_t at);
/* Lets virtual time pass for the current fiber; after a power cut it never comes back.
 * Parks. */
void sim_pass(struct sim_world *w, uint64_t delay);
void sim_pass_until(struct sim_world *w, uint64_t at);

extern const struct file_ops sim_file_ops;
extern const struct name_ops sim_name_ops;
extern const struct sock_ops sim_sock_ops;

/* Ends what is open in the world, for freeing it. */
void sim_files_drop(struct sim_world *w);
void sim_net_drop(struct sim_world *w);
void sim_faults_drop(struct sim_world *w);
/* A power cut catches each write in flight before or after it reached the disk's cache. */
void sim_writes_cut(struct sim_world *w);

enum sim_fault_kind { SIM_FAULT_READ, SIM_FAULT_WRITE, SIM_FAULT_FLUSH };
/* Negative errno when this operation is to fail. */
int sim_fault_draw(struct sim_world *w, const char *path, enum sim_fault_kind kind);
/* The same for a step of an operation on names. */
int sim_fault_draw_name(struct sim_world *w);
/* How often the device was pulled out; away: it is now. */
unsigned sim_fault_unplugs(struct sim_world *w, const char *path, bool *ret_away);
/* When the disk under path answers again; 0: it does. */
uint64_t sim_fault_stalled_until(struct sim_world *w, const char *path);

#endif
