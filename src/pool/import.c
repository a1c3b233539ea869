/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Importing a pool (OpenZFS spa_load()). The labels of the given devices tell which pools there are; the best
 * uberblock among a pool's leads to the MOS, whose configuration is the tree to trust. Nothing is written, not even by the
 * repair of a bad copy, before all of it has been read and found good.
 */
#include "pool/disks.h"
#include "pool/import_int.h"
#include "pool/zil/log.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MISSING_SHOWN 40u /* characters of a missing disk's path */

/* ---- which pool is meant ------------------------------------------------------------------------------ */

/* The member of a pool that speaks for it: with the newest uberblock. */
static const struct member *speaker(const struct members *m, uint64_t pool)
{
    const struct member *best = NULL;
    for (unsigned i = 0; i < m->n; i++) {
        const struct member *one = &m->v[i];
        if (one->pool != pool)
            continue;
        if (!best || (one->label.has_ub && (!best->label.has_ub ||
                                            uberblock_better(&one->label.ub, &best->label.ub))))
            best = one;
    }
    return best;
}

static int several(const struct pool_import_want *want, const struct member *a,
                   const struct member *b, struct err *reterr)
{
    if (want->name)
        return err_set(reterr, E(-EEXIST),
                       "%s and %s are of different pools named %s (%" PRIu64 ", %" PRIu64
                       "): import by guid",
                       a->path, b->path, want->name, a->pool, b->pool);
    return err_set(reterr, E(-EEXIST), "several pools were found (%s, %s): import by name",
                   member_text(a, "name"), member_text(b, "name"));
}

static int none(const struct pool_import_want *want, const struct members *m,
                struct err *reterr)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].label.other_pool)
            return err_set(
                reterr, E(-ENOENT),
                "no such pool: %s carries labels of two pools, %s and %.64s: nobody can "
                "know whose it is; wipe it if neither needs it",
                m->v[i].path, member_text(&m->v[i], "name"), m->v[i].label.other_name);
    return err_set(reterr, E(-ENOENT),
                   "no pool %s on the %u devices and files that were looked at",
                   want->name ? want->name : "of that guid", m->looked_at);
}

static bool is_meant(const struct pool_import_want *want, const struct member *m)
{
    if (want->guid)
        return m->pool == want->guid;
    return !want->name || strcmp(member_text(m, "name"), want->name) == 0;
}

/* By guid, or by name among those that are destroyed, or are not, as was asked; when there are none, among the others, for
 * which a later check has the right words. */
static int pool_choose(const struct pool_import_want *want, const struct members *m,
                       uint64_t *ret_guid, struct err *reterr)
{
    const struct member *found = NULL;
    for (unsigned other = 0; other < 2 && !found; other++)
        for (unsigned i = 0; i < m->n; i++) {
            const struct member *one = &m->v[i];
            if (!one->pool || one->label.other_pool || (one = speaker(m, one->pool)) == found ||
                !is_meant(want, one))
                continue;
            bool destroyed = member_number(one, "state") == POOL_STATE_DESTROYED;
            if ((destroyed == want->destroyed) == (other == 1))
                continue;
            if (found)
                return several(want, found, one, reterr);
            found = one;
        }
    if (!found)
        return none(want, m, reterr);
    *ret_guid = found->pool;
    return 0;
}

/* ---- how far it is --------------------------------------------------------------------------------------- */

static struct progress *progress_of(const struct import *im)
{
    return im->want->opts.progress ? &im->want->opts.progress->import : NULL;
}

static void step_begin(const struct import *im, enum pool_import_step step, uint64_t of)
{
    progress_begin(progress_of(im), step, of, run_now());
}

static void step_done(const struct import *im)
{
    progress_done(progress_of(im), 1);
}

/* ---- the MOS ------------------------------------------------------------------------------------------- */

static int mos_open(struct import *im)
{
    struct pool *p = im->p;
    int r = pool_tables(p, &im->want->opts, p->ub.txg, im->err);
    if (r)
        return r;
    p->blocks.read_only = true;
    r = objset_open(&p->blocks, &p->ub.rootbp, OBJSET_NONE, &mos_ops, p, &p->mos, im->err);
    if (r == 0)
        r = zap_get_u64(p->mos, DMU_OBJECT_DIRECTORY, "config", &p->config_object);
    return r ? err_set(im->err, r, "pool %s: its state of txg %" PRIu64 " cannot be read",
                       p->name, p->ub.txg)
             : 0;
}

static void mos_close(struct pool *p)
{
    if (p->mos)
        objset_close(p->mos);
    if (p->space)
        space_free(p->space);
    blocks_fini(&p->blocks);
    p->mos = NULL;
    p->space = NULL;
}

int mos_nv_read(struct objset *mos, uint64_t id, struct nv **ret_nv, struct err *reterr)
{
    struct object *obj;
    int r = object_hold(mos, id, &obj);
    if (r)
        return r;
    uint64_t len = object_bonus_len(obj) >= 8 ? le64_get(*(const le64 *)object_bonus(obj)) : 0;
    uint8_t *bytes = len && len <= (16u << 20) ? malloc(len) : NULL;
    if (!bytes)
        r = E(-EBADMSG);
    if (r == 0)
        r = object_read(obj, 0, bytes, len);
    if (r == 0)
        r = nv_parse(bytes, len, ret_nv, reterr);
    free(bytes);
    object_release(obj);
    return r;
}

/* Pairs that we don't make ourselves. */
static int extra_keep(struct pool *p, const struct nv *config)
{
    static const char *const keys[] = {"comment", "compatibility"};
    p->extra = nv_new();
    if (!p->extra)
        return E(-ENOMEM);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        const char *text;
        if (nv_get_str(config, keys[i], &text) && nv_add_str(p->extra, keys[i], text))
            return E(-ENOMEM);
    }
    p->has_vdev_zaps = nv_has(config, "com.delphix:has_per_vdev_zaps");
    return 0;
}

/* Replaces the labels' tree by the MOS's and opens all anew with it. */
static int tree_trusted(struct import *im)
{
    struct pool *p = im->p;
    struct vdev *root = NULL;
    struct nv *config;
    int r = mos_nv_read(p->mos, p->config_object, &config, NULL);
    if (r)
        return err_set(im->err, r, "pool %s: its configuration cannot be read", p->name);
    r = import_tree_from_config(im, config, &root);
    if (r == 0 && (r = extra_keep(p, config)) != 0)
        err_set(im->err, r, "pool %s: no memory", p->name);
    nv_free(config);
    if (r) {
        vdev_free(root);
        return r;
    }
    mos_close(p);
    vdev_free(p->root);
    p->root = root;
    r = import_tree_open(im);
    return r ? r : mos_open(im);
}

static unsigned leaves(struct pool *p)
{
    unsigned n = 0;
    while (vdev_leaf(p->root, n))
        n++;
    return n;
}

static int rest_load(struct import *im)
{
    struct pool *p = im->p;
    struct vdev *leaf;
    int r = 0;
    step_begin(im, POOL_IMPORT_TREE, leaves(p) + p->root->nchildren);
    for (unsigned i = 0; r == 0 && (leaf = vdev_leaf(p->root, i)); i++) {
        r = dtl_load(p, leaf, im->err);
        step_done(im);
    }
    if (r == 0)
        r = dsl_load(&p->dsl, &p->blocks, p->mos, im->err);
    if (r == 0)
        r = import_features_check(im);
    if (r == 0)
        r = pool_props_load(p, im->err);
    for (unsigned i = 0; r == 0 && i < p->root->nchildren; i++) {
        if (p->root->child[i]->type != VDEV_HOLE)
            r = maps_open(p, p->root->child[i], im->err);
        step_done(im);
    }
    if (r == 0)
        r = spares_load(p, im->want->paths, im->err);
    if (r == 0)
        r = errlog_load(p);
    if (r && im->err && !im->err->code)
        err_set(im->err, r, "pool %s: its state of txg %" PRIu64 " cannot be read", p->name,
                p->ub.txg);
    return r;
}

void import_unload(struct pool *p)
{
    errlog_free(p);
    dsl_unload(&p->dsl);
    mos_close(p);
    vdev_free(p->root);
    spares_free(p);
    nv_free(p->extra);
    p->root = NULL;
    p->extra = NULL;
    p->dsl = (struct dsl){0};
    p->nlabel_features = 0;
    p->spacemap_histogram = p->has_vdev_zaps = false;
    p->dedup_percent = 0;
}

/* Whether an error means that what is on disk is damaged, and not that it is elsewhere, in use or not for us. */
static bool is_damage(int r)
{
    return r == -EBADMSG || r == -EIO || r == -ENOENT;
}

/* The end of the path of the first disk that is missing, which tells more than its beginning; NULL: none is. */
static const char *missing_disk(const struct vdev *root)
{
    const struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(root, i)); i++)
        if (leaf->state < VDEV_DEGRADED && !leaf->offline && !leaf->given_up) {
            size_t len = strlen(leaf->path);
            return leaf->path + (len > MISSING_SHOWN ? len - MISSING_SHOWN : 0);
        }
    return NULL;
}

/* What cannot be read may be whole on a disk that is not there. Short enough for the advice that may follow (rewind.c). */
static void missing_add(const struct import *im, int r)
{
    const struct vdev *root = im->p->root;
    const struct err why = *im->err;
    const char *disk = root && vdev_usable(root) ? missing_disk(root) : NULL;
    if (disk && (is_damage(r) || r == -ENXIO))
        err_set(im->err, why.code, "%.80s; %s is missing: first bring it back", why.msg, disk);
}

int import_load(struct import *im)
{
    struct pool *p = im->p;
    bool read_only = p->read_only;
    step_begin(im, POOL_IMPORT_TREE, 0);
    int r = import_tree_from_labels(im->f, &p->root, im->err);
    if (r == 0)
        r = import_tree_open(im);
    if (r == 0)
        r = mos_open(im);
    if (r == 0)
        r = tree_trusted(im);
    if (r == 0)
        r = rest_load(im);
    if (r) {
        missing_add(im, r);
        import_unload(p);
        p->read_only = read_only;
        p->read_only_why[0] = 0;
    }
    return r;
}

/* ---- from reading to writing ------------------------------------------------------------------------------ */

static unsigned heads(struct pool *p)
{
    unsigned n = 0;
    struct dsl_dir *dd = NULL;
    while ((dd = dsl_next(&p->dsl, dd)))
        n += dd->head != NULL;
    return n;
}

/* A log that nobody can follow must not be lost by the first txg. For the disks that may hold more of it one can wait. */
static int logs_check(const struct import *im)
{
    struct pool *p = im->p;
    struct dsl_dir *dd = NULL;
    step_begin(im, POOL_IMPORT_LOGS, heads(p));
    while ((dd = dsl_next(&p->dsl, dd))) {
        struct err why = {0};
        int r = dd->head ? zil_check(p, dd->head, &why) : 0;
        const char *disk = missing_disk(p->root);
        if (r == -ENXIO && !im->want->read_only)
            return err_set(im->err, r,
                           "pool %.40s: the intent log of %.60s may go on on %s, which is "
                           "missing: bring it back, or import --rewind goes on without it",
                           p->name, dd->name, disk ? disk : "a disk");
        if (r)
            import_force_read_only(p, "%s", why.msg);
        if (dd->head)
            step_done(im);
    }
    return 0;
}

/*
 * What an unclean stop kept out of the dirty time logs. A disk without the newest uberblock failed while that txg was written,
 * after its dirty time log was: it lacks all since its own newest one. Disks that are away lack what the txgs that were cut off
 * left in intent logs.
 */
static int lacks_note(const struct import *im, struct vdev *leaf, uint64_t txg)
{
    const struct member *m = import_member_of(im->f, leaf);
    uint64_t newest = im->p->ub.txg;
    bool up = leaf->state >= VDEV_DEGRADED;
    uint64_t own = up && m && m->label.has_ub ? MIN(m->label.ub.txg, newest) : newest;
    if (up && own == newest)
        return 0;
    leaf->dtl_dirty = true;
    return txg_set_add(&leaf->dtl, own + 1, up ? newest + 1 : txg + TXG_SLOTS);
}

static int lacks_note_all(const struct import *im, uint64_t txg)
{
    struct vdev *leaf;
    int r = 0;
    for (unsigned i = 0; r == 0 && (leaf = vdev_leaf(im->p->root, i)); i++)
        r = lacks_note(im, leaf, txg);
    return r;
}

/* Claims every head's log before anything is allocated, then frees what OpenZFS had put off. */
static int first_txg(void *arg, uint64_t txg, struct err *reterr)
{
    const struct import *im = arg;
    struct pool *p = im->p;
    struct dsl_dir *dd = NULL;
    step_begin(im, POOL_IMPORT_CLAIM, heads(p));
    while ((dd = dsl_next(&p->dsl, dd))) {
        int r = dd->head ? zil_claim(p, dd->head, txg, reterr) : 0;
        if (r)
            return r;
        if (dd->head)
            step_done(im);
    }
    p->config_dirty = true;
    int r = lacks_note_all(im, txg);
    if (r == 0)
        r = dsl_free_leftovers(&p->dsl);
    if (r)
        return err_set(reterr, r, "pool %s: what is left to be freed cannot be read", p->name);
    return history_internal(p, txg, "import", "%s from txg %" PRIu64,
                            p->ub.txg == im->newest.txg ? "go on" : "rewind", p->ub.txg);
}

/* txgs go on behind the newest one that was ever written, so that none of the uberblocks that are passed over comes back. */
static int start(struct import *im)
{
    struct pool *p = im->p;
    p->blocks.read_only = false;
    int r = pool_start(p, im->newest.txg, im->err);
    if (r == 0)
        r = txg_run(p, first_txg, im, im->err);
    if (r) {
        pool_stop(p);
        return r;
    }
    suspend_arm(p);
    pool_destroys_finish(p);
    return 0;
}

static void report(const struct import *im)
{
    const struct pool *p = im->p;
    struct pool_import_report *ret = im->want->report;
    if (!ret)
        return;
    *ret = (struct pool_import_report){
        .txg = p->ub.txg,
        .newest_txg = im->newest.txg,
        .seconds_lost =
            im->newest.timestamp > p->ub.timestamp ? im->newest.timestamp - p->ub.timestamp : 0,
        .health = vdev_state_name(p->root->state),
        .read_only = p->read_only && !(im->want->dry_run && !p->read_only_why[0]),
    };
    memcpy(ret->read_only_why, p->read_only_why, sizeof(ret->read_only_why));
    ret->read_only |= im->want->read_only;
}

static void say(const struct import *im)
{
    const struct pool *p = im->p;
    const struct vdev *leaf;
    log_info("pool.import", KV("pool", "%s", p->name), KV("guid", "%" PRIu64, p->guid),
             KV("txg", "%" PRIu64, p->ub.txg),
             KV("state", "%s", vdev_state_name(p->root->state)));
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++)
        if (leaf->given_up)
            disk_report(p, "give up", disk_path(leaf), "");
    if (p->read_only_why[0])
        log_warn("pool.read_only", KV("pool", "%s", p->name),
                 KV("why", "%s", p->read_only_why));
}

static int import_all(struct import *im)
{
    int r = im->want->rewind || im->want->rewind_far ? E(-EBADMSG) : import_load(im);
    if (is_damage(r))
        r = import_rewind(im);
    if (r)
        return r;
    r = logs_check(im);
    if (r)
        return r;
    report(im);
    if (im->want->dry_run)
        return 0;
    say(im);
    return im->p->read_only ? 0 : start(im);
}

int import_pool(const struct pool_import_want *want, const struct found *f,
                struct pool **ret_pool, struct err *reterr)
{
    struct err mine = {0};
    const char *name = want->new_name ? want->new_name : member_text(f->best, "name");
    int r = want->new_name ? pool_name_check(name, reterr) : dsl_name_check(name, reterr);
    if (r)
        return r;
    struct pool *p = pool_new(name, &want->opts);
    if (!p)
        return err_set(reterr, E(-ENOMEM), "pool %s: no memory", name);
    struct import im = {want, f, p, f->best->label.ub, reterr ? reterr : &mine};
    im.err->code = 0;
    p->guid = f->best->pool;
    p->ub = im.newest;
    p->read_only = want->read_only || want->dry_run;
    r = import_all(&im);
    if (r)
        pool_free(p);
    else
        *ret_pool = p;
    return r;
}

int pool_import(const struct pool_import_want *want, struct pool **ret_pool, struct err *reterr)
{
    struct members m;
    struct found f = {0};
    uint64_t guid = 0;
    struct progress *progress = want->opts.progress ? &want->opts.progress->import : NULL;
    int r = members_scan(want->paths, want->max_txg, progress, &m, reterr);
    if (r) {
        progress_end(progress);
        return r;
    }
    struct pool_import_want devices = *want;
    devices.paths = m.paths;
    r = pool_choose(want, &m, &guid, reterr);
    if (r == 0)
        r = found_gather(&m, guid, &f, reterr);
    if (r == 0)
        r = import_label_check(want, &f, reterr);
    if (r == 0)
        r = import_pool(&devices, &f, ret_pool, reterr);
    if (r == 0 && want->dry_run) {
        pool_free(*ret_pool);
        *ret_pool = NULL;
    }
    found_free(&f);
    members_free(&m);
    progress_end(progress);
    return r;
}
