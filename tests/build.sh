#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build.sh KIND [TARGET...]: configures build/KIND when it is missing and builds it, all of it or the targets.
#   test   gcc, optimised, warnings are errors    clang  the same with clang
#   asan   address and undefined-behaviour checks tsan   data-race checks
set -eu
cd "$(dirname "$(realpath "$0")")/.."
kind=$1
shift
dir=build/$kind
case $kind in
    test)  export CC=gcc;   options=(-Dwerror=true) ;;
    clang) export CC=clang; options=(-Dwerror=true) ;;
    asan)  export CC=gcc;   options=(-Db_sanitize=address,undefined) ;;
    tsan)  export CC=gcc;   options=(-Db_sanitize=thread) ;;
    *)     sed -n '3,5s/^# \?//p' "$0" >&2; exit 2 ;;
esac
mkdir -p build
exec 9> "$dir.lock"
flock 9
[ -f "$dir/build.ninja" ] || meson setup "$dir" --buildtype=debugoptimized "${options[@]}" > "$dir.log" 2>&1 ||
    { cat "$dir.log"; exit 1; }
ninja -C "$dir" --quiet -j"${JOBS:-$(nproc)}" "$@" 9>&-
