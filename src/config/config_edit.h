/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing the configuration. A transaction copies the document, edits the copy with the calls
 * below, and commits: what is missing is filled in (identities, relative ports, secrets of new
 * pairs), the whole is checked, made durable and published. Until then nothing is changed; a
 * commit that fails changes nothing. Writers take turns: begin parks while another transaction
 * is open. All on reactor 0, from a fiber.
 *
 * Everything new denies by default: no grant, mutual CHAP, secrets minted. Each edit returns
 * -ENOENT, -EEXIST, -EBUSY or -EINVAL with a message that names the object and the fix.
 */
#ifndef CONFIG_CONFIG_EDIT_H
#define CONFIG_CONFIG_EDIT_H

#include "config/config.h"

#include <jansson.h>

struct config_edit;

int config_edit_begin(struct config_store *s, struct config_edit **ret_edit,
                      struct err *reterr); /* parks */
/* Parks. 0: durable and published. */
int config_edit_commit(struct config_edit *e, struct err *reterr);
/* After a commit: what the subscriber could not apply, code 0 when all went well. Borrowed. */
const struct err *config_edit_warning(const struct config_edit *e);
/* Ends the transaction, committed or not; wipes what it minted. NULL is fine. */
void config_edit_end(struct config_edit *e);
/* The version the transaction started from. Borrowed. */
const struct config *config_edit_base(const struct config_edit *e);

/* Secrets that this transaction minted, to be shown once. Valid until config_edit_end(). */
struct minted {
    char initiator[CFG_NAME_LEN], target[CFG_NAME_LEN];  /* target "": for discovery */
    char name[CFG_NAME_LEN], reverse_name[CFG_NAME_LEN]; /* CHAP_N of either side */
    char secret[CFG_SECRET_MAX + 1],
        reverse_secret[CFG_SECRET_MAX + 1]; /* "": none was minted */
};
const struct minted *config_edit_minted(const struct config_edit *e, unsigned *ret_n);

/* ---- volumes: what the configuration says; their stores are the caller's to make and remove ---- */

/* add mints v->id when it is zero. put replaces the volume of that name. */
int edit_volume_add(struct config_edit *e, const struct cfg_volume *v, struct err *reterr);
int edit_volume_put(struct config_edit *e, const struct cfg_volume *v, struct err *reterr);
/* It keeps its id and its LUNs. */
int edit_volume_rename(struct config_edit *e, const char *from, const char *to,
                       struct err *reterr);
int edit_volume_remove(struct config_edit *e, const char *name,
                       struct err *reterr); /* -EBUSY: still mapped */

/* ---- portals: a group lives as long as it has a portal ----------------------------------- */

int edit_portal_add(struct config_edit *e, uint16_t tag, const struct cfg_portal *p,
                    struct err *reterr);
/* Where connections to it may come from; none: from everywhere. */
int edit_portal_sources(struct config_edit *e, uint16_t tag, const char *address, uint16_t port,
                        const struct cfg_sources *sources, struct err *reterr);
/* By address and port. -EBUSY: the last one of a group that targets use. */
int edit_portal_remove(struct config_edit *e, uint16_t tag, const char *address, uint16_t port,
                       struct err *reterr);
/* alua_group 0, state NULL: it stays. */
int edit_group_set(struct config_edit *e, uint16_t tag, uint16_t alua_group,
                   const enum cfg_alua_state *state, struct err *reterr);

/* ---- targets ----------------------------------------------------------------------------- */

/* Name, alias and flags are taken from t; ntags 0: all portal groups there are. */
int edit_target_add(struct config_edit *e, const struct cfg_target *t, const uint16_t *tags,
                    size_t ntags, struct err *reterr);
/* tags NULL: they stay. */
int edit_target_put(struct config_edit *e, const struct cfg_target *t, const uint16_t *tags,
                    size_t ntags, struct err *reterr);
int edit_target_remove(struct config_edit *e, const char *name, bool force,
                       struct err *reterr); /* -EBUSY: has LUNs */
/* Makes a name: IQN_PREFIX:HOST.NAME. */
int edit_target_name(struct config_edit *e, const char *host, const char *name,
                     char ret_name[CFG_NAME_LEN], struct err *reterr);

/* One that was never used there; when none is left below 255, the one given up longest ago. */
#define LUN_CHOOSE (-1)
int edit_lun_add(struct config_edit *e, const char *target, int lun, const char *volume,
                 uint16_t *ret_lun, struct err *reterr);
int edit_lun_remove(struct config_edit *e, const char *target, uint16_t lun,
                    struct err *reterr);

/* ---- who may come ------------------------------------------------------------------------ */

int edit_host_add(struct config_edit *e, const char *name, struct err *reterr);
int edit_host_remove(struct config_edit *e, const char *name,
                     struct err *reterr); /* -EBUSY: has initiators or grants */
/* i gives name, auth and algorithms; host "": one of its own, NULL: as it is. */
int edit_initiator_add(struct config_edit *e, const struct cfg_initiator *i, const char *host,
                       struct err *reterr);
int edit_initiator_put(struct config_edit *e, const struct cfg_initiator *i, const char *host,
                       struct err *reterr);
int edit_initiator_remove(struct config_edit *e, const char *name,
                          struct err *reterr); /* with its grants */
/* who: a host or an initiator. */
int edit_grant_add(struct config_edit *e, const char *who, const char *target,
                   struct err *reterr);
int edit_grant_remove(struct config_edit *e, const char *who, const char *target,
                      struct err *reterr);
/* Where who, granted to by this very name, may come from to log in; none: from everywhere. */
int edit_grant_sources(struct config_edit *e, const char *who, const char *target,
                       const struct cfg_sources *sources, struct err *reterr);

/* ---- secrets of a pair (target NULL: of discovery) --------------------------------------- */

/* An operator's own; NULL: that direction stays. The one before stays good until finished. */
int edit_secret_set(struct config_edit *e, const char *initiator, const char *target,
                    const char *secret, const char *reverse, struct err *reterr);
/* CHAP_N of either side; NULL: it stays, "": the iSCSI name. -EINVAL: none of its letters, or no secret of that side. */
int edit_chap_names(struct config_edit *e, const char *initiator, const char *target,
                    const char *name, const char *reverse, struct err *reterr);
/* Mints new ones; the ones before stay good until finished. */
int edit_secret_rotate(struct config_edit *e, const char *initiator, const char *target,
                       struct err *reterr);
/* Forgets the ones before. */
int edit_secret_finish(struct config_edit *e, const char *initiator, const char *target,
                       struct err *reterr);

/* ---- the whole --------------------------------------------------------------------------- */

/* Sets the secret shared with a RADIUS server, known already or about to be; the one before is no more good. */
int edit_radius_secret(struct config_edit *e, const char *address, uint16_t port,
                       const char *secret, struct err *reterr);
/* An entity is minted when it has none. */
int edit_isns_put(struct config_edit *e, const struct cfg_isns *i, struct err *reterr);
/* All but the secrets. */
int edit_radius_put(struct config_edit *e, const struct cfg_radius *r, struct err *reterr);
int edit_stated_put(struct config_edit *e, const struct cfg_statements *s, struct err *reterr);
int edit_limits_put(struct config_edit *e, const struct cfg_limits *l, struct err *reterr);
/* The document as exported (with "secrets" or without: then pairs keep theirs). Objects without
 * "id" or "rel_ports" keep those of the object of the same name. doc is borrowed. Parks. */
int edit_replace(struct config_edit *e, const json_t *doc, struct err *reterr);
/* Checks and fills in what a commit would, without minting secrets, and lists the differences
 * to the version in force:
 *   [{"action": "add|remove|change", "kind": "volume", "name": "vm1",
 *     "changes": {"size": [old, new]}}]
 * The caller decrefs. */
int edit_plan(struct config_edit *e, json_t **ret_changes, struct err *reterr);

/* Numbers of the generations that were kept, highest first; the caller frees. Parks. */
int config_generations(struct config_store *s, uint64_t **ret_numbers, size_t *ret_n,
                       struct err *reterr);
/* A kept generation's document with its member "secrets", for edit_replace(). The caller wipes and decrefs. -ENOENT. Parks. */
int config_generation_load(struct config_store *s, uint64_t number, json_t **ret_doc,
                           struct err *reterr);

/* The document in force; with_secrets adds the member "secrets". The caller decrefs. NULL: no
 * memory. Parks. */
json_t *config_export(struct config_store *s, bool with_secrets);

#endif
