/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool's history (OpenZFS spa_history.c): commands and what the engine did by itself, in an object of the MOS that is a
 * ring of bytes. The first record, of the pool's creation, is kept for ever; of the others the oldest go when room is
 * needed. A record is its length (u64) and a packed name-value list; OpenZFS packs its own in another encoding and reads
 * both.
 */
#include "pool/pool_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_BLOCK   (16u << 10)
#define RECORD_MAX      (64u << 10)
#define RECORD_READ_MAX (256u << 10)
#define RING_MIN        (128u << 10)
#define RING_MAX        (1u << 30)

/* The object's bonus. Offsets are logical: they only grow, and fold into the ring behind the first record. */
struct history_phys {
    le64 create_len, ring_end, first, end, lost;
};
struct ring {
    uint64_t create_len, ring_end, first, end, lost;
};

static int ring_read(const struct object *obj, struct ring *ret)
{
    struct history_phys h;
    if (object_bonus_len(obj) < sizeof(h))
        return E(-EBADMSG);
    memcpy(&h, object_bonus(obj), sizeof(h));
    *ret = (struct ring){le64_get(h.create_len), le64_get(h.ring_end), le64_get(h.first),
                         le64_get(h.end), le64_get(h.lost)};
    bool sane = ret->ring_end >= RING_MIN && ret->ring_end <= RING_MAX &&
                ret->create_len <= ret->first && ret->first <= ret->end &&
                ret->create_len < ret->ring_end / 2 &&
                ret->end - ret->first <= ret->ring_end - ret->create_len;
    return sane ? 0 : E(-EBADMSG);
}

static void ring_write(struct object *obj, const struct ring *g)
{
    struct history_phys h = {le64_make(g->create_len), le64_make(g->ring_end),
                             le64_make(g->first), le64_make(g->end), le64_make(g->lost)};
    memcpy(object_bonus_change(obj), &h, sizeof(h));
}

static uint64_t place_of(const struct ring *g, uint64_t at)
{
    if (at < g->create_len)
        return at;
    return (at - g->create_len) % (g->ring_end - g->create_len) + g->create_len;
}

/* One run of bytes, or two where it goes around. */
static int ring_move(struct object *obj, const struct ring *g, uint64_t at, uint8_t *bytes,
                     size_t len, bool write)
{
    while (len > 0) {
        uint64_t place = place_of(g, at);
        size_t n = MIN(len, g->ring_end - place);
        int r = write ? object_write(obj, place, bytes, n) : object_read(obj, place, bytes, n);
        if (r)
            return r;
        at += n;
        bytes += n;
        len -= n;
    }
    return 0;
}

static int record_len(struct object *obj, const struct ring *g, uint64_t at, uint64_t end,
                      uint64_t *ret_len)
{
    le64 len;
    int r = end - at < sizeof(len) ? E(-EBADMSG)
                                   : ring_move(obj, g, at, (uint8_t *)&len, sizeof(len), false);
    if (r)
        return r;
    *ret_len = le64_get(len);
    return *ret_len > end - at - sizeof(len) ? E(-EBADMSG) : 0;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static int ring_create(struct pool *p)
{
    struct object_props props = {.type = DMU_SPA_HISTORY,
                                 .bonus_type = DMU_SPA_HISTORY_OFFSETS,
                                 .bonus_len = sizeof(struct history_phys),
                                 .block_size = HISTORY_BLOCK};
    uint64_t size = space_totals(p->space).size / 1000;
    struct ring g = {.ring_end = MIN(MAX(size, RING_MIN), RING_MAX)};
    struct object *obj;
    int r = object_create(p->mos, 0, &props, &p->history_object);
    if (r == 0)
        r = zap_set_u64(p->mos, DMU_OBJECT_DIRECTORY, "history", p->history_object);
    if (r == 0)
        r = object_hold(p->mos, p->history_object, &obj);
    if (r)
        return r;
    ring_write(obj, &g);
    object_release(obj);
    return 0;
}

/* The oldest records go until there is room. */
static int ring_make_room(struct object *obj, struct ring *g, size_t len)
{
    while (g->ring_end - g->create_len - (g->end - g->first) <= len) {
        uint64_t n;
        int r = record_len(obj, g, g->first, g->end, &n);
        if (r)
            return r;
        g->first += sizeof(le64) + n;
        g->lost++;
    }
    return 0;
}

static int ring_append(struct object *obj, uint8_t *bytes, size_t len)
{
    struct ring g;
    le64 prefix = le64_make(len);
    int r = ring_read(obj, &g);
    if (r == 0)
        r = ring_make_room(obj, &g, len + sizeof(prefix));
    if (r == 0)
        r = ring_move(obj, &g, g.end, (uint8_t *)&prefix, sizeof(prefix), true);
    if (r == 0)
        r = ring_move(obj, &g, g.end + sizeof(prefix), bytes, len, true);
    if (r)
        return r;
    g.end += sizeof(prefix) + len;
    if (g.create_len == 0)
        g.create_len = g.first = g.end;
    ring_write(obj, &g);
    return 0;
}

static struct nv *record_new(const struct pool *p)
{
    struct nv *nv = nv_new();
    if (nv &&
        (nv_add_u64(nv, "history time", run_wall() / NS_PER_SEC) ||
         nv_add_u64(nv, "history who", 0) || nv_add_str(nv, "history hostname", p->hostname))) {
        nv_free(nv);
        return NULL;
    }
    return nv;
}

/* Takes over nv. A history that is damaged is left as it is: it is no reason to stop a txg. */
static int record_append(struct pool *p, struct nv *nv)
{
    struct object *obj;
    uint8_t *bytes;
    size_t len;
    int r = nv_pack(nv, &bytes, &len);
    nv_free(nv);
    if (r)
        return r;
    if (p->history_object == 0)
        r = ring_create(p);
    if (r == 0)
        r = object_hold(p->mos, p->history_object, &obj);
    if (r == 0) {
        r = ring_append(obj, bytes, len);
        object_release(obj);
    }
    free(bytes);
    return r == -EBADMSG ? 0 : r;
}

int history_internal(struct pool *p, uint64_t txg, const char *what, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct nv *nv = record_new(p);
    if (!nv || nv_add_u64(nv, "history txg", txg) || nv_add_str(nv, "internal_name", what) ||
        nv_add_str(nv, "history internal str", text)) {
        nv_free(nv);
        return E(-ENOMEM);
    }
    return record_append(p, nv);
}

int history_command(struct pool *p, const char *text)
{
    struct nv *nv = record_new(p);
    if (!nv || nv_add_str(nv, "history command", text)) {
        nv_free(nv);
        return E(-ENOMEM);
    }
    return record_append(p, nv);
}

struct log_task {
    struct pool *p;
    const char *text;
};

static int log_in_txg(void *arg, uint64_t txg, struct err *reterr)
{
    const struct log_task *t = arg;
    int r = history_command(t->p, t->text);
    (void)txg;
    return r ? err_set(reterr, r, "pool %s: its history cannot be written", t->p->name) : 0;
}

int pool_history_log(struct pool *p, const char *text, struct err *reterr)
{
    struct log_task t = {p, text};
    if (strlen(text) > RECORD_MAX / 2)
        return err_set(reterr, E(-EINVAL),
                       "pool %s: a command of %zu bytes is too long for its history", p->name,
                       strlen(text));
    return txg_run(p, log_in_txg, &t, reterr);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

struct telling {
    int (*fn)(void *arg, const struct pool_history_entry *e);
    void *arg;
};

static int record_tell(const struct telling *t, const struct nv *nv)
{
    struct pool_history_entry e = {.what = "", .text = "", .hostname = ""};
    nv_get_u64(nv, "history time", &e.time);
    nv_get_u64(nv, "history txg", &e.txg);
    nv_get_str(nv, "history hostname", &e.hostname);
    e.internal = !nv_get_str(nv, "history command", &e.text);
    if (e.internal) {
        nv_get_str(nv, "internal_name", &e.what);
        nv_get_str(nv, "ioctl", &e.what);
        nv_get_str(nv, "history internal str", &e.text);
    }
    return t->fn(t->arg, &e);
}

static int record_parse(const uint8_t *bytes, size_t len, struct nv **ret_nv)
{
    return len > 0 && bytes[0] == 0 ? nv_parse_native(bytes, len, ret_nv, NULL)
                                    : nv_parse(bytes, len, ret_nv, NULL);
}

/* One record; those of an encoding that we don't know are passed over. */
static int record_show(const struct telling *t, struct object *obj, const struct ring *g,
                       uint64_t at, uint64_t len)
{
    struct nv *nv;
    uint8_t *bytes = len <= RECORD_READ_MAX ? malloc(MAX(len, 1u)) : NULL;
    if (!bytes)
        return len > RECORD_READ_MAX ? E(-EBADMSG) : E(-ENOMEM);
    int r = ring_move(obj, g, at, bytes, len, false);
    if (r == 0 && record_parse(bytes, len, &nv) == 0) {
        r = record_tell(t, nv);
        nv_free(nv);
    }
    free(bytes);
    return r;
}

static int records_show(const struct telling *t, struct object *obj, const struct ring *g,
                        uint64_t at, uint64_t end)
{
    int r = 0;
    while (r == 0 && at < end) {
        uint64_t len;
        r = record_len(obj, g, at, end, &len);
        if (r == 0)
            r = record_show(t, obj, g, at + sizeof(le64), len);
        at += sizeof(le64) + len;
        fiber_maybe_yield();
    }
    return r;
}

struct history_walk {
    struct pool *p;
    struct telling t;
};

static int history_walk(void *arg, uint64_t txg, struct err *reterr)
{
    const struct history_walk *w = arg;
    struct object *obj;
    struct ring g;
    (void)txg, (void)reterr;
    int r = object_hold(w->p->mos, w->p->history_object, &obj);
    if (r)
        return r;
    r = ring_read(obj, &g);
    if (r == 0)
        r = records_show(&w->t, obj, &g, 0, g.create_len);
    if (r == 0)
        r = records_show(&w->t, obj, &g, g.first, g.end);
    object_release(obj);
    return r;
}

/* Only the sync fiber may read objects of the MOS beside changes to them. */
int pool_history(struct pool *p, int (*fn)(void *arg, const struct pool_history_entry *e),
                 void *arg)
{
    struct history_walk w = {
        p, {fn, arg}
    };
    if (p->history_object == 0)
        return 0;
    return p->read_only ? history_walk(&w, 0, NULL) : txg_run(p, history_walk, &w, NULL);
}
