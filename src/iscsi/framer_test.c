/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/framer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 7143 A.4 */
static void test_crc_vectors(void **state)
{
    (void)state;
    uint8_t in[32], out[4];
    memset(in, 0, sizeof(in));
    crc_store(crc_feed(CRC_INIT, in, sizeof(in)), out);
    assert_memory_equal(out, "\xaa\x36\x91\x8a", 4);
    memset(in, 0xff, sizeof(in));
    crc_store(crc_feed(CRC_INIT, in, sizeof(in)), out);
    assert_memory_equal(out, "\x43\xab\xa8\x62", 4);
    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)i;
    crc_store(crc_feed(crc_feed(CRC_INIT, in, 5), in + 5, 27), out); /* in parts */
    assert_memory_equal(out, "\x4e\x79\xdd\x46", 4);
}

struct built {
    uint8_t bytes[2048];
    size_t len;
};

static void put(struct built *b, const void *p, size_t len)
{
    memcpy(b->bytes + b->len, p, len);
    b->len += len;
}

static void digest(struct built *b, size_t from)
{
    uint8_t d[4];
    crc_store(crc_feed(CRC_INIT, b->bytes + from, b->len - from), d);
    put(b, d, 4);
}

/* Valid until the next call. */
static struct built *build(const struct frame_rules *r, uint8_t ahs_words, uint32_t data_len)
{
    static const uint8_t zeros[1024];
    static struct built b;
    b.len = 0;
    uint8_t h[ISCSI_BHS_LEN] = {ISCSI_OP_SCSI_CMD | ISCSI_IMMEDIATE, [4] = ahs_words};
    store_be24(h + 5, data_len);
    put(&b, h, sizeof(h));
    put(&b, zeros, ahs_words * 4u);
    if (r->header_digest)
        digest(&b, 0);
    size_t at = b.len;
    memset(b.bytes + b.len, 0xd7, data_len);
    b.len += data_len;
    put(&b, zeros, pad_len(data_len));
    if (r->data_digest && data_len > 0)
        digest(&b, at);
    return &b;
}

static void test_frame_whole_and_cut_anywhere(void **state)
{
    (void)state;
    static const uint32_t lens[] = {0, 1, 2, 3, 4, 5, 100, 512};
    for (unsigned d = 0; d < 4; d++)
        for (uint8_t ahs = 0; ahs < 3; ahs++)
            for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
                struct frame_rules r = {d & 1, d & 2, 512};
                struct built *b = build(&r, ahs, lens[i]);
                for (size_t cut = 0; cut < b->len; cut++) {
                    uint8_t *exact = malloc(cut ? cut : 1); /* for the sanitizer */
                    struct pdu none;
                    memcpy(exact, b->bytes, cut);
                    assert_int_equal(frame_parse(&r, exact, cut, &none), FRAME_MORE);
                    free(exact);
                }
                struct pdu p;
                assert_int_equal(frame_parse(&r, b->bytes, sizeof(b->bytes), &p), FRAME_OK);
                assert_int_equal(p.total, b->len);
                assert_int_equal(p.opcode, ISCSI_OP_SCSI_CMD);
                assert_true(p.immediate);
                assert_int_equal(p.ahs_len, ahs * 4);
                assert_int_equal(p.data_len, lens[i]);
                assert_ptr_equal(p.bhs, b->bytes);
                assert_ptr_equal(p.data, b->bytes + 48 + ahs * 4 + (d & 1 ? 4 : 0));
            }
}

static void test_frame_damage(void **state)
{
    (void)state;
    struct frame_rules r = {true, true, 512};
    struct built *b = build(&r, 1, 5);
    for (size_t at = 0; at < b->len; at++) {
        struct pdu p;
        b->bytes[at] ^= 0x10;
        enum frame f = frame_parse(&r, b->bytes, sizeof(b->bytes), &p);
        assert_int_equal(f, at < 56 ? FRAME_HEADER_DIGEST : FRAME_DATA_DIGEST);
        b->bytes[at] ^= 0x10;
    }
}

static void test_frame_too_long_is_known_from_the_header(void **state)
{
    (void)state;
    for (unsigned digests = 0; digests < 2; digests++) {
        struct frame_rules r = {digests, digests, 512}, large = {digests, digests, 1024};
        struct built *b = build(&large, 0, 513);
        size_t head = digests ? 52 : 48;
        struct pdu p;
        assert_int_equal(frame_parse(&r, b->bytes, head - 1, &p), FRAME_MORE);
        assert_int_equal(frame_parse(&r, b->bytes, head, &p), FRAME_TOO_LONG);
        assert_int_equal(p.opcode, ISCSI_OP_SCSI_CMD);
        assert_ptr_equal(p.bhs, b->bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc_vectors),
        cmocka_unit_test(test_frame_whole_and_cut_anywhere),
        cmocka_unit_test(test_frame_damage),
        cmocka_unit_test(test_frame_too_long_is_known_from_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
