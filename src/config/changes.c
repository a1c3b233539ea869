/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a commit changed, told to the log: here is the only place through which a configuration
 * comes into force, whether an edit, a document or a rollback made it. Home: reactor 0; parks.
 */
#include "config/store_int.h"

#include "base/log.h"

/* ---- proof that is asked of less --------------------------------------------------------- */

/* Enough of them to see what happened; an applied document may have any number. */
#define LOWERED_MAX 64

static void auth_changed(const struct cfg_initiator *i, enum cfg_auth before)
{
    if (i->auth > before)
        log_warn("auth.lowered", KV("initiator", "%s", i->name),
                 KV("from", "%s", cfg_auth_name(before)),
                 KV("to", "%s", cfg_auth_name(i->auth)));
    else
        log_info("auth.raised", KV("initiator", "%s", i->name),
                 KV("from", "%s", cfg_auth_name(before)),
                 KV("to", "%s", cfg_auth_name(i->auth)));
}

static void log_auth(const struct config *from, const struct config *to)
{
    unsigned n = 0;
    for (unsigned k = 0; k < to->ninitiators; k++) {
        const struct cfg_initiator *i = &to->initiators[k];
        const struct cfg_initiator *old = config_initiator(from, i->name);
        enum cfg_auth before = old ? old->auth : CFG_AUTH_MUTUAL;
        fiber_maybe_yield();
        if (i->auth != before && n++ < LOWERED_MAX)
            auth_changed(i, before);
    }
    if (n > LOWERED_MAX)
        log_warn("auth.lowered", KV("initiator", "and %u others", n - LOWERED_MAX));
}

void changes_log(const struct config_edit *e, const struct config *c)
{
    log_auth(e->base, c);
}
