/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which events belong into the audit trail, and how many of each: what strangers can cause at
 * will must fill neither the disk nor the trail. Of what is left out the number is kept. Pure.
 */
#ifndef AUDIT_LIMIT_H
#define AUDIT_LIMIT_H

#include "base/log.h"

enum audit_class {
    AUDIT_CHANGES,  /* what operators do, and what the trail says of itself: all of it */
    AUDIT_SESSIONS, /* of those who proved themselves */
    AUDIT_LEASES,   /* of volumes */
    AUDIT_REFUSALS, /* of anybody */
    AUDIT_CLASSES
};
const char *audit_class_name(enum audit_class c);
/* False: it does not belong there. */
bool audit_class_of(const char *event, enum audit_class *ret_class);

#define AUDIT_PEERS 64 /* addresses that are told apart */
struct audit_bucket {
    uint64_t level, at; /* ns of time that it holds; when it did */
};
struct audit_limit {
    struct audit_bucket all[AUDIT_CLASSES];
    struct audit_peer {
        char host[64];
        struct audit_bucket bucket[AUDIT_CLASSES];
    } peer[AUDIT_PEERS];
    uint64_t left_out[AUDIT_CLASSES];
    uint64_t since; /* the first of them, 0: none */
};
/* Whether one more may be written now; else it is counted as left out. kv: its address is looked for there. */
bool audit_limit_take(struct audit_limit *l, enum audit_class c, uint64_t now_ns,
                      const struct log_kv *kv, size_t nkv);

#endif
