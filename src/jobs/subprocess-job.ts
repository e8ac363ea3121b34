import { basename, dirname, resolve } from 'node:path';
import { type CommandPayload, HeddleError, type TemplatePart } from '../model/index.ts';
import { Job } from './job.ts';
import type { JobOptions } from './job-options.ts';
import { splitCommand } from './split-command.ts';

export interface SubprocessJobOptions extends JobOptions<number> {
  /** The command's working directory; relative to this process's. @default the job's own */
  readonly targetDirectory?: string;
}

/**
 * Runs a program: a list of its name and arguments, or a line that is split by the shell's rules of quoting. No shell sees
 * it: pipes and globs are text. Its result is 0; any other exit code fails the job (`exit`), a signal too (`signal`).
 * `command.sh` in its directory repeats it by hand.
 *
 * @example
 * const job = new SubprocessJob(['python3', '-c', 'print(1 + 2)'], { redirect: 'out.txt' });
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export class SubprocessJob extends Job<number, CommandEnd> {
  /** The program and its arguments. */
  readonly argv: readonly string[];

  constructor(command: string | readonly string[], options: SubprocessJobOptions = {}) {
    const argv = typeof command === 'string' ? splitCommand(command) : checkedWords(command);
    const task = basename(argv[0] as string);
    super({
      name: argv[0] as string,
      options,
      fields: ['targetDirectory'],
      work: { kind: 'command', backend: 'commands', task, payload: payloadOf(argv, options), result: 0 },
    });
    this.argv = argv;
  }
}

/** What a command leaves is in its directory: it has no value that others could take. */
export interface CommandEnd {
  readonly '~command': true;
}

function checkedWords(words: readonly string[]): readonly string[] {
  const wrong = words.find((word) => typeof word !== 'string' || word.includes('\0'));
  if (words.length > 0 && wrong === undefined && words[0] !== '') return [...words];
  throw new HeddleError('INPUT_INVALID', `a command can't be ${JSON.stringify(words)}`, {
    hint: 'give a program and its arguments, each as text: ["ls", "-l"]',
  });
}

function payloadOf(argv: readonly string[], { targetDirectory, redirect }: SubprocessJobOptions): CommandPayload {
  const file = typeof redirect === 'string' ? resolve(redirect) : undefined;
  if (targetDirectory === undefined && file === undefined) return { argv: argv.map((word) => [{ value: word }]) };
  const script: TemplatePart[] = [];
  if (targetDirectory !== undefined) script.push('cd ', { value: resolve(targetDirectory) }, ' || exit\n');
  if (file !== undefined) script.push('mkdir -p ', { value: dirname(file) }, ' || exit\n');
  // The program takes the shell's place: signals and exit code are its own.
  script.push('exec');
  for (const word of argv) script.push(' ', { value: word });
  if (file !== undefined) script.push(' >>', { value: file }, ' 2>&1');
  return { script };
}
