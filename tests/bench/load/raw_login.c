/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Straight-line code: every step sends one PDU and reads PDUs until the one that answers it.
 * Login is two requests at most times, security (AuthMethod=None) and operational parameters; a
 * target that wants more rounds gets empty requests until it moves on. Nothing of this is on
 * the measured path.
 */
#include "raw_login.h"

#include "raw_pdu.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#define TEXT_MAX       1024u /* of one PDU; the answers to our few keys are far shorter */
#define KEYS_MAX       640u  /* that we send in one PDU */
#define LOGIN_ROUNDS   8
#define READY_TRIES    50
#define ANSWER_SECONDS 10

enum { STAGE_SECURITY = 0, STAGE_OPERATIONAL = 1, STAGE_FULL_FEATURE = 3 };

struct answer {
    struct raw_header header;
    uint8_t data[TEXT_MAX];
    uint32_t len;
};

int raw_url_parse(const char *text, struct raw_url *ret_url, struct err *reterr)
{
    struct raw_url u;
    char lun[12];
    int end = 0;
    uint64_t lun_number;
    if (strchr(text, '@'))
        return err_set(reterr, -EINVAL, "%s: this client can't authenticate", text);
    if (sscanf(text, "iscsi://[%127[0-9a-fA-F:.]]:%7[0-9]/%223[^/]/%11[0-9]%n", u.host, u.port,
               u.target, lun, &end) != 4 &&
        sscanf(text, "iscsi://%127[^:/]:%7[0-9]/%223[^/]/%11[0-9]%n", u.host, u.port, u.target,
               lun, &end) != 4)
        return err_set(reterr, -EINVAL, "%s: not iscsi://host:port/iqn/lun", text);
    if (text[end] != '\0' || !text_to_u64(lun, &lun_number) || lun_number > 0x3fff)
        return err_set(reterr, -EINVAL, "%s: bad LUN", text);
    u.lun = (uint32_t)lun_number;
    *ret_url = u;
    return 0;
}

static int tcp_connect(const struct raw_url *url, struct err *reterr)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval timeout = {.tv_sec = ANSWER_SECONDS};
    const int one = 1;
    struct addrinfo *list;
    int rc = getaddrinfo(url->host, url->port, &hints, &list);
    if (rc != 0)
        return err_set(reterr, -EHOSTUNREACH, "%s: %s", url->host, gai_strerror(rc));
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    rc = fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen) < 0 ? -errno : 0;
    freeaddrinfo(list);
    if (rc < 0) {
        closep(&fd);
        return err_set(reterr, rc, "%s:%s: %s", url->host, url->port, strerror(-rc));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    return fd;
}

/* data may be NULL when len is 0. */
static int send_all(int fd, const void *header, const void *data, uint32_t len)
{
    static const uint8_t zeros[4];
    struct iovec iov[3];
    iov[0] = (struct iovec){(void *)(uintptr_t)header, RAW_HEADER};
    iov[1] = (struct iovec){(void *)(uintptr_t)data, len};
    iov[2] = (struct iovec){(void *)(uintptr_t)zeros, (size_t)round_up(len, 4) - len};
    const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};
    ssize_t whole = (ssize_t)(RAW_HEADER + round_up(len, 4));
    return sendmsg(fd, &msg, MSG_NOSIGNAL) == whole ? 0 : E(-EPIPE);
}

/* Reads one PDU and keeps the sequence numbers that every PDU of a target carries. */
static int read_answer(struct raw_session *s, struct answer *ret_answer)
{
    struct answer *a = ret_answer;
    if (recv(s->fd, &a->header, RAW_HEADER, MSG_WAITALL) != RAW_HEADER)
        return E(-ECONNRESET);
    a->len = be24_get(a->header.data_len);
    uint32_t padded = (uint32_t)round_up(a->len, 4);
    if (padded > sizeof(a->data) || a->header.ahs_words != 0)
        return E(-EPROTO);
    if (padded > 0 && recv(s->fd, a->data, padded, MSG_WAITALL) != (ssize_t)padded)
        return E(-ECONNRESET);
    bool numbered = a->header.opcode != RAW_R2T && a->header.opcode != RAW_NOP_IN &&
                    (a->header.opcode != RAW_DATA_IN || (a->header.flags & RAW_DATA_IN_STATUS));
    if (numbered)
        s->exp_stat_sn = be32_get(a->header.stat_sn) + 1;
    s->max_cmd_sn = be32_get(a->header.max_cmd_sn);
    return 0;
}

/* One value of a text segment of keys "name=value\0", or NULL. */
static const char *text_value(const struct answer *a, const char *name)
{
    size_t name_len = strlen(name);
    const char *p = (const char *)a->data, *end = p + a->len;
    while (p < end) {
        size_t len = strnlen(p, (size_t)(end - p));
        if (p + len == end)
            return NULL;
        if (len > name_len && p[name_len] == '=' && memcmp(p, name, name_len) == 0)
            return p + name_len + 1;
        p += len + 1;
    }
    return NULL;
}

static void take_number(const struct answer *a, const char *name, uint32_t *value)
{
    const char *text = text_value(a, name);
    uint64_t v;
    if (text && text_to_u64(text, &v) && v >= 512 && v <= 0xffffff)
        *value = (uint32_t)v;
}

static void take_bool(const struct answer *a, const char *name, bool *value)
{
    const char *text = text_value(a, name);
    if (text)
        *value = strcmp(text, "Yes") == 0;
}

static void take_keys(struct raw_session *s, const struct answer *a)
{
    take_number(a, "MaxRecvDataSegmentLength", &s->max_send_segment);
    take_number(a, "FirstBurstLength", &s->first_burst);
    take_number(a, "MaxBurstLength", &s->max_burst);
    take_bool(a, "ImmediateData", &s->immediate_data);
    take_bool(a, "InitialR2T", &s->initial_r2t);
}

static void add_key(struct wbuf *w, const char *name, const char *value)
{
    wb_str(w, name);
    wb_u8(w, '=');
    wb_bytes(w, value, strlen(value) + 1);
}

static void add_operational_keys(struct wbuf *w)
{
    static const struct {
        const char *name, *value;
    } keys[] = {
        {"HeaderDigest",             "None"   },
        {"DataDigest",               "None"   },
        {"MaxConnections",           "1"      },
        {"InitialR2T",               "No"     },
        {"ImmediateData",            "Yes"    },
        {"MaxRecvDataSegmentLength", "262144" },
        {"FirstBurstLength",         "262144" },
        {"MaxBurstLength",           "1048576"},
        {"MaxOutstandingR2T",        "1"      },
        {"DefaultTime2Wait",         "2"      },
        {"DefaultTime2Retain",       "0"      },
        {"ErrorRecoveryLevel",       "0"      },
        {"DataPDUInOrder",           "Yes"    },
        {"DataSequenceInOrder",      "Yes"    },
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        add_key(w, keys[i].name, keys[i].value);
}

/* One request and its answer. Returns the stage that comes next, or a negative errno. */
static int login_round(struct raw_session *s, struct raw_request *req, int stage, int next,
                       const struct wbuf *keys, struct answer *ret_answer)
{
    req->flags = (uint8_t)((int)RAW_LOGIN_TRANSIT | stage << 2 | next);
    req->data_len = be24_make((uint32_t)keys->len);
    req->cmd_sn = be32_make(s->cmd_sn);
    req->exp_stat_sn = be32_make(s->exp_stat_sn);
    int rc = send_all(s->fd, req, keys->p, (uint32_t)keys->len);
    if (rc == 0)
        rc = read_answer(s, ret_answer);
    if (rc < 0)
        return rc;
    if (ret_answer->header.opcode != RAW_LOGIN_RESPONSE)
        return E(-EPROTO);
    struct raw_login_response resp;
    memcpy(&resp, &ret_answer->header, sizeof(resp));
    if (resp.status_class != 0)
        return E(-EACCES);
    req->tsih = resp.tsih;
    take_keys(s, ret_answer);
    return (resp.flags & RAW_LOGIN_TRANSIT) ? resp.flags & 3 : stage;
}

static int login(struct raw_session *s, struct answer *a, const struct raw_url *url,
                 const char *initiator, uint32_t number, struct err *reterr)
{
    struct raw_request req = {.opcode = RAW_LOGIN | RAW_IMMEDIATE};
    uint8_t text[KEYS_MAX];
    uint16_t chance;
    if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
        return err_set(reterr, -EIO, "no random numbers");
    req.isid[0] = 0x80; /* 11.12.5: random */
    store_be16(req.isid + 1, chance);
    store_be24(req.isid + 3, number);

    int stage = STAGE_SECURITY;
    bool negotiated = false;
    for (int round = 0; round < LOGIN_ROUNDS; round++) {
        struct wbuf keys = wbuf_make(text, sizeof(text));
        if (round == 0) {
            add_key(&keys, "InitiatorName", initiator);
            add_key(&keys, "TargetName", url->target);
            add_key(&keys, "SessionType", "Normal");
            add_key(&keys, "AuthMethod", "None");
        } else if (stage == STAGE_OPERATIONAL && !negotiated) {
            add_operational_keys(&keys);
            negotiated = true;
        }
        int next = stage == STAGE_SECURITY ? STAGE_OPERATIONAL : STAGE_FULL_FEATURE;
        stage = login_round(s, &req, stage, next, &keys, a);
        if (stage == STAGE_FULL_FEATURE)
            return 0;
        if (stage < 0)
            return err_set(reterr, stage, "login refused: %s, status %02x%02x",
                           strerror(-stage), ((const uint8_t *)&a->header)[36],
                           ((const uint8_t *)&a->header)[37]);
    }
    return err_set(reterr, -EPROTO, "login doesn't end");
}

/* Runs a command whose data, if any, fits into one PDU. SCSI status, or a negative errno. */
static int execute(struct raw_session *s, struct answer *a, const uint8_t *cdb, size_t cdb_len,
                   uint8_t *ret_data, uint32_t expected)
{
    struct raw_command c = {.opcode = RAW_SCSI_COMMAND,
                            .flags = RAW_FINAL | RAW_COMMAND_SIMPLE,
                            .lun = raw_lun(s->lun),
                            .expected_len = be32_make(expected),
                            .cmd_sn = be32_make(s->cmd_sn++),
                            .exp_stat_sn = be32_make(s->exp_stat_sn)};
    if (expected > 0)
        c.flags |= RAW_COMMAND_READ;
    memcpy(c.cdb, cdb, cdb_len);
    int rc = send_all(s->fd, &c, NULL, 0);
    while (rc == 0 && (rc = read_answer(s, a)) == 0) {
        if (a->header.opcode == RAW_DATA_IN)
            memcpy(ret_data, a->data, MIN(a->len, expected));
        if (a->header.opcode == RAW_SCSI_RESPONSE ||
            (a->header.opcode == RAW_DATA_IN && (a->header.flags & RAW_DATA_IN_STATUS)))
            return a->header.status;
    }
    return rc;
}

/* Unit attentions and "becoming ready" pass after some tries. */
static int wait_ready(struct raw_session *s, struct answer *a, struct err *reterr)
{
    static const uint8_t test_unit_ready[6] = {0};
    int status = 0;
    for (int i = 0; i < READY_TRIES; i++) {
        status = execute(s, a, test_unit_ready, sizeof(test_unit_ready), NULL, 0);
        if (status <= 0)
            break;
        if (i > 3)
            usleep(20000);
    }
    return status == 0 ? 0 : err_set(reterr, -EIO, "LUN %u isn't ready: %d", s->lun, status);
}

static int read_capacity(struct raw_session *s, struct answer *a, struct err *reterr)
{
    static const uint8_t cdb[16] = {[0] = 0x9e, [1] = 0x10, [13] = 32}; /* READ CAPACITY(16) */
    uint8_t data[32] = {0};
    int status = execute(s, a, cdb, sizeof(cdb), data, sizeof(data));
    s->lba_bytes = load_be32(data + 8);
    s->lun_bytes = (load_be64(data) + 1) * s->lba_bytes;
    if (status != 0 || s->lba_bytes == 0)
        return err_set(reterr, -EIO, "READ CAPACITY(16) on LUN %u: %d", s->lun, status);
    return 0;
}

int raw_session_open(struct raw_session *s, const struct raw_url *url, const char *initiator,
                     uint32_t number, struct err *reterr)
{
    /* RFC 7143 section 13: what holds when a key isn't mentioned */
    *s = (struct raw_session){.fd = -1,
                              .lun = url->lun,
                              .cmd_sn = 1,
                              .max_send_segment = 8192,
                              .first_burst = 65536,
                              .max_burst = 262144,
                              .immediate_data = true,
                              .initial_r2t = true};
    int fd = tcp_connect(url, reterr);
    if (fd < 0)
        return fd;
    s->fd = fd;
    struct answer a;
    int rc = login(s, &a, url, initiator, number, reterr);
    if (rc == 0)
        rc = wait_ready(s, &a, reterr);
    if (rc == 0)
        rc = read_capacity(s, &a, reterr);
    return rc;
}

void raw_session_logout(struct raw_session *s)
{
    struct raw_request req = {.opcode = RAW_LOGOUT | RAW_IMMEDIATE,
                              .flags = RAW_FINAL, /* reason 0: close the session */
                              .cmd_sn = be32_make(s->cmd_sn),
                              .exp_stat_sn = be32_make(s->exp_stat_sn)};
    struct answer a;
    if (send_all(s->fd, &req, NULL, 0) < 0)
        return;
    while (read_answer(s, &a) == 0 && a.header.opcode != RAW_LOGOUT_RESPONSE)
        ;
}

void raw_session_close(struct raw_session *s)
{
    closep(&s->fd);
    s->fd = -1;
}
