/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes in at raw_tx comes out of raw_ring, in order and whole, however the socket cuts it. */
#include "raw_ring.h"
#include "raw_tx.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PDUS     300u
#define DATA_MAX 4096u

static uint8_t data[DATA_MAX];

static uint32_t data_len(uint32_t i)
{
    return i % 3 == 0 ? 0 : (i * 52) % DATA_MAX;
}

static void push(struct raw_tx *tx, uint32_t i)
{
    struct raw_header *h = raw_tx_push(tx, data, data_len(i));
    h->itt = be32_make(i);
}

/* Handles all whole PDUs in the ring; returns the number of the next one that is expected. */
static uint32_t drain(struct raw_ring *ring, uint32_t expected)
{
    while (ring->len >= RAW_HEADER) {
        const struct raw_header *h = (const void *)raw_ring_data(ring);
        size_t len = be24_get(h->data_len);
        if (ring->len < RAW_HEADER + len)
            break;
        assert_int_equal(be32_get(h->itt), expected);
        assert_int_equal(len, data_len(expected));
        assert_memory_equal(raw_ring_data(ring) + RAW_HEADER, data, len);
        raw_ring_consume(ring, RAW_HEADER + len);
        expected++;
    }
    return expected;
}

static void test_stream_survives_cuts(void **state UNUSED)
{
    int fds[2], small = 4608;
    struct raw_tx tx;
    struct raw_ring ring;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    assert_int_equal(raw_tx_open(&tx, 64), 0);
    assert_int_equal(raw_ring_open(&ring, 2 * DATA_MAX), 0);
    for (size_t i = 0; i < DATA_MAX; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);

    uint32_t pushed = 0, got = 0;
    bool was_full = false;
    while (got < PDUS) {
        while (pushed < PDUS && raw_tx_room(&tx) > 0)
            push(&tx, pushed++);
        int rc = raw_tx_flush(&tx, fds[0]);
        assert_true(rc == 0 || rc == -EAGAIN);
        was_full |= rc == -EAGAIN;
        assert_true(raw_ring_recv(&ring, fds[1]) > 0);
        got = drain(&ring, got);
    }
    assert_true(was_full);
    assert_int_equal(tx.count, 0);
    assert_int_equal(ring.len, 0);
    raw_tx_close(&tx);
    raw_ring_close(&ring);
    close(fds[0]);
    close(fds[1]);
}

static void test_ring_is_contiguous_over_its_end(void **state UNUSED)
{
    struct raw_ring ring;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(raw_ring_open(&ring, 4096), 0);
    memset(data, 1, sizeof(data));
    assert_int_equal(write(fds[0], data, 4096), 4096);
    assert_int_equal(raw_ring_recv(&ring, fds[1]), 4096);
    raw_ring_consume(&ring, 4000);
    memset(data, 2, sizeof(data));
    assert_int_equal(write(fds[0], data, 4000), 4000);
    assert_int_equal(raw_ring_recv(&ring, fds[1]), 4000);
    const uint8_t *p = raw_ring_data(&ring);
    for (size_t i = 0; i < 4096; i++)
        assert_int_equal(p[i], i < 96 ? 1 : 2);
    raw_ring_close(&ring);
    close(fds[0]);
    close(fds[1]);
}

static void test_peer_end_is_told(void **state UNUSED)
{
    struct raw_ring ring;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(raw_ring_open(&ring, 4096), 0);
    assert_int_equal(raw_ring_recv(&ring, fds[1]), -EAGAIN);
    close(fds[0]);
    assert_int_equal(raw_ring_recv(&ring, fds[1]), 0);
    raw_ring_close(&ring);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_survives_cuts),
        cmocka_unit_test(test_ring_is_contiguous_over_its_end),
        cmocka_unit_test(test_peer_end_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
