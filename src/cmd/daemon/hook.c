/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue, and a thread that runs one program per event. The program gets an environment of its
 * own, a process group of its own, and no descriptor but /dev/null and stderr; nothing of an
 * event ever passes through a shell. Events of the hook's own failures are not given to the hook, or one failure would feed
 * the next.
 */
#include "cmd/daemon/hook.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_MAX  64
#define FIELDS_MAX 12
#define TIME_MAX_S 10
#define POLL_MS    20

struct hook_job {
    char level[8], event[64];
    char fields[FIELDS_MAX][256]; /* "ZSAN_KEY=VALUE" */
    size_t nfields;
};

struct hook {
    const char *command;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    size_t first, n;
    struct hook_job queue[QUEUE_MAX];
    struct hook_job running; /* the thread's own */
};

static void set_field(char ret_field[256], const struct log_kv *kv)
{
    int n = snprintf(ret_field, 256, "ZSAN_%s=", kv->key);
    for (int i = 5; i < n - 1; i++)
        ret_field[i] = isalnum((unsigned char)ret_field[i])
                           ? (char)toupper((unsigned char)ret_field[i])
                           : '_';
    snprintf(ret_field + n, (size_t)(256 - n), "%s", kv->value);
}

void hook_event(struct hook *h, enum log_level level, const char *event,
                const struct log_kv *kv, size_t nkv)
{
    if (strncmp(event, "hook.", 5) == 0)
        return;
    pthread_mutex_lock(&h->lock);
    if (h->n < QUEUE_MAX && !h->stopping) {
        struct hook_job *job = &h->queue[(h->first + h->n++) % QUEUE_MAX];
        snprintf(job->level, sizeof(job->level), "%s", log_level_name(level));
        snprintf(job->event, sizeof(job->event), "%s", event);
        job->nfields = MIN(nkv, FIELDS_MAX);
        for (size_t i = 0; i < job->nfields; i++)
            set_field(job->fields[i], &kv[i]);
        pthread_cond_signal(&h->wake);
    }
    pthread_mutex_unlock(&h->lock);
}

static bool stopping(struct hook *h)
{
    pthread_mutex_lock(&h->lock);
    bool yes = h->stopping;
    pthread_mutex_unlock(&h->lock);
    return yes;
}

/* Waits until it ended; kills it when its time is over or the daemon stops. */
static void reap(struct hook *h, pid_t pid)
{
    const struct timespec pause = {0, POLL_MS * 1000000};
    int status;
    for (int ms = 0; waitpid(pid, &status, WNOHANG) == 0; ms += POLL_MS) {
        if (ms >= TIME_MAX_S * 1000 || stopping(h)) {
            kill(-pid, SIGKILL); /* what it started ends with it */
            waitpid(pid, &status, 0);
            break;
        }
        nanosleep(&pause, NULL);
    }
    if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
        log_warn(
            "hook.failed",
            KV("status", "%d", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status)));
}

static void run_program(struct hook *h, struct hook_job *job)
{
    char *argv[] = {(char *)(uintptr_t)h->command, job->level, job->event, NULL};
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char *envp[FIELDS_MAX + 2] = {path};
    for (size_t i = 0; i < job->nfields; i++)
        envp[i + 1] = job->fields[i];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    pid_t pid;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawn(&pid, h->command, &files, &attr, argv, envp);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (rc == 0)
        reap(h, pid);
    else
        log_warn("hook.failed", KV("command", "%s", h->command),
                 KV("error", "%s", strerror(rc)));
}

static void *hook_thread(void *arg)
{
    struct hook *h = arg;
    for (;;) {
        pthread_mutex_lock(&h->lock);
        while (h->n == 0 && !h->stopping)
            pthread_cond_wait(&h->wake, &h->lock);
        bool stop = h->stopping;
        if (!stop) {
            h->running = h->queue[h->first];
            h->first = (h->first + 1) % QUEUE_MAX;
            h->n--;
        }
        pthread_mutex_unlock(&h->lock);
        if (stop)
            return NULL;
        run_program(h, &h->running);
    }
}

int hook_start(const char *command, struct hook **ret_hook, struct err *reterr)
{
    if (command[0] != '/' || access(command, X_OK) < 0)
        return err_set(reterr, -ENOENT,
                       "--hook %s: not the absolute path of a program that can be run",
                       command);
    struct hook *h = calloc(1, sizeof(*h));
    if (!h)
        return err_set(reterr, -ENOMEM, "out of memory");
    h->command = command;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->wake, NULL);
    int rc = pthread_create(&h->thread, NULL, hook_thread, h);
    if (rc != 0) {
        free(h);
        return err_set(reterr, -rc, "the hook's thread: %s", strerror(rc));
    }
    *ret_hook = h;
    return 0;
}

void hook_stop(struct hook *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
