/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native properties of datasets by OpenZFS's names (zfs_prop.c): which datasets have them, their defaults, and what the
 * numbers on disk mean.
 */
#include "pool/props.h"
#include "pool/format/zfs.h"

#include <string.h>

#define HEADS (POOL_FOLDER | POOL_VOLUME)
#define ALL   (HEADS | POOL_SNAPSHOT)

static const struct word compressions[] = {
    {"on",     ZCOMP_ON,         false},
    {"off",    ZCOMP_OFF,        false},
    {"lz4",    ZCOMP_LZ4,        false},
    {"lzjb",   ZCOMP_LZJB,       true },
    {"zle",    ZCOMP_ZLE,        true },
    {"zstd",   ZCOMP_ZSTD,       true },
    {"gzip",   ZCOMP_GZIP_1 + 5, true },
    {"gzip-1", ZCOMP_GZIP_1,     true },
    {"gzip-2", ZCOMP_GZIP_1 + 1, true },
    {"gzip-3", ZCOMP_GZIP_1 + 2, true },
    {"gzip-4", ZCOMP_GZIP_1 + 3, true },
    {"gzip-5", ZCOMP_GZIP_1 + 4, true },
    {"gzip-6", ZCOMP_GZIP_1 + 5, true },
    {"gzip-7", ZCOMP_GZIP_1 + 6, true },
    {"gzip-8", ZCOMP_GZIP_1 + 7, true },
    {"gzip-9", ZCOMP_GZIP_9,     true },
    {NULL,     0,                false},
};
static const struct word checksums[] = {
    {"on",        ZCHECK_ON,        false},
    {"off",       ZCHECK_OFF,       true },
    {"fletcher2", ZCHECK_FLETCHER2, true },
    {"fletcher4", ZCHECK_FLETCHER4, false},
    {"sha256",    ZCHECK_SHA256,    false},
    {"noparity",  ZCHECK_NOPARITY,  true },
    {"sha512",    ZCHECK_SHA512,    true },
    {"skein",     ZCHECK_SKEIN,     true },
    {"edonr",     ZCHECK_EDONR,     true },
    {NULL,        0,                false},
};
static const struct word syncs[] = {
    {"standard", 0, false},
    {"always",   1, false},
    {"disabled", 2, false},
    {NULL,       0, false},
};
static const struct word switches[] = {
    {"off", 0, false},
    {"on",  1, false},
    {NULL,  0, false},
};
static const struct word copies[] = {
    {"1",  1, false},
    {"2",  2, false},
    {"3",  3, false},
    {NULL, 0, false},
};

/* Rows of the table. */
#define NUMBER(name, types, from, initial, b)                                                  \
    {                                                                                          \
        name, types, PROP_NUMBER, from, initial, NULL, BOOK_##b                                \
    }
#define BOOK(name, types, b)  NUMBER(name, types, FROM_BOOKS, 0, b)
#define LIMIT(name, types, b) NUMBER(name, types, FROM_LIMITS, 0, b)
#define RATIO(name, types, b)                                                                  \
    {                                                                                          \
        name, types, PROP_RATIO, FROM_BOOKS, 0, NULL, BOOK_##b                                 \
    }
#define TEXT(name, types, b)                                                                   \
    {                                                                                          \
        name, types, PROP_TEXT, FROM_BOOKS, 0, NULL, BOOK_##b                                  \
    }
#define FLAG(name, types, b)                                                                   \
    {                                                                                          \
        name, types, PROP_WORD, FROM_BOOKS, 0, switches, BOOK_##b                              \
    }
#define STORE(name, types, words, initial)                                                     \
    {                                                                                          \
        name, types, PROP_WORD, FROM_STORE, initial, words, 0                                  \
    }

static const struct property properties[] = {
    TEXT("type", ALL, TYPE),
    BOOK("creation", ALL, CREATION),
    BOOK("used", ALL, USED),
    BOOK("available", HEADS, AVAILABLE),
    BOOK("referenced", ALL, REFERENCED),
    RATIO("compressratio", ALL, COMPRESSRATIO),
    TEXT("origin", HEADS, ORIGIN),
    LIMIT("quota", POOL_FOLDER, QUOTA),
    LIMIT("reservation", HEADS, RESERVATION),
    LIMIT("volsize", POOL_VOLUME | POOL_SNAPSHOT, VOLSIZE),
    NUMBER("volblocksize", POOL_VOLUME, FROM_BOOKS, VOLBLOCK_DEFAULT, VOLBLOCKSIZE),
    STORE("checksum", HEADS, checksums, ZCHECK_ON),
    STORE("compression", HEADS, compressions, ZCOMP_OFF),
    STORE("readonly", HEADS, switches, 0),
    BOOK("createtxg", ALL, CREATETXG),
    STORE("copies", HEADS, copies, 1),
    BOOK("guid", ALL, GUID),
    LIMIT("refquota", POOL_FOLDER, REFQUOTA),
    LIMIT("refreservation", HEADS, REFRESERVATION),
    BOOK("usedbysnapshots", HEADS, USED_SNAP),
    BOOK("usedbydataset", HEADS, USED_HEAD),
    BOOK("usedbychildren", HEADS, USED_CHILD),
    BOOK("usedbyrefreservation", HEADS, USED_REFRSRV),
    STORE("sync", HEADS, syncs, 0),
    RATIO("refcompressratio", ALL, REFCOMPRESSRATIO),
    BOOK("written", ALL, WRITTEN),
    BOOK("logicalused", HEADS, LOGICALUSED),
    BOOK("logicalreferenced", ALL, LOGICALREFERENCED),
    BOOK("objsetid", ALL, OBJSETID),
    BOOK("userrefs", POOL_SNAPSHOT, USERREFS),
    FLAG("defer_destroy", POOL_SNAPSHOT, DEFER_DESTROY),
};

const struct property *prop_at(unsigned i)
{
    return i < ARRAY_LEN(properties) ? &properties[i] : NULL;
}

const struct property *prop_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(properties); i++)
        if (strcmp(properties[i].name, name) == 0)
            return &properties[i];
    return NULL;
}

const struct word *word_of_text(const struct word *words, const char *text)
{
    for (; words->text; words++)
        if (strcmp(words->text, text) == 0)
            return words;
    return NULL;
}

const struct word *word_of_value(const struct word *words, uint64_t value)
{
    for (; words->text; words++)
        if (words->value == value)
            return words;
    return NULL;
}
