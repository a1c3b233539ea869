/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool's state in words, as zpool status prints it. Pure. */
#ifndef CONTROL_POOL_TEXT_H
#define CONTROL_POOL_TEXT_H

#include "base/buf.h"
#include "pool/pool_admin.h"

/* How far it has come that is being imported, or whose volumes replay their logs. */
struct pool_coming {
    char text
        [160]; /* "12 of 48 devices read, 00:00:03 to go"; "": nothing of that is under way */
    uint64_t done, of;     /* of 0: not known */
    uint64_t seconds_left; /* of this step, if it goes on as fast; 0: not known */
};
void pool_coming(const struct pool_progress *g, uint64_t now, struct pool_coming *ret);

/* One pool, looked at. */
struct pool_view {
    char name[256];
    struct pool_coming coming;
    struct pool_status status;
    struct pool_scan_status scan;
    struct pool_space space;
    struct pool_cache cache;
    uint64_t errors;         /* blocks that are damaged beyond repair */
    uint64_t freeing;        /* bytes that destroys have yet to give back */
    char read_only_why[200]; /* what forces it; "": it was asked for, or it is writable */
};
/* The worst that is wrong, and what to do; NULL: all is well. */
const char *pool_problem(const struct pool_view *v, const char **ret_action);
/* "scrub repaired 0B in 00:00:10 with 0 errors on 2026-11-29 01:02:03" */
void pool_scan_text(const struct pool_scan_status *s, char *ret, size_t cap);
/* 0..100. */
unsigned pool_scan_percent(const struct pool_scan_status *s);
/* paths: disks by their whole paths, not by the last part. */
void pool_text(const struct pool_view *v, bool paths, struct wbuf *w);

#endif
