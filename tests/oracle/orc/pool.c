/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools: making, importing, their disks, scrubbing, leaving them. Disks are files d0, d1... in the folder; spares
 * s0, s1... A layout is groups joined by '+': "single", "mirror:N", "raidzP:N".
 */
#include "orc.h"
#include "zfs.h"

#include <fcntl.h>

#define DISKS_MAX 64

static char holder; /* its address names us */

spa_t *pool_hold(const struct orc *o)
{
    spa_t *spa;
    must(spa_open(o->pool, &spa, &holder), "open pool", o->pool);
    return spa;
}

void pool_drop(spa_t *spa)
{
    spa_close(spa, &holder);
}

/* ---- making --------------------------------------------------------------------------------- */

struct layout {
    uint64_t disk_size, ashift;
    unsigned ndisks, nspares, nlogs, ncaches;
};

/* A disk of that name, made (size != 0) or there already. */
static nvlist_t *leaf_new(const struct orc *o, const char *name, uint64_t size, uint64_t ashift)
{
    char path[MAXPATHLEN];
    nvlist_t *leaf = fnvlist_alloc();
    snprintf(path, sizeof(path), "%s/%s", o->dir, name);
    const int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || (size != 0 && ftruncate(fd, size) != 0))
        die("%s: %s", path, strerror(errno));
    close(fd);
    fnvlist_add_string(leaf, "type", "file");
    fnvlist_add_string(leaf, "path", path);
    fnvlist_add_uint64(leaf, "ashift", ashift);
    return leaf;
}

static nvlist_t *layout_leaf(const struct orc *o, const struct layout *l, char kind, unsigned n)
{
    char name[16];
    snprintf(name, sizeof(name), "%c%u", kind, n);
    return leaf_new(o, name, l->disk_size, l->ashift);
}

/* One group: "single", "mirror:2", "raidz2:5". */
static nvlist_t *group_new(const struct orc *o, struct layout *l, const char *text)
{
    unsigned parity = 0, n = 1;
    nvlist_t *group, *kids[DISKS_MAX];
    if (sscanf(text, "mirror:%u", &n) == 1)
        parity = 0;
    else if (sscanf(text, "raidz%u:%u", &parity, &n) != 2 && strcmp(text, "single") != 0)
        die("no layout: %s", text);
    if (n < 1 || n > DISKS_MAX)
        die("no number of disks: %s", text);
    for (unsigned i = 0; i < n; i++)
        kids[i] = layout_leaf(o, l, 'd', l->ndisks++);
    group = kids[0];
    if (strcmp(text, "single") != 0) {
        group = fnvlist_alloc();
        fnvlist_add_string(group, "type", parity ? "raidz" : "mirror");
        if (parity)
            fnvlist_add_uint64(group, "nparity", parity);
        fnvlist_add_nvlist_array(group, "children", kids, n);
    }
    fnvlist_add_uint64(group, "is_log", 0);
    return group;
}

static nvlist_t *tree_new(const struct orc *o, struct layout *l, char *text)
{
    nvlist_t *root = fnvlist_alloc(), *groups[DISKS_MAX + 1], *spares[DISKS_MAX];
    unsigned n = 0;
    char *save;
    for (char *g = strtok_r(text, "+", &save); g && n < DISKS_MAX;
         g = strtok_r(NULL, "+", &save))
        groups[n++] = group_new(o, l, g);
    for (unsigned i = 0; i < l->nlogs && n < DISKS_MAX; i++) {
        groups[n] = layout_leaf(o, l, 'l', i);
        fnvlist_add_uint64(groups[n++], "is_log", 1);
    }
    fnvlist_add_string(root, "type", "root");
    fnvlist_add_nvlist_array(root, "children", groups, n);
    for (unsigned i = 0; i < l->nspares; i++)
        spares[i] = layout_leaf(o, l, 's', i);
    if (l->nspares)
        fnvlist_add_nvlist_array(root, "spares", spares, l->nspares);
    for (unsigned i = 0; i < l->ncaches; i++)
        spares[i] = layout_leaf(o, l, 'c', i);
    if (l->ncaches)
        fnvlist_add_nvlist_array(root, "l2cache", spares, l->ncaches);
    return root;
}

/* Only the features that are named are enabled. */
static void do_create(struct orc *o, int ac, char **av)
{
    const char *ashift = option(ac, av, "ashift"), *size = option(ac, av, "size");
    const char *spares = option(ac, av, "spares"), *features = option(ac, av, "features");
    const char *logs = option(ac, av, "log"), *caches = option(ac, av, "cache");
    struct layout l = {.ashift = ashift ? size_of(ashift) : 12,
                       .disk_size = size_of(size ? size : "128M"),
                       .nspares = spares ? size_of(spares) : 0,
                       .nlogs = logs ? size_of(logs) : 0,
                       .ncaches = caches ? size_of(caches) : 0};
    nvlist_t *props = fnvlist_alloc();
    char *list = strdup(features ? features : ""), *save;
    for (char *f = strtok_r(list, ",", &save); f; f = strtok_r(NULL, ",", &save)) {
        char key[128];
        snprintf(key, sizeof(key), "feature@%s", f);
        fnvlist_add_uint64(props, key, 0);
    }
    if (l.nspares > DISKS_MAX)
        die("too many spares");
    must(spa_create(o->pool, tree_new(o, &l, av[0]), props, NULL, NULL), "create", o->pool);
    free(list);
}

/* ---- coming and going ----------------------------------------------------------------------- */

/* A search that takes pools in use (userland can't ask the kernel) leaves out the spares; trying the
 * import first finds them. */
static void do_import(struct orc *o, int ac, char **av)
{
    char *paths[1] = {o->dir};
    importargs_t search = {.path = paths, .paths = 1, .can_be_active = B_TRUE};
    nvlist_t *found = NULL, *full, *props = NULL;
    must(zpool_find_config(NULL, o->pool, &found, &search, &libzpool_config_ops), "find",
         o->pool);
    full = spa_tryimport(found);
    if (!full)
        die("import %s: no usable configuration", o->pool);
    if (ac > 0 && strcmp(av[0], "readonly") == 0) {
        props = fnvlist_alloc();
        fnvlist_add_uint64(props, "readonly", 1);
    }
    must(spa_import(o->pool, full, props, ZFS_IMPORT_NORMAL), "import", o->pool);
}

static void do_pooldestroy(struct orc *o, int ac, char **av)
{
    must(spa_destroy(o->pool), "destroy", o->pool);
}

static void do_note(struct orc *o, int ac, char **av)
{
    spa_t *spa = pool_hold(o);
    must(spa_history_log(spa, av[0]), "note", av[0]);
    pool_drop(spa);
}

static void do_poolset(struct orc *o, int ac, char **av)
{
    nvlist_t *props = fnvlist_alloc();
    char *value = strchr(av[0], '=');
    uint64_t n;
    if (!value)
        die("no property: %s", av[0]);
    *value++ = 0;
    const zpool_prop_t prop = zpool_name_to_prop(av[0]);
    if (zpool_prop_get_type(prop) == PROP_TYPE_STRING)
        fnvlist_add_string(props, av[0], value);
    else if (zpool_prop_string_to_index(prop, value, &n) == 0)
        fnvlist_add_uint64(props, av[0], n);
    else
        die("no value for %s: %s", av[0], value);
    spa_t *spa = pool_hold(o);
    must(spa_prop_set(spa, props), "set", av[0]);
    pool_drop(spa);
}

/* "poolprop NAME VALUE" of those that our engine knows, too. */
static void do_poolget(struct orc *o, int ac, char **av)
{
    static const char *const names[] = {"autoreplace", "failmode",  "comment", "guid",
                                        "size",        "allocated", "version", "dedupratio"};
    nvlist_t *all = NULL, *pair;
    spa_t *spa = pool_hold(o);
    must(spa_prop_get(spa, &all), "properties of", o->pool);
    pool_drop(spa);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *text;
        char *string;
        uint64_t n;
        if (nvlist_lookup_nvlist(all, names[i], &pair) != 0)
            continue;
        if (nvlist_lookup_string(pair, "value", &string) == 0)
            printf("poolprop %s %s\n", names[i], string);
        else if (nvlist_lookup_uint64(pair, "value", &n) == 0 &&
                 zpool_prop_get_type(zpool_name_to_prop(names[i])) == PROP_TYPE_INDEX &&
                 zpool_prop_index_to_string(zpool_name_to_prop(names[i]), n, &text) == 0)
            printf("poolprop %s %s\n", names[i], text);
        else
            printf("poolprop %s %llu\n", names[i], (u_longlong_t)n);
    }
}

static void do_export(struct orc *o, int ac, char **av)
{
    must(spa_export(o->pool, NULL, B_FALSE, B_FALSE), "export", o->pool);
}

static void do_sync(struct orc *o, int ac, char **av)
{
    spa_t *spa = pool_hold(o);
    txg_wait_synced(spa_get_dsl(spa), 0);
    pool_drop(spa);
}

/* As a power cut does: without another write. */
static void do_crash(struct orc *o, int ac, char **av)
{
    fflush(stdout);
    _exit(0);
}

/* ---- disks ---------------------------------------------------------------------------------- */

/* The guid of the leaf whose path ends in /NAME. */
static uint64_t leaf_guid(nvlist_t *vdev, const char *name)
{
    nvlist_t **kids;
    uint_t n;
    char *path;
    if (nvlist_lookup_string(vdev, "path", &path) == 0 && strrchr(path, '/') &&
        strcmp(strrchr(path, '/') + 1, name) == 0)
        return fnvlist_lookup_uint64(vdev, "guid");
    if (nvlist_lookup_nvlist_array(vdev, "children", &kids, &n) != 0)
        return 0;
    for (uint_t i = 0; i < n; i++) {
        const uint64_t guid = leaf_guid(kids[i], name);
        if (guid != 0)
            return guid;
    }
    return 0;
}

static uint64_t disk_guid(const struct orc *o, const char *name)
{
    nvlist_t *config;
    must(spa_get_stats(o->pool, &config, NULL, 0), "status of", o->pool);
    const uint64_t guid = leaf_guid(fnvlist_lookup_nvlist(config, "vdev_tree"), name);
    if (guid == 0)
        die("no disk %s in %s", name, o->pool);
    nvlist_free(config);
    return guid;
}

static void do_offline(struct orc *o, int ac, char **av)
{
    const uint64_t guid = disk_guid(o, av[0]);
    spa_t *spa = pool_hold(o);
    must(vdev_offline(spa, guid, 0), "offline", av[0]);
    pool_drop(spa);
}

static void wait_for(const struct orc *o, zpool_wait_activity_t what)
{
    boolean_t waited;
    must(spa_wait(o->pool, what, &waited), "wait for", o->pool);
}

static void do_online(struct orc *o, int ac, char **av)
{
    const uint64_t guid = disk_guid(o, av[0]);
    vdev_state_t state;
    spa_t *spa = pool_hold(o);
    must(vdev_online(spa, guid, 0, &state), "online", av[0]);
    pool_drop(spa);
    do_sync(o, 0, NULL);
    wait_for(o, ZPOOL_WAIT_RESILVER);
}

static uint64_t disk_size(const struct orc *o, const char *name)
{
    char path[MAXPATHLEN];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", o->dir, name);
    if (stat(path, &st) != 0)
        die("%s: %s", path, strerror(errno));
    return st.st_size;
}

/* Returns when the resilver is done. */
static void attach(struct orc *o, char **av, int replacing)
{
    const uint64_t guid = disk_guid(o, av[0]);
    nvlist_t *root = fnvlist_alloc();
    nvlist_t *leaf = leaf_new(o, av[1], av[1][0] == 's' ? 0 : disk_size(o, "d0"), 0);
    fnvlist_add_string(root, "type", "root");
    fnvlist_add_nvlist_array(root, "children", &leaf, 1);
    spa_t *spa = pool_hold(o);
    must(spa_vdev_attach(spa, guid, root, replacing, 0), "attach", av[1]);
    pool_drop(spa);
    do_sync(o, 0, NULL);
    wait_for(o, ZPOOL_WAIT_RESILVER);
}

static void do_attach(struct orc *o, int ac, char **av)
{
    attach(o, av, 0);
}

static void do_replace(struct orc *o, int ac, char **av)
{
    attach(o, av, 1);
    wait_for(o, ZPOOL_WAIT_REPLACE);
}

static void do_detach(struct orc *o, int ac, char **av)
{
    const uint64_t guid = disk_guid(o, av[0]);
    spa_t *spa = pool_hold(o);
    must(spa_vdev_detach(spa, guid, 0, 0), "detach", av[0]);
    pool_drop(spa);
}

/* What is destroyed in the background goes by so many blocks a txg, and not on while the pool is being exported. */
static void do_slowly(struct orc *o, int ac, char **av)
{
    zfs_async_block_max_blocks = size_of(av[0]);
}

static void do_waitfreed(struct orc *o, int ac, char **av)
{
    wait_for(o, ZPOOL_WAIT_FREE);
}

static void do_errors(struct orc *o, int ac, char **av)
{
    spa_t *spa = pool_hold(o);
    const uint64_t lost = spa_get_errlog_size(spa);
    pool_drop(spa);
    (void)ac, (void)av;
    printf("errors: %llu\n", (u_longlong_t)lost);
}

/* Dies when the scrub met an error, unless that is expected. */
static void do_scrub(struct orc *o, int ac, char **av)
{
    pool_scan_stat_t stat;
    const int damaged = ac > 0 && strcmp(av[0], "damaged") == 0;
    spa_t *spa = pool_hold(o);
    int rc = spa_scan(spa, POOL_SCAN_SCRUB);
    must(rc == ECANCELED ? 0 : rc, "scrub", o->pool); /* so it says that a paused one goes on */
    wait_for(o, ZPOOL_WAIT_SCRUB);
    must(spa_scan_get_stats(spa, &stat), "scrub", o->pool);
    txg_wait_synced(spa_get_dsl(spa), 0); /* the error log turns with the next one */
    const uint64_t lost = spa_get_errlog_size(spa);
    pool_drop(spa);
    printf("scrub: %llu errors, %llu blocks lost\n", (u_longlong_t)stat.pss_errors,
           (u_longlong_t)lost);
    if (!damaged && (stat.pss_errors != 0 || lost != 0))
        die("the scrub of %s found errors", o->pool);
}

const struct verb pool_verbs[] = {
    {"create",      do_create,      1,
     "LAYOUT [ashift=N] [size=N] [spares=N] [log=N] [cache=N] [features=A,B...]"},
    {"import",      do_import,      0, "[readonly]"                             },
    {"export",      do_export,      0, ""                                       },
    {"pooldestroy", do_pooldestroy, 0, "(the whole pool)"                       },
    {"note",        do_note,        1, "COMMAND (into the history)"             },
    {"poolset",     do_poolset,     1, "PROP=VALUE"                             },
    {"poolget",     do_poolget,     0, "(the pool's own)"                       },
    {"sync",        do_sync,        0, ""                                       },
    {"crash",       do_crash,       0, "(ends here, without another write)"     },
    {"offline",     do_offline,     1, "DISK"                                   },
    {"online",      do_online,      1, "DISK"                                   },
    {"attach",      do_attach,      2, "DISK NEW"                               },
    {"replace",     do_replace,     2, "DISK NEW (a new file or a spare)"       },
    {"detach",      do_detach,      1, "DISK"                                   },
    {"scrub",       do_scrub,       0, "[damaged]"                              },
    {"slowly",      do_slowly,      1, "BLOCKS (to free in each txg)"           },
    {"waitfreed",   do_waitfreed,   0, "(until all that was destroyed is freed)"},
    {"errors",      do_errors,      0, "(how many blocks the error log has)"    },
    {NULL,          NULL,           0, NULL                                     },
};
