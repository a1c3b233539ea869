/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills in a form. Twice: the first time to know how long the text is, so that no copy of a secret is left behind by growing. */
#include "cmd/paste/forms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX                                                                              \
    520 /* of a value with its commas doubled; names have 223, secrets 255 bytes */

struct filling {
    const struct paste_form *form;
    const struct paste_facts *facts;
    const char *portal; /* of the run that is being written */
    struct wbuf w;
};

/* ---- names ------------------------------------------------------------------------------- */

const struct paste_form *paste_form_named(const char *name)
{
    for (const struct paste_form *f = paste_forms; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

const struct paste_form *paste_form_of(const char *initiator)
{
    for (const struct paste_form *f = paste_forms; f->name; f++)
        if (f->prefix && strncmp(initiator, f->prefix, strlen(f->prefix)) == 0)
            return f;
    return paste_forms;
}

const char *paste_form_name(size_t i)
{
    return paste_forms[i].name;
}

/* ---- values ------------------------------------------------------------------------------ */

/* Host and port of "host:port"; brackets are no part of a host. */
static void split_portal(const char *portal, char host[VALUE_MAX], char port[16])
{
    const char *colon = strrchr(portal, ':');
    size_t len = colon ? (size_t)(colon - portal) : strlen(portal);
    bool brackets = len > 2 && portal[0] == '[' && portal[len - 1] == ']';
    snprintf(host, VALUE_MAX, "%.*s", (int)(brackets ? len - 2 : len), portal + brackets);
    snprintf(port, 16, "%.15s", colon ? colon + 1 : "");
}

static bool is(const char *name, size_t len, const char *other)
{
    return strlen(other) == len && memcmp(name, other, len) == 0;
}

/* False: no value is called so. */
static bool value_of(const struct filling *f, const char *name, size_t len, char *ret_value)
{
    const struct paste_facts *x = f->facts;
    char host[VALUE_MAX], port[16], lun[16], on_iface[64];
    split_portal(f->portal, host, port);
    snprintf(lun, sizeof(lun), "%u", x->lun);
    snprintf(on_iface, sizeof(on_iface), "%s%s", x->iface[0] ? " -I " : "", x->iface);
    const struct {
        const char *name, *value;
    } values[] = {
        {"target",         x->target        },
        {"initiator",      x->initiator     },
        {"name",           x->name          },
        {"secret",         x->secret        },
        {"reverse_name",   x->reverse_name  },
        {"reverse_secret", x->reverse_secret},
        {"iface",          x->iface         },
        {"on_iface",       on_iface         },
        {"portal",         f->portal        },
        {"host",           host             },
        {"port",           port             },
        {"lun",            lun              },
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (is(name, len, values[i].name)) {
            snprintf(ret_value, VALUE_MAX, "%s", values[i].value);
            return true;
        }
    return false;
}

static void double_commas(char *text)
{
    for (char *c = text; (c = strchr(c, ',')) && strlen(text) + 2 < VALUE_MAX; c += 2)
        memmove(c + 1, c, strlen(c) + 1);
}

/* What begins with a brace. Returns how much of it was taken, 0: it is no value. */
static size_t put_value(struct filling *f, const char *brace)
{
    char value[VALUE_MAX];
    char how = brace[1];
    const char *name = brace + 1 + (how == '=' || how == ',');
    size_t len = strcspn(name, "}");
    if (name[len] != '}' || !value_of(f, name, len, value))
        return 0;
    if (how == ',')
        double_commas(value);
    if (how == '=')
        wb_str(&f->w, value);
    else
        f->form->quote(&f->w, value);
    wipe(value, sizeof(value));
    return (size_t)(name - brace) + len + 1;
}

/* ---- lines ------------------------------------------------------------------------------- */

static unsigned holds(const struct paste_facts *x)
{
    return PASTE_PORTAL | (x->secret[0] ? PASTE_SECRET : PASTE_FOREIGN) |
           (x->reverse_secret[0] ? PASTE_REVERSE : PASTE_ONE_WAY) |
           (x->mutual ? PASTE_MUTUAL : 0u) | (x->nportals > 1 ? PASTE_PATHS : PASTE_SINGLE) |
           (x->iface[0] ? PASTE_IFACE : 0u);
}

static void put_line(struct filling *f, const struct paste_line *line)
{
    if (line->when & ~holds(f->facts))
        return;
    for (const char *c = line->text; *c;) {
        size_t taken = *c == '{' ? put_value(f, c) : 0;
        if (taken == 0)
            wb_bytes(&f->w, c, taken = 1);
        c += taken;
    }
    wb_str(&f->w, "\n");
}

/* A run of lines that belong to a portal, for each of them. Returns the line behind it. */
static const struct paste_line *put_run(struct filling *f, const struct paste_line *run)
{
    const struct paste_line *line = run;
    for (size_t i = 0; i < f->facts->nportals; i++) {
        f->portal = f->facts->portals[i];
        for (line = run; line->text && (line->when & PASTE_PORTAL); line++)
            put_line(f, line);
    }
    return line;
}

static void fill_in(struct filling *f)
{
    const struct paste_line *line = f->facts->target[0] ? f->form->target : f->form->discovery;
    while (line->text) {
        f->portal = f->facts->portals[0];
        if (line->when & PASTE_PORTAL)
            line = put_run(f, line);
        else
            put_line(f, line++);
    }
}

char *paste_text(const struct paste_form *form, const struct paste_facts *facts)
{
    struct filling f = {.form = form, .facts = facts, .portal = ""};
    if (facts->nportals > 0)
        fill_in(&f);
    size_t len = f.w.len;
    char *text = malloc(len + 1);
    if (!text)
        return NULL;
    f.w = wbuf_make(text, len);
    if (facts->nportals > 0)
        fill_in(&f);
    text[wb_stored(&f.w)] = '\0';
    return text;
}

void paste_free(char *text)
{
    if (text)
        wipe(text, strlen(text));
    free(text);
}
