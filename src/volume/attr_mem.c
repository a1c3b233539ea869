/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An attribute store that lives in memory: for mem volumes and for tests. One list kept in
 * order of name, so that list() needs no sort. Never parks; the reactor that made it owns it.
 */
#include "volume/volume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct attr {
    struct list node;
    struct uuid id;
    char *name, *value;
};

struct attr_mem {
    struct attr_store store;
    struct list attrs; /* of struct attr, by name */
};

static void attr_free(struct attr *a)
{
    list_remove(&a->node);
    free(a->name);
    free(a->value);
    free(a);
}

static struct attr *find(struct attr_store *s, const struct uuid *id, const char *name)
{
    struct attr_mem *m = container_of(s, struct attr_mem, store);
    struct attr *a;
    list_for_each (a, &m->attrs, node) {
        if (memcmp(&a->id, id, sizeof(*id)) == 0 && strcmp(a->name, name) == 0)
            return a;
    }
    return NULL;
}

static int mem_get(struct attr_store *s, const struct uuid *id, const char *name,
                   char **ret_value)
{
    const struct attr *a = find(s, id, name);
    char *value = a ? strdup(a->value) : NULL;
    if (a && !value)
        return -ENOMEM;
    *ret_value = value;
    return 0;
}

/* Puts a new attribute before the first with a greater name. */
static void insert(struct attr_mem *m, struct attr *a)
{
    struct list *at = m->attrs.next;
    while (at != &m->attrs && strcmp(list_entry(at, struct attr, node)->name, a->name) <= 0)
        at = at->next;
    list_insert_before(at, &a->node);
}

static int mem_add(struct attr_store *s, const struct uuid *id, const char *name, char *value)
{
    struct attr *a = calloc(1, sizeof(*a));
    char *copy = strdup(name);
    if (!a || !copy) {
        free(a);
        free(copy);
        return -ENOMEM;
    }
    *a = (struct attr){.id = *id, .name = copy, .value = value};
    insert(container_of(s, struct attr_mem, store), a);
    return 0;
}

static int mem_set(struct attr_store *s, const struct uuid *id, const char *name,
                   const char *value)
{
    struct attr *a = find(s, id, name);
    if (!value) {
        if (a)
            attr_free(a);
        return 0;
    }
    char *copy = strdup(value);
    if (!copy)
        return -ENOMEM;
    if (a) {
        free(a->value);
        a->value = copy;
        return 0;
    }
    int rc = mem_add(s, id, name, copy);
    if (rc != 0)
        free(copy);
    return rc;
}

static bool listed(const struct attr *a, const struct uuid *id, const char *prefix)
{
    return memcmp(&a->id, id, sizeof(*id)) == 0 &&
           strncmp(a->name, prefix, strlen(prefix)) == 0;
}

static int mem_list(struct attr_store *s, const struct uuid *id, const char *prefix,
                    char ***ret_names)
{
    struct attr_mem *m = container_of(s, struct attr_mem, store);
    struct attr *a;
    size_t n = 0;
    list_for_each (a, &m->attrs, node)
        n += listed(a, id, prefix);
    char **names = calloc(n + 1, sizeof(*names));
    if (!names)
        return -ENOMEM;
    n = 0;
    list_for_each (a, &m->attrs, node) {
        if (!listed(a, id, prefix))
            continue;
        names[n] = strdup(a->name);
        if (!names[n++]) {
            for (size_t i = 0; i < n; i++)
                free(names[i]);
            free(names);
            return -ENOMEM;
        }
    }
    *ret_names = names;
    return 0;
}

struct attr_store *attr_mem_new(void)
{
    struct attr_mem *m = malloc(sizeof(*m));
    if (!m)
        return NULL;
    m->store = (struct attr_store){.get = mem_get, .set = mem_set, .list = mem_list};
    list_init(&m->attrs);
    return &m->store;
}

void attr_mem_free(struct attr_store *s)
{
    if (!s)
        return;
    struct attr_mem *m = container_of(s, struct attr_mem, store);
    struct attr *a, *tmp;
    list_for_each_safe (a, tmp, &m->attrs, node)
        attr_free(a);
    free(m);
}
