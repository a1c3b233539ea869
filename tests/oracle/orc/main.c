/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs, one after the other. OpenZFS's engine runs from the first to the last. */
#include "orc.h"
#include "zfs.h"

#include <stdarg.h>

void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fflush(stdout);
    fprintf(stderr, "orc: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    _exit(1);
}

void must(int rc, const char *what, const char *name)
{
    if (rc != 0)
        die("%s %s: %s", what, name, strerror(rc));
}

const char *option(int ac, char **av, const char *key)
{
    const size_t n = strlen(key);
    for (int i = 0; i < ac; i++) {
        if (strncmp(av[i], key, n) == 0 && av[i][n] == '=')
            return av[i] + n + 1;
    }
    return NULL;
}

uint64_t size_of(const char *text)
{
    char *end;
    const uint64_t n = strtoull(text, &end, 0);
    const char *units = "KMG", *unit = *end ? strchr(units, *end) : NULL;
    if (end == text || (*end && (!unit || end[1])))
        die("no size: %s", text);
    return unit ? n << 10 * (unit - units + 1) : n;
}

const char *full_name(const struct orc *o, const char *name)
{
    static char names[4][ZFS_MAX_DATASET_NAME_LEN];
    static unsigned turn;
    char *to = names[turn++ % 4];
    if (name[0] == '.')
        snprintf(to, sizeof(names[0]), "%s%s", o->pool, name + 1);
    else
        snprintf(to, sizeof(names[0]), "%s/%s", o->pool, name);
    return to;
}

static const struct verb *const groups[] = {pool_verbs, dataset_verbs, props_verbs, data_verbs,
                                            bench_verbs};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static void usage(void)
{
    fprintf(stderr, "usage: orc DIR POOL VERB ARG... [/ VERB ARG...]...\n");
    for (size_t g = 0; g < GROUPS; g++) {
        for (const struct verb *v = groups[g]; v->name; v++)
            fprintf(stderr, "  %s %s\n", v->name, v->usage);
    }
    exit(2);
}

static const struct verb *verb_find(const char *name)
{
    for (size_t g = 0; g < GROUPS; g++) {
        for (const struct verb *v = groups[g]; v->name; v++) {
            if (strcmp(v->name, name) == 0)
                return v;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        usage();
    struct orc o = {realpath(argv[1], NULL), argv[2]}; /* OpenZFS wants absolute paths */
    if (!o.dir)
        die("%s: %s", argv[1], strerror(errno));
    /* Else an export waits, busily, for as long as what was read ahead may stay. */
    zfs_arc_min_prefetch_ms = zfs_arc_min_prescient_prefetch_ms = 1;
    kernel_init(SPA_MODE_READ | SPA_MODE_WRITE);
    for (int i = 3; i < argc;) {
        const struct verb *v = verb_find(argv[i++]);
        int n = 0;
        while (i + n < argc && strcmp(argv[i + n], "/") != 0)
            n++;
        if (!v || n < v->min_args)
            usage();
        v->fn(&o, n, argv + i);
        fflush(stdout);
        i += n + 1;
    }
    kernel_fini();
    return 0;
}
