/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools for tests in the simulated world: a raidz1 of three small disks, and what one does with it. Errors that nobody expects
 * end the test. */
#ifndef POOL_POOL_FIXTURE_H
#define POOL_POOL_FIXTURE_H

#include "pool/pool_int.h"

#define FIXTURE_MIB       (1ull << 20)
#define FIXTURE_DISK_SIZE (96 * FIXTURE_MIB)
#define FIXTURE_BLOCK     8192u

/* A new file of zeros. */
void fixture_disk(const char *path, uint64_t size);
struct pool *fixture_make(void);
struct pool *fixture_import(bool read_only);
int fixture_folder(struct pool *p, const char *name);
/* volblocksize FIXTURE_BLOCK, parents made. */
int fixture_volume(struct pool *p, const char *name, uint64_t size, bool reserve);
struct volume *fixture_open(struct pool *p, const char *name);
/* Bytes that nothing makes smaller, by seed. */
int fixture_write(struct volume *v, uint64_t off, uint64_t len, unsigned seed);
/* With these flags, whatever the volume's sync asks for. */
int fixture_write_as(struct volume *v, uint64_t off, uint64_t len, unsigned seed,
                     unsigned flags);
/* Those written with the seed are there; 0: zeros. */
bool fixture_holds(struct volume *v, uint64_t off, uint64_t len, unsigned seed);
/* "VALUE SOURCE" of a property, or the error's number; valid until the next call. */
const char *fixture_get(struct pool *p, const char *dataset, const char *property);
uint64_t fixture_number(struct pool *p, const char *dataset, const char *property);

#endif
