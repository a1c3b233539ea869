/* SPDX-License-Identifier: BSD-2-Clause */
/* What values of several tools are. Pure but for the question whether a path is there, which is handed in. */
#include "cmd/grammar/values.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- devices ----------------------------------------------------------------------------- */

/* NULL: it is nowhere. */
static json_t *look_for(const struct gr_line *l, const char *name)
{
    char path[1024];
    if (name[0] == '/')
        return json_string(name);
    for (size_t i = 0; l->places && l->places->folders[i]; i++) {
        int n = snprintf(path, sizeof(path), "%s/%s", l->places->folders[i], name);
        if (n > 0 && (size_t)n < sizeof(path) && l->places->is_there(path))
            return json_string(path);
    }
    return NULL;
}

int gr_device(const struct gr_line *l, const char *name, json_t **ret, struct err *reterr)
{
    char folders[160] = "";
    json_t *path = look_for(l, name);
    if (path) {
        *ret = path;
        return 0;
    }
    for (size_t i = 0, at = 0; l->places && l->places->folders[i] && at < sizeof(folders); i++)
        at += (size_t)snprintf(folders + at, sizeof(folders) - at, "%s%s", i ? ", " : "",
                               l->places->folders[i]);
    return err_set(reterr, -ENOENT,
                   "there is no disk \"%.60s\" in %s: give its whole path, or set "
                   "ZSAN_DEVICE_PATH",
                   name, folders);
}

json_t *gr_disk_of_pool(const struct gr_line *l, const char *name)
{
    json_t *path = look_for(l, name);
    return path ? path : json_string(name);
}

/* ---- values ------------------------------------------------------------------------------ */

int gr_property(const char *text, char ret_name[GR_PROPERTY_MAX], const char **ret_value,
                struct err *reterr)
{
    const char *eq = strchr(text, '=');
    size_t len = eq ? (size_t)(eq - text) : 0;
    if (len == 0 || len >= GR_PROPERTY_MAX)
        return err_set(reterr, -EINVAL, "\"%.80s\" is not of the form PROPERTY=VALUE", text);
    memcpy(ret_name, text, len);
    ret_name[len] = '\0';
    *ret_value = eq + 1;
    return 0;
}

int gr_size(const char *what, const char *text, json_t **ret, struct err *reterr)
{
    uint64_t n;
    if (!text_to_size(text, &n) || n > INT64_MAX)
        return err_set(reterr, -EINVAL,
                       "%.60s: \"%.60s\" is no size: write bytes, or 512M, 10G, 2T", what,
                       text);
    *ret = json_integer((json_int_t)n);
    return 0;
}

json_t *gr_list(const char *text)
{
    json_t *list = json_array();
    while (text) {
        const char *comma = strchr(text, ',');
        size_t len = comma ? (size_t)(comma - text) : strlen(text);
        if (len > 0)
            json_array_append_new(list, json_stringn(text, len));
        text = comma ? comma + 1 : NULL;
    }
    return list;
}

/* ---- facts ------------------------------------------------------------------------------- */

const char *gr_text(const json_t *obj, const char *key)
{
    const char *text = json_string_value(json_object_get(obj, key));
    return text ? text : "";
}

const json_t *gr_find(const json_t *list, const char *key, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *obj = json_array_get(list, i);
        if (strcmp(gr_text(obj, key), text) == 0)
            return obj;
    }
    return NULL;
}

/* ---- servers ----------------------------------------------------------------------------- */

int gr_server(const char *option, const char *text, uint16_t port, char ret_address[64],
              uint64_t *ret_port, struct err *reterr)
{
    const char *colon = strrchr(text, ':'), *host = text;
    bool bracketed = text[0] == '[',
         with_port = colon && (bracketed ? colon[-1] == ']' : strchr(text, ':') == colon);
    size_t n = with_port ? (size_t)(colon - text) : strlen(text);
    *ret_port = port;
    if (bracketed && n >= 2 && text[n - 1] == ']') {
        host++;
        n -= 2;
    }
    if (n == 0 || n >= 64 ||
        (with_port &&
         (!text_to_u64(colon + 1, ret_port) || *ret_port < 1 || *ret_port > 65535)))
        return err_set(reterr, -EINVAL, "%s %.80s: it is ADDRESS or ADDRESS:PORT", option,
                       text);
    memcpy(ret_address, host, n);
    ret_address[n] = '\0';
    return 0;
}

/* ---- again and again --------------------------------------------------------------------- */

int gr_interval(const struct gr_line *l, size_t *n, struct gr_plan *p, struct err *reterr)
{
    uint64_t number[2];
    size_t numbers = 0;
    while (numbers < 2 && *n > 0 && text_to_u64(l->operands[*n - 1], &number[numbers])) {
        numbers++;
        --*n;
    }
    if (numbers == 0)
        return 0;
    uint64_t every = number[numbers - 1], times = numbers == 2 ? number[0] : 0;
    if (every == 0 || every > 86400 || (numbers == 2 && (times == 0 || times > UINT32_MAX)))
        return err_set(reterr, -EINVAL,
                       "%s %s: the interval is 1 to 86400 seconds, the count at least 1",
                       l->tool->name, l->verb->name);
    p->every = (unsigned)every;
    p->times = (unsigned)times;
    return 0;
}
