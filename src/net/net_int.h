/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside net/. Two homes: reactor 0 owns struct net (what is served, the registry of
 * connections, the current configuration); a connection's own reactor owns struct conn but for
 * the fields marked [0]. Reactor 0 reaches into a connection by call_on() with a pin; a
 * connection reaches into net by call_on(reactor 0).
 */
#ifndef NET_NET_INT_H
#define NET_NET_INT_H

#include "iscsi/iscsi.h"
#include "net/backoff_int.h"
#include "net/net.h"
#include "net/net_admin.h"
#include "run/iobuf.h"
#include "run/sock.h"
#include "scsi/scsi.h"

/* ---- errands ----------------------------------------------------------------------------- */

/* Something to be done on a volume's home that may never end, for the store decides. */
struct errand {
    void (*run)(struct errand *e);  /* on home; parks */
    void (*late)(struct errand *e); /* [0] it has ended, but nobody waits any more; frees it */
    struct net *net;
    struct reactor *home;
    bool done, abandoned; /* the rest is errand.c's */
    struct waitq ended;
};
/* How long somebody with several errands waits for each; not so long any more when one was late. */
struct patience {
    unsigned ms;
};
/* [0] Runs it and waits a while. 0: it has ended and is the caller's again. -ETIMEDOUT: it goes
 * on, and late() gets it. Parks. */
int errand_run(struct errand *e, struct patience *p);
/* [0] Until none is under way. 0 or -ETIMEDOUT. Parks. */
int errands_wait(struct net *net, uint64_t deadline);

/* ---- what is served ---------------------------------------------------------------------- */

/* A volume that is open, with its LU (open.c). */
struct open_volume {
    /* Fixed once it is open. */
    struct net *net;
    struct uuid id;
    char name[CFG_NAME_LEN], naa[40];
    struct reactor *home;
    struct scsi_lu *lu; /* while somebody is inside */
    /* Reactor 0's. */
    struct list node; /* [0] net->closing, while it closes */
    unsigned refs;    /* [0] who holds its memory */
    bool unset;       /* [0] its settings could not be changed to what was wanted last */
    struct errand closing;
    /* The home reactor's. */
    struct volume *vol;    /* NULL: closed */
    struct volume *limits; /* the limits filter in vol's stack */
    unsigned inside;       /* who uses vol and lu besides the LU's own tasks */
    struct waitq idle;
    bool resizing;
    unsigned asking;           /* for room, of them inside: no answer yet */
    uint64_t asked;            /* run_now() when the first of them did */
    struct volume_space space; /* as of the last answer */
};
void open_volume_put(struct open_volume *o); /* [0] */
/* On home: vol and lu stay until open_volume_leave(). False: it is closed. */
bool open_volume_enter(struct open_volume *o);
void open_volume_leave(struct open_volume *o);
/* [0] What can change while it is served. -ETIMEDOUT: it is in force, but what was acknowledged
 * before is not durable yet. What fails is to be tried again: unset. Parks. */
int open_volume_set(struct open_volume *o, const struct cfg_volume *want, struct patience *p,
                    struct err *reterr);

struct opening; /* open.c */

/* A volume of the configuration; on reactor 0. */
struct served_volume {
    struct list node;
    struct uuid id;
    struct cfg_volume cfg; /* as it was opened or last changed */
    struct reactor *home;
    struct open_volume *open; /* NULL: not there (yet) */
    struct opening *opening;  /* under way, or ended and not looked at */
    char reason[200];         /* why it is not open */
    bool closing;             /* its LU is about to go: mapped no more */
    bool seen;                /* mark of a running apply */
};
/* Keeps why it is not open, logs it once, and returns its code. */
int served_complain(struct served_volume *v, const struct err *why, struct err *reterr);
/* All on reactor 0. Opens it, or finds that it has been opened meanwhile. Errors: the engine's,
 * -ETIMEDOUT: goes on, to be tried again; -EBUSY: it is still closing. Parks. */
int served_open(struct net *net, struct served_volume *v, struct patience *p,
                struct err *reterr);
/* It is not to be opened as it was configured. May leave it open. */
void served_stop_opening(struct served_volume *v);
/* Nobody maps it any more. It is gone from the entry at once. -ETIMEDOUT: it is closed when its
 * store answers. Parks. */
int served_close(struct net *net, struct served_volume *v, struct patience *p,
                 struct err *reterr);
/* An open volume with this id is on its way out. */
bool served_closing(const struct net *net, const struct served_volume *v);
static inline struct scsi_lu *served_lu(const struct served_volume *v)
{
    return v->open ? v->open->lu : NULL;
}

/* A portal of the configuration with its listener; on reactor 0. */
struct served_portal {
    struct list node;
    struct net *net;
    uint16_t group;
    struct cfg_portal cfg;
    struct listener *listener; /* NULL: could not be opened (yet) */
    char reason[200];
    uint32_t connections;
    bool closing;
    bool seen;     /* in the configuration */
    unsigned pins; /* connections and the accept fiber that still point here */
};

struct net {
    struct run *run;
    struct net_env env;
    const struct config *cfg;     /* current; NULL before the first apply */
    struct list volumes, portals; /* of struct served_volume, served_portal */
    struct list closing;          /* of struct open_volume */
    unsigned nerrands;            /* under way, late ones too */
    struct waitq errand_over;
    struct list conns;   /* of struct conn, all */
    struct list sources; /* of struct crowd_source: where logins in progress are from */
    struct list blocks;  /* of struct crowd_block: those of them that may be one machine's */
    uint64_t crowd_said; /* no event of a crowd before that */
    struct backoff backoff;
    struct timer backoff_tick; /* somebody may be held back no more */
    struct list isns;          /* of struct isns_server */
    struct waitq isns_gone;    /* one of them ended */
    struct list radius;        /* of struct radius_server: how those are that were asked */
    unsigned nasks;            /* logins that wait for one */
    struct fmutex applying;
    uint64_t last_session_id;
    uint16_t last_tsih;
    uint32_t nconns, nlogins;
    bool stopping;
    struct waitq conn_gone;
    struct cancel stop; /* of the retry fiber */
    bool retry_running;
    struct waitq retry_ended;
    unsigned
        finishing[RUN_MAX_REACTORS]; /* that reactor's connections in conn_end()'s last wait */
    struct net_totals totals;        /* counters only */
};

/* ---- connections ------------------------------------------------------------------------- */

struct lun_map {
    char host[CFG_NAME_LEN]; /* that the initiator belongs to; "": as before */
    unsigned n;
    struct lun_map_entry {
        uint16_t lun;
        struct scsi_lu *lu; /* NULL: mapped, not there yet */
    } e[];
};

struct conn {
    /* Reactor 0's. */
    struct list node; /* [0] net->conns */
    unsigned pins;    /* [0] call_on()s and walks under way */
    bool gone;        /* [0] freed when pins is 0 */
    bool session; /* [0] logged in, not discovery: subject to reinstatement and reconciling */
    struct reactor *home; /* [0] while reactors may change it; equals where the fibers run */
    char peer_host[SOCK_ADDR_LEN]; /* [0] source address */
    struct crowd_source *from; /* [0] among whose logins it is; NULL: it is none, or no more */
    struct list waiting;       /* [0] from->waiting */
    bool held;                 /* [0] the login waits for the failures of its source */
    char place
        [CFG_NAME_LEN]; /* [0] the host by whose share it is in, as of the login; "": none */

    /* Fixed from the accept, or from the login on. */
    struct net *net;
    struct served_portal *portal;
    struct sock *sock;
    uint64_t id;
    uint64_t logged_in; /* wall seconds, 0: not (yet) */
    bool loopback, overload;
    bool by_radius;            /* a RADIUS server was asked */
    struct cfg_address source; /* of the peer */
    const char *refusal;       /* why policy.c lets nobody in, for the log; NULL: it does */
    char auth[40];
    char host[CFG_NAME_LEN];
    uint16_t rel_port_id, alua_group, tsih;

    /* The home reactor's. */
    struct iscsi_conn *iscsi;
    struct iobuf *ring;      /* borrowed while bytes are pending */
    size_t ring_len;         /* bytes in it, from its start */
    struct reactor *move_to; /* set by the login: the reader moves the connection there */
    struct turn_hook tx_hook;
    struct timer tick;
    bool tx_waiting; /* a fiber waits for the socket to take more */
    bool closing;    /* no more input is taken */
    bool dropped;    /* no more output either */
    bool told_to_go; /* we asked for its logout: it comes again */
    bool all_sent;   /* the last byte too: the peer shall get it */
    bool ended;      /* nothing is left but the memory */
    const char *why;
    uint64_t data_at; /* when data-out came last, of whatever command */
    struct cancel stop_rx, stop_tx;
    struct waitq tx_done;     /* dropped */
    struct waitq tx_progress; /* something was sent */
    struct scsi_nexus *nexus;
    bool detached;             /* the session is over: nexus is empty, and may go any time */
    struct fmutex mapping;     /* held while the LUN map is changed */
    struct lun_map *first_map; /* to be mapped when the session starts */
    struct lun_map *map;       /* as mapped */
    struct list tasks;         /* of struct net_task, live */
    struct list free_tasks;
    uint64_t admitted;         /* bytes of the budget that its tasks hold */
    unsigned nadmitted;        /* tasks that hold any */
    unsigned window, progress; /* commands it may send; done since the window was widened */
    unsigned ntasks, nfree, max_tasks;
    unsigned fibers;   /* of this connection, besides the reader */
    struct waitq idle; /* fibers fell to 0 */
    struct msg msg;    /* to start on another reactor, and to die on reactor 0 */
};

struct net_task {
    struct iscsi_task iscsi;
    struct scsi_task scsi;
    struct conn *conn;
    struct list node;
    struct sgl out;       /* data-out, all of it allocated beforehand */
    uint64_t admitted;    /* bytes of the budget */
    unsigned in_piece;    /* of data_in, the piece that was sent from last */
    uint64_t in_at;       /* and the bytes before it */
    struct waitq data;    /* more of it has come */
    struct cancel cancel; /* of waits for data */
    struct msg cancel_msg, fence_msg;
    bool started, executing, aborted;
    bool forgotten;   /* by the machine, for the initiator believes it over */
    bool data_failed; /* its data-out can't come whole: the machine has the sense for it */
    uint8_t refuse;   /* SAM status to end with instead of executing, 0: none */
};

/* conn.c */
struct conn *conn_new(struct net *net, struct served_portal *portal, struct sock *sock);
void conn_start(struct conn *c); /* on home: starts the reader */
void conn_kick(struct conn *c);  /* something may be there to send */
void conn_shut(struct conn *c,
               const char *why); /* takes no more input; sends what is queued, then ends */
void conn_drop(struct conn *c, const char *why); /* sends nothing more either */
bool conn_fiber(struct conn *c, void (*fn)(void *), void *arg,
                const char *name); /* counted in c->fibers */
void conn_fiber_done(struct conn *c);
/* [0] Runs fn(c) on c's home unless it is gone there; keeps c alive meanwhile. Parks. */
void conn_call(struct conn *c, void (*fn)(struct conn *c, void *arg), void *arg);
/* [0] A walk over all connections that may park on its way: the one behind c (NULL: the first),
 * which stays in memory until the walk goes on. NULL: c was the last. A walk goes to its end. */
struct conn *conn_next(struct net *net, struct conn *c);

/* event.c: what the protocol machine reports */
void conn_event(struct conn *c, const struct iscsi_event *ev); /* may park */

/* task.c */
extern const struct iscsi_env net_iscsi_env;
void task_command(struct conn *c, const struct iscsi_event *ev);
void task_data(const struct iscsi_event *ev);
void task_start(struct conn *c, struct iscsi_task *t);
void task_data_failed(struct conn *c, struct iscsi_task *t);
void task_cancel_all(struct conn *c);
void task_pool_free(struct conn *c);
/* Drops the commands of this session that have not been started (all, or of one LUN). */
void task_drop_unstarted(struct conn *c, const uint8_t *lun);

/* tmf.c */
void tmf_start(struct conn *c, const struct iscsi_tmf *tmf);

/* login.c */
void login_identify(struct conn *c); /* parks */
void login_verify(struct conn *c);   /* parks */
void login_done(struct conn *c);     /* parks */
void login_failed(struct conn *c, const struct iscsi_event *ev);
void login_backoff_tick(struct timer *t); /* [0] net->backoff_tick */

/* crowd.c, all on reactor 0 */
/* There is room for a connection more from there; somebody may have had to go for it. */
bool crowd_room(struct net *net, const struct cfg_address *from);
/* A login in progress; sets c->overload. False: far too many from its address, or no memory. */
bool crowd_enter(struct net *net, struct conn *c);
void crowd_leave(struct net *net, struct conn *c); /* harmless when it did */
/* It waits because others of its source failed: it is not among those that the source may have in progress. */
void crowd_hold(struct conn *c, bool held);
/* A place among those that are logged in, by the share of the host. NULL: it has it, else static text for the
 * log. */
const char *crowd_place(struct net *net, struct conn *c, const char *host);
void crowd_leave_place(struct conn *c);

/* policy.c: who may log in where, from the configuration alone */
struct policy_way {
    uint16_t portal_group;
    bool loopback; /* both ends are on this machine */
    struct cfg_address source;
};
/* *ret_refusal: why the exchange cannot succeed, static text for the log; NULL: it can. */
void policy_answer(const struct config *cfg, const struct iscsi_params *p,
                   const struct policy_way *way, struct iscsi_login_answer *ret_answer,
                   const char **ret_refusal);
bool policy_may_see(const struct config *cfg, const char *initiator, const struct cfg_target *t,
                    const struct cfg_address *source);
/* The target that p asks for, if it may be there that way, or NULL. */
const struct cfg_target *policy_target(const struct config *cfg, const struct iscsi_params *p,
                                       const struct policy_way *way);
extern const char policy_wrong_source[]; /* one of the refusals */

/* session.c */
/* [0] What an initiator sees of the target. NULL: no memory. */
struct lun_map *lun_map_for(struct net *net, const struct cfg_target *t, const char *initiator);
int session_start(struct conn *c); /* on home: the nexus and its first map. Parks */
void session_remap(struct conn *c, struct lun_map *want); /* on home; takes want. Parks */
/* On home: nothing is mapped any more; waits for the tasks that a later session must not overlap
 * with. 0 or -ETIMEDOUT. Parks. */
int session_detach(struct conn *c, uint64_t deadline);
/* On home: the same for as long as it takes, then the session's end is known and the nexus freed.
 * Parks. */
void session_end(struct conn *c);
/* [0] Waits until nothing is executed on LUNs that sessions do not have any more. Parks. */
void sessions_settle(struct net *net, uint64_t deadline);
/* [0] The target of c, if the configuration lets it be there; NULL: it has to end. */
const struct cfg_target *session_target(const struct net *net, const struct conn *c);
struct policy_way session_way(const struct conn *c);
/* A login as that of c, in its stead: RFC 7143 6.3.5. */
bool session_same(const struct conn *c, const struct conn *o);
/* [0] A connection that is no session (yet) may stay: its portal is there and takes its source, and, of
 * discovery, its initiator is known. */
bool session_may_stay(const struct net *net, const struct conn *c);
/* [0] A login with a TSIH takes the place of that session's one connection (RFC 7143 6.3.4): OK, or
 * the status to refuse it with. */
uint16_t session_join(struct net *net, const struct conn *c);
/* [0] Ends an older session of the same name. False: it does not end in time, or the login is
 * over itself. Parks. */
bool session_reinstate(struct net *net, struct conn *c);
struct reactor *session_pick_home(struct net *net, const struct cfg_target *t); /* [0] */

/* discovery.c */
void discovery_answer(struct conn *c, const struct iscsi_event *ev); /* parks */

/* portal.c, all on reactor 0 */
bool portals_listen(const struct net *net, uint16_t group); /* any of the group */
int portals_apply(struct net *net, const struct config *c, struct err *reterr); /* parks */
/* Marks those that c (NULL: nothing) has: the sessions of others have to end. */
void portals_mark(struct net *net, const struct config *c);
void portal_put(struct served_portal *p);
bool addr_is_loopback(const struct sock_addr *a); /* any reactor */

/* volumes.c, all on reactor 0 */
/* Volumes that do not answer are left for later. Parks. */
int volumes_apply(struct net *net, const struct config *c, struct patience *p,
                  struct err *reterr);
/* Marks what goes or must be opened anew with c (NULL: all goes). */
void volumes_mark(struct net *net, const struct config *c);
int volumes_close_marked(struct net *net, struct patience *p, struct err *reterr); /* parks */
void volumes_lift_limits(struct net *net); /* for good, so that nobody waits for them. Parks */
struct served_volume *served_find(struct net *net, const struct uuid *id);
struct served_volume *served_by_name(struct net *net, const char *name);
void volumes_tell_ports(struct net *net, const struct config *c); /* parks */
/* How long hosts that have a volume's lease may be away: counted while there is a portal for them. Parks. */
void volumes_tell_absence(struct net *net, const struct config *c);

/* isns.c, all on reactor 0 */
/* Servers and their fibers follow net->cfg; all others look whether there is something to tell. -ENOMEM: of one it is
 * to be tried again. */
int isns_apply(struct net *net, struct err *reterr);
/* Takes registrations back, within two seconds or so whatever the servers do. Parks. */
void isns_stop(struct net *net);

/* hash.c */
bool net_hash(void *arg, enum iscsi_chap_alg alg, const struct iovec *parts, int n,
              uint8_t ret_digest[32], size_t *ret_len);

#endif
