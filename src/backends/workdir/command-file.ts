import {
  type AttemptOrder,
  HeddleError,
  quoteWord,
  refuseNul,
  type ResolvedWork,
  type SecretData,
  secretText,
  gpuEnvironment,
} from '../../model/index.ts';
import { gpuVendor, isVariableName, type ProgramFinder } from '../../process/index.ts';
import { containerFor } from '../containers/index.ts';
import { containedCommand } from './container-file.ts';
import { secretLines } from './secret-file.ts';

/** A resolved command. */
export type CommandWork = Extract<ResolvedWork, { readonly kind: 'command' }>;

/** What is written into `command.sh`, and how a launcher has to run it. */
export interface CommandFile {
  readonly text: string;
  /** `direct`: it ends in an `exec` of one program, so that no shell is needed for it alone. */
  readonly kind: 'direct' | 'shell';
  /** The same as one simple command of a shell that is to live on, environment first; absent where it is none. */
  readonly program: string | undefined;
}

/** Words a shell takes for itself, and those whose builtin says or does something else than the program of that name. */
const SHELL_WORDS = new Set(
  `. : [ alias bg break case cd command continue declare do done echo elif else esac eval exec exit export fc fg fi for
  function getopts hash if in jobs kill let local printf pwd read readonly return select set shift source test then time
  times trap type typeset ulimit umask unalias unset until wait while`.split(/\s+/),
);

/** Plain words, or words wholly in single quotes, between blanks: what every shell hands on as it stands. */
const SIMPLE = /^(?:[\w@%+:,./-]+|'[^'\0]*')(?: +(?:[\w@%+=:,./-]+|'[^'\0]*'))*$/;

/** Says whether shell text is one program with plain arguments, which needs no shell. */
export function isOneProgram(text: string): boolean {
  if (!SIMPLE.test(text)) return false;
  const first = /^[^ ]+/.exec(text)?.[0] ?? '';
  return !first.startsWith("'") && !first.startsWith('-') && !SHELL_WORDS.has(first);
}

/** What the commands of a backend have in common. */
export interface CommandPlaces {
  /** The project's directory, absolute. */
  readonly project: string;
  /** The store's directory, absolute: relative places of inputs start here. Empty when there is none. */
  readonly store?: string;
  /** Finds programs on the jobs' PATH; absent where that PATH is another machine's. */
  readonly programs?: ProgramFinder;
  /** What runtimes of containers are told by way of the environment; absent where another machine's login says it. */
  readonly runtimes?: Readonly<Record<string, string>>;
  /** Where the secrets of this attempt lie; empty: there are none. */
  readonly secretFile?: string;
  /** Where it enters the cgroup that bounds its memory. */
  readonly entrance?: string | undefined;
}

/**
 * Writes the command of an attempt as a script: `sh command.sh` in the attempt's directory does by hand what the
 * launcher does. A script of several lines stops at the first that fails.
 *
 * @throws {HeddleError} INPUT_INVALID for a variable no shell can have, TEMPLATE_INVALID for a NUL
 */
export function commandFile(order: AttemptOrder, work: CommandWork, places: CommandPlaces): CommandFile {
  const { run, job, attempt, fence, grant } = order;
  const { project } = places;
  const head = `#!/bin/sh
# ${oneLine(job)}, attempt ${fence} of run ${run}. By hand, in this directory: sh command.sh
`;
  for (const name of Object.keys(work.environment)) checkedName(name);
  const secrets = secretsOf(work, places);
  const spec = containerFor(order);
  if (spec !== undefined) {
    const text = head + containedCommand(order, work, { places, spec, secrets });
    return { text, kind: 'shell', program: undefined };
  }
  const variables = [
    `HEDDLE_RUN_ID=${word(run)} HEDDLE_JOB_ID=${word(job)} HEDDLE_ATTEMPT=${word(attempt)} ` +
      `project=${word(project)} PATH=${word(`${project}/bin`)}:"$PATH"`,
  ];
  if (grant.gpus !== undefined)
    for (const [name, value] of Object.entries(gpuEnvironment(grant.gpus, gpuVendor())))
      variables.push(`${name}=${word(value)}`);
  for (const [name, value] of Object.entries(work.environment)) variables.push(`${name}=${word(value)}`);
  const direct = oneProgram(work, places);
  const text = `${head}${entering(places)}${variables.map((assignments) => `export ${assignments}\n`).join('')}${secrets}${direct === undefined ? `set -e\n${refuseNul(work.text)}` : `exec ${direct}`}
`;
  if (direct === undefined) return { text, kind: 'shell', program: undefined };
  // Its secrets come by way of the script, and its bound too.
  const isSimple =
    secrets === '' &&
    places.entrance === undefined &&
    PATH_FIRST.test(direct) &&
    !Object.keys(work.environment).some((name) => SHELLS_OWN.has(name));
  return { text, kind: 'direct', program: isSimple ? `${variables.join(' ')} ${direct}` : undefined };
}

/** Whoever writes 0 enters, also from a subshell, whose own pid no shell says. By hand there is no such group any more. */
function entering({ entrance }: CommandPlaces): string {
  return entrance === undefined ? '' : `{ echo 0 >>${word(entrance)}; } 2>/dev/null || :\n`;
}

function checkedName(name: string): string {
  if (isVariableName(name)) return name;
  throw new HeddleError('INPUT_INVALID', `${JSON.stringify(name)} cannot be the name of an environment variable`, {
    hint: 'letters, digits and underscores, no digit first',
  });
}

function secretsOf({ secrets = {} }: CommandWork, { secretFile = '' }: CommandPlaces): string {
  const names = Object.keys(secrets).map(checkedName);
  if (names.length === 0) return '';
  return secretLines(secretFile, names, (name) =>
    secretText(secrets[name] as SecretData).replace(/[^\w@%+=:,./ -]/g, '_'),
  );
}

/** A word with a slash in it names a program: never a builtin, a function or a word of the shell's language. */
const PATH_FIRST = /^(?:[\w@%+:,.-]*\/|'[^']*\/)/;

/** Variables that mean something to the shell itself, even where they are set for one command only. */
const SHELLS_OWN = new Set(['IFS', 'LINENO', 'OPTIND', 'OLDPWD', 'PPID', 'PWD']);

/** The command as one program and its arguments, the program by its place; undefined when it takes a shell. */
function oneProgram(work: CommandWork, { programs }: CommandPlaces): string | undefined {
  const text = work.text.trim();
  const place = (name: string): string => ('PATH' in work.environment ? undefined : programs?.find(name)) ?? name;
  if (work.argv !== undefined) {
    const [program = '', ...args] = work.argv;
    return [place(program), ...args].map(word).join(' ');
  }
  if (!isOneProgram(text)) return undefined;
  const end = text.indexOf(' ');
  return end === -1 ? word(place(text)) : `${word(place(text.slice(0, end)))}${text.slice(end)}`;
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoteWord(text);
}

function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 120);
}
