/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool's disks in memory, taken apart into its blocks, changed and sealed again up to the uberblock and the labels, so
 * that damage gets past every checksum. Knows single disks and mirrors: all disks of the pool hold the same at the same
 * offset, or an older state of it; and spares, which have nothing but labels.
 */
#ifndef TESTS_FUZZ_POOL_FORGE_H
#define TESTS_FUZZ_POOL_FORGE_H

#include "pool/format/bp.h"
#include "pool/format/label.h"

#define FORGE_DISKS   4u
#define FORGE_OBJSETS 32u
#define FORGE_CHANGE  8u /* bytes of input for one change */

struct forge_disk {
    uint8_t *bytes;
    uint64_t size;
    bool spare; /* no block of the pool is there */
};

struct forge_node {
    int parent; /* -1: the uberblock; of a gang's header: the block that it stands for, or the header above it */
    uint32_t
        at; /* where its pointer stands in the parent's content; of the outermost header: 0 */
    struct bp bp, base_bp;
    uint32_t lsize;
    uint8_t *content, *base; /* lsize bytes, decompressed */
    unsigned objset;         /* 0: the MOS */
    uint64_t object, blkid;
    unsigned level;
    bool log, header, touched;
    unsigned group; /* counts objects, in the order of their first blocks */
};

struct forge {
    struct forge_disk disk[FORGE_DISKS];
    unsigned ndisks;
    struct forge_node *node;
    unsigned nnodes, room, ngroups;
    uint64_t dataset[FORGE_OBJSETS]; /* the objset's dataset object */
    unsigned nobjsets;
    struct uberblock ub;
    uint64_t ub_word[26]; /* changes of the uberblock's words, by xor */
    uint64_t spare;       /* blocks that don't fit their place any more go below it */
    bool first_disk_only;
    /* Which volumes depend on an object of the MOS: a bit each. Set by the owner. */
    uint32_t (*depend)(void *arg, uint64_t object);
    void *arg;
    uint32_t tainted; /* volumes whose content the changes may rightly have changed */
    struct forge_undo {
        unsigned disk;
        uint64_t off;
        uint32_t len;
        uint8_t *old;
    } * undo;
    unsigned nundo, undo_room;
};

/* Takes apart what the disks hold; the newest uberblock counts. */
void forge_open(struct forge *f);
/* Changes and seals; f->tainted tells what that may do. */
void forge_apply(struct forge *f, const uint8_t *input, size_t len);
/* Makes the disks what they were. */
void forge_undo(struct forge *f);

#endif
