#!/bin/sh
# What the compose file relies on of docker:28-dind: arguments that start with `dockerd` are run as they are.
set -eu
if [ "$#" -eq 0 ] || [ "${1#-}" != "$1" ]; then
  echo >&2 "this stand-in has no defaults: the first argument has to be dockerd"
  exit 1
fi
find /run /var/run -iname 'docker*.pid' -delete || :
# docker:28-dind has a script for this part (moby's hack/dind): an engine in a container has to make the mounts that
# a host has, here the named hierarchies of control groups of version 1.
mountpoint -q /sys/fs/cgroup || mount -t tmpfs cgroup /sys/fs/cgroup
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/init
  xargs -rn1 </sys/fs/cgroup/cgroup.procs >/sys/fs/cgroup/init/cgroup.procs || :
  sed -e 's/ / +/g' -e 's/^/+/' </sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
fi
exec docker-init -- "$@"
