/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who failed to prove himself, by where from: an address, and of IPv6 the /64 besides, for in one of those
 * anybody has as many addresses as he likes. Pure: the caller brings the time (ns, see run_now()).
 */
#ifndef NET_BACKOFF_INT_H
#define NET_BACKOFF_INT_H

#include "config/sources.h"

#define BACKOFF_SOURCES 256

struct backoff_source {
    struct cfg_network net; /* an address alone, or a /64 */
    uint64_t until;         /* when nothing is held against it any more */
    bool begun; /* its logins are held back, or were and nobody has asked backoff_over() */
};
struct backoff {
    struct backoff_source source[BACKOFF_SOURCES]; /* begins as zeroes */
};

/* How long the next login from there is to wait; 0: not at all. */
unsigned backoff_delay_ms(const struct backoff *b, const struct cfg_address *from,
                          uint64_t now);
/* A login from there failed. The source that is held back from now on, NULL: none is that was not. */
const struct backoff_source *backoff_failed(struct backoff *b, const struct cfg_address *from,
                                            uint64_t now);
/* Forgets one that was held back and that nothing is held against any more. False: there is none. */
bool backoff_over(struct backoff *b, uint64_t now, struct backoff_source *ret_source);
/* When there may be one. UINT64_MAX: never, as it is now. */
uint64_t backoff_next(const struct backoff *b);
unsigned backoff_count(const struct backoff *b); /* sources that are held back */

#endif
