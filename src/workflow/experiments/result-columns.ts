import type { Json } from '../../model/index.ts';

/** What can stand in a cell. */
export type Scalar = string | number | boolean | null;

/** Deeper, and wider, than any sensible table. */
const MAX_DEPTH = 8;
const MOST = 500;

/**
 * The scalars a value is made of, by dotted path: columns of a table. Lists are no columns; a file is its name. A value that is a
 * scalar itself is called `result`.
 */
export function resultColumns(value: unknown): ReadonlyMap<string, Scalar> {
  const columns = new Map<string, Scalar>();
  if (isScalar(value)) {
    if (value !== null) columns.set('result', value);
    return columns;
  }
  gather(value, '', { columns, depth: 0 });
  return columns;
}

function gather(
  value: unknown,
  path: string,
  { columns, depth }: { readonly columns: Map<string, Scalar>; readonly depth: number },
): void {
  if (columns.size >= MOST) return;
  if (isScalar(value)) columns.set(path, value);
  else if (isFile(value)) columns.set(path === '' ? 'result' : path, value.name);
  else if (typeof value === 'object' && !Array.isArray(value) && depth < MAX_DEPTH) {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return;
    for (const [key, member] of Object.entries(value as object))
      gather(member, path === '' ? key : `${path}.${key}`, { columns, depth: depth + 1 });
  }
}

function isScalar(value: unknown): value is Scalar {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isFile(value: unknown): value is { readonly name: string } {
  const file = value as
    | { readonly sha256?: unknown; readonly size?: unknown; readonly name?: unknown }
    | null
    | undefined;
  return (
    typeof file === 'object' &&
    typeof file?.sha256 === 'string' &&
    typeof file.size === 'number' &&
    typeof file.name === 'string'
  );
}

/** A parameter as a cell: what is no scalar is JSON. */
export function parameterCell(value: Json | undefined): Scalar | undefined {
  return value === undefined || isScalar(value) ? value : JSON.stringify(value);
}
