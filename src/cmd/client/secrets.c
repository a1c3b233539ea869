/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Secrets come from a file or standard input, never from the command line, which other users
 * can read. One line each, in the order of the verb's rows; an empty line leaves that one
 * alone. At a terminal they are asked for, without echo.
 */
#include "base/util.h"
#include "cmd/client/client.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_LINE 512 /* bytes, more than any secret */

/* A line without its end; "" at the end of the file. -EINVAL: too long. */
static int read_line(FILE *f, char line[SECRET_LINE])
{
    line[0] = '\0';
    if (!fgets(line, SECRET_LINE, f))
        return 0;
    size_t len = strcspn(line, "\r\n");
    if (line[len] == '\0' && len == SECRET_LINE - 1)
        return -EINVAL;
    line[len] = '\0';
    return 0;
}

static int ask(FILE *f, const char *what, char line[SECRET_LINE])
{
    struct termios was, quiet;
    if (!isatty(fileno(f)) || tcgetattr(fileno(f), &was) < 0)
        return read_line(f, line);
    fprintf(stderr, "%s (empty: it stays): ", what);
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fileno(f), TCSAFLUSH, &quiet);
    int rc = read_line(f, line);
    tcsetattr(fileno(f), TCSAFLUSH, &was);
    fputc('\n', stderr);
    return rc;
}

static int read_all(const struct cli_verb *v, FILE *f, json_t *params, struct err *reterr)
{
    char line[SECRET_LINE];
    unsigned n = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->nargs; i++) {
        if (v->args[i].type != A_SECRET)
            continue;
        rc = ask(f, v->args[i].doc, line);
        if (rc == 0 && line[0]) {
            json_object_set_new(params, v->args[i].name, json_string(line));
            n++;
        }
        wipe(line, sizeof(line));
    }
    if (rc < 0)
        return err_set(reterr, rc, "a secret has at most 255 characters");
    return n > 0 ? 0 : err_set(reterr, -EINVAL, "no secret was given");
}

static bool wants_secrets(const struct cli_verb *v)
{
    for (size_t i = 0; i < v->nargs; i++)
        if (v->args[i].type == A_SECRET)
            return true;
    return false;
}

int secrets_read(const struct cli_verb *v, const char *file, json_t *params, struct err *reterr)
{
    if (!wants_secrets(v))
        return 0;
    if (!file || strcmp(file, "-") == 0)
        return read_all(v, stdin, params, reterr);
    FILE *f = fopen(file, "re");
    if (!f)
        return err_set(reterr, -errno, "%.160s: %s", file, strerror(errno));
    int rc = read_all(v, f, params, reterr);
    fclose(f);
    return rc;
}
