/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may log in where: pure functions of the configuration. Deny by default: a name that is
 * not configured, a target that does not exist, one that is not granted, not from there or not
 * through this portal group all take the same path, an exchange to its end that nothing can pass, so
 * that nobody learns which it was. Where a target moved is told to none but those who may log in,
 * after they have proved themselves (login.c).
 */
#include "net/net_int.h"

#include "base/text.h"
#include "config/sources.h"

#include <string.h>

const char policy_wrong_source[] = "its grant is not for this source network";

static bool in_group(const struct cfg_target *t, uint16_t tag)
{
    for (unsigned i = 0; i < t->ngroups; i++)
        if (t->groups[i]->tag == tag)
            return true;
    return false;
}

bool policy_may_see(const struct config *cfg, const char *initiator, const struct cfg_target *t,
                    const struct cfg_address *source)
{
    const struct cfg_grant *g = config_grant(cfg, initiator, t->name);
    return g && !t->disabled && cfg_sources_admit(&g->sources, source);
}

const struct cfg_target *policy_target(const struct config *cfg, const struct iscsi_params *p,
                                       const struct policy_way *way)
{
    const struct cfg_target *t = config_target(cfg, p->target);
    return t && in_group(t, way->portal_group) &&
                   policy_may_see(cfg, p->initiator, t, &way->source)
               ? t
               : NULL;
}

/* Why not; NULL: it may. */
static const char *refusal(const struct config *cfg, const struct iscsi_params *p,
                           const struct cfg_initiator *i, const struct cfg_grant *g,
                           const struct policy_way *way)
{
    const struct cfg_target *t = config_target(cfg, p->target);
    if (!i)
        return "the initiator is not known";
    if (p->discovery)
        return NULL;
    if (!t)
        return "there is no such target";
    if (!g)
        return "the target is not granted to it";
    if (!cfg_sources_admit(&g->sources, &way->source))
        return policy_wrong_source;
    if (!in_group(t, way->portal_group))
        return "the target is not served through this portal group";
    return t->disabled ? "the target is disabled" : NULL;
}

static void secret_copy(const struct cfg_secret *s, struct iscsi_secret *ret)
{
    memcpy(ret->bytes, s->bytes, s->len);
    ret->len = s->len;
}

/* The algorithms, and who judges, are those of the initiator all the same: they shall not tell its targets from others. */
static void allow_algs(const struct config *cfg, const struct cfg_initiator *i,
                       struct iscsi_login_answer *a)
{
    a->algs_ever = config_chap_algs(cfg);
    a->algs = i ? config_chap_algs_of(cfg, i) : a->algs_ever;
    a->elsewhere = i && i->verify == CFG_VERIFY_RADIUS;
    if (!a->elsewhere)
        return;
    a->algs = 1u << ISCSI_CHAP_MD5; /* RADIUS knows a response by it alone */
    /* It is asked for targets that are not the initiator's by this name, too. */
    text_copy(a->chap_name, sizeof(a->chap_name), i->name);
}

/* A host that was not told of new secrets knows the old of both directions. If only the target's is new, nothing tells
 * which the host knows, and it is the new one. */
static const struct cfg_secret *reverse_for(const struct cfg_credential *reverse, unsigned k)
{
    return &reverse->secret[reverse->secret[k].len > 0 ? k : 0];
}

static void require_chap(const struct cfg_initiator *i, const struct cfg_credential *forward,
                         const struct cfg_credential *reverse, struct iscsi_login_answer *a)
{
    a->chap_required = true;
    a->mutual_required = i->auth == CFG_AUTH_MUTUAL;
    text_copy(a->chap_name, sizeof(a->chap_name), forward->name);
    text_copy(a->reverse_name, sizeof(a->reverse_name), reverse->name);
    for (unsigned k = 0; k < ISCSI_CHAP_SECRETS; k++) {
        if (!a->elsewhere)
            secret_copy(&forward->secret[k], &a->secret[k]);
        secret_copy(reverse_for(reverse, k), &a->reverse_secret[k]);
    }
}

void policy_answer(const struct config *cfg, const struct iscsi_params *p,
                   const struct policy_way *way, struct iscsi_login_answer *ret_answer,
                   const char **ret_refusal)
{
    struct iscsi_login_answer *a = ret_answer;
    const struct cfg_initiator *i = config_initiator(cfg, p->initiator);
    const struct cfg_grant *g = config_grant(cfg, p->initiator, p->target);
    const struct cfg_credential *forward = NULL, *reverse = NULL;
    const char *why = refusal(cfg, p, i, g, way);
    memset(a, 0, sizeof(*a));
    a->portal_group = way->portal_group;
    allow_algs(cfg, i, a);
    if (!why) {
        forward = p->discovery ? &i->discovery : &g->forward;
        reverse = p->discovery ? &i->discovery_reverse : &g->reverse;
        if (i->auth == CFG_AUTH_NONE && !way->loopback)
            why = "without CHAP it may log in on loopback alone";
        else if (i->auth != CFG_AUTH_NONE && i->verify == CFG_VERIFY_LOCAL &&
                 forward->secret[0].len == 0 && forward->secret[1].len == 0)
            why = "there is no secret to check against";
    }
    *ret_refusal = why;
    if (why) {
        a->fake = a->chap_required = true;
        return;
    }
    if (!p->discovery)
        text_copy(a->target_alias, sizeof(a->target_alias), g->target->alias);
    if (i->auth != CFG_AUTH_NONE)
        require_chap(i, forward, reverse, a);
}
