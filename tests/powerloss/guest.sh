# SPDX-License-Identifier: BSD-2-Clause
# guest.sh IO serve SYNC INITIATOR | IO verify VARIANTS: zsand --io IO in a guest, with a volume on the whole disk "rawN", a pool with another on
# the disk "poolN", and its state and a third one in an ext4 on the disk "stateN". serve makes everything on disks that are new, prints READY, and goes on until the power
# is cut; verify starts what disks 0, 1, ... hold, one after the other, prints READY N, and waits for a connection to port 7000.
io=$1 mode=$2
modprobe -a virtio_blk ext4
disk() { for _d in /sys/block/vd*; do [ "$(cat "$_d/serial")" = "$1" ] && echo "/dev/${_d##*/}"; done; }
zsan() { ZSAN_SOCKET=/mnt/zsan/zsand.sock /rc/zsan "$@"; }
start_zsand() {         # N: with the disks rawN, poolN and stateN
    ln -sf "$(disk raw$1)" /dev/zsan-raw
    ln -sf "$(disk pool$1)" /dev/zsan-pool
    mount -t ext4 "$(disk state$1)" /mnt || die "the file system on state$1 cannot be mounted"
    /rc/zsand --state /mnt/zsan --reactors 1 --io "$io" > /tmp/zsand.log 2>&1 & daemon=$!
    wait_for 30 zsan status || { cat /tmp/zsand.log; die "zsand does not answer"; }
}
portal() { zsan portal add 10.0.2.15 --port 3260 || die "portal"; }
serve() {               # SYNC INITIATOR
    force=; [ "$1" = disabled ] && force=--force
    mkfs.ext4 -q -F "$(disk state0)" || die "mkfs"
    start_zsand 0
    portal
    zsan volume create raw --path /dev/zsan-raw --sync "$1" $force || die "raw volume"
    zsan volume create file --size 64M --sync "$1" $force || die "file volume"
    zsan pool create tank /dev/zsan-pool || die "pool"
    zsan volume create pool --dataset tank/v --size 64M --sync "$1" $force || die "volume in a pool"
    zsan volume create fenced --size 1M || die "fenced volume"
    zsan target create iqn.2026-11.org.example:power || die "target"
    for v in raw file pool fenced; do zsan lun add iqn.2026-11.org.example:power $v || die "LUN $v"; done
    zsan initiator add "$2" > /dev/null || die "initiator"
    echo "SECRETS $(zsan grant add "$2" iqn.2026-11.org.example:power --json | tr -d '\n')"
    sync                # from here on only zsand's own flushes count
    echo READY
    sleep 600
}
verify() {              # VARIANTS
    n=0
    while [ "$n" -lt "$1" ]; do
        start_zsand "$n"
        nc -l -p 7000 > /dev/null & next=$!
        wait_for 30 sh -c '[ "$(grep -c volume.online /tmp/zsand.log)" -ge 4 ]'
        echo "READY $n"
        wait $next
        kill $daemon; wait $daemon || die "zsand ended with status $? on variant $n: $(cat /tmp/zsand.log)"
        umount /mnt || die "umount"
        n=$((n + 1))
    done
}
shift 2
case $mode in serve) serve "$@" ;; verify) verify "$@" ;; *) die "serve or verify, not $mode" ;; esac
