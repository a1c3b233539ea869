/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demonstration. One transaction makes everything, so that a first start that fails leaves
 * nothing behind but the pool and its disks, which the next one takes up. The names are made of the host's, and found again by the
 * volume's name: a later start tells from the configuration alone whether the demonstration is
 * still there. Secrets are printed by the start that minted them and never again.
 */
#include "cmd/daemon/first_start.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/paste/paste.h"
#include "config/config_edit.h"
#include "run/file.h"
#include "run/sock.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEMO_NAME   "demo"
#define DEMO_VOLUME "demo/vm1"
#define DEMO_SIZE   (UINT64_C(1) << 30)
#define DEMO_DISK   (UINT64_C(2) << 30)
#define DEMO_DISKS  2
#define DEMO_TAG    1
#define DEMO_IFACE  "zsan" /* of open-iscsi, which has a name of its own */

struct demo {
    char target[CFG_NAME_LEN], initiator[CFG_NAME_LEN];
    char portal[SOCK_ADDR_LEN];
    char disks[DEMO_DISKS][CFG_PATH_LEN];
    uint16_t lun;
    struct cfg_volume new_volume; /* to be made; the rest is as it should be by zeros */
    struct cfg_target new_target;
    struct cfg_initiator new_initiator;
};

/* ---- making it --------------------------------------------------------------------------- */

static int make_names(struct config_edit *e, struct demo *d, struct err *reterr)
{
    char host[64];
    if (gethostname(host, sizeof(host)) < 0)
        text_copy(host, sizeof(host), "host");
    host[sizeof(host) - 1] = '\0';
    host[strcspn(host, ".")] = '\0';
    int rc = edit_target_name(e, host, DEMO_NAME, d->target, reterr);
    return rc < 0 ? rc : edit_target_name(e, host, "initiator", d->initiator, reterr);
}

static int make_disk(const char *dir, unsigned i, char ret_path[CFG_PATH_LEN],
                     struct err *reterr)
{
    int n = snprintf(ret_path, CFG_PATH_LEN, "%s/disk%u.img", dir, i);
    if (n < 0 || n >= CFG_PATH_LEN)
        return err_set(reterr, -ENAMETOOLONG, "%s: the path is too long", dir);
    int rc = store_file_create(ret_path, DEMO_DISK, true, reterr);
    return rc == -EEXIST ? 0 : rc; /* left from a first start that was interrupted */
}

/* A mirror on two sparse files, and a volume in it. */
static int make_pool(const struct first_start *p, struct demo *d, struct err *reterr)
{
    const char *disks[DEMO_DISKS];
    int rc = file_mkdir(p->disks_dir, 0700);
    if (rc < 0)
        return err_set(reterr, rc, "%s: %s", p->disks_dir, strerror(-rc));
    for (unsigned i = 0; rc == 0 && i < DEMO_DISKS; i++) {
        rc = make_disk(p->disks_dir, i, d->disks[i], reterr);
        disks[i] = d->disks[i];
    }
    struct pool_first first = {.pool = DEMO_NAME,
                               .volume = DEMO_VOLUME,
                               .disks = disks,
                               .ndisks = DEMO_DISKS,
                               .size = DEMO_SIZE};
    return rc < 0 ? rc : pools_first(p->pools, &first, reterr);
}

static int make_objects(struct config_edit *e, const struct first_start *p, struct demo *d,
                        struct err *reterr)
{
    struct cfg_portal portal = {.port = p->port, .any_address = p->any_address};
    int rc = make_names(e, d, reterr);
    if (rc < 0)
        return rc;
    text_copy(portal.address, sizeof(portal.address), p->listen);
    text_copy(d->new_target.name, sizeof(d->new_target.name), d->target);
    text_copy(d->new_target.alias, sizeof(d->new_target.alias), "zsan demonstration");
    text_copy(d->new_initiator.name, sizeof(d->new_initiator.name), d->initiator);
    if ((rc = edit_volume_add(e, &d->new_volume, reterr)) < 0 ||
        (rc = edit_portal_add(e, DEMO_TAG, &portal, reterr)) < 0 ||
        (rc = edit_target_add(e, &d->new_target, NULL, 0, reterr)) < 0 ||
        (rc = edit_lun_add(e, d->target, 0, DEMO_VOLUME, &d->lun, reterr)) < 0 ||
        (rc = edit_initiator_add(e, &d->new_initiator, "", reterr)) < 0)
        return rc;
    return edit_grant_add(e, d->initiator, d->target, reterr);
}

/* ---- telling about it -------------------------------------------------------------------- */

/* The commands that connect, by what is named; iface: of open-iscsi. */
static void print_paste(const struct demo *d, const struct minted *m, const char *form,
                        const char *iface)
{
    const char *portal = d->portal;
    const struct paste_facts facts = {
        .initiator = m->initiator,
        .target = m->target,
        .name = m->name,
        .secret = m->secret,
        .reverse_name = m->reverse_name,
        .reverse_secret = m->reverse_secret,
        .portals = &portal,
        .nportals = 1,
        .lun = d->lun,
        .mutual = true,
        .iface = iface,
    };
    char *text = paste_text(paste_form_named(form), &facts);
    if (text)
        printf("\n%s", text);
    paste_free(text);
}

static void tell_first(const struct demo *d, const struct first_start *p,
                       const struct config_edit *e)
{
    unsigned n;
    const struct minted *all = config_edit_minted(e, &n);
    for (unsigned i = 0; i < n; i++)
        if (strcmp(all[i].target, d->target) == 0) {
            print_paste(d, &all[i], "linux", DEMO_IFACE);
            print_paste(d, &all[i], "libiscsi", "");
        }
    printf("\nThese secrets are not shown again; new ones are minted with\n"
           "  zsan --socket %s grant rotate %s %s\n"
           "and printed for others with --for esxi, windows or qemu.\n",
           p->control, d->initiator, d->target);
    printf("\nThe volume lies in a pool that mirrors two files in %s:\n"
           "  zsan --socket %s pool status " DEMO_NAME "\n",
           p->disks_dir, p->control);
}

/* The demonstration's pair as the configuration has it; false: somebody removed it. */
static bool find_demo(const struct config *c, struct demo *d)
{
    for (unsigned i = 0; i < c->ngrants; i++) {
        const struct cfg_target *t = c->grants[i].target;
        for (unsigned k = 0; k < t->nluns; k++) {
            if (strcmp(t->luns[k].volume->name, DEMO_VOLUME) != 0 ||
                t->groups[0]->nportals == 0)
                continue;
            const struct cfg_portal *p = &t->groups[0]->portals[0];
            struct sock_addr a;
            if (sock_addr_make(p->address, p->port, &a) < 0)
                continue;
            text_copy(d->target, sizeof(d->target), t->name);
            text_copy(d->initiator, sizeof(d->initiator), c->grants[i].initiator->name);
            text_copy(d->portal, sizeof(d->portal), a.text);
            d->lun = t->luns[k].lun;
            return true;
        }
    }
    return false;
}

static void tell_again(const struct config *c, const struct first_start *p, struct demo *d)
{
    printf("zsand serves %u volumes in %u targets; ask it with\n  zsan --socket %s status\n",
           c->nvolumes, c->ntargets, p->control);
    if (!find_demo(c, d))
        return;
    struct minted m = {.secret = "SECRET", .reverse_secret = "REVERSE-SECRET"};
    text_copy(m.initiator, sizeof(m.initiator), d->initiator);
    text_copy(m.name, sizeof(m.name), d->initiator);
    text_copy(m.target, sizeof(m.target), d->target);
    text_copy(m.reverse_name, sizeof(m.reverse_name), d->target);
    print_paste(d, &m, "linux", DEMO_IFACE);
    printf("\nThe secrets were shown when they were minted. New ones:\n"
           "  zsan --socket %s grant rotate %s %s\n",
           p->control, d->initiator, d->target);
}

/* ---- both -------------------------------------------------------------------------------- */

static int start_demo(struct config_edit *e, const struct first_start *p, struct demo *d,
                      struct err *reterr)
{
    struct sock_addr a;
    if (sock_addr_make(p->listen, p->port, &a) < 0)
        return err_set(reterr, -EINVAL, "--listen takes a numeric address, not \"%s\"",
                       p->listen);
    text_copy(d->portal, sizeof(d->portal), a.text);
    int rc = make_pool(p, d, reterr);
    if (rc == 0)
        rc = make_objects(e, p, d, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    if (rc < 0)
        return rc;
    if (config_edit_warning(e)->code < 0)
        printf("Warning: %s\n", config_edit_warning(e)->msg);
    tell_first(d, p, e);
    return 0;
}

int first_start(struct config_store *store, const struct first_start *p, struct err *reterr)
{
    struct config_edit *e;
    CLEANUP(freep) struct demo *d = calloc(1, sizeof(*d));
    int rc =
        d ? config_edit_begin(store, &e, reterr) : err_set(reterr, -ENOMEM, "out of memory");
    if (rc < 0)
        return rc;
    text_copy(d->new_volume.name, sizeof(d->new_volume.name), DEMO_VOLUME);
    text_copy(d->new_volume.dataset, sizeof(d->new_volume.dataset), DEMO_VOLUME);
    d->new_volume.engine = CFG_POOL;
    d->new_volume.size = DEMO_SIZE;
    d->new_volume.block_size = 512;
    d->new_volume.thin = true;
    const struct config *c = config_edit_base(e);
    if (c->nvolumes == 0 && c->ntargets == 0 && c->ninitiators == 0)
        rc = start_demo(e, p, d, reterr);
    else
        tell_again(c, p, d);
    fflush(stdout);
    config_edit_end(e);
    return rc;
}
