/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PERSISTENT RESERVE IN (SPC-4): what is registered and who holds the reservation. Lengths
 * describe the whole answer, however little of it the allocation length lets through. Under a
 * RESERVE(6)/(10) everybody gets a conflict, its holder too (SPC-2 5.5.1). On the LU's home;
 * doesn't park.
 */
#include "scsi/pr.h"

#define SCOPE_LU   0x00
#define STATUS_MAX (8 + PR_REGS_MAX * (sizeof(struct pr_full_status) + 4 + SCSI_NAME_LEN + 20))

static void put_header(struct wbuf *w, const struct pr_state *s)
{
    wb_be32(w, s->generation);
    wb_be32(w, 0); /* length of the rest, patched in the end */
}

static void read_keys(const struct pr_state *s, struct wbuf *w)
{
    put_header(w, s);
    for (unsigned i = 0; i < s->n; i++)
        wb_be64(w, s->regs[i].key);
    wb_patch_be32(w, 4, (uint32_t)w->len - 8);
}

/* Of the holder; all registrants types have none of their own: 0. */
static uint64_t holder_key(const struct pr_state *s)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->regs[i].holder)
            return s->regs[i].key;
    return 0;
}

static void read_reservation(const struct pr_state *s, struct wbuf *w)
{
    put_header(w, s);
    if (s->type == PR_TYPE_NONE)
        return;
    wb_be64(w, holder_key(s));
    wb_zero(w, 5);
    wb_u8(w, SCOPE_LU | s->type);
    wb_zero(w, 2);
    wb_patch_be32(w, 4, PR_RESERVATION_LEN);
}

static void report_capabilities(const struct pr_state *s, struct wbuf *w)
{
    struct pr_capabilities c = {
        .len = be16_make(sizeof(c)),
        .flags = PR_CAP_CRH | PR_CAP_SIP_C | PR_CAP_ATP_C | PR_CAP_PTPL_C,
        .more = (uint8_t)(PR_CAP_TMV | PR_CAP_ALLOW_TUR | (s->aptpl ? PR_CAP_PTPL_A : 0)),
        .types = be16_make(PR_CAP_TYPES),
    };
    wb_bytes(w, &c, sizeof(c));
}

static void put_full_status(const struct pr_state *s, const struct pr_reg *reg, struct wbuf *w)
{
    bool holds = pr_state_holds(s, reg);
    struct pr_full_status f = {
        .key = be64_make(reg->key),
        .flags = holds ? PR_FULL_R_HOLDER : 0,
        .scope_type = holds ? SCOPE_LU | s->type : 0,
        .rel_port_id = be16_make(reg->who.port),
    };
    size_t at = w->len;
    wb_bytes(w, &f, sizeof(f));
    pr_id_put(w, &reg->who);
    wb_patch_be32(w, at + offsetof(struct pr_full_status, id_len),
                  (uint32_t)(w->len - at - sizeof(f)));
}

static void read_full_status(const struct pr_state *s, struct wbuf *w)
{
    put_header(w, s);
    for (unsigned i = 0; i < s->n; i++)
        put_full_status(s, &s->regs[i], w);
    wb_patch_be32(w, 4, (uint32_t)w->len - 8);
}

void op_pr_in(struct scsi_lu *lu, struct scsi_task *t)
{
    static void (*const actions[])(const struct pr_state *, struct wbuf *) = {
        [PR_READ_KEYS] = read_keys,
        [PR_READ_RESERVATION] = read_reservation,
        [PR_REPORT_CAPABILITIES] = report_capabilities,
        [PR_READ_FULL_STATUS] = read_full_status,
    };
    size_t alloc = load_be16(t->cdb + 7);
    struct wbuf w;
    if (lu->reserved_by) {
        task_status(t, SCSI_STATUS_CONFLICT);
        return;
    }
    if (!task_wbuf(t, alloc, STATUS_MAX, &w))
        return;
    actions[t->op->service_action](lu->pr->now, &w);
    task_reply(t, &w, alloc);
}
