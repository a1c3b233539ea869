/* SPDX-License-Identifier: BSD-2-Clause */
/* What a worker does, one row per kind. Places are drawn so that initiators meet: most of
 * them in a few dozen blocks. */
#include "story.h"

#include "base/check.h"
#include "base/endian.h"

#include <stdlib.h>
#include <string.h>

struct place {
    unsigned lun;
    uint64_t lba;
    uint32_t n;
};

static uint32_t sectors(const struct story *st, uint64_t blocks)
{
    return (uint32_t)(blocks * st->block_size / MODEL_SECTOR);
}

static uint8_t *buffer(size_t len)
{
    uint8_t *p = malloc(len + 1);
    check(p);
    return p;
}

static struct place draw_place(struct story *st)
{
    struct place p = {.lun = (unsigned)draw(st, DATA_LUNS)};
    uint64_t end = DATA_FIRST + 6;
    if (!one_in(st, 4))
        end = one_in(st, 3) ? NBLOCKS : DATA_FIRST + 48;
    p.lba = DATA_FIRST + draw(st, end - DATA_FIRST);
    p.n = 1 + (uint32_t)draw(st, one_in(st, 6) ? 256 : 12);
    p.n = (uint32_t)MIN(p.n, NBLOCKS - p.lba);
    return p;
}

/* A block beside a counter: what shares a physical block with it. */
static struct place draw_neighbour(struct story *st)
{
    uint64_t before = draw(st, NCOUNTERS) * 3;
    return (struct place){.lun = 0, .lba = before + 2 * draw(st, 2), .n = 1};
}

static uint64_t counter_lba(unsigned number)
{
    return number * 3 + 1;
}

/* ---- reads and writes -------------------------------------------------------------------- */

/* True: the bytes came, and were judged. */
static bool fetch(struct actor *a, struct ini *i, struct place p, uint8_t *ret_bytes)
{
    struct story *st = a->st;
    uint32_t len = p.n * st->block_size;
    struct ini_cmd c = {.lun = ini_lun(p.lun), .in = ret_bytes, .edtl = len};
    cdb_rw(st, &c, false, p.lba, p.n, false);
    struct model_read *r = model_read_begin(st->model[p.lun]);
    actor_exec(a, i, &c);
    bool good = c.end == INI_DONE && c.status == 0;
    if (good && (c.in_len != len || c.residual))
        story_fail("initiator %u: read %u of %u bytes, residual %u", a->id, c.in_len, len,
                   c.residual);
    if (c.end == INI_DONE && !good) {
        uint32_t key = ini_sense(&c) >> 16;
        if ((key == 3 || key == 4) && !st->disk_faults)
            story_fail("initiator %u: a read failed with sense %06x for no reason", a->id,
                       ini_sense(&c));
        st->n.failed_reads += key == 3 || key == 4;
    }
    model_read_end(r, sectors(st, p.lba), sectors(st, p.n), good ? ret_bytes : NULL);
    return good;
}

static void read_at(struct actor *a, struct ini *i, struct place p)
{
    uint8_t *bytes = buffer((size_t)p.n * a->st->block_size);
    fetch(a, i, p, bytes);
    free(bytes);
}

static void op_read(struct actor *a, struct ini *i)
{
    read_at(a, i, one_in(a->st, 5) ? draw_neighbour(a->st) : draw_place(a->st));
}

/* A write that is ready to be sent. */
struct writing {
    struct ini_cmd c;
    struct model_write *w;
    uint8_t *bytes;
};

static void writing_make(struct story *st, struct writing *x, struct place p)
{
    uint32_t len = p.n * st->block_size;
    *x = (struct writing){.bytes = buffer(len)};
    x->w = model_write_begin(st->model[p.lun], sectors(st, p.lba), sectors(st, p.n), false);
    model_write_fill(x->w, x->bytes);
    x->c = (struct ini_cmd){.lun = ini_lun(p.lun), .out = x->bytes, .edtl = len};
    cdb_rw(st, &x->c, true, p.lba, p.n, one_in(st, 4));
}

static void writing_end(struct actor *a, struct writing *x)
{
    actor_settle(a, &x->c, x->w);
    free(x->bytes);
}

static void write_at(struct actor *a, struct ini *i, struct place p)
{
    struct writing x;
    writing_make(a->st, &x, p);
    actor_exec(a, i, &x.c);
    if (x.c.end == INI_DONE && x.c.status == 0 && x.c.residual)
        story_fail("initiator %u: a whole write left a residual of %u", a->id, x.c.residual);
    writing_end(a, &x);
}

static void op_write(struct actor *a, struct ini *i)
{
    write_at(a, i, one_in(a->st, 4) ? draw_neighbour(a->st) : draw_place(a->st));
}

/* ---- COMPARE AND WRITE ------------------------------------------------------------------- */

static bool counter_fetch(struct actor *a, struct ini *i, unsigned number, uint8_t *ret_block,
                          uint64_t *ret_begun)
{
    struct story *st = a->st;
    struct ini_cmd c = {.in = ret_block, .edtl = st->block_size};
    cdb_rw(st, &c, false, counter_lba(number), 1, false);
    *ret_begun = counter_read_begin(st->counter[number]);
    actor_exec(a, i, &c);
    if (c.end != INI_DONE || c.status != 0 || c.in_len != st->block_size)
        return false;
    counter_read_check(st->counter[number], *ret_begun, ret_block);
    return true;
}

static void op_caw(struct actor *a, struct ini *i)
{
    struct story *st = a->st;
    unsigned number = one_in(st, 2) ? 0 : (unsigned)draw(st, NCOUNTERS);
    struct counter *k = st->counter[number];
    uint8_t *both = buffer(2 * st->block_size); /* what we expect, and what shall follow */
    uint64_t begun;
    if (counter_fetch(a, i, number, both, &begun)) {
        if (one_in(st, 3))
            nap(st, 3 * NS_PER_MS);
        struct counter_try *t = counter_try_begin(k, begun, both, both + st->block_size);
        struct ini_cmd c = {.out = both, .edtl = 2 * st->block_size};
        cdb_caw(&c, counter_lba(number), 1);
        actor_exec(a, i, &c);
        actor_settle_caw(a, &c, k, t);
    }
    free(both);
}

static struct place draw_crowded(struct story *st)
{
    struct place p = {.lun = (unsigned)draw(st, DATA_LUNS), .lba = DATA_FIRST, .n = 1};
    p.lba += draw(st, 6);
    if (st->block_size == MODEL_SECTOR)
        p.n += (uint32_t)draw(st, 4);
    return p;
}

/* COMPARE AND WRITE in the midst of plain writes to the same blocks. */
static void op_caw_data(struct actor *a, struct ini *i)
{
    struct story *st = a->st;
    struct place p = draw_crowded(st);
    uint32_t len = p.n * st->block_size;
    uint8_t *both = buffer((size_t)2 * len);
    struct model_write *w = NULL;
    if (fetch(a, i, p, both))
        w = model_caw_begin(st->model[p.lun], sectors(st, p.lba), sectors(st, p.n), both);
    if (w) {
        struct ini_cmd c = {.lun = ini_lun(p.lun), .out = both, .edtl = 2 * len};
        model_write_fill(w, both + len);
        cdb_caw(&c, p.lba, p.n);
        actor_exec(a, i, &c);
        actor_settle(a, &c, w);
        st->n.caw_data += c.end == INI_DONE && c.status == 0;
    }
    free(both);
}

/* One bit of what is compared is wrong: it must not be taken for equal, and the first difference
 * is there or before. The bit is none of the version's number: with a bit of that changed, the
 * bytes may begin like another version that came meanwhile. */
static void op_caw_wrong(struct actor *a, struct ini *i)
{
    struct story *st = a->st;
    struct place p = draw_crowded(st);
    uint32_t len = p.n * st->block_size;
    uint32_t at = (uint32_t)draw(st, len / MODEL_SECTOR) * MODEL_SECTOR;
    at += MODEL_HEADER + (uint32_t)draw(st, MODEL_SECTOR - MODEL_HEADER);
    uint8_t *both = buffer((size_t)2 * len);
    memset(both, 0, (size_t)2 * len);
    if (fetch(a, i, p, both)) {
        struct ini_cmd c = {.lun = ini_lun(p.lun), .out = both, .edtl = 2 * len};
        both[at] ^= (uint8_t)(1u << draw(st, 8));
        cdb_caw(&c, p.lba, p.n);
        actor_exec(a, i, &c);
        if (c.end == INI_DONE && c.status == 0)
            story_fail("initiator %u: a compare-and-write took a wrong bit at %u for equal",
                       a->id, at);
        if (ini_sense(&c) == 0x0e1d00 && ini_information(&c) > at)
            story_fail("initiator %u: a miscompare at %u is said to be at %u", a->id, at,
                       ini_information(&c));
        st->n.caw_wrong += ini_sense(&c) == 0x0e1d00;
    }
    free(both);
}

/* ---- zeros and flushes ------------------------------------------------------------------- */

static void op_unmap(struct actor *a, struct ini *i)
{
    struct story *st = a->st;
    struct place p = draw_place(st);
    uint8_t list[24] = {0};
    uint8_t *zeros = calloc(1, st->block_size);
    check(zeros);
    store_be16(list, 22);
    store_be16(list + 2, 16);
    store_be64(list + 8, p.lba);
    store_be32(list + 16, p.n);
    struct ini_cmd c = {.lun = ini_lun(p.lun), .out = list, .edtl = sizeof(list)};
    if (one_in(st, 2)) {
        cdb_unmap(&c);
    } else {
        c.out = zeros;
        c.edtl = st->block_size;
        cdb_write_same_zero(&c, p.lba, p.n);
    }
    struct model_write *w =
        model_write_begin(st->model[p.lun], sectors(st, p.lba), sectors(st, p.n), true);
    actor_exec(a, i, &c);
    actor_settle(a, &c, w);
    st->n.unmaps++;
    free(zeros);
}

static void op_sync(struct actor *a, struct ini *i)
{
    struct story *st = a->st;
    struct ini_cmd c = {.lun = ini_lun(1)};
    cdb_sync(&c);
    uint64_t begun = model_sync_begin(st->model[1]);
    actor_exec(a, i, &c);
    if (c.end == INI_DONE && c.status == 0) {
        model_synced(st->model[1], begun);
        st->n.syncs++;
    }
}

/* ---- residuals --------------------------------------------------------------------------- */

/* RFC 7143 11.4.5.1: by how much the command's own length and the announced one differ. */
static void residual_check(const struct actor *a, const struct ini_cmd *c, uint32_t own)
{
    bool under = c->edtl > own, over = c->edtl < own;
    uint32_t want = under ? c->edtl - own : own - c->edtl;
    if (c->end != INI_DONE || c->status != 0)
        return;
    if (c->underflow != under || c->overflow != over || c->residual != want)
        story_fail("initiator %u: residual %u%s%s for %u bytes announced as %u", a->id,
                   c->residual, c->underflow ? " under" : "", c->overflow ? " over" : "", own,
                   c->edtl);
    if (c->in && c->in_len != MIN(own, c->edtl))
        story_fail("initiator %u: %u bytes came of %u announced as %u", a->id, c->in_len, own,
                   c->edtl);
}

static void op_residual_read(struct actor *a, struct ini *i)
{
    struct story *st = a->st;
    struct place p = draw_place(st);
    uint32_t own = p.n * st->block_size;
    uint32_t edtl =
        one_in(st, 2) ? own + 1 + (uint32_t)draw(st, 3000) : 1 + (uint32_t)draw(st, own);
    uint8_t *bytes = buffer(edtl);
    struct ini_cmd c = {.lun = ini_lun(p.lun), .in = bytes, .edtl = edtl};
    cdb_rw(st, &c, false, p.lba, p.n, false);
    struct model_read *r = model_read_begin(st->model[p.lun]);
    actor_exec(a, i, &c);
    residual_check(a, &c, own);
    bool good = c.end == INI_DONE && c.status == 0;
    model_read_end(r, sectors(st, p.lba), MIN(own, edtl) / MODEL_SECTOR, good ? bytes : NULL);
    st->n.residuals++;
    free(bytes);
}

static void op_residual_inquiry(struct actor *a, struct ini *i)
{
    uint8_t bytes[300];
    struct ini_cmd c = {.in = bytes, .edtl = 5 + (uint32_t)draw(a->st, 250), .cdb = {0x12}};
    c.cdb[4] = (uint8_t)MIN(c.edtl, 36u);
    actor_exec(a, i, &c);
    residual_check(a, &c, c.cdb[4]);
    if (c.end == INI_DONE && c.status != 0 && c.status != 0x08 && c.status != 0x28)
        story_fail("initiator %u: INQUIRY ended %02x %06x", a->id, c.status, ini_sense(&c));
    a->st->n.residuals++;
}

static void op_residual(struct actor *a, struct ini *i)
{
    if (one_in(a->st, 2))
        op_residual_read(a, i);
    else
        op_residual_inquiry(a, i);
}

/* ---- task management --------------------------------------------------------------------- */

/* Aborts a write somewhere between its arrival and its end. What the target says is over
 * must not land later: the same place is read, written over, and read again. */
static void op_abort(struct actor *a, struct ini *i)
{
    struct story *st = a->st;
    struct place p = draw_place(st);
    struct writing x;
    uint8_t response;
    writing_make(st, &x, p);
    x.c.withhold = one_in(st, 3);
    actor_start(a, i, &x.c);
    nap(st, 4 * NS_PER_MS);
    if (x.c.end == INI_PENDING &&
        actor_tmf(a, i, ISCSI_TMF_ABORT_TASK, x.c.lun, &x.c, &response) < 0)
        ini_kill(i, -1);
    actor_finish(a, i, &x.c);
    bool aborted = x.c.end == INI_ABORTED;
    st->n.aborts += aborted;
    writing_end(a, &x);
    if (!aborted || !ini_up(i))
        return;
    if (one_in(st, 2))
        read_at(a, i, p);
    if (one_in(st, 2))
        write_at(a, i, p);
    nap(st, 10 * NS_PER_MS);
    read_at(a, i, p);
}

static void reset_lun(struct actor *a, struct ini *i)
{
    unsigned lun = (unsigned)draw(a->st, DATA_LUNS);
    uint8_t response = 0xff;
    actors_reset_begin(a->st, a, lun);
    if (actor_tmf(a, i, ISCSI_TMF_LUN_RESET, ini_lun(lun), NULL, &response) < 0) {
        ini_kill(i, -1);
        return;
    }
    if (response != ISCSI_TMF_RSP_COMPLETE)
        story_fail("initiator %u: LUN reset answered %u", a->id, response);
    actors_reset_done(a->st, a, lun);
    a->st->n.lun_resets++;
}

/* Ends what this session has in flight there, and with CLEAR TASK SET what the others have,
 * too. */
static void end_task_set(struct actor *a, struct ini *i, enum iscsi_tmf_function fn)
{
    uint8_t response = 0xff;
    if (actor_tmf(a, i, fn, ini_lun((unsigned)draw(a->st, DATA_LUNS)), NULL, &response) < 0)
        ini_kill(i, -1);
    else if (response != ISCSI_TMF_RSP_COMPLETE)
        story_fail("initiator %u: task management %d answered %u", a->id, (int)fn, response);
    else
        a->st->n.task_sets_ended++;
}

static void op_end_tasks(struct actor *a, struct ini *i)
{
    switch (draw(a->st, 3)) {
    case 0:
        reset_lun(a, i);
        break;
    case 1:
        end_task_set(a, i, ISCSI_TMF_ABORT_TASK_SET);
        break;
    default:
        end_task_set(a, i, ISCSI_TMF_CLEAR_TASK_SET);
        break;
    }
}

/* ---- sessions ---------------------------------------------------------------------------- */

static void op_ping(struct actor *a, struct ini *i)
{
    if (ini_ping(i, run_deadline_ms(60000)) < 0)
        ini_kill(i, -1);
    else
        a->st->n.pings++;
}

/* REPORT LUNS (SPC-4 6.33) tells what the configuration says, from the moment a change of it
 * was acknowledged. */
static void op_report_luns(struct actor *a, struct ini *i)
{
    struct story *st = a->st;
    uint8_t list[128];
    uint64_t changes = st->extra_changes;
    bool there = st->extra == EXTRA_THERE && strcmp(a->p.target, story_target_name(1)) == 0;
    bool known = st->extra != EXTRA_UNKNOWN;
    struct ini_cmd c = {.in = list, .edtl = sizeof(list), .cdb = {0xa0}};
    store_be32(c.cdb + 6, sizeof(list));
    actor_exec(a, i, &c);
    if (c.end != INI_DONE || c.status != 0 || !known || changes != st->extra_changes)
        return;
    uint32_t n = load_be32(list) / 8, seen = 0;
    for (uint32_t k = 0; k < n && k < 15; k++)
        seen |= 1u << (load_be64(list + 8 + 8 * k) >> 48 & 31);
    if (n != LUNS + (there ? 1u : 0u) || seen != (there ? 7u | 1u << EXTRA_LUN : 7u))
        story_fail("initiator %u: %u LUNs are reported, mask %x, LUN %u should %sbe there",
                   a->id, n, seen, EXTRA_LUN, there ? "" : "not ");
    st->n.lun_lists++;
}

static void op_drop(struct actor *a, struct ini *i)
{
    (void)a;
    ini_kill(i, -1);
}

static void op_logout(struct actor *a, struct ini *i)
{
    (void)i;
    a->want_logout = true;
}

/* ---- drawing ----------------------------------------------------------------------------- */

static const struct {
    unsigned weight;
    void (*fn)(struct actor *a, struct ini *i);
} rows[] = {
    {30, op_write      },
    {24, op_read       },
    {14, op_caw        },
    {6,  op_caw_data   },
    {2,  op_caw_wrong  },
    {10, op_abort      },
    {6,  op_unmap      },
    {6,  op_residual   },
    {4,  op_sync       },
    {2,  op_ping       },
    {2,  op_report_luns},
    {3,  op_end_tasks  },
    {1,  op_drop       },
    {1,  op_logout     },
};

void op_draw(struct actor *a, struct ini *i)
{
    unsigned all = 0, at = 0;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++)
        all += rows[k].weight;
    uint64_t lot = draw(a->st, all);
    while (lot >= rows[at].weight)
        lot -= rows[at++].weight;
    rows[at].fn(a, i);
}

void op_verify_all(struct actor *a, struct ini *i)
{
    uint8_t *block = buffer(a->st->block_size);
    uint64_t begun;
    for (unsigned lun = 0; lun < DATA_LUNS; lun++) {
        for (uint64_t lba = DATA_FIRST; lba < NBLOCKS && ini_up(i); lba += 128)
            read_at(a, i, (struct place){lun, lba, (uint32_t)MIN(128, NBLOCKS - lba)});
    }
    for (unsigned k = 0; k < NCOUNTERS && ini_up(i); k++) {
        counter_fetch(a, i, k, block, &begun);
        read_at(a, i, (struct place){0, k * 3, 1});
        read_at(a, i, (struct place){0, k * 3 + 2, 1});
    }
    free(block);
}
