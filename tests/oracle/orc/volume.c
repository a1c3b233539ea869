/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a volume: its log is replayed first, as the kernel does when it makes the device. */
#include "orc.h"
#include "zfs.h"

static char holder; /* its address names us */

static void replay_bytes(objset_t *os, uint64_t off, uint64_t len, const void *data)
{
    dmu_tx_t *tx = dmu_tx_create(os);
    dmu_tx_hold_write(tx, VOLUME_DATA, off, len);
    must(dmu_tx_assign(tx, TXG_WAIT), "replay", "a write");
    dmu_write(os, VOLUME_DATA, off, len, data, tx);
    (void)zil_replaying(dmu_objset_zil(os), tx);
    dmu_tx_commit(tx);
}

/* A record without data after it is an indirect one: what follows it in memory is the whole block, read by
 * zil_replay(). */
static int replay_write(void *arg, void *record, boolean_t swap)
{
    const lr_write_t *lr = record;
    uint64_t off = lr->lr_offset, len = lr->lr_length;
    if (lr->lr_common.lrc_reclen == sizeof(*lr)) {
        const uint64_t block = BP_GET_LSIZE(&lr->lr_blkptr);
        if (len < block) {
            off -= off % block;
            len = block;
        }
    }
    replay_bytes(arg, off, len, lr + 1);
    return 0;
}

static int replay_truncate(void *arg, void *record, boolean_t swap)
{
    const lr_truncate_t *lr = record;
    objset_t *os = arg;
    dmu_tx_t *tx = dmu_tx_create(os);
    must(dmu_tx_assign(tx, TXG_WAIT), "replay", "a discard");
    (void)zil_replaying(dmu_objset_zil(os), tx);
    dmu_tx_commit(tx);
    return dmu_free_long_range(os, VOLUME_DATA, lr->lr_offset, lr->lr_length);
}

static int replay_refuse(void *arg, void *record, boolean_t swap)
{
    return ENOTSUP;
}

objset_t *volume_open(const struct orc *o, const char *name, bool readonly)
{
    zil_replay_func_t *replay[TX_MAX_TYPE];
    objset_t *os;
    for (int i = 0; i < TX_MAX_TYPE; i++)
        replay[i] = replay_refuse;
    replay[TX_WRITE] = replay_write;
    replay[TX_TRUNCATE] = replay_truncate;
    must(dmu_objset_own(full_name(o, name), DMU_OST_ZVOL, readonly, B_TRUE, &holder, &os),
         "open", name);
    if (!readonly)
        zil_replay(os, os, replay);
    return os;
}

void volume_close(objset_t *os)
{
    dmu_objset_disown(os, B_TRUE, &holder);
}

uint64_t volume_size(objset_t *os)
{
    uint64_t size;
    must(zap_lookup(os, VOLUME_PROP, "size", 8, 1, &size), "look up", "size");
    return size;
}

uint64_t volume_block(objset_t *os)
{
    dmu_object_info_t info;
    must(dmu_object_info(os, VOLUME_DATA, &info), "look at", "the volume's data");
    return info.doi_data_block_size;
}
