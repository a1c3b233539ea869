/* SPDX-License-Identifier: BSD-2-Clause */
/* Datasets: volumes and file systems, snapshots, clones, properties. */
#include "orc.h"
#include "zfs.h"

struct new_volume {
    uint64_t size, block;
};

static void volume_init(objset_t *os, void *arg, cred_t *cr, dmu_tx_t *tx)
{
    const struct new_volume *v = arg;
    must(dmu_object_claim(os, VOLUME_DATA, DMU_OT_ZVOL, v->block, DMU_OT_NONE, 0, tx), "claim",
         "the volume's data");
    must(zap_create_claim(os, VOLUME_PROP, DMU_OT_ZVOL_PROP, DMU_OT_NONE, 0, tx), "claim",
         "the volume's properties");
    must(zap_update(os, VOLUME_PROP, "size", 8, 1, &v->size, tx), "set", "size");
}

/* Values of properties that are numbers on disk; a bare number stands for itself. */
static const struct {
    const char *name;
    uint64_t value;
} words[] = {
    {"off",           2 },
    {"lzjb",          3 },
    {"gzip",          10},
    {"zle",           14},
    {"lz4",           15},
    {"zstd",          16},
    {"fletcher4",     7 },
    {"sha256",        8 },
    {"sync-always",   1 },
    {"sync-standard", 0 },
    {"sync-disabled", 2 },
};

static void set_number(const char *name, const char *prop, uint64_t value)
{
    if (strcmp(prop, "refreservation") == 0)
        must(dsl_dataset_set_refreservation(name, ZPROP_SRC_LOCAL, value), "reserve", name);
    else if (strcmp(prop, "reservation") == 0)
        must(dsl_dir_set_reservation(name, ZPROP_SRC_LOCAL, value), "reserve", name);
    else if (strcmp(prop, "quota") == 0)
        must(dsl_dir_set_quota(name, ZPROP_SRC_LOCAL, value), "quota", name);
    else
        must(dsl_prop_set_int(name, prop, ZPROP_SRC_LOCAL, value), prop, name);
}

static void set_prop(const char *name, const char *prop, const char *value)
{
    if (strchr(prop, ':')) {
        must(dsl_prop_set_string(name, prop, ZPROP_SRC_LOCAL, value), prop, name);
        return;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].name, value) == 0) {
            set_number(name, prop, words[i].value);
            return;
        }
    }
    set_number(name, prop, size_of(value));
}

/* All PROP=VALUE arguments. */
static void set_all(const char *name, int ac, char **av)
{
    for (int i = 0; i < ac; i++) {
        char *prop = strdup(av[i]), *eq = strchr(prop, '=');
        if (!eq)
            die("no property: %s", av[i]);
        *eq = '\0';
        set_prop(name, prop, eq + 1);
        free(prop);
    }
}

static void do_volume(struct orc *o, int ac, char **av)
{
    const char *name = full_name(o, av[0]);
    struct new_volume v = {size_of(av[1]), size_of(av[2])};
    must(dmu_objset_create(name, DMU_OST_ZVOL, 0, NULL, volume_init, &v), "create", name);
    set_all(name, ac - 3, av + 3);
}

/* A file system's objects matter to nobody here; some of its own make it real enough. */
static void filesystem_init(objset_t *os, void *arg, cred_t *cr, dmu_tx_t *tx)
{
    const uint64_t value = 7;
    must(zap_create_claim(os, 1, DMU_OT_MASTER_NODE, DMU_OT_NONE, 0, tx), "claim",
         "master node");
    must(zap_update(os, 1, "VERSION", 8, 1, &value, tx), "set", "VERSION");
}

static void do_filesystem(struct orc *o, int ac, char **av)
{
    const char *name = full_name(o, av[0]);
    must(dmu_objset_create(name, DMU_OST_ZFS, 0, NULL, filesystem_init, NULL), "create", name);
    set_all(name, ac - 1, av + 1);
}

static void do_set(struct orc *o, int ac, char **av)
{
    set_all(full_name(o, av[0]), ac - 1, av + 1);
}

/* As a stream would bring them. */
static void do_received(struct orc *o, int ac, char **av)
{
    const char *name = full_name(o, av[0]);
    must(dsl_prop_set_hasrecvd(name), "set", name);
    for (int i = 1; i < ac; i++) {
        char *prop = strdup(av[i]), *eq = strchr(prop, '=');
        if (!eq)
            die("no property: %s", av[i]);
        *eq = '\0';
        uint64_t value = 0;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            if (strcmp(words[k].name, eq + 1) == 0)
                value = words[k].value;
        must(dsl_prop_set_int(name, prop, ZPROP_SRC_RECEIVED, value ? value : size_of(eq + 1)),
             "receive", prop);
        free(prop);
    }
}

static void do_snapshot(struct orc *o, int ac, char **av)
{
    char *name = strdup(full_name(o, av[0])), *at = strchr(name, '@');
    if (!at)
        die("no snapshot: %s", av[0]);
    *at = '\0';
    must(dmu_objset_snapshot_one(name, at + 1), "snapshot", av[0]);
    free(name);
}

static void do_clone(struct orc *o, int ac, char **av)
{
    must(dmu_objset_clone(full_name(o, av[1]), full_name(o, av[0])), "clone", av[1]);
}

static void do_rename(struct orc *o, int ac, char **av)
{
    must(dsl_dir_rename(full_name(o, av[0]), full_name(o, av[1])), "rename", av[0]);
}

static void do_destroy(struct orc *o, int ac, char **av)
{
    const char *name = full_name(o, av[0]);
    if (strchr(name, '@'))
        must(dsl_destroy_snapshot(name, B_FALSE), "destroy", name);
    else
        must(dsl_destroy_head(name), "destroy", name);
}

const struct verb dataset_verbs[] = {
    {"volume",     do_volume,     3, "NAME SIZE BLOCK [PROP=VALUE...]"},
    {"filesystem", do_filesystem, 1, "NAME [PROP=VALUE...]"           },
    {"set",        do_set,        2, "NAME PROP=VALUE..."             },
    {"received",   do_received,   2, "NAME PROP=VALUE..."             },
    {"snapshot",   do_snapshot,   1, "NAME@SNAP"                      },
    {"clone",      do_clone,      2, "NAME@SNAP NEW"                  },
    {"rename",     do_rename,     2, "NAME NEW"                       },
    {"destroy",    do_destroy,    1, "NAME or NAME@SNAP"              },
    {NULL,         NULL,          0, NULL                             },
};
