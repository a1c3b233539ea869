/* SPDX-License-Identifier: BSD-2-Clause */
/* How initiators are told what they need, as texts to be pasted into a shell of theirs. Pure. */
#ifndef CMD_PASTE_PASTE_H
#define CMD_PASTE_PASTE_H

#include "base/util.h"

/* What a text is made of. Texts that are not there are "". */
struct paste_facts {
    const char *initiator;
    const char *target;       /* "": for discovery */
    const char *name;         /* CHAP_N of the initiator */
    const char *secret;       /* "": another than zsan knows it */
    const char *reverse_name; /* CHAP_N of the target */
    const char *reverse_secret;
    const char *const *portals; /* "host:port", "[v6]:port" */
    size_t nportals;
    unsigned lun;
    bool mutual; /* zsan does not let it in without being asked to prove itself */
    const char *
        iface; /* of open-iscsi, made with the initiator's name; "": the one that has the machine's own */
};

struct paste_form; /* one kind of initiator: a row of the table in forms.c */
/* The form of that name, as --for takes it; NULL: there is none. */
const struct paste_form *paste_form_named(const char *name);
/* What the initiator is, by how its name begins; open-iscsi when that tells nothing. */
const struct paste_form *paste_form_of(const char *initiator);
/* All names, in order; NULL ends them. */
const char *paste_form_name(size_t i);

/* The text, whole lines; it holds secrets. "": there is no portal. NULL: no memory. The caller ends it with paste_free(). */
char *paste_text(const struct paste_form *form, const struct paste_facts *facts);
void paste_free(char *text); /* wipes it; NULL is fine */

#endif
