/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests are numbered by the initiator and must take effect in that order, RFC 7143 4.2.2.1.
 * Over one TCP connection they come in order, but a gap is legal, so what comes behind it is
 * held: commands in a list of their own tasks, other requests in a few places here. ExpCmdSN
 * moves past each number that came, and MaxCmdSN says how many more we are ready for: as many
 * as the window has, less those still outstanding. It never moves back, so a window is
 * narrowed by not advancing it.
 *
 * Invariant: exp_cmd_sn - 1 <= max_cmd_sn < exp_cmd_sn + ISCSI_MAX_WINDOW, so a bit of seen
 * stands for one number.
 */
#include "iscsi/session.h"

#include <string.h>

void window_init(struct window *w, uint32_t cmd_sn, uint32_t size)
{
    w->exp_cmd_sn = cmd_sn;
    w->size = size;
    w->max_cmd_sn = cmd_sn + size - 1;
    w->outstanding = 0;
    memset(w->seen, 0, sizeof(w->seen));
    list_init(&w->held_tasks);
    list_init(&w->held_pdus);
    for (unsigned i = 0; i < HELD_PDUS; i++)
        w->pool[i].busy = false;
}

static uint64_t *seen_word(struct window *w, uint32_t cmd_sn)
{
    return &w->seen[cmd_sn % ISCSI_MAX_WINDOW / 64];
}

static uint64_t seen_bit(uint32_t cmd_sn)
{
    return (uint64_t)1 << cmd_sn % 64;
}

/* Moves ExpCmdSN past itself and all behind it that have come. */
static void advance(struct window *w)
{
    for (w->exp_cmd_sn++; *seen_word(w, w->exp_cmd_sn) & seen_bit(w->exp_cmd_sn);
         w->exp_cmd_sn++)
        *seen_word(w, w->exp_cmd_sn) &= ~seen_bit(w->exp_cmd_sn);
}

enum window_place window_admit(struct window *w, uint32_t cmd_sn)
{
    if (sn_lt(cmd_sn, w->exp_cmd_sn) || sn_lt(w->max_cmd_sn, cmd_sn))
        return WIN_DROP;
    if (cmd_sn == w->exp_cmd_sn) {
        advance(w);
        return WIN_NEXT;
    }
    if (*seen_word(w, cmd_sn) & seen_bit(cmd_sn))
        return WIN_DROP;
    *seen_word(w, cmd_sn) |= seen_bit(cmd_sn);
    return WIN_HELD;
}

bool window_skip(struct window *w, uint32_t cmd_sn)
{
    return window_admit(w, cmd_sn) != WIN_DROP;
}

uint32_t window_max(struct window *w)
{
    uint32_t room = w->size > w->outstanding ? w->size - w->outstanding : 0;
    uint32_t max = w->exp_cmd_sn + room - 1;
    if (sn_lt(w->max_cmd_sn, max))
        w->max_cmd_sn = max;
    return w->max_cmd_sn;
}

void window_hold_task(struct window *w, struct iscsi_task *t)
{
    struct iscsi_task *at;
    list_for_each (at, &w->held_tasks, held)
        if (sn_lt(t->cmd_sn, at->cmd_sn))
            break;
    list_insert_before(&at->held, &t->held);
}

bool window_hold_pdu(struct window *w, const struct pdu *pdu, uint32_t cmd_sn)
{
    struct held_pdu *h = w->pool, *at;
    while (h < w->pool + HELD_PDUS && h->busy)
        h++;
    if (h == w->pool + HELD_PDUS || pdu->data_len > HELD_DATA)
        return false;
    h->busy = true;
    h->cmd_sn = cmd_sn;
    h->data_len = pdu->data_len;
    memcpy(h->bhs, pdu->bhs, ISCSI_BHS_LEN);
    memcpy(h->data, pdu->data, pdu->data_len);
    list_for_each (at, &w->held_pdus, link)
        if (sn_lt(cmd_sn, at->cmd_sn))
            break;
    list_insert_before(&at->link, &h->link);
    return true;
}

static struct iscsi_task *first_task(const struct window *w)
{
    struct iscsi_task *t = list_first(&w->held_tasks, struct iscsi_task, held);
    return t && sn_lt(t->cmd_sn, w->exp_cmd_sn) ? t : NULL;
}

static struct held_pdu *first_pdu(const struct window *w)
{
    struct held_pdu *h = list_first(&w->held_pdus, struct held_pdu, link);
    return h && sn_lt(h->cmd_sn, w->exp_cmd_sn) ? h : NULL;
}

bool window_is_due(const struct window *w)
{
    return first_task(w) || first_pdu(w);
}

struct window_due window_due(struct window *w)
{
    struct iscsi_task *t = first_task(w);
    struct held_pdu *h = first_pdu(w);
    if (h && (!t || sn_lt(h->cmd_sn, t->cmd_sn))) {
        list_remove(&h->link);
        return (struct window_due){.pdu = h};
    }
    if (t)
        list_remove(&t->held);
    return (struct window_due){.task = t};
}
