/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line that both load generators understand. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "base/err.h"
#include "work.h"

#define OPTIONS_MAX_URLS 64

struct options {
    const char *urls[OPTIONS_MAX_URLS]; /* session i uses urls[i % nurls] */
    uint32_t nurls;
    const char *initiator;
    uint64_t block; /* bytes of one operation */
    uint64_t span;  /* bytes of each LUN to use; 0: all of it */
    uint32_t read_pct;
    uint32_t depth;    /* commands in flight per session; 0: idle sessions */
    uint32_t sessions; /* each has a connection of its own */
    uint32_t threads;
    double warmup_s, seconds;
    enum pattern_level verify;
    bool sequential;
    bool fill; /* write everything once instead of running for a time */
    uint32_t run;
};

/*
 * Parses argv. 0, 1 after --help, or a negative errno with reterr. idle: whether --idle exists.
 */
int options_parse(struct options *o, int argc, char **argv, bool idle, struct err *reterr);

/*
 * What session number i does on a LUN of lun_bytes. Sessions of one LUN have an equal part of
 * it each, so that everyone knows what its own part holds; unverified they all use the whole.
 * 0, or -ERANGE when the LUN is too small for that.
 */
int options_share(const struct options *o, uint32_t i, uint64_t lun_bytes,
                  struct work_config *ret_cfg, struct err *reterr);

#endif
