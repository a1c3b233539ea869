/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaves that hold the same bytes at the same place: a mirror's, those of an interposed
 * `replacing` or `spare`, or a single one. A read takes the least busy leaf first and goes on
 * until one's bytes are right; leaves whose dirty time log has the block's birth come last,
 * since they lack it unless resilver was there already. Then the bad ones are rewritten. The
 * log's promise is weaker than a checksum: it decides on the order only.
 */
#include "base/mutant.h"
#include "pool/vdev/vdev_int.h"

#include <errno.h>
#include <string.h>

#define STRIP_SHIFT 20u /* on equal load, neighbours within 1 MiB go to the same leaf */

/* ---- which first ------------------------------------------------------------------------- */

/* Stable, so that among equals the turn decides. */
static bool before(const struct copy *a, const struct copy *b)
{
    if (a->lacks != b->lacks)
        return b->lacks;
    return queue_load(&a->leaf->io->queue) < queue_load(&b->leaf->io->queue);
}

static void insert(struct copies *c, const struct copy *x)
{
    unsigned at = c->n++;
    for (; at > 0 && before(x, &c->v[at - 1]); at--)
        c->v[at] = c->v[at - 1];
    c->v[at] = *x;
}

void copies_of(struct copies *ret_copies, const struct vdev *group, uint64_t off,
               uint64_t birth)
{
    unsigned n = 0;
    ret_copies->n = 0;
    while (vdev_leaf(group, n))
        n++;
    for (unsigned i = 0; i < n; i++) {
        struct vdev *leaf = vdev_leaf(group, (unsigned)(((off >> STRIP_SHIFT) + i) % n));
        struct copy c = {.leaf = leaf, .lacks = txg_set_has(&leaf->dtl, birth)};
        if (leaf_up(leaf))
            insert(ret_copies, &c);
    }
}

/* ---- reading ----------------------------------------------------------------------------- */

static int try_copy(struct copy *c, const struct vdev_read *r, uint8_t *dst, uint32_t len)
{
    int rc = leaf_read(c->leaf, r->off, dst, len, r->class);
    if (rc == -ENOMEM)
        return rc;
    if (rc == 0 && r->ok && !r->ok(r->arg, dst)) {
        rc = E(-EBADMSG);
        c->leaf->stats.checksum_errors += !c->lacks && !r->speculative;
    }
    c->bad = rc < 0;
    return rc;
}

/* The first good copy's number, or the error that tells most. */
static int find_good(struct copies *c, const struct vdev_read *r, uint8_t *dst, uint32_t len)
{
    int worst = -EIO;
    for (unsigned i = 0; i < c->n; i++) {
        int rc = try_copy(&c->v[i], r, dst, len);
        if (rc == 0)
            return (int)i;
        if (rc != -EIO)
            worst = rc;
    }
    return worst;
}

int copies_read(struct vdev *top, const struct vdev_read *r, uint8_t *dst)
{
    uint32_t len = (uint32_t)vdev_asize(top, r->psize);
    struct copies c;
    copies_of(&c, top, r->off, r->birth);
    int good = find_good(&c, r, dst, len);
    if (good < 0)
        return good;
    if (mutant_on(MUTANT_REPAIR_FROM_BAD) && good > 0 && c.v[0].bad &&
        leaf_read(c.v[0].leaf, r->off, dst, len, r->class) == 0)
        return leaf_rewrite(c.v[good].leaf, r->off, dst, len, r->class);
    for (int i = 0; i < good && r->repair; i++) {
        if (c.v[i].bad)
            leaf_rewrite(c.v[i].leaf, r->off, dst, len, r->class);
    }
    return 0;
}

/* ---- verifying all ----------------------------------------------------------------------- */

/* What is right, and where. */
struct settling {
    const struct vdev_read *r;
    uint64_t off;
    const uint8_t *right;
    uint8_t *tmp;
    uint32_t len;
    uint64_t repaired;
};

static bool differs(struct settling *s, const struct copy *c)
{
    if (leaf_read(c->leaf, s->off, s->tmp, s->len, s->r->class) < 0)
        return true;
    bool differ = memcmp(s->tmp, s->right, s->len) != 0;
    c->leaf->stats.checksum_errors += differ && !s->r->speculative;
    return differ;
}

/* A leaf that fails while it is rewritten is down then; one that could not be for lack of memory
 * is not as it ought to be, and nobody else would know. */
static int settle(struct settling *s, const struct copy *c)
{
    if ((!c->bad && !c->lacks && !differs(s, c)) || !s->r->repair)
        return 0;
    int rc = leaf_rewrite(c->leaf, s->off, s->right, s->len, s->r->class);
    if (rc == 0)
        s->repaired += s->len;
    return rc == -ENOMEM ? rc : 0;
}

/* All but the one that is known to be right. */
static int settle_copies(struct settling *s, const struct copies *c, const struct vdev *known)
{
    if (c->n == 1 && c->v[0].leaf == known)
        return 0;
    struct iobuf *tmp = iobuf_get(s->len);
    if (!tmp)
        return E(-ENOMEM);
    int rc = 0;
    s->tmp = tmp->p;
    for (unsigned i = 0; i < c->n; i++) {
        int w = c->v[i].leaf != known ? settle(s, &c->v[i]) : 0;
        rc = w ? w : rc;
    }
    iobuf_put(tmp);
    return rc;
}

int copies_scrub(struct vdev *top, const struct vdev_read *r, uint8_t *scratch,
                 uint64_t *ret_repaired)
{
    struct settling s = {
        .r = r, .off = r->off, .right = scratch, .len = (uint32_t)vdev_asize(top, r->psize)};
    struct copies c;
    copies_of(&c, top, r->off, r->birth);
    int good = find_good(&c, r, scratch, s.len);
    if (good < 0)
        return good;
    int rc = settle_copies(&s, &c, c.v[good].leaf);
    *ret_repaired += s.repaired;
    return rc;
}

int copies_settle(struct vdev *group, const struct vdev_read *r, uint64_t off,
                  const uint8_t *right, uint32_t len, const struct vdev *known,
                  uint64_t *ret_repaired)
{
    struct settling s = {.r = r, .off = off, .right = right, .len = len};
    struct copies c;
    copies_of(&c, group, off, r->birth);
    int rc = settle_copies(&s, &c, known);
    *ret_repaired += s.repaired;
    return rc;
}
