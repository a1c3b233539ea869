/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zload-iscsi: load through libiscsi, the initiator inside QEMU, so its figures are what users
 * see. It reads and writes one PDU per system call and spends several microseconds on each
 * command: from about queue depth 32 on this client, not a fast server, is the limit. zload-raw
 * exists for that reason.
 *
 * A thread polls its sessions. Completions only put their command on the session's free list;
 * when the socket is drained, everything free is issued again in one go.
 */
#include "load.h"

#include <errno.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define LOGIN_TIMEOUT_S 10
#define DRAIN_NS        (5 * UINT64_C(1000000000))

struct command {
    struct session *session;
    struct command *next_free;
    struct work_op op;
    uint64_t start_ns;
    struct scsi_iovec iov;
};

struct session {
    struct load_thread *t;
    struct iscsi_context *ctx;
    int lun;
    uint32_t lba_bytes;
    struct work work;
    uint8_t *buffers; /* depth blocks */
    struct command *commands, *free;
    uint32_t in_flight;
    bool lost;
};

static void session_lost(struct session *s, const char *why)
{
    if (!s->lost)
        load_error(s->t, "session lost: %s", why);
    s->lost = true;
}

/* How a status ends a command: true if its data counts. */
static bool judge(struct session *s, int status, const struct scsi_task *task)
{
    if (status == SCSI_STATUS_GOOD)
        return true;
    if (status == SCSI_STATUS_BUSY || status == SCSI_STATUS_TASK_SET_FULL) {
        s->t->tally.busy++;
        return false;
    }
    if (status == SCSI_STATUS_CANCELLED || s->lost)
        return false;
    load_error(s->t, "status 0x%x, sense %x/%04x", (unsigned)status, (unsigned)task->sense.key,
               (unsigned)task->sense.ascq);
    return false;
}

static void command_done(struct iscsi_context *ctx UNUSED, int status, void *data, void *arg)
{
    struct command *c = arg;
    struct session *s = c->session;
    struct scsi_task *task = data;
    enum pattern_verdict verdict = PATTERN_GOOD;
    bool good = judge(s, status, task);
    if (good) {
        load_count(s->t, c->op.write, load_now_ns() - c->start_ns);
        if (!c->op.write)
            work_check(&s->work, &c->op, 0, c->iov.iov_base, (uint32_t)c->iov.iov_len,
                       &verdict);
    }
    work_end(&s->work, &c->op, good, verdict);
    scsi_free_scsi_task(task);
    c->next_free = s->free;
    s->free = c;
    s->in_flight--;
}

static bool send_command(struct command *c)
{
    struct session *s = c->session;
    uint64_t lba = work_offset(&s->work, &c->op) / s->lba_bytes;
    uint32_t len = (uint32_t)c->iov.iov_len;
    struct scsi_task *task;
    if (c->op.write)
        task = iscsi_write16_iov_task(s->ctx, s->lun, lba, NULL, len, (int)s->lba_bytes, 0, 0,
                                      0, 0, 0, command_done, c, &c->iov, 1);
    else
        task = iscsi_read16_iov_task(s->ctx, s->lun, lba, len, (int)s->lba_bytes, 0, 0, 0, 0, 0,
                                     command_done, c, &c->iov, 1);
    return task != NULL;
}

/* Issues all that is free. False: nothing is left to do. */
static bool session_issue(struct session *s)
{
    while (s->free && !s->lost) {
        struct command *c = s->free;
        if (!work_next(&s->work, &c->op))
            break;
        if (c->op.write)
            work_fill(&s->work, &c->op, c->iov.iov_base);
        c->start_ns = load_now_ns();
        if (!send_command(c)) {
            work_end(&s->work, &c->op, false, PATTERN_GOOD);
            session_lost(s, iscsi_get_error(s->ctx));
            break;
        }
        s->free = c->next_free;
        s->in_flight++;
    }
    return s->in_flight > 0;
}

static int session_read_capacity(struct session *s, uint64_t *ret_bytes, struct err *reterr)
{
    struct scsi_task *task = iscsi_readcapacity16_sync(s->ctx, s->lun);
    int rc = -EIO;
    if (task && task->status == SCSI_STATUS_GOOD) {
        struct scsi_readcapacity16 *cap = scsi_datain_unmarshall(task);
        if (cap && cap->block_length != 0) {
            s->lba_bytes = cap->block_length;
            *ret_bytes = (cap->returned_lba + 1) * cap->block_length;
            rc = 0;
        }
    }
    if (task)
        scsi_free_scsi_task(task);
    return rc == 0 ? 0 : err_set(reterr, rc, "READ CAPACITY(16): %s", iscsi_get_error(s->ctx));
}

/* Logs in and learns the capacity. */
static int session_login(struct session *s, const char *url_text, uint64_t *ret_bytes,
                         struct err *reterr)
{
    s->ctx = iscsi_create_context(s->t->opt->initiator);
    if (!s->ctx)
        return err_set(reterr, -ENOMEM, "no iSCSI context");
    struct iscsi_url *url = iscsi_parse_full_url(s->ctx, url_text);
    if (!url)
        return err_set(reterr, -EINVAL, "%s", iscsi_get_error(s->ctx));
    s->lun = url->lun;
    iscsi_set_session_type(s->ctx, ISCSI_SESSION_NORMAL);
    iscsi_set_noautoreconnect(s->ctx, 1);
    iscsi_set_timeout(s->ctx, LOGIN_TIMEOUT_S);
    int rc = iscsi_full_connect_sync(s->ctx, url->portal, url->lun);
    iscsi_destroy_url(url);
    if (rc != 0)
        return err_set(reterr, -ECONNREFUSED, "login: %s", iscsi_get_error(s->ctx));
    rc = session_read_capacity(s, ret_bytes, reterr);
    iscsi_set_timeout(s->ctx, 0);
    return rc;
}

static int session_buffers(struct session *s, struct err *reterr)
{
    const struct options *o = s->t->opt;
    s->commands = calloc(o->depth, sizeof(s->commands[0]));
    s->buffers = aligned_alloc(4096, round_up(o->depth * o->block, 4096));
    if (!s->commands || !s->buffers)
        return err_set(reterr, -ENOMEM, "no memory for %u buffers", o->depth);
    memset(s->buffers, 0x5a, o->depth * o->block);
    for (uint32_t i = 0; i < o->depth; i++) {
        struct command *c = &s->commands[i];
        c->session = s;
        c->iov = (struct scsi_iovec){s->buffers + i * o->block, o->block};
        c->next_free = s->free;
        s->free = c;
    }
    return 0;
}

static int session_open(struct session *s, uint32_t i, struct err *reterr)
{
    const struct options *o = s->t->opt;
    const char *url = o->urls[i % o->nurls];
    uint64_t bytes = 0;
    struct work_config cfg;
    int rc = session_login(s, url, &bytes, reterr);
    if (rc == 0)
        rc = options_share(o, i, bytes, &cfg, reterr);
    if (rc == 0 && o->block % s->lba_bytes != 0)
        rc = err_set(reterr, -EINVAL, "--block isn't a multiple of %u", s->lba_bytes);
    if (rc == 0)
        rc = work_open(&s->work, &cfg);
    if (rc == 0)
        rc = session_buffers(s, reterr);
    return rc;
}

static void session_close(struct session *s)
{
    load_verified(s->t, &s->work);
    if (s->ctx) {
        s->t->tally.alive += !s->lost;
        if (!s->lost && s->in_flight == 0 && iscsi_is_logged_in(s->ctx))
            iscsi_logout_sync(s->ctx);
        s->lost = true;
        iscsi_destroy_context(s->ctx);
    }
    work_close(&s->work);
    free(s->commands);
    free(s->buffers);
}

/* One turn: waits for sockets, lets libiscsi work on them. */
static void poll_once(struct session *sessions, uint32_t n, struct pollfd *fds)
{
    for (uint32_t i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = sessions[i].lost ? -1 : iscsi_get_fd(sessions[i].ctx),
                                 .events = (short)iscsi_which_events(sessions[i].ctx)};
    if (poll(fds, n, 100) <= 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (fds[i].revents != 0 && iscsi_service(sessions[i].ctx, fds[i].revents) != 0)
            session_lost(&sessions[i], iscsi_get_error(sessions[i].ctx));
}

static void run(struct load_thread *t, struct session *sessions, uint32_t n, struct pollfd *fds)
{
    bool active = true;
    while (active && load_phase(t) != LOAD_STOP) {
        active = false;
        for (uint32_t i = 0; i < n; i++)
            active |= session_issue(&sessions[i]);
        if (active)
            poll_once(sessions, n, fds);
    }
    for (uint64_t until = load_now_ns() + DRAIN_NS; active && load_now_ns() < until;) {
        active = false;
        for (uint32_t i = 0; i < n; i++)
            active |= !sessions[i].lost && sessions[i].in_flight > 0;
        if (active)
            poll_once(sessions, n, fds);
    }
    if (active)
        load_error(t, "commands without an answer for %u s", (unsigned)(DRAIN_NS / 1000000000));
}

static int body(struct load_thread *t, struct err *reterr)
{
    const struct options *o = t->opt;
    uint32_t n = o->sessions / o->threads + (t->index < o->sessions % o->threads), opened = 0;
    struct session *sessions = calloc(n, sizeof(sessions[0]));
    struct pollfd *fds = calloc(n, sizeof(fds[0]));
    int rc = sessions && fds ? 0 : err_set(reterr, -ENOMEM, "no memory for %u sessions", n);
    while (rc == 0 && opened < n) {
        struct session *s = &sessions[opened];
        s->t = t;
        rc = session_open(s, t->index + opened * o->threads, reterr);
        opened++;
    }
    if (rc == 0 && load_ready(t))
        run(t, sessions, n, fds);
    for (uint32_t i = 0; i < opened; i++)
        session_close(&sessions[i]);
    free(sessions);
    free(fds);
    return rc;
}

int main(int argc, char **argv)
{
    static const struct load_kind kind = {"zload-iscsi", body};
    return load_main(&kind, argc, argv, false);
}
