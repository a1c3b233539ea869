/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits of the LUNs of a target. Who doesn't say a number gets one that was never used there, as long as
 * there are some below 255, then the one that was given up longest ago: a host that hasn't noticed
 * that its disk is gone must not write to another one under the same number. What was given up is in
 * "past_luns", oldest first; each commit adds to it (edit_complete.c). Nothing here parks.
 */
#include "config/edit_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LUN_FOUND_MAX 254 /* the highest that all initiators find: Windows stops there */

static void lun_key(int lun, char ret_key[8])
{
    snprintf(ret_key, 8, "%u", (unsigned)lun & 0xffffu);
}

static bool has(const json_t *luns, int lun)
{
    char key[8];
    lun_key(lun, key);
    return json_object_get(luns, key) != NULL;
}

static bool is_past(const json_t *past, int lun)
{
    for (size_t i = 0; i < json_array_size(past); i++)
        if (json_integer_value(json_array_get(past, i)) == lun)
            return true;
    return false;
}

/* old: the target as it is in force. -1: there is none. */
static int choose(const json_t *target, const json_t *old)
{
    const json_t *luns = json_object_get(target, "luns"),
                 *past = json_object_get(target, "past_luns"),
                 *in_force = json_object_get(old, "luns");
    for (int lun = 0; lun <= LUN_FOUND_MAX; lun++)
        if (!has(luns, lun) && !has(in_force, lun) && !is_past(past, lun))
            return lun;
    for (size_t i = 0; i < json_array_size(past); i++) {
        int lun = (int)json_integer_value(json_array_get(past, i));
        if (!has(luns, lun))
            return lun;
    }
    for (int lun = LUN_FOUND_MAX + 1; lun <= CFG_MAX_LUN; lun++)
        if (!has(luns, lun))
            return lun;
    return -1;
}

int edit_lun_add(struct config_edit *e, const char *target, int lun, const char *volume,
                 uint16_t *ret_lun, struct err *reterr)
{
    char key[8];
    json_t *t = edit_find(e, "targets", target);
    if (!t)
        return edit_missing("target", "target", target, reterr);
    if (!edit_find(e, "volumes", volume))
        return edit_missing("volume", "volume", volume, reterr);
    json_t *luns = edit_nested(t, "luns", JSON_OBJECT);
    if (lun == LUN_CHOOSE)
        lun = choose(t, json_object_get(json_object_get(e->store->doc, "targets"), target));
    if (lun < 0 || lun > CFG_MAX_LUN)
        return err_set(reterr, -EINVAL, "a LUN is a number from 0 to %d", CFG_MAX_LUN);
    lun_key(lun, key);
    if (has(luns, lun))
        return err_set(reterr, -EEXIST,
                       "LUN %d of target %.100s is volume \"%s\" already: take another number",
                       lun, target, json_string_value(json_object_get(luns, key)));
    if (json_object_set_new(luns, key, json_string(volume)) != 0)
        return edit_no_memory(reterr);
    *ret_lun = (uint16_t)lun;
    return 0;
}

int edit_lun_remove(struct config_edit *e, const char *target, uint16_t lun, struct err *reterr)
{
    char key[8];
    json_t *t = edit_find(e, "targets", target);
    if (!t)
        return edit_missing("target", "target", target, reterr);
    lun_key(lun, key);
    if (json_object_del(json_object_get(t, "luns"), key) != 0)
        return err_set(reterr, -ENOENT,
                       "target %.120s has no LUN %u (zsan lun list shows them)", target, lun);
    return 0;
}
