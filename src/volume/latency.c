/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The latency histogram: four buckets per doubling, in integers. A latency is scaled to 1/1024
 * us; the position of its top bit gives the doubling, the ten bits below it the quarter. 19 %
 * wide buckets are finer than what one run differs from the next.
 */
#include "volume/volume.h"

/* 1024 * 2^(q/4), rounded up: the first mantissa of each quarter. */
static const uint32_t quarter[4] = {1024, 1218, 1449, 1723};

unsigned volume_lat_bucket(uint64_t ns)
{
    uint64_t scaled = (ns < UINT64_MAX / 1024 ? ns * 1024 : UINT64_MAX) / 1000;
    if (scaled < 1024)
        return 0;
    unsigned doubling = 63u - (unsigned)__builtin_clzll(scaled) - 10;
    uint64_t mantissa = scaled >> doubling;
    unsigned q = 3;
    while (mantissa < quarter[q])
        q--;
    return MIN(doubling * 4 + q, VOL_LAT_BUCKETS - 1u);
}

/* The first nanosecond that no longer belongs to bucket i. */
static uint64_t bucket_end(unsigned i)
{
    uint64_t scaled = (uint64_t)quarter[(i + 1) % 4] << ((i + 1) / 4);
    return (scaled * 1000 + 1023) / 1024;
}

uint64_t volume_lat_quantile(const uint64_t lat[VOL_LAT_BUCKETS], double quantile)
{
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < VOL_LAT_BUCKETS; i++)
        total += lat[i];
    if (total == 0)
        return 0;
    double rank = quantile * (double)total;
    uint64_t want = (uint64_t)rank;
    want += (double)want < rank || want == 0;
    unsigned i = 0;
    while (i < VOL_LAT_BUCKETS - 1 && (seen += lat[i]) < want)
        i++;
    return bucket_end(i);
}
