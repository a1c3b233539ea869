/* SPDX-License-Identifier: BSD-2-Clause */
/* The command window, RFC 7143 4.2.2.1. */
#ifndef ISCSI_SESSION_H
#define ISCSI_SESSION_H

#include "iscsi/framer.h"
#include "iscsi/iscsi.h"

#define HELD_PDUS 8   /* requests other than commands that wait for a gap to close */
#define HELD_DATA 512 /* bytes of data of each */

/* A request that came before its turn. */
struct held_pdu {
    struct list link; /* by CmdSN */
    bool busy;
    uint32_t cmd_sn;
    uint32_t data_len;
    uint8_t bhs[ISCSI_BHS_LEN];
    uint8_t data[HELD_DATA];
};

struct window {
    uint32_t exp_cmd_sn, max_cmd_sn;
    uint32_t size;                        /* commands that may be outstanding */
    uint32_t outstanding;                 /* numbered commands whose response is not made */
    uint64_t seen[ISCSI_MAX_WINDOW / 64]; /* CmdSNs behind a gap that have come */
    struct list held_tasks, held_pdus;    /* by CmdSN */
    struct held_pdu pool[HELD_PDUS];
};

enum window_place {
    WIN_NEXT, /* its turn; ExpCmdSN has moved past it */
    WIN_HELD, /* inside the window, before its turn */
    WIN_DROP, /* outside [ExpCmdSN, MaxCmdSN], or here already: silently ignored */
};

void window_init(struct window *w, uint32_t cmd_sn, uint32_t size);
/* Takes note of a numbered request. */
enum window_place window_admit(struct window *w, uint32_t cmd_sn);
/* Counts a number as received though its request never came (ABORT TASK of it, 11.6.1). True:
 * it was inside the window and had not come. */
bool window_skip(struct window *w, uint32_t cmd_sn);
/* MaxCmdSN for the next PDU: never moves back. */
uint32_t window_max(struct window *w);

/* Keeps a command, or another request (false: there is no room for it). */
void window_hold_task(struct window *w, struct iscsi_task *t);
bool window_hold_pdu(struct window *w, const struct pdu *pdu, uint32_t cmd_sn);
/* The first held request whose turn it is: one of the two is set and off its list. Both NULL:
 * none. */
struct window_due {
    struct iscsi_task *task;
    struct held_pdu *pdu; /* the caller clears busy when it is through */
} window_due(struct window *w);

/* True when window_due() would give one. */
bool window_is_due(const struct window *w);

#endif
