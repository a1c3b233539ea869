/* SPDX-License-Identifier: BSD-2-Clause */
/* Small steps on the document that all edits are made of. Nothing here parks. */
#include "config/edit_int.h"

#include <errno.h>
#include <string.h>

int edit_no_memory(struct err *reterr)
{
    return err_set(reterr, -ENOMEM, "out of memory");
}

int edit_missing(const char *kind, const char *verb, const char *name, struct err *reterr)
{
    return err_set(reterr, -ENOENT,
                   "there is no %s \"%.120s\" (zsan %s list shows what there is)", kind, name,
                   verb);
}

json_t *edit_nested(json_t *obj, const char *member, json_type type)
{
    json_t *j = json_object_get(obj, member);
    if (j)
        return j;
    j = type == JSON_OBJECT ? json_object() : json_array();
    return json_object_set_new(obj, member, j) == 0 ? j : NULL;
}

json_t *edit_section(struct config_edit *e, const char *section)
{
    return edit_nested(e->doc, section, JSON_OBJECT);
}

json_t *edit_find(const struct config_edit *e, const char *section, const char *name)
{
    return json_object_get(json_object_get(e->doc, section), name);
}

int edit_insert(struct config_edit *e, const char *section, const char *kind, const char *name,
                json_t **ret_json, struct err *reterr)
{
    if (edit_find(e, section, name))
        return err_set(reterr, -EEXIST, "%s \"%.120s\" exists already", kind, name);
    json_t *obj = json_object();
    if (json_object_set_new(edit_section(e, section), name, obj) != 0)
        return edit_no_memory(reterr);
    *ret_json = obj;
    return 0;
}

int edit_list_find(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *have = json_string_value(json_array_get(list, i));
        if (have && strcmp(have, text) == 0)
            return (int)i;
    }
    return -1;
}
