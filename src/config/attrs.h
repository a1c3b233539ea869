/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes of volumes whose engine cannot keep any: a small file per volume,
 * DIR/attrs/UUID.json, replaced whole by each set and durable on return. DIR/attrs/ledger-XX.json
 * remember every NAA name and serial that a volume ever bore: a second volume is refused the
 * same (-EEXIST), also after the first is gone. Its calls may be made on any reactor; they hop
 * to reactor 0.
 */
#ifndef CONFIG_ATTRS_H
#define CONFIG_ATTRS_H

#include "base/err.h"
#include "volume/volume.h"

struct attrs;

/* On reactor 0. Parks. */
int attrs_open(const char *dir, struct attrs **ret_attrs, struct err *reterr);
void attrs_close(struct attrs *a); /* NULL is fine */
struct attr_store *attrs_store(struct attrs *a);
/* Drops the file of a volume that was deleted; its identity stays in the ledger. Parks. */
int attrs_forget(struct attrs *a, const struct uuid *id);

#endif
