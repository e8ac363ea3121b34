import { execFile } from 'node:child_process';

/** One element of an array as the scheduler tells it. */
export interface ArrayElement {
  /** Name of the array: the submission's marker. */
  readonly marker: string;
  /** What `scancel` wants: `<array>_<element>`. */
  readonly id: string;
  readonly element: number;
  /** Slurm's own word, long form: PENDING, RUNNING, COMPLETED, ... */
  readonly state: string;
  readonly reason: string;
}

export type ToolAnswer =
  | { readonly kind: 'ok'; readonly stdout: string }
  /** The tool itself said no. */
  | { readonly kind: 'refused'; readonly why: string }
  /** It was cut off, or could not be run to its end: whether it had its effect nobody knows. */
  | { readonly kind: 'unknown'; readonly why: string };

const TOOL_TIMEOUT_MS = 30_000;

/** What a scheduler says while its controller can't be reached: no answer to the question that was asked. */
const NO_CONTACT =
  /Unable to contact slurm controller|Socket timed out|Connection refused|Zero Bytes were transmitted/i;

/** Runs one of the scheduler's programs. */
export async function runTool(program: string, args: readonly string[]): Promise<ToolAnswer> {
  return await new Promise((resolve) => {
    execFile(program, args, { timeout: TOOL_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) return resolve({ kind: 'ok', stdout });
      const why = stderr.trim() || error.message;
      const said = typeof error.code === 'number' && !NO_CONTACT.test(stderr);
      return resolve({ kind: said ? 'refused' : 'unknown', why });
    });
  });
}

/** Submits an array of `size` elements under a name of ours. The answer is the array's id. */
export async function submitArray(marker: string, size: number, script: string): Promise<ToolAnswer> {
  // --no-requeue: an element is started once; whether it may run again is the engine's to say.
  // --time: one without a limit can't be backfilled and blocks those behind it.
  const answer = await runTool('sbatch', [
    '--parsable',
    `--job-name=${marker}`,
    `--array=0-${size - 1}`,
    '--no-requeue',
    '--time=10',
    '--output=/dev/null',
    '--error=/dev/null',
    script,
  ]);
  return answer.kind === 'ok' ? { kind: 'ok', stdout: answer.stdout.trim().split(';')[0] ?? '' } : answer;
}

/**
 * Everything Slurm still knows of the arrays of these names, ended ones included (for MinJobAge after their end), or
 * why it can't be asked.
 */
export async function listArrays(
  markers: Iterable<string>,
): Promise<
  | { readonly kind: 'ok'; readonly elements: readonly ArrayElement[] }
  | { readonly kind: 'unknown'; readonly why: string }
> {
  const answer = await runTool('squeue', [
    '--noheader',
    '--array',
    '--states=all',
    `--name=${[...markers].join(',')}`,
    '--format=%j|%F|%K|%T|%r',
  ]);
  if (answer.kind !== 'ok') return { kind: 'unknown', why: answer.why };
  const elements = answer.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(parseElement);
  return { kind: 'ok', elements };
}

function parseElement(line: string): ArrayElement {
  const [marker = '', array = '', element = '', state = '', reason = ''] = line.split('|');
  return { marker, id: `${array}_${element}`, element: Number(element), state, reason };
}
