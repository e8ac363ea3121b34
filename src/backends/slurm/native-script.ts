import { HeddleError, type ResourceRequest } from '../../model/index.ts';
import { isSingle, type NativeRequest } from '../scheduler/index.ts';
import { DEFAULT_GRACE_SECONDS, DEFAULT_TIME_MS, type SlurmOptions } from './options.ts';

const MEBIBYTE = 1_048_576;
const MINUTE_MS = 60_000;

/** Standard output and standard error of every native job of a request, and what Slurm itself has to say of them. */
export const LOG_FILE = 'slurm.log';

/**
 * The script sbatch is given. What a task asks for comes first, then options of the user's own, which may say it otherwise
 * (sbatch takes the last), then what must be as it is so that a job is found again and started once.
 */
export function nativeScript(request: NativeRequest, options: SlurmOptions): string {
  const { queue, account, qos, options: verbatim = [] } = request.scheduling;
  const asked = [
    ...resourceDirectives(request.resources, options),
    ...(queue === undefined ? [] : [`--partition=${quoted(queue)}`]),
    ...(account === undefined ? [] : [`--account=${quoted(account)}`]),
    ...(qos === undefined ? [] : [`--qos=${quoted(qos)}`]),
    // A job whose dependency can never hold would wait for ever.
    '--kill-on-invalid-dep=yes',
    ...verbatim,
  ];
  const own = [
    `--job-name=${request.marker}`,
    ...(isSingle(request.elements) ? [] : [`--array=${ranges(request.elements)}`]),
    // Whether it may begin again is the engine's to say: its claim is taken once.
    '--no-requeue',
    `--export=${options.environment === 'login' ? 'NONE' : 'ALL'}`,
    `--chdir=${quoted(request.home)}`,
    `--output=${quoted(logPath(request.home))}`,
    '--open-mode=append',
  ];
  return `#!/bin/sh
${[...asked, ...own].map((directive) => `#SBATCH ${directive}\n`).join('')}
element=\${SLURM_ARRAY_TASK_ID:-0}
# Steps take the cpus of their job; since 22.05 srun no longer does so by itself.
if [ -n "\${SLURM_CPUS_PER_TASK-}" ]; then export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"; fi
echo "element $element: job $SLURM_JOB_ID on \${SLURMD_NODENAME-} (start \${SLURM_RESTART_COUNT:-0})"
run() {
${request.body}
}
${outliveTheWork(options.graceSeconds ?? DEFAULT_GRACE_SECONDS)}run
`;
}

/**
 * Where Slurm keeps jobs in cgroups it ends all of one. Elsewhere it ends who descends from its script at that moment, and not who
 * has lost its parent. There the script stays, and ends who carries the job's number: when its work is over, and, told to end,
 * after the grace, but for the work's own shell, which then writes down how it ended.
 */
function outliveTheWork(graceSeconds: number): string {
  return `contained=
while read -r line; do case $line in */job_"$SLURM_JOB_ID"/*) contained=1;; esac; done 2>/dev/null </proc/self/cgroup
if [ -z "$contained" ]; then
sweep='for file in $(grep -slzxF "SLURM_JOB_ID=$SLURM_JOB_ID" /proc/[0-9]*/environ 2>/dev/null); do
pid=\${file#/proc/} pid=\${pid%/environ}
case " $* $$ " in *" $pid "*) ;; *) kill -KILL "$pid" 2>/dev/null;; esac
done'
body=
trap '[ -z "$body" ] || ( sleep ${graceSeconds}; exec sh -c "$sweep" sh $$ "$body" ) &' TERM
( run ) &
body=$!
while :; do wait "$body"; code=$?; kill -0 "$body" 2>/dev/null || break; done
sh -c "$sweep" sh $$
exit "$code"
fi
`;
}

function resourceDirectives(resources: ResourceRequest, options: SlurmOptions): readonly string[] {
  const { cpus, memoryBytes, gpus = 0, nodes = 1, ranks = 1 } = resources;
  const timeMs = resources.timeMs ?? options.timeMs ?? DEFAULT_TIME_MS;
  // Slurm takes memory and devices by the node; what is asked for is all of it, and the GPUs of each rank.
  const perNode = (amount: number): number => Math.ceil(amount / nodes);
  return [
    `--nodes=${nodes}`,
    `--ntasks=${Math.max(ranks, nodes)}`,
    ...(ranks > nodes && nodes > 1 ? [`--ntasks-per-node=${perNode(ranks)}`] : []),
    `--cpus-per-task=${Math.max(1, Math.ceil(cpus))}`,
    ...(memoryBytes === undefined ? [] : [`--mem=${Math.max(1, perNode(memoryBytes / MEBIBYTE))}M`]),
    ...(gpus > 0 ? [`--gres=${options.gres ?? 'gpu'}:${perNode(Math.ceil(gpus) * ranks)}`] : []),
    // In whole minutes.
    `--time=${Math.max(1, Math.ceil(timeMs / MINUTE_MS))}`,
  ];
}

/** Ascending indices in Slurm's words: `0-3,7,9-11`. */
export function ranges(elements: readonly number[]): string {
  const parts: string[] = [];
  for (let from = 0; from < elements.length; ) {
    let to = from;
    while (elements[to + 1] === (elements[to] ?? 0) + 1) to += 1;
    parts.push(to === from ? `${elements[from]}` : `${elements[from]}-${elements[to]}`);
    from = to + 1;
  }
  return parts.join(',');
}

/** Slurm puts job ids in for `%j` and the like wherever they stand in the path, and drops backslashes: there it writes nothing. */
function logPath(home: string): string {
  return /[%\\]/.test(home) ? '/dev/null' : `${home}/${LOG_FILE}`;
}

/** A value of a directive, as sbatch reads words there. */
function quoted(value: string): string {
  if (/[\r\n\0]/.test(value))
    throw new HeddleError('INPUT_INVALID', `a line of a batch script can't hold ${JSON.stringify(value)}`, {
      hint: 'a line end would begin another line of the script',
    });
  return /^[\w./:+,@=-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}
