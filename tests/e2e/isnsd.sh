#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# isnsd.sh: Debian's open-isns in build/isns/prefix, for tests/e2e/isns.py.
. "$(dirname "$(realpath "$0")")/unpack.sh"
name=isns
packages=(open-isns-server open-isns-utils)
libraries=(libisns0 libssl3)
unpack
