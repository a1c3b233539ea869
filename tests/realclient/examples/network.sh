# SPDX-License-Identifier: BSD-2-Clause
# network.sh IQN INITIATOR: runs the lines and units of /rc/network.md (docs/network.md). Four cables, veth pairs, lead from san0-san3 of
# the server's network to port0-port3 of another, where two bonds play the switches and the host behind them. zsand runs in the
# server's network; the kernel's initiator is this guest's own. Needs run.sh -a for zsand, zsan and docs/network.md.
iqn=$1 initiator=$2
modprobe bonding max_bonds=0 && modprobe -a 8021q veth || die "modules"
block() { awk -v tag="<!-- $1 -->" '$0 == tag {on = 1; next}  on && /^    / {print substr($0, 5); next}  on && NF {exit}' /rc/network.md; }
IP=$(ls /usr/sbin/ip /usr/bin/ip 2> /dev/null | head -n 1)
ip() { $IP "$@"; }                         # not busybox's, which the shell prefers
ip netns attach here $$
in_server() { ip netns exec server "$@"; }
run_in_server() { { echo "ip() { $IP \"\$@\"; }"; cat "$1"; } > /tmp/lines; in_server sh -ex /tmp/lines; }

cable() {               # SERVER_NET HOST_NET MODE: cables and the host's side
    for i in 0 1 2 3; do
        ip -n "$1" link add san$i mtu 9000 type veth peer name port$i netns "$2"
        ip -n "$2" link set port$i mtu 9000
    done
    for t in 1 2; do
        ip -n "$2" link add trunk$t type bond mode $3 xmit_hash_policy layer2+3 miimon 100
        for i in $((2 * t - 2)) $((2 * t - 1)); do ip -n "$2" link set port$i master trunk$t; done
        ip -n "$2" link set trunk$t mtu 9000 up
        ip -n "$2" link add link trunk$t name trunk$t.500 type vlan id 500
        ip -n "$2" link set trunk$t.500 up
    done
    ip -n "$2" addr add 192.0.2.21/24 dev trunk1.500
    ip -n "$2" addr add 198.51.100.21/24 dev trunk2.500
}
uncable() {             # SERVER_NET HOST_NET
    for l in bond1 bond2 san0 san1 san2 san3; do ip -n "$1" link del $l; done
    for l in trunk1 trunk2; do ip -n "$2" link del $l; done
}
bonding() { ip netns exec "$1" cat /proc/net/bonding/$2; }
ports_are() { bonding "$1" $2 | grep -q "Number of ports: $3\$"; }
has() { ip -n "$1" -d link show "$2" | grep -q -- "$3" || { ip -n "$1" -d link show "$2"; die "$2 has not $3"; }; }
cut_frames() { ip netns exec "$1" awk '$1 == "Ip:" {n = $18 + $19} END {print n}' /proc/net/snmp; }

negotiated() {          # SERVER_NET: LACP, hash, VLAN, MTU as the page says
    for b in bond1 bond2; do
        wait_for 30 ports_are "$1" $b 2 || { bonding "$1" $b; die "$b did not negotiate"; }
        bonding "$1" $b | grep -q 'Transmit Hash Policy: layer2+3 (2)' || die "$b hashes otherwise"
        [ "$(bonding "$1" $b | grep -c '^MII Status: up')" = 3 ] || die "a link of $b is down"
        ! bonding "$1" $b | grep -q 'Partner Mac Address: 00:00:00:00:00:00' || die "$b has no partner"
        has "$1" $b.500 'vlan protocol 802.1Q id 500'
        has "$1" $b.500 'mtu 9000'
    done
    say "ok: two aggregates of two ports, layer2+3, VLAN 500, MTU 9000"
}
carries() {             # SERVER_NET HOST_NET: full frames in both VLANs, not one of them cut
    before=$(cut_frames "$2")
    for a in 192.0.2.10 198.51.100.10; do
        wait_for 10 ip netns exec "$2" ping -c 1 -W 1 -s 8972 $a || die "no answer from $a"
    done
    [ "$(cut_frames "$2")" = "$before" ] || die "frames were cut"
    ip netns exec "$2" ping -c 1 -W 1 -s 8973 192.0.2.10 > /dev/null; [ "$(cut_frames "$2")" != "$before" ] || die "nobody counts cut frames"
    say "ok: 9000 bytes go through uncut"
}

# ---- by hand, LACP; a session over each aggregate ------------------------------------------------
ip netns add server; ip netns add switch
cable server here 802.3ad
block lacp > /tmp/lacp
pass "the lines of the page" run_in_server /tmp/lacp
negotiated server; carries server here
bonding server bond1

zsan() { ZSAN_SOCKET=/tmp/zsan/zsand.sock /rc/zsan "$@"; }
$IP netns exec server /rc/zsand --state /tmp/zsan --reactors 1 > /tmp/zsand.log 2>&1 &
wait_for 30 zsan status || { cat /tmp/zsand.log; die "zsand does not answer"; }
pass "portal" zsan portal add 192.0.2.10 --group 1 --interface bond1.500
pass "portal" zsan portal add 198.51.100.10 --group 2 --interface bond2.500
zsan volume create v --size 64M --engine mem && zsan target create "$iqn" && zsan lun add "$iqn" v --lun 0
zsan initiator add "$initiator" > /dev/null; zsan grant add "$initiator" "$iqn" --for linux | sed -n 's/^  iscsiadm/iscsiadm/p' > /tmp/paste
start_iscsid "$initiator"
PORT=3260
pass "both logins, by what was printed to be pasted" sh -e /tmp/paste
a=$(disk_of "$iqn" 0 192.0.2.10) && b=$(disk_of "$iqn" 0 198.51.100.10) || exit 1
copy() { dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null; dd if=/tmp/data of=$1 bs=1M oflag=direct && dd if=$2 bs=1M count=4 iflag=direct 2>/dev/null | cmp - /tmp/data; }
pass "written over the first aggregate, read over the second" copy $a $b
ip link set port0 down
wait_for 10 ports_are server bond1 1 || die "bond1 did not notice"
pass "the same with one cable of the first aggregate pulled" copy $a $b
ip link set port1 down
pass "the same over the second aggregate, the first having no cable" copy $b $b
ip link set port0 up; ip link set port1 up
wait_for 30 ports_are server bond1 2 || die "the cables are back, bond1 is not"
pass "the same with all cables" copy $a $b
for h in 192.0.2.10 198.51.100.10; do pass "logout" logout "$iqn" $h; done
kill %1; wait %1 || die "zsand ended with status $?"
uncable server here

# ---- static trunks -------------------------------------------------------------------------------
cable server here balance-xor
{ block static; sed 1,2d /tmp/lacp; } > /tmp/static
pass "the lines for static trunks" run_in_server /tmp/static
bonding server bond2 | grep -q 'Bonding Mode: load balancing (xor)' || die "not static"
bonding server bond2 | grep -q 'Transmit Hash Policy: layer2+3 (2)' || die "bond2 hashes otherwise"
carries server here
uncable server here

# ---- systemd-networkd ----------------------------------------------------------------------------
mkdir -p /etc/systemd/network
block units | awk '/^# / {f = "/etc/systemd/network/" $2; next} {print > f}'
ls /etc/systemd/network
start_udev
cable here switch 802.3ad
udevadm settle
/usr/lib/systemd/systemd-networkd > /tmp/networkd.log 2>&1 &
wait_for 30 sh -c "$IP addr show bond2.500 | grep -q 198.51.100.10/24" || { cat /tmp/networkd.log; ip addr; die "networkd did not make it"; }
negotiated here; carries here switch
finish network
