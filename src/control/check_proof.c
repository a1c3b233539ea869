/* SPDX-License-Identifier: BSD-2-Clause */
/* How hosts prove who they are, and by which secrets. Pure. */
#include "control/check_int.h"

#include <string.h>

#define SECRET_DAYS  365
#define UNUSED_DAYS  90
#define SECRET_CHARS 16 /* that is as long as those that are minted */

void look_mutual(const struct check_facts *f, const struct check *c, check_found_fn *found,
                 void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ninitiators; i++)
        if (f->cfg->initiators[i].auth != CFG_AUTH_MUTUAL)
            check_find(&r, f->cfg->initiators[i].name, "logs in with auth %s",
                       cfg_auth_name(f->cfg->initiators[i].auth));
}

void look_weak_sessions(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->nsessions; i++)
        if (f->sessions[i].weak)
            check_find(&r, f->sessions[i].initiator, "is logged in with %s from %.60s",
                       f->sessions[i].auth, f->sessions[i].peer.text);
}

/* What may be used, not what is: that is another finding. */
void look_chap_require(const struct check_facts *f, const struct check *c,
                       check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ninitiators; i++) {
        const struct cfg_initiator *ini = &f->cfg->initiators[i];
        if (ini->auth != CFG_AUTH_NONE && config_chap_weak(f->cfg, ini))
            check_find(&r, ini->name, "may log in by MD5 or SHA-1");
    }
}

void look_secret_age(const struct check_facts *f, const struct check *c, check_found_fn *found,
                     void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        uint64_t minted = g->forward.minted;
        if (g->reverse.minted && (!minted || g->reverse.minted < minted))
            minted = g->reverse.minted;
        if (minted && f->now > minted && (f->now - minted) / DAY > SECRET_DAYS)
            check_find(&r, g->initiator->name, "has had its secrets for %.100s for %llu days",
                       g->target->name, (unsigned long long)((f->now - minted) / DAY));
    }
}

static bool has_session(const struct check_facts *f, const struct cfg_grant *g)
{
    for (unsigned i = 0; i < f->nsessions; i++)
        if (strcmp(f->sessions[i].initiator, g->initiator->name) == 0 &&
            strcmp(f->sessions[i].target, g->target->name) == 0)
            return true;
    return false;
}

void look_unused_secrets(const struct check_facts *f, const struct check *c,
                         check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; f->last_use && i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        uint64_t since = MAX(f->uses_since, MAX(g->forward.minted, f->last_use[i]));
        if (g->initiator->auth == CFG_AUTH_NONE || g->forward.secret[0].len == 0 ||
            f->now < since || (f->now - since) / DAY <= UNUSED_DAYS || has_session(f, g))
            continue;
        check_find(&r, g->initiator->name, "has not used its secret for %.100s for %llu days",
                   g->target->name, (unsigned long long)((f->now - since) / DAY));
    }
}

static bool is_short(const struct cfg_credential *c)
{
    for (unsigned i = 0; i < ARRAY_LEN(c->secret); i++)
        if (c->secret[i].len > 0 && c->secret[i].len < SECRET_CHARS)
            return true;
    return false;
}

void look_secret_length(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        if (is_short(&g->forward) || is_short(&g->reverse))
            check_find(&r, g->initiator->name,
                       "has a secret for %.100s of less than %d characters", g->target->name,
                       SECRET_CHARS);
    }
}

/* Also the one that a rotation has not done away with. */
static bool guessable(const struct cfg_credential *c)
{
    for (unsigned i = 0; i < ARRAY_LEN(c->secret); i++)
        if (c->secret[i].len > 0 && cfg_secret_weak(c->secret[i].bytes, c->secret[i].len))
            return true;
    return false;
}

void look_guessable(const struct check_facts *f, const struct check *c, check_found_fn *found,
                    void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        if (guessable(&g->forward) || guessable(&g->reverse))
            check_find(&r, g->initiator->name, "has a secret for %.100s that is easily guessed",
                       g->target->name);
    }
    for (unsigned i = 0; i < f->cfg->ninitiators; i++)
        if (guessable(&f->cfg->initiators[i].discovery) ||
            guessable(&f->cfg->initiators[i].discovery_reverse))
            check_find(&r, f->cfg->initiators[i].name,
                       "has a secret for discovery that is easily guessed");
    for (unsigned i = 0; i < f->cfg->radius.nservers; i++) {
        const struct cfg_radius_server *s = &f->cfg->radius.servers[i];
        if (s->secret.len > 0 && cfg_secret_weak(s->secret.bytes, s->secret.len))
            check_find(&r, s->address,
                       "the secret shared with that RADIUS server is easily guessed");
    }
}

void look_rotations(const struct check_facts *f, const struct check *c, check_found_fn *found,
                    void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        if (g->forward.secret[1].len > 0 && f->now > g->forward.minted &&
            (f->now - g->forward.minted) / DAY >= 7)
            check_find(&r, g->initiator->name,
                       "may still use the secret for %.100s from before the last rotation",
                       g->target->name);
    }
}
