/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engines of this folder share. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include "store/store.h"

/* Zeros to read from, by reference and never to be written: they lie in read-only memory. */
#define STORE_ZEROS_LEN 65536u
uint8_t *store_zeros(void);
/* Appends len zero bytes by reference. -ENOMEM: nothing was appended. */
int store_zeros_add(struct sgl *s, uint64_t len);

/* Checks block sizes of the parameters against each other; fills v->geo but for size and
 * provisioning. */
int store_geometry(const struct store_params *p, uint32_t store_physical,
                   struct volume_geometry *ret_geo, struct err *reterr);

#endif
