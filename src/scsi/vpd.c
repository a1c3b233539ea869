/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of vital product data pages, ascending; page 00 is made from it, so that a page
 * cannot be served unlisted, and the smaller pages. LU's home; does not park.
 */
#include "scsi/vpd.h"
#include "wire/scsi_inquiry.h"

#define VPD_MAX 65536 /* VPD 88 of a device with many ports is the longest */

static vpd_build vpd_pages, vpd_management, vpd_extended, vpd_mode_policy;

static const struct vpd_page {
    uint8_t code;
    vpd_build *build;
    bool without_lu; /* answered where nothing is mapped, too */
} pages[] = {
    {0x00, vpd_pages,           true },
    {0x80, vpd_serial,          false},
    {0x83, vpd_designators,     false},
    {0x85, vpd_management,      false},
    {0x86, vpd_extended,        false},
    {0x87, vpd_mode_policy,     false},
    {0x88, vpd_ports,           false},
    {0x8f, vpd_copy,            false},
    {0xb0, vpd_block_limits,    false},
    {0xb1, vpd_characteristics, false},
    {0xb2, vpd_provisioning,    false},
};

static void vpd_pages(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    (void)itl;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (lu || pages[i].without_lu)
            wb_u8(w, pages[i].code);
}

/* SPC-4 7.8.8: management network addresses. None: the control socket is local. */
static void vpd_management(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    (void)lu, (void)itl, (void)w;
}

static void vpd_extended(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    struct scsi_vpd_extended p = {
        .flags5 = EXT_HEADSUP | EXT_ORDSUP | EXT_SIMPSUP,
        .flags6 = lu->vol->sync == VOL_SYNC_ALWAYS ? 0 : EXT_V_SUP,
        .flags7 = EXT_LUICLR,
        .max_sense_len = SCSI_SENSE_MAX,
    };
    (void)itl;
    wb_bytes(w, &p, sizeof(p));
}

/* All mode pages are shared: what one initiator changes, all see, and are told. */
static void vpd_mode_policy(const struct scsi_lu *lu, const struct scsi_itl *itl,
                            struct wbuf *w)
{
    static const struct scsi_vpd_policy all = {.page = 0x3f, .subpage = 0xff};
    (void)lu, (void)itl;
    wb_bytes(w, &all, sizeof(all));
}

static const struct vpd_page *find(const struct scsi_lu *lu, uint8_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (pages[i].code == code && (lu || pages[i].without_lu))
            return &pages[i];
    return NULL;
}

void vpd_reply(struct scsi_lu *lu, struct scsi_task *t, uint8_t peripheral)
{
    size_t alloc = load_be16(t->cdb + 3);
    const struct vpd_page *page = find(lu, t->cdb[2]);
    struct wbuf w;
    if (!lu && t->itl) { /* an identity that would be taken for another's must not be shown */
        task_check(t, SK_NOT_READY, ASC_BECOMING_READY);
        return;
    }
    if (!page) {
        task_bad_cdb(t, 2, 7);
        return;
    }
    if (!task_wbuf(t, alloc, VPD_MAX, &w))
        return;
    struct scsi_vpd_header h = {.peripheral = peripheral, .page = page->code};
    wb_bytes(&w, &h, sizeof(h));
    page->build(lu, t->itl, &w);
    wb_patch_be16(&w, offsetof(struct scsi_vpd_header, len), (uint16_t)(w.len - sizeof(h)));
    task_reply(t, &w, alloc);
}
