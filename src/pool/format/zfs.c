/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Object types. The old ones are numbers below 54, all metadata but five; the new-style ones say
 * by their bits what they are: 0x80, 0x40 metadata, 0x20 encrypted with its dataset, and in the
 * low five bits how their words are swapped (OpenZFS sys/dmu.h).
 */
#include "pool/format/zfs.h"

#define NTYPES        54u /* old-style */
#define NSWAPS        10u
#define TYPE_NEW      0x80u
#define TYPE_METADATA 0x40u
#define TYPE_SWAP     0x1fu

bool dmu_type_valid(unsigned type)
{
    if (type & TYPE_NEW)
        return type <= 0xff && (type & TYPE_SWAP) < NSWAPS;
    return type < NTYPES;
}

bool dmu_type_is_metadata(unsigned type)
{
    static const uint64_t data = 1ull << DMU_PLAIN_FILE_CONTENTS | 1ull << DMU_ZVOL |
                                 1ull << 25 /* other u8[] */ | 1ull << 26 /* other u64[] */ |
                                 1ull << 49 /* deduplicated block */;
    if (type & TYPE_NEW)
        return type & TYPE_METADATA;
    return type < NTYPES && !(data >> type & 1);
}
