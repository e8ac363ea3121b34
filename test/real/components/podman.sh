#!/usr/bin/env bash
# Podman with a storage of its own: podman.sh up | down
#
# `up` is idempotent (about 2 s the first time) and prints `NAME=value` lines:
#   CONTAINERS_CONF, CONTAINERS_STORAGE_CONF   for every podman of the test
#   HEDDLE_TEST_IMAGE                          busybox, made here
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container-images.sh"
home=$COMPONENTS/podman
export CONTAINERS_CONF=$home/containers.conf CONTAINERS_STORAGE_CONF=$home/storage.conf
image=localhost/heddle/busybox:1

if [ "${1:-up}" = down ]; then
  [ -d "$home" ] || exit 0
  podman rm -f -a -t 0 >/dev/null 2>&1 || true
  umount "$home/storage/overlay" 2>/dev/null || true
  exit 0
fi
for program in podman conmon catatonit; do
  command -v $program >/dev/null || unavailable "no $program on this machine (apt-get install podman runc catatonit)"
done
[ "$(id -u)" = 0 ] || unavailable 'podman of the tests is root: limits and owners are looked at'
runtime=$(command -v runc || command -v crun) || unavailable 'no runc on this machine (apt-get install runc)'

mkdir -p "$home"
# Podman asks for more files and processes than who has no CAP_SYS_RESOURCE may have: then nothing starts.
files=$(ulimit -Hn)
processes=$(ulimit -Hu)
[ "$files" != unlimited ] || files=1048576
[ "$processes" != unlimited ] && [ "$processes" -lt 8192 ] || processes=8192
cat >"$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=1024:$files", "nproc=4096:$processes"]
netns = "none"
log_driver = "k8s-file"
[engine]
runtime = "$(basename "$runtime")"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$home/run/libpod"
CONF
cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "overlay"
graphroot = "$home/storage"
runroot = "$home/run"
CONF
make_images
podman image exists $image ||
  podman import --change 'ENV PATH=/bin' --change 'CMD ["/bin/sh"]' "$images/busybox.tar" $image >/dev/null 2>"$home/import.log" ||
  unavailable "podman has no storage here: $(tail -n 1 "$home/import.log")"
[ "$(cd "$home" && podman run --rm --network none $image echo works)" = works ]
echo "CONTAINERS_CONF=$CONTAINERS_CONF"
echo "CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF"
echo "HEDDLE_TEST_IMAGE=$image"
