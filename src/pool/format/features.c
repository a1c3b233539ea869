/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of features, all that OpenZFS has registered up to its development branch of 2026.
 * Those we can't work with are listed so that a refusal can name them as operators know them.
 *
 * Why some read-only-compatible ones keep us from writing when active: async_destroy (an object
 * tree that waits to be freed), filesystem_limits (counts in every directory), log_spacemap (space
 * maps alone don't tell what is free), obsolete_counts, zpool_checkpoint, livelist, block_cloning
 * and fast_dedup (what is freed isn't free yet), allocation_classes (vdevs with a purpose),
 * resilver_defer and device_rebuild (repair in progress), physical_rewrite (other births).
 */
#include "pool/format/features.h"

#include <errno.h>
#include <string.h>

#define RO FEATURE_READ_ONLY_OK

/* clang-format off */
static const struct feature features[] = {
    /* OpenZFS 2.1, ours */
    {"com.delphix:async_destroy",          "async_destroy",         RO | FEATURE_CREATE},
    {"com.delphix:empty_bpobj",            "empty_bpobj",           RO | FEATURE_CREATE | FEATURE_WORKS},
    {"org.illumos:lz4_compress",           "lz4_compress",          FEATURE_AT_ONCE | FEATURE_CREATE | FEATURE_WORKS},
    {"com.delphix:spacemap_histogram",     "spacemap_histogram",    RO | FEATURE_CREATE | FEATURE_WORKS},
    {"com.delphix:enabled_txg",            "enabled_txg",           RO | FEATURE_CREATE | FEATURE_WORKS},
    {"com.delphix:hole_birth",             "hole_birth",            FEATURE_MOS | FEATURE_AT_ONCE | FEATURE_CREATE | FEATURE_WORKS},
    {"com.delphix:extensible_dataset",     "extensible_dataset",    FEATURE_CREATE | FEATURE_WORKS},
    {"com.delphix:embedded_data",          "embedded_data",         FEATURE_MOS | FEATURE_AT_ONCE | FEATURE_CREATE | FEATURE_WORKS},
    {"com.delphix:spacemap_v2",            "spacemap_v2",           RO | FEATURE_AT_ONCE | FEATURE_CREATE | FEATURE_WORKS},
    /* OpenZFS 2.1, of others */
    {"com.joyent:multi_vdev_crash_dump",   "multi_vdev_crash_dump", 0},
    {"com.delphix:bookmarks",              "bookmarks",             RO | FEATURE_WORKS},
    {"com.joyent:filesystem_limits",       "filesystem_limits",     RO},
    {"org.open-zfs:large_blocks",          "large_blocks",          FEATURE_WORKS},
    {"org.zfsonlinux:large_dnode",         "large_dnode",           FEATURE_WORKS},
    {"org.illumos:sha512",                 "sha512",                FEATURE_WORKS},
    {"org.illumos:skein",                  "skein",                 0},
    {"org.illumos:edonr",                  "edonr",                 0},
    {"com.delphix:device_removal",         "device_removal",        FEATURE_MOS},
    {"com.delphix:obsolete_counts",        "obsolete_counts",       RO},
    {"com.delphix:zpool_checkpoint",       "zpool_checkpoint",      RO},
    {"com.delphix:log_spacemap",           "log_spacemap",          RO},
    {"com.delphix:livelist",               "livelist",              RO},
    {"com.delphix:redaction_bookmarks",    "redaction_bookmarks",   0},
    {"com.delphix:redacted_datasets",      "redacted_datasets",     0},
    {"com.delphix:bookmark_written",       "bookmark_written",      0},
    {"com.datto:bookmark_v2",              "bookmark_v2",           0},
    {"com.datto:encryption",               "encryption",            0},
    {"org.zfsonlinux:userobj_accounting",  "userobj_accounting",    RO | FEATURE_WORKS},
    {"org.zfsonlinux:project_quota",       "project_quota",         RO | FEATURE_WORKS},
    {"org.zfsonlinux:allocation_classes",  "allocation_classes",    RO},
    {"com.datto:resilver_defer",           "resilver_defer",        RO},
    {"org.openzfs:device_rebuild",         "device_rebuild",        RO},
    {"org.freebsd:zstd_compress",          "zstd_compress",         FEATURE_WORKS},
    {"org.openzfs:draid",                  "draid",                 FEATURE_MOS},
    /* 2.2 */
    {"org.openzfs:zilsaxattr",             "zilsaxattr",            RO | FEATURE_WORKS},
    {"com.delphix:head_errlog",            "head_errlog",           FEATURE_AT_ONCE},
    {"org.openzfs:blake3",                 "blake3",                0},
    {"com.fudosecurity:block_cloning",     "block_cloning",         RO},
    {"com.klarasystems:vdev_zaps_v2",      "vdev_zaps_v2",          FEATURE_MOS},
    /* 2.3 */
    {"com.delphix:redaction_list_spill",   "redaction_list_spill",  0},
    {"org.openzfs:raidz_expansion",        "raidz_expansion",       FEATURE_MOS},
    {"com.klarasystems:fast_dedup",        "fast_dedup",            RO},
    {"org.zfsonlinux:longname",            "longname",              FEATURE_WORKS},
    {"com.klarasystems:large_microzap",    "large_microzap",        RO},
    /* after 2.3 */
    {"com.klarasystems:dynamic_gang_header", "dynamic_gang_header", FEATURE_MOS},
    {"com.truenas:physical_rewrite",       "physical_rewrite",      RO},
    {"com.truenas:block_cloning_endian",   "block_cloning_endian",  RO},
    {"com.seagate:draid_failure_domains",  "draid_failure_domains", FEATURE_MOS},
    {"com.klarasystems:anyraid",           "anyraid",               FEATURE_MOS},
};
/* clang-format on */

const struct feature *feature_table(unsigned *ret_n)
{
    *ret_n = ARRAY_LEN(features);
    return features;
}

const struct feature *feature_find(const char *guid)
{
    for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
        if (strcmp(features[i].guid, guid) == 0)
            return &features[i];
    }
    return NULL;
}

enum feature_access feature_access(const char *guid, bool from_read, struct err *reterr)
{
    const struct feature *f = feature_find(guid);
    bool readable = f ? (f->flags & FEATURE_READ_ONLY_OK) != 0 : !from_read;
    if (f && f->flags & FEATURE_WORKS)
        return FEATURE_WRITE;
    err_set(reterr, -EOPNOTSUPP, "the pool uses the feature %.80s, with which it can%s: %s",
            f ? f->name : guid, readable ? " only be read" : "not be opened",
            readable ? "the software that made it can write it"
                     : "use the software that made it");
    return readable ? FEATURE_READ_ONLY : FEATURE_NO_ACCESS;
}
