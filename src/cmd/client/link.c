/* SPDX-License-Identifier: BSD-2-Clause */
/* The connection to zsand: one line out, one line in. Without --socket and ZSAN_SOCKET the
 * usual places are tried in turn, so that the same command works for root, for members of the
 * group, and for somebody's own daemon. */
#include "base/cleanup.h"
#include "cmd/client/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (256u << 20) /* bytes */

struct link {
    int fd;
    json_int_t id; /* of the last request */
    char *buf;
    size_t len, cap;
    void (*on_wait)(unsigned seconds); /* NULL: nobody wants to know */
};

/* ---- finding it -------------------------------------------------------------------------- */

/* A connected socket or -errno. */
static int connect_to(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(un.sun_path))
        return -ENAMETOOLONG;
    memcpy(un.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0) {
        int e = errno;
        close(fd);
        return -e;
    }
    return fd;
}

static int refused(const char *path, int e, struct err *reterr)
{
    const char *fix = e == -EACCES ? "be root, or a member of its group"
                                   : "is zsand running? (--socket and ZSAN_SOCKET say where)";
    return err_set(reterr, -1, "zsand does not answer at %.120s: %s: %s", path, strerror(-e),
                   fix);
}

/* The user's own daemon. NULL: no memory, or nobody's home. */
static char *home_socket(void)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int n = -1;
    if (xdg && xdg[0] == '/')
        n = asprintf(&path, "%s/zsan/zsand.sock", xdg);
    else if (home)
        n = asprintf(&path, "%s/.local/state/zsan/zsand.sock", home);
    return n < 0 ? NULL : path;
}

/* Tries the usual places; the error tells of the first one that is there. */
static int search(struct err *reterr)
{
    CLEANUP(freep) char *own = home_socket();
    const char *const places[] = {"/run/zsan/zsand.sock", "/var/lib/zsan/zsand.sock", own};
    const char *there = NULL;
    int why = 0;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int fd = places[i] ? connect_to(places[i]) : -ENOENT;
        if (fd >= 0)
            return fd;
        if (!there && fd != -ENOENT) {
            there = places[i];
            why = fd;
        }
    }
    if (there)
        return refused(there, why, reterr);
    return err_set(
        reterr, -1,
        "zsand does not run here: there is no socket at %s, %s or %.80s (--socket and "
        "ZSAN_SOCKET say where)",
        places[0], places[1], own ? own : "home");
}

int link_open(const char *socket, struct link **ret_link, struct err *reterr)
{
    const char *path = socket ? socket : getenv("ZSAN_SOCKET");
    int fd = path && path[0] ? connect_to(path) : search(reterr);
    if (fd < 0)
        return path && path[0] ? refused(path, fd, reterr) : -1;
    struct link *l = calloc(1, sizeof(*l));
    if (!l) {
        close(fd);
        return err_set(reterr, -1, "out of memory");
    }
    l->fd = fd;
    *ret_link = l;
    return 0;
}

void link_close(struct link *l)
{
    if (!l)
        return;
    close(l->fd);
    if (l->buf)
        wipe(l->buf, l->cap);
    free(l->buf);
    free(l);
}

/* ---- asking ------------------------------------------------------------------------------ */

static int send_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int send_request(struct link *l, const char *method, json_t *params)
{
    json_t *req =
        json_pack("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id", ++l->id, "method", method);
    if (params && json_object_size(params) > 0)
        json_object_set(req, "params", params);
    char *text = req ? json_dumps(req, JSON_COMPACT) : NULL;
    json_decref(req);
    if (!text)
        return -ENOMEM;
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the NUL */
    int rc = send_all(l->fd, text, len + 1);
    wipe(text, len);
    free(text);
    return rc;
}

/* Not realloc(), which would leave secrets behind. */
static int grow(struct link *l)
{
    size_t cap = l->cap > 0 ? 2 * l->cap : 65536;
    char *buf = cap <= ANSWER_MAX ? malloc(cap) : NULL;
    if (!buf)
        return -ENOMEM;
    if (l->buf) {
        memcpy(buf, l->buf, l->len);
        wipe(l->buf, l->cap);
    }
    free(l->buf);
    l->buf = buf;
    l->cap = cap;
    return 0;
}

void link_on_wait(struct link *l, void (*fn)(unsigned seconds))
{
    l->on_wait = fn;
}

static void wait_input(const struct link *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLIN};
    for (unsigned seconds = 1; l->on_wait && poll(&p, 1, 1000) == 0; seconds++)
        l->on_wait(seconds);
}

/* A whole line into the buffer; its length, or negative errno. Answers come one for each
 * request, so nothing follows it. */
static ssize_t receive_line(struct link *l)
{
    l->len = 0;
    while (l->len == 0 || l->buf[l->len - 1] != '\n') {
        if (l->len == l->cap && grow(l) < 0)
            return -ENOMEM;
        if (l->len == 0)
            wait_input(l);
        ssize_t n = recv(l->fd, l->buf + l->len, l->cap - l->len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ECONNRESET;
        l->len += (size_t)n;
    }
    return (ssize_t)l->len;
}

/* The exit status that an error of the daemon means. */
static int status_of(const json_t *error)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(error, "data"), "errno"));
    if (json_integer_value(json_object_get(error, "code")) == -32602)
        return EXIT_USAGE;
    for (size_t i = 0; name && i < cli_nexits; i++)
        if (strcmp(cli_exits[i].errno_name, name) == 0)
            return cli_exits[i].status;
    return EXIT_FAILED;
}

static int take_answer(json_t *answer, json_t **ret_result, struct err *reterr)
{
    const json_t *error = json_object_get(answer, "error");
    json_t *result = json_object_get(answer, "result");
    const char *text = json_string_value(json_object_get(error, "message"));
    if (error) {
        err_set(reterr, -EINVAL, "%s", text ? text : "zsand refused");
        return status_of(error);
    }
    if (!result) {
        err_set(reterr, -EPROTO, "what answers is not zsand");
        return EXIT_UNREACHABLE;
    }
    *ret_result = json_incref(result);
    return EXIT_DONE;
}

int link_call(struct link *l, const char *method, json_t *params, json_t **ret_result,
              struct err *reterr)
{
    json_error_t je;
    /* A daemon that refuses early (too long, too many connections) answers and leaves: the
     * answer counts, not the failed send. */
    int rc = send_request(l, method, params);
    ssize_t n = receive_line(l);
    if (n < 0) {
        err_set(reterr, (int)n, "zsand left without an answer: %s",
                strerror(rc < 0 ? -rc : (int)-n));
        return EXIT_UNREACHABLE;
    }
    json_t *answer = json_loadb(l->buf, (size_t)n, 0, &je);
    int status = take_answer(answer, ret_result, reterr);
    json_decref(answer);
    return status;
}
