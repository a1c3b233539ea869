/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output. What waits to be sent is a list of tasks and messages; a PDU is made of them only
 * when the owner is about to send, into a slot that holds its header, padding and digests. So
 * numbers are given in the order of the wire, a read of any size costs no memory, and data
 * leaves from where it lies. A slot lives until its last byte is sent; slots are a ring,
 * refilled from its end.
 *
 * Messages and R2Ts go first. Responses are first come, first served, but a read longer than
 * one burst goes back to the end after each, so that it does not hold up the others; a message
 * that must not be passed by earlier responses (task management, logout) waits among them and
 * stops that while it waits.
 */
#include "iscsi/iscsi_int.h"

#include <string.h>

void tx_init(struct tx *tx)
{
    list_init(&tx->urgent);
    list_init(&tx->fifo);
    tx->barriers = 0;
    tx->first = tx->count = 0;
    tx->first_sent = 0;
}

void tx_stamp(struct iscsi_conn *c, struct iscsi_target_bhs *h, bool numbered)
{
    h->stat_sn = be32_make(c->stat_sn);
    h->max_cmd_sn = be32_make(window_max(&c->win));
    h->exp_cmd_sn = be32_make(c->win.exp_cmd_sn);
    c->stat_sn += numbered;
}

static void remove_tasks(struct list *l)
{
    struct iscsi_tx_node *n, *next;
    list_for_each_safe (n, next, l, link)
        if (!n->is_msg)
            list_remove(&n->link);
}

void tx_abandon(struct iscsi_conn *c)
{
    remove_tasks(&c->tx.urgent);
    remove_tasks(&c->tx.fifo);
}

/* ---- slots ------------------------------------------------------------------------------- */

static struct slot *slot_at(struct tx *tx, uint32_t i)
{
    return &tx->slots[(tx->first + i) % TX_SLOTS];
}

static struct slot *slot_new(struct tx *tx)
{
    struct slot *s = slot_at(tx, tx->count++);
    s->data = NULL;
    s->data_off = s->data_len = 0;
    s->head_len = ISCSI_BHS_LEN;
    s->tail_len = 0;
    s->task = NULL;
    s->msg = NULL;
    return s;
}

/* The piece of a slot's data at off: at most len bytes, *len becomes what is contiguous. */
static const uint8_t *slot_data(const struct iscsi_conn *c, const struct slot *s, uint32_t off,
                                uint32_t *len)
{
    if (s->data)
        return s->data + off;
    uint32_t want = *len;
    const uint8_t *p = c->env->data_in(c->arg, s->task, (uint64_t)s->data_off + off, len);
    check_cmp(*len, >, 0u);
    check_cmp(*len, <=, want);
    return p;
}

static uint32_t data_crc(const struct iscsi_conn *c, const struct slot *s, uint32_t crc)
{
    for (uint32_t off = 0, len; off < s->data_len; off += len) {
        len = s->data_len - off;
        const uint8_t *p = slot_data(c, s, off, &len);
        crc = crc_feed(crc, p, len);
    }
    return crc;
}

/* Everything behind the header: lengths, padding, digests. prefix: bytes of the data segment
 * in the head, before data. */
static void slot_finish(struct iscsi_conn *c, struct slot *s, const uint8_t *prefix,
                        uint8_t prefix_len, bool plain)
{
    uint32_t data_len = prefix_len + s->data_len, pad = pad_len(data_len);
    store_be24(s->head + offsetof(struct iscsi_bhs, data_len), data_len);
    if (c->params.header_digest && !plain) {
        crc_store(crc_feed(CRC_INIT, s->head, ISCSI_BHS_LEN), s->head + ISCSI_BHS_LEN);
        s->head_len += ISCSI_DIGEST_LEN;
    }
    if (prefix_len > 0)
        memcpy(s->head + s->head_len, prefix, prefix_len);
    s->head_len = (uint8_t)(s->head_len + prefix_len);
    memset(s->tail, 0, sizeof(s->tail));
    s->tail_len = (uint8_t)pad;
    if (c->params.data_digest && !plain && data_len > 0) {
        uint32_t crc = crc_feed(CRC_INIT, prefix, prefix_len);
        crc = crc_feed(data_crc(c, s, crc), s->tail, pad);
        crc_store(crc, s->tail + pad);
        s->tail_len = (uint8_t)(pad + ISCSI_DIGEST_LEN);
    }
    c->stats.pdus_out++;
}

/* ---- making PDUs ------------------------------------------------------------------------- */

static void make_msg(struct iscsi_conn *c, struct msg *m)
{
    struct slot *s = slot_new(&c->tx);
    list_remove(&m->tx.link);
    if (m->barrier)
        c->tx.barriers--;
    tx_stamp(c, &m->bhs, m->numbered);
    memcpy(s->head, &m->bhs, sizeof(m->bhs));
    s->data = m->data;
    s->data_len = m->len;
    s->msg = m;
    slot_finish(c, s, NULL, 0, m->plain);
}

static void make_r2t(struct iscsi_conn *c, struct iscsi_task *t)
{
    unsigned at = (unsigned)t->r2t_first + t->r2t_count - t->r2t_unsent;
    const struct iscsi_r2t_open *r = &t->r2t[at % ISCSI_MAX_R2T];
    struct slot *s = slot_new(&c->tx);
    struct iscsi_r2t h = {
        .opcode = ISCSI_OP_R2T,
        .flags = ISCSI_FINAL,
        .itt = be32_make(t->itt),
        .ttt = be32_make(r->ttt),
        .r2t_sn = be32_make(t->r2t_sn++),
        .offset = be32_make(r->off),
        .len = be32_make(r->len),
    };
    memcpy(h.lun.b, t->lun, sizeof(h.lun.b));
    memcpy(s->head, &h, sizeof(h));
    tx_stamp(c, (struct iscsi_target_bhs *)(void *)s->head, false);
    slot_finish(c, s, NULL, 0, false);
    c->stats.r2ts++;
    if (--t->r2t_unsent == 0)
        list_remove(&t->tx.link);
}

/* The task's last PDU: its tag and its place in the window are free, its memory when this is
 * sent. */
static void finish_task(struct iscsi_conn *c, struct iscsi_task *t, struct slot *s)
{
    list_remove(&t->tx.link);
    task_leave(c, t);
    t->state = TASK_MADE;
    t->slots++;
    s->task = t;
}

static uint8_t residual_flags(const struct iscsi_task *t)
{
    return t->overflow ? ISCSI_RSP_OVERFLOW : t->underflow ? ISCSI_RSP_UNDERFLOW : 0;
}

static void make_response(struct iscsi_conn *c, struct iscsi_task *t)
{
    struct slot *s = slot_new(&c->tx);
    struct iscsi_scsi_rsp h = {
        .opcode = ISCSI_OP_SCSI_RSP,
        .flags = (uint8_t)(ISCSI_FINAL | residual_flags(t)),
        .status = t->status,
        .itt = be32_make(t->itt),
        .exp_data_sn = be32_make(t->data_in_sn + t->r2t_sn),
        .residual = be32_make(t->residual),
    };
    if (t->read && t->write) { /* refused, so nothing moved either way */
        h.flags |= ISCSI_RSP_BIDI_UNDERFLOW;
        h.bidi_residual = be32_make(t->bidi_read_len);
    }
    memcpy(s->head, &h, sizeof(h));
    finish_task(c, t, s);
    tx_stamp(c, (struct iscsi_target_bhs *)(void *)s->head, true);
    be16 sense_len = be16_make(t->sense_len);
    s->data = t->sense ? t->sense : s->tail;
    s->data_len = t->sense_len;
    slot_finish(c, s, sense_len.b, t->sense_len > 0 ? sizeof(sense_len.b) : 0, false);
}

/* GOOD goes with the last data, everything else in a response of its own. */
static bool status_collapses(const struct iscsi_task *t)
{
    return t->status == 0 && t->sense_len == 0;
}

static void make_data_in(struct iscsi_conn *c, struct iscsi_task *t)
{
    const struct iscsi_params *p = &c->params;
    uint32_t off = t->data_in_made, left = t->data_in_len - off;
    uint32_t burst_left = p->max_burst - off % p->max_burst;
    uint32_t len = MIN(MIN(left, burst_left), p->max_send_data_segment);
    bool last = len == left, burst_end = last || len == burst_left;
    bool status = last && status_collapses(t);
    struct slot *s = slot_new(&c->tx);
    struct iscsi_data_in h = {
        .opcode = ISCSI_OP_DATA_IN,
        .flags = burst_end ? ISCSI_FINAL : 0,
        .itt = be32_make(t->itt),
        .ttt = be32_make(ISCSI_TAG_NONE),
        .data_sn = be32_make(t->data_in_sn++),
        .offset = be32_make(off),
    };
    t->data_in_made += len;
    s->data_off = off;
    s->data_len = len;
    if (status) {
        h.flags = (uint8_t)(h.flags | ISCSI_DATA_IN_STATUS | residual_flags(t));
        h.residual = be32_make(t->residual);
        finish_task(c, t, s);
    } else {
        s->task = t;
        t->slots++;
        if (burst_end && c->tx.barriers == 0) {
            list_remove(&t->tx.link);
            list_push(&c->tx.fifo, &t->tx.link);
        }
    }
    memcpy(s->head, &h, sizeof(h));
    struct iscsi_target_bhs *stamped = (struct iscsi_target_bhs *)(void *)s->head;
    tx_stamp(c, stamped, status);
    if (!status)
        stamped->stat_sn = be32_make(0); /* 11.7.4: reserved without S */
    slot_finish(c, s, NULL, 0, false);
}

/* Makes the next PDU. False: nothing waits. */
static bool make_next(struct iscsi_conn *c)
{
    bool urgent = !list_empty(&c->tx.urgent);
    struct list *from = urgent ? &c->tx.urgent : &c->tx.fifo;
    struct iscsi_tx_node *n = list_first(from, struct iscsi_tx_node, link);
    if (!n)
        return false;
    if (n->is_msg) {
        make_msg(c, container_of(n, struct msg, tx));
        return true;
    }
    struct iscsi_task *t = container_of(n, struct iscsi_task, tx);
    if (urgent)
        make_r2t(c, t);
    else if (t->data_in_made < t->data_in_len)
        make_data_in(c, t);
    else
        make_response(c, t);
    return true;
}

/* ---- giving bytes ------------------------------------------------------------------------ */

struct gather {
    struct iovec *iov;
    int n, max;
    size_t bytes;
    size_t skip; /* bytes of the first slot that are gone */
};

/* False: no room for another entry. */
static bool gather_add(struct gather *g, const uint8_t *p, size_t len)
{
    size_t gone = MIN(g->skip, len);
    g->skip -= gone;
    if (gone == len)
        return true;
    if (g->n == g->max)
        return false;
    g->iov[g->n++] = (struct iovec){(void *)(uintptr_t)(p + gone), len - gone};
    g->bytes += len - gone;
    return true;
}

static bool gather_slot(const struct iscsi_conn *c, const struct slot *s, struct gather *g)
{
    if (!gather_add(g, s->head, s->head_len))
        return false;
    for (uint32_t off = 0, len; off < s->data_len; off += len) {
        len = s->data_len - off;
        const uint8_t *p = slot_data(c, s, off, &len);
        if (!gather_add(g, p, len))
            return false;
    }
    return gather_add(g, s->tail, s->tail_len);
}

int iscsi_tx_fill(struct iscsi_conn *c, struct iovec *iov, int max, size_t max_bytes)
{
    struct tx *tx = &c->tx;
    struct gather g = {.iov = iov, .max = max, .skip = tx->first_sent};
    for (uint32_t i = 0; g.bytes < max_bytes; i++) {
        if (i == tx->count && (tx->count == TX_SLOTS || !make_next(c)))
            break;
        if (!gather_slot(c, slot_at(tx, i), &g))
            break;
    }
    return g.n;
}

static void slot_sent(struct iscsi_conn *c, struct slot *s)
{
    if (s->msg)
        msg_release(c, s->msg);
    if (s->task) {
        s->task->slots--;
        task_release(c, s->task);
    }
}

void iscsi_tx_sent(struct iscsi_conn *c, size_t bytes)
{
    struct tx *tx = &c->tx;
    c->stats.bytes_out += bytes;
    bytes += tx->first_sent;
    while (tx->count > 0) {
        struct slot *s = slot_at(tx, 0);
        size_t whole = (size_t)s->head_len + s->data_len + s->tail_len;
        if (bytes < whole)
            break;
        bytes -= whole;
        tx->first = (tx->first + 1) % TX_SLOTS;
        tx->count--;
        slot_sent(c, s);
    }
    check(tx->count > 0 || bytes == 0);
    tx->first_sent = bytes;
    if (tx->count == 0)
        tx->first = 0; /* stay with the slots that are in the cache */
}

bool iscsi_tx_pending(const struct iscsi_conn *c)
{
    const struct tx *tx = &c->tx;
    return tx->count > 0 || !list_empty(&tx->urgent) || !list_empty(&tx->fifo);
}
