/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PDUs to bytes and back: padding, digests, lengths. The CRC is our own, bit by bit from the
 * polynomial, so that the server's tables are judged by something else.
 */
#include "ini_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DATA (16u << 20)

static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
    while (len--) {
        crc ^= *p++;
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

/* RFC 7143 13.1: of the bytes with their padding, least significant byte first. */
static void digest_put(uint8_t *to, const uint8_t *p, size_t len)
{
    le32 d = le32_make(~crc32c(~0u, p, len));
    memcpy(to, d.b, sizeof(d.b));
}

static bool digest_ok(const uint8_t *p, size_t len)
{
    uint8_t want[ISCSI_DIGEST_LEN];
    digest_put(want, p, len);
    return memcmp(want, p + len, sizeof(want)) == 0;
}

static size_t padded(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

/* ---- sending ----------------------------------------------------------------------------- */

void ini_queue(struct ini *i, const void *bhs, const void *data, size_t len)
{
    bool hd = i->full && i->header_digest, dd = i->full && i->data_digest && len;
    size_t head = ISCSI_BHS_LEN + (hd ? ISCSI_DIGEST_LEN : 0);
    struct ini_pdu *p = calloc(1, sizeof(*p) + head + padded(len) + ISCSI_DIGEST_LEN);
    check(p);
    memcpy(p->bytes, bhs, ISCSI_BHS_LEN);
    struct iscsi_bhs *h = (struct iscsi_bhs *)p->bytes;
    h->data_len = be24_make((uint32_t)len);
    if (hd)
        digest_put(p->bytes + ISCSI_BHS_LEN, p->bytes, ISCSI_BHS_LEN);
    if (len)
        memcpy(p->bytes + head, data, len);
    if (dd)
        digest_put(p->bytes + head + padded(len), p->bytes + head, padded(len));
    p->len = head + padded(len) + (dd ? ISCSI_DIGEST_LEN : 0);
    list_push(&i->txq, &p->node);
    i->n.pdus_out++;
    waitq_wake_one(&i->tx);
}

void ini_raw(struct ini *i, const uint8_t *bytes, size_t len)
{
    struct ini_pdu *p = malloc(sizeof(*p) + len);
    check(p);
    memcpy(p->bytes, bytes, len);
    p->len = len;
    list_push(&i->txq, &p->node);
    waitq_wake_one(&i->tx);
}

int ini_send_all(struct ini *i)
{
    struct list *n;
    while ((n = list_pop(&i->txq))) {
        struct ini_pdu *p = list_entry(n, struct ini_pdu, node);
        int r = i->broken ? i->broken : sock_send(i->sock, p->bytes, p->len, NO_DEADLINE, NULL);
        free(p);
        if (r < 0) {
            ini_break(i, r);
            return r;
        }
    }
    return i->broken;
}

/* ---- receiving --------------------------------------------------------------------------- */

static int need(struct ini *i, size_t len, uint64_t deadline)
{
    if (len > i->rx_cap) {
        i->rx_cap = len * 2;
        i->rx = realloc(i->rx, i->rx_cap);
        check(i->rx);
    }
    while (i->rx_len < len) {
        ssize_t n =
            sock_recv(i->sock, i->rx + i->rx_len, i->rx_cap - i->rx_len, deadline, NULL);
        if (n <= 0)
            return n < 0 ? (int)n : -ECONNRESET;
        i->rx_len += (size_t)n;
    }
    return 0;
}

/* Forgets the PDU before. */
static void consume(struct ini *i)
{
    memmove(i->rx, i->rx + i->rx_used, i->rx_len - i->rx_used);
    i->rx_len -= i->rx_used;
    i->rx_used = 0;
}

int ini_read(struct ini *i, struct ini_in *ret_in, uint64_t deadline)
{
    bool hd = i->full && i->header_digest;
    if (i->rx_used)
        consume(i);
    size_t head = ISCSI_BHS_LEN + (hd ? ISCSI_DIGEST_LEN : 0);
    int r = need(i, head, deadline);
    if (r < 0)
        return r;
    memcpy(&ret_in->h, i->rx, ISCSI_BHS_LEN);
    if (ret_in->h.bhs.ahs_words)
        ini_broken("a PDU of the target has an AHS");
    if (hd && !digest_ok(i->rx, ISCSI_BHS_LEN))
        ini_broken("header digest is wrong, opcode %02x", ret_in->h.bhs.opcode);
    ret_in->len = be24_get(ret_in->h.bhs.data_len);
    if (ret_in->len > i->p.max_recv)
        ini_broken("data segment of %u bytes, we take %u", ret_in->len, i->p.max_recv);
    bool dd = i->full && i->data_digest && ret_in->len;
    size_t all = head + padded(ret_in->len) + (dd ? ISCSI_DIGEST_LEN : 0);
    r = need(i, all, deadline);
    if (r < 0)
        return r;
    if (dd && !digest_ok(i->rx + head, padded(ret_in->len)))
        ini_broken("data digest is wrong, opcode %02x", ret_in->h.bhs.opcode);
    ret_in->data = i->rx + head;
    i->rx_used = all;
    i->n.pdus_in++;
    return 0;
}
