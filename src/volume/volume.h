/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volume contract: what the SCSI model asks of a block store and every engine (store/,
 * pool/) answers. A volume has one home reactor; all calls are made there, from fibers, and may
 * park unless they say otherwise. Offsets and lengths are bytes, multiples of the volume's
 * block_size, inside its size (the caller checked). Errors are negative errno; these have a
 * meaning of their own:
 *   -ENOSPC   no room for new data (SPACE ALLOCATION FAILED WRITE PROTECT)
 *   -EBADMSG  data failed their checksum and could not be repaired (MEDIUM ERROR)
 *   -EROFS    the volume cannot be written
 *   -ENODEV   the store is gone for good;  -EAGAIN not there yet
 *   -EOPNOTSUPP the engine has no such operation
 *   -EIO and all others: HARDWARE ERROR
 * Filters (stats, limits, fault, delay) implement the same contract on top of another volume.
 *
 * Ordering: the contract promises nothing between calls in flight at the same time on
 * overlapping ranges (SCSI's range lock and ordering table care for that); a call that returned
 * is visible to every later one. A single write up to atomic_max bytes with VOL_ATOMIC is all or
 * nothing across a power loss.
 *
 * Durability: what a write means when it returns is decided by VOL_FUA and flush();
 * volume_write() of the sync policy layer (volume.c) adds the flag or the flush that `sync`
 * asks for, so engines know only FUA and flush.
 */
#ifndef VOLUME_VOLUME_H
#define VOLUME_VOLUME_H

#include "base/uuid.h"
#include "run/fiber.h"
#include "run/iobuf.h"

struct volume;

enum volume_sync {
    VOL_SYNC_ALWAYS,   /* acknowledged means durable: WCE=0, not changeable */
    VOL_SYNC_STANDARD, /* WCE=1, FUA and SYNCHRONIZE CACHE honoured */
    VOL_SYNC_DISABLED, /* durability is given up; shown in status */
};
const char *volume_sync_name(enum volume_sync s); /* "always", "standard", "disabled" */
bool volume_sync_parse(const char *text, enum volume_sync *ret_sync);

struct volume_geometry {
    uint64_t size;              /* bytes */
    uint32_t block_size;        /* logical block: 512 or 4096 */
    uint32_t physical_block;    /* bytes; what the store writes without reading */
    uint64_t unmap_granularity; /* bytes, 0: no discard */
    uint64_t unmap_alignment;   /* bytes, offset of the first aligned granule */
    uint64_t atomic_max;        /* bytes a write is atomic for across power loss; 0: none */
    bool thin;                  /* blocks are provisioned on write */
    bool read_only;
    bool rotational; /* the medium rotates, or nobody knows */
};

/* Answers of extents(): the provisioning of a run of bytes. */
enum volume_extent { VOL_MAPPED, VOL_HOLE };

/* Room, for LOG SENSE 0C, thresholds and status; bytes. */
struct volume_space {
    uint64_t used;      /* by this volume */
    uint64_t available; /* that it could still get */
    uint64_t
        warn_below; /* the store wants users warned while less than this is available, as its
                          * own threshold has it; 0: never */
};

#define VOL_FUA    (1u << 0) /* durable when the call returns */
#define VOL_LATER  (1u << 1) /* one of several of a command, which ends with volume_settle() */
#define VOL_ATOMIC (1u << 2) /* of a write of at most geometry.atomic_max bytes */

struct volume_ops {
    const char *engine; /* "mem", "file", ... */
    /* Appends len bytes of buffers to out, fresh ones or references to its cache's: not the
     * caller's to change. */
    int (*read)(struct volume *v, uint64_t off, uint64_t len, struct sgl *out);
    /* data->len == len. The bytes may be used after return only by taking references. */
    int (*write)(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags);
    /* Reads as zeros afterwards; may_unmap: holes are welcome. */
    int (*write_zeroes)(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                        unsigned flags);
    /* Gives blocks back; reads as zeros afterwards where LBPRZ is claimed (geometry.thin). */
    int (*discard)(struct volume *v, uint64_t off, uint64_t len, unsigned flags);
    /* All writes that returned before the call are durable when it returns. */
    int (*flush)(struct volume *v);
    /* The run at off with one provisioning state, cut at len. */
    int (*extents)(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                   enum volume_extent *ret_state);
    /* Clones bytes between two volumes of the same engine without moving data; NULL or
     * -EOPNOTSUPP: the caller reads and writes. */
    int (*copy)(struct volume *dst, uint64_t dst_off, struct volume *src, uint64_t src_off,
                uint64_t len);
    /* Grows, durable on return, then volume_changed(); 0: to what the store has now (a block
     * device that grew). */
    int (*resize)(struct volume *v, uint64_t new_size);
    int (*space)(struct volume *v, struct volume_space *ret_space);
    /* Attributes: small named values (identity, reservations, thresholds) that live with the
     * volume; at most VOL_ATTR_MAX bytes each, durable on return. get: malloc'd text in
     * *ret_value (caller frees), NULL when not set. value NULL deletes. list: names with the
     * prefix. */
    int (*get_attr)(struct volume *v, const char *name, char **ret_value);
    int (*set_attr)(struct volume *v, const char *name, const char *value);
    int (*list_attr)(struct volume *v, const char *prefix,
                     char ***ret_names); /* names_free() */
    /* volume_admit() of a filter that makes operations wait; NULL: none waits. */
    int (*admit)(struct volume *v, uint64_t bytes, struct cancel *c);
    /* Frees the volume; nothing is in flight. */
    void (*close)(struct volume *v);
};
#define VOL_ATTR_MAX 8192
/* Attributes that identify a volume to initiators. A durable attribute store refuses with
 * -EEXIST a value that another volume has or ever had: whoever mints it draws again. */
#define VOL_ATTR_NAA    "scsi.naa"
#define VOL_ATTR_SERIAL "scsi.serial"
/* Percent of the room below which users are warned, decimal; not there: never. */
#define VOL_ATTR_THRESHOLD "scsi.threshold"

/* First member of every engine's volume. */
struct volume {
    const struct volume_ops *ops;
    struct volume *lower; /* of a filter: what it stands on and closes; NULL: an engine */
    struct reactor *home;
    char name[256];             /* as the operator wrote it, for logs and status */
    struct uuid id;             /* never changes, never reused */
    struct volume_geometry geo; /* current; changes only on home, followed by notify() */
    enum volume_sync sync;
    bool write_cache; /* WCE in force; follows sync, an initiator may clear it under STANDARD */
    struct volume_stats *stats; /* of the stats filter below the policy layer, or NULL */
    /* Set by the LU that serves the volume; called on home after geometry or thresholds
     * changed. */
    void (*notify)(void *arg, unsigned what);
    void *notify_arg;
};
#define VOL_CHANGED_SIZE      (1u << 0)
#define VOL_CHANGED_THRESHOLD (1u << 1)
#define VOL_CHANGED_POLICY    (1u << 2) /* sync and write_cache, or geo.read_only */

/* The calls that everybody above uses; they apply the sync policy, check ranges (check())
 * and count. All park. */

/* Waits until the limits of the volume let an operation go that moves so many bytes (0: one that
 * moves none, such as a discard). Whoever acts for an initiator calls it before each operation:
 * waiting is done here, where it can be cancelled, and never inside an operation. 0, or
 * -ECANCELED when c (may be NULL) fires first. */
int volume_admit(struct volume *v, uint64_t bytes, struct cancel *c);
int volume_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out);
int volume_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags);
int volume_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                        unsigned flags);
int volume_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags);
/* Makes durable what was done with VOL_LATER, where the policy asks for it. */
int volume_settle(struct volume *v);
/* A no-op when everything that returned is durable already (sync=always) or nobody cares
 * (disabled). */
int volume_flush(struct volume *v);
int volume_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                   enum volume_extent *ret_state);
int volume_copy(struct volume *dst, uint64_t dst_off, struct volume *src, uint64_t src_off,
                uint64_t len);
int volume_resize(struct volume *v,
                  uint64_t new_size); /* -EINVAL: smaller, or not whole blocks */
int volume_space(struct volume *v, struct volume_space *ret_space);
int volume_get_attr(struct volume *v, const char *name, char **ret_value);
int volume_set_attr(struct volume *v, const char *name, const char *value);
int volume_list_attr(struct volume *v, const char *prefix, char ***ret_names);
void volume_close(struct volume *v); /* NULL is fine */

/* Change the policy under load. What was acknowledged under a laxer one is made durable
 * before they return; on an error the stricter policy is in force all the same. write_cache:
 * -EPERM unless sync is standard. Park. */
int volume_set_sync(struct volume *v, enum volume_sync sync);
int volume_set_write_cache(struct volume *v, bool on);

/* ---- for engines and filters
 * --------------------------------------------------------------------- */

/* Fills what is common, on the home reactor; the engine then completes geo. name is copied
 * (cut at 255 bytes). */
void volume_init(struct volume *v, const struct volume_ops *ops, const char *name,
                 const struct uuid *id, enum volume_sync sync);
/* Another name for logs and status, through all filters; cut at 255 bytes. */
void volume_rename(struct volume *v, const char *name);
/* Tells who serves the volume that geo or thresholds changed (VOL_CHANGED_*); does not park. */
void volume_changed(struct volume *v, unsigned what);
/* The engine's name, below all filters. */
const char *volume_engine(const struct volume *v);

/* ---- attribute stores for engines that cannot keep attributes themselves (file, block
 * devices) ------------------- */

/* The configuration store gives one to such an engine at open; keyed by volume id. Calls
 * park; durable on return. */
struct attr_store {
    int (*get)(struct attr_store *s, const struct uuid *id, const char *name, char **ret_value);
    int (*set)(struct attr_store *s, const struct uuid *id, const char *name,
               const char *value);
    int (*list)(struct attr_store *s, const struct uuid *id, const char *prefix,
                char ***ret_names);
};
/* One that lives and dies with the process: for mem volumes and tests. NULL: no memory. */
struct attr_store *attr_mem_new(void);
void attr_mem_free(struct attr_store *s); /* NULL is fine */

/* ---- filters
 * -------------------------------------------------------------------------------------- */

/* Histogram of latencies: 4 buckets per doubling from 1 us (bucket i covers 2^(i/4) us and
 * up, the last all above 14 s, the first all below 1.19 us). */
#define VOL_LAT_BUCKETS 96
enum volume_op {
    VOL_OP_READ,
    VOL_OP_WRITE,
    VOL_OP_ZERO,
    VOL_OP_DISCARD,
    VOL_OP_FLUSH,
    VOL_NOPS
};
struct volume_op_stats {
    uint64_t ops, bytes, errors, ns;
    uint64_t lat[VOL_LAT_BUCKETS];
};
struct volume_stats {
    struct volume_op_stats op[VOL_NOPS];
    uint32_t in_flight;
    uint64_t alive; /* run_now_precise() when an operation last ended, or began when none was in
                     * flight */
};
unsigned volume_lat_bucket(uint64_t ns);
/* Upper bound in nanoseconds of the quantile (0..1) of a histogram; 0 when it is empty. */
uint64_t volume_lat_quantile(const uint64_t lat[VOL_LAT_BUCKETS], double quantile);

/* Each takes over the lower volume and returns the upper one; -ENOMEM leaves the lower one
 * alone. */
int filter_stats_new(struct volume *lower, struct volume **ret_volume);

struct volume_limits {
    uint64_t iops; /* operations a second, 0: no limit */
    uint64_t bps;  /* bytes read and written a second, 0: no limit */
};
/* They hold for those who ask volume_admit(), in order of arrival. Nobody waits longer than this:
 * a host must not take a limit for a dead disk. */
#define VOL_LIMITS_WAIT_MAX_MS 4000
int filter_limits_new(struct volume *lower, const struct volume_limits *limits,
                      struct volume **ret_volume);
void filter_limits_set(struct volume *v, const struct volume_limits *limits);

/* For tests: fails every one_in-th operation of the kinds in ops (bit mask of 1 << VOL_OP_x)
 * that touches [off, off + len), before anything of it is done. */
struct volume_fault {
    unsigned ops;
    uint32_t one_in;   /* 0: none fails */
    int err;           /* negative errno */
    uint64_t off, len; /* bytes; len 0: everywhere. Flushes are everywhere */
};
int filter_fault_new(struct volume *lower, const struct volume_fault *fault,
                     struct volume **ret_volume);
void filter_fault_set(struct volume *v, const struct volume_fault *fault);
/* For tests: each operation of those kinds begins delay_ns late. */
int filter_delay_new(struct volume *lower, uint64_t delay_ns, unsigned ops,
                     struct volume **ret_volume);

#endif
