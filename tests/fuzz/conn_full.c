/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole connection in the full feature phase: the input is a list of steps, each a PDU of the
 * initiator (right, slightly wrong, or any bytes), an act of the owner, time, or some bytes sent.
 * Steps know the tags, numbers and R2Ts that are open, so that most of them get somewhere. Checked
 * on the way: data comes in order and inside the transfer, a task is freed exactly once, numbers
 * never go back, everything that is sent is a PDU; and the connection ends when it is told to.
 */
#include "iscsi_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t bytes[1u << 14];
static bool waiting[2]; /* the owner owes an answer: targets, logout */
static struct iscsi_tmf tmfs[32];
static unsigned n_tmfs;
static bool manual;

static struct world_task *of(struct iscsi_task *t)
{
    struct world_task *o = container_of(t, struct world_task, t);
    check(o->used);
    return o;
}

static void take_data(const struct iscsi_event *ev)
{
    struct world_task *o = of(ev->task);
    check(o->t.write || ev->data_len == 0);
    check(ev->offset == o->got); /* in order, no gap, nothing twice */
    check_cmp((uint64_t)ev->offset + ev->data_len, <=, (uint64_t)o->t.edtl);
    check(!o->ended && !o->t.refused);
    o->got += ev->data_len;
    check(o->got == o->t.received);
    for (uint32_t i = 0; i < ev->data_len; i += 512) /* reads it, for the sanitizer */
        bytes[i % sizeof(bytes)] ^= ev->data[i];
}

static void done(struct world *w, struct world_task *o, uint8_t status)
{
    static const uint8_t sense[18] = {0x70, 0, 5};
    struct iscsi_result r = {.status = status, .transfer = o->t.edtl + (status & 3u) - 1};
    if (o->t.read)
        r.data_in_len = MIN(status % 7 == 0 ? o->t.edtl : o->t.edtl / 2, 1u << 16);
    if (status == 2) {
        r.sense = sense;
        r.sense_len = sizeof(sense);
    }
    o->ended = true;
    iscsi_task_done(w->c, &o->t, &r);
}

static void answer_tmf(struct world *w)
{
    struct iscsi_tmf t = tmfs[--n_tmfs];
    iscsi_tmf_done(w->c, t.itt, t.response >= 0 ? (uint8_t)t.response : 0);
}

static void take_tmf(struct world *w, const struct iscsi_tmf *tmf)
{
    check(tmf->function != ISCSI_TMF_TASK_REASSIGN);
    if (tmf->task) {
        check(!of(tmf->task)->ended);
        iscsi_task_drop(w->c, tmf->task);
    }
    check(n_tmfs < ARRAY_LEN(tmfs));
    tmfs[n_tmfs++] = *tmf;
    if (!manual)
        answer_tmf(w);
}

static void answer_targets(struct world *w, unsigned n)
{
    const char *const addr = "192.0.2.1:3260";
    const uint16_t tag = 1;
    for (unsigned i = 0; i < n; i++)
        iscsi_targets_add(w->c, "iqn.2026-01.org.zsan:disk", &addr, &tag, 1);
    iscsi_targets_done(w->c);
    waiting[0] = false;
}

static void answer_logout(struct world *w)
{
    for (unsigned i = 0; i < WORLD_TASKS; i++)
        if (w->tasks[i].used && !w->tasks[i].ended)
            iscsi_task_drop(w->c, &w->tasks[i].t);
    iscsi_logout_done(w->c, 0);
    waiting[1] = false;
}

/* Where a command is executed. */
static void start(struct world *w, struct world_task *o)
{
    check(!o->started && !o->ended);
    o->started = true;
    if (manual)
        return;
    if (o->t.write && o->t.received < o->t.edtl)
        iscsi_task_want(w->c, &o->t, o->t.edtl);
    else
        done(w, o, 0);
}

void world_event(struct world *w, const struct iscsi_event *ev)
{
    static struct iscsi_login_answer a;
    check(!waiting[0] && !waiting[1]);
    switch (ev->type) {
    case ISCSI_EV_IDENTIFY:
        iscsi_login_answer(w->c, &a);
        break;
    case ISCSI_EV_VERIFY:
        check(false); /* nobody said that others know the secret */
        break;
    case ISCSI_EV_LOGGED_IN:
        w->logged_in = true;
        iscsi_login_accept(w->c, 1, w->now);
        break;
    case ISCSI_EV_COMMAND:
        take_data(ev);
        break;
    case ISCSI_EV_DATA:
        check(ev->data_len > 0);
        take_data(ev);
        if (!manual && of(ev->task)->started && ev->task->received == ev->task->edtl)
            done(w, of(ev->task), 0);
        break;
    case ISCSI_EV_START:
        start(w, of(ev->task));
        break;
    case ISCSI_EV_DATA_FAILED:
        check(!of(ev->task)->ended);
        done(w, of(ev->task), 0);
        break;
    case ISCSI_EV_TMF:
        take_tmf(w, &ev->tmf);
        break;
    case ISCSI_EV_SEND_TARGETS:
        waiting[0] = true;
        if (!manual)
            answer_targets(w, 40);
        break;
    case ISCSI_EV_LOGOUT:
        waiting[1] = true;
        if (!manual)
            answer_logout(w);
        break;
    case ISCSI_EV_LOGIN_FAILED:
    case ISCSI_EV_CLOSE:
    case ISCSI_EV_NONE:
        check(false); /* not in this target */
    }
}

/* ---- steps of the initiator ----------------------------------------------------------------- */

static uint32_t cmd_sn, itt;

static void send(struct world *w, struct rbuf *in, uint8_t *h, uint8_t how, uint32_t len)
{
    if (how & 0x80) { /* any byte may be another */
        uint8_t at = rb_u8(in) % ISCSI_BHS_LEN;
        h[at] ^= rb_u8(in);
    }
    world_feed(w, h, bytes, MIN(len, (uint32_t)sizeof(bytes)));
}

static uint32_t next_sn(uint8_t how)
{
    if (how & 0x40)
        return cmd_sn + (how & 3); /* ahead, or the same again */
    return cmd_sn++;
}

static void send_command(struct world *w, struct rbuf *in)
{
    uint8_t how = rb_u8(in), flags = rb_u8(in);
    uint16_t edtl = rb_be16(in), len = rb_be16(in);
    struct iscsi_scsi_cmd h = {
        .opcode = (uint8_t)(ISCSI_OP_SCSI_CMD | (how & 0x20 ? ISCSI_IMMEDIATE : 0)),
        .flags = flags,
        .itt = be32_make(how & 0x10 ? itt : ++itt),
        .edtl = be32_make(edtl),
        .cmd_sn = be32_make(next_sn(how)),
    };
    h.lun.b[1] = how & 1;
    send(w, in, (uint8_t *)&h, how, flags & ISCSI_CMD_WRITE ? len : len & 3);
}

static void send_data(struct world *w, struct rbuf *in)
{
    uint8_t how = rb_u8(in);
    uint16_t len = rb_be16(in);
    struct iscsi_data_out h = {.opcode = ISCSI_OP_DATA_OUT,
                               .flags = how & ISCSI_FINAL,
                               .ttt = be32_make(ISCSI_TAG_NONE)};
    if (how & 0x40 || w->n_r2t == 0) { /* unsolicited, for one of the last commands */
        uint32_t tag = itt - (how & 3);
        h.itt = be32_make(tag);
        for (unsigned i = 0; i < WORLD_TASKS; i++)
            if (w->tasks[i].used && w->tasks[i].t.itt == tag) {
                h.offset = be32_make(w->tasks[i].t.received);
                h.data_sn = be32_make(w->tasks[i].t.unsolicited_sn);
            }
    } else { /* for an R2T that is open */
        struct world_r2t *r = &w->r2t[how % w->n_r2t];
        uint32_t part = how & 0x20 ? r->len : MIN(r->len, (uint32_t)len);
        h.itt = be32_make(r->itt);
        h.ttt = be32_make(r->ttt);
        h.offset = be32_make(r->off);
        h.data_sn = be32_make(r->data_sn++);
        part = MIN(part, (uint32_t)sizeof(bytes));
        r->off += part;
        r->len -= part;
        len = (uint16_t)MIN(part, 0xffffu);
        if (r->len == 0) {
            h.flags = ISCSI_FINAL;
            *r = w->r2t[--w->n_r2t];
        }
    }
    send(w, in, (uint8_t *)&h, how & 0x10 ? 0x80 : 0, len);
}

static void send_tmf(struct world *w, struct rbuf *in)
{
    uint8_t how = rb_u8(in), function = rb_u8(in);
    uint32_t ref = itt - (how & 7);
    struct iscsi_tmf_req h = {
        .opcode = (uint8_t)(ISCSI_OP_TMF_REQ | (how & 0x20 ? ISCSI_IMMEDIATE : 0)),
        .flags = function | 0x80,
        .ref_itt = be32_make(ref),
        .itt = be32_make(++itt),
        .ref_cmd_sn = be32_make(cmd_sn - (how & 3)),
        .cmd_sn = be32_make(how & 0x20 ? cmd_sn : next_sn(how)),
    };
    h.lun.b[1] = how >> 3 & 1;
    send(w, in, (uint8_t *)&h, how, 0);
}

static void send_text(struct world *w, struct rbuf *in)
{
    uint8_t how = rb_u8(in);
    struct iscsi_text_req h = {
        .opcode = (uint8_t)(ISCSI_OP_TEXT_REQ | (how & 0x20 ? ISCSI_IMMEDIATE : 0)),
        .flags = rb_u8(in) & 0xc0,
        .itt = be32_make(++itt),
        .ttt = be32_make(how & 0x10 ? w->text_ttt : ISCSI_TAG_NONE),
        .cmd_sn = be32_make(how & 0x20 ? cmd_sn : next_sn(how)),
    };
    uint32_t len = (uint32_t)MIN(rb_u8(in), rb_left(in));
    const uint8_t *text = rb_take(in, len);
    if (text && how & 0x08)
        world_feed(w, &h, text, len);
    else if (text)
        world_feed(w, &h, how & 0x10 ? "" : "SendTargets=All", how & 0x10 ? 0 : 16);
}

static void send_nop(struct world *w, struct rbuf *in)
{
    uint8_t how = rb_u8(in);
    struct iscsi_nop_out h = {
        .opcode = (uint8_t)(ISCSI_OP_NOP_OUT | (how & 0x20 ? ISCSI_IMMEDIATE : 0)),
        .flags = ISCSI_FINAL,
        .itt = be32_make(how & 0x10 ? ISCSI_TAG_NONE : ++itt),
        .ttt = be32_make(how & 0x10 ? w->nop_ttt : ISCSI_TAG_NONE),
        .cmd_sn = be32_make(how & 0x20 ? cmd_sn : next_sn(how)),
    };
    send(w, in, (uint8_t *)&h, how, (how & 7) * 300u);
}

static void send_other(struct world *w, struct rbuf *in)
{
    uint8_t how = rb_u8(in), opcode = rb_u8(in);
    struct iscsi_logout_req h = {.opcode = opcode, .flags = 0x80, .itt = be32_make(++itt)};
    h.cmd_sn = be32_make(cmd_sn);
    send(w, in, (uint8_t *)&h, how, how & 0x7f);
}

static void send_raw(struct world *w, struct rbuf *in)
{
    size_t len = MIN(rb_u8(in), rb_left(in));
    const uint8_t *p = rb_take(in, len);
    world_raw(w, p, p ? len : 0);
}

/* ---- steps of the owner --------------------------------------------------------------------- */

static void act(struct world *w, struct rbuf *in)
{
    static const uint8_t lun[8], sense[18] = {0x70};
    uint8_t what = rb_u8(in);
    struct world_task *o = &w->tasks[rb_u8(in) % WORLD_TASKS];
    bool active = o->used && !o->ended;
    if (what < 0x80 && active && o->started)
        done(w, o, what & 0x40 ? 0 : what);
    else if (what < 0xa0 && active && o->t.write)
        iscsi_task_want(w->c, &o->t, o->t.edtl - what % (o->t.edtl + 1));
    else if (what < 0xb0 && active)
        iscsi_task_refuse_data(w->c, &o->t);
    else if (what < 0xc0 && active)
        done(w, o, 0x28); /* perhaps before its START */
    else if (what < 0xc8 && active)
        iscsi_task_drop(w->c, &o->t);
    else if (what < 0xd0 && n_tmfs > 0)
        answer_tmf(w);
    else if (what < 0xd8 && waiting[0])
        answer_targets(w, what % 8 * 200u);
    else if (what < 0xe0 && waiting[1])
        answer_logout(w);
    else if (what < 0xe8)
        iscsi_set_window(w->c, what % 8);
    else if (what < 0xf0)
        iscsi_async_sense(w->c, lun, sense, sizeof(sense));
    else if (what < 0xf4)
        iscsi_async_logout(w->c, what);
    else if (what < 0xf8)
        iscsi_async_drop(w->c, 1, 2);
    else if (what == 0xf8)
        w->task_limit = what % 3;
    else
        manual = what & 1;
}

static void step(struct world *w, struct rbuf *in)
{
    static void (*const steps[])(struct world *, struct rbuf *) = {
        send_command, send_data,    send_tmf,  send_text, send_nop,  send_other, send_raw,
        act,          send_command, send_data, act,       send_data, act,
    };
    uint8_t kind = rb_u8(in);
    if (kind < 0xe0) {
        steps[kind % ARRAY_LEN(steps)](w, in);
        world_rx(w, kind & 0x40 ? 13 : 0);
        if (!(kind & 0x80))
            world_tx(w, 1u << 17);
    } else if (kind < 0xf0) {
        world_tx(w, rb_be16(in));
    } else {
        world_tick(w, (uint64_t)rb_be16(in) << 24);
    }
}

static void log_in(struct world *w, uint8_t how)
{
#define KEYS(s)                                                                                \
    {                                                                                          \
        s, sizeof(s)                                                                           \
    }
    static const struct {
        const char *text;
        size_t len;
    } keys[] = {
        KEYS("MaxBurstLength=512\0MaxOutstandingR2T=8"),
        KEYS("InitialR2T=No\0HeaderDigest=CRC32C\0DataDigest=CRC32C\0MaxRecvDataSegmentLength="
             "512"),
        KEYS("InitialR2T=No\0FirstBurstLength=4096\0MaxBurstLength=1024\0MaxOutstandingR2T=3"),
        KEYS("ImmediateData=No\0MaxBurstLength=16384\0DataDigest=CRC32C"),
    };
    static const char normal[] = "InitiatorName=iqn.2026-01.a:b\0TargetName=iqn.2026-01.a:c";
    static const char discovery[] = "InitiatorName=iqn.2026-01.a:b\0SessionType=Discovery";
    char text[256];
    struct wbuf t = wbuf_make(text, sizeof(text));
    if (how & 0x04)
        wb_bytes(&t, discovery, sizeof(discovery));
    else
        wb_bytes(&t, normal, sizeof(normal));
    wb_bytes(&t, keys[how & 3].text, keys[how & 3].len);
    struct iscsi_login_req h = {.opcode = ISCSI_OP_LOGIN_REQ | ISCSI_IMMEDIATE,
                                .flags = 0x87,
                                .itt = be32_make(1),
                                .cmd_sn = be32_make(cmd_sn)};
    world_feed(w, &h, text, (uint32_t)t.len);
    world_rx(w, 0);
    world_tx(w, 1u << 16);
    world_tx(w, 0); /* knows the digests now */
    check(w->logged_in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct rbuf in = rbuf_make(data, size);
    struct iscsi_offer o = iscsi_offer_default();
    uint8_t how = rb_u8(&in);
    o.window = how & 0x08 ? 4 : 20;
    o.max_outstanding_r2t = 8;
    cmd_sn = how & 0x10 ? 0xfffffffe : 5;
    itt = 1;
    n_tmfs = 0;
    waiting[0] = waiting[1] = false;
    manual = how & 0x20;
    world_init(&w, &o);
    log_in(&w, how);
    while (rb_left(&in) > 0 && !w.closed)
        step(&w, &in);
    if (waiting[1])
        answer_logout(&w);
    for (int i = 0; i < 20000 && iscsi_tx_pending(w.c); i++)
        world_tx(&w, 1u << 18);
    check(!iscsi_tx_pending(w.c)); /* what is queued ends */
    world_fini(&w);
    return 0;
}
