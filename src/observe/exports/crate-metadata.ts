import type { Crate } from './rocrate.ts';

/** A crate's metadata file, piece by piece. */
export function* crateMetadata({ context, entities }: Crate): Generator<string, void> {
  yield `{"@context":${JSON.stringify(context)},"@graph":[\n`;
  let isFirst = true;
  for (const entity of entities) {
    yield `${isFirst ? '' : ',\n'}${JSON.stringify(entity)}`;
    isFirst = false;
  }
  yield '\n]}\n';
}
