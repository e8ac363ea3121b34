#!/usr/bin/env bash
# A Grid Engine cell of one's own on one machine: sge.sh up | down
#
# One qmaster and one execd with sixteen slots (claimed, not there). No systemd, no default ports, nothing under /etc.
# `up` is idempotent (about 4 s) and prints `NAME=value` lines for the clients:
#   SGE_ROOT, SGE_CELL, SGE_CLUSTER_NAME, SGE_QMASTER_PORT, SGE_EXECD_PORT, SGE_BIN (the programs), SGE_LAB (where it lives)
. "$(dirname "$0")/lib.sh"
lab=$COMPONENTS/sge
bin=/usr/lib/gridengine
slots=16
export SGE_ROOT=$lab/root SGE_CELL=lab SGE_CLUSTER_NAME=lab

# The wrappers of the package in /usr/bin know its own cell only.
export PATH=$bin:$PATH LD_LIBRARY_PATH=$bin
if [ -s "$lab/port" ]; then
  SGE_QMASTER_PORT=$(cat "$lab/port")
  SGE_EXECD_PORT=$((SGE_QMASTER_PORT + 1))
  export SGE_QMASTER_PORT SGE_EXECD_PORT
fi

down() {
  local shepherd child
  [ -d "$lab" ] || return 0
  # Jobs first: their shepherds outlive execd, and are known by their directory.
  if alive "$lab/qmaster/qmaster.pid"; then
    timeout 5 qdel -f -u '*' >/dev/null 2>&1 || true
    for _ in $(seq 1 30); do [ -n "$(timeout 2 qstat -u '*' 2>/dev/null)" ] || break; sleep 0.1; done
  fi
  stop TERM 5 "$lab/execd.pid"
  for shepherd in $(pgrep -x sge_shepherd || true); do
    case "$(readlink "/proc/$shepherd/cwd" || true)" in
      "$lab"/*)
        for child in $(pgrep -P "$shepherd" || true); do kill -KILL -- "-$child" 2>/dev/null || kill -KILL "$child" 2>/dev/null || true; done
        kill -KILL "$shepherd" 2>/dev/null || true
        ;;
    esac
  done
  stop TERM 10 "$lab/qmaster/qmaster.pid"
}
if [ "${1:-up}" = down ]; then down; exit 0; fi

for program in sge_qmaster sge_execd qsub qacct; do
  [ -x "$bin/$program" ] || unavailable "no $program on this machine (apt-get install gridengine-master gridengine-exec gridengine-client)"
done
[ "$(id -u)" = 0 ] || unavailable "a Grid Engine cell of one's own needs root, to become the user sgeadmin"

# Two ports nobody listens on, kept for the cell's life.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_base() {
  local base
  for _ in $(seq 1 50); do
    base=$((20000 + RANDOM % 10000))
    if listening "$base" || listening $((base + 1)); then continue; fi
    echo "$base"
    return
  done
}
common=$SGE_ROOT/$SGE_CELL/common
mkdir -p "$common" "$lab"/{qmaster,execd,db,root/bin,root/lib,root/utilbin}
chmod 755 "$lab"
[ -s "$lab/port" ] || free_base >"$lab/port"
SGE_QMASTER_PORT=$(cat "$lab/port")
export SGE_QMASTER_PORT SGE_EXECD_PORT=$((SGE_QMASTER_PORT + 1))
host=$(hostname)

for kind in bin lib utilbin; do ln -sfn "$bin" "$SGE_ROOT/$kind/lx-amd64"; done
ln -sfn /usr/share/gridengine/util "$SGE_ROOT/util"

if [ ! -f "$common/bootstrap" ]; then
  cat >"$lab/bootstrap" <<CONF
admin_user sgeadmin
default_domain none
ignore_fqdn true
spooling_method berkeleydb
spooling_lib libspoolb
spooling_params $lab/db
binary_path $bin
qmaster_spool_dir $lab/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
jvm_threads 0
CONF
  echo "$host" >"$common/act_qmaster"
  # One machine with several names.
  echo "$host localhost" >"$common/host_aliases"
  echo lab >"$common/cluster_name"
  cp /usr/share/gridengine/default-configuration "$lab/conf"
  set_conf() { sed -i "s|^$1[ \t].*|$1 $2|" "$lab/conf"; grep -q "^$1 " "$lab/conf" || echo "$1 $2" >>"$lab/conf"; }
  set_conf execd_spool_dir "$lab/execd"
  set_conf min_uid 0
  set_conf min_gid 0
  set_conf load_report_time 00:00:02
  set_conf max_unheard 00:00:20
  set_conf reschedule_unknown 00:00:10
  set_conf reporting_params "accounting=true reporting=false flush_time=00:00:01 accounting_flush_time=00:00:00 joblog=false sharelog=00:00:00"
  set_conf execd_params PDC_INTERVAL=1
  set_conf shell_start_mode unix_behavior
  set_conf max_aj_instances 10000
  set_conf gid_range 65400-65999
  chown -R sgeadmin:sgeadmin "$lab"
  as_admin() { setpriv --reuid sgeadmin --regid sgeadmin --clear-groups "$@"; }
  mv "$lab/bootstrap" "$common/bootstrap"
  {
    as_admin spoolinit berkeleydb libspoolb "$lab/db" init
    as_admin spooldefaults configuration "$lab/conf"
    as_admin spooldefaults complexes /usr/share/gridengine/util/resources/centry
    as_admin spooldefaults usersets /usr/share/gridengine/util/resources/usersets
    # sgeadmin itself too: the qmaster denies its own threads otherwise.
    as_admin spooldefaults managers root sgeadmin
    as_admin spooldefaults operators root sgeadmin
  } >"$lab/init.log" 2>&1 || { rm -f "$common/bootstrap"; cat "$lab/init.log" >&2; exit 1; }
fi

if ! alive "$lab/qmaster/qmaster.pid"; then
  rm -f "$lab/qmaster/qmaster.pid"
  setsid sge_qmaster </dev/null >"$lab/qmaster.out" 2>&1
  wait_for 30 'the qmaster of Grid Engine' qconf -sh
fi

# The scheduler looks at once when a job comes or ends; the load of the machine closes nothing; memory can be booked.
configure() {
  qconf -ah "$host"
  qconf -as "$host"
  qconf -ssconf | sed 's/^schedule_interval.*/schedule_interval 0:0:1/;s/^flush_submit_sec.*/flush_submit_sec 1/;s/^flush_finish_sec.*/flush_finish_sec 1/;s/^load_formula.*/load_formula slots/;s/^job_load_adjustments.*/job_load_adjustments NONE/' >"$lab/scheduler"
  qconf -Msconf "$lab/scheduler"
  printf 'hostname %s\nload_scaling NONE\ncomplex_values slots=%s,h_vmem=64G\nuser_lists NONE\nxuser_lists NONE\nprojects NONE\nxprojects NONE\nusage_scaling NONE\nreport_variables NONE\n' "$host" $slots >"$lab/exechost"
  qconf -Ae "$lab/exechost"
  printf 'pe_name smp\nslots 9999\nuser_lists NONE\nxuser_lists NONE\nstart_proc_args NONE\nstop_proc_args NONE\nallocation_rule $pe_slots\ncontrol_slaves TRUE\njob_is_first_task TRUE\nurgency_slots min\naccounting_summary FALSE\nqsort_args NONE\n' >"$lab/pe.smp"
  qconf -Ap "$lab/pe.smp"
  sed 's/^pe_name.*/pe_name mpi/;s/^allocation_rule.*/allocation_rule $round_robin/' "$lab/pe.smp" >"$lab/pe.mpi"
  qconf -Ap "$lab/pe.mpi"
  qconf -sq | sed "s/^qname.*/qname all.q/;s/^hostlist.*/hostlist $host/;s/^slots.*/slots $slots/;s/^pe_list.*/pe_list smp mpi/;s|^shell .*|shell /bin/sh|;s/^shell_start_mode.*/shell_start_mode unix_behavior/;s/^load_thresholds.*/load_thresholds NONE/;s/^rerun.*/rerun FALSE/;s/^notify.*/notify 00:00:10/" >"$lab/queue"
  qconf -Aq "$lab/queue"
}
if [ ! -f "$lab/configured" ]; then
  configure >"$lab/configure.log" 2>&1
  touch "$lab/configured"
fi

# execd names its spool directory after what the host's address resolves back to: perhaps localhost.
execd_pid() { cat "$lab"/execd/*/execd.pid 2>/dev/null | grep . ; }
if ! alive "$lab/execd.pid"; then
  rm -f "$lab/execd.pid" "$lab"/execd/*/execd.pid
  setsid sge_execd </dev/null >"$lab/execd.out" 2>&1
  wait_for 20 'the execd of Grid Engine' execd_pid
  execd_pid >"$lab/execd.pid"
fi
ready() { qstat -f -q all.q | grep -E '^all\.q@' | grep -vE ' (au|u|a|E)$' | grep -q lx-; }
wait_for 60 'the queue of Grid Engine' ready

cat <<ENV
SGE_ROOT=$SGE_ROOT
SGE_CELL=$SGE_CELL
SGE_CLUSTER_NAME=$SGE_CLUSTER_NAME
SGE_QMASTER_PORT=$SGE_QMASTER_PORT
SGE_EXECD_PORT=$SGE_EXECD_PORT
SGE_BIN=$bin
SGE_LAB=$lab
ENV
