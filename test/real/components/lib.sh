# Helpers of the component scripts. Source it; do not run it.
#
# A component keeps everything it has under $HEDDLE_COMPONENTS/<name>: data, sockets, logs, pids.
# Nothing needs systemd, nothing is written under /etc, and nothing is installed here (install.sh does that).
set -euo pipefail
COMPONENTS=${HEDDLE_COMPONENTS:?HEDDLE_COMPONENTS must name the directory the components live in}
mkdir -p "$COMPONENTS"
chmod 755 "$COMPONENTS"

# Ends the script with code 69 (EX_UNAVAILABLE): this machine can't have the component, which is no fault.
unavailable() { echo "$*" >&2; exit 69; }

# alive PIDFILE: true when the process runs. A dead child nobody has reaped yet still answers `kill -0`: read its state.
alive() {
  local pid state
  pid=$(tr -cd 0-9 2>/dev/null <"$1") && [ -n "$pid" ] || return 1
  state=$(sed 's/.*) //;s/ .*//' "/proc/$pid/stat" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]
}

# stop SIGNAL SECONDS PIDFILE...: asks all, waits for all, kills what is left.
stop() {
  local signal=$1 seconds=$2 file end; shift 2
  for file in "$@"; do if alive "$file"; then kill "-$signal" "$(tr -cd 0-9 <"$file")" 2>/dev/null || true; fi; done
  end=$((SECONDS + seconds))
  for file in "$@"; do
    while alive "$file"; do
      if [ $SECONDS -ge $end ]; then kill -KILL "$(tr -cd 0-9 <"$file")" 2>/dev/null || true; break; fi
      sleep 0.05
    done
    rm -f "$file"
  done
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then echo "$what did not come up; its logs are in $COMPONENTS" >&2; return 1; fi
    sleep 0.1
  done
}
