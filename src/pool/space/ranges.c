/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of disjoint ranges as a B+ tree. A node holds pairs (key, val): in a leaf a pair is a
 * range, its start and length; above, it sums up a child, its first key and the largest length
 * below it. So the largest range is found by following the largest val down, and one function
 * brings the sums of a changed node's ancestors up to date. About 24 bytes a range.
 *
 * Nodes need not be half full: a node goes when it is empty, or joins a neighbour when both
 * together leave room. Adjacent ranges are always merged. A change that needs memory gets all
 * of it first, so that it happens wholly or not at all. Nothing here parks.
 */
#include "pool/space/space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    FANOUT = 62,
    FEW = FANOUT / 4,         /* a node with fewer looks for a neighbour to join */
    JOINED_MAX = FANOUT - 16, /* and does so if this many at most come together */
    LEVELS_MAX = 16,
};

struct node {
    uint32_t n, level; /* level 0: a leaf */
    uint64_t key[FANOUT];
    uint64_t val[FANOUT];
    struct node *child[]; /* FANOUT of them above leaves */
};

struct ranges {
    struct node *root; /* NULL: empty */
    unsigned height;
    uint64_t bytes;
    size_t count;
    uint32_t by_log2[64]; /* ranges with lengths in [2^i, 2^(i+1)) */
};

/* The way from a leaf to the root, and the nodes that splitting on this way will use up. */
struct path {
    struct node *node[LEVELS_MAX];
    unsigned at[LEVELS_MAX];
    struct node *fresh[LEVELS_MAX + 1];
};

struct range {
    uint64_t off, len;
};

/* ---- nodes ------------------------------------------------------------------------------- */

static struct node *node_new(unsigned level)
{
    size_t children = level ? FANOUT * sizeof(struct node *) : 0;
    struct node *n = malloc(sizeof(*n) + children);
    if (n) {
        n->n = 0;
        n->level = level;
    }
    return n;
}

static void node_free(struct node *n)
{
    for (unsigned i = 0; n->level > 0 && i < n->n; i++)
        node_free(n->child[i]);
    free(n);
}

static uint64_t node_max(const struct node *n)
{
    uint64_t max = 0;
    for (unsigned i = 0; i < n->n; i++)
        max = MAX(max, n->val[i]);
    return max;
}

/* The last entry whose key is at most off; the first one if there is none. */
static unsigned node_find(const struct node *n, uint64_t off)
{
    unsigned lo = 0, hi = n->n;
    while (hi - lo > 1) {
        unsigned mid = lo + (hi - lo) / 2;
        if (n->key[mid] <= off)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* Moves entries [from, n) of src behind the entries of dst. */
static void node_move(struct node *dst, struct node *src, unsigned from)
{
    unsigned n = src->n - from;
    memcpy(&dst->key[dst->n], &src->key[from], n * sizeof(src->key[0]));
    memcpy(&dst->val[dst->n], &src->val[from], n * sizeof(src->val[0]));
    if (src->level > 0)
        memcpy(&dst->child[dst->n], &src->child[from], n * sizeof(src->child[0]));
    dst->n += n;
    src->n = from;
}

static void node_put(struct node *n, unsigned at, uint64_t key, uint64_t val,
                     struct node *child)
{
    unsigned after = n->n - at;
    memmove(&n->key[at + 1], &n->key[at], after * sizeof(n->key[0]));
    memmove(&n->val[at + 1], &n->val[at], after * sizeof(n->val[0]));
    if (n->level > 0) {
        memmove(&n->child[at + 1], &n->child[at], after * sizeof(n->child[0]));
        n->child[at] = child;
    }
    n->key[at] = key;
    n->val[at] = val;
    n->n++;
}

static void node_drop(struct node *n, unsigned at)
{
    unsigned after = n->n - at - 1;
    memmove(&n->key[at], &n->key[at + 1], after * sizeof(n->key[0]));
    memmove(&n->val[at], &n->val[at + 1], after * sizeof(n->val[0]));
    if (n->level > 0)
        memmove(&n->child[at], &n->child[at + 1], after * sizeof(n->child[0]));
    n->n--;
}

/* ---- paths ------------------------------------------------------------------------------- */

/* To the last range that starts at or before off, or else the first one. The set is not
 * empty. */
static void path_find(const struct ranges *r, uint64_t off, struct path *p)
{
    struct node *n = r->root;
    for (unsigned level = r->height - 1; level > 0; level--) {
        p->node[level] = n;
        p->at[level] = node_find(n, off);
        n = n->child[p->at[level]];
    }
    p->node[0] = n;
    p->at[0] = node_find(n, off);
}

static struct range path_range(const struct path *p)
{
    const struct node *leaf = p->node[0];
    return (struct range){leaf->key[p->at[0]], leaf->val[p->at[0]]};
}

/* On to the next range; false: that was the last one. */
static bool path_next(const struct ranges *r, struct path *p)
{
    unsigned level = 0;
    while (level < r->height && p->at[level] + 1 >= p->node[level]->n)
        level++;
    if (level == r->height)
        return false;
    p->at[level]++;
    for (; level > 0; level--) {
        p->node[level - 1] = p->node[level]->child[p->at[level]];
        p->at[level - 1] = 0;
    }
    return true;
}

/* Brings the sums above a changed node up to date. */
static void path_fix(const struct ranges *r, struct path *p, unsigned level)
{
    for (; level + 1 < r->height; level++) {
        const struct node *n = p->node[level];
        struct node *above = p->node[level + 1];
        unsigned at = p->at[level + 1];
        uint64_t max = node_max(n);
        if (above->key[at] == n->key[0] && above->val[at] == max)
            return;
        above->key[at] = n->key[0];
        above->val[at] = max;
    }
}

/* Gets the nodes that an insertion into the path's leaf will need. -ENOMEM: none. */
static int path_prepare(const struct ranges *r, struct path *p)
{
    unsigned level = 0;
    for (;; level++) {
        bool full = level == r->height || p->node[level]->n == FANOUT;
        p->fresh[level] = full ? node_new(level) : NULL;
        if (full && !p->fresh[level])
            break;
        if (!full || level == r->height)
            return 0;
    }
    while (level-- > 0)
        free(p->fresh[level]);
    return -ENOMEM;
}

/* Inserts a pair before position pos of the path's node at this level. Prepared. */
static void path_insert(struct ranges *r, struct path *p, unsigned level, unsigned pos,
                        uint64_t key, uint64_t val, struct node *child)
{
    if (level == r->height) {
        struct node *root = p->fresh[level], *left = r->root;
        if (left)
            node_put(root, 0, left->key[0], node_max(left), left);
        node_put(root, pos, key, val, child);
        r->root = root;
        r->height++;
        return;
    }
    struct node *n = p->node[level];
    if (n->n < FANOUT) {
        node_put(n, pos, key, val, child);
        path_fix(r, p, level);
        return;
    }
    /* Split; what grows at its end leaves full nodes behind. */
    struct node *right = p->fresh[level];
    unsigned keep = pos == FANOUT ? FANOUT : FANOUT / 2;
    node_move(right, n, keep);
    if (pos < FANOUT && pos <= keep)
        node_put(n, pos, key, val, child);
    else
        node_put(right, pos - keep, key, val, child);
    path_fix(r, p, level);
    unsigned above = level + 1 < r->height ? p->at[level + 1] + 1 : 1;
    path_insert(r, p, level + 1, above, right->key[0], node_max(right), right);
}

static void path_erase(struct ranges *r, struct path *p, unsigned level);

/* Joins a node that has few entries left with a neighbour below the same parent. */
static void path_join(struct ranges *r, struct path *p, unsigned level)
{
    struct node *above = p->node[level + 1];
    if (p->node[level]->n >= FEW || above->n < 2)
        return;
    unsigned at = p->at[level + 1], left = at > 0 ? at - 1 : 0;
    struct node *a = above->child[left], *b = above->child[left + 1];
    if (a->n + b->n > JOINED_MAX)
        return;
    node_move(a, b, 0);
    above->val[left] = node_max(a);
    free(b);
    p->at[level + 1] = left + 1;
    path_erase(r, p, level + 1);
}

/* Takes out the pair that the path points to at this level; the path is of no use
 * afterwards. */
static void path_erase(struct ranges *r, struct path *p, unsigned level)
{
    struct node *n = p->node[level];
    node_drop(n, p->at[level]);
    if (level + 1 < r->height && n->n > 0) {
        path_fix(r, p, level);
        path_join(r, p, level);
    } else if (level + 1 < r->height) {
        free(n);
        path_erase(r, p, level + 1);
    } else if (n->n == 0) {
        free(n);
        r->root = NULL;
        r->height = 0;
    }
    while (r->height > 1 && r->root->n == 1) {
        struct node *only = r->root->child[0];
        free(r->root);
        r->root = only;
        r->height--;
    }
}

/* ---- the set ----------------------------------------------------------------------------- */

static unsigned log2_of(uint64_t len)
{
    return 63 - (unsigned)__builtin_clzll(len);
}

static void count(struct ranges *r, uint64_t len)
{
    r->by_log2[log2_of(len)]++;
    r->bytes += len;
    r->count++;
}

static void uncount(struct ranges *r, uint64_t len)
{
    r->by_log2[log2_of(len)]--;
    r->bytes -= len;
    r->count--;
}

static void change(struct ranges *r, struct path *p, uint64_t off, uint64_t len)
{
    struct node *leaf = p->node[0];
    unsigned at = p->at[0];
    uncount(r, leaf->val[at]);
    count(r, len);
    leaf->key[at] = off;
    leaf->val[at] = len;
    path_fix(r, p, 0);
}

static void erase(struct ranges *r, struct path *p)
{
    uncount(r, p->node[0]->val[p->at[0]]);
    path_erase(r, p, 0);
}

static int insert(struct ranges *r, struct path *p, unsigned pos, uint64_t off, uint64_t len)
{
    if (path_prepare(r, p) != 0)
        return E(-ENOMEM);
    path_insert(r, p, 0, pos, off, len, NULL);
    count(r, len);
    return 0;
}

struct ranges *ranges_new(void)
{
    return calloc(1, sizeof(struct ranges));
}

void ranges_free(struct ranges *r)
{
    if (r)
        ranges_clear(r);
    free(r);
}

void ranges_clear(struct ranges *r)
{
    if (r->root)
        node_free(r->root);
    *r = (struct ranges){0};
}

int ranges_add(struct ranges *r, uint64_t off, uint64_t len)
{
    struct path before, after;
    if (!r->root)
        return insert(r, &before, 0, off, len);
    path_find(r, off, &before);
    struct range b = path_range(&before), a;
    bool has_before = b.off <= off, has_after = true;
    after = before;
    if (has_before)
        has_after = path_next(r, &after);
    a = path_range(&after);
    if ((has_before && b.len > off - b.off) || (has_after && a.off - off < len))
        return -EEXIST;
    bool joins_before = has_before && b.off + b.len == off;
    bool joins_after = has_after && off + len == a.off;
    if (joins_before && joins_after) {
        change(r, &before, b.off, b.len + len + a.len);
        erase(r, &after);
    } else if (joins_before) {
        change(r, &before, b.off, b.len + len);
    } else if (joins_after) {
        change(r, &after, off, len + a.len);
    } else {
        return insert(r, &before, has_before ? before.at[0] + 1 : 0, off, len);
    }
    return 0;
}

/* Whether the path leads to a range that has all of [off, off + len). */
static bool path_covers(const struct path *p, uint64_t off, uint64_t len)
{
    struct range at = path_range(p);
    return at.off <= off && off - at.off < at.len && len <= at.len - (off - at.off);
}

int ranges_remove(struct ranges *r, uint64_t off, uint64_t len)
{
    struct path p;
    if (!r->root)
        return -ENOENT;
    path_find(r, off, &p);
    if (!path_covers(&p, off, len))
        return -ENOENT;
    struct range was = path_range(&p);
    uint64_t head = off - was.off, tail = was.len - head - len;
    if (head > 0 && tail > 0) {
        int rc = insert(r, &p, p.at[0] + 1, off + len, tail);
        if (rc != 0)
            return rc;
        path_find(r, was.off, &p);
        change(r, &p, was.off, head);
    } else if (head > 0) {
        change(r, &p, was.off, head);
    } else if (tail > 0) {
        change(r, &p, off + len, tail);
    } else {
        erase(r, &p);
    }
    return 0;
}

int ranges_subtract(struct ranges *r, uint64_t off, uint64_t len)
{
    uint64_t end = off + len, at, at_len;
    while (off < end && ranges_next(r, off, &at, &at_len) && at < end) {
        uint64_t from = MAX(at, off), to = MIN(at + at_len, end);
        int rc = ranges_remove(r, from, to - from);
        if (rc != 0)
            return rc;
        off = to;
    }
    return 0;
}

bool ranges_has(const struct ranges *r, uint64_t off, uint64_t len)
{
    struct path p;
    if (!r->root)
        return false;
    path_find(r, off, &p);
    return path_covers(&p, off, len);
}

bool ranges_overlaps(const struct ranges *r, uint64_t off, uint64_t len)
{
    uint64_t at, at_len;
    return ranges_next(r, off, &at, &at_len) && at < off + len;
}

bool ranges_next(const struct ranges *r, uint64_t off, uint64_t *ret_off, uint64_t *ret_len)
{
    struct path p;
    if (!r->root)
        return false;
    path_find(r, off, &p);
    struct range at = path_range(&p);
    if (at.off <= off && at.len <= off - at.off) {
        if (!path_next(r, &p))
            return false;
        at = path_range(&p);
    }
    *ret_off = at.off;
    *ret_len = at.len;
    return true;
}

uint64_t ranges_largest(const struct ranges *r, uint64_t *ret_off)
{
    if (!r->root)
        return 0;
    const struct node *n = r->root;
    uint64_t max = node_max(n);
    for (;;) {
        unsigned at = 0;
        while (n->val[at] != max)
            at++;
        *ret_off = n->key[at];
        if (n->level == 0)
            return max;
        n = n->child[at];
    }
}

uint64_t ranges_bytes(const struct ranges *r)
{
    return r->bytes;
}

size_t ranges_count(const struct ranges *r)
{
    return r->count;
}

uint32_t ranges_count_log2(const struct ranges *r, unsigned log2)
{
    return r->by_log2[log2];
}
