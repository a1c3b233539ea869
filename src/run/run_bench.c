/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the runtime costs by itself: a fiber switch, starting a fiber, a message there and back,
 * a call, an echo over loopback, a 4 KiB file read. Figures are for comparing two builds on one
 * machine; nothing asserts on them. The CPU column is that of the reactor which measures.
 * usage: run_bench [uring|threads [spin_us [file-to-read]]]
 */
#include "run/run_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct run *run;
    const char *file;
};

struct lap {
    uint64_t ns, cpu;
};

static struct lap lap_begin(void)
{
    struct reactor_stats st;
    reactor_stats(reactor_self(), &st);
    return (struct lap){run_now_precise(), st.cpu_ns};
}

static void lap_end(const char *what, double n, struct lap t)
{
    struct lap now = lap_begin();
    double ns = (double)(now.ns - t.ns);
    printf("%-34s %10.1f ns %10.1f ns CPU %12.0f /s\n", what, ns / n,
           (double)(now.cpu - t.cpu) / n, n * 1e9 / ns);
}

/* ---- fibers ------------------------------------------------------------------------------ */

enum {
    YIELDS = 1000000,
    STARTS = 500000,
    GETS = 2000000,
    TRIPS = 50000,
    ECHOES = 30000,
    READS = 50000,
    READERS = 32
};

struct pingpong {
    struct waitq q[2];
    unsigned left;
    struct waitgroup done;
};

static void pong(void *arg)
{
    struct pingpong *p = arg;
    while (p->left > 0) {
        waitq_wake_one(&p->q[0]);
        waitq_wait(&p->q[1], NO_DEADLINE, NULL);
    }
    waitgroup_done(&p->done);
}

static void bench_switch(void)
{
    struct pingpong p = {.left = YIELDS};
    waitq_init(&p.q[0]);
    waitq_init(&p.q[1]);
    waitgroup_init(&p.done);
    waitgroup_add(&p.done, 1);
    fiber_start(pong, &p, "pong");
    struct lap t = lap_begin();
    for (; p.left > 0; p.left--) {
        waitq_wake_one(&p.q[1]);
        waitq_wait(&p.q[0], NO_DEADLINE, NULL);
    }
    lap_end("park and resume a fiber", 2 * YIELDS, t);
    waitq_wake_one(&p.q[1]);
    waitgroup_wait(&p.done);
}

static void finish(void *arg)
{
    waitgroup_done(arg);
}

static void bench_start(void)
{
    struct waitgroup g;
    waitgroup_init(&g);
    struct lap t = lap_begin();
    for (unsigned i = 0; i < STARTS; i += 100) {
        waitgroup_add(&g, 100);
        for (unsigned k = 0; k < 100; k++)
            fiber_start(finish, &g, "finish");
        waitgroup_wait(&g);
    }
    lap_end("start, run and end a fiber", STARTS, t);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void bench_call(struct run *run)
{
    if (run_nreactors(run) < 2)
        return;
    struct lap t = lap_begin();
    for (unsigned i = 0; i < TRIPS; i++)
        call_on(run_reactor(run, 1), nothing, NULL);
    lap_end("call_on another reactor, round trip", TRIPS, t);
}

/* ---- buffers ----------------------------------------------------------------------------- */

/* As many at a time as a deep queue has, and the oldest one goes. */
static void bench_buffers(uint32_t len, unsigned depth)
{
    struct iobuf **held = calloc(depth, sizeof(struct iobuf *));
    char what[64];
    if (!held)
        abort();
    struct lap t = lap_begin();
    for (unsigned i = 0; i < GETS; i++) {
        struct iobuf **at = &held[i % depth];
        iobuf_put(*at);
        *at = iobuf_get(len);
    }
    snprintf(what, sizeof(what), "get and put %u KiB, %u held", len >> 10, depth);
    lap_end(what, GETS, t);
    for (unsigned i = 0; i < depth; i++)
        iobuf_put(held[i]);
    free(held);
}

/* ---- echo -------------------------------------------------------------------------------- */

struct echo {
    struct listener *l;
    struct waitgroup done;
};

static void echo_server(void *arg)
{
    struct echo *e = arg;
    struct sock *s;
    char buf[512];
    ssize_t n = 0;
    if (listener_accept(e->l, &s, NULL) == 0) {
        while ((n = sock_recv(s, buf, sizeof(buf), NO_DEADLINE, NULL)) > 0)
            if (sock_send(s, buf, (size_t)n, NO_DEADLINE, NULL) < 0)
                break;
        sock_close(s);
    }
    waitgroup_done(&e->done);
}

static void echo_client(void *arg)
{
    struct sock *s;
    char buf[48] = {0};
    if (sock_connect(arg, NO_DEADLINE, NULL, &s, NULL) < 0)
        return;
    struct lap t = lap_begin();
    for (unsigned i = 0; i < ECHOES; i++) {
        if (sock_send(s, buf, sizeof(buf), NO_DEADLINE, NULL) < 0)
            break;
        for (size_t got = 0; got < sizeof(buf);) {
            ssize_t n = sock_recv(s, buf, sizeof(buf), NO_DEADLINE, NULL);
            if (n <= 0)
                abort();
            got += (size_t)n;
        }
    }
    lap_end("48-byte echo over loopback", ECHOES, t);
    sock_close(s);
}

static void bench_echo(struct run *run)
{
    struct echo e;
    struct sock_addr any = {"127.0.0.1:0"};
    const struct listen_opts opts = {0};
    if (listener_open(&any, &opts, &e.l, NULL) < 0)
        return;
    waitgroup_init(&e.done);
    waitgroup_add(&e.done, 1);
    fiber_start(echo_server, &e, "echo");
    struct sock_addr where = *listener_addr(e.l);
    call_on(run_reactor(run, run_nreactors(run) - 1), echo_client, &where);
    waitgroup_wait(&e.done);
    listener_close(e.l);
}

/* ---- files ------------------------------------------------------------------------------- */

struct reads {
    struct file *f;
    uint64_t left, blocks, seed;
    struct waitgroup done;
};

static void read_blocks(void *arg)
{
    struct reads *r = arg;
    struct iobuf *b = iobuf_get(4096);
    while (r->left > 0 && b) {
        r->left--;
        r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
        if (file_pread(r->f, (r->seed >> 33) % r->blocks * 4096, b->p, 4096) < 0)
            abort();
    }
    iobuf_put(b);
    waitgroup_done(&r->done);
}

static void bench_reads(const char *path, bool direct)
{
    struct reads r = {.left = READS};
    struct err err;
    const struct file_opts opts = {.mode = FILE_RDONLY, .direct = direct};
    if (file_open(path, &opts, &r.f, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return;
    }
    r.blocks = file_info(r.f)->size / 4096;
    waitgroup_init(&r.done);
    waitgroup_add(&r.done, READERS);
    struct lap t = lap_begin();
    for (unsigned i = 0; i < READERS && r.blocks > 0; i++)
        fiber_start(read_blocks, &r, "read");
    waitgroup_wait(&r.done);
    lap_end(file_info(r.f)->direct ? "4 KiB direct read, depth 32" : "4 KiB cached read", READS,
            t);
    file_close(r.f);
}

static void bench_main(void *arg)
{
    struct bench *b = arg;
    printf("%u reactors, files by %s\n", run_nreactors(b->run), run_io_name(b->run));
    bench_switch();
    bench_start();
    bench_call(b->run);
    bench_buffers(4096, 1);
    bench_buffers(4096, 32);
    bench_buffers(16384, 1024);
    bench_buffers(131072, 8);
    bench_buffers(1u << 20, 8);
    bench_echo(b->run);
    if (b->file) {
        bench_reads(b->file, false);
        bench_reads(b->file, true);
    }
    run_stop(b->run);
}

int main(int argc, char **argv)
{
    struct run_config cfg = {.reactors = 2};
    struct bench b = {.file = argc > 3 ? argv[3] : NULL};
    struct err err;
    cfg.io = argc > 1 && strcmp(argv[1], "threads") == 0 ? RUN_IO_THREADS : RUN_IO_URING;
    cfg.spin_us = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    if (run_real_new(&cfg, &b.run, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    run_loop(b.run, bench_main, &b);
    run_free(b.run);
    return 0;
}
