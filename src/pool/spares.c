/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hot spares: disks that belong to no tree until one is needed. The list lies in the MOS (object
 * directory entry `spares`, OpenZFS spa_sync_aux_dev()); a spare's label says that it is one and
 * its guid. Several pools may list the same spare, under the same guid. Whoever needs it opens
 * it exclusively and writes its pool's labels; to the others it is in use then. The list keeps
 * it all the while, and when it comes back it gets the spare's label again.
 */
#include "pool/import_int.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY      "spares"
#define SPARES_MAX 64u

struct pool_spare *spare_find(const struct pool *p, uint64_t guid)
{
    for (unsigned i = 0; i < p->nspares; i++)
        if (p->spares[i].guid == guid)
            return &p->spares[i];
    return NULL;
}

struct pool_spare *spare_of(const struct pool *p, const char *disk)
{
    char *end;
    uint64_t guid = strtoull(disk, &end, 10);
    for (unsigned i = 0; i < p->nspares; i++)
        if (strcmp(p->spares[i].path, disk) == 0 || (*end == 0 && p->spares[i].guid == guid))
            return &p->spares[i];
    return NULL;
}

bool pool_spare(const struct pool *p, unsigned i, struct pool_spare_info *ret)
{
    static const char *const states[] = {
        [SPARE_THERE] = "AVAIL", [SPARE_ELSEWHERE] = "INUSE", [SPARE_MISSING] = "UNAVAIL"};
    if (i >= p->nspares)
        return false;
    const struct pool_spare *s = &p->spares[i];
    bool in_use = vdev_find(p->root, s->guid) != NULL;
    *ret = (struct pool_spare_info){
        .path = s->path,
        .guid = s->guid,
        .in_use = in_use,
        .state = states[in_use ? SPARE_ELSEWHERE : s->seen],
        .note = in_use ? "currently in use" : s->why,
    };
    return true;
}

/* ---- the list ----------------------------------------------------------------------------- */

static int spare_add(struct pool *p, const char *path, uint64_t guid, const struct nv *origin)
{
    struct pool_spare s = {.guid = guid, .path = strdup(path)};
    struct pool_spare *list = realloc(p->spares, (p->nspares + 1) * sizeof(*list));
    if (list)
        p->spares = list;
    s.origin = origin ? nv_dup(origin) : NULL;
    if (!list || !s.path || (origin && !s.origin)) {
        free(s.path);
        nv_free(s.origin);
        return E(-ENOMEM);
    }
    p->spares[p->nspares++] = s;
    return 0;
}

void spare_forget(struct pool *p, uint64_t guid)
{
    struct pool_spare *s = spare_find(p, guid);
    if (!s)
        return;
    free(s->path);
    nv_free(s->origin);
    p->nspares--;
    memmove(s, s + 1, (size_t)(p->spares + p->nspares - s) * sizeof(*s));
}

void spares_free(struct pool *p)
{
    while (p->nspares > 0)
        spare_forget(p, p->spares[p->nspares - 1].guid);
    free(p->spares);
    p->spares = NULL;
}

/* ---- in the MOS ----------------------------------------------------------------------------- */

static struct nv *spare_nv(const struct pool_spare *s)
{
    struct nv *nv = s->origin ? nv_dup(s->origin) : nv_new();
    if (nv && (nv_has(nv, "type") || nv_add_str(nv, "type", "file") == 0) &&
        nv_add_u64(nv, "guid", s->guid) == 0 && nv_add_str(nv, "path", s->path) == 0 &&
        nv_add_u64(nv, "is_spare", 1) == 0)
        return nv;
    nv_free(nv);
    return NULL;
}

int spares_write(struct pool *p)
{
    struct nv **list = calloc(MAX(p->nspares, 1u), sizeof(struct nv *)), *nv = nv_new();
    unsigned n = 0;
    while (list && n < p->nspares && (list[n] = spare_nv(&p->spares[n])))
        n++;
    int r = list && nv && n == p->nspares ? 0 : E(-ENOMEM);
    if (r == 0) {
        r = nv_add_nvs(nv, ENTRY, list, n);
        list = NULL;
        n = 0;
    }
    if (r == 0)
        r = config_store(p, ENTRY, &p->spares_object, nv);
    while (n > 0)
        nv_free(list[--n]);
    free(list);
    nv_free(nv);
    return r;
}

/* ---- looking at one ------------------------------------------------------------------------- */

/* Whether the device at path is the spare, as its label says, and nobody uses it: 0; -EBUSY: another pool does; others: it is
 * not there. Parks. */
static int spare_see(const struct pool *p, const char *path, uint64_t guid, struct err *reterr)
{
    struct file_opts opts = {.mode = FILE_RDONLY};
    struct label_info label;
    uint64_t state = POOL_STATE_ACTIVE, found = 0, pool = 0;
    const char *name = "?";
    struct file *f;
    int r = file_open(path, &opts, &f, reterr);
    if (r)
        return r;
    r = label_read(f, UINT64_MAX, &label, NULL);
    file_close(f);
    if (r)
        return err_set(reterr, E(-ENXIO), "%s has no label: it is no spare any more", path);
    nv_get_u64(label.config, "state", &state);
    nv_get_u64(label.config, "guid", &found);
    nv_get_u64(label.config, "pool_guid", &pool);
    nv_get_str(label.config, "name", &name);
    if (found != guid)
        r = err_set(reterr, E(-ENXIO), "%s is another disk now", path);
    else if (state != POOL_STATE_SPARE &&
             pool !=
                 p->guid) /* one that came back from use may still have a label of that time */
        r = err_set(reterr, E(-EBUSY), "in use by pool %.120s", name);
    nv_free(label.config);
    return r;
}

/* Takes note of what was seen; the list may have changed meanwhile. */
static void spare_note(struct pool *p, uint64_t guid, int r, const struct err *why)
{
    struct pool_spare *s = spare_find(p, guid);
    if (!s || r == -ENOMEM)
        return;
    s->seen = r == 0 ? SPARE_THERE : r == -EBUSY ? SPARE_ELSEWHERE : SPARE_MISSING;
    snprintf(s->why, sizeof(s->why), "%.159s", r ? why->msg : "");
}

/* What is new. */
static void spare_tell(const struct pool *p, struct pool_spare *s)
{
    if (!s || s->told == s->seen)
        return;
    s->told = s->seen;
    if (s->seen == SPARE_MISSING)
        log_warn("spare.missing", KV("pool", "%s", p->name), KV("path", "%s", s->path),
                 KV("why", "%s", s->why));
    else
        log_info("spare.there", KV("pool", "%s", p->name), KV("path", "%s", s->path),
                 KV("state", "%s", s->seen == SPARE_THERE ? "available" : s->why));
}

void spares_look(struct pool *p)
{
    for (unsigned i = 0; i < p->nspares; i++) {
        struct err why = {0};
        uint64_t guid = p->spares[i].guid;
        CLEANUP(freep) char *path = strdup(p->spares[i].path);
        if (!path || vdev_find(p->root, guid))
            continue;
        int r = spare_see(p, path, guid, &why);
        spare_note(p, guid, r, &why);
        spare_tell(p, spare_find(p, guid));
    }
}

/* The spare where it was, or where it is now. */
static int spare_place(struct pool *p, struct pool_spare *s, const char *const *paths)
{
    struct members m = {0};
    struct err why = {0};
    int seen = spare_see(p, s->path, s->guid, &why);
    if (seen == 0 || seen == -EBUSY) {
        spare_note(p, s->guid, seen, &why);
        return 0;
    }
    int r = members_scan(paths, 0, NULL, &m, NULL);
    for (unsigned i = 0; r == 0 && i < m.n; i++) {
        if (member_number(&m.v[i], "guid") != s->guid)
            continue;
        free(s->path);
        s->path = strdup(m.v[i].path);
        r = s->path ? 0 : E(-ENOMEM);
        if (r == 0)
            seen = spare_see(p, s->path, s->guid, &why);
        break;
    }
    members_free(&m);
    if (r == 0)
        spare_note(p, s->guid, seen, &why);
    return r;
}

static int list_read(struct pool *p, const struct nv *nv, const char *const *paths,
                     struct err *reterr)
{
    struct nv *const *list = NULL;
    unsigned n = 0;
    int r = 0;
    nv_get_nvs(nv, ENTRY, &list, &n);
    if (n > SPARES_MAX)
        return err_set(reterr, E(-EBADMSG), "pool %s lists %u spares", p->name, n);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        uint64_t guid = 0;
        const char *path;
        if (!nv_get_u64(list[i], "guid", &guid) || !guid || !nv_get_str(list[i], "path", &path))
            return err_set(reterr, E(-EBADMSG), "pool %s lists a spare without guid or path",
                           p->name);
        r = spare_add(p, path, guid, list[i]);
        if (r == 0)
            r = spare_place(p, &p->spares[p->nspares - 1], paths);
        struct vdev *in_use = vdev_find(p->root, guid);
        if (in_use) /* OpenZFS's configs don't always say so */
            in_use->is_spare = true;
    }
    return r ? err_set(reterr, r, "pool %s: no memory for its spares", p->name) : 0;
}

int spares_load(struct pool *p, const char *const *paths, struct err *reterr)
{
    struct nv *nv;
    int r = zap_get_u64(p->mos, DMU_OBJECT_DIRECTORY, ENTRY, &p->spares_object);
    if (r == -ENOENT)
        return 0;
    if (r)
        return err_set(reterr, r, "pool %s: its spares cannot be read", p->name);
    r = mos_nv_read(p->mos, p->spares_object, &nv, NULL);
    if (r)
        return err_set(reterr, r, "pool %s: its list of spares cannot be read", p->name);
    r = list_read(p, nv, paths, reterr);
    nv_free(nv);
    return r;
}

/* ---- new ones -------------------------------------------------------------------------------- */

static int spare_list(struct pool *p, const char *path, uint64_t guid, bool blockdev)
{
    struct nv *origin = nv_new();
    int r = origin ? nv_add_str(origin, "type", blockdev ? "disk" : "file") : E(-ENOMEM);
    if (r == 0 && blockdev)
        r = nv_add_u64(origin, "whole_disk", 0);
    if (r == 0)
        r = spare_add(p, path, guid, origin);
    nv_free(origin);
    return r;
}

static int is_one_already(const struct pool *p, const char *path, struct err *reterr)
{
    return err_set(reterr, E(-EEXIST), "%s is a spare of pool %s already", path, p->name);
}

/* A spare of other pools under two names. */
static bool is_named(const struct new_disks *d, uint64_t guid)
{
    for (unsigned i = 0; i < d->nspares; i++)
        if (d->spares[i].guid == guid)
            return true;
    return false;
}

int spare_open(const struct pool *p, const struct new_disks *d, const char *path, bool force,
               struct new_spare *ret_spare, struct err *reterr)
{
    struct leaf_want want = {.path = path};
    struct new_spare s = {.path = path};
    if (spare_of(p, path))
        return is_one_already(p, path, reterr);
    if (p->nspares + d->nspares >= SPARES_MAX)
        return err_set(reterr, E(-E2BIG), "pool %s has %u spares then, and may have %u",
                       p->name, p->nspares + d->nspares + 1, SPARES_MAX);
    int r = disk_check(path, true, &want.facts, reterr);
    if (r == 0 && !want.facts.spare_guid)
        r = disk_check(path, force, &want.facts, reterr);
    if (r)
        return r;
    if (spare_find(p, want.facts.spare_guid))
        return is_one_already(p, path, reterr);
    if (is_named(d, want.facts.spare_guid))
        return err_set(reterr, E(-EEXIST), "%s is named twice", path);
    s.blockdev = want.facts.blockdev;
    s.guid = want.guid = want.facts.spare_guid ? want.facts.spare_guid : pool_new_guid();
    if (!want.facts.spare_guid)
        r = leaf_new(&want, &s.leaf, reterr);
    if (r == 0)
        *ret_spare = s;
    return r;
}

/* The label comes first: with a crash before the list it is a spare of no pool. One that is a spare already stays as it is, and is
 * shared. */
int spare_enlist(struct pool *p, struct new_spare *s, struct err *reterr)
{
    if (spare_find(p, s->guid) || spare_of(p, s->path))
        return is_one_already(p, s->path, reterr);
    int r = s->leaf ? label_write_spare(s->leaf, s->guid) : 0;
    if (r)
        return err_set(reterr, r, "%s: its labels cannot be written", s->path);
    r = spare_list(p, s->path, s->guid, s->blockdev);
    s->listed = r == 0;
    return r ? err_set(reterr, r, "%s: no memory for a spare", s->path) : 0;
}

/* ---- use --------------------------------------------------------------------------------------- */

int spare_take(struct pool *p, const struct pool_spare *s, const struct vdev *like,
               struct vdev **ret_leaf, struct err *reterr)
{
    struct leaf_want want = {.path = s->path, .guid = s->guid, .like = like};
    struct err why = {0};
    uint64_t guid = s->guid, like_guid = like->guid;
    CLEANUP(freep) char *path = strdup(s->path);
    if (vdev_find(p->root, guid))
        return err_set(reterr, E(-EBUSY), "spare %s is in use already", s->path);
    if (!path)
        return err_set(reterr, E(-ENOMEM), "no memory for a spare");
    int r = spare_see(p, path, guid, &why);
    spare_note(p, guid, r, &why);
    if (r)
        return err_set(reterr, E(-EBUSY), "spare %s: %s", path, why.msg);
    r = disk_check(path, true, &want.facts, reterr);
    if (r)
        return r;
    want.path = path;
    want.like = vdev_find(p->root, like_guid);
    return want.like ? leaf_new(&want, ret_leaf, reterr)
                     : err_set(reterr, E(-ENOENT), "pool %s: the disk has left", p->name);
}

/* ---- away with it -------------------------------------------------------------------------------- */

struct removal {
    struct pool *p;
    uint64_t guid;
};

static int remove_task(void *arg, uint64_t txg, struct err *reterr)
{
    const struct removal *c = arg;
    (void)txg;
    if (vdev_find(c->p->root, c->guid))
        return err_set(reterr, E(-EBUSY), "pool %s: the spare is in use: detach it first",
                       c->p->name);
    spare_forget(c->p, c->guid);
    return spares_write(c->p);
}

/* A spare that other pools list as well keeps its label; nobody knows whether there are any. */
int pool_remove_spare(struct pool *p, const char *disk, struct err *reterr)
{
    const struct pool_spare *s = spare_of(p, disk);
    if (p->read_only)
        return err_set(reterr, E(-EROFS), "pool %s is imported read-only", p->name);
    if (!s)
        return err_set(reterr, E(-ENOENT), "pool %s: %s is none of its spares", p->name, disk);
    struct removal c = {p, s->guid};
    return txg_run(p, remove_task, &c, reterr);
}
