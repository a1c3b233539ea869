/* SPDX-License-Identifier: BSD-2-Clause */
/* Text of login and text PDUs: key=value pairs and how values are written, RFC 7143 6.1. */
#ifndef ISCSI_TEXT_H
#define ISCSI_TEXT_H

#include "base/buf.h"

#define TEXT_KEY_MAX   63  /* bytes, 6.1 */
#define TEXT_VALUE_MAX 255 /* bytes, of every value that is not binary, 6.1 */

enum text_got { TEXT_END, TEXT_PAIR, TEXT_BAD };

/* The next pair of [*p, end). Cuts the text in place: both strings end in a NUL and lie in
 * it. Empty strings between pairs are passed over; TEXT_BAD: no '=', no NUL, a key or value
 * with a byte that is not allowed, or a key that is too long. */
enum text_got text_next(char **p, char *end, const char **ret_key, const char **ret_value);

/* Decimal or 0x hexadecimal, the whole string, at most 32 bits. */
bool text_number(const char *s, uint32_t *ret_value);
/* "Yes" or "No". */
bool text_bool(const char *s, uint32_t *ret_value);
/* The next token of a comma-separated list into ret_token, *p moves behind it. False at the
 * end, or when a token is empty or does not fit; then **p tells which: '\0' at the end. */
bool text_token(const char **p, char *ret_token, size_t cap);
/* A binary value, 0x hexadecimal (even number of digits) or 0b base64, whole, between 1 and
 * cap bytes; nothing is written past cap. False otherwise. */
bool text_binary(const char *s, uint8_t *ret_bytes, size_t cap, size_t *ret_len);

/* Append key=value and its NUL. */
void text_put(struct wbuf *w, const char *key, const char *value);
void text_put_number(struct wbuf *w, const char *key, uint32_t value);
void text_put_binary(struct wbuf *w, const char *key, const uint8_t *p, size_t len);

/* Decimal digits of v and a NUL. */
#define TEXT_NUMBER_CAP 11
void text_from_number(uint32_t v, char ret_str[TEXT_NUMBER_CAP]);

#endif
