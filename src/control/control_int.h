/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to control/: the plane itself, and what its methods share. All on reactor 0. */
#ifndef CONTROL_CONTROL_INT_H
#define CONTROL_CONTROL_INT_H

#include "base/cleanup.h"
#include "config/config_edit.h"
#include "control/control.h"
#include "control/json_util.h"
#include "control/rpc.h"
#include "run/sock.h"

#define CONTROL_CONNECTIONS_MAX 64
#define CONTROL_READERS_MAX     32 /* of them, so that they cannot keep out who may act */
#define CONTROL_LARGE           (256u << 10) /* a request of more bytes takes one of few places */
#define CONTROL_LARGE_MAX       2
#define CONTROL_IDLE_MS         300000 /* between two requests */
#define CONTROL_LINE_MS         30000  /* from the first byte of a request to its newline */
#define CONTROL_SEND_MS         30000  /* for an answer to be taken */
#define CONTROL_CLOSE_MS        5000   /* for calls in progress, when the daemon stops */
#define CONTROL_PLACE_MS        50     /* for a place to become free */
#define CONTROL_STRANGER_MS     1000   /* between two events of strangers */

struct control {
    struct control_env env;
    uint64_t started; /* run_now() */
    struct listener *listener;
    struct cancel stop;
    struct waitgroup fibers;   /* accepting, and one for each connection */
    unsigned nconns, nreaders; /* readers: of them */
    unsigned nlarge;           /* connections that hold a large request */
    struct waitq place;        /* woken when a connection ends */
    uint64_t strangers;        /* who may not use the plane and came all the same, so far */
    uint64_t stranger_next;    /* run_now() from when on the next one is told of */
    bool verifying;            /* the audit trail: all of it is read */
    struct list callers;       /* of struct conn: calls in progress */
};

/* Serves one peer until it leaves, idles or the plane stops. reader: it may only look. Takes over the
 * socket. Parks. */
void control_serve(struct control *c, struct sock *s, bool reader);
/* The line that tells a peer why it is not served. Does not park. */
void control_turn_away(struct sock *s, int code, const char *why);

/* The uid of whom the current fiber acts for, -1: nobody's. arg: struct control. */
int64_t control_caller(void *arg);

/* Names, in the log, the files that no volume is configured for. Parks. */
void orphans_log(const struct control *c);

/* ---- transactions ------------------------------------------------------------------------ */

static inline void edit_endp(struct config_edit **e)
{
    config_edit_end(*e);
}
static inline void config_putp(const struct config **c)
{
    config_put(*c);
}
/* A transaction that is ended on every return. */
#define EDIT(e) CLEANUP(edit_endp) struct config_edit *e = NULL
/* A reference that is put on every return: CONFIG(cfg) = config_current(...); */
#define CONFIG(v) CLEANUP(config_putp) const struct config *v

/* Ends a method that changed something: result with the members "warning" and, when there are
 * any for `minted`, "minted". */
int change_done(struct control *c, const struct config_edit *e, struct jb *b, json_t *result,
                json_t **ret_result, struct err *reterr);
/* Commits, and answers with nothing else than these. Parks. */
int change_commit(struct control *c, struct config_edit *e, json_t **ret_result,
                  struct err *reterr);

/* ---- names ------------------------------------------------------------------------------- */

/* The whole name of the target that name stands for: its own, or the part behind the last dot
 * or colon when no other target has that. -ENOENT, -EINVAL (several). */
int target_resolve(const struct config *cfg, const char *name, char ret_name[CFG_NAME_LEN],
                   struct err *reterr);
/* An initiator's iSCSI name, also by its label, in its normal form; else name as it is. */
void initiator_resolve(const struct config *cfg, const char *name, char ret_name[CFG_NAME_LEN]);
/* Source networks out of a parameter; not given, or "all": none. -EINVAL. */
int sources_parse(const struct api_names *names, struct cfg_sources *ret_sources,
                  struct err *reterr);

/* ---- what is there now ------------------------------------------------------------------- */

/* Sessions and volumes as they are at one moment, for several look-ups. */
struct live {
    const struct config_store *store; /* for when secrets were used last */
    struct net_session_info *sessions;
    unsigned nsessions;
    struct net_volume_info *volumes; /* ascending by name */
    unsigned nvolumes;
};
int live_take(struct control *c, struct live *ret_live, struct err *reterr); /* parks */
void live_drop(struct live *l);
#define LIVE(l) CLEANUP(live_drop) struct live l = {.nsessions = 0}
/* Answers with the objects made of rows 0 .. n - 1 of the configuration, each held beside what is
 * live; a row that gives NULL without bad memory is left out. Parks. */
typedef json_t *row_json_fn(struct jb *b, const struct config *cfg, unsigned row,
                            const struct live *l);
int live_list(struct control *c, const struct config *cfg, unsigned n, row_json_fn *row,
              json_t **ret_result, struct err *reterr);
const struct net_volume_info *live_volume(const struct live *l, const char *name);
/* Of a host, an initiator and a target; NULL: any. */
unsigned live_sessions(const struct live *l, const char *host, const char *initiator,
                       const char *target);

/* What changed a pool goes into its history. Parks. */
void remember(struct control *c, const struct request *r);

/* ---- volumes in pools (volume_pool.c) ------------------------------------------------------ */

struct args_volume_create;
bool volume_wants_pool(const struct args_volume_create *a);
/* Fills in where it lies and, of one that is there, how large it is. Parks. */
int volume_pool_plan(struct control *c, const struct args_volume_create *a,
                     struct cfg_volume *v, struct err *reterr);
/* A new dataset for it. Parks. */
int volume_pool_make(struct control *c, const struct args_volume_create *a,
                     const struct cfg_volume *v, struct err *reterr);
/* What is there becomes its own: no dataset above decides what is acknowledged on it. Parks. */
int volume_pool_adopt(struct control *c, const struct cfg_volume *v, struct err *reterr);
int volume_pool_resize(struct control *c, const struct cfg_volume *v, uint64_t size,
                       struct err *reterr);
int volume_pool_destroy(struct control *c, const struct cfg_volume *v, struct err *reterr);
/* The dataset says the same as the configuration, also to OpenZFS. Parks. */
int volume_pool_set_sync(struct control *c, const struct cfg_volume *v, struct err *reterr);

/* ---- datasets that volumes lie in (dataset_served.c) ----------------------------------------- */

bool volume_lies_in(const struct cfg_volume *v, const char *dataset, bool below);
/* The volume that serves it, or NULL. */
const struct cfg_volume *volume_of_dataset(const struct config *cfg, const char *dataset);
int volume_unmap(struct config_edit *e, const char *name, struct err *reterr);
/* Takes the volumes at and below the dataset out of the configuration. -EBUSY: one is mapped, and not force. Parks. */
int datasets_forget(struct control *c, const char *dataset, bool force, struct err *reterr);
/* fn renames the dataset; the configuration follows, or it is renamed back. -EBUSY: one is mapped. Parks. */
typedef int dataset_rename_fn(struct control *c, const char *from, const char *to, void *arg,
                              struct err *reterr);
int datasets_rename(struct control *c, const char *from, const char *to, dataset_rename_fn *fn,
                    void *arg, struct err *reterr);

/* ---- objects as JSON --------------------------------------------------------------------- */

json_t *volume_json(struct jb *b, const struct config *cfg, const struct cfg_volume *v,
                    const struct live *l);
json_t *lun_json(struct jb *b, const struct cfg_target *t, const struct cfg_lun *lun,
                 const struct live *l);
const char *volume_state_name(const struct net_volume_info *i);
bool volume_is_served(const struct net_volume_info *i); /* NULL: it is not */
json_t *property_json(struct jb *b, const char *of, const char *property, const char *value,
                      const char *source);
json_t *totals_json(struct jb *b, const struct net_totals *t);
/* Members PREFIXlast_use, and so on. */
void use_json(struct jb *b, json_t *j, const char *prefix, const struct cfg_use *use);
/* NULL: from everywhere. */
json_t *sources_json(struct jb *b, const struct cfg_sources *s);
/* Minted secrets with what is ready to paste. */
json_t *minted_json(struct jb *b, const struct config *cfg, const struct minted *m);

#endif
