/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole pools whose tree lies, with every checksum right (pool_forge.c). The pool is made once, in the simulated world:
 * a mirror with volumes of several kinds, one disk out of service for a while, a spare in its place and another one at
 * hand, blocks that are gangs because for a while there was no room for them in one piece, a block that nothing brings back,
 * intent logs that nobody replayed, a scrub in its record. The input, a list of changes, is applied to its disks; then the pool is
 * imported, first read-only, all volumes are read, written, made, renamed, destroyed, the disk comes back and is
 * resilvered, the spare goes, all is scrubbed, exported and imported again. Each step may be refused. None may crash, hang, or
 * return data of a volume that no change concerns other than as they were last written.
 */
#include "pool_forge.h"

#include "base/check.h"
#include "base/log.h"
#include "pool/pool_int.h"
#include "pool/txg/txg.h"
#include "run/file.h"
#include "run/sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MIB         (1ull << 20)
#define DISK_SIZE   (66 * MIB)
#define PAGE        4096u
#define BLOCKS_MAX  2048u
#define OBJECTS_MAX 1024u
#define UNKNOWN     UINT8_MAX
#define CHANGES_MAX 64u

/* A mirror's two, then spares: one takes the place of the second disk. */
static const char *const paths[] = {"/d0", "/d1", "/s0", "/s1", NULL};
#define MIRRORED 2u
#define SPARES   2u
#define IDLE     3u /* the spare that nobody uses */

struct kind {
    const char *name, *compression, *checksum;
    uint64_t size;
    uint32_t bs;
    unsigned step; /* each step-th block has data */
    bool logged, reserve;
};
static const struct kind kinds[] = {
    {"a",   "lz4", "fletcher4", 512u << 10, 4096,   3,   true,  false},
    {"f/b", "off", "fletcher4", 1u << 20,   16384,  2,   false, true },
    {"big", "lz4", "sha256",    16u << 20,  8192,   171, true,  false},
    {"f/c", "lz4", "sha256",    512u << 10, 131072, 1,   false, false},
};
#define VOLUMES ARRAY_LEN(kinds)

/* What a volume holds: by block the version, 0 for zeros. */
struct model {
    uint8_t version[VOLUMES][BLOCKS_MAX];
};

static struct forge forge;
static struct model base;
static uint32_t depends[OBJECTS_MAX]; /* on an object of the MOS: volumes, a bit each */

/* Half of it compresses. Made of few calls, since a fuzzer's instruments count every comparison. */
static void fill(unsigned vol, uint64_t block, uint8_t version, uint8_t *ret)
{
    static uint8_t noise[1024];
    for (unsigned i = 0; noise[1] == 0 && i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * i / 7 + 31 * i + 1);
    memset(ret, 0, kinds[vol].bs);
    for (uint32_t at = 0; version && at < kinds[vol].bs; at += 2048) {
        memset(ret + at, (int)(vol + version), 1024);
        memcpy(ret + at + 1024, noise, 1024);
        memcpy(ret + at + 1024, &block, sizeof(block));
        ret[at + 1040] = version;
    }
}

/* ---- using a volume ----------------------------------------------------------------------------------- */

static int write_block(struct volume *v, unsigned vol, uint64_t block, uint8_t version,
                       unsigned flags)
{
    static uint8_t bytes[BLOCK_MAX];
    struct sgl sgl;
    fill(vol, block, version, bytes);
    sgl_init(&sgl);
    check(sgl_alloc(&sgl, kinds[vol].bs) == 0);
    sgl_copy_in(&sgl, 0, bytes, kinds[vol].bs);
    int r = v->ops->write(v, block * kinds[vol].bs, &sgl, flags);
    sgl_clear(&sgl);
    return r;
}

/* What stands there is right, or an error. */
static void verify_block(struct volume *v, const struct model *m, unsigned vol, uint64_t block,
                         bool strict)
{
    static uint8_t want[BLOCK_MAX], got[BLOCK_MAX];
    const uint32_t bs = kinds[vol].bs;
    struct sgl sgl;
    sgl_init(&sgl);
    int r = v->ops->read(v, block * bs, bs, &sgl);
    check(r <= 0 && (r < 0 || sgl.len == bs));
    if (r == 0) {
        sgl_copy_out(&sgl, 0, got, bs);
        fill(vol, block, m->version[vol][block], want);
        check(!strict || m->version[vol][block] == UNKNOWN || memcmp(want, got, bs) == 0);
    }
    sgl_clear(&sgl);
}

static void verify(struct volume *v, const struct model *m, unsigned vol, bool strict)
{
    uint64_t blocks = MIN(kinds[vol].size, v->geo.size) / kinds[vol].bs, len;
    enum volume_extent state;
    check(!strict || v->geo.size == kinds[vol].size);
    for (uint64_t i = 0; i < blocks; i++)
        if (m->version[vol][i] || i % 97 == 0)
            verify_block(v, m, vol, i, strict);
    if (v->geo.size >= 4096)
        verify_block(v, m, vol, (v->geo.size - 4096) / kinds[vol].bs % BLOCKS_MAX, false);
    for (uint64_t at = 0, i = 0; at < v->geo.size && i < 64; at += len, i++)
        if (v->ops->extents(v, at, v->geo.size - at, &len, &state) != 0 || len == 0)
            break;
}

/* Writes here and there; the model says what is there then. */
static void scribble(struct volume *v, struct model *m, unsigned vol)
{
    const uint64_t bs = kinds[vol].bs, blocks = MIN(kinds[vol].size, v->geo.size) / bs;
    for (unsigned i = 0; i < 12 && blocks > 0; i++) {
        uint64_t block = i * 29 % blocks;
        uint8_t version = (uint8_t)(100 + i);
        int r;
        if (i % 5 == 4) {
            version = 0;
            r = v->ops->write_zeroes(v, block * bs, bs, true, i & 2 ? VOL_FUA : 0);
        } else {
            r = write_block(v, vol, block, version, i & 1 ? VOL_FUA : 0);
        }
        check(r <= 0);
        m->version[vol][block] = r == 0 ? version : UNKNOWN;
    }
    v->ops->discard(v, 0, bs, 0);
    m->version[vol][0] = UNKNOWN;
}

/* ---- a damaged pool ----------------------------------------------------------------------------------- */

struct visit {
    struct pool *p;
    struct model *m;
    bool write;
};

static int volume_of(const char *name)
{
    for (unsigned i = 0; i < VOLUMES; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return (int)i;
    return -1;
}

static void visit_volume(const struct visit *t, const char *name)
{
    struct volume *v;
    const int vol = volume_of(name);
    uint8_t bytes[512];
    struct sgl sgl;
    if (pool_volume_open(t->p, name, &v, NULL) != 0)
        return;
    if (vol >= 0 && v->geo.unmap_granularity == kinds[vol].bs) {
        const bool strict = !(forge.tainted & 1u << vol);
        verify(v, t->m, (unsigned)vol, strict);
        if (t->write)
            scribble(v, t->m, (unsigned)vol);
    } else if (v->geo.size >= sizeof(bytes)) {
        check(vol < 0 || forge.tainted & 1u << vol);
        sgl_init(&sgl);
        if (v->ops->read(v, v->geo.size / 2 / 512 * 512, 512, &sgl) == 0)
            sgl_copy_out(&sgl, 0, bytes, sizeof(bytes));
        sgl_clear(&sgl);
    }
    volume_close(v);
}

/* Of its datasets, before anything parks: they may go meanwhile. Returns how many. */
static char names[32][DSL_NAME_MAX + 1];
static unsigned names_take(struct pool *p)
{
    unsigned n = 0;
    for (struct dsl_dir *dd = NULL; (dd = dsl_next(&p->dsl, dd)) && n < ARRAY_LEN(names);)
        dsl_dir_name(dd, names[n++]);
    return n;
}

static void visit_all(struct pool *p, struct model *m, bool write)
{
    const struct visit t = {p, m, write};
    for (unsigned i = 0, n = names_take(p); i < n; i++)
        visit_volume(&t, names[i]);
}

static struct pool *import(bool read_only)
{
    struct pool *p;
    struct err err = {0};
    const struct pool_import_want want = {
        .paths = paths,
        .name = read_only ? "tank" : NULL,
        .read_only = read_only,
        .force = true,
        .opts = {.cache_bytes = 4 * MIB, .dirty_bytes = 4 * MIB},
    };
    int r = pool_import(&want, &p, &err);
    if (getenv("FORGE_TRACE"))
        fprintf(stderr, "import: %d %s\n", r, r ? err.msg : "");
    check(r <= 0 && (r == 0 || err.code != 0));
    return r == 0 ? p : NULL;
}

static int tell_event(void *arg, const struct pool_history_entry *e)
{
    *(size_t *)arg += strlen(e->what) + strlen(e->text) + strlen(e->hostname);
    return 0;
}

static int tell_damage(void *arg, const struct pool_error *e)
{
    *(size_t *)arg += strlen(e->dataset);
    return 0;
}

static int tell_property(void *arg, const char *property, const char *value, const char *source)
{
    *(size_t *)arg += strlen(property) + strlen(value) + strlen(source);
    return 0;
}

/* All that it says of itself. */
static void report(struct pool *p)
{
    struct pool_status status;
    char value[1024];
    const char *name, *source;
    size_t len = 0;
    pool_history(p, tell_event, &len);
    pool_errors(p, tell_damage, &len);
    for (unsigned i = 0; (name = pool_prop_name(i)); i++)
        pool_prop_get(p, name, value, sizeof(value), &source, NULL);
    for (unsigned i = 0, n = names_take(p); i < n; i++)
        pool_get_all(p, names[i], tell_property, &len, NULL);
    if (pool_status(p, &status) == 0)
        pool_status_free(&status);
}

static void administrate(struct pool *p)
{
    const struct pool_volume_want want = {
        .name = "f/new", .size = MIB, .block_size = 8192, .reserve = true};
    struct pool_space space;
    pool_volume_create(p, &want, NULL);
    visit_volume(&(struct visit){.p = p}, "f/new");
    pool_set(p, "f", "compression", "off", NULL);
    pool_set(p, "a", "org.test:name", "value", NULL);
    pool_rename(p, "f/new", "other", NULL);
    pool_volume_destroy(p, "other", NULL);
    pool_online(p, paths[1], NULL);
    pool_scan_wait(p);
    pool_remove_spare(p, paths[IDLE], NULL);
    pool_scrub(p, POOL_SCRUB_START, NULL);
    pool_scan_wait(p);
    pool_space(p, &space);
}

static void use(void *arg)
{
    static struct model m;
    const struct model *before = arg;
    m = *before;
    struct pool *p = import(true);
    if (p) {
        visit_all(p, &m, false);
        report(p);
        pool_close(p);
    }
    if ((p = import(false))) {
        visit_all(p, &m, true);
        /* What a failed txg lost was not promised. */
        bool kept = pool_sync(p) == 0;
        administrate(p);
        visit_all(p, &m, false);
        pool_volume_destroy(p, "f/c", NULL);
        pool_export(p, NULL);
        for (unsigned vol = 0; !kept && vol < VOLUMES; vol++)
            for (unsigned i = 0; i < BLOCKS_MAX; i++)
                if (m.version[vol][i] != before->version[vol][i])
                    m.version[vol][i] = UNKNOWN;
        if ((p = import(false))) {
            visit_all(p, &m, false);
            pool_export(p, NULL);
        }
    }
}

/* ---- the pool as it was made --------------------------------------------------------------------------- */

static void disks_make(void)
{
    for (unsigned i = 0; paths[i]; i++) {
        struct file *f;
        const struct file_opts opts = {.mode = FILE_RDWR, .create = true};
        check(file_open(paths[i], &opts, &f, NULL) == 0 && file_resize(f, DISK_SIZE) == 0);
        file_close(f);
    }
}

static void write_some(struct volume *v[VOLUMES], unsigned first, unsigned times, bool log)
{
    for (unsigned vol = 0; vol < VOLUMES; vol++) {
        const uint64_t blocks = kinds[vol].size / kinds[vol].bs;
        for (uint64_t i = first;
             i < blocks && (!log || (kinds[vol].logged && i < first + times * kinds[vol].step));
             i += kinds[vol].step) {
            uint8_t version = (uint8_t)(1 + first + i % 50);
            check(write_block(v[vol], vol, i, version, log ? VOL_FUA : 0) == 0);
            base.version[vol][i] = version;
        }
    }
}

/* ---- no room in one piece ------------------------------------------------------------------------------- */

#define PIECE     (128u << 10)
#define PIECES    1024u
#define HOLED     128u /* pieces that holes are left in */
#define HELD_BACK 4u   /* txgs until what is freed is used again */
#define HOLE      4096u

static struct dva taken[PIECES];
static unsigned ntaken, nholed;

/* Calls fn for what a piece has between its holes, or for these. */
static int each_part(struct pool *p, uint64_t txg, const struct dva *piece, bool holes,
                     int (*fn)(struct space *sp, uint64_t txg, const struct dva *dva))
{
    int r = 0;
    for (uint64_t at = holes ? 0 : HOLE; r == 0 && at < piece->asize; at += 2 * HOLE) {
        struct dva part = *piece;
        part.off += at;
        part.asize = HOLE;
        r = fn(p->space, txg, &part);
    }
    return r;
}

static int part_undo(struct space *sp, uint64_t txg, const struct dva *dva)
{
    space_undo(sp, txg, dva);
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct dva *x = a, *y = b;
    return x->off < y->off ? -1 : x->off > y->off;
}

/* All that is free is taken but for holes, at the beginning of the disks: forged blocks go to their end. */
static void leave_holes(struct pool *p, uint64_t txg)
{
    qsort(taken, ntaken, sizeof(taken[0]), by_place);
    for (unsigned i = 0; i < ntaken && nholed < HOLED; i++)
        if (taken[i].asize == PIECE) {
            const struct dva whole = taken[i];
            taken[i] = taken[nholed];
            taken[nholed++] = whole;
            each_part(p, txg, &whole, true, part_undo);
        }
}

static int crowd(void *arg, uint64_t txg, struct err *reterr)
{
    struct pool *p = arg;
    struct dva dva[BP_DVAS];
    (void)reterr;
    for (uint32_t size = PIECE; size > HOLE; size /= 2)
        while (space_alloc(p->space, txg, size, 1, SPACE_DATA, dva) == 0) {
            check(ntaken < PIECES);
            taken[ntaken++] = dva[0];
        }
    if (nholed == 0)
        leave_holes(p, txg);
    return 0;
}

static int uncrowd(void *arg, uint64_t txg, struct err *reterr)
{
    struct pool *p = arg;
    int r = 0;
    (void)reterr;
    for (unsigned i = 0; r == 0 && i < ntaken; i++)
        r = i < nholed ? each_part(p, txg, &taken[i], false, space_free_dva)
                       : space_free_dva(p->space, txg, &taken[i]);
    return r;
}

/* What is dirty becomes gangs where it is larger than a hole. So does what a property needs, when nothing comes free any more that
 * was freed before. */
static void write_gangs(struct pool *p)
{
    static char text[4000];
    memset(text, 'x', sizeof(text) - 1);
    for (unsigned i = 0; i < HELD_BACK; i++)
        check(txg_run(p, crowd, p, NULL) == 0);
    check(pool_set(p, "f", "org.test:long", text, NULL) == 0);
    check(txg_run(p, uncrowd, p, NULL) == 0);
    for (unsigned i = 0; i < HELD_BACK; i++)
        check(pool_sync(p) == 0);
}

/* ---- what nothing brings back ----------------------------------------------------------------------------- */

#define ROTTEN_VOLUME 1u
#define ROTTEN_BLOCK  4u
#define SEEN_BLOCK    6u /* that a scrub that didn't end is said to have seen */

static int rot_if(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                  uint64_t blkid)
{
    (void)arg;
    if (object != ZVOL_DATA || level != 0 || blkid != ROTTEN_BLOCK)
        return 0;
    for (unsigned i = 0; paths[i]; i++)
        sim_rot(reactor_run(reactor_self()), paths[i], LABEL_FRONT + bp_dva(bp, 0).off, 512);
    return 0;
}

/* Both error logs have entries then. */
static void damage(struct pool *p)
{
    const struct traverse t = {.visit = rot_if};
    const struct dsl_dataset *ds = dsl_find(&p->dsl, kinds[ROTTEN_VOLUME].name)->head;
    const struct bp bp = dsl_dataset_phys(ds)->bp;
    const struct bookmark seen = {.objset = ds->id, .object = ZVOL_DATA, .blkid = SEEN_BLOCK};
    uint64_t ticket = blocks_reader_enter(&p->blocks);
    check(objset_traverse(&p->blocks, &bp, &t) == 0);
    blocks_reader_leave(&p->blocks, ticket);
    base.version[ROTTEN_VOLUME][ROTTEN_BLOCK] = UNKNOWN;
    check(pool_scrub(p, POOL_SCRUB_START, NULL) == 0);
    pool_scan_wait(p);
    check(pool_error_count(p) == 1);
    errlog_scrub_goes_on(p);
    errlog_add(p, &seen);
    check(pool_sync(p) == 0 && pool_error_count(p) == 2);
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

static void depend(uint64_t object, uint32_t on)
{
    if (object < OBJECTS_MAX)
        depends[object] |= on;
}

/* The objects by which a volume is found. */
static void dependencies(struct pool *p)
{
    for (unsigned vol = 0; vol < VOLUMES; vol++) {
        const struct dsl_dir *dd = dsl_find(&p->dsl, kinds[vol].name);
        depend(dd->head->id, 1u << vol);
        for (; dd; dd = dd->parent) {
            depend(dd->id, 1u << vol);
            depend(le64_get(dsl_dir_phys(dd)->child_zap), 1u << vol);
        }
    }
    depend(DMU_OBJECT_DIRECTORY, UINT32_MAX);
}

static uint32_t dependents(void *arg, uint64_t object)
{
    (void)arg;
    return object < OBJECTS_MAX ? depends[object] : 0;
}

/* While the pool is open: as a power cut would leave them. */
static void disks_take(void)
{
    for (unsigned d = 0; d < FORGE_DISKS; d++) {
        struct file *f;
        check(file_open(paths[d], &(struct file_opts){.mode = FILE_RDONLY}, &f, NULL) == 0);
        forge.disk[d] = (struct forge_disk){calloc(1, DISK_SIZE), DISK_SIZE, d == IDLE};
        check(forge.disk[d].bytes);
        for (uint64_t off = 0; off < DISK_SIZE; off += MIB)
            check(file_pread(f, off, forge.disk[d].bytes + off, MIB) == 0);
        file_close(f);
    }
    forge.ndisks = FORGE_DISKS;
}

static void make(void *arg)
{
    struct pool *p;
    struct volume *v[VOLUMES];
    struct pool_spare_info used, idle;
    const struct pool_group group = {LAYOUT_MIRROR, MIRRORED, paths};
    const struct pool_create_want want = {.name = "tank",
                                          .groups = &group,
                                          .ngroups = 1,
                                          .spares = paths + MIRRORED,
                                          .nspares = SPARES,
                                          .ashift = ASHIFT_MIN,
                                          .opts = {.dirty_bytes = 16 * MIB}};
    (void)arg;
    disks_make();
    check(pool_create(&want, &p, NULL) == 0);
    for (unsigned i = 0; i < VOLUMES; i++) {
        const struct pool_volume_want vol = {.name = kinds[i].name,
                                             .size = kinds[i].size,
                                             .block_size = kinds[i].bs,
                                             .reserve = kinds[i].reserve,
                                             .compression = kinds[i].compression,
                                             .checksum = kinds[i].checksum,
                                             .make_parents = true};
        check(pool_volume_create(p, &vol, NULL) == 0);
        check(pool_volume_open(p, kinds[i].name, &v[i], NULL) == 0);
    }
    check(pool_set(p, "f", "org.test:word", "kept", NULL) == 0);
    write_some(v, 0, 0, false);
    check(pool_scrub(p, POOL_SCRUB_START, NULL) == 0);
    pool_scan_wait(p);
    check(pool_sync(p) == 0 && pool_offline(p, paths[1], NULL) == 0);
    check(pool_replace(p, paths[1], paths[MIRRORED], false, NULL) == 0);
    pool_scan_wait(p);
    check(pool_spare(p, 0, &used) && used.in_use && pool_spare(p, 1, &idle) && !idle.in_use);
    write_some(v, 1, 0, false);
    write_gangs(p);
    damage(p);
    write_some(v, 2, 6, true);
    dependencies(p);
    disks_take();
    for (unsigned i = 0; i < VOLUMES; i++)
        volume_close(v[i]);
    check(pool_export(p, NULL) == 0);
}

/* ---- one input ------------------------------------------------------------------------------------------ */

static bool page_is_zero(const uint8_t *page)
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* Runs of pages that weren't zero when the pool was made, by disk. */
static struct run_of_pages {
    uint64_t off, len;
} runs[FORGE_DISKS][4096];

static void runs_find(void)
{
    for (unsigned d = 0; d < forge.ndisks; d++) {
        unsigned n = 0;
        for (uint64_t off = 0; off < DISK_SIZE; off += PAGE) {
            struct run_of_pages *last = n ? &runs[d][n - 1] : NULL;
            if (page_is_zero(forge.disk[d].bytes + off))
                continue;
            if (last && last->off + last->len == off && last->len < MIB)
                last->len += PAGE;
            else
                runs[d][n++] = (struct run_of_pages){off, PAGE};
            check(n < ARRAY_LEN(runs[d]));
        }
    }
}

/* The disks of this world: what they held, and what the changes wrote. */
static void disks_give(void)
{
    disks_make();
    for (unsigned d = 0; d < forge.ndisks; d++) {
        struct file *f;
        check(file_open(paths[d], &(struct file_opts){.mode = FILE_RDWR}, &f, NULL) == 0);
        for (const struct run_of_pages *r = runs[d]; r->len; r++)
            check(file_pwrite(f, r->off, forge.disk[d].bytes + r->off, r->len) == 0);
        for (const struct forge_undo *u = forge.undo; u < forge.undo + forge.nundo; u++)
            if (u->disk == d)
                check(file_pwrite(f, u->off, forge.disk[d].bytes + u->off, u->len) == 0);
        file_close(f);
    }
}

struct job {
    void (*fn)(void *arg);
    void *arg;
    bool give;
};

static void job_main(void *arg)
{
    const struct job *j = arg;
    if (j->give)
        disks_give();
    j->fn(j->arg);
    run_stop(reactor_run(reactor_self()));
}

static void in_world(void (*fn)(void *arg), void *arg, bool give)
{
    struct run *run;
    struct sim_config cfg = sim_config_default(1);
    struct job j = {fn, arg, give};
    check(run_sim_new(&cfg, &run, NULL) == 0);
    run_loop(run, job_main, &j);
    run_free(run);
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

static void trace(int code, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, strerror(-code));
}

/* Headers in the MOS, or in volumes. */
static unsigned gangs_in(bool mos)
{
    unsigned n = 0;
    for (unsigned i = 0; i < forge.nnodes; i++)
        n += forge.node[i].header && (forge.node[i].objset == 0) == mos;
    return n;
}

/* FORGE_TRACE in the environment: how far the pool came, where errors were born. */
static void prepare(void)
{
    log_set_sink(quiet, NULL);
    in_world(make, NULL, false);
    runs_find();
    forge.depend = dependents;
    forge_open(&forge);
    check(gangs_in(true) > 0 && gangs_in(false) > 0);
    if (getenv("FORGE_TRACE"))
        err_trace_set(trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (forge.nnodes == 0)
        prepare();
    forge_apply(&forge, data, MIN(size, CHANGES_MAX * FORGE_CHANGE));
    in_world(use, &base, true);
    forge_undo(&forge);
    return 0;
}
