/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One table row per option: its name, its argument, its line of help and the function that
 * takes it, so that help and parser cannot differ.
 */
#include "options.h"

#include "base/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECTOR_MAX (64u << 20) /* no target takes larger commands */

struct option_row {
    bool (*take)(struct options *o, const char *value); /* false: not a good value */
    const char *name, *arg, *help;
};

static bool to_u32(const char *s, uint32_t min, uint32_t max, uint32_t *ret)
{
    uint64_t v;
    if (!text_to_u64(s, &v) || v < min || v > max)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool to_seconds(const char *s, double *ret)
{
    char *end;
    double v = strtod(s, &end);
    if (*end != '\0' || end == s || !(v >= 0 && v <= 86400))
        return false;
    *ret = v;
    return true;
}

static bool take_url(struct options *o, const char *v)
{
    if (o->nurls == OPTIONS_MAX_URLS)
        return false;
    o->urls[o->nurls++] = v;
    return true;
}

static bool take_initiator(struct options *o, const char *v)
{
    o->initiator = v;
    return *v != '\0';
}

static bool take_mode(struct options *o, const char *v)
{
    static const struct {
        const char *name;
        uint32_t read_pct;
    } modes[] = {
        {"read",  100},
        {"write", 0  },
        {"mixed", 70 }
    };
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(v, modes[i].name) == 0) {
            o->read_pct = modes[i].read_pct;
            return true;
        }
    return false;
}

static bool take_read_pct(struct options *o, const char *v)
{
    return to_u32(v, 0, 100, &o->read_pct);
}

static bool take_block(struct options *o, const char *v)
{
    return text_to_size(v, &o->block) && o->block > 0 && o->block % PATTERN_SECTOR == 0 &&
           o->block <= SECTOR_MAX;
}

static bool take_span(struct options *o, const char *v)
{
    return text_to_size(v, &o->span);
}

static bool take_depth(struct options *o, const char *v)
{
    return to_u32(v, 1, 1024, &o->depth);
}

static bool take_sessions(struct options *o, const char *v)
{
    return to_u32(v, 1, 65536, &o->sessions);
}

static bool take_threads(struct options *o, const char *v)
{
    return to_u32(v, 1, 256, &o->threads);
}

static bool take_seconds(struct options *o, const char *v)
{
    return to_seconds(v, &o->seconds);
}

static bool take_warmup(struct options *o, const char *v)
{
    return to_seconds(v, &o->warmup_s);
}

static bool take_verify(struct options *o, const char *v)
{
    static const char *const levels[] = {
        [PATTERN_OFF] = "off", [PATTERN_STAMP] = "stamp", [PATTERN_FULL] = "full"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strcmp(v, levels[i]) == 0) {
            o->verify = (enum pattern_level)i;
            return true;
        }
    return false;
}

static bool take_run(struct options *o, const char *v)
{
    return to_u32(v, 1, INT32_MAX, &o->run);
}

static bool take_sequential(struct options *o, const char *v UNUSED)
{
    o->sequential = true;
    return true;
}

static bool take_fill(struct options *o, const char *v UNUSED)
{
    o->fill = true;
    o->read_pct = 0;
    return true;
}

static bool take_idle(struct options *o, const char *v UNUSED)
{
    o->depth = 0;
    return true;
}

static const struct option_row rows[] = {
    {take_url,        "url",        "URL",              "iscsi://[user%secret@]host:port/iqn/lun, again for more"},
    {take_initiator,  "initiator",  "NAME",             "initiator name"                                         },
    {take_mode,       "mode",       "read|write|mixed", "default read; mixed reads 70 %"                         },
    {take_read_pct,   "read-pct",   "0..100",           "share of reads"                                         },
    {take_block,      "block",      "SIZE",             "bytes of one operation (4k)"                            },
    {take_span,       "span",       "SIZE",             "bytes of each LUN to use (all)"                         },
    {take_depth,      "depth",      "N",                "commands in flight per session (32)"                    },
    {take_sessions,   "sessions",   "N",                "each has a connection (one per URL)"                    },
    {take_threads,    "threads",    "N",                "that share the sessions (1)"                            },
    {take_seconds,    "seconds",    "S",                "measured time (5)"                                      },
    {take_warmup,     "warmup",     "S",                "time before it (1)"                                     },
    {take_verify,     "verify",     "off|stamp|full",   "how data is checked (stamp)"                            },
    {take_run,        "run",        "N",                "this run's number in the data (the clock)"              },
    {take_sequential, "sequential", NULL,               "ascending places, not random ones"                      },
    {take_fill,       "fill",       NULL,               "write every place once, ignore the times"               },
    {take_idle,       "idle",       NULL,               "no commands: answer pings for the time"                 },
};

/* --idle exists only in a generator that can do nothing. */
static bool is_there(const struct option_row *row, bool idle)
{
    return idle || row->take != take_idle;
}

static void usage(const char *program, bool idle)
{
    printf("usage: %s --url URL [options]\n", program);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!is_there(&rows[i], idle))
            continue;
        char left[48];
        snprintf(left, sizeof(left), "--%s %s", rows[i].name, rows[i].arg ? rows[i].arg : "");
        printf("  %-28s %s\n", left, rows[i].help);
    }
}

static int finish(struct options *o, struct err *reterr)
{
    if (o->nurls == 0)
        return err_set(reterr, -EINVAL, "no --url; see --help");
    if (o->sessions == 0)
        o->sessions = o->nurls;
    if (o->sessions < o->nurls)
        return err_set(reterr, -EINVAL, "fewer --sessions than --url");
    o->threads = MIN(o->threads, o->sessions);
    return 0;
}

int options_parse(struct options *o, int argc, char **argv, bool idle, struct err *reterr)
{
    *o = (struct options){
        .initiator = "iqn.2026-01.org.zsan:bench",
        .block = 4096,
        .read_pct = 100,
        .depth = 32,
        .threads = 1,
        .warmup_s = 1,
        .seconds = 5,
        .verify = PATTERN_STAMP,
        .run = (uint32_t)time(NULL) & INT32_MAX,
    };
    struct option longs[ARRAY_LEN(rows) + 2] = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        longs[i] = (struct option){rows[i].name, rows[i].arg ? 1 : 0, NULL, (int)i + 1};
    longs[ARRAY_LEN(rows)] = (struct option){"help", 0, NULL, 'h'};

    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'h') {
            usage(argv[0], idle);
            return 1;
        }
        if (c == '?')
            return err_set(reterr, -EINVAL, "see --help");
        const struct option_row *row = &rows[c - 1];
        if (!is_there(row, idle) || !row->take(o, optarg))
            return err_set(reterr, -EINVAL, "--%s %s: not possible, see --help", row->name,
                           optarg ? optarg : "");
    }
    if (optind < argc)
        return err_set(reterr, -EINVAL, "%s: not an option", argv[optind]);
    return finish(o, reterr);
}

int options_share(const struct options *o, uint32_t i, uint64_t lun_bytes,
                  struct work_config *ret_cfg, struct err *reterr)
{
    uint64_t bytes = o->span != 0 ? MIN(o->span, lun_bytes) : lun_bytes;
    bool shared = o->verify == PATTERN_OFF && !o->fill;
    uint32_t on_lun =
        shared ? 1 : o->sessions / o->nurls + (i % o->nurls < o->sessions % o->nurls);
    uint64_t slots = bytes / o->block / on_lun;
    if (slots == 0 || (slots < 2 * (uint64_t)o->depth && !o->fill && !shared))
        return err_set(reterr, -ERANGE, "%s is too small for %u session(s) of depth %u",
                       o->urls[i % o->nurls], on_lun, o->depth);
    *ret_cfg = (struct work_config){
        .first = shared ? 0 : slots * (i / o->nurls),
        .slots = slots,
        .block = (uint32_t)o->block,
        .run = o->run,
        .read_pct = o->read_pct,
        .sequential = o->sequential,
        .once = o->fill,
        .level = o->verify,
    };
    return 0;
}
