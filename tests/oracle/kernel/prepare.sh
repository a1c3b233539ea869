#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# prepare.sh: OpenZFS's kernel modules for the kernel that tests/realclient boots, in build/kernel/KERNEL-PACKAGE, which the
# last line names. About seven minutes on two cores the first time; a call with nothing to do returns at once. The module's
# source is Debian's package zfs-dkms (component contrib); it and the kernel's headers are unpacked there, nothing is installed.
set -Eeuo pipefail
here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../../..")
guest=${REALCLIENT_CACHE:-$top/build/realclient}
root=${ZSAN_KERNEL:-$top/build/kernel}
say() { echo "kernel: $*" >&2; }
fail() { say "$*"; trap - ERR; exit 1; }
trap 'say "prepare.sh failed at line $LINENO"' ERR

"$top/tests/realclient/prepare.sh" "$guest" > /dev/null
kver=$(cat "$guest/kver")
mkdir -p "$root"
exec 9> "$root/lock"
flock 9                                     # two callers at once: the second waits, and finds it done
for done in "$root/$kver"-*/stamp; do
    [[ -z ${FORCE:-} && -e $done ]] && { dirname "$done"; exit 0; }
done

# ---- packages: the headers are those of the guest's very package ------------------------------------------
out=$root/fetched
. "$here/../apt.sh"
image=$(basename "$guest"/debs/linux-image-"$kver"_*.deb)
version=$(cut -d_ -f2 <<< "$image")
rm -rf "$out"
lists
common=${kver%-amd64}-common
(cd "$out/apt/debs" && own_apt apt-get download zfs-dkms "linux-headers-$kver=$version" "linux-headers-$common=$version" \
    linux-kbuild-"$(cut -d. -f1,2 <<< "$kver")") >> "$out/apt/log" 2>&1 ||
    fail "can't download the module's source and the kernel's headers: $(tail -n 3 "$out/apt/log")"
for deb in "$out"/apt/debs/*.deb; do
    dpkg -x "$deb" "$out/x"
done
zfs=$(cd "$out/x/usr/src" && echo zfs-*)
dir=$root/$kver-$zfs
rm -rf "$root/$kver"-* && mkdir -p "$dir"

# ---- the modules: the headers' absolute paths lead into the folder ----------------------------------------
src=$out/x/usr/src
grep -rlI --include=Makefile --include=.kernelvariables /usr/src "$src/linux-headers-$kver" "$src/linux-headers-$common" |
    xargs -r sed -i "s#/usr/src/linux-headers#$src/linux-headers#g"
say "building $zfs for $kver"
cd "$src/$zfs"
./configure --with-config=kernel --with-linux="$src/linux-headers-$common" --with-linux-obj="$src/linux-headers-$kver" \
    > "$root/log" 2>&1 || fail "configure: $(tail -n 5 "$root/log")"
KCFLAGS=-g0 make -s -j"${JOBS:-$(nproc)}" >> "$root/log" 2>&1 || fail "make: $(tail -n 15 "$root/log")"
find module -name '*.ko' -exec strip --strip-debug {} + -exec cp -t "$dir" {} +
dpkg -x "$guest/debs/$image" "$out/kernel"
for module in "$dir"/*.ko; do               # what they need of the kernel's own; modinfo may not be there
    tr '\0' '\n' < "$module" | sed -n 's/^depends=//p' | tr , '\n'
done | sort -u | while read -r name; do
    [[ $name && ! -e $dir/$name.ko ]] || continue
    find "$out/kernel/lib/modules" -name "$name.ko" -exec cp -t "$dir" {} +
done
rm -rf "$out"
touch "$dir/stamp"
echo "$dir"
