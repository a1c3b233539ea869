/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages hang off chunks of 1 MiB in a sorted array: files of terabytes cost what was written to
 * them, and a walk meets the pages in order whatever the history was. A page that was only
 * zeroed points at one shared page of zeros.
 */
#include "run/sim/sim_pages.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_PAGES 256u

struct sim_chunk {
    uint64_t index;
    unsigned used;
    uint8_t *page[CHUNK_PAGES];
};

static uint8_t zero_page[SIM_PAGE]; /* shared, never written */

void sim_pages_init(struct sim_pages *p)
{
    *p = (struct sim_pages){0};
}

static void page_free(uint8_t *page)
{
    if (page != zero_page)
        free(page);
}

void sim_pages_clear(struct sim_pages *p)
{
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < CHUNK_PAGES; k++)
            page_free(p->v[i]->page[k]);
        free(p->v[i]);
    }
    free(p->v);
    sim_pages_init(p);
}

/* Place of the first chunk whose index is not below the given one. */
static size_t chunk_place(const struct sim_pages *p, uint64_t index)
{
    size_t lo = 0, hi = p->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->v[mid]->index < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct sim_chunk *chunk_find(const struct sim_pages *p, uint64_t page)
{
    size_t i = chunk_place(p, page / CHUNK_PAGES);
    return i < p->n && p->v[i]->index == page / CHUNK_PAGES ? p->v[i] : NULL;
}

static struct sim_chunk *chunk_make(struct sim_pages *p, uint64_t page)
{
    struct sim_chunk *c = chunk_find(p, page);
    if (c)
        return c;
    size_t at = chunk_place(p, page / CHUNK_PAGES);
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 4;
        p->v = realloc(p->v, p->cap * sizeof(*p->v));
        check(p->v);
    }
    memmove(p->v + at + 1, p->v + at, (p->n - at) * sizeof(*p->v));
    p->n++;
    c = calloc(1, sizeof(*c));
    check(c);
    c->index = page / CHUNK_PAGES;
    return p->v[at] = c;
}

const uint8_t *sim_pages_get(const struct sim_pages *p, uint64_t page)
{
    const struct sim_chunk *c = chunk_find(p, page);
    return c ? c->page[page % CHUNK_PAGES] : NULL;
}

static uint8_t **slot_make(struct sim_pages *p, uint64_t page)
{
    struct sim_chunk *c = chunk_make(p, page);
    uint8_t **slot = &c->page[page % CHUNK_PAGES];
    if (!*slot) {
        *slot = zero_page;
        c->used++;
        p->used++;
    }
    return slot;
}

uint8_t *sim_pages_own(struct sim_pages *p, uint64_t page)
{
    uint8_t **slot = slot_make(p, page);
    if (*slot == zero_page) {
        *slot = calloc(1, SIM_PAGE);
        check(*slot);
    }
    return *slot;
}

void sim_pages_zero(struct sim_pages *p, uint64_t page)
{
    uint8_t **slot = slot_make(p, page);
    page_free(*slot);
    *slot = zero_page;
}

void sim_pages_drop(struct sim_pages *p, uint64_t page)
{
    struct sim_chunk *c = chunk_find(p, page);
    if (!c || !c->page[page % CHUNK_PAGES])
        return;
    page_free(c->page[page % CHUNK_PAGES]);
    c->page[page % CHUNK_PAGES] = NULL;
    c->used--;
    p->used--;
}

bool sim_pages_next(const struct sim_pages *p, uint64_t from, uint64_t *ret_page)
{
    for (size_t i = chunk_place(p, from / CHUNK_PAGES); i < p->n; i++) {
        const struct sim_chunk *c = p->v[i];
        uint64_t first = c->index * CHUNK_PAGES;
        for (uint64_t k = from > first ? from - first : 0; c->used && k < CHUNK_PAGES; k++) {
            if (c->page[k]) {
                *ret_page = first + k;
                return true;
            }
        }
    }
    return false;
}

void sim_pages_copy(struct sim_pages *dst, const struct sim_pages *src)
{
    sim_pages_clear(dst);
    for (uint64_t page = 0; sim_pages_next(src, page, &page); page++) {
        const uint8_t *from = sim_pages_get(src, page);
        if (from == zero_page)
            sim_pages_zero(dst, page);
        else
            memcpy(sim_pages_own(dst, page), from, SIM_PAGE);
    }
}

void sim_pages_read(const struct sim_pages *p, uint64_t off, void *ret_bytes, size_t len)
{
    uint8_t *to = ret_bytes;
    while (len) {
        size_t at = off % SIM_PAGE, n = MIN(len, SIM_PAGE - at);
        const uint8_t *page = sim_pages_get(p, off / SIM_PAGE);
        if (page)
            memcpy(to, page + at, n);
        else
            memset(to, 0, n);
        to += n;
        off += n;
        len -= n;
    }
}

void sim_pages_write(struct sim_pages *p, uint64_t off, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    while (len) {
        size_t at = off % SIM_PAGE, n = MIN(len, SIM_PAGE - at);
        memcpy(sim_pages_own(p, off / SIM_PAGE) + at, from, n);
        from += n;
        off += n;
        len -= n;
    }
}
