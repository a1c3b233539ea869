/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disk's volatile cache, by the sector. Each change is logged with the bytes of the sectors
 * it touched; a flush replays the log onto the durable pages up to where it stood when the
 * flush was asked for. A power cut replays it too, but decides for each sector of each change
 * whether it made it: so a sector written twice may hold either version or the one before, and
 * a write of several sectors may be torn. That is all a disk promises.
 */
#include "run/sim/sim_inode.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum change_kind { CHANGE_DATA, CHANGE_ZERO, CHANGE_HOLE, CHANGE_SIZE };

struct sim_change {
    struct list node;
    uint64_t seq;
    enum change_kind kind;
    uint64_t off, len; /* whole sectors */
    uint64_t end;      /* the file's size if the change is kept; of data: at least */
    uint8_t data[];    /* CHANGE_DATA: len bytes */
};

struct sim_inode *sim_inode_new(uint64_t ino)
{
    struct sim_inode *in = calloc(1, sizeof(*in));
    check(in);
    in->ino = ino;
    list_init(&in->node);
    list_init(&in->log);
    return in;
}

static void log_drop(struct sim_change *c)
{
    list_remove(&c->node);
    free(c);
}

void sim_inode_free(struct sim_inode *in)
{
    struct sim_change *c, *tmp;
    list_for_each_safe (c, tmp, &in->log, node)
        log_drop(c);
    sim_pages_clear(&in->cur);
    sim_pages_clear(&in->dur);
    list_remove(&in->node);
    free(in);
}

static struct sim_change *log_add(struct sim_inode *in, enum change_kind kind, uint64_t off,
                                  uint64_t len)
{
    size_t nbytes = kind == CHANGE_DATA ? (size_t)len : 0;
    struct sim_change *c = malloc(sizeof(*c) + nbytes);
    check(c);
    *c = (struct sim_change){.seq = ++in->seq, .kind = kind, .off = off, .len = len};
    list_push(&in->log, &c->node);
    return c;
}

/* ---- changing what is read --------------------------------------------------------------- */

uint64_t sim_inode_needs(const struct sim_inode *in, uint64_t off, uint64_t len)
{
    if (len == 0)
        return 0;
    uint64_t first = off / SIM_PAGE, last = (off + len - 1) / SIM_PAGE, there = 0;
    for (uint64_t page = first; sim_pages_next(&in->cur, page, &page) && page <= last; page++)
        there++;
    return (last - first + 1 - there) * SIM_PAGE;
}

void sim_inode_write(struct sim_inode *in, uint64_t off, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    sim_pages_write(&in->cur, off, bytes, len);
    uint64_t start = round_down(off, SIM_SECTOR), stop = round_up(off + len, SIM_SECTOR);
    struct sim_change *c = log_add(in, CHANGE_DATA, start, stop - start);
    sim_pages_read(&in->cur, start, c->data, (size_t)c->len);
    c->end = off + len;
    in->size = MAX(in->size, c->end);
}

/* Zeros whole sectors; pages that lie inside become holes or shared zeros. */
static void pages_zero(struct sim_pages *p, uint64_t off, uint64_t len, bool holes)
{
    for (uint64_t at = off, stop = off + len; at < stop;) {
        uint64_t page = at / SIM_PAGE, n = MIN(SIM_PAGE - at % SIM_PAGE, stop - at);
        uint64_t next;
        if (holes && !sim_pages_get(p, page)) { /* leap over what is a hole already */
            if (!sim_pages_next(p, page, &next))
                return;
            at = next * SIM_PAGE;
            continue;
        }
        if (n < SIM_PAGE)
            memset(sim_pages_own(p, page) + at % SIM_PAGE, 0, (size_t)n);
        else if (holes)
            sim_pages_drop(p, page);
        else
            sim_pages_zero(p, page);
        at += n;
    }
}

static void write_zero_bytes(struct sim_inode *in, uint64_t off, uint64_t len)
{
    static const uint8_t zeros[SIM_SECTOR];
    sim_inode_write(in, off, zeros, (size_t)len);
}

void sim_inode_zero(struct sim_inode *in, uint64_t off, uint64_t len, bool holes)
{
    uint64_t start = round_up(off, SIM_SECTOR), stop = round_down(off + len, SIM_SECTOR);
    if (len == 0)
        return;
    if (start >= stop) { /* within one sector, or the ends of two */
        uint64_t first = MIN(len, start - off);
        write_zero_bytes(in, off, first);
        write_zero_bytes(in, off + first, len - first);
        return;
    }
    write_zero_bytes(in, off, start - off);
    pages_zero(&in->cur, start, stop - start, holes);
    struct sim_change *c = log_add(in, holes ? CHANGE_HOLE : CHANGE_ZERO, start, stop - start);
    c->end = holes ? 0 : stop;
    in->size = MAX(in->size, c->end);
    write_zero_bytes(in, stop, off + len - stop);
}

static void pages_truncate(struct sim_pages *p, uint64_t size)
{
    uint64_t page = size / SIM_PAGE;
    uint32_t at = (uint32_t)(size % SIM_PAGE);
    if (at && sim_pages_get(p, page))
        memset(sim_pages_own(p, page) + at, 0, SIM_PAGE - at);
    for (page = round_up(size, SIM_PAGE) / SIM_PAGE; sim_pages_next(p, page, &page); page++)
        sim_pages_drop(p, page);
}

void sim_inode_resize(struct sim_inode *in, uint64_t size)
{
    if (size < in->size)
        pages_truncate(&in->cur, size);
    in->size = size;
    log_add(in, CHANGE_SIZE, 0, 0)->end = size;
}

void sim_inode_rot(struct sim_inode *in, uint64_t off, uint64_t len, struct sim_rand *r)
{
    struct sim_pages *both[] = {&in->cur, &in->dur};
    for (uint64_t at = off; at < off + len; at += SIM_SECTOR - at % SIM_SECTOR) {
        uint64_t room = MIN(SIM_SECTOR - at % SIM_SECTOR, off + len - at);
        uint64_t victim = at + sim_rand_below(r, room);
        uint8_t bit = (uint8_t)(1u << sim_rand_below(r, 8));
        for (size_t i = 0; i < ARRAY_LEN(both); i++)
            sim_pages_own(both[i], victim / SIM_PAGE)[victim % SIM_PAGE] ^= bit;
    }
}

/* ---- making it durable ------------------------------------------------------------------- */

static void apply_whole(struct sim_inode *in, const struct sim_change *c)
{
    switch (c->kind) {
    case CHANGE_DATA:
        sim_pages_write(&in->dur, c->off, c->data, (size_t)c->len);
        in->dur_size = MAX(in->dur_size, c->end);
        break;
    case CHANGE_ZERO:
    case CHANGE_HOLE:
        pages_zero(&in->dur, c->off, c->len, c->kind == CHANGE_HOLE);
        in->dur_size = MAX(in->dur_size, c->end);
        break;
    case CHANGE_SIZE:
        if (c->end < in->dur_size)
            pages_truncate(&in->dur, c->end);
        in->dur_size = c->end;
        break;
    }
}

void sim_inode_flushed(struct sim_inode *in, uint64_t seq)
{
    struct sim_change *c, *tmp;
    list_for_each_safe (c, tmp, &in->log, node) {
        if (c->seq > seq)
            break;
        apply_whole(in, c);
        log_drop(c);
    }
}

void sim_inode_flush_failed(struct sim_inode *in, uint64_t seq, struct sim_rand *r)
{
    struct sim_change *c, *tmp;
    list_for_each_safe (c, tmp, &in->log, node) {
        if (c->seq > seq)
            break;
        if (sim_rand_one_in(r, 2))
            apply_whole(in, c);
        log_drop(c);
    }
}

/* ---- power cuts -------------------------------------------------------------------------- */

struct verdict {
    enum sim_cut how;
    struct sim_rand *r;
    bool first;    /* ALL_BUT_FIRST: no sector was judged yet */
    uint64_t fate; /* SUBSET, of this change: 0 lost whole, 1 kept whole, 2 by the sector */
};

static bool verdict_keep(struct verdict *v)
{
    bool first = v->first;
    v->first = false;
    switch (v->how) {
    case SIM_CUT_NONE:
        return false;
    case SIM_CUT_ALL:
        return true;
    case SIM_CUT_ALL_BUT_FIRST:
        return !first;
    case SIM_CUT_SUBSET:
        return v->fate == 2 ? sim_rand_one_in(v->r, 2) : v->fate == 1;
    }
    return false;
}

static void sector_apply(struct sim_inode *in, const struct sim_change *c, uint64_t at)
{
    if (c->kind == CHANGE_DATA)
        sim_pages_write(&in->dur, at, c->data + (at - c->off), SIM_SECTOR);
    else
        pages_zero(&in->dur, at, SIM_SECTOR, c->kind == CHANGE_HOLE);
}

/* Zeroing what is a hole in the durable pages changes nothing: those sectors are not judged. */
static bool sector_matters(const struct sim_inode *in, const struct sim_change *c, uint64_t at)
{
    return c->kind == CHANGE_DATA || sim_pages_get(&in->dur, at / SIM_PAGE);
}

static void change_cut(struct sim_inode *in, const struct sim_change *c, struct verdict *v,
                       struct sim_settled *sum)
{
    uint64_t kept = 0, lost = 0, step;
    v->fate = v->how == SIM_CUT_SUBSET ? sim_rand_below(v->r, 3) : 0;
    if (c->kind == CHANGE_SIZE) {
        if (verdict_keep(v))
            apply_whole(in, c);
        return;
    }
    for (uint64_t at = c->off; at < c->off + c->len; at += step) {
        step = SIM_SECTOR;
        if (!sector_matters(in, c, at)) {
            step = MIN(SIM_PAGE - at % SIM_PAGE, c->off + c->len - at);
        } else if (verdict_keep(v)) {
            sector_apply(in, c, at);
            kept++;
        } else {
            lost++;
        }
    }
    if (kept)
        in->dur_size = MAX(in->dur_size, c->end);
    sum->kept += kept;
    sum->lost += lost;
    sum->torn += kept && lost;
}

void sim_inode_cut(struct sim_inode *in, enum sim_cut how, struct sim_rand *r,
                   struct sim_settled *sum)
{
    struct verdict v = {.how = how, .r = r, .first = true};
    struct sim_change *c, *tmp;
    list_for_each_safe (c, tmp, &in->log, node) {
        change_cut(in, c, &v, sum);
        log_drop(c);
    }
    sim_pages_copy(&in->cur, &in->dur);
    in->size = in->dur_size;
    in->locked_by = NULL;
}
