/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attach guard for operators: which hosts may use a volume, who has its lease, who is kept out,
 * and how it is handed over. A policy that would take a running host's access away needs force.
 * Parks.
 */
#include "control/guard.h"
#include "base/text.h"
#include "control/api_gen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- setting ----------------------------------------------------------------------------- */

static bool is_all(const struct api_names *hosts)
{
    return hosts->n == 1 && strcmp(hosts->name[0], "all") == 0;
}

int guard_apply(const struct config *cfg, const struct guard_wish *w, struct cfg_volume *v,
                struct err *reterr)
{
    char what[CFG_NAME_LEN + 16], name[CFG_NAME_LEN];
    int rc = 0;
    snprintf(what, sizeof(what), "volume \"%s\"", v->name);
    if (w->has_policy)
        v->policy = (enum cfg_policy)w->policy;
    if (w->hosts->given || v->policy != CFG_CLUSTER)
        v->hosts[0] = '\0';
    for (unsigned i = 0; rc == 0 && i < w->hosts->n && !is_all(w->hosts); i++) {
        initiator_resolve(cfg, w->hosts->name[i], name);
        rc = cfg_hosts_add(v->hosts, name, what, reterr);
    }
    if (rc == 0 && v->hosts[0] && v->policy != CFG_CLUSTER)
        rc = err_set(
            reterr, -EINVAL,
            "volume \"%.100s\": hosts are named for policy cluster: add --policy cluster",
            v->name);
    return rc;
}

static bool names(const struct cfg_volume *v, const char *host)
{
    const char *list = v->hosts, *name;
    size_t len;
    while ((name = cfg_hosts_next(&list, &len)))
        if (len == strlen(host) && memcmp(name, host, len) == 0)
            return true;
    return false;
}

/* A host with sessions that the policy would hurt; *ret_why says how. first: the one that keeps its access
 * under an exclusive policy. */
static const char *victim(const struct config *cfg, const struct cfg_volume *v,
                          const struct live *l, const char **ret_why)
{
    const char *first = NULL;
    for (unsigned i = 0; i < l->nsessions; i++) {
        const struct net_session_info *s = &l->sessions[i];
        if (!config_maps(config_target(cfg, s->target), v->name))
            continue;
        switch (v->policy) {
        case CFG_EXCLUSIVE:
            *ret_why = "is not the only one that is logged in there";
            if (first && strcmp(first, s->host) != 0)
                return s->host;
            first = s->host;
            break;
        case CFG_CLUSTER:
            *ret_why = "is logged in there and would lose its access";
            if (v->hosts[0] && !names(v, s->host))
                return s->host;
            break;
        case CFG_READ_SHARED:
            *ret_why = "is logged in there and could not write any more";
            return s->host;
        }
    }
    return NULL;
}

int guard_check_use(struct control *c, const struct config *cfg, const struct cfg_volume *v,
                    bool force, struct err *reterr)
{
    const struct cfg_volume *old = config_volume(cfg, v->name);
    const char *why = "";
    LIVE(l);
    if (force || !old || (old->policy == v->policy && strcmp(old->hosts, v->hosts) == 0))
        return 0;
    if (live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    const char *host = victim(cfg, v, &l, &why);
    return host ? err_set(reterr, -EBUSY,
                          "volume \"%.50s\": host %.60s %s: log it out, or zsan volume set "
                          "--force",
                          v->name, host, why)
                : 0;
}

/* ---- showing ----------------------------------------------------------------------------- */

void guard_json(struct jb *b, json_t *j, const struct cfg_volume *v,
                const struct net_volume_info *now)
{
    const char *list = v->hosts, *name;
    char host[CFG_NAME_LEN];
    size_t len;
    jb_text(b, j, "policy", cfg_policy_name(v->policy));
    if (v->policy == CFG_CLUSTER && v->hosts[0]) {
        json_t *hosts = jb_list(b);
        while ((name = cfg_hosts_next(&list, &len))) {
            snprintf(host, sizeof(host), "%.*s", (int)MIN(len, sizeof(host)), name);
            jb_push_text(b, hosts, host);
        }
        jb_put(b, j, "hosts", hosts);
    }
    if (!now || !now->lease[0])
        return;
    jb_text(b, j, "lease", now->lease);
    jb_bool(b, j, "lease_away", now->lease_away);
    if (now->lease_ends_ms)
        jb_uint(b, j, "lease_ends_ms", now->lease_ends_ms);
}

/* Where the volume is mapped first: what the commands call it by. */
static const struct cfg_target *first_target(const struct config *cfg,
                                             const struct cfg_volume *v, unsigned *ret_lun)
{
    for (unsigned i = 0; i < cfg->ntargets; i++)
        for (unsigned k = 0; k < cfg->targets[i].nluns; k++)
            if (cfg->targets[i].luns[k].volume == v) {
                *ret_lun = cfg->targets[i].luns[k].lun;
                return &cfg->targets[i];
            }
    return NULL;
}

bool guard_problem(const struct config *cfg, const struct cfg_volume *v,
                   const struct net_volume_info *now, char *ret_text, size_t cap)
{
    char others[40] = "";
    unsigned lun = 0;
    const struct cfg_target *t = first_target(cfg, v, &lun);
    if (!now || !now->denied[0])
        return false;
    if (now->ndenied > 1)
        snprintf(others, sizeof(others), " and %u more", now->ndenied - 1);
    if (v->policy == CFG_CLUSTER)
        snprintf(
            ret_text, cap,
            "host %s%s is kept out, it is not among the hosts of the cluster (zsan volume set "
            "%s --hosts ...)",
            now->denied, others, v->name);
    else if (!now->lease[0])
        snprintf(
            ret_text, cap,
            "host %s%s is kept out since its lease was released: it gets it again when it logs "
            "in anew",
            now->denied, others);
    else
        snprintf(
            ret_text, cap,
            "host %s%s is kept out, host %s has the lease%s (to hand over: zsan lun release %s "
            "%u%s)",
            now->denied, others, now->lease, now->lease_away ? " and is away" : "",
            t ? t->name : "TARGET", lun, now->lease_away ? "" : " --force");
    return true;
}

bool guard_fs_problem(const struct cfg_volume *v, const struct net_volume_info *now,
                      char *ret_text, size_t cap)
{
    if (!now || !now->unfit[0])
        return false;
    bool windows = strcmp(now->unfit, "NTFS") == 0 || strcmp(now->unfit, "ReFS") == 0;
    if (v->policy == CFG_EXCLUSIVE)
        snprintf(ret_text, cap,
                 "%s is made for several hosts, and this volume is one host's at a time (zsan "
                 "volume "
                 "set %s --policy cluster)",
                 now->unfit, v->name);
    else
        snprintf(
            ret_text, cap,
            "%s is one host's file system, and several hosts may write here: two that mount it "
            "destroy it%s (zsan volume set %s --policy exclusive)",
            now->unfit, windows ? ", unless it is a Cluster Shared Volume" : "", v->name);
    return true;
}

/* ---- handing over ------------------------------------------------------------------------ */

int rpc_lun_release(struct control *c, const struct args_lun_release *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    char name[CFG_NAME_LEN], host[CFG_NAME_LEN];
    const struct cfg_volume *v = NULL;
    int rc = target_resolve(cfg, a->target, name, reterr);
    if (rc < 0)
        return rc;
    const struct cfg_target *t = config_target(cfg, name);
    for (unsigned i = 0; i < t->nluns; i++)
        if (t->luns[i].lun == a->lun)
            v = t->luns[i].volume;
    if (!v)
        return err_set(reterr, -ENOENT,
                       "target %.120s has no LUN %u (zsan lun list shows them)", name,
                       (unsigned)a->lun);
    rc = net_lease_release(c->env.net, v->name, a->force, host, reterr);
    if (rc < 0)
        return rc;
    json_t *j = jb_object(&b);
    jb_text(&b, j, "volume", v->name);
    jb_text(&b, j, "host", host);
    return jb_done(&b, j, ret_result, reterr);
}
