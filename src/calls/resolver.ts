import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { extname } from 'node:path';

/** The package's root: this file is `src/calls/resolver.ts` or `dist/calls/resolver.js` below it. */
const root = new URL('../../', import.meta.url);

export interface ResolverOptions {
  /** Its users are loaded to be called: the same names, and behind most of them nothing until they are used. @default false */
  readonly inLane?: boolean;
}

/**
 * Makes `import ... from 'heddle'` mean this very copy, wherever the importing file lies: a script in a folder without
 * packages finds it, and one in a project with another copy doesn't get a second engine. Call once, before
 * anything of the user's is imported.
 */
export function registerResolver({ inLane = false }: ResolverOptions = {}): void {
  const laneFace = new URL(`../lane-face${extname(import.meta.url)}`, import.meta.url).href;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const url = inLane && specifier === 'heddle' ? laneFace : resolveOwn(specifier);
      return url === undefined ? nextResolve(specifier, context) : { url, shortCircuit: true };
    },
  });
}

/**
 * Address of one of the package's own entry points; undefined for what is none. Running from the sources it names
 * the source of what the package exports.
 */
export function resolveOwn(specifier: string): string | undefined {
  if (specifier !== 'heddle' && !specifier.startsWith('heddle/')) return undefined;
  const target = targetOf(ownExports()[`.${specifier.slice('heddle'.length)}`]);
  if (target === undefined) return undefined;
  const runsFromSource = import.meta.url.endsWith('.ts');
  return new URL(runsFromSource ? sourceOf(target) : target, root).href;
}

let exportMap: Readonly<Record<string, unknown>> | undefined;

function ownExports(): Readonly<Record<string, unknown>> {
  exportMap ??= (
    JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { exports: Record<string, unknown> }
  ).exports;
  return exportMap;
}

function targetOf(entry: unknown): string | undefined {
  if (typeof entry === 'string') return entry;
  return (entry as { default?: string } | undefined)?.default;
}

function sourceOf(target: string): string {
  return target.replace(/^\.\/dist\//, './src/').replace(/\.js$/, '.ts');
}
