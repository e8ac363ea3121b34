import { HeddleError } from '../model/index.ts';
import { splitCommand } from './split-command.ts';

/** What may stand in a command. */
export type CommandValue = string | number | boolean | bigint;

/** What is known of one parameter of a template. */
export interface TemplateInput {
  readonly default?: CommandValue;
  /** What stands for `true`: a flag. @default the word itself */
  readonly trueInsert?: string;
  /** What stands for `false`; empty for nothing. @default the word itself */
  readonly falseInsert?: string;
}

export interface CommandTemplateOptions<Parameters> {
  /** @default the program's name */
  readonly name?: string;
  /** For text: by the names in its braces. */
  readonly inputs?: { readonly [Name in keyof Parameters]?: TemplateInput };
  /** Runs it inside this conda environment. */
  readonly condaEnvironment?: string;
}

/** Makes the commands of one call: each is given the exit code of the one before it. */
export type CommandSequence<Result> = Generator<string | readonly string[], Result, number>;

/** A command with holes, as a function of what goes into them. */
export interface CommandTemplate<Parameters, Result> {
  readonly kind: 'command-template';
  readonly name: string | undefined;
  /** One command, or several, each run when the one before it has ended. */
  build(parameters: Parameters): readonly string[] | CommandSequence<Result>;
  /** Any command of it as it is run. */
  wrap(command: string | readonly string[]): readonly string[];
}

/**
 * Makes a function of a command: from text with holes, `'tool --in {path} {fast}'`, where each value is one word whatever
 * is in it; from a function that gives a command; or from a generator of several, which is handed back each one's exit code.
 * No shell sees them: lines are split by the shell's rules of quoting.
 *
 * @example
 * const count = launcher(commandTemplate<{ path: string; words?: boolean }>('wc {words} {path}', {
 *   inputs: { words: { default: false, trueInsert: '-w', falseInsert: '' } },
 * }));
 * await count({ path: 'notes.txt' });
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function commandTemplate<Parameters = Readonly<Record<string, CommandValue>>, Result = number>(
  source:
    | string
    | ((parameters: Parameters) => string | readonly string[])
    | ((parameters: Parameters) => CommandSequence<Result>),
  options: CommandTemplateOptions<Parameters> = {},
): CommandTemplate<Parameters, Result> {
  const { condaEnvironment, name } = options;
  const prefix = condaEnvironment === undefined ? [] : ['conda', 'run', '--no-capture-output', '-n', condaEnvironment];
  const wrap = (command: string | readonly string[]): readonly string[] => [...prefix, ...wordsOf(command)];
  if (typeof source === 'string') {
    const words = parseTemplate(source, options.inputs ?? {});
    const build = (parameters: Parameters): readonly string[] =>
      wrap(fill(words, { given: parameters as Given, inputs: options.inputs ?? {}, source }));
    return { kind: 'command-template', name: name ?? literalOf(words[0]), build, wrap };
  }
  if (options.inputs !== undefined) throw invalid('inputs are for templates of text', 'let the function see to them');
  const build = (parameters: Parameters): readonly string[] | CommandSequence<Result> => {
    const made = source(parameters);
    return isSequence(made) ? made : wrap(made);
  };
  return { kind: 'command-template', name: name ?? (source.name === '' ? undefined : source.name), build, wrap };
}

/** Says whether commands come one after the other. */
export function isSequence<Result>(
  made: string | readonly string[] | CommandSequence<Result>,
): made is CommandSequence<Result> {
  return typeof made === 'object' && 'next' in made && typeof made.next === 'function';
}

type Given = Readonly<Record<string, CommandValue | undefined>>;
type Inputs = Readonly<Record<string, TemplateInput | undefined>>;

/** A word of a template: text and holes. */
type TemplateWord = readonly (string | { readonly hole: string })[];

const HOLE = /\{([A-Za-z_]\w*)\}/g;

function wordsOf(command: string | readonly string[]): readonly string[] {
  return typeof command === 'string' ? splitCommand(command) : command;
}

function parseTemplate(source: string, inputs: Inputs): readonly TemplateWord[] {
  const words = splitCommand(source).map((word): TemplateWord => {
    const parts: (string | { readonly hole: string })[] = [];
    let at = 0;
    for (const found of word.matchAll(HOLE)) {
      if (found.index > at) parts.push(word.slice(at, found.index));
      parts.push({ hole: found[1] as string });
      at = found.index + found[0].length;
    }
    if (at < word.length || parts.length === 0) parts.push(word.slice(at));
    return parts;
  });
  const holes = new Set(words.flat().flatMap((part) => (typeof part === 'string' ? [] : [part.hole])));
  const unknown = Object.keys(inputs).find((name) => !holes.has(name));
  if (unknown === undefined) return words;
  throw invalid(
    `the template '${source}' has no {${unknown}}`,
    `it has ${[...holes].map((hole) => `{${hole}}`).join(', ') || 'no holes'}`,
  );
}

function literalOf(word: TemplateWord | undefined): string | undefined {
  const first = word?.[0];
  return typeof first === 'string' ? first : undefined;
}

function fill(
  words: readonly TemplateWord[],
  { given, inputs, source }: { readonly given: Given | undefined; readonly inputs: Inputs; readonly source: string },
): readonly string[] {
  const textOf = (hole: string): string => {
    const input = inputs[hole] ?? {};
    const value = given?.[hole] ?? input.default;
    if (value === undefined) throw invalid(`'${source}' wants a value for {${hole}}`, `give it: { ${hole}: ... }`);
    if (value === true) return input.trueInsert ?? 'true';
    if (value === false) return input.falseInsert ?? 'false';
    return String(value);
  };
  const unknown = Object.keys(given ?? {}).find(
    (name) => !words.flat().some((part) => typeof part !== 'string' && part.hole === name),
  );
  if (unknown !== undefined) throw invalid(`'${source}' has no {${unknown}}`, 'drop it, or give it a place');
  return words.flatMap((word) => {
    const text = word.map((part) => (typeof part === 'string' ? part : textOf(part.hole))).join('');
    // A flag that is not wanted leaves no empty word behind.
    const isFlag =
      word.length === 1 &&
      typeof word[0] === 'object' &&
      typeof (given?.[word[0].hole] ?? inputs[word[0].hole]?.default) === 'boolean';
    return isFlag && text === '' ? [] : [text];
  });
}

function invalid(message: string, hint: string): HeddleError {
  return new HeddleError('INPUT_INVALID', message, { hint });
}
