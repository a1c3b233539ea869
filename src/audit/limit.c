/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buckets that fill with time. One for a class, and for refusals one for each address besides, so
 * that who knocks all night leaves room for the others. When more addresses knock than are told
 * apart, the one that was heard of longest ago makes room: the bucket of the class holds then.
 */
#include "audit/limit.h"

#include <string.h>

#define SEC UINT64_C(1000000000)

/* burst: how many at once; every: ns in which there is one more. burst 0: no limit. */
struct rate {
    const char *name;
    uint64_t burst, every;
};
static const struct rate all[AUDIT_CLASSES] = {
    [AUDIT_CHANGES] = {"changes",  0,    0      },
    [AUDIT_SESSIONS] = {"sessions", 4000, SEC / 5},
    [AUDIT_LEASES] = {"leases",   1000, SEC    },
    [AUDIT_REFUSALS] = {"refusals", 400,  5 * SEC},
};
/* Of one address: a small part of what there is for all. */
static const struct rate of_peer[AUDIT_CLASSES] = {
    [AUDIT_SESSIONS] = {"peer", 1000, 2 * SEC },
    [AUDIT_REFUSALS] = {"peer", 40,   30 * SEC},
};

static const struct {
    const char *event;
    enum audit_class class;
} events[] = {
    {"auth.lowered",       AUDIT_CHANGES },
    {"auth.raised",        AUDIT_CHANGES },
    {"config.change",      AUDIT_CHANGES },
    {"config.commit",      AUDIT_CHANGES },
    {"config.fallback",    AUDIT_CHANGES },
    {"connection.refused", AUDIT_REFUSALS},
    {"control.denied",     AUDIT_REFUSALS},
    {"control.change",     AUDIT_CHANGES },
    {"control.read",       AUDIT_CHANGES },
    {"guard.denied",       AUDIT_LEASES  },
    {"guard.ended",        AUDIT_LEASES  },
    {"guard.filesystem",   AUDIT_LEASES  },
    {"guard.lease",        AUDIT_LEASES  },
    {"guard.not_saved",    AUDIT_LEASES  },
    {"isns.registered",    AUDIT_SESSIONS},
    {"login.crowded",      AUDIT_REFUSALS},
    {"login.held_back",    AUDIT_REFUSALS},
    {"login.held_no_more", AUDIT_REFUSALS},
    {"login.redirected",   AUDIT_SESSIONS},
    {"login.refused",      AUDIT_REFUSALS},
    {"portal.listening",   AUDIT_CHANGES },
    {"ready",              AUDIT_CHANGES },
    {"secret.change",      AUDIT_CHANGES },
    {"session.end",        AUDIT_SESSIONS},
    {"session.login",      AUDIT_SESSIONS},
    {"start.failed",       AUDIT_CHANGES },
    {"stopped",            AUDIT_CHANGES },
};

const char *audit_class_name(enum audit_class c)
{
    return all[c].name;
}

bool audit_class_of(const char *event, enum audit_class *ret_class)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (strcmp(events[i].event, event) == 0) {
            *ret_class = events[i].class;
            return true;
        }
    return false;
}

/* ---- buckets ----------------------------------------------------------------------------- */

static void fill(struct audit_bucket *b, const struct rate *r, uint64_t now)
{
    uint64_t most = r->burst * r->every;
    if (b->at == 0)
        b->level = most;
    else if (now > b->at) /* a clock that is set back fills nothing */
        b->level = now - b->at < most - b->level ? b->level + (now - b->at) : most;
    b->at = now;
}

static bool has(const struct audit_bucket *b, const struct rate *r)
{
    return b->level >= r->every;
}

static const char *host_of(const struct log_kv *kv, size_t nkv, char ret_host[64])
{
    ret_host[0] = '\0';
    for (size_t i = 0; i < nkv; i++) {
        if (strcmp(kv[i].key, "peer") != 0)
            continue;
        size_t len = strlen(kv[i].value);
        const char *colon = strrchr(kv[i].value, ':');
        len = colon ? (size_t)(colon - kv[i].value) : len;
        len = len < 63 ? len : 63;
        memcpy(ret_host, kv[i].value, len);
        ret_host[len] = '\0';
    }
    return ret_host;
}

static uint64_t heard_of(const struct audit_peer *p)
{
    uint64_t at = 0;
    for (size_t i = 0; i < AUDIT_CLASSES; i++)
        at = MAX(at, p->bucket[i].at);
    return at;
}

static struct audit_peer *peer_of(struct audit_limit *l, const char *host)
{
    struct audit_peer *oldest = &l->peer[0];
    for (size_t i = 0; i < AUDIT_PEERS; i++) {
        if (strcmp(l->peer[i].host, host) == 0)
            return &l->peer[i];
        if (heard_of(&l->peer[i]) < heard_of(oldest))
            oldest = &l->peer[i];
    }
    *oldest = (struct audit_peer){.host = ""};
    memcpy(oldest->host, host, strlen(host) + 1);
    return oldest;
}

bool audit_limit_take(struct audit_limit *l, enum audit_class c, uint64_t now_ns,
                      const struct log_kv *kv, size_t nkv)
{
    char host[64];
    const struct rate *mine = &of_peer[c];
    struct audit_bucket *one = NULL;
    if (all[c].burst == 0)
        return true;
    if (mine->burst > 0) {
        one = &peer_of(l, host_of(kv, nkv, host))->bucket[c];
        fill(one, mine, now_ns);
    }
    fill(&l->all[c], &all[c], now_ns);
    if (has(&l->all[c], &all[c]) && (!one || has(one, mine))) {
        l->all[c].level -= all[c].every;
        if (one)
            one->level -= mine->every;
        return true;
    }
    if (l->since == 0)
        l->since = now_ns;
    l->left_out[c]++;
    return false;
}
