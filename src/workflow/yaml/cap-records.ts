import { type Definition, HeddleError } from '../../model/index.ts';
import type { NodeRecord } from '../recorder.ts';

/** At most so many of these at a time, as a map's bodies have it. @throws {HeddleError} INPUT_INVALID */
export function capRecords(records: readonly NodeRecord[], cap: NonNullable<Definition['cap']>): void {
  if (!Number.isSafeInteger(cap.limit) || cap.limit < 1)
    throw new HeddleError('INPUT_INVALID', `maxConcurrency can't be ${String(cap.limit)}`, {
      hint: 'give a whole number, 1 or more',
    });
  const capped = new Map<Definition, Definition>();
  for (const record of records) {
    const { definition } = record;
    if (record.gathers !== undefined || definition.cap !== undefined) continue;
    if (definition.kind === 'control')
      throw new HeddleError(
        'INPUT_INVALID',
        `maxConcurrency does not reach the jobs of a ${definition.name} inside of it`,
        {
          hint: 'give it to the each that is inside, where that list is known in the run only',
        },
      );
    const own = capped.get(definition) ?? { ...definition, cap };
    capped.set(definition, own);
    record.definition = own;
  }
}
