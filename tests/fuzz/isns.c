/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as what a name server sends (CVE-2010-2221). A PDU lies inside what was shown and does not depend on how much more has come;
 * attributes lie inside their PDU, and written again are the same bytes; an answer is a PDU that answers this question.
 */
#include "wire/isns.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUESTION_MAX 4096

static void check_attributes(const struct isns_pdu *p)
{
    struct rbuf r = rbuf_make(p->data, p->len);
    struct isns_attr a;
    uint8_t *again = malloc(p->len + 1);
    check(again != NULL);
    struct wbuf w = wbuf_make(again, p->len);
    while (isns_next(&r, &a)) {
        check(a.value >= p->data && a.len <= (size_t)(p->data + p->len - a.value));
        check(a.len == 4 || isns_attr_u32(&a) == 0);
        isns_put(&w, a.tag, a.value, a.len);
    }
    check_cmp(w.len, <=, p->len);
    check(memcmp(again, p->data, w.len) == 0);
    check(r.bad || w.len == p->len);
    free(again);
}

static void check_answer(const struct isns_pdu *p)
{
    static uint8_t out[sizeof(struct isns_hdr) + 4 + QUESTION_MAX];
    struct wbuf w = wbuf_make(out, sizeof(out));
    struct isns_pdu answer;
    if (!isns_answer(p, &w)) {
        check(p->function & ISNS_RESPONSE || p->len > QUESTION_MAX - 8);
        return;
    }
    check(isns_pdu_read(out, w.len, sizeof(out), &answer) == 1);
    check(answer.total == w.len && answer.len >= 4);
    check(answer.function == (p->function | ISNS_RESPONSE) && answer.xid == p->xid);
    check(answer.flags & ISNS_FLAG_CLIENT && answer.flags & ISNS_FLAG_LAST);
    check(isns_status_text(load_be32(answer.data)) != NULL);
}

/* The same bytes, cut: whole only when all of the PDU is there. */
static void check_cut(const uint8_t *p, size_t cut, size_t max, int whole, size_t total)
{
    struct isns_pdu pdu;
    uint8_t *exact = malloc(cut ? cut : 1);
    check(exact != NULL);
    memcpy(exact, p, cut);
    int r = isns_pdu_read(exact, cut, max, &pdu);
    if (whole == 1)
        check(r == (cut < total ? 0 : 1));
    else
        check(r == 0 || r == whole);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t max = data[0] & 1 ? ISNS_DATA_MAX : 64u << (data[0] >> 5);
    const uint8_t *p = data + 1;
    size_t len = size - 1;
    for (;;) {
        struct isns_pdu pdu = {.total = 0};
        int r = isns_pdu_read(p, len, max, &pdu);
        check_cut(p, len / 2, max, r, pdu.total);
        if (r != 1)
            return 0;
        check(pdu.total <= len && pdu.len <= max && pdu.data == p + sizeof(struct isns_hdr));
        check_cut(p, pdu.total - 1, max, r, pdu.total);
        check_cut(p, pdu.total, max, r, pdu.total);
        check_attributes(&pdu);
        check_answer(&pdu);
        p += pdu.total;
        len -= pdu.total;
    }
}
