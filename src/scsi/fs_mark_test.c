/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks of file systems and partition tables, right and wrong. */
#include "scsi/fs_mark.h"

#include "base/endian.h"
#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE (UINT64_C(1) << 30)

static uint8_t bytes[FS_HEAD_LEN];

static void put32(size_t at, uint32_t v)
{
    le32 le = le32_make(v);
    memcpy(bytes + at, &le, sizeof(le));
}
static void put64(size_t at, uint64_t v)
{
    le64 le = le64_make(v);
    memcpy(bytes + at, &le, sizeof(le));
}

static void clear(void)
{
    memset(bytes, 0, sizeof(bytes));
}

static void put_ext(void)
{
    put32(1024 + 4, 8192); /* blocks */
    put32(1024 + 24, 2);   /* of 4 KiB */
    put32(1024 + 76, 1);   /* revision */
    bytes[1024 + 56] = 0x53;
    bytes[1024 + 57] = 0xef;
}

static void test_marks_are_known(void **state)
{
    static const struct {
        enum fs_kind kind;
        unsigned window;
        size_t off;
        const char *mark;
        size_t len;
    } marks[] = {
        {FS_XFS,   0, 0,    "XFSB",                             4},
        {FS_NTFS,  0, 3,    "NTFS    ",                         8},
        {FS_REFS,  0, 3,    "ReFS\0\0\0\0",                     8},
        {FS_OCFS2, 0, 1024, "OCFSV2",                           6},
        {FS_OCFS2, 0, 8192, "OCFSV2",                           6},
        {FS_GFS2,  1, 0,    "\x01\x16\x19\x70\x00\x00\x00\x01", 8},
        {FS_VMFS,  2, 0,    "\x0d\xd0\x01\xc0",                 4},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        clear();
        assert_int_equal(fs_guess(marks[i].window, bytes, FS_WINDOW_MAX), FS_NONE);
        memcpy(bytes + marks[i].off, marks[i].mark, marks[i].len);
        assert_int_equal(fs_guess(marks[i].window, bytes, FS_WINDOW_MAX), marks[i].kind);
        assert_int_equal(fs_guess(marks[i].window, bytes, marks[i].off + marks[i].len - 1),
                         FS_NONE);
        assert_true(fs_name(marks[i].kind)[0]);
    }
    assert_string_equal(fs_name(FS_NONE), "");
}

static void test_two_bytes_are_not_enough_for_ext(void **state)
{
    (void)state;
    clear();
    put_ext();
    assert_int_equal(fs_guess(0, bytes, FS_WINDOW_MAX), FS_EXT);
    assert_int_equal(fs_guess(0, bytes, 1024 + 58), FS_NONE);
    put32(1024 + 24, 0x01020304);
    assert_int_equal(fs_guess(0, bytes, FS_WINDOW_MAX), FS_NONE);
}

static void put_mbr(unsigned i, uint8_t status, uint8_t type, uint32_t lba)
{
    size_t at = 0x1be + i * 16u;
    bytes[at] = status;
    bytes[at + 4] = type;
    put32(at + 8, lba);
    bytes[0x1fe] = 0x55;
    bytes[0x1ff] = 0xaa;
}

static void test_an_mbr_has_four_partitions(void **state)
{
    uint64_t off[FS_PARTITIONS_MAX];
    (void)state;
    clear();
    assert_int_equal(fs_partitions(bytes, sizeof(bytes), 512, SIZE, off), 0);
    put_mbr(0, 0x80, 0xfb, 2048);
    put_mbr(1, 0, 0, 4096);          /* unused */
    put_mbr(2, 0, 0x83, 0xffffffff); /* beyond the end */
    put_mbr(3, 0x42, 0x83, 8192);    /* no partition: code of a boot sector */
    assert_int_equal(fs_partitions(bytes, sizeof(bytes), 512, SIZE, off), 1);
    assert_int_equal(off[0], 2048 * 512);
    assert_int_equal(fs_partitions(bytes, sizeof(bytes), 4096, SIZE, off), 1);
    assert_int_equal(off[0], 2048 * 4096);
    assert_int_equal(fs_partitions(bytes, 511, 512, SIZE, off), 0);
}

/* The header at block 1; entries from block lba on. */
static void put_gpt(uint32_t block, uint64_t lba, uint32_t n, uint32_t entry)
{
    memcpy(bytes + block, "EFI PART", 8);
    put64(block + 72, lba);
    put32(block + 80, n);
    put32(block + 84, entry);
}

static void put_entry(size_t at, uint64_t lba)
{
    bytes[at] = 1; /* a type */
    put64(at + 32, lba);
}

static void test_a_gpt_goes_before_the_mbr_that_protects_it(void **state)
{
    static const uint32_t blocks[] = {512, 4096};
    uint64_t off[FS_PARTITIONS_MAX];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        uint32_t block = blocks[i];
        clear();
        put_mbr(0, 0, 0xee, 1);
        put_gpt(block, 2, 128, 128);
        put_entry(2 * block, 2048);
        put_entry(2 * block + 256, 4096); /* one between is unused */
        assert_int_equal(fs_partitions(bytes, sizeof(bytes), block, SIZE, off), 2);
        assert_int_equal(off[1], 4096 * (uint64_t)block);
    }
}

static void test_a_gpt_may_say_anything(void **state)
{
    static const struct {
        uint64_t lba;
        uint32_t n, entry;
        unsigned want;
    } bad[] = {
        {2,          UINT32_MAX, 128,        16}, /* as many as there is room for */
        {2,          128,        0,          0 },
        {2,          128,        127,        0 },
        {2,          128,        UINT32_MAX, 0 },
        {UINT64_MAX, 128,        128,        0 },
        {127,        128,        128,        4 }, /* the last block of the head holds four */
        {128,        128,        128,        0 },
    };
    uint64_t off[FS_PARTITIONS_MAX];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        clear();
        for (size_t at = 1024; at < sizeof(bytes); at += 128)
            put_entry(at, 2048);
        put_gpt(512, bad[i].lba, bad[i].n, bad[i].entry);
        assert_int_equal(fs_partitions(bytes, sizeof(bytes), 512, SIZE, off), bad[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_are_known),
        cmocka_unit_test(test_two_bytes_are_not_enough_for_ext),
        cmocka_unit_test(test_an_mbr_has_four_partitions),
        cmocka_unit_test(test_a_gpt_goes_before_the_mbr_that_protects_it),
        cmocka_unit_test(test_a_gpt_may_say_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
