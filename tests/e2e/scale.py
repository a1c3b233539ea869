# SPDX-License-Identifier: BSD-2-Clause
"""A configuration of thousands of LUNs and grants, put in force in one step."""
import json
import time

from peer import alive
from tap import expect, note
from zsand import IQN

VOLUMES, TARGETS, INITIATORS = 2000, 50, 100
PATIENCE_S = 400    # each volume gets an identity, which is flushed several times: a slow disk takes minutes
AGAIN_S = 20        # where hardly anything changes


def serve(z):
    z.portal()


def host(i):
    return (IQN + f"host{i}-").ljust(220, "x")


def document(z):
    d = z.zsan("config", "export")
    each = VOLUMES // TARGETS
    d["volumes"] = {f"volume-{i}": {"engine": "null", "size": 1 << 20} for i in range(VOLUMES)}
    d["initiators"] = {host(i): {"auth": "none"} for i in range(INITIATORS)}
    d["targets"] = {IQN + f"t{t}": {"luns": {str(k): f"volume-{t * each + k}" for k in range(each)}, "portal_groups": [1],
                                    "grants": [host(i) for i in range(INITIATORS)]} for t in range(TARGETS)}
    return d


def apply(z, d):
    path = z.state / "document.json"
    path.write_text(json.dumps(d))
    start = time.monotonic()
    done = z.try_zsan("config", "apply", path, "--json", timeout=PATIENCE_S)
    expect(done.returncode == 0 and "warning" not in json.loads(done.stdout), done.stdout + done.stderr)
    return path.stat().st_size, time.monotonic() - start


def large(z):
    """more than a megabyte of it: every LUN is there, and the next change takes but a moment"""
    size, took = apply(z, document(z))
    expect(size > 1 << 20, f"{size} bytes")
    note(f"{VOLUMES} volumes after {took:.0f} s")
    status = z.zsan("status")
    expect(status["volumes_online"] == VOLUMES, str(status))
    expect(all("auth none" in p["text"] for p in status["problems"]), str(status["problems"]))
    with z.session(f"t{TARGETS - 1}", host(INITIATORS - 1)) as s:
        alive(s, VOLUMES // TARGETS - 1)
        changed = z.zsan("config", "export")
        changed["volumes"]["volume-7"]["threshold_pct"] = 10
        _, took = apply(z, changed)
        expect(took < AGAIN_S, f"the second took {took:.0f} s")
        alive(s)


def restarted(z):
    """it is read again when the daemon starts"""
    start = time.monotonic()
    z.restart()
    expect(time.monotonic() - start < AGAIN_S, f"the start took {time.monotonic() - start:.0f} s")
    expect(z.zsan("status")["volumes_online"] == VOLUMES, "volumes are missing")


CASES = [large, restarted]
