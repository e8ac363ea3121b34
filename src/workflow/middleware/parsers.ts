import { createRequire } from 'node:module';
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Commander from 'commander';
import type { Command, Option } from 'commander';
import { LOG_LEVELS } from '../../jobs/index.ts';
import { asError, HeddleError } from '../../model/index.ts';
import { packageVersion } from './package-version.ts';

/** Loaded when somebody has a parser: programs that import this package seldom do. */
function commander(): typeof Commander {
  return createRequire(import.meta.url)('commander') as typeof Commander;
}

/** What every entry point is asked by the same names. */
export interface CommonOptions {
  readonly logLevel?: (typeof LOG_LEVELS)[number];
  readonly directory?: string;
}

/**
 * The options every entry point has, then the script and its arguments. A parent for `makeParser`; it reads nothing itself.
 */
export function baseParser(): Command {
  const commands = commander();
  const option = (flags: string, help: string): Option => new commands.Option(flags, help);
  return new commands.Command()
    .helpOption(false)
    .addOption(option('--log-level <level>', 'tell on stderr what happens, from this level on').choices(LOG_LEVELS))
    .addOption(option('--directory <dir>', 'keep files and results here: what is done there is not done again'))
    .addOption(option('-V, --version', 'print the version of heddle'))
    .argument('<script>', 'the module whose app is run')
    .argument('[args...]', 'its arguments; a -- before them is left out');
}

/**
 * The parser of a backend's entry point: the options and arguments of its parents, in their order, to which it adds its own.
 * `--help` shows both kinds, the common ones first.
 *
 * @param module its name, or its `import.meta.url`
 * @example
 * export const parser = makeParser(import.meta.url).option('--cpus <n>', 'of each task', Number);
 *
 * @throws {HeddleError} INPUT_INVALID when two parents have the same option
 */
export function makeParser(module: string, parents: readonly Command[] = [baseParser()]): Command {
  const name = nameOf(module);
  const parser = new (commander().Command)(name).usage('[options] <script> [args...]').passThroughOptions();
  const help = new (commander().Option)('-h, --help', 'print this help').helpGroup('Common options:');
  parser.addHelpOption(help).helpCommand(false).showSuggestionAfterError();
  for (const parent of parents) inherit(parser, parent);
  // What is added from here on is its own.
  parser.optionsGroup(`Options of ${name}:`);
  return parser;
}

function inherit(parser: Command, parent: Command): void {
  for (const option of parent.options) {
    // A copy: parents may have several children.
    const own = Object.assign(Object.create(Object.getPrototypeOf(option) as object) as Option, option);
    try {
      parser.addOption(own.helpGroup(option.helpGroupHeading ?? 'Common options:'));
    } catch (error) {
      throw new HeddleError('INPUT_INVALID', `two parents of the parser have the option '${option.flags}'`, {
        cause: asError(error),
        hint: 'give each option once: leave one of the parents out',
      });
    }
  }
  for (const argument of parent.registeredArguments) parser.addArgument(argument);
}

function nameOf(module: string): string {
  const path = module.startsWith('file:') ? fileURLToPath(module) : module;
  return basename(path, extname(path)) || 'backend';
}

/** What was asked of an entry point. */
export interface Invocation {
  readonly script: string;
  readonly args: readonly string[];
  /** By their long names, in camelCase. */
  readonly options: CommonOptions & Readonly<Record<string, unknown>>;
}

/**
 * Reads arguments, without node and the module. Undefined when all that was wanted has been printed.
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function readInvocation(parser: Command, argv: readonly string[]): Invocation | undefined {
  parser.exitOverride().configureOutput({ outputError: () => undefined });
  const own = [...argv];
  if (isVersionAsked(own)) {
    process.stdout.write(`${packageVersion()}\n`);
    return undefined;
  }
  try {
    parser.parse(own, { from: 'user' });
  } catch (error) {
    const { code, message, exitCode } = error as { code?: string; message: string; exitCode?: number };
    if (code?.startsWith('commander.') !== true) throw error;
    if (exitCode === 0) return undefined;
    throw new HeddleError('INPUT_INVALID', message.replace(/^error: /, ''), { hint: `--help says what there is` });
  }
  const [script = '', ...args] = parser.args;
  return { script, args: args[0] === '--' ? args.slice(1) : args, options: parser.opts() };
}

/** Without a script it is no error that there is none. */
function isVersionAsked(argv: readonly string[]): boolean {
  return argv[0] === '--version' || argv[0] === '-V';
}
