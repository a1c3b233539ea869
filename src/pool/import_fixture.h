/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of creation and import: a small pool in the simulated world, and hands on its disks' labels. */
#ifndef POOL_IMPORT_FIXTURE_H
#define POOL_IMPORT_FIXTURE_H

#include "base/check.h"
#include "base/log.h"
#include "pool/import_int.h"
#include "volume/expect.h"

#define TANK_DISKS 4u
#define DISK_SIZE  (66ull << 20)

struct tank {
    struct expect *e;
    struct pool *p;
    struct err err; /* of the last import */
    uint8_t fill;   /* what v holds */
};
/* tank: groups of n disks /d0, /d1... and a volume v that is full of ones; open. */
void tank_make(struct tank *t, struct expect *e, enum pool_layout layout, unsigned n);
void tank_make_groups(struct tank *t, struct expect *e, unsigned ngroups,
                      enum pool_layout layout, unsigned n);
void tank_disks(unsigned n);
/* Into the tree, not only into the log. */
void tank_fill(struct tank *t, uint8_t value);
void tank_verify(struct tank *t, uint8_t value);
void tank_export(struct tank *t);
int tank_import_want(struct tank *t, struct pool_import_want want);
/* tank_import(t, .name = "x", ...): of all disks there are where no paths are given. */
#define tank_import(t, ...) tank_import_want(t, (struct pool_import_want){__VA_ARGS__})
/* Whether the last message has this text. */
bool said(const struct tank *t, const char *text);

/* ---- disks ------------------------------------------------------------------------------------------- */

uint64_t disk_sum(const char *path); /* of all bytes */
uint64_t disks_sum(unsigned n);
void disk_copy(const char *from, const char *to);
void disk_wipe_labels(const char *path);
/* Changes the configuration in the labels of the mask. */
void labels_patch(const char *path, unsigned mask, void (*change)(struct nv *label));
/* Changes all uberblocks of txg (UINT64_MAX: the newest) and writes them back in their slots. */
void uberblocks_patch(const char *path, uint64_t txg, void (*change)(struct uberblock *ub));
void ub_bump(struct uberblock *ub);
void ub_multihost(struct uberblock *ub);
void ub_guid_sum(struct uberblock *ub);
/* All copies of the MOS's objset block become garbage, of the newest uberblock or the one that many txgs back. */
void mos_rot(const char *path, unsigned back);

#endif
