/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zsand: serves volumes over iSCSI. main() settles what the process is (options, privileges,
 * log), makes a world, and lives in it. Exit status: 0 stopped by a signal, 1 could not start,
 * 2 bad command line, 3 stopped but could not close all, 130 a second signal would not wait.
 */
#include "cmd/daemon/confine.h"
#include "cmd/daemon/daemon.h"
#include "cmd/daemon/hook.h"
#include "cmd/daemon/log_sink.h"
#include "cmd/daemon/privileges.h"
#include "cmd/daemon/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int drop_privileges(const struct options *o, struct err *reterr)
{
    if (!o->user)
        return 0;
    const char *folders[] = {o->state};
    return privileges_drop(o->user, folders, ARRAY_LEN(folders), reterr);
}

static int serve(const struct options *o, const struct confinement *c, struct events *events)
{
    const struct run_config cfg = {
        .reactors = o->reactors,
        .io = o->io,
        .spin_us = o->spin_us,
        .buf_budget = daemon_data_memory(0),
        .folders = c->landlock ? c->folders : NULL,
    };
    struct daemon d = {.options = o, .events = events};
    struct err e = {.code = 0};
    struct run *run;
    if (run_real_new(&cfg, &run, &e) < 0) {
        log_error("start.failed", KV("error", "%s", e.msg));
        return 1;
    }
    daemon_run(run, &d);
    run_free(run);
    return d.exit_status;
}

static int with_log(const struct options *o)
{
    struct err e = {.code = 0};
    struct log_sink sink = {.events = events_new()};
    struct confinement confinement = {.folders = NULL};
    log_set_level(o->log);
    if (!sink.events || drop_privileges(o, &e) < 0 ||
        (o->hook && hook_start(o->hook, &sink.hook, &e) < 0) ||
        confine(o, &confinement, &e) < 0) {
        fprintf(stderr, "zsand: %s\n", e.msg[0] ? e.msg : "out of memory");
        hook_stop(sink.hook);
        free(confinement.folders);
        events_free(sink.events);
        return 1;
    }
    log_sink_start(&sink);
    privileges_limits(o->dumpable);
    confine_report(&confinement);
    int status = serve(o, &confinement, sink.events);
    log_sink_stop();
    hook_stop(sink.hook);
    events_free(sink.events);
    free(confinement.folders);
    return status;
}

int main(int argc, char **argv)
{
    struct options o;
    struct err e = {.code = 0};
    enum options_result r = options_parse(argc, argv, &o, &e);
    int status = 0;
    if (r == OPTIONS_BAD) {
        fprintf(stderr, "zsand: %s\n", e.msg);
        status = 2;
    }
    if (r == OPTIONS_RUN) {
        umask(077);
        signals_block();
        status = with_log(&o);
    }
    options_free(&o);
    return status;
}
