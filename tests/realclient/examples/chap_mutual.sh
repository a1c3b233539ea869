# SPDX-License-Identifier: BSD-2-Clause
# chap_mutual.sh INITIATOR IQN USER SECRET MUTUAL_USER MUTUAL_SECRET: the target demands that it is asked to prove itself.
initiator=$1 iqn=$2 user=$3 secret=$4 muser=$5 msecret=$6
start_iscsid "$initiator"
add_node "$iqn"
set_node "$iqn" node.session.initial_login_retry_max 1
set_node "$iqn" node.conn[0].timeo.login_timeout 10
refused() { login "$iqn"; _r=$?; echo "status $_r"; [ $_r = "$1" ]; }     # 24: by the target, 19: by the initiator
set_node "$iqn" node.session.auth.authmethod CHAP
set_node "$iqn" node.session.auth.username "$user"
set_node "$iqn" node.session.auth.password "$secret"
pass "one-way CHAP is refused" refused 24
set_node "$iqn" node.session.auth.username_in "$muser"
set_node "$iqn" node.session.auth.password_in "$secret"
pass "the initiator refuses a target with its own secret" refused 19
set_node "$iqn" node.session.auth.password_in "$msecret"
set_node "$iqn" node.session.auth.password "$msecret"
pass "the target refuses its own secret" refused 24
set_node "$iqn" node.session.auth.password "$secret"
pass "mutual CHAP" login "$iqn"
pass "a disk appears" disk_of "$iqn" 1
pass "logout" logout "$iqn"
finish chap_mutual
