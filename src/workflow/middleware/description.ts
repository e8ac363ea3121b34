import { FileReference, type JobOptions } from '../../jobs/index.ts';
import { checkFields, HeddleError, staysInside } from '../../model/index.ts';
import { ItemPart, ItemView } from './item.ts';

/** How an item is treated where it runs: none of it is part of what it is. */
export type ItemRequirements = Pick<JobOptions, 'resources' | 'retries' | 'timeout' | 'grace' | 'priority'>;

/** What may stand in an argument in place of a value: an item stands for its result. */
export type ItemArgument<T> =
  | T
  | ItemView<T>
  | ItemPart<T>
  | (T extends readonly unknown[]
      ? { readonly [Index in keyof T]: ItemArgument<T[Index]> }
      : T extends object
        ? { readonly [Key in keyof T]: ItemArgument<T[Key]> }
        : never);

export type ItemFunction = (...parameters: never[]) => unknown;

/** A function call as an item. */
export interface CallDescription<Result = unknown> {
  readonly kind: 'call';
  readonly label: string;
  readonly fn: ItemFunction;
  readonly args: readonly unknown[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly requirements: ItemRequirements;
  /** Carries the type of the result; never there. */
  readonly '~result'?: Result;
}

/** A word of a command: text, or a file, of which the path is meant, or what another item gives. */
export type CommandWord = string | number | FileReference | ItemPart<unknown> | ItemView<unknown>;

/** A file another item made, or one of the manager's store. */
export type CommandFile = FileReference | ItemPart<FileReference> | ItemView<FileReference>;

/** A program and its arguments as an item. No shell sees it. */
export interface CommandDescription {
  readonly kind: 'command';
  readonly label: string;
  readonly argv: readonly CommandWord[];
  readonly stdin?: string | readonly string[] | CommandFile;
  readonly inputs: Readonly<Record<string, CommandFile>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly requirements: ItemRequirements;
  readonly '~result'?: CommandResult;
}

/** What a manager can be given. */
export type ItemDescription<Result = unknown> =
  | CallDescription<Result>
  | (CommandDescription & { readonly '~result'?: Result });

/** What a command left. One that ends with another exit code than 0 has failed and has none. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: FileReference;
  readonly stderr: FileReference;
  /** Its declared outputs, by their names. */
  readonly files: Readonly<Record<string, FileReference>>;
}

export interface CallItemOptions extends ItemRequirements {
  /** For people. @default the function's name */
  readonly label?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ExecutableOptions extends ItemRequirements {
  /** For people. @default the command */
  readonly label?: string;
  /** Text, lines of text (each is ended), or a file. @default nothing */
  readonly stdin?: CommandDescription['stdin'];
  /** Files that are to lie below `inputs/` under these names. */
  readonly inputs?: CommandDescription['inputs'];
  /** What it must leave in its directory: paths there, by the names they get in `result.files`. */
  readonly outputs?: CommandDescription['outputs'];
  readonly environment?: Readonly<Record<string, string>>;
}

const REQUIREMENTS = ['resources', 'retries', 'timeout', 'grace', 'priority'] as const;
const COMMAND_FIELDS = ['stdin', 'inputs', 'outputs'];
const FIELDS = ['label', 'environment', ...REQUIREMENTS];

/**
 * Describes a function call. Items in its arguments, at any depth of lists and plain objects, stand for their results.
 *
 * @example
 * const sum = manager.addItem(functionCall(add, [1, 2]));
 * const twice = manager.addItem(functionCall(double, [sum]));
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function functionCall<Parameters extends readonly unknown[], Returned>(
  fn: (...parameters: Parameters) => Returned,
  args: { readonly [Index in keyof Parameters]: ItemArgument<Parameters[Index]> },
  options: CallItemOptions = {},
): CallDescription<Awaited<Returned>> {
  if (typeof fn !== 'function' || !Array.isArray(args)) {
    throw new HeddleError('INPUT_INVALID', 'a function call is a function and a list of its arguments', {
      hint: 'functionCall(fn, [argument, ...])',
    });
  }
  const label = options.label ?? (fn.name === '' ? 'anonymous' : fn.name);
  checkFields(options, FIELDS, `function call '${label}'`);
  return { kind: 'call', label, fn: fn as ItemFunction, args, ...shared(options) };
}

/**
 * Describes a command.
 *
 * @example
 * const list = manager.addItem(executable(['sort', '-n'], { stdin: ['10', '9'] }));
 * const { stdout } = await list.result();
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function executable(argv: readonly CommandWord[], options: ExecutableOptions = {}): CommandDescription {
  if (!Array.isArray(argv) || argv.length === 0 || !argv.every(isWord)) {
    throw new HeddleError(
      'INPUT_INVALID',
      'a command is a program and its arguments, each a text, a number, a file or an item',
      {
        hint: "executable(['sort', '-n'])",
      },
    );
  }
  const words = argv.filter((word) => typeof word !== 'object').join(' ');
  const { label = words === '' ? 'command' : words, stdin, inputs = {}, outputs = {} } = options;
  checkFields(options, [...FIELDS, ...COMMAND_FIELDS], `command '${label}'`);
  for (const path of [...Object.values(outputs), ...Object.keys(inputs)]) {
    if (staysInside(path)) continue;
    throw new HeddleError('INPUT_INVALID', `command '${label}' has a file at '${path}'`, {
      hint: "give a path below the command's directory: relative, without ..",
    });
  }
  return {
    kind: 'command',
    label,
    argv: [...(argv as readonly CommandWord[])],
    inputs,
    outputs,
    ...(stdin === undefined ? {} : { stdin }),
    ...shared(options),
  };
}

function isWord(word: unknown): boolean {
  if (typeof word === 'string') return !word.includes('\0');
  return (
    typeof word === 'number' || word instanceof FileReference || word instanceof ItemPart || word instanceof ItemView
  );
}

function shared(options: CallItemOptions): Pick<CallDescription, 'environment' | 'requirements'> {
  const given = REQUIREMENTS.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]] as const]));
  const requirements = Object.fromEntries(given) as ItemRequirements;
  const { environment } = options;
  return { requirements, ...(environment === undefined ? {} : { environment }) };
}
