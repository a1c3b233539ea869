/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a scrub or resilver, with a bar on a terminal. Ctrl-C ends the waiting, not the work, and says so.
 */
#include "cmd/client/tool.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define BAR 30 /* columns */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

static const char *text_of(const json_t *obj, const char *key)
{
    const char *text = json_string_value(json_object_get(obj, key));
    return text ? text : "";
}

/* A disk that still waits for its resilver counts, and one that is being replaced. */
static bool is_busy(const json_t *pool)
{
    const json_t *vdevs = json_object_get(pool, "vdevs"), *v;
    size_t i;
    if (strcmp(text_of(pool, "scan_state"), "running") == 0)
        return true;
    json_array_foreach((json_t *)(uintptr_t)vdevs, i, v)
    {
        if (strstr(text_of(v, "note"), "resilver") ||
            strncmp(text_of(v, "name"), "replacing", 9) == 0)
            return true;
    }
    return false;
}

void progress_draw(FILE *to, unsigned percent, uint64_t seconds_left)
{
    char bar[BAR + 1], time[32] = "";
    size_t full = (size_t)percent * BAR / 100;
    memset(bar, '.', BAR);
    memset(bar, '#', full < BAR ? full : BAR);
    bar[BAR] = '\0';
    if (seconds_left > 0)
        show_duration(seconds_left, time, sizeof(time));
    fprintf(to, "\r[%s] %3u%%%s%s   ", bar, percent, time[0] ? ", to go: " : "", time);
    fflush(to);
}

static void draw(const json_t *pool)
{
    progress_draw(stdout, (unsigned)json_integer_value(json_object_get(pool, "scan_percent")),
                  (uint64_t)json_integer_value(json_object_get(pool, "scan_seconds_left")));
}

static int look(struct link *l, const char *pool, json_t **ret_pool, struct err *reterr)
{
    json_t *answer = NULL, *params = json_pack("{s:s}", "name", pool);
    int status = link_call(l, "pool.status", params, &answer, reterr);
    json_decref(params);
    *ret_pool = json_incref(json_array_get(json_object_get(answer, "pools"), 0));
    json_decref(answer);
    return status;
}

int progress_wait(struct link *l, const char *pool, struct err *reterr)
{
    const struct sigaction action = {.sa_handler = on_interrupt}; /* ends sleep() */
    bool tty = isatty(STDOUT_FILENO), busy = true;
    json_t *now = NULL;
    int status = EXIT_DONE;
    sigaction(SIGINT, &action, NULL);
    while (status == EXIT_DONE && busy && !interrupted) {
        json_decref(now);
        status = look(l, pool, &now, reterr);
        busy = status == EXIT_DONE && is_busy(now);
        if (busy && tty)
            draw(now);
        if (busy)
            sleep(1);
    }
    if (tty)
        printf("\r\x1b[K");
    if (status == EXIT_DONE && !busy)
        tell(stdout, "%s: %s\n", pool, text_of(now, "scan"));
    json_decref(now);
    if (status == EXIT_DONE && busy) {
        err_set(reterr, -1, "pool %.60s: it goes on in the background: zsan pool status %.60s",
                pool, pool);
        return EXIT_FAILED;
    }
    return status;
}
