/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small iSCSI initiator for the simulation: one session with one connection (RFC 7143, error
 * recovery level 0), driven by fibers. It shares with the server nothing but the PDU layouts,
 * and it is a suspicious peer: every number, length and flag that the target sends is checked
 * against what the RFC lets it send (ini_broken()).
 *
 * All of it on the reactor that called ini_login(). What parks says so.
 */
#ifndef TESTS_SIM_INI_H
#define TESTS_SIM_INI_H

#include "run/fiber.h"
#include "run/sock.h"
#include "wire/iscsi.h"

#define INI_SECRET_MAX 32

struct ini_params {
    struct sock_addr addr;
    const char *initiator, *target; /* iSCSI names */
    uint8_t isid[6];
    const char *user, *secret;                 /* NULL: no CHAP */
    const char *reverse_user, *reverse_secret; /* NULL: one-way */
    bool header_digest, data_digest, initial_r2t, immediate_data;
    uint32_t max_recv, max_burst, first_burst; /* bytes */
    uint16_t max_r2t;
    bool rude; /* sends garbage, and looks at nothing that comes */
};

enum ini_end {
    INI_PENDING,
    INI_DONE,    /* a response came: status and the rest are valid */
    INI_ABORTED, /* a task management function ended it */
    INI_LOST,    /* the connection ended first */
};

struct ini_cmd {
    /* By the caller. */
    uint64_t lun;
    uint8_t cdb[16];
    uint8_t attr;       /* RFC 7143 11.3.1.1; 0 is taken as SIMPLE */
    const uint8_t *out; /* at least edtl bytes; borrowed until the end */
    uint8_t *in;        /* at least edtl bytes */
    uint32_t edtl;      /* bytes the PDU announces */
    uint64_t tag;       /* the caller's own */
    bool withhold;      /* R2Ts are not answered: to be aborted */
    /* By the initiator. */
    enum ini_end end;
    uint8_t status;
    uint8_t sense[32];
    uint8_t sense_len;
    uint32_t in_len; /* bytes of data that came */
    uint32_t residual;
    bool overflow, underflow;
    /* Private. */
    struct list node;
    struct waitq q;
    uint32_t itt, cmd_sn, data_sn, r2t_sn, r2ts;
    uint32_t solicited; /* end of what was asked for or sent unasked */
};

struct ini; /* one session */

struct ini_counts {
    uint64_t commands, pdus_in, pdus_out, r2ts, nops_in, asyncs, tmfs;
};

/* Connects and logs in. -ECONNREFUSED and the like; -EACCES: refused by status
 * (*ret_status). Parks. */
int ini_login(const struct ini_params *p, struct ini **ret_ini, uint16_t *ret_status);
/* A polite end; falls back to a rude one. Frees. Parks. */
void ini_logout(struct ini *i);
/* Drops the connection and frees. All commands end INI_LOST. Parks. */
void ini_drop(struct ini *i);
/* Cuts the connection; everything pending ends INI_LOST. To be freed by ini_drop() still. */
void ini_kill(struct ini *i, int err);
bool ini_up(const struct ini *i);
const struct ini_counts *ini_counts(const struct ini *i);

/* Sends the command as soon as the window allows. The command ends by itself: ini_wait().
 * Parks. */
void ini_start(struct ini *i, struct ini_cmd *c);
/* True when it has ended. Parks. */
bool ini_wait(struct ini *i, struct ini_cmd *c, uint64_t deadline);
/* 0 and *ret_response, -ETIMEDOUT, or -ECONNRESET. Ends c (ABORT TASK, when the target says
 * it is over) or, for functions that end more, all that were pending on the LUN. Parks. */
int ini_tmf(struct ini *i, enum iscsi_tmf_function fn, uint64_t lun, struct ini_cmd *c,
            uint8_t *ret_response);
/* NOP-Out ping; the echo is compared. Parks. */
int ini_ping(struct ini *i, uint64_t deadline);

/* Calls the handler that main set when the target breaks the protocol; it does not return. */
extern void (*ini_broken)(const char *fmt, ...) PRINTF_LIKE(1, 2) NO_RETURN;

/* Sends bytes as they are, for those who are rude. */
void ini_raw(struct ini *i, const uint8_t *bytes, size_t len);
/* The number that the next command would have. */
uint32_t ini_next_cmd_sn(const struct ini *i);

/* Flat or peripheral LUN field, as the PDU wants it. */
static inline uint64_t ini_lun(unsigned number)
{
    return (number < 256 ? (uint64_t)number : 0x4000ull | number) << 48;
}

/* Key, code and qualifier of the sense as key << 16 | asc << 8 | ascq; 0 without sense. */
uint32_t ini_sense(const struct ini_cmd *c);
/* The sense's INFORMATION field, fixed format; 0 when it is not valid. */
uint32_t ini_information(const struct ini_cmd *c);

#endif
