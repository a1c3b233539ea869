#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""garbage.py FILE SEED: random bytes over all of a disk but its labels and the room for boot code behind the first two."""
import os
import random
import sys

FRONT, BACK = 4 << 20, 512 << 10

with open(sys.argv[1], "r+b") as disk:
    noise = random.Random(int(sys.argv[2]))
    left = os.fstat(disk.fileno()).st_size // (256 << 10) * (256 << 10) - BACK - FRONT
    disk.seek(FRONT)
    while left > 0:
        disk.write(noise.randbytes(min(left, 1 << 20)))
        left -= 1 << 20
