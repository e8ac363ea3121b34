#!/usr/bin/env bash
# A dockerd of one's own, without bridge and iptables: docker.sh up | down
#
# `up` is idempotent (about 2 s the first time) and prints `NAME=value` lines:
#   DOCKER_HOST         for every docker of the test
#   HEDDLE_TEST_IMAGE   busybox, made here
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container-images.sh"
home=$COMPONENTS/docker
export DOCKER_HOST=unix://$home/docker.sock
image=heddle/busybox:1

if [ "${1:-up}" = down ]; then
  if alive "$home/docker.pid"; then
    docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
    stop TERM 30 "$home/docker.pid"
  fi
  umount "$home/exec/netns/default" 2>/dev/null || true
  exit 0
fi
for program in dockerd docker runc; do
  PATH=$PATH:/usr/sbin command -v $program >/dev/null || unavailable "no $program on this machine (apt-get install docker.io)"
done
[ "$(id -u)" = 0 ] || unavailable 'a dockerd of one'"'"'s own needs root'

if ! alive "$home/docker.pid"; then
  mkdir -p "$home"
  rm -f "$home/docker.pid" "$home/docker.sock"
  echo '{}' >"$home/daemon.json"
  PATH=$PATH:/usr/sbin setsid nohup dockerd --config-file "$home/daemon.json" -H "$DOCKER_HOST" --data-root "$home/data" \
    --exec-root "$home/exec" --pidfile "$home/docker.pid" --iptables=false --ip6tables=false --bridge=none \
    >"$home/log" 2>&1 </dev/null &
fi
wait_for 30 dockerd docker version
make_images
docker image inspect $image >/dev/null 2>&1 ||
  docker import --change 'ENV PATH=/bin' --change 'CMD ["/bin/sh"]' "$images/busybox.tar" $image >/dev/null
[ "$(docker run --rm --network none $image echo works)" = works ]
echo "DOCKER_HOST=$DOCKER_HOST"
echo "HEDDLE_TEST_IMAGE=$image"
