import type { Json } from '../../model/index.ts';
import type { Redact } from '../redact.ts';

/** An entity of a crate: a node of its graph. */
export type Entity = { readonly '@id': string; readonly '@type': string | readonly string[] } & {
  readonly [key: string]: Json | undefined;
};

export const ref = (id: string): { readonly '@id': string } => ({ '@id': id });
type Ref = ReturnType<typeof ref>;

/** Refs to several, each once. One alone stands bare, as JSON-LD is flattened and compacted. */
export function refs(ids: Iterable<string>): Ref | readonly Ref[] {
  const each = [...new Set(ids)].map(ref);
  return each.length === 1 ? (each[0] as Ref) : each;
}

/** Says that a crate tells of the executions of a workflow's tools. */
export const PROVENANCE = 'https://w3id.org/ro/wfrun/provenance/0.5';

/** The profiles a crate conforms to, widest first: id, name, version. */
export const PROFILES: readonly (readonly [id: string, name: string, version: string])[] = [
  ['https://w3id.org/ro/wfrun/process/0.5', 'Process Run Crate', '0.5'],
  ['https://w3id.org/ro/wfrun/workflow/0.5', 'Workflow Run Crate', '0.5'],
  [PROVENANCE, 'Provenance Run Crate', '0.5'],
  ['https://w3id.org/workflowhub/workflow-ro-crate/1.0', 'Workflow RO-Crate', '1.0'],
];

export const CONTEXT: readonly string[] = [
  'https://w3id.org/ro/crate/1.1/context',
  'https://w3id.org/ro/terms/workflow-run/context',
];

/** A word in a local id: what a URI can't carry is encoded. */
export function idPart(text: string): string {
  return encodeURIComponent(text).replaceAll("'", '%27');
}

/**
 * Names a file by what it holds, where it is not in the crate (RFC 6920).
 */
export function nameByHash(sha256: string): string {
  return `ni:///sha-256;${Buffer.from(sha256, 'hex').toString('base64url')}`;
}

/** A value as `PropertyValue` has it, and the type its parameter is of: subtypes of schema.org's `DataType`. */
export function propertyOf(value: Json, redact: Redact): { readonly value: string; readonly additionalType: string } {
  if (typeof value === 'string') return { value: redact(value), additionalType: 'Text' };
  if (typeof value === 'boolean') return { value: value ? 'True' : 'False', additionalType: 'Boolean' };
  if (typeof value === 'number')
    return { value: String(value), additionalType: Number.isInteger(value) ? 'Integer' : 'Float' };
  return { value: redact(JSON.stringify(value)), additionalType: 'PropertyValue' };
}

/** The first entity under an id counts: files and parameters are come across many times. */
export class EntitySet {
  readonly #entities = new Map<string, Entity>();

  add(entity: Entity): string {
    const id = entity['@id'];
    if (!this.#entities.has(id)) this.#entities.set(id, entity);
    return id;
  }

  has(id: string): boolean {
    return this.#entities.has(id);
  }

  values(): IterableIterator<Entity> {
    return this.#entities.values();
  }
}
