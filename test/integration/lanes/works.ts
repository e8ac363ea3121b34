import { pathToFileURL } from 'node:url';
import type { CallManner, ResolvedWork } from '../../../src/model/index.ts';

const BODIES = new URL('./bodies.ts', import.meta.url).href;

/** A call of one of `bodies.ts`. */
export function body(name: string, args: readonly unknown[] = [], manner: CallManner = {}): ResolvedWork {
  return { kind: 'call', call: { kind: 'module', module: BODIES, name }, args, ...manner };
}

/** A call of a module by its file. */
export function call(file: string, name: string, args: readonly unknown[] = []): ResolvedWork {
  return { kind: 'call', call: { kind: 'module', module: pathToFileURL(file).href, name }, args };
}
