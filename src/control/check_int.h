/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the checks and their table. */
#ifndef CONTROL_CHECK_INT_H
#define CONTROL_CHECK_INT_H

#include "control/check.h"

#define DAY 86400u

/* To whom a check says what it found. */
struct finder {
    const struct check *c;
    check_found_fn *found;
    void *arg;
};
#define FINDER(c, found, arg) const struct finder r = {c, found, arg}
void check_find(const struct finder *r, const char *object, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
unsigned long long check_days_since(const struct check_facts *f, uint64_t when);

/* check_network.c */
check_look_fn look_paths, look_away, look_management, look_routed, look_any_address,
    look_unused_portals, look_sources;
/* check_proof.c */
check_look_fn look_mutual, look_weak_sessions, look_chap_require, look_secret_age,
    look_unused_secrets, look_secret_length, look_guessable, look_rotations;
/* check_storage.c */
check_look_fn look_shared, look_several_hosts, look_sync, look_health, look_redundancy,
    look_spares, look_scrubs, look_overcommit, look_trail, look_backup, look_audit_age;

#endif
