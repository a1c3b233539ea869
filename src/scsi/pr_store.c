/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations live with the volume, as attributes:
 *
 *   scsi.pr        the head: what counts, and which registrations belong to it
 *                  "1 APTPL TYPE GENERATION EPOCH HOLDER SLOT..."    HOLDER 0: none of its own
 *   scsi.pr.SLOT   one registration: "KEY PORT ISID INITIATOR"
 *
 * Writing the head is the one step that changes anything: a changed registration goes to a slot
 * that the saved head doesn't name, then the head is written, then slots that nobody names any
 * more are deleted. A crash at any point leaves the state of before or after, and slots that
 * the next load sweeps away. When writing the head itself failed, the volume may hold either;
 * the next save first writes the old head again, before it reuses a slot.
 *
 * Everything is saved, with APTPL or without. What APTPL=0 loses is a power loss (SPC-4
 * 5.13.5), and the end of this process isn't one: when the daemon is killed and started again
 * on the same machine boot (the epoch), hosts still run and still count on their fences, so
 * registrations stay. After a boot, or on another machine, only those with APTPL=1 do. On the
 * LU's home, under lu->meta. Parks.
 */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "run/file.h"
#include "scsi/pr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEAD        "scsi.pr"
#define SLOT_PREFIX HEAD "."
#define EPOCH_LEN   16
#define SLOT_NAME   32 /* bytes of an attribute's name */
#define SLOT_VALUE  (SCSI_NAME_LEN + 48)
#define FORMAT      1

static void slot_name(uint32_t slot, char ret_name[SLOT_NAME])
{
    snprintf(ret_name, SLOT_NAME, SLOT_PREFIX "%" PRIu32, slot);
}

/* ---- saving ------------------------------------------------------------------------------ */

static bool slot_used(const struct pr_state *s, uint32_t slot)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->regs[i].slot == slot)
            return true;
    return false;
}

static int write_reg(struct scsi_lu *lu, const struct pr_reg *reg)
{
    char name[SLOT_NAME], value[SLOT_VALUE], isid[2 * sizeof(reg->who.isid) + 1];
    slot_name(reg->slot, name);
    hex_encode(reg->who.isid, sizeof(reg->who.isid), isid);
    snprintf(value, sizeof(value), "%016" PRIx64 " %" PRIu16 " %s %s", reg->key, reg->who.port,
             isid, reg->who.initiator);
    return volume_set_attr(lu->vol, name, value);
}

/* Gives every registration that is new in next a slot of its own and writes it there. */
static int write_new_regs(struct scsi_lu *lu, struct pr_state *next)
{
    uint32_t slot = 0;
    for (unsigned i = 0; i < next->n; i++) {
        if (next->regs[i].slot != 0)
            continue;
        do
            slot++;
        while (slot_used(lu->pr->now, slot) || slot_used(next, slot));
        next->regs[i].slot = slot;
        int err = write_reg(lu, &next->regs[i]);
        if (err != 0)
            return err;
    }
    return 0;
}

static int write_head(struct scsi_lu *lu, const struct pr_state *s)
{
    struct iobuf *buf = iobuf_get(VOL_ATTR_MAX + 1); /* 512 slots of at most 5 digits fit */
    char epoch[2 * EPOCH_LEN + 1];
    uint32_t holder = 0;
    if (!buf)
        return E(-ENOMEM);
    char *text = (char *)buf->p;
    for (unsigned i = 0; i < s->n; i++)
        if (s->regs[i].holder)
            holder = s->regs[i].slot;
    hex_encode(lu->params.power_epoch, EPOCH_LEN, epoch);
    int len = snprintf(text, VOL_ATTR_MAX + 1, "%d %d %u %" PRIu32 " %s %" PRIu32, FORMAT,
                       s->aptpl, s->type, s->generation, epoch, holder);
    for (unsigned i = 0; i < s->n; i++)
        len += snprintf(text + len, (size_t)(VOL_ATTR_MAX + 1 - len), " %" PRIu32,
                        s->regs[i].slot);
    int err = volume_set_attr(lu->vol, HEAD, text);
    iobuf_put(buf);
    return err;
}

/* Deletes what old names and next doesn't. What fails is swept away at the next load. */
static void delete_old_regs(struct scsi_lu *lu, const struct pr_state *old,
                            const struct pr_state *next)
{
    for (unsigned i = 0; i < old->n; i++) {
        char name[SLOT_NAME];
        if (slot_used(next, old->regs[i].slot))
            continue;
        slot_name(old->regs[i].slot, name);
        if (volume_set_attr(lu->vol, name, NULL) != 0)
            log_warn("pr.slot.left", KV("volume", "%s", lu->vol->name),
                     KV("attribute", "%s", name));
    }
}

int pr_store_save(struct scsi_lu *lu, struct pr_state *next)
{
    int err = lu->pr->unsure ? write_head(lu, lu->pr->now) : 0;
    if (err != 0)
        return err;
    lu->pr->unsure = false;
    err = write_new_regs(lu, next);
    if (err != 0)
        return err;
    err = write_head(lu, next);
    lu->pr->unsure = err != 0;
    if (err == 0)
        delete_old_regs(lu, lu->pr->now, next);
    return err;
}

/* ---- loading ----------------------------------------------------------------------------- */

struct head {
    struct pr_state *state; /* its registrations have slots, nothing else yet */
    uint32_t holder;
    uint8_t epoch[EPOCH_LEN];
};

/* The next word of *text as a number of at most max. False: there is none. */
static bool take_number(char **text, uint64_t max, uint64_t *ret_value)
{
    char *word = strsep(text, " ");
    return word && text_to_u64(word, ret_value) && *ret_value <= max;
}

static bool take_hex(char **text, uint8_t *ret_bytes, size_t len)
{
    char *word = strsep(text, " ");
    return word && strlen(word) == 2 * len && hex_decode(word, 2 * len, ret_bytes);
}

static bool parse_head(char *text, struct head *h)
{
    uint64_t format, aptpl, type, generation, holder, slot;
    if (!take_number(&text, FORMAT, &format) || format != FORMAT ||
        !take_number(&text, 1, &aptpl) || !take_number(&text, PR_EX_ACCESS_ALL, &type) ||
        !take_number(&text, UINT32_MAX, &generation) || !take_hex(&text, h->epoch, EPOCH_LEN) ||
        !take_number(&text, UINT32_MAX, &holder))
        return false;
    h->state->aptpl = aptpl;
    h->state->type = (uint8_t)type;
    h->state->generation = (uint32_t)generation;
    h->holder = (uint32_t)holder;
    while (text) {
        struct pr_reg reg = {.key = 0};
        if (!take_number(&text, UINT32_MAX, &slot) || slot == 0)
            return false;
        reg.slot = (uint32_t)slot;
        if (pr_state_add(h->state, &reg) != 0)
            return false;
    }
    return type == PR_TYPE_NONE || pr_type_valid(h->state->type);
}

static bool parse_reg(char *text, struct pr_reg *reg)
{
    uint8_t key[8];
    uint64_t port;
    if (!take_hex(&text, key, sizeof(key)) || !take_number(&text, UINT16_MAX, &port) ||
        !take_hex(&text, reg->who.isid, sizeof(reg->who.isid)) || !text)
        return false;
    reg->key = load_be64(key);
    reg->who.port = (uint16_t)port;
    return reg->key != 0 && text_copy(reg->who.initiator, sizeof(reg->who.initiator), text);
}

/* 0, -EBADMSG, or the volume's error. */
static int load_reg(struct scsi_lu *lu, struct pr_reg *reg)
{
    CLEANUP(freep) char *text = NULL;
    char name[SLOT_NAME];
    slot_name(reg->slot, name);
    int err = volume_get_attr(lu->vol, name, &text);
    if (err != 0)
        return err;
    return text && parse_reg(text, reg) ? 0 : E(-EBADMSG);
}

/* A reservation has a holder that is registered, or registrants who all hold it. */
static bool consistent(const struct pr_state *s)
{
    unsigned holders = 0;
    for (unsigned i = 0; i < s->n; i++)
        holders += s->regs[i].holder;
    if (s->type == PR_TYPE_NONE || pr_type_all(s->type))
        return holders == 0 && (s->type == PR_TYPE_NONE || s->n > 0);
    return holders == 1;
}

static int load_regs(struct scsi_lu *lu, const struct head *h)
{
    for (unsigned i = 0; i < h->state->n; i++) {
        struct pr_reg *reg = &h->state->regs[i];
        int err = load_reg(lu, reg);
        if (err != 0)
            return err;
        reg->holder = h->holder == reg->slot;
    }
    return consistent(h->state) ? 0 : E(-EBADMSG);
}

/* Attributes of registrations that s doesn't name: left by a crash between two steps of a
 * save. */
static void sweep(struct scsi_lu *lu, const struct pr_state *s)
{
    char **names = NULL;
    if (volume_list_attr(lu->vol, SLOT_PREFIX, &names) != 0 || !names)
        return;
    for (char **name = names; *name; name++) {
        uint64_t slot;
        bool ours = text_to_u64(*name + strlen(SLOT_PREFIX), &slot) && slot <= UINT32_MAX;
        if (ours && !slot_used(s, (uint32_t)slot) && volume_set_attr(lu->vol, *name, NULL) != 0)
            log_warn("pr.slot.left", KV("volume", "%s", lu->vol->name),
                     KV("attribute", "%s", *name));
    }
    names_free(names);
}

static bool same_power_on(const struct scsi_lu *lu, const struct head *h)
{
    static const uint8_t unknown[EPOCH_LEN];
    return memcmp(h->epoch, lu->params.power_epoch, EPOCH_LEN) == 0 &&
           memcmp(h->epoch, unknown, EPOCH_LEN) != 0;
}

/* After a power loss PRGENERATION starts anew; without APTPL everything does. The head says so
 * before any slot goes. */
static int after_power_loss(struct scsi_lu *lu, struct pr_state *s)
{
    s->generation = 0;
    if (!s->aptpl) {
        s->type = PR_TYPE_NONE;
        s->n = 0;
    }
    return write_head(lu, s);
}

int pr_store_load(struct scsi_lu *lu, struct pr_state **ret_state)
{
    CLEANUP(freep) char *text = NULL;
    struct head h = {.state = pr_state_new()};
    int err = h.state ? volume_get_attr(lu->vol, HEAD, &text) : E(-ENOMEM);
    if (err == 0 && text)
        err = parse_head(text, &h) ? load_regs(lu, &h) : E(-EBADMSG);
    if (err != 0) {
        pr_state_free(h.state);
        return err;
    }
    if (text && !same_power_on(lu, &h))
        err = after_power_loss(lu, h.state);
    if (err == 0)
        sweep(lu, h.state);
    else
        log_warn("pr.head.stale", KV("volume", "%s", lu->vol->name),
                 KV("error", "%s", strerror(-err)));
    *ret_state = h.state;
    return 0;
}
