/* SPDX-License-Identifier: BSD-2-Clause */
/* New volumes and folders: a task of the sync fiber, which checks everything before it changes anything. */
#include "pool/set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the reservation of a volume that isn't sparse (libzfs zvol_volsize_to_reservation()) -------------------- */

/* All blocks of the data, by the vdev where they take most: a raidz deflates 128 KiB blocks, others take more there. */
static uint64_t data_reservation(const struct pool *p, uint64_t blocks, uint32_t block_size)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < p->root->nchildren; i++) {
        const struct vdev *top = p->root->child[i];
        if (top->type != VDEV_RAIDZ)
            continue;
        uint64_t typical = vdev_asize(top, BLOCK_MAX);
        uint64_t all = blocks * vdev_asize(top, block_size);
        /* all * BLOCK_MAX / typical, without an overflow */
        uint64_t deflated = all / typical * BLOCK_MAX + all % typical * BLOCK_MAX / typical;
        most = MAX(most, deflated);
    }
    return most ? most : blocks * block_size;
}

uint64_t pool_full_reservation(const struct pool *p, uint64_t size, uint32_t block_size,
                               unsigned copies)
{
    uint64_t blocks = size / block_size, meta = 7; /* the meta-dnode's levels */
    uint64_t data = data_reservation(p, blocks, block_size) * copies;
    const uint64_t per_level = 1ull << (INDIRECT_SHIFT - BP_SHIFT);
    while (blocks > 1) {
        blocks = (blocks + per_level - 1) / per_level;
        meta += blocks;
    }
    return data + meta * MIN(copies + 1, BP_DVAS) * (1ull << INDIRECT_SHIFT);
}

/* ---- what is to be made -------------------------------------------------------------------------------------------- */

struct make {
    struct pool *p;
    const char *name;
    enum pool_dataset_type type;
    uint64_t size; /* of a volume */
    uint32_t block_size;
    bool make_parents;
    struct setting *settings;
    unsigned n;
};

static const struct setting *given(const struct make *m, const char *name)
{
    for (unsigned i = 0; i < m->n; i++)
        if (strcmp(m->settings[i].name, name) == 0)
            return &m->settings[i];
    return NULL;
}

static uint64_t number_of(const struct make *m, const char *name)
{
    const struct setting *s = given(m, name);
    return s ? s->number : 0;
}

static int make_add(struct make *m, const char *name, const char *value, struct err *reterr)
{
    struct setting *s = &m->settings[m->n];
    if (!value)
        return 0;
    int r = setting_parse(name, value, s, reterr);
    if (r == 0)
        r = setting_fits(s, m->type, reterr);
    if (r == 0 && s->prop && s->prop->books == BOOK_VOLSIZE)
        r = err_set(reterr, E(-EINVAL), "volsize: the size is given apart from properties");
    if (r == 0 && given(m, name))
        r = err_set(reterr, E(-EINVAL), "%s: given twice", name);
    m->n += r == 0;
    return r;
}

static int make_props(struct make *m, const struct pool_prop *props, unsigned n,
                      struct err *reterr)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < n; i++)
        r = make_add(m, props[i].name, props[i].value, reterr);
    return r;
}

/* ---- in the sync fiber --------------------------------------------------------------------------------------------- */

/* The nearest of the ancestors that is there. */
static struct dsl_dir *nearest(const struct pool *p, const char *name)
{
    char path[DSL_NAME_MAX + 1], above[DSL_NAME_MAX + 1];
    struct dsl_dir *dd = NULL;
    strncpy(path, name, DSL_NAME_MAX);
    path[DSL_NAME_MAX] = 0;
    while (!dd) {
        name_split(path, above);
        dd = dsl_find(&p->dsl, above);
        memcpy(path, above, sizeof(path));
    }
    return dd;
}

static int room_check(const struct make *m, struct err *reterr)
{
    uint64_t reserve = MAX(number_of(m, "reservation"), number_of(m, "refreservation"));
    uint64_t quota = number_of(m, "quota"), refquota = number_of(m, "refquota");
    uint64_t avail = dsl_dir_available(nearest(m->p, m->name), pool_capacity(m->p));
    if (reserve > avail)
        return err_set(reterr, E(-ENOSPC),
                       "%s/%s: reserving %" PRIu64 " bytes doesn't fit into %" PRIu64
                       ": make it smaller or sparse",
                       m->p->name, m->name, reserve, avail);
    if ((quota && reserve > quota) || (refquota && reserve > refquota))
        return err_set(reterr, E(-ENOSPC), "%s/%s: its quota is less than its reservation",
                       m->p->name, m->name);
    return 0;
}

static int parents_make(struct pool *p, const char *path, struct dsl_dir **ret,
                        struct err *reterr)
{
    char above[DSL_NAME_MAX + 1];
    *ret = dsl_find(&p->dsl, path);
    if (*ret)
        return 0;
    struct dsl_dir *parent;
    const char *component = name_split(path, above);
    int r = parents_make(p, above, &parent, reterr);
    return r ? r
             : dsl_create(parent, component, OBJSET_ZFS, run_wall() / NS_PER_SEC, ret, reterr);
}

static int volume_objects(struct objset *os, uint64_t size, uint32_t block_size)
{
    struct object_props data = {.type = DMU_ZVOL, .block_size = block_size};
    uint64_t id;
    int r = object_create(os, ZVOL_DATA, &data, &id);
    if (r == 0)
        r = zap_create(os, DMU_ZVOL_PROP, DMU_NONE, 0, &id);
    if (r == 0 && id != ZVOL_PROPS)
        r = E(-EIO);
    return r ? r : zap_set_u64(os, ZVOL_PROPS, "size", size);
}

static int make_check(const struct make *m, struct err *reterr)
{
    char above[DSL_NAME_MAX + 1];
    name_split(m->name, above);
    struct dsl_dir *at = dsl_find(&m->p->dsl, m->name), *parent = nearest(m->p, m->name);
    if (at)
        return err_set(reterr, E(-EEXIST), "dataset %s/%s %s", m->p->name, m->name,
                       dsl_dataset_is_going(at->head) ? "is still being destroyed"
                                                      : "exists already");
    if (dsl_dataset_is_going(parent->head))
        return err_set(reterr, E(-ENOENT), "%s/%s: its folder is being destroyed", m->p->name,
                       m->name);
    if (parent != dsl_find(&m->p->dsl, above) && !m->make_parents)
        return err_set(reterr, E(-ENOENT), "pool %s has no dataset %s", m->p->name, above);
    return room_check(m, reterr);
}

static int make_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct make *m = arg;
    enum objset_type type = m->type == POOL_VOLUME ? OBJSET_ZVOL : OBJSET_ZFS;
    char above[DSL_NAME_MAX + 1];
    const char *component = name_split(m->name, above);
    struct dsl_dir *parent, *dd;
    (void)txg;
    int r = make_check(m, reterr);
    if (r == 0)
        r = parents_make(m->p, above, &parent, reterr);
    if (r == 0)
        r = dsl_create(parent, component, type, run_wall() / NS_PER_SEC, &dd, reterr);
    if (r == 0 && m->type == POOL_VOLUME)
        r = volume_objects(dd->head->os, m->size, m->block_size);
    for (unsigned i = 0; r == 0 && i < m->n; i++)
        r = setting_apply(&m->settings[i], dd);
    return r;
}

/* Frees the settings. */
static int make_run(struct make *m, int r, struct err *reterr)
{
    if (r == 0)
        r = pool_dataset_name_check(m->p, m->name, reterr);
    if (r == 0)
        r = txg_run(m->p, make_task, m, reterr);
    free(m->settings);
    return r;
}

static int make_new(struct make *m, unsigned nprops, struct err *reterr)
{
    m->settings = calloc(nprops + 1, sizeof(*m->settings));
    return m->settings ? 0 : err_set(reterr, E(-ENOMEM), "%s: no memory", m->name);
}

/* ---- the operator's verbs ------------------------------------------------------------------------------------------ */

int pool_folder_create(struct pool *p, const struct pool_folder_want *want, struct err *reterr)
{
    struct make m = {
        .p = p, .name = want->name, .type = POOL_FOLDER, .make_parents = want->make_parents};
    int r = make_new(&m, want->nprops, reterr);
    return r ? r : make_run(&m, make_props(&m, want->props, want->nprops, reterr), reterr);
}

static int volume_check(const struct make *m, struct err *reterr)
{
    uint32_t bs = m->block_size;
    if (!is_pow2(bs) || bs < VOLBLOCK_MIN || bs > BLOCK_MAX)
        return err_set(reterr, E(-EINVAL),
                       "volblocksize %u: must be a power of two from %u to %u", bs,
                       VOLBLOCK_MIN, BLOCK_MAX);
    if (m->size == 0 || m->size > INT64_MAX / 2)
        return err_set(reterr, E(-EINVAL), "size %" PRIu64 ": no volume can be so %s", m->size,
                       m->size ? "large" : "small");
    return 0;
}

/* refreservation=auto, or what stands for it. */
static int reserve_add(struct make *m, bool reserve, struct err *reterr)
{
    unsigned copies = given(m, "copies") ? (unsigned)number_of(m, "copies") : 1;
    uint64_t full = pool_full_reservation(m->p, m->size, m->block_size, copies);
    int r = reserve && !given(m, "refreservation")
                ? make_add(m, "refreservation", "auto", reterr)
                : 0;
    for (unsigned i = 0; i < m->n; i++)
        if (m->settings[i].number == SETTING_AUTO)
            m->settings[i].number = full;
    return r;
}

int pool_volume_create(struct pool *p, const struct pool_volume_want *want, struct err *reterr)
{
    struct make m = {
        .p = p,
        .name = want->name,
        .type = POOL_VOLUME,
        .size = want->size,
        .block_size = want->block_size ? want->block_size : VOLBLOCK_DEFAULT,
        .make_parents = want->make_parents,
    };
    int r = volume_check(&m, reterr);
    if (r)
        return r;
    m.size = (m.size + m.block_size - 1) / m.block_size * m.block_size;
    r = make_new(&m, want->nprops + 3, reterr);
    if (r)
        return r;
    r = make_add(&m, "compression", want->compression, reterr);
    if (r == 0)
        r = make_add(&m, "checksum", want->checksum, reterr);
    if (r == 0)
        r = make_props(&m, want->props, want->nprops, reterr);
    if (r == 0)
        r = reserve_add(&m, want->reserve, reterr);
    return make_run(&m, r, reterr);
}
