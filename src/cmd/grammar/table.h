/* SPDX-License-Identifier: BSD-2-Clause */
/* How the tools' tables are written. */
#ifndef CMD_GRAMMAR_TABLE_H
#define CMD_GRAMMAR_TABLE_H

#define GR_MANY          4096u /* operands */
#define GR_OPTIONS(name) static const struct gr_option name[]
#define GR_WITH(name)    .options = name, .noptions = ARRAY_LEN(name)
#define GR_ONE           .min = 1, .max = 1

#endif
