/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directories of a pool, all of them in memory as a tree: names are found without a disk read, and accounting
 * climbs by pointers. What a disk says is checked here once: every directory's object is one, a child's parent is
 * who lists it, no directory is listed twice.
 */
#include "pool/dsl/dsl_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 50 /* OpenZFS's zfs_max_dataset_nesting */

const struct dsl_dir_phys *dsl_dir_phys(const struct dsl_dir *dd)
{
    return object_bonus(dd->obj);
}

const struct dsl_dataset_phys *dsl_dataset_phys(const struct dsl_dataset *ds)
{
    return object_bonus(ds->obj);
}

/* ---- loading ----------------------------------------------------------------------------------- */

static int dir_read_record(struct dsl_dir *dd, struct err *reterr)
{
    int r = object_hold(dd->dsl->mos, dd->id, &dd->obj);
    if (r)
        return err_set(reterr, r, "directory %s: its object %llu cannot be read", dd->name,
                       (unsigned long long)dd->id);
    if (object_bonus_len(dd->obj) < sizeof(struct dsl_dir_phys))
        return err_set(reterr, E(-EBADMSG), "directory %s: object %llu is no directory",
                       dd->name, (unsigned long long)dd->id);
    const struct dsl_dir_phys *p = dsl_dir_phys(dd);
    uint64_t parent = dd->parent ? dd->parent->id : 0;
    if (le64_get(p->parent) != parent)
        return err_set(reterr, E(-EBADMSG), "directory %s: it names another parent (%llu)",
                       dd->name, (unsigned long long)le64_get(p->parent));
    return 0;
}

/* The txg of the snapshot that the directory's head sprang from. */
static int dir_read_origin(struct dsl_dir *dd, struct err *reterr)
{
    uint64_t origin = le64_get(dsl_dir_phys(dd)->origin);
    if (origin == 0)
        return 0;
    struct object *obj;
    int r = object_hold(dd->dsl->mos, origin, &obj);
    if (r)
        return err_set(reterr, r, "directory %s: its origin %llu cannot be read", dd->name,
                       (unsigned long long)origin);
    if (object_bonus_len(obj) < sizeof(struct dsl_dataset_phys)) {
        object_release(obj);
        return err_set(reterr, E(-EBADMSG), "directory %s: its origin is no dataset", dd->name);
    }
    const struct dsl_dataset_phys *p = object_bonus(obj);
    dd->origin_txg = le64_get(p->creation_txg);
    object_release(obj);
    return 0;
}

int dir_load(struct dsl *dsl, struct dsl_dir *parent, const char *component, uint64_t id,
             struct dsl_dir **ret_dd, struct err *reterr)
{
    struct dsl_dir *dd = calloc(1, sizeof(*dd));
    if (!dd)
        return err_set(reterr, E(-ENOMEM), "no memory for directory %s", component);
    dd->dsl = dsl;
    dd->id = id;
    dd->parent = parent;
    list_init(&dd->children);
    list_init(&dd->sibling);
    strncpy(dd->name, component, DSL_NAME_MAX);
    int r = dir_read_record(dd, reterr);
    if (r == 0)
        r = dir_read_origin(dd, reterr);
    if (r == 0 && (r = props_load(dd)) != 0)
        err_set(reterr, r, "directory %s: its properties cannot be read", component);
    uint64_t head = r == 0 ? le64_get(dsl_dir_phys(dd)->head_dataset) : 0;
    if (head)
        r = dataset_load(dd, head, &dd->head, reterr);
    if (r) {
        dir_unload(dd);
        return r;
    }
    if (parent)
        list_push(&parent->children, &dd->sibling);
    *ret_dd = dd;
    return 0;
}

void dir_unload(struct dsl_dir *dd)
{
    struct dsl_dir *child;
    while ((child = list_first(&dd->children, struct dsl_dir, sibling)))
        dir_unload(child);
    list_remove(&dd->sibling);
    if (dd->head)
        dataset_unload(dd->head);
    object_release(dd->obj);
    nv_free(dd->props);
    free(dd);
}

/* The children of a directory, gathered first: loading them reads other objects. */
struct child {
    struct child *next;
    uint64_t id;
    char name[DSL_NAME_MAX + 1];
};

static int child_gather(void *arg, const char *name, const struct zap_value *v)
{
    struct child **list = arg, *c;
    if (v->int_size != 8 || v->n != 1 || strlen(name) > DSL_NAME_MAX)
        return E(-EBADMSG);
    c = calloc(1, sizeof(*c));
    if (!c)
        return E(-ENOMEM);
    memcpy(&c->id, v->bytes, 8);
    strncpy(c->name, name, DSL_NAME_MAX);
    c->next = *list;
    *list = c;
    return 0;
}

static bool child_is_listed(const struct dsl_dir *dd, uint64_t id)
{
    const struct dsl_dir *child;
    list_for_each (child, &dd->children, sibling)
        if (child->id == id)
            return true;
    return false;
}

static int children_load(struct dsl_dir *dd, unsigned depth, struct err *reterr)
{
    uint64_t zap = le64_get(dsl_dir_phys(dd)->child_zap);
    struct child *list = NULL, *c;
    int r = 0;
    if (zap == 0)
        return 0;
    if (depth > DEPTH_MAX)
        return err_set(reterr, E(-EBADMSG), "directory %s: nested too deep", dd->name);
    r = zap_iterate(dd->dsl->mos, zap, child_gather, &list);
    if (r)
        err_set(reterr, r, "directory %s: its children cannot be read", dd->name);
    while ((c = list)) {
        struct dsl_dir *child;
        list = c->next;
        if (r == 0 && child_is_listed(dd, c->id))
            r = err_set(reterr, E(-EBADMSG), "directory %s: two names of it have one object",
                        c->name);
        if (r == 0)
            r = dir_load(dd->dsl, dd, c->name, c->id, &child, reterr);
        if (r == 0)
            r = children_load(child, depth + 1, reterr);
        free(c);
    }
    return r;
}

/* The pool's own directories and what the origin of all datasets is. */
static int find_special(struct dsl *dsl, struct err *reterr)
{
    dsl->mos_dir = dsl_child(dsl->root, "$MOS");
    dsl->free_dir = dsl_child(dsl->root, "$FREE");
    struct dsl_dir *origin = dsl_child(dsl->root, "$ORIGIN");
    if (!dsl->mos_dir || !dsl->free_dir || !origin || !origin->head || !dsl->root->head)
        return err_set(reterr, E(-EBADMSG), "the pool lacks one of $MOS, $FREE, $ORIGIN");
    dsl->origin_snap = le64_get(dsl_dataset_phys(origin->head)->prev_snap);
    dsl->origin_dir_clones = le64_get(dsl_dir_phys(origin)->clones_zap);
    struct object *snap;
    int r = object_hold(dsl->mos, dsl->origin_snap, &snap);
    if (r)
        return err_set(reterr, r, "the origin snapshot cannot be read");
    if (object_bonus_len(snap) >= sizeof(struct dsl_dataset_phys)) {
        const struct dsl_dataset_phys *p = object_bonus(snap);
        dsl->origin_clones = le64_get(p->next_clones);
    }
    object_release(snap);
    return 0;
}

static const struct {
    const char *key;
    size_t at;
    bool must;
} directory_entries[] = {
    {"features_for_read",   offsetof(struct dsl, feat_read),        true },
    {"features_for_write",  offsetof(struct dsl, feat_write),       true },
    {"feature_enabled_txg", offsetof(struct dsl, feat_enabled_txg), false},
    {"empty_bpobj",         offsetof(struct dsl, empty_bpobj),      false},
    {"free_bpobj",          offsetof(struct dsl, free_bpobj),       true },
    {"sync_bplist",         offsetof(struct dsl, sync_bplist),      true },
};

int dsl_load(struct dsl *dsl, struct blocks *b, struct objset *mos, struct err *reterr)
{
    dsl->b = b;
    dsl->mos = mos;
    list_init(&dsl->dirty);
    for (unsigned i = 0; i < ARRAY_LEN(directory_entries); i++) {
        uint64_t *field = (uint64_t *)(void *)((char *)dsl + directory_entries[i].at);
        int r = zap_get_u64(mos, DMU_OBJECT_DIRECTORY, directory_entries[i].key, field);
        if (r && (r != -ENOENT || directory_entries[i].must))
            return err_set(reterr, r == -ENOENT ? E(-EBADMSG) : r,
                           "the pool's directory lacks %s", directory_entries[i].key);
    }
    uint64_t root;
    int64_t lz4;
    int r = dsl_feature_get(dsl, "org.illumos:lz4_compress", &lz4);
    if (r)
        return err_set(reterr, r, "the pool's features cannot be read");
    dsl->lz4 = lz4 > 0;
    r = zap_get_u64(mos, DMU_OBJECT_DIRECTORY, "root_dataset", &root);
    if (r)
        return err_set(reterr, r, "the pool's directory lacks root_dataset");
    r = dir_load(dsl, NULL, "", root, &dsl->root, reterr);
    if (r == 0)
        r = children_load(dsl->root, 0, reterr);
    if (r == 0)
        r = find_special(dsl, reterr);
    if (r == 0 && (r = bpobj_bytes(mos, dsl->sync_bplist, &dsl->leftover)) != 0)
        err_set(reterr, r, "what the pool has yet to free cannot be read");
    if (r)
        dsl_unload(dsl);
    return r;
}

void dsl_dir_hold(struct dsl_dir *dd)
{
    dd->holds++;
}

void dsl_dir_release(struct dsl_dir *dd)
{
    assert(dd->holds > 0);
    dd->holds--;
}

void dsl_unload(struct dsl *dsl)
{
    if (dsl->root)
        dir_unload(dsl->root);
    dsl->root = dsl->mos_dir = dsl->free_dir = NULL;
}

/* ---- names ------------------------------------------------------------------------------------- */

struct dsl_dir *dsl_child(const struct dsl_dir *dd, const char *component)
{
    struct dsl_dir *child;
    list_for_each (child, &dd->children, sibling)
        if (strcmp(child->name, component) == 0)
            return child;
    return NULL;
}

struct dsl_dir *dsl_find(const struct dsl *dsl, const char *name)
{
    struct dsl_dir *dd = dsl->root;
    char component[DSL_NAME_MAX + 1];
    while (dd && *name) {
        size_t len = strcspn(name, "/");
        if (len == 0 || len > DSL_NAME_MAX || name[0] == '$')
            return NULL;
        memcpy(component, name, len);
        component[len] = 0;
        dd = dsl_child(dd, component);
        name += len;
        if (*name == '/' && *++name == 0)
            return NULL;
    }
    return dd;
}

void dsl_dir_name(const struct dsl_dir *dd, char *ret)
{
    size_t at = DSL_NAME_MAX;
    char back[DSL_NAME_MAX + 1];
    back[at] = 0;
    for (; dd->parent; dd = dd->parent) {
        size_t len = strlen(dd->name);
        if (len + 1 > at)
            break;
        if (at != DSL_NAME_MAX)
            back[--at] = '/';
        at -= len;
        memcpy(back + at, dd->name, len);
    }
    memcpy(ret, back + at, DSL_NAME_MAX + 1 - at);
}

/* The sibling after dd that isn't one of the pool's own, NULL at the end. */
static struct dsl_dir *visible_from(const struct dsl_dir *parent, struct list *at)
{
    for (; at != &parent->children; at = at->next) {
        struct dsl_dir *dd = list_entry(at, struct dsl_dir, sibling);
        if (!dir_is_hidden(dd))
            return dd;
    }
    return NULL;
}

struct dsl_dir *dsl_next(const struct dsl *dsl, const struct dsl_dir *dd)
{
    if (!dd)
        return dsl->root;
    struct dsl_dir *down = visible_from(dd, dd->children.next);
    if (down)
        return down;
    for (; dd->parent; dd = dd->parent) {
        struct dsl_dir *beside = visible_from(dd->parent, dd->sibling.next);
        if (beside)
            return beside;
    }
    return NULL;
}

static bool component_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.: ", c));
}

int dsl_name_check(const char *name, struct err *reterr)
{
    if (strlen(name) > DSL_NAME_MAX)
        return err_set(reterr, E(-ENAMETOOLONG), "the name is longer than %u characters",
                       DSL_NAME_MAX);
    for (const char *p = name; *p || p == name;) {
        size_t len = strcspn(p, "/");
        if (len == 0 || p[0] == '-' || p[0] == '.')
            return err_set(reterr, E(-EINVAL),
                           "name %s: a component is empty or begins with - or .", name);
        for (size_t i = 0; i < len; i++)
            if (!component_char(p[i]))
                return err_set(reterr, E(-EINVAL),
                               "name %s: only letters, digits, - _ . : and space are allowed",
                               name);
        p += len;
        if (*p == '/' && *++p == 0)
            return err_set(reterr, E(-EINVAL), "name %s: it ends with /", name);
    }
    return 0;
}
