/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REPORT and SET IDENTIFYING INFORMATION (SPC-4 6.32, 6.43): a label that an initiator may
 * stick on the LU. It is stored with the volume before GOOD. On the LU's home; both park.
 */
#include "scsi/ops.h"
#include "wire/scsi_report.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

static const struct ident_type {
    const char *attr;
    uint16_t max;
} types[IDENT_TYPES] = {
    [IDENT_TYPE_LU] = {"scsi.ident.lu",   IDENT_MAX_LU  },
    [IDENT_TYPE_TEXT] = {"scsi.ident.text", IDENT_MAX_TEXT},
};

static int load_one(struct scsi_lu *lu, size_t type)
{
    CLEANUP(freep) char *hex = NULL;
    struct scsi_ident *ident = &lu->ident[type];
    int rc = volume_get_attr(lu->vol, types[type].attr, &hex);
    if (rc < 0 || !hex)
        return rc;
    size_t len = strlen(hex) / 2;
    CLEANUP(freep) uint8_t *bytes = malloc(MAX(len, 1u));
    if (!bytes)
        return E(-ENOMEM);
    if (len > types[type].max || !hex_decode(hex, 2 * len, bytes))
        return E(-EINVAL);
    ident->bytes = TAKE(bytes);
    ident->len = len;
    return 0;
}

int ident_load(struct scsi_lu *lu)
{
    int rc = 0;
    for (size_t i = 0; i < IDENT_TYPES && rc == 0; i++)
        rc = load_one(lu, i);
    return rc;
}

void ident_free(struct scsi_lu *lu)
{
    for (size_t i = 0; i < IDENT_TYPES; i++)
        free(lu->ident[i].bytes);
}

static uint8_t type_of(const struct scsi_task *t)
{
    return t->cdb[10] >> IDENT_TYPE_SHIFT;
}

static void report_types(struct wbuf *w)
{
    for (uint8_t i = 0; i < IDENT_TYPES; i++) {
        struct scsi_ident_supported d = {.type = (uint8_t)(i << IDENT_TYPE_SHIFT),
                                         .max_len = be16_make(types[i].max)};
        wb_bytes(w, &d, sizeof(d));
    }
}

void op_report_ident(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t bytes[4 + IDENT_MAX_TEXT], type = type_of(t);
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    wb_be32(&w, 0);
    if (type == IDENT_TYPE_SUPPORTED) {
        report_types(&w);
    } else if (type < IDENT_TYPES) {
        wb_bytes(&w, lu->ident[type].bytes, lu->ident[type].len);
    } else {
        task_bad_cdb(t, 10, 7);
        return;
    }
    wb_patch_be16(&w, 2, (uint16_t)(w.len - 4));
    task_reply(t, &w, load_be32(t->cdb + 6));
}

static int store(struct scsi_lu *lu, uint8_t type, const uint8_t *bytes, size_t len)
{
    char hex[2 * IDENT_MAX_TEXT + 1];
    CLEANUP(freep) uint8_t *copy = NULL;
    if (len != 0) {
        copy = malloc(len);
        if (!copy)
            return E(-ENOMEM);
        memcpy(copy, bytes, len);
    }
    hex_encode(bytes, len, hex);
    int rc = volume_set_attr(lu->vol, types[type].attr, len ? hex : NULL);
    if (rc < 0)
        return rc;
    free(lu->ident[type].bytes);
    lu->ident[type] = (struct scsi_ident){TAKE(copy), len};
    return 0;
}

void op_set_ident(struct scsi_lu *lu, struct scsi_task *t)
{
    uint8_t bytes[IDENT_MAX_TEXT], type = type_of(t);
    size_t len = load_be32(t->cdb + 6);
    if (type >= IDENT_TYPES) {
        task_bad_cdb(t, 10, 7);
        return;
    }
    if (len > types[type].max) {
        task_bad_cdb(t, 6, -1);
        return;
    }
    if (!task_param_list(t, bytes, len))
        return;
    if (type == IDENT_TYPE_TEXT && len != 0 && bytes[len - 1] != '\0') { /* SPC-4 6.43 */
        task_bad_param(t, (uint16_t)(len - 1), -1);
        return;
    }
    if (!task_commit(t))
        return;
    fmutex_lock(&lu->meta);
    int rc = store(lu, type, bytes, len);
    fmutex_unlock(&lu->meta);
    if (rc < 0) {
        task_errno(t, rc, 0);
        return;
    }
    ua_raise_all(lu, UA_IDENTIFYING_INFO_CHANGED, t->itl);
    task_good(t);
}
