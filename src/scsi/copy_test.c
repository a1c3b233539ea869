/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/check.h"
#include "scsi/copy.h"
#include "scsi/pr_testing.h"

#include <errno.h>

/* ---- a second LU ------------------------------------------------------------------------- */

struct second {
    struct fix *f;
    uint32_t block;
    struct volume *vol;
    struct scsi_lu *lu;
};

static void second_open(void *arg)
{
    struct second *s = arg;
    struct store_params sp = {.name = "second", .id = {{2}}, .block_size = s->block};
    struct scsi_lu_params lp = {.max_tasks = 0};
    struct err err;
    check(store_mem_open(&sp, 32u << 20, false, &s->vol, &err) == 0);
    lp.volume = s->vol;
    check(scsi_identity_load(s->vol, 0, &lp.id) == 0);
    check(scsi_lu_new(&lp, &s->lu, &err) == 0);
}
static void second_close(void *arg)
{
    struct second *s = arg;
    scsi_lu_free(s->lu);
    volume_close(s->vol);
}
/* LUN 1 of nexus a, at home on reactor home. */
static struct second second_new(struct fix *f, unsigned home, uint32_t block)
{
    struct second s = {.f = f, .block = block};
    call_on(run_reactor(f->run, home), second_open, &s);
    check(scsi_nexus_map(f->a, 1, s.lu, false) == 0);
    struct fix_cmd *c = cmd_new(f, f->a, "00 00 00 00 00 00"); /* takes the power on UA */
    scsi_lun_encode(1, c->t.lun);
    cmd_run(f, c);
    return s;
}
static void second_free(struct second *s)
{
    scsi_nexus_unmap(s->f->a, 1, false); /* -ENOENT: a test did it */
    call_on(s->lu->home, second_close, s);
}
static struct fix_cmd *on_second(struct fix *f, struct fix_cmd *c)
{
    scsi_lun_encode(1, c->t.lun);
    return cmd_run(f, c);
}

/* ---- parameter lists --------------------------------------------------------------------- */

struct params {
    uint8_t bytes[640];
    size_t cscds, len;
};

static void list_begin(struct params *l, uint8_t list_id, unsigned usage)
{
    memset(l, 0, sizeof(*l));
    l->bytes[0] = list_id;
    l->bytes[1] = (uint8_t)(usage << 3);
    l->len = sizeof(struct copy_list);
}
static struct copy_cscd *list_cscd(struct params *l, const struct scsi_lu *lu)
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
static struct copy_segment_blocks *list_blocks(struct params *l, uint16_t from, uint16_t to,
                                               uint64_t from_lba, uint64_t to_lba,
                                               uint16_t nblk)
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
static struct copy_segment_bytes *list_bytes(struct params *l, uint16_t from, uint16_t to,
                                             uint64_t from_lba, uint64_t to_lba, uint32_t n)
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
static struct fix_cmd *xcopy_new(struct fix *f, struct scsi_nexus *n, struct params *l)
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
static struct fix_cmd *xcopy(struct fix *f, struct scsi_nexus *n, struct params *l)
{
    return cmd_run(f, xcopy_new(f, n, l));
}
static struct fix_cmd *results(struct fix *f, struct scsi_nexus *n, enum copy_results_sa sa,
                               unsigned list_id)
{
    return cmd_run(f, cmd_new(f, n, "84 %02x %02x 00000000000000 00000400 00 00", sa, list_id));
}

/* ---- copying ----------------------------------------------------------------------------- */

FIX_TEST(within_one_lu)
{
    struct params l;
    EXPECT_GOOD(f, write_pattern(f, 0, 2000, 1));
    list_begin(&l, 1, COPY_LIST_ID_DISCARD);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 50000, 2000);
    list_bytes(&l, 0, 0, 10, 60000, 5 * 512);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT(f, holds_pattern(f, 50000, 2000, 1, 0));
    EXPECT(f, holds_pattern(f, 60000, 5, 1, 10 * 512));
    EXPECT(f, holds_byte(f, 60005, 1, 0));
    EXPECT(f, lu_ranges_idle(f->lu) && list_empty(&f->lu->tasks));
}

static void between_two(struct fix *f, unsigned home)
{
    struct second s = second_new(f, home, 512);
    struct params l;
    EXPECT_GOOD(f, write_pattern(f, 100, 1000, 2));
    list_begin(&l, 1, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 100, 7, 1000);   /* there */
    list_blocks(&l, 1, 0, 7, 70000, 1000); /* and back */
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT(f, holds_pattern(f, 70000, 1000, 2, 0));
    struct fix_cmd *c = on_second(f, cmd_new(f, f->a, "88 00 0000000000000007 000003e8 00 00"));
    uint8_t *p = pattern(1000 * 512, 2);
    EXPECT(f, c->in_len == 1000 * 512 && memcmp(c->in, p, c->in_len) == 0);
    free(p);
    second_free(&s);
}
FIX_TEST(between_lus_of_one_home)
{
    between_two(f, 0);
}
FIX_TEST(between_lus_of_different_homes)
{
    between_two(f, 1);
}

FIX_TEST(a_segment_of_many_pieces)
{
    struct params l;
    for (unsigned i = 0; i < 5; i++)
        EXPECT_GOOD(f, write_pattern(f, i * 2048, 2048, i)); /* 5 MiB */
    list_begin(&l, 9, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 1024, 60000, 5 * 2048 - 1024);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT(f, holds_pattern(f, 60000, 1024, 0, 1024 * 512));
    EXPECT(f, holds_pattern(f, 61024 + 3 * 2048, 2048, 4, 0));
    struct fix_cmd *c = results(f, f->a, COPY_STATUS, 9);
    EXPECT_EQ(f, c->in_len, 12);
    EXPECT_EQ(f, c->in[4], COPY_DONE);
    EXPECT_EQ(f, load_be16(c->in + 5), 1);
    EXPECT_EQ(f, load_be32(c->in + 8), (5 * 2048 - 1024) * 512);
}

FIX_TEST(block_sizes_that_differ)
{
    struct second s = second_new(f, 0, 4096);
    struct params l;
    EXPECT_GOOD(f, write_pattern(f, 0, 64, 5));
    list_begin(&l, 0, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 1, 64);                             /* counted in blocks of 512 */
    list_blocks(&l, 0, 1, 0, 100, 8)->h.flags = COPY_SEGMENT_DC; /* in blocks of 4096 */
    list_bytes(&l, 1, 0, 1, 1000, 4096)->destination_offset = be16_make(512);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT(f, holds_pattern(f, 1001, 8, 5, 0));
    uint8_t *p = pattern(64 * 512, 5);
    struct fix_cmd *c = on_second(f, cmd_new(f, f->a, "88 00 0000000000000001 00000008 00 00"));
    EXPECT(f, memcmp(c->in, p, 64 * 512) == 0);
    c = on_second(f, cmd_new(f, f->a, "88 00 0000000000000064 00000008 00 00"));
    EXPECT(f, memcmp(c->in, p, 64 * 512) == 0);
    free(p);

    list_begin(&l, 0, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 1, 9); /* no whole block of the destination */
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x260a);
    list_begin(&l, 0, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu)->block_len = be24_make(512); /* says what isn't so */
    list_blocks(&l, 0, 1, 0, 8, 8);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d03);
    second_free(&s);
}

FIX_TEST(nothing_to_copy)
{
    struct params l;
    EXPECT_GOOD(f, fix_do(f, f->a, "83 00 0000000000000000 00000000 00 00"));
    list_begin(&l, 0, COPY_LIST_ID_NONE);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    list_cscd(&l, f->lu);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    list_blocks(&l, 0, 0, 0, 0, 0);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
}

/* ---- who may ----------------------------------------------------------------------------- */

/* CVE-2020-28374: a LU that the asking nexus has not mapped is out of reach, whatever the list
 * says. */
FIX_TEST(only_what_the_nexus_has_mapped)
{
    struct second s = second_new(f, 0, 512); /* a's, not b's */
    struct params l;
    EXPECT_GOOD(f, write_byte(f, 0, 8, 'x'));
    list_begin(&l, 3, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 0, 0, 50, 8);
    list_blocks(&l, 1, 0, 0, 0, 8);
    EXPECT_CHECK(f, xcopy(f, f->b, &l), SK_COPY_ABORTED, 0x0d02);
    EXPECT(f, holds_byte(f, 0, 8, 'x'));
    EXPECT(f, holds_byte(f, 50, 8, 'x')); /* the segment before was done */
    struct fix_cmd *c = results(f, f->b, COPY_STATUS, 3);
    EXPECT_EQ(f, c->in[4], COPY_FAILED);
    EXPECT_EQ(f, load_be16(c->in + 5), 1);
    c = results(f, f->b, COPY_FAILED_SEGMENT_DETAILS, 3);
    EXPECT_EQ(f, c->in_len, 60 + 18);
    EXPECT_EQ(f, load_be32(c->in), 56 + 18);
    EXPECT_EQ(f, c->in[56], SCSI_STATUS_CHECK);
    EXPECT_EQ(f, load_be16(c->in + 58), 18);
    EXPECT_EQ(f, c->in[62] & 0x0f, SK_COPY_ABORTED);
    EXPECT_EQ(f, load_be16(c->in + 72), 0x0d02);
    EXPECT_CHECK(f, results(f, f->a, COPY_STATUS, 3), SK_ILLEGAL_REQUEST,
                 0x2400); /* another nexus's */
    second_free(&s);
}

FIX_TEST(reservations_of_both_ends_count)
{
    struct second s = second_new(f, 0, 512);
    struct scsi_nexus_params p = {
        .initiator = {.name = "iqn.2026-11.example.host:c"},
        .target = { .name = "iqn.2026-11.example.zsan:t1",                    .rel_port_id = 1}
    };
    struct scsi_nexus *c;
    check(scsi_nexus_new(&p, &c) == 0 && scsi_nexus_map(c, 0, s.lu, false) == 0);
    fix_take_uas(f, c);
    struct params l;
    list_begin(&l, 0, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 0, 8);
    EXPECT_GOOD(f, fix_do(f, c, "16 00 00 00 00 00")); /* RESERVE(6) of the destination */
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d01);
    EXPECT_GOOD(f, fix_do(f, c, "17 00 00 00 00 00"));

    struct params back;
    list_begin(&back, 0, COPY_LIST_ID_NONE);
    list_cscd(&back, s.lu);
    list_cscd(&back, f->lu);
    list_blocks(&back, 0, 1, 0, 0, 8);
    pr_join(f, c, 1, 0);
    EXPECT_GOOD(f, pr_out(f, c, PR_RESERVE, PR_WRITE_EX, 1, 0, 0));
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d01);
    EXPECT_GOOD(f, xcopy(f, f->a, &back)); /* may be read */
    EXPECT_GOOD(f, pr_out(f, c, PR_RELEASE, PR_WRITE_EX, 1, 0, 0));
    EXPECT_GOOD(f, pr_out(f, c, PR_RESERVE, PR_EX_ACCESS, 1, 0, 0));
    EXPECT_CHECK(f, xcopy(f, f->a, &back), SK_COPY_ABORTED, 0x0d01);
    EXPECT_GOOD(f, pr_out(f, c, PR_CLEAR, 0, 1, 0, 0));

    s.lu->params.read_only = true; /* write protected */
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d01);
    s.lu->params.read_only = false;
    ua_raise_all(s.lu, UA_MODE_CHANGED, NULL); /* stays for whoever it is for */
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT_CHECK(f, on_second(f, cmd_new(f, f->a, "00 00 00 00 00 00")), SK_UNIT_ATTENTION,
                 0x2a01);
    scsi_nexus_free(c);
    second_free(&s);
}

/* ---- bad lists --------------------------------------------------------------------------- */

FIX_TEST(lists_that_are_too_short)
{
    struct params l;
    list_begin(&l, 1, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 100, 8);
    struct copy_list *h = (void *)l.bytes;
    h->cscds_len = be16_make(32);
    h->segments_len = be32_make(28);
    static const size_t lengths[] = {1, 15, 16 + 31, 16 + 32 + 27};
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        l.len = lengths[i];
        EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x1a00);
    }
    l.len = 16 + 32 + 28;
    h->segments_len = be32_make(27); /* in the middle of a descriptor */
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x1a00);
    h->segments_len = be32_make(28);
    h->cscds_len = be16_make(31);
    struct fix_cmd *c = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 2, -1);
    EXPECT_CHECK(f, fix_do(f, f->a, "83 00 0000000000000000 00001011 00 00"),
                 SK_ILLEGAL_REQUEST, 0x1a00);
}

FIX_TEST(too_many_descriptors)
{
    struct params l;
    list_begin(&l, 1, COPY_LIST_ID_HOLD);
    for (unsigned i = 0; i <= SCSI_COPY_MAX_CSCDS; i++)
        list_cscd(&l, f->lu);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x2606);
    list_begin(&l, 1, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    for (unsigned i = 0; i <= SCSI_COPY_MAX_SEGMENTS; i++)
        list_blocks(&l, 0, 0, 0, 100, 8);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x2608);
}

FIX_TEST(fields_that_are_wrong)
{
    struct params l;
    struct fix_cmd *c;
    list_begin(&l, 1, COPY_LIST_ID_RESERVED);
    c = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 1, 4);
    list_begin(&l, 1, 0);
    ((struct copy_list *)(void *)l.bytes)->inline_len = be32_make(4);
    l.len += 4;
    ((struct copy_list *)(void *)l.bytes)->segments_len = be32_make(0);
    c = cmd_new(f, f->a, "83 00 0000000000000000 00000014 00 00");
    fix_out(c, l.bytes, 20);
    EXPECT_CHECK(f, cmd_run(f, c), SK_ILLEGAL_REQUEST, 0x260b);

    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu)->type = 0xe0;
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x2607);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu)->peripheral = 1; /* a tape */
    c = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 17, 4);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu)->designator_len = 21;
    c = xcopy(f, f->a, &l);
    EXPECT_PARAM_FIELD(f, c, 16 + 7, -1);

    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 100, 8)->h.type = 0x03;
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x2609);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 100, 8)->h.len = be16_make(0x1c);
    c = xcopy(f, f->a, &l);
    EXPECT_PARAM_FIELD(f, c, 16 + 32 + 2, -1);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_bytes(&l, 0, 0, 0, 100, SCSI_COPY_MAX_SEGMENT_BYTES + 512);
    c = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 16 + 32 + 8, -1);
}

FIX_TEST(segments_that_lead_nowhere)
{
    static const struct {
        uint16_t from, to;
        uint64_t from_lba, to_lba;
        uint32_t bytes;
        uint16_t asc;
    } rows[] = {
        {1, 0, 0,              0,              512,     0x0804},
        {0, 1, 0,              0,              512,     0x0804},
        {0, 0, 131071,         0,              1024,    0x0d02},
        {0, 0, 0,              131071,         1024,    0x0d02},
        {0, 0, 131072 - 16383, 0,              8 << 20, 0x0d02}, /* the first piece would fit */
        {0, 0, UINT64_MAX / 2, 0,              512,     0x0d02},
        {0, 0, 0,              UINT64_MAX / 4, 512,     0x0d02},
        {0, 0, 0,              0,              100,     0x260a},
    };
    EXPECT_GOOD(f, write_byte(f, 0, 8, 'x'));
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct params l;
        list_begin(&l, 1, 0);
        list_cscd(&l, f->lu);
        list_bytes(&l, rows[i].from, rows[i].to, rows[i].from_lba, rows[i].to_lba,
                   rows[i].bytes);
        EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, rows[i].asc);
    }
    EXPECT(f, holds_byte(f, 0, 8, 'x'));
    struct params l;
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu)->designator_type = 0x13; /* a NAA of a port */
    list_blocks(&l, 0, 0, 0, 100, 8);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d02);
}

/* ---- while it runs ----------------------------------------------------------------------- */

/* Data, not holes, which are copied without being read. */
static void fill(struct fix *f, uint64_t lba, uint32_t nblk)
{
    struct fix_cmd *c = cmd_new(f, f->a, "93 00 %016" PRIx64 " %08" PRIx32 " 00 00", lba, nblk);
    cmd_out_byte(c, 512, 'x');
    EXPECT_GOOD(f, cmd_run(f, c));
}

static struct fix_cmd *start_long_copy(struct fix *f, uint8_t list_id)
{
    struct params l;
    list_begin(&l, list_id, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 60000, 20000); /* 10 MB: three pieces */
    struct fix_cmd *c = xcopy_new(f, f->a, &l);
    fix_start(c);
    fix_settle();
    return c;
}

FIX_TEST(status_of_a_copy_that_runs)
{
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = start_long_copy(f, 7);
    EXPECT(f, !c->done);
    EXPECT_EQ(f, results(f, f->a, COPY_STATUS, 7)->in[4], COPY_IN_PROGRESS);
    EXPECT_CHECK(f, results(f, f->a, COPY_FAILED_SEGMENT_DETAILS, 7), SK_ILLEGAL_REQUEST,
                 0x2400);
    EXPECT_CHECK(f, results(f, f->a, COPY_RECEIVE_DATA, 7), SK_ILLEGAL_REQUEST, 0x2400);
    struct params l;
    list_begin(&l, 7, COPY_LIST_ID_HOLD);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST,
                 0x0016);                  /* the identifier is in use */
    EXPECT_GOOD(f, xcopy(f, f->b, &l));    /* by a, not by b */
    for (unsigned i = 100; i < 120; i++) { /* newer results do not push it out */
        list_begin(&l, (uint8_t)i, COPY_LIST_ID_HOLD);
        EXPECT_GOOD(f, xcopy(f, f->a, &l));
    }
    gate_open(f);
    fix_wait(c);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, results(f, f->a, COPY_STATUS, 7)->in[4], COPY_DONE);
    EXPECT_EQ(f, results(f, f->a, COPY_FAILED_SEGMENT_DETAILS, 7)->in_len, 4);
    EXPECT_EQ(f, results(f, f->a, COPY_RECEIVE_DATA, 7)->in_len, 4);
    EXPECT_CHECK(f, results(f, f->a, COPY_STATUS, 8), SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_CDB_FIELD(f, f->last, 2, -1);
    fix_free(c);
}

/* Its write of a piece waits for others at the same blocks, as any write does. */
FIX_TEST(a_piece_takes_the_range_lock)
{
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *w = cmd_new(f, f->b, "2a 00 0000ea60 00 0001 00"); /* LBA 60000 */
    cmd_out_byte(w, 512, 'w');
    fix_start(w);
    fix_settle();
    struct fix_cmd *c = start_long_copy(f, 7);
    EXPECT_EQ(f, gate_waiting(f), 1);
    gate_open(f);
    fix_wait(w);
    fix_wait(c);
    EXPECT_GOOD(f, c);
    EXPECT(f, holds_byte(f, 60000, 1, 'x')); /* it came later */
    fix_free(w);
    fix_free(c);
}

FIX_TEST(an_abort_ends_it_between_pieces)
{
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = start_long_copy(f, 7);
    lu_abort_mark(f->lu, c->t.itl, NULL, NULL);
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 60000, 1, 'x'));
    EXPECT(f, holds_byte(f, 79999, 1, 0));
    EXPECT(f, lu_ranges_idle(f->lu) && list_empty(&f->lu->tasks));
    fix_free(c);
}

FIX_TEST(unmapping_the_destination_ends_it)
{
    struct second s = second_new(f, 1, 512);
    struct params l;
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_READ);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 0, 20000);
    struct fix_cmd *c = xcopy_new(f, f->a, &l);
    fix_start(c);
    fix_settle();
    EXPECT_EQ(f, s.lu->ntasks, 1);
    gate_open(f);
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, 1, false), 0); /* the LUN goes away under it */
    EXPECT_EQ(f, s.lu->ntasks, 0);
    fix_wait(c);
    EXPECT_EQ(f, c->status, SCSI_STATUS_CHECK);
    EXPECT_EQ(f, c->key, SK_COPY_ABORTED);
    fix_free(c);
    second_free(&s);
}

/* The same LUN number, but another LU by now: what it is, is looked at for each piece. */
FIX_TEST(another_lu_in_its_place_is_not_touched)
{
    struct second s = second_new(f, 0, 512);
    struct params l;
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 0, 20000);
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *c = xcopy_new(f, f->a, &l);
    fix_start(c);
    fix_settle();
    s.lu->params.id.naa[7] ^= 1;
    gate_open(f);
    fix_wait(c);
    EXPECT_CHECK(f, c, SK_COPY_ABORTED, 0x0d02);
    fix_free(c);
    second_free(&s);
}

FIX_TEST(errors_of_the_volumes_are_device_failures)
{
    struct params l;
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 100, 8);
    fill(f, 0, 8);
    static const unsigned ops[] = {1u << VOL_OP_READ, 1u << VOL_OP_WRITE};
    for (unsigned i = 0; i < ARRAY_LEN(ops); i++) {
        gate_fail(f, ops[i], i ? -ENOSPC : -EBADMSG);
        EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d01);
    }
}

/* ---- results ----------------------------------------------------------------------------- */

FIX_TEST(operating_parameters)
{
    struct fix_cmd *c = results(f, f->a, COPY_OPERATING_PARAMETERS, 0);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 47);
    EXPECT_EQ(f, load_be32(c->in), 43);
    EXPECT_EQ(f, c->in[4], COPY_SNLID);
    EXPECT_EQ(f, load_be16(c->in + 8), SCSI_COPY_MAX_CSCDS);
    EXPECT_EQ(f, load_be16(c->in + 10), SCSI_COPY_MAX_SEGMENTS);
    EXPECT_EQ(f, load_be32(c->in + 12), SCSI_COPY_MAX_LIST_BYTES);
    EXPECT_EQ(f, load_be32(c->in + 16), SCSI_COPY_MAX_SEGMENT_BYTES);
    EXPECT_EQ(f, load_be16(c->in + 34), SCSI_COPY_MAX_CONCURRENT);
    EXPECT_EQ(f, c->in[37], 9); /* 512 bytes */
    static const uint8_t types[] = {3, 0x02, 0x0a, 0xe4};
    EXPECT(f, memcmp(c->in + 43, types, 4) == 0);
    EXPECT_EQ(f, cmd_run(f, cmd_new(f, f->a, "84 03 00 00000000000000 00000010 00 00"))->in_len,
              16);
}

FIX_TEST(results_are_kept_for_the_last_few)
{
    for (unsigned i = 0; i < 40; i++) {
        struct params l;
        list_begin(&l, (uint8_t)i, COPY_LIST_ID_HOLD);
        EXPECT_GOOD(f, xcopy(f, f->a, &l));
    }
    EXPECT_GOOD(f, results(f, f->a, COPY_STATUS, 39));
    EXPECT_GOOD(f, results(f, f->a, COPY_STATUS, 24));
    EXPECT_CHECK(f, results(f, f->a, COPY_STATUS, 23), SK_ILLEGAL_REQUEST, 0x2400);
}

FIX_TEST(copies_at_the_same_time_are_limited)
{
    struct fix_cmd *c[SCSI_COPY_MAX_CONCURRENT];
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_READ);
    for (unsigned i = 0; i < SCSI_COPY_MAX_CONCURRENT; i++)
        c[i] = start_long_copy(f, (uint8_t)i);
    struct params l;
    list_begin(&l, 200, COPY_LIST_ID_HOLD);
    EXPECT_CHECK(f, xcopy(f, f->b, &l), SK_ILLEGAL_REQUEST, 0x5503);
    gate_open(f);
    for (unsigned i = 0; i < SCSI_COPY_MAX_CONCURRENT; i++) {
        fix_wait(c[i]);
        EXPECT_GOOD(f, c[i]);
        fix_free(c[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_one_lu),
        cmocka_unit_test(test_between_lus_of_one_home),
        cmocka_unit_test(test_between_lus_of_different_homes),
        cmocka_unit_test(test_a_segment_of_many_pieces),
        cmocka_unit_test(test_block_sizes_that_differ),
        cmocka_unit_test(test_nothing_to_copy),
        cmocka_unit_test(test_only_what_the_nexus_has_mapped),
        cmocka_unit_test(test_reservations_of_both_ends_count),
        cmocka_unit_test(test_lists_that_are_too_short),
        cmocka_unit_test(test_too_many_descriptors),
        cmocka_unit_test(test_fields_that_are_wrong),
        cmocka_unit_test(test_segments_that_lead_nowhere),
        cmocka_unit_test(test_status_of_a_copy_that_runs),
        cmocka_unit_test(test_a_piece_takes_the_range_lock),
        cmocka_unit_test(test_an_abort_ends_it_between_pieces),
        cmocka_unit_test(test_unmapping_the_destination_ends_it),
        cmocka_unit_test(test_another_lu_in_its_place_is_not_touched),
        cmocka_unit_test(test_errors_of_the_volumes_are_device_failures),
        cmocka_unit_test(test_operating_parameters),
        cmocka_unit_test(test_results_are_kept_for_the_last_few),
        cmocka_unit_test(test_copies_at_the_same_time_are_limited),
    };
    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
