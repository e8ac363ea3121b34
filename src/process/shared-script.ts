import { CLAIM_FILE, COMMAND_FILE, EXIT_FILE, FENCED_FILE, STDERR_FILE, STDOUT_FILE } from './job-files.ts';

/*
 * The launcher of dash, whose jobs share its process group. It holds to what the other scripts hold to, and:
 * - Orders are shell text, one compound command a line: dash reads what is there at once, where `read` takes it byte by
 *   byte; and an order that was cut off by our death is a syntax error as a whole, so that nothing of it is done.
 * - Each job is one external command in the foreground, which dash starts by vfork: no page of the shell is copied. A
 *   program is started as it is; what takes a shell goes through one `sh`.
 * - Whoever leads the session cannot leave its group, so a signal to the group reaches the launcher too: what can be
 *   trapped is. KILL ends both, which leaves a claim without a record and nothing alive: so the job's end is known.
 * - dash says "Killed" where the job's stderr goes when the shell has redirected it, as it does for a program. Whether it
 *   did tells the kernel's count of bytes that this thread has written, children not counted: none is an exit code
 *   above 128. How many they are is told as `said`, so that they can be cut off again; of a job that an `sh` redirects,
 *   they went where the shell complains.
 * - A redirection that failed is said by the shell too, with a code below 126; the job never started.
 */

/** Bytes this shell has written itself, into `n`: those of its thread; those of its process count its children too. */
const WROTE = 'wrote() { { read -r n; read -r n n; } </proc/$$/task/$$/io; }';

/** What a job may send to its group without meaning its launcher. */
export const TRAPPED = 'HUP INT QUIT PIPE TERM USR1 USR2 ALRM';

/**
 * The definitions a launcher reads before its first order. Arguments: host name, the kernel's id of this boot, and the
 * moment of boot in epoch milliseconds.
 */
export const SHARED_SCRIPT: string = `set -C
trap : ${TRAPPED}
read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/$$/stat
home=$PWD host=$1 since=$3 me="\\"launcher\\":$$,\\"start\\":$start,\\"boot\\":\\"$2\\",\\"host\\":\\"$1\\""
${WROTE}
back() { cd "$home" || exit 1; }
take() {
q=$1 a=$2 f=$3 t0=$4
cd "$5" || { echo "$q refused"; return 1; }
unset OLDPWD
printf '{"attempt":"%s","fence":%s,"started":%s,%s}\\n' "$a" "$f" "$t0" "$me" >${CLAIM_FILE} || { echo "$q refused"; back; return 1; }
if [ -e ${FENCED_FILE} ]; then echo "$q fenced 0"; back; return 1; fi
wrote; w=$n
}
end() {
c=$1 e="\\"code\\":$1" s=$1 n=$w
read -r u _ </proc/uptime; x=\${u#*.} t1=$((since + \${u%.*} * 1000 + (1$x - 100) * 10))
if [ $t1 -lt $t0 ]; then t1=$t0; fi
if [ $c -ne 0 ]; then wrote; fi
n=$((n - w))
if [ $n -ne 0 ]; then
if [ $c -gt 128 ]; then s=SIG$(kill -l $c) n=$((n * $2)); e="\\"signal\\":\\"$s\\",\\"said\\":$n"
elif [ $c -lt 126 ]; then echo "$q refused"; back; return; fi
fi
if [ -e ${FENCED_FILE} ]; then echo "$q fenced 0"; back; return; fi
r=1; printf '{"attempt":"%s","fence":%s,%s,"started":%s,"ended":%s,"pid":0,"host":"%s"}\\n' "$a" "$f" "$e" "$t0" "$t1" "$host" >${EXIT_FILE} || r=0
o=0; if [ -s ${STDOUT_FILE} ] || [ -s ${STDERR_FILE} ]; then o=1; fi
echo "$q ended $s $t0 $t1 0 $r $n $o"
back
}
`;

/** Says `exit signal` where a shell and its kernel can tell one from the other in this way. */
export const SHARED_PROOF: string = `${WROTE}
judge() { w=$n; wrote; if [ "$n" -eq "$w" ]; then o="$o exit"; else o="$o signal"; fi; }
o=; wrote
/bin/sh -c 'exit 137' 2>/dev/null; judge
/bin/sh -c 'kill -KILL $$' 2>/dev/null; judge
echo$o
`;

/** What an order of this launcher is made of. */
export interface SharedOrder {
  readonly sequence: number;
  readonly attempt: string;
  readonly fence: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** As a word of the shell. */
  readonly directory: string;
  /** One program with its environment and arguments, as words of the shell; absent where `command.sh` takes a shell. */
  readonly program: string | undefined;
}

/** One order as the line of shell text that carries it out. */
export function sharedOrder(order: SharedOrder): string {
  const { sequence, attempt, fence, startedAt, directory, program } = order;
  const take = `take ${sequence} ${attempt} ${fence} ${startedAt} ${directory}`;
  const command =
    program === undefined
      ? `/bin/sh -c 'exec 2>&3 3>&-; . ./${COMMAND_FILE}' ./${COMMAND_FILE} </dev/null >>${STDOUT_FILE} 3>>${STDERR_FILE}; end $? 0`
      : `${program} </dev/null >>${STDOUT_FILE} 2>>${STDERR_FILE}; end $? 1`;
  return `{ if ${take}; then ${command}; fi; }\n`;
}
