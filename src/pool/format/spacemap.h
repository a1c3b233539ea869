/* SPDX-License-Identifier: BSD-2-Clause */
/* The entries of space maps and dirty time logs (OpenZFS space_map.h). Pure. */
#ifndef POOL_FORMAT_SPACEMAP_H
#define POOL_FORMAT_SPACEMAP_H

#include "base/endian.h"
#include "base/err.h"

enum sm_type { SM_ALLOC, SM_FREE };
struct sm_entry {
    enum sm_type type;
    uint64_t off, run; /* bytes: units of 1 << shift */
    uint64_t txg;      /* of the debug word before it, 0: none seen yet */
};

/* Reads a stream of words, one- and two-word entries, debug words and padding. fn returns 0
 * to go on. -EBADMSG: cut entry, or one that leaves [0, size). The words of one map may come
 * in several pieces that end anywhere on 8 bytes; state lives in the cursor. */
struct sm_cursor {
    unsigned shift;
    uint64_t size; /* bytes of the map's address space */
    uint64_t txg;
    uint64_t first; /* pending first word of a two-word entry */
};
typedef int (*sm_entry_fn)(void *arg, const struct sm_entry *e);
int sm_decode(struct sm_cursor *c, const void *words, size_t len, sm_entry_fn fn, void *arg,
              struct err *reterr);
/* At the end of the stream: 0, -EBADMSG when an entry is cut. */
int sm_decode_end(const struct sm_cursor *c);

/* Appends to words. One-word entries: a run longer than 32768 units becomes several. */
struct sm_encoder {
    le64 *words;
    size_t n, cap; /* words stored and room; n counts on past cap */
    unsigned shift;
};
void sm_encode_debug(struct sm_encoder *e, enum sm_type type, uint64_t txg);
void sm_encode(struct sm_encoder *e, enum sm_type type, uint64_t off, uint64_t len);
/* Words that a run of len bytes takes. */
size_t sm_entry_words(uint64_t len, unsigned shift);

#endif
