/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line as a table: a row gives an option's name, its argument, what it means and
 * how it is stored. Help is printed from the same rows. */
#include "cmd/daemon/options.h"

#include "base/text.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPIN_US_MAX 1000

struct choice {
    const char *name;
    int value;
};
static const struct choice io_choices[] = {
    {"auto",    RUN_IO_AUTO   },
    {"uring",   RUN_IO_URING  },
    {"threads", RUN_IO_THREADS},
    {NULL,      0             }
};
static const struct choice log_choices[] = {
    {"error", LOG_LVL_ERROR},
    {"warn",  LOG_LVL_WARN },
    {"info",  LOG_LVL_INFO },
    {"debug", LOG_LVL_DEBUG},
    {NULL,    0            }
};

static const struct choice switch_choices[] = {
    {"on",  true },
    {"off", false},
    {NULL,  0    }
};

enum option_kind { O_FLAG, O_TEXT, O_OWNED, O_LIST, O_NUMBER, O_CHOICE, O_SWITCH };
struct option_row {
    const char *name, *arg, *help;
    enum option_kind kind;
    size_t off;
    size_t size;                  /* O_NUMBER: bytes of the member */
    uint64_t max;                 /* O_NUMBER */
    const struct choice *choices; /* O_CHOICE */
};
/* clang-format off */
#define ROW(n, what, text, k, member, ...)                                                                             \
    {.name = n, .arg = what, .help = text, .kind = k, .off = offsetof(struct options, member),                        \
     .size = sizeof(((struct options *)NULL)->member), __VA_ARGS__}

static const struct option_row rows[] = {
    ROW("state", "DIR", "folder of configuration, secrets and file volumes",
        O_OWNED, state, ),
    ROW("control", "PATH", "control socket (default: DIR/zsand.sock)",
        O_OWNED, control, ),
    ROW("control-group", "GROUP", "let the members of this group use the control socket",
        O_TEXT, group, ),
    ROW("control-readers", "GROUP", "let the members of this group look, and change nothing",
        O_TEXT, readers, ),
    ROW("device-folder", "DIR", "open disks and volume files below DIR only; may be repeated",
        O_LIST, folders, ),
    ROW("secrets-key", "FILE", "seal secrets at rest with the key in this file",
        O_TEXT, secrets_key, ),
    ROW("seccomp", "on|off", "refuse system calls that zsand does not make (on)",
        O_SWITCH, seccomp, .choices = switch_choices),
    ROW("user", "NAME", "started as root: run as this user",
        O_TEXT, user, ),
    ROW("first-start", NULL, "on an empty DIR make a volume, a target and a grant to try; print how to connect",
        O_FLAG, first_start, ),
    ROW("listen", "ADDRESS", "with --first-start: address of the portal (127.0.0.1)",
        O_TEXT, listen, ),
    ROW("any-address", NULL, "with --listen 0.0.0.0 or ::: in all networks is meant",
        O_FLAG, any_address, ),
    ROW("port", "PORT", "with --first-start: port of the portal (3260)",
        O_NUMBER, port, .max = 65535),
    ROW("reactors", "N", "threads that serve (default: one per core)",
        O_NUMBER, reactors, .max = RUN_MAX_REACTORS),
    ROW("io", "auto|uring|threads", "how files are read and written",
        O_CHOICE, io, .choices = io_choices),
    ROW("spin-us", "MICROSECONDS", "poll that long before sleeping, 0: never (default: 30, 0 on two cores or fewer)",
        O_NUMBER, spin_us, .max = SPIN_US_MAX),
    ROW("log", "error|warn|info|debug", "least important events that are logged (info)",
        O_CHOICE, log, .choices = log_choices),
    ROW("hook", "COMMAND", "program to run for each event of level warn or error",
        O_TEXT, hook, ),
    ROW("dumpable", NULL, "allow core dumps and debuggers, which see secrets",
        O_FLAG, dumpable, ),
};
/* clang-format on */

static void print_help(void)
{
    printf("usage: zsand [OPTIONS]\n\nServes volumes over iSCSI; zsan(8) is the command to "
           "control it.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char left[48];
        snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].arg ? " " : "",
                 rows[i].arg ? rows[i].arg : "");
        printf("  %-28s %s\n", left, rows[i].help);
    }
    printf("  %-28s %s\n  %-28s %s\n", "--help", "this text", "--version", "version");
}

static int set_number(const struct option_row *row, void *at, const char *arg,
                      struct err *reterr)
{
    uint64_t v;
    if (!text_to_u64(arg, &v) || v > row->max)
        return err_set(reterr, -EINVAL, "--%s takes a number up to %llu, not \"%.40s\"",
                       row->name, (unsigned long long)row->max, arg);
    if (row->size == sizeof(uint16_t))
        *(uint16_t *)at = (uint16_t)v;
    else
        *(uint32_t *)at = (uint32_t)v;
    return 0;
}

static int set_choice(const struct option_row *row, int *ret_value, const char *arg,
                      struct err *reterr)
{
    for (const struct choice *c = row->choices; c->name; c++)
        if (strcmp(c->name, arg) == 0) {
            *ret_value = c->value;
            return 0;
        }
    return err_set(reterr, -EINVAL, "--%s takes %s, not \"%.40s\"", row->name, row->arg, arg);
}

static int list_add(const struct option_row *row, struct option_list *l, const char *arg,
                    struct err *reterr)
{
    if (arg[0] != '/')
        return err_set(reterr, -EINVAL, "--%s takes an absolute path, not \"%.40s\"", row->name,
                       arg);
    if (l->n == FOLDERS_MAX)
        return err_set(reterr, -EINVAL, "--%s: more than %d", row->name, FOLDERS_MAX);
    l->v[l->n++] = arg;
    return 0;
}

static int set_option(const struct option_row *row, struct options *o, char *arg,
                      struct err *reterr)
{
    void *at = (char *)o + row->off;
    int value, r;
    switch (row->kind) {
    case O_FLAG:
        *(bool *)at = true;
        return 0;
    case O_TEXT:
        *(const char **)at = arg;
        return 0;
    case O_OWNED:
        free(*(char **)at);
        *(char **)at = strdup(arg);
        return *(char **)at ? 0 : err_set(reterr, -ENOMEM, "out of memory");
    case O_LIST:
        return list_add(row, at, arg, reterr);
    case O_NUMBER:
        return set_number(row, at, arg, reterr);
    case O_CHOICE:
        return set_choice(row, at, arg, reterr);
    case O_SWITCH:
        r = set_choice(row, &value, arg, reterr);
        if (r == 0)
            *(bool *)at = value;
        return r;
    }
    return 0;
}

/* Root: /var/lib/zsan; else the user's folder for state. */
static char *default_state(void)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int n = -1;
    if (geteuid() == 0)
        return strdup("/var/lib/zsan");
    if (xdg && xdg[0] == '/')
        n = asprintf(&path, "%s/zsan", xdg);
    else if (home && home[0] == '/')
        n = asprintf(&path, "%s/.local/state/zsan", home);
    return n < 0 ? NULL : path;
}

static enum options_result complete(struct options *o, struct err *reterr)
{
    if (!o->state)
        o->state = default_state();
    if (!o->state) {
        err_set(reterr, -EINVAL, "no folder for the state: give --state DIR");
        return OPTIONS_BAD;
    }
    if (o->state[0] != '/') {
        char *whole = NULL, *cwd = getcwd(NULL, 0);
        int n = cwd ? asprintf(&whole, "%s/%s", cwd, o->state) : -1;
        free(cwd);
        if (n < 0) {
            err_set(reterr, -ENOMEM, "out of memory");
            return OPTIONS_BAD;
        }
        free(o->state);
        o->state = whole;
    }
    if (!o->control && asprintf(&o->control, "%s/zsand.sock", o->state) < 0) {
        o->control = NULL;
        err_set(reterr, -ENOMEM, "out of memory");
        return OPTIONS_BAD;
    }
    return OPTIONS_RUN;
}

static const struct option_row *find_row(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* That this process may use. */
static int cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

enum options_result options_parse(int argc, char **argv, struct options *ret_options,
                                  struct err *reterr)
{
    *ret_options = (struct options){.listen = "127.0.0.1",
                                    .port = 3260,
                                    .log = LOG_LVL_INFO,
                                    .seccomp = true,
                                    .spin_us = cores() > 2 ? 30 : 0};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--help") == 0) {
            print_help();
            return OPTIONS_EXIT;
        }
        if (strcmp(name, "--version") == 0) {
            printf("zsand %s\n", ZSAN_VERSION);
            return OPTIONS_EXIT;
        }
        const struct option_row *row = strncmp(name, "--", 2) == 0 ? find_row(name + 2) : NULL;
        if (!row || (row->arg && i + 1 == argc)) {
            err_set(reterr, -EINVAL,
                    row ? "%s takes an argument (zsand --help)"
                        : "\"%.60s\" is no option (zsand --help)",
                    name);
            return OPTIONS_BAD;
        }
        if (set_option(row, ret_options, row->arg ? argv[++i] : NULL, reterr) < 0)
            return OPTIONS_BAD;
    }
    return complete(ret_options, reterr);
}

void options_free(struct options *o)
{
    free(o->state);
    free(o->control);
}
