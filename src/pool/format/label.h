/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vdev labels and uberblocks: where their parts lie, how they are sealed (OpenZFS
 * sys/vdev_impl.h, uberblock_impl.h). Pure; vdev/ does the I/O.
 */
#ifndef POOL_FORMAT_LABEL_H
#define POOL_FORMAT_LABEL_H

#include "pool/format/bp.h"

#define LABELS            4u
#define LABEL_CONFIG_OFF  (16u << 10)
#define LABEL_CONFIG_SIZE (112u << 10)
#define LABEL_RING_OFF    (128u << 10)
#define LABEL_RING_SIZE   (128u << 10)

/* Device size as the format sees it, bytes. */
static inline uint64_t label_psize(uint64_t device_size)
{
    return device_size / LABEL_SIZE * LABEL_SIZE;
}
/* Device offset of label l (0..3). */
static inline uint64_t label_off(uint64_t psize, unsigned l)
{
    return l < 2 ? (uint64_t)l * LABEL_SIZE : psize - (uint64_t)(LABELS - l) * LABEL_SIZE;
}

struct nv;
/* Packs and seals a config for the label at label_off. ret has LABEL_CONFIG_SIZE bytes.
 * -E2BIG: the config doesn't fit. */
int label_config_seal(const struct nv *config, uint64_t label_off, uint8_t *ret);
/* Verifies the seal and parses. -EBADMSG. */
int label_config_parse(const uint8_t *bytes, uint64_t label_off, struct nv **ret_config,
                       struct err *reterr);

#define MMP_MAGIC 0xa11cea11u /* with delay 0: nobody need watch for another host */

struct uberblock {
    uint64_t version, txg, guid_sum, timestamp, software_version;
    uint64_t mmp_magic, mmp_delay, mmp_config, checkpoint_txg;
    struct bp rootbp;
};
/* Bytes of one slot of the ring. */
uint32_t uberblock_slot_size(unsigned ashift);
/* Offset in the label of the slot for a txg. */
uint32_t uberblock_slot_off(unsigned ashift, uint64_t txg);
/* Fills and seals a slot of uberblock_slot_size() bytes for the device offset slot_off. */
void uberblock_seal(const struct uberblock *ub, unsigned ashift, uint64_t slot_off,
                    uint8_t *ret);
/* What a slot says, unverified. False: magic or byte order is not ours, or its txg is TXG_END or later. */
bool uberblock_peek(const uint8_t *slot, struct uberblock *ret_ub);
/* The same, and its seal is right. */
bool uberblock_parse(const uint8_t *slot, uint32_t slot_size, uint64_t slot_off,
                     struct uberblock *ret_ub);
/* The choice rule: a is to be preferred to b (txg, timestamp, MMP sequence). */
bool uberblock_better(const struct uberblock *a, const struct uberblock *b);

#endif
