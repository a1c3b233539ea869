/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of persistent reservations: PERSISTENT RESERVE OUT and IN in a line. */
#ifndef SCSI_PR_TESTING_H
#define SCSI_PR_TESTING_H

#include "scsi/block_testing.h"
#include "scsi/pr.h"

/* A basic PERSISTENT RESERVE OUT to be started; flags as in byte 20 of the list. */
static inline struct fix_cmd *pr_out_new(struct fix *f, struct scsi_nexus *n, enum pr_out_sa sa,
                                         unsigned type, uint64_t key, uint64_t sa_key,
                                         unsigned flags)
{
    struct fix_cmd *c = cmd_new(f, n, "5f %02x %02x 0000 00000018 00", sa, type);
    struct pr_out_list list = {
        .key = be64_make(key), .sa_key = be64_make(sa_key), .flags = (uint8_t)flags};
    fix_out(c, &list, sizeof(list));
    return c;
}
static inline struct fix_cmd *pr_out(struct fix *f, struct scsi_nexus *n, enum pr_out_sa sa,
                                     unsigned type, uint64_t key, uint64_t sa_key,
                                     unsigned flags)
{
    return cmd_run(f, pr_out_new(f, n, sa, type, key, sa_key, flags));
}
/* Registers without looking at what was there. */
static inline void pr_join(struct fix *f, struct scsi_nexus *n, uint64_t key, unsigned flags)
{
    EXPECT_GOOD(f, pr_out(f, n, PR_REGISTER_AND_IGNORE, 0, 0, key, flags));
}
/* PERSISTENT RESERVE IN with room for 1 KiB. */
static inline struct fix_cmd *pr_in(struct fix *f, struct scsi_nexus *n, enum pr_in_sa sa)
{
    return cmd_run(f, cmd_new(f, n, "5e %02x 00000000 00 0400 00", sa));
}
static inline unsigned pr_nkeys(struct fix *f)
{
    return load_be32(pr_in(f, f->a, PR_READ_KEYS)->in + 4) / 8;
}
static inline uint32_t pr_generation(struct fix *f)
{
    return load_be32(pr_in(f, f->a, PR_READ_KEYS)->in);
}
static inline bool pr_has_key(struct fix *f, uint64_t key)
{
    unsigned n = pr_nkeys(f);
    for (unsigned i = 0; i < n; i++)
        if (load_be64(f->last->in + 8 + 8 * i) == key)
            return true;
    return false;
}
/* Type of the reservation, 0: none; its key in *ret_key. */
static inline unsigned pr_reserved(struct fix *f, uint64_t *ret_key)
{
    struct fix_cmd *c = pr_in(f, f->a, PR_READ_RESERVATION);
    *ret_key = load_be64(c->in + 8);
    return load_be32(c->in + 4) ? c->in[21] : 0;
}
#define EXPECT_RESERVED(f, type, key)                                                          \
    do {                                                                                       \
        uint64_t key_;                                                                         \
        EXPECT_EQ(f, pr_reserved(f, &key_), type);                                             \
        EXPECT_EQ(f, key_, key);                                                               \
    } while (0)
#define EXPECT_CONFLICT(f, c) EXPECT_EQ(f, (c)->status, SCSI_STATUS_CONFLICT)

/* The next unit attention of the nexus, 0: none. */
static inline unsigned next_ua(struct fix *f, struct scsi_nexus *n)
{
    struct fix_cmd *c = fix_do(f, n, "03 00 00 00 12 00");
    return (c->in[2] & 0x0f) == SK_UNIT_ATTENTION ? load_be16(c->in + 12) : 0;
}

/* One more nexus of the LU, on the test's own reactor. */
static inline struct scsi_nexus *nexus_more(struct fix *f, const char *initiator, uint8_t isid,
                                            uint16_t port)
{
    struct scsi_nexus_params p = {
        .target = {"iqn.2026-11.example.zsan:t1", port, port, port, ALUA_OPTIMIZED}
    };
    struct scsi_nexus *n = NULL;
    snprintf(p.initiator.name, sizeof(p.initiator.name), "%s", initiator);
    p.initiator.isid[5] = isid;
    if (scsi_nexus_new(&p, &n) != 0 || scsi_nexus_map(n, 0, f->lu, false) != 0)
        abort();
    fix_take_uas(f, n);
    return n;
}

#endif
