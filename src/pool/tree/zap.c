/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ZAPs by object number. A ZAP is born micro, one block of names and numbers that grows by 512
 * bytes; it becomes fat for good (zap_fat.c) when it would pass 128 KiB, or gets a name or a
 * value that the micro form can't have.
 */
#include "pool/tree/zap_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MZAP_GROW 512u

/* ---- which form -------------------------------------------------------------------------- */

/* Opens the object and tells its form: *ret_micro is the (shared) block of a micro ZAP, NULL of
 * a fat one. */
struct zap {
    struct object *obj;
    struct iobuf *micro;
    size_t len; /* of the micro block */
    struct fzap fat;
};

static void zap_close(struct zap *z)
{
    iobuf_put(z->micro);
    object_release(z->obj);
}

/* The first words of a micro block: what it is, salt, normalisation. */
static uint64_t word_of(const struct iobuf *buf, unsigned i)
{
    return le64_get(((const le64 *)(const void *)buf->p)[i]);
}

static int zap_sort_out(struct zap *z, struct iobuf *first)
{
    z->len = object_block_size(z->obj);
    if (!first)
        return E(-EBADMSG);
    if (word_of(first, 0) != ZAP_MICRO)
        return fzap_open(z->obj, &z->fat);
    int rc = mzap_check(first->p, z->len, NULL);
    if (rc == 0) {
        iobuf_ref(first);
        z->micro = first;
    }
    return rc;
}

static int zap_open(struct objset *os, uint64_t id, struct zap *ret)
{
    struct iobuf *first;
    *ret = (struct zap){0};
    int rc = object_hold(os, id, &ret->obj);
    if (rc != 0)
        return rc;
    rc = live_read(ret->obj, 0, &first);
    if (rc == 0) {
        rc = zap_sort_out(ret, first);
        iobuf_put(first);
    }
    if (rc != 0)
        zap_close(ret);
    return rc;
}

/* ---- making ------------------------------------------------------------------------------ */

int zap_create(struct objset *os, uint8_t type, uint8_t bonus_type, uint16_t bonus_len,
               uint64_t *ret_id)
{
    struct object *obj;
    uint8_t *bytes;
    uint64_t salt, id;
    const struct object_props props = {.type = type,
                                       .bonus_type = bonus_type,
                                       .bonus_len = bonus_len,
                                       .block_size = MZAP_GROW};
    int rc = object_create(os, 0, &props, &id);
    if (rc == 0)
        rc = object_hold(os, id, &obj);
    if (rc != 0)
        return rc;
    rc = object_block_change(obj, 0, true, &bytes);
    if (rc == 0) {
        run_random(&salt, sizeof(salt));
        mzap_init(bytes, MZAP_GROW, salt | 1, 0);
        *ret_id = id;
    }
    object_release(obj);
    return rc;
}

/* ---- changing ---------------------------------------------------------------------------- */

/* The entries move into a fat ZAP in the same object. The micro block stays alive by z's
 * reference. */
static int zap_upgrade(struct zap *z)
{
    const char *name;
    uint64_t v, salt = word_of(z->micro, 1), norm = word_of(z->micro, 2);
    size_t pos = 0;
    struct iobuf *old = z->micro;
    int rc = object_set_block_size(z->obj, 1u << FZAP_BLOCK_SHIFT);
    if (rc == 0)
        rc = fzap_format(z->obj, salt ? salt : 1, norm, &z->fat);
    if (rc != 0)
        return rc;
    while (rc == 0 && mzap_next(old->p, z->len, &pos, &name, &v)) {
        const struct zap_value value = {8, 1, (uint8_t *)&v};
        rc = fzap_put(&z->fat, name, &value);
        fiber_maybe_yield();
    }
    z->micro = NULL;
    iobuf_put(old);
    return rc;
}

static int micro_put(struct zap *z, const char *name, uint64_t v)
{
    uint8_t *bytes;
    iobuf_put(z->micro); /* so that the block is changed in place */
    z->micro = NULL;
    for (;;) {
        int rc = object_block_change(z->obj, 0, false, &bytes);
        if (rc == 0)
            rc = mzap_put(bytes, z->len, name, v);
        if (rc != -ENOSPC || z->len + MZAP_GROW > MZAP_MAX)
            return rc;
        rc = object_set_block_size(z->obj, (uint32_t)z->len + MZAP_GROW);
        if (rc != 0)
            return rc;
        z->len += MZAP_GROW;
    }
}

static int zap_put(struct zap *z, const char *name, const struct zap_value *value)
{
    int rc = -ENOSPC;
    bool fits = value->int_size == 8 && value->n == 1 && strlen(name) <= MZAP_NAME_MAX;
    if (!z->micro)
        return fzap_put(&z->fat, name, value);
    if (fits) {
        uint64_t v;
        memcpy(&v, value->bytes, sizeof(v));
        rc = micro_put(z, name, v);
    }
    if (rc != -ENOSPC)
        return rc;
    if (!z->micro)
        rc = live_read(z->obj, 0, &z->micro);
    else
        rc = 0;
    if (rc == 0)
        rc = zap_upgrade(z);
    return rc ? rc : fzap_put(&z->fat, name, value);
}

static int zap_set(struct objset *os, uint64_t id, const char *name,
                   const struct zap_value *value)
{
    struct zap z;
    size_t len = strlen(name);
    if (len == 0 || len > ZAP_NAME_MAX)
        return len ? E(-ENAMETOOLONG) : E(-EINVAL);
    if ((size_t)value->n * value->int_size > ZAP_VALUE_MAX)
        return E(-E2BIG);
    int rc = zap_open(os, id, &z);
    if (rc != 0)
        return rc;
    rc = zap_put(&z, name, value);
    zap_close(&z);
    return rc;
}

int zap_set_u64s(struct objset *os, uint64_t id, const char *name, const uint64_t *v,
                 unsigned n)
{
    uint64_t *copy = calloc(MAX(n, 1u), sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    memcpy(copy, v, n * sizeof(*copy));
    const struct zap_value value = {sizeof(*v), n, (uint8_t *)copy};
    int rc = zap_set(os, id, name, &value);
    free(copy);
    return rc;
}

int zap_set_u64(struct objset *os, uint64_t id, const char *name, uint64_t v)
{
    const struct zap_value value = {sizeof(v), 1, (uint8_t *)&v};
    return zap_set(os, id, name, &value);
}

int zap_set_str(struct objset *os, uint64_t id, const char *name, const char *v)
{
    char *copy = strdup(v);
    if (!copy)
        return -ENOMEM;
    const struct zap_value value = {1, (uint32_t)strlen(v) + 1, (uint8_t *)copy};
    int rc = zap_set(os, id, name, &value);
    free(copy);
    return rc;
}

static int micro_remove(struct zap *z, const char *name)
{
    uint8_t *bytes;
    uint64_t v;
    if (!mzap_lookup(z->micro->p, z->len, name, &v))
        return -ENOENT;
    iobuf_put(z->micro);
    z->micro = NULL;
    int rc = object_block_change(z->obj, 0, false, &bytes);
    if (rc == 0)
        mzap_remove(bytes, z->len, name);
    return rc;
}

int zap_remove(struct objset *os, uint64_t id, const char *name)
{
    struct zap z;
    int rc = zap_open(os, id, &z);
    if (rc != 0)
        return rc;
    rc = z.micro ? micro_remove(&z, name) : fzap_remove(&z.fat, name);
    zap_close(&z);
    return rc;
}

/* ---- looking ----------------------------------------------------------------------------- */

static int micro_get(const struct zap *z, const char *name, struct zap_value *ret)
{
    uint64_t v;
    if (!mzap_lookup(z->micro->p, z->len, name, &v))
        return -ENOENT;
    uint8_t *bytes = malloc(sizeof(v));
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, &v, sizeof(v));
    *ret = (struct zap_value){sizeof(v), 1, bytes};
    return 0;
}

int zap_get(struct objset *os, uint64_t id, const char *name, struct zap_value *ret)
{
    struct zap z;
    int rc = zap_open(os, id, &z);
    if (rc != 0)
        return rc;
    rc = z.micro ? micro_get(&z, name, ret) : fzap_get(&z.fat, name, ret);
    zap_close(&z);
    return rc;
}

int zap_get_u64(struct objset *os, uint64_t id, const char *name, uint64_t *ret)
{
    struct zap_value v;
    int rc = zap_get(os, id, name, &v);
    if (rc != 0)
        return rc;
    if (v.int_size == sizeof(*ret) && v.n == 1)
        memcpy(ret, v.bytes, sizeof(*ret));
    else
        rc = E(-EOVERFLOW);
    free(v.bytes);
    return rc;
}

int zap_get_str(struct objset *os, uint64_t id, const char *name, char **ret)
{
    struct zap_value v;
    int rc = zap_get(os, id, name, &v);
    if (rc != 0)
        return rc;
    char *text = v.int_size == 1 ? strndup((const char *)v.bytes, v.n) : NULL;
    rc = text ? 0 : v.int_size == 1 ? -ENOMEM : E(-EOVERFLOW);
    free(v.bytes);
    if (rc == 0)
        *ret = text;
    return rc;
}

static int micro_iterate(const struct zap *z, zap_entry_fn fn, void *arg)
{
    size_t pos = 0;
    const char *name;
    uint64_t v;
    int rc = 0;
    while (rc == 0 && mzap_next(z->micro->p, z->len, &pos, &name, &v)) {
        const struct zap_value value = {sizeof(v), 1, (uint8_t *)&v};
        rc = fn(arg, name, &value);
    }
    return rc;
}

int zap_iterate(struct objset *os, uint64_t id, zap_entry_fn fn, void *arg)
{
    struct zap z;
    int rc = zap_open(os, id, &z);
    if (rc != 0)
        return rc;
    rc = z.micro ? micro_iterate(&z, fn, arg) : fzap_iterate(&z.fat, fn, arg);
    zap_close(&z);
    return rc;
}

static int count_one(void *arg, const char *name, const struct zap_value *value)
{
    (void)name;
    (void)value;
    ++*(uint64_t *)arg;
    return 0;
}

int zap_count(struct objset *os, uint64_t id, uint64_t *ret)
{
    struct zap z;
    int rc = zap_open(os, id, &z);
    if (rc != 0)
        return rc;
    uint64_t n = 0;
    if (z.micro)
        rc = micro_iterate(&z, count_one, &n);
    *ret = z.micro ? n : z.fat.h.entries;
    zap_close(&z);
    return rc;
}

/* ---- numbers as keys --------------------------------------------------------------------- */

struct hex {
    char s[17];
};

static struct hex hex_of(uint64_t n)
{
    struct hex h;
    snprintf(h.s, sizeof(h.s), "%" PRIx64, n);
    return h;
}

int zap_set_int(struct objset *os, uint64_t id, uint64_t n, uint64_t value)
{
    struct hex key = hex_of(n);
    return zap_set_u64(os, id, key.s, value);
}

int zap_add_int(struct objset *os, uint64_t id, uint64_t n)
{
    return zap_set_int(os, id, n, n);
}

int zap_remove_int(struct objset *os, uint64_t id, uint64_t n)
{
    struct hex key = hex_of(n);
    return zap_remove(os, id, key.s);
}
