#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build.sh NAME [NINJA TARGET...]: configures build/NAME when it is new and builds it. All the ways we build stand here.
set -eu
cd "$(dirname "$(realpath "$0")")/.."
name=$1
shift
cc=gcc
case $name in
    release)  opts=(--buildtype=release -Dtests=false) ;;
    bench)    opts=(--buildtype=release) ;;
    test)     opts=(--buildtype=debugoptimized) ;;
    asan)     opts=(--buildtype=debugoptimized -Db_sanitize=address,undefined) ;;
    tsan)     opts=(--buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false) cc=clang ;;
    sim)      opts=(--buildtype=debugoptimized -Dmutants=true) ;;
    fuzz)     opts=(--buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true) cc=clang ;;
    coverage) opts=(--buildtype=debug -Db_coverage=true) ;;
    *)        echo "build.sh: no way to build \"$name\"" >&2; exit 1 ;;
esac
# Without optimisation, and with the most of it, gcc warns of what it otherwise sees cannot happen.
case $name in
    release | bench | coverage) ;;
    *) [ -z "${CI:-}" ] || opts+=(-Dwerror=true) ;;
esac
dir=build/$name
mkdir -p build
# Suites that run at the same time build the same folder.
exec 9> "$dir.lock"
flock 9
if [ ! -f "$dir/build.ninja" ]; then
    CC=$cc meson setup "$dir" "${opts[@]}" > "$dir.log" 2>&1 || { cat "$dir.log"; exit 1; }
fi
ninja -C "$dir" -j"${JOBS:-$(nproc)}" --quiet "$@" > "$dir.ninja.log" 2>&1 || { cat "$dir.ninja.log"; exit 1; }
