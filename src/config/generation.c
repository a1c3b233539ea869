/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The envelope of stored documents. A text cut at any length is no JSON any more; any other
 * accident changes the checksum, which is taken over the parsed values in sorted, compact form,
 * so that white space does not matter but everything else does.
 */
#include "config/generation.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "config/fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHECKSUM_LEN 16

struct envelope {
    uint64_t generation, secrets_generation;
    char checksum[CHECKSUM_LEN + 1];
};
static const struct field envelope_fields[] = {
    FIELD(struct envelope, generation, F_U64, .required = true),
    FIELD(struct envelope, secrets_generation, F_U64),
    FIELD_STR(struct envelope, checksum, .required = true),
    {.name = "document", .type = F_NESTED, .required = true},
};

/* Of the envelope as it is, "checksum" left out. -ENOMEM. */
static int checksum_of(json_t *envelope, char ret_hex[CHECKSUM_LEN + 1])
{
    static const struct siphash_key fixed = {"zsan-generation"};
    json_t *bare = json_copy(envelope);
    if (!bare)
        return -ENOMEM;
    json_object_del(bare, "checksum");
    char *text = json_dumps(bare, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(bare);
    if (!text)
        return -ENOMEM;
    snprintf(ret_hex, CHECKSUM_LEN + 1, "%016llx",
             (unsigned long long)siphash(&fixed, text, strlen(text)));
    wipe(text, strlen(text));
    free(text);
    return 0;
}

static char *dump_lines(const json_t *envelope)
{
    char *text = json_dumps(envelope, JSON_INDENT(2));
    size_t len = text ? strlen(text) : 0;
    char *line = text ? malloc(len + 2) : NULL;
    if (line) {
        memcpy(line, text, len);
        memcpy(line + len, "\n", 2);
    }
    if (text)
        wipe(text, len);
    free(text);
    return line;
}

int generation_encode(const struct generation *g, char **ret_text, size_t *ret_len)
{
    char hex[CHECKSUM_LEN + 1];
    json_t *envelope =
        json_pack("{s:I, s:I, s:O}", "generation", (json_int_t)g->number, "secrets_generation",
                  (json_int_t)g->secrets, "document", g->document);
    char *text = NULL;
    if (envelope && checksum_of(envelope, hex) == 0 &&
        json_object_set_new(envelope, "checksum", json_string(hex)) == 0)
        text = dump_lines(envelope);
    json_decref(envelope);
    if (!text)
        return -ENOMEM;
    *ret_text = text;
    *ret_len = strlen(text);
    return 0;
}

static int check_envelope(json_t *envelope, struct generation *ret_generation,
                          struct err *reterr)
{
    struct envelope e = {.generation = 0};
    char hex[CHECKSUM_LEN + 1];
    if (fields_read(envelope, envelope_fields, ARRAY_LEN(envelope_fields), &e, "file", reterr) <
        0)
        return reterr ? (reterr->code = -EBADMSG) : -EBADMSG;
    int rc = checksum_of(envelope, hex);
    if (rc < 0)
        return err_set(reterr, rc, "out of memory");
    if (strcmp(hex, e.checksum) != 0)
        return err_set(reterr, -EBADMSG,
                       "the checksum does not fit: the file was damaged, or edited by hand "
                       "(use zsan config apply)");
    ret_generation->number = e.generation;
    ret_generation->secrets = e.secrets_generation;
    ret_generation->document = json_incref(json_object_get(envelope, "document"));
    return 0;
}

int generation_decode(const char *text, size_t len, struct generation *ret_generation,
                      struct err *reterr)
{
    json_t *envelope;
    int rc = json_parse(text, len, CONFIG_DEPTH_MAX, &envelope, reterr);
    if (rc < 0)
        return err_prefix(reterr, "not whole") < 0 ? (reterr->code = -EBADMSG) : -EBADMSG;
    rc = check_envelope(envelope, ret_generation, reterr);
    json_decref(envelope);
    return rc;
}

bool generation_name_parse(const char *name, const char *stem, uint64_t *ret_number)
{
    char digits[24];
    size_t stem_len = strlen(stem), len = strlen(name);
    if (len <= stem_len + 6 || len - stem_len - 6 >= sizeof(digits))
        return false;
    if (strncmp(name, stem, stem_len) != 0 || name[stem_len] != '.' ||
        strcmp(name + len - 5, ".json") != 0)
        return false;
    memcpy(digits, name + stem_len + 1, len - stem_len - 6);
    digits[len - stem_len - 6] = '\0';
    return text_to_u64(digits, ret_number);
}
