/* SPDX-License-Identifier: BSD-2-Clause */
/* The checklist, and the audit trail: where it is, and whether it is whole. Parks. */
#include "base/cleanup.h"
#include "base/text.h"
#include "config/sources.h"
#include "control/api_gen.h"
#include "control/check.h"
#include "control/control_int.h"
#include "control/pool_look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *trail_json(struct jb *b, const struct audit_info *i)
{
    char hex[2 * AUDIT_HASH_LEN + 1];
    json_t *j = jb_object(b);
    hex_encode(i->chain.hash, AUDIT_HASH_LEN, hex);
    jb_text(b, j, "folder", i->dir);
    jb_uint(b, j, "file", i->file);
    jb_uint(b, j, "lines", i->chain.seq);
    jb_text(b, j, "hash", hex);
    jb_uint(b, j, "lost", i->lost);
    jb_uint(b, j, "left_out", i->left_out);
    jb_text(b, j, "failing", i->failing[0] ? i->failing : NULL);
    jb_text(b, j, "broken", i->broken[0] ? i->broken : NULL);
    return j;
}

static int no_trail(struct err *reterr)
{
    return err_set(reterr, -EAGAIN, "there is no audit trail");
}

int rpc_audit_trail(struct control *c, const struct args_audit_trail *a, json_t **ret_result,
                    struct err *reterr)
{
    CLEANUP(freep) struct audit_info *i = calloc(1, sizeof(*i));
    struct jb b = {false};
    (void)a;
    if (!c->env.audit)
        return no_trail(reterr);
    if (!i)
        return -ENOMEM;
    audit_info(c->env.audit, i);
    return jb_done(&b, trail_json(&b, i), ret_result, reterr);
}

int rpc_audit_verify(struct control *c, const struct args_audit_verify *a, json_t **ret_result,
                     struct err *reterr)
{
    struct audit_verify v;
    struct jb b = {false};
    char hex[2 * AUDIT_HASH_LEN + 1];
    (void)a;
    if (c->verifying)
        return err_set(reterr, -EBUSY, "the trail is being verified already: wait for it");
    c->verifying = true;
    int rc = c->env.audit ? audit_verify(c->env.audit, &v, reterr) : no_trail(reterr);
    c->verifying = false;
    if (rc < 0)
        return rc;
    json_t *j = jb_object(&b);
    hex_encode(v.chain.hash, AUDIT_HASH_LEN, hex);
    jb_uint(&b, j, "first", v.first);
    jb_uint(&b, j, "last", v.chain.seq);
    jb_text(&b, j, "hash", hex);
    return jb_done(&b, j, ret_result, reterr);
}

/* ---- the checklist ----------------------------------------------------------------------- */

#define FINDINGS_MAX 1000

/* What nobody can know from inside. */
static const char *const not_checked[] = {
    "that the two paths use different switches; interfaces that are VLANs of one card",
    "unused ports of switches, and who has access to them",
    "redundant power",
    "that what was stated of networks is so",
    "that the backup of the configuration is still there, and can be applied",
};

struct survey {
    struct check_facts facts;
    struct check_pool *pools; /* facts.npools of them */
    uint64_t *last_use;       /* of each grant */
    struct audit_info trail;
    struct networks networks;
    struct jb b;
    json_t *findings;
    unsigned score, found;
    int worst; /* severity, -1: none */
    bool bad;  /* no memory */
};

static void survey_drop(struct survey **s)
{
    if (*s) {
        free((*s)->pools);
        free((*s)->last_use);
        networks_free(&(*s)->networks);
    }
    free(*s);
}

/* A disk that stands alone is lost with what is on it. */
static bool is_redundant(const struct pool_status *s)
{
    bool any = false;
    for (unsigned i = 0; i < s->nvdevs; i++) {
        if (s->vdevs[i].depth != 1 || s->vdevs[i].spare)
            continue;
        any = true;
        if (s->vdevs[i].leaf)
            return false;
    }
    return any;
}

static bool has_spare(const struct pool_status *s)
{
    for (unsigned i = 0; i < s->nvdevs; i++)
        if (s->vdevs[i].spare && strcmp(s->vdevs[i].state, "AVAIL") == 0)
            return true;
    return false;
}

static void look_at_pool(void *arg, const struct held_info *h, const struct pool_view *v)
{
    struct survey *s = arg;
    struct check_pool *grown = realloc(s->pools, (s->facts.npools + 1) * sizeof(*grown));
    if (!grown) {
        s->bad = true;
        return;
    }
    s->pools = grown;
    struct check_pool *p = &grown[s->facts.npools++];
    *p = (struct check_pool){.health = v ? v->status.health : NULL};
    text_copy(p->name, sizeof(p->name), h->name);
    if (!v)
        return;
    p->redundant = is_redundant(&v->status);
    p->spare = has_spare(&v->status);
    p->scrubbed = v->scan.state == POOL_SCAN_FINISHED && !v->scan.resilver ? v->scan.end : 0;
    p->damaged = v->errors;
    p->size = v->space.allocated + v->space.available;
}

static int look_at_uses(struct survey *s, const struct config *cfg, struct config_store *store)
{
    struct cfg_use use;
    s->last_use = calloc(cfg->ngrants + 1, sizeof(*s->last_use));
    if (!s->last_use)
        return -ENOMEM;
    for (unsigned i = 0; i < cfg->ngrants; i++) {
        const struct cfg_grant *g = &cfg->grants[i];
        if (config_last_use(store, g->initiator->name, g->target->name, &g->forward, &use))
            s->last_use[i] = use.when;
        fiber_maybe_yield();
    }
    s->facts.last_use = s->last_use;
    s->facts.uses_since = config_uses_since(store);
    return 0;
}

static void add_finding(void *arg, const struct check *c, const char *object, const char *text)
{
    struct survey *s = arg;
    s->worst = MAX(s->worst, (int)c->severity);
    if (s->found++ >= FINDINGS_MAX)
        return;
    json_t *j = jb_object(&s->b);
    jb_text(&s->b, j, "severity", severity_name(c->severity));
    jb_text(&s->b, j, "check", c->name);
    jb_text(&s->b, j, "object", object);
    jb_text(&s->b, j, "text", text);
    jb_text(&s->b, j, "mend", c->mend);
    jb_push(&s->b, s->findings, j);
}

/* Of many sessions it takes a while. */
static void check_now(void *arg)
{
    struct survey *s = arg;
    s->score = check_all(&s->facts, add_finding, s);
}

/* What was stated stands beside what was found. */
static void put_stated(struct survey *s, json_t *j)
{
    const struct cfg_statements *t = &s->facts.cfg->stated;
    if (t->ipsec.n > 0)
        jb_put(&s->b, j, "ipsec_networks", sources_json(&s->b, &t->ipsec));
    if (t->management.n > 0)
        jb_put(&s->b, j, "management_networks", sources_json(&s->b, &t->management));
}

static json_t *score_json(struct survey *s)
{
    struct jb *b = &s->b;
    json_t *j = jb_object(b), *list = jb_list(b);
    for (size_t i = 0; i < ARRAY_LEN(not_checked); i++)
        jb_push_text(b, list, not_checked[i]);
    if (!s->facts.networks)
        jb_push_text(b, list,
                     "subnets and interfaces of paths, networks of portals, routers: what "
                     "networks this machine has could not be read");
    jb_uint(b, j, "score", s->score);
    jb_text(b, j, "worst", s->worst < 0 ? "none" : severity_name((enum severity)s->worst));
    jb_uint(b, j, "checks", nchecks);
    jb_uint(b, j, "found", s->found);
    if (s->facts.care.audit)
        jb_uint(b, j, "last_audit", s->facts.care.audit);
    if (s->facts.care.backup)
        jb_uint(b, j, "last_backup", s->facts.care.backup);
    put_stated(s, j);
    jb_put(b, j, "findings", s->findings);
    jb_put(b, j, "not_checked", list);
    return j;
}

int rpc_audit(struct control *c, const struct args_audit *a, json_t **ret_result,
              struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    CLEANUP(survey_drop) struct survey *s = calloc(1, sizeof(*s));
    LIVE(l);
    (void)a;
    if (!s || live_take(c, &l, reterr) < 0 ||
        pools_each(c->env.pools, NULL, look_at_pool, s, reterr) < 0 || s->bad ||
        look_at_uses(s, cfg, c->env.store) < 0)
        return -ENOMEM;
    s->findings = jb_list(&s->b);
    s->worst = -1;
    s->facts.cfg = cfg;
    s->facts.sessions = l.sessions;
    s->facts.nsessions = l.nsessions;
    s->facts.pools = s->pools;
    s->facts.care = config_care(c->env.store);
    s->facts.now = run_wall() / NS_PER_SEC;
    if (c->env.networks && c->env.networks(&s->networks) == 0)
        s->facts.networks = &s->networks;
    if (c->env.audit) {
        audit_info(c->env.audit, &s->trail);
        s->facts.trail = &s->trail;
    }
    run_offload(check_now, s);
    config_audited(c->env.store);
    return jb_done(&s->b, score_json(s), ret_result, reterr);
}

/* ---- what operators state ------------------------------------------------------------------ */

/* Not given: it stays. */
static int restate(const struct api_names *names, const char *flag, struct cfg_sources *s,
                   struct err *reterr)
{
    struct cfg_sources new = {.n = 0};
    bool none = names->n == 1 && strcmp(names->name[0], "none") == 0;
    int rc = 0;
    if (!names->given)
        return 0;
    if (names->n == 0)
        return err_set(reterr, -EINVAL, "%s: name a network, or none", flag);
    for (unsigned i = 0; rc == 0 && !none && i < names->n; i++)
        rc = cfg_sources_add(&new, names->name[i], flag, reterr);
    if (rc == 0)
        *s = new;
    return rc;
}

int rpc_audit_networks(struct control *c, const struct args_audit_networks *a,
                       json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    if (!a->ipsec_networks.given && !a->management_networks.given)
        return err_set(reterr, -EINVAL,
                       "--ipsec-networks or --management-networks: nothing is stated; what was "
                       "stands beside the score");
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc < 0)
        return rc;
    struct cfg_statements s = config_edit_base(e)->stated;
    rc = restate(&a->ipsec_networks, "--ipsec-networks", &s.ipsec, reterr);
    if (rc == 0)
        rc = restate(&a->management_networks, "--management-networks", &s.management, reterr);
    if (rc == 0)
        rc = edit_stated_put(e, &s, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}
