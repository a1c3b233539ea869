/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zload-volume: load on a volume at the contract, without a network: what an engine itself costs. Some fibers, one per command
 * in flight, work on a volume of the engines mem, file or pool in this process; one line of JSON comes out. Whatever is at
 * --path is overwritten.
 */
#include "base/text.h"
#include "base/util.h"
#include "hist.h"
#include "json.h"
#include "pool/pool_admin.h"
#include "run/fiber.h"
#include "run/file.h"
#include "store/store.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PATHS_MAX  64u
#define DATA_BYTES (32u << 20) /* of what is written: longer than any cache of the processor */
#define FILL_STEP  (1u << 20)

struct options {
    const char *engine, *mode, *sync, *compression, *layout;
    const char *paths[PATHS_MAX + 1];
    unsigned npaths;
    uint64_t size, block, volblock, cache, dirty,
        flush;                     /* flush: after so many bytes; 0: never */
    unsigned depth, ashift, zeros; /* zeros: percent of each 4 KiB that is compressible */
    double seconds, warmup;
    bool sequential, cold, fill;
};

struct bench {
    struct options o;
    struct run *run;
    struct pool *pool;
    struct volume *v;
    struct attr_store *attrs;
    uint8_t *data;
    uint64_t cursor, random, unflushed;
    uint64_t ops, from, until;
    struct hist hist;
    struct waitgroup workers;
};

__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "zload-volume: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    exit(1);
}

static void ok(int r, const struct err *err, const char *what)
{
    if (r)
        die("%s: %s", what, err && err->code ? err->msg : strerror(-r));
}

static uint64_t next_random(struct bench *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

/* ---- the volume ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    enum pool_layout layout;
} layouts[] = {
    {"single", LAYOUT_SINGLE},
    {"mirror", LAYOUT_MIRROR},
    {"raidz1", LAYOUT_RAIDZ1},
    {"raidz2", LAYOUT_RAIDZ2},
    {"raidz3", LAYOUT_RAIDZ3},
};

static enum pool_layout layout_of(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(layouts); i++)
        if (strcmp(layouts[i].name, name) == 0)
            return layouts[i].layout;
    die("no such layout: %s", name);
}

static struct pool_opts pool_opts(const struct bench *b)
{
    return (struct pool_opts){
        .cache_bytes = b->o.cache, .dirty_bytes = b->o.dirty, .hostid = 1, .hostname = "bench"};
}

static void pool_make(struct bench *b)
{
    struct err err = {0};
    const struct pool_group group = {layout_of(b->o.layout), b->o.npaths, b->o.paths};
    struct pool_create_want want = {.name = "bench",
                                    .groups = &group,
                                    .ngroups = 1,
                                    .ashift = b->o.ashift,
                                    .force = true,
                                    .opts = pool_opts(b)};
    struct pool_volume_want volume = {.name = "v",
                                      .size = b->o.size,
                                      .block_size = (uint32_t)b->o.volblock,
                                      .compression = b->o.compression};
    ok(pool_create(&want, &b->pool, &err), &err, "pool create");
    ok(pool_volume_create(b->pool, &volume, &err), &err, "volume create");
    ok(pool_set(b->pool, "v", "sync", b->o.sync, &err), &err, "set sync");
}

static void volume_get(struct bench *b)
{
    struct err err = {0};
    struct store_params p = {.name = "v", .block_size = 512, .attrs = b->attrs};
    if (!volume_sync_parse(b->o.sync, &p.sync))
        die("no such sync: %s", b->o.sync);
    if (strcmp(b->o.engine, "mem") == 0)
        ok(store_mem_open(&p, b->o.size, false, &b->v, &err), &err, "mem");
    else if (strcmp(b->o.engine, "file") == 0)
        ok(store_file_open(&p, b->o.paths[0], &b->v, &err), &err, "file");
    else
        ok(pool_volume_open(b->pool, "v", &b->v, &err), &err, "volume open");
}

/* Nothing of it in memory, as after a start. */
static void pool_chill(struct bench *b)
{
    struct err err = {0};
    struct pool_import_want want = {.paths = b->o.paths, .name = "bench", .opts = pool_opts(b)};
    volume_close(b->v);
    ok(pool_export(b->pool, &err), &err, "pool export");
    ok(pool_import(&want, &b->pool, &err), &err, "pool import");
    volume_get(b);
}

/* ---- data -------------------------------------------------------------------------------------------------- */

static void data_make(struct bench *b)
{
    b->data = aligned_alloc(4096, DATA_BYTES);
    if (!b->data)
        die("no memory");
    run_random(b->data, DATA_BYTES);
    size_t zeros = 4096u * b->o.zeros / 100;
    for (size_t at = 0; zeros && at < DATA_BYTES; at += 4096)
        memset(b->data + at, 0, zeros);
}

static int write_at(struct bench *b, uint64_t off, uint64_t len)
{
    struct sgl s;
    uint64_t places = (DATA_BYTES - len) / 4096 + 1;
    sgl_init(&s);
    int r = sgl_add(&s, NULL, b->data + next_random(b) % places * 4096, (uint32_t)len);
    if (r == 0)
        r = volume_write(b->v, off, &s, 0);
    sgl_clear(&s);
    return r;
}

/* One of the workers flushes, the others go on. */
static int flush_now_and_then(struct bench *b)
{
    b->unflushed += b->o.block;
    if (b->o.flush == 0 || b->unflushed < b->o.flush)
        return 0;
    b->unflushed = 0;
    return volume_flush(b->v);
}

static int read_at(struct bench *b, uint64_t off, uint64_t len)
{
    struct sgl s;
    sgl_init(&s);
    int r = volume_read(b->v, off, len, &s);
    sgl_clear(&s);
    return r;
}

static void fill(struct bench *b)
{
    ok(volume_set_sync(b->v, VOL_SYNC_DISABLED), NULL, "sync");
    for (uint64_t off = 0; off < b->o.size; off += FILL_STEP)
        ok(write_at(b, off, MIN(FILL_STEP, b->o.size - off)), NULL, "fill");
    enum volume_sync sync;
    volume_sync_parse(b->o.sync, &sync);
    ok(volume_set_sync(b->v, sync), NULL, "sync");
    if (b->pool)
        ok(pool_sync(b->pool), NULL, "sync");
}

/* ---- load -------------------------------------------------------------------------------------------------- */

static uint64_t next_offset(struct bench *b)
{
    uint64_t slots = b->o.size / b->o.block;
    return (b->o.sequential ? b->cursor++ % slots : next_random(b) % slots) * b->o.block;
}

static void worker(void *arg)
{
    struct bench *b = arg;
    bool write = strcmp(b->o.mode, "write") == 0;
    for (;;) {
        uint64_t start = run_now_precise();
        if (start >= b->until)
            break;
        uint64_t off = next_offset(b);
        ok(write ? write_at(b, off, b->o.block) : read_at(b, off, b->o.block), NULL, b->o.mode);
        uint64_t end = run_now_precise();
        if (write)
            ok(flush_now_and_then(b), NULL, "flush");
        if (start >= b->from && end < b->until) {
            hist_add(&b->hist, end - start);
            b->ops++;
        }
        fiber_maybe_yield();
    }
    waitgroup_done(&b->workers);
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

/* "below so many us": how many took that long, and at least half of it. */
static void print_hist(struct json *j, const struct hist *h)
{
    char below[32];
    json_open(j, "histogram_us");
    for (unsigned power = 10; power <= 30; power++) {
        snprintf(below, sizeof(below), "%.0f", (double)(1ull << power) * 1e-3);
        json_u64(j, below, hist_below(h, power) - (power > 10 ? hist_below(h, power - 1) : 0));
    }
    json_close(j);
}

static void print(const struct bench *b, double cpu)
{
    struct json j = {.out = stdout};
    double secs = (double)(b->until - b->from) * 1e-9, n = (double)MAX(b->ops, 1u);
    json_open(&j, NULL);
    json_str(&j, "engine", b->o.engine);
    json_num(&j, "iops", (double)b->ops / secs);
    json_num(&j, "mb_s", (double)b->ops * (double)b->o.block / secs * 1e-6);
    json_num(&j, "cpu_us_per_op", cpu / n * 1e6);
    json_num(&j, "cores", cpu / secs);
    json_num(&j, "p50", (double)hist_quantile(&b->hist, 0.5) * 1e-3);
    json_num(&j, "p99", (double)hist_quantile(&b->hist, 0.99) * 1e-3);
    json_num(&j, "p99.9", (double)hist_quantile(&b->hist, 0.999) * 1e-3);
    json_num(&j, "max", (double)b->hist.max * 1e-3);
    json_str(&j, "sync", volume_sync_name(b->v->sync));
    json_num(&j, "peak_mib", (double)peak_kib() / 1024);
    print_hist(&j, &b->hist);
    json_close(&j);
    json_end_line(&j);
}

static void load(struct bench *b)
{
    uint64_t now = run_now_precise();
    b->from = now + (uint64_t)(b->o.warmup * 1e9);
    b->until = b->from + (uint64_t)(b->o.seconds * 1e9);
    waitgroup_init(&b->workers);
    waitgroup_add(&b->workers, b->o.depth);
    for (unsigned i = 0; i < b->o.depth; i++)
        if (!fiber_start(worker, b, "load"))
            die("no fiber");
    fiber_sleep_until(b->from, NULL);
    double cpu = cpu_seconds();
    fiber_sleep_until(b->until, NULL);
    cpu = cpu_seconds() - cpu;
    waitgroup_wait(&b->workers);
    print(b, cpu);
}

static void bench_main(void *arg)
{
    struct bench *b = arg;
    b->random = 88172645463325252ull;
    b->attrs = attr_mem_new();
    data_make(b);
    if (strcmp(b->o.engine, "pool") == 0)
        pool_make(b);
    volume_get(b);
    if (b->o.fill)
        fill(b);
    if (b->o.cold && b->pool)
        pool_chill(b);
    load(b);
    volume_close(b->v);
    if (b->pool)
        pool_close(b->pool);
    attr_mem_free(b->attrs);
    free(b->data);
    run_stop(b->run);
}

/* ---- the command line ---------------------------------------------------------------------------------------- */

static uint64_t size_of(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    const char *units = "KMGT", *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    if (end == text || (*end && !unit))
        die("no size: %s", text);
    return unit ? n << 10 * (unit - units + 1) : n;
}

enum kind { TEXT, SIZE, COUNT, SECONDS, FLAG };
static const struct {
    const char *name;
    enum kind kind;
    size_t off;
} options[] = {
    {"engine",      TEXT,    offsetof(struct options, engine)     },
    {"mode",        TEXT,    offsetof(struct options, mode)       },
    {"sync",        TEXT,    offsetof(struct options, sync)       },
    {"compression", TEXT,    offsetof(struct options, compression)},
    {"layout",      TEXT,    offsetof(struct options, layout)     },
    {"size",        SIZE,    offsetof(struct options, size)       },
    {"block",       SIZE,    offsetof(struct options, block)      },
    {"volblock",    SIZE,    offsetof(struct options, volblock)   },
    {"cache",       SIZE,    offsetof(struct options, cache)      },
    {"dirty",       SIZE,    offsetof(struct options, dirty)      },
    {"flush",       SIZE,    offsetof(struct options, flush)      },
    {"depth",       COUNT,   offsetof(struct options, depth)      },
    {"ashift",      COUNT,   offsetof(struct options, ashift)     },
    {"zeros",       COUNT,   offsetof(struct options, zeros)      },
    {"seconds",     SECONDS, offsetof(struct options, seconds)    },
    {"warmup",      SECONDS, offsetof(struct options, warmup)     },
    {"sequential",  FLAG,    offsetof(struct options, sequential) },
    {"cold",        FLAG,    offsetof(struct options, cold)       },
    {"fill",        FLAG,    offsetof(struct options, fill)       },
};

static void option_set(void *field, enum kind kind, const char *text)
{
    switch (kind) {
    case TEXT:
        *(const char **)field = text;
        break;
    case SIZE:
        *(uint64_t *)field = size_of(text);
        break;
    case COUNT:
        *(unsigned *)field = (unsigned)strtoul(text, NULL, 10);
        break;
    case SECONDS:
        *(double *)field = strtod(text, NULL);
        break;
    case FLAG:
        *(bool *)field = true;
        break;
    }
}

/* KEY=VALUE, or a flag's name alone. */
static bool option_take(struct options *o, const char *arg)
{
    const char *eq = strchr(arg, '=');
    size_t len = eq ? (size_t)(eq - arg) : strlen(arg);
    for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
        if (strlen(options[i].name) != len || strncmp(arg, options[i].name, len) != 0 ||
            (options[i].kind == FLAG) != !eq)
            continue;
        option_set((char *)o + options[i].off, options[i].kind, eq ? eq + 1 : NULL);
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static struct bench b = {
        .o = {.engine = "pool",
              .mode = "read",
              .sync = "always",
              .compression = "off",
              .layout = "single",
              .size = 512u << 20,
              .block = 4096,
              .volblock = 16384,
              .depth = 32,
              .ashift = 12,
              .seconds = 3,
              .warmup = 1},
    };
    struct run_config cfg = {.reactors = 1, .buf_budget = 4ull << 30};
    struct err err = {0};
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '/' && b.o.npaths < PATHS_MAX)
            b.o.paths[b.o.npaths++] = argv[i];
        else if (!option_take(&b.o, argv[i]))
            die("usage: zload-volume [engine=mem|file|pool] [mode=read|write] [KEY=VALUE...] "
                "[/PATH...]");
    if (run_real_new(&cfg, &b.run, &err))
        die("%s", err.msg);
    run_loop(b.run, bench_main, &b);
    run_free(b.run);
    return 0;
}
