# SPDX-License-Identifier: BSD-2-Clause
"""What real initiators do with zsand: one function each, its docstring is the test's name. Each has a target of its own, named
like the scenario, and acts on the host's side where the guest's script asks for it."""
import os
import time
from contextlib import contextmanager

import child
from guest import HERE, Guest, GuestError, Turns, cache
from tap import expect, note
from zsand import IQN, TOP, Zsand, program

INITIATOR = "iqn.2004-10.example.realclient:guest"
SIZE = "256M"


def serve(z, name, size=SIZE, engine="file", luns=1, **options):
    """A target with fresh volumes for the guest; its IQN."""
    volumes = [f"{name}{i}" for i in range(luns)]
    for v in volumes:
        z.volume(v, size, engine=engine, **options)
    iqn = z.target(name, volumes)
    z.grant(INITIATOR, name)
    return iqn


def guest(z, script, *args, **options):
    return Guest(HERE / "examples" / (script + ".sh"), *args, ports=[z.address()[1]], **options)


@contextmanager
def guests(z, script, roles, **options):
    """Several at once; at the end each must have ended well."""
    together = [guest(z, script, *args, **options) for args in roles.values()]
    try:
        for g in together:
            g.start()
        yield together
        for g in together:
            if g.join() != 0:
                raise GuestError(g.text())
    finally:
        for g in together:
            g.stop()


def allocated(z, volume):
    """Bytes that the volume's file really takes."""
    return os.stat(z.zsan("volume", "show", volume)["path"]).st_blocks * 512


def sparse_files(work, n, size=1 << 30):
    work.mkdir(exist_ok=True)
    paths = [work / f"disk{i}" for i in range(n)]
    for path in paths:
        with open(path, "xb") as f:
            f.truncate(size)
    return paths


# ---- one guest, one target --------------------------------------------------------------------------


def discover(z, _):
    """SendTargets tells a guest the address that works from there, and only what it was granted"""
    z.target("not-granted")
    guest(z, "discover", serve(z, "discover"), 0).run()


def basic(z, _):
    """ext4 with data that compare equal after a new login, and fstrim"""
    guest(z, "basic", serve(z, "basic"), 0).run()


def xfs(z, _):
    """xfs with checksummed data that compare equal after a new login"""
    guest(z, "xfs", serve(z, "xfs", "512M"), 0).run()


def digests(z, _):
    """header and data digests, fio with verification"""
    guest(z, "digests", serve(z, "digests", "512M"), 0, fio=True).run()


def decode(z, _):
    """sg3_utils decode every page and list cleanly"""
    guest(z, "decode", serve(z, "decode"), 0).run()


def pr(z, _):
    """persistent reservations between two initiators"""
    iqn = serve(z, "pr", policy="cluster")
    z.initiator(INITIATOR + "-2")
    z.grant(INITIATOR + "-2", "pr")
    guest(z, "pr", iqn, 0, INITIATOR + "-2", nics=2).run()
    expect(f"initiator={INITIATOR}-2 " in z.log(), "the second initiator did not come")


def accident(z, _):
    """two guests, one ext4: on an exclusive LUN the second one cannot mount it and the first one's data are whole; in a cluster zsand warns"""
    names = {role: f"{INITIATOR}-{role}" for role in ("first", "second")}
    iqns = [serve(z, "accident"), serve(z, "shared", policy="cluster")]
    for name in names.values():
        z.initiator(name)
        for target in ("accident", "shared"):
            z.grant(name, target)

    def warned():
        return any("ext4 is one host's" in p["text"] for p in z.zsan("status")["problems"])

    with Turns() as turns, guests(z, "accident", {r: (r, *iqns, n, turns.port) for r, n in names.items()}, mem=512) as (first, second):
        for who, line, turn in ((first, "MOUNTED", "mounted"), (second, "DENIED", "denied"), (first, "LEFT", "left"), (second, "READ", "cluster"), (first, "SHARED", "shared"), (second, "SHARED", "")):
            who.wait_said(line)
            turns.give(turn)
        child.wait_for("the warning", warned, 90)
        turns.give("end")
    told = [e["text"] for e in z.zsan("event", "list")]
    denied = [t for t in told if "guard.denied" in t and names["second"] in t and "volume=accident0" in t]
    expect(len(denied) == 1 and f"holder={names['first']} " in denied[0], f"events {told[-20:]}")
    expect(any("guard.filesystem" in t and "shared0" in t for t in told), f"events {told[-20:]}")


def multipath(_, work):
    """dm-multipath by queue length: I/O on a LUN in a pool goes on while a network is cut, a portal is away, a session is dropped"""
    (work / "multipath").mkdir()
    with Zsand(work / "multipath") as z:    # the portals of others are none of its paths
        ports = [z.portal(group=g) for g in (1, 2)]
        z.portal(group=2)                   # the last portal of a group in use cannot be removed
        z.initiator(INITIATOR)
        z.zsan("pool", "create", "tank", "mirror", *sparse_files(work / "multipath", 2))
        z.volume("tank/v", SIZE)
        iqn = z.target("multipath", ["tank/v"])
        z.grant(INITIATOR, "multipath")
        two = ["127.0.0.1", "--port", ports[1], "--group", 2]
        Guest(HERE / "examples/multipath.sh", iqn, 0, ports=ports, nics=2, on={
            "AWAY": lambda _: z.zsan("portal", "remove", *two),
            "BACK": lambda _: z.zsan("portal", "add", *two),
            "DROP": lambda _: z.zsan("session", "drop", z.zsan("session", "list")[0]["id"])}).run()


def trim(z, _):
    """fstrim gives space back to the host"""
    iqn = serve(z, "trim")
    seen = {}
    guest(z, "trim", iqn, 0, on={w: lambda line, w=w: seen.update({w: allocated(z, "trim0")})
                                 for w in ("FILLED", "TRIMMED")}).run()
    note(f"allocated when filled {seen['FILLED'] >> 20} MiB, trimmed {seen['TRIMMED'] >> 20} MiB")
    expect(seen["FILLED"] > 60 << 20, "the data were not allocated")
    expect(seen["TRIMMED"] < seen["FILLED"] - (50 << 20), "the space did not come back")


def full(z, work):
    """a pool is filled through a file system: the kernel is told, what is there can be read and overwritten, fstrim makes room again"""
    z.zsan("pool", "create", "small", *sparse_files(work / "full", 1, 192 << 20))
    z.zsan("zfs", "set", "zsan:threshold=20", "small")     # most of so small a pool is kept back
    z.volume("small/v", "1G")
    iqn = z.target("full", ["small/v"])
    z.grant(INITIATOR, "full")
    told = []
    guest(z, "full", iqn, 0, on={"FULL": lambda _: told.extend(e["text"].split()[0] for e in z.zsan("event", "list"))}).run()
    expect({"volume.full", "pool.filling"} <= set(told), f"events {sorted(set(told))}")


def grow(z, _):
    """a volume grows under a mounted file system"""
    iqn = serve(z, "grow", "64M")
    guest(z, "grow", iqn, 0, on={"GROW": lambda _: z.zsan("volume", "resize", "grow0", "128M")}).run()


# ---- CHAP -------------------------------------------------------------------------------------------


def _chap(z, name, auth):
    """A target that maps its LUN 1, and an initiator of its own with minted secrets."""
    who = f"{INITIATOR}-{name}"
    z.volume(name, "64M", engine="mem")
    iqn = z.target(name)
    z.zsan("lun", "add", iqn, name, "--lun", 1)
    z.initiator(who, auth)
    c = z.grant(who, name)
    return [who, iqn, c.name, c.secret, *([c.reverse_name, c.reverse_secret] if c.reverse_secret else [])]


def chap_one_way(z, _):
    """one-way CHAP: no, wrong and foreign secrets are refused"""
    guest(z, "chap", *_chap(z, "chap-one-way", "one-way")).run()


def chap_mutual(z, _):
    """mutual CHAP: one-way and wrong secrets of either side are refused"""
    guest(z, "chap_mutual", *_chap(z, "chap-mutual", "mutual")).run()


# ---- kill -9 ----------------------------------------------------------------------------------------


def _kill9(z, name, rounds):
    iqn = serve(z, name)

    def kill(_):
        z.check()
        z.kill9()
        time.sleep(1)
        z.start()

    guest(z, "kill9", iqn, 0, rounds, on={"KILL": kill}, limit=120 + 30 * rounds).run()


def kill9(z, _):
    """kill -9 and restart under I/O: no error reaches the file system"""
    _kill9(z, "kill9", 2)


def kill9_often(z, _):
    """kill -9 and restart ten times under I/O"""
    _kill9(z, "kill9-often", 10)


# ---- QEMU -------------------------------------------------------------------------------------------


def _ok(argv, **kwargs):
    done = child.run(argv, **kwargs)
    expect(done.returncode == 0, f"{' '.join(str(a) for a in argv)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def qemu(z, work):
    """qemu-img and qemu-io: convert, compare, patterns, through QEMU's own initiator"""
    iqn = serve(z, "qemu", "64M")
    address, port = z.address()
    lun = (f"driver=iscsi,transport=tcp,portal={address}:{port},target={iqn},lun=0,"
           f"initiator-name={INITIATOR}")
    source, back = work / "source.img", work / "back.img"
    with open(source, "wb") as f:
        f.write(os.urandom(16 << 20))
        f.truncate(64 << 20)
    _ok(["qemu-img", "convert", "-n", "--target-image-opts", "-f", "raw", source, lun], timeout=120)
    _ok(["qemu-img", "compare", "--image-opts", f"driver=raw,file.filename={source}", lun], timeout=120)
    _ok(["qemu-io", "--image-opts", lun, "-c", "write -P 0x5a 1M 3M", "-c", "write -z 20M 1M", "-c", "discard 8M 4M",
         "-c", "flush", "-c", "read -P 0x5a 1M 3M", "-c", "read -P 0 20M 1M"])
    wrong = child.run(["qemu-io", "--image-opts", lun, "-c", "read -P 0x5b 1M 3M"])
    expect("Pattern verification failed" in wrong.stdout, "qemu-io did not notice a wrong pattern")
    _ok(["qemu-img", "convert", "--image-opts", "-O", "raw", lun, back], timeout=120)
    _ok(["qemu-img", "compare", "--image-opts", f"driver=raw,file.filename={back}", lun], timeout=120)


# ---- the storage network ----------------------------------------------------------------------------


def network(_, __):
    """the lines and units of docs/network.md make two LACP aggregates with VLAN 500, which carry sessions and lose cables"""
    Guest(HERE / "examples/network.sh", IQN + "network", f"{INITIATOR}-network",
          programs=[program("src/cmd/zsand"), program("src/cmd/zsan"), TOP / "docs/network.md"]).run()


# ---- booting ----------------------------------------------------------------------------------------


def _install(z, image, target):
    """The image is written to LUN 0 of the target by an initiator that may do so meanwhile."""
    address, port = z.address()
    who = f"{INITIATOR}-installer"
    z.initiator(who)
    z.grant(who, target)
    _ok(["qemu-img", "convert", "-n", "--target-image-opts", "-f", "raw", image,
         f"driver=iscsi,transport=tcp,portal={address}:{port},target={IQN}{target},lun=0,initiator-name={who}"], timeout=120)
    z.zsan("grant", "remove", who, IQN + target)


def _crash(z):
    """kill -9 and a new start, with the pools there again."""
    z.check()
    z.kill9()
    z.start()


def sanboot(z, work):
    """a guest boots from a LUN in a pool over mutual CHAP, root file system and all, and again by UEFI over a second path"""
    image, who = work / "boot.img", f"{INITIATOR}-boot"
    _ok([HERE / "run.sh", "-C", cache(), "-B", image, HERE / "examples/sanboot.sh"], timeout=300)
    z.zsan("pool", "create", "boot", "mirror", *sparse_files(work, 2))
    z.volume("boot/host1", "1G")
    iqn = z.target("sanboot", ["boot/host1"])
    _install(z, image, "sanboot")
    z.initiator(who, "mutual")
    c = z.grant(who, "sanboot")
    settings = [f"initiator-iqn {who}", f"username {c.name}", f"password {c.secret}",
                f"reverse-username {c.reverse_name}", f"reverse-password {c.reverse_secret}"]
    port = z.address()[1]
    there, dead = (f"iscsi:10.0.2.2::{p}:0:{iqn}" for p in (port, child.free_port()))
    for firmware, paths in (("BIOS", there), ("UEFI", f"{dead} || sanboot {there}")):
        boot = Guest(None, ports=[port], boot=paths, uefi=firmware == "UEFI", settings=settings, limit=300,
                     on={"BOOTED": lambda _: _crash(z)})
        boot.run()
        expect(f"firmware: {firmware}" in boot.text(), f"that was not {firmware}:\n{boot.text()}")
        note(f"{firmware}: {boot.lines[-1]}")
        z.restart()


SCENARIOS = {f.__name__: f for f in (discover, basic, xfs, digests, decode, pr, accident, multipath, trim, full, grow, chap_one_way,
                                     chap_mutual, kill9, kill9_often, qemu, network, sanboot)}
GROUPS = {
    "quick": ["chap_mutual", "basic", "pr", "multipath", "kill9"],
    "long": ["chap_one_way", "discover", "digests", "full", "trim", "grow", "xfs", "decode", "qemu", "kill9_often", "accident", "network", "sanboot"],
}
