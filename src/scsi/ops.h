/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handlers of the op table's rows: each gets a task that passed all common checks (execute.c)
 * and ends it with one of the task_*() calls of scsi_int.h. lu is NULL only for rows with
 * OP_NO_LU, when nothing is mapped at the LUN.
 */
#ifndef SCSI_OPS_H
#define SCSI_OPS_H

#include "scsi/scsi_int.h"

typedef void scsi_handler(struct scsi_lu *lu, struct scsi_task *t);

/* Reading and writing blocks (block.c and neighbours). */
scsi_handler op_read;         /* READ(6), (10), (12), (16) */
scsi_handler op_write;        /* WRITE(6), (10), (12), (16) */
scsi_handler op_write_verify; /* WRITE AND VERIFY(10), (12), (16) */
scsi_handler op_verify;       /* VERIFY(10), (12), (16) */
scsi_handler op_prefetch;     /* PRE-FETCH(10), (16) */
scsi_handler op_sync_cache;   /* SYNCHRONIZE CACHE(10), (16) */
scsi_handler op_caw;          /* COMPARE AND WRITE */
scsi_handler op_write_same;   /* WRITE SAME(10), (16) */
scsi_handler op_orwrite;      /* ORWRITE(16) */
scsi_handler op_write_atomic; /* WRITE ATOMIC(16) */
scsi_handler op_unmap;
scsi_handler op_get_lba_status;
scsi_handler op_read_capacity10;
scsi_handler op_read_capacity16;
scsi_handler op_read_defect; /* READ DEFECT DATA(10), (12) */

/* Reservations. */
scsi_handler op_reserve; /* RESERVE(6), (10) */
scsi_handler op_release; /* RELEASE(6), (10) */
scsi_handler op_pr_in;   /* all service actions */
scsi_handler op_pr_out;

/* Copies. */
scsi_handler op_xcopy;
scsi_handler op_receive_copy_results;

/* The device itself. */
scsi_handler op_test_unit_ready;
scsi_handler op_request_sense;
scsi_handler op_inquiry;
scsi_handler op_report_luns;
scsi_handler op_mode_sense;  /* (6), (10) */
scsi_handler op_mode_select; /* (6), (10) */
scsi_handler op_log_sense;
scsi_handler op_start_stop;
scsi_handler op_report_tpg;
scsi_handler op_set_tpg;
scsi_handler op_report_opcodes;
scsi_handler op_report_tmfs;
scsi_handler op_report_ident;
scsi_handler op_set_ident;

#endif
