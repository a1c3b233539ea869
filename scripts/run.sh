#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh ZSAND ZSAN: what `make run` does after the build. STATE: folder of the configuration and the demo
# volume; PORT: where to listen on 127.0.0.1. As root the daemon runs as the user zsan.
set -eu
zsand=$1
port=${PORT:-3260}
if [ "$(id -u)" = 0 ]; then
    state=${STATE:-/var/lib/zsan}
    id zsan >/dev/null 2>&1 || adduser --system --group --home /var/lib/zsan --no-create-home --quiet zsan
    set -- --user zsan
else
    state=${STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/zsan}
    set --
fi
exec "$zsand" --state "$state" --first-start --port "$port" "$@"
