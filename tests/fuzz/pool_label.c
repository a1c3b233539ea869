/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes inside good seals: a label's configuration, and two uberblocks between which a choice is
 * made. What parses comes back unchanged when it is written and read again.
 */
#include "base/check.h"
#include "pool/format/checksum.h"
#include "pool/format/label.h"
#include "pool/format/nv.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OFF 0x40000u

static uint8_t region[LABEL_CONFIG_SIZE], slot[8192];

static void config(const uint8_t *data, size_t size)
{
    const struct cksum verifier = {
        {OFF + LABEL_CONFIG_OFF, 0, 0, 0}
    };
    struct nv *nv, *again;
    memset(region, 0, sizeof(region));
    memcpy(region, data, size);
    check(label_config_parse(region, OFF, &nv, NULL) < 0); /* no seal yet */
    cksum_seal(region, sizeof(region), &verifier);
    if (label_config_parse(region, OFF, &nv, NULL) < 0)
        return;
    if (label_config_seal(nv, 0, region) == 0) {
        check(label_config_parse(region, 0, &again, NULL) == 0);
        nv_free(again);
    }
    nv_free(nv);
}

static bool uberblock(const uint8_t *data, size_t size, unsigned ashift, struct uberblock *ret)
{
    const struct cksum verifier = {
        {OFF, 0, 0, 0}
    };
    struct uberblock again;
    uint32_t len = uberblock_slot_size(ashift);
    memset(slot, 0, sizeof(slot));
    memcpy(slot, data, size);
    cksum_seal(slot, len, &verifier);
    if (!uberblock_parse(slot, len, OFF, ret))
        return false;
    uberblock_seal(ret, ashift, OFF, slot);
    check(uberblock_parse(slot, len, OFF, &again));
    check(memcmp(&again, ret, sizeof(again)) == 0);
    uint32_t at = uberblock_slot_off(ashift, ret->txg);
    check(at >= LABEL_RING_OFF && at % len == 0 && at + len <= LABEL_SIZE);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct uberblock a, b;
    if (size < 1 || size > 900)
        return 0;
    unsigned ashift = 9 + data[0] % 8;
    config(data + 1, size - 1);
    bool first = uberblock(data + 1, (size - 1) / 2, ashift, &a);
    bool second = uberblock(data + 1 + (size - 1) / 2, (size - 1) / 2, ashift, &b);
    if (first && second)
        check(!uberblock_better(&a, &b) || !uberblock_better(&b, &a));
    return 0;
}
