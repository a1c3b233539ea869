/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in volumes: random loads, with and without the intent log, and hashes. A logged load commits every step
 * to the log while no txg ends, so that all of it is in the log alone; only a crash makes sense after it.
 */
#include "orc.h"
#include "zfs.h"

#define HASH_STEP   (1u << 20)
#define VOLUMES_MAX 16
#define LOG_FIRST   4

void volume_hash(objset_t *os, char ret_hex[65])
{
    const uint64_t size = volume_size(os);
    struct hash *h = hash_new();
    uint8_t *buf = malloc(HASH_STEP);
    for (uint64_t off = 0; off < size; off += HASH_STEP) {
        const uint64_t len = size - off < HASH_STEP ? size - off : HASH_STEP;
        must(dmu_read(os, VOLUME_DATA, off, len, buf, DMU_READ_NO_PREFETCH), "read",
             "a volume");
        hash_add(h, buf, len);
    }
    free(buf);
    hash_end(h, ret_hex);
}

static void print_hash(const char *name, objset_t *os)
{
    char hex[65];
    volume_hash(os, hex);
    printf("hash %s %s\n", name, hex);
}

static void do_hash(struct orc *o, int ac, char **av)
{
    for (int i = 0; i < ac; i++) {
        const bool fixed = strchr(av[i], '@') != NULL;
        objset_t *os = volume_open(o, av[i], fixed);
        print_hash(av[i], os);
        volume_close(os);
    }
}

/* Without opening for writing: the log is not replayed. */
static void do_peek(struct orc *o, int ac, char **av)
{
    for (int i = 0; i < ac; i++) {
        objset_t *os = volume_open(o, av[i], true);
        print_hash(av[i], os);
        volume_close(os);
    }
}

/* ---- the intent log ------------------------------------------------------------------------- */

static void indirect_done(zgd_t *zgd, int error)
{
    if (zgd->zgd_db)
        dmu_buf_rele(zgd->zgd_db, zgd);
    kmem_free(zgd, sizeof(*zgd));
}

/* Called by the log for the data of a record: to be copied into buf, or, without one, to be written as the block
 * they are in, whose pointer goes into the record. */
static int log_data(void *arg, uint64_t gen, lr_write_t *lr, char *buf, struct lwb *lwb,
                    zio_t *zio)
{
    objset_t *os = arg;
    const uint64_t block = volume_block(os), off = lr->lr_offset - lr->lr_offset % block;
    if (buf)
        return dmu_read(os, VOLUME_DATA, lr->lr_offset, lr->lr_length, buf,
                        DMU_READ_NO_PREFETCH);
    zgd_t *zgd = kmem_zalloc(sizeof(*zgd), KM_SLEEP);
    zgd->zgd_lwb = lwb;
    int error = dmu_buf_hold(os, VOLUME_DATA, off, zgd, &zgd->zgd_db, DMU_READ_NO_PREFETCH);
    if (error == 0) {
        zgd->zgd_bp = &lr->lr_blkptr;
        lr->lr_offset = off;
        lr->lr_length = block;
        error = dmu_sync(zio, lr->lr_common.lrc_txg, indirect_done, zgd);
        if (error == 0)
            return 0; /* indirect_done() comes with the write */
    }
    indirect_done(zgd, error);
    return error;
}

static void log_write(objset_t *os, const struct step *s, dmu_tx_t *tx)
{
    const uint64_t block = volume_block(os);
    /* As OpenZFS's own volumes choose. */
    const bool whole = s->len == block && s->off % block == 0 && block >= 32768;
    itx_t *itx = zil_itx_create(TX_WRITE, sizeof(lr_write_t));
    lr_write_t *lr = (lr_write_t *)&itx->itx_lr;
    lr->lr_foid = VOLUME_DATA;
    lr->lr_offset = s->off;
    lr->lr_length = s->len;
    lr->lr_blkoff = 0;
    BP_ZERO(&lr->lr_blkptr);
    itx->itx_wr_state = whole ? WR_INDIRECT : WR_NEED_COPY;
    itx->itx_private = os;
    itx->itx_sync = B_TRUE;
    zil_itx_assign(dmu_objset_zil(os), itx, tx);
}

static void log_discard(objset_t *os, const struct step *s, dmu_tx_t *tx)
{
    itx_t *itx = zil_itx_create(TX_TRUNCATE, sizeof(lr_truncate_t));
    lr_truncate_t *lr = (lr_truncate_t *)&itx->itx_lr;
    lr->lr_foid = VOLUME_DATA;
    lr->lr_offset = s->off;
    lr->lr_length = s->len;
    itx->itx_sync = B_TRUE;
    zil_itx_assign(dmu_objset_zil(os), itx, tx);
}

/* ---- loads ---------------------------------------------------------------------------------- */

static void step_write(objset_t *os, const struct step *s, const uint8_t *data, bool logged)
{
    dmu_tx_t *tx = dmu_tx_create(os);
    dmu_tx_hold_write(tx, VOLUME_DATA, s->off, s->len);
    must(dmu_tx_assign(tx, TXG_WAIT), "write", "a volume");
    dmu_write(os, VOLUME_DATA, s->off, s->len, data, tx);
    if (logged)
        log_write(os, s, tx);
    dmu_tx_commit(tx);
}

void data_write(objset_t *os, uint64_t off, uint64_t len, const uint8_t *data, bool commit)
{
    const struct step s = {STEP_WRITE, off, len};
    step_write(os, &s, data, commit);
    if (commit)
        zil_commit(dmu_objset_zil(os), VOLUME_DATA);
}

void data_log_open(objset_t *os)
{
    zil_open(os, log_data);
}

static void step_discard(objset_t *os, const struct step *s, bool logged)
{
    if (logged) {
        dmu_tx_t *tx = dmu_tx_create(os);
        dmu_tx_mark_netfree(tx);
        must(dmu_tx_assign(tx, TXG_WAIT), "discard", "a volume");
        log_discard(os, s, tx);
        dmu_tx_commit(tx);
    }
    must(dmu_free_long_range(os, VOLUME_DATA, s->off, s->len), "discard", "a volume");
}

static void run_load(objset_t *os, uint64_t seed, uint64_t steps, bool logged)
{
    struct load l = load_make(seed, volume_size(os), volume_block(os));
    uint8_t *data = malloc(LOAD_MAX);
    while (steps-- > 0) {
        const struct step s = load_next(&l, data);
        if (s.kind == STEP_WRITE)
            step_write(os, &s, data, logged);
        else if (s.kind == STEP_DISCARD)
            step_discard(os, &s, logged);
        else if (!logged)
            txg_wait_synced(dmu_objset_pool(os), 0);
        if (logged)
            zil_commit(dmu_objset_zil(os), VOLUME_DATA);
    }
    free(data);
}

static void do_write(struct orc *o, int ac, char **av)
{
    objset_t *os = volume_open(o, av[0], false);
    run_load(os, size_of(av[1]), size_of(av[2]), false);
    txg_wait_synced(dmu_objset_pool(os), 0);
    volume_close(os);
}

/* A few steps on each volume come first: a log's beginning ends a txg. The volumes stay open: closing one would empty
 * its log. */
static void do_log(struct orc *o, int ac, char **av)
{
    const uint64_t seed = size_of(av[0]), steps = size_of(av[1]);
    objset_t *os[VOLUMES_MAX];
    const int n = ac - 2;
    if (n > VOLUMES_MAX)
        die("too many volumes");
    zfs_txg_timeout = 3600;
    for (int i = 0; i < n; i++) {
        os[i] = volume_open(o, av[i + 2], false);
        zil_open(os[i], log_data);
        run_load(os[i], seed + n + i, LOG_FIRST, true);
    }
    for (int i = 0; i < n; i++) {
        run_load(os[i], seed + i, steps, true);
        print_hash(av[i + 2], os[i]);
    }
    fflush(stdout);
    _exit(0);
}

static void do_resize(struct orc *o, int ac, char **av)
{
    objset_t *os = volume_open(o, av[0], false);
    const uint64_t size = size_of(av[1]);
    dmu_tx_t *tx = dmu_tx_create(os);
    dmu_tx_hold_zap(tx, VOLUME_PROP, B_TRUE, NULL);
    must(dmu_tx_assign(tx, TXG_WAIT), "resize", av[0]);
    must(zap_update(os, VOLUME_PROP, "size", 8, 1, &size, tx), "resize", av[0]);
    dmu_tx_commit(tx);
    must(dmu_free_long_range(os, VOLUME_DATA, size, DMU_OBJECT_END), "resize", av[0]);
    txg_wait_synced(dmu_objset_pool(os), 0);
    volume_close(os);
}

const struct verb data_verbs[] = {
    {"write",  do_write,  3, "VOL SEED STEPS"                                              },
    {"log",    do_log,    3, "SEED STEPS VOL... (crashes with all of it in the intent log)"},
    {"hash",   do_hash,   1, "VOL or VOL@SNAP..."                                          },
    {"peek",   do_peek,   1, "VOL... (on a pool imported read-only)"                       },
    {"resize", do_resize, 2, "VOL SIZE"                                                    },
    {NULL,     NULL,      0, NULL                                                          },
};
