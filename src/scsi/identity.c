/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a LU is. An initiator knows a LU by its NAA alone, whatever path, name or machine it
 * comes through: VMFS refuses a LU whose NAA changed, and a multipath driver merges two that
 * share one. So it is drawn from randomness once, at the volume's first use, stored with the
 * volume before anybody sees it, and never computed again. Parks.
 */
#include "scsi/scsi_int.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>

#define ATTR_NAA    "scsi.naa"
#define ATTR_SERIAL "scsi.serial"

#define NAA_LOCAL      3 /* SPC-4 7.8.6.6.4: locally assigned, 8 bytes */
#define NAA_REGISTERED 6 /* IEEE registered extended, 16 bytes with an OUI */
#define NAA_SHORT      8
#define NAA_LONG       16

static void mint(uint32_t oui, struct scsi_identity *id)
{
    id->naa_len = oui == 0 ? NAA_SHORT : NAA_LONG;
    run_random(id->naa, id->naa_len);
    if (oui == 0) {
        id->naa[0] = (uint8_t)(NAA_LOCAL << 4 | (id->naa[0] & 0x0f));
    } else {
        id->naa[0] = (uint8_t)(NAA_REGISTERED << 4 | (oui >> 20 & 0x0f));
        id->naa[1] = (uint8_t)(oui >> 12);
        id->naa[2] = (uint8_t)(oui >> 4);
        id->naa[3] = (uint8_t)((oui & 0x0f) << 4 | (id->naa[3] & 0x0f));
    }
    hex_encode(id->naa, id->naa_len, id->serial);
}

static bool parse(const char *naa, const char *serial, struct scsi_identity *id)
{
    size_t len = strlen(naa);
    if (len != 2 * NAA_SHORT && len != 2 * NAA_LONG)
        return false;
    id->naa_len = (uint8_t)(len / 2);
    return hex_decode(naa, len, id->naa) && serial[0] != '\0' &&
           text_copy(id->serial, sizeof(id->serial), serial);
}

static int store(struct volume *v, const struct scsi_identity *id)
{
    char naa[2 * NAA_LONG + 1];
    hex_encode(id->naa, id->naa_len, naa);
    /* The NAA last: without it the identity counts as not minted. */
    int rc = volume_set_attr(v, ATTR_SERIAL, id->serial);
    return rc < 0 ? rc : volume_set_attr(v, ATTR_NAA, naa);
}

int scsi_identity_load(struct volume *v, uint32_t oui, struct scsi_identity *ret_id)
{
    struct scsi_identity id = {
        .vendor = SCSI_VENDOR, .product = SCSI_PRODUCT, .revision = SCSI_REVISION};
    CLEANUP(freep) char *naa = NULL;
    CLEANUP(freep) char *serial = NULL;
    int rc = volume_get_attr(v, ATTR_NAA, &naa);
    if (rc == 0)
        rc = volume_get_attr(v, ATTR_SERIAL, &serial);
    if (rc < 0)
        return rc;
    if (naa && serial) {
        if (!parse(naa, serial, &id))
            return E(-EINVAL);
    } else {
        mint(oui, &id);
        rc = store(v, &id);
        if (rc < 0)
            return rc;
    }
    *ret_id = id;
    return 0;
}
