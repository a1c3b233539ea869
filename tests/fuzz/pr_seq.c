/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any sequence of PERSISTENT RESERVE OUT requests from a few nexuses, done by the state machine
 * and by the model (scsi/pr_model.c): both must come to the same state, results and unit
 * attentions after each. The first byte decides whether TransportIDs are parsed instead: what
 * is taken must be put again as it was.
 */
#include "base/check.h"
#include "scsi/pr.h"
#include "scsi/pr_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void parse_ids(const uint8_t *bytes, size_t len)
{
    struct rbuf in = rbuf_make(bytes, len);
    struct pr_transport_id id, again;
    while (rb_left(&in) > 0 && pr_id_parse(&in, &id)) {
        uint8_t out[SCSI_NAME_LEN + 64];
        struct pr_nexus who = pr_nexus_make(id.initiator, id.isid, 1);
        struct wbuf w = wbuf_make(out, sizeof(out));
        pr_id_put(&w, &who);
        check(!wb_overflowed(&w));
        struct rbuf back = rbuf_make(out, w.len);
        check(pr_id_parse(&back, &again) && rb_left(&back) == 0);
        check(strcmp(again.initiator, id.initiator) == 0 && !again.any_port);
        check(memcmp(again.isid, id.isid, sizeof(id.isid)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct pr_model_counts counts;
    if (len == 0)
        return 0;
    if (bytes[0] & 0x80)
        parse_ids(bytes + 1, len - 1);
    else
        pr_model_run(bytes + 1, len - 1, &counts);
    return 0;
}
