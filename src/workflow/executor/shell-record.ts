import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutputTemplate, TemplatePart } from '../../model/index.ts';
import type { CommandRecord, ShellTaskResult, Task } from './task.ts';

/** Beside `stdout` and `stderr` in the attempt's directory: a line a command that ended, with how far both had come by then. */
const RECORD_FILE = 'commands';

/** The same, for where it has to be brought. */
export const RECORD_OUTPUT: OutputTemplate = { name: RECORD_FILE, path: RECORD_FILE, type: 'file' };

export interface ShellScript {
  /** With their variables filled in. */
  readonly commands: readonly string[];
  readonly shell: string;
  readonly onFailure: 'stop' | 'continue';
  /** Absolute. */
  readonly workingDirectory: string;
}

/**
 * Several commands as one: each by a shell of its own, so that none changes the directory, the variables or the syntax of those after it.
 * What they write is the job's own output, and can be followed while they run.
 */
export function shellScript({ commands, shell, onFailure, workingDirectory }: ShellScript): readonly TemplatePart[] {
  const record = `"$d/${RECORD_FILE}"`;
  const parts: TemplatePart[] = [
    'd=$PWD failed=0\n',
    `ended() { echo "$1 $2 $(wc -c <"$d/stdout") $(wc -c <"$d/stderr")" >>${record}; }\n`,
    'cd ',
    { value: workingDirectory },
    ' || exit\n',
  ];
  commands.forEach((command, i) => {
    // The script around ends at the first failure (`set -e`), but for what is asked about.
    parts.push('code=0\n', { value: shell }, ' -c ', { value: command }, ` || code=$?\nended ${i} $code\n`);
    parts.push(onFailure === 'stop' ? '[ $code -eq 0 ] || exit $code\n' : '[ $code -eq 0 ] || failed=$code\n');
  });
  parts.push('exit $failed\n');
  return parts;
}

/** What the commands of an attempt came to, read from its directory. `succeeded` says how the whole did. */
export async function readShellResult(
  task: Pick<Task, 'name' | 'type' | 'work'>,
  commands: readonly string[],
  { directory, succeeded }: { readonly directory: string; readonly succeeded: boolean },
): Promise<ShellTaskResult> {
  const [ends, stdout, stderr] = await Promise.all(
    [RECORD_FILE, 'stdout', 'stderr'].map((name) => readOrNothing(join(directory, name))),
  );
  const records: CommandRecord[] = [];
  let out = 0;
  let err = 0;
  const cut = (index: number, code: number, upTo: { readonly out?: number; readonly err?: number }): void => {
    const text = commands[index] ?? '';
    const part = (all: Buffer, from: number, to?: number): string => all.toString('utf8', from, to);
    records.push({
      index,
      text,
      returncode: code,
      stdout: part(stdout as Buffer, out, upTo.out),
      stderr: part(stderr as Buffer, err, upTo.err),
      success: code === 0,
    });
  };
  for (const line of (ends as Buffer).toString().split('\n')) {
    const [index, code, outEnd, errEnd] = line.trim().split(/\s+/).map(Number);
    if (index === undefined || code === undefined || Number.isNaN(code)) continue;
    cut(index, code, { out: outEnd ?? 0, err: errEnd ?? 0 });
    out = outEnd ?? out;
    err = errEnd ?? err;
  }
  // One that was begun and came to no end of its own.
  const hasStopped =
    task.work.kind === 'shell' && task.work.onFailure === 'stop' && records.some((each) => !each.success);
  const wasCutShort = !succeeded && !hasStopped && records.length < commands.length;
  if (wasCutShort) cut(records.length, -1, {});
  return {
    taskName: task.name,
    taskType: task.type,
    status: succeeded ? 'completed' : 'failed',
    success: succeeded,
    commandsExecuted: records.length,
    commands: records,
  };
}

/** An attempt that was ended before it began has written nothing. */
async function readOrNothing(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
