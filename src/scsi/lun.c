/* SPDX-License-Identifier: BSD-2-Clause */
/* The eight-byte LUN field (SAM-5 4.7). Pure. */
#include "scsi/scsi_int.h"

#define METHOD_MASK       0xc0
#define METHOD_PERIPHERAL 0x00 /* bus 0, number in the second byte */
#define METHOD_FLAT       0x40 /* 14 bits of number */
#define PERIPHERAL_MAX    255

bool scsi_lun_decode(const uint8_t lun[8], uint16_t *ret_number)
{
    for (int i = 2; i < 8; i++)
        if (lun[i] != 0) /* a second level: there is none behind us */
            return false;
    switch (lun[0] & METHOD_MASK) {
    case METHOD_PERIPHERAL:
        if (lun[0] != 0) /* a bus other than 0 */
            return false;
        *ret_number = lun[1];
        return true;
    case METHOD_FLAT:
        *ret_number = load_be16(lun) & SCSI_MAX_LUN;
        return true;
    default:
        return false;
    }
}

void scsi_lun_encode(uint16_t number, uint8_t ret_lun[8])
{
    memset(ret_lun, 0, 8);
    store_be16(ret_lun,
               number > PERIPHERAL_MAX ? (uint16_t)(METHOD_FLAT << 8 | number) : number);
}
