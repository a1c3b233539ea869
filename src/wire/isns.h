/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iSNS as bytes (RFC 4171), as far as an entity needs it that registers targets and is asked how it is: PDUs, their
 * functions, attributes and status codes, written by wbuf and read by rbuf. Pure; nothing parks.
 */
#ifndef WIRE_ISNS_H
#define WIRE_ISNS_H

#include "base/buf.h"

#include <assert.h>

#define ISNS_PORT     3205 /* TCP, RFC 4171 2.8 */
#define ISNS_VERSION  1
#define ISNS_DATA_MAX 65532u /* bytes behind the header: a multiple of 4 in 16 bits */

struct isns_hdr {
    be16 version;
    be16 function; /* enum isns_function, ISNS_RESPONSE in answers */
    be16 len;      /* bytes behind the header, a multiple of 4 */
    be16 flags;
    be16 xid; /* of a request and its answer */
    be16 seq; /* of PDUs of one message, from 0 */
};
static_assert(sizeof(struct isns_hdr) == 12, "RFC 4171 5.1");
#define ISNS_FLAG_CLIENT  0x8000u /* the sender is a client */
#define ISNS_FLAG_SERVER  0x4000u
#define ISNS_FLAG_AUTH    0x2000u /* an authentication block follows the data */
#define ISNS_FLAG_REPLACE 0x1000u /* DevAttrReg: what the key names is removed first */
#define ISNS_FLAG_LAST    0x0800u /* PDU of its message */
#define ISNS_FLAG_FIRST   0x0400u

enum isns_function { /* RFC 4171 5.1.2 */
                     ISNS_DEV_ATTR_REG = 0x0001,
                     ISNS_DEV_ATTR_QRY = 0x0002,
                     ISNS_DEV_DEREG = 0x0004,
                     ISNS_SCN_REG = 0x0005,
                     ISNS_SCN_DEREG = 0x0006,
                     ISNS_SCN = 0x0008,
                     ISNS_ESI = 0x000d,
};
#define ISNS_RESPONSE 0x8000u

enum isns_status { /* RFC 4171 5.4 */
                   ISNS_OK = 0,
                   ISNS_NO_SUCH_ENTRY = 9,
                   ISNS_NOT_SUPPORTED = 15,
                   ISNS_ESI_NOT_AVAILABLE = 21,
};
/* What a status means; of an unknown one "unknown status". */
const char *isns_status_text(uint32_t status);

enum isns_tag { /* RFC 4171 6.1 */
                ISNS_TAG_DELIMITER = 0,
                ISNS_TAG_ENTITY = 1,          /* text */
                ISNS_TAG_PROTOCOL = 2,        /* ISNS_PROTOCOL_ISCSI */
                ISNS_TAG_PERIOD = 6,          /* seconds */
                ISNS_TAG_PORTAL_ADDRESS = 16, /* 16 bytes, IPv4 as ::ffff:a.b.c.d */
                ISNS_TAG_PORTAL_PORT = 17,    /* a TCP port in the low 16 bits */
                ISNS_TAG_ESI_INTERVAL = 19,   /* seconds */
                ISNS_TAG_ESI_PORT = 20,       /* as 17, at the portal's address */
                ISNS_TAG_SCN_PORT = 23,       /* likewise */
                ISNS_TAG_NAME = 32,           /* text */
                ISNS_TAG_NODE_TYPE = 33,      /* ISNS_NODE_TARGET */
                ISNS_TAG_ALIAS = 34,          /* text */
                ISNS_TAG_SCN_BITS = 35,
                ISNS_TAG_PG_NAME = 48, /* the three that name a portal group: node and portal */
                ISNS_TAG_PG_ADDRESS = 49, /* as 16 */
                ISNS_TAG_PG_PORT = 50,    /* as 17 */
                ISNS_TAG_PG_TAG =
                    51, /* the tag in the low 16 bits; empty: the node is not to be reached through the portal */
};
#define ISNS_PROTOCOL_ISCSI 2
#define ISNS_NODE_TARGET    1
/* RFC 4171 6.4.4: of targets and of what befalls the node itself; something was removed. */
#define ISNS_SCN_TARGET_AND_SELF 0x40
#define ISNS_SCN_REMOVED         0x10

/* ---- writing ----------------------------------------------------------------------------- */

/* Begins a PDU that is a message of its own, at the start of w. */
void isns_begin(struct wbuf *w, uint16_t function, uint16_t flags, uint16_t xid);
/* Attributes; texts come with their NUL, all are padded to four bytes (RFC 4171 5.3.1). */
void isns_put(struct wbuf *w, uint32_t tag, const void *value, size_t len);
void isns_put_u32(struct wbuf *w, uint32_t tag, uint32_t value);
void isns_put_text(struct wbuf *w, uint32_t tag, const char *text);
void isns_put_empty(struct wbuf *w, uint32_t tag);
/* Writes the length. False: it did not fit w, or no PDU can hold it. */
bool isns_end(struct wbuf *w);

/* ---- reading ----------------------------------------------------------------------------- */

struct isns_pdu {
    uint16_t function, flags, xid, seq;
    const uint8_t *data; /* borrowed */
    size_t len;          /* of data */
    size_t total;        /* with the header */
};
/* The PDU at the start of these bytes. -1: none that we could take (another version, authentication, more than max
 * bytes of data, a length that is no multiple of 4); 0: it is not whole yet; 1: it is. */
int isns_pdu_read(const uint8_t *p, size_t len, size_t max, struct isns_pdu *ret_pdu);

struct isns_attr {
    uint32_t tag;
    size_t len;
    const uint8_t *value; /* borrowed */
};
/* The next attribute. False: there is none, or (r->bad) what follows is no attribute. */
bool isns_next(struct rbuf *r, struct isns_attr *ret_attr);
/* The value of an attribute of four bytes; of others 0. */
uint32_t isns_attr_u32(const struct isns_attr *a);

/*
 * Answers what a server asks of a client, into w: an ESI by its own attributes (RFC 4171 5.7.5.13), an SCN by its
 * destination (5.7.5.8), anything else that is a request by "message not supported". False: it is an answer itself,
 * or does not fit, and there is nothing to be sent.
 */
bool isns_answer(const struct isns_pdu *asked, struct wbuf *w);

#endif
