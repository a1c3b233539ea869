/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: the side of a RADIUS server, by the library's own HMAC and not by ours. */
#ifndef WIRE_RADIUS_TESTING_H
#define WIRE_RADIUS_TESTING_H

#include "wire/radius.h"

bool radius_test_md5(const struct iovec *parts, int n, uint8_t ret_digest[RADIUS_MD5_LEN]);
/* An answer without its digests, its code, identifier and attributes in place: writes the length, the value of its first
 * Message-Authenticator, and the Response Authenticator. */
void radius_test_sign(uint8_t *p, size_t len, const uint8_t request[RADIUS_MD5_LEN],
                      const char *secret);
/* The value of an attribute in a request, or NULL. */
const uint8_t *radius_test_attr(const uint8_t *p, size_t len, enum radius_attr attr,
                                size_t *ret_len);

#endif
