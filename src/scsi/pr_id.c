/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TransportIDs of iSCSI (SPC-4 7.6.4.6) in both formats: the name of an initiator device, or
 * "NAME,i,0xISID", the name of one of its ports. Everything about them comes from an initiator:
 * each is bounded by its own length field and must be well formed to the last byte of padding.
 * Pure.
 */
#include "base/text.h"
#include "scsi/pr.h"

#include <string.h>

#define ISID_SEPARATOR ",i,0x"
#define ISID_DIGITS    12

/* Takes ",i,0xISID" off the end of the name. False: there is none. */
static bool split_isid(char *name, uint8_t ret_isid[6])
{
    char *at = strstr(name, ISID_SEPARATOR);
    if (!at)
        return false;
    const char *digits = at + strlen(ISID_SEPARATOR);
    if (strlen(digits) != ISID_DIGITS || !hex_decode(digits, ISID_DIGITS, ret_isid))
        return false;
    *at = '\0';
    return true;
}

/* What no iSCSI name has (RFC 3722), a comma above all: it would look like the name of a
 * port. */
static bool has_forbidden(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name <= ' ' || *name == ',' || *name == 0x7f)
            return true;
    return false;
}

/* A NUL-terminated name with NULs behind it to the end of the field. */
static bool copy_name(const uint8_t *field, size_t len, char *ret_name, size_t cap)
{
    size_t n = strnlen((const char *)field, len);
    if (n == 0 || n == len || n >= cap)
        return false;
    for (size_t i = n; i < len; i++)
        if (field[i] != 0)
            return false;
    memcpy(ret_name, field, n + 1);
    return true;
}

bool pr_id_parse(struct rbuf *in, struct pr_transport_id *ret_id)
{
    char name[SCSI_NAME_LEN + sizeof(ISID_SEPARATOR) + ISID_DIGITS];
    struct pr_transport_id id = {.any_port = false};
    const struct transport_id *h = (const void *)rb_take(in, sizeof(*h));
    size_t len = h ? be16_get(h->len) : 0;
    const uint8_t *field = rb_take(in, len);
    if (!h || !field || len < TRANSPORT_ID_MIN_LEN || len % 4 != 0)
        return false;
    if (TRANSPORT_ID_PROTOCOL(h->format_protocol) != TRANSPORT_ID_ISCSI || h->rsvd1 != 0)
        return false;
    if (!copy_name(field, len, name, sizeof(name)))
        return false;
    switch (TRANSPORT_ID_FORMAT(h->format_protocol)) {
    case TRANSPORT_ID_DEVICE:
        id.any_port = true;
        break;
    case TRANSPORT_ID_PORT:
        if (!split_isid(name, id.isid))
            return false;
        break;
    default:
        return false;
    }
    if (has_forbidden(name) || !text_copy(id.initiator, sizeof(id.initiator), name))
        return false;
    *ret_id = id;
    return true;
}

void pr_id_put(struct wbuf *w, const struct pr_nexus *who)
{
    char isid[ISID_DIGITS + 1];
    hex_encode(who->isid, sizeof(who->isid), isid);
    size_t name = strlen(who->initiator) + strlen(ISID_SEPARATOR) + ISID_DIGITS;
    size_t len = MAX(round_up(name + 1, 4), TRANSPORT_ID_MIN_LEN);
    wb_u8(w, TRANSPORT_ID_PORT << 6 | TRANSPORT_ID_ISCSI);
    wb_u8(w, 0);
    wb_be16(w, (uint16_t)len);
    wb_str(w, who->initiator);
    wb_str(w, ISID_SEPARATOR);
    wb_str(w, isid);
    wb_zero(w, len - name);
}
