/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source networks. Both families are kept apart: ::/0 is all of IPv6 and nothing of IPv4, for
 * whoever writes one means one. IPv4 mapped into IPv6 counts as IPv4 on both sides, so that no
 * other spelling of an address gets past a list.
 */
#include "config/sources.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define V4_BITS 32
#define V6_BITS 128
#define MAPPED  96 /* bits of ::ffff:0:0/96 */
#define AROUND  64

static const uint8_t mapped[MAPPED / 8] = {[10] = 0xff, [11] = 0xff};

static void unmap(struct cfg_address *a)
{
    if (a->bits != V6_BITS || memcmp(a->bytes, mapped, sizeof(mapped)) != 0)
        return;
    memmove(a->bytes, a->bytes + sizeof(mapped), 4);
    memset(a->bytes + 4, 0, sizeof(a->bytes) - 4);
    a->bits = V4_BITS;
}

/* As it is written, mapped or not. */
static bool parse(const char *text, struct cfg_address *ret_address)
{
    struct cfg_address a = {.bits = 0};
    char host[80];
    size_t len = strcspn(text, "%");
    if (len >= sizeof(host))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, a.bytes) == 1)
        a.bits = V4_BITS;
    else if (inet_pton(AF_INET6, host, a.bytes) == 1)
        a.bits = V6_BITS;
    *ret_address = a;
    return a.bits != 0;
}

bool cfg_address_parse(const char *text, struct cfg_address *ret_address)
{
    bool ok = parse(text, ret_address);
    unmap(ret_address);
    return ok;
}

bool cfg_any_address(const char *text)
{
    static const uint8_t any[16];
    struct cfg_address a;
    return cfg_address_parse(text, &a) && memcmp(a.bytes, any, sizeof(any)) == 0;
}

/* ---- networks ---------------------------------------------------------------------------- */

struct cfg_address cfg_address_cut(const struct cfg_address *a, unsigned bits)
{
    struct cfg_address m = {.bits = a->bits};
    memcpy(m.bytes, a->bytes, bits / 8);
    if (bits % 8 != 0)
        m.bytes[bits / 8] = (uint8_t)(a->bytes[bits / 8] & 0xff00u >> bits % 8);
    return m;
}

bool cfg_address_same(const struct cfg_address *a, const struct cfg_address *b)
{
    return a->bits == b->bits && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static int beyond(const char *text, const char *what, const struct cfg_network *n,
                  struct err *reterr)
{
    char right[CFG_NETWORK_LEN];
    struct cfg_network cut = {cfg_address_cut(&n->base, n->prefix), n->prefix};
    cfg_network_format(&cut, right);
    return err_set(reterr, -EINVAL,
                   "%s: source \"%.60s\" has bits beyond its prefix: the network is %s", what,
                   text, right);
}

int cfg_network_parse(const char *text, const char *what, struct cfg_network *ret_network,
                      struct err *reterr)
{
    struct cfg_network n = {.prefix = 0};
    char host[80];
    uint64_t prefix;
    size_t len = strcspn(text, "/");
    bool ok = len < sizeof(host) && !memchr(text, '%', len);
    if (ok) {
        memcpy(host, text, len);
        host[len] = '\0';
        ok = parse(host, &n.base);
    }
    prefix = n.base.bits;
    if (ok && text[len] == '/')
        ok = text_to_u64(text + len + 1, &prefix) && prefix <= n.base.bits;
    if (!ok)
        return err_set(reterr, -EINVAL,
                       "%s: \"%.60s\" is no source network: write 192.0.2.0/24, 2001:db8::/32 "
                       "or a numeric address",
                       what, text);
    if (n.base.bits == V6_BITS && prefix >= MAPPED &&
        memcmp(n.base.bytes, mapped, sizeof(mapped)) == 0) {
        unmap(&n.base);
        prefix -= MAPPED;
    }
    n.prefix = (uint8_t)prefix;
    struct cfg_address m = cfg_address_cut(&n.base, n.prefix);
    if (!cfg_address_same(&m, &n.base))
        return beyond(text, what, &n, reterr);
    *ret_network = n;
    return 0;
}

void cfg_network_format(const struct cfg_network *n, char ret_text[CFG_NETWORK_LEN])
{
    char host[INET6_ADDRSTRLEN] = "";
    inet_ntop(n->base.bits == V4_BITS ? AF_INET : AF_INET6, n->base.bytes, host, sizeof(host));
    if (n->prefix == n->base.bits)
        snprintf(ret_text, CFG_NETWORK_LEN, "%s", host);
    else
        snprintf(ret_text, CFG_NETWORK_LEN, "%s/%u", host, n->prefix);
}

struct cfg_network cfg_network_of(const struct cfg_address *a, unsigned prefix)
{
    unsigned bits = MIN(prefix, a->bits);
    return (struct cfg_network){cfg_address_cut(a, bits), (uint8_t)bits};
}

struct cfg_network cfg_network_around(const struct cfg_address *a)
{
    return cfg_network_of(a, AROUND);
}

bool cfg_network_has(const struct cfg_network *n, const struct cfg_address *a)
{
    struct cfg_address m = cfg_address_cut(a, MIN(n->prefix, a->bits));
    return cfg_address_same(&m, &n->base);
}

/* ---- lists of them ----------------------------------------------------------------------- */

static int add(struct cfg_sources *s, const struct cfg_network *n, const char *what,
               struct err *reterr)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->net[i].prefix == n->prefix && cfg_address_same(&s->net[i].base, &n->base))
            return 0;
    if (s->n == CFG_SOURCES_MAX)
        return err_set(reterr, -EINVAL, "%s: there may be %d source networks: name larger ones",
                       what, CFG_SOURCES_MAX);
    s->net[s->n++] = *n;
    return 0;
}

int cfg_sources_add(struct cfg_sources *s, const char *text, const char *what,
                    struct err *reterr)
{
    struct cfg_network n;
    int rc = cfg_network_parse(text, what, &n, reterr);
    return rc < 0 ? rc : add(s, &n, what, reterr);
}

int cfg_sources_join(struct cfg_sources *s, const struct cfg_sources *more, const char *what,
                     struct err *reterr)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < more->n; i++)
        rc = add(s, &more->net[i], what, reterr);
    return rc;
}

bool cfg_sources_admit(const struct cfg_sources *s, const struct cfg_address *a)
{
    bool in = s->n == 0;
    for (unsigned i = 0; i < s->n; i++)
        in |= cfg_network_has(&s->net[i], a);
    return in;
}
