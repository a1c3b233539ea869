/* SPDX-License-Identifier: BSD-2-Clause */
/* Renaming within a pool (OpenZFS dsl_dir_rename_sync()): a new name, a new parent, and the parents' books. */
#include "pool/dsl/dsl_int.h"

#include <errno.h>
#include <string.h>

/* The length of the longest name below dd, without dd's own. */
static size_t deepest(const struct dsl_dir *dd)
{
    size_t most = 0;
    const struct dsl_dir *child;
    list_for_each (child, &dd->children, sibling)
        most = MAX(most, 1 + strlen(child->name) + deepest(child));
    return most;
}

static int rename_check(const struct dsl_dir *dd, struct dsl_dir *parent, const char *component,
                        struct err *reterr)
{
    char name[DSL_NAME_MAX + 1], above[DSL_NAME_MAX + 1];
    int r = dsl_name_check(component, reterr);
    if (r)
        return r;
    dsl_dir_name(dd, name);
    dsl_dir_name(parent, above);
    if (!dd->parent)
        return err_set(reterr, E(-EINVAL), "a pool is renamed by exporting and importing it");
    for (const struct dsl_dir *up = parent; up; up = up->parent)
        if (up == dd)
            return err_set(reterr, E(-EINVAL), "%s can't move below itself", name);
    if (dsl_child(parent, component))
        return err_set(reterr, E(-EEXIST), "dataset %s%s%s exists already", above,
                       *above ? "/" : "", component);
    if (parent->parent && dsl_dataset_type(parent->head) == OBJSET_ZVOL)
        return err_set(reterr, E(-EINVAL), "%s is a volume: it can't hold datasets", above);
    if (strlen(above) + 1 + strlen(component) + deepest(dd) + parent->dsl->name_over >
        DSL_NAME_MAX)
        return err_set(reterr, E(-ENAMETOOLONG), "%s/%s: longer than %u characters", above,
                       component, DSL_NAME_MAX);
    return 0;
}

/* What dd counts for in its parent leaves the old one's books (sign -1) or enters the new one's. */
static void charge_parent(struct dsl_dir *dd, int64_t sign)
{
    const struct dsl_dir_phys *p = dsl_dir_phys(dd);
    uint64_t used = le64_get(p->used), reserved = le64_get(p->reserved);
    int64_t by[DD_USED_NUM] = {
        [DD_CHILD] = sign * (int64_t)used,
        [DD_CHILD_RSRV] = sign * (int64_t)(reserved > used ? reserved - used : 0),
    };
    dsl_dir_charge(dd->parent, by, sign * (int64_t)le64_get(p->compressed),
                   sign * (int64_t)le64_get(p->uncompressed));
}

int dsl_rename(struct dsl_dir *dd, struct dsl_dir *new_parent, const char *component,
               uint64_t capacity, struct err *reterr)
{
    struct objset *mos = dd->dsl->mos;
    int r = rename_check(dd, new_parent, component, reterr);
    if (r)
        return r;
    if (new_parent != dd->parent && !dsl_dir_fits(dd, new_parent, capacity))
        return err_set(reterr, E(-ENOSPC), "%s: what it uses and reserves doesn't fit there",
                       dd->name);
    r = zap_remove(mos, le64_get(dsl_dir_phys(dd->parent)->child_zap), dd->name);
    if (r == 0)
        r = zap_set_u64(mos, le64_get(dsl_dir_phys(new_parent)->child_zap), component, dd->id);
    if (r)
        return err_set(reterr, r, "the directories cannot be written");
    if (new_parent != dd->parent) {
        charge_parent(dd, -1);
        list_remove(&dd->sibling);
        dd->parent = new_parent;
        list_push(&new_parent->children, &dd->sibling);
        dir_change(dd)->parent = le64_make(new_parent->id);
        charge_parent(dd, 1);
    }
    memset(dd->name, 0, sizeof(dd->name));
    strncpy(dd->name, component, DSL_NAME_MAX);
    return 0;
}
