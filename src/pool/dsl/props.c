/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties (OpenZFS dsl_prop.c): local values stand in a ZAP per directory and in memory; what isn't local is looked for up the
 * tree. NAME$recvd is a value that came with a stream: it holds where no local one does, unless NAME$inherit masks it.
 */
#include "pool/dsl/dsl_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVED "$recvd"
#define INHERIT  "$inherit"

static int prop_keep(void *arg, const char *name, const struct zap_value *v)
{
    struct nv *props = arg;
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

/* The key that name has in dd's ZAP with a suffix; NULL: too long to be there. */
static const char *suffixed(const char *name, const char *suffix, char buf[ZAP_NAME_MAX + 1])
{
    size_t len = strlen(name), n = strlen(suffix);
    if (len + n > ZAP_NAME_MAX)
        return NULL;
    memcpy(buf, name, len);
    memcpy(buf + len, suffix, n + 1);
    return buf;
}

/* The key of what is in force for dd itself; NULL: nothing, so ancestors are asked. */
static const char *local_key(const struct dsl_dir *dd, const char *name,
                             char buf[ZAP_NAME_MAX + 1])
{
    if (nv_has(dd->props, name))
        return name;
    const char *key = suffixed(name, INHERIT, buf);
    if (key && nv_has(dd->props, key))
        return NULL;
    key = suffixed(name, RECEIVED, buf);
    return key && nv_has(dd->props, key) ? key : NULL;
}

/* Where the value in force for dd comes from, and by which key; NULL: it has none. */
static const struct dsl_dir *source_of(const struct dsl_dir *dd, const char *name,
                                       const char **ret_key, char buf[ZAP_NAME_MAX + 1])
{
    for (; dd; dd = prop_inherits(name) ? dd->parent : NULL)
        if ((*ret_key = local_key(dd, name, buf)) != NULL)
            return dd;
    return NULL;
}

bool dsl_prop_u64(const struct dsl_dir *dd, const char *name, uint64_t *ret,
                  const struct dsl_dir **ret_source)
{
    char buf[ZAP_NAME_MAX + 1];
    const char *key;
    dd = source_of(dd, name, &key, buf);
    if (!dd || !nv_get_u64(dd->props, key, ret))
        return false;
    if (ret_source)
        *ret_source = dd;
    return true;
}

bool dsl_prop_str(const struct dsl_dir *dd, const char *name, const char **ret,
                  const struct dsl_dir **ret_source)
{
    char buf[ZAP_NAME_MAX + 1];
    const char *key;
    dd = source_of(dd, name, &key, buf);
    if (!dd || !nv_get_str(dd->props, key, ret))
        return false;
    if (ret_source)
        *ret_source = dd;
    return true;
}

bool dsl_prop_is_received(const struct dsl_dir *dd, const char *name)
{
    char buf[ZAP_NAME_MAX + 1];
    const char *key = local_key(dd, name, buf);
    return key && key != name;
}

const char *dsl_prop_user_next(const struct dsl_dir *dd, unsigned *pos,
                               char ret[ZAP_NAME_MAX + 1])
{
    const char *key;
    while ((key = nv_key(dd->props, (*pos)++))) {
        size_t len = strcspn(key, "$");
        if (!memchr(key, ':', len) || len > ZAP_NAME_MAX ||
            (key[len] && strcmp(key + len, RECEIVED) != 0))
            continue;
        memcpy(ret, key, len);
        ret[len] = 0;
        char buf[ZAP_NAME_MAX + 1];
        const char *force = local_key(dd, ret, buf);
        if (force &&
            strcmp(force, key) == 0) /* a received value that is masked is passed over */
            return ret;
    }
    return NULL;
}

static uint64_t props_zap(const struct dsl_dir *dd)
{
    return le64_get(dsl_dir_phys(dd)->props_zap);
}

static int key_remove(struct dsl_dir *dd, const char *key)
{
    int r = zap_remove(dd->dsl->mos, props_zap(dd), key);
    if (r == 0)
        nv_remove(dd->props, key);
    return r;
}

/* A local value lifts what masked a received one. */
static int unmask(struct dsl_dir *dd, const char *name)
{
    char buf[ZAP_NAME_MAX + 1];
    const char *key = suffixed(name, INHERIT, buf);
    return key && nv_has(dd->props, key) ? key_remove(dd, key) : 0;
}

static int key_set_u64(struct dsl_dir *dd, const char *key, uint64_t v)
{
    int r = zap_set_u64(dd->dsl->mos, props_zap(dd), key, v);
    return r ? r : nv_add_u64(dd->props, key, v);
}

int dsl_prop_set_u64(struct dsl_dir *dd, const char *name, uint64_t v)
{
    int r = unmask(dd, name);
    return r ? r : key_set_u64(dd, name, v);
}

int dsl_prop_set_str(struct dsl_dir *dd, const char *name, const char *v)
{
    int r = unmask(dd, name);
    if (r == 0)
        r = zap_set_str(dd->dsl->mos, props_zap(dd), name, v);
    return r ? r : nv_add_str(dd->props, name, v);
}

int dsl_prop_remove(struct dsl_dir *dd, const char *name)
{
    char buf[ZAP_NAME_MAX + 1];
    const char *received = suffixed(name, RECEIVED, buf);
    bool mask = received && nv_has(dd->props, received);
    int r = key_remove(dd, name);
    if ((r && r != -ENOENT) || !mask)
        return r;
    const char *key = suffixed(name, INHERIT, buf);
    return key ? key_set_u64(dd, key, 0) : r;
}
