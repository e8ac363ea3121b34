import { quoteWord } from '../../model/index.ts';

/** The body of a native job, and how it is to be guarded. */
export interface GuardedBody {
  /** Shell text; it finds `$element` set. */
  readonly body: string;
  /** A word that no other native job on the machine has: shell text, read between double quotes. */
  readonly mark: string;
  /** Signals by which the system says that it is about to end the job, without SIG. */
  readonly warnings: readonly string[];
  /** Signals by which it says that it is about to suspend the job. */
  readonly halts?: readonly string[];
  /** From the warning on, before what is left is killed. */
  readonly graceSeconds: number;
  /** How long the system lets it run. A warning that comes then is that of its end. */
  readonly limitSeconds?: number | undefined;
  /** Exit codes the system reads as a wish of the job's; 1 is said instead. */
  readonly meaningful?: readonly number[];
}

/**
 * Who was warned of being suspended is suspended within so many seconds, or the signal meant something else (Grid Engine's soft
 * time limit is told by the same): then the work goes on.
 */
const HALTS_WITHIN = 90;

/** The system's clock and the script's are not read at the same moment. */
const CLOCK_SLACK = 1;

/**
 * Lines of a native script that run its body so that nothing of it outlives the job. Batch systems that end a job by signals to
 * its process group or session (Grid Engine, PBS) don't reach work that has one of its own, as every wrapper must give it.
 *
 * The body runs in a session of its own, out of reach of those signals. A warning is passed on to it as TERM; what is there after
 * the grace is killed, but for the body's own shell, which then writes down how the work ended. When time is up that shell goes
 * first: that the limit was the cause only the system can tell, and it is asked about who leaves no record. When the script itself
 * is killed, the pipe it holds open ends, and a watcher outside its session kills what is left. The work is suspended and goes on
 * with the script.
 *
 * Who belongs to the job is known by a variable that all its processes inherit. Needs Linux's /proc, `grep -z`, `mkfifo` and
 * `setsid`; without the last two the body gets the signals as the system sends them.
 */
export function guardedBody(guarded: GuardedBody): string {
  const { body, mark, warnings, halts = [], graceSeconds, limitSeconds, meaningful = [] } = guarded;
  const isOver =
    limitSeconds === undefined ? 'false' : `[ $(($(date +%s) - began)) -ge ${limitSeconds - CLOCK_SLACK} ]`;
  const wish = meaningful.length === 0 ? '' : `case $code in ${meaningful.join('|')}) code=1;; esac\n`;
  const suspends = halts.length === 0 ? '' : `trap halt ${halts.join(' ')}\ntrap resume CONT\n`;
  return `export HEDDLE_NATIVE_JOB="${mark}"
# Prints who else is of this job; a shell of its own, so that it knows itself.
list='for file in $(grep -slzxF "HEDDLE_NATIVE_JOB=$HEDDLE_NATIVE_JOB" /proc/[0-9]*/environ); do
pid=\${file#/proc/} pid=\${pid%/environ}
case " $* $$ " in *" $pid "*) ;; *) kill -0 "$pid" 2>/dev/null && echo "$pid";; esac
done'
strike() { signal=$1; shift; for pid in $(sh -c "$list" sh "$@" 9>&-); do kill "-$signal" "$pid" 2>/dev/null; done; }
body= watcher= apart= woken= early= warned= halted= late= code= began=$(date +%s)
end=\${TMPDIR:-\${TMP:-/tmp}}/heddle.$HEDDLE_NATIVE_JOB.$$
warn() {
woken=1
[ -n "$body" ] || early=1
[ -n "$body" ] && [ -z "$warned" ] || return 0
warned=1
[ -z "$halted" ] || resume
if ${isOver}; then
late=${graceSeconds}
kill -KILL "$body" 2>/dev/null
strike TERM "$watcher"
else
kill -TERM "$body" 2>/dev/null
( sleep ${graceSeconds}; strike KILL "$body" "$watcher" ) 9>&- &
fi
}
halt() { woken=1; halted=1; strike STOP "$watcher"; ( sleep ${HALTS_WITHIN}; strike CONT "$watcher" ) 9>&- & }
resume() { woken=1; halted=; strike CONT "$watcher"; }
trap warn ${warnings.join(' ')}
${suspends}if command -v setsid >/dev/null; then
apart=setsid
if mkfifo -m 600 "$end" 2>/dev/null; then
exec 9<>"$end"
# Opened before 9 is closed: there is a writer, so this waits for nobody, whoever has ended meanwhile.
setsid sh -c 'rm -f "$0"; read -r line
for round in 1 2 3 4 5; do
left=$(sh -c "$1" sh "$$"); [ -n "$left" ] || break
for pid in $left; do kill -KILL "$pid" 2>/dev/null; done
done' "$end" "$list" <"$end" >/dev/null 2>&1 9>&- &
watcher=$!
fi
fi
$apart sh -c ${quoteWord(`element=$1\n${body}`)} sh "$element" </dev/null 9>&- &
body=$!
[ -z "$early" ] || warn
while :; do
woken=
wait "$body"; said=$?
[ $said -eq 127 ] && [ -n "$code" ] || code=$said
[ -n "$woken" ] || break
done
# Out of time: the work has its grace still.
while [ "\${late:-0}" -gt 0 ] && [ -n "$(sh -c "$list" sh "$watcher" 9>&-)" ]; do sleep 1 9>&-; late=$((late - 1)); done
${wish}exit "$code"
`;
}
