/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests record in fibers and assert outside: cmocka leaves by longjmp. */
#include "run/sim/sim.h"
#include "run/sock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BULK 300000u

struct scene {
    struct run *run;
    struct listener *listener;
    struct sock *client, *server;
    struct waitgroup fibers;
    void (*body)(struct scene *s);
    int r[8];
    size_t n;
    bool bad;
    uint8_t got[64];
};

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static void acceptor(void *arg)
{
    struct scene *s = arg;
    s->r[0] = listener_accept(s->listener, &s->server, NULL);
    waitgroup_done(&s->fibers);
}

/* Leaves a connected pair in client and server. */
static int connect_pair(struct scene *s)
{
    struct sock_addr any = {"127.0.0.1:0"};
    int r = listener_open(&any, &(struct listen_opts){0}, &s->listener, NULL);
    if (r < 0)
        return r;
    waitgroup_add(&s->fibers, 1);
    fiber_start(acceptor, s, "acceptor");
    r = sock_connect(listener_addr(s->listener), NO_DEADLINE, NULL, &s->client, NULL);
    waitgroup_wait(&s->fibers);
    return r < 0 ? r : s->r[0];
}

static void scene_main(void *arg)
{
    struct scene *s = arg;
    waitgroup_init(&s->fibers);
    s->r[7] = connect_pair(s);
    if (s->r[7] == 0)
        s->body(s);
    run_stop(s->run);
}

static struct sim_stats play(struct scene *s, void (*body)(struct scene *s), uint64_t seed)
{
    struct sim_config cfg = sim_config_default(seed);
    struct sim_stats st;
    s->body = body;
    assert_int_equal(run_sim_new(&cfg, &s->run, NULL), 0);
    run_loop(s->run, scene_main, s);
    sim_stats(s->run, &st);
    run_free(s->run);
    assert_int_equal(s->r[7], 0);
    return st;
}

/* ---- order ------------------------------------------------------------------------------- */

static void bulk_sender(void *arg)
{
    struct scene *s = arg;
    uint8_t *bytes = malloc(BULK);
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = pattern(i);
    s->r[1] = sock_send(s->client, bytes, BULK, NO_DEADLINE, NULL);
    free(bytes);
    sock_close(s->client);
    waitgroup_done(&s->fibers);
}

static void read_bulk(struct scene *s, size_t upto)
{
    uint8_t piece[1500];
    while (s->n < upto) {
        ssize_t n =
            sock_recv(s->server, piece, MIN(sizeof(piece), upto - s->n), NO_DEADLINE, NULL);
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            s->bad |= piece[i] != pattern(s->n++);
    }
}

static void order_body(struct scene *s)
{
    waitgroup_add(&s->fibers, 1);
    fiber_start(bulk_sender, s, "sender");
    read_bulk(s, BULK);
    s->r[2] = (int)sock_recv(s->server, s->got, 1, NO_DEADLINE, NULL);
    waitgroup_wait(&s->fibers);
    sock_close(s->server);
}

static void test_bytes_arrive_in_order_however_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct scene s = {0};
        struct sim_stats st = play(&s, order_body, seed);
        assert_int_equal(s.r[1], 0);
        assert_int_equal(s.n, BULK);
        assert_false(s.bad);
        assert_int_equal(s.r[2], 0); /* then the end */
        assert_true(st.segments > BULK / 16384);
        assert_true(st.short_reads > 0);
    }
}

/* ---- moving ------------------------------------------------------------------------------ */

static void read_rest_there(void *arg)
{
    struct scene *s = arg;
    read_bulk(s, BULK);
    s->r[3] = (int)reactor_index(reactor_self());
    sock_close(s->server);
}

static void move_body(struct scene *s)
{
    waitgroup_add(&s->fibers, 1);
    fiber_start(bulk_sender, s, "sender");
    read_bulk(s, BULK / 3);
    struct reactor *there = run_reactor(s->run, 1);
    sock_move(s->server, there);
    call_on(there, read_rest_there, s);
    waitgroup_wait(&s->fibers);
}

static void test_socket_moves_between_reactors_in_midstream(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct scene s = {0};
        play(&s, move_body, seed);
        assert_int_equal(s.n, BULK);
        assert_false(s.bad);
        assert_int_equal(s.r[3], 1);
    }
}

/* ---- windows ----------------------------------------------------------------------------- */

static void window_body(struct scene *s)
{
    static uint8_t bytes[BULK];
    struct iovec iov = {bytes, sizeof(bytes)};
    ssize_t n = 0;
    while (s->r[1] == 0) {
        while ((n = sock_try_send(s->client, &iov, 1)) > 0)
            s->n += (size_t)n;
        s->r[1] =
            n == -EAGAIN ? sock_wait_writable(s->client, run_now() + NS_PER_SEC, NULL) : (int)n;
    }
    sock_recv(s->server, s->got, 1, NO_DEADLINE, NULL);
    s->r[2] = sock_wait_writable(s->client, run_now() + NS_PER_SEC, NULL);
    s->r[3] = (int)sock_try_send(s->client, &iov, 1);
}

static void test_sender_waits_for_the_window(void **state)
{
    (void)state;
    struct scene s = {0};
    play(&s, window_body, 5);
    assert_int_equal(s.n, 65536);
    assert_int_equal(s.r[1], -ETIMEDOUT);
    assert_int_equal(s.r[2], 0);
    assert_int_equal(s.r[3], 1);
}

/* ---- endings ----------------------------------------------------------------------------- */

static void half_close_body(struct scene *s)
{
    sock_send(s->client, "bye", 3, NO_DEADLINE, NULL);
    sock_shutdown(s->client);
    while (s->n < 3)
        s->n += (size_t)sock_recv(s->server, s->got + s->n, 8, NO_DEADLINE, NULL);
    s->r[1] = (int)sock_recv(s->server, s->got + 8, 8, NO_DEADLINE, NULL);
    s->r[2] = (int)sock_recv(s->client, s->got + 8, 8, NO_DEADLINE, NULL);
    s->r[3] = sock_send(s->server, "hello?", 6, NO_DEADLINE, NULL); /* nobody said no yet */
    fiber_sleep_until(run_now() + NS_PER_SEC, NULL);
    s->r[4] = sock_send(s->server, "hello?", 6, NO_DEADLINE, NULL);
}

static void finish_body(struct scene *s)
{
    sock_send(s->client, "bye", 3, NO_DEADLINE, NULL);
    sock_finish(s->client);
    while (s->n < 3)
        s->n += (size_t)sock_recv(s->server, s->got + s->n, 8, NO_DEADLINE, NULL);
    s->r[1] = (int)sock_recv(s->server, s->got + 8, 8, NO_DEADLINE, NULL);
    s->r[2] = sock_send(s->server, "?", 1, NO_DEADLINE, NULL);
    s->r[3] = (int)sock_recv(s->client, s->got + 8, 8, NO_DEADLINE, NULL);
    s->r[4] = sock_send(s->client, "!", 1, NO_DEADLINE, NULL);
}

static void test_who_finished_can_read(void **state)
{
    (void)state;
    struct scene s = {0};
    play(&s, finish_body, 5);
    assert_memory_equal(s.got, "bye", 3);
    assert_int_equal(s.r[1], 0);
    assert_int_equal(s.r[2], 0);
    assert_int_equal(s.r[3], 1);
    assert_int_equal(s.r[4], -EPIPE);
}

static void test_end_of_stream_comes_after_the_data(void **state)
{
    (void)state;
    struct scene s = {0};
    play(&s, half_close_body, 5);
    assert_memory_equal(s.got, "bye", 3);
    assert_int_equal(s.r[1], 0);
    assert_int_equal(s.r[2], 0);
    assert_int_equal(s.r[3], 0);
    assert_int_equal(s.r[4], -ECONNRESET);
}

static void cut_all_body(struct scene *s)
{
    sock_send(s->client, "abc", 3, NO_DEADLINE, NULL);
    fiber_sleep_until(run_now() + NS_PER_SEC, NULL);
    sim_cut_all(s->run);
    s->r[1] = (int)sock_recv(s->client, s->got, 8, NO_DEADLINE, NULL);
    while (s->n < 3)
        s->n += (size_t)sock_recv(s->server, s->got + s->n, 8, NO_DEADLINE, NULL);
    s->r[2] = (int)sock_recv(s->server, s->got + 8, 8, NO_DEADLINE, NULL);
    s->r[3] = sock_send(s->server, "x", 1, NO_DEADLINE, NULL);
}

static void test_reset_reaches_both_ends(void **state)
{
    (void)state;
    struct scene s = {0};
    struct sim_stats st = play(&s, cut_all_body, 5);
    assert_int_equal(s.r[1], -ECONNRESET);
    assert_memory_equal(s.got, "abc", 3); /* what had arrived can be read first */
    assert_int_equal(s.r[2], -ECONNRESET);
    assert_int_equal(s.r[3], -ECONNRESET);
    assert_int_equal(st.resets, 1);
}

static void random_cut_body(struct scene *s)
{
    sim_cut_connections(s->run, 10);
    waitgroup_add(&s->fibers, 1);
    fiber_start(bulk_sender, s, "sender");
    read_bulk(s, BULK);
    waitgroup_wait(&s->fibers);
}

static void test_random_resets_end_both_sides(void **state)
{
    (void)state;
    uint64_t resets = 0, silent = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct scene s = {0};
        struct sim_stats st = play(&s, random_cut_body, seed);
        assert_false(s.bad);
        assert_true(s.n < BULK && s.r[1] < 0);
        resets += st.resets;
        silent += st.silent_resets;
    }
    assert_int_equal(resets, 20);
    assert_true(silent > 0 && silent < 15);
}

static void refused_body(struct scene *s)
{
    struct sock_addr nobody = {"127.0.0.1:9"};
    struct sock *c;
    s->r[1] = sock_connect(&nobody, NO_DEADLINE, NULL, &c, NULL);
    sim_stall_net(s->run, run_now() + 10 * NS_PER_SEC);
    s->r[2] = sock_connect(listener_addr(s->listener), run_now() + NS_PER_SEC, NULL, &c, NULL);
    s->r[3] = (int)sock_recv(s->client, s->got, 1, run_now() + NS_PER_SEC, NULL);
    listener_close(s->listener);
    s->r[4] = sock_connect(sock_peer(s->client), NO_DEADLINE, NULL, &c, NULL);
}

static void test_connecting_fails_as_it_should(void **state)
{
    (void)state;
    struct scene s = {0};
    play(&s, refused_body, 5);
    assert_int_equal(s.r[1], -ECONNREFUSED);
    assert_int_equal(s.r[2], -ETIMEDOUT);
    assert_int_equal(s.r[3], -ETIMEDOUT);
    assert_int_equal(s.r[4], -ECONNREFUSED);
}

static void late_acceptor(void *arg)
{
    struct scene *s = arg;
    struct sock *c;
    s->r[1] = listener_accept(s->listener, &c, NULL);
    waitgroup_done(&s->fibers);
}

static void close_listener_body(struct scene *s)
{
    waitgroup_add(&s->fibers, 1);
    fiber_start(late_acceptor, s, "late");
    fiber_sleep_until(run_now() + NS_PER_MS, NULL);
    listener_close(s->listener);
    waitgroup_wait(&s->fibers);
}

static void test_closing_a_listener_ends_its_accepter(void **state)
{
    (void)state;
    struct scene s = {0};
    play(&s, close_listener_body, 5);
    assert_int_equal(s.r[1], -ECANCELED);
}

/* ---- datagrams --------------------------------------------------------------------------- */

/* Answers each by two: itself late, and its length at once. */
static void echo_host(void *arg, struct sim_sock *from, const uint8_t *bytes, size_t len)
{
    struct scene *s = arg;
    uint8_t n = (uint8_t)len;
    s->n++;
    sim_datagram_answer(from, bytes, len, NS_PER_SEC);
    sim_datagram_answer(from, &n, 1, 0);
}

static int send_text(struct sock *d, const char *text)
{
    struct iovec iov[2] = {
        {(void *)(uintptr_t)text,       1               },
        {(void *)(uintptr_t)(text + 1), strlen(text) - 1}
    };
    return (int)sock_try_send(d, iov, 2);
}

static void datagrams_body(struct scene *s)
{
    struct sock_addr there = {"192.0.2.1:1812"}, nobody = {"192.0.2.1:1813"};
    struct sock *d = NULL;
    sim_datagram_host(s->run, &there, echo_host, s);
    s->bad |= sock_datagrams(&there, &d, NULL) < 0;
    s->r[0] = send_text(d, "hello");
    s->r[1] = (int)sock_recv(d, s->got, sizeof(s->got), NO_DEADLINE, NULL);
    s->bad |= s->got[0] != 5;
    s->r[2] = (int)sock_recv(d, s->got, sizeof(s->got), run_now() + NS_PER_MS, NULL);
    s->r[3] = (int)sock_recv(d, s->got, 3, NO_DEADLINE, NULL); /* cut, the rest is gone */
    s->r[4] = (int)sock_recv(d, s->got, 3, run_now() + 5 * NS_PER_SEC, NULL);
    send_text(d, "on the way when it is closed");
    sock_close(d);
    s->bad |= sock_datagrams(&nobody, &d, NULL) < 0;
    send_text(d, "anybody?");
    s->r[5] = (int)sock_recv(d, s->got, 3, NO_DEADLINE, NULL);
    s->r[6] = send_text(d, "again");
    sock_close(d);
    fiber_sleep_until(run_now() + 2 * NS_PER_SEC, NULL);
}

static void test_datagrams_come_whole_late_and_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct scene s = {0};
        play(&s, datagrams_body, seed);
        assert_false(s.bad);
        assert_int_equal(s.r[0], 5);
        assert_int_equal(s.r[1], 1);
        assert_int_equal(s.r[2], -ETIMEDOUT);
        assert_int_equal(s.r[3], 3);
        assert_int_equal(s.r[4], -ETIMEDOUT);
        assert_int_equal(s.r[5], -ECONNREFUSED);
        assert_int_equal(s.r[6], 5);
        assert_int_equal(s.n, 2);
        assert_memory_equal(s.got, "hel", 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_arrive_in_order_however_cut),
        cmocka_unit_test(test_socket_moves_between_reactors_in_midstream),
        cmocka_unit_test(test_sender_waits_for_the_window),
        cmocka_unit_test(test_who_finished_can_read),
        cmocka_unit_test(test_end_of_stream_comes_after_the_data),
        cmocka_unit_test(test_reset_reaches_both_ends),
        cmocka_unit_test(test_random_resets_end_both_sides),
        cmocka_unit_test(test_connecting_fails_as_it_should),
        cmocka_unit_test(test_closing_a_listener_ends_its_accepter),
        cmocka_unit_test(test_datagrams_come_whole_late_and_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
