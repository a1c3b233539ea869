/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of the copy manager: a second LU, and parameter lists made piece by piece. */
#ifndef SCSI_COPY_TESTING_H
#define SCSI_COPY_TESTING_H

#include "base/check.h"
#include "scsi/copy.h"
#include "scsi/pr_testing.h"

/* ---- a second LU ------------------------------------------------------------------------- */

struct second {
    struct fix *f;
    uint32_t block;
    struct volume *vol;
    struct scsi_lu *lu;
};

static inline void second_open(void *arg)
{
    struct second *s = arg;
    struct store_params sp = {.name = "second", .id = {{2}}, .block_size = s->block};
    struct scsi_lu_params lp = {.guard.policy = SCSI_CLUSTER};
    struct err err;
    check(store_mem_open(&sp, 32u << 20, false, &s->vol, &err) == 0);
    lp.volume = s->vol;
    check(scsi_identity_load(s->vol, 0, &lp.id) == 0);
    check(scsi_lu_new(&lp, &s->lu, &err) == 0);
}
static inline void second_close(void *arg)
{
    struct second *s = arg;
    scsi_lu_free(s->lu);
    volume_close(s->vol);
}
/* LUN 1 of nexus a, at home on reactor home. */
static inline struct second second_new(struct fix *f, unsigned home, uint32_t block)
{
    struct second s = {.f = f, .block = block};
    call_on(run_reactor(f->run, home), second_open, &s);
    check(scsi_nexus_map(f->a, 1, s.lu, false) == 0);
    struct fix_cmd *c = cmd_new(f, f->a, "00 00 00 00 00 00"); /* takes the power on UA */
    scsi_lun_encode(1, c->t.lun);
    cmd_run(f, c);
    return s;
}
static inline void second_free(struct second *s)
{
    scsi_nexus_unmap(s->f->a, 1, false); /* -ENOENT: a test did it */
    call_on(s->lu->home, second_close, s);
}
static inline struct fix_cmd *on_second(struct fix *f, struct fix_cmd *c)
{
    scsi_lun_encode(1, c->t.lun);
    return cmd_run(f, c);
}

/* ---- parameter lists --------------------------------------------------------------------- */

struct params {
    uint8_t bytes[640];
    size_t cscds, len;
};

static inline void list_begin(struct params *l, uint8_t list_id, unsigned usage)
{
    memset(l, 0, sizeof(*l));
    l->bytes[0] = list_id;
    l->bytes[1] = (uint8_t)(usage << 3);
    l->len = sizeof(struct copy_list);
}
static inline struct copy_cscd *list_cscd(struct params *l, const struct scsi_lu *lu)
{
    struct copy_cscd *d = (void *)(l->bytes + l->len);
    *d = (struct copy_cscd){.type = COPY_CSCD_IDENTIFICATION,
                            .code_set = 1,
                            .designator_type = COPY_DESIGNATOR_NAA,
                            .designator_len = lu->params.id.naa_len,
                            .block_len = be24_make(lu_block(lu))};
    memcpy(d->designator, lu->params.id.naa, lu->params.id.naa_len);
    l->len += sizeof(*d);
    l->cscds += sizeof(*d);
    return d;
}
static inline struct copy_segment_blocks *list_blocks(struct params *l, uint16_t from,
                                                      uint16_t to, uint64_t from_lba,
                                                      uint64_t to_lba, uint16_t nblk)
{
    struct copy_segment_blocks *d = (void *)(l->bytes + l->len);
    *d = (struct copy_segment_blocks){
        .h = {.type = COPY_SEGMENT_BLOCKS,
              .len = be16_make(0x18),
              .source = be16_make(from),
              .destination = be16_make(to)},
        .nblk = be16_make(nblk),
        .source_lba = be64_make(from_lba),
        .destination_lba = be64_make(to_lba)
    };
    l->len += sizeof(*d);
    return d;
}
static inline struct copy_segment_bytes *list_bytes(struct params *l, uint16_t from,
                                                    uint16_t to, uint64_t from_lba,
                                                    uint64_t to_lba, uint32_t n)
{
    struct copy_segment_bytes *d = (void *)(l->bytes + l->len);
    *d = (struct copy_segment_bytes){
        .h = {.type = COPY_SEGMENT_BYTES,
              .len = be16_make(0x1c),
              .source = be16_make(from),
              .destination = be16_make(to)},
        .nbytes = be32_make(n),
        .source_lba = be64_make(from_lba),
        .destination_lba = be64_make(to_lba)
    };
    l->len += sizeof(*d);
    return d;
}
static inline struct fix_cmd *xcopy_new(struct fix *f, struct scsi_nexus *n, struct params *l)
{
    struct copy_list *h = (void *)l->bytes;
    if (be16_get(h->cscds_len) == 0)
        h->cscds_len = be16_make((uint16_t)l->cscds);
    if (be32_get(h->segments_len) == 0)
        h->segments_len = be32_make((uint32_t)(l->len - sizeof(*h) - l->cscds));
    struct fix_cmd *c = cmd_new(f, n, "83 00 0000000000000000 %08zx 00 00", l->len);
    fix_out(c, l->bytes, l->len);
    return c;
}
static inline struct fix_cmd *xcopy(struct fix *f, struct scsi_nexus *n, struct params *l)
{
    return cmd_run(f, xcopy_new(f, n, l));
}
static inline struct fix_cmd *results(struct fix *f, struct scsi_nexus *n,
                                      enum copy_results_sa sa, unsigned list_id)
{
    return cmd_run(f, cmd_new(f, n, "84 %02x %02x 00000000000000 00000400 00 00", sa, list_id));
}

#endif
