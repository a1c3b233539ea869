/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OpenZFS's own engine under the load of zload-volume, as a verb of orc: threads, one per command in flight, read or write
 * a volume; one line of JSON with the same members comes out. Part of the program that tests/oracle/prepare.sh builds.
 */
#include "orc.h"
#include "zfs.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#define THREADS_MAX 256
#define DATA_BYTES  (32ul << 20)

struct bench {
    objset_t *os;
    uint64_t block, slots, cursor;
    bool write, sync, sequential;
    double from, until;
    uint8_t *data;
    uint64_t ops;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *worker(void *arg)
{
    struct bench *b = arg;
    uint64_t random = 88172645463325252ull ^ (uint64_t)(uintptr_t)&arg, done = 0;
    uint8_t *into = malloc(b->block);
    for (double now = seconds(); now < b->until; now = seconds()) {
        uint64_t n = b->sequential ? __atomic_fetch_add(&b->cursor, 1, __ATOMIC_RELAXED)
                                   : next_random(&random);
        uint64_t off = n % b->slots * b->block;
        uint64_t at = next_random(&random) % ((DATA_BYTES - b->block) / 4096) * 4096;
        if (b->write)
            data_write(b->os, off, b->block, b->data + at, b->sync);
        else
            must(dmu_read(b->os, VOLUME_DATA, off, b->block, into, DMU_READ_PREFETCH), "read",
                 "the volume");
        done += now >= b->from;
    }
    __atomic_fetch_add(&b->ops, done, __ATOMIC_RELAXED);
    free(into);
    return NULL;
}

static void fill(struct bench *b)
{
    uint64_t size = volume_size(b->os);
    for (uint64_t off = 0; off < size; off += 1ul << 20)
        data_write(b->os, off, 1ul << 20, b->data + off % (DATA_BYTES / 2), false);
    txg_wait_synced(dmu_objset_pool(b->os), 0);
}

static void until(double when)
{
    double left = when - seconds();
    if (left > 0)
        usleep((useconds_t)(left * 1e6));
}

static void print(const struct bench *b, double cpu)
{
    double secs = b->until - b->from, n = b->ops ? (double)b->ops : 1;
    printf("{\"engine\":\"libzpool\",\"iops\":%.3f,\"mb_s\":%.3f,\"cpu_us_per_op\":%.3f,"
           "\"cores\":%.3f,\"sync\":\"%s\"}\n",
           n / secs, n * (double)b->block / secs * 1e-6, cpu / n * 1e6, cpu / secs,
           b->sync ? "always" : "disabled");
}

static void run(struct bench *b, unsigned depth, double secs, double warmup)
{
    pthread_t t[THREADS_MAX];
    b->from = seconds() + warmup;
    b->until = b->from + secs;
    for (unsigned i = 0; i < depth; i++)
        must(pthread_create(&t[i], NULL, worker, b), "start", "a thread");
    until(b->from);
    double cpu = cpu_seconds();
    until(b->until);
    cpu = cpu_seconds() - cpu;
    for (unsigned i = 0; i < depth; i++)
        pthread_join(t[i], NULL);
    print(b, cpu);
}

static double number(int ac, char **av, const char *key, double otherwise)
{
    const char *text = option(ac, av, key);
    return text ? strtod(text, NULL) : otherwise;
}

static void do_bench(struct orc *o, int ac, char **av)
{
    const char *mode = option(ac, av, "mode"), *block = option(ac, av, "block");
    const char *sync = option(ac, av, "sync");
    struct bench b = {
        .os = volume_open(o, av[0], false),
        .block = size_of(block ? block : "4K"),
        .write = mode && strcmp(mode, "write") == 0,
        .sync = sync && strcmp(sync, "always") == 0,
        .sequential = option(ac, av, "sequential") != NULL,
        .data = malloc(DATA_BYTES),
    };
    unsigned depth = (unsigned)number(ac, av, "depth", 32);
    if (depth == 0 || depth > THREADS_MAX)
        die("depth: 1 to %d", THREADS_MAX);
    random_get_pseudo_bytes(b.data, DATA_BYTES);
    b.slots = volume_size(b.os) / b.block;
    if (b.sync)
        data_log_open(b.os);
    if (option(ac, av, "fill"))
        fill(&b);
    run(&b, depth, number(ac, av, "seconds", 3), number(ac, av, "warmup", 1));
    fflush(stdout);
    _exit(0); /* nobody wants what was written */
}

const struct verb bench_verbs[] = {
    {"bench", do_bench, 1,
     "VOL [mode=read|write] [block=N] [depth=N] [sync=always] [sequential=1] [fill=1] "
     "[seconds=N] [warmup=N] (ends here)"},
    {NULL,    NULL,     0, NULL          },
};
