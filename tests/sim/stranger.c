/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Visitors who mean no good: they connect and say nothing, half a login or noise; they try
 * wrong secrets and names; or they have a target of their own and, logged in there, send PDUs
 * out of thin air. None of this may disturb anybody else, which the others' judges see, and
 * whoever should be refused is.
 */
#include "story.h"

#include "base/check.h"
#include "base/endian.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOISE_MAX 1500u
/* Not where the others are, or the strangers' failures would hold those back, too. */
#define ELSEWHERE "127.0.0.66"

static void noise_fill(struct story *st, uint8_t *bytes, size_t len)
{
    sim_rand_bytes(&st->rand, bytes, len);
}

/* ---- without a login --------------------------------------------------------------------- */

/* A header that begins a login but promises more text than will come. */
static void half_login(uint8_t bhs[ISCSI_BHS_LEN])
{
    struct iscsi_login_req h = {
        .opcode = ISCSI_OP_LOGIN_REQ | ISCSI_IMMEDIATE,
        .flags = ISCSI_LOGIN_TRANSIT | ISCSI_STAGE_OPERATIONAL,
        .data_len = be24_make(500),
        .isid = {0x80, 6, 6, 6},
    };
    memcpy(bhs, &h, sizeof(h));
}

static void knock(struct story *st)
{
    const struct sock_addr addr = {"127.0.0.1:3260"};
    uint8_t bytes[NOISE_MAX];
    struct sock *s;
    size_t len = (size_t)draw(st, NOISE_MAX);
    sim_next_source(st->run, ELSEWHERE);
    if (sock_connect(&addr, run_deadline_ms(3000), NULL, &s, NULL) < 0)
        return;
    noise_fill(st, bytes, sizeof(bytes));
    if (one_in(st, 2))
        half_login(bytes);
    sock_send(s, bytes, len, run_deadline_ms(1000), NULL);
    nap(st, 50 * NS_PER_MS);
    sock_close(s);
}

/* ---- who must be refused ----------------------------------------------------------------- */

static struct ini_params claim(const char *initiator, const char *target)
{
    return (struct ini_params){
        .addr = {"127.0.0.1:3260"},
        .initiator = initiator,
        .target = target,
        .isid = { 0x80, 9, 9, 9, 9, 9},
        .max_recv = 8192,
        .max_burst = 16384,
        .first_burst = 16384,
        .max_r2t = 1,
    };
}

static void impostor(struct story *st)
{
    const char *target = story_target_name((unsigned)draw(st, TARGETS + 1));
    struct ini_params p = claim("iqn.2026-01.test:nobody", target);
    struct ini *i;
    uint16_t status;
    if (st->chap && one_in(st, 2)) {
        p.initiator = "iqn.2026-01.test:initiator-0"; /* somebody, but without the secret */
        p.user = st->credentials[0].user;
        p.secret = "guess what, guess who";
    }
    sim_next_source(st->run, ELSEWHERE);
    int r = ini_login(&p, &i, &status);
    if (r == 0)
        story_fail("%s was let into %s without a secret", p.initiator, target);
    if (r == -EACCES && status >> 8 == 3)
        return; /* no room for anybody */
    if (r == -EACCES && status != ISCSI_LOGIN_AUTH_FAILED)
        story_fail("%s was refused with %04x: that tells a stranger too much", p.initiator,
                   status);
    st->n.strangers_refused += r == -EACCES;
}

/* ---- logged in, and rude ----------------------------------------------------------------- */

/* Half plausible: an opcode there is, a number that is due, a LUN that is there. */
static size_t make_pdu(struct story *st, const struct ini *i, uint8_t bytes[NOISE_MAX])
{
    static const uint8_t ops[] = {ISCSI_OP_NOP_OUT,   ISCSI_OP_SCSI_CMD, ISCSI_OP_TMF_REQ,
                                  ISCSI_OP_LOGIN_REQ, ISCSI_OP_TEXT_REQ, ISCSI_OP_DATA_OUT,
                                  ISCSI_OP_SNACK,     ISCSI_OP_NOP_IN,   0x3e};
    uint32_t len = (uint32_t)draw(st, 200);
    noise_fill(st, bytes, NOISE_MAX);
    struct iscsi_bhs *h = (struct iscsi_bhs *)bytes;
    h->opcode = ops[draw(st, ARRAY_LEN(ops))];
    h->opcode |= one_in(st, 3) ? ISCSI_IMMEDIATE : 0;
    h->ahs_words = one_in(st, 8) ? (uint8_t)draw(st, 8) : 0;
    h->data_len = be24_make(len);
    h->lun = be64_make(ini_lun((unsigned)draw(st, 3)));
    h->cmd_sn = be32_make(ini_next_cmd_sn(i) + (uint32_t)draw(st, 3));
    if (!one_in(st, 4))
        store_be32(bytes + 20, (uint32_t)draw(st, 4096)); /* an expected length, mostly */
    return ISCSI_BHS_LEN + h->ahs_words * 4u + (len + 3) / 4 * 4;
}

static void vandal(struct story *st)
{
    struct ini_params p = claim("iqn.2026-01.test:initiator-6", story_target_name(TARGETS));
    uint8_t bytes[NOISE_MAX];
    struct ini *i;
    uint16_t status;
    p.rude = true;
    if (st->chap) {
        const struct credentials *k = &st->credentials[STRANGER];
        p.user = k->user;
        p.secret = k->secret;
        p.reverse_user = k->reverse_user;
        p.reverse_secret = k->reverse_secret;
    }
    sim_next_source(st->run, ELSEWHERE);
    if (ini_login(&p, &i, &status) < 0)
        return;
    for (uint64_t n = 1 + draw(st, 8); n && ini_up(i); n--) {
        ini_raw(i, bytes, make_pdu(st, i, bytes));
        nap(st, 3 * NS_PER_MS);
    }
    nap(st, 20 * NS_PER_MS);
    ini_drop(i);
}

void stranger_visit(struct story *st)
{
    static void (*const kinds[])(struct story *) = {knock, impostor, vandal};
    st->n.strangers++;
    kinds[draw(st, ARRAY_LEN(kinds))](st);
}
