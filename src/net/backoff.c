/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logins that nothing is proved in are made slow, not refused: the more there were of late, the
 * longer the next one from the same source waits before it is looked at. Time forgives them one by one.
 * A login that succeeds forgives nothing, for else whoever has one secret would try at others' as fast as he
 * likes by logging in now and then; and it has not lost more than its wait.
 *
 * An address is slowed by its own failures. A /64 is one machine's or a whole network's, and who shares it with
 * an attacker shares the wait: so it is let fail more often, forgiven faster and held back for a moment only,
 * and what an address does that is held back itself is not counted against it.
 *
 * The table is small and never full: the source that is nearest to being forgiven makes room.
 */
#include "net/backoff_int.h"

#include "base/util.h"

#define MS       UINT64_C(1000000)
#define FIRST_MS 100u

static const struct kind {
    uint64_t forgive;    /* ns in which one failure is forgiven */
    unsigned free, most; /* failures that cost nothing; that are remembered */
    unsigned step;       /* with so many more the wait doubles */
    unsigned most_ms;
} of_address = {2000 * MS, 8, 32, 4, 2000}, of_block = {250 * MS, 64, 256, 32, 250};

static bool is_block(const struct cfg_network *n)
{
    return n->prefix < n->base.bits;
}

static const struct kind *kind_of(const struct cfg_network *n)
{
    return is_block(n) ? &of_block : &of_address;
}

static unsigned failures(const struct backoff_source *s, uint64_t now)
{
    uint64_t forgive = kind_of(&s->net)->forgive;
    return s->until > now ? (unsigned)((s->until - now + forgive - 1) / forgive) : 0;
}

static bool is_held(const struct backoff_source *s, uint64_t now)
{
    return failures(s, now) > kind_of(&s->net)->free;
}

static struct cfg_network address_net(const struct cfg_address *a)
{
    return (struct cfg_network){*a, a->bits};
}

/* ---- the table --------------------------------------------------------------------------- */

static const struct backoff_source *find(const struct backoff *b, const struct cfg_network *n)
{
    for (unsigned i = 0; i < BACKOFF_SOURCES; i++) {
        const struct backoff_source *s = &b->source[i];
        if (s->until != 0 && s->net.prefix == n->prefix &&
            cfg_address_same(&s->net.base, &n->base))
            return s;
    }
    return NULL;
}

static struct backoff_source *entry(struct backoff *b, const struct cfg_network *n)
{
    const struct backoff_source *known = find(b, n);
    struct backoff_source *s = &b->source[0];
    if (known)
        return &b->source[known - b->source];
    for (unsigned i = 1; i < BACKOFF_SOURCES; i++)
        if (b->source[i].until < s->until)
            s = &b->source[i];
    *s = (struct backoff_source){.net = *n};
    return s;
}

static unsigned delay_ms(const struct backoff *b, const struct cfg_network *n, uint64_t now)
{
    const struct backoff_source *s = find(b, n);
    const struct kind *k = kind_of(n);
    if (!s || !is_held(s, now))
        return 0;
    return MIN(FIRST_MS << (failures(s, now) - k->free - 1) / k->step, k->most_ms);
}

unsigned backoff_delay_ms(const struct backoff *b, const struct cfg_address *from, uint64_t now)
{
    const struct cfg_network one = address_net(from);
    unsigned ms = delay_ms(b, &one, now);
    const struct cfg_network block = cfg_network_around(from);
    return is_block(&block) ? MAX(ms, delay_ms(b, &block, now)) : ms;
}

/* ---- what happened ----------------------------------------------------------------------- */

/* True: that made its logins be held back. */
static bool charge(struct backoff_source *s, uint64_t now)
{
    const struct kind *k = kind_of(&s->net);
    s->until = MIN(MAX(s->until, now) + k->forgive, now + k->most * k->forgive);
    bool begins = !s->begun && is_held(s, now);
    s->begun = s->begun || begins;
    return begins;
}

const struct backoff_source *backoff_failed(struct backoff *b, const struct cfg_address *from,
                                            uint64_t now)
{
    const struct cfg_network one = address_net(from);
    struct backoff_source *s = entry(b, &one), *begun = NULL;
    bool alone = is_held(s, now);
    if (charge(s, now))
        begun = s;
    const struct cfg_network net = cfg_network_around(from);
    if (is_block(&net) && !alone) {
        struct backoff_source *block = entry(b, &net);
        if (charge(block, now))
            begun = block;
    }
    return begun;
}

bool backoff_over(struct backoff *b, uint64_t now, struct backoff_source *ret_source)
{
    for (unsigned i = 0; i < BACKOFF_SOURCES; i++) {
        struct backoff_source *s = &b->source[i];
        if (s->begun && s->until <= now) {
            *ret_source = *s;
            *s = (struct backoff_source){.until = 0};
            return true;
        }
    }
    return false;
}

uint64_t backoff_next(const struct backoff *b)
{
    uint64_t at = UINT64_MAX;
    for (unsigned i = 0; i < BACKOFF_SOURCES; i++)
        if (b->source[i].begun)
            at = MIN(at, b->source[i].until);
    return at;
}

unsigned backoff_count(const struct backoff *b)
{
    unsigned n = 0;
    for (unsigned i = 0; i < BACKOFF_SOURCES; i++)
        n += b->source[i].begun;
    return n;
}
