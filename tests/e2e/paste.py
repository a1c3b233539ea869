# SPDX-License-Identifier: BSD-2-Clause
"""What zsan prints to be pasted is pasted: into QEMU and libiscsi, which log in by it, and into shells whose commands only say how they were
called."""
import os
import pathlib
import shutil

import child
from peer import logged
from tap import expect
from zsand import IQN

OWN_CHAP = "al$(id)`id`&#*;ice"      # all that zsan takes
PROGRAMS = {"qemu-img": "qemu-utils", "qemu-io": "qemu-utils", "qemu-storage-daemon": "qemu-utils", "iscsi-inq": "libiscsi-bin"}


def missing():
    gone = [f"{p} (package {PROGRAMS[p]})" for p in PROGRAMS if not shutil.which(p)]
    return ", ".join(gone)


def serve(z):
    z.portal()
    z.volume("v", "16M", engine="mem")
    z.zsan("volume", "set", "v", "--policy", "cluster")
    z.target("t", ["v"])


def printed(z, *words):
    """What people see, without the secrets' own lines: the text, by its indentation, and the rest."""
    done = z.try_zsan(*words)
    expect(done.returncode == 0, done.stderr)
    lines = done.stdout.splitlines()
    text = [line[2:] for line in lines if line.startswith("  ") and "CHAP name" not in line]
    return "\n".join(text) + "\n", done.stdout


def folder(z, name):
    path = pathlib.Path(z.state).parent / name
    path.mkdir(exist_ok=True)
    return path


def paste(z, text, shell="bash", path=None, more=""):
    env = os.environ | ({"PATH": f"{path}:{os.environ['PATH']}"} if path else {})
    return child.run([shell, "-ec", text + more], cwd=folder(z, "paste"), env=env, timeout=60)


def ok(done):
    expect(done.returncode == 0, f"{done.stdout}{done.stderr}")
    return done.stdout


def fresh(z, name, auth="mutual"):
    z.initiator(IQN + name, auth)
    return IQN + name


def qemu(z):
    """QEMU reads and writes by the text once its initiator is let in one-way, as the text says; before it is refused"""
    who = fresh(z, "vm1")
    text, _ = printed(z, "grant", "add", who, "t", "--for", "qemu")
    expect(paste(z, text).returncode != 0 and "status=0201" in logged(z, "login.refused")[-1]["text"], "QEMU logged in without mutual CHAP")
    command, = [line.split()[1:] for line in text.splitlines() if line.startswith("#   zsan ")]
    expect(command[1:] == ["initiator", "set", who, "--auth", "one-way"], f"{command}")
    z.zsan(*command[1:])
    expect("virtual size: 16 MiB" in ok(paste(z, text)), "qemu-img does not say how large it is")
    options = '\nset -- "${zsan0[@]}"\nexport IMAGE="${4#node-name=zsan0,}" SECRET="$2"\n'
    ok(paste(z, text, more=options + 'qemu-io --object "$SECRET" --image-opts "$IMAGE" -c "write -P 0x5a 1M 1M" -c "read -P 0x5a 1M 1M"'))
    with open(folder(z, "paste") / f"{IQN}t.secret", "rb") as f:
        expect(len(f.read()) == 16 and os.fstat(f.fileno()).st_mode & 0o77 == 0, "the file of the secret")
    ok(paste(z, text, more='\nqemu-storage-daemon -${zsan0[0]} "${zsan0[1]}" -${zsan0[2]} "${zsan0[3]}" --pidfile pid --daemonize && kill "$(cat pid)"'))


def qemu_after_a_rotation(z):
    """a rotation prints new secrets for QEMU, and says nothing of mutual CHAP to whom it is not asked of"""
    who = fresh(z, "vm2", "one-way")
    z.zsan("grant", "add", who, "t")
    text, _ = printed(z, "grant", "rotate", who, "t", "--for", "qemu")
    expect("--auth" not in text, text)
    expect("virtual size: 16 MiB" in ok(paste(z, text)), "it does not log in")


def libiscsi(z):
    """libiscsi's tools log in by the text, to the target and for discovery, under CHAP names of an operator's own"""
    who = fresh(z, "tool")
    z.zsan("grant", "add", who, "t")
    z.zsan("grant", "name", who, "t", "--name", OWN_CHAP, "--reverse-name", "it$HOME")
    text, _ = printed(z, "grant", "rotate", who, "t", "--for", "libiscsi")
    for shell in ("bash", "dash"):
        expect("Peripheral Qualifier:CONNECTED" in ok(paste(z, text, shell)), text)
    wrong = text.replace("PASSWORD=", "PASSWORD=x", 1)
    expect(paste(z, wrong).returncode != 0, "a wrong secret was good enough")
    text, _ = printed(z, "initiator", "rotate", who, "--for", "libiscsi")
    expect(f"Target:{IQN}t" in ok(paste(z, text)), text)


FAKE = """#!/bin/sh
[ "$*" = "iscsi adapter list" ] && printf 'Adapter  Driver\\n-------  ------\\nvmhba3  lpfc\\nvmhba65  iscsi_vmk\\n' && exit
for word; do printf '%s\\n' "$word"; done >> calls
echo >> calls
"""


def called(z, text, command, shell):
    """The calls that the text makes of this command, in lists of words."""
    tools = folder(z, "tools")
    (tools / command).write_text(FAKE)
    (tools / command).chmod(0o755)
    calls = folder(z, "paste") / "calls"
    calls.unlink(missing_ok=True)
    ok(paste(z, text, shell, tools))
    return [call.splitlines() for call in calls.read_text().split("\n\n") if call]


def words(call):
    """The options of an esxcli call."""
    return dict(word[2:].split("=", 1) for word in call if word.startswith("--"))


def esxi(z):
    """each word of the text for ESXi is what it has to be, and an initiator that is ESXi's gets it without being asked"""
    who = "iqn.1998-01.com.vmware:esx1-0a1b2c3d"
    z.initiator(who, "mutual")
    z.zsan("grant", "add", who, "t")
    z.zsan("grant", "name", who, "t", "--name", OWN_CHAP)
    text, all_of_it = printed(z, "grant", "rotate", who, "t")
    expect("--for linux|esxi|windows|qemu|libiscsi" in all_of_it, all_of_it)
    m = z.zsan("config", "export", "--with-secrets")["secrets"]["grants"][IQN + "t"][who]
    at = {"adapter": "vmhba65", "address": "%s:%d" % z.address(), "name": IQN + "t"}
    for shell in ("dash", "bash"):
        calls = called(z, text, "esxcli", shell)
        plain = [" ".join(w for w in call if not w.startswith("--")) for call in calls]
        expect(plain == ["iscsi software set", "iscsi adapter discovery statictarget add", *["iscsi adapter target portal auth chap set"] * 2,
                         "iscsi adapter discovery rediscover", "storage core adapter rescan"], f"{plain}")
        expect(words(calls[1]) == at, f"{calls[1]}")
        chap = at | {"level": "required"}
        expect(words(calls[2]) == chap | {"direction": "uni", "authname": OWN_CHAP, "secret": m["forward"]["secret"]}, f"{calls[2]}")
        expect(words(calls[3]) == chap | {"direction": "mutual", "authname": IQN + "t", "secret": m["reverse"]["secret"]}, f"{calls[3]}")


def open_iscsi(z):
    """each word of the text for open-iscsi is what it has to be, for each portal"""
    who = fresh(z, "linux")
    second = z.portal(group=2)
    z.zsan("target", "set", "t", "--portal-groups", "1,2")
    z.zsan("grant", "add", who, "t")
    z.zsan("grant", "name", who, "t", "--name", OWN_CHAP)
    calls = called(z, printed(z, "grant", "rotate", who, "t", "--for", "linux")[0], "iscsiadm", "dash")
    logins = [call for call in calls if call[-1] == "--login"]
    expect([call[5] for call in logins] == ["%s:%d" % z.address(), "%s:%d" % z.address(1)] and str(second) in logins[1][5], f"{logins}")
    expect([call[-1] for call in calls if "node.session.auth.username" in call] == [OWN_CHAP] * 2, f"{calls}")


def windows(z):
    """the text for Windows has both secrets, and its own for all targets is the target's"""
    who = "iqn.1991-05.com.microsoft:db1"
    z.initiator(who, "mutual")
    text, _ = printed(z, "grant", "add", who, "t")
    m = z.zsan("config", "export", "--with-secrets")["secrets"]["grants"][IQN + "t"][who]
    for line in (f"$secret = '{m['forward']['secret']}'", f"Set-IscsiChapSecret -ChapSecret '{m['reverse']['secret']}'", "$chap = 'MUTUALCHAP'"):
        expect(line in text.splitlines(), text)


def everywhere(z):
    """all that mints takes --for, with each of its values; programs get facts instead"""
    who = fresh(z, "everywhere")
    z.zsan("grant", "add", who, "t")
    document = folder(z, "paste") / "document"
    for kind in ("linux", "esxi", "windows", "qemu", "libiscsi"):
        for verb in (["grant", "rotate", who, "t"], ["initiator", "rotate", who], ["initiator", "add", f"{who}-{kind}"],
                     ["initiator", "set", f"{who}-{kind}", "--label", f"label-{kind}"], ["host", "add", kind, f"{who}-{kind}-2"]):
            text, _ = printed(z, *verb, "--for", kind)
            expect(("#" in text) == (verb[1] != "set"), f"{verb}: {text}")
        z.zsan("initiator", "remove", f"{who}-{kind}-2")
        document.write_text(z.try_zsan("config", "export").stdout)
        z.zsan("initiator", "remove", f"{who}-{kind}")
        expect("#" in printed(z, "config", "apply", document, "--for", kind)[0], "config apply")
    done = z.try_zsan("grant", "rotate", who, "t", "--for", "amiga")
    expect(done.returncode == 2 and "linux|esxi|windows|qemu|libiscsi" in done.stderr, done.stderr)
    done = z.try_zsan("grant", "rotate", who, "t", "--for", "esxi", "--json")
    expect(done.returncode == 2 and "--json" in done.stderr, done.stderr)
    m, = z.zsan("grant", "rotate", who, "t")["minted"]
    expect(m["portals"][0] == "%s:%d" % z.address() and m["lun"] == 0 and m["auth"] == "mutual", f"{m}")


CASES = [qemu, qemu_after_a_rotation, libiscsi, esxi, windows, open_iscsi, everywhere]
