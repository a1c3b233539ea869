/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of net/: a simulated world with a whole front in it, memory volumes that can be
 * made to hang, and the simulation's initiator (tests/sim/ini.h). A test is a function that
 * runs as the main fiber on reactor 0 while the front serves; cmocka must not assert inside a
 * fiber, so EXPECT() counts what is wrong and fix_play() asserts at the end.
 */
#ifndef NET_NET_FIXTURE_H
#define NET_NET_FIXTURE_H

#include "ini.h"

#include "config/config_edit.h"
#include "net/net_int.h"
#include "run/sim/sim.h"

#define FIX_TARGET    "iqn.2026-11.org.example:t"
#define FIX_INITIATOR "iqn.2026-11.org.example:initiator"
#define FIX_PORT      3260

struct fix {
    struct sim_config sim; /* to be changed before fix_play() */
    void (*body)(struct fix *f);
    struct run *run;
    struct config_store *store;
    struct net *net;
    unsigned failures;
    unsigned gate_shut; /* FIX_GATE_x: calls of that kind on volumes of reactor 0 wait */
    struct waitq gate;
    bool no_volumes; /* opening one fails */
    int fail_attrs;  /* what setting an attribute of a volume fails with; 0: it does not */
    unsigned open_volumes;
};

#define FIX_GATE_WRITE  (1u << 0)
#define FIX_GATE_FLUSH  (1u << 1)
#define FIX_GATE_SPACE  (1u << 2)
#define FIX_GATE_RESIZE (1u << 3)
#define FIX_GATE_OPEN   (1u << 4)
#define FIX_GATE_ALL    0x1fu

#define EXPECT(f, cond) fix_expect(f, cond, #cond, __FILE__, __LINE__)
void fix_expect(struct fix *f, bool ok, const char *what, const char *file, int line);

/* Defaults: fast disks. */
struct fix fix_default(void);
/* A front on 127.0.0.1 with target FIX_TARGET, LUN 0 on volume "a" (home: reactor 0) and LUN 1
 * on "b" (reactor 1), granted to FIX_INITIATOR without authentication. Runs body, stops the
 * front unless body did (fix_stop()), asserts that nothing was wrong. */
void fix_play(struct fix *f, void (*body)(struct fix *f));
void fix_stop(struct fix *f); /* that must go well */
/* test_NAME plays body_NAME, with so many seeds. */
#define FIX_TEST(name, seeds)                                                                  \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        for (unsigned seed = 1; seed <= (seeds); seed++) {                                     \
            struct fix f = fix_default();                                                      \
            f.sim.seed = seed;                                                                 \
            fix_play(&f, body_##name);                                                         \
        }                                                                                      \
    }

/* A transaction: fn edits, the rest must go well. Parks until it is applied. Its warning's code,
 * 0: none. */
int fix_change(struct fix *f, void (*fn)(struct config_edit *e, struct err *err));
/* A volume in memory of 1 MiB, for LUN_CHOOSE of FIX_TARGET. */
void fix_add_volume(struct config_edit *e, const char *name, struct err *err);

/* How FIX_INITIATOR logs in. */
struct ini_params fix_params(uint8_t isid);
struct ini *fix_login(struct fix *f, uint8_t isid); /* that must go well */
/* Takes unit attentions of a LUN away. */
void fix_ready(struct ini *i, unsigned lun);
/* A command of len bytes of data-out on its way; c, with its buffer, is to be freed. */
struct ini_cmd *fix_write(struct ini *i, unsigned lun, uint32_t lba, uint32_t len);
/* Opens the gate again. */
void fix_gate_open(struct fix *f);

#endif
