/* SPDX-License-Identifier: BSD-2-Clause */
/* The front as zsand wires it, in a simulated world. */
#include "net/net_fixture.h"

#include "base/check.h"
#include "base/endian.h"
#include "base/log.h"
#include "base/text.h"
#include "run/file.h"
#include "store/store.h"
#include "volume/filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void fix_expect(struct fix *f, bool ok, const char *what, const char *file, int line)
{
    if (ok)
        return;
    fprintf(stderr, "%s:%d: expected %s\n", file, line, what);
    f->failures++;
}

PRINTF_LIKE(1, 2) NO_RETURN static void broken(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    abort();
}
void (*ini_broken)(const char *fmt, ...) PRINTF_LIKE(1, 2) NO_RETURN = broken;

/* ---- volumes that hang ------------------------------------------------------------------- */

struct gate {
    struct volume v;
    struct fix *f;
};

static void gate_pass(struct fix *f, unsigned kind)
{
    while (f->gate_shut & kind && reactor_self() == run_reactor(f->run, 0))
        waitq_wait(&f->gate, NO_DEADLINE, NULL);
}

static struct fix *fix_of(struct volume *v)
{
    return container_of(v, struct gate, v)->f;
}

static int gate_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    gate_pass(fix_of(v), FIX_GATE_WRITE);
    return filter_write(v, off, data, flags);
}

static int gate_flush(struct volume *v)
{
    gate_pass(fix_of(v), FIX_GATE_FLUSH);
    return filter_flush(v);
}

static int gate_space(struct volume *v, struct volume_space *ret_space)
{
    gate_pass(fix_of(v), FIX_GATE_SPACE);
    return filter_space(v, ret_space);
}

static int gate_resize(struct volume *v, uint64_t size)
{
    gate_pass(fix_of(v), FIX_GATE_RESIZE);
    return filter_resize(v, size);
}

static int gate_set_attr(struct volume *v, const char *name, const char *value)
{
    return fix_of(v)->fail_attrs ? fix_of(v)->fail_attrs : filter_set_attr(v, name, value);
}

static void gate_close(struct volume *v)
{
    fix_of(v)->open_volumes--;
    filter_close(v);
}

static const struct volume_ops gate_ops = {
    .engine = "gate",
    .read = filter_read,
    .write = gate_write,
    .write_zeroes = filter_write_zeroes,
    .discard = filter_discard,
    .flush = gate_flush,
    .extents = filter_extents,
    .copy = filter_copy,
    .resize = gate_resize,
    .space = gate_space,
    .get_attr = filter_get_attr,
    .set_attr = gate_set_attr,
    .list_attr = filter_list_attr,
    .close = gate_close,
};

void fix_gate_open(struct fix *f)
{
    f->gate_shut = 0;
    waitq_wake_all(&f->gate);
}

static int open_volume(void *arg, const struct cfg_volume *v, struct volume **ret_volume,
                       struct err *reterr)
{
    struct fix *f = arg;
    const struct store_params p = {.name = v->name,
                                   .id = v->id,
                                   .block_size = v->block_size,
                                   .physical_block = v->physical_block,
                                   .read_only = v->read_only,
                                   .sync = v->sync,
                                   .attrs = config_attrs(f->store)};
    struct volume *mem;
    gate_pass(f, FIX_GATE_OPEN);
    if (f->no_volumes)
        return err_set(reterr, -ENOENT, "it is not there");
    int r = store_mem_open(&p, v->size, false, &mem, reterr);
    if (r < 0)
        return r;
    struct gate *g = calloc(1, sizeof(*g));
    check(g);
    g->f = f;
    filter_init(&g->v, &gate_ops, mem);
    f->open_volumes++;
    *ret_volume = &g->v;
    return 0;
}

/* ---- what is configured ------------------------------------------------------------------ */

void fix_add_volume(struct config_edit *e, const char *name, struct err *err)
{
    uint16_t lun;
    struct cfg_volume *v = calloc(1, sizeof(*v));
    check(v);
    v->engine = CFG_MEM;
    v->size = 1u << 20;
    v->block_size = 512;
    v->thin = true;
    text_copy(v->name, sizeof(v->name), name);
    check(edit_volume_add(e, v, err) == 0);
    check(edit_lun_add(e, FIX_TARGET, LUN_CHOOSE, name, &lun, err) == 0);
    free(v);
}

static void configure(struct config_edit *e, struct err *err)
{
    static const struct cfg_portal portal = {.address = "127.0.0.1", .port = FIX_PORT};
    static const struct cfg_target target = {.name = FIX_TARGET};
    static const struct cfg_initiator initiator = {.name = FIX_INITIATOR,
                                                   .auth = CFG_AUTH_NONE};
    check(edit_portal_add(e, 1, &portal, err) == 0);
    check(edit_target_add(e, &target, NULL, 0, err) == 0);
    fix_add_volume(e, "a", err);
    fix_add_volume(e, "b", err);
    check(edit_initiator_add(e, &initiator, NULL, err) == 0);
    check(edit_grant_add(e, FIX_INITIATOR, FIX_TARGET, err) == 0);
}

int fix_change(struct fix *f, void (*fn)(struct config_edit *e, struct err *err))
{
    struct config_edit *e;
    struct err err = {0};
    check(config_edit_begin(f->store, &e, &err) == 0);
    fn(e, &err);
    if (config_edit_commit(e, &err) < 0)
        broken("commit: %s\n", err.msg);
    int warning = config_edit_warning(e)->code;
    config_edit_end(e);
    return warning;
}

/* ---- the world --------------------------------------------------------------------------- */

struct fix fix_default(void)
{
    struct fix f = {.sim = sim_config_default(1)};
    f.sim.disk_delay_max_ns = f.sim.flush_delay_max_ns = 30 * NS_PER_US;
    return f;
}

void fix_stop(struct fix *f)
{
    EXPECT(f, net_stop(f->net) == 0);
    EXPECT(f, f->open_volumes == 0);
    net_free(f->net);
    f->net = NULL;
}

static void live(void *arg)
{
    struct fix *f = arg;
    const struct net_env env = {.open_volume = open_volume, .arg = f};
    struct err err = {0};
    log_set_level(LOG_LVL_ERROR);
    waitq_init(&f->gate);
    check(config_store_open("/etc/zsan", NULL, &f->store, &err) == 0);
    check(net_new(f->run, &env, &f->net, &err) == 0);
    config_subscribe(f->store, net_apply, f->net);
    fix_change(f, configure);
    f->body(f);
    if (f->net)
        fix_stop(f);
    config_store_close(f->store);
    run_stop(f->run);
}

void fix_play(struct fix *f, void (*body)(struct fix *f))
{
    struct err err = {0};
    f->body = body;
    assert_int_equal(run_sim_new(&f->sim, &f->run, &err), 0);
    run_loop(f->run, live, f);
    run_free(f->run);
    assert_int_equal(f->failures, 0);
}

/* ---- initiators -------------------------------------------------------------------------- */

struct ini_params fix_params(uint8_t isid)
{
    struct ini_params p = {
        .initiator = FIX_INITIATOR,
        .target = FIX_TARGET,
        .isid = {0x80, 0, 0, 0, 0, isid},
        .immediate_data = true,
        .max_recv = 65536,
        .max_burst = 65536,
        .first_burst = 8192,
        .max_r2t = 1,
    };
    check(sock_addr_make("127.0.0.1", FIX_PORT, &p.addr) == 0);
    return p;
}

struct ini *fix_login(struct fix *f, uint8_t isid)
{
    const struct ini_params p = fix_params(isid);
    struct ini *i = NULL;
    uint16_t status;
    EXPECT(f, ini_login(&p, &i, &status) == 0);
    check(i);
    return i;
}

void fix_ready(struct ini *i, unsigned lun)
{
    struct ini_cmd c;
    do {
        c = (struct ini_cmd){.lun = ini_lun(lun)}; /* TEST UNIT READY */
        ini_start(i, &c);
        ini_wait(i, &c, NO_DEADLINE);
    } while (c.end == INI_DONE && c.status == 2 && ini_sense(&c) >> 16 == 6);
}

struct ini_cmd *fix_write(struct ini *i, unsigned lun, uint32_t lba, uint32_t len)
{
    struct ini_cmd *c = calloc(1, sizeof(*c) + len);
    check(c);
    c->lun = ini_lun(lun);
    c->cdb[0] = 0x2a; /* WRITE(10) */
    store_be32(c->cdb + 2, lba);
    store_be16(c->cdb + 7, (uint16_t)(len / 512));
    c->out = (const uint8_t *)(c + 1);
    c->edtl = len;
    ini_start(i, c);
    return c;
}
