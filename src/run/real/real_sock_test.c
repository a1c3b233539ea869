/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets over loopback: transfers, ends, deadlines, cancellation, moving to another
 * reactor. */
#include "run/real/real_test.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const struct listen_opts plain = {0};

/* Two ends of a connection through a listener that is closed again. */
struct pair {
    struct sock *client, *server;
};

struct acceptor {
    struct listener *l;
    struct sock *s;
    int rc;
    struct waitgroup done;
    struct cancel *cancel;
};

static void accept_one(void *arg)
{
    struct acceptor *a = arg;
    a->rc = listener_accept(a->l, &a->s, a->cancel);
    waitgroup_done(&a->done);
}

static struct listener *listen_at(const char *where)
{
    struct sock_addr addr;
    struct listener *l = NULL;
    struct err err = {0};
    snprintf(addr.text, sizeof(addr.text), "%s", where);
    if (!expect(listener_open(&addr, &plain, &l, &err) == 0))
        fprintf(stderr, "# %s\n", err.msg);
    return l;
}

static struct pair connect_pair(const char *where)
{
    struct pair p = {0};
    struct acceptor a = {.l = listen_at(where)};
    if (!a.l)
        return p;
    waitgroup_init(&a.done);
    waitgroup_add(&a.done, 1);
    fiber_start(accept_one, &a, "accept");
    expect(sock_connect(listener_addr(a.l), run_deadline_ms(5000), NULL, &p.client, NULL) == 0);
    waitgroup_wait(&a.done);
    expect(a.rc == 0);
    p.server = a.s;
    listener_close(a.l);
    return p;
}

static void close_pair(struct pair *p)
{
    sock_close(p->client);
    sock_close(p->server);
}

/* ---- transfers --------------------------------------------------------------------------- */

enum { STREAM_LEN = 3 << 20 };

static uint8_t stream_byte(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 11));
}

struct sender {
    struct sock *s;
    struct waitgroup done;
};

static void send_stream(void *arg)
{
    struct sender *x = arg;
    uint8_t *bytes = malloc(STREAM_LEN);
    for (size_t i = 0; i < STREAM_LEN; i++)
        bytes[i] = stream_byte(i);
    expect(sock_send(x->s, bytes, STREAM_LEN, run_deadline_ms(20000), NULL) == 0);
    free(bytes);
    waitgroup_done(&x->done);
}

/* Reads to the end, checking each byte; the number of bytes. */
static size_t recv_stream(struct sock *s, size_t want)
{
    static uint8_t buf[100000];
    size_t got = 0;
    while (got < want) {
        ssize_t n =
            sock_recv(s, buf, MIN(sizeof(buf), want - got), run_deadline_ms(5000), NULL);
        if (!expect(n > 0))
            break;
        bool same = true;
        for (size_t i = 0; i < (size_t)n; i++)
            same &= buf[i] == stream_byte(got + i);
        expect(same);
        got += (size_t)n;
    }
    return got;
}

static void stream_both_ways(const char *where)
{
    struct pair p = connect_pair(where);
    if (!p.client || !p.server)
        return;
    struct sender x[2] = {{.s = p.client}, {.s = p.server}};
    for (int i = 0; i < 2; i++) {
        waitgroup_init(&x[i].done);
        waitgroup_add(&x[i].done, 1);
        fiber_start(send_stream, &x[i], "send");
    }
    expect(recv_stream(p.server, STREAM_LEN) == STREAM_LEN);
    expect(recv_stream(p.client, STREAM_LEN) == STREAM_LEN);
    waitgroup_wait(&x[0].done);
    waitgroup_wait(&x[1].done);
    close_pair(&p);
}

static void stream_everywhere(void)
{
    struct test_dir d;
    stream_both_ways("127.0.0.1:0");
    stream_both_ways("[::1]:0");
    if (!expect(test_dir_make(&d, "/tmp")))
        return;
    char where[100];
    snprintf(where, sizeof(where), "unix:%s/sock", d.path);
    stream_both_ways(where);
    expect(rmdir(d.path) == 0); /* the listener took its name with it */
}

static void test_streams_arrive_whole(void **state)
{
    (void)state;
    run_in_both(1, stream_everywhere);
}

/* ---- waits ------------------------------------------------------------------------------- */

struct reader {
    struct sock *s;
    struct cancel *cancel;
    ssize_t rc;
    struct waitgroup done;
};

static void read_one(void *arg)
{
    struct reader *r = arg;
    char byte;
    r->rc = sock_recv(r->s, &byte, 1, NO_DEADLINE, r->cancel);
    waitgroup_done(&r->done);
}

static void start_reader(struct reader *r)
{
    waitgroup_init(&r->done);
    waitgroup_add(&r->done, 1);
    fiber_start(read_one, r, "reader");
    fiber_sleep_until(run_deadline_ms(5), NULL);
}

static void wait_and_end(void)
{
    struct pair p = connect_pair("127.0.0.1:0");
    struct cancel c;
    char buf[64];
    uint64_t before = run_now();
    expect(sock_recv(p.server, buf, 1, run_deadline_ms(20), NULL) == -ETIMEDOUT);
    expect(run_now() - before >= 20 * NS_PER_MS);
    cancel_init(&c);
    struct reader r = {.s = p.server, .cancel = &c};
    start_reader(&r);
    cancel_fire(&c);
    waitgroup_wait(&r.done);
    expect(r.rc == -ECANCELED);

    expect(sock_send(p.client, "last words", 10, NO_DEADLINE, NULL) == 0);
    sock_close(p.client);
    expect(sock_wait_readable(p.server, run_deadline_ms(1000), NULL) == 0);
    expect(sock_recv(p.server, buf, sizeof(buf), run_deadline_ms(1000), NULL) == 10);
    expect(sock_recv(p.server, buf, sizeof(buf), run_deadline_ms(1000), NULL) == 0);
    expect(sock_recv(p.server, buf, sizeof(buf), run_deadline_ms(1000), NULL) == 0);
    sock_close(p.server);
}

static void test_reading_ends_by_deadline_token_or_end(void **state)
{
    (void)state;
    run_in_both(1, wait_and_end);
}

static void shut_down(void)
{
    struct pair p = connect_pair("127.0.0.1:0");
    struct reader here = {.s = p.server}, there = {.s = p.client};
    start_reader(&here);
    start_reader(&there);
    sock_shutdown(p.server);
    waitgroup_wait(&here.done);
    waitgroup_wait(&there.done);
    expect(here.rc == 0 && there.rc == 0);
    expect(sock_send(p.server, "x", 1, run_deadline_ms(100), NULL) == -EPIPE);
    close_pair(&p);
}

static void test_shutdown_wakes_both_readers(void **state)
{
    (void)state;
    run_in_both(1, shut_down);
}

/* What the peer still sends does not cost it our last words. */
static void finish(void)
{
    static const uint8_t more[64 << 10];
    struct pair p = connect_pair("127.0.0.1:0");
    uint8_t buf[8];
    expect(sock_send(p.client, more, sizeof(more), run_deadline_ms(1000), NULL) == 0);
    expect(sock_send(p.server, "bye", 3, run_deadline_ms(1000), NULL) == 0);
    sock_finish(p.server);
    expect(sock_send(p.server, "x", 1, run_deadline_ms(100), NULL) == -EPIPE);
    expect(sock_recv(p.client, buf, sizeof(buf), run_deadline_ms(1000), NULL) == 3);
    expect(sock_recv(p.client, buf, sizeof(buf), run_deadline_ms(1000), NULL) == 0);
    expect(sock_recv(p.server, buf, sizeof(buf), run_deadline_ms(1000), NULL) == 8);
    close_pair(&p);
}

static void test_who_finished_can_read(void **state)
{
    (void)state;
    run_in_both(1, finish);
}

/* A peer that does not read fills the pipe and no more; the loop goes on. */
static void peer_does_not_read(void)
{
    static uint8_t block[256 << 10];
    struct pair p = connect_pair("127.0.0.1:0");
    uint64_t taken = 0;
    ssize_t n;
    const struct iovec iov = {block, sizeof(block)};
    while ((n = sock_try_send(p.client, &iov, 1)) > 0 && taken < 1u << 30)
        taken += (uint64_t)n;
    expect(n == -EAGAIN);
    expect(sock_try_send(p.client, &iov, 1) == -EAGAIN);
    expect(sock_wait_writable(p.client, run_deadline_ms(30), NULL) == -ETIMEDOUT);
    for (uint64_t got = 0; got < taken; got += (uint64_t)n) {
        n = sock_recv(p.server, block, sizeof(block), run_deadline_ms(2000), NULL);
        if (!expect(n > 0))
            break;
    }
    expect(sock_wait_writable(p.client, run_deadline_ms(2000), NULL) == 0);
    close_pair(&p);
}

static void test_peer_that_does_not_read_stops_only_itself(void **state)
{
    (void)state;
    run_in_both(1, peer_does_not_read);
}

/* ---- addresses and listeners ------------------------------------------------------------- */

static void refuse_and_name(void)
{
    struct pair p = connect_pair("127.0.0.1:0");
    expect(strcmp(sock_local(p.client)->text, sock_peer(p.server)->text) == 0);
    expect(strcmp(sock_peer(p.client)->text, sock_local(p.server)->text) == 0);
    expect(sock_peer_uid(p.server) == -1);
    struct sock_addr gone = *sock_peer(p.client);
    close_pair(&p);
    struct sock *s;
    struct err err = {0};
    expect(sock_connect(&gone, run_deadline_ms(1000), NULL, &s, &err) == -ECONNREFUSED);
    expect(strstr(err.msg, gone.text));
    struct listener *a = listen_at("127.0.0.1:0"), *b;
    expect(listener_open(listener_addr(a), &plain, &b, &err) == -EADDRINUSE);
    expect(strstr(err.msg, "another program"));
    listener_close(a);
    struct sock_addr bad = {"localhost:1"};
    expect(listener_open(&bad, &plain, &b, &err) == -EINVAL);
    const struct listen_opts nowhere = {.interface = "no-such-if"};
    struct sock_addr any = {"127.0.0.1:0"};
    expect(listener_open(&any, &nowhere, &b, &err) == -ENODEV);
}

static void test_errors_name_the_address(void **state)
{
    (void)state;
    run_in_both(1, refuse_and_name);
}

static void close_while_accepting(void)
{
    struct cancel c;
    cancel_init(&c);
    struct acceptor a = {.l = listen_at("127.0.0.1:0")}, b = {.l = a.l, .cancel = &c};
    waitgroup_init(&a.done);
    waitgroup_init(&b.done);
    waitgroup_add(&a.done, 1);
    waitgroup_add(&b.done, 1);
    fiber_start(accept_one, &a, "accept");
    fiber_start(accept_one, &b, "accept");
    fiber_sleep_until(run_deadline_ms(5), NULL);
    cancel_fire(&c);
    waitgroup_wait(&b.done);
    expect(b.rc == -ECANCELED);
    listener_close(a.l);
    waitgroup_wait(&a.done);
    expect(a.rc == -ECANCELED);
}

static void test_closing_a_listener_ends_accept(void **state)
{
    (void)state;
    run_in_both(1, close_while_accepting);
}

static void unix_socket(void)
{
    struct test_dir d;
    if (!expect(test_dir_make(&d, "/tmp")))
        return;
    struct sock_addr addr;
    struct test_path p = in_dir(&d, "ctl");
    struct listener *l = NULL, *second = NULL;
    struct stat st;
    struct err err = {0};
    const struct listen_opts opts = {.unix_mode = 0660, .unix_group = "root"};
    snprintf(addr.text, sizeof(addr.text), "unix:%.100s", p.s);
    expect(listener_open(&addr, &opts, &l, &err) == 0);
    expect(stat(p.s, &st) == 0 && (st.st_mode & 0777) == 0660 && st.st_gid == 0);
    expect(listener_open(&addr, &opts, &second, &err) == -EADDRINUSE); /* it is served */
    struct acceptor a = {.l = l};
    waitgroup_init(&a.done);
    waitgroup_add(&a.done, 1);
    struct sock *s = NULL;
    fiber_start(accept_one, &a, "accept");
    expect(sock_connect(&addr, run_deadline_ms(1000), NULL, &s, &err) == 0);
    waitgroup_wait(&a.done);
    expect(sock_peer_uid(a.s) == (int64_t)geteuid());
    expect(sock_peer_groups(a.s) == (getegid() == 0 ? SOCK_IN_GROUP : 0));
    sock_close(s);
    sock_close(a.s);
    expect(link(p.s, in_dir(&d, "stale").s) == 0);
    listener_close(l);
    expect(rename(in_dir(&d, "stale").s, p.s) == 0); /* as after a kill -9 */
    expect(listener_open(&addr, &plain, &l, &err) == 0);
    expect(stat(p.s, &st) == 0 && (st.st_mode & 0777) == 0600);
    listener_close(l);
    const struct listen_opts unknown = {.unix_group = "no-such-group"};
    expect(listener_open(&addr, &unknown, &l, &err) < 0 && strstr(err.msg, "no-such-group"));
    const struct listen_opts no_readers = {.unix_readers = "no-such-readers"};
    expect(listener_open(&addr, &no_readers, &l, &err) < 0 &&
           strstr(err.msg, "no-such-readers"));
    expect(rmdir(d.path) == 0); /* refused before the name was made */
}

static void test_unix_socket_has_mode_peer_and_no_stale_name(void **state)
{
    (void)state;
    run_in_both(1, unix_socket);
}

/* ---- moving ------------------------------------------------------------------------------ */

struct mover {
    struct sock *s;
    size_t got;
};

static void echo_there(void *arg)
{
    struct mover *m = arg;
    char buf[16];
    ssize_t n = sock_recv(m->s, buf, sizeof(buf), run_deadline_ms(2000), NULL);
    m->got += n > 0 ? (size_t)n : 0;
    expect(n > 0 && sock_send(m->s, buf, (size_t)MAX(n, 1), run_deadline_ms(2000), NULL) == 0);
    sock_move(m->s, run_reactor(this_run(), 0));
}

static void move_back_and_forth(void)
{
    struct pair p = connect_pair("127.0.0.1:0");
    struct mover m = {.s = p.server};
    char buf[16];
    for (int i = 0; i < 20; i++) {
        if (i % 2 == 0) /* bytes that are there before the move, and bytes that come after it */
            expect(sock_send(p.client, "ping", 4, NO_DEADLINE, NULL) == 0);
        sock_move(m.s, run_reactor(this_run(), 1));
        if (i % 2 == 1)
            expect(sock_send(p.client, "ping", 4, NO_DEADLINE, NULL) == 0);
        call_on(run_reactor(this_run(), 1), echo_there, &m);
        expect(sock_recv(p.client, buf, sizeof(buf), run_deadline_ms(2000), NULL) == 4);
    }
    expect(m.got == 80);
    close_pair(&p);
}

static void test_socket_moves_between_reactors(void **state)
{
    (void)state;
    run_in_both(2, move_back_and_forth);
}

/* ---- datagrams --------------------------------------------------------------------------- */

/* A UDP socket of the test's own; its address. */
static int bind_datagrams(struct sock_addr *ret_addr)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    expect(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0);
    expect(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    snprintf(ret_addr->text, sizeof(ret_addr->text), "127.0.0.1:%u", ntohs(a.sin_port));
    return fd;
}

/* Sends back what came, each letter as a datagram. */
static void answer_letters(int fd)
{
    char buf[64];
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);
    for (ssize_t i = 0; i < n; i++)
        expect(sendto(fd, buf + i, 1, 0, (struct sockaddr *)&from, len) == 1);
}

static void exchange_datagrams(void)
{
    struct sock_addr addr;
    struct sock *s = NULL;
    struct err err = {0};
    char buf[64];
    struct iovec iov = {(void *)(uintptr_t) "abc", 3};
    int fd = bind_datagrams(&addr);
    if (!expect(sock_datagrams(&addr, &s, &err) == 0))
        return;
    expect(strcmp(sock_peer(s)->text, addr.text) == 0 && sock_addr_port(sock_local(s)) != 0);
    expect(sock_recv(s, buf, sizeof(buf), run_deadline_ms(1), NULL) == -ETIMEDOUT);
    expect(sock_try_send(s, &iov, 1) == 3);
    answer_letters(fd);
    for (int i = 0; i < 3; i++) { /* each on its own, although all are there */
        expect(sock_recv(s, buf, sizeof(buf), run_deadline_ms(5000), NULL) == 1);
        expect(buf[0] == 'a' + i);
    }
    expect(sock_recv(s, buf, sizeof(buf), run_deadline_ms(1), NULL) == -ETIMEDOUT);
    close(fd);
    expect(sock_try_send(s, &iov, 1) == 3);
    expect(sock_recv(s, buf, sizeof(buf), run_deadline_ms(5000), NULL) == -ECONNREFUSED);
    sock_close(s);
    snprintf(addr.text, sizeof(addr.text), "no address");
    expect(sock_datagrams(&addr, &s, &err) < 0 && strstr(err.msg, "no address") != NULL);
}

static void test_datagrams_come_one_by_one(void **state)
{
    (void)state;
    run_in_both(1, exchange_datagrams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_arrive_whole),
        cmocka_unit_test(test_reading_ends_by_deadline_token_or_end),
        cmocka_unit_test(test_shutdown_wakes_both_readers),
        cmocka_unit_test(test_who_finished_can_read),
        cmocka_unit_test(test_peer_that_does_not_read_stops_only_itself),
        cmocka_unit_test(test_errors_name_the_address),
        cmocka_unit_test(test_closing_a_listener_ends_accept),
        cmocka_unit_test(test_unix_socket_has_mode_peer_and_no_stale_name),
        cmocka_unit_test(test_socket_moves_between_reactors),
        cmocka_unit_test(test_datagrams_come_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
