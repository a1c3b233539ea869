/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the checks, and the score: docs/audit.md explains each row. Pure. */
#include "control/check_int.h"

#include <stdarg.h>
#include <stdio.h>

void check_find(const struct finder *r, const char *object, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    r->found(r->arg, r->c, object, text);
}

unsigned long long check_days_since(const struct check_facts *f, uint64_t when)
{
    return f->now > when ? (f->now - when) / DAY : 0;
}

/* clang-format off */
const struct check checks[] = {
    {"mutual-chap",      SEV_HIGH,   12, "zsan initiator set NAME --auth mutual", look_mutual},
    {"weak-session",     SEV_HIGH,    8, "zsan initiator set NAME --auth mutual --chap sha3-256,sha256; then let it log in again", look_weak_sessions},
    {"redundancy",       SEV_HIGH,    8, "zsan pool attach POOL DISK NEW_DISK makes a mirror of each disk", look_redundancy},
    {"pool-health",      SEV_HIGH,    8, "zsan pool status POOL says what to do", look_health},
    {"sync",             SEV_HIGH,    8, "zsan volume set NAME --sync always", look_sync},
    {"audit-trail",      SEV_HIGH,    8, "zsan audit verify; compare with a copy and with the journal", look_trail},
    {"two-paths",        SEV_MEDIUM,  7, "a portal in a second network, at another interface (zsan portal add), and a second login of that host through it", look_paths},
    {"management",       SEV_MEDIUM,  4, "a network for storage alone: zsan portal add ADDRESS there, then zsan portal remove; or, if it is that already, zsan audit networks --management-networks NETWORK,... says which are not", look_management},
    {"routed",           SEV_MEDIUM,  4, "IPsec between the two networks, then zsan audit networks --ipsec-networks NETWORK,... states it; or a portal in the network of that host", look_routed},
    {"shared-disk",      SEV_MEDIUM,  5, "zsan volume set NAME --policy exclusive, unless its hosts run a cluster file system on it", look_shared},
    {"any-address",      SEV_MEDIUM,  4, "name an address or an interface: zsan portal add ADDRESS, then zsan portal remove", look_any_address},
    {"secret-age",       SEV_MEDIUM,  3, "zsan grant rotate WHO TARGET, then zsan grant finish", look_secret_age},
    {"secret-guessable", SEV_MEDIUM,  2, "let zsan mint it: zsan grant rotate WHO TARGET (zsan initiator rotate for discovery), then zsan grant finish", look_guessable},
    {"scrub",            SEV_MEDIUM,  3, "zsan pool scrub POOL, once a month", look_scrubs},
    {"backup",           SEV_MEDIUM,  3, "zsan config export --with-secrets, or a copy of the state folder's config/ and then zsan config saved; kept under lock, away from this machine", look_backup},
    {"chap-require",     SEV_LOW,     1, "zsan limits set --chap-require sha256, once no host needs less: zsan session list", look_chap_require},
    {"spare",            SEV_LOW,     2, "zsan pool add POOL spare DISK", look_spares},
    {"overcommit",       SEV_LOW,     2, "add disks (zsan pool add), or watch the room: zsan volume set NAME --threshold-pct", look_overcommit},
    {"sources",          SEV_LOW,     1, "zsan grant set WHO TARGET --sources NETWORK,... or zsan portal set ADDRESS --sources NETWORK,...", look_sources},
    {"unused-secret",    SEV_LOW,     1, "zsan grant remove WHO TARGET, if nobody misses it", look_unused_secrets},
    {"unused-portal",    SEV_LOW,     1, "zsan portal remove ADDRESS", look_unused_portals},
    {"secret-length",    SEV_LOW,     1, "let zsan mint it: zsan grant rotate WHO TARGET", look_secret_length},
    {"rotation",         SEV_LOW,     1, "zsan grant finish WHO TARGET", look_rotations},
    {"several-hosts",    SEV_LOW,     1, "zsan grant remove WHO TARGET for all but one, unless it is meant", look_several_hosts},
    {"host-away",        SEV_LOW,     1, "see why it is not logged in; if it will not come back, zsan grant remove WHO TARGET", look_away},
    {"audit-age",        SEV_LOW,     1, "zsan audit, once a month at least, from cron: its exit status tells", look_audit_age},
};
/* clang-format on */
const unsigned nchecks = ARRAY_LEN(checks);

const char *severity_name(enum severity s)
{
    static const char *const names[] = {"low", "medium", "high"};
    return names[s];
}

struct tally {
    check_found_fn *found;
    void *arg;
    unsigned n;
};

static void tally(void *arg, const struct check *c, const char *object, const char *text)
{
    struct tally *t = arg;
    t->n++;
    t->found(t->arg, c, object, text);
}

unsigned check_all(const struct check_facts *f, check_found_fn *found, void *arg)
{
    unsigned score = 100;
    for (unsigned i = 0; i < nchecks; i++) {
        struct tally t = {found, arg, 0};
        checks[i].look(f, &checks[i], tally, &t);
        if (t.n > 0)
            score -= checks[i].weight;
    }
    return score;
}
