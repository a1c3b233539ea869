/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a PDU begins and ends in a stream of bytes, RFC 7143 11.2. */
#ifndef ISCSI_FRAMER_H
#define ISCSI_FRAMER_H

#include "base/util.h"
#include "wire/iscsi.h"

/* A whole PDU inside the caller's bytes. */
struct pdu {
    const uint8_t *bhs; /* ISCSI_BHS_LEN bytes */
    const uint8_t *ahs;
    const uint8_t *data;
    uint32_t ahs_len, data_len; /* bytes, digests and padding excluded */
    size_t total;               /* bytes with everything */
    uint8_t opcode;
    bool immediate;
};

struct frame_rules {
    bool header_digest, data_digest;
    uint32_t max_data; /* bytes in a data segment */
};

enum frame {
    FRAME_MORE, /* not whole yet */
    FRAME_OK,
    FRAME_HEADER_DIGEST, /* nothing in the header can be trusted */
    FRAME_TOO_LONG,      /* the data segment is longer than max_data; bhs is set */
    FRAME_DATA_DIGEST,   /* the PDU is whole, its data is damaged */
};

/* Never waits for a data segment that is too long. *ret_pdu is set on FRAME_OK and
 * FRAME_DATA_DIGEST, its bhs, opcode and immediate on FRAME_TOO_LONG too. */
enum frame frame_parse(const struct frame_rules *rules, const uint8_t *p, size_t len,
                       struct pdu *ret_pdu);

/* CRC32C of RFC 7143 13.1. Begin with CRC_INIT, feed, then store. */
#define CRC_INIT 0xffffffffu
uint32_t crc_feed(uint32_t crc, const uint8_t *p, size_t len);
void crc_store(uint32_t crc, uint8_t ret_bytes[ISCSI_DIGEST_LEN]);

/* Bytes that fill len up to a multiple of four. */
static inline uint32_t pad_len(uint32_t len)
{
    return -len & 3u;
}

#endif
