/* SPDX-License-Identifier: BSD-2-Clause */
/* What was minted, for people: this once, ready to paste. The texts hold secrets and are wiped. */
#include "cmd/client/client.h"
#include "cmd/paste/paste.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *obj, const char *key)
{
    const char *text = json_string_value(json_object_get(obj, key));
    return text ? text : "";
}

static void show_indented(const char *text)
{
    while (*text) {
        int len = (int)strcspn(text, "\n");
        printf("  %.*s\n", len, text);
        text += len;
        text += *text == '\n';
    }
}

/* The facts as zsand tells them; portals has room for all of them. */
static struct paste_facts facts_of(const json_t *m, const char **portals)
{
    const json_t *list = json_object_get(m, "portals");
    struct paste_facts x = {
        .initiator = text_of(m, "initiator"),
        .target = text_of(m, "target"),
        .name = text_of(m, "name"),
        .secret = text_of(m, "secret"),
        .reverse_name = text_of(m, "reverse_name"),
        .reverse_secret = text_of(m, "reverse_secret"),
        .portals = portals,
        .lun = (unsigned)json_integer_value(json_object_get(m, "lun")),
        .mutual = strcmp(text_of(m, "auth"), "mutual") == 0,
        .iface = "",
    };
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_string(json_array_get(list, i)))
            portals[x.nportals++] = json_string_value(json_array_get(list, i));
    return x;
}

static void show_text(const json_t *m, const char *paste)
{
    const struct paste_form *form = paste ? paste_form_named(paste) : NULL;
    size_t nportals = json_array_size(json_object_get(m, "portals"));
    const char **portals = calloc(nportals + 1, sizeof(*portals));
    if (!portals)
        return;
    struct paste_facts x = facts_of(m, portals);
    char *text = paste_text(form ? form : paste_form_of(x.initiator), &x);
    if (text)
        show_indented(text);
    paste_free(text);
    free(portals);
}

static void show_one(const json_t *m, const char *paste)
{
    const char *target = text_of(m, "target");
    printf("\n%s, %s%s: shown this once\n", text_of(m, "initiator"),
           target[0] ? "target " : "discovery", target);
    if (*text_of(m, "secret"))
        printf("  CHAP name %s secret %s\n", text_of(m, "name"), text_of(m, "secret"));
    if (*text_of(m, "reverse_secret"))
        printf("  reverse CHAP name %s secret %s\n", text_of(m, "reverse_name"),
               text_of(m, "reverse_secret"));
    show_text(m, paste);
}

/* How to have them for something else: by minting anew, for these are gone. */
static void show_others(bool granted)
{
    printf("\nFor others, with new secrets: zsan %s --for",
           granted ? "grant rotate WHO TARGET" : "initiator rotate NAME");
    for (size_t i = 0; paste_form_name(i); i++)
        printf("%c%s", i > 0 ? '|' : ' ', paste_form_name(i));
    printf("\n");
}

void show_minted(const json_t *minted, const char *paste)
{
    bool granted = false;
    for (size_t i = 0; i < json_array_size(minted); i++) {
        show_one(json_array_get(minted, i), paste);
        granted |= json_object_get(json_array_get(minted, i), "target") != NULL;
    }
    if (json_array_size(minted) > 0 && !paste)
        show_others(granted);
}
