/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The format. A line is JSON for whoever reads it, and bytes for the chain: verifying looks at its
 * number, its hash and, of the first of a file, at the hash that it follows, all of which stand
 * where they are always written; the rest is covered by the hash. So there is nothing to parse
 * that an attacker could make mean something else.
 */
#include "audit/chain.h"

#include "base/buf.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>

#define HEX_LEN (2 * AUDIT_HASH_LEN)

/* ---- text -------------------------------------------------------------------------------- */

static bool plain(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static void put_value(struct wbuf *w, const char *s)
{
    for (; *s && wb_stored(w) + 8 < w->cap; s++) {
        char esc[8];
        if (plain(*s))
            wb_u8(w, (uint8_t)*s);
        else {
            snprintf(esc, sizeof(esc), "\\u%04x", (unsigned)(uint8_t)*s);
            wb_str(w, esc);
        }
    }
}

static void put_time(struct wbuf *w, uint64_t wall_ns)
{
    char when[32], text[64];
    time_t sec = (time_t)(wall_ns / 1000000000u);
    struct tm tm;
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&sec, &tm));
    snprintf(text, sizeof(text), "%s.%06uZ", when, (unsigned)(wall_ns / 1000u % 1000000u));
    wb_str(w, text);
}

/* Values are cut so that each member ends, and those that find no room are left out whole. */
size_t audit_text(char ret_text[AUDIT_TEXT_MAX], uint64_t wall_ns, const char *event,
                  const struct log_kv *kv, size_t nkv)
{
    struct wbuf w = wbuf_make(ret_text, AUDIT_TEXT_MAX - 2);
    wb_str(&w, "\"time\":\"");
    put_time(&w, wall_ns);
    wb_str(&w, "\",\"event\":\"");
    put_value(&w, event);
    wb_u8(&w, '"');
    for (size_t i = 0; i < nkv && w.len + strlen(kv[i].key) + 32 < w.cap; i++) {
        wb_str(&w, ",\"");
        wb_str(&w, kv[i].key);
        wb_str(&w, "\":\"");
        put_value(&w, kv[i].value);
        wb_u8(&w, '"');
    }
    return wb_stored(&w);
}

/* ---- the chain --------------------------------------------------------------------------- */

static void digest(const uint8_t before[AUDIT_HASH_LEN], const char *text, size_t len,
                   uint8_t ret_hash[AUDIT_HASH_LEN])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t hash[EVP_MAX_MD_SIZE] = {0};
    unsigned n = 0;
    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(ctx, before, AUDIT_HASH_LEN) == 1 &&
        EVP_DigestUpdate(ctx, text, len) == 1)
        EVP_DigestFinal_ex(ctx, hash, &n);
    EVP_MD_CTX_free(ctx);
    memcpy(ret_hash, hash, AUDIT_HASH_LEN); /* which may be where before is */
}

size_t audit_line(char ret_line[AUDIT_LINE_MAX], struct audit_chain *c, bool link,
                  const char *text, size_t text_len)
{
    char hex[HEX_LEN + 1], number[32];
    struct wbuf w = wbuf_make(ret_line, AUDIT_LINE_MAX);
    snprintf(number, sizeof(number), "{\"seq\":%llu,", (unsigned long long)++c->seq);
    wb_str(&w, number);
    if (link) {
        hex_encode(c->hash, AUDIT_HASH_LEN, hex);
        wb_str(&w, "\"prev\":\"");
        wb_str(&w, hex);
        wb_str(&w, "\",");
    }
    wb_bytes(&w, text, text_len);
    digest(c->hash, ret_line, wb_stored(&w), c->hash);
    hex_encode(c->hash, AUDIT_HASH_LEN, hex);
    wb_str(&w, ",\"hash\":\"");
    wb_str(&w, hex);
    wb_str(&w, "\"}\n");
    return wb_stored(&w);
}

/* ---- verifying --------------------------------------------------------------------------- */

struct line {
    uint64_t seq;
    bool link;
    uint8_t prev[AUDIT_HASH_LEN], hash[AUDIT_HASH_LEN];
    size_t hashed; /* bytes from its beginning that the hash covers */
};

static bool starts(const char *p, size_t len, const char *with)
{
    return len >= strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

/* Without its newline. */
static bool parse_line(const char *p, size_t len, struct line *ret_line)
{
    static const char head[] = "{\"seq\":", prev[] = "\"prev\":\"", tail[] = ",\"hash\":\"";
    const size_t tail_len = sizeof(tail) - 1 + HEX_LEN + 2;
    struct line l = {.seq = 0};
    char number[24];
    if (len > AUDIT_LINE_MAX || len < sizeof(head) + tail_len || !starts(p, len, head))
        return false;
    l.hashed = len - tail_len;
    const char *comma = memchr(p, ',', l.hashed), *end = p + l.hashed;
    size_t digits = comma ? (size_t)(comma - p) - (sizeof(head) - 1) : 0;
    if (digits == 0 || digits >= sizeof(number))
        return false;
    memcpy(number, p + sizeof(head) - 1, digits);
    number[digits] = '\0';
    if (!text_to_u64(number, &l.seq) || l.seq == 0 || number[0] == '0')
        return false;
    size_t left = (size_t)(end - comma) - 1;
    l.link = starts(comma + 1, left, prev);
    if (l.link && (left < sizeof(prev) - 1 + HEX_LEN ||
                   !hex_decode(comma + 1 + sizeof(prev) - 1, HEX_LEN, l.prev)))
        return false;
    if (!starts(end, tail_len, tail) || !hex_decode(end + sizeof(tail) - 1, HEX_LEN, l.hash) ||
        memcmp(p + len - 2, "\"}", 2))
        return false;
    *ret_line = l;
    return true;
}

/* What rotation removed it says in the trail itself. */
static void note_removed(struct audit_verify *v, const char *p, size_t len)
{
    static const char what[] = "\"event\":\"audit.removed\",\"file\":\"";
    const char *at = memmem(p, len, what, sizeof(what) - 1);
    char name[AUDIT_NAME_LEN] = "";
    if (!at)
        return;
    at += sizeof(what) - 1;
    const char *quote = memchr(at, '"', (size_t)(p + len - at));
    if (!quote || (size_t)(quote - at) >= sizeof(name))
        return;
    memcpy(name, at, (size_t)(quote - at));
    uint64_t number = audit_file_number(name);
    v->removed = number > v->removed ? number : v->removed;
}

static const char *wrong(const struct audit_chain *at, const struct line *l, char buf[200])
{
    unsigned long long seq = l->seq, due = at->seq + 1;
    if (seq > due)
        snprintf(buf, 200, "it is number %llu: numbers %llu to %llu are missing", seq, due,
                 seq - 1);
    else if (seq < due)
        snprintf(buf, 200,
                 "it is number %llu where %llu is due: lines changed places, or came twice",
                 seq, due);
    else
        snprintf(buf, 200,
                 "its hash is not that of what it says: it was changed, or the line before it");
    return buf;
}

/* The first line of all is believed what it says it follows. */
static const char *check_line(struct audit_verify *v, const char *p, size_t len, bool first,
                              char buf[200])
{
    struct line l;
    uint8_t hash[AUDIT_HASH_LEN];
    if (!parse_line(p, len, &l)) {
        snprintf(buf, 200, "it is no line of an audit trail");
        return buf;
    }
    if (l.link != first) {
        snprintf(buf, 200,
                 first ? "it is not what a file begins with: what was before it is missing"
                       : "it is what a file begins with, in the middle of one");
        return buf;
    }
    bool begins = !v->begun && first;
    struct audit_chain at = v->chain; /* before this line */
    if (begins) {
        at.seq = l.seq - 1;
        memcpy(at.hash, l.prev, sizeof(l.prev));
    }
    digest(at.hash, p, l.hashed, hash);
    bool follows = !first || memcmp(at.hash, l.prev, sizeof(l.prev)) == 0;
    if (l.seq != at.seq + 1 || !follows || memcmp(hash, l.hash, sizeof(hash)) != 0)
        return wrong(&at, &l, buf);
    if (begins) {
        v->begun = true;
        v->first = l.seq;
    }
    v->chain.seq = l.seq;
    memcpy(v->chain.hash, hash, sizeof(hash));
    if (l.seq == v->mark.seq)
        v->mark_differs = memcmp(hash, v->mark.hash, sizeof(hash)) != 0;
    note_removed(v, p, l.hashed);
    return NULL;
}

const char *audit_verify_text(struct audit_verify *v, const char *text, size_t len,
                              char buf[200])
{
    v->line = 0;
    v->good_len = 0;
    while (v->good_len < len) {
        const char *p = text + v->good_len;
        const char *nl = memchr(p, '\n', len - v->good_len);
        if (!nl) {
            snprintf(buf, 200, "it ends in the middle");
            return buf;
        }
        const char *why = check_line(v, p, (size_t)(nl - p), v->line == 0, buf);
        if (why)
            return why;
        v->line++;
        v->good_len += (size_t)(nl - p) + 1;
    }
    return NULL;
}

const char *audit_verify_end(const struct audit_verify *v, uint64_t first_file,
                             const struct audit_chain *end, char buf[200])
{
    if (v->chain.seq < end->seq)
        snprintf(buf, 200, "it ends with line number %llu: numbers up to %llu are missing",
                 (unsigned long long)v->chain.seq, (unsigned long long)end->seq);
    else if (v->mark_differs)
        snprintf(buf, 200, "line number %llu is not the one that was written",
                 (unsigned long long)v->mark.seq);
    else if (first_file > 1 && v->removed < first_file - 1)
        snprintf(buf, 200, "file %llu is missing, and no rotation removed it",
                 (unsigned long long)first_file - 1);
    else if (first_file == 1 && v->first > 1)
        snprintf(buf, 200, "lines 1 to %llu are missing", (unsigned long long)v->first - 1);
    else
        return NULL;
    return buf;
}

/* ---- the head ---------------------------------------------------------------------------- */

static const uint8_t head_key[AUDIT_HASH_LEN] = "zsan audit head 1";

void audit_head_make(char ret_slot[AUDIT_HEAD_SLOT], const struct audit_chain *c)
{
    char hex[HEX_LEN + 1], sum[HEX_LEN + 1], text[160];
    uint8_t hash[AUDIT_HASH_LEN];
    hex_encode(c->hash, AUDIT_HASH_LEN, hex);
    int n = snprintf(text, sizeof(text), "%020llu %s", (unsigned long long)c->seq, hex);
    digest(head_key, text, (size_t)n, hash);
    hex_encode(hash, AUDIT_HASH_LEN, sum);
    memset(ret_slot, ' ', AUDIT_HEAD_SLOT);
    memcpy(ret_slot, text, (size_t)n);
    memcpy(ret_slot + n + 1, sum, HEX_LEN);
    ret_slot[AUDIT_HEAD_SLOT - 1] = '\n';
}

static bool slot_read(const char *p, struct audit_chain *ret_chain)
{
    char slot[AUDIT_HEAD_SLOT], number[21];
    memcpy(number, p, 20);
    number[20] = '\0';
    struct audit_chain c;
    if (!text_to_u64(number, &c.seq) || !hex_decode(p + 21, HEX_LEN, c.hash))
        return false;
    audit_head_make(slot, &c);
    if (memcmp(slot, p, AUDIT_HEAD_SLOT) != 0)
        return false;
    *ret_chain = c;
    return true;
}

bool audit_head_read(const char *bytes, size_t len, struct audit_chain *ret_chain)
{
    struct audit_chain best = {.seq = 0}, c;
    bool any = false;
    for (size_t at = 0; len - at >= AUDIT_HEAD_SLOT && at < 2 * AUDIT_HEAD_SLOT;
         at += AUDIT_HEAD_SLOT)
        if (slot_read(bytes + at, &c) && (!any || c.seq > best.seq)) {
            best = c;
            any = true;
        }
    *ret_chain = best;
    return any;
}

/* ---- names ------------------------------------------------------------------------------- */

void audit_file_name(uint64_t number, char ret_name[AUDIT_NAME_LEN])
{
    snprintf(ret_name, AUDIT_NAME_LEN, "audit-%06llu.jsonl",
             (unsigned long long)(number % 1000000));
}

uint64_t audit_file_number(const char *name)
{
    char number[7];
    uint64_t n;
    if (strlen(name) != 18 || !starts(name, 18, "audit-") || strcmp(name + 12, ".jsonl") != 0)
        return 0;
    memcpy(number, name + 6, 6);
    number[6] = '\0';
    return text_to_u64(number, &n) ? n : 0;
}
