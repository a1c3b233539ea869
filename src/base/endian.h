/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte-order types. A wire or disk field has a type of its own, so that a missing swap does not
 * compile, and every struct made of them has alignment 1, so that none needs to be packed.
 */
#ifndef BASE_ENDIAN_H
#define BASE_ENDIAN_H

#include <stdint.h>

typedef struct {
    uint8_t b[2];
} be16;
typedef struct {
    uint8_t b[3];
} be24;
typedef struct {
    uint8_t b[4];
} be32;
typedef struct {
    uint8_t b[8];
} be64;
typedef struct {
    uint8_t b[2];
} le16;
typedef struct {
    uint8_t b[4];
} le32;
typedef struct {
    uint8_t b[8];
} le64;

/* From and to bare bytes, for CDBs and descriptors that are read by offset. */
static inline uint16_t load_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t load_be24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}
static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t load_be64(const uint8_t *p)
{
    return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}
static inline void store_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void store_be24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}
static inline void store_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}
static inline void store_be64(uint8_t *p, uint64_t v)
{
    store_be32(p, (uint32_t)(v >> 32));
    store_be32(p + 4, (uint32_t)v);
}

static inline uint16_t be16_get(be16 v)
{
    return load_be16(v.b);
}
static inline uint32_t be24_get(be24 v)
{
    return load_be24(v.b);
}
static inline uint32_t be32_get(be32 v)
{
    return load_be32(v.b);
}
static inline uint64_t be64_get(be64 v)
{
    return load_be64(v.b);
}
static inline be16 be16_make(uint16_t v)
{
    be16 r;
    store_be16(r.b, v);
    return r;
}
static inline be24 be24_make(uint32_t v)
{
    be24 r;
    store_be24(r.b, v);
    return r;
}
static inline be32 be32_make(uint32_t v)
{
    be32 r;
    store_be32(r.b, v);
    return r;
}
static inline be64 be64_make(uint64_t v)
{
    be64 r;
    store_be64(r.b, v);
    return r;
}

static inline uint16_t le16_get(le16 v)
{
    return (uint16_t)(v.b[0] | v.b[1] << 8);
}
static inline uint32_t le32_get(le32 v)
{
    return (uint32_t)v.b[3] << 24 | (uint32_t)v.b[2] << 16 | (uint32_t)v.b[1] << 8 | v.b[0];
}
static inline uint64_t le64_get(le64 v)
{
    uint64_t r = 0;
    for (int i = 7; i >= 0; i--)
        r = r << 8 | v.b[i];
    return r;
}
static inline le16 le16_make(uint16_t v)
{
    return (le16){
        {(uint8_t)v, (uint8_t)(v >> 8)}
    };
}
static inline le32 le32_make(uint32_t v)
{
    return (le32){
        {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)}
    };
}
static inline le64 le64_make(uint64_t v)
{
    le64 r;
    for (int i = 0; i < 8; i++, v >>= 8)
        r.b[i] = (uint8_t)v;
    return r;
}

#endif
