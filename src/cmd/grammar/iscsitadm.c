/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The language of Solaris's iscsitadm. Its objects are ours under other names: a target's LUN has a backing store instead of a
 * volume, an initiator has a local name, and an access list of a target is its grants. A local name like esx1.1 is the first
 * initiator of the host esx1, and its label. What it cannot have here is refused with the reason.
 */
#include "cmd/grammar/admin_isns.h"
#include "cmd/grammar/admin_radius.h"
#include "cmd/grammar/table.h"
#include "cmd/grammar/values.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN 224

/* ---- names ------------------------------------------------------------------------------- */

/* By its alias, or the part that its name was made of. */
static bool is_called(const json_t *target, const char *name)
{
    const char *whole = gr_text(target, "name"), *alias = gr_text(target, "alias");
    size_t len = strlen(whole), n = strlen(name);
    if (n == 0)
        return false;
    return strcmp(alias, name) == 0 ||
           (n < len && strcmp(whole + len - n, name) == 0 && strchr(".:", whole[len - n - 1]));
}

/* A target by its whole name or what it is called; *ret NULL: none. -EINVAL: several are called so, and none is guessed. */
static int find_target(const json_t *facts, const char *name, const json_t **ret,
                       struct err *reterr)
{
    const json_t *all = json_object_get(facts, "target.list");
    *ret = gr_find(all, "name", name);
    if (*ret)
        return 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *target = json_array_get(all, i);
        if (!is_called(target, name))
            continue;
        if (*ret)
            return err_set(reterr, -EINVAL, "\"%.60s\" is %.80s and %.80s: give the whole name",
                           name, gr_text(*ret, "name"), gr_text(target, "name"));
        *ret = target;
    }
    return 0;
}

static int need_target(const json_t *facts, const char *name, const json_t **ret,
                       struct err *reterr)
{
    int rc = find_target(facts, name, ret, reterr);
    if (rc < 0 || *ret)
        return rc;
    return err_set(reterr, -ENOENT,
                   "there is no target \"%.100s\" (iscsitadm list target shows them)", name);
}

/* The host of a local name: esx1 of esx1.1. */
static void host_of(const char *name, char ret_host[NAME_LEN])
{
    const char *dot = strrchr(name, '.');
    uint64_t n;
    text_copy(ret_host, NAME_LEN, name);
    if (dot && dot > name && text_to_u64(dot + 1, &n) && (size_t)(dot - name) < NAME_LEN)
        ret_host[dot - name] = '\0';
}

/* An initiator by its label, its iSCSI name, or the name of a host with one initiator. -EINVAL: the host has several. */
static int need_initiator(const json_t *facts, const char *name, const json_t **ret,
                          struct err *reterr)
{
    const json_t *all = json_object_get(facts, "initiator.list");
    *ret = gr_find(all, "label", name);
    if (!*ret)
        *ret = gr_find(all, "name", name);
    if (*ret)
        return 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        if (strcmp(gr_text(one, "host"), name) != 0)
            continue;
        if (*ret)
            return err_set(reterr, -EINVAL,
                           "\"%.60s\" is a host with several initiators, among them %.80s and "
                           "%.80s: name one of them",
                           name, gr_text(*ret, "name"), gr_text(one, "name"));
        *ret = one;
    }
    return *ret ? 0
                : err_set(reterr, -ENOENT,
                          "there is no initiator \"%.100s\" (iscsitadm list initiator shows "
                          "them)",
                          name);
}

/* The number of a portal group. */
static int tag(const char *text, json_int_t *ret, struct err *reterr)
{
    uint64_t n;
    if (!text_to_u64(text, &n) || n < 1 || n > 65535)
        return err_set(reterr, -EINVAL, "tpgt %.40s: it is a number from 1 to 65535", text);
    *ret = (json_int_t)n;
    return 0;
}

static const json_t *lun_of(const json_t *target, json_int_t n)
{
    const json_t *luns = json_object_get(target, "luns");
    for (size_t i = 0; i < json_array_size(luns); i++)
        if (json_integer_value(json_object_get(json_array_get(luns, i), "lun")) == n)
            return json_array_get(luns, i);
    return NULL;
}

/* ---- create target ----------------------------------------------------------------------- */

/* The dataset of /dev/zvol/rdsk/POOL/VOLUME; NULL: the path is none of these. */
static const char *dataset_of(const char *path)
{
    static const char *const folders[] = {"/dev/zvol/rdsk/", "/dev/zvol/dsk/", "/dev/zvol/"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (strncmp(path, folders[i], strlen(folders[i])) == 0)
            return path + strlen(folders[i]);
    return NULL;
}

/* TARGET-lunN, of a volume that is made for the LUN. */
static json_t *made_name(const json_t *target, const char *name, const char *lun)
{
    json_int_t n = 0;
    while (lun_of(target, n))
        n++;
    return lun ? json_sprintf("%s-lun%s", name, lun)
               : json_sprintf("%s-lun%lld", name, (long long)n);
}

/* The volume of the backing store: *ret is its name; a step makes it when there is none yet. */
static int backing(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                   const json_t *target, json_t **ret, struct err *reterr)
{
    const char *path = gr_value(l, "b"), *size = gr_value(l, "z");
    const char *dataset = path ? dataset_of(path) : NULL;
    const json_t *volumes = json_object_get(facts, "volume.list"), *v = NULL;
    json_t *n = NULL, *params;
    if (!path == !size)
        return err_set(
            reterr, -EINVAL,
            "create target %.100s: give -b BACKING-STORE, what it serves, or -z SIZE "
            "of a new volume",
            l->operands[0]);
    if (path && path[0] != '/')
        return err_set(reterr, -EINVAL,
                       "-b %.120s: give an absolute path, as /dev/zvol/rdsk/POOL/VOLUME", path);
    if (path)
        v = dataset ? gr_find(volumes, "dataset", dataset) : gr_find(volumes, "path", path);
    if (v) {
        *ret = json_string(gr_text(v, "name"));
        return 0;
    }
    if (size && gr_size("-z", size, &n, reterr) < 0)
        return -EINVAL;
    *ret = dataset ? json_string(dataset) : made_name(target, l->operands[0], gr_value(l, "u"));
    params = json_pack("{s:O}", "name", *ret);
    if (dataset)
        json_object_set_new(params, "dataset", json_string(dataset));
    else if (path)
        json_object_set_new(params, "path", json_string(path));
    else
        json_object_set_new(params, "size", n);
    gr_undo(gr_step(p, "volume.create", params), "volume.delete",
            json_pack("{s:O, s:b}", "name", *ret, "keep", path != NULL));
    return 0;
}

static int create_target(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                         struct err *reterr)
{
    const char *name = l->operands[0], *alias = gr_value(l, "a"), *lun = gr_value(l, "u"),
               *type = gr_value(l, "t");
    const json_t *target;
    json_t *volume = NULL;
    uint64_t n = 0;
    if (type && strcmp(type, "disk") != 0)
        return err_set(reterr, -EINVAL, "-t %.40s: zsan serves disks only", type);
    if (lun && (!text_to_u64(lun, &n) || n > 16383))
        return err_set(reterr, -EINVAL, "-u %.40s: a LUN is a number from 0 to 16383", lun);
    int rc = find_target(facts, name, &target, reterr);
    if (rc == 0)
        rc = backing(l, facts, p, target, &volume, reterr);
    if (rc < 0)
        return rc;
    if (!target)
        gr_undo(gr_step(p, "target.create",
                        json_pack("{s:s, s:s}", "name", name, "alias", alias ? alias : name)),
                "target.delete", json_pack("{s:s}", "name", name));
    else if (alias)
        gr_step(p, "target.set",
                json_pack("{s:s, s:s}", "name", gr_text(target, "name"), "alias", alias));
    json_t *params = json_pack("{s:s, s:o}", "target", target ? gr_text(target, "name") : name,
                               "volume", volume);
    if (lun)
        json_object_set_new(params, "lun", json_integer((json_int_t)n));
    gr_step(p, "lun.add", params);
    return 0;
}

/* ---- create initiator -------------------------------------------------------------------- */

/* The page lost "--iqn IQN": what follows the option is the local name. */
static int missing_iqn(const struct gr_line *l, struct err *reterr)
{
    const char *name = l->noperands ? l->operands[0] : gr_value(l, "n");
    return err_set(reterr, -EINVAL,
                   "create initiator %.80s: its iSCSI name is missing: create initiator --iqn "
                   "IQN %.80s, with the IQN that the host shows (iqn.YYYY-MM.DOMAIN:...)",
                   name ? name : "NAME", name ? name : "NAME");
}

static bool is_iscsi_name(const char *text)
{
    return strncmp(text, "iqn.", 4) == 0 || strncmp(text, "eui.", 4) == 0 ||
           strncmp(text, "naa.", 4) == 0;
}

static int create_initiator(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                            struct err *reterr)
{
    const char *iqn = gr_value(l, "n");
    char host[NAME_LEN];
    if (!iqn || (l->noperands == 0 && !is_iscsi_name(iqn)))
        return missing_iqn(l, reterr);
    if (l->noperands == 0)
        return err_set(reterr, -EINVAL,
                       "create initiator --iqn %.100s: give it a local name, as esx1 or esx1.1",
                       iqn);
    const char *name = l->operands[0];
    host_of(name, host);
    const json_t *there = gr_find(json_object_get(facts, "host.list"), "name", host);
    bool one_of_many = strcmp(host, name) != 0;
    if (there && !one_of_many)
        return err_set(reterr, -EEXIST,
                       "there is a host \"%.80s\" already: call its initiators %.80s.1, "
                       "%.80s.2 ...",
                       host, host, host);
    if (!there)
        gr_undo(gr_step(p, "host.add", json_pack("{s:s}", "name", host)), "host.remove",
                json_pack("{s:s}", "name", host));
    json_t *params = json_pack("{s:s, s:s}", "name", iqn, "host", host);
    if (one_of_many)
        json_object_set_new(params, "label", json_string(name));
    gr_step(p, "initiator.add", params);
    if (one_of_many)
        gr_say(p,
               "%s is initiator %s of host %s: what is granted to the host, all its initiators "
               "may reach",
               name, name + strlen(host) + 1, host);
    return 0;
}

/* ---- modify target ----------------------------------------------------------------------- */

/* Serves the target through the portal group too, or no more. */
static int step_group(struct gr_plan *p, const json_t *target, const char *text, bool in,
                      struct err *reterr)
{
    const json_t *now = json_object_get(target, "portal_groups");
    json_int_t n = 0;
    bool there = false;
    int rc = tag(text, &n, reterr);
    if (rc < 0)
        return rc;
    json_t *groups = json_array();
    for (size_t i = 0; i < json_array_size(now); i++) {
        bool same = json_integer_value(json_array_get(now, i)) == n;
        there |= same;
        if (in || !same)
            json_array_append(groups, json_array_get(now, i));
    }
    if (in && !there)
        json_array_append_new(groups, json_integer(n));
    gr_step(p, "target.set",
            json_pack("{s:s, s:o}", "name", gr_text(target, "name"), "portal_groups", groups));
    return 0;
}

static int modify_target(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                         struct err *reterr)
{
    const char *acl = gr_value(l, "l"), *tpgt = gr_value(l, "p"), *alias = gr_value(l, "a");
    const json_t *target;
    int rc = need_target(facts, l->operands[0], &target, reterr);
    if (rc < 0)
        return rc;
    const char *name = gr_text(target, "name");
    if (!acl && !tpgt && !alias)
        return err_set(reterr, -EINVAL, "modify target: give --acl, --tpgt or --alias");
    if (alias)
        gr_step(p, "target.set", json_pack("{s:s, s:s}", "name", name, "alias", alias));
    if (tpgt)
        rc = step_group(p, target, tpgt, true, reterr);
    if (acl)
        gr_step(p, "grant.add", json_pack("{s:s, s:s}", "who", acl, "target", name));
    return rc;
}

/* ---- CHAP -------------------------------------------------------------------------------- */

/* The granted pairs of the initiator, NULL: of everybody. */
static json_t *pairs_of(const json_t *facts, const char *initiator)
{
    const json_t *all = json_object_get(facts, "grant.list");
    json_t *pairs = json_array();
    for (size_t i = 0; i < json_array_size(all); i++)
        if (!initiator || strcmp(gr_text(json_array_get(all, i), "initiator"), initiator) == 0)
            json_array_append(pairs, json_array_get(all, i));
    return pairs;
}

/* Each pair of initiator and target has secrets of its own, so a secret is set where there is one pair to
 * mean. key: of which side. */
static int chap_secret(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                       const char *initiator, const char *key, struct err *reterr)
{
    json_t *pairs = pairs_of(facts, initiator), *pair = json_array_get(pairs, 0);
    size_t n = json_array_size(pairs);
    int rc = 0;
    if (n == 1) {
        const char *who = gr_text(pair, "initiator"), *target = gr_text(pair, "target");
        gr_step(p, "grant.secret",
                json_pack("{s:s, s:s, s:n}", "initiator", who, "target", target, key));
        gr_say(p, "the secret before stays good until zsan grant finish %s %s", who, target);
    } else {
        rc = err_set(
            reterr, -EINVAL,
            "%s %s --chap-secret: each pair of initiator and target has secrets of its "
            "own here, and %zu pairs are meant: zsan grant secret INITIATOR TARGET sets "
            "those of one",
            l->tool->name, l->verb->name, n);
    }
    json_decref(pairs);
    return rc;
}

/* The name in all pairs of the initiator, NULL: of everybody. key: of which side. */
static int chap_name(const json_t *facts, struct gr_plan *p, const char *initiator,
                     const char *key, const char *name, struct err *reterr)
{
    json_t *pairs = pairs_of(facts, initiator);
    size_t n = json_array_size(pairs);
    for (size_t i = 0; i < n; i++) {
        const json_t *g = json_array_get(pairs, i);
        gr_step(p, "grant.name",
                json_pack("{s:s, s:s, s:s}", "initiator", gr_text(g, "initiator"), "target",
                          gr_text(g, "target"), key, name));
    }
    json_decref(pairs);
    return n > 0 ? 0
                 : err_set(reterr, -EINVAL,
                           "--chap-name %.60s: a CHAP name belongs to a pair of initiator and "
                           "target: grant a target first (iscsitadm modify target --acl)",
                           name);
}

static int modify_initiator(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                            struct err *reterr)
{
    const char *name = gr_value(l, "H");
    const json_t *i;
    int rc = need_initiator(facts, l->operands[0], &i, reterr);
    if (rc == 0 && !name && !gr_has(l, "C"))
        return err_set(reterr, -EINVAL, "modify initiator: give --chap-name or --chap-secret");
    if (rc == 0 && name)
        rc = chap_name(facts, p, gr_text(i, "name"), "name", name, reterr);
    if (rc == 0 && gr_has(l, "C"))
        rc = chap_secret(l, facts, p, gr_text(i, "name"), "secret", reterr);
    return rc;
}

static int modify_admin(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                        struct err *reterr)
{
    const char *folder = gr_value(l, "d"), *name = gr_value(l, "H");
    const char *server = gr_value(l, "S"), *access = gr_value(l, "i");
    int rc = 0;
    if (l->ngiven == 0)
        return err_set(reterr, -EINVAL, "modify admin: give one of its options");
    if (folder)
        gr_say(p,
               "nothing to set: zsand keeps targets in its own state folder, across restarts; "
               "%s is not used",
               folder);
    if (name)
        rc = chap_name(facts, p, NULL, "reverse_name", name, reterr);
    if (rc == 0 && gr_has(l, "C"))
        rc = chap_secret(l, facts, p, NULL, "reverse_secret", reterr);
    if (rc == 0 && (gr_has(l, "R") || gr_has(l, "P")))
        rc = admin_radius(facts, p, gr_value(l, "R"), gr_has(l, "P"), reterr);
    if (rc == 0 && server)
        rc = admin_isns_server(facts, p, server, reterr);
    if (rc == 0 && access)
        rc = admin_isns_access(facts, p, access, reterr);
    return rc;
}

/* ---- delete ------------------------------------------------------------------------------ */

static int delete_lun(const struct gr_line *l, struct gr_plan *p, const json_t *target,
                      const char *lun, struct err *reterr)
{
    uint64_t n = 0;
    const json_t *found = text_to_u64(lun, &n) ? lun_of(target, (json_int_t)n) : NULL;
    if (!found)
        return err_set(reterr, -ENOENT, "target %.100s has no LUN %.20s", l->operands[0], lun);
    gr_step(p, "lun.remove",
            json_pack("{s:s, s:I}", "target", gr_text(target, "name"), "lun", (json_int_t)n));
    gr_say(p, "LUN %s of %s is no more; volume %s stays", lun, l->operands[0],
           gr_text(found, "volume"));
    if (json_array_size(json_object_get(target, "luns")) == 1) {
        gr_step(p, "target.delete", json_pack("{s:s}", "name", gr_text(target, "name")));
        gr_say(p, "it was the last one, and the target went with it");
    }
    return 0;
}

static int delete_target(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                         struct err *reterr)
{
    const char *lun = gr_value(l, "u"), *acl = gr_value(l, "l"), *tpgt = gr_value(l, "p");
    const json_t *target;
    int rc = need_target(facts, l->operands[0], &target, reterr);
    if (rc < 0)
        return rc;
    const char *name = gr_text(target, "name");
    if (acl)
        gr_step(p, "grant.remove", json_pack("{s:s, s:s}", "who", acl, "target", name));
    if (tpgt)
        rc = step_group(p, target, tpgt, false, reterr);
    if (rc == 0 && lun)
        rc = delete_lun(l, p, target, lun, reterr);
    if (!acl && !tpgt && !lun)
        gr_step(p, "target.delete", json_pack("{s:s, s:b}", "name", name, "force", 1));
    return rc;
}

static int delete_initiator(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                            struct err *reterr)
{
    const json_t *i, *host;
    int rc = need_initiator(facts, l->operands[0], &i, reterr);
    if (rc < 0)
        return rc;
    host = gr_find(json_object_get(facts, "host.list"), "name", gr_text(i, "host"));
    bool last = host && json_array_size(json_object_get(host, "initiators")) == 1;
    if (last)
        gr_step(p, "host.remove",
                json_pack("{s:s, s:b}", "name", gr_text(host, "name"), "force", 1));
    else
        gr_step(p, "initiator.remove", json_pack("{s:s}", "name", gr_text(i, "name")));
    return 0;
}

/* ---- portal groups ----------------------------------------------------------------------- */

static int create_tpgt(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                       struct err *reterr)
{
    json_int_t n = 0;
    int rc = tag(l->operands[0], &n, reterr);
    (void)facts;
    if (rc == 0)
        gr_say(p,
               "portal group %lld comes with its first address: iscsitadm modify tpgt -i "
               "ADDRESS %lld",
               (long long)n, (long long)n);
    return rc;
}

static int change_tpgt(const struct gr_line *l, struct gr_plan *p, const char *method,
                       struct err *reterr)
{
    const char *address = gr_value(l, "i");
    json_int_t n = 0;
    int rc = tag(l->operands[0], &n, reterr);
    if (rc == 0 && !address)
        rc = err_set(reterr, -EINVAL, "%s %lld: give its address: -i ADDRESS", l->verb->name,
                     (long long)n);
    if (rc == 0)
        gr_step(p, method, json_pack("{s:s, s:I}", "address", address, "group", n));
    return rc;
}

static int modify_tpgt(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                       struct err *reterr)
{
    (void)facts;
    return change_tpgt(l, p, "portal.add", reterr);
}

static int delete_tpgt(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                       struct err *reterr)
{
    (void)facts;
    return change_tpgt(l, p, "portal.remove", reterr);
}

/* ---- list -------------------------------------------------------------------------------- */

static int list_targets(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                        struct err *reterr)
{
    const json_t *one = NULL;
    int rc = l->noperands ? need_target(facts, l->operands[0], &one, reterr) : 0;
    if (rc == 0)
        p->answer =
            one ? json_pack("[O]", one) : json_incref(json_object_get(facts, "target.list"));
    return rc;
}

static int list_initiators(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                           struct err *reterr)
{
    const json_t *one = NULL;
    int rc = l->noperands ? need_initiator(facts, l->operands[0], &one, reterr) : 0;
    if (rc == 0)
        p->answer =
            one ? json_pack("[O]", one) : json_incref(json_object_get(facts, "initiator.list"));
    return rc;
}

static int list_tpgts(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                      struct err *reterr)
{
    (void)l, (void)reterr;
    p->answer = json_incref(json_object_get(facts, "portal.list"));
    return 0;
}

static int list_admin(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                      struct err *reterr)
{
    (void)l, (void)reterr;
    p->answer = json_copy(json_object_get(facts, "isns.show"));
    json_object_set(p->answer, "radius", json_object_get(facts, "radius.list"));
    return 0;
}

/* ---- the table --------------------------------------------------------------------------- */

/* clang-format off */
#define NO_RADIUS_ALL "is said of each initiator: zsan initiator set NAME --verify radius, or local"

GR_OPTIONS(create_target_options) = {
    {.letter = 'b', .word = "backing-store", .arg = "PATH", .doc = "what it serves: /dev/zvol/rdsk/POOL/VOLUME, /dev/zvol/POOL/VOLUME, a file or a block device"},
    {.letter = 'z', .word = "size", .arg = "SIZE", .doc = "of a new thin volume in the state folder"},
    {.letter = 'u', .word = "lun", .arg = "N", .doc = "the LUN's number (default: the lowest that was never used there)"},
    {.letter = 'a', .word = "alias", .arg = "TEXT", .doc = "text for people (default: the name)"},
    {.letter = 't', .word = "type", .arg = "disk", .doc = "disks are all there is"},
};
GR_OPTIONS(create_initiator_options) = {
    {.letter = 'n', .word = "iqn", .arg = "IQN", .doc = "its iSCSI name"},
};
GR_OPTIONS(modify_target_options) = {
    {.letter = 'l', .word = "acl", .arg = "INITIATOR", .doc = "let this initiator, or all of this host, log in; secrets are minted for the pair and shown once"},
    {.letter = 'p', .word = "tpgt", .arg = "TAG", .doc = "serve it through this portal group too"},
    {.letter = 'a', .word = "alias", .arg = "TEXT", .doc = "text for people"},
    {.letter = 'm', .word = "maxrecv", .arg = "BYTES", .refuse = "is one limit for all targets: zsan limits set --max-recv-data-segment", .doc = "refused: zsan limits set"},
};
GR_OPTIONS(chap_options) = {
    {.letter = 'H', .word = "chap-name", .arg = "NAME", .doc = "its CHAP name, for all targets that it is granted (at first its iSCSI name)"},
    {.letter = 'C', .word = "chap-secret", .doc = "the secret of its only pair with a target, from --secret-file or standard input"},
};
GR_OPTIONS(modify_admin_options) = {
    {.letter = 'd', .word = "base-directory", .arg = "FOLDER", .doc = "accepted: zsand has a state folder of its own"},
    {.letter = 'H', .word = "chap-name", .arg = "NAME", .doc = "the targets' CHAP name, for all that are granted (at first their iSCSI names)"},
    {.letter = 'C', .word = "chap-secret", .doc = "the secret by which the only target proves itself to the only initiator"},
    {.letter = 'r', .word = "radius-access", .arg = "enable|disable", .refuse = NO_RADIUS_ALL, .doc = "refused: zsan initiator set --verify"},
    {.letter = 'R', .word = "radius-server", .arg = "ADDRESS[:PORT]", .doc = "the RADIUS server (port 1812 unless given), with --radius-secret"},
    {.letter = 'P', .word = "radius-secret", .doc = "the secret that the RADIUS server shares with us, from --secret-file or standard input"},
    {.letter = 'i', .word = "isns-access", .arg = "enable|disable", .doc = "register targets with the iSNS server, which tells names and addresses to whoever asks it; or take that back"},
    {.letter = 'S', .word = "isns-server", .arg = "ADDRESS[:PORT]", .doc = "the iSNS server (port 3205 unless given), in place of those that there are"},
    {.letter = 'f', .word = "fast-write-ack", .arg = "enable|disable", .refuse = "is a matter of each volume: zsan volume set --sync", .doc = "refused: zsan volume set --sync"},
};
GR_OPTIONS(delete_target_options) = {
    {.letter = 'u', .word = "lun", .arg = "N", .doc = "only this LUN; its volume stays, and with the last one the target goes"},
    {.letter = 'l', .word = "acl", .arg = "INITIATOR", .doc = "only take this initiator's, or host's, grant back"},
    {.letter = 'p', .word = "tpgt", .arg = "TAG", .doc = "only serve it through this portal group no more"},
};
GR_OPTIONS(tpgt_options) = {
    {.letter = 'i', .word = "ip-address", .arg = "ADDRESS", .doc = "an address that zsand listens on"},
};
GR_OPTIONS(list_options) = {
    {.letter = 'v', .word = "verbose", .doc = "with LUNs, access lists and portal groups"},
};

static const struct gr_verb verbs[] = {
    {"create target", "NAME", "Map a backing store into a target, which is made when there is none of that name.", GR_WITH(create_target_options), GR_ONE, .facts = {"volume.list", "target.list"}, .translate = create_target},
    {"create initiator", "NAME", "Make an initiator known by a local name. NAME.1, NAME.2 ... are initiators of one host, NAME.", GR_WITH(create_initiator_options), .max = 1, .facts = {"host.list"}, .translate = create_initiator},
    {"create tpgt", "TAG", "Announce a portal group.", GR_ONE, .translate = create_tpgt},
    {"modify target", "NAME", "Change a target, or let an initiator log in to it.", GR_WITH(modify_target_options), GR_ONE, .facts = {"target.list"}, .translate = modify_target},
    {"modify initiator", "NAME", "Set an initiator's CHAP name and secret.", GR_WITH(chap_options), GR_ONE, .facts = {"initiator.list", "grant.list"}, .translate = modify_initiator},
    {"modify admin", "", "Settings of the whole server.", GR_WITH(modify_admin_options), .facts = {"grant.list", "isns.show", "radius.list"}, .translate = modify_admin},
    {"modify tpgt", "TAG", "Add an address to a portal group.", GR_WITH(tpgt_options), GR_ONE, .translate = modify_tpgt},
    {"delete target", "NAME", "Remove a target with its LUNs, or one LUN or grant of it. Volumes stay.", GR_WITH(delete_target_options), GR_ONE, .facts = {"target.list"}, .translate = delete_target},
    {"delete initiator", "NAME", "Forget an initiator, its grants and secrets; with the last one the host goes.", GR_ONE, .facts = {"initiator.list", "host.list"}, .translate = delete_initiator},
    {"delete tpgt", "TAG", "Take an address out of a portal group.", GR_WITH(tpgt_options), GR_ONE, .translate = delete_tpgt},
    {"list target", "[NAME]", "Show targets and their connections.", GR_WITH(list_options), .max = 1, .facts = {"target.list", "session.list", "volume.list", "initiator.list"}, .translate = list_targets, .view = VIEW_TARGETS},
    {"list initiator", "[NAME]", "Show initiators.", GR_WITH(list_options), .max = 1, .facts = {"initiator.list", "grant.list"}, .translate = list_initiators, .view = VIEW_INITIATORS},
    {"list admin", "", "Show settings of the whole server.", .facts = {"isns.show", "radius.list"}, .translate = list_admin, .view = VIEW_ADMIN},
    {"show admin", "", "The same.", .facts = {"isns.show", "radius.list"}, .translate = list_admin, .view = VIEW_ADMIN},
    {"list tpgt", "", "Show portal groups.", GR_WITH(list_options), .facts = {"portal.list"}, .translate = list_tpgts, .view = VIEW_TPGTS},
};

/* clang-format on */
const struct gr_tool gr_iscsitadm = {
    "iscsitadm",
    {NULL},
    "Targets, initiators and access lists in the language of Solaris's iscsitadm.",
    verbs,
    ARRAY_LEN(verbs),
    NULL};
