/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as one word of a shell. Pure. */
#ifndef CMD_PASTE_QUOTE_H
#define CMD_PASTE_QUOTE_H

#include "base/buf.h"

/* POSIX 2.2: bare when no shell sees anything in it, else between single quotes, where only a single quote is special. */
void quote_sh(struct wbuf *w, const char *text);
/* about_Quoting_Rules: between single quotes, where PowerShell takes any of five characters for a single quote; two are one. */
void quote_powershell(struct wbuf *w, const char *text);

#endif
