/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fibers do to the pool, one thing at a time. An operation that is refused by -ENOSPC counts as one that may show; any
 * other error is a violation, for the disks that fail can be spared.
 */
#include "story.h"

#include "base/check.h"
#include "pool/pool_int.h"
#include "pool/zil/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTR  "sim"
#define LARGE (32u << 10) /* bytes of a write whose blocks go to their places at once */

static void must(const char *what, int r)
{
    if (r)
        story_fail("%s fails: %s", what, strerror(-r));
}

/* The one error that is no news: no room. What gives room must not meet it. */
static void failed(struct story *st, const char *what, int r)
{
    if (r != -ENOSPC)
        must(what, r);
    st->n.no_space++;
}

/* A suspended pool refuses the operator: he tries again when it goes on. */
static bool again(struct story *st, int r)
{
    if (r != -EAGAIN || st->trouble != TROUBLE_LOST)
        return false;
    while (pool_suspended(st->pool))
        fiber_sleep_until(run_deadline_ms(10), NULL);
    return true;
}

/* ---- data ------------------------------------------------------------------------------------------------------------ */

/* A range, often inside a block or around few, and sometimes long. */
static void range_draw(struct story *st, const struct slot *s, uint64_t *ret_first,
                       uint64_t *ret_n)
{
    uint64_t all = model_sectors(s->m), block = s->block_size / SECTOR;
    uint64_t n = one_in(st, 3) ? block * (1 + draw(st, 4))
                               : sim_rand_size(&st->rand, one_in(st, 8) ? 512 : 64);
    const uint64_t spans[] = {all, 24 * block, 3 * block}; /* where many meet, small ones do */
    unsigned k = (unsigned)draw(st, ARRAY_LEN(spans));
    uint64_t first = draw(st, MIN(all, spans[k]));
    if (k == 2)
        n = 1 + draw(st, 3);
    else if (one_in(st, 2))
        first = first / block * block;
    if (one_in(st, st->quick ? 5 : 16)) { /* whole blocks, past the log */
        first = first / block * block;
        n = LARGE / SECTOR * (2 + draw(st, 3));
    }
    *ret_first = first;
    *ret_n = MIN(n, all - first);
}

static bool claim_draw(struct story *st, struct slot *s, bool change, uint64_t *ret_first,
                       uint64_t *ret_n)
{
    range_draw(st, s, ret_first, ret_n);
    return model_claim(s->m, *ret_first, *ret_n, change);
}

static int read_bytes(struct slot *s, uint64_t first, uint64_t n, uint8_t *ret)
{
    struct sgl sgl;
    sgl_init(&sgl);
    int r = s->v->ops->read(s->v, first * SECTOR, n * SECTOR, &sgl);
    if (r == 0) {
        check_cmp(sgl.len, ==, n * SECTOR);
        sgl_copy_out(&sgl, 0, ret, n * SECTOR);
    }
    sgl_clear(&sgl);
    return r;
}

static void op_read(struct story *st, struct slot *s)
{
    uint64_t first, n;
    if (!claim_draw(st, s, false, &first, &n))
        return;
    uint8_t *bytes = malloc(n * SECTOR);
    check(bytes);
    int r = read_bytes(s, first, n, bytes);
    const char *why = model_check(s->m, first, n, bytes);
    must("a read", r);
    if (why)
        story_fail("volume %s: read of %" PRIu64 "+%" PRIu64 ": %s", s->name, first, n, why);
    model_unclaim(s->m, first, n, false);
    free(bytes);
    st->n.reads++;
}

static int write_bytes(struct slot *s, uint64_t first, uint64_t n, uint32_t number,
                       unsigned flags)
{
    uint8_t *bytes = malloc(n * SECTOR);
    struct sgl sgl;
    sgl_init(&sgl);
    check(bytes && sgl_alloc(&sgl, n * SECTOR) == 0);
    model_fill(s->m, number, bytes);
    sgl_copy_in(&sgl, 0, bytes, n * SECTOR);
    free(bytes);
    int r = s->v->ops->write(s->v, first * SECTOR, &sgl, flags);
    sgl_clear(&sgl);
    return r;
}

static void settle_change(struct story *st, struct slot *s, uint32_t number, unsigned flags,
                          const char *what, int r)
{
    st->n.fua += (flags & VOL_FUA) != 0;
    if (r == 0) {
        model_done(s->m, number, flags & VOL_FUA);
        return;
    }
    model_failed(s->m, number);
    failed(st, what, r);
}

/* When that is where this world ends: nobody does anything any more. */
static void acknowledged(struct story *st, const struct slot *s, uint64_t bytes, unsigned flags)
{
    bool large = flags == VOL_FUA && bytes >= LARGE + s->block_size;
    if (!large || !st->cut_at_ack || --st->cut_at_ack)
        return;
    st->n.cuts_at_ack++;
    story_cut(st);
    fiber_sleep_until(NO_DEADLINE, NULL);
}

static unsigned flags_draw(struct story *st)
{
    return one_in(st, 2) ? VOL_FUA : 0;
}

static void op_write(struct story *st, struct slot *s)
{
    uint64_t first, n;
    if (!claim_draw(st, s, true, &first, &n))
        return;
    unsigned flags = flags_draw(st);
    bool atomic = n * SECTOR <= s->v->geo.atomic_max && one_in(st, 2);
    if (atomic)
        flags |= VOL_ATOMIC;
    uint32_t number =
        model_begin(s->m, first, n, one_in(st, 3) ? CHANGE_TEXT : CHANGE_DATA, atomic);
    int r = write_bytes(s, first, n, number, flags);
    settle_change(st, s, number, flags, "a write", r);
    if (r == 0)
        acknowledged(st, s, n * SECTOR, flags);
    model_unclaim(s->m, first, n, true);
    st->n.writes++;
}

static void op_zeroes(struct story *st, struct slot *s)
{
    uint64_t first, n;
    if (!claim_draw(st, s, true, &first, &n))
        return;
    unsigned flags = flags_draw(st);
    uint32_t number = model_begin(s->m, first, n, CHANGE_ZERO, false);
    int r = s->v->ops->write_zeroes(s->v, first * SECTOR, n * SECTOR, one_in(st, 2), flags);
    settle_change(st, s, number, flags, "write_zeroes", r);
    model_unclaim(s->m, first, n, true);
    st->n.zeroes++;
}

/* All of it reads as zeros, whole blocks or not. */
static void op_discard(struct story *st, struct slot *s)
{
    uint64_t first, n;
    if (!claim_draw(st, s, true, &first, &n))
        return;
    unsigned flags = flags_draw(st);
    uint32_t number = model_begin(s->m, first, n, CHANGE_ZERO, false);
    int r = s->v->ops->discard(s->v, first * SECTOR, n * SECTOR, flags);
    if (first * SECTOR % s->block_size == 0 && n * SECTOR % s->block_size == 0)
        must("a discard of whole blocks", r);
    settle_change(st, s, number, flags, "a discard", r);
    model_unclaim(s->m, first, n, true);
    st->n.discards++;
}

static void op_flush(struct story *st, struct slot *s)
{
    uint32_t now = model_now(s->m);
    must("a flush", s->v->ops->flush(s->v));
    model_flushed(s->m, now);
    st->n.flushes++;
}

static void op_sync(struct story *st, struct slot *s)
{
    uint32_t now[SLOTS];
    struct model *m[SLOTS];
    (void)s;
    for (unsigned i = 0; i < SLOTS; i++) {
        m[i] = st->slot[i].v ? st->slot[i].m : NULL;
        now[i] = m[i] ? model_now(m[i]) : 0;
    }
    must("pool_sync", pool_sync(st->pool));
    for (unsigned i = 0; i < SLOTS; i++)
        if (m[i] && st->slot[i].m == m[i])
            model_flushed(m[i], now[i]);
    st->n.syncs++;
}

/* ---- attributes and size --------------------------------------------------------------------------------------------- */

static void attr_check(struct slot *s)
{
    char *text;
    if (s->attr != s->pending_attr)
        return;
    int r = s->v->ops->get_attr(s->v, ATTR, &text);
    uint64_t has = r == 0 && text ? strtoull(text, NULL, 10) : 0;
    if (r || has != s->attr)
        story_fail("volume %s: attribute is %" PRIu64 ", not %" PRIu64 " (%d)", s->name, has,
                   s->attr, r);
    free(text);
}

static void op_attr(struct story *st, struct slot *s)
{
    char text[24];
    attr_check(s);
    if (s->attr != s->pending_attr)
        return;
    s->pending_attr = one_in(st, 4) ? 0 : 1 + draw(st, 1u << 30);
    snprintf(text, sizeof(text), "%" PRIu64, s->pending_attr);
    int r;
    do
        r = s->v->ops->set_attr(s->v, ATTR, s->pending_attr ? text : NULL);
    while (again(st, r));
    if (r == 0)
        s->attr = s->pending_attr;
    else
        failed(st, "set_attr", r);
    st->n.attrs++;
}

static void resize(struct story *st, struct slot *s, uint64_t size)
{
    int r;
    s->pending_size = size;
    do
        r = s->v->ops->resize(s->v, size);
    while (again(st, r));
    if (r == 0)
        s->size = size;
    else
        failed(st, "a resize", r);
    s->pending_size = s->size;
}

/* Nobody else is at this volume. */
static void op_resize(struct story *st, struct slot *s)
{
    uint64_t blocks = s->size / s->block_size;
    if (s->size != s->pending_size)
        return;
    st->n.resizes++;
    if (blocks > 1 && !s->shrunk && (s->size > 8 * MIB || one_in(st, 2))) {
        uint64_t less = 1 + draw(st, one_in(st, 2) ? blocks - 1 : MIN(blocks - 1, 16u));
        model_shrink_begin(s->m, (blocks - less) * s->block_size / SECTOR);
        resize(st, s, (blocks - less) * s->block_size);
        model_shrink_end(s->m, s->size == (blocks - less) * s->block_size);
        st->n.shrinks++;
        return;
    }
    s->shrunk = false;
    resize(st, s, s->size + s->block_size * (1 + draw(st, 32)));
    model_grow(s->m, s->size / SECTOR);
}

/* ---- volumes --------------------------------------------------------------------------------------------------------- */

static void name_draw(struct story *st, char *ret)
{
    snprintf(ret, 16, "%sv%" PRIu64, one_in(st, 3) ? "dir/" : "", ++st->names);
}

static void slot_open(struct story *st, struct slot *s)
{
    struct err err = {0};
    int r;
    do
        r = pool_volume_open(st->pool, s->name, &s->v, &err);
    while (again(st, r));
    if (r)
        story_fail("volume %s cannot be opened: %s (%d)", s->name, err.msg, r);
}

void slot_forget(struct story *st, struct slot *s)
{
    const struct model_counts *c = s->m ? model_counts(s->m) : &(struct model_counts){0};
    st->n.acked += c->acked;
    st->n.durable += c->durable;
    st->n.in_flight_cut += c->in_flight_cut;
    st->n.kept_unacked += c->kept_unacked;
    st->n.atomic_judged += c->atomic_judged;
    st->n.blocks_judged += c->blocks_judged;
    st->n.sectors_checked += c->sectors_checked;
    st->n.older_checked += c->older_checked;
    model_free(s->m);
    *s = (struct slot){.taken = s->taken};
}

static void op_create(struct story *st, struct slot *s)
{
    struct err err = {0};
    name_draw(st, s->pending_name);
    s->block_size = 4096u << draw(st, 6);
    s->size = s->pending_size = s->block_size * (8 + draw(st, 4 * MIB / s->block_size));
    s->m = model_new(st->seed * 1000 + st->names, s->size / SECTOR, s->block_size / SECTOR);
    struct pool_volume_want want = {
        .name = s->pending_name,
        .size = s->size,
        .block_size = s->block_size,
        .make_parents = true,
        .compression = one_in(st, 3) ? "off" : NULL,
        .checksum = one_in(st, 3) ? "sha256" : NULL,
    };
    int r;
    do
        r = pool_volume_create(st->pool, &want, &err);
    while (again(st, r));
    st->n.creates++;
    if (r) {
        failed(st, "creating a volume", r);
        if (r == -ENOSPC)
            slot_forget(st, s);
        return;
    }
    memcpy(s->name, s->pending_name, sizeof(s->name));
    slot_open(st, s);
}

static void op_destroy(struct story *st, struct slot *s)
{
    struct err err = {0};
    int r;
    do
        r = pool_volume_destroy(st->pool, s->name, &err);
    while (again(st, r));
    if (r != -EBUSY)
        story_fail("volume %s is destroyed while it is in use (%d)", s->name, r);
    volume_close(s->v);
    s->v = NULL;
    s->pending_name[0] = 0;
    bool begun = false; /* it may have been caught on its way; then it goes on by itself */
    while (again(st, r = pool_volume_destroy(st->pool, s->name, &err)))
        begun = true;
    must("destroying a volume", begun && r == -ENOENT ? 0 : r);
    st->n.destroys++;
    slot_forget(st, s);
}

static void op_rename(struct story *st, struct slot *s)
{
    struct err err = {0};
    if (strcmp(s->name, s->pending_name) != 0)
        return; /* it is being renamed */
    snprintf(s->pending_name, sizeof(s->pending_name), "v%" PRIu64, ++st->names);
    memcpy(s->old_name, s->name, sizeof(s->old_name));
    int r;
    do
        r = pool_rename(st->pool, s->name, s->pending_name, &err);
    while (again(st, r));
    st->n.renames++;
    if (r) {
        failed(st, err.msg, r);
        memcpy(s->pending_name, s->name, sizeof(s->name));
    } else {
        memcpy(s->name, s->pending_name, sizeof(s->name));
    }
}

static void op_reopen(struct story *st, struct slot *s)
{
    uint32_t now = model_now(s->m);
    volume_close(s->v);
    s->v = NULL;
    model_flushed(s->m, now);
    slot_open(st, s);
}

/* It may be refused: another one is running, or a resilver. */
static void op_scrub(struct story *st, struct slot *s)
{
    static const enum pool_scrub_verb verbs[] = {POOL_SCRUB_START, POOL_SCRUB_START,
                                                 POOL_SCRUB_PAUSE, POOL_SCRUB_CANCEL};
    struct err err = {0};
    (void)s;
    int r;
    do
        r = pool_scrub(st->pool, verbs[draw(st, ARRAY_LEN(verbs))], &err);
    while (again(st, r));
    if (r && r != -EBUSY && r != -ENOENT)
        story_fail("a scrub is refused: %s", err.msg);
    st->n.scrubs += r == 0;
}

/* ---- drawing --------------------------------------------------------------------------------------------------------- */

static const struct {
    void (*fn)(struct story *st, struct slot *s);
    unsigned weight;
    bool alone;
} ops[] = {
    {op_read,    20, false},
    {op_write,   40, false},
    {op_zeroes,  6,  false},
    {op_discard, 6,  false},
    {op_flush,   3,  false},
    {op_sync,    2,  false},
    {op_attr,    2,  true },
    {op_resize,  1,  true },
    {op_destroy, 1,  true },
    {op_rename,  1,  false},
    {op_scrub,   1,  false},
    {op_reopen,  1,  true },
};

static unsigned op_weight(unsigned k)
{
    return ops[k].weight;
}

void op_draw(struct story *st)
{
    struct slot *s =
        &st->slot[draw(st, st->quick ? SLOTS / 2 : SLOTS)]; /* logs that are busy */
    unsigned k = draw_weighted(st, op_weight, ARRAY_LEN(ops));
    if (s->taken)
        return;
    if (!s->m) {
        s->taken = true;
        op_create(st, s);
        s->taken = false;
        return;
    }
    while (s->shrunk && s->users == 0 && ops[k].fn != op_resize)
        k = (k + 1) % ARRAY_LEN(ops);
    if (!s->v || (ops[k].alone && s->users > 0))
        return;
    s->users++;
    s->taken = ops[k].alone;
    ops[k].fn(st, s);
    s->taken = false;
    if (s->users > 0)
        s->users--;
}

/* ---- after an import ------------------------------------------------------------------------------------------------- */

static bool has_log(struct story *st, const char *name)
{
    const struct dsl_dir *dd = dsl_find(&st->pool->dsl, name);
    if (!dd || !dd->head || dsl_dataset_open(dd->head, NULL))
        return false;
    bool has = zil_needs_replay(dd->head);
    dsl_dataset_close(dd->head);
    return has;
}

/* Under which name a volume is there; false: under none. */
static bool slot_find(struct story *st, struct slot *s)
{
    const char *names[] = {s->name, s->pending_name};
    for (unsigned i = 0; i < 2; i++) {
        struct err err = {0};
        st->n.replays += names[i][0] && has_log(st, names[i]);
        int r = names[i][0] ? pool_volume_open(st->pool, names[i], &s->v, &err) : -ENOENT;
        if (r && r != -ENOENT)
            story_fail("volume %s cannot be opened: %s (%d)", names[i], err.msg, r);
        if (r == 0) {
            memmove(s->name, names[i], sizeof(s->name));
            memcpy(s->pending_name, s->name, sizeof(s->name));
            return true;
        }
    }
    return false;
}

static void size_settle(struct slot *s)
{
    uint64_t has = s->v->geo.size;
    if (has != s->size && has != s->pending_size)
        story_fail("volume %s has %" PRIu64 " bytes, not %" PRIu64, s->name, has, s->size);
    model_shrink_end(s->m, has < s->size);
    s->shrunk |= has < s->size;
    s->size = s->pending_size = has;
    if (has / SECTOR > model_sectors(s->m))
        model_grow(s->m, has / SECTOR);
}

static void attr_settle(struct slot *s)
{
    char *text;
    int r = s->v->ops->get_attr(s->v, ATTR, &text);
    uint64_t has = r == 0 && text ? strtoull(text, NULL, 10) : 0;
    if (r == 0)
        free(text);
    if (r || (has != s->attr && has != s->pending_attr))
        story_fail("volume %s: attribute is %" PRIu64 ", not %" PRIu64, s->name, has, s->attr);
    s->attr = s->pending_attr = has;
}

void slot_verify(struct story *st, struct slot *s)
{
    bool certain = s->name[0] && strcmp(s->name, s->pending_name) == 0;
    if (!slot_find(st, s)) {
        if (certain || (s->name[0] && s->pending_name[0]))
            story_fail("volume %s is lost", s->name);
        slot_forget(st, s);
        return;
    }
    size_settle(s);
    attr_settle(s);
    uint8_t *bytes = malloc(s->size);
    check(bytes);
    for (uint64_t at = 0; at < s->size; at += MIB) {
        int r = read_bytes(s, at / SECTOR, MIN(MIB, s->size - at) / SECTOR, bytes + at);
        if (r)
            story_fail("volume %s: read at %" PRIu64 ": %s", s->name, at, strerror(-r));
    }
    const char *why = model_settle(s->m, bytes);
    if (why)
        story_fail("volume %s: %s", s->name, why);
    free(bytes);
}
