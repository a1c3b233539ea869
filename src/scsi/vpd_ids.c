/* SPDX-License-Identifier: BSD-2-Clause */
/* The pages that name things: the LU, its ports, the device (SPC-4 7.8.5, 7.8.6, 7.8.14). LU's
 * home; does not park. */
#include "scsi/vpd.h"
#include "wire/scsi_inquiry.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>

#define NAME_MAX_LEN (SCSI_NAME_LEN + 16) /* ",t,0x0001" behind an iSCSI name */

void vpd_serial(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    (void)itl;
    wb_str(w, lu->params.id.serial);
}

static void designator(struct wbuf *w, uint8_t code_set, uint8_t type, const void *bytes,
                       size_t len)
{
    struct scsi_designator d = {.code_set = code_set, .type = type, .len = (uint8_t)len};
    wb_bytes(w, &d, sizeof(d));
    wb_bytes(w, bytes, len);
}

/* A SCSI name string: NUL-terminated, filled with NULs to a multiple of four (SPC-4 7.8.6.11).
 * */
static void name_designator(struct wbuf *w, uint8_t code_set, uint8_t type, const char *name)
{
    char field[NAME_MAX_LEN + 4] = "";
    size_t len = strlen(name);
    memcpy(field, name, len);
    designator(w, code_set, type | DESIG_TYPE_NAME, field, round_up(len + 1, 4));
}

/* RFC 7143 4.4.1: the SCSI port name of an iSCSI target port. */
static void port_name_designator(struct wbuf *w, const struct scsi_target_port *p)
{
    char name[NAME_MAX_LEN];
    snprintf(name, sizeof(name), "%s,t,0x%04x", p->name, p->portal_group);
    name_designator(w, DESIG_PROTOCOL_ISCSI | DESIG_CODE_UTF8, DESIG_PIV | DESIG_OF_PORT, name);
}

static void number_designator(struct wbuf *w, uint8_t type, uint16_t number)
{
    uint8_t bytes[4] = {0};
    store_be16(bytes + 2, number);
    designator(w, DESIG_PROTOCOL_ISCSI | DESIG_CODE_BINARY, DESIG_PIV | DESIG_OF_PORT | type,
               bytes, sizeof(bytes));
}

static void lu_designators(struct wbuf *w, const struct scsi_identity *id)
{
    char naa[sizeof("naa.") + 2 * sizeof(id->naa)] = "naa.";
    uint8_t t10[8 + 16 + sizeof(id->serial)];
    struct wbuf b = wbuf_make(t10, sizeof(t10));
    designator(w, DESIG_CODE_BINARY, DESIG_OF_LU | DESIG_TYPE_NAA, id->naa, id->naa_len);
    wb_ascii(&b, id->vendor, 8);
    wb_ascii(&b, id->product, 16);
    wb_str(&b, id->serial);
    designator(w, DESIG_CODE_ASCII, DESIG_OF_LU | DESIG_TYPE_T10, t10, b.len);
    hex_encode(id->naa, id->naa_len, naa + 4);
    for (char *c = naa + 4; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    name_designator(w, DESIG_CODE_UTF8, DESIG_OF_LU, naa);
}

/* Those of the LU are equal on every path; those of the port tell on which path this command
 * came. */
void vpd_designators(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    const struct scsi_target_port *p = &itl->who->target;
    lu_designators(w, &lu->params.id);
    number_designator(w, DESIG_TYPE_REL_PORT, p->rel_port_id);
    number_designator(w, DESIG_TYPE_GROUP, p->alua_group);
    port_name_designator(w, p);
    name_designator(w, DESIG_PROTOCOL_ISCSI | DESIG_CODE_UTF8, DESIG_PIV | DESIG_OF_DEVICE,
                    p->name);
}

/* SPC-4 7.8.14: per port its relative identifier and its name; initiator ports have none to
 * show. */
void vpd_ports(const struct scsi_lu *lu, const struct scsi_itl *itl, struct wbuf *w)
{
    (void)itl;
    for (unsigned i = 0; i < lu->nports; i++) {
        wb_be16(w, 0);
        wb_be16(w, lu->ports[i].rel_port_id);
        wb_be16(w, 0);
        wb_be16(w, 0); /* initiator port TransportID length */
        wb_be16(w, 0);
        size_t len_at = w->len;
        wb_be16(w, 0);
        port_name_designator(w, &lu->ports[i]);
        wb_patch_be16(w, len_at, (uint16_t)(w->len - len_at - 2));
    }
}
