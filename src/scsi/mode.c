/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MODE SENSE and MODE SELECT, (6) and (10) (SPC-4 6.11 to 6.14). A MODE SELECT is checked whole
 * before it changes anything, saved before it is in force when the initiator asks for it, and
 * told to the others by a unit attention. On the LU's home; park.
 */
#include "scsi/mode_pages.h"
#include "scsi/ops.h"

#include "base/check.h"

#define OPCODE_MODE_SENSE_6  0x1a
#define OPCODE_MODE_SELECT_6 0x15
#define SENSE_MAX            512  /* header, a long descriptor and all pages */
#define SELECT_MAX           1024 /* more is refused: all pages are a quarter of it */

static bool is_short(const struct scsi_task *t)
{
    return t->cdb[0] == OPCODE_MODE_SENSE_6 || t->cdb[0] == OPCODE_MODE_SELECT_6;
}

/* ---- MODE SENSE -------------------------------------------------------------------------- */

static bool page_known(uint8_t page)
{
    for (size_t i = 0; i < MODE_NPAGES; i++)
        if (mode_pages[i].page == page)
            return true;
    return page == MODE_ALL_PAGES;
}

static bool is_wanted(const struct mode_page *p, uint8_t page, uint8_t subpage)
{
    return (page == MODE_ALL_PAGES || page == p->page) &&
           (subpage == MODE_ALL_SUBPAGES || subpage == p->subpage);
}

/* 0, the volume's error, or 1: there is no such page. */
static int sense_pages(struct scsi_lu *lu, const struct scsi_task *t, struct wbuf *w)
{
    uint8_t page = t->cdb[2] & MODE_PAGE_MASK, bytes[MODE_PAGE_MAX];
    enum mode_pc pc = (enum mode_pc)(t->cdb[2] >> MODE_PC_SHIFT);
    bool any = false;
    for (size_t i = 0; i < MODE_NPAGES; i++) {
        if (!is_wanted(&mode_pages[i], page, t->cdb[3]))
            continue;
        int rc = mode_page_read(lu, i, pc, bytes);
        if (rc < 0)
            return rc;
        wb_bytes(w, bytes, mode_pages[i].len);
        any = true;
    }
    return any ? 0 : 1;
}

static uint8_t device_specific(const struct scsi_lu *lu)
{
    return MODE_DPOFUA | (lu_write_protected(lu) ? MODE_WP : 0);
}

static size_t sense_blkdesc(const struct scsi_lu *lu, bool long_lba, struct wbuf *w)
{
    struct scsi_mode_blkdesc_long l = {.nblk = be64_make(lu_blocks(lu)),
                                       .block_len = be32_make(lu_block(lu))};
    struct scsi_mode_blkdesc s = {.nblk = be32_make((uint32_t)MIN(lu_blocks(lu), UINT32_MAX)),
                                  .block_len = be24_make(lu_block(lu))};
    if (long_lba) {
        wb_bytes(w, &l, sizeof(l));
        return sizeof(l);
    }
    wb_bytes(w, &s, sizeof(s));
    return sizeof(s);
}

/* Room for the header; its content is known at the end. */
static size_t header_len(const struct scsi_task *t)
{
    return is_short(t) ? sizeof(struct scsi_mode_header6) : sizeof(struct scsi_mode_header10);
}

static void sense_header(const struct scsi_lu *lu, const struct scsi_task *t,
                         size_t blkdesc_len, bool long_lba, struct wbuf *w)
{
    struct scsi_mode_header6 h6 = {
        .len = (uint8_t)MIN(w->len - 1, UINT8_MAX),
        .device_specific = device_specific(lu),
        .blkdesc_len = (uint8_t)blkdesc_len,
    };
    struct scsi_mode_header10 h10 = {
        .len = be16_make((uint16_t)(w->len - 2)),
        .device_specific = device_specific(lu),
        .long_lba = long_lba,
        .blkdesc_len = be16_make((uint16_t)blkdesc_len),
    };
    if (is_short(t))
        wb_patch(w, 0, &h6, sizeof(h6));
    else
        wb_patch(w, 0, &h10, sizeof(h10));
}

void op_mode_sense(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t bytes[SENSE_MAX];
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    bool long_lba = !is_short(t) && t->cdb[1] & MODE_LLBAA;
    size_t blkdesc_len = 0;
    wb_zero(&w, header_len(t));
    if (!(t->cdb[1] & MODE_DBD))
        blkdesc_len = sense_blkdesc(lu, long_lba, &w);
    int rc = sense_pages(lu, t, &w);
    check(!wb_overflowed(&w));
    if (rc < 0) {
        task_errno(t, rc, 0);
    } else if (rc > 0) {
        bool known = page_known(t->cdb[2] & MODE_PAGE_MASK);
        task_bad_cdb(t, known ? 3 : 2, known ? 7 : 5);
    } else {
        sense_header(lu, t, blkdesc_len, long_lba && blkdesc_len != 0, &w);
        task_reply(t, &w, is_short(t) ? t->cdb[4] : load_be16(t->cdb + 7));
    }
}

/* ---- MODE SELECT ------------------------------------------------------------------------- */

/* A list that is being read: offsets for field pointers. */
struct select {
    struct scsi_task *t;
    const uint8_t *list;
    struct rbuf in;
};

static uint16_t offset(const struct select *s)
{
    return (uint16_t)(s->in.p - s->list);
}

static bool bad_at(const struct select *s, size_t at, int8_t bit)
{
    task_bad_param(s->t, (uint16_t)at, bit);
    return false;
}

static bool too_short(const struct select *s)
{
    task_check(s->t, SK_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH);
    return false;
}

/* The geometry is not an initiator's to change: the descriptor may only repeat it. False: the
 * task has ended. */
static bool select_blkdesc(const struct scsi_lu *lu, struct select *s, size_t len,
                           bool long_lba)
{
    uint64_t nblk, all = long_lba ? UINT64_MAX : UINT32_MAX;
    uint32_t block;
    uint16_t at = offset(s);
    if (len !=
        (long_lba ? sizeof(struct scsi_mode_blkdesc_long) : sizeof(struct scsi_mode_blkdesc)))
        return bad_at(s, is_short(s->t) ? 3u : 6u, -1);
    const uint8_t *p = rb_take(&s->in, len);
    if (!p)
        return too_short(s);
    nblk = long_lba ? load_be64(p) : load_be32(p);
    block = long_lba ? load_be32(p + 12) : load_be24(p + 5);
    if (nblk != 0 && nblk != all && nblk != MIN(lu_blocks(lu), all))
        return bad_at(s, at, -1);
    if (block != lu_block(lu))
        return bad_at(s, at + (long_lba ? 12u : 5u), -1);
    return true;
}

/* False: the task has ended. */
static bool select_header(const struct scsi_lu *lu, struct select *s)
{
    size_t blkdesc_len;
    bool long_lba = false;
    const uint8_t *p = rb_take(&s->in, header_len(s->t));
    if (!p)
        return too_short(s);
    if (is_short(s->t)) {
        blkdesc_len = p[offsetof(struct scsi_mode_header6, blkdesc_len)];
    } else {
        blkdesc_len = load_be16(p + offsetof(struct scsi_mode_header10, blkdesc_len));
        long_lba = p[offsetof(struct scsi_mode_header10, long_lba)] & 1;
    }
    if (p[is_short(s->t) ? 1 : 2] != 0) /* medium type */
        return bad_at(s, is_short(s->t) ? 1u : 2u, -1);
    return blkdesc_len == 0 || select_blkdesc(lu, s, blkdesc_len, long_lba);
}

/* The table's index for a page in a list, MODE_NPAGES: none. */
static size_t find_page(const uint8_t *p)
{
    uint8_t subpage = p[0] & MODE_SPF ? p[1] : 0;
    for (size_t i = 0; i < MODE_NPAGES; i++)
        if (mode_pages[i].page == (p[0] & MODE_PAGE_MASK) && mode_pages[i].subpage == subpage &&
            (p[0] & MODE_SPF) == (mode_pages[i].subpage ? MODE_SPF : 0))
            return i;
    return MODE_NPAGES;
}

/* One page into values. False: the task has ended. */
static bool select_page(struct scsi_lu *lu, struct select *s, struct mode_values *values)
{
    uint16_t at = offset(s);
    uint8_t byte;
    int8_t bit;
    if (rb_left(&s->in) < 4) /* the longest header, and the shortest page is longer */
        return too_short(s);
    size_t i = find_page(s->in.p);
    if (i == MODE_NPAGES)
        return bad_at(s, at, 5);
    const struct mode_page *page = &mode_pages[i];
    size_t len = page->subpage ? load_be16(s->in.p + 2) + 4u : s->in.p[1] + 2u;
    if (len != page->len)
        return bad_at(s, at + (page->subpage ? 2u : 1u), -1);
    const uint8_t *p = rb_take(&s->in, len);
    if (!p)
        return too_short(s);
    if (!mode_page_check(lu, i, p, &byte, &bit))
        return bad_at(s, at + byte, bit);
    memcpy(values->bytes[i], p, len);
    return true;
}

/* False: the task has ended. */
static bool select_parse(struct scsi_lu *lu, struct select *s, struct mode_values *ret_values)
{
    if (!select_header(lu, s))
        return false;
    while (rb_left(&s->in) != 0)
        if (!select_page(lu, s, ret_values))
            return false;
    return true;
}

static void select_apply(struct scsi_lu *lu, struct scsi_task *t, const uint8_t *list,
                         size_t len)
{
    struct select s = {.t = t, .list = list, .in = rbuf_make(list, len)};
    struct mode_values values = modes_current(lu);
    bool changed = false;
    if (!select_parse(lu, &s, &values) || !task_commit(t))
        return;
    int rc = modes_apply(lu, &values, t->cdb[1] & MODE_SP, &changed);
    if (rc < 0) {
        task_errno(t, rc, 0);
        return;
    }
    if (changed)
        ua_raise_all(lu, UA_MODE_CHANGED, t->itl);
    task_good(t);
}

void op_mode_select(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t list[SELECT_MAX];
    size_t len = is_short(t) ? t->cdb[4] : load_be16(t->cdb + 7);
    if (len == 0) {
        task_good(t);
        return;
    }
    if (!(t->cdb[1] & MODE_PF)) { /* pages of a form that no standard has */
        task_bad_cdb(t, 1, 4);
        return;
    }
    if (len > sizeof(list)) {
        task_bad_cdb(t, 7, -1);
        return;
    }
    if (!task_param_list(t, list, len))
        return;
    fmutex_lock(&lu->meta);
    select_apply(lu, t, list, len);
    fmutex_unlock(&lu->meta);
}
