/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files, which system calls, and memory that stays here. Folders are the operator's to name, for nobody else
 * knows where disks and volume files are; the daemon adds its own state, and what the C library reads.
 */
#include "cmd/daemon/confine.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/daemon/landlock.h"
#include "cmd/daemon/privileges.h"
#include "cmd/daemon/seccomp.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Attributes of disks, the boot's identity; names of groups and hosts, and what knows how to look them up. */
static const char *const readable[] = {"/sys",       "/proc", "/etc",   "/usr/lib",
                                       "/usr/lib64", "/lib",  "/lib64", "/usr/share/zoneinfo"};

/* Their names with a blank in between; malloc'd. */
static char *folders_text(const struct option_list *l)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    for (unsigned i = 0; f && i < l->n; i++)
        fprintf(f, "%s%s", i > 0 ? " " : "", l->v[i]);
    if (!f || fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int confine_files(const struct options *o, struct confinement *c, struct err *reterr)
{
    struct landlock_rule rules[FOLDERS_MAX + ARRAY_LEN(readable) + 2];
    unsigned n = 0;
    CLEANUP(freep) char *control = strdup(o->control);
    c->folders = folders_text(&o->folders);
    if (!control || !c->folders)
        return err_set(reterr, -ENOMEM, "out of memory");
    int r = privileges_folder(o->state, reterr);
    if (r < 0)
        return r;
    rules[n++] = (struct landlock_rule){.path = o->state, .write = true};
    rules[n++] = (struct landlock_rule){.path = dirname(control), .write = true};
    for (unsigned i = 0; i < o->folders.n; i++)
        rules[n++] = (struct landlock_rule){.path = o->folders.v[i], .write = true};
    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        rules[n++] = (struct landlock_rule){.path = readable[i], .optional = true};
    return landlock_enter(rules, n, &c->landlock, reterr);
}

int confine(const struct options *o, struct confinement *ret, struct err *reterr)
{
    *ret = (struct confinement){.seccomp = o->seccomp, .locked = privileges_lock_memory()};
    int r = o->folders.n > 0 ? confine_files(o, ret, reterr) : 0;
    return r == 0 && o->seccomp ? seccomp_enter(reterr) : r;
}

void confine_report(const struct confinement *c)
{
    if (c->folders && !c->landlock)
        log_warn("confined.not", KV("folders", "%s", c->folders),
                 KV("error", "this kernel has no Landlock, or it is switched off: files can be "
                             "opened anywhere"));
    log_info("confined", KV("system_calls", "%s", c->seccomp ? "filtered" : "any"),
             KV("files_in", "%s", c->landlock ? c->folders : "any folder"),
             KV("memory", "%s", c->locked ? "locked" : "can be swapped out"));
}
