/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/fake_net.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fake_net_apply(void *net, const struct config *c, struct err *reterr)
{
    struct net *n = net;
    config_ref(c);
    config_put(n->cfg);
    n->cfg = c;
    return n->apply_error ? err_set(reterr, -EIO, "%s", n->apply_error) : 0;
}

void fake_net_end(struct net *n)
{
    config_put(n->cfg);
    n->cfg = NULL;
}

int net_sessions(struct net *net, struct net_session_info **ret_sessions, unsigned *ret_n)
{
    *ret_sessions = calloc(1, sizeof(**ret_sessions));
    *ret_n = 0;
    if (net->one)
        (*ret_sessions)[(*ret_n)++] = *net->one;
    return 0;
}

int net_session_drop(struct net *net, uint64_t id)
{
    if (!net->one || net->one->id != id)
        return -ENOENT;
    net->one = NULL;
    return 0;
}

static bool same(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static void volume_info(struct net *net, const struct cfg_volume *v, struct net_volume_info *i)
{
    memset(i, 0, sizeof(*i));
    text_copy(i->name, sizeof(i->name), v->name);
    text_copy(i->naa, sizeof(i->naa), "naa.3000000000000001");
    i->geo = (struct volume_geometry){.size = MAX(v->size, net->grown), .physical_block = 4096};
    i->stats.op[VOL_OP_READ].ops = 3;
    i->stats.op[VOL_OP_READ].lat[40] = 3;
    if (same(net->leased_volume, v->name)) {
        text_copy(i->lease, sizeof(i->lease), "a");
        text_copy(i->denied, sizeof(i->denied), "b");
        i->ndenied = 2;
        text_copy(i->unfit, sizeof(i->unfit), "VMFS");
    }
    if (same(net->waiting_volume, v->name)) {
        i->state = NET_VOL_WAITING;
        text_copy(i->reason, sizeof(i->reason), "its disk is away");
    }
}

int net_volumes(struct net *net, struct net_volume_info **ret_volumes, unsigned *ret_n)
{
    unsigned n = net->cfg ? net->cfg->nvolumes : 0;
    *ret_volumes = calloc(n + 1, sizeof(**ret_volumes));
    for (unsigned i = 0; i < n; i++)
        volume_info(net, &net->cfg->volumes[i], &(*ret_volumes)[i]);
    *ret_n = n;
    return 0;
}

int net_volume(struct net *net, const char *name, struct net_volume_info *ret_volume)
{
    const struct cfg_volume *v = net->cfg ? config_volume(net->cfg, name) : NULL;
    if (!v)
        return -ENOENT;
    volume_info(net, v, ret_volume);
    return 0;
}

int net_volume_resize(struct net *net, const char *name, uint64_t size, struct err *reterr)
{
    (void)name;
    (void)reterr;
    net->grown = size;
    return 0;
}

int net_lease_release(struct net *net, const char *name, bool force,
                      char ret_host[CFG_NAME_LEN], struct err *reterr)
{
    if (!same(net->leased_volume, name))
        return err_set(reterr, -ENOENT, "volume %s: no host has its lease", name);
    if (!force)
        return err_set(reterr, -EBUSY, "volume %s: host a has sessions", name);
    net->leased_volume = NULL;
    text_copy(ret_host, CFG_NAME_LEN, "a");
    return 0;
}

int net_portals(struct net *net, struct net_portal_info **ret_portals, unsigned *ret_n)
{
    *ret_portals = calloc(64, sizeof(**ret_portals));
    *ret_n = 0;
    for (unsigned i = 0; net->cfg && i < net->cfg->ngroups; i++)
        for (unsigned k = 0; k < net->cfg->groups[i].nportals && *ret_n < 64; k++) {
            const struct cfg_portal *p = &net->cfg->groups[i].portals[k];
            struct net_portal_info *info = &(*ret_portals)[(*ret_n)++];
            info->group = net->cfg->groups[i].tag;
            sock_addr_make(p->address, p->port, &info->addr);
            info->listening = !same(net->deaf_portal, p->address);
            text_copy(info->reason, sizeof(info->reason), "the address is not there");
        }
    return 0;
}

int net_radius(struct net *net, struct net_radius_info **ret_servers, unsigned *ret_n)
{
    const struct cfg_radius *c = net->cfg ? &net->cfg->radius : NULL;
    *ret_servers = calloc(CFG_RADIUS_SERVERS, sizeof(**ret_servers));
    *ret_n = 0;
    for (unsigned i = 0; *ret_servers && c && i < c->nservers; i++) {
        struct net_radius_info *info = &(*ret_servers)[(*ret_n)++];
        sock_addr_make(c->servers[i].address, c->servers[i].port, &info->addr);
    }
    return *ret_servers ? 0 : -ENOMEM;
}

int net_isns(struct net *net, struct net_isns_info **ret_servers, unsigned *ret_n)
{
    const struct cfg_isns *c = net->cfg ? &net->cfg->isns : NULL;
    *ret_servers = calloc(CFG_ISNS_SERVERS, sizeof(**ret_servers));
    *ret_n = 0;
    for (unsigned i = 0; c && c->enabled && i < c->nservers; i++) {
        struct net_isns_info *info = &(*ret_servers)[(*ret_n)++];
        sock_addr_make(c->servers[i].address, c->servers[i].port, &info->addr);
        info->state = c->servers[i].port == 1 ? NET_ISNS_FAILED : NET_ISNS_REGISTERED;
        info->targets = net->cfg->ntargets;
        if (info->state == NET_ISNS_FAILED)
            text_copy(info->error, sizeof(info->error), "nobody answers");
    }
    return 0;
}

void net_totals(struct net *net, struct net_totals *ret_totals)
{
    memset(ret_totals, 0, sizeof(*ret_totals));
    ret_totals->sessions = net->one != NULL;
    ret_totals->nreactors = 2;
    ret_totals->io = "fake";
}
