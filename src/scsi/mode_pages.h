/* SPDX-License-Identifier: BSD-2-Clause */
/* Mode pages and their values (mode_pages.c), for the commands in mode.c. All on the LU's home.
 * */
#ifndef SCSI_MODE_PAGES_H
#define SCSI_MODE_PAGES_H

#include "scsi/scsi_int.h"
#include "wire/scsi_mode.h"

#define MODE_PAGE_MAX 32
#define MODE_NPAGES   7

enum mode_pc { MODE_CURRENT, MODE_CHANGEABLE, MODE_DEFAULT, MODE_SAVED };

struct mode_page {
    uint8_t page, subpage;
    uint8_t len; /* bytes, header included */
    /* Fills in what is not 0 by default, on zeroed bytes. 0 or the volume's error; may park. */
    int (*defaults)(struct scsi_lu *lu, uint8_t *bytes);
    /* Sets the bits that may be changed, on zeroed bytes; NULL: none. */
    void (*changeable)(const struct scsi_lu *lu, uint8_t *bytes);
};
/* Ascending by page and subpage. */
extern const struct mode_page mode_pages[MODE_NPAGES];

/* Values that MODE SELECT set; only bits that are changeable count. */
struct mode_values {
    uint8_t bytes[MODE_NPAGES][MODE_PAGE_MAX];
};

/* The page with its header. Parks. 0 or the volume's error. */
int mode_page_read(struct scsi_lu *lu, size_t page, enum mode_pc pc,
                   uint8_t ret_bytes[MODE_PAGE_MAX]);
/* Whether a page from an initiator changes only what may be changed, to values that exist.
 * False: where it doesn't. Parks. */
bool mode_page_check(struct scsi_lu *lu, size_t page, const uint8_t *bytes, uint8_t *ret_byte,
                     int8_t *ret_bit);
/* The values in force, to be changed and given to modes_apply(). */
struct mode_values modes_current(const struct scsi_lu *lu);
/* Makes values the current ones, and with save durable before that. *ret_changed: they differ
 * from those before. Parks. 0 or the volume's error; then the old ones are still in force.
 * Under lu->meta. */
int modes_apply(struct scsi_lu *lu, const struct mode_values *values, bool save,
                bool *ret_changed);

#endif
