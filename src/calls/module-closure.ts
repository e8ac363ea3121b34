import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { locate, readModule } from './module-code.ts';
import { packageFolder } from './package-code.ts';

/** All that modules need to be loaded somewhere else. */
export interface ModuleClosure {
  /** Absolute paths: the modules, and what they import by relative paths, at any depth. */
  readonly files: readonly string[];
  /** Absolute folders of the packages these import, and of those that they depend upon; as they are found, not where links lead. */
  readonly packages: readonly string[];
}

/**
 * What has to be brought along for modules to be loaded on another host: what is imported with a literal, at any depth. A
 * module that is named at run time only, or a file that is read, is not seen.
 */
export function closureOfModules(entries: readonly string[]): ModuleClosure {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (files.has(path)) continue;
    const facts = readModule(path);
    if (facts === undefined) continue;
    files.add(path);
    for (const specifier of facts.imports) {
      const target = locate(specifier, path);
      if (target.kind === 'file') waiting.push(target.path);
      else if (target.kind === 'package') addPackage(target.name, dirname(path), packages);
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

function addPackage(name: string, from: string, into: Set<string>): void {
  const folder = packageFolder(name, from);
  if (folder === undefined || into.has(folder)) return;
  into.add(folder);
  // What a linked package needs is found from where it really lies.
  const real = realpathSync(folder);
  const manifest = JSON.parse(readFileSync(join(real, 'package.json'), 'utf8')) as Manifest;
  const { dependencies, optionalDependencies, peerDependencies } = manifest;
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }))
    if (needed !== 'heddle') addPackage(needed, real, into);
}
