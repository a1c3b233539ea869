/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems that do not go with the LU's policy: one that is made for several hosts on an exclusive
 * LU, or one host's own on a LU of a cluster, where two hosts that mount it destroy it. The operator is
 * warned, once; nothing else is done, for bytes may lie.
 *
 * Looked for a little after the first access and after writes, at most every EVERY, by a fiber of the
 * LU's own: no command waits for it. On the LU's home.
 */
#include "scsi/fs_mark.h"
#include "scsi/guard.h"

#include "base/log.h"

#include <stdlib.h>

#define SETTLE (3 * NS_PER_SEC)  /* after a write: a file system is made of many */
#define EVERY  (20 * NS_PER_SEC) /* writes go on: again */

#define KIND(k) (1u << (k))
static const uint32_t unfit[] = {
    [SCSI_EXCLUSIVE] = KIND(FS_VMFS) | KIND(FS_GFS2) | KIND(FS_OCFS2),
    [SCSI_CLUSTER] = KIND(FS_EXT) | KIND(FS_XFS) | KIND(FS_NTFS) | KIND(FS_REFS),
    [SCSI_READ_SHARED] = 0,
};

/* ---- looking ----------------------------------------------------------------------------- */

/* How many bytes of what was asked for are in buf; 0: it cannot be read now. Parks. */
static size_t read_at(struct scsi_lu *lu, uint64_t off, size_t len, uint8_t *buf)
{
    struct sgl data;
    uint64_t size = lu->vol->geo.size;
    if (off >= size)
        return 0;
    len = (size_t)MIN(len, size - off);
    sgl_init(&data);
    int rc = volume_read(lu->vol, off, len, &data);
    if (rc == 0)
        sgl_copy_out(&data, 0, buf, len);
    sgl_clear(&data);
    return rc == 0 ? len : 0;
}

/* The kinds whose marks are in a volume or partition that begins there. Parks. */
static uint32_t look_at(struct scsi_lu *lu, uint64_t start, uint8_t *buf)
{
    uint32_t kinds = 0;
    for (unsigned w = 0; w < FS_WINDOWS; w++) {
        size_t len = read_at(lu, start + fs_windows[w].off, fs_windows[w].len, buf);
        kinds |= KIND(fs_guess(w, buf, len));
    }
    return kinds;
}

static uint32_t look_all(struct scsi_lu *lu, uint8_t *buf)
{
    uint64_t starts[FS_PARTITIONS_MAX];
    size_t len = read_at(lu, 0, FS_HEAD_LEN, buf);
    unsigned n = fs_partitions(buf, len, lu_block(lu), lu->vol->geo.size, starts);
    uint32_t kinds = look_at(lu, 0, buf);
    for (unsigned i = 0; i < n; i++)
        kinds |= look_at(lu, starts[i], buf);
    return kinds & ~KIND(FS_NONE);
}

static void look(void *arg)
{
    struct scsi_lu *lu = arg;
    uint8_t *buf = malloc(FS_HEAD_LEN);
    if (buf) {
        lu->fs.kinds = look_all(lu, buf);
        fs_judge(lu);
    }
    free(buf);
    lu->fs.looked = run_now();
    lu->fs.looking = false;
    waitgroup_done(&lu->background);
}

static void start_looking(struct timer *t)
{
    struct scsi_lu *lu = container_of(t, struct scsi_lu, fs.timer);
    lu->fs.looking = true;
    waitgroup_add(&lu->background, 1);
    if (!fiber_start(look, lu, "scsi file systems")) {
        lu->fs.looking = false; /* the next write tries again */
        waitgroup_done(&lu->background);
    }
}

void fs_touch(struct scsi_lu *lu)
{
    struct fs_watch *fs = &lu->fs;
    if (timer_armed(&fs->timer) || fs->looking)
        return;
    uint64_t soon = run_now() + SETTLE, due = fs->looked ? fs->looked + EVERY : 0;
    timer_arm(&fs->timer, MAX(soon, due));
}

void fs_init(struct scsi_lu *lu)
{
    timer_init(&lu->fs.timer, start_looking);
}

void fs_stop(struct scsi_lu *lu)
{
    timer_cancel(&lu->fs.timer);
}

/* ---- telling ----------------------------------------------------------------------------- */

static enum fs_kind first_of(uint32_t kinds)
{
    return kinds ? (enum fs_kind)__builtin_ctz(kinds) : FS_NONE;
}

void fs_judge(struct scsi_lu *lu)
{
    static const char *const why[] = {
        [SCSI_EXCLUSIVE] = "it is made for several hosts, and the policy lets one in",
        [SCSI_CLUSTER] = "it is one host's, and the policy lets several in",
    };
    enum scsi_guard_policy policy = guard_policy_of(lu);
    enum fs_kind kind = first_of(lu->fs.kinds & unfit[policy]);
    if (kind != FS_NONE && fs_name(kind) != lu->fs.unfit)
        log_warn("guard.filesystem", KV("volume", "%s", lu->vol->name),
                 KV("filesystem", "%s", fs_name(kind)), KV("why", "%s", why[policy]));
    lu->fs.unfit = fs_name(kind);
}
