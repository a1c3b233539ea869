/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties (OpenZFS dsl_prop.c): local values stand in a ZAP per directory and in memory; what isn't local is looked for up the
 * tree. Names with the suffixes that OpenZFS uses for received and masked values are kept and not looked at.
 */
#include "pool/dsl/dsl_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int prop_keep(void *arg, const char *name, const struct zap_value *v)
{
    struct nv *props = arg;
    if (strchr(name, '$'))
        return 0;
    if (v->int_size == 8 && v->n == 1) {
        uint64_t n;
        memcpy(&n, v->bytes, sizeof(n));
        return nv_add_u64(props, name, n);
    }
    if (v->int_size != 1 || v->n == 0 || v->bytes[v->n - 1] != 0)
        return 0;
    return nv_add_str(props, name, (const char *)v->bytes);
}

int props_load(struct dsl_dir *dd)
{
    uint64_t zap = le64_get(dsl_dir_phys(dd)->props_zap);
    dd->props = nv_new();
    if (!dd->props)
        return E(-ENOMEM);
    return zap ? zap_iterate(dd->dsl->mos, zap, prop_keep, dd->props) : 0;
}

/* These belong to one dataset alone. */
static bool prop_inherits(const char *name)
{
    static const char *const own[] = {"reservation", "refreservation", "quota", "refquota"};
    for (unsigned i = 0; i < ARRAY_LEN(own); i++)
        if (strcmp(name, own[i]) == 0)
            return false;
    return true;
}

bool dsl_prop_u64(const struct dsl_dir *dd, const char *name, uint64_t *ret,
                  const struct dsl_dir **ret_source)
{
    for (; dd; dd = prop_inherits(name) ? dd->parent : NULL)
        if (nv_get_u64(dd->props, name, ret)) {
            if (ret_source)
                *ret_source = dd;
            return true;
        }
    return false;
}

bool dsl_prop_str(const struct dsl_dir *dd, const char *name, const char **ret,
                  const struct dsl_dir **ret_source)
{
    for (; dd; dd = prop_inherits(name) ? dd->parent : NULL)
        if (nv_get_str(dd->props, name, ret)) {
            if (ret_source)
                *ret_source = dd;
            return true;
        }
    return false;
}

static uint64_t props_zap(const struct dsl_dir *dd)
{
    return le64_get(dsl_dir_phys(dd)->props_zap);
}

int dsl_prop_set_u64(struct dsl_dir *dd, const char *name, uint64_t v)
{
    int r = zap_set_u64(dd->dsl->mos, props_zap(dd), name, v);
    return r ? r : nv_add_u64(dd->props, name, v);
}

int dsl_prop_set_str(struct dsl_dir *dd, const char *name, const char *v)
{
    int r = zap_set_str(dd->dsl->mos, props_zap(dd), name, v);
    return r ? r : nv_add_str(dd->props, name, v);
}

int dsl_prop_remove(struct dsl_dir *dd, const char *name)
{
    int r = zap_remove(dd->dsl->mos, props_zap(dd), name);
    if (r == 0)
        nv_remove(dd->props, name);
    return r;
}
