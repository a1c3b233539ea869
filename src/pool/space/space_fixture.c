/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/space/space_fixture.h"

#include <errno.h>

uint64_t lab_random(struct lab *l, uint64_t n)
{
    l->random = l->random * 6364136223846793005ull + 1442695040888963407ull;
    return (l->random >> 33) % n;
}

void stream_put(struct stream *s, const le64 *words, size_t n)
{
    if (n == 0)
        return;
    if (s->n + n > s->cap) {
        s->cap = 2 * (s->n + n);
        s->words = realloc(s->words, s->cap * sizeof(s->words[0]));
        check(s->words != NULL);
    }
    memcpy(s->words + s->n, words, n * sizeof(words[0]));
    s->n += n;
}

static void stream_copy(struct stream *to, const struct stream *from)
{
    to->n = 0;
    stream_put(to, from->words, from->n);
}

struct lab_map *lab_map_of(struct lab *l, const struct metaslab *ms)
{
    return &l->map[ms->top->id][ms->index];
}

/* Sees what is committed or also what is written already; takes its time. */
static int lab_load(void *arg, struct metaslab *ms, sm_entry_fn fn, void *fn_arg)
{
    struct lab *l = arg;
    struct lab_map *map = lab_map_of(l, ms);
    const struct stream *s = lab_random(l, 2) ? &map->now : &map->committed;
    struct sm_cursor c = {.shift = ms->top->ashift, .size = ms->size};
    l->loads++;
    if (l->load_error)
        return l->load_error;
    while (l->gated)
        fiber_yield();
    for (size_t at = 0, end = s->n; at < end;) {
        size_t some = 1 + (size_t)lab_random(l, 20), n = MIN(end - at, some);
        int rc = sm_decode(&c, s->words + at, n * sizeof(le64), fn, fn_arg, NULL);
        if (rc != 0)
            return rc;
        at += n;
        if (l->yields && lab_random(l, 4) == 0) {
            uint64_t max_us = lab_random(l, 20) ? 400 : 4000; /* some last for several txgs */
            fiber_sleep_until(run_now() + lab_random(l, max_us) * NS_PER_US, NULL);
        }
    }
    return sm_decode_end(&c);
}

static void lab_report(void *arg, const struct metaslab *ms, const struct err *err)
{
    struct lab *l = arg;
    check(ms->error == err->code && err->msg[0] != '\0');
    l->reports++;
}

static void lab_open(struct lab *l)
{
    l->sp = space_new(&l->root, lab_load, l, l->committed);
    check(l->sp != NULL);
    space_set_report(l->sp, lab_report, l);
    for (unsigned t = 0; t < l->ntops; t++) {
        check(space_nmetaslabs(l->sp, &l->top[t]) == l->nms[t]);
        for (unsigned i = 0; i < l->nms[t]; i++) {
            const struct lab_map *m = &l->map[t][i];
            const struct metaslab_map stored = {
                .object = m->object,
                .length = m->committed.n * sizeof(le64),
                .allocated = m->allocated,
                .histogram = l->no_histogram ? NULL : m->histogram,
            };
            struct metaslab *ms = space_metaslab(l->sp, &l->top[t], i);
            check(metaslab_restore(l->sp, ms, &stored) == 0);
        }
    }
}

struct lab *lab_new(const struct lab_top *tops, unsigned n, uint64_t seed)
{
    struct lab *l = calloc(1, sizeof(*l));
    check(l != NULL && n <= LAB_TOPS);
    l->random = seed;
    l->ntops = n;
    l->committed = 10;
    l->root = (struct vdev){.type = VDEV_ROOT, .child = l->child, .nchildren = n};
    for (unsigned i = 0; i < n; i++) {
        l->child[i] = &l->top[i];
        l->nms[i] = tops[i].nms;
        l->map[i] = calloc(tops[i].nms, sizeof(struct lab_map));
        check(l->map[i] != NULL);
        l->top[i] = (struct vdev){
            .type = tops[i].type,
            .id = i,
            .state = VDEV_HEALTHY,
            .parent = &l->root,
            .top = &l->top[i],
            .nchildren = tops[i].nchildren,
            .nparity = tops[i].nparity,
            .ashift = tops[i].ashift,
            .ms_shift = tops[i].ms_shift,
            /* and half a metaslab that must not be used */
            .asize = (2ull * tops[i].nms + 1) << (tops[i].ms_shift - 1),
        };
    }
    lab_open(l);
    return l;
}

void lab_free(struct lab *l)
{
    space_free(l->sp);
    for (unsigned t = 0; t < l->ntops; t++) {
        for (unsigned i = 0; i < l->nms[t]; i++) {
            free(l->map[t][i].now.words);
            free(l->map[t][i].committed.words);
        }
        free(l->map[t]);
    }
    free(l);
}

void lab_reopen(struct lab *l)
{
    space_free(l->sp);
    for (unsigned t = 0; t < l->ntops; t++)
        for (unsigned i = 0; i < l->nms[t]; i++)
            stream_copy(&l->map[t][i].now, &l->map[t][i].committed);
    lab_open(l);
}

static void record_one(struct lab *l, struct metaslab *ms, uint64_t txg, bool rewrite)
{
    struct lab_map *m = lab_map_of(l, ms);
    size_t cap = rewrite ? metaslab_rewrite_words(ms, txg) : metaslab_record_words(ms, txg);
    struct sm_encoder enc = {
        .words = calloc(cap, sizeof(le64)), .cap = cap, .shift = ms->top->ashift};
    check(enc.words != NULL);
    if (rewrite) {
        m->now.n = 0;
        metaslab_rewrite(ms, txg, &enc);
    } else {
        metaslab_record(ms, txg, &enc);
    }
    check_cmp(enc.n, <=, cap);
    stream_put(&m->now, enc.words, enc.n);
    free(enc.words);
    ms->object = m->object = 100 + ms->index;
    ms->length = m->now.n * sizeof(le64);
}

void lab_record(struct lab *l, uint64_t txg, unsigned one_in)
{
    struct metaslab *ms = NULL;
    while ((ms = space_dirty_next(l->sp, txg, ms))) {
        bool rewrite =
            one_in ? ms->free && lab_random(l, one_in) == 0 : metaslab_worth_rewrite(ms, 4096);
        record_one(l, ms, txg, rewrite);
    }
}

void lab_commit(struct lab *l, uint64_t txg, uint64_t oldest_reader)
{
    struct metaslab *ms = NULL;
    while ((ms = space_dirty_next(l->sp, txg, ms))) {
        struct lab_map *m = lab_map_of(l, ms);
        m->allocated = metaslab_allocated(ms, txg);
        metaslab_histogram(ms, txg, m->histogram);
        stream_copy(&m->committed, &m->now);
    }
    l->committed = txg;
    space_committed(l->sp, txg, oldest_reader);
}

void lab_sync(struct lab *l, uint64_t txg)
{
    lab_record(l, txg, 0);
    lab_commit(l, txg, UINT64_MAX);
}

/* ---- for tests of one thing each --------------------------------------------------------- */

const struct lab_top lab_disk = {VDEV_DISK, 0, 0, 12, 20, 8};
const struct lab_top lab_small = {VDEV_DISK, 0, 0, 12, 16, 1};
const struct lab_top lab_mirror = {VDEV_MIRROR, 2, 0, 12, 22, 8};

void lab_run(void (*body)(struct expect *e), const struct lab_top *tops, unsigned n)
{
    struct lab *l = lab_new(tops, n, 1);
    expect_in(expect_sim(1), body, l);
    lab_free(l);
}

int lab_alloc(struct lab *l, uint64_t txg, uint32_t size, enum space_use use, struct dva *ret)
{
    struct dva d[BP_DVAS];
    int rc = space_alloc(l->sp, txg, size, 1, use, d);
    *ret = rc == 0 ? d[0] : (struct dva){0};
    return rc;
}

int lab_alloc_data(struct lab *l, uint32_t size, struct dva *ret)
{
    return lab_alloc(l, l->committed + 1, size, SPACE_DATA, ret);
}

bool lab_can_alloc(struct lab *l, uint32_t size)
{
    struct dva d;
    return lab_alloc_data(l, size, &d) == 0;
}

void lab_sync_next(struct lab *l)
{
    lab_sync(l, l->committed + 1);
}

struct dva lab_fill(struct lab *l)
{
    struct dva d, last = {0};
    while (lab_alloc_data(l, 4 * KIB, &d) == 0)
        last = d;
    lab_sync_next(l);
    return last;
}

void lab_store_map(struct lab *l, const uint64_t *words, size_t n, int64_t allocated)
{
    struct lab_map *m = &l->map[0][0];
    m->object = 100;
    m->allocated = allocated;
    for (size_t i = 0; i < n; i++) {
        le64 w = le64_make(words[i]);
        stream_put(&m->committed, &w, 1);
    }
    lab_reopen(l);
}
