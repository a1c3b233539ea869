/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections: how many, for how long, how large; who asks much and reads nothing. */
#include "control/control_fixture.h"

#include <errno.h>

/* ---- connections ------------------------------------------------------------------------- */

static void crowd_steps(struct world *w)
{
    struct sock *s[CONTROL_CONNECTIONS_MAX];
    for (unsigned i = 0; i + 1 < CONTROL_CONNECTIONS_MAX; i++)
        s[i] = dial();
    struct sock *late = dial();
    if (!hear(w, late) || !strstr(w->last, "EBUSY"))
        snprintf(w->note, sizeof(w->note), "one too many: %.300s", w->last);
    sock_close(late);
    for (unsigned i = 0; i + 1 < CONTROL_CONNECTIONS_MAX; i++)
        sock_close(s[i]);
    fiber_sleep_until(run_deadline_ms(1000), NULL);
    late = dial();
    static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";
    sock_send(late, line, sizeof(line) - 1, NO_DEADLINE, NULL);
    if (!w->note[0] && (!hear(w, late) || !strstr(w->last, "result")))
        snprintf(w->note, sizeof(w->note), "no place afterwards: %.300s", w->last);
    sock_close(late);
}

static void test_connections_are_limited(void **state)
{
    (void)state;
    free(play(crowd_steps));
}

/* Says something without an end, or nothing, and notes how long it was tolerated. */
static void tolerate(struct world *w, const char *say, uint64_t least_ms, uint64_t most_ms)
{
    struct sock *s = dial();
    uint64_t began = run_now();
    if (say)
        sock_send(s, say, strlen(say), NO_DEADLINE, NULL);
    while (hear(w, s))
        ;
    uint64_t ms = (run_now() - began) / NS_PER_MS;
    if (ms < least_ms || ms > most_ms)
        snprintf(w->note, sizeof(w->note), "\"%s\" was tolerated for %llu ms", say ? say : "",
                 (unsigned long long)ms);
    sock_close(s);
}

static void patience_steps(struct world *w)
{
    tolerate(w, NULL, CONTROL_IDLE_MS - 1000, CONTROL_IDLE_MS + 1000);
    tolerate(w, "{\"jsonrpc\":", CONTROL_LINE_MS - 1000, CONTROL_LINE_MS + 1000);
}

static void test_patience_has_an_end(void **state)
{
    (void)state;
    free(play(patience_steps));
}

static void long_steps(struct world *w)
{
    size_t len = RPC_LINE_MAX + 2;
    char *line = malloc(len);
    if (!line)
        return;
    memset(line, ' ', len);
    line[len - 2] = '7';
    line[len - 1] = '\n';
    sock_send(w->peer, line + 1, len - 1, NO_DEADLINE, NULL);
    if (!hear(w, w->peer) || !strstr(w->last, "a request is an object"))
        snprintf(w->note, sizeof(w->note), "the longest: %.300s", w->last);
    sock_send(w->peer, line, len, NO_DEADLINE, NULL);
    if (!hear(w, w->peer) || !strstr(w->last, "has at most") || hear(w, w->peer))
        snprintf(w->note, sizeof(w->note), "too long: %.300s", w->last);
    free(line);
}

/* The beginnings of large requests, from as many as may, and one more. */
static void large_steps(struct world *w)
{
    struct sock *s[CONTROL_LARGE_MAX + 1];
    size_t len = CONTROL_LARGE + 1;
    char *line = malloc(len);
    if (!line)
        return;
    memset(line, ' ', len);
    for (unsigned i = 0; i <= CONTROL_LARGE_MAX; i++) {
        s[i] = dial();
        sock_send(s[i], line, len, NO_DEADLINE, NULL);
        fiber_sleep_until(run_deadline_ms(1000), NULL);
    }
    if (!hear(w, s[CONTROL_LARGE_MAX]) || !strstr(w->last, "being read"))
        snprintf(w->note, sizeof(w->note), "one too many: %.300s", w->last);
    for (unsigned i = 0; i < CONTROL_LARGE_MAX; i++) {
        sock_send(s[i], "7\n", 2, NO_DEADLINE, NULL);
        if (!w->note[0] && (!hear(w, s[i]) || !strstr(w->last, "a request is an object")))
            snprintf(w->note, sizeof(w->note), "large: %.300s", w->last);
    }
    sock_send(w->peer, line, len, NO_DEADLINE, NULL);
    sock_send(w->peer, "7\n", 2, NO_DEADLINE, NULL);
    if (!w->note[0] && (!hear(w, w->peer) || !strstr(w->last, "a request is an object")))
        snprintf(w->note, sizeof(w->note), "afterwards: %.300s", w->last);
    for (unsigned i = 0; i <= CONTROL_LARGE_MAX; i++)
        sock_close(s[i]);
    free(line);
}

static void test_few_requests_are_large(void **state)
{
    (void)state;
    free(play(large_steps));
}

static void test_lines_have_a_longest(void **state)
{
    (void)state;
    free(play(long_steps));
}

/* Three requests at once, in pieces: three answers in order. */
static void pipeline_steps(struct world *w)
{
    static const char three[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"one\",\"method\":\"limits.show\"}\n"
        "garbage\n"
        "{\"jsonrpc\":\"2.0\",\"id\":\"three\",\"method\":\"volume.list\"}\n";
    const char *want[] = {"\"one\"", "-32700", "\"three\""};
    size_t at = 0;
    sock_send(w->peer, three, sizeof(three) - 1, NO_DEADLINE, NULL);
    memset(w->last, 0, sizeof(w->last));
    while (!strstr(w->last, want[2])) {
        ssize_t n =
            sock_recv(w->peer, w->last + at, sizeof(w->last) - 1 - at, NO_DEADLINE, NULL);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    const char *p = w->last;
    for (size_t i = 0; i < ARRAY_LEN(want) && p; i++)
        p = strstr(p, want[i]);
    if (!p)
        snprintf(w->note, sizeof(w->note), "%.1000s", w->last);
}

static void test_requests_are_answered_in_order(void **state)
{
    (void)state;
    free(play(pipeline_steps));
}

/* Asks and asks, and reads nothing: control_close() must not wait for that. */
static void deaf_steps(struct world *w)
{
    static char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"limits.show\"}\n";
    const struct iovec iov = {line, sizeof(line) - 1};
    unsigned waits = 0;
    while (waits < 50) {
        if (sock_try_send(w->peer, &iov, 1) == (ssize_t)iov.iov_len)
            continue;
        waits++;
        fiber_sleep_until(run_deadline_ms(10), NULL);
    }
    struct sock *other = dial();
    sock_send(other, line, sizeof(line) - 1, NO_DEADLINE, NULL);
    if (!hear(w, other) || !strstr(w->last, "result"))
        snprintf(w->note, sizeof(w->note), "others are not served");
    sock_close(other);
}

static void test_who_does_not_listen_delays_nobody(void **state)
{
    (void)state;
    free(play(deaf_steps));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections_are_limited),
        cmocka_unit_test(test_patience_has_an_end),
        cmocka_unit_test(test_lines_have_a_longest),
        cmocka_unit_test(test_few_requests_are_large),
        cmocka_unit_test(test_requests_are_answered_in_order),
        cmocka_unit_test(test_who_does_not_listen_delays_nobody),
    };
    return cmocka_run_group_tests_name("control_conn", tests, NULL, NULL);
}
