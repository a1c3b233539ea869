/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PDUs of iSNS. A message that we send is one PDU: what is too much for one is told in several messages. Of what a
 * peer says nothing is believed but that its bytes are there.
 */
#include "wire/isns.h"

#include <stddef.h>

static const char *const status_texts[] = {
    [0] = "success",
    [1] = "unknown error",
    [2] = "message format error",
    [3] = "invalid registration",
    [5] = "invalid query",
    [6] = "source unknown",
    [7] = "source absent",
    [8] = "source unauthorized",
    [9] = "no such entry",
    [10] = "version not supported",
    [11] = "internal error",
    [12] = "busy",
    [13] = "option not understood",
    [14] = "invalid update",
    [15] = "message not supported",
    [16] = "SCN event rejected",
    [17] = "SCN registration rejected",
    [18] = "attribute not implemented",
    [21] = "ESI not available",
    [22] = "invalid deregistration",
    [23] = "registration feature not supported",
};

const char *isns_status_text(uint32_t status)
{
    const char *text = status < ARRAY_LEN(status_texts) ? status_texts[status] : NULL;
    return text ? text : "unknown status";
}

/* ---- writing ----------------------------------------------------------------------------- */

void isns_begin(struct wbuf *w, uint16_t function, uint16_t flags, uint16_t xid)
{
    struct isns_hdr h = {
        .version = be16_make(ISNS_VERSION),
        .function = be16_make(function),
        .flags = be16_make((uint16_t)(flags | ISNS_FLAG_FIRST | ISNS_FLAG_LAST)),
        .xid = be16_make(xid),
    };
    w->len = 0;
    wb_bytes(w, &h, sizeof(h));
}

void isns_put(struct wbuf *w, uint32_t tag, const void *value, size_t len)
{
    size_t padding = (4 - len % 4) % 4;
    wb_be32(w, tag);
    wb_be32(w, (uint32_t)(len + padding));
    wb_bytes(w, value, len);
    wb_zero(w, padding);
}

void isns_put_u32(struct wbuf *w, uint32_t tag, uint32_t value)
{
    be32 v = be32_make(value);
    isns_put(w, tag, &v, sizeof(v));
}

void isns_put_text(struct wbuf *w, uint32_t tag, const char *text)
{
    isns_put(w, tag, text, strlen(text) + 1);
}

void isns_put_empty(struct wbuf *w, uint32_t tag)
{
    isns_put(w, tag, NULL, 0);
}

bool isns_end(struct wbuf *w)
{
    size_t len = w->len - sizeof(struct isns_hdr);
    if (wb_overflowed(w) || len > ISNS_DATA_MAX)
        return false;
    wb_patch_be16(w, offsetof(struct isns_hdr, len), (uint16_t)len);
    return true;
}

/* ---- reading ----------------------------------------------------------------------------- */

int isns_pdu_read(const uint8_t *p, size_t len, size_t max, struct isns_pdu *ret_pdu)
{
    struct isns_hdr h;
    if (len < sizeof(h))
        return 0;
    memcpy(&h, p, sizeof(h));
    size_t data = be16_get(h.len);
    if (be16_get(h.version) != ISNS_VERSION || be16_get(h.flags) & ISNS_FLAG_AUTH ||
        data > max || data % 4 != 0)
        return -1;
    if (len - sizeof(h) < data)
        return 0;
    *ret_pdu = (struct isns_pdu){.function = be16_get(h.function),
                                 .flags = be16_get(h.flags),
                                 .xid = be16_get(h.xid),
                                 .seq = be16_get(h.seq),
                                 .data = p + sizeof(h),
                                 .len = data,
                                 .total = sizeof(h) + data};
    return 1;
}

bool isns_next(struct rbuf *r, struct isns_attr *ret_attr)
{
    if (r->bad || rb_left(r) == 0)
        return false;
    uint32_t tag = rb_be32(r), len = rb_be32(r);
    const uint8_t *value = rb_take(r, len);
    if (!value || len % 4 != 0) {
        r->bad = true;
        return false;
    }
    *ret_attr = (struct isns_attr){.tag = tag, .len = len, .value = value};
    return true;
}

uint32_t isns_attr_u32(const struct isns_attr *a)
{
    return a->len == 4 ? load_be32(a->value) : 0;
}

bool isns_answer(const struct isns_pdu *asked, struct wbuf *w)
{
    struct rbuf r = rbuf_make(asked->data, asked->len);
    struct isns_attr a;
    if (asked->function & ISNS_RESPONSE)
        return false;
    isns_begin(w, (uint16_t)(asked->function | ISNS_RESPONSE), ISNS_FLAG_CLIENT, asked->xid);
    if (asked->function == ISNS_ESI) {
        wb_be32(w, ISNS_OK);
        wb_bytes(w, asked->data, asked->len);
    } else if (asked->function == ISNS_SCN) {
        wb_be32(w, ISNS_OK);
        if (isns_next(&r, &a))
            isns_put(w, a.tag, a.value, a.len);
    } else {
        wb_be32(w, ISNS_NOT_SUPPORTED);
    }
    return isns_end(w);
}
