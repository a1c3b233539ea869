/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scoring a running set-up against a checklist (docs/audit.md). Each check is a pure function of facts
 * that were gathered before; what cannot be known from inside of the daemon is no check.
 */
#ifndef CONTROL_CHECK_H
#define CONTROL_CHECK_H

#include "audit/audit.h"
#include "config/config.h"
#include "control/networks.h"
#include "net/net_admin.h"

enum severity { SEV_LOW, SEV_MEDIUM, SEV_HIGH };
const char *severity_name(enum severity s);

struct check_pool {
    char name[256];
    const char *health; /* "ONLINE"; NULL: it is not open */
    bool redundant;     /* each of its groups is a mirror or raidz */
    bool spare;
    uint64_t scrubbed; /* the end of the newest scrub, seconds since 1970; 0: none is known */
    uint64_t damaged;  /* blocks beyond repair */
    uint64_t size;     /* bytes that volumes take and can still get */
};
/* All borrowed. */
struct check_facts {
    const struct config *cfg;
    const struct net_session_info *sessions;
    unsigned nsessions;
    const struct check_pool *pools;
    unsigned npools;
    const uint64_t *last_use; /* of each grant of cfg: a login, 0: none; NULL: not known */
    uint64_t uses_since;      /* nothing is known of before */
    struct cfg_care care;     /* audit: the one before this */
    const struct audit_info *trail;  /* NULL: there is none */
    const struct networks *networks; /* NULL: not known */
    uint64_t now;                    /* seconds since 1970 */
};

struct check;
typedef void check_found_fn(void *arg, const struct check *c, const char *object,
                            const char *text);
typedef void check_look_fn(const struct check_facts *f, const struct check *c,
                           check_found_fn *found, void *arg);
struct check {
    const char *name;
    enum severity severity;
    unsigned weight;  /* of 100, taken off once, however often it is found */
    const char *mend; /* how, in a sentence */
    check_look_fn *look;
};
extern const struct check checks[];
extern const unsigned nchecks;

/* All checks; what is left of 100. */
unsigned check_all(const struct check_facts *f, check_found_fn *found, void *arg);

#endif
