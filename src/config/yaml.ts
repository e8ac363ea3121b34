import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { HeddleError } from '../model/index.ts';
import type { ConfigProblem } from './check.ts';

/** A configuration in YAML: its data, and where in the text a problem stands. @throws {HeddleError} CONFIG_INVALID where it is no YAML */
export function readYaml(
  text: string,
  file: string,
): { readonly data: unknown; readonly place: (problem: ConfigProblem) => string } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, maxAliasCount: 100, uniqueKeys: true } as never);
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new HeddleError('CONFIG_INVALID', `${file}:${line}:${col}: ${error.message.split('\n')[0] ?? ''}`);
  }
  const place = ({ path, isKey = false }: ConfigProblem): string => {
    const offset = offsetOf(document.contents as Node | null, path, isKey);
    if (offset === undefined) return '';
    const { line, col } = lines.linePos(offset);
    return ` (line ${line}, column ${col})`;
  };
  return { data: document.toJS({ maxAliasCount: 100 }), place };
}

/** Where the value at a path begins, or its key; of what is not there, where the nearest part of the path is. */
function offsetOf(node: Node | null, path: readonly PropertyKey[], isKey: boolean): number | undefined {
  let at: unknown = node;
  let offset = isNode(node) ? node.range?.[0] : undefined;
  for (const [i, step] of path.entries()) {
    if (isMap(at)) {
      const pair = at.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      const key = pair?.key;
      if (isNode(key)) offset = key.range?.[0] ?? offset;
      at = pair?.value;
      if (i === path.length - 1 && isKey) return offset;
    } else if (isSeq(at)) at = at.items[Number(step)];
    else return offset;
    if (isNode(at)) offset = at.range?.[0] ?? offset;
  }
  return offset;
}
