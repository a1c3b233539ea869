#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Documents that are made of api/zsan.yaml are checked in. Without arguments: fails when one is stale. --write: makes them anew.
set -eu
cd "$(dirname "$(realpath "$0")")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stale=0
generated() { # KIND FILE
    cp "$2" "$work/new" 2>/dev/null || : > "$work/new"
    scripts/genapi.py "$1" api/zsan.yaml "$work/new"
    if ! cmp -s "$work/new" "$2"; then
        [ "${write:-}" ] && cp "$work/new" "$2" && return
        echo "$2 is stale: scripts/check-generated.sh --write"
        stale=1
    fi
}
[ "${1:-}" = --write ] && write=1
generated reference docs/api.md
generated manual man/zsan.8.scd
generated bash packaging/completion/zsan.bash
generated zsh packaging/completion/_zsan
exit $stale
