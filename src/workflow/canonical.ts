import { hash } from 'node:crypto';
import { HeddleError, type Json } from '../model/index.ts';
import { canonicalJson } from './canonical-json.ts';

export { canonicalJson } from './canonical-json.ts';

/** sha256 of canonical data, in hex. */
export function hashOf(value: Json): string {
  return hash('sha256', canonicalJson(value));
}

/**
 * Replaces the node of every ref, as `rename` says. Objects with a key that starts with `$` are ours,
 * so what looks like a ref is one; the user's own stand in `$object`.
 */
export function mapRefs(value: Json, rename: (node: number | string) => number | string): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((element) => mapRefs(element, rename));
  const members = value as Readonly<Record<string, Json>>;
  if (Object.hasOwn(members, '$ref')) {
    const [node, ...path] = Array.isArray(members['$ref']) ? (members['$ref'] as readonly Json[]) : [];
    if (typeof node !== 'number' && typeof node !== 'string') {
      throw new HeddleError('INPUT_INVALID', `a ref names no task: ${JSON.stringify(members)}`, {
        hint: 'write {"$ref": [task, ...path]}, and an object of your own with such a key as {"$object": [[key, value]]}',
      });
    }
    return { $ref: [rename(node), ...path] };
  }
  if (Object.hasOwn(members, '$object')) {
    const entries = members['$object'] as readonly (readonly [string, Json])[];
    return { $object: entries.map(([key, member]) => [key, mapRefs(member, rename)]) };
  }
  return Object.fromEntries(Object.entries(members).map(([key, member]) => [key, mapRefs(member, rename)]));
}
