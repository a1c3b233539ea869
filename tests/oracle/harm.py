#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""harm.py VOLUME FILE...: makes a block of a volume's data unreadable on all sides of a mirror (or on a single disk), and
prints its number."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "judge"))
import damage  # noqa: E402
import zf  # noqa: E402


def main(volume, *files):
    pool = damage.Patient(*files)
    obj = pool.directory["root_dataset"]
    for part in volume.split("/"):
        obj = pool.mos.zap(zf.DslDir(pool.mos, obj).children)[part]
    objset = pool.objset(zf.Dataset(pool.mos, zf.DslDir(pool.mos, obj).head).bp, volume)
    data = objset.dnode(1)
    n, bp = next((n, bp) for n in range(data.max_block + 1) for bp in [objset.pointer(data, n)] if bp and bp.dvas)
    for dva in bp.dvas:
        pool.write_raw(dva, os.urandom(bp.psize))
    pool.close()
    print(n)


main(*sys.argv[1:])
