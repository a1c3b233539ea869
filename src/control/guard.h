/* SPDX-License-Identifier: BSD-2-Clause */
/* The attach guard, for the methods that set and show it (guard.c). */
#ifndef CONTROL_GUARD_H
#define CONTROL_GUARD_H

#include "control/control_int.h"

struct guard_wish {
    bool has_policy;
    int policy; /* enum cfg_policy */
    const struct api_names *hosts;
};
/* What was asked for, into v. -EINVAL. */
int guard_apply(const struct config *cfg, const struct guard_wish *w, struct cfg_volume *v,
                struct err *reterr);
/* v is a volume of cfg with changed settings. -EBUSY: a host that is logged in would lose by its
 * policy, and not force. Parks. */
int guard_check_use(struct control *c, const struct config *cfg, const struct cfg_volume *v,
                    bool force, struct err *reterr);
/* The members of a volume or LUN about it; now may be NULL. */
void guard_json(struct jb *b, json_t *j, const struct cfg_volume *v,
                const struct net_volume_info *now);
/* What an operator ought to know: who is kept out; which file system is in danger. False: nothing. */
bool guard_fs_problem(const struct cfg_volume *v, const struct net_volume_info *now,
                      char *ret_text, size_t cap);
bool guard_problem(const struct config *cfg, const struct cfg_volume *v,
                   const struct net_volume_info *now, char *ret_text, size_t cap);

#endif
