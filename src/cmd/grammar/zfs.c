/* SPDX-License-Identifier: BSD-2-Clause */
/* zfs's language for folders and volumes: `zsan dataset`, `zsan zfs` and, for what is made and changed, `zsan volume`. */
#include "cmd/grammar/columns.h"
#include "cmd/grammar/table.h"
#include "cmd/grammar/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *dataset_params(const char *name)
{
    return json_pack("{s:s}", "name", name);
}

/* ---- properties by value ----------------------------------------------------------------- */

/* Those whose values are bytes, which people write as 64K. */
static bool is_size(const char *property)
{
    static const char *const sizes[] = {"volsize",  "volblocksize", "quota",
                                        "refquota", "reservation",  "refreservation"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (strcmp(sizes[i], property) == 0)
            return true;
    return false;
}

/* The value as the daemon takes it: sizes in bytes. */
static int value_of(const char *property, const char *value, json_t **ret, struct err *reterr)
{
    json_t *n = NULL;
    bool word = !is_size(property) || strcmp(value, "none") == 0 || strcmp(value, "auto") == 0;
    if (word) {
        *ret = json_string(value);
        return *ret ? 0 : err_set(reterr, -EINVAL, "%.60s: its value is no UTF-8", property);
    }
    int rc = gr_size(property, value, &n, reterr);
    if (rc == 0)
        *ret = json_sprintf("%lld", (long long)json_integer_value(n));
    json_decref(n);
    return rc;
}

static int set_step(struct gr_plan *p, const char *dataset, const char *property,
                    const char *value, struct err *reterr)
{
    json_t *v = NULL;
    int rc = value_of(property, value, &v, reterr);
    if (rc == 0)
        gr_step(
            p, "dataset.set",
            json_pack("{s:s, s:s, s:o}", "name", dataset, "property", property, "value", v));
    return rc;
}

/* ---- create ------------------------------------------------------------------------------ */

/* -o in the call that makes it, where that takes it: 1 taken, 0 it is to be set afterwards. */
static int created_with(json_t *params, bool volume, const char *property, const char *value,
                        struct err *reterr)
{
    static const struct {
        const char *property, *param;
        bool volume; /* of volumes only */
    } texts[] = {
        {"compression", "compression", false},
        {"checksum",    "checksum",    false},
        {"sync",        "sync",        true },
    };
    json_t *n;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i].property, property) == 0 && (volume || !texts[i].volume)) {
            json_object_set_new(params, texts[i].param, json_string(value));
            return 1;
        }
    if (strcmp(property, "volblocksize") == 0) {
        int rc = gr_size(property, value, &n, reterr);
        return rc < 0 ? rc : !json_object_set_new(params, property, n);
    }
    if (volume && strcmp(property, "readonly") == 0) {
        json_object_set_new(params, "read_only", json_boolean(strcmp(value, "on") == 0));
        return 1;
    }
    return 0;
}

static int with_properties(const struct gr_line *l, struct gr_plan *p, json_t *params,
                           bool volume, struct err *reterr)
{
    static const char *const words[] = {"compression", "checksum"};
    char name[GR_PROPERTY_MAX];
    const char *text, *value;
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (gr_has(l, words[i]))
            json_object_set_new(params, words[i], json_string(gr_value(l, words[i])));
    for (size_t i = 0; rc >= 0 && (text = gr_nth(l, "o", i)); i++) {
        rc = gr_property(text, name, &value, reterr);
        if (rc == 0)
            rc = created_with(params, volume, name, value, reterr);
        if (rc == 0)
            rc = set_step(p, l->operands[0], name, value, reterr);
    }
    return MIN(rc, 0);
}

static int create_volume(const struct gr_line *l, struct gr_plan *p, struct err *reterr)
{
    json_t *params = dataset_params(l->operands[0]), *n;
    gr_undo(gr_step(p, "volume.create", params), "dataset.destroy",
            dataset_params(l->operands[0]));
    json_object_set_new(params, "engine", json_string("pool"));
    int rc = gr_size("-V", gr_value(l, "V"), &n, reterr);
    if (rc == 0)
        json_object_set_new(params, "size", n);
    if (rc == 0 && gr_has(l, "b")) {
        rc = gr_size("-b", gr_value(l, "b"), &n, reterr);
        if (rc == 0)
            json_object_set_new(params, "volblocksize", n);
    }
    if (!gr_has(l, "s"))
        json_object_set_new(params, "thick", json_true());
    return rc;
}

static int create(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                  struct err *reterr)
{
    bool volume = gr_has(l, "V");
    int rc = 0;
    (void)facts;
    if (!volume && (gr_has(l, "s") || gr_has(l, "b")))
        return err_set(reterr, -EINVAL, "zfs create: -s and -b are for volumes: give -V SIZE");
    if (volume)
        rc = create_volume(l, p, reterr);
    else
        gr_undo(gr_step(p, "dataset.create", dataset_params(l->operands[0])), "dataset.destroy",
                dataset_params(l->operands[0]));
    if (rc < 0 || p->bad)
        return rc;
    json_t *params = p->steps[0].params;
    if (gr_has(l, "p"))
        json_object_set_new(params, "parents", json_true());
    return with_properties(l, p, params, volume, reterr);
}

/* ---- destroy, rename --------------------------------------------------------------------- */

static bool lies_at(const char *name, const char *dataset, bool below)
{
    size_t len = strlen(dataset);
    return strncmp(name, dataset, len) == 0 &&
           (name[len] == '\0' || (below && (name[len] == '/' || name[len] == '@')));
}

static int destroy(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                   struct err *reterr)
{
    const json_t *all = json_object_get(facts, "dataset.list");
    const char *name = l->operands[0];
    if (strchr(name, '@'))
        return err_set(reterr, -EINVAL,
                       "%.120s: zsan destroys no snapshots; OpenZFS, which made it, does",
                       name);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *has = gr_text(json_array_get(all, i), "name");
        if ((gr_has(l, "n") || gr_has(l, "v")) && lies_at(has, name, gr_has(l, "r")))
            gr_say(p, "%s %s", gr_has(l, "n") ? "would destroy" : "destroyed", has);
    }
    if (gr_has(l, "n"))
        return p->say ? 0 : err_set(reterr, -ENOENT, "there is no dataset \"%.120s\"", name);
    json_t *params = dataset_params(name);
    if (gr_has(l, "r"))
        json_object_set_new(params, "recursive", json_true());
    if (gr_has(l, "f"))
        json_object_set_new(params, "force", json_true());
    gr_step(p, "dataset.destroy", params);
    return 0;
}

static int rename_(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                   struct err *reterr)
{
    (void)facts, (void)reterr;
    gr_step(p, "dataset.rename",
            json_pack("{s:s, s:s}", "name", l->operands[0], "new_name", l->operands[1]));
    return 0;
}

/* ---- list -------------------------------------------------------------------------------- */

static json_t *whole_property(const char *name)
{
    const struct gr_column *c = gr_dataset_column(name);
    return json_string(c ? c->name : name);
}

/* Properties by their whole names. Takes over typed. */
static json_t *properties_of(json_t *typed)
{
    json_t *whole = json_array();
    for (size_t i = 0; i < json_array_size(typed); i++)
        json_array_append_new(whole,
                              whole_property(json_string_value(json_array_get(typed, i))));
    json_decref(typed);
    return whole;
}

/* What a list shows but no dataset stores is not asked for. */
static json_t *stored(json_t *properties)
{
    for (size_t i = json_array_size(properties); i-- > 0;) {
        const char *name = json_string_value(json_array_get(properties, i));
        if (strcmp(name, "name") == 0 || strcmp(name, "mountpoint") == 0)
            json_array_remove(properties, i);
    }
    return properties;
}

static void want(json_t *properties, const char *name)
{
    if (name && strcmp(name, "name") != 0)
        json_array_append_new(properties, whole_property(name));
}

/* How deep below the operands: -1 without end. */
static int depth_of(const struct gr_line *l, int initial, int *ret, struct err *reterr)
{
    const char *text = gr_value(l, "d");
    char *end;
    *ret = gr_has(l, "r") ? -1 : initial;
    if (!text)
        return 0;
    long n = strtol(text, &end, 10);
    if (*end || text == end || n < 0 || n > 255)
        return err_set(reterr, -EINVAL, "-d %.20s: the depth is a number from 0 to 255", text);
    *ret = (int)n;
    return 0;
}

static int list(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                struct err *reterr)
{
    const char *types = gr_value(l, "t");
    json_t *properties = stored(properties_of(gr_columns(l, GR_DATASET_COLUMNS)));
    int depth, rc = depth_of(l, l->noperands ? 0 : -1, &depth, reterr);
    (void)facts;
    if (rc == 0)
        rc = gr_columns_check(l, NULL, reterr);
    want(properties, gr_value(l, "s"));
    want(properties, gr_value(l, "S"));
    for (size_t i = 0; rc == 0 && i < MAX(l->noperands, 1); i++) {
        json_t *params = json_object();
        if (l->noperands)
            json_object_set_new(params, "name", json_string(l->operands[i]));
        if (depth >= 0)
            json_object_set_new(params, "depth", json_integer(depth));
        if (types && (strstr(types, "snap") || strstr(types, "all")))
            json_object_set_new(params, "snapshots", json_true());
        json_object_set(params, "properties", properties);
        gr_step(p, "dataset.list", params);
    }
    json_decref(properties);
    return rc;
}

/* ---- get, set, inherit ------------------------------------------------------------------- */

/* The datasets that the operands from the first one on name, with those below as far as -r and -d say; all when there
 * are none. */
static int named(const struct gr_line *l, const json_t *facts, size_t first, json_t *ret_names,
                 struct err *reterr)
{
    const json_t *all = json_object_get(facts, "dataset.list");
    int depth, rc = depth_of(l, 0, &depth, reterr);
    for (size_t i = first; rc == 0 && i < l->noperands; i++) {
        const char *name = l->operands[i];
        if (depth == 0)
            json_array_append_new(ret_names, json_string(name));
        for (size_t k = 0; depth != 0 && k < json_array_size(all); k++) {
            const char *has = gr_text(json_array_get(all, k), "name");
            int below = 0;
            for (const char *c = has + strlen(name); lies_at(has, name, true) && *c; c++)
                below += *c == '/';
            if (lies_at(has, name, true) && (depth < 0 || below <= depth))
                json_array_append_new(ret_names, json_string(has));
        }
    }
    for (size_t k = 0; rc == 0 && first == l->noperands && k < json_array_size(all); k++)
        json_array_append_new(ret_names, json_string(gr_text(json_array_get(all, k), "name")));
    if (rc == 0 && json_array_size(ret_names) == 0 && l->noperands > first)
        rc = err_set(reterr, -ENOENT, "there is no dataset \"%.120s\"", l->operands[first]);
    return rc;
}

static int get(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
               struct err *reterr)
{
    json_t *typed, *names = json_array();
    int rc = gr_properties(l, l->operands[0], &typed, reterr);
    json_t *properties = properties_of(typed);
    if (rc == 0)
        rc = gr_columns_check(l, gr_is_property_column, reterr);
    if (rc == 0)
        rc = named(l, facts, 1, names, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(names); i++)
        for (size_t k = 0; k < json_array_size(properties); k++)
            gr_step(p, "dataset.get",
                    json_pack("{s:O, s:O}", "name", json_array_get(names, i), "property",
                              json_array_get(properties, k)));
    json_decref(properties);
    json_decref(names);
    return rc;
}

static int set(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
               struct err *reterr)
{
    char name[GR_PROPERTY_MAX];
    const char *value;
    size_t n = 0;
    int rc = 0;
    (void)facts;
    while (n < l->noperands && strchr(l->operands[n], '='))
        n++;
    if (n == 0 || n == l->noperands)
        return err_set(reterr, -EINVAL, "zfs set takes PROPERTY=VALUE... DATASET...");
    for (size_t i = n; rc == 0 && i < l->noperands; i++)
        for (size_t k = 0; rc == 0 && k < n; k++) {
            rc = gr_property(l->operands[k], name, &value, reterr);
            if (rc == 0)
                rc = set_step(p, l->operands[i], name, value, reterr);
        }
    return rc;
}

static int inherit(const struct gr_line *l, const json_t *facts, struct gr_plan *p,
                   struct err *reterr)
{
    json_t *names = json_array();
    int rc = named(l, facts, 1, names, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(names); i++)
        gr_step(p, "dataset.inherit",
                json_pack("{s:O, s:o}", "name", json_array_get(names, i), "property",
                          whole_property(l->operands[0])));
    json_decref(names);
    return rc;
}

/* ---- the table --------------------------------------------------------------------------- */

/* clang-format off */
#define DATASETS      .facts = {"dataset.list"}
#define DEPTH                                                                                  \
    {.letter = 'r', .doc = "and all datasets below"}, { .letter = 'd', .word = "depth", .arg = "N", .doc = "and those so many levels below" }
#define TABLE                                                                                  \
    {.letter = 'H', .doc = "no headings, columns apart by one tab"}, { .letter = 'p', .doc = "exact numbers" }

GR_OPTIONS(create_options) = {
    {.letter = 'V', .word = "size", .arg = "SIZE", .doc = "a volume of this size; without it a folder"},
    {.letter = 's', .doc = "sparse: a volume takes space as it is written; without it all of it is reserved"},
    {.letter = 'b', .word = "volblocksize", .arg = "SIZE", .doc = "block of a volume, a power of two from 4K to 128K (default 16K); cannot be changed later"},
    {.letter = 'o', .arg = "PROPERTY=VALUE", .many = true, .doc = "a property"},
    {.letter = 'p', .word = "parents", .doc = "make the folders above it that are missing"},
    {.word = "compression", .arg = "off|lz4", .doc = "as -o compression="},
    {.word = "checksum", .arg = "fletcher4|sha256", .doc = "as -o checksum="},
};
GR_OPTIONS(destroy_options) = {
    {.letter = 'r', .word = "recursive", .doc = "and all datasets below it"},
    {.letter = 'f', .word = "force", .doc = "unmap its volumes first, wherever they are mapped"},
    {.letter = 'n', .doc = "only say what would be destroyed"},
    {.letter = 'v', .doc = "say what is destroyed"},
    {.letter = 'R', .refuse = "zsan makes no clones that could go with it", .doc = "refused"},
};
GR_OPTIONS(list_options) = {
    DEPTH,
    TABLE,
    {.letter = 'o', .arg = "PROPERTY,...", .doc = "these columns (default name,used,avail,refer,mountpoint)"},
    {.letter = 't', .arg = "TYPE,...", .doc = "of filesystem, volume, snapshot, all"},
    {.letter = 's', .arg = "PROPERTY", .doc = "sort by it"},
    {.letter = 'S', .arg = "PROPERTY", .doc = "sort by it, largest first"},
};
GR_OPTIONS(get_options) = {
    DEPTH,
    TABLE,
    {.letter = 'o', .arg = "COLUMN,...", .doc = "of name, property, value, source"},
    {.letter = 's', .arg = "SOURCE,...", .doc = "only of local, default, inherited, received, none"},
};
GR_OPTIONS(inherit_options) = {
    {.letter = 'r', .doc = "and of all datasets below"},
};

static const struct gr_verb verbs[] = {
    {"create", "DATASET", "Make a folder, or with -V a volume, ready to be mapped into targets.", GR_WITH(create_options), .min = 1, .max = 1, .translate = create, .volume = VOLUME_BY_FORM},
    {"destroy", "DATASET", "Destroy a folder or volume and what it holds. A volume that a target maps stays, unless forced.", GR_WITH(destroy_options), .min = 1, .max = 1, DATASETS, .translate = destroy},
    {"list", "[DATASET...]", "List folders and volumes, with their properties.", GR_WITH(list_options), .max = GR_MANY, .translate = list, .view = VIEW_DATASET_LIST, .volume = VOLUME_NOT},
    {"rename", "DATASET NEW-NAME", "Give a dataset another name in its pool. A volume keeps its identity.", .min = 2, .max = 2, .translate = rename_},
    {"get", "all|PROPERTY,... [DATASET...]", "Show properties, and where their values come from.", GR_WITH(get_options), .min = 1, .max = GR_MANY, DATASETS, .translate = get, .view = VIEW_PROPERTIES},
    {"set", "PROPERTY=VALUE... DATASET...", "Set properties. volsize= resizes a volume while it is served; datasets below that have no value of their own follow the others.", .min = 2, .max = GR_MANY, .translate = set, .volume = VOLUME_BY_FORM},
    {"inherit", "PROPERTY DATASET...", "Take a property away, so that it follows the dataset above.", GR_WITH(inherit_options), .min = 2, .max = GR_MANY, DATASETS, .translate = inherit},
};

/* clang-format on */
#define NO_SNAPSHOTS    "zsan makes no snapshots and clones; those that a pool has are kept"
#define NO_FILE_SYSTEMS "zsan serves volumes; it has no file systems to mount or share"
#define NO_STREAMS                                                                             \
    "zsan neither sends nor receives; hosts, or OpenZFS with the pool exported, can"
#define NO_ENCRYPTION "zsan has no encrypted datasets"
#define NO_DELEGATION "who may do what is decided by the groups of zsand's control socket"

/* What zfs 2.1 has beyond these. */
static const struct gr_refused refused[] = {
    {"allow",      NO_DELEGATION                                                          },
    {"bookmark",   NO_SNAPSHOTS                                                           },
    {"change-key", NO_ENCRYPTION                                                          },
    {"clone",      NO_SNAPSHOTS                                                           },
    {"diff",       NO_SNAPSHOTS                                                           },
    {"groupspace", NO_FILE_SYSTEMS                                                        },
    {"hold",       NO_SNAPSHOTS                                                           },
    {"holds",      NO_SNAPSHOTS                                                           },
    {"load-key",   NO_ENCRYPTION                                                          },
    {"mount",      NO_FILE_SYSTEMS                                                        },
    {"program",    "zsan runs no channel programs"                                        },
    {"promote",    NO_SNAPSHOTS                                                           },
    {"receive",    NO_STREAMS                                                             },
    {"recv",       NO_STREAMS                                                             },
    {"redact",     NO_STREAMS                                                             },
    {"release",    NO_SNAPSHOTS                                                           },
    {"rollback",   NO_SNAPSHOTS                                                           },
    {"send",       NO_STREAMS                                                             },
    {"share",      NO_FILE_SYSTEMS                                                        },
    {"snap",       NO_SNAPSHOTS                                                           },
    {"snapshot",   NO_SNAPSHOTS                                                           },
    {"unallow",    NO_DELEGATION                                                          },
    {"unload-key", NO_ENCRYPTION                                                          },
    {"umount",     NO_FILE_SYSTEMS                                                        },
    {"unmount",    NO_FILE_SYSTEMS                                                        },
    {"unshare",    NO_FILE_SYSTEMS                                                        },
    {"upgrade",    NO_FILE_SYSTEMS                                                        },
    {"userspace",  NO_FILE_SYSTEMS                                                        },
    {"version",    "zsan --version"                                                       },
    {"wait",       "zsan pool wait waits for a pool; destroying goes on in the background"},
    {NULL,         NULL                                                                   },
};

const struct gr_tool gr_zfs = {
    "zfs", {"dataset", NULL},
     "Folders and volumes in pools.",
    verbs, ARRAY_LEN(verbs),  refused
};
