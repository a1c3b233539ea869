/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zsand: serves volumes over iSCSI. main() settles what the process is (options, privileges,
 * log), makes a world, and lives in it. Exit status: 0 stopped by a signal, 1 could not start,
 * 2 bad command line, 3 stopped but could not close all, 130 a second signal would not wait.
 */
#include "audit/audit.h"
#include "cmd/daemon/confine.h"
#include "cmd/daemon/daemon.h"
#include "cmd/daemon/hook.h"
#include "cmd/daemon/log_sink.h"
#include "cmd/daemon/privileges.h"
#include "cmd/daemon/seccomp.h"
#include "cmd/daemon/secrets_key.h"
#include "cmd/daemon/signals.h"
#include "config/config.h"

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

/* What the process is, settled before its threads start. */
struct process {
    struct log_sink sink;
    struct confinement confinement;
    struct seal_key key;
    bool sealed;
};

/* Apart from main() for its frame. */
static __attribute__((noinline)) int serve(const struct options *o, const struct process *p)
{
    const struct run_config cfg = {
        .reactors = o->reactors,
        .io = o->io,
        .spin_us = o->spin_us,
        .buf_budget = daemon_data_memory(0),
        .folders = p->confinement.landlock ? p->confinement.folders : NULL,
    };
    struct daemon d = {.options = o,
                       .events = p->sink.events,
                       .audit = p->sink.audit,
                       .secrets_key = p->sealed ? &p->key : NULL};
    struct err e = {.code = 0};
    struct run *run;
    if (run_real_new(&cfg, &run, &e) < 0) {
        log_error("start.failed", KV("error", "%s", e.msg));
        return 1;
    }
    if (o->seccomp && seccomp_rings_made(&e) < 0) {
        log_error("start.failed", KV("error", "%s", e.msg));
        d.exit_status = 1;
    } else {
        daemon_run(run, &d);
    }
    run_free(run);
    return d.exit_status;
}

/* The key may be root's alone; the hook's thread runs programs and stays outside of what confines the others. */
static int prepare(const struct options *o, struct process *p, struct err *reterr)
{
    int r = secrets_key_read(o->secrets_key, &p->key, &p->sealed, reterr);
    if (r == 0)
        r = drop_privileges(o, reterr);
    if (r == 0 && o->hook)
        r = hook_start(o->hook, &p->sink.hook, reterr);
    return r == 0 ? confine(o, &p->confinement, reterr) : r;
}

static void settle(struct process *p)
{
    hook_stop(p->sink.hook);
    events_free(p->sink.events);
    audit_free(p->sink.audit);
    free(p->confinement.folders);
    wipe(&p->key, sizeof(p->key));
}

static int with_log(const struct options *o)
{
    struct err e = {.code = 0};
    struct process p = {
        .sink = {.events = events_new(), .audit = audit_new(), .level = o->log}
    };
    int status = 1;
    if (!p.sink.events || !p.sink.audit || prepare(o, &p, &e) < 0) {
        fprintf(stderr, "zsand: %s\n", e.msg[0] ? e.msg : "out of memory");
    } else {
        log_sink_start(&p.sink);
        privileges_limits(o->dumpable);
        confine_report(&p.confinement);
        status = serve(o, &p);
        log_sink_stop();
    }
    settle(&p);
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
        config_wipe_json();
        signals_block();
        status = with_log(&o);
    }
    options_free(&o);
    return status;
}
