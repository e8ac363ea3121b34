import { HeddleError, type Json } from '../model/index.ts';

type Tree = Map<string, Tree | { readonly value: Json }>;

/**
 * Reads parameters as the command line gives them: `key=value`, `key.sub=3`, `list=[1,2]`. A value is
 * JSON where it is JSON, else text; a whole number too long for a double stays text. Keys are data, whatever they are.
 *
 * @throws {HeddleError} PARAMETER_INVALID, naming the parameter
 */
export function parseParameters(parameters: readonly string[]): Readonly<Record<string, Json>> {
  const tree: Tree = new Map();
  for (const parameter of parameters) {
    const split = parameter.indexOf('=');
    if (split <= 0)
      throw invalid(parameter, 'is no key=value', "write -p temperature=0.8, -p list=[1,2] or -p tag='some text'");
    const path = parameter.slice(0, split).split('.');
    if (path.includes('')) throw invalid(parameter, 'has an empty key', 'write -p outer.inner=value');
    enter(tree, path, { parameter, value: readValue(parameter.slice(split + 1)) });
  }
  return plain(tree);
}

function invalid(parameter: string, why: string, hint: string): HeddleError {
  return new HeddleError('PARAMETER_INVALID', `parameter '${parameter}' ${why}`, { details: { parameter }, hint });
}

function enter(
  tree: Tree,
  path: readonly string[],
  { parameter, value }: { readonly parameter: string; readonly value: Json },
): void {
  let at = tree;
  for (const key of path.slice(0, -1)) {
    const there = at.get(key) ?? new Map();
    if (!(there instanceof Map))
      throw invalid(parameter, `sets a part of '${key}', which has a value already`, 'give the whole, or its parts');
    at.set(key, there);
    at = there;
  }
  const last = path.at(-1) as string;
  if (at.has(last)) throw invalid(parameter, 'is given twice', 'give it once');
  at.set(last, { value });
}

const WHOLE_NUMBER = /^-?\d+$/;

function readValue(text: string): Json {
  if (WHOLE_NUMBER.test(text) && !Number.isSafeInteger(Number(text))) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** `Object.fromEntries` defines properties and so takes `__proto__` as the key it is. */
function plain(tree: Tree): Readonly<Record<string, Json>> {
  return Object.fromEntries([...tree].map(([key, entry]) => [key, entry instanceof Map ? plain(entry) : entry.value]));
}
