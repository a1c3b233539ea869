# SPDX-License-Identifier: BSD-2-Clause
"""The verbs of zsan as api/zsan.yaml describes them, for tests that ask all of them something."""
import sys

from zsand import TOP

sys.path.insert(0, str(TOP / "scripts"))
from apigen import model  # noqa: E402

API = model.load(TOP / "api/zsan.yaml")

ANSWERED = (0, 10, 11, 12)  # audit's are severities


def looks(named):
    """Command lines of all verbs that change nothing, with and without what they can be asked besides. named: of each kind of objects
    the name of one, such as {"volume": "v"}; verbs that show one of another kind are left out."""
    for m in API.methods:
        needed = [p.name for p in m.params if p.required]
        if not m.change and (not needed or needed == ["name"] and m.noun in named):
            words = m.words.split() + [named[m.noun] for _ in needed]
            yield words
            yield from (words + [p.flag] for p in m.params if p.type == "bool" and p.name != "with_secrets" and not m.language)
    yield ["iscsitadm", "list", "admin"]
    yield ["iscsitadm", "list", "initiator", "-v"]
    yield ["iscsitadm", "list", "target", "-v"]


def outputs(z, named):
    """What each of them says, as text and as JSON: (words, all that was printed)."""
    for words in looks(named):
        for flags in ([], ["--json"]):
            done = z.try_zsan(*words, *flags)
            if done.returncode not in ANSWERED:
                raise AssertionError(f"{words + flags}: status {done.returncode}: {done.stderr}")
            yield words + flags, done.stdout + done.stderr
