# SPDX-License-Identifier: BSD-2-Clause
"""What all hostile tests share: a daemon with a volume, a villain and a bystander, and what must be true after every attack."""
import os

from initiator import GOOD
from tap import expect

VILLAIN, BYSTANDER = "iqn.2026-11.org.example:villain", "iqn.2026-11.org.example:bystander"
TARGET = "t"
SIZE = "256M"
NETWORK6 = "fd00:64::/32"  # all of it is the loopback interface's, where there is IPv6
AWAY = "127.0.0.2"  # the bystander's own address
RSS_LIMIT = 512     # MiB, with the sanitizers' shadow


def serve(z):
    z.portal()
    z.volume("mem", SIZE, engine="mem", policy="cluster")
    z.volume("file", SIZE, engine="file", policy="cluster")
    z.target(TARGET, ["mem", "file"])
    for who in (VILLAIN, BYSTANDER):
        z.initiator(who)
        z.grant(who, TARGET)


def verified_io(z, luns=(0, 1)):
    """The bystander writes and reads back."""
    s = z.session(TARGET, BYSTANDER, source=AWAY)
    for lun in luns:
        s.ready(lun)
        data = os.urandom(256 << 10)
        lba = 2048 + int.from_bytes(os.urandom(2), "big")
        r = s.write(lba, data, lun)
        expect(r.status == GOOD, f"the bystander's write to LUN {lun}: {r}")
        expect(s.read(lba, len(data) // 512, lun).data == data, f"the bystander read other data from LUN {lun}")
    s.logout()


def unharmed(z):
    z.check()
    verified_io(z)
    z.check()
    expect(z.rss_mib() < RSS_LIMIT, f"zsand takes {z.rss_mib():.0f} MiB")
