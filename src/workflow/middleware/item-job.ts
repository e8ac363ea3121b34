import { basename } from 'node:path';
import { type AnyFunction, referenceTo } from '../../calls/index.ts';
import { Job, type JobOptions, type JobWork } from '../../jobs/index.ts';
import type { CommandPayload, TemplatePart } from '../../model/index.ts';
import type { CallDescription, CommandDescription, ItemDescription } from './description.ts';

/** A command of which everything is known: words, and files by their paths. */
export interface ReadyCommand {
  readonly argv: readonly string[];
  readonly stdin?: string;
  /** Absolute paths, by the names below `inputs/`. */
  readonly inputs: Readonly<Record<string, string>>;
}

/** An item whose inputs are all there, as a job of an engine. */
export class ItemJob extends Job<unknown> {
  private constructor({ label, requirements, environment }: ItemDescription, work: JobWork) {
    const options: JobOptions<never> = { ...requirements, ...(environment === undefined ? {} : { environment }) };
    super({ name: label === '' ? work.task : label, options, work });
  }

  /** @throws {HeddleError} FUNCTION_CANNOT_TRAVEL when it is to be called elsewhere and can't */
  static ofCall(description: CallDescription, args: readonly unknown[], backend: string): ItemJob {
    const fn = description.fn as AnyFunction;
    return new ItemJob(description, {
      kind: 'call',
      backend,
      task: fn.name === '' ? 'anonymous' : fn.name,
      fn,
      args,
      stream: false,
      enterDirectory: false,
      // In this process any function will do.
      ...(backend === 'inline' ? {} : { reference: referenceTo(fn) }),
    });
  }

  static ofCommand(description: CommandDescription, command: ReadyCommand, backend: string): ItemJob {
    const { argv, inputs } = command;
    const outputs = Object.entries(description.outputs);
    const payload: CommandPayload = {
      ...programOf(command),
      inputs: Object.entries(inputs).map(([name, path]) => ({ name, from: { $file: path } })),
      outputs: outputs.map(([name, path]) => ({ name, path, type: 'file' })),
    };
    const task = basename(argv[0] as string) || 'command';
    return new ItemJob(description, { kind: 'command', backend, task, payload, result: 0 });
  }
}

/** Without a file on its stdin no shell is needed. */
function programOf({ argv, stdin }: ReadyCommand): Pick<CommandPayload, 'argv' | 'script'> {
  if (stdin === undefined) return { argv: argv.map((word) => [{ value: word }]) };
  // The program takes the shell's place: signals and exit code are its own.
  const script: TemplatePart[] = ['exec'];
  for (const word of argv) script.push(' ', { value: word });
  script.push(' <', { value: stdin });
  return { script };
}
