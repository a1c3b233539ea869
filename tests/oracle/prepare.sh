#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# prepare.sh: OpenZFS's userland, unpacked into build/oracle/prefix, and our program on top of it, build/oracle/orc.
# The packages lie in Debian's component contrib. They come from the mirrors that the system's apt already uses, but
# with lists and state of our own: nothing is installed, and the system's package sources stay as they are.
# FORCE=1 begins anew. A call with nothing to do returns at once.
set -Eeuo pipefail
here=$(dirname "$(realpath "$0")")
out=${ZSAN_ORACLE:-$(realpath "$here/../..")/build/oracle}
packages=(zfsutils-linux libzpool5linux libzfs4linux libnvpair3linux libuutil3linux libzfslinux-dev)
libraries=(libtirpc3 libssl3 libblkid1 libudev1 libuuid1 zlib1g)   # what these need; most systems have them

say() { echo "oracle: $*" >&2; }
fail() { say "$*"; trap - ERR; exit 1; }
trap 'say "prepare.sh failed at line $LINENO"' ERR

mkdir -p "$out"
exec 9> "$out/lock"
flock 9                                     # two callers at once: the second waits, and finds it done
stamp="${packages[*]} ${libraries[*]}"
if [[ -n ${FORCE:-} || $(cat "$out/stamp" 2>/dev/null) != "$stamp" ]]; then
    rm -rf "$out/stamp" "$out/prefix" "$out/apt" "$out/orc"
fi

# ---- packages ---------------------------------------------------------------------------------
. "$here/apt.sh"
download() {
    lists
    local wanted=("${packages[@]}") lib
    for lib in "${libraries[@]}"; do
        dpkg -s "$lib" > /dev/null 2>&1 || wanted+=("$lib")
    done
    (cd "$out/apt/debs" && own_apt apt-get download "${wanted[@]}") >> "$out/apt/log" 2>&1 ||
        fail "can't download OpenZFS's packages (component contrib): $(tail -n 3 "$out/apt/log")"
}
unpack() {
    local deb
    mkdir -p "$out/prefix"
    for deb in "$out"/apt/debs/*.deb; do
        dpkg -x "$deb" "$out/prefix" || fail "can't unpack ${deb##*/}"
    done
}
if [[ ! -e $out/stamp ]]; then
    say "fetching OpenZFS's userland (about 4 MB)"
    download
    unpack
    echo "$stamp" > "$out/stamp"
fi

# ---- our program ------------------------------------------------------------------------------
lib=$out/prefix/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
sources=("$here"/orc/*.c "$here"/../bench/libzpool/*.c)
orc_is_current() {
    local src
    [[ -x $out/orc ]] || return 1
    for src in "${sources[@]}" "$here"/orc/*.h; do
        [[ $out/orc -nt $src ]] || return 1
    done
}
ln -sf libzpool.so.5 "$lib/libzpool.so"     # under this name zdb looks for the variables that -o sets
if ! orc_is_current; then
    # -w: OpenZFS's headers are no model of cleanliness.
    "${CC:-cc}" -std=gnu17 -O1 -g -w -D_GNU_SOURCE -D_LARGEFILE64_SOURCE \
        -I"$out/prefix/usr/include/libspl" -I"$out/prefix/usr/include/libzfs" -I"$here/orc" "${sources[@]}" -o "$out/orc.new" \
        -L"$lib" -l:libzpool.so.5 -l:libnvpair.so.3 -l:libzfs_core.so.3 -lcrypto -lpthread \
        -Wl,-rpath,"$lib" -Wl,-rpath-link,"$lib" 2> "$out/orc.log" || {
        cat "$out/orc.log" >&2
        fail "orc does not compile"
    }
    mv "$out/orc.new" "$out/orc"
fi
if [[ ! $out/no_zio_fini.so -nt $here/no_zio_fini.c ]]; then
    "${CC:-cc}" -O1 -shared -fPIC "$here/no_zio_fini.c" -o "$out/no_zio_fini.so.new"
    mv "$out/no_zio_fini.so.new" "$out/no_zio_fini.so"
fi
missing=$(LD_LIBRARY_PATH=$lib ldd "$out/prefix/sbin/zdb" "$out/orc" | sed -n 's/^\s*\(\S*\) => not found/\1/p' | sort -u)
[[ -z $missing ]] || fail "libraries are missing: $missing"
