# SPDX-License-Identifier: BSD-2-Clause
"""A full file system below a thin volume."""
import os
import struct

import child
from initiator import GOOD
from peer import NAME, alive
from tap import expect
from zsand import Zsand, work_dir

OWN_DAEMONS = True
NO_SPACE, BLOCKS = "07/27/07", 2048


def mount(path):
    path.mkdir()
    done = child.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=777", "tmpfs", path])
    expect(done.returncode == 0, done.stderr)


def unmap(s, lba, blocks):
    return s.command(bytes([0x42, 0, 0, 0, 0, 0, 0, 0, 24]),
                     write=struct.pack(">HHIQII", 22, 16, 0, lba, blocks, 0))


def full():
    """writes end with 07/27/07, reads go on, and what is given back can be written again"""
    work = work_dir("e2e-space")
    mount(work / "small")
    image = work / "small/image"
    image.touch(0o666)
    os.truncate(image, 64 << 20)
    with Zsand(work) as z:
        z.portal()
        z.volume("v", path=image)
        z.target("t", ["v"])
        z.initiator(NAME)
        z.grant(NAME, "t")
        with z.session("t", NAME) as s:
            alive(s)
            data, written = os.urandom(BLOCKS * 512), 0
            while (r := s.write(written * BLOCKS, data)).status == GOOD:
                written += 1
                expect(written < 17, "16 MiB hold more than 16 MiB")
            expect(str(r.sense) == NO_SPACE, f"{r}")
            expect(written > 8, f"full after {written} MiB")
            alive(s)
            expect(s.read((written - 1) * BLOCKS, BLOCKS).data == data, "what was written cannot be read")
            expect(unmap(s, 0, 4 * BLOCKS).status == GOOD, "UNMAP")
            expect(s.write(written * BLOCKS, data).status == GOOD, "no room after UNMAP")
            expect(s.read(written * BLOCKS, BLOCKS).data == data, "other data")


CASES = [full]
