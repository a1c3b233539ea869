/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may log in where: pure functions of the configuration. Deny by default: a name that is
 * not configured, a target that does not exist, one that is not granted or not served through
 * this portal group all take the same path, an exchange to its end that nothing can pass, so
 * that nobody learns which it was.
 */
#include "net/net_int.h"

#include "base/text.h"

#include <string.h>

static bool in_group(const struct cfg_target *t, uint16_t tag)
{
    for (unsigned i = 0; i < t->ngroups; i++)
        if (t->groups[i]->tag == tag)
            return true;
    return false;
}

bool policy_may_see(const struct config *cfg, const char *initiator, const struct cfg_target *t)
{
    return !t->disabled && config_grant(cfg, initiator, t->name) != NULL;
}

const struct cfg_target *policy_target(const struct config *cfg, const struct iscsi_params *p,
                                       uint16_t portal_group)
{
    const struct cfg_target *t = config_target(cfg, p->target);
    return t && in_group(t, portal_group) && policy_may_see(cfg, p->initiator, t) ? t : NULL;
}

static void secret_copy(const struct cfg_secret *s, uint8_t *ret_bytes, uint16_t *ret_len)
{
    memcpy(ret_bytes, s->bytes, s->len);
    *ret_len = s->len;
}

static void unknown(struct iscsi_login_answer *a)
{
    a->fake = true;
    a->chap_required = true;
}

static void require_chap(const struct cfg_initiator *i, const struct cfg_credential *forward,
                         const struct cfg_credential *reverse, struct iscsi_login_answer *a)
{
    a->chap_required = true;
    a->mutual_required = i->auth == CFG_AUTH_MUTUAL;
    a->algs = i->chap_algs;
    text_copy(a->chap_name, sizeof(a->chap_name), forward->name);
    for (unsigned k = 0; k < ISCSI_CHAP_SECRETS; k++)
        secret_copy(&forward->secret[k], a->secret[k].bytes, &a->secret[k].len);
    text_copy(a->reverse_name, sizeof(a->reverse_name), reverse->name);
    secret_copy(&reverse->secret[0], a->reverse_secret.bytes, &a->reverse_secret.len);
    if (forward->secret[0].len == 0 && forward->secret[1].len == 0)
        unknown(a); /* nothing to check against: nobody passes */
}

static void authenticate(const struct cfg_initiator *i, const struct cfg_credential *forward,
                         const struct cfg_credential *reverse, bool loopback,
                         struct iscsi_login_answer *a)
{
    if (i->auth == CFG_AUTH_NONE && loopback)
        return;
    if (i->auth == CFG_AUTH_NONE)
        unknown(a);
    else
        require_chap(i, forward, reverse, a);
}

void policy_answer(const struct config *cfg, const struct iscsi_params *p,
                   uint16_t portal_group, bool loopback, struct iscsi_login_answer *ret_answer)
{
    struct iscsi_login_answer *a = ret_answer;
    memset(a, 0, sizeof(*a));
    a->portal_group = portal_group;
    const struct cfg_initiator *i = config_initiator(cfg, p->initiator);
    if (p->discovery) {
        if (i)
            authenticate(i, &i->discovery, &i->discovery_reverse, loopback, a);
        else
            unknown(a);
        return;
    }
    const struct cfg_grant *g = config_grant(cfg, p->initiator, p->target);
    if (!i || !g || g->target->disabled || !in_group(g->target, portal_group)) {
        unknown(a);
        return;
    }
    if (g->target->redirect[0]) {
        a->status =
            g->target->redirect_permanent ? ISCSI_LOGIN_MOVED_PERM : ISCSI_LOGIN_MOVED_TEMP;
        text_copy(a->redirect, sizeof(a->redirect), g->target->redirect);
        return;
    }
    text_copy(a->target_alias, sizeof(a->target_alias), g->target->alias);
    authenticate(i, &g->forward, &g->reverse, loopback, a);
}
