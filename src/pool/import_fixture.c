/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/import_fixture.h"
#include "pool/pool_fixture.h"

#include <stdio.h>

#define VOLUME_SIZE (1u << 20)

static const char *const disks[TANK_DISKS] = {"/d0", "/d1", "/d2", "/d3"};

static struct file *disk_open(const char *path, bool create)
{
    const struct file_opts opts = {.mode = FILE_RDWR, .create = create};
    struct file *f = NULL;
    check(file_open(path, &opts, &f, NULL) == 0);
    return f;
}

/* ---- the pool ----------------------------------------------------------------------------------------- */

void tank_disks(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        fixture_disk(disks[i], DISK_SIZE);
    }
}

void tank_make_groups(struct tank *t, struct expect *e, unsigned ngroups,
                      enum pool_layout layout, unsigned n)
{
    struct pool_group groups[TANK_DISKS];
    *t = (struct tank){.e = e};
    tank_disks(ngroups * n);
    for (unsigned i = 0; i < ngroups; i++)
        groups[i] = (struct pool_group){layout, n, &disks[i * n]};
    const struct pool_create_want want = {.name = "tank", .groups = groups, .ngroups = ngroups};
    const struct pool_volume_want vol = {.name = "v", .size = VOLUME_SIZE};
    check(pool_create(&want, &t->p, &t->err) == 0);
    check(pool_volume_create(t->p, &vol, &t->err) == 0);
    tank_fill(t, 1);
}

void tank_make(struct tank *t, struct expect *e, enum pool_layout layout, unsigned n)
{
    tank_make_groups(t, e, 1, layout, n);
}

static void volume_pass(struct tank *t, uint8_t value, bool write)
{
    static uint8_t bytes[1u << 16];
    struct volume *v;
    unsigned wrong = 0;
    check(pool_volume_open(t->p, "v", &v, NULL) == 0);
    for (uint64_t off = 0; off < VOLUME_SIZE; off += sizeof(bytes)) {
        struct sgl sgl;
        sgl_init(&sgl);
        memset(bytes, value, sizeof(bytes));
        if (write) {
            check(sgl_alloc(&sgl, sizeof(bytes)) == 0);
            sgl_copy_in(&sgl, 0, bytes, sizeof(bytes));
            EXPECT_EQ(t->e, v->ops->write(v, off, &sgl, 0), 0);
        } else {
            EXPECT_EQ(t->e, v->ops->read(v, off, sizeof(bytes), &sgl), 0);
            sgl_copy_out(&sgl, 0, bytes, sizeof(bytes));
            for (size_t i = 0; i < sizeof(bytes); i++)
                wrong += bytes[i] != value;
        }
        sgl_clear(&sgl);
    }
    EXPECT_EQ(t->e, wrong, 0);
    volume_close(v);
}

void tank_fill(struct tank *t, uint8_t value)
{
    volume_pass(t, value, true);
    EXPECT_EQ(t->e, pool_sync(t->p), 0);
    t->fill = value;
}

void tank_verify(struct tank *t, uint8_t value)
{
    volume_pass(t, value, false);
}

void tank_export(struct tank *t)
{
    EXPECT_EQ(t->e, pool_export(t->p, NULL), 0);
    t->p = NULL;
}

int tank_import_want(struct tank *t, struct pool_import_want want)
{
    static const char *const all[] = {"/", NULL};
    if (!want.paths)
        want.paths = all;
    t->err = (struct err){0};
    t->p = NULL;
    return pool_import(&want, &t->p, &t->err);
}

bool said(const struct tank *t, const char *text)
{
    bool yes = strstr(t->err.msg, text) != NULL;
    if (!yes)
        print_message("# not \"%s\" but \"%s\"\n", text, t->err.msg);
    return yes;
}

/* ---- disks ---------------------------------------------------------------------------------------------- */

static uint64_t disk_pass(const char *path, struct file *to)
{
    static uint64_t words[1u << 15];
    struct file *f = disk_open(path, false);
    uint64_t sum = 0;
    for (uint64_t off = 0; off < file_info(f)->size; off += sizeof(words)) {
        check(file_pread(f, off, words, sizeof(words)) == 0);
        if (to)
            check(file_pwrite(to, off, words, sizeof(words)) == 0);
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            sum = (sum ^ words[i]) * 0x100000001b3u;
    }
    file_close(f);
    return sum;
}

uint64_t disk_sum(const char *path)
{
    return disk_pass(path, NULL);
}

uint64_t disks_sum(unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum = sum * 31 + disk_sum(disks[i]);
    return sum;
}

void disk_copy(const char *from, const char *to)
{
    struct file *f = disk_open(to, true);
    check(file_resize(f, DISK_SIZE) == 0);
    disk_pass(from, f);
    check(file_flush(f) == 0);
    file_close(f);
}

void disk_wipe_labels(const char *path)
{
    static const uint8_t zeros[LABEL_SIZE];
    struct file *f = disk_open(path, false);
    for (unsigned i = 0; i < LABELS; i++)
        check(file_pwrite(f, label_off(DISK_SIZE, i), zeros, sizeof(zeros)) == 0);
    file_close(f);
}

void labels_patch(const char *path, unsigned mask, void (*change)(struct nv *label))
{
    static uint8_t bytes[LABEL_CONFIG_SIZE];
    struct label_info label;
    struct file *f = disk_open(path, false);
    check(label_read(f, UINT64_MAX, &label, NULL) == 0);
    change(label.config);
    for (unsigned i = 0; i < LABELS; i++) {
        uint64_t off = label_off(DISK_SIZE, i);
        if (!(mask & 1u << i))
            continue;
        check(label_config_seal(label.config, off, bytes) == 0);
        check(file_pwrite(f, off + LABEL_CONFIG_OFF, bytes, sizeof(bytes)) == 0);
    }
    check(file_flush(f) == 0);
    nv_free(label.config);
    file_close(f);
}

void uberblocks_patch(const char *path, uint64_t txg, void (*change)(struct uberblock *ub))
{
    static uint8_t slot[1u << 13];
    struct label_info label;
    struct file *f = disk_open(path, false);
    check(label_read(f, txg, &label, NULL) == 0 && label.has_ub);
    unsigned ashift = label.ashift;
    uint32_t at = uberblock_slot_off(ashift, label.ub.txg);
    change(&label.ub);
    for (unsigned i = 0; i < LABELS; i++) {
        uint64_t off = label_off(DISK_SIZE, i) + at;
        uberblock_seal(&label.ub, ashift, off, slot);
        check(file_pwrite(f, off, slot, uberblock_slot_size(ashift)) == 0);
    }
    check(file_flush(f) == 0);
    nv_free(label.config);
    file_close(f);
}

void ub_bump(struct uberblock *ub)
{
    ub->timestamp += 1;
}

void ub_multihost(struct uberblock *ub)
{
    ub->mmp_delay = NS_PER_SEC;
}

void ub_guid_sum(struct uberblock *ub)
{
    ub->guid_sum++;
}

void mos_rot(const char *path, unsigned back)
{
    struct label_info label;
    struct file *f = disk_open(path, false);
    uint64_t max = UINT64_MAX;
    for (unsigned i = 0; i <= back; i++) {
        check(label_read(f, max, &label, NULL) == 0 && label.has_ub);
        nv_free(label.config);
        max = label.ub.txg - 1;
    }
    file_close(f);
    for (unsigned i = 0; i < bp_ndvas(&label.ub.rootbp); i++)
        sim_rot(reactor_run(reactor_self()), path,
                LABEL_FRONT + bp_dva(&label.ub.rootbp, i).off, 4096);
}
