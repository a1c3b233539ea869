/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main thread is a clock: it waits until all sessions are in, lets the load run, and prints
 * a line {"event":"start"} and {"event":"stop"} at the very moments between which operations
 * are counted, so that whoever reads them can account the server's CPU time to the same
 * operations. Then it adds up what the threads counted and prints the result. Threads learn the
 * phase from one atomic word and share nothing else.
 */
#include "load.h"

#include "json.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct load {
    const struct load_kind *kind;
    struct options opt;
    atomic_int phase;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    uint32_t ready, ended;
    bool failed;

    struct load_thread *threads;
    struct json json;
    uint64_t start_ns, stop_ns; /* the measured time */
    uint64_t start_cpu_ns, stop_cpu_ns;
};

bool load_ready(struct load_thread *t)
{
    struct load *l = t->load;
    pthread_mutex_lock(&l->lock);
    l->ready++;
    pthread_cond_broadcast(&l->changed);
    while (l->ready < l->opt.threads && !l->failed)
        pthread_cond_wait(&l->changed, &l->lock);
    bool go = !l->failed;
    pthread_mutex_unlock(&l->lock);
    return go;
}

enum load_phase load_phase(const struct load_thread *t)
{
    return (enum load_phase)atomic_load_explicit(&t->load->phase, memory_order_relaxed);
}

void load_count(struct load_thread *t, bool write, uint64_t ns)
{
    if (load_phase(t) != LOAD_MEASURE)
        return;
    hist_add(&t->tally.latency, ns);
    *(write ? &t->tally.writes : &t->tally.reads) += 1;
    t->tally.bytes += t->opt->block;
}

void load_error(struct load_thread *t, const char *fmt, ...)
{
    struct err *first = &t->tally.first_error;
    if (t->tally.errors++ != 0)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(first->msg, sizeof(first->msg), fmt, ap);
    va_end(ap);
}

void load_verified(struct load_thread *t, const struct work *w)
{
    t->tally.checked += w->checked;
    t->tally.unwritten += w->unwritten;
    t->tally.failures += w->failures;
}

static void *thread_main(void *arg)
{
    struct load_thread *t = arg;
    struct load *l = t->load;
    struct err err = {0};
    int rc = l->kind->body(t, &err);
    pthread_mutex_lock(&l->lock);
    l->ended++;
    if (rc < 0) {
        l->failed = true;
        if (err.msg[0] != '\0')
            fprintf(stderr, "%s: %s\n", l->kind->name, err.msg);
    }
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static uint64_t own_cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void print_event(struct load *l, const char *event)
{
    json_open(&l->json, NULL);
    json_str(&l->json, "event", event);
    json_close(&l->json);
    json_end_line(&l->json);
}

/* Sleeps, but not longer than any thread runs. Called and returns with the lock held. */
static void wait_seconds(struct load *l, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)(seconds * 1e9) + (uint64_t)until.tv_nsec;
    until.tv_sec += (time_t)(ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    while (l->ended < l->opt.threads && !l->failed)
        if (pthread_cond_timedwait(&l->changed, &l->lock, &until) == ETIMEDOUT)
            return;
}

/* Lock held. Walks through the phases; false: a thread could not start. */
static bool run_phases(struct load *l)
{
    const struct options *o = &l->opt;
    while (l->ready < o->threads && !l->failed)
        pthread_cond_wait(&l->changed, &l->lock);
    if (l->failed)
        return false;
    if (!o->fill)
        wait_seconds(l, o->warmup_s);
    print_event(l, "start");
    l->start_cpu_ns = own_cpu_ns();
    l->start_ns = load_now_ns();
    atomic_store(&l->phase, LOAD_MEASURE);
    wait_seconds(l, o->fill ? 86400 : o->seconds);
    atomic_store(&l->phase, LOAD_STOP);
    l->stop_ns = load_now_ns();
    l->stop_cpu_ns = own_cpu_ns();
    print_event(l, "stop");
    return true;
}

static void tally_merge(struct load_tally *dst, const struct load_tally *src)
{
    hist_merge(&dst->latency, &src->latency);
    dst->reads += src->reads;
    dst->writes += src->writes;
    dst->bytes += src->bytes;
    dst->busy += src->busy;
    if (dst->errors == 0)
        dst->first_error = src->first_error;
    dst->errors += src->errors;
    dst->checked += src->checked;
    dst->unwritten += src->unwritten;
    dst->failures += src->failures;
    dst->alive += src->alive;
    dst->pings += src->pings;
}

static void print_latency(struct json *j, const struct hist *h)
{
    static const struct {
        const char *key;
        double share;
    } rows[] = {
        {"p50",   0.5  },
        {"p90",   0.9  },
        {"p99",   0.99 },
        {"p99.9", 0.999}
    };
    json_open(j, "latency_us");
    json_num(j, "mean", hist_mean(h) / 1e3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        json_num(j, rows[i].key, (double)hist_quantile(h, rows[i].share) / 1e3);
    json_num(j, "max", (double)h->max / 1e3);
    json_close(j);
}

static void print_verify(struct json *j, const struct load_tally *sum)
{
    json_open(j, "verify");
    json_u64(j, "checked", sum->checked);
    json_u64(j, "unwritten", sum->unwritten);
    json_u64(j, "failures", sum->failures);
    json_close(j);
}

static void print_result(struct load *l, const struct load_tally *sum)
{
    const struct options *o = &l->opt;
    struct json *j = &l->json;
    double seconds = (double)(l->stop_ns - l->start_ns) / 1e9;
    uint64_t ops = sum->reads + sum->writes;
    json_open(j, NULL);
    json_str(j, "event", "result");
    json_str(j, "tool", l->kind->name);
    json_u64(j, "block", o->block);
    json_u64(j, "depth", o->depth);
    json_u64(j, "sessions", o->sessions);
    json_u64(j, "threads", o->threads);
    json_num(j, "seconds", seconds);
    json_u64(j, "ops", ops);
    json_u64(j, "reads", sum->reads);
    json_u64(j, "writes", sum->writes);
    json_num(j, "iops", (double)ops / seconds);
    json_num(j, "mb_s", (double)sum->bytes / 1e6 / seconds);
    print_latency(j, &sum->latency);
    json_num(j, "client_cores", (double)(l->stop_cpu_ns - l->start_cpu_ns) / 1e9 / seconds);
    json_u64(j, "alive", sum->alive);
    json_u64(j, "pings", sum->pings);
    json_u64(j, "busy", sum->busy);
    json_u64(j, "errors", sum->errors);
    json_str(j, "first_error", sum->first_error.msg);
    print_verify(j, sum);
    json_close(j);
    json_end_line(j);
}

static int start_threads(struct load *l)
{
    for (uint32_t i = 0; i < l->opt.threads; i++) {
        struct load_thread *t = &l->threads[i];
        t->opt = &l->opt;
        t->index = i;
        t->load = l;
        int rc = pthread_create(&t->thread, NULL, thread_main, t);
        if (rc != 0)
            return -rc;
    }
    return 0;
}

static int run(struct load *l)
{
    if (start_threads(l) < 0)
        return 2;
    pthread_mutex_lock(&l->lock);
    bool ran = run_phases(l);
    pthread_mutex_unlock(&l->lock);

    struct load_tally *sum = calloc(1, sizeof(*sum));
    for (uint32_t i = 0; i < l->opt.threads; i++) {
        pthread_join(l->threads[i].thread, NULL);
        if (sum)
            tally_merge(sum, &l->threads[i].tally);
    }
    int status = 2;
    if (ran && sum) {
        print_result(l, sum);
        status = sum->errors != 0 || sum->failures != 0 || l->failed ? 1 : 0;
    }
    free(sum);
    return status;
}

/* One descriptor per session; the usual soft limit of 1024 is too low for a thousand of them. */
static void raise_file_limit(void)
{
    struct rlimit rl;
    if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
        rl.rlim_cur = rl.rlim_max;
        setrlimit(RLIMIT_NOFILE, &rl);
    }
}

int load_main(const struct load_kind *kind, int argc, char **argv, bool idle)
{
    struct load l = {.kind = kind, .json = {.out = stdout}};
    struct err err = {0};
    int rc = options_parse(&l.opt, argc, argv, idle, &err);
    if (rc != 0) {
        if (rc < 0)
            fprintf(stderr, "%s: %s\n", kind->name, err.msg);
        return rc < 0 ? 2 : 0;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    l.threads = calloc(l.opt.threads, sizeof(l.threads[0]));
    if (!l.threads)
        return 2;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l.changed, &attr);
    pthread_mutex_init(&l.lock, NULL);
    int status = run(&l);
    free(l.threads);
    return status;
}
