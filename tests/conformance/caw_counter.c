/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COMPARE AND WRITE is atomic against everything, on every path: K clients, dealt over the URLs (several targets that map one
 * volume), increment counters in shared blocks. A block holds one count per client and their total; a client reads it,
 * adds one to its own and to the total, and swaps it in. Between, each writes plain data to its own sector of the same physical block,
 * and aborts a part of its swaps: whether an aborted one landed, its own count tells afterwards, and it must not land later.
 * At the end every count is exactly what its client knows, and every total is their sum.
 *
 *   caw_counter CLIENTS ROUNDS BLOCKS URL...     (512-byte blocks; uses the first 16 * BLOCKS of the LUN)
 */
#include <inttypes.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u
#define STRIDE                                                                                 \
    16u /* sectors from one counter block to the next: two physical blocks of 4 KiB */
#define MAX_CLIENTS 7u /* each has a sector of the physical block for its plain writes */
#define MAX_BLOCKS  64u

struct counters {
    uint64_t total, own[MAX_CLIENTS];
    uint8_t rest[SECTOR - (MAX_CLIENTS + 1) * 8];
};

struct client {
    pthread_t thread;
    unsigned index, rounds, blocks, seed;
    const char *url;
    struct iscsi_context *iscsi;
    int lun;
    uint64_t count[MAX_BLOCKS]; /* what this client knows to have landed */
    uint64_t swaps, lost_races, aborts, aborted_landed;
    const char *failed;
    uint8_t data[2 * SECTOR]; /* compare, then write */
};

struct wait {
    bool done;
    int status;
    struct scsi_task *task;
};

static bool service(struct client *c)
{
    struct pollfd p = {.fd = iscsi_get_fd(c->iscsi),
                       .events = (short)iscsi_which_events(c->iscsi)};
    return poll(&p, 1, 30000) > 0 && iscsi_service(c->iscsi, p.revents) == 0;
}

static bool run_until(struct client *c, const bool *done)
{
    while (!*done)
        if (!service(c))
            return false;
    return true;
}

/* The library would let an abort overtake the command that it is to abort. */
static bool run_until_sent(struct client *c)
{
    while (iscsi_out_queue_length(c->iscsi) > 0)
        if (!service(c))
            return false;
    return true;
}

static void command_done(struct iscsi_context *iscsi, int status, void *command_data, void *arg)
{
    (void)iscsi;
    struct wait *w = arg;
    w->done = true;
    w->status = status;
    w->task = command_data;
}

static void abort_done(struct iscsi_context *iscsi, int status, void *command_data, void *arg)
{
    (void)iscsi;
    (void)command_data;
    struct wait *w = arg;
    w->done = true;
    w->status = status;
}

static bool read_block(struct client *c, uint64_t lba, struct counters *ret_block)
{
    for (int attempt = 0; attempt < 5; attempt++) { /* unit attentions */
        struct scsi_task *t =
            iscsi_read16_sync(c->iscsi, c->lun, lba, SECTOR, SECTOR, 0, 0, 0, 0, 0);
        bool good = t && t->status == SCSI_STATUS_GOOD && t->datain.size == (int)SECTOR;
        if (good)
            memcpy(ret_block, t->datain.data, SECTOR);
        if (t)
            scsi_free_scsi_task(t);
        if (good)
            return true;
    }
    return false;
}

static bool write_sector(struct client *c, uint64_t lba)
{
    uint8_t data[SECTOR];
    memset(data, (int)('a' + c->index), sizeof(data));
    struct scsi_task *t =
        iscsi_write16_sync(c->iscsi, c->lun, lba, data, SECTOR, SECTOR, 0, 0, 0, 0, 0);
    bool good = t && t->status == SCSI_STATUS_GOOD;
    if (t)
        scsi_free_scsi_task(t);
    return good;
}

/* One try. *ret_landed tells whether the increment is on the volume. */
static bool swap(struct client *c, unsigned block, bool with_abort, bool *ret_landed)
{
    uint64_t lba = (uint64_t)block * STRIDE;
    uint8_t *data = c->data;
    struct counters was, now;
    if (!read_block(c, lba, &was))
        return false;
    now = was;
    now.total++;
    now.own[c->index]++;
    memcpy(data, &was, SECTOR);
    memcpy(data + SECTOR, &now, SECTOR);
    struct wait w = {0}, a = {0};
    struct scsi_task *t = iscsi_compareandwrite_task(c->iscsi, c->lun, lba, data, 2 * SECTOR,
                                                     SECTOR, 0, 0, 0, 0, 0, command_done, &w);
    if (!t)
        return false;
    if (with_abort) {
        c->aborts++;
        if (!run_until_sent(c) ||
            iscsi_task_mgmt_abort_task_async(c->iscsi, t, abort_done, &a) != 0 ||
            !run_until(c, &a.done))
            return false;
        if (!w.done) /* aborted without an answer: the library still holds the task */
            iscsi_scsi_cancel_task(c->iscsi, t);
        if (w.task)
            scsi_free_scsi_task(w.task);
        if (!read_block(c, lba, &was))
            return false;
        *ret_landed = was.own[c->index] == now.own[c->index];
        c->aborted_landed += *ret_landed;
        return true;
    }
    if (!run_until(c, &w.done))
        return false;
    *ret_landed = w.status == SCSI_STATUS_GOOD;
    bool miscompare =
        w.status == SCSI_STATUS_CHECK_CONDITION && w.task->sense.key == SCSI_SENSE_MISCOMPARE;
    c->lost_races += miscompare;
    scsi_free_scsi_task(w.task);
    return *ret_landed || miscompare;
}

static bool connect_client(struct client *c)
{
    char name[64];
    snprintf(name, sizeof(name), "iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test%s",
             c->index % 2 ? "-2" : "");
    c->iscsi = iscsi_create_context(name);
    struct iscsi_url *url = c->iscsi ? iscsi_parse_full_url(c->iscsi, c->url) : NULL;
    if (!url)
        return false;
    iscsi_set_isid_random(c->iscsi, 0x10 + c->index, c->index);
    iscsi_set_targetname(c->iscsi, url->target);
    iscsi_set_session_type(c->iscsi, ISCSI_SESSION_NORMAL);
    iscsi_set_noautoreconnect(c->iscsi, 1);
    bool good = iscsi_full_connect_sync(c->iscsi, url->portal, url->lun) == 0;
    c->lun = url->lun;
    iscsi_destroy_url(url);
    return good;
}

static void *work(void *arg)
{
    struct client *c = arg;
    if (!connect_client(c)) {
        c->failed = "connect";
        return NULL;
    }
    for (unsigned done = 0; done < c->rounds && !c->failed;) {
        unsigned block = (unsigned)rand_r(&c->seed) % c->blocks;
        bool landed = false;
        if (!swap(c, block, rand_r(&c->seed) % 16 == 0, &landed))
            c->failed = "compare and write";
        else if (!write_sector(c, (uint64_t)block * STRIDE + 1 + c->index))
            c->failed = "write to a neighbour";
        c->swaps++;
        c->count[block] += landed;
        done += landed;
    }
    return NULL;
}

static int check(struct client *v, unsigned n, unsigned blocks)
{
    int bad = 0;
    for (unsigned b = 0; b < blocks; b++) {
        struct counters k;
        uint64_t sum = 0;
        if (!read_block(&v[0], (uint64_t)b * STRIDE, &k))
            return 1;
        for (unsigned i = 0; i < n; i++) {
            sum += v[i].count[b];
            if (k.own[i] != v[i].count[b]) {
                printf("# block %u: client %u counts %" PRIu64 ", the volume %" PRIu64 "\n", b,
                       i, v[i].count[b], k.own[i]);
                bad = 1;
            }
        }
        if (k.total != sum) {
            printf("# block %u: the total is %" PRIu64 ", the sum %" PRIu64 "\n", b, k.total,
                   sum);
            bad = 1;
        }
    }
    return bad;
}

static bool clear(struct client *c)
{
    static uint8_t zero[STRIDE * SECTOR];
    for (unsigned b = 0; b < c->blocks; b++) {
        bool good = false;
        for (int attempt = 0; attempt < 5 && !good; attempt++) {
            struct scsi_task *t = iscsi_write16_sync(c->iscsi, c->lun, (uint64_t)b * STRIDE,
                                                     zero, sizeof(zero), SECTOR, 0, 0, 0, 0, 0);
            good = t && t->status == SCSI_STATUS_GOOD;
            if (t)
                scsi_free_scsi_task(t);
        }
        if (!good)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct client client[MAX_CLIENTS];
    unsigned n = argc > 4 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    if (n == 0 || n > MAX_CLIENTS) {
        fprintf(stderr, "usage: caw_counter CLIENTS(1..%u) ROUNDS BLOCKS URL...\n",
                MAX_CLIENTS);
        return 2;
    }
    for (unsigned i = 0; i < n; i++) {
        client[i].index = i;
        client[i].seed = i + 1;
        client[i].rounds = (unsigned)strtoul(argv[2], NULL, 10);
        client[i].blocks = (unsigned)strtoul(argv[3], NULL, 10);
        client[i].url = argv[4 + i % (unsigned)(argc - 4)];
    }
    static struct client first;
    first = client[0];
    if (!connect_client(&first) || !clear(&first)) {
        printf("not ok 1 - cannot prepare the blocks: %s\n",
               first.iscsi ? iscsi_get_error(first.iscsi) : "url");
        return 1;
    }
    iscsi_logout_sync(first.iscsi);
    iscsi_destroy_context(first.iscsi);
    for (unsigned i = 0; i < n; i++)
        pthread_create(&client[i].thread, NULL, work, &client[i]);
    int bad = 0;
    uint64_t swaps = 0, races = 0, aborts = 0, landed = 0;
    for (unsigned i = 0; i < n; i++) {
        pthread_join(client[i].thread, NULL);
        if (client[i].failed) {
            printf("# client %u: %s: %s\n", i, client[i].failed,
                   iscsi_get_error(client[i].iscsi));
            bad = 1;
        }
        swaps += client[i].swaps;
        races += client[i].lost_races;
        aborts += client[i].aborts;
        landed += client[i].aborted_landed;
    }
    bad |= check(client, n, client[0].blocks);
    printf("# %" PRIu64 " swaps, %" PRIu64 " lost races, %" PRIu64 " aborts of which %" PRIu64
           " had landed\n",
           swaps, races, aborts, landed);
    printf("%s 1 - %u clients count by COMPARE AND WRITE\n1..1\n", bad ? "not ok" : "ok", n);
    return bad;
}
