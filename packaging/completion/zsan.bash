# SPDX-License-Identifier: BSD-2-Clause
# Made of api/zsan.yaml by scripts/genapi.py.
_zsan_nouns='pool dataset volume target lun portal isns radius host initiator grant session status stats event audit limits config zpool zfs iscsitadm help'
_zsan_verbs() {
    case $1 in
    pool) echo 'create add attach detach replace remove offline online clear scrub wait status list iostat import export destroy history events get set preview found errors check' ;;
    dataset) echo 'create destroy list rename get set inherit' ;;
    volume) echo 'list orphans show create set resize delete' ;;
    target) echo 'list show create set delete' ;;
    lun) echo 'list add release remove' ;;
    portal) echo 'list add set remove group' ;;
    isns) echo 'list show add remove set' ;;
    radius) echo 'list add set secret remove' ;;
    host) echo 'list add remove' ;;
    initiator) echo 'list show add set rotate secret finish remove' ;;
    grant) echo 'list add set rotate secret name finish remove' ;;
    session) echo 'list drop' ;;
    event) echo 'list' ;;
    audit) echo 'networks trail verify' ;;
    limits) echo 'show set' ;;
    config) echo 'export saved plan apply generations rollback' ;;
    zpool) echo 'create add attach detach replace remove offline online clear scrub wait status list iostat import export destroy history events get set' ;;
    zfs) echo 'create destroy list rename get set inherit' ;;
    iscsitadm) echo 'create modify delete list show' ;;
    esac
}
_zsan_look() {
    flags='' valued='' args=''
    case "$1" in
    'zpool create' | 'pool create') flags='-f --force -n -o -O -m --ashift' valued='-o -O -m --ashift' args='-' ;;
    'zpool add' | 'pool add') flags='-f --force -n' valued='' args='pool' ;;
    'zpool attach' | 'pool attach') flags='-f --force -w' valued='' args='pool' ;;
    'zpool detach' | 'pool detach') flags='' valued='' args='pool' ;;
    'zpool replace' | 'pool replace') flags='-f --force -w' valued='' args='pool' ;;
    'zpool remove' | 'pool remove') flags='' valued='' args='pool' ;;
    'zpool offline' | 'pool offline') flags='' valued='' args='pool' ;;
    'zpool online' | 'pool online') flags='' valued='' args='pool' ;;
    'zpool clear' | 'pool clear') flags='-f --force' valued='' args='pool' ;;
    'zpool scrub' | 'pool scrub') flags='-p --pause -s --stop -w' valued='' args='pool' ;;
    'zpool wait' | 'pool wait') flags='' valued='' args='pool' ;;
    'zpool status' | 'pool status') flags='-P -v -x' valued='' args='pool' ;;
    'zpool list' | 'pool list') flags='-H -p -o' valued='-o' args='pool' ;;
    'zpool iostat' | 'pool iostat') flags='-H -p -v' valued='' args='pool' ;;
    'zpool import' | 'pool import') flags='-d --devices -D --destroyed -f --force -F --rewind -X --rewind-far -n -o --read-only -N' valued='-d --devices -o' args='-' ;;
    'zpool export' | 'pool export') flags='-f --force' valued='' args='pool' ;;
    'zpool destroy' | 'pool destroy') flags='-f --force' valued='' args='pool' ;;
    'zpool history' | 'pool history') flags='-i --internal -l' valued='' args='pool' ;;
    'zpool events' | 'pool events') flags='-H -v' valued='' args='pool' ;;
    'zpool get' | 'pool get') flags='-H -p -o' valued='-o' args='-,pool' ;;
    'zpool set' | 'pool set') flags='' valued='' args='-,pool' ;;
    'zfs create' | 'dataset create') flags='-V --size -s -b --volblocksize -o -p --parents --compression --checksum' valued='-V --size -b --volblocksize -o --compression --checksum' args='-' ;;
    'zfs destroy' | 'dataset destroy') flags='-r --recursive -f --force -n -v -R' valued='' args='dataset' ;;
    'zfs list' | 'dataset list') flags='-r -d --depth -H -p -o -t -s -S' valued='-d --depth -o -t -s -S' args='dataset' ;;
    'zfs rename' | 'dataset rename') flags='' valued='' args='dataset' ;;
    'zfs get' | 'dataset get') flags='-r -d --depth -H -p -o -s' valued='-d --depth -o -s' args='-,dataset' ;;
    'zfs set' | 'dataset set') flags='' valued='' args='-,dataset' ;;
    'zfs inherit' | 'dataset inherit') flags='-r' valued='' args='-,dataset' ;;
    'iscsitadm create') flags='-b --backing-store -z --size -u --lun -a --alias -t --type' valued='-b --backing-store -z --size -u --lun -a --alias -t --type' args='-' ;;
    'iscsitadm modify') flags='-l --acl -p --tpgt -a --alias -m --maxrecv' valued='-l --acl -p --tpgt -a --alias -m --maxrecv' args='-' ;;
    'iscsitadm delete') flags='-u --lun -l --acl -p --tpgt' valued='-u --lun -l --acl -p --tpgt' args='-' ;;
    'iscsitadm list') flags='-v --verbose' valued='' args='-' ;;
    'iscsitadm show') flags='' valued='' args='-' ;;
    'audit') flags='' valued='' args='' ;;
    'audit networks') flags='--ipsec-networks --management-networks' valued='--ipsec-networks --management-networks' args='' ;;
    'audit trail') flags='' valued='' args='' ;;
    'audit verify') flags='' valued='' args='-' ;;
    'config apply') flags='--for' valued='--for' args='@' ;;
    'config export') flags='--with-secrets' valued='' args='' ;;
    'config generations') flags='' valued='' args='' ;;
    'config plan') flags='' valued='' args='@' ;;
    'config rollback') flags='--for' valued='--for' args='-' ;;
    'config saved') flags='--generation' valued='--generation' args='' ;;
    'event list') flags='--after --level' valued='--after --level' args='' ;;
    'grant add') flags='--sources --for' valued='--sources --for' args='host+initiator,target' ;;
    'grant finish') flags='' valued='' args='host+initiator,target' ;;
    'grant list') flags='' valued='' args='' ;;
    'grant name') flags='--name --reverse-name' valued='--name --reverse-name' args='initiator,target' ;;
    'grant remove') flags='' valued='' args='host+initiator,target' ;;
    'grant rotate') flags='--for' valued='--for' args='host+initiator,target' ;;
    'grant secret') flags='--secret-file' valued='--secret-file' args='initiator,target' ;;
    'grant set') flags='--sources' valued='--sources' args='host+initiator,target' ;;
    'host add') flags='--for' valued='--for' args='-,-' ;;
    'host list') flags='' valued='' args='' ;;
    'host remove') flags='--force' valued='' args='host' ;;
    'initiator add') flags='--host --label --auth --chap --verify --for' valued='--host --label --auth --chap --verify --for' args='-' ;;
    'initiator finish') flags='' valued='' args='initiator' ;;
    'initiator list') flags='' valued='' args='' ;;
    'initiator remove') flags='' valued='' args='initiator' ;;
    'initiator rotate') flags='--for' valued='--for' args='initiator' ;;
    'initiator secret') flags='--secret-file' valued='--secret-file' args='initiator' ;;
    'initiator set') flags='--host --label --auth --chap --verify --for' valued='--host --label --auth --chap --verify --for' args='initiator' ;;
    'initiator show') flags='' valued='' args='initiator' ;;
    'isns add') flags='--port' valued='--port' args='-' ;;
    'isns list') flags='' valued='' args='' ;;
    'isns remove') flags='--port' valued='--port' args='-' ;;
    'isns set') flags='--enabled --no-enabled --entity' valued='--entity' args='' ;;
    'isns show') flags='' valued='' args='' ;;
    'limits set') flags='--chap-require --max-connections --max-connections-per-host --max-logins-per-address --tasks-per-session --data-memory --pool-cache --pool-dirty --login-timeout-ms --lease-timeout-ms --nop-interval-ms --nop-timeout-ms --max-recv-data-segment --max-burst --first-burst --max-outstanding-r2t' valued='--chap-require --max-connections --max-connections-per-host --max-logins-per-address --tasks-per-session --data-memory --pool-cache --pool-dirty --login-timeout-ms --lease-timeout-ms --nop-interval-ms --nop-timeout-ms --max-recv-data-segment --max-burst --first-burst --max-outstanding-r2t' args='' ;;
    'limits show') flags='' valued='' args='' ;;
    'lun add') flags='--lun --policy --hosts' valued='--lun --policy --hosts' args='target,volume' ;;
    'lun list') flags='' valued='' args='target' ;;
    'lun release') flags='--force' valued='' args='target,-' ;;
    'lun remove') flags='' valued='' args='target,-' ;;
    'pool check') flags='--ashift --force --add' valued='--ashift' args='pool,-' ;;
    'pool errors') flags='' valued='' args='pool' ;;
    'pool found') flags='' valued='' args='-' ;;
    'pool preview') flags='--devices --read-only --force --destroyed --rewind --rewind-far' valued='--devices' args='pool,-' ;;
    'portal add') flags='--port --group --interface --any-address --sources --advertise' valued='--port --group --interface --sources --advertise' args='-' ;;
    'portal group') flags='--alua-group --alua-state' valued='--alua-group --alua-state' args='-' ;;
    'portal list') flags='' valued='' args='' ;;
    'portal remove') flags='--port --group' valued='--port --group' args='-' ;;
    'portal set') flags='--port --group --sources' valued='--port --group --sources' args='-' ;;
    'radius add') flags='--port --timeout-ms --tries --secret-file' valued='--port --timeout-ms --tries --secret-file' args='-' ;;
    'radius list') flags='' valued='' args='' ;;
    'radius remove') flags='--port' valued='--port' args='-' ;;
    'radius secret') flags='--port --secret-file' valued='--port --secret-file' args='-' ;;
    'radius set') flags='--port --timeout-ms --tries' valued='--port --timeout-ms --tries' args='-' ;;
    'session drop') flags='' valued='' args='session' ;;
    'session list') flags='' valued='' args='' ;;
    'stats') flags='--histograms' valued='' args='' ;;
    'status') flags='--watch --interval' valued='--interval' args='' ;;
    'target create') flags='--alias --portal-groups' valued='--alias --portal-groups' args='-' ;;
    'target delete') flags='--force' valued='' args='target' ;;
    'target list') flags='' valued='' args='' ;;
    'target set') flags='--alias --portal-groups --disabled --no-disabled --redirect --redirect-permanent --no-redirect-permanent --unlisted --no-unlisted' valued='--alias --portal-groups --redirect' args='target' ;;
    'target show') flags='' valued='' args='target' ;;
    'volume create') flags='--size --engine --path --dataset --volblocksize --compression --checksum --parents --block-size --physical-block --thick --read-only --sync --iops-limit --bandwidth-limit --threshold-pct --policy --hosts --force' valued='--size --engine --path --dataset --volblocksize --compression --checksum --block-size --physical-block --sync --iops-limit --bandwidth-limit --threshold-pct --policy --hosts' args='-' ;;
    'volume delete') flags='--force --keep' valued='' args='volume' ;;
    'volume list') flags='' valued='' args='' ;;
    'volume orphans') flags='' valued='' args='' ;;
    'volume resize') flags='--force' valued='' args='volume,-' ;;
    'volume set') flags='--read-only --no-read-only --sync --iops-limit --bandwidth-limit --threshold-pct --policy --hosts --force' valued='--sync --iops-limit --bandwidth-limit --threshold-pct --policy --hosts' args='volume' ;;
    'volume show') flags='' valued='' args='volume' ;;
    esac
}
_zsan_values() {
    values=''
    case "$1" in
    --alua-state) values='optimized non-optimized standby' ;;
    --auth) values='mutual one-way none' ;;
    --chap-require) values='md5 sha1 sha256 sha3-256' ;;
    --engine) values='file pool mem null' ;;
    --level) values='error warn info debug' ;;
    --policy) values='exclusive cluster read-shared' ;;
    --sync) values='always standard disabled' ;;
    --verify) values='local radius' ;;
    esac
}
# Names in the first columns of tables, from the daemon.
_zsan_names() {
    local noun
    for noun in $(echo "$1" | tr + ' '); do
        zsan "$noun" list 2>/dev/null | awk 'NR > 1 { print $1 }'
    done
}
_zsan() {
    local flags='' valued='' args='' values cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} noun='' verb='' n=0 word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --socket) ((i++)) ;;
        -*) [[ " $valued " == *" $word "* ]] && ((i++)) ;;
        help) ;;
        *) if [ -z "$noun" ]; then noun=$word; elif [ -z "$verb" ] && [ -n "$(_zsan_verbs "$noun")" ]; then verb=$word; else ((n++)); fi
            _zsan_look "$noun${verb:+ $verb}" ;;
        esac
    done
    _zsan_values "$prev"
    COMPREPLY=()
    case $prev in
    --socket | --secret-file | --path) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    esac
    if [ -n "$values" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
    elif [ -z "$noun" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$_zsan_nouns --json --socket --help" -- "$cur")
    elif [ -z "$verb" ] && [ -n "$(_zsan_verbs "$noun")" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_zsan_verbs "$noun")" -- "$cur")
    elif [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags --json --socket --help" -- "$cur")
    else
        word=$(echo "$args," | cut -d, -f$((n + 1)))
        case $word in
        @) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        '' | -) ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$(_zsan_names "$word")" -- "$cur") ;;
        esac
    fi
}
complete -F _zsan zsan
