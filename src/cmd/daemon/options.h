/* SPDX-License-Identifier: BSD-2-Clause */
/* zsand's command line. */
#ifndef CMD_DAEMON_OPTIONS_H
#define CMD_DAEMON_OPTIONS_H

#include "base/err.h"
#include "base/log.h"
#include "run/run.h"

#define FOLDERS_MAX 64

struct options {
    char *state;         /* folder of configuration, secrets and file volumes */
    char *control;       /* path of the control socket */
    const char *group;   /* that may use it, NULL: only its owner */
    const char *readers; /* a group that may ask, and change nothing; NULL: none */
    struct option_list {
        const char *v[FOLDERS_MAX];
        unsigned n;
    } folders;    /* of disks and files of volumes; none: anywhere */
    bool seccomp; /* filter system calls */
    const char *
        secrets_key; /* file with the key of secrets at rest; NULL: a credential, if there is one */
    const char *user;   /* to run as, NULL: who started it */
    const char *hook;   /* command run for events, NULL: none */
    const char *listen; /* first start: address of the first portal */
    bool any_address;   /* and it may be 0.0.0.0 or :: */
    uint16_t port;      /* of it */
    bool first_start;
    bool dumpable;
    unsigned reactors; /* 0: one per core */
    enum run_io io;
    uint32_t spin_us;
    enum log_level log;
};

enum options_result { OPTIONS_RUN, OPTIONS_EXIT, OPTIONS_BAD };
/* OPTIONS_EXIT: --help or --version was answered on stdout. OPTIONS_BAD: reterr says why. Free
 * with options_free(). */
enum options_result options_parse(int argc, char **argv, struct options *ret_options,
                                  struct err *reterr);
void options_free(struct options *o);

#endif
