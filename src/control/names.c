/* SPDX-License-Identifier: BSD-2-Clause */
/* The names that people type. A target is called by its iSCSI name, or by the part of it that
 * it was made with; an initiator by its iSCSI name or its label. Pure. */
#include "config/names.h"
#include "base/text.h"
#include "config/sources.h"
#include "control/control_int.h"

#include <errno.h>
#include <string.h>

static void name_normalise(const char *name, char ret_name[CFG_NAME_LEN])
{
    if (cfg_iscsi_name_normalise(name, ret_name, NULL) < 0)
        text_copy(ret_name, CFG_NAME_LEN, name);
}

void initiator_resolve(const struct config *cfg, const char *name, char ret_name[CFG_NAME_LEN])
{
    name_normalise(name, ret_name);
    for (unsigned i = 0; name[0] && i < cfg->ninitiators; i++)
        if (strcmp(cfg->initiators[i].label, name) == 0)
            text_copy(ret_name, CFG_NAME_LEN, cfg->initiators[i].name);
}

/* The target's name ends with the short one, behind a dot or colon. */
static bool called(const struct cfg_target *t, const char *name)
{
    size_t whole = strlen(t->name), len = strlen(name);
    return len > 0 && len < whole && strcmp(t->name + whole - len, name) == 0 &&
           (t->name[whole - len - 1] == '.' || t->name[whole - len - 1] == ':');
}

int target_resolve(const struct config *cfg, const char *name, char ret_name[CFG_NAME_LEN],
                   struct err *reterr)
{
    char whole[CFG_NAME_LEN];
    const struct cfg_target *found = NULL;
    name_normalise(name, whole);
    if (config_target(cfg, whole)) {
        text_copy(ret_name, CFG_NAME_LEN, whole);
        return 0;
    }
    for (unsigned i = 0; i < cfg->ntargets; i++) {
        if (!called(&cfg->targets[i], name))
            continue;
        if (found)
            return err_set(reterr, -EINVAL, "\"%.60s\" is %.80s and %.80s: give the whole name",
                           name, found->name, cfg->targets[i].name);
        found = &cfg->targets[i];
    }
    if (!found)
        return err_set(reterr, -ENOENT,
                       "there is no target \"%.120s\" (zsan target list shows them)", name);
    text_copy(ret_name, CFG_NAME_LEN, found->name);
    return 0;
}

/* ---- source networks --------------------------------------------------------------------- */

int sources_parse(const struct api_names *names, struct cfg_sources *ret_sources,
                  struct err *reterr)
{
    struct cfg_sources s = {.n = 0};
    bool all = names->n == 1 && strcmp(names->name[0], "all") == 0;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && !all && i < names->n; i++)
        rc = cfg_sources_add(&s, names->name[i], "--sources", reterr);
    if (rc == 0 && names->given && names->n == 0)
        rc = err_set(reterr, -EINVAL, "--sources: name a network, or all");
    *ret_sources = s;
    return rc;
}

json_t *sources_json(struct jb *b, const struct cfg_sources *s)
{
    char text[CFG_NETWORK_LEN];
    json_t *list = s->n > 0 ? jb_list(b) : NULL;
    for (unsigned i = 0; i < s->n; i++) {
        cfg_network_format(&s->net[i], text);
        jb_push_text(b, list, text);
    }
    return list;
}
