/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zsan-poolsim: tells stories. --seed N plays one; --seeds A-B plays many, each in a process of its own, on --jobs processes,
 * prints TAP and sums up what happened. With mutants compiled in, --mutants plays seeds against each mutant of the pool
 * engine until it is caught.
 */
#include "story.h"

#include "base/log.h"
#include "base/mutant.h"
#include "base/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
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
#define CUTS_LEAST     20u /* in each step, in CUTS_SEEDS seeds */
#define CUTS_SEEDS     300u
#define SEED_SECONDS   60 /* of processor time */

static struct story *playing;

void story_fail(const char *fmt, ...)
{
    va_list ap;
    char text[400];
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    printf("seed %" PRIu64 ", world %u: %s\n", playing ? playing->seed : 0,
           playing ? playing->world : 0, text);
    fflush(stdout);
    _exit(EXIT_VIOLATION);
}

/* Returns how many of them are 0: things that never happened. */
static unsigned print_counts(const struct story_counts *n)
{
    unsigned never = 0;
#define X(field)                                                                               \
    printf("# %-20s %10" PRIu64 "\n", #field, n->field);                                       \
    never += n->field == 0;
    STORY_COUNTS(X)
#undef X
    for (unsigned i = 0; i < STEP_COUNT; i++)
        printf("# cuts in %-16s %4" PRIu64 "\n", step_name((enum step)i), n->cuts_in[i]);
    return never;
}

/* How many cuts each step has seen at least. */
static uint64_t least_cuts(const struct story_counts *n)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < STEP_COUNT; i++)
        least = MIN(least, n->cuts_in[i]);
    return least;
}

static void counts_add(struct story_counts *sum, const struct story_counts *n)
{
#define X(field) sum->field += n->field;
    STORY_COUNTS(X)
#undef X
    for (unsigned i = 0; i < STEP_COUNT; i++)
        sum->cuts_in[i] += n->cuts_in[i];
}

static void play(uint64_t seed, bool verbose, const char *dump)
{
    playing = story_new(seed, verbose);
    playing->dump = dump;
    story_play(playing);
}

/* ---- many seeds ------------------------------------------------------------------------------------------------------ */

struct child {
    pid_t pid;
    uint64_t seed;
    FILE *say;  /* its words */
    int report; /* a struct result, when it came to its end */
};
struct result {
    struct story_counts n;
    uint64_t trace_hash;
    bool ok;
    char text[400]; /* its last line, when it failed */
};

static struct child child_start(uint64_t seed)
{
    int report[2];
    struct child c = {.seed = seed, .say = tmpfile()};
    if (!c.say || pipe(report) < 0) {
        perror("poolsim");
        exit(1);
    }
    fflush(stdout);
    c.pid = fork();
    if (c.pid == 0) {
        const struct rlimit limit = {SEED_SECONDS, SEED_SECONDS};
        setrlimit(RLIMIT_CPU, &limit);
        dup2(fileno(c.say), 1);
        dup2(fileno(c.say), 2);
        play(seed, false, NULL);
        struct result r = {.n = playing->n, .trace_hash = playing->trace_hash, .ok = true};
        _exit(write(report[1], &r, sizeof(r)) == sizeof(r) ? 0 : 1);
    }
    close(report[1]);
    c.report = report[0];
    return c;
}

static void child_end(struct child *c, struct result *ret)
{
    int status;
    *ret = (struct result){0};
    ssize_t n = read(c->report, ret, sizeof(*ret));
    close(c->report);
    waitpid(c->pid, &status, 0);
    ret->ok = n == sizeof(*ret) && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!ret->ok) {
        rewind(c->say);
        size_t len = fread(ret->text, 1, sizeof(ret->text) - 1, c->say);
        ret->text[len] = 0;
        for (char *p = ret->text; *p; p++)
            *p = *p == '\n' ? (p[1] ? '|' : 0) : *p;
        if (!ret->text[0])
            snprintf(ret->text, sizeof(ret->text), "ended with status %x", (unsigned)status);
    }
    fclose(c->say);
}

struct batch {
    uint64_t first, last, failed, least_ops;
    unsigned jobs, replay; /* replay 0: none is played twice */
    struct story_counts sum;
};

/* The same seed once more must leave the same trace. */
static void replay(struct result *r, uint64_t seed)
{
    struct child c = child_start(seed);
    struct result again;
    child_end(&c, &again);
    if (again.ok && again.trace_hash == r->trace_hash)
        return;
    r->ok = false;
    snprintf(r->text, sizeof(r->text),
             "does not replay: trace %016" PRIx64 ", then %016" PRIx64, r->trace_hash,
             again.trace_hash);
}

static void judge(struct batch *b, uint64_t seed, const struct result *r)
{
    uint64_t number = seed - b->first + 1;
    if (!r->ok) {
        b->failed++;
        printf("not ok %" PRIu64 " - seed %" PRIu64 "\n#   %s\n", number, seed, r->text);
        return;
    }
    printf("ok %" PRIu64 " - seed %" PRIu64 "\n", number, seed);
    counts_add(&b->sum, &r->n);
    b->least_ops = MIN(b->least_ops, r->n.ops);
}

/* Plays the seeds in order; ends early, when endless, with the first that fails. */
static void play_all(struct batch *b, bool endless)
{
    static struct child running[JOBS_MAX];
    static struct result r; /* large */
    uint64_t next = b->first;
    unsigned head = 0, n = 0;
    b->least_ops = UINT64_MAX;
    while (next <= b->last || n) {
        while (n < b->jobs && next <= b->last)
            running[(head + n++) % JOBS_MAX] = child_start(next++);
        struct child *c = &running[head];
        uint64_t seed = c->seed;
        child_end(c, &r);
        if (r.ok && b->replay && seed % b->replay == 0)
            replay(&r, seed);
        judge(b, seed, &r);
        head = (head + 1) % JOBS_MAX;
        n--;
        if (endless && b->failed)
            b->last = next - 1;
    }
}

/* From a seed that nobody had on, until one fails or somebody interrupts it. */
static int play_endless(struct batch *b)
{
    b->first = (uint64_t)time(NULL) * 1000;
    b->last = UINT64_MAX - 1;
    play_all(b, true);
    print_counts(&b->sum);
    return 1;
}

static int play_batch(struct batch *b)
{
    printf("1..%" PRIu64 "\n", b->last - b->first + 2);
    play_all(b, false);
    unsigned never = print_counts(&b->sum);
    uint64_t nseeds = b->last - b->first + 1;
    uint64_t cuts = least_cuts(&b->sum),
             wanted = CUTS_LEAST * MIN(nseeds, CUTS_SEEDS) / CUTS_SEEDS;
    bool busy = b->least_ops >= OPS_LEAST && (nseeds < 100 || (never == 0 && cuts >= wanted));
    printf("# least operations in a seed: %" PRIu64 ", least cuts in a step: %" PRIu64
           " (of %" PRIu64 ")\n",
           b->least_ops, cuts, wanted);
    printf("%s %" PRIu64
           " - seeds are busy and, many of them, have seen every kind of trouble\n",
           busy ? "ok" : "not ok", nseeds + 1);
    return b->failed || !busy ? 1 : 0;
}

/* ---- mutants --------------------------------------------------------------------------------------------------------- */

/* True when a seed caught it. */
static bool hunt(enum mutant m, uint64_t first, uint64_t last)
{
    struct result r = {.ok = true};
    uint64_t seed = first;
    mutant_set(m);
    for (; r.ok && seed <= last; seed++) {
        struct child c = child_start(seed);
        child_end(&c, &r);
    }
    unsigned at = m - MUTANT_BEFORE_POOL;
    if (r.ok)
        printf("not ok %u - mutant %s lives after %" PRIu64 " seeds\n", at, mutant_name(m),
               last - first + 1);
    else
        printf("ok %u - mutant %s died of seed %" PRIu64 "\n#   %s\n", at, mutant_name(m),
               seed - 1, r.text);
    return !r.ok;
}

static int play_mutants(uint64_t first, uint64_t last)
{
    int failed = 0;
    printf("1..%d\n", MUTANT_END - MUTANT_COUNT);
    for (int m = MUTANT_COUNT; m < MUTANT_END; m++)
        failed += !hunt((enum mutant)m, first, last);
    mutant_set(MUTANT_NONE);
    return failed ? 1 : 0;
}

/* ---- the command line ------------------------------------------------------------------------------------------------ */

static int play_one(uint64_t seed, bool verbose, const char *dump)
{
    static const char *const layouts[] = {"single", "mirror", "raidz1", "raidz2", "raidz3"};
    play(seed, verbose, dump);
    printf("# %u x %s of %u, ashift %u, trouble %d%s\n", playing->ngroups,
           layouts[playing->layout], playing->group_disks, playing->ashift,
           (int)playing->trouble, playing->tight ? ", tight" : "");
    print_counts(&playing->n);
    printf("seed %" PRIu64 ": trace %016" PRIx64 "\n", seed, playing->trace_hash);
    return 0;
}

static void no_log(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                   size_t nkv)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)nkv;
}

NO_RETURN static void usage(void)
{
    fprintf(stderr, "usage: zsan-poolsim --seed N [--mutant NAME] [--verbose] [--dump FOLDER]\n"
                    "       zsan-poolsim --seeds A-B [--jobs N] [--replay N]\n"
                    "       zsan-poolsim --mutants [--seeds A-B]\n"
                    "       zsan-poolsim --endless [--jobs N]\n");
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
    /* clang-format off */
    static const struct option options[] = {
        {"seed",    required_argument, NULL, 's'},
        {"seeds",   required_argument, NULL, 'r'},
        {"jobs",    required_argument, NULL, 'j'},
        {"replay",  required_argument, NULL, 'p'},
        {"mutants", no_argument,       NULL, 'm'},
        {"mutant",  required_argument, NULL, 'u'},
        {"endless", no_argument,       NULL, 'e'},
        {"dump",    required_argument, NULL, 'd'},
        {"verbose", no_argument,       NULL, 'v'},
        {0},
    };
    /* clang-format on */
    static struct batch b = {.first = 1, .last = 100, .jobs = 1};
    /* Worlds come and go: the kernel need not clear what the next one uses again. */
    mallopt(M_MMAP_THRESHOLD, INT_MAX);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_TOP_PAD, 16 << 20);
    bool many = false, mutants = false, endless = false, verbose = false;
    const char *dump = NULL;
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
            b.jobs = (unsigned)MAX(1u, MIN(number(optarg), JOBS_MAX));
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
        case 'd':
            dump = optarg;
            break;
        case 'e':
            endless = true;
            break;
        case 'v':
            verbose = true;
            break;
        default:
            usage();
        }
    }
    log_set_level(verbose ? LOG_LVL_INFO : LOG_LVL_ERROR);
    if (!verbose)
        log_set_sink(no_log, NULL);
    if (mutants)
        return play_mutants(b.first, b.last);
    if (endless)
        return play_endless(&b);
    return many ? play_batch(&b) : play_one(seed, verbose, dump);
}
