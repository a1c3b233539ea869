/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The copy manager inside scsi/: a parameter list becomes a plan (copy_plan.c), the plan is
 * carried out piece by piece (copy_run.c), its record answers RECEIVE COPY RESULTS
 * (copy_results.c).
 */
#ifndef SCSI_COPY_H
#define SCSI_COPY_H

#include "scsi/limits.h"
#include "scsi/ops.h"
#include "wire/scsi_copy.h"

/* A copy source or destination: which of the asking initiator's LUs it is. */
struct copy_end {
    uint8_t designator[20];
    uint8_t len;
    uint32_t block; /* bytes, as the initiator knows it */
    struct scsi_nexus
        *nexus; /* that maps it: the asking one, or a sibling; NULL: out of reach */
    uint16_t lun;
};

struct copy_segment {
    uint16_t source, destination; /* index into ends */
    bool in_bytes;                /* n counts bytes, not blocks */
    bool destination_blocks;      /* n counts blocks of the destination's size */
    uint32_t n;
    uint64_t source_lba, destination_lba;
    uint32_t source_offset, destination_offset; /* bytes */
};

struct copy_plan {
    uint8_t list_id;
    bool has_id;
    unsigned nends, nsegments;
    struct copy_end ends[SCSI_COPY_MAX_CSCDS];
    struct copy_segment segments[SCSI_COPY_MAX_SEGMENTS];
};
/* Reads a parameter list. False: the task has ended. */
bool copy_plan_parse(struct scsi_task *t, const uint8_t *list, size_t len,
                     struct copy_plan *ret_plan);

/* How long a segment is, 0 when it names ends that are not there. */
uint64_t copy_segment_bytes(const struct copy_plan *plan, const struct copy_segment *s);

/* A copy that runs, or one that is over and whose results are kept. Belongs to the LU that got
 * the command. */
struct copy_record {
    struct list on_lu;          /* of struct scsi_lu.copies, oldest first */
    const struct scsi_itl *itl; /* that asked */
    uint8_t list_id;
    bool has_id;
    bool running;
    uint8_t status; /* COPY_x */
    uint16_t segments;
    uint64_t bytes;
    uint8_t sense_len;
    uint8_t sense[SCSI_SENSE_MAX];
};

/* The nexus's copy with that list identifier, NULL: unknown. */
struct copy_record *copy_find(struct scsi_lu *lu, const struct scsi_itl *itl, uint8_t list_id);

/* Finds which LUNs the ends are, of the asking nexus or, for another target's, of its siblings, until
 * copy_let_go(). Park. */
void copy_resolve(struct scsi_task *t, struct copy_plan *plan);
void copy_let_go(struct scsi_task *t, struct copy_plan *plan);
/* Carries out the plan, counting in rec what is done. Ends the task. Parks. */
void copy_run(struct scsi_task *t, const struct copy_plan *plan, struct copy_record *rec);

#endif
