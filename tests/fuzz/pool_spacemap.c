/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as the words of a space map, whole and in two pieces: both are read alike, entries
 * lie inside the map and, written by our own encoder, read as the same set of units.
 */
#include "base/check.h"
#include "pool/format/spacemap.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct walk {
    struct sm_cursor c;
    uint64_t sum; /* of everything heard, in order */
    unsigned n;
    struct sm_encoder again; /* words NULL: not written again */
};

static int entry(void *arg, const struct sm_entry *e)
{
    struct walk *w = arg;
    check(e->run > 0 && e->run <= w->c.size && e->off <= w->c.size - e->run);
    check(((e->off | e->run) & ((1ull << w->c.shift) - 1)) == 0);
    w->sum = (w->sum + e->off * 3 + e->run * 5 + e->txg * 7 + e->type) * 0x9e3779b97f4a7c15;
    w->n++;
    if (w->again.words) {
        size_t before = w->again.n;
        sm_encode(&w->again, e->type, e->off, e->run);
        check_cmp(w->again.n - before, ==, sm_entry_words(e->run, w->c.shift));
    }
    return 0;
}

/* The total of allocated less freed bytes: does not depend on how runs are cut. */
static int total(void *arg, const struct sm_entry *e)
{
    uint64_t *sum = arg;
    *sum += e->type == SM_ALLOC ? e->run : -e->run;
    *sum += (e->off + e->run) * (e->off + e->run) - e->off * e->off; /* and on where they lie */
    return 0;
}

static int walk(struct walk *w, const uint8_t *words, size_t len, size_t cut)
{
    int rc = sm_decode(&w->c, words, cut, entry, w, NULL);
    if (rc == 0)
        rc = sm_decode(&w->c, words + cut, len - cut, entry, w, NULL);
    return rc ? rc : sm_decode_end(&w->c);
}

static void write_again(const struct sm_cursor *c, const uint8_t *words, size_t len)
{
    enum { CAP = 4096 };
    le64 *out = malloc(CAP * sizeof(*out));
    check(out != NULL);
    struct walk w = {
        .c = *c, .again = {.words = out, .cap = CAP, .shift = c->shift}
    };
    check(walk(&w, words, len, 0) == 0);
    if (w.again.n <= CAP) {
        uint64_t before = 0, after = 0;
        struct sm_cursor a = *c, b = *c;
        check(sm_decode(&a, words, len, total, &before, NULL) == 0);
        check(sm_decode(&b, out, w.again.n * sizeof(*out), total, &after, NULL) == 0);
        check(before == after);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 16384)
        return 0;
    struct sm_cursor c = {.shift = 9 + data[0] % 8};
    c.size = 1ull << (24 + data[1] % 16);
    size_t len = size - 2;
    uint8_t *words = malloc(len ? len : 1); /* of exact size, for the sanitizer */
    check(words != NULL);
    memcpy(words, data + 2, len);
    struct walk whole = {.c = c}, parts = {.c = c};
    int a = walk(&whole, words, len, 0);
    int b = walk(&parts, words, len, len / 16 * 8);
    check_cmp(a, ==, b);
    /* a piece that is no whole number of words is refused before it is read */
    check(len % 8 != 0 || (whole.sum == parts.sum && whole.n == parts.n));
    if (a == 0)
        write_again(&c, words, len);
    free(words);
    return 0;
}
