import { CLAIM_FILE, COMMAND_FILE, EXIT_FILE, FENCED_FILE, STDERR_FILE, STDOUT_FILE } from '../../process/index.ts';

/** Where the wrapper says that the job has started: pid, its start in clock ticks (0 where unknown), time, host. */
export const STARTED_FILE = 'started.json';

/** How the wrapper ends when it did not run the job; no job's own code is lost, since there was no job. */
export const WRAPPER_EXIT = {
  /** The directory is not there. */
  directory: 121,
  /** Somebody else has the claim. */
  claimed: 122,
  /** The attempt is fenced: it was not started, or its end was not published. */
  fenced: 123,
} as const;

/**
 * The wrapper for places where no launcher of ours can live: `sh wrapper.sh DIRECTORY ATTEMPT FENCE [GRACE_SECONDS
 * [MARK]]` runs `command.sh` of an attempt's directory once. When its end is published, it writes its directory into the file
 * MARK, so that who waits for many ends has one place to look at. Besides `sh` it needs `mv`, `rm`, `date`, `sleep` and `uname`.
 *
 * It takes `claim` exclusively, looks for `fenced`, starts the job in a group of its own (bash by job control, others
 * by `setsid` where there is one), says so in `started.json`, hands TERM, INT, USR1 and USR2 on to the group, ends
 * what the job leaves behind, looks for `fenced` again and publishes `exit.json` by rename. It exits like the job.
 *
 * No program is started between the job's start and its end: a shell that waits for one would take note of the job's
 * death on the way and say nothing of it. As in a launcher, the shell's own "Killed" tells a signal from an exit code above 128; dash and busybox keep silent
 * of INT and PIPE. A shell without job control makes its background jobs ignore INT: so INT is followed by TERM.
 */
export function wrapperScript(): string {
  return `#!/bin/sh
cd "$1" || exit ${WRAPPER_EXIT.directory}
attempt=$2 fence=$3 grace=\${4:-10}
mark=\${5-} host=$(uname -n)
now() { t=$(date +%s%3N 2>/dev/null); case $t in *[!0-9]*|'') t=$(date +%s)000;; esac; }
now; started=$t line= boot= start=0
{ read -r line </proc/$$/stat; read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
case $line in *")"*) set -- \${line##*)}; start=\${20};; esac
( set -C; printf '{"attempt":"%s","fence":%s,"wrapper":%s,"start":%s,"boot":"%s","started":%s,"host":"%s"}\\n' "$attempt" "$fence" $$ "$start" "$boot" "$started" "$host" >${CLAIM_FILE} ) 2>/dev/null || exit ${WRAPPER_EXIT.claimed}
[ -e ${FENCED_FILE} ] && exit ${WRAPPER_EXIT.fenced}
own=1 said=said.$$ p= got=
send() { [ -n "$p" ] || return; kill -"$1" "-$p" 2>/dev/null || kill -"$1" "$p" 2>/dev/null; }
trap 'got=1; send TERM' TERM
trap 'got=1; send INT; send TERM' INT
trap 'got=1; send USR1' USR1
trap 'got=1; send USR2' USR2
inner='read -r line </proc/$$/stat 2>/dev/null || line=
start=0
case $line in *")"*) set -- "$1" "$2" "$3" "$4" \${line##*)}; start=\${24};; esac
printf "{\\"attempt\\":\\"%s\\",\\"fence\\":%s,\\"pid\\":%s,\\"start\\":%s,\\"started\\":%s,\\"host\\":\\"%s\\"}\\n" "$1" "$2" $$ "$start" "$3" "$4" >${STARTED_FILE}.$$ && mv ${STARTED_FILE}.$$ ${STARTED_FILE}
exec sh ./${COMMAND_FILE}'
exec 2>"$said"
if [ -n "\${BASH_VERSION-}" ]; then
set -m
sh -c "$inner" sh "$attempt" "$fence" "$started" "$host" </dev/null >>${STDOUT_FILE} 2>>${STDERR_FILE} &
elif command -v setsid >/dev/null; then
setsid sh -c "$inner" sh "$attempt" "$fence" "$started" "$host" </dev/null >>${STDOUT_FILE} 2>>${STDERR_FILE} &
else
own=
sh -c "$inner" sh "$attempt" "$fence" "$started" "$host" </dev/null >>${STDOUT_FILE} 2>>${STDERR_FILE} &
fi
p=$!
[ -z "$got" ] || send TERM
got=
while :; do
wait "$p"; c=$?
[ -n "$got" ] || break
got=
kill -0 "$p" 2>/dev/null && continue
wait "$p"; r=$?
[ $r -eq 127 ] || c=$r
break
done
end="\\"code\\":$c"
[ $c -gt 128 ] && [ -s "$said" ] && end="\\"signal\\":\\"SIG$(kill -l $c)\\""
exec 2>/dev/null
rm -f "$said"
if [ -n "$own" ] && kill -0 "-$p" 2>/dev/null; then
kill -TERM "-$p" 2>/dev/null
while [ "$grace" -gt 0 ] && kill -0 "-$p" 2>/dev/null; do sleep 1; grace=$((grace - 1)); done
kill -KILL "-$p" 2>/dev/null
fi
now
[ -e ${FENCED_FILE} ] && exit ${WRAPPER_EXIT.fenced}
printf '{"attempt":"%s","fence":%s,%s,"started":%s,"ended":%s,"pid":%s,"host":"%s"}\\n' "$attempt" "$fence" "$end" "$started" "$t" "$p" "$host" >${EXIT_FILE}.$$ && mv ${EXIT_FILE}.$$ ${EXIT_FILE} && [ -n "$mark" ] && printf '%s\\n' "$PWD" >"$mark"
exit $c
`;
}
