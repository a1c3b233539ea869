/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The witness of the power-loss test. It lives on the side that keeps its power.
 *
 *   ackload write URL INITIATOR LOG: writes until the connection breaks. Every 512-byte sector carries its own address and the
 *     number of the write. LOG gets "i LBA SECTORS SEQ" before a write is sent and "a SEQ" when it was acknowledged.
 *   ackload verify URL INITIATOR LOG: each sector must carry the number of the last acknowledged write to it, or of a later one that
 *     was sent; and its own address.
 */
#include <errno.h>
#include <inttypes.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR      512u
#define SLOTS       16u /* writes in flight, each in an area of its own, so that they never overlap */
#define AREA        4096u /* sectors of an area */
#define MAX_SECTORS 64u
#define MAGIC       0x7a73616e61636b21ull

struct stamp {
    uint64_t magic, lba, seq;
};

struct slot {
    struct load *load;
    unsigned index;
    uint64_t lba, seq;
    unsigned sectors;
    uint8_t data[MAX_SECTORS * SECTOR];
};

struct load {
    struct iscsi_context *iscsi;
    int lun;
    FILE *log;
    uint64_t next_seq, acked;
    bool over;
    struct slot slot[SLOTS];
};

static void stamp_sectors(uint8_t *p, uint64_t lba, unsigned sectors, uint64_t seq)
{
    for (unsigned i = 0; i < sectors; i++) {
        struct stamp s = {MAGIC, lba + i, seq};
        for (unsigned at = 0; at + sizeof(s) <= SECTOR; at += sizeof(s))
            memcpy(p + i * SECTOR + at, &s, sizeof(s));
    }
}

/* The number that a sector carries; 0: never written; UINT64_MAX: torn or another sector's. */
static uint64_t sector_seq(const uint8_t *p, uint64_t lba)
{
    struct stamp first, s;
    memcpy(&first, p, sizeof(first));
    if (first.magic == 0 && first.lba == 0 && first.seq == 0)
        return 0;
    for (unsigned at = 0; at + sizeof(s) <= SECTOR; at += sizeof(s)) {
        memcpy(&s, p + at, sizeof(s));
        if (s.magic != MAGIC || s.lba != lba || s.seq != first.seq)
            return UINT64_MAX;
    }
    return first.seq;
}

static void send_next(struct slot *s);

static void written(struct iscsi_context *iscsi, int status, void *command_data, void *arg)
{
    (void)iscsi;
    struct slot *s = arg;
    scsi_free_scsi_task(command_data);
    if (status != SCSI_STATUS_GOOD) {
        s->load->over = true;
        return;
    }
    fprintf(s->load->log, "a %" PRIu64 "\n", s->seq);
    s->load->acked++;
    send_next(s);
}

static void send_next(struct slot *s)
{
    struct load *l = s->load;
    if (l->over)
        return;
    s->seq = ++l->next_seq;
    s->sectors = 1u + (unsigned)random() % MAX_SECTORS;
    s->lba = (uint64_t)s->index * AREA + (unsigned)random() % (AREA - s->sectors);
    stamp_sectors(s->data, s->lba, s->sectors, s->seq);
    fprintf(l->log, "i %" PRIu64 " %u %" PRIu64 "\n", s->lba, s->sectors, s->seq);
    if (!iscsi_write16_task(l->iscsi, l->lun, s->lba, s->data, s->sectors * SECTOR, SECTOR, 0,
                            0, 0, 0, 0, written, s))
        l->over = true;
}

static struct iscsi_context *connect_to(const char *url_text, const char *initiator,
                                        int *ret_lun)
{
    struct iscsi_context *iscsi = iscsi_create_context(initiator);
    struct iscsi_url *url = iscsi ? iscsi_parse_full_url(iscsi, url_text) : NULL;
    if (!url)
        return NULL;
    iscsi_set_targetname(iscsi, url->target);
    iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
    iscsi_set_header_digest(iscsi, ISCSI_HEADER_DIGEST_NONE);
    iscsi_set_noautoreconnect(iscsi, 1);
    if (iscsi_full_connect_sync(iscsi, url->portal, url->lun) != 0) {
        fprintf(stderr, "ackload: %s\n", iscsi_get_error(iscsi));
        return NULL;
    }
    *ret_lun = url->lun;
    iscsi_destroy_url(url);
    return iscsi;
}

/* Ends when the server is gone: an error, or ten seconds without a word. */
static void pump(struct load *l)
{
    while (!l->over) {
        struct pollfd p = {.fd = iscsi_get_fd(l->iscsi),
                           .events = (short)iscsi_which_events(l->iscsi)};
        int n = poll(&p, 1, 10000);
        if (n <= 0 || iscsi_service(l->iscsi, p.revents) != 0)
            l->over = true;
    }
}

static int write_load(struct load *l)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        l->slot[i].load = l;
        l->slot[i].index = i;
        send_next(&l->slot[i]);
    }
    pump(l);
    fclose(l->log);
    printf("ackload: %" PRIu64 " writes sent, %" PRIu64 " acknowledged\n", l->next_seq,
           l->acked);
    return 0;
}

struct history {
    uint64_t lba, acked;
    unsigned sectors;
    bool is_acked;
};

/* The last acknowledged write of every sector, and whether a given number was sent to it later. */
static struct history *read_log(FILE *log, uint64_t *ret_n)
{
    struct history *h = NULL;
    uint64_t cap = 0, n = 0, lba, seq;
    unsigned sectors;
    char line[128];
    while (fgets(line, sizeof(line), log)) {
        if (sscanf(line, "i %" SCNu64 " %u %" SCNu64, &lba, &sectors, &seq) == 3) {
            if (seq >= cap) {
                cap = seq * 2 + 1024;
                h = realloc(h, cap * sizeof(*h));
                if (!h)
                    return NULL;
            }
            h[seq] = (struct history){.lba = lba, .sectors = sectors};
            n = seq > n ? seq : n;
        } else if (sscanf(line, "a %" SCNu64, &seq) == 1 && seq <= n) {
            h[seq].is_acked = true;
        }
    }
    *ret_n = n;
    return h;
}

static int verify(struct load *l)
{
    uint64_t n = 0, lost = 0, strange = 0, checked = 0;
    struct history *h = read_log(l->log, &n);
    uint64_t *want = calloc(SLOTS * AREA, sizeof(*want));
    if (!h || !want)
        return 2;
    for (uint64_t seq = 1; seq <= n; seq++)
        for (unsigned i = 0; h[seq].is_acked && i < h[seq].sectors; i++)
            want[h[seq].lba + i] =
                seq; /* one write at a time in an area: numbers grow in order of time */
    for (uint64_t lba = 0; lba < SLOTS * AREA; lba += MAX_SECTORS) {
        struct scsi_task *t = iscsi_read16_sync(l->iscsi, l->lun, lba, MAX_SECTORS * SECTOR,
                                                SECTOR, 0, 0, 0, 0, 0);
        if (!t || t->status != SCSI_STATUS_GOOD ||
            t->datain.size != (int)(MAX_SECTORS * SECTOR)) {
            fprintf(stderr, "ackload: read of %" PRIu64 " failed: %s\n", lba,
                    iscsi_get_error(l->iscsi));
            return 2;
        }
        for (unsigned i = 0; i < MAX_SECTORS; i++) {
            uint64_t have = sector_seq(t->datain.data + i * SECTOR, lba + i);
            checked += want[lba + i] != 0;
            strange += have == UINT64_MAX || have > n;
            lost += have != UINT64_MAX && have < want[lba + i];
        }
        scsi_free_scsi_task(t);
    }
    printf("ackload: %" PRIu64 " sectors checked, %" PRIu64 " lost, %" PRIu64
           " torn or foreign\n",
           checked, lost, strange);
    free(want);
    free(h);
    return lost != 0 || strange != 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct load load;
    bool writing = argc == 5 && strcmp(argv[1], "write") == 0;
    if (argc != 5 || (!writing && strcmp(argv[1], "verify") != 0)) {
        fprintf(stderr, "usage: ackload write|verify URL INITIATOR LOG\n");
        return 2;
    }
    load.log = fopen(argv[4], writing ? "w" : "r");
    if (!load.log) {
        fprintf(stderr, "ackload: %s: %s\n", argv[4], strerror(errno));
        return 2;
    }
    load.iscsi = connect_to(argv[2], argv[3], &load.lun);
    if (!load.iscsi)
        return 2;
    return writing ? write_load(&load) : verify(&load);
}
