/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parameter list of EXTENDED COPY(LID1) (SPC-4) as a plan. The list is checked whole before
 * a block moves: lengths, numbers and kinds of descriptors. What can be known only at a LU
 * (does it exist, how large is it) is copy_run.c's. Copy sources and destinations are named by
 * NAA, the one designator of ours that fits into a descriptor. Pure.
 */
#include "scsi/copy.h"

#include <string.h>

#define ASC_LENGTH_ERROR        0x1a00
#define ASC_TOO_MANY_CSCDS      0x2606
#define ASC_UNSUPPORTED_CSCD    0x2607
#define ASC_TOO_MANY_SEGMENTS   0x2608
#define ASC_UNSUPPORTED_SEGMENT 0x2609
#define ASC_INLINE_TOO_LONG     0x260b

/* Where a field lies in the list, for field pointers. */
struct place {
    struct scsi_task *t;
    const uint8_t *list;
};

static bool bad_field(const struct place *at, const void *field, int8_t bit)
{
    task_bad_param(at->t, (uint16_t)((const uint8_t *)field - at->list), bit);
    return false;
}

static bool refuse(const struct place *at, uint16_t asc_ascq)
{
    task_check(at->t, SK_ILLEGAL_REQUEST, asc_ascq);
    return false;
}

static bool parse_cscd(const struct place *at, const struct copy_cscd *d, struct copy_end *end)
{
    if (d->type != COPY_CSCD_IDENTIFICATION)
        return refuse(at, ASC_UNSUPPORTED_CSCD);
    if ((d->peripheral & COPY_PERIPHERAL_MASK) != 0) /* not a block device */
        return bad_field(at, &d->peripheral, 4);
    if (d->designator_len > sizeof(d->designator))
        return bad_field(at, &d->designator_len, -1);
    *end = (struct copy_end){.block = be24_get(d->block_len)};
    if ((d->designator_type & COPY_DESIGNATOR_MASK) == COPY_DESIGNATOR_NAA)
        end->len = d->designator_len; /* of another kind: no LU of ours, see lu_has_naa() */
    memcpy(end->designator, d->designator, end->len);
    return true;
}

static bool parse_cscds(const struct place *at, struct rbuf *in, struct copy_plan *plan)
{
    while (rb_left(in) > 0) {
        const struct copy_cscd *d = (const void *)rb_take(in, sizeof(*d));
        if (!d)
            return bad_field(at, at->list + offsetof(struct copy_list, cscds_len), -1);
        if (plan->nends == SCSI_COPY_MAX_CSCDS)
            return refuse(at, ASC_TOO_MANY_CSCDS);
        if (!parse_cscd(at, d, &plan->ends[plan->nends++]))
            return false;
    }
    return true;
}

static void parse_blocks(const struct copy_segment_blocks *d, struct copy_segment *s)
{
    s->destination_blocks = d->h.flags & COPY_SEGMENT_DC;
    s->n = be16_get(d->nblk);
    s->source_lba = be64_get(d->source_lba);
    s->destination_lba = be64_get(d->destination_lba);
}

static void parse_bytes(const struct copy_segment_bytes *d, struct copy_segment *s)
{
    s->in_bytes = true;
    s->n = be32_get(d->nbytes);
    s->source_lba = be64_get(d->source_lba);
    s->destination_lba = be64_get(d->destination_lba);
    s->source_offset = be16_get(d->source_offset);
    s->destination_offset = be16_get(d->destination_offset);
}

uint64_t copy_segment_bytes(const struct copy_plan *plan, const struct copy_segment *s)
{
    if (s->source >= plan->nends || s->destination >= plan->nends)
        return 0;
    if (s->in_bytes)
        return s->n;
    return (uint64_t)s->n *
           plan->ends[s->destination_blocks ? s->destination : s->source].block;
}

/* Takes one descriptor off the list. */
static bool parse_segment(const struct place *at, struct rbuf *in, const struct copy_plan *plan,
                          struct copy_segment *s)
{
    const struct copy_segment_header *h = (const void *)in->p;
    bool blocks = *in->p == COPY_SEGMENT_BLOCKS;
    size_t size =
        blocks ? sizeof(struct copy_segment_blocks) : sizeof(struct copy_segment_bytes);
    if (!blocks && *in->p != COPY_SEGMENT_BYTES)
        return refuse(at, ASC_UNSUPPORTED_SEGMENT);
    const void *d = rb_take(in, size);
    if (!d)
        return refuse(at, ASC_LENGTH_ERROR);
    if (be16_get(h->len) != size - offsetof(struct copy_segment_header, source))
        return bad_field(at, &h->len, -1);
    *s =
        (struct copy_segment){be16_get(h->source), be16_get(h->destination), .in_bytes = false};
    if (blocks)
        parse_blocks(d, s);
    else
        parse_bytes(d, s);
    if (copy_segment_bytes(plan, s) > SCSI_COPY_MAX_SEGMENT_BYTES)
        return bad_field(at, h + 1, -1); /* the length follows the header, in both kinds */
    return true;
}

static bool parse_segments(const struct place *at, struct rbuf *in, struct copy_plan *plan)
{
    while (rb_left(in) > 0) {
        if (plan->nsegments == SCSI_COPY_MAX_SEGMENTS)
            return refuse(at, ASC_TOO_MANY_SEGMENTS);
        if (!parse_segment(at, in, plan, &plan->segments[plan->nsegments++]))
            return false;
    }
    return true;
}

static bool check_header(const struct place *at, const struct copy_list *h, size_t left)
{
    uint64_t descriptors = (uint64_t)be16_get(h->cscds_len) + be32_get(h->segments_len);
    if (descriptors + be32_get(h->inline_len) > left || descriptors > SCSI_COPY_MAX_LIST_BYTES)
        return refuse(at, ASC_LENGTH_ERROR);
    if (be32_get(h->inline_len) != 0)
        return refuse(at, ASC_INLINE_TOO_LONG);
    if (COPY_LIST_ID_USAGE(h->flags) == COPY_LIST_ID_RESERVED)
        return bad_field(at, &h->flags, COPY_LIST_ID_USAGE_BIT);
    return true;
}

bool copy_plan_parse(struct scsi_task *t, const uint8_t *list, size_t len,
                     struct copy_plan *ret_plan)
{
    struct place at = {t, list};
    struct rbuf in = rbuf_make(list, len);
    const struct copy_list *h = (const void *)rb_take(&in, sizeof(*h));
    if (!h)
        return refuse(&at, ASC_LENGTH_ERROR);
    if (!check_header(&at, h, rb_left(&in)))
        return false;
    struct rbuf cscds = rbuf_make(in.p, be16_get(h->cscds_len));
    struct rbuf segments = rbuf_make(cscds.end, be32_get(h->segments_len));
    memset(ret_plan, 0, sizeof(*ret_plan));
    ret_plan->list_id = h->list_id;
    ret_plan->has_id = COPY_LIST_ID_USAGE(h->flags) != COPY_LIST_ID_NONE;
    return parse_cscds(&at, &cscds, ret_plan) && parse_segments(&at, &segments, ret_plan);
}
