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
      const own = resolveWithin(specifier, context.parentURL);
      if (own !== undefined) return { ...own, shortCircuit: true };
      const url = inLane && specifier === 'heddle' ? laneFace : resolveOwn(specifier);
      return url === undefined ? nextResolve(specifier, context) : { url, shortCircuit: true };
    },
  });
}

/** Where this file's code lies: the sources, or what was built from them. */
const code = new URL('../', import.meta.url).href;
const isSource = import.meta.url.endsWith('.ts');
const format = isSource ? 'module-typescript' : 'module';

/**
 * Where one of our own modules finds another: what it says, with nothing to look up. That is a third of what loading a
 * hundred of them takes.
 */
function resolveWithin(specifier: string, parent = ''): { readonly url: string; readonly format: string } | undefined {
  if (!specifier.startsWith('.') || !parent.startsWith(code)) return undefined;
  const { href: url } = new URL(specifier, parent);
  return url.startsWith(code) ? { url, format } : undefined;
}

/**
 * Address of one of the package's own entry points; undefined for what is none. Running from the sources it names
 * the source of what the package exports.
 */
export function resolveOwn(specifier: string): string | undefined {
  if (specifier !== 'heddle' && !specifier.startsWith('heddle/')) return undefined;
  const target = targetOf(ownExports()[`.${specifier.slice('heddle'.length)}`]);
  if (target === undefined) return undefined;
  return new URL(isSource ? sourceOf(target) : target, root).href;
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
