/* SPDX-License-Identifier: BSD-2-Clause */
/* A sparse array of 4 KiB pages: what a simulated file holds, once as it reads and once as
 * it would survive. */
#ifndef RUN_SIM_SIM_PAGES_H
#define RUN_SIM_SIM_PAGES_H

#include "base/util.h"

#define SIM_PAGE       4096u
#define SIM_SECTOR     512u
#define SIM_PAGE_SECTS (SIM_PAGE / SIM_SECTOR)

struct sim_chunk;
struct sim_pages {
    struct sim_chunk **v; /* ascending */
    size_t n, cap;
    uint64_t used; /* pages that are there */
};

void sim_pages_init(struct sim_pages *p);
void sim_pages_clear(struct sim_pages *p);
/* dst is cleared first. */
void sim_pages_copy(struct sim_pages *dst, const struct sim_pages *src);
/* The page's bytes; NULL: a hole. */
const uint8_t *sim_pages_get(const struct sim_pages *p, uint64_t page);
/* The page for writing, made of zeros when it was a hole. */
uint8_t *sim_pages_own(struct sim_pages *p, uint64_t page);
/* Makes the page there and zero, without memory of its own. */
void sim_pages_zero(struct sim_pages *p, uint64_t page);
void sim_pages_drop(struct sim_pages *p, uint64_t page);
/* The first page at or after from that is there. */
bool sim_pages_next(const struct sim_pages *p, uint64_t from, uint64_t *ret_page);

/* Bytes at any place; holes read as zeros. */
void sim_pages_read(const struct sim_pages *p, uint64_t off, void *ret_bytes, size_t len);
void sim_pages_write(struct sim_pages *p, uint64_t off, const void *bytes, size_t len);

#endif
