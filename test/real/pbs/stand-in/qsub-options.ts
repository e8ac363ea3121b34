import { readFileSync } from 'node:fs';
import type { IndexRange, Wish } from './jobs.ts';

/** What a command says before it does anything: its own words, and its code. */
export class Refusal extends Error {
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** For what the real one was not seen to do. */
export function notObserved(what: string): never {
  throw new Refusal(`stand-in: ${what} was neither observed nor is it documented`, 64);
}

const USAGE = 2;
const WITH_VALUE = 'NJlqAPSojr';

/** Reads `#PBS` lines and the command line, which counts more. */
export function readQsub(args: readonly string[], { user, directory }: { user: string; directory: string }): Wish {
  const path = args.at(-1);
  if (path === undefined || path.startsWith('-')) notObserved('a submission without a script');
  const script = readFileSync(path, 'utf8');
  const lines = script.split('\n').filter((line) => line.startsWith('#PBS '));
  const options = [...lines.flatMap((line) => wordsOf(line.slice('#PBS '.length))), ...args.slice(0, -1)];
  const values = new Map<string, string>();
  const resources = new Map<string, string>();
  for (let at = 0; at < options.length; at += 1) {
    const word = options[at] ?? '';
    const letter = word.slice(1, 2);
    if (word === '-h') values.set('h', '');
    else if (word.startsWith('-') && letter !== '' && WITH_VALUE.includes(letter)) {
      const value = word.length > 2 ? word.slice(2) : (options[(at += 1)] ?? '');
      if (letter === 'l') readResources(value, resources);
      else values.set(letter, value);
    } else throw new Refusal(`qsub: invalid option -- '${word}'`, USAGE);
  }
  const range = values.has('J') ? readRange(values.get('J') ?? '') : undefined;
  if (range !== undefined && values.get('r') !== 'y')
    throw new Refusal('qsub: cannot submit non-rerunable Array Job', USAGE);
  const name = values.get('N') ?? 'STDIN';
  if (!/^[A-Za-z][\x21-\x7e]{0,14}$/.test(name)) throw new Refusal('qsub: illegal -N value', USAGE);
  if (values.has('j') && values.get('j') !== 'oe') notObserved(`-j ${values.get('j')}`);
  if ((values.get('o') ?? '').includes(':')) notObserved('a colon in an output path');
  return {
    name,
    user,
    script,
    directory,
    shell: values.get('S') ?? '/bin/sh',
    output: values.get('o'),
    queue: values.get('q') ?? 'workq',
    account: values.get('A'),
    ...amountsOf(resources),
    resources: Object.fromEntries(resources),
    range,
    isHeld: values.has('h'),
  };
}

function wordsOf(line: string): readonly string[] {
  if (/["'\\]/.test(line)) notObserved(`quoting in '#PBS ${line}'`);
  return line.split(/\s+/).filter((word) => word !== '');
}

const RESOURCES = new Set(['select', 'walltime', 'place']);
const CHUNK = new Set(['ncpus', 'mpiprocs', 'mem', 'ngpus']);

function readResources(text: string, resources: Map<string, string>): void {
  const [, name = '', value = ''] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (!RESOURCES.has(name)) throw new Refusal(`qsub: Unknown resource: ${name || text}`, USAGE);
  if (name === 'walltime' && !/^\d+$/.test(value)) notObserved(`walltime=${value}`);
  if (name === 'select') {
    const [count = '', ...chunk] = value.split(':');
    if (!/^\d+$/.test(count)) notObserved(`select=${value}`);
    for (const part of chunk)
      if (!CHUNK.has(part.split('=')[0] ?? ''))
        throw new Refusal(`qsub: Unknown resource: ${part.split('=')[0]}`, USAGE);
  }
  resources.set(name, value);
}

function amountsOf(resources: ReadonlyMap<string, string>): Pick<Wish, 'ncpus' | 'walltime'> {
  const [, count = '1', cpus = '1'] = /^(\d+)(?:.*?:ncpus=(\d+))?/.exec(resources.get('select') ?? '1') ?? [];
  const walltime = resources.get('walltime');
  return { ncpus: Number(count) * Number(cpus), walltime: walltime === undefined ? undefined : Number(walltime) };
}

/** `a-b` and `a-b:step`, the end above the start. */
function readRange(text: string): IndexRange {
  const [, first = '', last = '', step = '1'] = /^(\d+)-(\d+)(?::(\d+))?$/.exec(text) ?? [];
  if (first === '' || Number(first) >= Number(last) || Number(step) < 1)
    throw new Refusal('qsub: illegal -J value', USAGE);
  return { first: Number(first), last: Number(last), step: Number(step) };
}
