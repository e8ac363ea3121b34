import { HeddleError } from '../../model/index.ts';
import { ItemPart, ItemView } from './item.ts';

/**
 * Puts the results of items in their places, at any depth of lists and plain objects: where the identity of an item looks for them
 * too. Resolves when all of them are done; what holds no item is the very same.
 *
 * @throws {HeddleError} JOB_CANCELLED when one of them failed: `cause` is why
 */
export async function resolveItems(value: unknown): Promise<unknown> {
  if (value instanceof ItemView) return resultOf(value as ItemView<unknown>);
  if (value instanceof ItemPart) return partOf(value);
  if (Array.isArray(value)) {
    const resolved = await Promise.all(value.map(resolveItems));
    return resolved.some((element, i) => element !== value[i]) ? resolved : value;
  }
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, member]) => [key, await resolveItems(member)] as const),
  );
  const isSame = entries.every(([key, member]) => member === (value as Readonly<Record<string, unknown>>)[key]);
  return isSame ? value : Object.fromEntries(entries);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
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
