#!/bin/sh
# Starts the builder's Docker Engine inside the image docker:28-dind. Plain POSIX sh: that image is Alpine.
#
#   IMAGEYARD_REGISTRY         the registry's name in image names
#   IMAGEYARD_REGISTRY_SCHEME  http where a registry that is not on a loopback address has no TLS
#   REGISTRY_DOOR              host:port of the registry on this network, for a name that is a loopback address
#   IMAGEYARD_URL              where log-ins at the registry are checked
#   WEB_DOOR                   host:port of web on this network, for an address that is a loopback one
#   HUB_CACHE                  host:port of the cache for Docker Hub, where there is one
#   BUILDER_DNS                name servers for RUN steps, where those of the host are not right
set -eu

registry=${IMAGEYARD_REGISTRY:-127.0.0.1:5000}
web=${IMAGEYARD_URL:-http://127.0.0.1:8000}
web=${web#*://}
web=${web%%/*}

# The port of a loopback address, and nothing for any other.
loopback_port() {
  case $1 in
    127.0.0.1:* | localhost:*) echo "${1##*:}" ;;
    127.0.0.1 | localhost) echo 80 ;;
  esac
}
door_port=$(loopback_port "$registry")
web_port=$(loopback_port "$web")

# The iptables that the engine uses: dockerd-entrypoint.sh falls back to the legacy one on hosts with old rules.
iptables_with() {
  if iptables -w -t "$1" -nL "$2" >/dev/null 2>&1; then
    echo iptables
  else
    echo /usr/local/sbin/.iptables-legacy/iptables
  fi
}

address_of() { getent hosts "$1" 2>/dev/null | awk 'NR == 1 { print $1 }'; }

# Images are called 127.0.0.1:5000/… because that is where people find them. In here the same address has to lead to
# the registry's container: the kernel rewrites it, and this loop follows the registry's address when it changes.
# The same for web, where the engine gets its log-ins. $1: port here, $2: host:port there, $3: touched once it leads there.
keep_door() {
  door_port=$1 door=$2 known=
  while :; do
    now=$(address_of "${door%:*}")
    if [ -n "$now" ] && [ "$now" != "$known" ]; then
      tables=$(iptables_with nat DOCKER)
      if [ -n "$known" ]; then
        "$tables" -w -t nat -D OUTPUT -d 127.0.0.1 -p tcp --dport "$door_port" -j DNAT --to-destination "$known:${door##*:}"
      fi
      "$tables" -w -t nat -I OUTPUT -d 127.0.0.1 -p tcp --dport "$door_port" -j DNAT --to-destination "$now:${door##*:}"
      "$tables" -w -t nat -C POSTROUTING -s 127.0.0.1 ! -o lo -j MASQUERADE 2>/dev/null ||
        "$tables" -w -t nat -A POSTROUTING -s 127.0.0.1 ! -o lo -j MASQUERADE
      known=$now
      touch "$3"
    fi
    # Everybody waits for the first address; a new one later is met by builds that try again.
    if [ -n "$known" ]; then sleep 1; else sleep 0.2; fi
  done
}

# What a Dockerfile runs may use the internet, but not this network: it is not theirs.
close_network() {
  tables=$(iptables_with filter DOCKER-USER)
  ip -o -4 address show | awk '$2 !~ /^(lo|docker|br-)/ { print $4 }' | while read -r subnet; do
    "$tables" -w -I DOCKER-USER -d "$subnet" -j REJECT
  done
}

when_engine_answers() {
  until docker version >/dev/null 2>&1; do sleep 0.2; done
  close_network
  if [ -n "$web_port" ]; then keep_door "$web_port" "${WEB_DOOR:-web:8000}" /run/web-door & fi
  if [ -n "$door_port" ]; then
    keep_door "$door_port" "${REGISTRY_DOOR:-registry:5000}" /run/builder-ready
  else
    touch /run/builder-ready
  fi
}

# The engine would hand 127.0.0.11, which only exists in this container, to RUN steps, or rather Google's servers in its
# place. Docker writes the servers behind it into resolv.conf: `# ExtServers: [10.0.0.2 host(10.0.0.3)]`.
name_servers() {
  if [ -n "${BUILDER_DNS:-}" ]; then
    echo "$BUILDER_DNS" | tr ', ' '\n\n'
  else
    sed -n 's/^# ExtServers: \[\(.*\)\]$/\1/p' /etc/resolv.conf | tr ' ' '\n' | sed 's/^host(\(.*\))$/\1/'
  fi | grep -vE '^(127\.|::1$|$)' || :
}

rm -f /run/builder-ready
set -- --host="$DOCKER_HOST" --group=10001
for server in $(name_servers); do set -- "$@" --dns="$server"; done
if [ -z "$door_port" ] && [ "${IMAGEYARD_REGISTRY_SCHEME:-}" = http ]; then set -- "$@" --insecure-registry="$registry"; fi

# Base images of Docker Hub come from the cache where there is one, and past it where it does not answer.
if [ -n "${HUB_CACHE:-}" ]; then set -- "$@" --registry-mirror="http://$HUB_CACHE"; fi

when_engine_answers &
# With `dockerd` as its first argument the entry point opens no TCP port.
exec dockerd-entrypoint.sh dockerd "$@"
