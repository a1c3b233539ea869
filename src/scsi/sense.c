/* SPDX-License-Identifier: BSD-2-Clause */
/* Sense data in both formats (SPC-4 4.5). Pure. */
#include "scsi/scsi_int.h"
#include "wire/scsi_sense.h"

#define INFO_MAX_FIXED UINT32_MAX

static void key_specific(const struct sense *s, uint8_t ret_sks[3])
{
    memset(ret_sks, 0, 3);
    if (s->sks == SKS_NONE)
        return;
    ret_sks[0] = SKS_VALID;
    if (s->sks == SKS_CDB)
        ret_sks[0] |= SKS_FIELD_CDB;
    if (s->sks == SKS_SEGMENT)
        ret_sks[0] |= SKS_SEGMENT_BIT;
    if (s->sks != SKS_PROGRESS && s->sks_bit >= 0)
        ret_sks[0] |= (uint8_t)(SKS_BIT_VALID | s->sks_bit);
    store_be16(ret_sks + 1, s->sks_field);
}

/* SPC-4, errors detected during processing of segment descriptors: where the status byte and the
 * sense data of the source or of the destination begin, and the segment. */
static void forward_fixed(const struct sense_forwarded *d, struct scsi_sense_fixed *f)
{
    f->additional_len = (uint8_t)(f->additional_len + 1 + d->len);
    f->command_specific =
        be32_make((uint32_t)sizeof(*f) << (d->destination ? 16 : 24) | d->segment);
}

static void encode_fixed(const struct sense *s, struct wbuf *w)
{
    struct scsi_sense_fixed f = {
        .response = SENSE_FIXED_CURRENT,
        .key = s->key,
        .additional_len = sizeof(f) - 8,
        .asc = s->asc,
        .ascq = s->ascq,
    };
    if (s->has_info && s->info <= INFO_MAX_FIXED) {
        f.response |= SENSE_INFO_VALID;
        f.information = be32_make((uint32_t)s->info);
    }
    key_specific(s, f.key_specific);
    if (s->forwarded)
        forward_fixed(s->forwarded, &f);
    wb_bytes(w, &f, sizeof(f));
    if (s->forwarded) {
        wb_bytes(w, &s->forwarded->status, 1);
        wb_bytes(w, s->forwarded->sense, s->forwarded->len);
    }
}

static void encode_descriptors(const struct sense *s, struct wbuf *w)
{
    struct scsi_sense_header h = {
        .response = SENSE_DESCRIPTOR_CURRENT,
        .key = s->key,
        .asc = s->asc,
        .ascq = s->ascq,
    };
    struct scsi_sense_information info = {
        .type = 0x00,
        .additional_len = sizeof(info) - 2,
        .valid = 0x80,
        .information = be64_make(s->info),
    };
    struct scsi_sense_key_specific sks = {.type = 0x02, .additional_len = sizeof(sks) - 2};
    const struct sense_forwarded *d = s->forwarded;
    struct scsi_sense_forwarded fwd = {.type = 0x0c};
    h.additional_len =
        (uint8_t)((s->has_info ? sizeof(info) : 0) + (s->sks != SKS_NONE ? sizeof(sks) : 0) +
                  (d ? sizeof(fwd) + d->len : 0));
    wb_bytes(w, &h, sizeof(h));
    if (s->has_info)
        wb_bytes(w, &info, sizeof(info));
    if (s->sks != SKS_NONE) {
        key_specific(s, sks.key_specific);
        wb_bytes(w, &sks, sizeof(sks));
    }
    if (d) {
        fwd.additional_len = (uint8_t)(2 + d->len);
        fwd.source = d->destination ? SENSE_FROM_COPY_DESTINATION : SENSE_FROM_COPY_SOURCE;
        fwd.status = d->status;
        wb_bytes(w, &fwd, sizeof(fwd));
        wb_bytes(w, d->sense, d->len);
    }
}

size_t sense_encode(const struct sense *s, bool descriptor, uint8_t *ret_bytes, size_t cap)
{
    struct wbuf w = wbuf_make(ret_bytes, cap);
    if (descriptor)
        encode_descriptors(s, &w);
    else
        encode_fixed(s, &w);
    return wb_stored(&w);
}
