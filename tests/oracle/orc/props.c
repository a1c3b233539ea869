/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties as the zfs command would show them with -p: what the engine reports for a dataset, with the defaults and the
 * sources that libzfs adds. One line each: "prop NAME PROPERTY VALUE SOURCE".
 */
#include "orc.h"
#include "zfs.h"

/* Those that our engine knows, too, but for user properties, which go without saying. */
static const zfs_prop_t shown[] = {
    ZFS_PROP_CREATION,      ZFS_PROP_USED,          ZFS_PROP_AVAILABLE,
    ZFS_PROP_REFERENCED,    ZFS_PROP_COMPRESSRATIO, ZFS_PROP_ORIGIN,
    ZFS_PROP_QUOTA,         ZFS_PROP_RESERVATION,   ZFS_PROP_VOLSIZE,
    ZFS_PROP_VOLBLOCKSIZE,  ZFS_PROP_CHECKSUM,      ZFS_PROP_COMPRESSION,
    ZFS_PROP_READONLY,      ZFS_PROP_CREATETXG,     ZFS_PROP_COPIES,
    ZFS_PROP_GUID,          ZFS_PROP_REFQUOTA,      ZFS_PROP_REFRESERVATION,
    ZFS_PROP_USEDSNAP,      ZFS_PROP_USEDDS,        ZFS_PROP_USEDCHILD,
    ZFS_PROP_USEDREFRESERV, ZFS_PROP_SYNC,          ZFS_PROP_REFRATIO,
    ZFS_PROP_WRITTEN,       ZFS_PROP_LOGICALUSED,   ZFS_PROP_LOGICALREFERENCED,
    ZFS_PROP_OBJSETID,      ZFS_PROP_USERREFS,      ZFS_PROP_DEFER_DESTROY,
};

struct told {
    const char *name;
    zfs_type_t type, head;
    nvlist_t *props;
};

/* What zvol_get_stats() adds in the kernel. */
static void add_volume(objset_t *os, nvlist_t *props)
{
    uint64_t size;
    dmu_object_info_t info;
    must(zap_lookup(os, VOLUME_PROP, "size", 8, 1, &size), "read", "size");
    must(dmu_object_info(os, VOLUME_DATA, &info), "read", "the volume's data");
    dsl_prop_nvlist_add_uint64(props, ZFS_PROP_VOLSIZE, size);
    dsl_prop_nvlist_add_uint64(props, ZFS_PROP_VOLBLOCKSIZE, info.doi_data_block_size);
}

static const char *source_text(const struct told *t, zfs_prop_t prop, const char *source)
{
    static char text[ZFS_MAX_DATASET_NAME_LEN + 16];
    const bool limit = prop == ZFS_PROP_VOLSIZE || prop == ZFS_PROP_QUOTA ||
                       prop == ZFS_PROP_REFQUOTA || prop == ZFS_PROP_RESERVATION ||
                       prop == ZFS_PROP_REFRESERVATION;
    if (!source)
        return limit ? "local" : "-";
    if (!*source)
        return "default";
    if (strcmp(source, t->name) == 0)
        return "local";
    if (strcmp(source, ZPROP_SOURCE_VAL_RECVD) == 0)
        return "received";
    snprintf(text, sizeof(text), "inherited from %s", source);
    return text;
}

static void tell_number(const struct told *t, zfs_prop_t prop, uint64_t v, const char *source)
{
    const char *word;
    printf("prop %s %s ", t->name, zfs_prop_to_name(prop));
    if (zfs_prop_get_type(prop) == PROP_TYPE_INDEX &&
        zfs_prop_index_to_string(prop, v, &word) == 0)
        printf("%s", word);
    else if (prop == ZFS_PROP_COMPRESSRATIO || prop == ZFS_PROP_REFRATIO)
        printf("%llu.%02llu", (u_longlong_t)v / 100, (u_longlong_t)v % 100);
    else
        printf("%llu", (u_longlong_t)v);
    printf(" %s\n", source_text(t, prop, source));
}

static void tell_native(const struct told *t, zfs_prop_t prop)
{
    nvlist_t *pair;
    uint64_t v;
    char *text, *source = NULL;
    if (!zfs_prop_valid_for_type(prop, t->type, B_FALSE) ||
        !zfs_prop_valid_for_type(prop, t->head, B_TRUE))
        return;
    if (nvlist_lookup_nvlist(t->props, zfs_prop_to_name(prop), &pair) == 0) {
        nvlist_lookup_string(pair, ZPROP_SOURCE, &source);
        if (nvlist_lookup_uint64(pair, ZPROP_VALUE, &v) == 0)
            tell_number(t, prop, v, source);
        else if (nvlist_lookup_string(pair, ZPROP_VALUE, &text) == 0)
            printf("prop %s %s %s -\n", t->name, zfs_prop_to_name(prop), text);
    } else if (zfs_prop_get_type(prop) != PROP_TYPE_STRING) {
        tell_number(t, prop, zfs_prop_default_numeric(prop), "");
    }
}

static void tell_type(const struct told *t)
{
    printf("prop %s type %s -\n", t->name,
           t->type == ZFS_TYPE_SNAPSHOT ? "snapshot"
           : t->type == ZFS_TYPE_VOLUME ? "volume"
                                        : "filesystem");
}

static void tell_users(const struct told *t)
{
    for (nvpair_t *p = NULL; (p = nvlist_next_nvpair(t->props, p));) {
        char *text, *source = NULL;
        nvlist_t *pair = fnvpair_value_nvlist(p);
        if (!strchr(nvpair_name(p), ':') || nvlist_lookup_string(pair, ZPROP_VALUE, &text))
            continue;
        nvlist_lookup_string(pair, ZPROP_SOURCE, &source);
        printf("prop %s %s %s %s\n", t->name, nvpair_name(p), text,
               source_text(t, ZPROP_INVAL, source));
    }
}

static int tell(const char *name, void *arg)
{
    objset_t *os;
    dmu_objset_stats_t stat;
    struct told t = {.name = name};
    must(dmu_objset_hold(name, tell, &os), "hold", name);
    dmu_objset_fast_stat(os, &stat);
    t.head = stat.dds_type == DMU_OST_ZVOL ? ZFS_TYPE_VOLUME : ZFS_TYPE_FILESYSTEM;
    t.type = stat.dds_is_snapshot ? ZFS_TYPE_SNAPSHOT : t.head;
    must(dsl_prop_get_all(os, &t.props), "read", name);
    dmu_objset_stats(os, t.props);
    if (stat.dds_type == DMU_OST_ZVOL)
        add_volume(os, t.props);
    dmu_objset_rele(os, tell);
    tell_type(&t);
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        tell_native(&t, shown[i]);
    tell_users(&t);
    nvlist_free(t.props);
    return 0;
}

static void do_props(struct orc *o, int ac, char **av)
{
    must(dmu_objset_find(o->pool, tell, NULL, DS_FIND_CHILDREN | DS_FIND_SNAPSHOTS), "list",
         o->pool);
}

const struct verb props_verbs[] = {
    {"props", do_props, 0, "(of all datasets, as zfs get -p would show them)"},
    {NULL,    NULL,     0, NULL                                              },
};
