#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# setup.sh KIND...: installs the Debian packages of packages.txt that are missing (kinds: build, test, bench).
# Needs root, or sudo, only when something is missing.
set -eu
here=$(dirname "$(realpath "$0")")
want=
for kind in "$@"; do
    want="$want $(awk -v k="$kind" '$1 == k {print $2}' "$here/packages.txt")"
done
missing=
for p in $want; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || {
    echo "zsan: this is not Debian; install what these packages hold:$missing" >&2
    exit 1
}
as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    command -v sudo >/dev/null || {
        echo "zsan: packages are missing; as root: apt-get install$missing" >&2
        exit 1
    }
fi
echo "zsan: installing$missing"
export DEBIAN_FRONTEND=noninteractive
install() { $as_root apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 $missing >/dev/null; }
install 2>/dev/null || { $as_root apt-get update -qq; install; }
