import { posix } from 'node:path';
import { HeddleError } from '../../model/index.ts';
import type { ContainerFacts } from './container-facts.ts';
import { word } from './words.ts';

/** One thing of the host that is seen inside. */
export interface Mount {
  readonly from: string;
  readonly to: string;
  readonly writable: boolean;
}

/** So many files of one folder are mounted one by one; more, and the folder is mounted as a whole. */
const APART = 32;

/**
 * What an attempt's container sees beside its own directory: its inputs where their links lead, the project's `bin`, and what the
 * task says. `hostile` are the characters the runtime can't have in a path: an input below such a path is seen by way of the
 * nearest folder above that has none.
 *
 * @throws {HeddleError} INPUT_INVALID for the attempt's own directory, or a mount of the user's, with such a character
 */
export function mountsOf(facts: ContainerFacts, hostile: RegExp): readonly Mount[] {
  const { directory, spec, project } = facts;
  for (const path of [directory, ...(spec.mounts ?? []).flatMap(({ from, to }) => [from, to])]) {
    if (!hostile.test(path)) continue;
    throw new HeddleError('INPUT_INVALID', `no container can have '${path}': its runtime gives ':' and ',' a meaning`, {
      hint: 'use a path without them',
    });
  }
  const own = (spec.mounts ?? []).map(({ from, to, writable = false }) => ({
    from: from.replace(/^\$\{project\}/, () => project),
    to,
    writable,
  }));
  const taken = new Set(own.map(({ to }) => to));
  return [...inputMounts(facts, hostile).filter(({ to }) => !taken.has(to)), ...own];
}

/**
 * Lines that add mounts. Where inputs are no links, since they were brought to a machine with files of its own, they lie in the
 * attempt's directory, and the places they come from are another machine's.
 */
export function mountText(facts: ContainerFacts, mounts: readonly Mount[], line: (mount: Mount) => string): string {
  const own = new Set((facts.spec.mounts ?? []).map(({ to }) => to));
  const text = (kept: readonly Mount[]): string => kept.map((mount) => `${line(mount)}\n`).join('');
  const linked = text(mounts.filter(({ to }) => !own.has(to)));
  const [first] = facts.inputs;
  const guarded =
    linked === '' || first === undefined ? '' : `if [ -h ./inputs/${word(first.name)} ]; then\n${linked}fi\n`;
  return `${guarded}${text(mounts.filter(({ to }) => own.has(to)))}`;
}

function inputMounts(facts: ContainerFacts, hostile: RegExp): readonly Mount[] {
  const { directory } = facts;
  const inputs = facts.inputs.map(({ at }) => at);
  const inFolder = new Map<string, number>();
  for (const input of inputs) {
    const folder = posix.dirname(input);
    inFolder.set(folder, (inFolder.get(folder) ?? 0) + 1);
  }
  const paths = new Set<string>();
  for (const input of inputs) {
    const folder = posix.dirname(input);
    // '/' itself is never mounted: there would be nothing left of the image.
    let path = (inFolder.get(folder) ?? 0) > APART && folder !== '/' ? folder : input;
    while (hostile.test(path)) path = posix.dirname(path);
    if (path !== '/' && !isBelow(path, directory)) paths.add(path);
  }
  const all = [...paths].sort();
  return all
    .filter((path) => !all.some((other) => other !== path && isBelow(path, other)))
    .map((path) => ({ from: path, to: path, writable: false }));
}

/** True for the folder itself too. */
function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
