import { quoteWord } from '../../model/index.ts';
import { SWEEP_CONTAINER } from '../containers/index.ts';
import type { ToolOutput } from '../scheduler/index.ts';
import type { RemoteAttempt } from './remote-attempt.ts';

/** What a machine says of itself and of those who are there. */
export interface HostStatus {
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
  /** What its clock says, in epoch milliseconds, where it was asked. */
  readonly wallMs: number | undefined;
  /**
   * By attempt. `none`: nobody has taken it yet; `over`: its record is there; `dead`: its wrapper is not, and neither is a
   * record; `rebooted`: the machine was started anew since.
   */
  readonly standings: ReadonlyMap<string, HostStanding>;
}

export type HostStanding = 'none' | 'alive' | 'over' | 'dead' | 'rebooted';

const KIB = 1024;
const SECOND = 1000;
/** No line of a list can be this: attempts stand first in them. */
const END_OF_LIST = '--end of list--';

/** Lines `attempt directory`, as the standard input of a loop that reads them. */
function listOf(attempts: readonly RemoteAttempt[]): string {
  return `<<'${END_OF_LIST}'\n${attempts.map(({ attempt, there }) => `${attempt} ${there}\n`).join('')}${END_OF_LIST}\n`;
}

/**
 * Takes a claim apart into p, s and b: the wrapper's pid, when that began in ticks, the boot it belongs to. `alive` tells whether
 * it still runs; where there is no /proc, a pid is all there is to go by.
 */
const READ_CLAIM = `claim_of() {
p= s= b=
{ IFS= read -r c <"$1/claim"; } 2>/dev/null || return 1
p=\${c#*\\"wrapper\\":}; p=\${p%%,*}
s=\${c#*\\"start\\":}; s=\${s%%,*}
b=\${c#*\\"boot\\":\\"}; b=\${b%%\\"*}
}
alive() {
[ -r /proc/self/stat ] || { kill -0 "$p" 2>/dev/null; return; }
{ IFS= read -r l <"/proc/$p/stat"; } 2>/dev/null || return 1
set -- \${l##*)}
[ "$1" != Z ] && [ "\${20}" = "$s" ]
}
`;

/**
 * Asks a machine how these are, and with `measure` what it has; every step of the former is the shell's own, so many of them
 * cost one process.
 */
export function hostStatusText(attempts: readonly RemoteAttempt[], measure: boolean): string {
  const each = `${READ_CLAIM}{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || boot=
while read -r a d; do
if [ -e "$d/exit.json" ]; then echo "$a over"
elif ! claim_of "$d"; then echo "$a none"
elif [ "$b" != "$boot" ]; then echo "$a rebooted"
elif alive; then echo "$a alive"
elif [ -e "$d/exit.json" ]; then echo "$a over"
else echo "$a dead"
fi
done ${listOf(attempts)}`;
  return `${measure ? MEASURE : ''}${attempts.length === 0 ? '' : each}echo '- end'
`;
}

const MEASURE = `echo "- cpus $(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)"
{ while read -r k v _; do [ "$k" != MemTotal: ] || echo "- memory $v"; done </proc/meminfo; } 2>/dev/null
echo "- time $(date +%s)"
`;

/** Undefined where the answer is not whole. */
export function readHostStatus({ stdout }: ToolOutput): HostStatus | undefined {
  const lines = stdout.trimEnd().split('\n');
  if (lines.at(-1) !== '- end') return undefined;
  const standings = new Map<string, HostStanding>();
  let cpus: number | undefined;
  let memoryBytes: number | undefined;
  let wallMs: number | undefined;
  for (const line of lines) {
    const [who = '', what = '', value = ''] = line.split(' ');
    if (who !== '-') standings.set(who, what as HostStanding);
    else if (what === 'cpus') cpus = Number(value);
    else if (what === 'memory') memoryBytes = Number(value) * KIB;
    else if (what === 'time') wallMs = Number(value) * SECOND;
  }
  return { cpus, memoryBytes, wallMs, standings };
}

/** What is started: an attempt, and what its wrapper is told. */
export interface Start {
  readonly attempt: RemoteAttempt;
  readonly graceSeconds: number;
}

/** Starts wrappers that outlive whoever started them, all in one go. */
export function startText(
  starts: readonly Start[],
  { wrapper, marks }: { readonly wrapper: string; readonly marks: string },
): string {
  const lines = starts.map(
    ({ attempt: { attempt, fence, there }, graceSeconds }) =>
      `go ${quoteWord(there)} ${attempt} ${fence} ${graceSeconds} ${quoteWord(`${marks}/${attempt}`)}\n`,
  );
  return `cd /
away=nohup
command -v setsid >/dev/null 2>&1 && away=setsid
go() { $away sh ${quoteWord(wrapper)} "$@" </dev/null >/dev/null 2>&1 & }
${lines.join('')}:
`;
}

/** Asks the wrappers of these to end them; who has not begun will not. */
export function terminateText(attempts: readonly RemoteAttempt[]): string {
  return `${READ_CLAIM}while read -r a d; do
[ -e "$d/claim" ] || : >"$d/fenced"
claim_of "$d" && alive && kill -TERM "$p"
done ${listOf(attempts)}`;
}

/**
 * Ends by force what lives of these: the group their command leads, and whoever carries their id in its environment, in whatever
 * group or session. Prints the ids of those of whom somebody still lives. The wrapper is spared: it writes down the end.
 */
export function killText(attempts: readonly RemoteAttempt[]): string {
  return `${READ_CLAIM}${SWEEP_CONTAINER}members() {
for f in $(grep -ls "HEDDLE_ATTEMPT=$1" /proc/[0-9]*/environ 2>/dev/null); do
tr '\\0' '\\n' 2>/dev/null <"$f" | grep -qx "HEDDLE_ATTEMPT=$1" || continue
f=\${f#/proc/}; echo "\${f%/environ}"
done
}
while read -r a d; do
if [ ! -e "$d/exit.json" ] && claim_of "$d" && alive && { IFS= read -r j <"$d/started.json"; } 2>/dev/null; then
g=\${j#*\\"pid\\":}; g=\${g%%,*}
kill -KILL "-$g" 2>/dev/null || kill -KILL "$g" 2>/dev/null
fi
n=0
while pids=$(members "$a"); [ -n "$pids" ] && [ $n -lt 3 ]; do
kill -KILL $pids 2>/dev/null
n=$((n + 1))
[ $n -lt 3 ] || sleep 1
done
[ -z "$(members "$a")" ] && sweep_container "$d" "$a" || echo "$a"
done ${listOf(attempts)}`;
}
