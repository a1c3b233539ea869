/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LOG SENSE (SPC-4 6.7): a table of pages with their builders. The lists of supported pages and
 * subpages are made from it. Only cumulative values, nothing saved; parameter pointers skip
 * lower parameter codes. On the LU's home; page 0C asks the volume and parks.
 */
#include "scsi/ops.h"
#include "wire/scsi_log.h"

#define LOG_MAX       4096
#define PC_SHIFT      6
#define PC_CUMULATIVE 1
#define PC_THRESHOLD  0
#define INTERVAL_NS   1000u /* statistics count in microseconds */
#define UNIT_SHIFT    20    /* page 0C counts in threshold units, 1 MiB */

/* Writes parameters with a code of first or more. 0, or the volume's error. */
typedef int log_build(struct scsi_lu *lu, uint16_t first, struct wbuf *w);
static log_build log_pages, log_subpages, log_provisioning, log_statistics;

static const struct log_page {
    uint8_t page, subpage;
    log_build *build;
    bool (*present)(const struct scsi_lu *lu);
} pages[] = {
    {0x00, 0x00, log_pages,        NULL     },
    {0x00, 0xff, log_subpages,     NULL     },
    {0x0c, 0x00, log_provisioning, lu_unmaps},
    {0x19, 0x00, log_statistics,   NULL     },
};

static bool is_present(const struct scsi_lu *lu, const struct log_page *p)
{
    return !p->present || p->present(lu);
}

static int log_pages(struct scsi_lu *lu, uint16_t first, struct wbuf *w)
{
    (void)first;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (pages[i].subpage == 0 && is_present(lu, &pages[i]))
            wb_u8(w, pages[i].page);
    return 0;
}

static int log_subpages(struct scsi_lu *lu, uint16_t first, struct wbuf *w)
{
    (void)first;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (is_present(lu, &pages[i])) {
            wb_u8(w, pages[i].page);
            wb_u8(w, pages[i].subpage);
        }
    }
    return 0;
}

static struct scsi_log_param head(uint16_t code, size_t size)
{
    return (struct scsi_log_param){
        .code = be16_make(code),
        .control = LOG_BINARY_LIST,
        .len = (uint8_t)(size - sizeof(struct scsi_log_param)),
    };
}

static void resource(struct wbuf *w, uint16_t first, uint16_t code, uint64_t bytes,
                     uint8_t scope)
{
    struct scsi_log_resource r = {
        .head = head(code, sizeof(r)),
        .count = be32_make((uint32_t)MIN(bytes >> UNIT_SHIFT, UINT32_MAX)),
        .scope = scope,
    };
    if (code >= first)
        wb_bytes(w, &r, sizeof(r));
}

static int log_provisioning(struct scsi_lu *lu, uint16_t first, struct wbuf *w)
{
    struct volume_space s;
    int rc = volume_space(lu->vol, &s);
    if (rc < 0)
        return rc;
    resource(w, first, LOG_RESOURCE_AVAILABLE, s.available, LOG_SCOPE_SHARED);
    resource(w, first, LOG_RESOURCE_USED, s.used, LOG_SCOPE_THIS_LU);
    return 0;
}

static int log_statistics(struct scsi_lu *lu, uint16_t first, struct wbuf *w)
{
    const struct scsi_perf *p = &lu->perf;
    struct scsi_log_access access = {
        .head = head(1, sizeof(access)),
        .reads = be64_make(p->reads),
        .writes = be64_make(p->writes),
        .blocks_received = be64_make(p->blocks_written),
        .blocks_transmitted = be64_make(p->blocks_read),
        .read_intervals = be64_make(p->read_ns / INTERVAL_NS),
        .write_intervals = be64_make(p->write_ns / INTERVAL_NS),
    };
    struct scsi_log_idle idle = {
        .head = head(2, sizeof(idle)),
        .intervals = be64_make(p->idle_ns / INTERVAL_NS),
    };
    struct scsi_log_interval interval = {
        .head = head(3, sizeof(interval)),
        .exponent = be32_make(6),
        .integer = be32_make(1),
    };
    if (first <= 1)
        wb_bytes(w, &access, sizeof(access));
    if (first <= 2)
        wb_bytes(w, &idle, sizeof(idle));
    if (first <= 3)
        wb_bytes(w, &interval, sizeof(interval));
    return 0;
}

static const struct log_page *find(const struct scsi_lu *lu, uint8_t page, uint8_t subpage)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (pages[i].page == page && pages[i].subpage == subpage && is_present(lu, &pages[i]))
            return &pages[i];
    return NULL;
}

/* False: the task has ended. */
static bool check_page(const struct scsi_lu *lu, struct scsi_task *t,
                       const struct log_page **ret_page)
{
    uint8_t code = t->cdb[2] & LOG_PAGE_MASK, pc = t->cdb[2] >> PC_SHIFT;
    *ret_page = find(lu, code, t->cdb[3]);
    if (pc != PC_CUMULATIVE && pc != PC_THRESHOLD)
        task_bad_cdb(t, 2, 7);
    else if (!*ret_page && find(lu, code, 0))
        task_bad_cdb(t, 3, 7);
    else if (!*ret_page)
        task_bad_cdb(t, 2, 5);
    else
        return true;
    return false;
}

void op_log_sense(struct scsi_lu *lu, struct scsi_task *t)
{
    size_t alloc = load_be16(t->cdb + 7);
    const struct log_page *page;
    struct wbuf w;
    if (!check_page(lu, t, &page) || !task_wbuf(t, alloc, LOG_MAX, &w))
        return;
    struct scsi_log_header h = {.page = page->page, .subpage = page->subpage};
    if (page->subpage != 0)
        h.page |= LOG_SPF;
    wb_bytes(&w, &h, sizeof(h));
    uint16_t first = load_be16(t->cdb + 5);
    int rc = page->build(lu, first, &w);
    if (rc < 0) {
        task_errno(t, rc, 0);
        return;
    }
    if (first != 0 && w.len == sizeof(h)) { /* SPC-4 6.7: beyond the last parameter */
        task_bad_cdb(t, 5, 7);
        return;
    }
    wb_patch_be16(&w, offsetof(struct scsi_log_header, len), (uint16_t)(w.len - sizeof(h)));
    task_reply(t, &w, alloc);
}
