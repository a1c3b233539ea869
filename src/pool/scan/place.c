/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a scrub or resilver is, kept in the MOS for the next import: an entry of our own in the object directory, beside
 * OpenZFS's record, which cannot say it, for its order is another one. It belongs to the record with the same start and the
 * same last txg, and to no other; a resilver's also to the leaves that it brought what they lacked, all before the place being
 * durable on them. A pool of more datasets than one entry can name begins again.
 */
#include "pool/scan/scan_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY   "zsan:scan"
#define VERSION 2u

/* Then two numbers for each dataset that has been walked. */
enum {
    P_VERSION,
    P_START,
    P_MAX_TXG,
    P_KEPT,
    P_RESTED,
    P_LACKING,
    P_ID,
    P_MIN,
    P_OBJECT,
    P_BLKID,
    P_HEAD
};
#define WALKED_MAX ((ZAP_VALUE_MAX / 8 - P_HEAD) / 2)

static int forget(struct scan *s)
{
    int r = zap_remove(s->p->mos, DMU_OBJECT_DIRECTORY, ENTRY);
    return r == -ENOENT ? 0 : r;
}

static void encode(const struct scan *s, uint64_t *ret)
{
    const struct scan_place *at = &s->place;
    ret[P_VERSION] = VERSION;
    ret[P_START] = s->now.start;
    ret[P_MAX_TXG] = s->now.max_txg;
    ret[P_KEPT] = s->now.paused ? s->paused_at : run_wall() / NS_PER_SEC;
    ret[P_RESTED] = s->now.rested;
    ret[P_LACKING] = s->lacking;
    ret[P_ID] = at->id;
    ret[P_MIN] = at->min;
    ret[P_OBJECT] = at->object;
    ret[P_BLKID] = at->blkid;
    for (unsigned i = 0; i < s->nwalked; i++) {
        ret[P_HEAD + 2 * i] = s->walked[i].id;
        ret[P_HEAD + 2 * i + 1] = s->walked[i].min;
    }
}

/* A leaf that came or went since a resilver began may lack what lies before the place. */
static bool holds(const struct scan *s)
{
    return s->now.state == SCAN_SCANNING && s->place.there && s->nwalked <= WALKED_MAX &&
           (s->now.func == SCAN_SCRUB || s->seen == s->p->root->changes);
}

int scan_place_keep(struct scan *s)
{
    unsigned n = P_HEAD + 2 * s->nwalked;
    if (!holds(s))
        return forget(s);
    uint64_t *v = calloc(n, sizeof(*v));
    if (!v)
        return E(-ENOMEM);
    encode(s, v);
    int r = zap_set_u64s(s->p->mos, DMU_OBJECT_DIRECTORY, ENTRY, v, n);
    free(v);
    return r;
}

static bool belongs(const struct scan *s, const uint64_t *v, size_t n)
{
    return n >= P_HEAD && (n - P_HEAD) % 2 == 0 && v[P_VERSION] == VERSION &&
           s->now.func != SCAN_NONE && s->now.state == SCAN_SCANNING &&
           v[P_START] == s->now.start && v[P_MAX_TXG] == s->now.max_txg;
}

static int take(struct scan *s, const uint64_t *v, size_t n)
{
    unsigned walked = (unsigned)(n - P_HEAD) / 2;
    s->walked = calloc(MAX(walked, 1u), sizeof(*s->walked));
    if (!s->walked)
        return E(-ENOMEM);
    s->cap = MAX(walked, 1u);
    s->nwalked = walked;
    for (unsigned i = 0; i < walked; i++)
        s->walked[i] = (struct scan_walked){v[P_HEAD + 2 * i], v[P_HEAD + 2 * i + 1]};
    s->place = (struct scan_place){true, v[P_ID], v[P_MIN], v[P_OBJECT], v[P_BLKID]};
    s->paused_at = v[P_KEPT];
    s->now.rested = v[P_RESTED];
    s->lacking = v[P_LACKING];
    return 0;
}

int scan_place_read(struct scan *s)
{
    struct zap_value z = {0};
    int r = zap_get(s->p->mos, DMU_OBJECT_DIRECTORY, ENTRY, &z);
    if (r)
        return r == -ENOMEM ? r : 0; /* what cannot be read costs a beginning */
    uint64_t *v = z.int_size == 8 ? calloc(z.n, sizeof(*v)) : NULL;
    if (v) {
        memcpy(v, z.bytes, z.n * sizeof(*v));
        r = belongs(s, v, z.n) ? take(s, v, z.n) : 0;
    }
    free(v);
    free(z.bytes);
    return r;
}
