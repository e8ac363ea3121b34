#!/usr/bin/env bash
# Installs what the tests on real components need, on Debian or Ubuntu, as root. Starts nothing: see the *.sh beside it.
set -euo pipefail

# What rocrate.sh tells of. Of the package rocrate only its copy of the context of RO-Crate 1.1 is wanted; later versions have a later one.
install_rocrate() {
  local home=/opt/heddle-components/rocrate
  [ ! -e $home/installed ] || return 0
  /usr/bin/python3 -m venv --clear $home
  $home/bin/pip install --quiet --disable-pip-version-check roc-validator==0.13.0
  $home/bin/pip install --quiet --disable-pip-version-check --no-deps --target $home/context rocrate==0.13.0
  touch $home/installed
}

packages=(
  procps make gzip
  busybox-static # a third shell for the wrapper of the work directory
  postgresql
  slurmctld slurmd slurm-client munge
  gridengine-master gridengine-exec gridengine-client
  openssh-server openssh-client openssh-sftp-server tcsh
  podman runc conmon catatonit docker.io iptables charliecloud bubblewrap # containers, run by what there is in Debian
  bwa samtools bcftools bowtie2-examples # real tools and real reads for examples/variant-calling
  python3-venv # for what follows
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then
  install_rocrate
  exit 0
fi

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
# Asked of its packages so that they make no cell of their own.
printf '%s\n' 'gridengine-common shared/gridengineconfig boolean false' \
  'gridengine-common shared/gridenginemaster string localhost' \
  'gridengine-common shared/gridenginecell string default' | debconf-set-selections

apt() { RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" </dev/null; }
apt install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
  apt update
  apt install -y --no-install-recommends "${missing[@]}"
}
install_rocrate
