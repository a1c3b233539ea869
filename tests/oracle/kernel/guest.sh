# SPDX-License-Identifier: BSD-2-Clause
# guest.sh POOL:DISKS...: OpenZFS's kernel module on pools of ours. The host's disks, in order of /dev/vda, /dev/vdb, ...,
# become files here (their labels say type=file, which must be regular files) and go back when the pool is exported.
# "HASH POOL VOLUME found|left SHA256" is what the host compares with.
PATH=/rc:$PATH
load_modules() {
    _left=$(ls /rc/*.ko)
    for _round in 1 2 3 4 5 6 7 8 9; do     # whatever their order is
        _again=
        for _m in $_left; do insmod "$_m" 2> /dev/null || _again="$_again $_m"; done
        _left=$_again
        [ "$_left" ] || return 0
    done
    dmesg | tail -n 20
    die "these modules don't load: $_left"
}
use_udev() {                                # the links in /dev/zvol
    cp /rc/zvol_id /usr/lib/udev/
    sed 's:PROGRAM="/*lib/udev/zvol_id:PROGRAM="/usr/lib/udev/zvol_id:' /rc/60-zvol.rules > /usr/lib/udev/rules.d/60-zvol.rules
    start_udev
}
hashes() {                                  # POOL WHEN
    zfs list -H -o name -t volume -r "$1" > /tmp/volumes || die "zfs list"
    while read -r _v; do
        wait_for 20 test -b "/dev/zvol/$_v" || die "no /dev/zvol/$_v"
        _h=$(sha256sum < "/dev/zvol/$_v") || die "reading $_v"
        echo "HASH $1 ${_v#*/} $2 ${_h%% *}"
    done < /tmp/volumes
}
scribble() {                                # /dev/zvol/...: here and there, odd places too, and holes
    for _at in 0 7 100 333; do
        dd if=/dev/urandom of="$1" bs=12K seek=$_at count=5 conv=notrunc 2> /dev/null || die "writing $1"
    done
    dd if=/dev/zero of="$1" bs=64K seek=9 count=3 conv=notrunc 2> /dev/null || die "zeros to $1"
    blkdiscard -o 1M -l 512K "$1" || die "discard of $1"
    dd if=/dev/urandom of="$1" bs=4K seek=777 count=9 conv=notrunc,fsync 2> /dev/null || die "writing $1"
}
healthy() {                                 # POOL: nothing is wrong with it
    zpool status "$1"
    zpool status "$1" | grep -q 'errors: No known data errors' || die "$1 has errors"
    zpool status -x "$1" | grep -q 'is healthy' || die "$1 is not healthy"
}

load_modules
modprobe virtio_blk || die "no virtio_blk"
use_udev
mkdir -p /disks /etc/zfs
at=0
disk() { echo "/dev/vd$(echo abcdefghijklmnopqrstuvwxyz | cut -c $(($1 + 1)))"; }
for arg in "$@"; do
    pool=${arg%:*} n=${arg#*:} i=0 first=$at
    while [ $i -lt "$n" ]; do
        dd if="$(disk $at)" of=/disks/d$i bs=1M 2> /dev/null || die "disk $at"
        i=$((i + 1)) at=$((at + 1))
    done
    pass "import $pool" zpool import -d /disks -N "$pool"
    healthy "$pool"
    hashes "$pool" found
    while read -r v; do scribble "/dev/zvol/$v"; done < /tmp/volumes
    pass "a volume of the kernel's" zfs create -V 4M "$pool/kernel"
    wait_for 20 test -b "/dev/zvol/$pool/kernel" && scribble "/dev/zvol/$pool/kernel"
    pass "scrub $pool" zpool scrub -w "$pool"
    healthy "$pool"
    zpool status "$pool" | grep -q 'scrub repaired 0B .* with 0 errors' || die "the scrub of $pool"
    hashes "$pool" left
    pass "export $pool" zpool export "$pool"
    i=0
    while [ $i -lt "$n" ]; do
        dd if=/disks/d$i of="$(disk $((first + i)))" bs=1M conv=fsync 2> /dev/null || die "disk $i"
        i=$((i + 1))
    done
    rm /disks/*
done
finish kernel
