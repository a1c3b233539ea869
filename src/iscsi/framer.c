/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PDU is a basic header, additional headers, a header digest, data padded to four bytes and
 * a data digest, RFC 7143 11.2. The framer keeps no state: it is shown all bytes that are
 * there and says whether they begin with a whole PDU. The length of the data is judged as soon
 * as the header is known to be sound, so that a peer cannot make the owner wait for, or
 * buffer, more than was offered.
 */
#include "iscsi/framer.h"

#include <isa-l.h>
#include <string.h>

uint32_t crc_feed(uint32_t crc, const uint8_t *p, size_t len)
{
    /* The library only reads, though it does not say const; its length is an int. */
    while (len > 0) {
        size_t part = MIN(len, (size_t)1 << 30);
        crc = crc32_iscsi((unsigned char *)(uintptr_t)p, (int)part, crc);
        p += part;
        len -= part;
    }
    return crc;
}

void crc_store(uint32_t crc, uint8_t ret_bytes[ISCSI_DIGEST_LEN])
{
    le32 wire = le32_make(~crc);
    memcpy(ret_bytes, wire.b, sizeof(wire.b));
}

/* True when the digest that follows p[len] is right. */
static bool digest_ok(const uint8_t *p, size_t len)
{
    uint8_t want[ISCSI_DIGEST_LEN];
    crc_store(crc_feed(CRC_INIT, p, len), want);
    return memcmp(want, p + len, sizeof(want)) == 0;
}

enum frame frame_parse(const struct frame_rules *rules, const uint8_t *p, size_t len,
                       struct pdu *ret_pdu)
{
    if (len < ISCSI_BHS_LEN)
        return FRAME_MORE;
    const struct iscsi_bhs *h = (const struct iscsi_bhs *)(const void *)p;
    size_t head = ISCSI_BHS_LEN + h->ahs_words * 4u;
    size_t head_whole = head + (rules->header_digest ? ISCSI_DIGEST_LEN : 0);
    if (rules->header_digest) {
        if (len < head_whole)
            return FRAME_MORE;
        if (!digest_ok(p, head))
            return FRAME_HEADER_DIGEST;
    }
    uint32_t data_len = be24_get(h->data_len);
    struct pdu pdu = {
        .bhs = p,
        .ahs = p + ISCSI_BHS_LEN,
        .data = p + head_whole,
        .ahs_len = h->ahs_words * 4u,
        .data_len = data_len,
        .opcode = h->opcode & ISCSI_OP_MASK,
        .immediate = (h->opcode & ISCSI_IMMEDIATE) != 0,
    };
    if (data_len > rules->max_data) {
        *ret_pdu = pdu;
        return FRAME_TOO_LONG;
    }
    size_t data_padded = data_len + pad_len(data_len);
    bool digest = rules->data_digest && data_len > 0;
    pdu.total = head_whole + data_padded + (digest ? ISCSI_DIGEST_LEN : 0);
    if (len < pdu.total)
        return FRAME_MORE;
    *ret_pdu = pdu;
    return digest && !digest_ok(pdu.data, data_padded) ? FRAME_DATA_DIGEST : FRAME_OK;
}
