/* SPDX-License-Identifier: BSD-2-Clause */
/* Intrusive doubly linked list. A node that is on no list points at itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/util.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(l)                                                                           \
    {                                                                                          \
        &(l), &(l)                                                                             \
    }

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
static inline void list_insert_before(struct list *at, struct list *n)
{
    n->prev = at->prev;
    n->next = at;
    at->prev->next = n;
    at->prev = n;
}
static inline void list_push(struct list *head, struct list *n)
{
    list_insert_before(head, n);
}
static inline void list_push_front(struct list *head, struct list *n)
{
    list_insert_before(head->next, n);
}
/* Takes n off its list, if it is on one; harmless otherwise. */
static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}
static inline struct list *list_pop(struct list *head)
{
    struct list *n = head->next;
    if (n == head)
        return NULL;
    list_remove(n);
    return n;
}
/* Moves all of src to the end of dst. */
static inline void list_splice(struct list *dst, struct list *src)
{
    if (list_empty(src))
        return;
    src->next->prev = dst->prev;
    dst->prev->next = src->next;
    src->prev->next = dst;
    dst->prev = src->prev;
    list_init(src);
}

#define list_entry(n, type, member) container_of(n, type, member)
/* The first entry, or NULL. */
#define list_first(head, type, member)                                                         \
    (list_empty(head) ? NULL : list_entry((head)->next, type, member))

/* Walks the entries; the body may not remove the current one (list_for_each_safe: it may). */
#define list_for_each(var, head, member)                                                       \
    for (var = list_entry((head)->next, __typeof__(*var), member); &var->member != (head);     \
         var = list_entry(var->member.next, __typeof__(*var), member))
#define list_for_each_safe(var, tmp, head, member)                                             \
    for (var = list_entry((head)->next, __typeof__(*var), member),                             \
        tmp = list_entry(var->member.next, __typeof__(*var), member);                          \
         &var->member != (head);                                                               \
         var = tmp, tmp = list_entry(tmp->member.next, __typeof__(*var), member))

#endif
