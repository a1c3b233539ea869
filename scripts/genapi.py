#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes code and documents from the description of the control API.

    genapi.py control-h|control-c|client-c|reference|manual|bash|zsh api/zsan.yaml OUT

The same input gives the same bytes. `manual` replaces what stands between its markers in OUT; all others write the whole of OUT.
"""
import pathlib
import sys

from apigen import client, completion, control, model, text

MAKERS = {
    "control-h": control.header,
    "control-c": control.source,
    "client-c": client.source,
    "reference": text.reference,
    "bash": completion.bash,
    "zsh": completion.zsh,
}


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in (*MAKERS, "manual"):
        sys.exit(__doc__)
    what, source, out = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    try:
        api = model.load(source)
    except model.Invalid as e:
        sys.exit(f"{source}: {e}")
    made = text.manual(api, out.read_text(encoding="utf-8")) if what == "manual" else MAKERS[what](api)
    out.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
