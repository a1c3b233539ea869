/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/paste/quote.h"

#include "base/util.h"

#include <string.h>

/* What needs no quotes in any place of a word but the first. A tilde and a hash are special there. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("%+,-./:=@_", c));
}

void quote_sh(struct wbuf *w, const char *text)
{
    size_t plain = 0;
    while (is_plain(text[plain]))
        plain++;
    if (plain > 0 && !text[plain]) {
        wb_str(w, text);
        return;
    }
    wb_str(w, "'");
    for (const char *c = text; *c; c++)
        if (*c == '\'')
            wb_str(w, "'\\''");
        else
            wb_bytes(w, c, 1);
    wb_str(w, "'");
}

/* The bytes of one that begins here, 0: none does. U+2018 to U+201B are E2 80 98 to 9B. */
static size_t single_quote(const char *c)
{
    if (*c == '\'')
        return 1;
    return strncmp(c, "\xe2\x80", 2) == 0 && c[2] >= '\x98' && c[2] <= '\x9b' ? 3 : 0;
}

void quote_powershell(struct wbuf *w, const char *text)
{
    wb_str(w, "'");
    for (const char *c = text; *c;) {
        size_t n = single_quote(c);
        if (n > 0)
            wb_bytes(w, c, n);
        wb_bytes(w, c, MAX(n, 1u));
        c += MAX(n, 1u);
    }
    wb_str(w, "'");
}
