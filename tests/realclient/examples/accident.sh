# SPDX-License-Identifier: BSD-2-Clause
# accident.sh EXCLUSIVE_IQN CLUSTER_IQN INITIATOR: two hosts and one LUN with ext4, one through each NIC (run.sh -n 2); the second one is
# INITIATOR. Where the LUN is exclusive the second mount is refused and the first host's data are whole; in a cluster both
# mount (the accident), and the host is asked to look for its warning: WARNED?
exclusive=$1 cluster=$2 second=$3
[ "$NICS" -ge 2 ] || die "needs run.sh -n 2"
mount_new ext4 "$exclusive" 0
a=$disk
iscsiadm -m iface -I second -o new > /dev/null
iscsiadm -m iface -I second -o update -n iface.initiatorname -v "$second" > /dev/null
for t in "$exclusive" "$cluster"; do iscsiadm -m node -o new -T "$t" -p "$HOST2:$PORT" -I second > /dev/null; done
mkdir -p /other

fill() { for i in 1 2 3 4; do dd if=/dev/urandom of=/mnt/$1$i bs=256k count=8 conv=fsync 2>/dev/null || die "write $1$i"; done; }
fill before
pass "the second host logs in" login "$exclusive" $HOST2
b=$(disk_of "$exclusive" 0 $HOST2) || exit 1
say "A=$a B=$b"
deny "it cannot read" dd if="$b" of=/dev/null bs=4k count=1 iflag=direct
deny "it cannot write" dd if=/dev/zero of="$b" bs=4k count=1 oflag=direct
deny "it cannot mount" mount "$b" /other
deny "it cannot make a file system" mkfs.ext4 -q -F "$b"
fill meanwhile
(cd /mnt && sha256sum before* meanwhile*) > /tmp/sums
pass "the first host unmounts" umount /mnt
pass "its file system is clean" fsck.ext4 -fn "$a"
pass "it logs out" logout "$exclusive"
pass "now the second host mounts" mount "$b" /other
(cd /other && sha256sum -c /tmp/sums > /dev/null) || die "the data are not the first host's"
pass "it unmounts" umount /other
pass "it logs out" logout "$exclusive" $HOST2

add_node "$cluster"
pass "the first host logs in to the cluster's LUN" login "$cluster"
a=$(disk_of "$cluster" 0) || exit 1
pass "the second, too" login "$cluster" $HOST2
b=$(disk_of "$cluster" 0 $HOST2) || exit 1
pass "mkfs" mkfs.ext4 -q -F "$a"
pass "the first host mounts" mount "$a" /mnt
pass "and so does the second" mount "$b" /other
echo one > /mnt/one; echo two > /other/two; sync
say "both have it mounted"
echo "WARNED?"
finish accident
