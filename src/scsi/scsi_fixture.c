/* SPDX-License-Identifier: BSD-2-Clause */
/* The world for the tests of scsi/. Everything runs in the simulation, so time passes only when
 * a test waits. */
#include "scsi/scsi_fixture.h"

#include "base/check.h"
#include "run/sim/sim.h"
#include "volume/filter.h"
#include "wire/scsi_sense.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_DEFAULT (64u << 20)

/* ---- the gate ---------------------------------------------------------------------------- */

struct gate {
    struct volume v;
    unsigned closed, failing, waiting;
    int err, attr_err;
    struct waitq q;
    bool space_set;
    struct volume_space space;
};

static struct gate *gate_of(struct volume *v)
{
    return container_of(v, struct gate, v);
}

static int pass(struct volume *v, enum volume_op op)
{
    struct gate *g = gate_of(v);
    g->waiting++;
    while (g->closed & 1u << op)
        waitq_wait(&g->q, NO_DEADLINE, NULL);
    g->waiting--;
    return g->failing & 1u << op ? g->err : 0;
}

static int gate_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    int rc = pass(v, VOL_OP_READ);
    return rc ? rc : filter_read(v, off, len, out);
}

static int gate_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    int rc = pass(v, VOL_OP_WRITE);
    return rc ? rc : filter_write(v, off, data, flags);
}

static int gate_zero(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                     unsigned flags)
{
    int rc = pass(v, VOL_OP_ZERO);
    return rc ? rc : filter_write_zeroes(v, off, len, may_unmap, flags);
}

static int gate_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    int rc = pass(v, VOL_OP_DISCARD);
    return rc ? rc : filter_discard(v, off, len, flags);
}

static int gate_flush(struct volume *v)
{
    int rc = pass(v, VOL_OP_FLUSH);
    return rc ? rc : filter_flush(v);
}

static int gate_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                        enum volume_extent *ret_state)
{
    struct gate *g = gate_of(v);
    return g->failing & 1u << VOL_OP_READ ? g->err
                                          : filter_extents(v, off, len, ret_len, ret_state);
}

static int gate_space_get(struct volume *v, struct volume_space *ret_space)
{
    struct gate *g = gate_of(v);
    if (!g->space_set)
        return filter_space(v, ret_space);
    *ret_space = g->space;
    return 0;
}

static int gate_set_attr(struct volume *v, const char *name, const char *value)
{
    struct gate *g = gate_of(v);
    return g->attr_err ? g->attr_err : filter_set_attr(v, name, value);
}

static const struct volume_ops gate_ops = {
    .engine = "gate",
    .read = gate_read,
    .write = gate_write,
    .write_zeroes = gate_zero,
    .discard = gate_discard,
    .flush = gate_flush,
    .extents = gate_extents,
    .copy = filter_copy,
    .resize = filter_resize,
    .space = gate_space_get,
    .get_attr = filter_get_attr,
    .set_attr = gate_set_attr,
    .list_attr = filter_list_attr,
    .close = filter_close,
};

static struct volume *gate_new(struct volume *lower)
{
    struct gate *g = calloc(1, sizeof(*g));
    check(g);
    filter_init(&g->v, &gate_ops, lower);
    waitq_init(&g->q);
    return &g->v;
}

void gate_close(struct fix *f, unsigned ops)
{
    gate_of(f->vol)->closed = ops;
}

void gate_open(struct fix *f)
{
    gate_of(f->vol)->closed = 0;
    waitq_wake_all(&gate_of(f->vol)->q);
}

unsigned gate_waiting(const struct fix *f)
{
    return gate_of(f->vol)->waiting;
}

void gate_fail(struct fix *f, unsigned ops, int err)
{
    gate_of(f->vol)->failing = ops;
    gate_of(f->vol)->err = err;
}

void gate_fail_attrs(struct fix *f, int err)
{
    gate_of(f->vol)->attr_err = err;
}

void gate_warn_below(struct fix *f, uint64_t bytes)
{
    gate_of(f->vol)->space.warn_below = bytes;
}

void gate_space(struct fix *f, uint64_t used, uint64_t available)
{
    gate_of(f->vol)->space_set = true;
    gate_of(f->vol)->space = (struct volume_space){.used = used, .available = available};
}

/* ---- the world --------------------------------------------------------------------------- */

void fix_fail(struct fix *f, const char *file, int line, const char *what, intmax_t x,
              intmax_t y)
{
    fprintf(stderr, "%s:%d: expected %s (%jd, %jd)\n", file, line, what, x, y);
    f->failures++;
}

static void fix_async(void *arg, const uint8_t lun[8], const uint8_t *sense, size_t len)
{
    struct fix *f = arg;
    (void)lun;
    f->async_calls++;
    memcpy(f->async_sense, sense, len);
}
static const struct scsi_nexus_ops nexus_ops = {.async = fix_async};

static const struct scsi_target_port ports[2] = {
    {"iqn.2026-11.example.zsan:t1", 1, 1, 1, ALUA_OPTIMIZED},
    {"iqn.2026-11.example.zsan:t1", 2, 2, 2, ALUA_OPTIMIZED},
};

struct nexus_start {
    struct fix *f;
    unsigned port;
    const char *initiator;
    struct scsi_nexus **ret_nexus;
};

static void nexus_start(void *arg)
{
    struct nexus_start *s = arg;
    struct scsi_nexus_params p = {.target = ports[s->port], .ops = &nexus_ops, .arg = s->f};
    snprintf(p.initiator.name, sizeof(p.initiator.name), "%s", s->initiator);
    p.initiator.isid[5] = (uint8_t)s->port;
    check(scsi_nexus_new(&p, s->ret_nexus) == 0);
    check(scsi_nexus_map(*s->ret_nexus, 0, s->f->lu, false) == 0);
}

static void nexus_stop(void *arg)
{
    scsi_nexus_free(arg);
}

static void volume_start(struct fix *f)
{
    const struct fix_opts *o = &f->opts;
    struct store_params sp = {
        .name = "test",
        .block_size = o->block_size ? o->block_size : 512,
        .sync = o->sync,
        .read_only = o->read_only,
        .attrs = o->attrs,
    };
    struct volume *mem;
    struct err err;
    check(store_mem_open(&sp, o->size ? o->size : SIZE_DEFAULT, false, &mem, &err) == 0);
    f->vol = gate_new(mem);
    if (o->not_thin) {
        f->vol->geo.thin = false;
        f->vol->geo.unmap_granularity = 0;
        f->vol->geo.atomic_max = 0;
    }
}

struct fix_main {
    struct fix *f;
    void (*body)(struct fix *f);
};

static void fix_main(void *arg)
{
    struct fix_main *m = arg;
    struct fix *f = m->f;
    struct err err;
    struct scsi_lu_params lp = {.max_tasks = f->opts.max_tasks,
                                .threshold_pct = f->opts.threshold_pct,
                                .power_epoch = {f->opts.boot},
                                .guard.policy =
                                    f->opts.exclusive ? SCSI_EXCLUSIVE : SCSI_CLUSTER};
    struct nexus_start sa = {f, 0, "iqn.2026-11.example.host:a", &f->a};
    struct nexus_start sb = {f, 1, "iqn.2026-11.example.host:b", &f->b};
    struct reactor *other = run_reactor(f->run, 1);
    volume_start(f);
    lp.volume = f->vol;
    check(scsi_identity_load(f->vol, 0, &lp.id) == 0);
    check(scsi_lu_new(&lp, &f->lu, &err) == 0);
    check(scsi_lu_set_ports(f->lu, ports, 2) == 0);
    nexus_start(&sa);
    call_on(other, nexus_start, &sb);
    if (!f->opts.no_ua) {
        fix_take_uas(f, f->a);
        fix_take_uas(f, f->b);
    }
    m->body(f);
    if (f->last)
        fix_free(f->last);
    scsi_nexus_free(f->a);
    call_on(other, nexus_stop, f->b);
    scsi_lu_free(f->lu);
    volume_close(f->vol);
    run_stop(f->run);
}

unsigned fix_run_raw(void (*body)(struct fix *f), const struct fix_opts *opts, void *arg)
{
    struct fix f = {.opts = *opts, .arg = arg};
    struct fix_main m = {&f, body};
    struct sim_config cfg = sim_config_default(1);
    struct err err;
    check(run_sim_new(&cfg, &f.run, &err) == 0);
    run_loop(f.run, fix_main, &m);
    run_free(f.run);
    return f.failures;
}

void fix_run(void (*body)(struct fix *f), const struct fix_opts *opts)
{
    assert_int_equal(fix_run_raw(body, opts, NULL), 0);
}

void fix_settle(void)
{
    fiber_sleep_until(run_deadline_ms(10), NULL);
}

/* ---- commands ---------------------------------------------------------------------------- */

static int fix_pull(struct scsi_task *t, uint64_t off, uint64_t len, struct sgl *into)
{
    struct fix_cmd *c = container_of(t, struct fix_cmd, t);
    check_cmp(off, <=, t->out_len);
    check_cmp(len, <=, t->out_len - off);
    while (c->data_held && !c->cancelled)
        waitq_wait(&c->data, NO_DEADLINE, NULL);
    return c->cancelled ? -ECANCELED : sgl_slice(into, &c->out, off, len);
}

static void fix_cancel(struct scsi_task *t)
{
    struct fix_cmd *c = container_of(t, struct fix_cmd, t);
    c->cancelled = true;
    waitq_wake_all(&c->data);
}
static const struct scsi_task_ops task_ops = {.pull = fix_pull, .cancel = fix_cancel};

size_t fix_hex(const char *hex, uint8_t *ret_bytes, size_t cap)
{
    size_t n = 0;
    for (; *hex; hex++) {
        static const char digits[] = "0123456789abcdef";
        const char *d = strchr(digits, *hex | 0x20);
        if (!d || *hex == ' ')
            continue;
        check_cmp(n / 2, <, cap);
        ret_bytes[n / 2] =
            (uint8_t)(n % 2 ? ret_bytes[n / 2] | (d - digits) : (d - digits) << 4);
        n++;
    }
    check(n % 2 == 0);
    return n / 2;
}

struct fix_cmd *fix_cmd(struct fix *f, struct scsi_nexus *n, const char *cdb_hex)
{
    static uint64_t tag;
    struct fix_cmd *c = calloc(1, sizeof(*c));
    check(c);
    c->f = f;
    c->n = n;
    c->in = calloc(1, FIX_DATA_MAX);
    check(c->in);
    sgl_init(&c->out);
    sgl_init(&c->t.data_in);
    waitq_init(&c->data);
    waitq_init(&c->finished);
    c->t.nexus = n;
    c->t.ops = &task_ops;
    c->t.tag = ++tag;
    fix_hex(cdb_hex, c->t.cdb, sizeof(c->t.cdb));
    c->t.cdb_len = 16;
    c->t.in_max = FIX_DATA_MAX;
    c->t.arrived = run_now();
    return c;
}

void fix_out(struct fix_cmd *c, const void *bytes, size_t len)
{
    c->t.out_len = len;
    if (len == 0)
        return;
    check(sgl_alloc(&c->out, len) == 0);
    sgl_copy_in(&c->out, 0, bytes, len);
}

void fix_out_hex(struct fix_cmd *c, const char *hex)
{
    size_t cap = strlen(hex) / 2 + 1;
    uint8_t *bytes = malloc(cap);
    check(bytes);
    fix_out(c, bytes, fix_hex(hex, bytes, cap));
    free(bytes);
}

static void decode_sense(struct fix_cmd *c)
{
    const uint8_t *s = c->t.sense;
    if (c->t.sense_len == 0)
        return;
    if ((s[0] & 0x7f) == SENSE_FIXED_CURRENT) {
        c->key = s[2] & 0x0f;
        c->asc_ascq = load_be16(s + 12);
        memcpy(c->sks, s + 15, 3);
    } else {
        c->key = s[1] & 0x0f;
        c->asc_ascq = load_be16(s + 2);
    }
}

static void execute(void *arg)
{
    struct fix_cmd *c = arg;
    scsi_nexus_execute(c->n, &c->t);
    c->status = c->t.status;
    c->outcome = c->t.outcome;
    decode_sense(c);
    c->in_len = MIN(c->t.data_in.len, c->t.in_max);
    if (c->in_len)
        sgl_copy_out(&c->t.data_in, 0, c->in, c->in_len);
    sgl_clear(&c->t.data_in);
}

static void execute_there(void *arg)
{
    struct fix_cmd *c = arg;
    call_on(scsi_nexus_home(c->n), execute, c);
    c->done = true;
    waitq_wake_all(&c->finished);
}

void fix_start(struct fix_cmd *c)
{
    check(fiber_start(execute_there, c, "test command"));
    fiber_yield();
}

void fix_data(struct fix_cmd *c)
{
    c->data_held = false;
    waitq_wake_all(&c->data);
}

void fix_wait(struct fix_cmd *c)
{
    while (!c->done)
        waitq_wait(&c->finished, NO_DEADLINE, NULL);
}

void fix_free(struct fix_cmd *c)
{
    sgl_clear(&c->out);
    free(c->in);
    free(c);
}

static struct fix_cmd *run_one(struct fix_cmd *c)
{
    if (c->f->last)
        fix_free(c->f->last);
    c->f->last = c;
    call_on(scsi_nexus_home(c->n), execute, c);
    return c;
}

struct fix_cmd *fix_do(struct fix *f, struct scsi_nexus *n, const char *cdb_hex)
{
    return run_one(fix_cmd(f, n, cdb_hex));
}

struct fix_cmd *fix_do_out(struct fix *f, struct scsi_nexus *n, const char *cdb_hex,
                           const char *out_hex)
{
    struct fix_cmd *c = fix_cmd(f, n, cdb_hex);
    fix_out_hex(c, out_hex);
    return run_one(c);
}

void fix_expect_field(struct fix *f, const struct fix_cmd *c, bool in_cdb, uint16_t byte,
                      int bit, int line)
{
    uint8_t want = (uint8_t)(SKS_VALID | (in_cdb ? SKS_FIELD_CDB : 0) |
                             (bit >= 0 ? SKS_BIT_VALID | bit : 0));
    if (c->sks[0] != want)
        fix_fail(f, "(field pointer)", line, "flags", c->sks[0], want);
    if (load_be16(c->sks + 1) != byte)
        fix_fail(f, "(field pointer)", line, "byte", load_be16(c->sks + 1), byte);
}

unsigned fix_take_uas(struct fix *f, struct scsi_nexus *n)
{
    unsigned taken = 0;
    while ((fix_do(f, n, "03 00 00 00 12 00")->in[2] & 0x0f) == SK_UNIT_ATTENTION)
        taken++;
    return taken;
}
