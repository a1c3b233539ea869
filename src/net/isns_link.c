/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iSNS over a connection: PDUs out of the stream, calls and their answers, and what a server asks in between. What comes is
 * bounded in size by the buffer, in time by a deadline for every call and every PDU that has begun, and in number by a pause
 * after each question that is answered.
 */
#include "net/isns_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 5000
#define CALL_MS    8000 /* for an answer, with all that comes before it */
#define PDU_MS     5000 /* for the rest of a PDU that has begun */
#define ASKED_MS   10   /* between two questions of a server */
#define PIECES_MAX 64   /* PDUs until an answer is whole */
#define ASKED_MAX  4096 /* bytes of a question */

/* ---- a stream ---------------------------------------------------------------------------- */

int isns_stream_next(struct isns_stream *s, uint64_t deadline, struct cancel *c,
                     struct isns_pdu *ret_pdu)
{
    s->have -= s->used;
    memmove(s->in, s->in + s->used, s->have);
    s->used = 0;
    for (;;) {
        int r = isns_pdu_read(s->in, s->have, s->cap - sizeof(struct isns_hdr), ret_pdu);
        if (r < 0)
            return -EPROTO;
        if (r > 0) {
            s->used = ret_pdu->total;
            return 1;
        }
        ssize_t n = sock_recv(s->sock, s->in + s->have, s->cap - s->have, deadline, c);
        if (n <= 0)
            return (int)n;
        s->have += (size_t)n;
    }
}

int isns_stream_answer(struct isns_stream *s, const struct isns_pdu *asked, uint64_t deadline,
                       struct cancel *c, bool *ret_scn)
{
    size_t cap = sizeof(struct isns_hdr) + 4 + ASKED_MAX;
    uint8_t *out = malloc(cap);
    if (!out)
        return -ENOMEM;
    struct wbuf w = wbuf_make(out, cap);
    int r = isns_answer(asked, &w) ? sock_send(s->sock, out, w.len, deadline, c) : -EPROTO;
    free(out);
    *ret_scn = *ret_scn || asked->function == ISNS_SCN;
    if (r == 0)
        r = fiber_sleep_until(run_deadline_ms(ASKED_MS), c);
    return r;
}

/* ---- a connection to a server ------------------------------------------------------------ */

int isns_link_open(struct isns_link *l, const struct sock_addr *server, struct cancel *stop,
                   uint64_t until, struct err *reterr)
{
    size_t cap = sizeof(struct isns_hdr) + ISNS_DATA_MAX;
    *l = (struct isns_link){.stop = stop, .until = until};
    run_random(&l->xid, sizeof(l->xid));
    l->in.cap = cap;
    l->in.in = malloc(cap);
    l->out = malloc(ISNS_OUT_MAX);
    int r = l->in.in && l->out ? sock_connect(server, MIN(until, run_deadline_ms(CONNECT_MS)),
                                              stop, &l->in.sock, reterr)
                               : err_set(reterr, -ENOMEM, "out of memory");
    if (r < 0)
        isns_link_close(l);
    return r;
}

void isns_link_close(struct isns_link *l)
{
    sock_close(l->in.sock);
    free(l->in.in);
    free(l->out);
    *l = (struct isns_link){.torn = true};
}

struct wbuf isns_link_message(struct isns_link *l, uint16_t function, uint16_t flags)
{
    struct wbuf w = wbuf_make(l->out, ISNS_OUT_MAX);
    isns_begin(&w, function, (uint16_t)(flags | ISNS_FLAG_CLIENT), ++l->xid);
    return w;
}

static bool is_answer(const struct isns_link *l, const struct isns_pdu *p, uint16_t function)
{
    return p->function == (function | ISNS_RESPONSE) && p->xid == l->xid;
}

/* All PDUs up to the answer's last one. What precedes it are questions. */
static int take_answer(struct isns_link *l, uint16_t function, uint64_t deadline,
                       uint32_t *ret_status, struct rbuf *ret_rest)
{
    bool begun = false;
    for (unsigned n = 0; n < PIECES_MAX; n++) {
        struct isns_pdu p;
        int r = isns_stream_next(&l->in, deadline, l->stop, &p);
        if (r <= 0)
            return r < 0 ? r : -ECONNRESET;
        if (!is_answer(l, &p, function)) {
            if ((r = isns_stream_answer(&l->in, &p, deadline, l->stop, &l->scn)) < 0)
                return r;
            continue;
        }
        struct rbuf rest = rbuf_make(p.data, p.len);
        uint32_t status = begun ? *ret_status : rb_be32(&rest);
        if (rest.bad)
            return -EPROTO;
        *ret_status = status;
        *ret_rest = begun || !(p.flags & ISNS_FLAG_LAST) ? rbuf_make(p.data, 0) : rest;
        begun = true;
        if (p.flags & ISNS_FLAG_LAST)
            return 0;
    }
    return -EPROTO;
}

int isns_link_call(struct isns_link *l, struct wbuf *message, uint32_t *ret_status,
                   struct rbuf *ret_rest, struct err *reterr)
{
    uint64_t deadline = MIN(l->until, run_deadline_ms(CALL_MS));
    uint16_t function = load_be16(l->out + offsetof(struct isns_hdr, function));
    if (!isns_end(message))
        return err_set(reterr, -EMSGSIZE, "too much for one message");
    l->torn = true;
    int r = sock_send(l->in.sock, l->out, message->len, deadline, l->stop);
    if (r == 0)
        r = take_answer(l, function, deadline, ret_status, ret_rest);
    if (r == -EPROTO)
        return err_set(reterr, r, "what it answers is not iSNS");
    if (r == -ETIMEDOUT)
        return err_set(reterr, r, "it does not answer");
    if (r < 0)
        return err_set(reterr, r, "the connection broke: %s", strerror(-r));
    l->torn = false;
    return 0;
}

int isns_link_idle(struct isns_link *l, uint64_t deadline, struct cancel *c)
{
    while (!l->scn) {
        struct isns_pdu p;
        int r = 0;
        if (l->in.have == l->in.used) /* nothing of a next PDU has come */
            r = sock_wait_readable(l->in.sock, deadline, c);
        if (r == -ETIMEDOUT)
            return 0;
        if (r < 0)
            return r;
        uint64_t soon = run_deadline_ms(PDU_MS);
        if ((r = isns_stream_next(&l->in, soon, l->stop, &p)) <= 0)
            return r < 0 ? r : -ECONNRESET;
        if ((r = isns_stream_answer(&l->in, &p, soon, l->stop, &l->scn)) < 0)
            return r;
    }
    return 0;
}
