/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a stream of PDUs. The first byte chooses digests and the longest data segment. What
 * the framer finds must lie inside the bytes it was shown, and must not depend on how much of what
 * follows has arrived.
 */
#include "base/check.h"
#include "iscsi/framer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const uint8_t *p, size_t len, const struct pdu *pdu,
                         const struct frame_rules *rules)
{
    check_cmp(pdu->total, <=, len);
    check_cmp(pdu->total, >=, (size_t)ISCSI_BHS_LEN);
    check_cmp(pdu->data_len, <=, rules->max_data);
    check_cmp(pdu->ahs_len, <=, (uint32_t)ISCSI_AHS_MAX);
    check(pdu->bhs == p && pdu->ahs == p + ISCSI_BHS_LEN);
    check(pdu->data >= pdu->ahs + pdu->ahs_len);
    check(pdu->data + pdu->data_len <= p + pdu->total);
}

/* The same bytes, cut: whole only when all of the PDU is there. */
static void check_cut(const struct frame_rules *rules, const uint8_t *p, size_t cut,
                      const struct pdu *whole, enum frame result)
{
    struct pdu pdu;
    uint8_t *exact = malloc(cut ? cut : 1);
    check(exact != NULL);
    memcpy(exact, p, cut);
    enum frame f = frame_parse(rules, exact, cut, &pdu);
    if (result == FRAME_OK || result == FRAME_DATA_DIGEST)
        check(f == (cut < whole->total ? FRAME_MORE : result));
    else
        check(f == FRAME_MORE || f == result);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct frame_rules rules = {data[0] & 1, data[0] & 2, 64u << (data[0] >> 4)};
    const uint8_t *p = data + 1;
    size_t len = size - 1;
    for (;;) {
        struct pdu pdu;
        enum frame f = frame_parse(&rules, p, len, &pdu);
        if (f == FRAME_OK || f == FRAME_DATA_DIGEST) {
            check_inside(p, len, &pdu, &rules);
            check_cut(&rules, p, pdu.total - 1, &pdu, f);
            check_cut(&rules, p, pdu.total, &pdu, f);
        }
        check_cut(&rules, p, len / 2, &pdu, f);
        if (f != FRAME_OK)
            return 0;
        p += pdu.total;
        len -= pdu.total;
    }
}
