#!/usr/bin/env bash
# Charliecloud and bubblewrap, and an unpacked image for them: hpc-runtimes.sh up | down
#
# `up` prints `NAME=value` lines:
#   HEDDLE_TEST_ROOTFS   busybox, unpacked
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container-images.sh"

[ "${1:-up}" = up ] || exit 0
for program in ch-run bwrap; do
  command -v $program >/dev/null || unavailable "no $program on this machine (apt-get install charliecloud bubblewrap)"
done
make_images
USER=${USER:-root} ch-run "$images/busybox" -- /bin/true || unavailable 'ch-run may make no containers here'
bwrap --ro-bind "$images/busybox" / --proc /proc --dev /dev --unshare-pid /bin/true || unavailable 'bwrap may make no sandbox here'
echo "HEDDLE_TEST_ROOTFS=$images/busybox"
