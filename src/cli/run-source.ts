import { joinSegments, type RunRow, type Store } from '../model/index.ts';
import { readMeasures, type RunSource } from '../observe/index.ts';

/** A run with its graph and what was measured of it, as reports and exports want it. `directory` is the store's. */
export async function readRunSource(store: Store, row: RunRow, directory: string): Promise<RunSource> {
  const [graphs, measures] = await Promise.all([store.graph(row.id), readMeasures(directory, row.id)]);
  return { store, row, graph: joinSegments(graphs), measures };
}
