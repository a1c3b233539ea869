/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datasets that volumes of the configuration lie in: when one goes or gets another name, the
 * configuration follows in one transaction. Only a volume that no target maps may go so, for hosts
 * would see their disk vanish; of another name they notice nothing. Parks.
 */
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool volume_lies_in(const struct cfg_volume *v, const char *dataset, bool below)
{
    size_t len = strlen(dataset);
    return v->engine == CFG_POOL && strncmp(v->dataset, dataset, len) == 0 &&
           (v->dataset[len] == '\0' || (below && v->dataset[len] == '/'));
}

const struct cfg_volume *volume_of_dataset(const struct config *cfg, const char *dataset)
{
    for (unsigned i = 0; i < cfg->nvolumes; i++)
        if (volume_lies_in(&cfg->volumes[i], dataset, false))
            return &cfg->volumes[i];
    return NULL;
}

/* ---- mapped ------------------------------------------------------------------------------ */

int volume_unmap(struct config_edit *e, const char *name, struct err *reterr)
{
    const struct config *cfg = config_edit_base(e);
    int rc = 0;
    for (unsigned i = 0; i < cfg->ntargets; i++)
        for (unsigned k = 0; rc == 0 && k < cfg->targets[i].nluns; k++)
            if (strcmp(cfg->targets[i].luns[k].volume->name, name) == 0)
                rc = edit_lun_remove(e, cfg->targets[i].name, cfg->targets[i].luns[k].lun,
                                     reterr);
    return rc;
}

/* -EBUSY names the LUN. */
static int check_unmapped(const struct config *cfg, const struct cfg_volume *v,
                          struct err *reterr)
{
    for (unsigned i = 0; i < cfg->ntargets; i++) {
        const struct cfg_target *t = &cfg->targets[i];
        for (unsigned k = 0; k < t->nluns; k++)
            if (t->luns[k].volume == v)
                return err_set(reterr, -EBUSY,
                               "%.80s is LUN %u of target %.80s: zsan lun remove it first",
                               v->dataset, t->luns[k].lun, t->name);
    }
    return 0;
}

/* ---- going ------------------------------------------------------------------------------- */

/* fn for each volume at and below the dataset, until it fails; *ret_n of them. */
typedef int served_fn(struct config_edit *e, const struct cfg_volume *v, const void *arg,
                      struct err *reterr);
static int each_served(struct config_edit *e, const char *dataset, served_fn *fn,
                       const void *arg, unsigned *ret_n, struct err *reterr)
{
    const struct config *cfg = config_edit_base(e);
    int rc = 0;
    *ret_n = 0;
    for (unsigned i = 0; rc == 0 && i < cfg->nvolumes; i++) {
        if (!volume_lies_in(&cfg->volumes[i], dataset, true))
            continue;
        ++*ret_n;
        rc = fn(e, &cfg->volumes[i], arg, reterr);
    }
    return rc;
}

static int forget(struct config_edit *e, const struct cfg_volume *v, const void *arg,
                  struct err *reterr)
{
    const bool *force = arg;
    int rc = *force ? volume_unmap(e, v->name, reterr)
                    : check_unmapped(config_edit_base(e), v, reterr);
    return rc == 0 ? edit_volume_remove(e, v->name, reterr) : rc;
}

int datasets_forget(struct control *c, const char *dataset, bool force, struct err *reterr)
{
    EDIT(e);
    unsigned n = 0;
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = each_served(e, dataset, forget, &force, &n, reterr);
    return rc == 0 && n > 0 ? config_edit_commit(e, reterr) : rc;
}

/* ---- another name ------------------------------------------------------------------------ */

struct renaming {
    const char *from, *to;
};

/* One that was called as its dataset is called as that again. */
static int follow(struct config_edit *e, const struct cfg_volume *v, const void *arg,
                  struct err *reterr)
{
    const struct renaming *r = arg;
    CLEANUP(freep) struct cfg_volume *new = malloc(sizeof(*new));
    if (!new)
        return -ENOMEM;
    *new = *v;
    int n = snprintf(new->dataset, sizeof(new->dataset), "%s%s", r->to,
                     v->dataset + strlen(r->from));
    if (n < 0 || (size_t)n >= sizeof(new->dataset))
        return err_set(reterr, -ENAMETOOLONG, "%.80s...: the name is too long", r->to);
    if (strcmp(v->name, v->dataset) != 0)
        return edit_volume_put(e, new, reterr);
    if (!text_copy(new->name, sizeof(new->name), new->dataset))
        return err_set(reterr, -ENAMETOOLONG, "%.80s...: the name is too long for a volume",
                       r->to);
    int rc = edit_volume_rename(e, v->name, new->name, reterr);
    return rc == 0 ? edit_volume_put(e, new, reterr) : rc;
}

int datasets_rename(struct control *c, const char *from, const char *to, dataset_rename_fn *fn,
                    void *arg, struct err *reterr)
{
    EDIT(e);
    const struct renaming r = {from, to};
    unsigned n = 0;
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = each_served(e, from, follow, &r, &n, reterr);
    if (rc == 0)
        rc = fn(c, from, to, arg, reterr);
    if (rc < 0 || n == 0)
        return rc;
    rc = config_edit_commit(e, reterr);
    if (rc < 0)
        fn(c, to, from, arg, NULL);
    return rc;
}
