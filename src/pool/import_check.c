/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What forbids an import, or writing. By the labels first, before a disk is claimed: the version, a destroyed pool, another
 * host, features that the MOS cannot be read without. Then by the MOS: features and devices with which a pool can only be
 * read make it read-only, with the reason; those with which it cannot even be read refuse it (design.md 5, rule 8).
 *
 * Another host is seen in two ways: its id in the labels of a pool that was not exported, and, where that host keeps OpenZFS's
 * multihost on, uberblocks that go on changing. The first can be overruled, the second cannot.
 */
#include "pool/format/features.h"
#include "pool/import_int.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- another host -------------------------------------------------------------------------------------- */

#define MMP_INTERVAL_VALID 1u
#define MMP_FAIL_VALID     4u
#define MMP_WATCH_MIN_MS   10000u
#define MMP_WATCH_MAX_MS   120000u /* whatever the uberblock says */

/* How long a host that has the pool may stay silent, by what it writes into uberblocks; twice that. */
static uint64_t mmp_watch_ms(const struct uberblock *ub)
{
    uint64_t interval = ub->mmp_config >> 8 & 0xffffff, fails = ub->mmp_config >> 48;
    uint64_t ms = ub->mmp_delay / NS_PER_MS;
    if (ub->mmp_config & MMP_INTERVAL_VALID)
        ms = MAX(ms, interval * 20);
    if (ub->mmp_config & MMP_FAIL_VALID)
        ms = MAX(ms, interval * fails * 2);
    return MIN(MAX(ms, MMP_WATCH_MIN_MS), MMP_WATCH_MAX_MS);
}

static bool has_moved(const struct found *f)
{
    struct file_opts opts = {.mode = FILE_RDONLY};
    for (unsigned i = 0; i < f->n; i++) {
        struct label_info label;
        struct file *file;
        if (file_open(f->v[i]->path, &opts, &file, NULL))
            continue;
        int r = label_read(file, UINT64_MAX, &label, NULL);
        file_close(file);
        if (r)
            continue;
        nv_free(label.config);
        if (label.has_ub && uberblock_better(&label.ub, &f->best->label.ub))
            return true;
    }
    return false;
}

static int activity_check(const struct found *f, struct err *reterr)
{
    const struct uberblock *ub = &f->best->label.ub;
    const char *name = member_text(f->best, "name");
    if (ub->mmp_magic != MMP_MAGIC || ub->mmp_delay == 0)
        return 0;
    uint64_t ms = mmp_watch_ms(ub);
    log_info("pool.watch", KV("pool", "%s", name), KV("seconds", "%" PRIu64, ms / 1000));
    for (uint64_t waited = 0; waited < ms; waited += 1000) {
        fiber_sleep_until(run_deadline_ms(1000), NULL);
        if (has_moved(f))
            return err_set(
                reterr, E(-EBUSY),
                "pool %s is in use by host %s, which wrote to it just now: export it "
                "there first",
                name, member_text(f->best, "hostname"));
    }
    return 0;
}

static int host_check(const struct pool_import_want *want, const struct found *f,
                      struct err *reterr)
{
    uint64_t host = member_number(f->best, "hostid");
    if (member_number(f->best, "state") != POOL_STATE_ACTIVE || !host ||
        host == want->opts.hostid)
        return 0;
    if (!want->force)
        return err_set(
            reterr, E(-EBUSY),
            "pool %s was last used by host %s and not exported: make sure that it is "
            "not in use there, then use --force",
            member_text(f->best, "name"), member_text(f->best, "hostname"));
    return activity_check(f, reterr);
}

/* ---- by the label ---------------------------------------------------------------------------------------- */

static int label_features_check(const struct found *f, struct err *reterr)
{
    struct nv *list;
    const char *guid, *name = member_text(f->best, "name");
    if (!nv_get_nv(f->best->label.config, "features_for_read", &list))
        return err_set(
            reterr, E(-EOPNOTSUPP),
            "pool %s (%s) is older than feature flags: `zpool upgrade` makes it usable", name,
            f->best->path);
    for (unsigned i = 0; (guid = nv_key(list, i)); i++)
        if (feature_access(guid, true, reterr) == FEATURE_NO_ACCESS) {
            err_prefix(reterr, "pool %s (%s)", name, f->best->path);
            return E(-EOPNOTSUPP);
        }
    return 0;
}

int import_label_check(const struct pool_import_want *want, const struct found *f,
                       struct err *reterr)
{
    uint64_t version = member_number(f->best, "version");
    const char *name = member_text(f->best, "name");
    bool destroyed = member_number(f->best, "state") == POOL_STATE_DESTROYED;
    if (version > ZFS_VERSION)
        return err_set(reterr, E(-EOPNOTSUPP),
                       "pool %s (%s) has version %" PRIu64
                       ", newer than %u, the newest known here: use the software that made it",
                       name, f->best->path, version, ZFS_VERSION);
    if (version != ZFS_VERSION)
        return err_set(reterr, E(-EOPNOTSUPP),
                       "pool %s (%s) has version %" PRIu64
                       ", older than %u: `zpool upgrade` makes it "
                       "usable",
                       name, f->best->path, version, ZFS_VERSION);
    if (destroyed && !want->destroyed)
        return err_set(reterr, E(-ENOENT), "pool %s was destroyed: import it with --destroyed",
                       name);
    if (!destroyed && want->destroyed)
        return err_set(reterr, E(-EINVAL), "pool %s was not destroyed: import it without -D",
                       name);
    int r = label_features_check(f, reterr);
    return r ? r : host_check(want, f, reterr);
}

/* ---- by the MOS -------------------------------------------------------------------------------------------- */

void import_force_read_only(struct pool *p, const char *fmt, ...)
{
    va_list ap;
    if (!p->read_only_why[0]) {
        va_start(ap, fmt);
        vsnprintf(p->read_only_why, sizeof(p->read_only_why), fmt, ap);
        va_end(ap);
    }
    p->read_only = true;
}

struct feature_scan {
    struct import *im;
    bool from_read;
};

static int feature_seen(void *arg, const char *guid, const struct zap_value *v)
{
    const struct feature_scan *s = arg;
    struct pool *p = s->im->p;
    struct err why = {0};
    uint64_t count = 0;
    if (v->int_size == 8 && v->n == 1)
        memcpy(&count, v->bytes, sizeof(count));
    const struct feature *f = feature_find(guid);
    if (f && strcmp(f->name, "spacemap_histogram") == 0)
        p->spacemap_histogram = true;
    if (count == 0)
        return 0;
    switch (feature_access(guid, s->from_read, &why)) {
    case FEATURE_NO_ACCESS:
        return err_set(s->im->err, E(-EOPNOTSUPP), "pool %s: %s", p->name, why.msg);
    case FEATURE_READ_ONLY:
        import_force_read_only(p, "%s", why.msg);
        break;
    case FEATURE_WRITE:
        break;
    }
    if (f)
        pool_feature_active(p, f);
    return 0;
}

/* The path of the first device in a list that the MOS keeps by name ("l2cache"); false: none. */
static bool cache_device(struct pool *p, char *ret, size_t cap)
{
    uint64_t object;
    struct nv *list, *const *devices;
    unsigned n = 0;
    const char *path = "?";
    if (zap_get_u64(p->mos, DMU_OBJECT_DIRECTORY, "l2cache", &object) ||
        mos_nv_read(p->mos, object, &list, NULL))
        return false;
    if (nv_get_nvs(list, "l2cache", &devices, &n) && n > 0) {
        nv_get_str(devices[0], "path", &path);
        snprintf(ret, cap, "%s", path);
    }
    nv_free(list);
    return n > 0;
}

static void devices_check(struct pool *p)
{
    char path[200];
    for (unsigned i = 0; i < p->root->nchildren; i++) {
        const struct vdev *top = p->root->child[i], *leaf = vdev_leaf(top, 0);
        if (top->is_log && top->type != VDEV_HOLE)
            import_force_read_only(p,
                                   "it has a log device (%s), with which it can only be read",
                                   leaf ? leaf->path : "missing");
    }
    if (cache_device(p, path, sizeof(path)))
        import_force_read_only(p, "it has a cache device (%s), with which it can only be read",
                               path);
}

/* ---- deduplicated blocks ------------------------------------------------------------------------------------ */

/* No feature tells of them: each table of shared blocks has an entry in the MOS's directory, by checksum, kind and class, as long as
 * there is a block in it (OpenZFS ddt.c). A block that others share is read like any other, but freeing it means counting its
 * users there. */
#define DDT_PREFIX       "DDT-"
#define DDT_STATISTICS   "DDT-statistics"
#define DDT_STEPS        64u /* of a histogram: users of a block, as powers of two */
#define DDT_STEP_WORDS   8u
#define DDT_WORD_DSIZE   3u /* of a step: bytes that lie on the disks, */
#define DDT_WORD_REFERED 7u /* and what they stand for */

struct ddt_sums {
    uint64_t dsize, refered;
};

static int ddt_table_seen(void *arg, const char *name, const struct zap_value *v)
{
    bool *found = arg;
    (void)v;
    *found |=
        strncmp(name, DDT_PREFIX, strlen(DDT_PREFIX)) == 0 && strcmp(name, DDT_STATISTICS) != 0;
    return 0;
}

/* A table's histogram. */
static int ddt_sum_up(void *arg, const char *name, const struct zap_value *v)
{
    struct ddt_sums *sums = arg;
    uint64_t step[DDT_STEP_WORDS];
    (void)name;
    if (v->int_size != sizeof(step[0]) || v->n != DDT_STEPS * DDT_STEP_WORDS)
        return 0;
    for (unsigned i = 0; i < DDT_STEPS; i++) {
        memcpy(step, v->bytes + i * sizeof(step), sizeof(step));
        sums->dsize += step[DDT_WORD_DSIZE];
        sums->refered += step[DDT_WORD_REFERED];
    }
    return 0;
}

static int dedup_check(struct pool *p)
{
    struct ddt_sums sums = {0};
    uint64_t statistics;
    bool found = false;
    int r = zap_iterate(p->mos, DMU_OBJECT_DIRECTORY, ddt_table_seen, &found);
    if (r || !found)
        return r;
    import_force_read_only(p, "it has deduplicated blocks, with which it can only be read");
    r = zap_get_u64(p->mos, DMU_OBJECT_DIRECTORY, DDT_STATISTICS, &statistics);
    if (r == 0)
        r = zap_iterate(p->mos, statistics, ddt_sum_up, &sums);
    if (r == 0 && sums.dsize)
        p->dedup_percent =
            sums.refered / sums.dsize * 100 + sums.refered % sums.dsize * 100 / sums.dsize;
    return 0;
}

int import_features_check(struct import *im)
{
    struct pool *p = im->p;
    struct feature_scan s = {im, true};
    int r = zap_iterate(p->mos, p->dsl.feat_read, feature_seen, &s);
    s.from_read = false;
    if (r == 0)
        r = zap_iterate(p->mos, p->dsl.feat_write, feature_seen, &s);
    if (r == 0)
        devices_check(p);
    return r ? r : dedup_check(p);
}
