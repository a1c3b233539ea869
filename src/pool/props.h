/* SPDX-License-Identifier: BSD-2-Clause */
/* What properties there are, and the words for their values: what get.c and set.c share. */
#ifndef POOL_PROPS_H
#define POOL_PROPS_H

#include "pool/pool_admin.h"

struct word {
    const char *text;
    uint64_t value;
    bool read_only; /* OpenZFS's, which we don't write: kept and shown, not set */
};

enum prop_kind {
    PROP_NUMBER,
    PROP_RATIO, /* hundredths */
    PROP_WORD,
    PROP_TEXT, /* made when it is asked for */
};
/* Where the value comes from; what is not stored as a property is what accounting says. */
enum prop_from {
    FROM_STORE,  /* local or inherited, else the default */
    FROM_BOOKS,  /* has no source */
    FROM_LIMITS, /* the default, or local */
};
struct property {
    const char *name;
    unsigned types; /* enum pool_dataset_type, those that have it */
    enum prop_kind kind;
    enum prop_from from;
    uint64_t initial;         /* the default */
    const struct word *words; /* ends with a NULL text */
    unsigned books;           /* which of the books' values; private to get.c */
};
/* NULL: there is no such native one. */
const struct property *prop_find(const char *name);
/* In the order in which they are listed; NULL past the end. */
const struct property *prop_at(unsigned i);
const struct word *word_of_text(const struct word *words, const char *text);
const struct word *word_of_value(const struct word *words, uint64_t value);

enum books {
    BOOK_TYPE,
    BOOK_CREATION,
    BOOK_USED,
    BOOK_AVAILABLE,
    BOOK_REFERENCED,
    BOOK_COMPRESSRATIO,
    BOOK_REFCOMPRESSRATIO,
    BOOK_LOGICALUSED,
    BOOK_LOGICALREFERENCED,
    BOOK_ORIGIN,
    BOOK_VOLSIZE,
    BOOK_VOLBLOCKSIZE,
    BOOK_QUOTA,
    BOOK_REFQUOTA,
    BOOK_RESERVATION,
    BOOK_REFRESERVATION,
    BOOK_USED_HEAD,
    BOOK_USED_SNAP,
    BOOK_USED_CHILD,
    BOOK_USED_REFRSRV,
    BOOK_WRITTEN,
    BOOK_GUID,
    BOOK_CREATETXG,
    BOOK_OBJSETID,
    BOOK_USERREFS,
    BOOK_DEFER_DESTROY,
    BOOK_COUNT
};

#endif
