# SPDX-License-Identifier: BSD-2-Clause
# Made of api/zsan.yaml by scripts/genapi.py.
_zsan_nouns='pool dataset volume target lun portal host initiator grant session status stats event limits config help'
_zsan_verbs() {
    case $1 in
    pool) echo 'list status create import export destroy found errors history get set scrub add attach detach replace remove clear offline online' ;;
    dataset) echo 'list create destroy rename get set inherit' ;;
    volume) echo 'list orphans show create set resize delete' ;;
    target) echo 'list show create set delete' ;;
    lun) echo 'list add remove' ;;
    portal) echo 'list add remove group' ;;
    host) echo 'list add remove' ;;
    initiator) echo 'list show add set rotate secret finish remove' ;;
    grant) echo 'list add rotate secret finish remove' ;;
    session) echo 'list drop' ;;
    event) echo 'list' ;;
    limits) echo 'show set' ;;
    config) echo 'export plan apply generations rollback' ;;
    esac
}
_zsan_look() {
    flags='' valued='' args=''
    case "$1" in
    'config apply') flags='' valued='' args='@' ;;
    'config export') flags='--with-secrets' valued='' args='' ;;
    'config generations') flags='' valued='' args='' ;;
    'config plan') flags='' valued='' args='@' ;;
    'config rollback') flags='' valued='' args='-' ;;
    'dataset create') flags='--size --volblocksize --thick --compression --checksum --parents' valued='--size --volblocksize --compression --checksum' args='-' ;;
    'dataset destroy') flags='--recursive --force' valued='' args='dataset' ;;
    'dataset get') flags='' valued='' args='dataset,-' ;;
    'dataset inherit') flags='' valued='' args='dataset,-' ;;
    'dataset list') flags='--depth --snapshots --properties' valued='--depth --properties' args='dataset' ;;
    'dataset rename') flags='' valued='' args='dataset,-' ;;
    'dataset set') flags='' valued='' args='dataset,-,-' ;;
    'event list') flags='--after --level' valued='--after --level' args='' ;;
    'grant add') flags='' valued='' args='host+initiator,target' ;;
    'grant finish') flags='' valued='' args='host+initiator,target' ;;
    'grant list') flags='' valued='' args='' ;;
    'grant remove') flags='' valued='' args='host+initiator,target' ;;
    'grant rotate') flags='' valued='' args='host+initiator,target' ;;
    'grant secret') flags='--secret-file' valued='--secret-file' args='initiator,target' ;;
    'host add') flags='' valued='' args='-,-' ;;
    'host list') flags='' valued='' args='' ;;
    'host remove') flags='--force' valued='' args='host' ;;
    'initiator add') flags='--host --label --auth --chap' valued='--host --label --auth --chap' args='-' ;;
    'initiator finish') flags='' valued='' args='initiator' ;;
    'initiator list') flags='' valued='' args='' ;;
    'initiator remove') flags='' valued='' args='initiator' ;;
    'initiator rotate') flags='' valued='' args='initiator' ;;
    'initiator secret') flags='--secret-file' valued='--secret-file' args='initiator' ;;
    'initiator set') flags='--host --label --auth --chap' valued='--host --label --auth --chap' args='initiator' ;;
    'initiator show') flags='' valued='' args='initiator' ;;
    'limits set') flags='--max-connections --max-logins-per-address --tasks-per-session --data-memory --pool-cache --pool-dirty --login-timeout-ms --nop-interval-ms --nop-timeout-ms --max-recv-data-segment --max-burst --first-burst --max-outstanding-r2t' valued='--max-connections --max-logins-per-address --tasks-per-session --data-memory --pool-cache --pool-dirty --login-timeout-ms --nop-interval-ms --nop-timeout-ms --max-recv-data-segment --max-burst --first-burst --max-outstanding-r2t' args='' ;;
    'limits show') flags='' valued='' args='' ;;
    'lun add') flags='--lun' valued='--lun' args='target,volume' ;;
    'lun list') flags='' valued='' args='target' ;;
    'lun remove') flags='' valued='' args='target,-' ;;
    'pool add') flags='--force' valued='' args='-,-' ;;
    'pool attach') flags='--force' valued='' args='pool,-,-' ;;
    'pool clear') flags='' valued='' args='pool,-' ;;
    'pool create') flags='--ashift --force' valued='--ashift' args='-,-' ;;
    'pool destroy') flags='--force' valued='' args='pool' ;;
    'pool detach') flags='' valued='' args='pool,-' ;;
    'pool errors') flags='' valued='' args='pool' ;;
    'pool export') flags='--force' valued='' args='pool' ;;
    'pool found') flags='' valued='' args='-' ;;
    'pool get') flags='' valued='' args='pool,-' ;;
    'pool history') flags='--internal' valued='' args='pool' ;;
    'pool import') flags='--devices --read-only --force --destroyed --rewind --rewind-far' valued='--devices' args='pool,-' ;;
    'pool list') flags='' valued='' args='' ;;
    'pool offline') flags='' valued='' args='pool,-' ;;
    'pool online') flags='' valued='' args='pool,-' ;;
    'pool remove') flags='' valued='' args='pool,-' ;;
    'pool replace') flags='--force' valued='' args='pool,-,-' ;;
    'pool scrub') flags='--pause --stop' valued='' args='pool' ;;
    'pool set') flags='' valued='' args='pool,-,-' ;;
    'pool status') flags='--paths' valued='' args='pool' ;;
    'portal add') flags='--port --group --interface --advertise' valued='--port --group --interface --advertise' args='-' ;;
    'portal group') flags='--alua-group' valued='--alua-group' args='-' ;;
    'portal list') flags='' valued='' args='' ;;
    'portal remove') flags='--port --group' valued='--port --group' args='-' ;;
    'session drop') flags='' valued='' args='session' ;;
    'session list') flags='' valued='' args='' ;;
    'stats') flags='--histograms' valued='' args='' ;;
    'status') flags='--watch --interval' valued='--interval' args='' ;;
    'target create') flags='--alias --portal-groups' valued='--alias --portal-groups' args='-' ;;
    'target delete') flags='--force' valued='' args='target' ;;
    'target list') flags='' valued='' args='' ;;
    'target set') flags='--alias --portal-groups --disabled --no-disabled --redirect --redirect-permanent --no-redirect-permanent' valued='--alias --portal-groups --redirect' args='target' ;;
    'target show') flags='' valued='' args='target' ;;
    'volume create') flags='--size --engine --path --dataset --volblocksize --compression --checksum --parents --block-size --physical-block --thick --read-only --sync --iops-limit --bandwidth-limit --threshold-pct --force' valued='--size --engine --path --dataset --volblocksize --compression --checksum --block-size --physical-block --sync --iops-limit --bandwidth-limit --threshold-pct' args='-' ;;
    'volume delete') flags='--force --keep' valued='' args='volume' ;;
    'volume list') flags='' valued='' args='' ;;
    'volume orphans') flags='' valued='' args='' ;;
    'volume resize') flags='--force' valued='' args='volume,-' ;;
    'volume set') flags='--read-only --no-read-only --sync --iops-limit --bandwidth-limit --threshold-pct --force' valued='--sync --iops-limit --bandwidth-limit --threshold-pct' args='volume' ;;
    'volume show') flags='' valued='' args='volume' ;;
    esac
}
_zsan_values() {
    values=''
    case "$1" in
    --auth) values='mutual one-way none' ;;
    --engine) values='file pool mem null' ;;
    --level) values='error warn info debug' ;;
    --sync) values='always standard disabled' ;;
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
