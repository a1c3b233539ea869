/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of scsi/: a simulated world with one LU on a memory volume, mapped as LUN 0
 * into two nexuses: a, on the LU's reactor, and b, on another one, through another port.
 * Between the LU and its memory sits a gate, which a test may close (operations wait), or tell
 * to fail.
 *
 * Bodies of tests run in fibers, where cmocka may not assert: they EXPECT, and fix_run()
 * asserts for them outside.
 */
#ifndef SCSI_SCSI_FIXTURE_H
#define SCSI_SCSI_FIXTURE_H

#include "scsi/ops.h"
#include "store/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct gate; /* the volume under test; see the gate_*() calls */

struct fix_opts {
    uint64_t size;       /* bytes; 0: 64 MiB */
    uint32_t block_size; /* 0: 512 */
    enum volume_sync sync;
    bool read_only, not_thin, no_ua; /* no_ua: the power on UAs are kept for the test */
    uint32_t max_tasks, threshold_pct;
    struct attr_store *attrs; /* NULL: forgotten with the world */
    bool exclusive;           /* under the attach guard; else both nexuses may */
    uint8_t boot;             /* which boot of the machine it is; 0: not known */
};

struct fix {
    struct run *run;
    struct fix_opts opts;
    void *arg;
    struct volume *vol;
    struct scsi_lu *lu;
    struct scsi_nexus *a, *b;
    struct fix_cmd *last; /* what fix_do() returned */
    unsigned failures;
    unsigned async_calls; /* of either nexus */
    uint8_t async_sense[SCSI_SENSE_MAX];
};

/* Runs body as a fiber of a fresh world and asserts that nothing it expected failed. */
void fix_run(void (*body)(struct fix *f), const struct fix_opts *opts);
/* Without the assertion, for programs that are no cmocka tests: the number of failures. arg
 * ends up in f->arg. */
unsigned fix_run_raw(void (*body)(struct fix *f), const struct fix_opts *opts, void *arg);

/* A test: FIX_TEST(name) { body with struct fix *f }. */
#define FIX_TEST_WITH(name, ...)                                                               \
    static void body_##name(struct fix *f);                                                    \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        static const struct fix_opts opts_ = {__VA_ARGS__};                                    \
        (void)state;                                                                           \
        fix_run(body_##name, &opts_);                                                          \
    }                                                                                          \
    static void body_##name(struct fix *f)
#define FIX_TEST(name) FIX_TEST_WITH(name, .size = 0)

#define EXPECT(f, expr)                                                                        \
    do {                                                                                       \
        if (!(expr))                                                                           \
            fix_fail(f, __FILE__, __LINE__, #expr, 0, 0);                                      \
    } while (0)
#define EXPECT_EQ(f, x, y)                                                                     \
    do {                                                                                       \
        intmax_t x_ = (intmax_t)(x), y_ = (intmax_t)(y);                                       \
        if (x_ != y_)                                                                          \
            fix_fail(f, __FILE__, __LINE__, #x " == " #y, x_, y_);                             \
    } while (0)
void fix_fail(struct fix *f, const char *file, int line, const char *what, intmax_t x,
              intmax_t y);

/* ---- commands ---------------------------------------------------------------------------- */

#define FIX_DATA_MAX (1u << 20)

struct fix_cmd {
    struct scsi_task t;
    struct fix *f;
    struct scsi_nexus *n;
    struct sgl out; /* what pull() gives */
    bool data_held; /* pull() waits until fix_data() */
    bool cancelled;
    struct waitq data;
    bool done;
    struct waitq finished;
    /* The answer. */
    uint8_t status;
    enum scsi_outcome outcome;
    uint8_t key;
    uint16_t asc_ascq;
    uint8_t sks[3];
    uint8_t *in; /* FIX_DATA_MAX bytes, zeros behind the data */
    size_t in_len;
};

/* Hex digits, with blanks where they please the eye; returns the bytes stored. */
size_t fix_hex(const char *hex, uint8_t *ret_bytes, size_t cap);
/* A command with a CDB in hex ("28 00 0000 0000 00 0001 00"; blanks are for the eye), for LUN 0
 * of n. free with fix_free(). */
struct fix_cmd *fix_cmd(struct fix *f, struct scsi_nexus *n, const char *cdb_hex);
void fix_out(struct fix_cmd *c, const void *bytes, size_t len); /* data-out, and out_len */
void fix_out_hex(struct fix_cmd *c, const char *hex);
void fix_start(struct fix_cmd *c); /* in a fiber of its own on the nexus's home */
void fix_data(struct fix_cmd *c);  /* lets held data come */
void fix_wait(struct fix_cmd *c);  /* parks until it is done */
void fix_free(struct fix_cmd *c);
/* Lets everything that can run do so: virtual time goes on a little. Parks. */
void fix_settle(void);

/* All at once; the answer is in the returned command, which lives until the next one of these.
 * Parks. */
struct fix_cmd *fix_do(struct fix *f, struct scsi_nexus *n, const char *cdb_hex);
struct fix_cmd *fix_do_out(struct fix *f, struct scsi_nexus *n, const char *cdb_hex,
                           const char *out_hex);
/* Expects CHECK CONDITION with key and code, or GOOD. */
#define EXPECT_GOOD(f, c) EXPECT_EQ(f, (c)->status, SCSI_STATUS_GOOD)
#define EXPECT_CHECK(f, c, k, code)                                                            \
    do {                                                                                       \
        const struct fix_cmd *c_ = (c);                                                        \
        EXPECT_EQ(f, c_->status, SCSI_STATUS_CHECK);                                           \
        EXPECT_EQ(f, c_->key, k);                                                              \
        EXPECT_EQ(f, c_->asc_ascq, code);                                                      \
    } while (0)
/* The sense key specific field points at a byte (and bit, -1: none) of the CDB or parameter
 * list. */
void fix_expect_field(struct fix *f, const struct fix_cmd *c, bool in_cdb, uint16_t byte,
                      int bit, int line);
#define EXPECT_CDB_FIELD(f, c, byte, bit)   fix_expect_field(f, c, true, byte, bit, __LINE__)
#define EXPECT_PARAM_FIELD(f, c, byte, bit) fix_expect_field(f, c, false, byte, bit, __LINE__)

/* Takes and counts the pending unit attentions of a nexus's LUN 0 by REQUEST SENSE. */
unsigned fix_take_uas(struct fix *f, struct scsi_nexus *n);

/* ---- the gate ---------------------------------------------------------------------------- */

/* While closed, the operations in ops (1 << VOL_OP_x) wait inside the volume. */
void gate_close(struct fix *f, unsigned ops);
void gate_open(struct fix *f);
unsigned gate_waiting(const struct fix *f);
/* Operations in ops fail with err; 0: none. attr_err: set_attr fails. */
void gate_fail(struct fix *f, unsigned ops, int err);
void gate_fail_attrs(struct fix *f, int err);
/* What space() says from now on. */
void gate_space(struct fix *f, uint64_t used, uint64_t available);
void gate_warn_below(struct fix *f, uint64_t bytes); /* call it after gate_space() */

#endif
