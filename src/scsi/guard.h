/* SPDX-License-Identifier: BSD-2-Clause */
/* The attach guard inside scsi/ (guard.c). All on the LU's home. */
#ifndef SCSI_GUARD_H
#define SCSI_GUARD_H

#include "scsi/scsi_int.h"

int guard_load(struct scsi_lu *lu); /* parks */
void guard_free(struct scsi_lu *lu);
/* A nexus has mapped the LU: under SCSI_EXCLUSIVE its host takes a lease that is free. */
void guard_attach(struct scsi_lu *lu, struct scsi_itl *itl);
/* Its last task is over and it is off the LU; farewell: its initiator has logged out. */
void guard_left(struct scsi_lu *lu, const struct scsi_itl *itl);
/* It belongs to another host from now on. */
void guard_rehost(struct scsi_lu *lu, struct scsi_itl *itl, const char *host);
/* Whether nobody is to be guarded from it: false for a nexus whose commands that touch the medium
 * or other hosts would be denied. Takes nothing. */
bool guard_has_access(const struct scsi_lu *lu, const struct scsi_itl *itl);
/* The check of each command. False: the task has ended 05/20/02, or because the lease that it takes
 * could not be saved. Parks. */
bool guard_check(struct scsi_lu *lu, struct scsi_task *t);
enum scsi_guard_policy guard_policy_of(const struct scsi_lu *lu);

/* fs_look.c: file systems that do not go with the policy. On the LU's home; none parks. */
void fs_init(struct scsi_lu *lu);
void fs_stop(struct scsi_lu *lu);
void fs_touch(struct scsi_lu *lu); /* something was written, or used for the first time */
void fs_judge(struct scsi_lu *lu); /* the policy, or what was found, is another one */

#endif
