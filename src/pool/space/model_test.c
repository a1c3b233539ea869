/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free space against a model that knows every block: where it is, when it was born and freed.
 * Random allocations, frees, claims, readers, commits and power cuts, by several fibers, with
 * metaslabs that are loaded, unloaded and rewritten all the time. After every commit the stored
 * maps are replayed by rules of their own: they must give the model's blocks, sector by sector.
 */
#include "pool/space/space_fixture.h"

#include <errno.h>

enum {
    BLOCKS_MAX = 20000,
    WORKERS_MAX = 6,
    /* Frees of so many txgs may wait a little longer than they must: places in defer are
     * few, and what vanished becomes a free like others when a map is rewritten. */
    LENIENCE = TXG_SLOTS,
};

struct block {
    struct dva dva;
    uint64_t birth, death; /* death 0: lives */
};

/* Of one sector. held: the newest txg that freed it; vanished: that freed what had never
 * been committed. */
struct sector {
    bool used;
    uint64_t held, vanished;
};

struct model {
    struct expect *e;
    struct lab *l;
    struct sector *sector[LAB_TOPS];
    struct block *block;
    unsigned nblocks;
    uint64_t released;                /* frees up to this txg may be used again */
    uint64_t opened;                  /* committed when the pool was opened */
    bool lagging;                     /* readers hold back frees */
    struct waitgroup open[TXG_SLOTS]; /* workers that hold a txg open */
    unsigned nworkers;
    unsigned claims, refusals, lost_blocks;
};

/* ---- the model --------------------------------------------------------------------------- */

static uint64_t nsectors(const struct model *m, unsigned t)
{
    return m->l->top[t].asize >> m->l->top[t].ashift;
}

static struct sector *sectors_of(const struct model *m, const struct dva *d, uint64_t *ret_n)
{
    unsigned ashift = m->l->top[d->vdev].ashift;
    *ret_n = d->asize >> ashift;
    return m->sector[d->vdev] + (d->off >> ashift);
}

static bool idle_since(const struct sector *s, uint64_t txg)
{
    return !s->used && s->held <= txg && s->vanished <= txg;
}

static void born(struct model *m, const struct dva *d, uint64_t txg)
{
    const struct vdev *top = &m->l->top[d->vdev];
    uint64_t n, in_sector = (1ull << top->ashift) - 1;
    EXPECT(m->e, ((d->off | d->asize) & in_sector) == 0 && d->asize > 0);
    EXPECT_EQ(m->e, d->off >> top->ms_shift, (d->off + d->asize - 1) >> top->ms_shift);
    EXPECT(m->e, d->off >> top->ms_shift < m->l->nms[d->vdev]);
    struct sector *s = sectors_of(m, d, &n);
    for (uint64_t i = 0; i < n; i++) {
        EXPECT(m->e, idle_since(&s[i], m->released));
        s[i].used = true;
    }
    check(m->nblocks < BLOCKS_MAX);
    m->block[m->nblocks++] = (struct block){.dva = *d, .birth = txg};
}

static void died(struct model *m, struct block *b, uint64_t txg)
{
    uint64_t n;
    struct sector *s = sectors_of(m, &b->dva, &n);
    for (uint64_t i = 0; i < n; i++) {
        s[i].used = false;
        if (b->birth >= txg)
            s[i].vanished = b->birth;
        else
            s[i].held = txg;
    }
    b->death = MAX(txg, b->birth);
}

static bool exists_in(const struct block *b, uint64_t txg)
{
    return b->birth <= txg && (b->death == 0 || b->death > txg);
}

/* The longest run in which nothing was freed after txg, in sectors. */
static uint64_t longest_run(const struct model *m, unsigned t, uint64_t txg)
{
    const struct vdev *top = &m->l->top[t];
    uint64_t per_ms = 1ull << (top->ms_shift - top->ashift), best = 0, run = 0;
    for (uint64_t i = 0; i < m->l->nms[t] * per_ms; i++) {
        run = idle_since(&m->sector[t][i], txg) ? (i % per_ms ? run : 0) + 1 : 0;
        best = MAX(best, run);
    }
    return best;
}

/* ---- operations -------------------------------------------------------------------------- */

static uint32_t random_size(struct lab *l)
{
    uint32_t max = lab_random(l, 8) == 0 ? 256 : 32;
    return (uint32_t)(1 + lab_random(l, max)) << 9;
}

static void check_copies(struct model *m, const struct dva *d, unsigned n, uint32_t psize)
{
    for (unsigned i = 0; i < n; i++) {
        EXPECT(m->e, d[i].vdev < m->l->ntops);
        EXPECT_EQ(m->e, d[i].asize, vdev_asize(&m->l->top[d[i].vdev], psize));
    }
    for (unsigned i = n; i < BP_DVAS; i++)
        EXPECT_EQ(m->e, d[i].asize, 0);
}

static void allocate(struct model *m, uint64_t txg, enum space_use use)
{
    struct dva d[BP_DVAS];
    uint32_t psize = random_size(m->l);
    unsigned n = use == SPACE_META ? 1 + (unsigned)lab_random(m->l, 3) : 1;
    int rc = space_alloc(m->l->sp, txg, psize, n, use, d);
    if (rc == 0) {
        check_copies(m, d, n, psize);
        for (unsigned i = 0; i < n; i++)
            born(m, &d[i], txg);
        return;
    }
    m->refusals++;
    EXPECT_EQ(m->e, rc, -ENOSPC);
    if (m->nworkers > 0 || n > 1 || m->lagging || m->l->committed < m->opened + LENIENCE)
        return;
    for (unsigned t = 0; t < m->l->ntops; t++) {
        const struct vdev *top = &m->l->top[t];
        uint64_t there = longest_run(m, t, m->released - LENIENCE) << top->ashift;
        EXPECT(m->e, there < vdev_asize(top, psize));
    }
}

/* Of those that may be freed in the syncing txg. */
static void free_one(struct model *m, uint64_t txg)
{
    struct block *b = m->nblocks ? &m->block[lab_random(m->l, m->nblocks)] : NULL;
    if (!b || b->death != 0)
        return;
    EXPECT_EQ(m->e, space_free_dva(m->l->sp, txg, &b->dva), 0);
    died(m, b, txg);
    EXPECT_EQ(m->e, space_free_dva(m->l->sp, txg, &b->dva), -EBADMSG);
}

struct worker {
    struct model *m;
    uint64_t txg;
};

/* Like a writer of log blocks: in a txg that opened already, while older ones are synced. */
static void worker(void *arg)
{
    struct worker *w = arg;
    struct model *m = w->m;
    for (uint64_t i = lab_random(m->l, 10) + 1; i > 0; i--) {
        fiber_sleep_until(run_now() + lab_random(m->l, 300) * NS_PER_US, NULL);
        allocate(m, w->txg, SPACE_LOG);
    }
    m->nworkers--;
    waitgroup_done(&m->open[w->txg % TXG_SLOTS]);
    free(w);
}

static void start_workers(struct model *m)
{
    for (unsigned n = (unsigned)lab_random(m->l, WORKERS_MAX); m->nworkers < n;) {
        struct worker *w = malloc(sizeof(*w));
        check(w != NULL);
        *w = (struct worker){m, m->l->committed + 2 + lab_random(m->l, TXG_SLOTS - 1)};
        waitgroup_add(&m->open[w->txg % TXG_SLOTS], 1);
        m->nworkers++;
        check(fiber_start(worker, w, "worker") != NULL);
    }
}

static void wait_for_workers(struct model *m)
{
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        waitgroup_wait(&m->open[i]);
}

/* ---- what is stored ---------------------------------------------------------------------- */

static int replay_strictly(void *arg, const struct sm_entry *e)
{
    uint8_t *set = arg; /* per 512 bytes */
    for (uint64_t i = e->off >> 9; i < (e->off + e->run) >> 9; i++) {
        if (set[i] != (e->type == SM_FREE))
            return -EILSEQ;
        set[i] = e->type == SM_ALLOC;
    }
    return 0;
}

/* What is promised exists: no larger size class, no more of the largest, no more in all. */
static void check_histogram(struct model *m, const uint8_t *set, const struct metaslab *ms)
{
    const uint64_t *said = lab_map_of(m->l, ms)->histogram;
    uint64_t real[32] = {0}, said_bytes = 0, free_bytes = 0, run = 0;
    int said_top = -1, real_top = -1;
    for (uint64_t i = 0; i <= ms->size >> 9; i++) {
        if (i < ms->size >> 9 && !set[i]) {
            run += 512;
            continue;
        }
        if (run)
            real[63 - __builtin_clzll(run) - (int)ms->top->ashift]++;
        free_bytes += run;
        run = 0;
    }
    for (int i = 0; i < 32; i++) {
        said_bytes += said[i] << (i + (int)ms->top->ashift);
        said_top = said[i] ? i : said_top;
        real_top = real[i] ? i : real_top;
    }
    EXPECT(m->e, said_top < real_top || (said_top == real_top &&
                                         (said_top < 0 || said[said_top] <= real[real_top])));
    EXPECT(m->e, said_bytes <= free_bytes);
}

static void check_map(struct model *m, const struct metaslab *ms, uint8_t *set, uint8_t *want)
{
    const struct lab_map *map = lab_map_of(m->l, ms);
    struct sm_cursor c = {.shift = ms->top->ashift, .size = ms->size};
    uint64_t allocated = 0;
    memset(set, 0, ms->size >> 9);
    int rc = sm_decode(&c, map->committed.words, map->committed.n * sizeof(le64),
                       replay_strictly, set, NULL);
    EXPECT_EQ(m->e, rc, 0);
    EXPECT_EQ(m->e, memcmp(set, want + (ms->start >> 9), ms->size >> 9), 0);
    for (uint64_t i = 0; i < ms->size >> 9; i++)
        allocated += set[i] * 512u;
    EXPECT_EQ(m->e, map->allocated, allocated);
    EXPECT_EQ(m->e, ms->allocated, allocated);
    if (map->object)
        check_histogram(m, set, ms);
}

static void check_stored(struct model *m)
{
    for (unsigned t = 0; t < m->l->ntops; t++) {
        const struct vdev *top = &m->l->top[t];
        uint8_t *want = calloc(top->asize >> 9, 1), *set = malloc(1u << (top->ms_shift - 9));
        check(want && set);
        for (unsigned i = 0; i < m->nblocks; i++) {
            const struct block *b = &m->block[i];
            if (b->dva.vdev == t && exists_in(b, m->l->committed))
                memset(want + (b->dva.off >> 9), 1, b->dva.asize >> 9);
        }
        for (unsigned i = 0; i < m->l->nms[t]; i++)
            check_map(m, space_metaslab(m->l->sp, top, i), set, want);
        free(want);
        free(set);
    }
}

static void check_totals(struct model *m)
{
    struct space_totals got = space_totals(m->l->sp), want = {0};
    uint64_t at_most = 0;
    for (unsigned t = 0; t < m->l->ntops; t++) {
        uint64_t sector = 1ull << m->l->top[t].ashift;
        want.size += (uint64_t)m->l->nms[t] << m->l->top[t].ms_shift;
        for (uint64_t i = 0; i < nsectors(m, t); i++) {
            const struct sector *s = &m->sector[t][i];
            want.allocated += s->used ? sector : 0;
            want.deferred += !s->used && !idle_since(s, m->released) ? sector : 0;
            at_most += !s->used && !idle_since(s, m->released - LENIENCE) ? sector : 0;
        }
    }
    EXPECT_EQ(m->e, got.size, want.size);
    EXPECT_EQ(m->e, got.allocated, want.allocated);
    EXPECT(m->e, got.allocated + got.deferred <= got.size);
    /* What was freed before the pool was opened is found when the metaslab is loaded. */
    if (m->lagging || m->l->committed < m->opened + LENIENCE)
        return;
    EXPECT(m->e, got.deferred >= want.deferred);
    EXPECT(m->e, got.deferred <= at_most);
}

/* ---- a txg, a power cut ------------------------------------------------------------------ */

static void forget_dead(struct model *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->nblocks; i++)
        if (m->block[i].death == 0 || m->block[i].death > m->l->committed)
            m->block[n++] = m->block[i];
    m->nblocks = n;
}

static void change_things(struct model *m, uint64_t txg)
{
    unsigned full = (unsigned)lab_random(m->l, 60);
    for (unsigned i = 0; i < 40; i++) {
        if (lab_random(m->l, 60) < full)
            allocate(m, txg, lab_random(m->l, 2) ? SPACE_DATA : SPACE_META);
        else
            free_one(m, txg);
        fiber_maybe_yield();
    }
}

static void one_txg(struct model *m, bool quiet)
{
    struct lab *l = m->l;
    uint64_t txg = l->committed + 1, reader = UINT64_MAX, lag = lab_random(l, 10);
    if (!quiet && lab_random(l, 2))
        start_workers(m);
    waitgroup_wait(&m->open[txg % TXG_SLOTS]);
    if (!quiet)
        change_things(m, txg);
    lab_record(l, txg, lab_random(l, 3) ? 0 : 2);
    fiber_sleep_until(run_now() + lab_random(l, 200) * NS_PER_US, NULL);
    if (m->lagging && !quiet)
        reader = MAX(txg - lag, m->opened);
    /* The commit releases frees before it parks, so the model may say so first. */
    m->released = MAX(m->released, MIN(txg - TXG_HOLD_BACK, reader));
    lab_commit(l, txg, reader);
    check_stored(m);
    check_totals(m);
    forget_dead(m);
}

static void claim(struct model *m, const struct block *b)
{
    uint64_t txg = m->l->committed + 1;
    m->claims++;
    EXPECT_EQ(m->e, space_claim(m->l->sp, txg, &b->dva), 0);
    born(m, &b->dva, txg);
    EXPECT_EQ(m->e, space_claim(m->l->sp, txg, &b->dva), -EEXIST);
}

/* What the txgs after the last commit did has not happened; some of their log blocks are
 * claimed. */
static void power_cut(struct model *m)
{
    wait_for_workers(m);
    uint64_t committed = m->l->committed;
    struct block *lost = calloc(m->nblocks + 1, sizeof(*lost));
    unsigned n = 0, nlost = 0, nwere = m->nblocks;
    check(lost != NULL);
    for (unsigned t = 0; t < m->l->ntops; t++) {
        for (uint64_t i = 0; i < nsectors(m, t); i++) {
            struct sector *s = &m->sector[t][i];
            *s = (struct sector){.held = s->held <= committed ? s->held : 0};
        }
    }
    for (unsigned i = 0; i < nwere; i++) {
        struct block b = m->block[i];
        uint64_t len;
        if (b.birth > committed) {
            if (b.death == 0)
                lost[nlost++] = b;
            continue;
        }
        b.death = 0;
        m->block[n++] = b;
        struct sector *s = sectors_of(m, &b.dva, &len);
        for (uint64_t k = 0; k < len; k++)
            s[k].used = true;
    }
    m->nblocks = n;
    m->opened = committed;
    m->released = committed - TXG_HOLD_BACK;
    m->lost_blocks += nlost;
    lab_reopen(m->l);
    space_set_budget(m->l->sp, 60);
    for (unsigned i = 0; i < nlost; i++)
        if (lab_random(m->l, 2))
            claim(m, &lost[i]);
    free(lost);
}

/* In the end all that is not in use can be had again, to the last sector. */
static void fill_up(struct model *m)
{
    struct dva d[BP_DVAS];
    wait_for_workers(m);
    for (unsigned i = 0; i < 2 * TXG_SLOTS; i++)
        one_txg(m, true);
    EXPECT_EQ(m->e, space_totals(m->l->sp).deferred, 0);
    uint64_t txg = m->l->committed + 1;
    while (space_alloc(m->l->sp, txg, 512, 1, SPACE_DATA, d) == 0)
        born(m, &d[0], txg);
    for (unsigned t = 0; t < m->l->ntops; t++) {
        unsigned need = m->l->top[t].nparity + 1;
        EXPECT(m->e, longest_run(m, t, UINT64_MAX) < need);
    }
    one_txg(m, true);
}

/* ---- runs -------------------------------------------------------------------------------- */

struct plan {
    struct lab_top tops[LAB_TOPS];
    unsigned ntops;
    uint64_t seed;
    unsigned claims, refusals, loads;
};

static void model_body(struct expect *e)
{
    struct plan *p = e->arg;
    struct model m = {.e = e, .l = lab_new(p->tops, p->ntops, p->seed)};
    m.block = calloc(BLOCKS_MAX, sizeof(m.block[0]));
    check(m.block != NULL);
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        waitgroup_init(&m.open[i]);
    for (unsigned t = 0; t < p->ntops; t++)
        check((m.sector[t] = calloc(nsectors(&m, t), sizeof(m.sector[t][0]))) != NULL);
    m.opened = m.l->committed;
    m.released = m.l->committed - TXG_HOLD_BACK;
    m.l->yields = true;
    m.lagging = p->seed % 3 == 0;
    m.l->no_histogram = p->seed % 5 == 0;
    space_set_budget(m.l->sp, 60);
    for (unsigned i = 0; i < 60 && !e->failed; i++) {
        one_txg(&m, false);
        if (lab_random(m.l, 12) == 0)
            power_cut(&m);
    }
    m.l->yields = false;
    fill_up(&m);
    EXPECT_EQ(e, m.l->reports, 0);
    p->claims += m.claims;
    p->refusals += m.refusals;
    p->loads += m.l->loads;
    for (unsigned t = 0; t < p->ntops; t++)
        free(m.sector[t]);
    free(m.block);
    lab_free(m.l);
}

static const struct plan plans[] = {
    {.tops = {{VDEV_FILE, 0, 0, 12, 20, 5}},                                .ntops = 1},
    {.tops = {{VDEV_FILE, 0, 0, 9, 18, 9}, {VDEV_MIRROR, 2, 0, 12, 20, 3}}, .ntops = 2},
    {.tops = {{VDEV_RAIDZ, 4, 1, 12, 20, 4},
              {VDEV_RAIDZ, 6, 2, 9, 19, 4},
              {VDEV_DISK, 0, 0, 12, 18, 6}},
     .ntops = 3                                                                       },
    {.tops = {{VDEV_RAIDZ, 5, 3, 12, 21, 2}},                               .ntops = 1},
};

static void test_agrees_with_the_model(void **state)
{
    (void)state;
    unsigned claims = 0, refusals = 0, loads = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct plan p = plans[seed % ARRAY_LEN(plans)];
        p.seed = seed;
        expect_in(expect_sim(seed), model_body, &p);
        claims += p.claims;
        refusals += p.refusals;
        loads += p.loads;
    }
    /* it went where it was meant to go */
    assert_in_range(claims, 100, UINT32_MAX);
    assert_in_range(refusals, 100, UINT32_MAX);
    assert_in_range(loads, 1000, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_agrees_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
