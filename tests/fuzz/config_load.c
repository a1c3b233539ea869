/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration's document from any bytes: parsed, checked, written again. Whatever is taken
 * must be what the header promises (references point into the tree, numbers lie in their range,
 * nobody comes without CHAP from abroad), and a refusal says why. The input is the document as
 * `zsan config apply` takes it, with the member "secrets" or without; what begins with an 'E' is
 * read as a stored file, and what is sealed is opened: never, unless it was sealed here.
 */
#include "base/check.h"
#include "config/config_int.h"
#include "config/generation.h"
#include "config/seal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct siphash_key key = {"fuzz"};

static bool inside(const void *p, const void *array, size_t n, size_t size)
{
    uintptr_t at = (uintptr_t)p, first = (uintptr_t)array;
    return at >= first && at < first + n * size && (at - first) % size == 0;
}

static void check_target(const struct config *c, const struct cfg_target *t)
{
    check(t->ngroups > 0);
    check(strlen(t->name) > 0 && strlen(t->name) < sizeof(t->name));
    for (unsigned i = 0; i < t->nluns; i++) {
        check(t->luns[i].lun <= CFG_MAX_LUN);
        check(i == 0 || t->luns[i - 1].lun < t->luns[i].lun);
        check(inside(t->luns[i].volume, c->volumes, c->nvolumes, sizeof(*c->volumes)));
    }
    for (unsigned i = 0; i < t->ngroups; i++) {
        check(inside(t->groups[i], c->groups, c->ngroups, sizeof(*c->groups)));
        check(t->rel_port_ids[i] != 0);
    }
}

static void check_grant(const struct config *c, const struct cfg_grant *g)
{
    check(inside(g->initiator, c->initiators, c->ninitiators, sizeof(*c->initiators)));
    check(inside(g->target, c->targets, c->ntargets, sizeof(*c->targets)));
    check(config_grant(c, g->initiator->name, g->target->name) == g); /* once */
    for (unsigned i = 0; i < ARRAY_LEN(g->forward.secret); i++) {
        check(g->forward.secret[i].len == 0 || g->forward.secret[i].len >= CFG_SECRET_MIN);
        check(g->reverse.secret[i].len == 0 || g->reverse.secret[i].len >= CFG_SECRET_MIN);
    }
    for (unsigned i = 0; g->initiator->auth == CFG_AUTH_NONE && i < g->target->ngroups; i++)
        for (unsigned k = 0; k < g->target->groups[i]->nportals; k++)
            check(config_loopback(g->target->groups[i]->portals[k].address));
}

static void check_radius(const struct config *c)
{
    for (unsigned i = 0; i < c->radius.nservers; i++)
        check(c->radius.servers[i].secret.len >= CFG_SECRET_MIN &&
              c->radius.servers[i].tries != 0);
    for (unsigned i = 0; i < c->ninitiators; i++)
        if (c->initiators[i].verify == CFG_VERIFY_RADIUS)
            check(c->radius.nservers > 0 && c->initiators[i].auth != CFG_AUTH_NONE &&
                  (c->initiators[i].chap_algs == 0 || c->initiators[i].chap_algs & 1u << 5));
}

static void check_tree(const struct config *c)
{
    check_radius(c);
    for (unsigned i = 0; i < c->nvolumes; i++)
        check(c->volumes[i].block_size == 512 || c->volumes[i].block_size == 4096);
    for (unsigned i = 0; i < c->ntargets; i++)
        check_target(c, &c->targets[i]);
    for (unsigned i = 0; i < c->ninitiators; i++)
        check(inside(c->initiators[i].host, c->hosts, c->nhosts, sizeof(*c->hosts)));
    for (unsigned i = 0; i < c->ngrants; i++)
        check_grant(c, &c->grants[i]);
}

/* What was taken is stored and read back the same. */
static void check_storing(json_t *doc)
{
    const struct generation g = {3, 2, doc};
    struct generation back;
    char *text;
    size_t len;
    check(generation_encode(&g, &text, &len) == 0);
    check(generation_decode(text, len, &back, NULL) == 0);
    check(back.number == 3 && back.secrets == 2 && json_equal(back.document, doc));
    json_decref(back.document);
    free(text);
}

static void try_document(json_t *doc)
{
    const struct config *c;
    struct err err = {.code = 0};
    json_t *secrets = json_incref(json_object_get(doc, "secrets"));
    json_object_del(doc, "secrets");
    int rc = config_parse(doc, secrets, &key, &c, &err);
    json_decref(secrets);
    if (rc < 0) {
        check(err.code == rc && err.msg[0] != '\0');
        return;
    }
    check_tree(c);
    config_put(c);
    check_storing(doc);
}

static void try_sealed(json_t *doc)
{
    static const struct seal_key none = {{7}};
    struct err err = {.code = 0};
    json_t *opened = NULL;
    check(unseal(&none, 1, doc, &opened, &err) < 0 && err.msg[0] != '\0' && !opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct err err = {.code = 0};
    struct generation g;
    json_t *doc;
    if (len > 0 && bytes[0] == 'E') {
        if (generation_decode((const char *)bytes + 1, len - 1, &g, &err) == 0)
            json_decref(g.document);
        else
            check(err.code < 0 && err.msg[0] != '\0');
        return 0;
    }
    if (json_parse((const char *)bytes, len, CONFIG_DEPTH_MAX, &doc, &err) < 0) {
        check(err.code < 0 && err.msg[0] != '\0');
        return 0;
    }
    if (seal_is(doc))
        try_sealed(doc);
    else
        try_document(doc);
    json_decref(doc);
    return 0;
}
