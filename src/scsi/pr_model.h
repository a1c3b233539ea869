/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: a second, simpler opinion on persistent reservations. A small world of initiators,
 * ports and keys; every step is done by the state machine (pr_state.c) and by the model, and
 * both must say the same.
 */
#ifndef SCSI_PR_MODEL_H
#define SCSI_PR_MODEL_H

#include <stddef.h>
#include <stdint.h>

struct pr_model_counts {
    unsigned steps, done, conflicts, others, uas, preempted;
};
/* Does the steps that the bytes describe, any bytes; aborts the process where the two
 * disagree. */
void pr_model_run(const uint8_t *bytes, size_t len, struct pr_model_counts *ret_counts);

#endif
