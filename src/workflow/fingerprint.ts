import { createHash, hash } from 'node:crypto';
import { type Graph, type Json, textAt } from '../model/index.ts';
import { canonicalJson, mapRefs } from './canonical.ts';
import { controlContent, definitionContent } from './control-content.ts';
import { renameNodes } from './control-json.ts';

/** Part of every fingerprint: raised when what goes into them changes, so that old ones match nothing. */
const VERSION = 1;
const HASH_BYTES = 32;

/**
 * What a graph is, as one sha256 in hex: every node's name, task, payload and edges, and what is returned.
 * The order in which nodes were added is no part of it, nor are resources, backend, policies, or expected times.
 * Equal for the same graph from TypeScript, YAML and JSON.
 */
export function graphFingerprint(graph: Graph): string {
  const contents = graph.definitions.map((definition) => canonicalJson(definitionContent(definition)));
  const nameOf = nameReader(graph);
  const hashes = Buffer.alloc(graph.size * HASH_BYTES);
  for (let i = 0; i < graph.size; i += 1) {
    const text = nodeContent(graph, i, { contents, nameOf });
    hashes.set(hash('sha256', text, 'buffer'), i * HASH_BYTES);
  }
  const whole = createHash('sha256');
  whole.update(canonicalJson({ version: VERSION, name: graph.name, base: graph.base, size: graph.size }));
  for (const i of sortedByHash(hashes)) whole.update(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  if (graph.result !== undefined) whole.update(canonicalJson(named(graph.result, nameOf)));
  return whole.digest('hex');
}

/** Names of nodes by their index in the run; those before a segment's base are told by index. */
function nameReader({ base, names }: Graph): (node: number) => string {
  return (node) => (node < base ? `#${node}` : textAt(names, node - base));
}

function named(json: string, nameOf: (node: number) => string): Json {
  return mapRefs(JSON.parse(json) as Json, (node) => nameOf(node as number));
}

/** A payload as it says the same wherever its tasks stand. */
function payloadContent(payload: Json, nameOf: (node: number) => string): Json {
  return controlContent(renameNodes(payload, (node) => nameOf(node as number)));
}

interface NodeContext {
  readonly contents: readonly string[];
  readonly nameOf: (node: number) => string;
}

/** A node as text that says the same whatever its index: upstreams by name, edges and keys in order. */
function nodeContent(graph: Graph, i: number, { contents, nameOf }: NodeContext): string {
  const edges: string[] = [];
  const end = graph.edgeOffsets[i + 1] as number;
  for (let e = graph.edgeOffsets[i] as number; e < end; e += 1) {
    edges.push(JSON.stringify([nameOf(graph.edgeFrom[e] as number), graph.edgeAccept[e] as number]));
  }
  const payload = textAt(graph.payloads, i);
  const content = payload === '' ? '' : canonicalJson(payloadContent(JSON.parse(payload) as Json, nameOf));
  return `${JSON.stringify(textAt(graph.names, i))}\n${contents[graph.definitionOf[i] as number]}\n${content}\n${[...new Set(edges)].sort().join()}`;
}

/** Positions by the hash that stands there. Six bytes tell all but freak pairs apart. */
function sortedByHash(hashes: Buffer): Uint32Array {
  const size = hashes.length / HASH_BYTES;
  const keys = new Float64Array(size);
  for (let i = 0; i < size; i += 1) keys[i] = hashes.readUIntBE(i * HASH_BYTES, 6);
  return Uint32Array.from({ length: size }, (_, i) => i).sort(
    (a, b) =>
      (keys[a] as number) - (keys[b] as number) ||
      hashes.compare(hashes, b * HASH_BYTES, (b + 1) * HASH_BYTES, a * HASH_BYTES, (a + 1) * HASH_BYTES),
  );
}
