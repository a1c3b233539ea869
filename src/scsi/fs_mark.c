/* SPDX-License-Identifier: BSD-2-Clause */
/* See fs_mark.h. A mark is some bytes at a place; what is too short to be sure of has more that must
 * hold. Nothing here loops but over tables, and nothing is believed but positions inside the bytes. */
#include "scsi/fs_mark.h"

#include "base/endian.h"
#include "base/util.h"

#include <stdbool.h>
#include <string.h>

const char *fs_name(enum fs_kind k)
{
    static const char *const names[FS_COUNT] = {
        [FS_NONE] = "",     [FS_EXT] = "ext4",  [FS_XFS] = "XFS",   [FS_NTFS] = "NTFS",
        [FS_REFS] = "ReFS", [FS_VMFS] = "VMFS", [FS_GFS2] = "GFS2", [FS_OCFS2] = "OCFS2",
    };
    return names[k];
}

static uint32_t u32(const uint8_t *p)
{
    le32 v;
    memcpy(&v, p, sizeof(v));
    return le32_get(v);
}

static uint64_t u64(const uint8_t *p)
{
    le64 v;
    memcpy(&v, p, sizeof(v));
    return le64_get(v);
}

/* ---- marks ------------------------------------------------------------------------------- */

enum { BEGIN, AT_64K, AT_1M };

const struct fs_window fs_windows[FS_WINDOWS] = {
    [BEGIN] = {0,         FS_WINDOW_MAX},
    [AT_64K] = {64u << 10, 4096         },
    [AT_1M] = {1u << 20,  4096         },
};

#define EXT_SUPER 1024

/* Two bytes are soon met by chance: block size and revision are small numbers, too. */
static bool is_ext(const uint8_t *bytes, size_t len)
{
    const uint8_t *s = bytes + EXT_SUPER;
    return len >= EXT_SUPER + 128 && u32(s + 24) <= 6 && u32(s + 76) <= 1 && u32(s + 4) != 0;
}

static const struct mark {
    enum fs_kind kind;
    unsigned window;
    uint32_t off; /* in the window */
    uint8_t len;
    char bytes[9];
    bool (*sure)(const uint8_t *bytes, size_t len); /* NULL: the mark says all */
} marks[] = {
    {FS_VMFS,  AT_1M,  0,              4, "\x0d\xd0\x01\xc0",                 NULL  }, /* its volume manager's */
    {FS_GFS2,  AT_64K, 0,              8, "\x01\x16\x19\x70\x00\x00\x00\x01", NULL  }, /* superblock */
    {FS_OCFS2, BEGIN,  2 * 512,        6, "OCFSV2",                           NULL  }, /* block 2, of any size */
    {FS_OCFS2, BEGIN,  2 * 1024,       6, "OCFSV2",                           NULL  },
    {FS_OCFS2, BEGIN,  2 * 2048,       6, "OCFSV2",                           NULL  },
    {FS_OCFS2, BEGIN,  2 * 4096,       6, "OCFSV2",                           NULL  },
    {FS_XFS,   BEGIN,  0,              4, "XFSB",                             NULL  },
    {FS_NTFS,  BEGIN,  3,              8, "NTFS    ",                         NULL  },
    {FS_REFS,  BEGIN,  3,              8, "ReFS\0\0\0\0",                     NULL  },
    {FS_EXT,   BEGIN,  EXT_SUPER + 56, 2, "\x53\xef",                         is_ext},
};

enum fs_kind fs_guess(unsigned window, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        const struct mark *m = &marks[i];
        if (m->window == window && len >= (size_t)m->off + m->len &&
            memcmp(bytes + m->off, m->bytes, m->len) == 0 && (!m->sure || m->sure(bytes, len)))
            return m->kind;
    }
    return FS_NONE;
}

/* ---- partitions -------------------------------------------------------------------------- */

#define MBR_ENTRIES  0x1be
#define MBR_ENTRY    16
#define MBR_MAGIC    0x1fe
#define GPT_ENTRIES  128 /* as many as are looked at */
#define GPT_MIN_SIZE 128u

struct finds {
    uint64_t *off, size;
    uint32_t block;
    unsigned n;
};

static void found(struct finds *f, uint64_t lba)
{
    if (lba != 0 && lba < f->size / f->block && f->n < FS_PARTITIONS_MAX)
        f->off[f->n++] = lba * f->block;
}

/* UEFI 5.3: the header in block 1 says where the entries are, and how long each is. */
static bool read_gpt(const uint8_t *head, size_t len, struct finds *f)
{
    static const uint8_t unused[16];
    const uint8_t *h = head + f->block;
    if (len < 2 * (size_t)f->block || memcmp(h, "EFI PART", 8) != 0)
        return false;
    uint64_t lba = u64(h + 72);
    uint32_t n = u32(h + 80), entry = u32(h + 84);
    if (entry < GPT_MIN_SIZE || entry > f->block * 8 || lba >= len / f->block)
        return true;
    size_t at = (size_t)lba * f->block;
    for (uint32_t i = 0; i < n && i < GPT_ENTRIES && len - at >= entry; i++, at += entry)
        if (memcmp(head + at, unused, sizeof(unused)) != 0)
            found(f, u64(head + at + 32));
    return true;
}

static void read_mbr(const uint8_t *head, size_t len, struct finds *f)
{
    if (len < 512 || head[MBR_MAGIC] != 0x55 || head[MBR_MAGIC + 1] != 0xaa)
        return;
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *e = head + MBR_ENTRIES + i * MBR_ENTRY;
        bool plausible =
            e[0] == 0 || e[0] == 0x80; /* boot code of a file system looks otherwise */
        if (plausible && e[4] != 0)
            found(f, u32(e + 8));
    }
}

unsigned fs_partitions(const uint8_t *head, size_t len, uint32_t block, uint64_t size,
                       uint64_t ret_off[FS_PARTITIONS_MAX])
{
    struct finds f = {.off = ret_off, .size = size, .block = block};
    if (!read_gpt(head, len, &f))
        read_mbr(head, len, &f);
    return f.n;
}
