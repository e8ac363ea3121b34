import { type CommandPayload, type Graph, textAt } from '../../model/index.ts';
import { refsIn } from './payload-refs.ts';

/** What a command was declared with; undefined for a call. */
export function payloadOf(graph: Graph, index: number): CommandPayload | undefined {
  const json = textAt(graph.payloads, index);
  if (json === '') return undefined;
  const payload = JSON.parse(json) as object;
  return 'script' in payload || 'argv' in payload ? (payload as CommandPayload) : undefined;
}

/** Outputs people find, as `node/name`: those that are published, and those the workflow returns. */
export function resultOutputs(graph: Graph): Set<string> {
  const found = new Set<string>();
  const declared = (node: number): readonly string[] => (payloadOf(graph, node)?.outputs ?? []).map(({ name }) => name);
  for (let node = 0; node < graph.size; node += 1) {
    for (const { name, publish } of payloadOf(graph, node)?.outputs ?? [])
      if (publish !== undefined) found.add(`${node}/${name}`);
  }
  for (const [node, output] of refsIn(graph.result).nodes) {
    if (node >= graph.size) continue;
    const names = declared(node);
    for (const name of output !== undefined && names.includes(output) ? [output] : names) found.add(`${node}/${name}`);
  }
  return found;
}

/** Splits `node/name`; an output's name may hold `/` itself. */
export function splitOutput(key: string): readonly [node: number, name: string] {
  const at = key.indexOf('/');
  return [Number(key.slice(0, at)), key.slice(at + 1)];
}
