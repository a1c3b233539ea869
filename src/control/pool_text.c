/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool's state in words: lines and columns are zpool's, so that people who know the one read the
 * other. Pure. */
#include "control/pool_text.h"

#include "base/text.h"
#include "run/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SIZE_TEXT 24

static void put(struct wbuf *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void put(struct wbuf *w, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    wb_str(w, line);
}

/* ---- what is wrong ----------------------------------------------------------------------- */

/* Disks of the tree, or spares. */
static bool any_disk(const struct pool_view *v, bool spare, const char *state)
{
    for (unsigned i = 0; i < v->status.nvdevs; i++) {
        const struct pool_vdev_status *d = &v->status.vdevs[i];
        if (d->leaf && d->spare == spare && strcmp(d->state, state) == 0)
            return true;
    }
    return false;
}

static bool any_errors(const struct pool_view *v)
{
    for (unsigned i = 0; i < v->status.nvdevs; i++) {
        const struct pool_vdev_status *d = &v->status.vdevs[i];
        if (d->read_errors + d->write_errors + d->checksum_errors > 0)
            return true;
    }
    return false;
}

static bool is_suspended(const struct pool_view *v)
{
    return strcmp(v->status.health, "SUSPENDED") == 0;
}
static bool has_failed(const struct pool_view *v)
{
    return strcmp(v->status.health, "FAILED") == 0;
}
static bool disk_failed(const struct pool_view *v)
{
    return any_disk(v, false, "FAULTED");
}
static bool disk_removed(const struct pool_view *v)
{
    return any_disk(v, false, "REMOVED");
}
static bool disk_missing(const struct pool_view *v)
{
    return any_disk(v, false, "UNAVAIL");
}
static bool disk_degraded(const struct pool_view *v)
{
    return any_disk(v, false, "DEGRADED");
}
static bool disk_offline(const struct pool_view *v)
{
    return any_disk(v, false, "OFFLINE");
}
static bool has_damage(const struct pool_view *v)
{
    return v->errors > 0;
}
static bool forced_read_only(const struct pool_view *v)
{
    return v->read_only_why[0] != 0;
}
static bool is_resilvering(const struct pool_view *v)
{
    return v->scan.state == POOL_SCAN_RUNNING && v->scan.resilver;
}
static bool spare_missing(const struct pool_view *v)
{
    return any_disk(v, true, "UNAVAIL");
}

/* The worst first: one is told. */
static const struct {
    bool (*is)(const struct pool_view *v);
    const char *problem, *action;
} problems[] = {
    {is_suspended,     "The pool cannot be written any more; commands wait or fail.",
     "Bring the disks back, then zsan pool clear."                                                                                                                          },
    {has_failed,       "The pool cannot be written any more; commands fail.",
     "Export the pool (zsan pool export) and import it again."                                                                                                              },
    {disk_failed,      "A disk failed and is not used any more.",
     "Replace it (zsan pool replace), or try it again with zsan pool clear."                                                                                                },
    {disk_removed,     "A disk was taken away.",
     "Bring it back with zsan pool online, or replace it."                                                                                                                  },
    {disk_missing,     "A disk is missing, or holds no part of the pool.",
     "Attach it and use zsan pool online, or replace it."                                                                                                                   },
    {disk_degraded,    "A disk gave too many errors. It is used as before, but may fail for good.",
     "Replace it (zsan pool replace), or forget its errors with zsan pool clear."                                                                                           },
    {disk_offline,     "A disk was taken out of service by the operator.",
     "Bring it back with zsan pool online."                                                                                                                                 },
    {has_damage,       "Some data are damaged and no copy of them is left.",
     "Restore what zsan pool errors names, then zsan pool scrub."                                                                                                           },
    {forced_read_only, "The pool can only be read, for the reason that its state gives.",
     "Volumes of it can be read and copied; to write them, take away with OpenZFS what is in "
     "the way, "
     "then import the pool again."                                                                                                                                          },
    {is_resilvering,   "A disk is being brought up to date.",                                       "Wait for the resilver to end."                                         },
    {any_errors,
     "A disk gave errors; what it lost was taken from the others as far as they have it.",          "Find out whether a disk is failing; zsan pool scrub reads all of them."},
    {spare_missing,    "A hot spare is missing, or is no spare any more.",
     "Attach it, or take it off the list with zsan pool remove."                                                                                                            },
};

const char *pool_problem(const struct pool_view *v, const char **ret_action)
{
    for (unsigned i = 0; i < ARRAY_LEN(problems); i++)
        if (problems[i].is(v)) {
            *ret_action = problems[i].action;
            return problems[i].problem;
        }
    return NULL;
}

/* ---- scrub and resilver ------------------------------------------------------------------ */

static void time_text(uint64_t seconds, char *ret, size_t cap)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!localtime_r(&t, &tm) || strftime(ret, cap, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(ret, cap, "?");
}

static void span_text(uint64_t s, char *ret, size_t cap)
{
    int days = (int)(s / 86400), h = (int)(s / 3600 % 24), m = (int)(s / 60 % 60);
    if (days > 0)
        snprintf(ret, cap, "%d days %02d:%02d:%02d", days, h, m, (int)(s % 60));
    else
        snprintf(ret, cap, "%02d:%02d:%02d", h, m, (int)(s % 60));
}

unsigned pool_scan_percent(const struct pool_scan_status *s)
{
    if (s->to_examine == 0)
        return s->state == POOL_SCAN_FINISHED ? 100 : 0;
    return (unsigned)((double)MIN(s->examined, s->to_examine) / (double)s->to_examine * 100);
}

static void running_text(const struct pool_scan_status *s, char *ret, size_t cap)
{
    char since[32], done[SIZE_TEXT], all[SIZE_TEXT], left[48] = "";
    time_text(s->start, since, sizeof(since));
    text_from_size(s->examined, done, sizeof(done));
    text_from_size(s->to_examine, all, sizeof(all));
    if (s->seconds_left > 0) {
        char span[32];
        span_text(s->seconds_left, span, sizeof(span));
        snprintf(left, sizeof(left), ", %s to go", span);
    }
    snprintf(ret, cap, "%s %s since %s: %s of %s, %u%% done%s",
             s->resilver ? "resilver" : "scrub",
             s->state == POOL_SCAN_PAUSED ? "paused, in progress" : "in progress", since, done,
             all, pool_scan_percent(s), left);
}

void pool_scan_text(const struct pool_scan_status *s, char *ret, size_t cap)
{
    char repaired[SIZE_TEXT], span[32], when[32];
    text_from_size(s->repaired, repaired, sizeof(repaired));
    span_text(s->end > s->start ? s->end - s->start : 0, span, sizeof(span));
    time_text(s->end, when, sizeof(when));
    switch (s->state) {
    case POOL_SCAN_NEVER:
        snprintf(ret, cap, "none requested");
        break;
    case POOL_SCAN_RUNNING:
    case POOL_SCAN_PAUSED:
        running_text(s, ret, cap);
        break;
    case POOL_SCAN_FINISHED:
        snprintf(ret, cap, "%s %s in %s with %llu errors on %s",
                 s->resilver ? "resilvered" : "scrub repaired", repaired, span,
                 (unsigned long long)s->errors, when);
        break;
    case POOL_SCAN_CANCELLED:
        snprintf(ret, cap, "%s canceled on %s", s->resilver ? "resilver" : "scrub", when);
        break;
    }
}

/* ---- coming ------------------------------------------------------------------------------ */

static uint64_t coming_left(const struct progress *g, uint64_t done, uint64_t of, uint64_t now)
{
    uint64_t since = g->since, took = now > since ? now - since : 0;
    if (done == 0 || done >= of || took < NS_PER_SEC)
        return 0;
    return (uint64_t)((double)took / (double)done * (double)(of - done) / NS_PER_SEC) + 1;
}

void pool_coming(const struct pool_progress *g, uint64_t now, struct pool_coming *ret)
{
    static const struct {
        const char *what, *units;
    } steps[] = {
        [POOL_IMPORT_LABELS] = {"reading labels",        "devices"         },
        [POOL_IMPORT_TREE] = {"reading its state",     "disks and groups"},
        [POOL_IMPORT_LOGS] = {"following intent logs", "datasets"        },
        [POOL_IMPORT_CLAIM] = {"claiming intent logs",  "datasets"        },
    };
    uint32_t step = g->import.step;
    bool replay = step == 0 && g->replay.step > 0;
    const struct progress *p = replay ? &g->replay : &g->import;
    char what[64], how_far[64] = "", left[48] = "";
    *ret = (struct pool_coming){.done = p->done, .of = p->of};
    if (!replay && (step == 0 || step >= ARRAY_LEN(steps))) {
        *ret = (struct pool_coming){.of = 0};
        return;
    }
    snprintf(what, sizeof(what), "%s", replay ? "" : steps[step].what);
    if (replay)
        snprintf(what, sizeof(what), "replaying the log of volume %u of %u", g->replay.nth,
                 g->replay.all);
    if (ret->of > 0)
        snprintf(how_far, sizeof(how_far), ": %llu of %llu %s", (unsigned long long)ret->done,
                 (unsigned long long)ret->of, replay ? "records" : steps[step].units);
    ret->seconds_left = coming_left(p, ret->done, ret->of, now);
    if (ret->seconds_left > 0) {
        char span[32];
        span_text(ret->seconds_left, span, sizeof(span));
        snprintf(left, sizeof(left), ", %s to go", span);
    }
    snprintf(ret->text, sizeof(ret->text), "%s%s%s", what, how_far, left);
}

/* ---- the tree ---------------------------------------------------------------------------- */

static void row(struct wbuf *w, int wide, unsigned depth, const char *name,
                const struct pool_vdev_status *d, const char *state)
{
    put(w, "\t%*s%-*s  %-8s %5llu %5llu %5llu%s%s%s\n", (int)depth * 2, "",
        wide - (int)depth * 2, name, state, d ? (unsigned long long)d->read_errors : 0,
        d ? (unsigned long long)d->write_errors : 0,
        d ? (unsigned long long)d->checksum_errors : 0, d && d->note[0] ? "  (" : "",
        d ? d->note : "", d && d->note[0] ? ")" : "");
}

static const char *shown(const struct pool_vdev_status *d, bool paths)
{
    const char *slash = paths ? NULL : strrchr(d->name, '/');
    return slash && slash[1] ? slash + 1 : d->name;
}

static int width(const struct pool_view *v, bool paths)
{
    size_t wide = MAX(strlen(v->name), strlen("NAME"));
    for (unsigned i = 0; i < v->status.nvdevs; i++) {
        const struct pool_vdev_status *d = &v->status.vdevs[i];
        wide = MAX(wide, strlen(shown(d, paths)) + (size_t)2 * d->depth);
    }
    return (int)wide;
}

void pool_text(const struct pool_view *v, bool paths, struct wbuf *w)
{
    char scan[200];
    const char *action = NULL, *problem = pool_problem(v, &action);
    const struct pool_status *s = &v->status;
    int wide = width(v, paths);
    put(w, "  pool: %s\n state: %s%s%s%s%s\n", v->name, s->health,
        s->read_only ? " (read-only" : "", v->read_only_why[0] ? ": " : "", v->read_only_why,
        s->read_only ? ")" : "");
    if (problem)
        put(w, "status: %s%s%s\naction: %s\n", problem, s->suspended[0] ? "\n        " : "",
            s->suspended, action);
    pool_scan_text(&v->scan, scan, sizeof(scan));
    put(w, "  scan: %s\n", scan);
    if (v->coming.text[0])
        put(w, "import: %s\n", v->coming.text);
    wb_str(w, "config:\n\n");
    put(w, "\t%-*s  %-8s %5s %5s %5s\n", wide, "NAME", "STATE", "READ", "WRITE", "CKSUM");
    row(w, wide, 0, v->name, NULL, s->health);
    for (unsigned i = 0, spares = 0; i < s->nvdevs; i++) {
        if (s->vdevs[i].spare && spares++ == 0)
            wb_str(w, "\tspares\n");
        row(w, wide, s->vdevs[i].depth, shown(&s->vdevs[i], paths), &s->vdevs[i],
            s->vdevs[i].state);
    }
    if (v->errors > 0)
        put(w, "\nerrors: %llu blocks are damaged beyond repair: zsan pool errors %s\n",
            (unsigned long long)v->errors, v->name);
    else
        put(w, "\nerrors: No known data errors\n");
}
