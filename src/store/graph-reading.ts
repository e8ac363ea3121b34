import type { Graph, RunId } from '../model/index.ts';
import { GraphAssembly } from './graph-format.ts';
import type { StoreAccess } from './store-access.ts';

const PARTS_A_READ = 4;

/** Reads a segment of a run's graph, part by part. */
export async function readSegment(access: StoreAccess, run: RunId, segment: number): Promise<Graph> {
  const trailer = await access.read('graphTrailer', run, segment);
  const assembly = new GraphAssembly(`${run}, ${segment}`, trailer);
  for (let from = 0; from < trailer.position; ) {
    const parts = await access.read('graphParts', run, segment, from, PARTS_A_READ);
    for (const part of parts) if (part.position < trailer.position) assembly.add(part);
    const last = parts.at(-1);
    from = last === undefined ? trailer.position : last.position + last.data.length;
    await access.turn();
  }
  const work = assembly.finish();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await access.turn();
  }
}
