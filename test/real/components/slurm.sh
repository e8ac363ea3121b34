#!/usr/bin/env bash
# A Slurm cluster of one's own on one machine: slurm.sh up | down
#
# munged, slurmctld and three slurmd, without accounting. Two nodes claim eight CPUs each, the third 600 for jobs that only
# wait; what is not there can be claimed. Partitions: `main` (default), `low` and `high` on the same nodes (who comes into
# `high` ends who is in `low`), `wide` on the third. Memory is watched by cgroup v1 where there is one, else by Slurm's own
# polling of jobs that ask for it (--acctg-freq=task=1). No systemd, no default ports, nothing under /etc.
# `up` is idempotent (about 3 s) and prints `NAME=value` lines for the clients:
#   SLURM_CONF, MUNGE_SOCKET, SLURM_MEMORY (cgroup or polled)
# For tests: `slurm.sh stop` ends the controller alone, `slurm.sh up` starts it again; SLURM_MIN_JOB_AGE says for how many
# seconds a controller that is started keeps records of ended jobs (300), SLURM_NO_CGROUP=1 that there are no cgroups.
. "$(dirname "$0")/lib.sh"
lab=$COMPONENTS/slurm
nodes=3

export SLURM_CONF=$lab/slurm.conf

down() {
  [ -d "$lab" ] || return 0
  # Jobs first: their steps outlive slurmd otherwise.
  if alive "$lab/run/slurmctld.pid"; then
    timeout 5 squeue -h -o %A 2>/dev/null | sort -u | xargs -r timeout 10 scancel 2>/dev/null || true
    for _ in $(seq 1 40); do [ -n "$(timeout 2 squeue -h -t CG,R -o %A 2>/dev/null)" ] || break; sleep 0.1; done
  fi
  stop TERM 5 "$lab"/run/slurmd-*.pid
  # Steps that are still there name their cluster only in their environment.
  for pid in $(pgrep -x slurmstepd); do
    if { tr '\0' '\n' <"/proc/$pid/environ"; } 2>/dev/null | grep -qx "SLURM_CONF=$SLURM_CONF"; then kill -KILL "$pid"; fi
  done
  stop TERM 15 "$lab/run/slurmctld.pid"
  stop TERM 3 "$lab/munge/pid"
}
if [ "${1:-up}" = down ]; then down; exit 0; fi
if [ "${1:-up}" = stop ]; then stop TERM 15 "$lab/run/slurmctld.pid"; exit 0; fi

for program in slurmctld slurmd sbatch munged; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || unavailable "no $program on this machine (apt-get install slurmctld slurmd slurm-client munge)"
done
[ "$(id -u)" = 0 ] || unavailable "a Slurm cluster of one's own needs root, to become the users slurm and munge"
export PATH=$PATH:/usr/sbin

# Ports nobody listens on, kept for the cluster's life.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_base() {
  local base port
  for _ in $(seq 1 50); do
    base=$((20000 + RANDOM % 10000))
    for port in $(seq "$base" $((base + nodes))); do if listening "$port"; then continue 2; fi; done
    echo "$base"
    return
  done
}
mkdir -p "$lab"/{munge,ctld,log,run}
chmod 755 "$lab" "$lab"/{log,run,munge}
chown munge:munge "$lab/munge"
chown slurm:slurm "$lab"/{ctld,log,run}
[ -s "$lab/port" ] || free_base >"$lab/port"
port=$(cat "$lab/port")
host=$(hostname -s)

socket=$lab/munge/socket
if [ ! -s "$lab/munge/key" ]; then
  head -c 1024 /dev/urandom >"$lab/munge/key"
  chown munge:munge "$lab/munge/key"
  chmod 400 "$lab/munge/key"
fi
munge -n -S "$socket" >/dev/null 2>&1 || {
  rm -f "$socket" "$socket.lock" "$lab/munge/pid"
  setpriv --reuid munge --regid munge --clear-groups munged --force --socket "$socket" --key-file "$lab/munge/key" \
    --pid-file "$lab/munge/pid" --log-file "$lab/munge/log" --seed-file "$lab/munge/seed" --num-threads 2 >&2
}

memory=polled
if [ "${SLURM_NO_CGROUP:-}" = '' ] && [ -w /sys/fs/cgroup/memory/memory.limit_in_bytes ] && [ -d /sys/fs/cgroup/freezer ]; then
  memory=cgroup
fi
cat >"$lab/cgroup.conf" <<CONF
CgroupPlugin=autodetect
CgroupAutomount=no
ConstrainRAMSpace=$([ $memory = cgroup ] && echo yes || echo no)
CONF
if [ $memory = cgroup ]; then
  watch='ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherType=jobacct_gather/none'
else
  watch='ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=0'
fi

# cred_expire: a requeued job waits this long and 1 s before it may start again (120 by default).
# batch_sched_delay, sched_min_interval: a test need not wait for the scheduler's comfort.
cat >"$lab/slurm.conf.new" <<CONF
ClusterName=heddle
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=slurm
AuthType=auth/munge
AuthInfo=socket=$socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$lab/ctld
SlurmctldPidFile=$lab/run/slurmctld.pid
SlurmctldLogFile=$lab/log/slurmctld.log
SlurmdSpoolDir=$lab/slurmd-%n
SlurmdPidFile=$lab/run/slurmd-%n.pid
SlurmdLogFile=$lab/log/slurmd-%n.log
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=64
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=10000,batch_sched_delay=0,bf_interval=1,bf_continue,sched_interval=5
PriorityType=priority/basic
MaxArraySize=1001
KillWait=4
SlurmctldTimeout=10
SlurmdTimeout=10
MessageTimeout=10
$watch
MinJobAge=${SLURM_MIN_JOB_AGE:-300}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
$(for i in $(seq 1 $nodes); do echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + i)) $([ "$i" = $nodes ] && echo CPUs=600 RealMemory=65536 || echo CPUs=8 RealMemory=2048)"; done)
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=low Nodes=n[1-2] MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes=n[1-2] MaxTime=INFINITE State=UP PriorityTier=20 PreemptMode=OFF
PartitionName=wide Nodes=n3 MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
mv "$lab/slurm.conf.new" "$SLURM_CONF"
chmod 644 "$SLURM_CONF"

if ! alive "$lab/run/slurmctld.pid"; then
  rm -f "$lab/run/slurmctld.pid"
  setsid slurmctld -i </dev/null >"$lab/log/slurmctld.out" 2>&1
fi
for i in $(seq 1 "$nodes"); do
  pid=$lab/run/slurmd-n$i.pid
  if ! alive "$pid"; then
    rm -f "$pid"
    mkdir -p "$lab/slurmd-n$i"
    setsid slurmd -N "n$i" </dev/null >"$lab/log/slurmd-n$i.out" 2>&1
  fi
done
ready() { [ "$(sinfo -h -N -p main,wide -t idle,mix,alloc -o %N | sort -u | wc -l)" -ge "$nodes" ]; }
wait_for 60 'the Slurm cluster' ready

echo "SLURM_CONF=$SLURM_CONF"
echo "MUNGE_SOCKET=$socket"
echo "SLURM_MEMORY=$memory"
