# SPDX-License-Identifier: BSD-2-Clause
# accident.sh first|second EXCLUSIVE_IQN CLUSTER_IQN INITIATOR TURNS: two hosts, each a guest of its own, and one LUN with ext4. Where the
# LUN is exclusive the second mount is refused and the first host's data are whole; in a cluster both mount (the accident), and the one who
# runs both is asked to look for the warning. Who is next is said at port TURNS (lib.sh, turn).
role=$1 exclusive=$2 cluster=$3 name=$4 TURNS=$5
mkdir -p /other

first() {
    start_iscsid "$name"
    mount_new ext4 "$exclusive" 0
    fill before
    say "MOUNTED"
    turn denied
    fill meanwhile
    (cd /mnt && sha256sum before* meanwhile* > sums) || die "sums"
    pass "it unmounts" umount /mnt
    pass "its file system is clean" fsck.ext4 -fn "$disk"
    pass "it logs out" logout "$exclusive"
    say "LEFT"
    turn cluster
    attach "$cluster"
    pass "mkfs" mkfs.ext4 -q -F "$disk"
    pass "it mounts the cluster's LUN" mount "$disk" /mnt
    echo one > /mnt/one; sync
    say "SHARED"
    turn end
}

second() {
    start_iscsid "$name"
    modprobe ext4
    turn mounted
    attach "$exclusive"
    deny "it cannot read" dd if="$disk" of=/dev/null bs=4k count=1 iflag=direct
    deny "it cannot write" dd if=/dev/zero of="$disk" bs=4k count=1 oflag=direct
    deny "it cannot mount" mount "$disk" /other
    deny "it cannot make a file system" mkfs.ext4 -q -F "$disk"
    say "DENIED"
    turn left
    pass "now it mounts" mount "$disk" /other
    (cd /other && sha256sum -c sums > /dev/null) || die "the data are not the first host's"
    pass "it unmounts" umount /other
    pass "it logs out" logout "$exclusive"
    say "READ"
    turn shared
    attach "$cluster"
    pass "it mounts the cluster's LUN, too" mount "$disk" /other
    echo two > /other/two; sync
    say "SHARED"
    turn end
}

attach() { add_node "$1"; pass "it logs in" login "$1"; disk=$(disk_of "$1" 0) || exit 1; say "$disk"; }
fill() { for i in 1 2 3 4; do dd if=/dev/urandom of=/mnt/$1$i bs=256k count=8 conv=fsync 2>/dev/null || die "write $1$i"; done; }
"$role"
finish "accident, the $role host"
