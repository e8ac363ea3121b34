#!/usr/bin/env bash
# Hosts behind ssh, on one machine: sshd.sh up | down
#
# Several sshd on loopback addresses, each with its own address, host key and log; key login only. Nothing under /etc or
# ~/.ssh but users of these hosts alone, who have their homes here and go with them:
#   plain   /bin/sh, no start-up files
#   noisy   bash, start-up files that print on both streams and read standard input
#   greedy  bash, a start-up file that takes all the input it can get
#   csh     tcsh, a .cshrc that prints
#   old     bash, a PATH whose node is an old one; older is another one
# `up` is idempotent (about 0.5 s) and prints `NAME=value` lines:
#   SSHD_CONFIG  an ssh_config with the hosts h1, h2, h3 (user plain); on h1 also noisy, greedy, csh, and none, who
#                has no login shell; far is h2 by way of h1; old is on h1, older on h2. h3 takes passwords too, and grants one session a connection
#   SSHD_LAB     directory with h1/pid, h1/log (one 'Accepted' a login), ..., known_hosts, id, home-plain, home-noisy, ...
#   SSHD_PORT    the same on all; h1 is 127.0.9.1, and so on
#   SSHD_SMALL   a directory with room for 1 MB, plain's; empty where nothing can be mounted
. "$(dirname "$0")/lib.sh"
lab=$COMPONENTS/sshd
hosts=3
net=127.0.9
# Several of these may be up on one machine: each has users of its own.
name=heddle-$(printf %s "$lab" | cksum | cut -d' ' -f1)
users='plain noisy greedy csh old older'

down() {
  [ -d "$lab" ] || return 0
  local file who
  # Sessions are children of their listener and outlive it.
  for file in "$lab"/h*/pid; do
    if alive "$file"; then pkill -KILL -P "$(cat "$file")" 2>/dev/null || true; fi
  done
  stop TERM 3 "$lab"/h*/pid
  if mountpoint -q "$lab/small"; then umount -l "$lab/small"; fi
  for who in $users; do
    id "$name-$who" >/dev/null 2>&1 || continue
    pkill -KILL -u "$name-$who" 2>/dev/null || true
    userdel -f "$name-$who" 2>/dev/null || true
  done
}
if [ "${1:-up}" = down ]; then down; exit 0; fi

for program in sshd tcsh ssh-keygen; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || unavailable "no $program on this machine (apt-get install openssh-server openssh-client tcsh)"
done
[ "$(id -u)" = 0 ] || unavailable "hosts behind ssh need root, to become several users"

mkdir -p "$lab" /run/sshd
chmod 755 "$lab"

# '*' for a password: none can be given, and the account is not locked, which sshd would refuse.
user() {
  local home=$lab/home-$1
  id "$name-$1" >/dev/null 2>&1 || useradd -M -d "$home" -s "$2" -p '*' "$name-$1"
  [ -d "$home" ] || install -d -o "$name-$1" -g "$name-$1" "$home"
}
user plain /bin/sh
user noisy /bin/bash
user greedy /bin/bash
user csh "$(command -v tcsh)"
user old /bin/bash
user older /bin/bash
# bash reads .bashrc under sshd, even when it is given a command.
cat >"$lab/home-noisy/.bashrc" <<'RC'
echo 'Welcome to the cluster!   Maintenance on Monday.'
echo 'module: command not found' >&2
read -r answer
read -r another
printf 'quota: 17%% used, no newline here'
set -x
RC
echo 'head -n 1' >"$lab/home-greedy/.bashrc"
cat >"$lab/home-csh/.cshrc" <<'RC'
echo "csh says hello"
set prompt = "%m> "
RC

mkdir -p "$lab/bin"
printf '#!/bin/sh\necho v18.20.4\n' >"$lab/bin/node"
chmod 755 "$lab/bin" "$lab/bin/node"
for who in old older; do echo "PATH=$lab/bin:\$PATH" >"$lab/home-$who/.bashrc"; done

[ -f "$lab/id" ] || ssh-keygen -q -t ed25519 -N '' -C heddle -f "$lab/id"
cp "$lab/id.pub" "$lab/authorized_keys"
chmod 644 "$lab/authorized_keys"
printf 'The administrators of this system watch what you do.\n' >"$lab/banner"

# A port that is free on all addresses, kept for the hosts' life.
listening() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }
free_port() {
  local port i
  for _ in $(seq 1 50); do
    port=$((20000 + RANDOM % 10000))
    for i in $(seq 1 $hosts); do if listening $net.$i "$port"; then continue 2; fi; done
    echo "$port"
    return
  done
}
[ -s "$lab/port" ] || free_port >"$lab/port"
port=$(cat "$lab/port")

: >"$lab/known_hosts.new"
: >"$lab/config.new"
for i in $(seq 1 $hosts); do
  home=$lab/h$i address=$net.$i
  mkdir -p "$home"
  [ -f "$home/key" ] || ssh-keygen -q -t ed25519 -N '' -C "h$i" -f "$home/key"
  echo "[$address]:$port $(cut -d' ' -f1,2 "$home/key.pub")" >>"$lab/known_hosts.new"
  # MaxSessions stays the 10 of sshd on most: who multiplexes has to live with it.
  more=
  [ "$i" != 3 ] || more=$'MaxSessions 1\nPasswordAuthentication yes'
  cat >"$home/sshd_config" <<CONF
ListenAddress $address
Port $port
HostKey $home/key
PidFile $home/pid
AuthorizedKeysFile $lab/authorized_keys
StrictModes no
$more
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
Banner $lab/banner
MaxStartups 500:30:1000
SetEnv HEDDLE_HOST=h$i
Subsystem sftp internal-sftp
LogLevel VERBOSE
CONF
  alive "$home/pid" || { rm -f "$home/pid"; setsid "$(PATH=$PATH:/usr/sbin command -v sshd)" -f "$home/sshd_config" -E "$home/log" </dev/null; }
  printf 'Host h%s\n  HostName %s\n' "$i" "$address" >>"$lab/config.new"
done
cat >>"$lab/config.new" <<CONF
Host noisy
  User $name-noisy
Host greedy
  User $name-greedy
Host csh
  User $name-csh
Host none
  User nobody
Host old
  User $name-old
Host noisy greedy csh none old
  HostName $net.1
Host older
  User $name-older
  HostName $net.2
Host far
  HostName $net.2
  ProxyJump h1
Host *
  Port $port
  User $name-plain
  IdentityFile $lab/id
  IdentitiesOnly yes
  UserKnownHostsFile $lab/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
CONF
mv "$lab/known_hosts.new" "$lab/known_hosts"
mv "$lab/config.new" "$lab/config"
for i in $(seq 1 $hosts); do wait_for 10 "the ssh host h$i" listening $net.$i "$port"; done

small=$lab/small
if ! mountpoint -q "$small"; then
  mkdir -p "$small"
  mount -t tmpfs -o size=1m,mode=700,uid="$(id -u $name-plain)" tmpfs "$small" 2>/dev/null || small=
fi

echo "SSHD_CONFIG=$lab/config"
echo "SSHD_LAB=$lab"
echo "SSHD_PORT=$port"
echo "SSHD_SMALL=$small"
