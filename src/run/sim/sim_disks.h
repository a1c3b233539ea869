/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated file system: names and inodes, each name as it is seen and as it would survive.
 * A change of a name is pending until its directory is synced (sim_names_sync) or the file
 * itself is flushed.
 */
#ifndef RUN_SIM_SIM_DISKS_H
#define RUN_SIM_SIM_DISKS_H

#include "run/sim/sim_inode.h"

struct sim_disks {
    struct list inodes;  /* of struct sim_inode */
    struct list names;   /* of struct sim_name, ascending by path */
    struct list pending; /* of struct sim_name_op, oldest first */
    uint64_t next_ino;
};

/* The inode behind a path, or NULL. "/" and "." are no inodes: see sim_names_is_dir(). */
struct sim_inode *sim_names_find(const struct sim_disks *d, const char *path);
bool sim_names_is_dir(const struct sim_disks *d, const char *path);
/* The directory part, malloc'd. */
char *sim_names_dir(const char *path);
/* A new file or directory at path (its parent exists, the path does not). */
struct sim_inode *sim_names_create(struct sim_disks *d, const char *path, bool is_dir,
                                   unsigned mode);
/* Moves the name, over what is there. */
void sim_names_rename(struct sim_disks *d, const char *from, const char *to);
void sim_names_remove(struct sim_disks *d, const char *path);
/* The names directly below dir, in order: calls fn with the last component. */
void sim_names_list(const struct sim_disks *d, const char *dir,
                    void (*fn)(const char *name, void *arg), void *arg);

/* What fsync(2) of a directory does, and of those that lead to it. */
void sim_names_sync(struct sim_disks *d, const char *dir);
/* What fsync(2) of a file does to its names. */
void sim_names_sync_inode(struct sim_disks *d, const struct sim_inode *in);

void sim_inode_ref(struct sim_inode *in);
void sim_inode_unref(struct sim_inode *in);
/* Bytes in use, all files. */
uint64_t sim_disks_used(const struct sim_disks *d);

/* Settles all: per directory a prefix of the pending name changes, per sector as how says. */
void sim_disks_cut(struct sim_disks *d, enum sim_cut how, struct sim_rand *r,
                   struct sim_settled *sum);

#endif
