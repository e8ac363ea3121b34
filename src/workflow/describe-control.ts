import { type Body, bodiesOf, type ControlPayload, type Graph } from '../model/index.ts';
import { controlNodes } from './graph-checks.ts';

/** What the control nodes of a graph are for, in words, by their position: `each: simulate-1, analyze-1`. Gathers have none. */
export function controlWords(graph: Graph): ReadonlyMap<number, string> {
  const words = new Map<number, string>();
  if (!graph.definitions.some(({ kind }) => kind === 'control')) return words;
  for (const { at, payload } of controlNodes(graph)) words.set(at, wordsOf(payload));
  return words;
}

const PREFIX: Readonly<Record<'scatter' | 'loop', string>> = { scatter: 'each: ', loop: 'each turn: ' };

function wordsOf(payload: ControlPayload): string {
  if (payload.control === 'gather') return '';
  return bodiesOf(payload)
    .map(
      ([label, body]) => `${label === undefined ? PREFIX[payload.control as 'scatter'] : `${label}: `}${inside(body)}`,
    )
    .join('; ');
}

function inside({ nodes }: Body): string {
  const names = nodes.flatMap(({ name, definition, payload }) => {
    if (definition.kind !== 'control') return name;
    const words = wordsOf(payload as ControlPayload);
    return words === '' ? [] : `${name} {${words}}`;
  });
  return names.length === 0 ? 'nothing' : names.join(', ');
}
