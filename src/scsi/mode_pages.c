/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mode pages of a LU: their defaults, which bits an initiator may change, and the values it
 * set. Current values are the defaults with the changeable bits taken from what was set, so
 * that a default that follows the volume (WCE, thresholds) never goes stale. Saved values are
 * kept with the volume, as text: "08=... 0a=...", page=hex of its bytes.
 *
 * What follows from the values (struct scsi_control, the volume's write cache) is put in force
 * here and nowhere else. On the LU's home; reading defaults and saving park.
 */
#include "scsi/mode_pages.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ATTR_MODES "scsi.modes"
#define TEXT_MAX   (MODE_NPAGES * (2 * MODE_PAGE_MAX + 8))

struct scsi_modes {
    struct mode_values current, saved;
};

/* ---- the pages --------------------------------------------------------------------------- */

static int recovery_defaults(struct scsi_lu *lu, uint8_t *p)
{
    (void)lu;
    p[2] = RECOVERY_AWRE | RECOVERY_ARRE;
    return 0;
}

/* WCE=1 tells initiators to flush; it may be cleared only where the volume's policy leaves it
 * to them. */
static int caching_defaults(struct scsi_lu *lu, uint8_t *p)
{
    if (lu->vol->sync != VOL_SYNC_ALWAYS)
        p[2] = CACHING_WCE;
    return 0;
}
static void caching_changeable(const struct scsi_lu *lu, uint8_t *p)
{
    if (lu->vol->sync == VOL_SYNC_STANDARD)
        p[2] = CACHING_WCE;
}

static int control_defaults(struct scsi_lu *lu, uint8_t *p)
{
    (void)lu;
    p[2] = CONTROL_GLTSD;
    p[3] = CONTROL_QAM_FREE;
    return 0;
}
static void control_changeable(const struct scsi_lu *lu, uint8_t *p)
{
    (void)lu;
    p[2] = 1 << CONTROL_TST_SHIFT | CONTROL_D_SENSE;
    p[3] = CONTROL_QERR;
    p[4] = CONTROL_SWP;
    p[5] = CONTROL_TAS;
}

static int extension_defaults(struct scsi_lu *lu, uint8_t *p)
{
    (void)lu;
    p[4] = EXTENSION_IALUAE;
    p[6] = SCSI_SENSE_MAX;
    return 0;
}

static int exceptions_defaults(struct scsi_lu *lu, uint8_t *p)
{
    (void)lu;
    p[2] = EXCEPTIONS_DEXCPT;
    return 0;
}

/* One threshold, of the room that is available: the volume's or its store's, whichever comes first. */
static int provisioning_defaults(struct scsi_lu *lu, uint8_t *p)
{
    uint32_t units = 0;
    int rc = lu_unmaps(lu) ? threshold_units(lu, &units) : 0;
    if (units == 0)
        return rc;
    struct scsi_mode_threshold t = {
        .flags = THRESHOLD_ENABLED | THRESHOLD_DECREASING,
        .resource = THRESHOLD_AVAILABLE,
        .count = be32_make(units),
    };
    memcpy(p + 16, &t, sizeof(t));
    return rc;
}

static int none(struct scsi_lu *lu, uint8_t *p)
{
    (void)lu, (void)p;
    return 0;
}

const struct mode_page mode_pages[MODE_NPAGES] = {
    {PAGE_RW_RECOVERY, 0,                         12, recovery_defaults,     NULL              },
    {PAGE_DISCONNECT,  0,                         16, none,                  NULL              },
    {PAGE_CACHING,     0,                         20, caching_defaults,      caching_changeable},
    {PAGE_CONTROL,     0,                         12, control_defaults,      control_changeable},
    {PAGE_CONTROL,     SUBPAGE_CONTROL_EXTENSION, 32, extension_defaults,    NULL              },
    {PAGE_EXCEPTIONS,  0,                         12, exceptions_defaults,   NULL              },
    {PAGE_EXCEPTIONS,  SUBPAGE_PROVISIONING,      24, provisioning_defaults, NULL              },
};
#define CACHING 2 /* indexes into the table */
#define CONTROL 3

/* ---- values ------------------------------------------------------------------------------ */

static void header(const struct mode_page *p, uint8_t *bytes)
{
    bytes[0] = p->page;
    if (p->changeable)
        bytes[0] |= MODE_PS;
    if (p->subpage == 0) {
        bytes[1] = (uint8_t)(p->len - 2);
        return;
    }
    bytes[0] |= MODE_SPF;
    bytes[1] = p->subpage;
    store_be16(bytes + 2, (uint16_t)(p->len - 4));
}

static void mask_of(const struct scsi_lu *lu, const struct mode_page *p, uint8_t *ret_mask)
{
    memset(ret_mask, 0, MODE_PAGE_MAX);
    if (p->changeable)
        p->changeable(lu, ret_mask);
}

/* What is in force in the volume: the operator can change it behind the page's back. */
static uint8_t cache_now(const struct scsi_lu *lu)
{
    return lu->vol->write_cache ? CACHING_WCE : 0;
}

int mode_page_read(struct scsi_lu *lu, size_t page, enum mode_pc pc,
                   uint8_t ret_bytes[MODE_PAGE_MAX])
{
    const struct mode_page *p = &mode_pages[page];
    const struct mode_values *set = pc == MODE_SAVED ? &lu->modes->saved : &lu->modes->current;
    uint8_t mask[MODE_PAGE_MAX];
    int rc = 0;
    mask_of(lu, p, mask);
    memset(ret_bytes, 0, MODE_PAGE_MAX);
    if (pc == MODE_CHANGEABLE)
        memcpy(ret_bytes, mask, MODE_PAGE_MAX);
    else
        rc = p->defaults(lu, ret_bytes);
    for (size_t i = 0; i < p->len && (pc == MODE_CURRENT || pc == MODE_SAVED); i++)
        ret_bytes[i] = (uint8_t)((ret_bytes[i] & ~mask[i]) | (set->bytes[page][i] & mask[i]));
    if (page == CACHING && pc == MODE_CURRENT)
        ret_bytes[2] = cache_now(lu);
    header(p, ret_bytes);
    return rc;
}

static int8_t highest_bit(uint8_t bits)
{
    return (int8_t)(31 - __builtin_clz(bits));
}

bool mode_page_check(struct scsi_lu *lu, size_t page, const uint8_t *bytes, uint8_t *ret_byte,
                     int8_t *ret_bit)
{
    const struct mode_page *p = &mode_pages[page];
    uint8_t now[MODE_PAGE_MAX], mask[MODE_PAGE_MAX];
    /* When the volume does not answer, what it decides cannot be compared, nor changed. */
    if (mode_page_read(lu, page, MODE_CURRENT, now) < 0)
        memset(now, 0, sizeof(now));
    mask_of(lu, p, mask);
    for (uint8_t i = p->subpage ? 4 : 2; i < p->len; i++) {
        uint8_t bad = (uint8_t)((bytes[i] ^ now[i]) & ~mask[i]);
        if (bad != 0) {
            *ret_byte = i;
            *ret_bit = highest_bit(bad);
            return false;
        }
    }
    if (page == CONTROL &&
        (bytes[3] & CONTROL_QERR) >> CONTROL_QERR_SHIFT == 2) { /* reserved */
        *ret_byte = 3;
        *ret_bit = highest_bit(CONTROL_QERR);
        return false;
    }
    return true;
}

struct mode_values modes_current(const struct scsi_lu *lu)
{
    struct mode_values v = lu->modes->current;
    v.bytes[CACHING][2] = cache_now(lu);
    return v;
}

/* ---- putting them in force --------------------------------------------------------------- */

/* The write cache: what is not durable yet becomes so before it is switched off. Parks. */
static int enforce_cache(struct scsi_lu *lu, const struct mode_values *values)
{
    bool on = values->bytes[CACHING][2] & CACHING_WCE;
    if (lu->vol->sync != VOL_SYNC_STANDARD || on == lu->vol->write_cache)
        return 0;
    return volume_set_write_cache(lu->vol, on);
}

static void enforce_control(struct scsi_lu *lu)
{
    const uint8_t *p = lu->modes->current.bytes[CONTROL];
    lu->control = (struct scsi_control){
        .d_sense = p[2] & CONTROL_D_SENSE,
        .swp = p[4] & CONTROL_SWP,
        .tas = p[5] & CONTROL_TAS,
        .tst = (p[2] & CONTROL_TST) >> CONTROL_TST_SHIFT,
        .qerr = (p[3] & CONTROL_QERR) >> CONTROL_QERR_SHIFT,
    };
}

/* Only changeable bits, so that two sets of values compare. */
static void keep_changeable(const struct scsi_lu *lu, struct mode_values *values)
{
    for (size_t i = 0; i < MODE_NPAGES; i++) {
        uint8_t mask[MODE_PAGE_MAX];
        mask_of(lu, &mode_pages[i], mask);
        for (size_t b = 0; b < MODE_PAGE_MAX; b++)
            values->bytes[i][b] &= mask[b];
    }
}

static int save_values(struct scsi_lu *lu, const struct mode_values *values)
{
    char text[TEXT_MAX], hex[2 * MODE_PAGE_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < MODE_NPAGES; i++) {
        if (!mode_pages[i].changeable)
            continue;
        hex_encode(values->bytes[i], mode_pages[i].len, hex);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%02x=%s", len ? " " : "",
                                mode_pages[i].page, hex);
    }
    return volume_set_attr(lu->vol, ATTR_MODES, text);
}

int modes_apply(struct scsi_lu *lu, const struct mode_values *values, bool save,
                bool *ret_changed)
{
    struct mode_values v = *values;
    keep_changeable(lu, &v);
    int rc = save ? save_values(lu, &v) : 0;
    if (rc < 0)
        return rc;
    if (save)
        lu->modes->saved = v;
    rc = enforce_cache(lu, &v);
    if (rc < 0)
        return rc;
    *ret_changed = memcmp(&lu->modes->current, &v, sizeof(v)) != 0;
    lu->modes->current = v;
    enforce_control(lu);
    return 0;
}

/* ---- life -------------------------------------------------------------------------------- */

/* "08=..." into values; what this version does not know is left out. */
static void parse_one(const char *word, struct mode_values *values)
{
    uint8_t code;
    if (strlen(word) < 3 || word[2] != '=' || !hex_decode(word, 2, &code))
        return;
    for (size_t i = 0; i < MODE_NPAGES; i++)
        if (mode_pages[i].page == code && mode_pages[i].changeable &&
            strlen(word + 3) == 2u * mode_pages[i].len)
            hex_decode(word + 3, 2u * mode_pages[i].len, values->bytes[i]);
}

static int default_values(struct scsi_lu *lu, struct mode_values *ret_values)
{
    memset(ret_values, 0, sizeof(*ret_values));
    for (size_t i = 0; i < MODE_NPAGES; i++) {
        if (!mode_pages[i].changeable)
            continue;
        int rc = mode_pages[i].defaults(lu, ret_values->bytes[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int modes_load(struct scsi_lu *lu)
{
    CLEANUP(freep) char *text = NULL;
    bool changed;
    char *rest = NULL;
    lu->modes = calloc(1, sizeof(*lu->modes));
    if (!lu->modes)
        return E(-ENOMEM);
    int rc = volume_get_attr(lu->vol, ATTR_MODES, &text);
    if (rc == 0)
        rc = default_values(lu, &lu->modes->saved);
    if (rc < 0)
        return rc;
    for (char *word = text ? strtok_r(text, " ", &rest) : NULL; word;
         word = strtok_r(NULL, " ", &rest))
        parse_one(word, &lu->modes->saved);
    return modes_apply(lu, &lu->modes->saved, false, &changed);
}

void modes_reset(struct scsi_lu *lu)
{
    bool changed;
    fmutex_lock(&lu->meta);
    modes_apply(lu, &lu->modes->saved, false,
                &changed); /* a cache that cannot be flushed stays as it is */
    fmutex_unlock(&lu->meta);
}

void modes_free(struct scsi_lu *lu)
{
    free(lu->modes);
    lu->modes = NULL;
}
