import { types } from 'node:util';
import { HeddleError } from '../../model/index.ts';
import { ItemPart, ItemView } from './item.ts';

/**
 * Puts the results of items in their places, at any depth of lists, plain objects, maps and sets: where the identity of an item looks
 * for them too. Resolves when all of them are done; what holds no item is the very same.
 *
 * @throws {HeddleError} JOB_CANCELLED when one of them failed: `cause` is why
 */
export async function resolveItems(value: unknown): Promise<unknown> {
  // What holds itself holds no item: then it was refused when it was added.
  return holdsItem(value) ? resolved(value) : value;
}

function holdsItem(root: unknown): boolean {
  const seen = new Set<unknown>([root]);
  for (const value of seen) {
    if (value instanceof ItemView || value instanceof ItemPart) return true;
    for (const part of partsOf(value)) if (typeof part === 'object') seen.add(part);
  }
  return false;
}

function partsOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value;
  if (types.isMap(value)) return [...value].flat(1);
  if (types.isSet(value)) return [...value];
  return isPlain(value) ? Object.values(value) : [];
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

async function resolved(value: unknown): Promise<unknown> {
  if (value instanceof ItemView) return resultOf(value as ItemView<unknown>);
  if (value instanceof ItemPart) return partOf(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return all(value);
  if (types.isSet(value)) return new Set(await all([...value]));
  if (types.isMap(value)) return new Map(await Promise.all([...value].map(resolvedPair)));
  if (!isPlain(value)) return value;
  return Object.fromEntries(await Promise.all(Object.entries(value).map(resolvedPair)));
}

function all(values: readonly unknown[]): Promise<readonly unknown[]> {
  return Promise.all(values.map(resolved));
}

async function resolvedPair<Key>([key, member]: readonly [Key, unknown]): Promise<readonly [Key, unknown]> {
  return [(await resolved(key)) as Key, await resolved(member)];
}

async function resultOf(view: ItemView<unknown>): Promise<unknown> {
  try {
    return await view.result();
  } catch (error) {
    const { label } = view.description();
    throw new HeddleError('JOB_CANCELLED', `it needs the result of item '${label}', which has none`, { cause: error });
  }
}

async function partOf({ view, path }: ItemPart): Promise<unknown> {
  let value = await resultOf(view);
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) {
      throw new HeddleError(
        'VALUE_INVALID',
        `the result of item '${view.description().label}' has no ${path.join('.')}`,
      );
    }
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}
