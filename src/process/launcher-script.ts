import { CLAIM_FILE, COMMAND_FILE, EXIT_FILE, FENCED_FILE, STDERR_FILE, STDOUT_FILE } from './job-files.ts';
import { SHARED_SCRIPT, TRAPPED } from './shared-script.ts';
import type { Isolation } from './shells.ts';

/*
 * What the scripts below hold to, each learnt from a trap:
 * - Orders come as lines on fd 0, `<seq> <kind> <attempt> <fence> <directory>`; answers leave on fd 1; the shell's own
 *   stderr is a file, read back on fd 3. A job has none of the three. (`shared` orders: see there.)
 * - Signals are trapped with `:` and never `''`: what is ignored stays ignored in the jobs.
 * - A shell gives 128+n both for `exit 128+n` and for death by signal n. It says "Killed" on its own stderr only for
 *   a signal, so what can be read from fd 3 tells them apart. (bash with job control says so of every signal; dash
 *   and busybox keep silent of INT and PIPE, which are then reported as exit codes.)
 * - The claim is on disk before the fork, and is looked at together with `fenced`: whoever writes `fenced` first and
 *   then finds no claim knows that nothing will start. It names the launcher (pid, start, boot), and the job's group
 *   is found as the launcher's child, or in its session once it is dead; so nothing has to be read for a start.
 * - The record is one write of one line: whole when it ends in a newline. It comes before the answer.
 * - No program is started but the command itself: everything here is a builtin.
 */

const CLAIM = `printf '{"attempt":"%s","fence":%s,"launcher":%s,"start":%s,"boot":"%s","started":%s,"host":"%s"}\\n' "$a" "$f" $$ "$start" "$boot" "$t0" "$host" >"$d/${CLAIM_FILE}"`;

const RECORD = `printf '{"attempt":"%s","fence":%s,%s,"started":%s,"ended":%s,"pid":%s,"host":"%s"}\\n' "$a" "$f" "$e" "$t0" "$t1" "$p" "$host" >"$d/${EXIT_FILE}"`;

/** Reads what the shell itself said since the last look, into `told`. */
const SAID = 'said() { told=; while read -r x <&3; do told=$told$x; done; }; said n=';

/**
 * From the status in `c` and what the shell said: `e` for the record and `s` for the answer. A redirection that
 * failed, of which the shell says which, never started the job; it may have said so before the wait (`n`).
 */
const JUDGE = `
e="\\"code\\":$c" s=$c
if [ "$c" -ne 0 ]; then said
if [ "$c" -le 128 ]; then case $n$told in *"$d/"*) echo "$q refused"; continue;; esac
elif [ -n "$z$told" ]; then s=SIG$(kill -l "$c"); e="\\"signal\\":\\"$s\\""
fi; fi`;

/** Publishes the end unless the attempt is fenced by now, then answers. */
const PUBLISH = `
if [ -e "$d/${FENCED_FILE}" ]; then echo "$q fenced $p"; continue; fi
w=1; ${RECORD} || { w=0; said; }
echo "$q ended $s $t0 $t1 $p $w"`;

const TAKE = `
${CLAIM} || { said; echo "$q refused"; continue; }
if [ -e "$d/${FENCED_FILE}" ]; then echo "$q fenced 0"; continue; fi`;

/**
 * bash 5: job control gives each background job its own group. What `wait` gives above 128 may be a signal the
 * launcher caught, or a stop: then it is asked again while the job is still this shell's child, with job control off,
 * so that a stop does not end the wait. Whether it is must its parent say: its pid alone may be somebody else's by now.
 * Never `wait -f`: where the shell speaks of the job's end meanwhile it looks at memory it has freed, and may turn for
 * ever (seen in 5.2). With job control off the shell keeps silent of most signals: after a stop, above 128 is a signal.
 * What bash says while it forks (that it tries again, where there are no processes) is no word on the job's end.
 * The script comes on fd 0, as the orders do: a line after the loop would be the first of them.
 */
const GROUPS = `set -m
set -C
trap : ${TRAPPED}
read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/$$/stat
host=$1 boot=$2
${SAID}
mine() { x=; IFS= read -r -d '' x 2>/dev/null </proc/$p/stat; x=\${x##*) } x=\${x#* }; [ "\${x%% *}" = $$ ]; }
job() {
cd "$d" || exit 1
case $k in s) exec /bin/sh ./${COMMAND_FILE};; esac
. ./${COMMAND_FILE}
}
while read -r q k a f d; do
t0=\${EPOCHREALTIME/[.,]/} t0=\${t0%???}${TAKE}
job </dev/null >>"$d/${STDOUT_FILE}" 2>>"$d/${STDERR_FILE}" 3<&- &
p=$!
said; n=$told z=
wait $p; c=$?
if [ $c -gt 128 ]; then
while mine; do z=stopped; set +m; wait $p; set -m; done
wait $p; c=$?
fi
t1=\${EPOCHREALTIME/[.,]/} t1=\${t1%???}
${JUDGE}
${PUBLISH}
done
`;

/** What runs a job where the launcher cannot fork it into a group: it says its pid in the claim, then becomes the job. */
const INNER = `cd "$2" || exit 1
printf '{"pid":%s}\\n' $$ >>${CLAIM_FILE} || exit 1
case $1 in s) exec /bin/sh ./${COMMAND_FILE};; esac
. ./${COMMAND_FILE}`;

/**
 * Any POSIX shell. The job runs in the foreground: a background job of such a shell ignores INT and QUIT. It runs in
 * a subshell, so that "Killed" goes to the launcher's stderr and not to the job's, which is redirected inside only.
 */
function plain(prefix: string): string {
  return `set -C
trap : ${TRAPPED}
read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/$$/stat
host=$1 boot=$2 since=$3
${SAID}
now() { read -r u _ </proc/uptime; c=\${u#*.}; t=$((since + \${u%.*} * 1000 + (1$c - 100) * 10)); }
while read -r q k a f d; do
now; t0=$t${TAKE}
( exec ${prefix}/bin/sh -c '${INNER.replaceAll("'", `'\\''`)}' sh "$k" "$d" ) </dev/null >>"$d/${STDOUT_FILE}" 2>>"$d/${STDERR_FILE}" 3<&-
r=$?
now; t1=$t c=$r
p=0; { read -r _; read -r p; } <"$d/${CLAIM_FILE}"; p=\${p#*:}; p=\${p%\\}}
${JUDGE}
${PUBLISH}
done
exit
`;
}

/**
 * The script of a launcher; `groups` and `shared` read it from fd 0, before their orders. Arguments: host name, the
 * kernel's id of this boot, and for all but `groups` the moment of boot in epoch milliseconds.
 */
export function launcherScript(isolation: Isolation): string {
  switch (isolation) {
    case 'groups':
      return GROUPS;
    case 'shared':
      return SHARED_SCRIPT;
    case 'setsid':
      return plain('setsid ');
    case 'bare':
      return plain('');
  }
}
