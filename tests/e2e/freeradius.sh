#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# freeradius.sh: Debian's freeradius in build/radius/prefix, for tests/e2e/radius.py.
. "$(dirname "$(realpath "$0")")/unpack.sh"
name=radius
packages=(freeradius freeradius-common libfreeradius3)
libraries=(libtalloc2 libcap2 libpcap0.8 libpcre3 libgdbm6 libct4 libjson-c5 libwbclient0 libreadline8 libperl5.36 libsqlite3-0)
unpack
