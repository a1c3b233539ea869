/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes: user properties that carry the dataset's guid, so that a clone's inherited ones don't count. */
#include "pool/zvol/zvol_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTR_PREFIX "zsan:"

static bool attr_key(const char *name, char *ret, size_t cap)
{
    size_t n = strlen(ATTR_PREFIX), len = strlen(name);
    if (n + len >= cap)
        return false;
    memcpy(ret, ATTR_PREFIX, n);
    memcpy(ret + n, name, len + 1);
    return true;
}

/* The value behind "GUID:" when the guid is ours. */
static const char *attr_value(const struct pvol *pv, const char *text)
{
    char *end;
    uint64_t guid = strtoull(text, &end, 16);
    return guid == pv->guid && *end == ':' ? end + 1 : NULL;
}

int pvol_get_attr(struct volume *v, const char *name, char **ret_value)
{
    struct pvol *pv = pvol_of(v);
    char key[ZAP_NAME_MAX + 1];
    const char *text, *value;
    *ret_value = NULL;
    if (!attr_key(name, key, sizeof(key)))
        return E(-ENAMETOOLONG);
    if (!nv_get_str(pv->ds->dir->props, key, &text) || !(value = attr_value(pv, text)))
        return 0;
    *ret_value = strdup(value);
    return *ret_value ? 0 : E(-ENOMEM);
}

struct attr_task {
    struct pvol *pv;
    const char *key, *value;
};

static int attr_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct attr_task *t = arg;
    (void)txg, (void)reterr;
    if (t->value)
        return dsl_prop_set_str(t->pv->ds->dir, t->key, t->value);
    int r = dsl_prop_remove(t->pv->ds->dir, t->key);
    return r == -ENOENT ? 0 : r;
}

int pvol_set_attr(struct volume *v, const char *name, const char *value)
{
    struct pvol *pv = pvol_of(v);
    char key[ZAP_NAME_MAX + 1], *text = NULL;
    if (!attr_key(name, key, sizeof(key)))
        return E(-ENAMETOOLONG);
    if (value && strlen(value) > VOL_ATTR_MAX - 32)
        return E(-E2BIG);
    if (value && asprintf(&text, "%" PRIx64 ":%s", pv->guid, value) < 0)
        return E(-ENOMEM);
    struct attr_task t = {pv, key, text};
    int r = suspend_pass(pv->p);
    if (r == 0)
        r = txg_run(pv->p, attr_task, &t, NULL);
    free(text);
    return r;
}

int pvol_list_attr(struct volume *v, const char *prefix, char ***ret_names)
{
    struct pvol *pv = pvol_of(v);
    const struct nv *props = pv->ds->dir->props;
    const char *key, *text;
    unsigned n = 0, total = 0;
    while (nv_key(props, total))
        total++;
    char **names = calloc(total + 1, sizeof(*names));
    if (!names)
        return E(-ENOMEM);
    for (unsigned i = 0; (key = nv_key(props, i)); i++) {
        if (strncmp(key, ATTR_PREFIX, strlen(ATTR_PREFIX)) != 0)
            continue;
        const char *name = key + strlen(ATTR_PREFIX);
        if (strncmp(name, prefix, strlen(prefix)) != 0 || !nv_get_str(props, key, &text) ||
            !attr_value(pv, text))
            continue;
        if (!(names[n++] = strdup(name))) {
            names_free(names);
            return E(-ENOMEM);
        }
    }
    *ret_names = names;
    return 0;
}
