/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zsan-sim: tells stories. --seed N plays one; --seeds A-B plays many, each in a process of its
 * own, in turns on --jobs processes, prints TAP and sums up what happened; --replay N plays
 * every Nth of them twice and compares the traces. With mutants compiled in, --mutants plays
 * seeds against each mutant until it is caught.
 */
#include "story.h"

#include "base/log.h"
#include "base/mutant.h"
#include "base/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Fibers that a power cut abandons leak what they own. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:detect_stack_use_after_return=0";
}

#define EXIT_VIOLATION 3
#define JOBS_MAX       16u
#define OPS_LEAST      200
#define SEED_SECONDS   120 /* of processor time; a story takes one or two */

static struct story *playing;

PRINTF_LIKE(1, 0) static void say_and_exit(const char *fmt, va_list ap)
{
    const struct story *st = playing;
    char text[400];
    vsnprintf(text, sizeof(text), fmt, ap);
    printf("seed %" PRIu64 ", world %u: %s\n", st ? st->seed : 0, st ? st->world : 0, text);
    fflush(stdout);
    _exit(EXIT_VIOLATION);
}

#define DIE(name)                                                                              \
    PRINTF_LIKE(1, 2) NO_RETURN static void name(const char *fmt, ...)                         \
    {                                                                                          \
        va_list ap;                                                                            \
        va_start(ap, fmt);                                                                     \
        say_and_exit(fmt, ap);                                                                 \
        __builtin_unreachable();                                                               \
    }
DIE(protocol_broken)
DIE(volume_violated)
void (*ini_broken)(const char *fmt, ...) PRINTF_LIKE(1, 2) NO_RETURN = protocol_broken;
void (*model_violated)(const char *fmt, ...) PRINTF_LIKE(1, 2) NO_RETURN = volume_violated;

void story_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say_and_exit(fmt, ap);
    __builtin_unreachable();
}

/* ---- one seed ---------------------------------------------------------------------------- */

/* What a child tells its parent. */
struct result {
    struct story_counts n;
    uint64_t trace_hash;
    bool ok;
    char text[400]; /* its last words, when it failed */
};

/* Returns how many of them are 0: things that never happened. */
static unsigned print_counts(const struct story_counts *n)
{
    unsigned never = 0;
    static const struct {
        const char *name;
        size_t off;
    } rows[] = {
#define X(field) {#field, offsetof(struct story_counts, field)},
        STORY_COUNTS(X)
#undef X
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        uint64_t v;
        memcpy(&v, (const char *)n + rows[k].off, sizeof(v));
        printf("# %-18s %10" PRIu64 "\n", rows[k].name, v);
        never += v == 0;
    }
    return never;
}

static void counts_add(struct story_counts *sum, const struct story_counts *n)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)n;
    for (size_t k = 0; k < sizeof(*n) / sizeof(uint64_t); k++)
        to[k] += from[k];
}

static struct story *play(uint64_t seed, bool trace)
{
    playing = story_new(seed, trace);
    story_play(playing);
    return playing;
}

struct child {
    pid_t pid;
    uint64_t seed;
    int say, report; /* pipes: its words, its struct result */
};

static struct child child_start(uint64_t seed)
{
    int say[2], report[2];
    struct child c = {.seed = seed};
    if (pipe(say) < 0 || pipe(report) < 0) {
        perror("pipe");
        exit(1);
    }
    fflush(stdout);
    c.pid = fork();
    if (c.pid == 0) {
        const struct rlimit limit = {SEED_SECONDS, SEED_SECONDS};
        setrlimit(RLIMIT_CPU, &limit);
        dup2(say[1], 1);
        dup2(say[1], 2);
        const struct story *st = play(seed, false);
        struct result r = {.n = st->n, .trace_hash = st->trace_hash, .ok = true};
        _exit(write(report[1], &r, sizeof(r)) == sizeof(r) ? 0 : 1);
    }
    close(say[1]);
    close(report[1]);
    c.say = say[0];
    c.report = report[0];
    return c;
}

/* All it says is read, so that it never waits; the end of it is kept, on one line. */
static void drain(int fd, char *ret_text, size_t cap)
{
    char more[128]; /* less than half of cap */
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, more, sizeof(more))) > 0) {
        if (len + (size_t)n > cap - 1) {
            memmove(ret_text, ret_text + len / 2, len - len / 2);
            len -= len / 2;
        }
        memcpy(ret_text + len, more, (size_t)n);
        len += (size_t)n;
    }
    ret_text[len] = 0;
    for (char *c = ret_text; *c; c++) {
        if (*c == '\n')
            *c = c[1] ? '|' : 0;
    }
}

static struct result child_end(struct child *c)
{
    struct result r = {0};
    int status;
    char text[sizeof(r.text)];
    drain(c->say, text, sizeof(text));
    ssize_t n = read(c->report, &r, sizeof(r));
    close(c->say);
    close(c->report);
    waitpid(c->pid, &status, 0);
    r.ok = n == sizeof(r) && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    memcpy(r.text, text, sizeof(r.text));
    if (!r.ok && !text[0])
        snprintf(r.text, sizeof(r.text), "ended with status %x", (unsigned)status);
    return r;
}

/* ---- many seeds -------------------------------------------------------------------------- */

struct batch {
    uint64_t first, last;
    unsigned jobs, replay; /* replay 0: none is played twice */
    struct story_counts sum;
    uint64_t failed, least_ops;
};

static void judge(struct batch *b, uint64_t seed, const struct result *r)
{
    uint64_t number = seed - b->first + 1;
    if (!r->ok) {
        b->failed++;
        printf("not ok %" PRIu64 " - seed %" PRIu64
               "\n#   %s\n#   again: make sim SEED=%" PRIu64 "\n",
               number, seed, r->text, seed);
        return;
    }
    printf("ok %" PRIu64 " - seed %" PRIu64 "\n", number, seed);
    counts_add(&b->sum, &r->n);
    b->least_ops = MIN(b->least_ops, r->n.ops);
}

/* The same seed once more must leave the same trace. */
static void replay(struct result *r, uint64_t seed)
{
    struct child c = child_start(seed);
    struct result again = child_end(&c);
    if (again.ok && again.trace_hash == r->trace_hash)
        return;
    r->ok = false;
    snprintf(r->text, sizeof(r->text),
             "does not replay: trace %016" PRIx64 ", then %016" PRIx64, r->trace_hash,
             again.trace_hash);
}

static int play_batch(struct batch *b)
{
    static struct child running[JOBS_MAX];
    uint64_t next = b->first;
    unsigned head = 0, n = 0;
    printf("1..%" PRIu64 "\n", b->last - b->first + 2);
    b->least_ops = UINT64_MAX;
    while (next <= b->last || n) {
        while (n < b->jobs && next <= b->last)
            running[(head + n++) % JOBS_MAX] = child_start(next++);
        struct child *c = &running[head];
        struct result r = child_end(c);
        if (r.ok && b->replay && c->seed % b->replay == 0)
            replay(&r, c->seed);
        judge(b, c->seed, &r);
        head = (head + 1) % JOBS_MAX;
        n--;
    }
    unsigned never = print_counts(&b->sum);
    bool busy = b->least_ops >= OPS_LEAST && (never == 0 || b->last - b->first < 100);
    printf("# least operations in a seed: %" PRIu64 "\n", b->least_ops);
    printf("%s %" PRIu64
           " - seeds are busy and, many of them, have seen every kind of trouble\n",
           busy ? "ok" : "not ok", b->last - b->first + 2);
    return b->failed || !busy ? 1 : 0;
}

/* ---- mutants ----------------------------------------------------------------------------- */

/* True when a seed caught it. */
static bool hunt(enum mutant m, uint64_t first, uint64_t last)
{
    struct result r = {.ok = true};
    uint64_t seed = first;
    mutant_set(m);
    for (; r.ok && seed <= last; seed++) {
        struct child c = child_start(seed);
        r = child_end(&c);
    }
    if (r.ok)
        printf("not ok %u - mutant %s lives after %" PRIu64 " seeds\n", m, mutant_name(m),
               last - first + 1);
    else
        printf("ok %u - mutant %s died of seed %" PRIu64 "\n#   %s\n", m, mutant_name(m),
               seed - 1, r.text);
    return !r.ok;
}

static int play_mutants(uint64_t first, uint64_t last)
{
    int failed = 0;
    printf("1..%d\n", MUTANT_COUNT - 1);
    for (int m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++)
        failed += !hunt((enum mutant)m, first, last);
    mutant_set(MUTANT_NONE);
    return failed ? 1 : 0;
}

/* ---- the command line -------------------------------------------------------------------- */

static int play_one(uint64_t seed, bool trace)
{
    const struct story *st = play(seed, trace);
    printf("# %u-byte blocks on %u-byte disks, %u initiators, %u reactors%s%s\n",
           st->block_size, st->disk_align, st->nactors, st->reactors, st->chap ? ", CHAP" : "",
           st->write_back ? ", LUN 1 writes back" : "");
    print_counts(&st->n);
    printf("seed %" PRIu64 ": trace %016" PRIx64 "\n", seed, st->trace_hash);
    return 0;
}

static void no_log(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                   size_t nkv)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)nkv;
}

static const struct option options[] = {
    {"seed",             required_argument, NULL, 's'},
    {"seeds",              required_argument, NULL, 'r'},
    {"jobs",                  required_argument, NULL, 'j'},
    {"replay",required_argument, NULL, 'p'},
    {"mutants",               no_argument, NULL, 'm'},
    {"mutant",             required_argument, NULL, 'u'},
    {"trace",              no_argument, NULL, 't'},
    {"verbose",                  no_argument, NULL, 'v'},
    {0             },
};

NO_RETURN static void usage(void)
{
    fprintf(stderr, "usage: zsan-sim --seed N [--mutant NAME] [--verbose] [--trace]\n"
                    "       zsan-sim --seeds A-B [--jobs N] [--replay N]\n"
                    "       zsan-sim --mutants [--seeds A-B]\n");
    exit(2);
}

static uint64_t number(const char *text)
{
    uint64_t v;
    if (!text_to_u64(text, &v))
        usage();
    return v;
}

static void range(char *text, struct batch *b)
{
    char *dash = strchr(text, '-');
    if (!dash)
        usage();
    *dash = 0;
    b->first = number(text);
    b->last = number(dash + 1);
}

int main(int argc, char **argv)
{
    static struct batch b = {.first = 1, .last = 60, .jobs = 1};
    bool many = false, mutants = false, verbose = false, trace = false;
    uint64_t seed = 1;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 's':
            seed = number(optarg);
            break;
        case 'r':
            range(optarg, &b);
            many = true;
            break;
        case 'j':
            b.jobs = (unsigned)MIN(number(optarg), JOBS_MAX);
            break;
        case 'p':
            b.replay = (unsigned)number(optarg);
            break;
        case 'm':
            mutants = true;
            break;
        case 'u':
            if (!mutant_set_by_name(optarg))
                usage();
            break;
        case 't':
            trace = true;
            break;
        case 'v':
            verbose = true;
            break;
        default:
            usage();
        }
    }
    log_set_level(verbose ? LOG_LVL_INFO : LOG_LVL_ERROR);
    if (!verbose) /* errors are what it is all about */
        log_set_sink(no_log, NULL);
    if (mutants)
        return play_mutants(b.first, b.last);
    return many ? play_batch(&b) : play_one(seed, trace);
}
