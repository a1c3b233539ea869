/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sector is 64 words. Word 0 is its number under a magic, so misplaced and foreign data show;
 * word 1 is the tag, so stale and mixed data show; with the full pattern the other 62 words are
 * a key, made of both, plus multiples of an odd constant, so a shift or a torn sector shows.
 * The top bit of the tag word tells which of the two it is. Words are in the order of the
 * machine: nothing but this program reads them, on the machine that wrote them.
 */
#include "pattern.h"

#include "base/check.h"

#include <assert.h>
#include <string.h>

#define WORDS     (PATTERN_SECTOR / sizeof(uint64_t))
#define MAGIC     UINT64_C(0x7a73616e00000000) /* "zsan" */
#define FULL_BIT  (UINT64_C(1) << 63)
#define BODY_STEP UINT64_C(0x9e3779b97f4a7c15)

struct sector {
    uint64_t word[WORDS];
};
static_assert(sizeof(struct sector) == PATTERN_SECTOR, "a sector is whole words");

/* splitmix64's finisher: every bit of the stamp reaches every bit of the key. */
static uint64_t body_key(uint64_t number, uint64_t tag)
{
    uint64_t x = number * BODY_STEP ^ tag;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void fill_body(struct sector *s)
{
    uint64_t key = body_key(s->word[0], s->word[1]);
    for (size_t i = 2; i < WORDS; i++)
        s->word[i] = key + i * BODY_STEP;
}

static bool body_is_good(const struct sector *s)
{
    uint64_t key = body_key(s->word[0], s->word[1]), diff = 0;
    for (size_t i = 2; i < WORDS; i++)
        diff |= s->word[i] ^ (key + i * BODY_STEP);
    return diff == 0;
}

void pattern_fill(void *buf, size_t len, uint64_t sector, uint64_t tag,
                  enum pattern_level level)
{
    check(len % PATTERN_SECTOR == 0 && level != PATTERN_OFF);
    uint8_t *p = buf;
    struct sector s;
    for (size_t off = 0; off < len; off += PATTERN_SECTOR, sector++) {
        s.word[0] = MAGIC ^ sector;
        s.word[1] = tag | (level == PATTERN_FULL ? FULL_BIT : 0);
        if (level == PATTERN_FULL) {
            fill_body(&s);
            memcpy(p + off, &s, sizeof(s));
        } else {
            memcpy(p + off, s.word, 2 * sizeof(s.word[0]));
        }
    }
}

static enum pattern_verdict check_sector(const uint8_t *p, uint64_t number, uint64_t tag,
                                         enum pattern_level level)
{
    struct sector s;
    memcpy(s.word, p, 2 * sizeof(s.word[0]));
    if (s.word[0] == 0 && s.word[1] == 0)
        return tag == 0 ? PATTERN_UNWRITTEN : PATTERN_BAD;
    if (s.word[0] != (MAGIC ^ number))
        return PATTERN_BAD;
    if (tag != 0 && (s.word[1] & ~FULL_BIT) != tag)
        return PATTERN_BAD;
    if (level != PATTERN_FULL || !(s.word[1] & FULL_BIT))
        return PATTERN_GOOD;
    memcpy(&s, p, sizeof(s));
    return body_is_good(&s) ? PATTERN_GOOD : PATTERN_BAD;
}

enum pattern_verdict pattern_check(const void *buf, size_t len, uint64_t sector, uint64_t tag,
                                   enum pattern_level level)
{
    check(len % PATTERN_SECTOR == 0);
    enum pattern_verdict worst = PATTERN_GOOD;
    const uint8_t *p = buf;
    for (size_t off = 0; off < len; off += PATTERN_SECTOR, sector++) {
        enum pattern_verdict v = check_sector(p + off, sector, tag, level);
        worst = MAX(worst, v);
    }
    return worst;
}
