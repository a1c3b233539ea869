/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a label holds: a configuration (a name-value list at the start of its 112 KiB) and a ring
 * of uberblocks. Both are sealed with their own offset on the device, so that the same bytes read
 * from elsewhere, a stale copy or a moved partition, are no label.
 */
#include "pool/format/label.h"

#include "pool/format/checksum.h"
#include "pool/format/nv.h"

#include "base/check.h"
#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

#define UBERBLOCK_MAGIC    0x00bab10cu
#define MMP_SEQUENCE_VALID 2u
#define MMP_SEQUENCE_SHIFT 32u
#define SLOT_SHIFT_MIN     10u
#define SLOT_SHIFT_MAX     13u

/* As it lies in its slot; the rest up to the trailer is zero. */
struct uberblock_phys {
    le64 magic, version, txg, guid_sum, timestamp;
    struct bp rootbp;
    le64 software_version;
    le64 mmp_magic, mmp_delay, mmp_config, checkpoint_txg;
};
static_assert(sizeof(struct uberblock_phys) == 208, "uberblock_t");
static_assert(offsetof(struct uberblock_phys, software_version) == 168, "uberblock_t");

static struct cksum verifier(uint64_t device_off)
{
    return (struct cksum){
        {device_off, 0, 0, 0}
    };
}

/* ---- the configuration ---------------------------------------------------------------------- */

int label_config_seal(const struct nv *config, uint64_t label_off, uint8_t *ret)
{
    struct cksum v = verifier(label_off + LABEL_CONFIG_OFF);
    CLEANUP(freep) uint8_t *packed = NULL;
    size_t len;
    int r = nv_pack(config, &packed, &len);
    if (r < 0)
        return r;
    if (len > LABEL_CONFIG_SIZE - EMBEDDED_CKSUM_SIZE)
        return E(-E2BIG);
    memcpy(ret, packed, len);
    memset(ret + len, 0, LABEL_CONFIG_SIZE - len);
    cksum_seal(ret, LABEL_CONFIG_SIZE, &v);
    return 0;
}

int label_config_parse(const uint8_t *bytes, uint64_t label_off, struct nv **ret_config,
                       struct err *reterr)
{
    struct cksum v = verifier(label_off + LABEL_CONFIG_OFF);
    if (!cksum_sealed(bytes, LABEL_CONFIG_SIZE, &v))
        return err_set(reterr, E(-EBADMSG), "no label, or a damaged one");
    return nv_parse(bytes, LABEL_CONFIG_SIZE - EMBEDDED_CKSUM_SIZE, ret_config, reterr);
}

/* ---- uberblocks ----------------------------------------------------------------------------- */

uint32_t uberblock_slot_size(unsigned ashift)
{
    return 1u << MIN(MAX(ashift, SLOT_SHIFT_MIN), SLOT_SHIFT_MAX);
}

uint32_t uberblock_slot_off(unsigned ashift, uint64_t txg)
{
    uint32_t size = uberblock_slot_size(ashift);
    return LABEL_RING_OFF + (uint32_t)(txg % (LABEL_RING_SIZE / size)) * size;
}

void uberblock_seal(const struct uberblock *ub, unsigned ashift, uint64_t slot_off,
                    uint8_t *ret)
{
    struct uberblock_phys phys = {
        .magic = le64_make(UBERBLOCK_MAGIC),
        .version = le64_make(ub->version),
        .txg = le64_make(ub->txg),
        .guid_sum = le64_make(ub->guid_sum),
        .timestamp = le64_make(ub->timestamp),
        .rootbp = ub->rootbp,
        .software_version = le64_make(ub->software_version),
        .mmp_magic = le64_make(ub->mmp_magic),
        .mmp_delay = le64_make(ub->mmp_delay),
        .mmp_config = le64_make(ub->mmp_config),
        .checkpoint_txg = le64_make(ub->checkpoint_txg),
    };
    uint32_t size = uberblock_slot_size(ashift);
    struct cksum v = verifier(slot_off);
    memcpy(ret, &phys, sizeof(phys));
    memset(ret + sizeof(phys), 0, size - sizeof(phys));
    cksum_seal(ret, size, &v);
}

bool uberblock_peek(const uint8_t *slot, struct uberblock *ret_ub)
{
    struct uberblock_phys phys;
    memcpy(&phys, slot, sizeof(phys));
    if (le64_get(phys.magic) != UBERBLOCK_MAGIC || le64_get(phys.txg) >= TXG_END)
        return false;
    *ret_ub = (struct uberblock){
        .version = le64_get(phys.version),
        .txg = le64_get(phys.txg),
        .guid_sum = le64_get(phys.guid_sum),
        .timestamp = le64_get(phys.timestamp),
        .software_version = le64_get(phys.software_version),
        .mmp_magic = le64_get(phys.mmp_magic),
        .mmp_delay = le64_get(phys.mmp_delay),
        .mmp_config = le64_get(phys.mmp_config),
        .checkpoint_txg = le64_get(phys.checkpoint_txg),
        .rootbp = phys.rootbp,
    };
    return true;
}

bool uberblock_parse(const uint8_t *slot, uint32_t slot_size, uint64_t slot_off,
                     struct uberblock *ret_ub)
{
    struct uberblock ub;
    struct cksum v = verifier(slot_off);
    check_cmp(slot_size, >=, sizeof(struct uberblock_phys) + EMBEDDED_CKSUM_SIZE);
    if (!uberblock_peek(slot, &ub) || !cksum_sealed(slot, slot_size, &v))
        return false;
    *ret_ub = ub;
    return true;
}

static uint64_t mmp_sequence(const struct uberblock *ub)
{
    if (ub->mmp_magic != MMP_MAGIC || !(ub->mmp_config & MMP_SEQUENCE_VALID))
        return 0;
    return ub->mmp_config >> MMP_SEQUENCE_SHIFT & 0xffff;
}

bool uberblock_better(const struct uberblock *a, const struct uberblock *b)
{
    if (a->txg != b->txg)
        return a->txg > b->txg;
    if (a->timestamp != b->timestamp)
        return a->timestamp > b->timestamp;
    return mmp_sequence(a) > mmp_sequence(b);
}
