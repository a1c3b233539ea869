/* SPDX-License-Identifier: BSD-2-Clause */
/* Where connections may come from: addresses and networks in text and binary. Pure; any thread. */
#ifndef CONFIG_SOURCES_H
#define CONFIG_SOURCES_H

#include "config/config.h"

/* A numeric host. A scope ("%eth0") is left out, and IPv4 mapped into IPv6 is IPv4, for that is
 * what it reaches. False: it is none. */
bool cfg_address_parse(const char *text, struct cfg_address *ret_address);
/* 0.0.0.0 or ::, however it is written. */
bool cfg_any_address(const char *text);
bool cfg_address_same(const struct cfg_address *a, const struct cfg_address *b);
/* The first bits are those of a, the others 0. */
struct cfg_address cfg_address_cut(const struct cfg_address *a, unsigned bits);

#define CFG_NETWORK_LEN 64 /* with NUL */
/* "192.0.2.0/24", "2001:db8::/32", or an address alone. -EINVAL; what names the object. */
int cfg_network_parse(const char *text, const char *what, struct cfg_network *ret_network,
                      struct err *reterr);
void cfg_network_format(const struct cfg_network *n, char ret_text[CFG_NETWORK_LEN]);

/* What may be one machine: an IPv4 address alone; of IPv6 the /64 around it, where anybody has as many addresses as he
 * likes. */
struct cfg_network cfg_network_around(const struct cfg_address *a);
/* The one that an address with that prefix lies in. */
struct cfg_network cfg_network_of(const struct cfg_address *a, unsigned prefix);
bool cfg_network_has(const struct cfg_network *n, const struct cfg_address *a);

/* Another one, unless it is there. -EINVAL: no network, or there are CFG_SOURCES_MAX. */
int cfg_sources_add(struct cfg_sources *s, const char *text, const char *what,
                    struct err *reterr);
/* Those of both. -EINVAL: too many. */
int cfg_sources_join(struct cfg_sources *s, const struct cfg_sources *more, const char *what,
                     struct err *reterr);
/* The address may come: it is in one of them, or there are none. */
bool cfg_sources_admit(const struct cfg_sources *s, const struct cfg_address *a);

#endif
