#!/usr/bin/env bash
# Installs what the tests on real components need, on Debian or Ubuntu, as root. Starts nothing: see the *.sh beside it.
set -euo pipefail

packages=(
  procps make gzip
  busybox-static # a third shell for the wrapper of the work directory
  postgresql
  slurmctld slurmd slurm-client munge
  bwa samtools bcftools bowtie2-examples # real tools and real reads for examples/variant-calling
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

# A package that starts a service of its own would take its ports: refuse that where nothing else does.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi

apt() { RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" </dev/null; }
apt install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
  apt update
  apt install -y --no-install-recommends "${missing[@]}"
}
