import { type ContainerRecord, readContainer } from '../backends/containers/index.ts';
import type { Definition } from '../model/index.ts';

/** What an attempt ran in, as `show --json` gives it; null where nobody said anything. */
export function containerJson(definition: Definition | undefined, directory: string): unknown {
  const record = directory === '' ? undefined : readContainer(directory);
  if (record !== undefined) {
    const { runtime, name, image, id, digest, network } = record;
    return { runtime: runtime ?? null, name, image, id, digest, network };
  }
  const wanted = definition?.container;
  return wanted === undefined ? null : { image: wanted.image === '' ? null : wanted.image };
}

/** The same on one line, for people. */
export function containerText(definition: Definition | undefined, directory: string): string {
  const record = directory === '' ? undefined : readContainer(directory);
  if (record !== undefined) return recordText(record);
  const wanted = definition?.container;
  if (wanted === undefined) return '';
  return wanted.image === '' ? 'none, by choice' : wanted.image;
}

function recordText({ runtime, image, digest }: ContainerRecord): string {
  const age = /^dir:(\d+)$/.exec(digest)?.[1];
  const what =
    age === undefined ? digest : `changed last ${new Date(Number(age) * 1000).toISOString().replace('.000', '')}`;
  return `${image}${digest === '' || digest === '-' ? '' : ` (${what})`}${runtime === undefined ? '' : `, by ${runtime}`}`;
}
