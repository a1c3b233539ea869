# SPDX-License-Identifier: BSD-2-Clause
# Made of api/zsan.yaml by scripts/genapi.py.
_zsan_nouns='volume target lun portal host initiator grant session status stats event limits config help'
_zsan_verbs() {
    case $1 in
    volume) echo 'list show create set resize delete' ;;
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
    flags='' args=''
    case "$1" in
    'config apply') flags='' args='@' ;;
    'config export') flags='--with-secrets' args='' ;;
    'config generations') flags='' args='' ;;
    'config plan') flags='' args='@' ;;
    'config rollback') flags='' args='-' ;;
    'event list') flags='--after --level' args='' ;;
    'grant add') flags='' args='host+initiator,target' ;;
    'grant finish') flags='' args='host+initiator,target' ;;
    'grant list') flags='' args='' ;;
    'grant remove') flags='' args='host+initiator,target' ;;
    'grant rotate') flags='' args='host+initiator,target' ;;
    'grant secret') flags='--secret-file' args='initiator,target' ;;
    'host add') flags='' args='-,-' ;;
    'host list') flags='' args='' ;;
    'host remove') flags='--force' args='host' ;;
    'initiator add') flags='--host --auth --chap' args='-' ;;
    'initiator finish') flags='' args='initiator' ;;
    'initiator list') flags='' args='' ;;
    'initiator remove') flags='' args='initiator' ;;
    'initiator rotate') flags='' args='initiator' ;;
    'initiator secret') flags='--secret-file' args='initiator' ;;
    'initiator set') flags='--host --auth --chap' args='initiator' ;;
    'initiator show') flags='' args='initiator' ;;
    'limits set') flags='--max-connections --max-logins-per-address --tasks-per-session --data-memory --login-timeout-ms --nop-interval-ms --nop-timeout-ms --max-recv-data-segment --max-burst --first-burst --max-outstanding-r2t' args='' ;;
    'limits show') flags='' args='' ;;
    'lun add') flags='--lun' args='target,volume' ;;
    'lun list') flags='' args='target' ;;
    'lun remove') flags='' args='target,-' ;;
    'portal add') flags='--port --group --interface --advertise' args='-' ;;
    'portal group') flags='--alua-group' args='-' ;;
    'portal list') flags='' args='' ;;
    'portal remove') flags='--port --group' args='-' ;;
    'session drop') flags='' args='session' ;;
    'session list') flags='' args='' ;;
    'stats') flags='--histograms' args='' ;;
    'status') flags='--watch --interval' args='' ;;
    'target create') flags='--alias --portal-groups' args='-' ;;
    'target delete') flags='--force' args='target' ;;
    'target list') flags='' args='' ;;
    'target set') flags='--alias --portal-groups --disabled --no-disabled --redirect --redirect-permanent --no-redirect-permanent' args='target' ;;
    'target show') flags='' args='target' ;;
    'volume create') flags='--size --engine --path --block-size --physical-block --thick --read-only --sync --iops-limit --bandwidth-limit --threshold-pct --force' args='-' ;;
    'volume delete') flags='--force --keep' args='volume' ;;
    'volume list') flags='' args='' ;;
    'volume resize') flags='' args='volume,-' ;;
    'volume set') flags='--read-only --no-read-only --sync --iops-limit --bandwidth-limit --threshold-pct --force' args='volume' ;;
    'volume show') flags='' args='volume' ;;
    esac
}
_zsan_values() {
    values=''
    case "$1" in
    --auth) values='mutual one-way none' ;;
    --engine) values='file mem null' ;;
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
    local flags args values cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} noun='' verb='' n=0 word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --socket) ((i++)) ;;
        -*) _zsan_values "$word" ;;
        *) if [ -z "$noun" ]; then noun=$word; elif [ -z "$verb" ] && [ -n "$(_zsan_verbs "$noun")" ]; then verb=$word; else ((n++)); fi ;;
        esac
    done
    _zsan_look "$noun${verb:+ $verb}"
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
