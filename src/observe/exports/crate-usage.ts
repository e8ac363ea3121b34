import type { JobUsage } from '../record.ts';
import type { Entity } from './crate-entities.ts';

const BYTES = 'https://qudt.org/vocab/unit/BYTE';
const SECONDS = 'https://qudt.org/vocab/unit/SEC';
const UNITS: readonly (readonly [name: keyof JobUsage, unitCode: string])[] = [
  ['maxRssBytes', BYTES],
  ['cpuSeconds', SECONDS],
  ['readBytes', BYTES],
  ['writtenBytes', BYTES],
];

/** What an attempt used, an entity a quantity that is known. */
export function usageEntities(attempt: string, usage: JobUsage): readonly Entity[] {
  return UNITS.flatMap(([name, unitCode]) => {
    const value = usage[name];
    if (value === undefined) return [];
    const about = { name, propertyID: `urn:heddle:usage:${name}`, unitCode, value: String(value) };
    return [{ '@id': `${attempt}-${name}`, '@type': 'PropertyValue', ...about }];
  });
}
