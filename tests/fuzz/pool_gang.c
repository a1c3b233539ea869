/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gang headers that lie, each in its right seal. A few of them stand at places of their own; the input says what their
 * pointers name: nothing, a part, a header (itself, or one above it, too), with how many copies and which size, and which bits are
 * wrong then. The block that the first header stands for is read, scrubbed and freed. What is as an honest writer makes it comes
 * back whole; all else comes back or fails, the same way twice, and whatever names what: the disks are asked for no more
 * than a few sectors for each that the block has.
 *
 * Input: flags, copies of the outermost header, four bytes for each pointer (what, which, copies, sectors or 0 as they are), changes of
 * four bytes (header, where (two), bits).
 */
#include "pool/block/block_fixture.h"
#include "pool/block/block_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MIB       (1u << 20)
#define HEADERS   6u
#define PARTS     ARRAY_LEN(part_sizes)
#define HEAD      2u /* bytes of input before the pointers */
#define POINTER   4u
#define CHANGE    4u
#define CHANGES   (HEAD + HEADERS * GANG_CHILDREN * POINTER)
#define UNCHECKED 1u /* flag: gangs have no checksum, only their parts */
/* Disk reads for a sector of the block. Read: it may lie in seven headers of its own, three copies each, and the outermost has three
 * chances. Scrubbed: so at each level. */
#define READS_MAX  (9u * (GANG_DEPTH_MAX + 2))
#define SCRUBS_MAX (READS_MAX * (GANG_DEPTH_MAX + 2))

static const uint32_t part_sizes[] = {512, 1024, 1536, 4096};

enum { NOTHING, PART, HEADER, SIZED_HOLE, KINDS };

struct gangs {
    struct tank tank;
    const uint8_t *input;
    size_t len;
    bool honest;
    struct dva header_at[HEADERS], part_at[PARTS];
    uint32_t size[HEADERS]; /* bytes that each stands for */
    struct gang_header header[HEADERS];
};

struct pointer {
    uint8_t what, which, copies;
    uint32_t size;
};

static uint8_t input_at(const struct gangs *g, size_t at)
{
    return at < g->len ? g->input[at] : 0;
}

static unsigned gang_check(const struct gangs *g)
{
    return input_at(g, 0) & UNCHECKED ? ZCHECK_OFF : ZCHECK_FLETCHER4;
}

static struct pointer pointer_of(const struct gangs *g, unsigned h, unsigned c)
{
    const size_t at = HEAD + (h * GANG_CHILDREN + c) * POINTER;
    struct pointer p = {.what = input_at(g, at) % KINDS,
                        .which = input_at(g, at + 1),
                        .copies = (uint8_t)(1 + input_at(g, at + 2) % BP_DVAS)};
    p.which = (uint8_t)(p.which % (p.what == PART ? PARTS : HEADERS));
    p.size = p.what == PART ? part_sizes[p.which] : p.what == HEADER ? g->size[p.which] : 0;
    if (p.what != NOTHING && input_at(g, at + 3))
        p.size = (uint32_t)input_at(g, at + 3) << SECTOR_SHIFT;
    return p;
}

/* ---- the bytes ------------------------------------------------------------------------------------------- */

static void part_fill(unsigned which, uint8_t *dst)
{
    for (uint32_t i = 0; i < part_sizes[which]; i++)
        dst[i] = (uint8_t)(which * 50 + i / 7 + 1);
}

/* What an honest header stands for, up to cap bytes; false: there is no such block. */
static bool content(const struct gangs *g, unsigned h, unsigned depth, uint8_t *dst,
                    uint32_t cap)
{
    uint32_t at = 0;
    for (unsigned c = 0; c < GANG_CHILDREN; c++) {
        const struct pointer p = pointer_of(g, h, c);
        if (p.what == NOTHING)
            continue;
        if (depth >= GANG_DEPTH_MAX || p.size > cap - at || p.what == SIZED_HOLE)
            return false;
        if (p.what == PART && p.size != part_sizes[p.which])
            return false;
        if (p.what == PART)
            part_fill(p.which, dst + at);
        else if (!content(g, p.which, depth + 1, dst + at, p.size))
            return false;
        at += p.size;
    }
    return at == cap;
}

/* ---- making them ------------------------------------------------------------------------------------------- */

/* Several rounds, for a header may name one that comes later. */
static void sizes_find(struct gangs *g)
{
    for (unsigned i = 0; i < HEADERS * HEADERS; i++) {
        uint32_t sum = 0;
        for (unsigned c = 0; c < GANG_CHILDREN; c++)
            sum += pointer_of(g, i % HEADERS, c).size;
        g->size[i % HEADERS] = MIN(MAX(sum, 1u << SECTOR_SHIFT), BLOCK_MAX);
    }
}

static void point(const struct gangs *g, const struct pointer *p, const struct dva *at,
                  const uint8_t *bytes, struct bp *ret)
{
    struct cksum sum = {{0}};
    const struct bp_props props = {.lsize = p->size,
                                   .psize = p->size,
                                   .type = DMU_ZVOL,
                                   .compress = ZCOMP_OFF,
                                   .checksum =
                                       (uint8_t)(at->gang ? gang_check(g) : ZCHECK_FLETCHER4)};
    bp_make(ret, &props, g->tank.txg);
    if (bytes)
        check(cksum_compute(props.checksum, bytes, p->size, &sum));
    bp_set_cksum(ret, &sum);
    for (unsigned i = 0; at->asize && i < p->copies; i++)
        bp_set_dva(ret, i, at);
}

static struct bp gang_pointer(struct gangs *g, const struct pointer *p)
{
    static uint8_t bytes[BLOCK_MAX];
    struct bp bp;
    struct dva at = g->header_at[p->which];
    at.asize += p->size;
    at.gang = true;
    point(g, p, &at, content(g, p->which, 0, bytes, p->size) ? bytes : NULL, &bp);
    return bp;
}

static void header_make(struct gangs *g, unsigned h)
{
    for (unsigned c = 0; c < GANG_CHILDREN; c++) {
        uint8_t bytes[4096];
        const struct pointer p = pointer_of(g, h, c);
        struct bp *child = &g->header[h].child[c];
        if (p.what == HEADER) {
            *child = gang_pointer(g, &p);
        } else if (p.what == PART) {
            part_fill(p.which, bytes);
            point(g, &p, &g->part_at[p.which], p.size == part_sizes[p.which] ? bytes : NULL,
                  child);
        } else if (p.what == SIZED_HOLE && p.size) {
            point(g, &p, &(struct dva){0}, NULL, child);
        }
    }
}

static void put(struct gangs *g, const struct dva *at, const void *bytes, uint32_t len)
{
    struct iobuf *buf = iobuf_get(len);
    check(buf);
    memcpy(buf->p, bytes, len);
    vbatch_add(g->tank.b.batch, g->tank.root->child[at->vdev], at->off, buf, len);
}

static void place(struct gangs *g, uint32_t len, struct dva *ret)
{
    struct dva dva[BP_DVAS];
    check(space_alloc(g->tank.space, g->tank.txg, len, 1, SPACE_META, dva) == 0);
    *ret = dva[0];
}

static void changes_make(struct gangs *g)
{
    for (size_t i = CHANGES; i + CHANGE <= g->len; i += CHANGE) {
        const uint8_t *c = g->input + i;
        uint8_t *bytes = (uint8_t *)&g->header[c[0] % HEADERS];
        bytes[(unsigned)(c[1] | c[2] << 8) % GANG_HEADER] ^= c[3];
        g->honest = false;
    }
}

static struct bp gangs_make(struct gangs *g)
{
    static uint8_t bytes[BLOCK_MAX];
    const struct pointer top = {.copies = (uint8_t)(1 + input_at(g, 1) % BP_DVAS),
                                .size = g->size[0]};
    g->honest = content(g, 0, 0, bytes, g->size[0]);
    tank_begin(&g->tank);
    for (unsigned i = 0; i < PARTS; i++) {
        place(g, part_sizes[i], &g->part_at[i]);
        part_fill(i, bytes);
        put(g, &g->part_at[i], bytes, part_sizes[i]);
    }
    for (unsigned h = 0; h < HEADERS; h++)
        place(g, GANG_HEADER, &g->header_at[h]);
    for (unsigned h = 0; h < HEADERS; h++)
        header_make(g, h);
    struct bp bp = gang_pointer(g, &top);
    changes_make(g);
    for (unsigned h = 0; h < HEADERS; h++) {
        const struct dva *at = &g->header_at[h];
        const struct cksum verifier = {
            {at->vdev, at->off, g->tank.txg, 0}
        };
        cksum_seal(&g->header[h], GANG_HEADER, &verifier);
        put(g, at, &g->header[h], GANG_HEADER);
    }
    tank_end(&g->tank);
    return bp;
}

/* ---- using them ---------------------------------------------------------------------------------------------- */

/* What buffers hold is seen where nothing is written over it. */
static void soil(uint8_t with)
{
    struct iobuf *buf[GANG_DEPTH_MAX];
    for (uint32_t len = 1u << SECTOR_SHIFT; len <= BLOCK_MAX; len *= 2) {
        for (unsigned i = 0; i < ARRAY_LEN(buf); i++) {
            check(buf[i] = iobuf_get(len));
            memset(buf[i]->p, with, buf[i]->cap);
        }
        for (unsigned i = 0; i < ARRAY_LEN(buf); i++)
            iobuf_put(buf[i]);
    }
}

static uint64_t disk_reads(const struct gangs *g)
{
    return vdev_leaf(g->tank.root, 0)->stats.reads;
}

static int read_once(struct gangs *g, const struct bp *bp, uint8_t soiled, uint8_t *ret)
{
    struct iobuf *buf;
    const uint64_t before = disk_reads(g);
    tank_chill(&g->tank);
    soil(soiled);
    int r = block_read(&g->tank.b, bp, BLOCK_NORMAL, &buf);
    check_cmp(disk_reads(g) - before, <=, (bp_psize(bp) >> SECTOR_SHIFT) * READS_MAX);
    if (r == 0) {
        memcpy(ret, buf->p, bp_lsize(bp));
        iobuf_put(buf);
    }
    return r;
}

static void use(struct gangs *g, const struct bp *bp)
{
    static uint8_t once[BLOCK_MAX], again[BLOCK_MAX], want[BLOCK_MAX];
    g->tank.b.read_only =
        true; /* what is repaired in the place of something else changes what is read next */
    int r = read_once(g, bp, 0x11, once);
    check(read_once(g, bp, 0x22, again) == r && r <= 0);
    g->tank.b.read_only = false;
    check(r != 0 || memcmp(once, again, bp_lsize(bp)) == 0);
    if (g->honest)
        check(r == 0 && content(g, 0, 0, want, bp_lsize(bp)) &&
              memcmp(once, want, bp_lsize(bp)) == 0);
    uint64_t repaired, before = disk_reads(g);
    check(block_scrub(&g->tank.b, bp, &repaired) <= 0);
    check_cmp(disk_reads(g) - before, <=, (bp_psize(bp) >> SECTOR_SHIFT) * SCRUBS_MAX);
    tank_begin(&g->tank);
    check(block_free(&g->tank.b, g->tank.txg, bp) <= 0);
    tank_end(&g->tank);
}

static void gangs_main(void *arg)
{
    struct gangs *g = arg;
    tank_new(&g->tank, &(struct tank_shape){1, 1, 9, 64 * MIB, MIB});
    sizes_find(g);
    struct bp bp = gangs_make(g);
    use(g, &bp);
    tank_free(&g->tank);
    run_stop(reactor_run(reactor_self()));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gangs g;
    struct run *run;
    struct sim_config cfg = sim_config_default(1);
    g = (struct gangs){.input = data, .len = size};
    check(run_sim_new(&cfg, &run, NULL) == 0);
    run_loop(run, gangs_main, &g);
    run_free(run);
    return 0;
}
