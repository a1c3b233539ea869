/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A login by anybody. The first byte says what the owner demands; then follow login requests (how
 * they differ from what is expected, their text up to a byte ff) and other bytes. Nobody may get in who had to
 * prove something and has not, and an initiator that is not known never does.
 */
#include "iscsi_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CHAP = 1,
    MUTUAL = 2,
    FAKE = 4,
    WEAK = 8,
    SLOW = 16,
    STATUS = 32,
    REFUSE = 64,
    NONE = 128
};

static uint8_t demand;
static bool right; /* somebody else has judged so */

static bool judged_elsewhere(void)
{
    return demand & WEAK && demand & NONE;
}

static void answer(struct world *w)
{
    static struct iscsi_login_answer a;
    memset(&a, 0, sizeof(a));
    a.chap_required = demand & CHAP;
    a.mutual_required = demand & MUTUAL;
    a.fake = demand & FAKE;
    a.status = demand & STATUS ? ISCSI_LOGIN_OUT_OF_RESOURCES : 0;
    memcpy(a.chap_name, "user", 5);
    memcpy(a.reverse_name, "target", 7);
    memset(a.secret[0].bytes, 's', 16);
    a.elsewhere = judged_elsewhere();
    a.secret[0].len = a.elsewhere ? 0 : 16;
    memset(a.reverse_secret[0].bytes, 't', 16);
    a.reverse_secret[0].len = demand & NONE ? 0 : 16;
    iscsi_login_answer(w->c, &a);
}

void world_event(struct world *w, const struct iscsi_event *ev)
{
    const struct iscsi_params *p = iscsi_conn_params(w->c);
    check(!w->logged_in);
    if (ev->type == ISCSI_EV_IDENTIFY) {
        check(p->initiator[0] != '\0' && (p->discovery || p->target[0] != '\0'));
        answer(w);
        return;
    }
    if (ev->type == ISCSI_EV_VERIFY) {
        struct iscsi_chap_response r;
        check(judged_elsewhere() && iscsi_login_response(w->c, &r));
        check(r.response_len == 16 || r.response_len == 20);
        right = r.response[0] & 1;
        iscsi_login_verified(w->c,
                             right               ? ISCSI_LOGIN_OK
                             : r.response[0] & 2 ? ISCSI_LOGIN_UNAVAILABLE
                                                 : ISCSI_LOGIN_AUTH_FAILED,
                             "");
        return;
    }
    if (ev->type == ISCSI_EV_LOGIN_FAILED) {
        check(ev->login_status != 0);
        return;
    }
    check(ev->type == ISCSI_EV_LOGGED_IN);
    check(!(demand & (FAKE | STATUS)));
    check(!(demand & (CHAP | MUTUAL)) || p->chap_alg != 0);
    check(!(demand & MUTUAL) || p->mutual);
    check(!judged_elsewhere() || p->chap_alg == 0 || right);
    check(!(demand & WEAK) || p->chap_alg < ISCSI_CHAP_SHA256);
    if (demand & REFUSE && demand & NONE) {
        iscsi_login_redirect(w->c, demand & SLOW, "192.0.2.1:3260,1");
    } else if (demand & REFUSE) {
        iscsi_login_refuse(w->c, ISCSI_LOGIN_OUT_OF_RESOURCES);
    } else {
        w->logged_in = true;
        iscsi_login_accept(w->c, 5, w->now);
    }
}

/* The bytes up to the next 0xff, which no text has: so text can grow and shrink in place. */
static const uint8_t *text_of(struct rbuf *in, uint32_t *ret_len)
{
    const uint8_t *p = in->p, *end = memchr(p, 0xff, rb_left(in));
    *ret_len = (uint32_t)((end ? end : in->end) - p);
    rb_take(in, *ret_len + (end != NULL));
    return p;
}

static void request(struct world *w, struct rbuf *in)
{
    uint8_t how = rb_u8(in);
    struct iscsi_login_req h = {
        .opcode = ISCSI_OP_LOGIN_REQ | ISCSI_IMMEDIATE,
        .flags = rb_u8(in),
        .isid = {0x80, 1, 2, 3, 4, 5},
        .itt = be32_make(7),
        .cid = be16_make(1),
        .cmd_sn = be32_make(100),
    };
    uint32_t len;
    if (how & 0x80) /* any byte of the header may be another */
        ((uint8_t *)&h)[how % ISCSI_BHS_LEN] ^= rb_u8(in);
    const uint8_t *text = text_of(in, &len);
    if (how & 0x40)
        world_raw(w, text, len);
    else
        world_feed(w, &h, text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct iscsi_offer o = iscsi_offer_default();
    struct rbuf in = rbuf_make(data, size);
    demand = rb_u8(&in);
    right = false;
    world_init(&w, &o);
    w.no_strong_hash = demand & WEAK;
    while (rb_left(&in) > 0 && !w.closed && !w.logged_in) {
        request(&w, &in);
        world_rx(&w, demand & SLOW ? 7 : 0);
        world_tx(&w, demand & SLOW ? 11 : 1u << 16);
    }
    if (!w.logged_in)
        world_tick(&w, UINT64_C(20000000000));
    while (iscsi_tx_pending(w.c))
        world_tx(&w, 1u << 16);
    world_rx(&w, 0); /* whatever is due */
    check(w.logged_in || w.closed);
    world_fini(&w);
    return 0;
}
