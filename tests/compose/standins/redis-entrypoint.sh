#!/bin/sh
# What the compose file relies on of redis:7.2: from root to user 999, the folder /data, protected mode off.
set -e
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . \! -user redis -exec chown redis '{}' +
  exec setpriv --reuid redis --regid redis --clear-groups -- "$0" "$@"
fi
exec "$@" --protected-mode no
